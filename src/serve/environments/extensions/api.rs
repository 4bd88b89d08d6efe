//! Serves the Extensions API and the Telemetry API of one environment.

use std::{sync::Arc, task::Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::super::environment::Running;
use crate::{
    engine::EnvironmentEvent,
    wire::extensions::{self, BODY_MAX_BYTES, ExtensionCall, Refusal, Registration, Subscription},
};

/// Answers one request.
pub(in super::super) async fn answer(
    environment: &Arc<Running>,
    call: ExtensionCall,
    request: Request<Incoming>,
) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    let answered = match call {
        ExtensionCall::Register => match read(body).await {
            Ok(body) => register(environment, &head.headers, &body),
            Err(refusal) => Err(refusal),
        },
        ExtensionCall::Next => match known(environment, &head.headers) {
            Ok(identifier) => Ok(next(environment, &identifier).await),
            Err(refusal) => Err(refusal),
        },
        ExtensionCall::InitError | ExtensionCall::ExitError => known(environment, &head.headers).map(|_| {
            let error_type = extensions::error_type(&head.headers).unwrap_or_default();
            environment.log(format!("EXTENSION reported {error_type}"));
            environment.extensions.failed.notify_one();
            extensions::accepted()
        }),
        ExtensionCall::Subscribe => match (known(environment, &head.headers), read(body).await) {
            (Ok(identifier), Ok(body)) => Subscription::parse(&body).map(|subscription| {
                let name = environment.extensions.name_of(&identifier);
                environment.extensions.telemetry.subscribe(&name, &subscription);
                extensions::subscribed()
            }),
            (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
        },
    };
    answered.unwrap_or_else(Refusal::into_response)
}

fn register(environment: &Running, headers: &http::HeaderMap, body: &[u8]) -> Result<Response<Bytes>, Refusal> {
    let registration = Registration::parse(headers, body)?;
    let identifier = environment.identifiers.lock().uuid();
    let state = "Extensions register before the function is initialised, at most 10 of them";
    let identifier = environment.extensions.register(identifier, registration).ok_or(Refusal::InvalidState(state))?;
    let spec = &environment.spec;
    Ok(extensions::registered(&identifier, spec.function.name.as_str(), &spec.version, &spec.handler))
}

fn known(environment: &Running, headers: &http::HeaderMap) -> Result<String, Refusal> {
    extensions::identifier(headers)
        .filter(|identifier| environment.extensions.is_known(identifier))
        .ok_or(Refusal::InvalidExtensionIdentifier)
}

async fn next(environment: &Running, identifier: &str) -> Response<Bytes> {
    if environment.extensions.has_asked(identifier) {
        environment.is_free();
    }
    let (event, number) = std::future::poll_fn(|cx| {
        environment.extensions.fetch(identifier, cx.waker()).map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    extensions::event(&event, &number.to_string())
}

async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    let read = Limited::new(body, BODY_MAX_BYTES).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|_| Refusal::InvalidRequestFormat)
}

impl Running {
    /// Runtime and extensions have asked for more.
    pub(in super::super) fn is_free(&self) {
        self.extensions.telemetry.reported(self.spec.memory_mb, self.last_peak_memory_bytes());
        self.emit(EnvironmentEvent::Next);
    }
}
