//! How many of something happened in the last minute, in two counters: exact for the running minute, and for the part of
//! the minute before that is still within sixty seconds taken as evenly spread.

use crate::model::Timestamp;

const MINUTE_MS: u64 = 60_000;

/// Counts by the minute. Not kept across restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meter {
    /// Minutes since the epoch: which one is counted.
    minute: u64,
    this_minute: u32,
    minute_before: u32,
}

impl Meter {
    /// It happened once more.
    pub(super) fn count(&mut self, now: Timestamp) {
        *self = self.at(now);
        self.this_minute = self.this_minute.saturating_add(1);
    }

    /// How often it happened in the sixty seconds before `now`.
    pub(super) fn per_minute(&self, now: Timestamp) -> u64 {
        let counted = self.at(now);
        let still_within = MINUTE_MS - now.as_millis() % MINUTE_MS;
        u64::from(counted.this_minute) + (u64::from(counted.minute_before) * still_within).div_ceil(MINUTE_MS)
    }

    fn at(&self, now: Timestamp) -> Self {
        let minute = now.as_millis() / MINUTE_MS;
        match minute.saturating_sub(self.minute) {
            0 => *self,
            1 => Self { minute, this_minute: 0, minute_before: self.this_minute },
            _ => Self { minute, ..Self::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sixty_seconds_count() {
        let mut meter = Meter::default();
        let check = |meter: &Meter, at_s: u64, expected: u64| {
            assert_eq!(meter.per_minute(Timestamp::from_millis(at_s * 1000)), expected, "{at_s} s");
        };
        check(&meter, 600, 0);
        (600..630).for_each(|at_s| meter.count(Timestamp::from_millis(at_s * 1000)));
        check(&meter, 630, 30);
        check(&meter, 659, 30);
        check(&meter, 690, 15);
        check(&meter, 719, 1);
        check(&meter, 720, 0);
        meter.count(Timestamp::from_millis(900_000));
        check(&meter, 901, 1);
    }
}
