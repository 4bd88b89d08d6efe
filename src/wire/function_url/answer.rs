//! What a function's result becomes for the caller of its URL (Lambda developer guide, "Response payload format").

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

use super::{
    super::response,
    prelude::{Prelude, PreludeReader},
};
use crate::engine::lambda::StreamBegun;

/// A result that says what the response is to be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shaped {
    status_code: Value,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// The answer that a result stands for: with a `statusCode` it says so itself, without one it is the body.
pub fn infer(payload: Bytes, request_id: &str) -> Response<Bytes> {
    let value = serde_json::from_slice::<Value>(&payload);
    match value {
        Ok(Value::Object(members)) if members.contains_key("statusCode") => {
            shaped(Value::Object(members), request_id).unwrap_or_else(|| internal_error(request_id))
        }
        Ok(_) => response::new(StatusCode::OK, response::JSON, payload, request_id),
        // A streamed response that was gathered.
        Err(_) => gathered(payload, request_id),
    }
}

fn shaped(value: Value, request_id: &str) -> Option<Response<Bytes>> {
    let shaped = Shaped::deserialize(value).ok()?;
    let body = shaped.body.unwrap_or_default();
    let body = match shaped.is_base64_encoded {
        Some(true) => Bytes::from(BASE64_STANDARD.decode(body).ok()?),
        _ => Bytes::from(body),
    };
    let mut response = response::new(status(&shaped.status_code)?, response::JSON, body, request_id);
    put_headers(response.headers_mut(), shaped.headers.unwrap_or_default(), shaped.cookies.unwrap_or_default())?;
    Some(response)
}

fn gathered(payload: Bytes, request_id: &str) -> Response<Bytes> {
    let mut reader = PreludeReader::default();
    match reader.push(&payload) {
        Prelude::Read { head, rest } => {
            headed(&head, request_id).map_or_else(|| internal_error(request_id), |response| response.map(|()| rest))
        }
        _ => response::new(StatusCode::OK, OCTETS, payload, request_id),
    }
}

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The head of a streamed answer with a prelude; `None` when the prelude is none.
fn headed(prelude: &[u8], request_id: &str) -> Option<Response<()>> {
    let response = shaped_head(prelude, request_id)?;
    Some(response.map(drop))
}

fn shaped_head(prelude: &[u8], request_id: &str) -> Option<Response<Bytes>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        #[serde(default)]
        status_code: Option<Value>,
        #[serde(default)]
        headers: Option<BTreeMap<String, Value>>,
        #[serde(default)]
        cookies: Option<Vec<String>>,
    }
    let head: Head = serde_json::from_slice(prelude).ok()?;
    let status = head.status_code.as_ref().map_or(Some(StatusCode::OK), status)?;
    let mut response = response::new(status, OCTETS, Bytes::new(), request_id);
    put_headers(response.headers_mut(), head.headers.unwrap_or_default(), head.cookies.unwrap_or_default())?;
    Some(response)
}

/// The head of a streamed answer. `prelude` is what the function wrote before the body, when its content type says that it
/// writes one.
pub fn streamed(begun: &StreamBegun, prelude: Option<&[u8]>) -> Option<Response<()>> {
    if let Some(prelude) = prelude {
        return headed(prelude, &begun.request_id);
    }
    let content_type = begun.content_type.as_deref().and_then(|text| HeaderValue::from_str(text).ok());
    let response = response::new(StatusCode::OK, content_type.unwrap_or(OCTETS), Bytes::new(), &begun.request_id);
    Some(response.map(drop))
}

/// The answer of a function that was to stream and did not: its result as it is.
pub fn unstreamed(payload: Bytes, request_id: &str) -> Response<Bytes> {
    response::new(StatusCode::OK, response::JSON, payload, request_id)
}

/// The answer when the function failed, or its result makes no response.
pub fn internal_error(request_id: &str) -> Response<Bytes> {
    let mut response = response::new(StatusCode::BAD_GATEWAY, response::TEXT, "Internal Server Error", request_id);
    response.headers_mut().insert(super::ERROR_TYPE, HeaderValue::from_static("InternalServerErrorException"));
    response
}

/// A number, or one in quotes.
fn status(value: &Value) -> Option<StatusCode> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    StatusCode::from_u16(u16::try_from(number).ok()?).ok()
}

fn put_headers(headers: &mut HeaderMap, wanted: BTreeMap<String, Value>, cookies: Vec<String>) -> Option<()> {
    for (name, value) in wanted {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null => continue,
            Value::Array(_) | Value::Object(_) => return None,
        };
        let name = HeaderName::try_from(name).ok()?;
        // The connection's own, which are made by who writes the response.
        if matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING | header::CONNECTION) {
            continue;
        }
        headers.insert(name, HeaderValue::try_from(text).ok()?);
    }
    for cookie in cookies {
        headers.append(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::response_text;

    #[test]
    fn results_become_answers() {
        let check = |payload: &'static str, expected: &str| {
            assert_eq!(response_text(&infer(Bytes::from_static(payload.as_bytes()), "ID")), expected, "{payload}");
        };
        check(r#""Hello, world!""#, r#"200 application/json | "Hello, world!""#);
        check(r#"{"message": "hi"}"#, r#"200 application/json | {"message": "hi"}"#);
        check("null", "200 application/json | null");
        check(r#"{"statusCode":204}"#, "204 application/json | ");
        check(
            r#"{"statusCode":201,"headers":{"Content-Type":"text/html","My-Number":7},"body":"<p>","cookies":["a=1","b=2; Secure"]}"#,
            "201 text/html my-number=7 set-cookie=a=1 set-cookie=b=2; Secure | <p>",
        );
        check(r#"{"statusCode":"200","body":"aGk=","isBase64Encoded":true}"#, "200 application/json | hi");
        let failed =
            "502 text/plain; charset=utf-8 x-amzn-errortype=InternalServerErrorException | Internal Server Error";
        for wrong in [
            r#"{"statusCode":"ok"}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":200,"body":{"a":1}}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"{"statusCode":200,"body":"?","isBase64Encoded":true}"#,
        ] {
            check(wrong, failed);
        }
        check(
            "{\"statusCode\":202,\"headers\":{\"content-type\":\"text/css\"}}\0\0\0\0\0\0\0\0body",
            "202 text/css | body",
        );
        check("no json", "200 application/octet-stream | no json");
    }

    #[test]
    fn a_stream_says_in_its_prelude_what_it_is() {
        let begun = StreamBegun {
            request_id: "ID".into(),
            executed_version: "1".into(),
            content_type: Some("text/event-stream".into()),
        };
        let check = |prelude: Option<&str>, expected: Option<&str>| {
            let head = streamed(&begun, prelude.map(str::as_bytes)).map(|head| head.map(|()| Bytes::new()));
            assert_eq!(head.as_ref().map(response_text).as_deref(), expected);
        };
        check(None, Some("200 text/event-stream | "));
        check(Some("{}"), Some("200 application/octet-stream | "));
        check(
            Some(r#"{"statusCode":404,"headers":{"content-type":"text/html"},"cookies":["a=1"]}"#),
            Some("404 text/html set-cookie=a=1 | "),
        );
        check(Some("no json"), None);
    }
}
