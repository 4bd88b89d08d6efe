//! Receive request attempts of FIFO queues: a receive that is repeated with its attempt id within five minutes gets the
//! same messages, as long as nothing happened to them (SQS API reference, `ReceiveMessage`). They live in memory alone.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::LeaseId;
use crate::model::Timestamp;

const ATTEMPT_LIVES_MS: u64 = 5 * 60 * 1000;

/// What earlier receives got, by their attempt ids.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// Only ever looked up.
    by_id: HashMap<Arc<str>, Attempt>,
    by_age: VecDeque<(Timestamp, Arc<str>)>,
}

#[derive(Debug)]
struct Attempt {
    until: Timestamp,
    leases: Vec<LeaseId>,
}

impl Attempts {
    /// The leases of an earlier receive with this id.
    pub(super) fn find(&self, now: Timestamp, id: &str) -> Option<&[LeaseId]> {
        self.by_id.get(id).filter(|attempt| attempt.until > now).map(|attempt| attempt.leases.as_slice())
    }

    pub(super) fn add(&mut self, now: Timestamp, id: &str, leases: Vec<LeaseId>) {
        let (id, until) = (Arc::<str>::from(id), now.plus_millis(ATTEMPT_LIVES_MS));
        self.by_age.push_back((until, Arc::clone(&id)));
        self.by_id.insert(id, Attempt { until, leases });
    }

    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        while let Some((until, _)) = self.by_age.front()
            && *until <= now
        {
            let Some((until, id)) = self.by_age.pop_front() else { return };
            // The same id may have been used again since.
            if self.by_id.get(&id).is_some_and(|attempt| attempt.until == until) {
                self.by_id.remove(&id);
            }
        }
        if self.by_age.is_empty() {
            *self = Self::default();
        }
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.by_age.front().map(|(until, _)| *until)
    }
}
