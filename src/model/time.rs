//! Wall time as an argument: nothing in this crate's pure layers reads a clock.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, as the caller's clock gave them.
///
/// Wall time and not a monotonic clock, because deadlines must survive a restart; the driver clamps it so that it never
/// goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant `ms` milliseconds after the epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, as AWS prints queue timestamps.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// In UTC, as `format` has it (`strftime`); times that no calendar knows are the epoch's.
    pub fn utc(self, format: &str) -> String {
        let ms = i64::try_from(self.0).unwrap_or(0);
        jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime(format).to_string()
    }

    /// The instant `ms` milliseconds later; stays at the end of time instead of overflowing.
    #[must_use]
    pub const fn plus_millis(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The instant `secs` seconds later.
    #[must_use]
    pub const fn plus_secs(self, secs: u64) -> Self {
        self.plus_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds from `earlier` to this instant; zero when `earlier` is later.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}
