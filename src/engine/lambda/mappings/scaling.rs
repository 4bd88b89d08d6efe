//! How many batches of one mapping may run at once. Pure: `now` comes from the caller.

use super::settings::Pollers;
use crate::model::{Timestamp, limits::BATCHES_PER_POLLER};

/// Batches at once of a standard queue's mapping, at first and when idle (Lambda developer guide, "services-sqs-scaling").
pub(super) const CONCURRENCY_START: u32 = 5;
/// Batches at once of one mapping, at most.
pub(super) const CONCURRENCY_MAX: u32 = 1_250;
/// Batches at once that are added in a minute.
const GROWTH_PER_MINUTE: u64 = 300;
/// The same with provisioned pollers (Lambda developer guide, "Using provisioned mode with an Amazon SQS event source
/// mapping").
const POLLERS_GROWTH_PER_MINUTE: u64 = 1_000;
/// A minute in milliseconds over the thousandths of a batch: so many parts has one batch a minute for each millisecond.
const PARTS: u64 = 60;
/// How long nothing runs before a mapping is back at its start.
const SCALE_BACK_AFTER_MS: u64 = 60_000;
const THOUSAND: u64 = 1_000;

/// The level of one mapping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scaling {
    /// Batches at once, in thousandths.
    level: u64,
    start: u32,
    max: u32,
    ramps: bool,
    growth_per_minute: u64,
    /// How many times as fast as on AWS time passes.
    time_factor: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// All batches of the level run, and messages remain: the level grows from this instant.
    Growing { since: Timestamp },
    /// Some run, and more could.
    Steady,
    /// Nothing runs since this instant.
    Idle { since: Timestamp },
}

impl Scaling {
    /// For a standard queue: from a few batches up, with the messages that remain.
    pub(super) fn standard(now: Timestamp, cap: Option<u32>) -> Self {
        let max = cap.unwrap_or(CONCURRENCY_MAX).min(CONCURRENCY_MAX);
        Self::new(now, CONCURRENCY_START.min(max), max, true)
    }

    /// For a FIFO queue: as many as there are message groups, without a ramp (Lambda developer guide, "with-sqs").
    pub(super) fn fifo(now: Timestamp, cap: Option<u32>) -> Self {
        let max = cap.unwrap_or(CONCURRENCY_MAX).min(CONCURRENCY_MAX);
        Self::new(now, max, max, false)
    }

    /// With provisioned pollers: never fewer than the least, and up faster.
    pub(super) fn provisioned(now: Timestamp, pollers: Pollers, fifo: bool) -> Self {
        let start = if fifo { pollers.maximum } else { pollers.minimum } * BATCHES_PER_POLLER;
        let scaling = Self::new(now, start, pollers.maximum * BATCHES_PER_POLLER, !fifo);
        Self { growth_per_minute: POLLERS_GROWTH_PER_MINUTE, ..scaling }
    }

    fn new(now: Timestamp, start: u32, max: u32, ramps: bool) -> Self {
        Self {
            level: u64::from(start) * THOUSAND,
            start,
            max,
            ramps,
            growth_per_minute: GROWTH_PER_MINUTE,
            time_factor: 1,
            phase: Phase::Idle { since: now },
        }
    }

    /// Other bounds: the level stays where they allow it.
    pub(super) fn rebound(&mut self, now: Timestamp, fresh: &Self) {
        self.advance(now);
        let least = if fresh.growth_per_minute == POLLERS_GROWTH_PER_MINUTE { fresh.level } else { 0 };
        let level = if fresh.ramps { self.level.min(u64::from(fresh.max) * THOUSAND).max(least) } else { fresh.level };
        *self = Self { level, phase: self.phase, time_factor: self.time_factor, ..*fresh };
    }

    /// For experiments.
    pub(super) fn speed_up(&mut self, time_factor: u32) {
        self.time_factor = u64::from(time_factor.max(1));
    }

    /// How many batches may run now.
    pub(super) fn limit(&self) -> u32 {
        u32::try_from(self.level / THOUSAND).unwrap_or(u32::MAX).clamp(1, self.max)
    }

    /// How many pollers that many batches are.
    pub(super) fn pollers(&self) -> u32 {
        self.limit().div_ceil(BATCHES_PER_POLLER)
    }

    /// The same at `now`.
    pub(super) fn pollers_at(&self, now: Timestamp) -> u32 {
        self.limit_at(now).div_ceil(BATCHES_PER_POLLER)
    }

    /// How many batches may run at `now`.
    pub(super) fn limit_at(&self, now: Timestamp) -> u32 {
        let mut then = *self;
        then.advance(now);
        then.limit()
    }

    /// Lets time pass up to `now`.
    pub(super) fn advance(&mut self, now: Timestamp) {
        match self.phase {
            Phase::Growing { since } => {
                let grown = self.level + now.millis_since(since) * self.growth_per_minute * self.time_factor / PARTS;
                self.level = grown.min(u64::from(self.max) * THOUSAND);
                self.phase = Phase::Growing { since: now };
            }
            Phase::Idle { since } if now.millis_since(since) * self.time_factor >= SCALE_BACK_AFTER_MS => {
                self.level = u64::from(self.start) * THOUSAND;
            }
            Phase::Idle { .. } | Phase::Steady => {}
        }
    }

    /// Says how things stand after a turn at `now`: how many batches run, and whether messages had to be left for want of
    /// a higher level.
    pub(super) fn observe(&mut self, now: Timestamp, running: usize, wants_more: bool) {
        self.advance(now);
        self.phase = match (self.phase, running) {
            _ if wants_more => Phase::Growing { since: now },
            (Phase::Idle { since }, 0) => Phase::Idle { since },
            (_, 0) => Phase::Idle { since: now },
            _ => Phase::Steady,
        };
    }

