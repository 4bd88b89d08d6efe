//! The names that a stack's things have on a container engine: one pattern, so that `docker ps` says whose they are.

use super::StackName;

/// The stack's own network.
pub fn network_name(stack: &StackName) -> String {
    format!("stackctl-{stack}")
}

/// This machine's own network, for Docker and Podman.
pub const HOST_NETWORK: &str = "host";

/// What containers call the machine that they run on.
pub const HOST_NAME: &str = "host.docker.internal";

/// A container or a volume, by its key in the manifest.
pub fn resource_name(stack: &StackName, key: &str) -> String {
    format!("stackctl-{stack}-{key}")
}

/// The image that is built for a service; the tag is the start of its digest.
pub fn image_name(stack: &StackName, key: &str, digest: &str) -> String {
    let tag = digest.get(..IMAGE_TAG_DIGITS).unwrap_or(digest);
    // Docker takes no upper case in an image's name.
    format!("stackctl/{}-{}:{tag}", stack.as_str().to_lowercase(), key.to_lowercase())
}

/// Digits of a digest that tell the images of a service apart.
const IMAGE_TAG_DIGITS: usize = 16;
