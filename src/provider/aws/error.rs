//! From the SDKs' errors to what can be done about them.

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::converge::{ErrorKind, ProviderError};

/// What the call was, for its errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) operation: &'static str,
    pub(super) resource: &'a str,
}

impl About<'_> {
    /// The error of this call.
    pub(super) fn failed<E, R>(self, error: &SdkError<E, R>) -> ProviderError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        match error.as_service_error() {
            Some(service) => self.refused(service.code(), service.message()),
            None => self.unanswered(error),
        }
    }

    pub(super) fn refused(self, code: Option<&str>, message: Option<&str>) -> ProviderError {
        // The code of a query-compatible error has the older protocol's prefix.
        let code = code.map(|code| code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code));
        let message = message.unwrap_or_default();
        let kind = kind(self.operation, code.unwrap_or_default(), message);
        ProviderError {
            operation: self.operation,
            resource: self.resource.to_owned(),
            code: code.map(str::to_owned),
            message: message.to_owned(),
            hint: code.and_then(hint),
            kind,
        }
    }

    fn unanswered<E, R>(self, error: &SdkError<E, R>) -> ProviderError
    where
        E: Error + 'static,
        R: std::fmt::Debug + 'static,
    {
        let kind = match error {
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => ErrorKind::Unreachable,
            _ => ErrorKind::Refused,
        };
        ProviderError {
            operation: self.operation,
            resource: self.resource.to_owned(),
            code: None,
            message: innermost(error),
            hint: None,
            kind,
        }
    }
}

/// The cause at the bottom says what happened; those above say where.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

fn kind(operation: &str, code: &str, message: &str) -> ErrorKind {
    match code {
        "QueueDeletedRecently" => ErrorKind::NameStillTaken,
        "QueueDoesNotExist"
        | "NonExistentQueue"
        | "ResourceNotFoundException"
        | "ObjectNotFoundException"
        | "ProvisionedConcurrencyConfigNotFoundException" => ErrorKind::Gone,
        // `Function already exist: NAME` is no matter of time.
        "ResourceConflictException" if operation == "CreateFunction" => ErrorKind::Refused,
        "ResourceConflictException" | "ResourceInUseException" | "ConcurrentUpdateException" => ErrorKind::Busy,
        "InvalidParameterValueException" if is_not_propagated(message) => ErrorKind::NotPropagated,
        _ => ErrorKind::Refused,
    }
}

/// A role that IAM has just made, and a queue or a permission that Lambda does not see yet.
fn is_not_propagated(message: &str) -> bool {
    message.contains("cannot be assumed by Lambda") || message.contains("NonExistentQueue")
}

fn hint(code: &str) -> Option<String> {
    let hint = match code {
        "AccessDenied" | "AccessDeniedException" | "AccessDeniedFault" => {
            "the credentials of this target lack the permission for this call"
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "ExpiredToken" | "ExpiredTokenException" => {
            "sign in again: the target does not know these credentials"
        }
        "QueueNameExists" | "QueueAlreadyExists" => {
            "somebody made it at the same time; `stackctl plan` shows what is there now"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_codes_and_messages() {
        let check = |operation, code, message, expected| {
            assert_eq!(kind(operation, code, message), expected, "{operation} {code} {message}");
        };
        check("CreateQueue", "QueueDeletedRecently", "", ErrorKind::NameStillTaken);
        check("DeleteQueue", "NonExistentQueue", "", ErrorKind::Gone);
        check("CreateFunction", "ResourceConflictException", "Function already exist: f", ErrorKind::Refused);
        let in_progress = "The operation cannot be performed at this time. An update is in progress for resource";
        check("UpdateFunctionCode", "ResourceConflictException", in_progress, ErrorKind::Busy);
        let role = "The role defined for the function cannot be assumed by Lambda.";
        check("CreateFunction", "InvalidParameterValueException", role, ErrorKind::NotPropagated);
        check("CreateFunction", "InvalidParameterValueException", "MemorySize", ErrorKind::Refused);
    }

    #[test]
    fn an_answer_becomes_a_line() {
        let about = About { operation: "DeleteQueue", resource: "q" };
        let error = about.refused(Some("AWS.SimpleQueueService.NonExistentQueue"), Some("no such queue"));
        assert_eq!(error.to_string(), "DeleteQueue of `q`: NonExistentQueue: no such queue");
    }
}
