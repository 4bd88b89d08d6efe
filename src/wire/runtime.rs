//! The Runtime API: what a runtime's requests mean to the engine, and the answers' bytes. Pure: which of them an
//! environment may make at a moment is for who serves it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use crate::engine::{EnvironmentEvent, Invocation};

/// Where the paths begin.
const PREFIX: &str = "/2018-06-01/runtime/";
/// A response's length at most: 6 MB and what AWS adds for the envelope.
pub const RESPONSE_MAX_BYTES: usize = 6 * 1024 * 1024 + 100;

/// A streamed response's length at most: 200 MB.
pub const STREAMED_MAX_BYTES: u64 = 200 * 1024 * 1024;

const RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");
const ERROR_BODY: HeaderName = HeaderName::from_static("lambda-runtime-function-error-body");
const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE_MS: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const CLIENT_CONTEXT: HeaderName = HeaderName::from_static("lambda-runtime-client-context");

/// What a runtime asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeCall<'a> {
    /// `GET invocation/next`.
    Next,
    /// `POST invocation/ID/response`.
    Response { request_id: &'a str },
    /// `POST invocation/ID/error`.
    Error { request_id: &'a str },
    /// `POST init/error`.
    InitError,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeRefusal {
    /// No such path.
    NotFound,
    /// The path has another method.
    MethodNotAllowed,
    /// The id is not the running invocation's.
    InvalidRequestId,
    /// The environment is not in a state for this call.
    InvalidStateTransition { from: &'static str, to: &'static str },
    /// The response is longer than [`RESPONSE_MAX_BYTES`].
    TooLarge,
    /// The body broke off.
    Truncated,
}

impl<'a> RuntimeCall<'a> {
    /// Reads a request's first line.
    ///
    /// # Errors
    /// The Runtime API has no such call.
    pub fn parse(method: &Method, path: &'a str) -> Result<Self, RuntimeRefusal> {
        let rest = path.strip_prefix(PREFIX).ok_or(RuntimeRefusal::NotFound)?;
        let (call, expected) = match rest {
            "invocation/next" => (Self::Next, Method::GET),
            "init/error" => (Self::InitError, Method::POST),
            _ => (Self::of_invocation(rest).ok_or(RuntimeRefusal::NotFound)?, Method::POST),
        };
        if *method == expected { Ok(call) } else { Err(RuntimeRefusal::MethodNotAllowed) }
    }

    fn of_invocation(rest: &'a str) -> Option<Self> {
        let (request_id, what) = rest.strip_prefix("invocation/")?.split_once('/')?;
        match what {
            "response" => Some(Self::Response { request_id }),
            "error" => Some(Self::Error { request_id }),
            _ => None,
        }
    }
}

/// A runtime's request, read whole. `trailers` are empty unless the body was streamed.
#[derive(Debug)]
pub struct RuntimeRequest<'a> {
    pub headers: &'a HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

impl RuntimeRequest<'_> {
    /// The event of `POST invocation/ID/response`: an error when a streamed response ended with an error's trailers.
    pub fn into_response(self, request_id: Arc<str>, max_memory_used_bytes: u64) -> EnvironmentEvent {
        match text(&self.trailers, &ERROR_TYPE) {
            None => EnvironmentEvent::Response { request_id, payload: self.body, max_memory_used_bytes },
            Some(error_type) => {
                let payload = streamed_error(&self.trailers, &error_type);
                let error_type = Some(error_type);
                EnvironmentEvent::Error { request_id, error_type, payload, max_memory_used_bytes }
            }
        }
    }

    /// The event of `POST invocation/ID/error`.
    pub fn into_error(self, request_id: Arc<str>, max_memory_used_bytes: u64) -> EnvironmentEvent {
        let error_type = self.error_type();
        EnvironmentEvent::Error { request_id, error_type, payload: self.body, max_memory_used_bytes }
    }

    /// The event of `POST init/error`.
    pub fn into_init_error(self) -> EnvironmentEvent {
        EnvironmentEvent::InitError { error_type: self.error_type(), payload: self.body }
    }

    /// The header's, and of a runtime that sends none the document's.
    fn error_type(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(rename = "errorType")]
            error_type: Option<String>,
        }
        let of_document = || serde_json::from_slice::<Document>(&self.body).ok()?.error_type;
        text(self.headers, &ERROR_TYPE).filter(|text| !text.is_empty()).or_else(of_document)
    }
}

