//! What time it is for the engine after its process had no time: on a machine that was asleep or overloaded, answers wait in
//! sockets beside timeouts that are due. Those that were in time have to be heard first. Pure.

use crate::model::Timestamp;

/// From so late on a deadline says that this process did not run; below it a busy machine is just busy.
const LATE_MS: u64 = 250;
/// How long what has arrived meanwhile is heard before timeouts are.
const GRACE_MS: u64 = 100;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    /// Until when, on the clock, it is which time for the engine.
    grace: Option<(Timestamp, Timestamp)>,
}

impl Lateness {
    /// The engine's time when the clock says `now` and the engine's next deadline is `deadline`. Never goes back: an engine that
    /// has a deadline has not seen a later time.
    pub(super) fn now(&mut self, now: Timestamp, deadline: Option<Timestamp>) -> Timestamp {
        let overdue = deadline.filter(|deadline| now.millis_since(*deadline) > LATE_MS);
        let Some(deadline) = overdue else {
            self.grace = None;
            return now;
        };
        let before = Timestamp::from_millis(deadline.as_millis().saturating_sub(1));
        let (until, _) = *self.grace.get_or_insert((now.plus_millis(GRACE_MS), before));
        if now < until { before } else { now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_in_time_is_heard_before_a_timeout_that_is_late() {
        let at = Timestamp::from_millis;
        let mut lateness = Lateness::default();
        let mut check = |now: u64, deadline: Option<u64>, expected: u64| {
            assert_eq!(lateness.now(at(now), deadline.map(at)), at(expected), "{now} {deadline:?}");
        };
        check(1_000, None, 1_000);
        check(1_000, Some(2_000), 1_000);
        // A little late is late, and no more.
        check(2_250, Some(2_000), 2_250);
        // Four seconds without any time: for a moment it is still before the deadline.
        check(6_000, Some(2_000), 1_999);
        check(6_099, Some(2_000), 1_999);
        // An answer took that deadline away, and another one is overdue as well.
        check(6_099, Some(3_000), 2_999);
        check(6_100, Some(3_000), 6_100);
        // The engine has fired it. The next time is another time.
        check(6_101, Some(9_000), 6_101);
        check(9_500, Some(9_000), 8_999);
    }
}
