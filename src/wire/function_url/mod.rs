//! Requests to function URLs: whose they are, the event that the function gets, and the answer that its result becomes
//! (Lambda developer guide, "Invoking Lambda function URLs"). Pure.
//!
//! | form | resolves |
//! | --- | --- |
//! | `http://ID.lambda-url.REGION.localhost:PORT/PATH`, also below `localhost.localstack.cloud` | in browsers and curl |
//! | `http://HOST:PORT/_stackctl/url/ID/PATH` | everywhere |

mod answer;
mod cors;
mod event;
mod prelude;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, request};

pub use answer::{infer, internal_error, streamed, unstreamed};
pub use cors::{allow, preflight};
pub use event::{Arrival, event};
pub use prelude::{Prelude, PreludeReader};

use super::{
    guard::{host, host_name},
    response, scope,
};
use crate::{engine::lambda::FunctionUrl, model::Scope};

/// Where the path form begins.
const PATH_PREFIX: &str = "/_stackctl/url/";
const HOST_LABEL: &str = "lambda-url";
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
/// What AWS says to a request without the right signature.
const FORBIDDEN: &str = r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#;

/// The URL that a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addressed<'a> {
    pub id: &'a str,
    /// Still encoded, with the slash that it begins with.
    pub path: &'a str,
    /// The host that names the id; `None` in the path form.
    host: Option<&'a str>,
}

/// The URL of `id` in the form that resolves everywhere. `origin` is `http://HOST:PORT`.
pub fn address(origin: &str, id: &str) -> String {
    format!("{origin}{PATH_PREFIX}{id}/")
}

/// The URL that a request is for; `None` when it is for no function's.
pub fn addressed(head: &request::Parts) -> Option<Addressed<'_>> {
    let path = match head.uri.path() {
        "" => "/",
        path => path,
    };
    if let Some(rest) = path.strip_prefix(PATH_PREFIX) {
        let (id, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        return Some(Addressed { id, path, host: None });
    }
    let host = host_name(host(head)?);
    let (id, rest) = host.split_once('.')?;
    let rest = rest.strip_prefix(HOST_LABEL)?.strip_prefix('.')?;
    // A region and a domain of this machine: that it is one, the guard sees.
    rest.contains('.').then_some(Addressed { id, path, host: Some(host) })
}

impl Addressed<'_> {
    /// The host as the function sees it.
    fn domain_name(&self, scope: &Scope) -> String {
        self.host.map_or_else(|| format!("{}.{HOST_LABEL}.{}.localhost", self.id, scope.region), str::to_owned)
    }
}

/// Whether a request is signed for Lambda, as `AWS_IAM` wants it. The signature itself is not verified, and permissions are
/// not evaluated: on this machine any credentials are accepted.
pub fn is_signed(head: &request::Parts, default: &Scope) -> bool {
    scope::of(head, default).service.as_deref() == Some("lambda")
}

/// The answer to a request that is not signed and should be.
pub fn forbidden(request_id: &str) -> Response<Bytes> {
    let mut response = response::new(StatusCode::FORBIDDEN, response::JSON, FORBIDDEN, request_id);
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static("AccessDeniedException"));
    response
}

/// The answer when no function has that URL.
pub fn not_found(id: &str, request_id: &str) -> Response<Bytes> {
    let message = serde_json::json!({ "Message": format!("there is no function URL `{id}`") }).to_string();
    response::new(StatusCode::NOT_FOUND, response::JSON, message, request_id)
}

/// Whether the function is to stream its answer.
pub fn streams(url: &FunctionUrl) -> bool {
    url.invoke_mode == crate::engine::lambda::InvokeMode::ResponseStream
}

#[cfg(test)]
mod tests_support {
    use super::FunctionUrl;
    use crate::{
        engine::lambda::{InvokeMode, UrlAuthType},
        model::{AccountId, Region, Scope},
    };

    pub(super) fn url() -> FunctionUrl {
        FunctionUrl {
            id: "abc".into(),
            scope: Scope { account: AccountId::DEFAULT, region: Region::parse("us-east-1").unwrap() },
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
            auth_type: UrlAuthType::None,
            cors: None,
            invoke_mode: InvokeMode::Buffered,
            creation_time: String::new(),
            last_modified_time: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::head_of;

    #[test]
    fn urls_are_told_by_host_or_path() {
        let check = |head: &str, expected: Option<(&str, &str)>| {
            let head = head_of(head);
            assert_eq!(addressed(&head).map(|found| (found.id, found.path)), expected, "{head:?}");
        };
        check("GET /\nhost: abc.lambda-url.us-east-1.localhost:4566", Some(("abc", "/")));
        check("GET /a%20b?c\nhost: abc.lambda-url.us-east-1.localhost.localstack.cloud", Some(("abc", "/a%20b")));
        check("GET http://abc.lambda-url.us-east-1.localhost/x", Some(("abc", "/x")));
        check("GET /_stackctl/url/abc\nhost: localhost", Some(("abc", "/")));
        check("GET /_stackctl/url/abc/\nhost: localhost", Some(("abc", "/")));
        check("GET /_stackctl/url/abc/x/y/\nhost: localhost", Some(("abc", "/x/y/")));
        for other in
            ["GET /\nhost: localhost", "GET /\nhost: abc.lambda-url.localhost", "GET /_stackctl/health\nhost: a"]
        {
            check(other, None);
        }
        assert_eq!(address("http://localhost:4566", "abc"), "http://localhost:4566/_stackctl/url/abc/");
    }

    #[test]
    fn signatures_for_lambda_count() {
        let default = Scope { account: crate::model::AccountId::DEFAULT, region: crate::model::Region::default() };
        let check = |head: &str, expected: bool| assert_eq!(is_signed(&head_of(head), &default), expected, "{head}");
        let signed = |service: &str| {
            format!("GET /\nauthorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/{service}/aws4_request, X")
        };
        check("GET /", false);
        check("GET /\nauthorization: Bearer x", false);
        check(&signed("lambda"), true);
        check(&signed("execute-api"), false);
        check("GET /?X-Amz-Credential=a%2F20260101%2Fus-east-1%2Flambda%2Faws4_request", true);
    }
}
