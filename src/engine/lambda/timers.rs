//! What waits for its time. Each timer names what it is for; whoever is named checks that the time is still the one it
//! waits for, so a stale timer is a no-op.

use std::collections::BTreeSet;

use super::{async_queue::EventId, environments::Serial, functions::FunctionId};
use crate::model::Timestamp;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The environment's phase ran out of time, or it was idle for long enough.
    Environment(Serial),
    /// The next attempt of an asynchronous invocation.
    Event(EventId),
    /// More provisioned environments of a function may be started.
    Provide(FunctionId),
    /// The messages that an environment has under a debugger are kept for it.
    Held(Serial),
    /// Throttles of a function that were only counted are to be told.
    Throttles(FunctionId),
}

/// Timers by their time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(Timestamp, Timer)>,
}

impl Timers {
    pub(super) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.due.insert((at, timer));
    }

    pub(super) fn clear(&mut self, at: Timestamp, timer: Timer) {
        self.due.remove(&(at, timer));
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the earliest timer that is due at `now`.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<(Timestamp, Timer)> {
        self.due.first().is_some_and(|(at, _)| *at <= now).then(|| self.due.pop_first())?
    }
}
