//! The regional pool: who may start one more invocation, and which limit says no. Pure arithmetic on counts.
//!
//! Concurrency is the number of invocations in flight. A reservation is guarantee and cap at once: nobody else can use the
//! reserved part, used or not (Lambda developer guide, "Understanding Lambda function scaling").

use super::{
    ThrottleReason,
    scaling::{Rate, TokenBucket},
};
use crate::engine::ThrottleLimit;

/// The slots of one account and region.
#[derive(Debug)]
pub(super) struct Pool {
    limit: u32,
    reserved: u32,
    running: u32,
    /// Those of `running` whose function has no reservation.
    running_unreserved: u32,
}

/// Which limit was met, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Throttle {
    pub(super) limit: ThrottleLimit,
    pub(super) value: u32,
    pub(super) reason: ThrottleReason,
}

impl Throttle {
    /// Ten requests a second for each of `concurrency` slots.
    pub(super) fn request_rate(is_reserved: bool, concurrency: u32) -> Self {
        let reason = if is_reserved {
            ThrottleReason::ReservedFunctionInvocationRateLimitExceeded
        } else {
            ThrottleReason::FunctionInvocationRateLimitExceeded
        };
        let value = u32::try_from(Rate::requests(concurrency).per_second).unwrap_or(u32::MAX);
        Self { limit: ThrottleLimit::RequestRate, value, reason }
    }

    /// So many new environments every 10 s.
    pub(super) fn scaling_rate() -> Self {
        Self {
            limit: ThrottleLimit::ScalingRate,
            value: u32::try_from(Rate::NEW_ENVIRONMENTS.burst).unwrap_or(u32::MAX),
            reason: ThrottleReason::ConcurrentInvocationLimitExceeded,
        }
    }
}

/// What a function does with its share, and counters since the engine started.
#[derive(Debug)]
pub(super) struct Load {
    /// Invocations in flight.
    pub(super) running: u32,
    pub(super) scaling: TokenBucket,
    /// Of a function with a reservation; the others share one.
    pub(super) requests: TokenBucket,
    pub(super) invocations: u64,
    pub(super) errors: u64,
    pub(super) throttles: u64,
    pub(super) cold_starts: u64,
}

impl Default for Load {
    fn default() -> Self {
        let (scaling, requests) = (TokenBucket::full(), TokenBucket::full());
        Self { running: 0, scaling, requests, invocations: 0, errors: 0, throttles: 0, cold_starts: 0 }
    }
}

