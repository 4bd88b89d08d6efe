//! Where the engine says what happens to itself: one line at a time, to whoever runs it.

use std::{fmt, sync::Arc};

/// Takes the engine's own messages. Never given a function's output or environment.
#[derive(Clone)]
pub struct Report(Arc<dyn Fn(&str) + Send + Sync>);

impl Report {
    /// Gives each message to `take`, which must not wait.
    pub fn new(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Says nothing to nobody.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// One message, in one line.
    pub fn say(&self, message: impl AsRef<str>) {
        (self.0)(message.as_ref());
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Report")
    }
}
