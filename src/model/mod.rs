//! Names, addresses, ARNs, limits, time and ids: the words that every other layer speaks.
//!
//! Pure values, parsed once into types that cannot be wrong. This module imports no other module of the crate.

mod access_key;
mod arn;
mod artifact;
mod container_names;
mod debugging;
mod durability;
mod function_isolation;
mod ids;
mod isolation;
pub mod limits;
mod names;
mod scope;
mod time;

pub use access_key::{account_of_access_key_id, issue_access_key_id};
pub use arn::{FunctionArn, MappingArn, QueueArn};
pub use artifact::{
    ARTIFACTS_BUCKET, ARTIFACTS_DIR, ArtifactDigest, BUILD_DIR, JAVA_RUNTIME_DIR, PACKAGES_DIR, RUNTIME_DIR,
};
pub use container_names::{HOST_NAME, HOST_NETWORK, image_name, network_name, resource_name};
pub use debugging::{DEBUG_VARIABLE, Debugging};
pub use durability::Durability;
pub use function_isolation::{BUILT_IMAGES, FunctionIsolation, TAG_BASE_IMAGE, TAG_ISOLATION};
pub use ids::IdSource;
pub use isolation::Isolation;
pub use names::{FunctionName, NameError, QueueName, StackName};
pub use scope::{AccountId, Region, Scope};
pub use time::Timestamp;
