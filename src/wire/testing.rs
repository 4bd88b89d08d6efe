//! What the tables of the wire's tests share: requests and responses as text.

use bytes::Bytes;
use http::{Request, Response, request};

use super::{Call, Parsed, parse, respond};
use crate::{
    engine::Reply,
    model::{AccountId, Region, Scope},
};

/// `METHOD TARGET`, then one header a line.
pub(super) fn head_of(text: &str) -> request::Parts {
    let (line, headers) = text.split_once('\n').unwrap_or((text, ""));
    let (method, target) = line.split_once(' ').unwrap();
    let mut builder = Request::builder().method(method).uri(target);
    for header in headers.lines() {
        let (name, value) = header.split_once(": ").unwrap();
        builder = builder.header(name, value);
    }
    builder.body(()).unwrap().into_parts().0
}

/// Parses a request: its head as in [`head_of`], an empty line, its body.
pub(super) fn parse_text(text: &str) -> Parsed {
    let (head, body) = text.split_once("\n\n").unwrap();
    let default = Scope { account: AccountId::DEFAULT, region: Region::default() };
    parse(&head_of(head), Bytes::copy_from_slice(body.as_bytes()), &default, "REQUEST-ID")
}

/// Fields that are not set are left out of the expected text.
pub(super) fn check_parse(request: &str, expected: &str) {
    let found = match parse_text(request) {
        Parsed::Command { scope, command, .. } => format!("{} {} {command:?}", scope.account, scope.region),
        Parsed::WithCode { scope, source, command, .. } => {
            format!("{} {} {source:?} {command:?}", scope.account, scope.region)
        }
        Parsed::Answered(response) => response_text(&response),
    };
    assert_eq!(without_unset(&found), expected, "{request}");
}

/// The call of a request that the engine would get.
pub(super) fn call_of(request: &str) -> Call {
    match parse_text(request) {
        Parsed::Command { call, .. } | Parsed::WithCode { call, .. } => call,
        Parsed::Answered(response) => panic!("{request} was answered: {}", response_text(&response)),
    }
}

pub(super) fn check_response(call: &Call, reply: Reply, expected: &str) {
    let response = respond(call, reply, "REQUEST-ID");
    assert_eq!(response.headers()["x-amzn-requestid"], "REQUEST-ID");
    assert_eq!(response_text(&response), expected);
}

/// `STATUS CONTENT-TYPE HEADER=VALUE ... | BODY`, without the request's id.
pub(super) fn response_text(response: &Response<Bytes>) -> String {
    let mut text = response.status().as_u16().to_string();
    for (name, value) in response.headers() {
        match name.as_str() {
            "x-amzn-requestid" => {}
            "content-type" => text += &format!(" {}", value.to_str().unwrap()),
            name => text += &format!(" {name}={}", value.to_str().unwrap()),
        }
    }
    text + " | " + std::str::from_utf8(response.body()).unwrap()
}

/// Drops `field: None`, `field: []` and `field: {}`.
fn without_unset(debug: &str) -> String {
    let mut text = debug.to_owned();
    for unset in [": None", ": []", ": {}"] {
        while let Some(at) = text.find(unset) {
            let end = at + unset.len();
            let start = text[..at].rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |i| i + 1);
            if text[end..].starts_with(", ") {
                text.replace_range(start..end + 2, "");
            } else {
                let start = text[..start].strip_suffix(", ").map_or(start, str::len);
                text.replace_range(start..end, "");
            }
        }
    }
    text.replace(" {  }", "")
}
