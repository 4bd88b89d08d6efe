//! The regional pool: who may start one more invocation, and which limit says no. Pure arithmetic on counts.
//!
//! Concurrency is the number of invocations in flight. A reservation is guarantee and cap at once: nobody else can use the
//! reserved part, used or not (Lambda developer guide, "Understanding Lambda function scaling").

use super::{
    AccountActivity, ThrottleReason,
    environments::Kind,
    scaling::{Rate, TokenBucket},
};
use crate::engine::ThrottleLimit;

/// What of the pool is a function's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) reserved: Option<u32>,
    /// Started ahead; within the reservation when there is one.
    pub(super) provisioned: u32,
}

impl Share {
    /// What nobody else can use.
    pub(super) fn claimed(self) -> u32 {
        self.reserved.unwrap_or(self.provisioned)
    }
}

/// A function's invocations in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct InFlight {
    pub(super) on_demand: u32,
    pub(super) provisioned: u32,
}

/// The slots of one account and region.
#[derive(Debug)]
pub(super) struct Pool {
    limit: u32,
    /// What functions have as their own.
    claimed: u32,
    running: u32,
    /// Those of `running` that run on demand and whose function has no reservation.
    running_unreserved: u32,
    /// The most that ever ran at once.
    peak: u32,
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

    /// One invocation at a time.
    pub(super) fn debugged() -> Self {
        let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
        Self { limit: ThrottleLimit::Debugged, value: 1, reason }
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
    /// Those of them in environments that were started ahead.
    pub(super) running_provisioned: u32,
    pub(super) scaling: TokenBucket,
    /// Of a function with a reservation; the others share one.
    pub(super) requests: TokenBucket,
    pub(super) invocations: u64,
    pub(super) errors: u64,
    pub(super) throttles: u64,
    pub(super) cold_starts: u64,
    /// Invocations of provisioned versions that ran on demand.
    pub(super) spillovers: u64,
    /// Invocations in environments that were started ahead.
    pub(super) provisioned_invocations: u64,
    /// Starts of provisioned environments.
    pub(super) provisioning: TokenBucket,
    /// Requests to provisioned environments.
    pub(super) provisioned_requests: TokenBucket,
}

impl Load {
    /// Invocations in flight that run on demand.
    pub(super) fn on_demand(&self) -> u32 {
        self.running - self.running_provisioned
    }

    pub(super) fn in_flight(&self) -> InFlight {
        InFlight { on_demand: self.on_demand(), provisioned: self.running_provisioned }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self {
            running: 0,
            running_provisioned: 0,
            scaling: TokenBucket::full(),
            requests: TokenBucket::full(),
            invocations: 0,
            errors: 0,
            throttles: 0,
            cold_starts: 0,
            spillovers: 0,
            provisioned_invocations: 0,
            provisioning: TokenBucket::full(),
            provisioned_requests: TokenBucket::full(),
        }
    }
}

impl Pool {
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, claimed: 0, running: 0, running_unreserved: 0, peak: 0 }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// What of it is used.
    pub(super) fn activity(&self) -> AccountActivity {
        AccountActivity {
            limit: self.limit,
            claimed: self.claimed,
            running: self.running,
            running_unreserved: self.running_unreserved,
            peak: self.peak,
        }
    }

    /// What is nobody's own.
    pub(super) fn unreserved(&self) -> u32 {
        self.limit.saturating_sub(self.claimed)
    }

    /// Whether a function with that share and so many invocations in flight may start one more of that kind. What is
    /// provisioned is never spent on demand.
    pub(super) fn admit(&self, share: Share, running: InFlight, kind: Kind) -> Result<(), Throttle> {
        let reserved = share.reserved;
        let is_over = |cap: u32| {
            running.on_demand + running.provisioned >= cap
                || (kind == Kind::OnDemand && running.on_demand >= cap.saturating_sub(share.provisioned))
        };
        if let Some(cap) = reserved.filter(|cap| is_over(*cap)) {
            return Err(Throttle {
                limit: ThrottleLimit::Reserved,
                value: cap,
                reason: ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded,
            });
        }
        let unreserved = self.unreserved();
        // A new reservation may find the rest of the pool overdrawn for a while; the sum is never exceeded for it.
        let is_full = self.running >= self.limit;
        if is_full || (reserved.is_none() && kind == Kind::OnDemand && self.running_unreserved >= unreserved) {
            return Err(Throttle {
                limit: ThrottleLimit::Pool,
                value: if reserved.is_none() { unreserved } else { self.limit },
                reason: ThrottleReason::ConcurrentInvocationLimitExceeded,
            });
        }
        Ok(())
    }

    /// An invocation of that kind starts, of a function with that reservation.
    pub(super) fn acquire(&mut self, reserved: Option<u32>, kind: Kind) {
        self.running += 1;
        self.peak = self.peak.max(self.running);
        self.running_unreserved += u32::from(reserved.is_none() && kind == Kind::OnDemand);
    }

    /// An invocation of that kind ended, of a function with that reservation.
    pub(super) fn release(&mut self, reserved: Option<u32>, kind: Kind) {
        self.running -= 1;
        self.running_unreserved -= u32::from(reserved.is_none() && kind == Kind::OnDemand);
    }

