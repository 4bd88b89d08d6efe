//! Lambda's refusals. HTTP statuses of each kind are in `wire`.

use std::fmt;

/// A Lambda error: its kind in the service model's words, and AWS's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LambdaError {
    pub kind: LambdaErrorKind,
    pub message: String,
}

/// The errors of the service model that the engine can answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LambdaErrorKind {
    /// Of another account; the service model leaves it out.
    AccessDenied,
    CodeSigningConfigNotFound,
    CodeVerificationFailed,
    InvalidParameterValue,
    InvalidRequestContent,
    /// 502 with the runtime's message: the environment could not be used.
    InvalidRuntime,
    InvalidZipFile,
    PolicyLengthExceeded,
    PreconditionFailed,
    ProvisionedConcurrencyConfigNotFound,
    /// A request whose body is too large, which the service model leaves out.
    RequestEntityTooLarge,
    /// A chain of requests has been through the function too often.
    RecursiveInvocation,
    RequestTooLarge,
    ResourceConflict,
    ResourceInUse,
    ResourceNotFound,
    ResourceNotReady,
    Service,
    TooManyRequests(ThrottleReason),
    /// `ValidationException`, which the service model leaves out: a value outside the model's constraints.
    Validation,
}

/// `Reason` of `TooManyRequestsException`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ThrottleReason {
    ConcurrentInvocationLimitExceeded,
    ReservedFunctionConcurrentInvocationLimitExceeded,
    FunctionInvocationRateLimitExceeded,
    ReservedFunctionInvocationRateLimitExceeded,
    CallerRateLimitExceeded,
}

impl LambdaError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: LambdaErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for LambdaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for LambdaError {}
