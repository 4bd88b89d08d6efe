//! Targets that can be converged on: each a [`crate::converge::Provider`].

mod aws;

pub use aws::{AwsProvider, Endpoint};
