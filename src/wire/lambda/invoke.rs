//! Invocations: what their headers and bodies ask for.

use base64::Engine as _;
use bytes::Bytes;
use http::HeaderMap;
use serde::de::IgnoredAny;

use super::parse::{Read, Refusal, invalid, not_in_set};
use crate::engine::lambda::{FunctionRef, InvocationType, Invoke, LambdaError, LambdaErrorKind};

/// `InvocationType` of the two operations.
const TYPES: &str = "[Event, RequestResponse, DryRun]";
const STREAMING_TYPES: &str = "[RequestResponse, DryRun]";
/// Of the header (API reference, `Invoke`).
const CLIENT_CONTEXT_MAX_BYTES: usize = 3_583;

pub(super) fn invoke(function: FunctionRef, headers: &HeaderMap, body: Bytes) -> Read<Invoke> {
    read(function, headers, body, TYPES)
}

fn read(function: FunctionRef, headers: &HeaderMap, body: Bytes, types: &str) -> Read<Invoke> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let invocation_type = match header("x-amz-invocation-type") {
        None | Some("" | "RequestResponse") => InvocationType::RequestResponse,
        Some("Event") if types == TYPES => InvocationType::Event,
        Some("DryRun") => InvocationType::DryRun,
        Some(other) => return Err(not_in_set("invocationType", other, types)),
    };
    let log_tail = match header("x-amz-log-type") {
        None | Some("" | "None") => false,
        Some("Tail") => true,
        Some(other) => return Err(not_in_set("logType", other, "[None, Tail]")),
    };
    for unserved in ["x-amz-durable-execution-name", "x-amz-tenant-id"] {
        if headers.contains_key(unserved) {
            return Err(invalid(&format!("`{unserved}` asks for what this engine does not do; leave it out")));
        }
    }
    Ok(Invoke {
        function,
        invocation_type,
        log_tail,
        client_context: header("x-amz-client-context").map(client_context).transpose()?,
        payload: payload(body)?,
        trace_id: header("x-amzn-trace-id").map(str::to_owned),
        streams: false,
    })
}

pub(super) fn invoke_with_response_stream(function: FunctionRef, headers: &HeaderMap, body: Bytes) -> Read<Invoke> {
    Ok(Invoke { streams: true, ..read(function, headers, body, STREAMING_TYPES)? })
}

/// A payload is JSON; none at all is an empty object.
fn payload(body: Bytes) -> Read<Bytes> {
    if body.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<IgnoredAny>(&body) {
        Ok(_) => Ok(body),
        Err(error) => {
            let message = format!("Could not parse request body into json: {error}");
            Err(Refusal::Error(LambdaError::new(LambdaErrorKind::InvalidRequestContent, message)))
        }
    }
}

fn client_context(header: &str) -> Read<String> {
    if header.len() > CLIENT_CONTEXT_MAX_BYTES {
        let message =
            format!("Client context must be no more than {CLIENT_CONTEXT_MAX_BYTES} bytes when Base64-encoded.");
        return Err(Refusal::Error(LambdaError::new(LambdaErrorKind::InvalidRequestContent, message)));
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(header).ok();
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    text.filter(|text| serde_json::from_str::<IgnoredAny>(text).is_ok()).ok_or_else(|| {
        let message = "Client context must be a valid Base64-encoded JSON object.";
        Refusal::Error(LambdaError::new(LambdaErrorKind::InvalidRequestContent, message))
    })
}