    /// When one more batch may run, while the level grows.
    pub(super) fn next_step(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Growing { since } if self.level < u64::from(self.max) * THOUSAND => {
                let missing = THOUSAND - self.level % THOUSAND;
                Some(since.plus_millis((missing * PARTS).div_ceil(self.growth_per_minute * self.time_factor)))
            }
            _ => None,
        }
    }

    /// A batch failed: half as many at once, at least one.
    pub(super) fn back_off(&mut self) {
        self.level = (self.level / 2).max(THOUSAND);
    }

    /// A batch was handled: what [`Self::back_off`] took below the start comes back, one at a time.
    pub(super) fn recover(&mut self) {
        let start = u64::from(self.start) * THOUSAND;
        if self.level < start {
            self.level = (self.level + THOUSAND).min(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + ms)
    }

    /// A mapping that always has more messages than it may take: its limit at each of the instants.
    fn ramp(cap: Option<u32>, instants_ms: &[u64]) -> Vec<u32> {
        let mut scaling = Scaling::standard(at(0), cap);
        scaling.observe(at(0), 5, true);
        let mut limits = Vec::new();
        for ms in instants_ms {
            scaling.advance(at(*ms));
            limits.push(scaling.limit());
            scaling.observe(at(*ms), scaling.limit() as usize, true);
        }
        limits
    }

    #[test]
    fn five_at_first_three_hundred_more_a_minute_at_most_1250() {
        assert_eq!(
            ramp(None, &[0, 199, 200, 1_000, 60_000, 120_000, 249_000, 600_000]),
            [5, 5, 6, 10, 305, 605, 1_250, 1_250]
        );
    }

    #[test]
    fn maximum_concurrency_caps_start_and_ramp() {
        assert_eq!(ramp(Some(2), &[0, 60_000]), [2, 2]);
        assert_eq!(ramp(Some(7), &[0, 200, 60_000]), [5, 6, 7]);
    }

    #[test]
    fn steps_are_timed_only_while_messages_remain() {
        let mut scaling = Scaling::standard(at(0), None);
        assert_eq!(scaling.next_step(), None);
        scaling.observe(at(0), 5, true);
        assert_eq!(scaling.next_step(), Some(at(200)));
        scaling.observe(at(100), 5, false);
        assert_eq!(scaling.next_step(), None);
        scaling.advance(at(10_000));
        assert_eq!(scaling.limit(), 5, "no growth without messages that wait");
    }

    #[test]
    fn a_time_factor_makes_ramp_and_scaling_back_faster() {
        let mut scaling = Scaling::standard(at(0), None);
        scaling.speed_up(10);
        scaling.observe(at(0), 5, true);
        assert_eq!(scaling.next_step(), Some(at(20)));
        scaling.advance(at(6_000));
        assert_eq!(scaling.limit(), 305);
        scaling.observe(at(6_000), 0, false);
        scaling.advance(at(12_000));
        assert_eq!(scaling.limit(), 5);
    }

    #[test]
    fn idle_scales_back() {
        let mut scaling = Scaling::standard(at(0), None);
        scaling.observe(at(0), 5, true);
        scaling.observe(at(10_000), 55, false);
        assert_eq!(scaling.limit(), 55);
        scaling.observe(at(20_000), 0, false);
        scaling.advance(at(79_999));
        assert_eq!(scaling.limit(), 55, "a short pause keeps the level");
        scaling.advance(at(80_000));
        assert_eq!(scaling.limit(), 5);
    }

    #[test]
    fn failures_halve_and_successes_bring_back() {
        let mut scaling = Scaling::standard(at(0), None);
        let limits: Vec<u32> = (0..4).map(|_| (scaling.back_off(), scaling.limit()).1).collect();
        assert_eq!(limits, [2, 1, 1, 1]);
        let limits: Vec<u32> = (0..5).map(|_| (scaling.recover(), scaling.limit()).1).collect();
        assert_eq!(limits, [2, 3, 4, 5, 5]);
    }

    #[test]
    fn another_cap_keeps_the_level_it_allows() {
        let mut scaling = Scaling::standard(at(0), None);
        scaling.observe(at(0), 5, true);
        scaling.rebound(at(10_000), &Scaling::standard(at(10_000), Some(20)));
        assert_eq!(scaling.limit(), 20);
        scaling.rebound(at(10_000), &Scaling::standard(at(10_000), None));
        assert_eq!(scaling.limit(), 20, "and grows from there");
        scaling.advance(at(11_000));
        assert_eq!(scaling.limit(), 25);
    }

    #[test]
    fn provisioned_pollers_never_fall_below_their_least_and_grow_faster() {
        let pollers = Pollers { minimum: 2, maximum: 200 };
        let mut scaling = Scaling::provisioned(at(0), pollers, false);
        assert_eq!(scaling.limit(), 20, "two pollers of ten each");
        scaling.observe(at(0), 20, true);
        scaling.advance(at(60_000));
        assert_eq!(scaling.limit(), 1_020);
        scaling.advance(at(600_000));
        assert_eq!(scaling.limit(), 2_000);
        scaling.observe(at(600_000), 0, false);
        scaling.advance(at(660_000));
        assert_eq!(scaling.limit(), 20);
        scaling.rebound(at(660_000), &Scaling::provisioned(at(660_000), Pollers { minimum: 5, maximum: 5 }, false));
        assert_eq!(scaling.limit(), 50);
    }

    #[test]
    fn fifo_has_no_ramp() {
        assert_eq!(Scaling::fifo(at(0), None).limit(), CONCURRENCY_MAX);
        assert_eq!(Scaling::fifo(at(0), Some(3)).limit(), 3);
    }
}
