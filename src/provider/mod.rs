//! Targets that can be converged on: each a [`crate::converge::Provider`].

mod aws;
mod docker;
mod whole;

pub use aws::{AccessError, AwsProvider, Connection, Endpoint, Identity, Packages};
pub use docker::{DockerProvider, Said};
pub use whole::WholeProvider;
