//! The event of a request to a function URL: payload format 2.0 (API Gateway developer guide, "AWS Lambda integrations for
//! HTTP APIs"; Lambda developer guide, "Request payload format").

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, header, request};
use serde_json::{Map, Value, json};

use super::Addressed;
use crate::{
    engine::lambda::{FunctionUrl, UrlAuthType},
    model::Timestamp,
};

/// Of every request: nobody else reaches the engine.
const SOURCE_IP: &str = "127.0.0.1";

/// What of an event the request itself does not say.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub at: Timestamp,
    pub request_id: &'a str,
    /// Where the engine listens.
    pub port: u16,
}

/// The payload that the function is invoked with.
pub fn event(
    url: &FunctionUrl,
    addressed: &Addressed<'_>,
    head: &request::Parts,
    body: &[u8],
    arrival: Arrival<'_>,
) -> Bytes {
    let query = head.uri.query().unwrap_or_default();
    let mut event = Map::new();
    event.insert("version".into(), "2.0".into());
    event.insert("routeKey".into(), "$default".into());
    event.insert("rawPath".into(), decoded(addressed.path).into());
    event.insert("rawQueryString".into(), query.into());
    let cookies = cookies(&head.headers);
    if !cookies.is_empty() {
        event.insert("cookies".into(), cookies.into());
    }
    event.insert("headers".into(), headers(head, arrival));
    let parameters = joined(form_urlencoded::parse(query.as_bytes()));
    if !parameters.is_empty() {
        event.insert("queryStringParameters".into(), json!(parameters));
    }
    event.insert("requestContext".into(), request_context(url, addressed, head, arrival));
    let text = std::str::from_utf8(body).ok().filter(|_| is_text(&head.headers));
    if !body.is_empty() {
        event.insert("body".into(), text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned).into());
    }
    event.insert("isBase64Encoded".into(), (text.is_none() && !body.is_empty()).into());
    Bytes::from(Value::Object(event).to_string())
}

fn request_context(url: &FunctionUrl, addressed: &Addressed<'_>, head: &request::Parts, arrival: Arrival<'_>) -> Value {
    let user_agent = head.headers.get(header::USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let account = url.scope.account.to_string();
    let mut context = json!({
        "accountId": "anonymous",
        "apiId": url.id,
        "domainName": addressed.domain_name(&url.scope),
        "domainPrefix": url.id,
        "http": {
            "method": head.method.as_str(),
            "path": decoded(addressed.path),
            "protocol": "HTTP/1.1",
            "sourceIp": SOURCE_IP,
            "userAgent": user_agent.unwrap_or_default(),
        },
        "requestId": arrival.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": common_log_time(arrival.at),
        "timeEpoch": arrival.at.as_millis(),
    });
    if url.auth_type == UrlAuthType::AwsIam {
        context["accountId"] = account.as_str().into();
        context["authentication"] = Value::Null;
        let access_key = super::scope::of(head, &url.scope).access_key_id;
        context["authorizer"] = json!({ "iam": {
            "accessKey": access_key,
            "accountId": account,
            "callerId": access_key,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": format!("arn:aws:iam::{account}:root"),
            "userId": access_key,
        }});
    }
    context
}

/// Names in lower case, values of one name joined; cookies have a place of their own.
fn headers(head: &request::Parts, arrival: Arrival<'_>) -> Value {
    let own = [
        ("x-forwarded-for", SOURCE_IP.to_owned()),
        ("x-forwarded-port", arrival.port.to_string()),
        ("x-forwarded-proto", "http".to_owned()),
    ];
    let pairs = head.headers.iter().filter(|(name, _)| **name != header::COOKIE);
    let pairs = pairs.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
    let mut all = joined(pairs);
    for (name, value) in own {
        all.entry(name.to_owned()).or_insert(value);
    }
    json!(all)
}

fn joined<K: AsRef<str>, V: AsRef<str>>(pairs: impl Iterator<Item = (K, V)>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::<String, String>::new();
    for (name, value) in pairs {
        match all.get_mut(name.as_ref()) {
            Some(values) => {
                values.push(',');
                values.push_str(value.as_ref());
            }
            None => drop(all.insert(name.as_ref().to_owned(), value.as_ref().to_owned())),
        }
    }
    all
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(header::COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    lines.flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()).collect::<Vec<_>>()).collect()
}

