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

/// The end of something that is put off again and again. Its timer stays where it was set until it fires, and is then set
/// again: what is put off for each invocation costs nothing.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    at: Option<Timestamp>,
    /// When its timer fires: not after `at`.
    set: Option<Timestamp>,
}

impl Deadline {
    /// Moves it.
    pub(super) fn put(&mut self, timers: &mut Timers, timer: Timer, at: Timestamp) {
        self.at = Some(at);
        if self.set.is_some_and(|set| set <= at) {
            return;
        }
        if let Some(old) = self.set.replace(at) {
            timers.clear(old, timer);
        }
        timers.set(at, timer);
    }

    /// There is none any more; where it was.
    pub(super) fn take(&mut self, timers: &mut Timers, timer: Timer) -> Option<Timestamp> {
        if let Some(set) = self.set.take() {
            timers.clear(set, timer);
        }
        self.at.take()
    }

    /// Whether it is over, now that the timer fired that was set to `at`.
    pub(super) fn is_over(&mut self, timers: &mut Timers, timer: Timer, at: Timestamp) -> bool {
        if self.set != Some(at) {
            return false;
        }
        self.set = None;
        if let Some(end) = self.at.filter(|end| *end > at) {
            self.put(timers, timer, end);
            return false;
        }
        self.at.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMER: Timer = Timer::Environment(7);

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    /// When the deadline is over, after it was put to each of `ends` in turn, and how often its timer fired.
    fn check(ends: &[u64], expected_end: u64, expected_fires: u32) {
        let (mut timers, mut deadline) = (Timers::default(), Deadline::default());
        for end in ends {
            deadline.put(&mut timers, TIMER, at(*end));
        }
        let mut fires = 0;
        while let Some((fired, timer)) = timers.pop(at(1_000)) {
            fires += 1;
            if deadline.is_over(&mut timers, timer, fired) {
                assert_eq!((fired, fires), (at(expected_end), expected_fires), "{ends:?}");
                assert_eq!(timers.next(), None);
                return;
            }
        }
        panic!("never over: {ends:?}");
    }

    #[test]
    fn a_deadline_is_over_where_it_was_put_last() {
        check(&[5], 5, 1);
        check(&[5, 9], 9, 2);
        check(&[9, 5], 5, 1);
        check(&[5, 900, 6, 901, 7], 7, 2);
        check(&[5, 5], 5, 1);
    }

    #[test]
    fn a_deadline_that_was_taken_is_never_over() {
        let (mut timers, mut deadline) = (Timers::default(), Deadline::default());
        deadline.put(&mut timers, TIMER, at(5));
        deadline.put(&mut timers, TIMER, at(9));
        assert_eq!(deadline.take(&mut timers, TIMER), Some(at(9)));
        assert_eq!((timers.next(), deadline.take(&mut timers, TIMER)), (None, None));
        assert!(!deadline.is_over(&mut timers, TIMER, at(5)));
    }
}
