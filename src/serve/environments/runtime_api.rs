//! An environment's Runtime API: which call it may make in which phase, and what each does.

use std::{
    sync::Arc,
    task::{Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::{environment::Running, extensions, streaming};
use crate::{
    engine::{EnvironmentEvent, Invocation, RequestToken},
    serve::{body::ResponseBody, clock::Stopwatch},
    wire::{
        extensions::ExtensionCall,
        runtime::{self, RESPONSE_MAX_BYTES, RuntimeCall, RuntimeRefusal, RuntimeRequest},
    },
};

/// Of a response that is too long, this much is read and thrown away, so that the runtime is told instead of cut off.
const DISCARDED_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Where an environment stands, as its Runtime API calls show it.
#[derive(Debug)]
pub(super) enum Phase {
    /// It has not asked for work yet.
    Starting(Stopwatch),
    /// It said that it cannot start.
    InitFailed,
    /// It waits for work; the waker is the newest waiting call's.
    Idle(Option<Waker>),
    /// Work is there and was not fetched yet.
    Offered(Box<Invocation>, Stopwatch),
    /// It has the invocation and owes its answer.
    Busy { request_id: Arc<str>, stream: Stream, since: Stopwatch },
    /// It has answered and not asked for more yet.
    Answered,
}

/// How an invocation's response is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Whole, whether the runtime streams it or not.
    Gathered,
    /// As it comes, by that client.
    Wanted(RequestToken),
    /// It is being passed on.
    Begun,
}

impl Phase {
    /// In the words of AWS's own messages.
    fn name(&self) -> &'static str {
        match self {
            Self::Starting(_) => "RuntimeStarted",
            Self::InitFailed => "RuntimeInitError",
            Self::Idle(_) | Self::Offered(..) => "RuntimeReady",
            Self::Busy { .. } => "RuntimeInvocationRunning",
            Self::Answered => "RuntimeInvocationResponseSent",
        }
    }

    /// Puts work in; wakes who waits for it.
    pub(super) fn offer(&mut self, invocation: Invocation, since: Stopwatch) {
        let before = std::mem::replace(self, Self::Offered(Box::new(invocation), since));
        if let Self::Idle(Some(waiting)) = before {
            waiting.wake();
        }
    }
}

/// Answers one request.
pub(super) async fn answer(environment: &Arc<Running>, request: Request<Incoming>) -> Response<ResponseBody> {
    if let Some(call) = ExtensionCall::parse(request.method(), request.uri().path()) {
        return extensions::answer(environment, call, request).await.map(ResponseBody::Whole);
    }
    let (head, body) = request.into_parts();
    let answered = match RuntimeCall::parse(&head.method, head.uri.path()) {
        Ok(RuntimeCall::Next) => next(environment).await,
        Ok(RuntimeCall::InitError) => init_error(environment, &head, body).await,
        Ok(RuntimeCall::Response { request_id }) => respond(environment, request_id, &head, body).await,
        Ok(RuntimeCall::Error { request_id }) => {
            finish(environment, request_id, &head, body, RuntimeRequest::into_error).await
        }
        Err(refusal) => Err(refusal),
    };
    answered.unwrap_or_else(RuntimeRefusal::into_response).map(ResponseBody::Whole)
}

