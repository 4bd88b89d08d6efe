//! Bytes <-> engine commands: AWS JSON 1.0, AWS Query, Lambda REST, Application Auto Scaling, CloudWatch Logs, IAM and
//! STS. Pure: no IO, no clock.
//!
//! One request goes `guard` -> `parse` -> engine -> `respond`. The caller (the listener) has read the body and enforced
//! its bound. Signatures are not verified: on loopback any credentials are accepted, and they only choose the world.

mod autoscaling;
mod constraints;
mod dispatch;
pub mod eventstream;
pub mod function_url;
mod guard;
mod identity;
mod json;
mod lambda;
mod logs;
mod params;
mod queue_url;
mod response;
mod scheduler;
mod scope;
mod sqs_errors;
mod sqs_json;
mod sqs_peek;
mod sqs_query;
mod xml;

#[cfg(test)]
mod robustness;
#[cfg(test)]
mod testing;

pub mod extensions;
pub mod runtime;

use std::borrow::Cow;

use bytes::Bytes;
use http::{Response, StatusCode, request};

pub use guard::{guard, guard_gateway, guard_host};

use crate::{
    engine::{
        Command, Reply,
        lambda::{CreateFunction, FunctionRef, PublishLayerVersion, StreamBegun, UpdateFunctionCode},
    },
    model::{AccountId, Scope},
};

/// What a request turned out to be.
#[derive(Debug)]
pub enum Parsed {
    /// For the engine, as it is.
    Command { call: Call, scope: Scope, command: Command },
    /// For the engine once its code is in the store.
    WithCode { call: Call, scope: Scope, source: CodeSource, command: CodeCommand },
    /// Answered without the engine: refused, or a greeting.
    Answered(Response<Bytes>),
}

/// What of a request its response depends on: protocol, operation, and the host that the caller used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    protocol: Protocol,
    /// Only for operations that answer with URLs.
    url_base: Option<Box<UrlBase>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    SqsJson,
    /// The operation's name is part of the response's elements.
    SqsQuery(&'static str),
    SqsPeek(sqs_peek::Look),
    /// The status of the operation's success.
    Lambda(StatusCode),
    LambdaStream,
    Logs,
    Autoscaling,
    Identity(identity::Service, &'static str),
    Scheduler,
}

impl Call {
    /// Whether the answer may come piece by piece: [`begin_stream`] when it does, [`respond`] when it does not.
    pub fn is_streamed(&self) -> bool {
        self.protocol == Protocol::LambdaStream
    }
}

/// What the URLs of a response begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UrlBase {
    /// Host and port, as the caller wrote them.
    host: Box<str>,
    account: AccountId,
}

/// Where a function's code comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeSource {
    /// The zip file itself, decoded.
    Zip(Bytes),
    /// `S3Bucket` and `S3Key`: `stackctl-artifacts` is the engine's own store, by digest.
    Stored { bucket: String, key: String },
    /// `ImageUri`: a container image, which is the shell's to find.
    Image { uri: String },
}

/// A command that waits for its code.
#[derive(Clone, Debug, PartialEq)]
pub enum CodeCommand {
    CreateFunction(Box<CreateFunction>),
    UpdateFunctionCode { name: FunctionRef, update: UpdateFunctionCode },
    PublishLayerVersion { layer: String, publish: PublishLayerVersion },
}

/// Reads a request. `default` is the account and region of unsigned requests; `request_id` names the request in the
/// response's headers and error documents.
pub fn parse(head: &request::Parts, body: Bytes, default: &Scope, request_id: &str) -> Parsed {
    dispatch::parse(&Caller::of(head, default, request_id), body)
}

/// Writes the engine's reply as the call's protocol wants it.
pub fn respond(call: &Call, reply: Reply, request_id: &str) -> Response<Bytes> {
    let url_base = call.url_base.as_deref();
    match call.protocol {
        Protocol::SqsJson => sqs_json::respond(url_base, reply, request_id),
        Protocol::SqsQuery(operation) => sqs_query::respond(operation, url_base, reply, request_id),
        Protocol::SqsPeek(look) => sqs_peek::respond(look, reply, request_id),
        Protocol::Lambda(success) => lambda::respond(success, url_base, reply, request_id),
        Protocol::LambdaStream => lambda::respond_stream(reply, request_id),
        Protocol::Logs => logs::respond(reply, request_id),
        Protocol::Autoscaling => autoscaling::respond(reply, request_id),
        Protocol::Identity(service, operation) => identity::respond(service, operation, reply, request_id),
        Protocol::Scheduler => scheduler::respond(reply, request_id),
    }
}

/// Writes what Lambda answers to a request that came by none of its own operations.
pub fn respond_lambda(reply: Reply, request_id: &str) -> Response<Bytes> {
    lambda::respond(StatusCode::OK, None, reply, request_id)
}

/// The head of a response whose frames are made by [`eventstream`].
pub fn begin_stream(begun: &StreamBegun) -> Response<()> {
    lambda::begin_stream(begun)
}

/// The refusal of a session when there are too many already.
pub fn too_many_live_tails(request_id: &str) -> Response<Bytes> {
    logs::too_many_live_tails(request_id)
}

/// The head of the answer to `StartLiveTail`; its body is a session.
pub fn begin_live_tail(request_id: &str) -> Response<()> {
    logs::begin_live_tail(request_id)
}

/// Who asks, and how: what every protocol needs of the request's head.
struct Caller<'a> {
    head: &'a request::Parts,
    /// The service that the signature names.
    service: Option<Cow<'a, str>>,
    /// The access key that it is made with.
    access_key_id: Option<Cow<'a, str>>,
    /// The account and region of the signature, or the engine's own.
    scope: Scope,
    request_id: &'a str,
}

impl<'a> Caller<'a> {
    fn of(head: &'a request::Parts, default: &Scope, request_id: &'a str) -> Self {
        let scope::Signature { service, access_key_id, scope } = scope::of(head, default);
        Self { head, service, access_key_id, scope, request_id }
    }

    fn url_base(&self, account: AccountId) -> Box<UrlBase> {
        Box::new(UrlBase { host: guard::host(self.head).unwrap_or("localhost").into(), account })
    }
}

impl UrlBase {
    /// `http://HOST`.
    fn origin(base: Option<&Self>) -> String {
        format!("http://{}", base.map_or("localhost", |base| &base.host))
    }
}
