//! The tags by which a stack knows its own. There is no state file: these are the state.

/// The name of the stack that owns the resource.
pub const TAG_STACK: &str = "stackctl:stack";
/// The resource's address in the manifest, for example `queues.example-queue`.
pub const TAG_ADDRESS: &str = "stackctl:address";
/// Digest of the artifact that a function was deployed from.
pub const TAG_BUILD: &str = "stackctl:artifact";
