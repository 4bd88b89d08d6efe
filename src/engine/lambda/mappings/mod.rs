//! Event source mappings: queues that feed functions. A mapping takes batches as messages become available, several at
//! once; it never polls by a timer.

use serde::{Deserialize, Serialize};

use super::{Command, Lambda, LambdaError, LambdaErrorKind, MappingActivity, Response, invocation::Completion};
use crate::engine::{
    Cx,
    logs::Logs,
    sqs::{QueueId, Sqs},
};

/// Names a mapping inside its account and region, as long as the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct MappingId(pub(super) u64);

/// Names one batch of one mapping; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BatchId(pub(super) u64);

/// One durable change of a mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MappingRecord {}

impl MappingRecord {
    pub(super) fn push_key(&self, _key: &mut Vec<u8>) {
        match *self {}
    }

    pub(super) fn is_removal(&self) -> bool {
        match *self {}
    }
}

/// The mappings of one account and region.
#[derive(Debug, Default)]
pub(super) struct Mappings {}

/// What the rest of Lambda calls.
impl Lambda {
    /// Messages may be waiting in a queue that some mapping polls: leases what can be leased and starts invocations.
    pub(in crate::engine) fn poll(&mut self, _cx: &mut Cx<'_>, _sqs: &mut Sqs, _logs: &mut Logs, _queue: QueueId) {}

    /// The invocation of a batch came to its end: deletes or releases its messages and goes on with the next.
    pub(super) fn batch_ended(
        &mut self,
        _cx: &mut Cx<'_>,
        _sqs: &mut Sqs,
        _logs: &mut Logs,
        _mapping: MappingId,
        _batch: BatchId,
        _completion: &Completion,
    ) {
    }

    /// Concurrency came free in the pool: batches that were throttled are tried again.
    pub(super) fn slots_freed(&mut self, _cx: &mut Cx<'_>, _sqs: &mut Sqs, _logs: &mut Logs) {}
}

impl Lambda {
    /// Carries out an operation on mappings, their tags included.
    pub(super) fn mapping_request(
        &mut self,
        _cx: &mut Cx<'_>,
        _sqs: &mut Sqs,
        _logs: &mut Logs,
        _command: Command,
    ) -> Result<Response, LambdaError> {
        Err(LambdaError::new(LambdaErrorKind::Service, "no mapping can be made"))
    }

    /// What each mapping is doing now.
    pub(super) fn mapping_activity(&self, _sqs: &Sqs) -> Vec<MappingActivity> {
        Vec::new()
    }
}
