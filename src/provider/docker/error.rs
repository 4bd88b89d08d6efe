//! From the engine's errors to what `converge` does about them.

use crate::{
    converge::{ErrorKind, ProviderError},
    docker::{Error, ErrorKind as DockerKind},
    stack::Address,
};

/// The error of a call about `resource`.
pub(super) fn failed(operation: &'static str, error: &Error) -> ProviderError {
    let kind = match error.kind {
        DockerKind::NotFound => ErrorKind::Gone,
        DockerKind::NotRunning | DockerKind::NoPermission | DockerKind::Unsupported => ErrorKind::Unreachable,
        // A container that goes keeps its network and volumes for a moment.
        DockerKind::InUse => ErrorKind::Busy,
        _ => ErrorKind::Refused,
    };
    ProviderError {
        operation,
        resource: error.about.clone(),
        code: None,
        message: error.message.clone(),
        hint: error.hint(),
        kind,
    }
}

/// A call that is not one to a container engine.
pub(super) fn not_ours(operation: &'static str, address: &Address) -> ProviderError {
    refused(operation, &address.to_string(), "a container engine does not do this")
}

/// An error in words of our own.
pub(super) fn refused(operation: &'static str, resource: &str, message: impl Into<String>) -> ProviderError {
    ProviderError {
        operation,
        resource: resource.to_owned(),
        code: None,
        message: message.into(),
        hint: None,
        kind: ErrorKind::Refused,
    }
}