/// The event of a response that was longer than [`RESPONSE_MAX_BYTES`]; `size_bytes` is `None` when it was not read to
/// its end.
pub fn too_large(request_id: Arc<str>, size_bytes: Option<usize>, max_memory_used_bytes: u64) -> EnvironmentEvent {
    let error_type = "Function.ResponseSizeTooLarge";
    let size = size_bytes.map_or_else(String::new, |bytes| format!(" ({bytes} bytes)"));
    let message =
        format!("Response payload size{size} exceeded maximum allowed payload size ({RESPONSE_MAX_BYTES} bytes).");
    let payload = error_document(error_type, &message);
    EnvironmentEvent::Error { request_id, error_type: Some(error_type.to_owned()), payload, max_memory_used_bytes }
}

/// The event of a streamed response that was longer than [`STREAMED_MAX_BYTES`].
pub fn stream_too_large(request_id: String, max_memory_used_bytes: u64) -> EnvironmentEvent {
    let error_type = "Function.ResponseSizeTooLarge";
    let message = format!("Response payload size exceeded maximum allowed payload size ({STREAMED_MAX_BYTES} bytes).");
    let payload = error_document(error_type, &message);
    EnvironmentEvent::Error {
        request_id: request_id.into(),
        error_type: Some(error_type.to_owned()),
        payload,
        max_memory_used_bytes,
    }
}

/// Whether a response comes in streaming mode. AWS's runtime for Go does not say so: what its handlers return as a reader it
/// sends in chunks, and not as JSON.
pub fn is_streamed(headers: &HeaderMap) -> bool {
    let is = |name: &HeaderName, value: &str| {
        headers.get(name).is_some_and(|found| found.as_bytes().eq_ignore_ascii_case(value.as_bytes()))
    };
    let is_json = content_type(headers).is_none_or(|kind| kind.starts_with("application/json"));
    is(&RESPONSE_MODE, "streaming") || (is(&header::TRANSFER_ENCODING, "chunked") && !is_json)
}

/// What kind of response the runtime says it is.
pub fn content_type(headers: &HeaderMap) -> Option<String> {
    text(headers, &header::CONTENT_TYPE)
}

/// The answer to `next`.
pub fn next_response(invocation: Invocation) -> Response<Bytes> {
    let mut response = Response::new(invocation.payload);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(DEADLINE_MS, HeaderValue::from(invocation.deadline.as_millis()));
    let texts = [
        (REQUEST_ID, invocation.request_id),
        (FUNCTION_ARN, invocation.invoked_function_arn),
        (TRACE_ID, invocation.trace_id),
    ];
    for (name, value) in texts {
        insert(headers, name, &value);
    }
    if let Some(context) = invocation.client_context {
        insert(headers, CLIENT_CONTEXT, &in_a_header(&context));
    }
    response
}

/// JSON as a header holds it: line breaks between its tokens are legal there and not here, and what is not ASCII, which stands
/// in strings alone, is escaped, because runtimes refuse it in headers.
fn in_a_header(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '\r' | '\n' => text.push(' '),
            char if char.is_ascii() => text.push(char),
            char => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text
}

/// The answer to every other call that is accepted.
pub fn accepted() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"{\"status\":\"OK\"}\n"));
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl RuntimeRefusal {
    /// The answer to a call that is refused.
    pub fn into_response(self) -> Response<Bytes> {
        let (status, error_type, message) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "NotFound", "404 page not found".to_owned()),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "405 method not allowed".to_owned())
            }
            Self::InvalidRequestId => (StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID".to_owned()),
            Self::InvalidStateTransition { from, to } => (
                StatusCode::FORBIDDEN,
                "InvalidStateTransition",
                format!("Transition from {from} to {to} is not allowed."),
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                format!("Exceeded maximum allowed payload size ({RESPONSE_MAX_BYTES} bytes)."),
            ),
            Self::Truncated => (StatusCode::BAD_REQUEST, "TruncatedResponse", "the body ended too early".to_owned()),
        };
        let mut response = Response::new(error_document(error_type, &message));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

fn error_document(error_type: &str, message: &str) -> Bytes {
    Bytes::from(json!({ "errorMessage": message, "errorType": error_type }).to_string())
}

