//! SQS: queues and their messages. Pure.

mod api;
mod error;

pub use api::*;
pub use error::{SqsError, SqsErrorKind};

use serde::{Deserialize, Serialize};

use super::{Cx, RequestToken, RestoreError};
use crate::model::{QueueArn, Timestamp};

/// Names a queue inside its account and region; not reused when a queue of the same name is created again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueId(pub u64);

/// Names one lease of one message: a stale lease's id matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId {
    /// The message's number in its queue.
    pub message: u64,
    /// Which of its leases.
    pub receive_count: u32,
}

/// What a mapping asks a queue for.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseRequest {
    pub max_messages: usize,
    /// Bodies and attributes together.
    pub max_bytes: usize,
}

/// A message leased to a mapping, until its visibility timeout or until it is deleted or released.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    pub id: LeaseId,
    /// As a receive with all attributes would give it.
    pub message: ReceivedMessage,
    /// The FIFO message group.
    pub group: Option<String>,
}

/// One durable change of SQS's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SqsRecord {}

impl SqsRecord {
    pub(super) fn push_key(&self, _key: &mut Vec<u8>) {
        match *self {}
    }

    pub(super) fn is_removal(&self) -> bool {
        match *self {}
    }
}

/// The queues of one account and region.
#[derive(Debug, Default)]
pub struct Sqs {}

/// For clients.
impl Sqs {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn request(&mut self, _cx: &mut Cx<'_>, _token: RequestToken, _command: Command) {}

    pub(super) fn client_gone(&mut self, _cx: &mut Cx<'_>, _token: RequestToken) {}

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    pub(super) fn fire_timers(&mut self, _cx: &mut Cx<'_>) {}

    pub(super) fn restore(&mut self, _now: Timestamp, record: SqsRecord) -> Result<(), RestoreError> {
        match record {}
    }

    pub(super) fn finish_restore(&mut self, _now: Timestamp) {}
}

/// For the mappings of the same account and region.
impl Sqs {
    /// The queue of that ARN, when it exists here.
    pub(super) fn queue_by_arn(&self, _arn: &QueueArn) -> Option<QueueId> {
        None
    }

    /// The queue's own visibility timeout, in seconds; `None` when it is gone.
    pub(super) fn visibility_timeout_s(&self, _queue: QueueId) -> Option<u32> {
        None
    }

    /// Says whether some mapping polls the queue: only then does [`Sqs::next_ready`] name it.
    pub(super) fn set_polled(&mut self, _queue: QueueId, _polled: bool) {}

    /// Takes one polled queue in which messages became available since it was last named. When the caller leaves
    /// messages there for want of slots, it calls [`Sqs::lease`] again by itself once it has some.
    pub(super) fn next_ready(&mut self) -> Option<QueueId> {
        None
    }

    /// How many messages a lease could take now, at most; groups with a message in flight do not count.
    pub(super) fn available(&self, _queue: QueueId) -> usize {
        0
    }

    /// Leases up to the requested number of messages, in order, under the queue's own visibility timeout, moving what
    /// was received too often to the dead-letter queue. For FIFO queues one call gives messages of one group only: a
    /// batch holds its group.
    pub(super) fn lease(&mut self, _cx: &mut Cx<'_>, _queue: QueueId, _request: &LeaseRequest) -> Vec<Lease> {
        Vec::new()
    }

    /// Deletes leased messages: they were handled.
    pub(super) fn delete_leases(&mut self, _cx: &mut Cx<'_>, _queue: QueueId, _leases: &[LeaseId]) {}

    /// Gives leased messages back: visible again after `delay_s` seconds from now.
    pub(super) fn release_leases(&mut self, _cx: &mut Cx<'_>, _queue: QueueId, _leases: &[LeaseId], _delay_s: u32) {}

    /// Sends a message on the engine's own behalf: destinations and dead letters of functions.
    ///
    /// # Errors
    /// As `SendMessage`; the queue may be gone.
    pub(super) fn send(&mut self, _cx: &mut Cx<'_>, arn: &QueueArn, _message: SendMessage) -> Result<(), SqsError> {
        Err(SqsError::new(SqsErrorKind::QueueDoesNotExist, arn.to_string()))
    }
}
