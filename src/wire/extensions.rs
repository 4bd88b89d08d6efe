//! The Extensions API, the Telemetry API and the Logs API before it: what an extension's requests ask for, and the answers'
//! bytes. Pure.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>,
//! <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api-reference.html> and
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-logs-api.html>

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

/// Names the extension that asks; given out when it registers.
const IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const NAME: HeaderName = HeaderName::from_static("lambda-extension-name");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-extension-function-error-type");
const EVENT_ID: HeaderName = HeaderName::from_static("lambda-extension-event-identifier");
/// What more an extension wants to be told; of AWS's features there is one.
const ACCEPT_FEATURE: HeaderName = HeaderName::from_static("lambda-extension-accept-feature");
const ACCOUNT_ID_FEATURE: &str = "accountId";
/// A registration, or a subscription.
pub const BODY_MAX_BYTES: usize = 256 * 1024;

/// What an extension asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtensionCall {
    /// `POST register`.
    Register,
    /// `GET event/next`.
    Next,
    /// `POST init/error`.
    InitError,
    /// `POST exit/error`.
    ExitError,
    /// `PUT telemetry`, or `PUT logs`.
    Subscribe(Stream),
}

/// Which API's events a subscriber hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Telemetry,
    Logs,
}

impl Stream {
    /// The event that tells a subscriber that it is one.
    pub fn subscription_event(self) -> &'static str {
        match self {
            Self::Telemetry => "platform.telemetrySubscription",
            Self::Logs => "platform.logsSubscription",
        }
    }
}

impl ExtensionCall {
    /// Reads a request's first line; `None` when it is for another API.
    pub fn parse(method: &Method, path: &str) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        match (method, path) {
            (&Method::POST, "/2020-01-01/extension/register") => Some(Self::Register),
            (&Method::GET, "/2020-01-01/extension/event/next") => Some(Self::Next),
            (&Method::POST, "/2020-01-01/extension/init/error") => Some(Self::InitError),
            (&Method::POST, "/2020-01-01/extension/exit/error") => Some(Self::ExitError),
            (&Method::PUT, "/2022-07-01/telemetry") => Some(Self::Subscribe(Stream::Telemetry)),
            (&Method::PUT, "/2020-08-15/logs") => Some(Self::Subscribe(Stream::Logs)),
            _ => None,
        }
    }
}

/// `register`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The file's name of an external extension.
    pub name: String,
    pub wants_invoke: bool,
    pub wants_shutdown: bool,
    /// Whether the answer names the function's account.
    pub wants_account: bool,
}

impl Registration {
    /// # Errors
    /// The answer to one that is not legal.
    pub fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refusal> {
        #[derive(Deserialize)]
        struct Events {
            /// AWS's runtime for Go says `null`.
            events: Option<Vec<String>>,
        }
        let name = text(headers, &NAME).filter(|name| !name.is_empty()).ok_or(Refusal::InvalidHeader)?;
        let events = match body.is_empty() {
            true => Vec::new(),
            false => {
                let read = serde_json::from_slice::<Events>(body).map_err(|_| Refusal::InvalidRequestFormat)?;
                read.events.unwrap_or_default()
            }
        };
        if events.iter().any(|event| !matches!(event.as_str(), "INVOKE" | "SHUTDOWN")) {
            return Err(Refusal::InvalidEventType);
        }
        let wants = |event: &str| events.iter().any(|wanted| wanted == event);
        let features = text(headers, &ACCEPT_FEATURE).unwrap_or_default();
        let wants_account = features.split(',').any(|feature| feature.trim() == ACCOUNT_ID_FEATURE);
        Ok(Self { name, wants_invoke: wants("INVOKE"), wants_shutdown: wants("SHUTDOWN"), wants_account })
    }

    /// In AWS's words.
    pub fn events(&self) -> Vec<&'static str> {
        let events = [("INVOKE", self.wants_invoke), ("SHUTDOWN", self.wants_shutdown)];
        events.into_iter().filter_map(|(event, wanted)| wanted.then_some(event)).collect()
    }
}

/// `telemetry`, or `logs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub stream: Stream,
    /// Of the Logs API: whether its newer schema is wanted, which tells when the runtime is done.
    pub wants_runtime_done: bool,
    pub platform: bool,
    pub function: bool,
    pub extension: bool,
    pub max_items: usize,
    pub max_bytes: usize,
    pub timeout_ms: u64,
    pub to: Destination,
}

