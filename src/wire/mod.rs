//! Bytes <-> engine commands: AWS JSON 1.0, AWS Query, Lambda REST, CloudWatch Logs, STS. Pure: no IO, no clock.
//!
//! One request goes `parse` -> engine -> `respond`. The caller (the listener) has read the body and enforced its bound.

pub mod runtime;

use bytes::Bytes;
use http::{Response, request};

use crate::{
    engine::{
        Command, Reply,
        lambda::{CreateFunction, FunctionRef, UpdateFunctionCode},
    },
    model::Scope,
};

/// What a request turned out to be.
#[derive(Debug)]
pub enum Parsed {
    /// For the engine, as it is.
    Command { call: Call, scope: Scope, command: Command },
    /// For the engine once its code is in the store.
    WithCode { call: Call, scope: Scope, source: CodeSource, command: CodeCommand },
    /// Answered without the engine: refused, or `GetCallerIdentity`.
    Answered(Response<Bytes>),
}

/// What of a request its response depends on: protocol, operation, and the host that the caller used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {}

/// Where a function's code comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeSource {
    /// The zip file itself, decoded.
    Zip(Bytes),
    /// `S3Bucket` and `S3Key`: `stackctl-artifacts` is the engine's own store, by digest.
    Stored { bucket: String, key: String },
}

/// A command that waits for its code.
#[derive(Clone, Debug, PartialEq)]
pub enum CodeCommand {
    CreateFunction(CreateFunction),
    UpdateFunctionCode { name: FunctionRef, update: UpdateFunctionCode },
}

/// Reads a request. `request_id` names it in the response's headers and error documents.
pub fn parse(_head: &request::Parts, _body: Bytes, _request_id: &str) -> Parsed {
    Parsed::Answered(Response::new(Bytes::new()))
}

/// Writes the engine's reply as the call's protocol wants it.
pub fn respond(_call: &Call, _reply: Reply, _request_id: &str) -> Response<Bytes> {
    Response::new(Bytes::new())
}
