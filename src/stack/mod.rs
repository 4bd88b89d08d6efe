//! What a stack is, twice: as the manifest wants it ([`Desired`]) and as a target has it ([`Observed`]). Pure values.

/// The alias that names the version which triggers invoke, of functions with provisioned concurrency.
pub const LIVE_ALIAS: &str = "live";

/// The scaling policy of functions whose provisioned concurrency follows the load.
pub const SCALING_POLICY: &str = "stackctl-utilization";

mod containers;
mod desired;
mod layers;
mod observed;
#[cfg(test)]
pub(crate) mod samples;
mod selection;
mod services;
mod tags;
mod targets;
mod toolchain;

pub use containers::*;
pub use desired::*;
pub use layers::*;
pub use observed::*;
pub use selection::Selection;
pub use services::*;
pub use tags::{AWS_TAG_PREFIX, TAG_ADDRESS, TAG_BUILD, TAG_STACK, Tags};
pub use targets::*;
pub use toolchain::Toolchain;