    /// A function with so many invocations in flight on demand gets another share.
    pub(super) fn share(&mut self, old: Share, new: Share, on_demand: u32) {
        self.claimed = self.claimed - old.claimed() + new.claimed();
        match (old.reserved, new.reserved) {
            (None, Some(_)) => self.running_unreserved -= on_demand,
            (Some(_), None) => self.running_unreserved += on_demand,
            _ => {}
        }
    }

    /// Whether `new` in place of `old` leaves at least `minimum` to all.
    pub(super) fn leaves(&self, old: Share, new: Share, minimum: u32) -> bool {
        let claimed = u64::from(self.claimed) - u64::from(old.claimed()) + u64::from(new.claimed());
        claimed + u64::from(minimum) <= u64::from(self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(reserved: Option<u32>) -> Share {
        Share { reserved, provisioned: 0 }
    }

    fn running(on_demand: u32) -> InFlight {
        InFlight { on_demand, provisioned: 0 }
    }

    const POOL: Option<ThrottleLimit> = Some(ThrottleLimit::Pool);
    const RESERVED: Option<ThrottleLimit> = Some(ThrottleLimit::Reserved);

    /// Functions by their reservation; each entry of `starts` names one, `expected` what it met.
    fn check(limit: u32, reserved: &[Option<u32>], starts: &[(usize, u32, Option<ThrottleLimit>)]) {
        let mut pool = Pool::new(limit);
        let mut running = vec![0; reserved.len()];
        for cap in reserved {
            pool.share(share(None), share(*cap), 0);
        }
        for (function, times, expected) in starts {
            for _ in 0..*times {
                let met = pool
                    .admit(share(reserved[*function]), self::running(running[*function]), Kind::OnDemand)
                    .err()
                    .map(|throttle| throttle.limit);
                assert_eq!(met, *expected, "function {function} with {} running", running[*function]);
                if met.is_none() {
                    pool.acquire(reserved[*function], Kind::OnDemand);
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
            pool.acquire(None, Kind::OnDemand);
        }
        pool.share(share(None), share(Some(5)), 0);
        assert_eq!(pool.admit(share(Some(5)), running(0), Kind::OnDemand).unwrap_err().limit, ThrottleLimit::Pool);
        pool.release(None, Kind::OnDemand);
        assert_eq!(pool.admit(share(Some(5)), running(0), Kind::OnDemand), Ok(()));
        assert_eq!(pool.admit(share(None), running(9), Kind::OnDemand).unwrap_err().value, 5);
    }

    #[test]
    fn a_reservation_moves_what_runs() {
        let mut pool = Pool::new(10);
        pool.acquire(None, Kind::OnDemand);
        pool.share(share(None), share(Some(5)), 1);
        pool.release(Some(5), Kind::OnDemand);
        assert_eq!((pool.running, pool.running_unreserved, pool.unreserved()), (0, 0, 5));
        pool.acquire(Some(5), Kind::OnDemand);
        pool.share(share(Some(5)), share(None), 1);
        pool.release(None, Kind::OnDemand);
        assert_eq!((pool.running, pool.running_unreserved, pool.unreserved()), (0, 0, 10));
    }

    #[test]
    fn a_hundred_must_stay_unreserved() {
        let mut pool = Pool::new(1_000);
        assert!(pool.leaves(share(None), share(Some(900)), 100));
        assert!(!pool.leaves(share(None), share(Some(901)), 100));
        pool.share(share(None), share(Some(900)), 0);
        assert!(!pool.leaves(share(None), share(Some(1)), 100));
        assert!(pool.leaves(share(Some(900)), share(Some(900)), 100));
        assert!(pool.leaves(share(None), share(Some(0)), 100));
        assert!(!pool.leaves(share(None), share(Some(u32::MAX)), 100));
    }

    /// The worked example of "Understanding reserved and provisioned concurrency": of 400 reserved, 200 are provisioned; they
    /// serve provisioned environments alone, and the other 200 what spills over.
    #[test]
    fn what_is_provisioned_is_not_spent_on_demand() {
        let mut pool = Pool::new(1_000);
        let share = Share { reserved: Some(400), provisioned: 200 };
        pool.share(Share::default(), share, 0);
        assert_eq!(pool.unreserved(), 600);
        let met = |on_demand, provisioned, kind| {
            pool.admit(share, InFlight { on_demand, provisioned }, kind).err().map(|throttle| throttle.limit)
        };
        assert_eq!(met(199, 0, Kind::OnDemand), None);
        assert_eq!(met(200, 0, Kind::OnDemand), RESERVED);
        assert_eq!(met(200, 199, Kind::Provisioned), None);
        assert_eq!(met(201, 199, Kind::Provisioned), RESERVED, "the reservation is the cap of both");
    }

    #[test]
    fn provisioned_without_a_reservation_comes_from_the_pool() {
        let mut pool = Pool::new(1_000);
        let share = Share { reserved: None, provisioned: 300 };
        assert!(pool.leaves(Share::default(), Share { provisioned: 900, ..share }, 100));
        assert!(!pool.leaves(Share::default(), Share { provisioned: 901, ..share }, 100));
        pool.share(Share::default(), share, 0);
        assert_eq!(pool.unreserved(), 700);
        for _ in 0..700 {
            pool.acquire(None, Kind::OnDemand);
        }
        let met = |kind| pool.admit(share, InFlight::default(), kind).err().map(|throttle| throttle.limit);
        assert_eq!((met(Kind::OnDemand), met(Kind::Provisioned)), (POOL, None));
    }
}
