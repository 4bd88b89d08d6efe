//! What a FIFO queue accepted in the last five minutes (SQS developer guide, "exactly-once processing"). It outlives the
//! messages: a duplicate of a deleted message is still a duplicate.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{QueueId, records::StoredDeduplication};
use crate::model::{Timestamp, limits::DEDUPLICATION_INTERVAL_MS};

/// Expired entries are cleared together: at most one timer in this time, in milliseconds.
const SWEEP_MS: u64 = 60_000;

/// Accepted sends by their keys.
#[derive(Debug, Default)]
pub(super) struct Deduplication {
    /// Only ever looked up.
    by_key: HashMap<Arc<str>, Arc<StoredDeduplication>>,
    /// In the order of acceptance.
    by_age: VecDeque<Arc<StoredDeduplication>>,
}

impl Deduplication {
    /// The key of a deduplication id: with its group before it when groups are the scope.
    pub(super) fn key(group: Option<&str>, id: &str) -> Arc<str> {
        group.map_or_else(|| Arc::from(id), |group| Arc::from(format!("{group}\u{0}{id}")))
    }

    /// The accepted send that another of this key now repeats.
    pub(super) fn find(&self, now: Timestamp, key: &str) -> Option<&StoredDeduplication> {
        self.by_key.get(key).map(Arc::as_ref).filter(|accepted| expiry(accepted) > now)
    }

    pub(super) fn add(&mut self, accepted: Arc<StoredDeduplication>) {
        self.by_key.insert(Arc::clone(&accepted.key), Arc::clone(&accepted));
        self.by_age.push_back(accepted);
    }

    /// Forgets one entry that is too old to matter, and names it.
    pub(super) fn forget_expired(&mut self, now: Timestamp) -> Option<(QueueId, u64)> {
        if self.by_age.front().is_none_or(|oldest| expiry(oldest) > now) {
            return None;
        }
        let forgotten = self.by_age.pop_front()?;
        // The same key may have been accepted again since.
        if self.by_key.get(&forgotten.key).is_some_and(|current| current.number == forgotten.number) {
            self.by_key.remove(&forgotten.key);
        }
        if self.by_age.is_empty() {
            *self = Self::default();
        }
        Some((forgotten.queue, forgotten.number))
    }

    /// When expired entries should be cleared; a while after the first expires, so that many go at once.
    pub(super) fn next_sweep(&self) -> Option<Timestamp> {
        self.by_age.front().map(|oldest| expiry(oldest).plus_millis(SWEEP_MS))
    }

    /// The numbers of all accepted sends, in order.
    pub(super) fn numbers(&self) -> impl DoubleEndedIterator<Item = u64> {
        self.by_age.iter().map(|accepted| accepted.number)
    }
}

fn expiry(accepted: &StoredDeduplication) -> Timestamp {
    accepted.accepted.plus_millis(DEDUPLICATION_INTERVAL_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(number: u64, key: &str, at_ms: u64) -> Arc<StoredDeduplication> {
        let accepted = Timestamp::from_millis(at_ms);
        Arc::new(StoredDeduplication { queue: QueueId(1), number, key: key.into(), message_id: 1, accepted })
    }

    #[test]
    fn an_entry_counts_for_five_minutes_and_is_then_forgotten() {
        let mut deduplication = Deduplication::default();
        deduplication.add(accepted(1, "a", 1000));
        let (last, over) = (Timestamp::from_millis(300_999), Timestamp::from_millis(301_000));
        assert!(deduplication.find(last, "a").is_some());
        assert!(deduplication.find(over, "a").is_none());
        deduplication.add(accepted(2, "a", 301_000));
        assert_eq!(deduplication.forget_expired(over), Some((QueueId(1), 1)));
        assert_eq!(deduplication.forget_expired(over), None);
        assert_eq!(deduplication.find(over, "a").map(|found| found.number), Some(2));
    }

    #[test]
    fn groups_do_not_share_keys() {
        assert_ne!(Deduplication::key(Some("a"), "b"), Deduplication::key(Some("ab"), ""));
        assert_eq!(&*Deduplication::key(None, "b"), "b");
    }
}
