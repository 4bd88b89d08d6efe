//! From the SDKs' errors to what can be done about them.

use std::error::Error;

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
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
    pub(super) fn failed<E>(self, error: &SdkError<E, HttpResponse>) -> ProviderError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error.as_service_error() {
            _ if is_lacking(error) => self.lacking(error),
            Some(service) => self.refused(service.code(), service.message()),
            None => self.unanswered(error),
        }
    }

    fn lacking<E: ProvideErrorMetadata>(self, error: &SdkError<E, HttpResponse>) -> ProviderError {
        ProviderError {
            operation: self.operation,
            resource: self.resource.to_owned(),
            code: error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned),
            message: "this target does not have the operation".to_owned(),
            hint: Some(
                "take what needs it out of the manifest, or keep it in a profile for targets that have it".to_owned(),
            ),
            kind: ErrorKind::Lacking,
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

    fn unanswered<E: Error + 'static>(self, error: &SdkError<E, HttpResponse>) -> ProviderError {
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
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// Whether the target does not know what it was asked: endpoints that are not AWS serve a part of its APIs, and each has its
/// own way to say so.
pub(super) fn is_lacking<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    is_lacking_by(code, error.raw_response().map(|response| response.status().as_u16()))
}

fn is_lacking_by(code: Option<&str>, status: Option<u16>) -> bool {
    match (code, status) {
        (Some("UnknownOperationException" | "UnknownOperation" | "NotImplemented" | "NotImplementedException"), _)
        | (Some("InvalidAction"), _) => true,
        // Pages for people, from a router without such a route.
        (None | Some(""), Some(404 | 405 | 501)) => true,
        (_, status) => status == Some(501),
    }
}

fn kind(operation: &str, code: &str, message: &str) -> ErrorKind {
    match code {
        "QueueDeletedRecently" => ErrorKind::NameStillTaken,
        // A function that was made a moment ago.
        "ResourceNotFoundException" if operation == "CreateEventSourceMapping" => ErrorKind::NotPropagated,
        "QueueDoesNotExist"
        | "NonExistentQueue"
        | "ResourceNotFoundException"
        | "ObjectNotFoundException"
        | "ProvisionedConcurrencyConfigNotFoundException" => ErrorKind::Gone,
        // `Function already exist: NAME` is no matter of time.
        "ResourceConflictException" if operation == "CreateFunction" => ErrorKind::Refused,
        // Its statement is there already. A mapping that goes away, though, is a matter of time.
        "ResourceConflictException" if operation == "AddPermission" && message.contains("already exists") => {
            ErrorKind::Refused
        }
        "ResourceConflictException" | "ResourceInUseException" | "ConcurrentUpdateException" => ErrorKind::Busy,
        "InvalidParameterValueException" | "ValidationException" if is_not_propagated(message) => {
            ErrorKind::NotPropagated
        }
        _ => ErrorKind::Refused,
    }
}

/// A role that IAM has just made, its permissions, and a queue that Lambda does not see yet.
fn is_not_propagated(message: &str) -> bool {
    [
        "cannot be assumed by Lambda",
        "does not have permissions to call",
        "must allow AWS EventBridge Scheduler to assume the role",
        "NonExistentQueue",
    ]
    .iter()
    .any(|text| message.contains(text))
}

fn hint(code: &str) -> Option<String> {
    let hint = match code {
        "AccessDenied" | "AccessDeniedException" | "AccessDeniedFault" => {
            "the credentials of this target lack the permission for this call"
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "ExpiredToken" | "ExpiredTokenException" => {
            "sign in again: the target does not know these credentials"
        }
        "CodeStorageExceededException" => "delete versions that nobody needs: an account holds 75 GB of code",
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
        let statement = "The statement id (stackctl-url) provided already exists.";
        check("AddPermission", "ResourceConflictException", statement, ErrorKind::Refused);
        let mapping = "The event source arn and function provided mapping already exists.";
        check("CreateEventSourceMapping", "ResourceConflictException", mapping, ErrorKind::Busy);
        let in_progress = "The operation cannot be performed at this time. An update is in progress for resource";
        check("UpdateFunctionCode", "ResourceConflictException", in_progress, ErrorKind::Busy);
        let role = "The role defined for the function cannot be assumed by Lambda.";
        check("CreateFunction", "InvalidParameterValueException", role, ErrorKind::NotPropagated);
        check("CreateFunction", "InvalidParameterValueException", "MemorySize", ErrorKind::Refused);
        let permissions = "The function execution role does not have permissions to call ReceiveMessage on SQS";
        check("CreateEventSourceMapping", "InvalidParameterValueException", permissions, ErrorKind::NotPropagated);
        check("CreateEventSourceMapping", "ResourceNotFoundException", "Function not found", ErrorKind::NotPropagated);
        check("DeleteFunction", "ResourceNotFoundException", "Function not found", ErrorKind::Gone);
        let scheduler = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        check("CreateSchedule", "ValidationException", scheduler, ErrorKind::NotPropagated);
    }

    #[test]
    fn what_a_target_lacks_is_told_from_what_is_not_there() {
        for (code, status, expected) in [
            (Some("UnknownOperationException"), Some(400), true),
            (Some("InvalidAction"), Some(400), true),
            (None, Some(404), true),
            (Some("InternalFailure"), Some(501), true),
            (Some("ResourceNotFoundException"), Some(404), false),
            (Some("InternalFailure"), Some(500), false),
            (None, Some(500), false),
            (None, None, false),
        ] {
            assert_eq!(is_lacking_by(code, status), expected, "{code:?} {status:?}");
        }
    }

    #[test]
    fn an_answer_becomes_a_line() {
        let about = About { operation: "DeleteQueue", resource: "q" };
        let error = about.refused(Some("AWS.SimpleQueueService.NonExistentQueue"), Some("no such queue"));
        assert_eq!(error.to_string(), "DeleteQueue of `q`: NonExistentQueue: no such queue");
    }
}
