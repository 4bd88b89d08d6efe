//! Refusals of IAM and STS. Statuses are in `wire`.

use std::fmt;

/// A refusal: its kind in the service models' words, and AWS's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityError {
    pub kind: IdentityErrorKind,
    pub message: String,
}

/// The errors that the engine can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityErrorKind {
    DeleteConflict,
    EntityAlreadyExists,
    ExpiredToken,
    InvalidInput,
    LimitExceeded,
    MalformedPolicyDocument,
    NoSuchEntity,
    Validation,
}

impl IdentityError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: IdentityErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn no_such_entity(message: impl Into<String>) -> Self {
        Self::new(IdentityErrorKind::NoSuchEntity, message)
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for IdentityError {}
