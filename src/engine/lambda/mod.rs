//! Lambda: functions, their environments and invocations, and the mappings that feed them from queues. Pure.

mod api;
mod error;

pub use api::*;
pub use error::{LambdaError, LambdaErrorKind, ThrottleReason};

use serde::{Deserialize, Serialize};

use super::{
    Cx, EngineConfig, EnvironmentEvent, EnvironmentId, RequestToken, RestoreError,
    logs::Logs,
    sqs::{QueueId, Sqs},
};
use crate::model::Timestamp;

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
pub enum LambdaRecord {}

impl LambdaRecord {
    pub(super) fn push_key(&self, _key: &mut Vec<u8>) {
        match *self {}
    }

    pub(super) fn is_removal(&self) -> bool {
        match *self {}
    }
}

/// The functions and mappings of one account and region.
#[derive(Debug)]
pub struct Lambda {}

impl Lambda {
    pub(super) fn new(_world: usize, _config: &EngineConfig) -> Self {
        Self {}
    }

    pub(super) fn request(
        &mut self,
        _cx: &mut Cx<'_>,
        _sqs: &mut Sqs,
        _logs: &mut Logs,
        _token: RequestToken,
        _command: Command,
    ) {
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

    /// Messages may be waiting in a queue that some mapping polls.
    pub(super) fn poll(&mut self, _cx: &mut Cx<'_>, _sqs: &mut Sqs, _logs: &mut Logs, _queue: QueueId) {}

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    pub(super) fn fire_timers(&mut self, _cx: &mut Cx<'_>, _sqs: &mut Sqs, _logs: &mut Logs) {}

    pub(super) fn restore(
        &mut self,
        _now: Timestamp,
        _sqs: &mut Sqs,
        record: LambdaRecord,
    ) -> Result<(), RestoreError> {
        match record {}
    }

    pub(super) fn finish_restore(&mut self, _now: Timestamp) {}
}
