//! What a caller hears while a stack converges.

use std::{fmt, sync::Arc, time::Duration};

use super::ProviderError;
use crate::{plan::Step, stack::Address};

/// Where events go. Called from several tasks; must not block.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Event<'_>) + Send + Sync>);

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    StepStarted {
        step: &'a Step,
    },
    /// The call was refused for now; it is made again after `wait`.
    Retrying {
        step: &'a Step,
        /// Attempts so far.
        attempts: u32,
        error: &'a ProviderError,
        wait: Duration,
    },
    StepDone {
        step: &'a Step,
        took: Duration,
    },
    StepFailed {
        step: &'a Step,
        error: &'a ProviderError,
    },
    /// All steps are done; these have yet to become ready, with the target's words for why.
    Waiting {
        pending: &'a [(Address, String)],
    },
}

impl Progress {
    /// Events go to `sink`.
    pub fn new(sink: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Nobody listens.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    pub(super) fn say(&self, event: Event<'_>) {
        (self.0)(event);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
