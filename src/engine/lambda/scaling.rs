//! Rates: how fast a function may get new environments, and how many requests a second it may take. Pure arithmetic.

use crate::model::Timestamp;

/// So many units a second, of which at most `burst` can be saved up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) per_second: u64,
    pub(super) burst: u64,
}

impl Rate {
    /// New environments of one function: 1,000 every 10 s, refilled continuously and not accrued beyond that (Lambda
    /// developer guide, "Lambda scaling behavior").
    pub(super) const NEW_ENVIRONMENTS: Self = Self { per_second: 100, burst: 1_000 };

    /// Provisioned environments of one function: 6,000 a minute (Lambda developer guide, "Configuring provisioned
    /// concurrency for a function").
    pub(super) const PROVISIONING: Self = Self { per_second: 100, burst: 100 };

    /// The same, so many times as fast; what can be saved up stays.
    pub(super) fn times(self, factor: u32) -> Self {
        Self { per_second: self.per_second * u64::from(factor.max(1)), ..self }
    }

    /// Requests that `concurrency` may take: ten a second for each (Lambda developer guide, "Understanding concurrency
    /// and requests per second").
    pub(super) fn requests(concurrency: u32) -> Self {
        let per_second = u64::from(concurrency) * REQUESTS_PER_SLOT_PER_SECOND;
        Self { per_second, burst: per_second }
    }
}

const REQUESTS_PER_SLOT_PER_SECOND: u64 = 10;
/// A bucket counts thousandths, because a rate per second is that many thousandths per millisecond.
const THOUSANDTHS: u64 = 1_000;

/// What is left of a rate. Starts full.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenBucket {
    level: u64,
    filled_at: Timestamp,
}

impl TokenBucket {
    pub(super) fn full() -> Self {
        Self { level: u64::MAX, filled_at: Timestamp::from_millis(0) }
    }

    /// Takes one unit at `now`, if `rate` has one left. The rate is an argument, so that a changed setting counts at once.
    pub(super) fn take(&mut self, now: Timestamp, rate: Rate) -> bool {
        let refill = now.millis_since(self.filled_at).saturating_mul(rate.per_second);
        self.level = self.level.saturating_add(refill).min(rate.burst * THOUSANDTHS);
        self.filled_at = now;
        match self.level.checked_sub(THOUSANDTHS) {
            Some(left) => {
                self.level = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(bucket: &mut TokenBucket, now_ms: u64, rate: Rate) -> u64 {
        let mut taken = 0;
        while bucket.take(Timestamp::from_millis(now_ms), rate) {
            taken += 1;
        }
        taken
    }

    #[test]
    fn a_thousand_environments_every_ten_seconds() {
        let mut bucket = TokenBucket::full();
        let rate = Rate::NEW_ENVIRONMENTS;
        assert_eq!(take_all(&mut bucket, 0, rate), 1_000, "at once");
        assert_eq!(take_all(&mut bucket, 9, rate), 0, "the next one takes 10 ms");
        assert_eq!(take_all(&mut bucket, 10, rate), 1);
        assert_eq!(take_all(&mut bucket, 1_010, rate), 100, "continuously, not every ten seconds");
        assert_eq!(take_all(&mut bucket, 1_000_000, rate), 1_000, "what was not used is not saved up");
    }

    #[test]
    fn ten_requests_a_second_for_each_slot() {
        let mut bucket = TokenBucket::full();
        assert_eq!(take_all(&mut bucket, 5, Rate::requests(2)), 20);
        assert_eq!(take_all(&mut bucket, 505, Rate::requests(2)), 10);
        assert_eq!(take_all(&mut bucket, 1_505, Rate::requests(0)), 0);
    }
}
