//! Targets that can be converged on: each a [`crate::converge::Provider`].

mod aws;
mod docker;
mod whole;

pub use aws::{AccessError, AwsProvider, BundleError, Connection, Endpoint, Identity, Packages, Trust};
pub use docker::{DockerProvider, Said};
pub use whole::WholeProvider;
