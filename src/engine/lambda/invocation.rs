//! An invocation: who asked for it, and how it ends. Each ends exactly once.

use bytes::Bytes;

use super::mappings::{BatchId, MappingId};
use crate::engine::RequestToken;

/// Who asked for an invocation, and so who hears of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client that waits (`RequestResponse`).
    Client { token: RequestToken, log_tail: bool },
    /// A queue's mapping, with one batch of its messages.
    Mapping { mapping: MappingId, batch: BatchId },
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Completion {
    pub(super) request_id: String,
    /// The response, or the error document.
    pub(super) payload: Bytes,
    /// `Unhandled` when the function failed, timed out or crashed.
    pub(super) function_error: Option<&'static str>,
    pub(super) executed_version: String,
}
