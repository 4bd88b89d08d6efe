//! Targets that can be converged on: each a [`crate::converge::Provider`].

mod aws;
mod docker;
mod whole;

pub use aws::{AwsProvider, Endpoint};
pub use docker::{DockerProvider, Said};
pub use whole::WholeProvider;
