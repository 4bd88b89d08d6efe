//! One queue: its settings, its messages and who waits for them.

use std::sync::Arc;

use super::{
    QueueId, attempts::Attempts, attributes::QueueAttributes, dedup::Deduplication, messages::Messages, meter::Meter,
    records::StoredQueue, waiters::Waiters,
};
use crate::model::{QueueArn, Scope, Timestamp};

/// Message numbers begin with the millisecond of sending, so that they grow across restarts without being kept: this
/// many bits of a number count within the millisecond.
const NUMBER_BITS_PER_MS: u32 = 20;
/// Makes a message number a sequence number of twenty digits, as AWS's are.
const SEQUENCE_BASE: u64 = 10_000_000_000_000_000_000;

#[derive(Debug)]
pub(super) struct Queue {
    /// Shared with the record of the last change.
    pub(super) stored: Arc<StoredQueue>,
    pub(super) arn: QueueArn,
    pub(super) messages: Messages,
    pub(super) deduplication: Deduplication,
    pub(super) attempts: Attempts,
    pub(super) waiters: Waiters,
    /// Some mapping polls it.
    pub(super) polled: bool,
    /// Messages may have become available since a mapping was last told.
    pub(super) has_news: bool,
    /// It stands in the list of queues to settle.
    pub(super) is_touched: bool,
    /// Its entry in the deadlines of the whole; never later than its next deadline.
    pub(super) registered: Option<Timestamp>,
    pub(super) last_number: u64,
    /// Messages that came, sent or moved.
    pub(super) arrived: Meter,
    /// Messages that their receivers deleted.
    pub(super) deleted: Meter,
}

impl Queue {
    pub(super) fn new(stored: Arc<StoredQueue>, scope: &Scope) -> Self {
        Self {
            arn: QueueArn { scope: scope.clone(), name: stored.name.clone() },
            messages: Messages::new(stored.name.is_fifo()),
            stored,
            deduplication: Deduplication::default(),
            attempts: Attempts::default(),
            waiters: Waiters::default(),
            polled: false,
            has_news: false,
            is_touched: false,
            registered: None,
            last_number: 0,
            arrived: Meter::default(),
            deleted: Meter::default(),
        }
    }

    pub(super) fn id(&self) -> QueueId {
        self.stored.id
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.stored.attributes.fifo.is_some()
    }

    pub(super) fn attributes(&self) -> &QueueAttributes {
        &self.stored.attributes
    }

    /// The number of a message that is sent now.
    pub(super) fn next_number(&mut self, now: Timestamp) -> u64 {
        self.last_number = (self.last_number + 1).max(now.as_millis() << NUMBER_BITS_PER_MS);
        self.last_number
    }

    /// When the oldest message's retention period ends.
    pub(super) fn next_expiry(&self) -> Option<(Timestamp, u64)> {
        let (sent, number) = self.messages.oldest()?;
        Some((sent.plus_secs(u64::from(self.attributes().retention_s)), number))
    }

    /// When something of this queue happens by itself.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [
            self.messages.next_wake(),
            self.next_expiry().map(|(expiry, _)| expiry),
            self.deduplication.next_sweep(),
            self.attempts.next_expiry(),
            self.waiters.next_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// A message's number as `SequenceNumber` shows it.
pub(super) fn sequence_number(number: u64) -> String {
    SEQUENCE_BASE.saturating_add(number).to_string()
}
