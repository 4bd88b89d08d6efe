//! Where effects that are no records and no replies go: processes and those who follow logs.

use std::fmt;

use crate::engine::Effect;

/// Carries out effects. Called by the driver's leader, in the order of transitions, outside the engine's lock.
pub trait Outlet: fmt::Debug + Send + Sync {
    /// Carries out one effect; never a record or a reply. Must not wait, and must not call the driver.
    fn deliver(&self, generation: Generation, effect: Effect);

    /// A function of this runtime is being made: what its environments need may be looked for. As [`Self::deliver`].
    fn prepare(&self, _runtime: &str) {}

    /// The engine was discarded because of `why`: every environment is to be killed. Must not call the driver.
    fn discard(&self, why: &str);
}

/// Which engine since the start of the process: each recovery begins a new one. Environment ids begin anew with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u64);

impl Generation {
    /// The first engine's.
    pub const FIRST: Self = Self(0);

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// A seed of this generation's own.
    pub(super) fn seed(self, base: u64) -> u64 {
        // 2^64 divided by the golden ratio: neighbouring generations get distant seeds.
        base ^ self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