/// Where a subscriber listens, on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Arrays of events are posted there, or put.
    Http { port: u16, path: String, is_put: bool },
    /// An event a line.
    Tcp { port: u16 },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionBody {
    schema_version: Option<String>,
    types: Vec<String>,
    #[serde(default)]
    buffering: Buffering,
    destination: DestinationBody,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Buffering {
    max_items: usize,
    max_bytes: usize,
    timeout_ms: u64,
}

/// AWS's defaults.
impl Default for Buffering {
    fn default() -> Self {
        Self { max_items: 10_000, max_bytes: 256 * 1024, timeout_ms: 1000 }
    }
}

#[derive(Deserialize)]
struct DestinationBody {
    protocol: String,
    #[serde(rename = "URI")]
    uri: Option<String>,
    port: Option<u16>,
    method: Option<String>,
}

/// The Logs API's schema that has `platform.runtimeDone`.
const RUNTIME_DONE_SCHEMA: &str = "2021-03-18";

impl Subscription {
    /// # Errors
    /// The answer to one that is not legal.
    pub fn parse(stream: Stream, body: &[u8]) -> Result<Self, Refusal> {
        let body: SubscriptionBody =
            serde_json::from_slice(body).map_err(|error| Refusal::Validation(error.to_string()))?;
        let Buffering { max_items, max_bytes, timeout_ms } = body.buffering;
        // The ranges of the Telemetry API's reference.
        if !(1_000..=10_000).contains(&max_items)
            || !(262_144..=1_048_576).contains(&max_bytes)
            || !(25..=30_000).contains(&timeout_ms)
        {
            return Err(Refusal::Validation("buffering is out of range".to_owned()));
        }
        if body.types.is_empty()
            || body.types.iter().any(|kind| !matches!(kind.as_str(), "platform" | "function" | "extension"))
        {
            return Err(Refusal::Validation("types must be of platform, function, extension".to_owned()));
        }
        let to = match (body.destination.protocol.as_str(), &body.destination.uri, body.destination.port) {
            ("HTTP", Some(uri), _) => {
                http_destination(uri, body.destination.method.is_some_and(|method| method.eq_ignore_ascii_case("PUT")))?
            }
            ("TCP", _, Some(port)) => Destination::Tcp { port },
            _ => return Err(Refusal::Validation("the destination needs HTTP and a URI, or TCP and a port".to_owned())),
        };
        let wants = |kind: &str| body.types.iter().any(|wanted| wanted == kind);
        Ok(Self {
            stream,
            wants_runtime_done: body.schema_version.as_deref() == Some(RUNTIME_DONE_SCHEMA),
            platform: wants("platform"),
            function: wants("function"),
            extension: wants("extension"),
            max_items,
            max_bytes,
            timeout_ms,
            to,
        })
    }
}

fn http_destination(uri: &str, is_put: bool) -> Result<Destination, Refusal> {
    let refused = || Refusal::Validation(format!("`{uri}` is not on `http://sandbox.localdomain`"));
    let parsed: http::Uri = uri.parse().map_err(|_| refused())?;
    let is_here = matches!(parsed.host(), Some("sandbox.localdomain" | "sandbox" | "localhost" | "127.0.0.1"));
    if parsed.scheme_str() != Some("http") || !is_here {
        return Err(refused());
    }
    let path = parsed.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    Ok(Destination::Http { port: parsed.port_u16().unwrap_or(80), path, is_put })
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    InvalidHeader,
    InvalidRequestFormat,
    InvalidEventType,
    /// `SHUTDOWN` for one that a runtime has registered: it ends with the runtime.
    InternalShutdown,
    /// No `Lambda-Extension-Identifier`, or none that was given out.
    InvalidExtensionIdentifier,
    /// The init phase is over, or the extension has asked for events already.
    InvalidState(&'static str),
    Validation(String),
}

impl Refusal {
    /// The answer.
    pub fn into_response(self) -> Response<Bytes> {
        let (status, error_type, message) = match self {
            Self::InvalidHeader => (400, "Extension.InvalidExtensionName", "Empty extension name".to_owned()),
            Self::InvalidRequestFormat => (400, "InvalidRequestFormat", "The request body is not JSON".to_owned()),
            Self::InvalidEventType => (400, "Extension.InvalidEventType", "Invalid event type".to_owned()),
            Self::InternalShutdown => {
                (403, "Extension.InvalidEventType", "SHUTDOWN: event not supported for internal extension".to_owned())
            }
            Self::InvalidExtensionIdentifier => {
                (403, "Extension.UnknownExtensionIdentifier", "Unknown extension identifier".to_owned())
            }
            Self::InvalidState(message) => (403, "Extension.InvalidExtensionState", message.to_owned()),
            Self::Validation(message) => (400, "ValidationError", message),
        };
        let body = json!({ "errorType": error_type, "errorMessage": message });
        answer(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &body)
    }
}

/// The identifier that a request names.
pub fn identifier(headers: &HeaderMap) -> Option<String> {
    text(headers, &IDENTIFIER)
}

/// The error that an extension reports of itself.
pub fn error_type(headers: &HeaderMap) -> Option<String> {
    text(headers, &ERROR_TYPE)
}

/// The answer to a registration; with the function's account where that is wanted.
pub fn registered(
    identifier: &str,
    function: &str,
    version: &str,
    handler: &str,
    account: Option<&str>,
) -> Response<Bytes> {
    let mut body = json!({ "functionName": function, "functionVersion": version, "handler": handler });
    if let Some(account) = account {
        body[ACCOUNT_ID_FEATURE] = json!(account);
    }
    with_header(answer(StatusCode::OK, &body), IDENTIFIER, identifier)
}

/// The answer to `event/next`.
pub fn event(event: &Value, event_id: &str) -> Response<Bytes> {
    with_header(answer(StatusCode::OK, event), EVENT_ID, event_id)
}

/// The answer to an error that was reported.
pub fn accepted() -> Response<Bytes> {
    answer(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

/// The answer to a subscription.
pub fn subscribed() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"\"OK\""));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn with_header(mut response: Response<Bytes>, name: HeaderName, value: &str) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_by_method_and_path() {
        let check = |method: Method, path: &str, expected: Option<ExtensionCall>| {
            assert_eq!(ExtensionCall::parse(&method, path), expected, "{path}");
        };
        check(Method::POST, "/2020-01-01/extension/register", Some(ExtensionCall::Register));
        check(Method::GET, "/2020-01-01/extension/event/next", Some(ExtensionCall::Next));
        check(Method::PUT, "/2022-07-01/telemetry/", Some(ExtensionCall::Subscribe(Stream::Telemetry)));
        check(Method::PUT, "/2020-08-15/logs", Some(ExtensionCall::Subscribe(Stream::Logs)));
        check(Method::GET, "/2020-01-01/extension/register", None);
        check(Method::GET, "/2018-06-01/runtime/invocation/next", None);
    }

    #[test]
    fn registrations() {
        let check = |name: Option<&'static str>, body: &str, expected: Result<(bool, bool), Refusal>| {
            let mut headers = HeaderMap::new();
            name.map(|name| headers.insert(NAME, HeaderValue::from_static(name)));
            let found = Registration::parse(&headers, body.as_bytes());
            assert_eq!(found.map(|found| (found.wants_invoke, found.wants_shutdown)), expected, "{body}");
        };
        check(Some("x"), r#"{"events":["INVOKE","SHUTDOWN"]}"#, Ok((true, true)));
        check(Some("x"), r#"{"events":[]}"#, Ok((false, false)));
        check(Some("x"), r#"{"events":null}"#, Ok((false, false)));
        check(Some("x"), "", Ok((false, false)));
        check(None, "{}", Err(Refusal::InvalidHeader));
        check(Some("x"), r#"{"events":["RESTORE"]}"#, Err(Refusal::InvalidEventType));
        check(Some("x"), "{", Err(Refusal::InvalidRequestFormat));
    }

    #[test]
    fn subscriptions() {
        let check = |body: Value, expected: Option<Destination>| {
            let found = Subscription::parse(Stream::Logs, body.to_string().as_bytes());
            assert_eq!(found.map(|found| found.to).ok(), expected, "{body}");
        };
        let http = json!({ "protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/logs" });
        let to = Destination::Http { port: 8080, path: "/logs".to_owned(), is_put: false };
        check(json!({ "schemaVersion": "2022-12-13", "types": ["platform"], "destination": http }), Some(to));
        let put = json!({ "protocol": "HTTP", "URI": "http://sandbox:80", "method": "PUT" });
        let to = Destination::Http { port: 80, path: "/".to_owned(), is_put: true };
        check(json!({ "types": ["platform"], "destination": put }), Some(to));
        let tcp = json!({ "protocol": "TCP", "port": 9000 });
        check(json!({ "types": ["function"], "destination": tcp }), Some(Destination::Tcp { port: 9000 }));
        check(json!({ "types": [], "destination": tcp }), None);
        check(json!({ "types": ["all"], "destination": tcp }), None);
        check(
            json!({ "types": ["platform"], "destination": { "protocol": "HTTP", "URI": "http://evil.test:1" } }),
            None,
        );
        let buffering = json!({ "maxItems": 1, "maxBytes": 262_144, "timeoutMs": 100 });
        check(json!({ "types": ["platform"], "buffering": buffering, "destination": tcp }), None);
    }
}