async fn next(environment: &Running) -> Result<Response<Bytes>, RuntimeRefusal> {
    if let Some(init) = environment.becomes_idle()? {
        environment.drain_output().await;
        if let Some(started) = init {
            let elapsed_us = environment.measured(started);
            environment.extensions.telemetry.initialised(environment.spec.initialization_type, elapsed_us);
        }
        if environment.extensions.runtime_asks() {
            environment.is_free();
        }
    }
    let invocation = std::future::poll_fn(|cx| {
        let mut phase = environment.phase.lock();
        match std::mem::replace(&mut *phase, Phase::Answered) {
            Phase::Offered(invocation, since) => {
                let stream = invocation.stream_to.map_or(Stream::Gathered, Stream::Wanted);
                *phase = Phase::Busy { request_id: Arc::clone(&invocation.request_id), stream, since };
                Poll::Ready(Ok(*invocation))
            }
            Phase::Idle(_) => {
                *phase = Phase::Idle(Some(cx.waker().clone()));
                Poll::Pending
            }
            // Another call has fetched the work in the meantime.
            other => {
                *phase = other;
                Poll::Ready(Err(RuntimeRefusal::InvalidStateTransition { from: phase.name(), to: "RuntimeReady" }))
            }
        }
    });
    let invocation = invocation.await?;
    let telemetry = &environment.extensions.telemetry;
    telemetry.invoked(&invocation.request_id, &environment.spec.version, &invocation.trace_id);
    environment.extensions.invoked(&invocation);
    Ok(runtime::next_response(invocation))
}

async fn init_error(
    environment: &Running,
    head: &http::request::Parts,
    body: Incoming,
) -> Result<Response<Bytes>, RuntimeRefusal> {
    let request = read(head, body).await.map_err(Unread::refusal)?;
    {
        let mut phase = environment.phase.lock();
        if !matches!(*phase, Phase::Starting(_)) {
            return Err(RuntimeRefusal::InvalidStateTransition { from: phase.name(), to: "RuntimeInitError" });
        }
        *phase = Phase::InitFailed;
    }
    environment.drain_output().await;
    environment.emit(request.into_init_error());
    Ok(runtime::accepted())
}

/// `response`: passed on as it comes when the runtime streams it and its client wants that, else gathered.
async fn respond(
    environment: &Running,
    request_id: &str,
    head: &http::request::Parts,
    body: Incoming,
) -> Result<Response<Bytes>, RuntimeRefusal> {
    if runtime::is_streamed(&head.headers)
        && let Some(token) = environment.begins_stream(request_id)?
    {
        return streaming::pass_on(environment, request_id, token, head, body).await;
    }
    finish(environment, request_id, head, body, RuntimeRequest::into_response).await
}

/// `response` and `error`: what was printed before goes first, then the event.
async fn finish<'a>(
    environment: &Running,
    request_id: &str,
    head: &'a http::request::Parts,
    body: Incoming,
    event: impl FnOnce(RuntimeRequest<'a>, Arc<str>, u64) -> EnvironmentEvent,
) -> Result<Response<Bytes>, RuntimeRefusal> {
    environment.is_running(request_id)?;
    let read = match read(head, body).await {
        Err(unread @ Unread::Broken) => return Err(unread.refusal()),
        read => read,
    };
    let Some(memory) = environment.max_memory_used_bytes() else {
        // It is being killed, and its end is what the invocation ends with.
        return Ok(runtime::accepted());
    };
    let since = environment.answers(request_id)?;
    environment.drain_output().await;
    let elapsed_us = environment.measured(since);
    let answered = |status| environment.extensions.telemetry.answered(request_id, status, elapsed_us);
    let request_id: Arc<str> = request_id.into();
    match read {
        Ok(request) => {
            let event = event(request, request_id, memory);
            answered(if matches!(event, EnvironmentEvent::Error { .. }) { "error" } else { "success" });
            environment.emit(event);
            Ok(runtime::accepted())
        }
        Err(unread) => {
            environment.emit(runtime::too_large(request_id, unread.size_bytes(), memory));
            Err(unread.refusal())
        }
    }
}

impl Running {
    fn measured(&self, since: Stopwatch) -> u64 {
        let elapsed_us = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.emit(EnvironmentEvent::Measured { elapsed_us });
        elapsed_us
    }

