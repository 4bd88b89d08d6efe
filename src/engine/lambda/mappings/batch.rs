//! Batches: messages leased to a mapping, from the first one gathered to the end of the invocation. Pure.

use bytes::Bytes;

use super::{MappingId, event::EventBuffer};
use crate::{
    engine::sqs::{LeaseId, QueueId},
    model::{Timestamp, limits::PAYLOAD_SYNC_MAX_BYTES},
};

/// A leased message of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) lease: LeaseId,
    pub(super) message_id: String,
}

/// A batch that may still grow.
#[derive(Debug)]
pub(super) struct Gathering {
    event: EventBuffer,
    held: Vec<Held>,
    /// When its first message was leased: the batching window begins here.
    opened_at: Timestamp,
    /// When the first of its leases ends.
    expires_at: Timestamp,
    /// Of the message whose chain is the longest, and how often that has been through the function.
    trace: Option<(u32, String)>,
}

/// A complete batch that waits for a slot.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) payload: Bytes,
    pub(super) held: Vec<Held>,
    opened_at: Timestamp,
    /// When the first of its leases ends.
    expires_at: Timestamp,
    /// The trace that the invocation goes on from.
    pub(super) trace_id: Option<String>,
}

impl Batch {
    /// Whether it was put off, and part of its leases' time is gone.
    pub(super) fn has_waited(&self, now: Timestamp) -> bool {
        self.opened_at < now
    }

    /// Whether its messages return, so that it must not be invoked any more. One that never waited is not over even when
    /// the queue's visibility timeout is zero.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at <= now && self.opened_at < now
    }
}

/// A batch whose invocation runs. It outlives its mapping.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) mapping: MappingId,
    pub(super) queue: QueueId,
    pub(super) held: Vec<Held>,
    pub(super) report_failures: bool,
}

impl Gathering {
    /// An empty one. Its leases end at `expires_at` or later.
    pub(super) fn new(now: Timestamp, expires_at: Timestamp) -> Self {
        Self { event: EventBuffer::new(), held: Vec::new(), opened_at: now, expires_at, trace: None }
    }

    /// When the first of its leases ends.
    pub(super) fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Messages in it.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Bytes that its payload may still grow by.
    pub(super) fn room(&self) -> usize {
        PAYLOAD_SYNC_MAX_BYTES.saturating_sub(self.event.len_with(b""))
    }

    /// Whether the payload can take `record`. The first one always fits: it must go out some time.
    pub(super) fn fits(&self, record: &[u8]) -> bool {
        self.held.is_empty() || self.event.len_with(record) <= PAYLOAD_SYNC_MAX_BYTES
    }

    pub(super) fn push(&mut self, held: Held, record: &[u8]) {
        self.event.push(record);
        self.held.push(held);
    }

    /// Takes in a message's trace: the batch goes on from the longest chain, so that none of its loops is lost.
    pub(super) fn trace(&mut self, trace: Option<String>, depth: impl Fn(&str) -> u32) {
        let Some(trace) = trace else { return };
        let depth = depth(&trace);
        if self.trace.as_ref().is_none_or(|(deepest, _)| depth > *deepest) {
            self.trace = Some((depth, trace));
        }
    }

    /// When its window ends. It ends early when the function, given its whole `timeout_s`, would otherwise outlive the
    /// first lease: the message would come a second time while it is being handled.
    pub(super) fn due_at(&self, window_s: u32, timeout_s: u32) -> Timestamp {
        let latest = self.expires_at.as_millis().saturating_sub(u64::from(timeout_s) * 1000);
        self.opened_at.plus_secs(u64::from(window_s)).min(Timestamp::from_millis(latest)).max(self.opened_at)
    }

    /// No more messages: the batch as it is.
    pub(super) fn close(self) -> Batch {
        Batch {
            payload: self.event.finish().into(),
            held: self.held,
            opened_at: self.opened_at,
            expires_at: self.expires_at,
            trace_id: self.trace.map(|(_, trace)| trace),
        }
    }

    /// The leases, to be given back.
    pub(super) fn into_leases(self) -> Vec<LeaseId> {
        leases(&self.held)
    }
}

/// The leases of these messages.
pub(super) fn leases(held: &[Held]) -> Vec<LeaseId> {
    held.iter().map(|held| held.lease).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    fn held(message: u64) -> Held {
        Held { lease: LeaseId { message, receive_count: 1 }, message_id: message.to_string() }
    }

    #[test]
    fn a_window_ends_before_the_first_lease_could() {
        for (visibility_s, window_s, timeout_s, expected_ms) in
            [(30, 5, 3, 5_000), (30, 60, 3, 27_000), (30, 60, 30, 0), (3, 60, 30, 0), (30, 0, 3, 0)]
        {
            let gathering = Gathering::new(at(0), at(visibility_s * 1000));
            assert_eq!(gathering.due_at(window_s, timeout_s), at(expected_ms), "{visibility_s} {window_s} {timeout_s}");
        }
    }

    #[test]
    fn six_megabytes_are_the_payloads_length() {
        let mut gathering = Gathering::new(at(0), at(30_000));
        let record = vec![b'1'; 1024 * 1024];
        let mut count = 0;
        while gathering.fits(&record) {
            gathering.push(held(count), &record);
            count += 1;
        }
        assert_eq!(count, 5, "six records and what is around them are more than 6 MB");
        assert!(gathering.room() < record.len());
        let batch = gathering.close();
        assert!(batch.payload.len() <= PAYLOAD_SYNC_MAX_BYTES);
        assert_eq!(leases(&batch.held).len(), 5);
    }

    #[test]
    fn a_lone_record_always_fits() {
        assert!(Gathering::new(at(0), at(30_000)).fits(&vec![b'1'; PAYLOAD_SYNC_MAX_BYTES + 1]));
    }
}
