//! Lambda's errors on the wire: name, status and body of each, as the service model has them.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

use super::super::{json::Object, response};
use crate::engine::lambda::{LambdaError, LambdaErrorKind, ThrottleReason};

/// A refusal as Lambda writes it.
pub(super) fn refusal(error: &LambdaError, request_id: &str) -> Response<Bytes> {
    let (name, status) = name_and_status(error.kind);
    let reason = match error.kind {
        LambdaErrorKind::TooManyRequests(reason) => Some(throttle_reason(reason)),
        _ => None,
    };
    document(name, status, reason, &error.message, request_id)
}

/// A refusal of what is no error of the service model.
pub(super) fn refuse(name: &'static str, message: &str, request_id: &str) -> Response<Bytes> {
    document(name, StatusCode::BAD_REQUEST, None, message, request_id)
}

fn document(
    name: &'static str,
    status: StatusCode,
    reason: Option<&str>,
    message: &str,
    request_id: &str,
) -> Response<Bytes> {
    let mut body = Vec::with_capacity(64 + message.len());
    let mut object = Object::open(&mut body);
    object.optional_text("Reason", reason);
    object.text("Type", if status.is_server_error() { "Service" } else { "User" });
    object.text(message_member(name), message);
    object.close();
    let mut response = response::new(status, response::JSON, body, request_id);
    response.headers_mut().insert(response::ERROR_TYPE, HeaderValue::from_static(name));
    response
}

/// Half of the service model's errors have `Message`, the other half `message`.
fn message_member(name: &str) -> &'static str {
    match name {
        "CodeSigningConfigNotFoundException"
        | "CodeVerificationFailedException"
        | "InvalidRuntimeException"
        | "InvalidZipFileException"
        | "RecursiveInvocationException"
        | "ResourceInUseException"
        | "ResourceNotFoundException"
        | "ServiceException" => "Message",
        _ => "message",
    }
}

fn name_and_status(kind: LambdaErrorKind) -> (&'static str, StatusCode) {
    use LambdaErrorKind as Kind;
    match kind {
        Kind::AccessDenied => ("AccessDeniedException", StatusCode::FORBIDDEN),
        Kind::CodeSigningConfigNotFound => ("CodeSigningConfigNotFoundException", StatusCode::NOT_FOUND),
        Kind::CodeVerificationFailed => ("CodeVerificationFailedException", StatusCode::BAD_REQUEST),
        Kind::InvalidParameterValue => ("InvalidParameterValueException", StatusCode::BAD_REQUEST),
        Kind::InvalidRequestContent => ("InvalidRequestContentException", StatusCode::BAD_REQUEST),
        Kind::InvalidRuntime => ("InvalidRuntimeException", StatusCode::BAD_GATEWAY),
        Kind::InvalidZipFile => ("InvalidZipFileException", StatusCode::BAD_GATEWAY),
        Kind::PolicyLengthExceeded => ("PolicyLengthExceededException", StatusCode::BAD_REQUEST),
        Kind::PreconditionFailed => ("PreconditionFailedException", StatusCode::PRECONDITION_FAILED),
        Kind::ProvisionedConcurrencyConfigNotFound => {
            ("ProvisionedConcurrencyConfigNotFoundException", StatusCode::NOT_FOUND)
        }
        Kind::RequestEntityTooLarge => ("RequestEntityTooLargeException", StatusCode::PAYLOAD_TOO_LARGE),
        Kind::RecursiveInvocation => ("RecursiveInvocationException", StatusCode::BAD_REQUEST),
        Kind::RequestTooLarge => ("RequestTooLargeException", StatusCode::PAYLOAD_TOO_LARGE),
        Kind::ResourceConflict => ("ResourceConflictException", StatusCode::CONFLICT),
        Kind::ResourceInUse => ("ResourceInUseException", StatusCode::BAD_REQUEST),
        Kind::ResourceNotFound => ("ResourceNotFoundException", StatusCode::NOT_FOUND),
        Kind::ResourceNotReady => ("ResourceNotReadyException", StatusCode::BAD_GATEWAY),
        Kind::Service => ("ServiceException", StatusCode::INTERNAL_SERVER_ERROR),
        Kind::TooManyRequests(_) => ("TooManyRequestsException", StatusCode::TOO_MANY_REQUESTS),
        Kind::Validation => ("ValidationException", StatusCode::BAD_REQUEST),
    }
}

fn throttle_reason(reason: ThrottleReason) -> &'static str {
    match reason {
        ThrottleReason::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
        ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded => {
            "ReservedFunctionConcurrentInvocationLimitExceeded"
        }
        ThrottleReason::FunctionInvocationRateLimitExceeded => "FunctionInvocationRateLimitExceeded",
        ThrottleReason::ReservedFunctionInvocationRateLimitExceeded => "ReservedFunctionInvocationRateLimitExceeded",
        ThrottleReason::CallerRateLimitExceeded => "CallerRateLimitExceeded",
    }
}
