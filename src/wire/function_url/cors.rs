//! Cross-origin requests to a function URL, as its own configuration allows them: Lambda answers preflights itself, and its
//! headers take the place of the function's (Lambda developer guide, "Cross-origin resource sharing (CORS)").

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request};

use super::response;
use crate::engine::lambda::Cors;

/// The answer to a preflight; `None` when the request is none, or when CORS is the function's own business.
pub fn preflight(cors: Option<&Cors>, head: &request::Parts, request_id: &str) -> Option<Response<Bytes>> {
    let cors = cors?;
    if head.method != Method::OPTIONS || !head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = response::new(StatusCode::OK, response::JSON, Bytes::new(), request_id);
    let headers = response.headers_mut();
    allow(Some(cors), head, headers);
    if headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        list(headers, header::ACCESS_CONTROL_ALLOW_METHODS, &cors.allow_methods);
        list(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &cors.allow_headers);
        if let Some(seconds) = cors.max_age {
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
    }
    Some(response)
}

/// Puts the headers of CORS on an answer, in the place of the function's own. Without a configuration those stay.
pub fn allow(cors: Option<&Cors>, head: &request::Parts, headers: &mut HeaderMap) {
    let Some(cors) = cors else { return };
    for name in [
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
    ] {
        headers.remove(name);
    }
    let Some(origin) = head.headers.get(header::ORIGIN) else { return };
    let Some(allowed) = allowed_origin(cors, origin) else { return };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if cors.allow_credentials == Some(true) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    list(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose_headers);
}

/// What an origin gets, when it is allowed. With credentials, browsers take no asterisk.
fn allowed_origin(cors: &Cors, origin: &HeaderValue) -> Option<HeaderValue> {
    let text = origin.to_str().ok()?;
    let is_allowed = |allowed: &String| match allowed.strip_suffix('*') {
        // `*`, and `https://*` for all of a scheme.
        Some(prefix) => text.starts_with(prefix),
        None => allowed.eq_ignore_ascii_case(text),
    };
    if !cors.allow_origins.iter().any(is_allowed) {
        return None;
    }
    let any = cors.allow_origins.iter().any(|allowed| allowed == "*") && cors.allow_credentials != Some(true);
    Some(if any { HeaderValue::from_static("*") } else { origin.clone() })
}

fn list(headers: &mut HeaderMap, name: HeaderName, values: &[String]) {
    if let Ok(value) = HeaderValue::try_from(values.join(","))
        && !values.is_empty()
    {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::{head_of, response_text};

    fn cors() -> Cors {
        let list = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        Cors {
            allow_credentials: None,
            allow_headers: list(&["x-a", "x-b"]),
            allow_methods: list(&["GET", "POST"]),
            allow_origins: list(&["https://one.example", "http://localhost:*"]),
            expose_headers: list(&["x-c"]),
            max_age: Some(60),
        }
    }

    #[test]
    fn preflights_are_answered_from_the_configuration() {
        let check = |cors: Option<&Cors>, request: &str, expected: Option<&str>| {
            let answer = preflight(cors, &head_of(request), "ID");
            assert_eq!(answer.as_ref().map(response_text).as_deref(), expected, "{request}");
        };
        let asked = "OPTIONS /\norigin: https://one.example\naccess-control-request-method: GET";
        check(
            Some(&cors()),
            asked,
            Some(
                "200 application/json access-control-allow-origin=https://one.example vary=Origin \
                 access-control-allow-methods=GET,POST access-control-allow-headers=x-a,x-b access-control-max-age=60 | ",
            ),
        );
        check(None, asked, None);
        check(Some(&cors()), "GET /\norigin: https://one.example", None);
        check(Some(&cors()), "OPTIONS /\norigin: https://one.example", None);
        let foreign = "OPTIONS /\norigin: https://two.example\naccess-control-request-method: GET";
        check(Some(&cors()), foreign, Some("200 application/json | "));
    }

    #[test]
    fn answers_tell_which_origin_may_read_them() {
        let check = |cors: Cors, origin: Option<&str>, expected: &str| {
            let head = head_of(&origin.map_or("GET /".to_owned(), |origin| format!("GET /\norigin: {origin}")));
            let mut response = response::bare(StatusCode::OK, response::JSON, "");
            response.headers_mut().insert("access-control-allow-origin", HeaderValue::from_static("the function's"));
            allow(Some(&cors), &head, response.headers_mut());
            assert_eq!(response_text(&response), format!("200 application/json{expected} | "));
        };
        let exposed = " vary=Origin access-control-expose-headers=x-c";
        check(
            cors(),
            Some("https://one.example"),
            &format!(" access-control-allow-origin=https://one.example{exposed}"),
        );
        check(
            cors(),
            Some("http://localhost:3000"),
            &format!(" access-control-allow-origin=http://localhost:3000{exposed}"),
        );
        check(cors(), Some("https://two.example"), "");
        check(cors(), None, "");
        let any = Cors { allow_origins: vec!["*".into()], expose_headers: Vec::new(), ..cors() };
        check(any.clone(), Some("https://two.example"), " access-control-allow-origin=* vary=Origin");
        check(
            Cors { allow_credentials: Some(true), ..any },
            Some("https://two.example"),
            " access-control-allow-origin=https://two.example vary=Origin access-control-allow-credentials=true",
        );
    }
}
