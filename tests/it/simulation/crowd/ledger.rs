//! What runs, counted from outside, and the limits that were agreed to. Each start is checked when it is seen.

use stackctl::model::Timestamp;

use super::tally::Tally;

/// New environments of one function: a thousand at once, and a hundred more each second.
const SCALING_BURST: u64 = 1_000;
const SCALING_PER_SECOND: u64 = 100;
/// An invocation that was let in may wait this long for an environment on its way back. Until then a limit that has changed
/// is not yet one that its start can be held against.
const GRACE_MS: u64 = 50;

#[derive(Clone, Debug)]
struct Function {
    on_demand: u32,
    ahead: u32,
    reserved: Option<u32>,
    provisioned: u32,
    changed_at: Timestamp,
    /// Thousandths of environments that may start.
    level: u64,
    filled_at: Timestamp,
}

pub(super) struct Ledger {
    functions: Vec<Function>,
    pool: u32,
    running: u32,
    /// Those on demand, of functions without a reservation.
    unreserved: u32,
    claimed: u32,
    changed_at: Timestamp,
    now: Timestamp,
    peak: u32,
    /// Starts that used up a reservation, the scaling rate, and what is nobody's own.
    filled_reservations: u32,
    used_up_rates: u32,
    filled_rest: u32,
}

impl Ledger {
    pub(super) fn new(functions: usize, pool: u32) -> Self {
        let never = Timestamp::from_millis(0);
        let function = Function {
            on_demand: 0,
            ahead: 0,
            reserved: None,
            provisioned: 0,
            changed_at: never,
            level: SCALING_BURST * 1_000,
            filled_at: never,
        };
        Self {
            functions: vec![function; functions],
            pool,
            running: 0,
            unreserved: 0,
            claimed: 0,
            changed_at: never,
            now: never,
            peak: 0,
            filled_reservations: 0,
            used_up_rates: 0,
            filled_rest: 0,
        }
    }

    pub(super) fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(super) fn running(&self, function: usize) -> u32 {
        self.functions[function].on_demand + self.functions[function].ahead
    }

    pub(super) fn provisioned_of(&self, function: usize) -> u32 {
        self.functions[function].provisioned
    }

    pub(super) fn claimed(&self) -> u32 {
        self.claimed
    }

    /// A reservation is asked for; gives the one before.
    pub(super) fn reserved(&mut self, number: usize, slots: Option<u32>) -> Option<u32> {
        let function = &mut self.functions[number];
        match (function.reserved.is_some(), slots.is_some()) {
            (false, true) => self.unreserved -= function.on_demand,
            (true, false) => self.unreserved += function.on_demand,
            _ => {}
        }
        let before = std::mem::replace(&mut function.reserved, slots);
        self.changed(number, before.unwrap_or(self.functions[number].provisioned));
        before
    }

    /// Provisioned environments are asked for; gives how many there were to be before.
    pub(super) fn provisioned(&mut self, number: usize, count: u32) -> u32 {
        let function = &mut self.functions[number];
        let before = std::mem::replace(&mut function.provisioned, count);
        self.changed(number, self.functions[number].reserved.unwrap_or(before));
        before
    }

    fn changed(&mut self, number: usize, claimed_before: u32) {
        let function = &mut self.functions[number];
        self.claimed = self.claimed - claimed_before + function.reserved.unwrap_or(function.provisioned);
        function.changed_at = self.now;
        self.changed_at = self.now;
    }

    /// An environment starts for an invocation; `replaces` when the invocation had a slot already.
    pub(super) fn launched(&mut self, number: usize, replaces: bool) {
        self.start(number, false);
        if !replaces {
            self.take_from_rate(number);
            self.check(number, false);
        }
    }

    /// An environment that had nothing to do is given an invocation.
    pub(super) fn began(&mut self, number: usize, is_ahead: bool) {
        self.start(number, is_ahead);
        self.check(number, is_ahead);
    }

    fn start(&mut self, number: usize, is_ahead: bool) {
        let function = &mut self.functions[number];
        if is_ahead {
            function.ahead += 1;
        } else {
            function.on_demand += 1;
            self.unreserved += u32::from(function.reserved.is_none());
        }
        self.running += 1;
        self.peak = self.peak.max(self.running);
        assert!(self.running <= self.pool, "{} run", self.running);
    }

    pub(super) fn ended(&mut self, number: usize, is_ahead: bool) {
        let function = &mut self.functions[number];
        self.running -= 1;
        if is_ahead {
            function.ahead -= 1;
        } else {
            function.on_demand -= 1;
            self.unreserved -= u32::from(function.reserved.is_none());
        }
    }

    /// What has just started must have found room. What started before a change may be more than there is room for now.
    fn check(&mut self, number: usize, is_ahead: bool) {
        let function = &self.functions[number];
        let is_settled = |changed_at: Timestamp| self.now.millis_since(changed_at) > GRACE_MS;
        if let Some(reserved) = function.reserved.filter(|_| is_settled(function.changed_at)) {
            assert!(function.on_demand + function.ahead <= reserved, "f{number}: {function:?}");
            // What is started ahead is never spent on demand.
            let on_demand_max = reserved - function.provisioned.min(reserved);
            assert!(is_ahead || function.on_demand <= on_demand_max, "f{number}: {function:?}");
            self.filled_reservations += u32::from(function.on_demand + function.ahead == reserved);
        }
        if !is_ahead && function.reserved.is_none() && is_settled(self.changed_at) {
            let rest = self.pool - self.claimed;
            assert!(self.unreserved <= rest, "{} run in the rest of {rest}", self.unreserved);
            self.filled_rest += u32::from(self.unreserved == rest);
        }
    }

    fn take_from_rate(&mut self, number: usize) {
        let now = self.now;
        let function = &mut self.functions[number];
        let refill = now.millis_since(function.filled_at) * SCALING_PER_SECOND;
        function.level = (function.level + refill).min(SCALING_BURST * 1_000);
        function.filled_at = now;
        assert!(function.level >= 1_000, "f{number} scales too fast");
        function.level -= 1_000;
        self.used_up_rates += u32::from(function.level < 1_000);
    }

    pub(super) fn assert_at_rest(&self) {
        assert_eq!((self.running, self.unreserved, self.claimed), (0, 0, 0));
        assert!(self.functions.iter().all(|function| function.on_demand + function.ahead == 0));
    }

    /// Which limits were used up, as seen from outside.
    pub(super) fn count(&self, tally: &mut Tally) {
        tally.add_many("most that ran at once", self.peak as usize);
        tally.add_many("starts that filled a reservation", self.filled_reservations as usize);
        tally.add_many("starts that used up the scaling rate", self.used_up_rates as usize);
        tally.add_many("starts that filled what is unreserved", self.filled_rest as usize);
    }
}
