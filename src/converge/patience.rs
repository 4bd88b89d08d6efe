//! How long a target may take. Every bound of this module is here.

use std::time::Duration;

use super::ErrorKind;

/// Steps under way at once.
pub(super) const STEPS_AT_ONCE_MAX: usize = 16;

/// How often and how long is asked again, by what the answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// A queue's name comes free 60 s after the deletion (SQS API reference, `DeleteQueue`).
    pub name_still_taken: Retries,
    /// A change of a function is over after some seconds.
    pub busy: Retries,
    /// A role is known to Lambda after about ten seconds, a queue sooner.
    pub not_propagated: Retries,
    /// How long a service may take to start, or to do its work and end.
    pub awaiting: Retries,
    /// How long everything may take to become ready after the last step.
    pub ready: Retries,
}

/// Waits that double from the first to the longest, as many as fit into the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    pub first: Duration,
    pub longest: Duration,
    pub total: Duration,
}

impl Patience {
    /// For real targets.
    pub const DEFAULT: Self = Self {
        name_still_taken: Retries::new(1_000, 5_000, 65_000),
        busy: Retries::new(50, 2_000, 60_000),
        not_propagated: Retries::new(500, 4_000, 30_000),
        awaiting: Retries::new(20, 500, 600_000),
        ready: Retries::new(10, 1_000, 120_000),
    };

    /// As many attempts as [`Patience::DEFAULT`] without the waits: for targets in tests, whose time is not ours.
    pub const WITHOUT_WAITS: Self = {
        let retries = Retries::new(0, 0, 10);
        Self { name_still_taken: retries, busy: retries, not_propagated: retries, awaiting: retries, ready: retries }
    };

    pub(super) fn with(&self, kind: ErrorKind) -> Option<Retries> {
        match kind {
            ErrorKind::NameStillTaken => Some(self.name_still_taken),
            ErrorKind::Busy => Some(self.busy),
            ErrorKind::NotPropagated => Some(self.not_propagated),
            ErrorKind::Awaiting => Some(self.awaiting),
            ErrorKind::Gone | ErrorKind::Lacking | ErrorKind::Unreachable | ErrorKind::Refused => None,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Retries {
    const fn new(first_ms: u64, longest_ms: u64, total_ms: u64) -> Self {
        let ms = Duration::from_millis;
        Self { first: ms(first_ms), longest: ms(longest_ms), total: ms(total_ms) }
    }

    /// The waits, one before each further attempt.
    pub(super) fn waits(self) -> impl Iterator<Item = Duration> {
        let mut waited = Duration::ZERO;
        let doubled = std::iter::successors(Some(self.first), move |wait| Some((*wait * 2).min(self.longest)));
        doubled.take_while(move |wait| {
            // At least a millisecond, so that waits of nothing end as well.
            waited += (*wait).max(Duration::from_millis(1));
            waited <= self.total
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end() {
        let waits = |first, longest, total| {
            Retries::new(first, longest, total).waits().map(|wait| wait.as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(waits(10, 40, 150), [10, 20, 40, 40, 40]);
        assert_eq!(waits(0, 0, 3), [0, 0, 0]);
        let taken: Duration = Patience::DEFAULT.name_still_taken.waits().sum();
        assert!(taken > Duration::from_secs(60), "a deleted name comes free within {taken:?}");
    }
}
