//! Building responses: headers are static, bodies are moved.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

/// `Content-Type` of AWS JSON 1.0.
pub(super) const JSON_1_0: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");
/// `Content-Type` of AWS JSON 1.1.
pub(super) const JSON_1_1: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
/// `Content-Type` of REST JSON.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// `Content-Type` of AWS Query.
pub(super) const XML: HeaderValue = HeaderValue::from_static("text/xml");
/// `Content-Type` for people.
pub(super) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Names the error's type.
pub(super) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// The code that the error had in the Query protocol, with `;Sender` or `;Receiver`.
pub(super) const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// A response with its request's id.
pub(super) fn new(
    status: StatusCode,
    content_type: HeaderValue,
    body: impl Into<Bytes>,
    request_id: &str,
) -> Response<Bytes> {
    let mut response = bare(status, content_type, body);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// A response without an id, for requests that have none yet.
pub(super) fn bare(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A refusal in JSON that every SDK of a JSON protocol reads: `__type` in the body and the type in a header.
pub(super) fn json_refusal(
    status: StatusCode,
    content_type: HeaderValue,
    error_type: &'static str,
    message: &str,
    request_id: &str,
) -> Response<Bytes> {
    let mut body = Vec::with_capacity(64 + error_type.len() + message.len());
    let mut object = super::json::Object::open(&mut body);
    object.text("__type", error_type);
    object.text("message", message);
    object.close();
    let mut response = new(status, content_type, body, request_id);
    let name = error_type.rsplit('#').next().unwrap_or(error_type);
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(name));
    response
}