/// Text goes as it is, all else in Base64.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(content_type) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return true;
    };
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
        || matches!(kind.as_str(), "application/json" | "application/xml" | "application/javascript")
}

fn decoded(path: &str) -> String {
    if !path.contains('%') {
        return path.to_owned();
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `24/Nov/2026:10:53:53 +0000`.
fn common_log_time(at: Timestamp) -> String {
    let ms = i64::try_from(at.as_millis()).unwrap_or_default();
    let instant = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    instant.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        function_url::{addressed, tests_support::url},
        testing::head_of,
    };

    fn of(text: &str, body: &[u8], auth_type: UrlAuthType) -> Value {
        let head = head_of(text);
        let arrival = Arrival { at: Timestamp::from_millis(1_795_517_633_123), request_id: "id", port: 4566 };
        let url = FunctionUrl { auth_type, ..url() };
        serde_json::from_slice(&event(&url, &addressed(&head).unwrap(), &head, body, arrival)).unwrap()
    }

    #[test]
    fn the_event_has_everything_of_format_two() {
        let request = "POST /my%20path/a?one=1&two=2&one=3&empty\nhost: abc.lambda-url.us-east-1.localhost:4566\n\
             content-type: application/json\nuser-agent: curl/8\nx-many: a\nx-many: b\ncookie: a=1; b=2\ncookie: c=3";
        let host = "abc.lambda-url.us-east-1.localhost";
        let expected = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/my path/a",
            "rawQueryString": "one=1&two=2&one=3&empty",
            "cookies": ["a=1", "b=2", "c=3"],
            "headers": {
                "content-type": "application/json",
                "host": format!("{host}:4566"),
                "user-agent": "curl/8",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "4566",
                "x-forwarded-proto": "http",
                "x-many": "a,b",
            },
            "queryStringParameters": { "empty": "", "one": "1,3", "two": "2" },
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "abc",
                "domainName": host,
                "domainPrefix": "abc",
                "http": {
                    "method": "POST",
                    "path": "/my path/a",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "curl/8",
                },
                "requestId": "id",
                "routeKey": "$default",
                "stage": "$default",
                "time": "24/Nov/2026:10:53:53 +0000",
                "timeEpoch": 1_795_517_633_123_u64,
            },
            "body": "{\"n\":1}",
            "isBase64Encoded": false,
        });
        assert_eq!(of(request, b"{\"n\":1}", UrlAuthType::None), expected);
    }

    #[test]
    fn a_bare_request_has_no_more_than_it_must() {
        let event = of("GET /_stackctl/url/abc\nhost: localhost:4566", b"", UrlAuthType::None);
        for missing in ["cookies", "queryStringParameters", "body"] {
            assert_eq!(event.get(missing), None, "{missing}");
        }
        assert_eq!((&event["rawPath"], &event["isBase64Encoded"]), (&json!("/"), &json!(false)));
        assert_eq!(event["requestContext"]["domainName"], "abc.lambda-url.us-east-1.localhost");
    }

    #[test]
    fn bodies_that_are_no_text_are_in_base64() {
        let check = |content_type: &str, body: &[u8], expected: (&str, bool)| {
            let request = format!("PUT /\nhost: abc.lambda-url.us-east-1.localhost\ncontent-type: {content_type}");
            let event = of(&request, body, UrlAuthType::None);
            assert_eq!((event["body"].as_str().unwrap(), event["isBase64Encoded"].as_bool().unwrap()), expected);
        };
        check("text/plain; charset=utf-8", "ü".as_bytes(), ("ü", false));
        check("application/vnd.api+json", b"{}", ("{}", false));
        check("application/x-www-form-urlencoded", b"a=1", ("YT0x", true));
        check("application/octet-stream", b"\x00\xff", ("AP8=", true));
        check("text/plain", b"\xff", ("/w==", true));
    }

    #[test]
    fn who_signed_is_told() {
        let request = "GET /\nhost: abc.lambda-url.us-east-1.localhost\nauthorization: AWS4-HMAC-SHA256 \
             Credential=AKID/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
        let context = &of(request, b"", UrlAuthType::AwsIam)["requestContext"];
        assert_eq!((&context["accountId"], &context["authentication"]), (&json!("000000000000"), &Value::Null));
        assert_eq!(context["authorizer"]["iam"]["accessKey"], "AKID");
    }
}