    /// Something when this call is the first to say that the environment is free, with the start of its init phase when it
    /// ends that.
    fn becomes_idle(&self) -> Result<Option<Option<Stopwatch>>, RuntimeRefusal> {
        let mut phase = self.phase.lock();
        match &*phase {
            Phase::Starting(since) => {
                let since = *since;
                *phase = Phase::Idle(None);
                Ok(Some(Some(since)))
            }
            Phase::Answered => {
                *phase = Phase::Idle(None);
                Ok(Some(None))
            }
            // A runtime whose connection broke asks again.
            Phase::Idle(_) | Phase::Offered(..) => Ok(None),
            Phase::InitFailed | Phase::Busy { .. } => {
                Err(RuntimeRefusal::InvalidStateTransition { from: phase.name(), to: "RuntimeReady" })
            }
        }
    }

    fn is_running(&self, request_id: &str) -> Result<(), RuntimeRefusal> {
        match &*self.phase.lock() {
            Phase::Busy { request_id: running, stream, .. } if **running == *request_id && *stream != Stream::Begun => {
                Ok(())
            }
            _ => Err(RuntimeRefusal::InvalidRequestId),
        }
    }

    /// The client that the running invocation's response goes to as it comes, from now on.
    fn begins_stream(&self, request_id: &str) -> Result<Option<RequestToken>, RuntimeRefusal> {
        match &mut *self.phase.lock() {
            Phase::Busy { request_id: running, stream, .. } if **running == *request_id => match *stream {
                Stream::Gathered => Ok(None),
                Stream::Wanted(token) => {
                    *stream = Stream::Begun;
                    Ok(Some(token))
                }
                Stream::Begun => Err(RuntimeRefusal::InvalidRequestId),
            },
            _ => Err(RuntimeRefusal::InvalidRequestId),
        }
    }

    /// The response that was passed on has ended.
    pub(super) fn has_answered(&self) {
        let before = std::mem::replace(&mut *self.phase.lock(), Phase::Answered);
        if let Phase::Busy { since, request_id, .. } = before {
            let elapsed_us = self.measured(since);
            self.extensions.telemetry.answered(&request_id, "success", elapsed_us);
        }
    }

    fn answers(&self, request_id: &str) -> Result<Stopwatch, RuntimeRefusal> {
        let mut phase = self.phase.lock();
        match &*phase {
            Phase::Busy { request_id: running, since, .. } if **running == *request_id => {
                let since = *since;
                *phase = Phase::Answered;
                Ok(since)
            }
            _ => Err(RuntimeRefusal::InvalidRequestId),
        }
    }
}

/// Why a body is not there.
#[derive(Clone, Copy, Debug)]
enum Unread {
    /// It was longer than allowed; its size is known when it came to an end.
    TooLarge { size_bytes: Option<usize> },
    /// The connection broke.
    Broken,
}

impl Unread {
    fn refusal(self) -> RuntimeRefusal {
        match self {
            Self::TooLarge { .. } => RuntimeRefusal::TooLarge,
            Self::Broken => RuntimeRefusal::Truncated,
        }
    }

    fn size_bytes(self) -> Option<usize> {
        match self {
            Self::TooLarge { size_bytes } => size_bytes,
            Self::Broken => None,
        }
    }
}

/// Reads a body and its trailers. A body that comes in one piece is not copied.
async fn read(head: &http::request::Parts, mut body: Incoming) -> Result<RuntimeRequest<'_>, Unread> {
    let (mut pieces, mut size_bytes, mut trailers) = (Vec::new(), 0, http::HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Unread::Broken)?.into_data() {
            Ok(piece) => {
                size_bytes += piece.len();
                if size_bytes <= RESPONSE_MAX_BYTES {
                    pieces.push(piece);
                } else if size_bytes > DISCARDED_MAX_BYTES {
                    return Err(Unread::TooLarge { size_bytes: None });
                }
            }
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
        if body.is_end_stream() {
            break;
        }
    }
    if size_bytes > RESPONSE_MAX_BYTES {
        return Err(Unread::TooLarge { size_bytes: Some(size_bytes) });
    }
    let body = if pieces.len() == 1 { pieces.swap_remove(0) } else { Bytes::from(pieces.concat()) };
    Ok(RuntimeRequest { headers: &head.headers, body, trailers })
}
