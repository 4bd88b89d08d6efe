//! What happened to a function since the engine started. Pure; each count costs the same whatever happened before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::ThrottleLimit;

/// Upper bounds of a distribution's classes: of durations up to a function's longest timeout, and of ages up to the six
/// hours that an asynchronous invocation may wait.
const BOUNDS_MS: [u64; 18] =
    [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 21_600_000];

/// Durations, by their order of magnitude.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Listed", into = "Listed")]
pub struct Distribution {
    pub count: u64,
    pub sum_ms: u64,
    pub max_ms: u64,
    /// How many are in each class; those above the last bound are in none.
    classes: [u64; BOUNDS_MS.len()],
}

/// A distribution as others read it: each class with its bound.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Listed {
    count: u64,
    sum_ms: u64,
    max_ms: u64,
    classes: Vec<Class>,
}

/// How many are not above a bound, and above the one before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Class {
    up_to_ms: u64,
    count: u64,
}

impl From<Distribution> for Listed {
    fn from(Distribution { count, sum_ms, max_ms, classes }: Distribution) -> Self {
        let classes = BOUNDS_MS.into_iter().zip(classes).map(|(up_to_ms, count)| Class { up_to_ms, count });
        Self { count, sum_ms, max_ms, classes: classes.collect() }
    }
}

impl From<Listed> for Distribution {
    fn from(Listed { count, sum_ms, max_ms, classes }: Listed) -> Self {
        let count_of = |bound: u64| classes.iter().find(|class| class.up_to_ms == bound).map_or(0, |class| class.count);
        Self { count, sum_ms, max_ms, classes: BOUNDS_MS.map(count_of) }
    }
}

impl Distribution {
    /// Adds one.
    pub(super) fn add(&mut self, ms: u64) {
        self.count += 1;
        self.sum_ms = self.sum_ms.saturating_add(ms);
        self.max_ms = self.max_ms.max(ms);
        if let Some(class) = self.classes.get_mut(BOUNDS_MS.partition_point(|bound| *bound < ms)) {
            *class += 1;
        }
    }

    /// The mean; `None` without any.
    pub fn mean_ms(&self) -> Option<u64> {
        self.sum_ms.checked_div(self.count)
    }

    /// Each bound in milliseconds, with how many are not above it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut below = 0;
        BOUNDS_MS.into_iter().zip(self.classes).map(move |(bound, class)| {
            below += class;
            (bound, below)
        })
    }
}

/// Counts of one function beside those that its share of the pool needs.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Counters {
    /// Of handlers, without init phases. Each invocation writes it: first, beside what else one writes.
    pub(super) durations: Distribution,
    pub(super) throttles_by_limit: BTreeMap<ThrottleLimit, u64>,
    /// Asynchronous invocations that were accepted.
    pub(super) events_received: u64,
    /// Those that were given up.
    pub(super) events_dropped: u64,
    /// Invocations that were dropped because they would have gone on with a recursive loop.
    pub(super) loops_dropped: u64,
    /// From acceptance to each attempt.
    pub(super) event_ages: Distribution,
    /// Dead letters that their queue did not take.
    pub(super) dead_letter_errors: u64,
    /// Records that their destination did not take.
    pub(super) destination_delivery_failures: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_counts_each_in_one_class() {
        let mut distribution = Distribution::default();
        assert_eq!(distribution.mean_ms(), None);
        for ms in [0, 1, 2, 3, 1_000, u64::MAX] {
            distribution.add(ms);
        }
        let at = |bound: u64| distribution.cumulative().find(|(found, _)| *found == bound).unwrap().1;
        assert_eq!((at(1), at(2), at(5), at(500), at(1_000), at(21_600_000)), (2, 3, 4, 4, 5, 5));
        assert_eq!((distribution.count, distribution.max_ms, distribution.sum_ms), (6, u64::MAX, u64::MAX));
    }
}
