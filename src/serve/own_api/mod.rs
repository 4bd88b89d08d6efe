//! The engine's own endpoints, below `/_stackctl/`: for `stackctl` itself, in JSON. They are not AWS's and may change with
//! the version, which `health` tells.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET health` | [`Health`]: who serves here |
//! | `GET activity` | functions, mappings and queue depths of an account and region |
//! | `GET logs?follow=1&function=NAME&since=MS` | log lines as JSON lines; `function` may be repeated |
//! | `GET peek?queue=NAME&max=COUNT&all=1` | [`PeekReport`]: messages, untouched; `all` of them or the visible ones |
//! | `GET code/DIGEST` | the artifact as a zip file |
//! | `POST shutdown` | 202; ends the engine, a second time without grace |
//!
//! `account` and `region` choose another world than the engine's own.

mod activity;
mod logs;
mod peek;

use std::{borrow::Cow, sync::Arc};

pub use activity::{ActivityReport, QueueDepth};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request};
pub use peek::{PeekReport, Seen, SeenAttribute, Standing};
use serde::{Deserialize, Serialize};

use super::{
    body::ResponseBody,
    service::{EngineInfo, Service, text_response},
};
use crate::model::{AccountId, ArtifactDigest, Region, Scope};

/// Where the paths of this module begin.
pub const PREFIX: &str = "/_stackctl/";

/// `GET /_stackctl/health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    pub stack: Option<String>,
    pub version: String,
    pub pid: u32,
    pub state_dir: String,
    pub started_at_ms: u64,
    pub endpoint: String,
    pub port: u16,
    /// Of requests that name none: the stack's own.
    pub account: String,
    pub region: String,
}

/// Answers `PREFIX` + `path`.
pub(super) async fn call(service: &Service, path: &str, head: &request::Parts) -> Response<ResponseBody> {
    let query = Query::of(head);
    match (&head.method, path) {
        (&Method::GET, "health") => json_response(&Health::of(&service.info)),
        (&Method::GET, "activity") => match query.scope(&service.info.scope) {
            Ok(scope) => activity::activity(&service.driver, scope).await,
            Err(message) => text_response(StatusCode::BAD_REQUEST, message),
        },
        (&Method::GET, "logs") => match logs::Request::parse(&query, &service.info.scope) {
            Ok(request) => logs::logs(&service.driver, &service.followers, request).await,
            Err(message) => text_response(StatusCode::BAD_REQUEST, message),
        },
        (&Method::GET, "peek") => match peek::Request::parse(&query, &service.info.scope) {
            Ok(request) => peek::peek(&service.driver, request).await,
            Err(message) => text_response(StatusCode::BAD_REQUEST, message),
        },
        (&Method::POST, "shutdown") => {
            service.shutdown.request();
            text_response(StatusCode::ACCEPTED, "the engine ends")
        }
        (&Method::GET, path) if path.starts_with("code/") => code(service, &path["code/".len()..]).await,
        _ => text_response(StatusCode::NOT_FOUND, format!("no `{} {PREFIX}{path}` here", head.method)),
    }
}

async fn code(service: &Service, digest: &str) -> Response<ResponseBody> {
    let Some(digest) = ArtifactDigest::from_hex(digest) else {
        return text_response(StatusCode::BAD_REQUEST, format!("`{digest}` is no SHA-256 in hexadecimal"));
    };
    let store = Arc::clone(&service.code);
    let zipped = tokio::task::spawn_blocking(move || store.zip(&digest)).await;
    match zipped.map_err(std::io::Error::other).flatten() {
        Ok(Some(zip)) => bytes_response("application/zip", zip.into()),
        Ok(None) => text_response(StatusCode::NOT_FOUND, format!("no artifact `{digest}` here")),
        Err(error) => text_response(StatusCode::INTERNAL_SERVER_ERROR, format!("cannot read the artifact: {error}")),
    }
}

impl Health {
    /// What an engine says of itself.
    pub fn of(info: &EngineInfo) -> Self {
        Self {
            stack: info.stack.as_ref().map(ToString::to_string),
            version: info.version.to_owned(),
            pid: info.pid,
            state_dir: info.state_dir.display().to_string(),
            started_at_ms: info.started_at.as_millis(),
            endpoint: info.endpoint.clone(),
            port: info.port,
            account: info.scope.account.to_string(),
            region: info.scope.region.to_string(),
        }
    }
}

/// The query of a request, decoded.
struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    fn of(head: &'a request::Parts) -> Self {
        let query = head.uri.query().unwrap_or_default();
        Self { pairs: form_urlencoded::parse(query.as_bytes()).collect() }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The account and region that the query names, each `default`'s when it does not.
    fn scope(&self, default: &Scope) -> Result<Scope, String> {
        let account = self.first("account").map(|text| {
            AccountId::parse(text).ok_or_else(|| format!("`account` has twelve digits, and `{text}` has not"))
        });
        let region =
            self.first("region").map(|text| Region::parse(text).ok_or_else(|| format!("`{text}` is no region's name")));
        Ok(Scope {
            account: account.transpose()?.unwrap_or(default.account),
            region: region.transpose()?.unwrap_or_else(|| default.region.clone()),
        })
    }
}

fn json_response(value: &impl Serialize) -> Response<ResponseBody> {
    let json = serde_json::to_vec(value).expect("plain values have a JSON form");
    bytes_response("application/json", json.into())
}

fn bytes_response(content_type: &'static str, bytes: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query_of(uri: &str) -> request::Parts {
        http::Request::builder().uri(uri).body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_query_chooses_the_world() {
        let default = Scope { account: AccountId::DEFAULT, region: Region::default() };
        let check = |uri: &str, expected: &str| {
            let head = query_of(uri);
            let found = Query::of(&head).scope(&default);
            let found = found.map_or_else(|error| error, |scope| format!("{} {}", scope.account, scope.region));
            assert_eq!(found, expected, "{uri}");
        };
        check("/x", "000000000000 us-east-1");
        check("/x?region=eu-west-1", "000000000000 eu-west-1");
        check("/x?account=123456789012", "123456789012 us-east-1");
        check("/x?account=12", "`account` has twelve digits, and `12` has not");
        check("/x?region=A%2FB", "`A/B` is no region's name");
    }
}
