//! What a target must be able to do, and how it says that it could not.

use std::{collections::BTreeMap, fmt, future::Future};

use serde::Serialize;

use crate::{
    model::FunctionName,
    plan::Step,
    stack::{Desired, Observed, ObservedFunction},
};

/// A target's API. Each method is safe to call again: what a call left undone is seen by the next observation.
pub trait Provider: Send + Sync + 'static {
    /// What is on the target of the stack, and what has a name that `desired` wants.
    fn observe(&self, desired: &Desired) -> impl Future<Output = Result<Observed, ProviderError>> + Send;

    /// Some functions alone, as they are now; without those that do not exist. For those who wait for one of many.
    fn look_at(
        &self,
        desired: &Desired,
        functions: &[FunctionName],
    ) -> impl Future<Output = Result<BTreeMap<FunctionName, ObservedFunction>, ProviderError>> + Send {
        async {
            let mut observed = self.observe(desired).await?.functions;
            observed.retain(|name, _| functions.contains(name));
            Ok(observed)
        }
    }

    /// Makes the step's one call. Waits for nothing: what the target does afterwards is in the next observation.
    fn apply(&self, step: &Step) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// Why a call failed. `Display` is a line for people, the hint not included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProviderError {
    /// AWS's name of the operation.
    pub operation: &'static str,
    /// What it was about: a name, an ARN or a URL.
    pub resource: String,
    /// AWS's code of the error, when the target answered with one.
    pub code: Option<String>,
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    pub kind: ErrorKind,
}

/// What can be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The queue's name was in use until a moment ago: SQS gives it out again after 60 s (`QueueDeletedRecently`).
    NameStillTaken,
    /// Another change of the resource is under way (`ResourceConflictException`, `ResourceInUseException`).
    Busy,
    /// What the call refers to is not known everywhere yet: a new role, a new queue.
    NotPropagated,
    /// What the step waits for is not so yet: a service that starts.
    Awaiting,
    /// What the call is about does not exist.
    Gone,
    /// The target does not have this operation.
    Lacking,
    /// Nobody answered.
    Unreachable,
    /// Anything else: asking again would change nothing.
    Refused,
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}`: ", self.operation, self.resource)?;
        match &self.code {
            Some(code) if self.message.is_empty() => f.write_str(code),
            Some(code) => write!(f, "{code}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for ProviderError {}
