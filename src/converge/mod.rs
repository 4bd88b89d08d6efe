//! Makes a target what a plan says: observe, run the steps, wait until all is ready. Decides nothing about what to do: that is
//! the plan's; knows no protocol: that is a [`Provider`]'s.

mod apply;
mod event;
#[cfg(test)]
mod fake;
mod patience;
mod provider;
mod report;
#[cfg(test)]
mod tests;
mod wait;

pub use apply::apply;
pub use event::{Event, Progress};
pub use patience::Patience;
pub use provider::{ErrorKind, Provider, ProviderError};
pub use report::{Outcome, Report, StepReport};
pub use wait::{NotReady, wait_ready};
