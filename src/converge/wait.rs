//! After the last step: until functions are active and mappings enabled.

use std::{fmt, future::Future, pin::pin, time::Duration};

use super::{Event, Patience, Progress, Provider, ProviderError};
use crate::stack::{Address, Desired, Observed, Readiness, Selection};

/// Why a stack is not ready.
#[derive(Clone, Debug, PartialEq)]
pub enum NotReady {
    /// These will not become ready by themselves, with the target's reasons.
    Failed(Vec<(Address, String)>),
    /// These were still on their way when patience ended.
    TimedOut { pending: Vec<(Address, String)>, after: Duration },
    /// The caller asked to stop.
    Cancelled,
    /// The target could not be asked.
    Unobserved(ProviderError),
}

/// Waits until all that is selected of `desired` is ready; returns how it was found then.
///
/// # Errors
/// What is not ready, and why.
pub async fn wait_ready<P: Provider>(
    (desired, selection): (&Desired, &Selection),
    provider: &P,
    patience: &Patience,
    progress: &Progress,
    cancelled: impl Future<Output = ()>,
) -> Result<Observed, NotReady> {
    let mut cancelled = pin!(cancelled);
    let mut waits = patience.ready.waits();
    let mut waited = Duration::ZERO;
    loop {
        let observed = tokio::select! {
            observed = provider.observe(desired) => observed.map_err(NotReady::Unobserved)?,
            () = &mut cancelled => return Err(NotReady::Cancelled),
        };
        let mut unready = observed.unready();
        unready.retain(|(address, _)| selection.contains(address));
        let (failed, pending) = split(unready);
        if !failed.is_empty() {
            return Err(NotReady::Failed(failed));
        }
        if pending.is_empty() {
            return Ok(observed);
        }
        progress.say(Event::Waiting { pending: &pending });
        let Some(wait) = waits.next() else { return Err(NotReady::TimedOut { pending, after: waited }) };
        tokio::select! {
            () = tokio::time::sleep(wait) => waited += wait,
            () = &mut cancelled => return Err(NotReady::Cancelled),
        }
    }
}

type Reasons = Vec<(Address, String)>;

fn split(unready: Vec<(Address, Readiness)>) -> (Reasons, Reasons) {
    let (mut failed, mut pending) = (Vec::new(), Vec::new());
    for (address, readiness) in unready {
        match readiness {
            Readiness::Ready => {}
            Readiness::Pending(state) => pending.push((address, state)),
            Readiness::Failed(reason) => failed.push((address, reason)),
        }
    }
    (failed, pending)
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: &Reasons| {
            items.iter().map(|(address, reason)| format!("`{address}` ({reason})")).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Failed(failed) => write!(f, "will not become ready: {}", list(failed)),
            Self::TimedOut { pending, after } => {
                write!(
                    f,
                    "not ready after {} s: {}; run `stackctl up` again to go on waiting",
                    after.as_secs(),
                    list(pending)
                )
            }
            Self::Cancelled => f.write_str("stopped while waiting until all is ready"),
            Self::Unobserved(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NotReady {}