/// The document of an error in the middle of a stream: Base64 in a trailer.
fn streamed_error(trailers: &HeaderMap, error_type: &str) -> Bytes {
    let decoded = trailers.get(&ERROR_BODY).and_then(|body| BASE64_STANDARD.decode(body).ok());
    decoded.map_or_else(|| error_document(error_type, "the response stream ended with an error"), Bytes::from)
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // What cannot stand in a header cannot be told; the engine makes these values of legal characters.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn calls_are_told_by_method_and_path() {
        let check = |method: Method, path: &str, expected: Result<RuntimeCall<'_>, RuntimeRefusal>| {
            assert_eq!(RuntimeCall::parse(&method, path), expected, "{method} {path}");
        };
        check(Method::GET, "/2018-06-01/runtime/invocation/next", Ok(RuntimeCall::Next));
        check(Method::POST, "/2018-06-01/runtime/init/error", Ok(RuntimeCall::InitError));
        let request_id = "8476a536";
        check(
            Method::POST,
            "/2018-06-01/runtime/invocation/8476a536/response",
            Ok(RuntimeCall::Response { request_id }),
        );
        check(Method::POST, "/2018-06-01/runtime/invocation/8476a536/error", Ok(RuntimeCall::Error { request_id }));
        check(Method::POST, "/2018-06-01/runtime/invocation/next", Err(RuntimeRefusal::MethodNotAllowed));
        check(Method::GET, "/2018-06-01/runtime/invocation/8476a536/response", Err(RuntimeRefusal::MethodNotAllowed));
        for unknown in ["/", "/2018-06-01/runtime/restore/next", "/2018-06-01/runtime/invocation/a/b", "/x/next"] {
            check(Method::GET, unknown, Err(RuntimeRefusal::NotFound));
        }
    }

    fn request<'a>(
        headers: &'a HeaderMap,
        body: &'static str,
        trailers: &[(&'static str, &str)],
    ) -> RuntimeRequest<'a> {
        let mut map = HeaderMap::new();
        for (name, value) in trailers {
            map.insert(*name, value.parse().unwrap());
        }
        RuntimeRequest { headers, body: Bytes::from_static(body.as_bytes()), trailers: map }
    }

    #[test]
    fn errors_have_the_type_that_the_header_or_the_document_names() {
        let check = |header: Option<&str>, body: &'static str, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(header) = header {
                headers.insert(ERROR_TYPE, header.parse().unwrap());
            }
            let event = request(&headers, body, &[]).into_init_error();
            let payload = Bytes::from_static(body.as_bytes());
            assert_eq!(event, EnvironmentEvent::InitError { error_type: expected.map(str::to_owned), payload });
        };
        check(Some("Runtime.Unknown"), r#"{"errorType":"E"}"#, Some("Runtime.Unknown"));
        check(None, r#"{"errorType":"E","errorMessage":"m"}"#, Some("E"));
        check(Some(""), r#"{"errorType":"E"}"#, Some("E"));
        check(None, "no json", None);
    }

    #[test]
    fn a_stream_that_ends_with_an_error_is_an_error() {
        let headers = HeaderMap::new();
        let check = |trailers: &[(&'static str, &str)], expected: (Option<&str>, &str)| {
            let event = request(&headers, "half", trailers).into_response("id".into(), 7);
            let found = match &event {
                EnvironmentEvent::Response { payload, .. } => (None, payload),
                EnvironmentEvent::Error { error_type, payload, .. } => (error_type.as_deref(), payload),
                other => panic!("{other:?}"),
            };
            assert_eq!((found.0, std::str::from_utf8(found.1).unwrap()), expected);
        };
        check(&[], (None, "half"));
        let (name, body) = ("lambda-runtime-function-error-type", "lambda-runtime-function-error-body");
        check(&[(name, "E"), (body, "eyJlcnJvclR5cGUiOiJFIn0=")], (Some("E"), r#"{"errorType":"E"}"#));
        let plain = r#"{"errorMessage":"the response stream ended with an error","errorType":"E"}"#;
        check(&[(name, "E"), (body, "no base64")], (Some("E"), plain));
    }

    #[test]
    fn next_has_awss_headers() {
        let response = next_response(Invocation {
            request_id: "id".into(),
            payload: Bytes::from_static(b"{}"),
            deadline: Timestamp::from_millis(1_700_000_000_123),
            invoked_function_arn: "arn".into(),
            trace_id: "Root=1".into(),
            client_context: Some("{\n\"a\": 1}".into()),
            stream_to: None,
        });
        let value = |name: HeaderName| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(value(REQUEST_ID), "id");
        assert_eq!(value(DEADLINE_MS), "1700000000123");
        assert_eq!(value(FUNCTION_ARN), "arn");
        assert_eq!(value(TRACE_ID), "Root=1");
        assert_eq!(value(CLIENT_CONTEXT), "{ \"a\": 1}");
        assert_eq!(response.body().as_ref(), b"{}");
    }

    #[test]
    fn refusals_are_awss() {
        let check = |refusal: RuntimeRefusal, status: u16, error_type: &str| {
            let response = refusal.into_response();
            let document: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!((response.status().as_u16(), document["errorType"].as_str()), (status, Some(error_type)));
        };
        check(RuntimeRefusal::InvalidRequestId, 400, "InvalidRequestID");
        check(RuntimeRefusal::TooLarge, 413, "RequestEntityTooLarge");
        check(RuntimeRefusal::InvalidStateTransition { from: "A", to: "B" }, 403, "InvalidStateTransition");
        assert_eq!(accepted().status(), 202);
    }
}
