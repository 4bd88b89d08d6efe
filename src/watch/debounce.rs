//! When a series of changes is over. Pure: `now` comes from the caller, as the time since any fixed moment.

use std::time::Duration;

/// How long nothing may change before a change counts as complete, where the source is deployed as it is.
pub(super) const QUIET: Duration = Duration::from_millis(20);
/// The same where a compiler runs: editors that format on save write twice, and a build begun too early is thrown away.
pub(super) const QUIET_COMPILED: Duration = Duration::from_millis(40);
/// The same when many files change: a branch is switched, and it comes in bursts.
pub(super) const QUIET_MANY: Duration = Duration::from_millis(150);
/// From so many changes on they are many.
pub(super) const MANY: usize = 32;
/// How long changes may go on before they are looked at all the same.
pub(super) const DELAY_MAX: Duration = Duration::from_secs(2);

/// Changes that have not been acted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Debounce {
    since: Option<Series>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Series {
    first: Duration,
    last: Duration,
    quiet: Duration,
    count: usize,
}

impl Debounce {
    /// `count` things have changed, after which `quiet` has to pass.
    pub(super) fn note(&mut self, now: Duration, quiet: Duration, count: usize) {
        let series = self.since.get_or_insert(Series { first: now, last: now, quiet, count: 0 });
        series.last = now;
        series.quiet = series.quiet.max(quiet);
        series.count += count;
    }

    /// When the series counts as over.
    pub(super) fn due_at(&self) -> Option<Duration> {
        let Series { first, last, quiet, count } = self.since?;
        let quiet = if count >= MANY { quiet.max(QUIET_MANY) } else { quiet };
        Some((last + quiet).min(first + DELAY_MAX))
    }

    /// Ends a series that is over; when it began.
    pub(super) fn take(&mut self, now: Duration) -> Option<Duration> {
        if self.due_at()? > now {
            return None;
        }
        self.since.take().map(|series| series.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Changes at these milliseconds, each with its quiet period and count; when the first series is over, and what begins after.
    fn check(changes: &[(u64, Duration, usize)], expected_ms: &[u64]) {
        let ms = Duration::from_millis;
        let (mut debounce, mut over) = (Debounce::default(), Vec::new());
        for (at, quiet, count) in changes {
            if let Some(due) = debounce.due_at().filter(|due| *due <= ms(*at)) {
                assert_eq!(debounce.take(due - Duration::from_nanos(1)), None);
                assert!(debounce.take(due).is_some());
                over.push(due);
            }
            debounce.note(ms(*at), *quiet, *count);
        }
        over.extend(debounce.due_at());
        assert_eq!(over, expected_ms.iter().map(|at| ms(*at)).collect::<Vec<_>>());
    }

    #[test]
    fn a_series_is_over_when_it_is_quiet() {
        check(&[], &[]);
        check(&[(100, QUIET, 1)], &[120]);
        check(&[(100, QUIET, 1), (119, QUIET, 1)], &[139]);
        check(&[(100, QUIET, 1), (120, QUIET, 1)], &[120, 140]);
    }

    #[test]
    fn the_longest_quiet_period_counts() {
        check(&[(100, QUIET, 1), (110, QUIET_COMPILED, 1)], &[150]);
        check(&[(100, QUIET_COMPILED, 1), (110, QUIET, 1)], &[150]);
        check(&[(100, QUIET, MANY)], &[250]);
        check(&[(100, QUIET, MANY - 1), (101, QUIET, 1)], &[251]);
    }

    #[test]
    fn changes_without_end_are_looked_at_all_the_same() {
        let changes: Vec<_> = (0..300).map(|n| (n * 10, QUIET, 0)).collect();
        check(&changes, &[2000, 3010]);
    }

    #[test]
    fn nothing_is_taken_twice() {
        let mut debounce = Debounce::default();
        debounce.note(Duration::ZERO, QUIET, 1);
        assert_eq!(debounce.take(QUIET), Some(Duration::ZERO));
        assert_eq!((debounce.take(QUIET), debounce.due_at()), (None, None));
    }
}
