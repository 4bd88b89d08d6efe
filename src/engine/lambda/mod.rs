//! Lambda: functions, their environments and invocations, and the mappings that feed them from queues. Pure.

mod api;
mod error;
mod invocation;
mod mappings;

pub use api::*;
pub use error::{LambdaError, LambdaErrorKind, ThrottleReason};
use mappings::{BatchId, MappingId};
pub use mappings::{MappingRecord, StoredMapping};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Cx, EngineConfig, EnvironmentEvent, EnvironmentId, RequestToken, RestoreError, logs::Logs, sqs::Sqs};
use crate::model::{FunctionArn, Timestamp};

/// What each function and mapping is doing now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    pub functions: Vec<FunctionActivity>,
    pub mappings: Vec<MappingActivity>,
}

/// A function's environments by state, and its counters since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionActivity {
    pub name: String,
    pub starting: u32,
    pub busy: u32,
    pub idle: u32,
    pub reserved: Option<u32>,
    pub invocations: u64,
    pub errors: u64,
    pub throttles: u64,
    pub cold_starts: u64,
}

/// A mapping's batches in flight, and its counters since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingActivity {
    pub uuid: String,
    pub queue: String,
    pub function: String,
    pub state: String,
    pub batches_in_flight: u32,
    pub messages_handled: u64,
    pub messages_failed: u64,
}

/// One durable change of Lambda's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LambdaRecord {
    Mapping(MappingRecord),
}

impl LambdaRecord {
    pub(super) fn push_key(&self, key: &mut Vec<u8>) {
        match self {
            Self::Mapping(record) => record.push_key(key),
        }
    }

    pub(super) fn is_removal(&self) -> bool {
        match self {
            Self::Mapping(record) => record.is_removal(),
        }
    }
}

/// The functions and mappings of one account and region.
#[derive(Debug, Default)]
pub struct Lambda {
    mappings: mappings::Mappings,
}

impl Lambda {
    pub(super) fn new(_world: usize, _config: &EngineConfig) -> Self {
        Self::default()
    }

    pub(super) fn request(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        token: RequestToken,
        command: Command,
    ) {
        let reply = self.mapping_request(cx, sqs, logs, command);
        cx.reply(token, reply.map(super::Response::Lambda).map_err(super::Error::Lambda));
    }

    pub(super) fn client_gone(&mut self, _cx: &mut Cx<'_>, _token: RequestToken) {}

    pub(super) fn environment(
        &mut self,
        _cx: &mut Cx<'_>,
        _sqs: &mut Sqs,
        _logs: &mut Logs,
        _id: EnvironmentId,
        _event: EnvironmentEvent,
    ) {
    }

    /// Starts an invocation, in a warm environment or a new one. On `Ok`, `origin` hears of its end exactly once; on `Err`
    /// never: it was throttled, or the function cannot be invoked.
    fn start_invocation(
        &mut self,
        _cx: &mut Cx<'_>,
        _logs: &mut Logs,
        _function: &FunctionArn,
        _origin: invocation::Origin,
        _payload: Bytes,
    ) -> Result<(), LambdaError> {
        Err(LambdaError::new(LambdaErrorKind::Service, "no function can be invoked"))
    }

    /// The function that a request names, when it exists.
    fn resolve(&self, _name: &FunctionRef) -> Result<FunctionArn, LambdaError> {
        Err(LambdaError::new(LambdaErrorKind::ResourceNotFound, "Function not found"))
    }

    /// The function's timeout, in seconds; `None` when there is no such function or qualifier.
    fn function_timeout_s(&self, _function: &FunctionArn) -> Option<u32> {
        None
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.mappings.next_deadline()
    }

    pub(super) fn fire_timers(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, logs: &mut Logs) {
        self.fire_mapping_timers(cx, sqs, logs);
    }

    pub(super) fn restore(&mut self, now: Timestamp, sqs: &mut Sqs, record: LambdaRecord) -> Result<(), RestoreError> {
        match record {
            LambdaRecord::Mapping(record) => self.restore_mapping(now, sqs, record),
        }
    }

    pub(super) fn finish_restore(&mut self, _now: Timestamp) {}
}
