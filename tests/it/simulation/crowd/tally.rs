//! What happened, counted by kind. The invariants held; that is worth something only when there was something to hold.

use std::collections::BTreeMap;

use stackctl::engine::lambda::Activity;

/// What a run must at least have seen of each kind, whatever its seed: at most about two thirds of the least that twenty
/// seeds saw. A change to the load that brings one below its floor is mended in the load, not
/// here.
const FLOORS: &[(&str, u64)] = &[
    ("answered", 15_000),
    ("answered with an error", 2_000),
    ("throttled", 11_000),
    ("throttles by Pool", 1_300),
    ("throttles by Reserved", 5_300),
    ("throttles by ScalingRate", 580),
    ("throttles by RequestRate", 40),
    ("most that ran at once", 1_000),
    ("starts that filled a reservation", 50),
    ("starts that used up the scaling rate", 1),
    ("invoked on demand", 17_000),
    ("invoked where started ahead", 2_000),
    ("spillovers", 2_400),
    ("events accepted", 80),
    ("events done", 80),
    ("invocations that fail", 770),
    ("invocations that crash", 380),
    ("invocations that hang", 170),
    ("started on demand", 11_000),
    ("started ahead", 320),
    ("starts that crash", 450),
    ("starts that report an error", 350),
    ("starts that the machine refuses", 240),
    ("starts that hang", 120),
    ("stopped as idle", 8_000),
    ("stopped as out of time", 310),
    ("stopped as replaced", 600),
    ("stopped after an error of theirs", 350),
    ("deployments", 20),
    ("reservations changed", 64),
    ("provisioned by hand", 33),
    ("scaled out with the load", 19),
    ("scaled in with the load", 19),
    ("scaled out by schedule", 21),
    ("scaled in by schedule", 16),
    ("mappings changed", 45),
    ("messages sent", 3_300),
    ("messages sent to FIFO queues", 1_500),
    ("messages handled", 5_000),
    ("messages given back", 110),
];

#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn add(&mut self, what: &str) {
        self.add_many(what, 1);
    }

    pub(super) fn add_many(&mut self, what: &str, count: usize) {
        let count = u64::try_from(count).unwrap();
        match self.counts.get_mut(what) {
            Some(sum) => *sum += count,
            None => drop(self.counts.insert(what.to_owned(), count)),
        }
    }

    /// What the engine itself counted.
    pub(super) fn throttles_and_spillovers(&mut self, activity: &Activity) {
        for function in &activity.functions {
            for (limit, count) in &function.throttles_by_limit {
                self.add_many(&format!("throttles by {limit:?}"), usize::try_from(*count).unwrap());
            }
            self.add_many("spillovers", usize::try_from(function.spillovers).unwrap());
        }
    }

    pub(super) fn assert_enough_happened(&self) {
        let seen = |what: &str| self.counts.get(what).copied().unwrap_or(0);
        let missed: Vec<_> = FLOORS
            .iter()
            .filter(|(what, floor)| seen(what) < *floor)
            .map(|(what, floor)| format!("{what}: {} of at least {floor}", seen(what)))
            .collect();
        assert!(missed.is_empty(), "too little happened: {missed:#?}\nof {:#?}", self.counts);
    }
}
