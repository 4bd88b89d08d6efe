//! The crate's only reader of the clock. Everything below gets time as an argument.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::model::Timestamp;

/// Wall time that never goes back: a step of the system's clock into the past holds it still until it is passed again.
#[derive(Debug, Default)]
pub struct Clock {
    latest_ms: AtomicU64,
}

impl Clock {
    /// A clock that has not been read.
    pub const fn new() -> Self {
        Self { latest_ms: AtomicU64::new(0) }
    }

    /// Now, and never earlier than any earlier answer.
    pub fn now(&self) -> Timestamp {
        self.not_before_latest(wall_ms())
    }

    fn not_before_latest(&self, wall_ms: u64) -> Timestamp {
        let latest = self.latest_ms.fetch_max(wall_ms, Ordering::Relaxed);
        Timestamp::from_millis(latest.max(wall_ms))
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
fn wall_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// An instant of the monotonic clock, for measuring how long something took; never for a deadline of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// What has passed since the start.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_into_the_past_holds_time_still() {
        let clock = Clock::new();
        let times = [5, 9, 3, 8, 12].map(|wall_ms| clock.not_before_latest(wall_ms).as_millis());
        assert_eq!(times, [5, 9, 9, 9, 12]);
        assert!(clock.now().as_millis() > 1_700_000_000_000);
    }
}
