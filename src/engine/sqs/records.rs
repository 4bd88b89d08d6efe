//! What SQS writes down, and under which keys. Payloads are shared with the live state: writing a message down copies no body.
//!
//! Leases are not written: a crash shortens a lease, it loses no message. Receive counts are written from the second
//! receive on, so that the common way of a message (sent, received, deleted) costs two records, and a poison message
//! still finds its dead-letter queue across restarts.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{MessageAttributeValue, QueueId, attributes::QueueAttributes, move_tasks::MoveTaskStatus};
use crate::model::{QueueArn, QueueName, Timestamp};

/// One durable change of SQS's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SqsRecord {
    Queue(Arc<StoredQueue>),
    QueueRemoved { queue: QueueId },
    Message(Arc<StoredMessage>),
    MessageRemoved { queue: QueueId, number: u64 },
    Receives(Box<StoredReceives>),
    ReceivesRemoved { queue: QueueId, number: u64 },
    Deduplication(Arc<StoredDeduplication>),
    DeduplicationRemoved { queue: QueueId, number: u64 },
    MoveTask(Arc<StoredMoveTask>),
    MoveTaskRemoved { task: u64 },
}

/// A queue and its settings. A deleted one is kept for 60 seconds, as long as its name cannot be used again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredQueue {
    pub id: QueueId,
    pub name: QueueName,
    pub created: Timestamp,
    pub modified: Timestamp,
    pub deleted: Option<Timestamp>,
    pub purged: Option<Timestamp>,
    pub attributes: QueueAttributes,
    pub tags: BTreeMap<String, String>,
}

/// A message as it was accepted; never changed afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredMessage {
    pub queue: QueueId,
    /// Its number in its queue; later messages have greater ones, across restarts too.
    pub number: u64,
    /// The message id, a UUID.
    pub id: u128,
    pub body: Arc<str>,
    pub body_md5: [u8; 16],
    pub sent: Timestamp,
    pub delay_s: u32,
    /// What most messages lack; boxed to keep those small.
    pub details: Option<Box<MessageDetails>>,
}

/// Everything of a message but its body.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MessageDetails {
    pub group: Option<Arc<str>>,
    pub deduplication_id: Option<Arc<str>>,
    pub attributes: BTreeMap<String, MessageAttributeValue>,
    pub trace_header: Option<String>,
    /// The queue from which it came to this dead-letter queue.
    pub dead_letter_source: Option<QueueArn>,
}

/// How often a message was received, written from the second time on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredReceives {
    pub queue: QueueId,
    pub number: u64,
    pub receive_count: u32,
    pub first_received: Timestamp,
}

/// An accepted send of a FIFO queue, remembered for the deduplication interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredDeduplication {
    pub queue: QueueId,
    /// The accepted message's number.
    pub number: u64,
    /// Deduplication id, with its group before it when groups are the scope.
    pub key: Arc<str>,
    pub message_id: u128,
    pub accepted: Timestamp,
}

/// A message-move task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredMoveTask {
    pub id: u64,
    pub source: QueueArn,
    pub destination: Option<QueueArn>,
    pub rate: Option<u32>,
    pub status: MoveTaskStatus,
    pub moved: u64,
    pub to_move: u64,
    pub started: Timestamp,
}

impl StoredMessage {
    /// The message group: FIFO order, or fairness on a standard queue.
    pub(super) fn group(&self) -> Option<&Arc<str>> {
        self.details.as_ref().and_then(|details| details.group.as_ref())
    }

    /// Bytes of body and attributes, as SQS counts them.
    pub(super) fn bytes(&self) -> usize {
        let attributes =
            self.details.as_ref().map_or(0, |details| super::validate::attributes_bytes(&details.attributes));
        self.body.len() + attributes
    }
}

impl SqsRecord {
    /// Queues come before what is in them, messages before their receive counts.
    pub(in crate::engine) fn push_key(&self, key: &mut Vec<u8>) {
        let (rank, queue, number) = match self {
            Self::Queue(stored) => (0, stored.id.0, None),
            Self::QueueRemoved { queue } => (0, queue.0, None),
            Self::Message(stored) => (1, stored.queue.0, Some(stored.number)),
            Self::MessageRemoved { queue, number } => (1, queue.0, Some(*number)),
            Self::Receives(stored) => (2, stored.queue.0, Some(stored.number)),
            Self::ReceivesRemoved { queue, number } => (2, queue.0, Some(*number)),
            Self::Deduplication(stored) => (3, stored.queue.0, Some(stored.number)),
            Self::DeduplicationRemoved { queue, number } => (3, queue.0, Some(*number)),
            Self::MoveTask(stored) => (4, stored.id, None),
            Self::MoveTaskRemoved { task } => (4, *task, None),
        };
        key.push(rank);
        key.extend_from_slice(&queue.to_be_bytes());
        if let Some(number) = number {
            key.extend_from_slice(&number.to_be_bytes());
        }
    }

    pub(in crate::engine) fn is_removal(&self) -> bool {
        matches!(
            self,
            Self::QueueRemoved { .. }
                | Self::MessageRemoved { .. }
                | Self::ReceivesRemoved { .. }
                | Self::DeduplicationRemoved { .. }
                | Self::MoveTaskRemoved { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(record: &SqsRecord) -> Vec<u8> {
        let mut key = Vec::new();
        record.push_key(&mut key);
        key
    }

    #[test]
    fn keys_sort_in_the_order_of_restoring() {
        let queue = QueueId(300);
        let ordered = [
            SqsRecord::QueueRemoved { queue: QueueId(2) },
            SqsRecord::QueueRemoved { queue },
            SqsRecord::MessageRemoved { queue: QueueId(2), number: 900 },
            SqsRecord::MessageRemoved { queue, number: 1 },
            SqsRecord::MessageRemoved { queue, number: 256 },
            SqsRecord::ReceivesRemoved { queue, number: 1 },
            SqsRecord::DeduplicationRemoved { queue, number: 1 },
            SqsRecord::MoveTaskRemoved { task: 1 },
        ];
        assert!(ordered.iter().map(key).is_sorted_by(|a, b| a < b));
        assert!(ordered.iter().all(SqsRecord::is_removal));
    }

    #[test]
    fn records_stay_small() {
        assert!(size_of::<SqsRecord>() <= 24, "{}", size_of::<SqsRecord>());
        assert!(size_of::<crate::engine::Record>() <= 32, "{}", size_of::<crate::engine::Record>());
        assert!(size_of::<StoredMessage>() <= 112, "{}", size_of::<StoredMessage>());
    }
}
