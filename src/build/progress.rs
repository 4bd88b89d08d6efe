//! Where a build says what it does, while it does it.

use std::{fmt, sync::Arc};

/// Something that a build does. Displays as one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildEvent<'a> {
    /// A command is run; as somebody would type it.
    Started(&'a str),
    /// A line of its output.
    Line(&'a str),
    /// It has ended, well or not; as it was started.
    Ended(&'a str),
    /// Something that nobody asked for, but that will surprise.
    Warning(&'a str),
}

impl fmt::Display for BuildEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started(command) => write!(f, "$ {command}"),
            Self::Line(line) => f.write_str(line),
            Self::Ended(command) => write!(f, "ended: {command}"),
            Self::Warning(text) => write!(f, "warning: {text}"),
        }
    }
}

/// Takes the events of one build.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(BuildEvent<'_>) + Send + Sync>);

impl Progress {
    /// Gives each event to `take`, which must not wait.
    pub fn new(take: impl Fn(BuildEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Tells an event.
    pub fn tell(&self, event: BuildEvent<'_>) {
        (self.0)(event);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
