//! An invocation: who asked for it, what it carries, and how it ends. Each ends exactly once.

use bytes::Bytes;

use super::{async_queue::EventId, mappings::BatchId, report::Tail};
use crate::{engine::RequestToken, model::Timestamp};

/// Who asked for an invocation, and so who hears of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client that waits (`RequestResponse`).
    Client { token: RequestToken, log_tail: bool, stream: Stream },
    /// A queue's mapping, with one batch of its messages.
    Mapping { batch: BatchId },
    /// The function's own queue of asynchronous invocations.
    Event(EventId),
    /// Another function's destination: becomes an event of this one, that has passed so many.
    Destination { hops: u8 },
}

/// How a client gets a response that the function streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Whole, at its end.
    Gathered,
    /// As it comes, and it has not begun.
    Wanted,
    /// As it comes, and the client has its beginning.
    Begun,
}

/// An invocation that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ask {
    pub(super) origin: Origin,
    pub(super) payload: Bytes,
    pub(super) qualifier: Option<String>,
    /// `None` for a new one.
    pub(super) request_id: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) client_context: Option<String>,
}

/// An invocation that was let in and has not ended: it holds a slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) origin: Origin,
    pub(super) payload: Bytes,
    pub(super) invoked_function_arn: String,
    pub(super) trace_id: String,
    pub(super) client_context: Option<String>,
    /// When the caller wants the end of the log.
    pub(super) tail: Option<Tail>,
}

impl Job {
    /// The client that wants a streamed response as it comes.
    pub(super) fn stream_to(&self) -> Option<RequestToken> {
        match self.origin {
            Origin::Client { token, stream: Stream::Wanted | Stream::Begun, .. } => Some(token),
            _ => None,
        }
    }

    /// Keeps a line of its log for the caller.
    pub(super) fn note(&mut self, line: &str) {
        if let Some(tail) = &mut self.tail {
            tail.push(line);
        }
    }
}

/// An invocation in an environment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) job: Job,
    pub(super) started_at: Timestamp,
    /// When the function's timeout ends it.
    pub(super) deadline: Timestamp,
    /// How long the environment took to start, when it was started for this.
    pub(super) init_us: Option<u64>,
    /// What of the invocation's duration passed before the environment had it: an init phase that was tried again.
    pub(super) before_us: u64,
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
