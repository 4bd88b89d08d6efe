//! Names, addresses, ARNs, limits, time and ids: the words that every other layer speaks.
//!
//! Pure values, parsed once into types that cannot be wrong. This module imports no other module of the crate.

mod arn;
mod artifact;
mod container_names;
mod durability;
mod ids;
pub mod limits;
mod names;
mod scope;
mod time;

pub use arn::{FunctionArn, MappingArn, QueueArn};
pub use artifact::{ARTIFACTS_BUCKET, ARTIFACTS_DIR, ArtifactDigest};
pub use container_names::{image_name, network_name, resource_name};
pub use durability::Durability;
pub use ids::IdSource;
pub use names::{FunctionName, NameError, QueueName, StackName};
pub use scope::{AccountId, Region, Scope};
pub use time::Timestamp;