impl Pool {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, reserved: 0, running: 0, running_unreserved: 0 }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// What functions without a reservation share.
    pub(super) fn unreserved(&self) -> u32 {
        self.limit.saturating_sub(self.reserved)
    }

    /// Whether a function with that reservation and so many invocations in flight may start one more.
    pub(super) fn admit(&self, reserved: Option<u32>, running: u32) -> Result<(), Throttle> {
        if let Some(cap) = reserved.filter(|cap| running >= *cap) {
            return Err(Throttle {
                limit: ThrottleLimit::Reserved,
                value: cap,
                reason: ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
            });
        }
        let unreserved = self.unreserved();
        // A new reservation may find the rest of the pool overdrawn for a while; the sum is never exceeded for it.
        let is_full = self.running >= self.limit;
        if is_full || (reserved.is_none() && self.running_unreserved >= unreserved) {
            return Err(Throttle {
                limit: ThrottleLimit::Pool,
                value: if reserved.is_none() { unreserved } else { self.limit },
                reason: ThrottleReason::ConcurrentInvocationLimitExceeded,
            });
        }
        Ok(())
    }

    /// An invocation of a function with that reservation starts.
    pub(super) fn acquire(&mut self, reserved: Option<u32>) {
        self.running += 1;
        self.running_unreserved += u32::from(reserved.is_none());
    }

    /// An invocation of a function with that reservation ended.
    pub(super) fn release(&mut self, reserved: Option<u32>) {
        self.running -= 1;
        self.running_unreserved -= u32::from(reserved.is_none());
    }

    /// A function with `running` invocations in flight gets another reservation, or none.
    pub(super) fn reserve(&mut self, old: Option<u32>, new: Option<u32>, running: u32) {
        self.reserved = self.reserved - old.unwrap_or(0) + new.unwrap_or(0);
        match (old, new) {
            (None, Some(_)) => self.running_unreserved -= running,
            (Some(_), None) => self.running_unreserved += running,
            _ => {}
        }
    }

    /// Whether a reservation of `new` in place of `old` leaves at least `minimum` unreserved.
    pub(super) fn leaves(&self, old: Option<u32>, new: u32, minimum: u32) -> bool {
        let reserved = u64::from(self.reserved) - u64::from(old.unwrap_or(0)) + u64::from(new);
        reserved + u64::from(minimum) <= u64::from(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: Option<ThrottleLimit> = Some(ThrottleLimit::Pool);
    const RESERVED: Option<ThrottleLimit> = Some(ThrottleLimit::Reserved);

    /// Functions by their reservation; each entry of `starts` names one, `expected` what it met.
    fn check(limit: u32, reserved: &[Option<u32>], starts: &[(usize, u32, Option<ThrottleLimit>)]) {
        let mut pool = Pool::new(limit);
        let mut running = vec![0; reserved.len()];
        for cap in reserved {
            pool.reserve(None, *cap, 0);
        }
        for (function, times, expected) in starts {
            for _ in 0..*times {
                let met = pool.admit(reserved[*function], running[*function]).err().map(|throttle| throttle.limit);
                assert_eq!(met, *expected, "function {function} with {} running", running[*function]);
                if met.is_none() {
                    pool.acquire(reserved[*function]);
                    running[*function] += 1;
                }
            }
        }
    }

    /// The worked example of "Configuring reserved concurrency": 1,000 in the account, 400 each reserved for
    /// `function-blue` and `function-orange`, and 200 left for all others.
    #[test]
    fn two_reservations_of_400_leave_200() {
        let reserved = [Some(400), Some(400), None, None];
        check(1_000, &reserved, &[(2, 150, None), (3, 50, None), (3, 1, POOL), (2, 1, POOL), (0, 400, None)]);
        check(1_000, &reserved, &[(0, 400, None), (0, 1, RESERVED), (2, 200, None), (2, 1, POOL), (1, 400, None)]);
    }

    #[test]
    fn zero_stops_a_function() {
        check(1_000, &[Some(0), None], &[(0, 1, RESERVED), (1, 1_000, None), (1, 1, POOL)]);
    }

    #[test]
    fn a_reservation_made_while_others_run_never_exceeds_the_sum() {
        let mut pool = Pool::new(10);
        for _ in 0..10 {
            pool.acquire(None);
        }
        pool.reserve(None, Some(5), 0);
        assert_eq!(pool.admit(Some(5), 0).unwrap_err().limit, ThrottleLimit::Pool);
        pool.release(None);
        assert_eq!(pool.admit(Some(5), 0), Ok(()));
        assert_eq!(pool.admit(None, 9).unwrap_err().value, 5);
    }

    #[test]
    fn a_reservation_moves_what_runs() {
        let mut pool = Pool::new(10);
        pool.acquire(None);
        pool.reserve(None, Some(5), 1);
        pool.release(Some(5));
        assert_eq!((pool.running, pool.running_unreserved, pool.unreserved()), (0, 0, 5));
        pool.acquire(Some(5));
        pool.reserve(Some(5), None, 1);
        pool.release(None);
        assert_eq!((pool.running, pool.running_unreserved, pool.unreserved()), (0, 0, 10));
    }

    #[test]
    fn a_hundred_must_stay_unreserved() {
        let mut pool = Pool::new(1_000);
        assert!(pool.leaves(None, 900, 100));
        assert!(!pool.leaves(None, 901, 100));
        pool.reserve(None, Some(900), 0);
        assert!(!pool.leaves(None, 1, 100));
        assert!(pool.leaves(Some(900), 900, 100));
        assert!(pool.leaves(None, 0, 100));
        assert!(!pool.leaves(None, u32::MAX, 100));
    }
}
