//! Serves the Extensions API, the Telemetry API and the Logs API of one environment.

use std::{sync::Arc, task::Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use super::super::environment::Running;
use crate::{
    engine::{EnvironmentEvent, lambda::Logging},
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
        ExtensionCall::Subscribe(stream) => match (known(environment, &head.headers), read(body).await) {
            (Ok(identifier), Ok(body)) => {
                let name = environment.extensions.name_of(&identifier);
                let subscribe = |subscription| environment.extensions.telemetry.subscribe(&name, &subscription);
                Subscription::parse(stream, &body).and_then(subscribe).map(|()| extensions::subscribed())
            }
            (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
        },
    };
    answered.unwrap_or_else(Refusal::into_response)
}

fn register(environment: &Running, headers: &http::HeaderMap, body: &[u8]) -> Result<Response<Bytes>, Refusal> {
    let registration = Registration::parse(headers, body)?;
    let identifier = environment.identifiers.lock().uuid();
    let spec = &environment.spec;
    let account = registration.wants_account.then(|| spec.function.scope.account.to_string());
    let identifier = environment.extensions.register(identifier, registration)?;
    let name = spec.function.name.as_str();
    Ok(extensions::registered(&identifier, name, &spec.version, &spec.handler, account.as_deref()))
}

fn known(environment: &Running, headers: &http::HeaderMap) -> Result<String, Refusal> {
    extensions::identifier(headers)
        .filter(|identifier| environment.extensions.is_known(identifier))
        .ok_or(Refusal::InvalidExtensionIdentifier)
}

async fn next(environment: &Running, identifier: &str) -> Response<Bytes> {
    if let Some((name, events)) = environment.extensions.becomes_ready(identifier) {
        let ready = environment.extensions.telemetry.extension_ready(&name, &events);
        environment.log(match environment.spec.logging {
            Logging::Text => format!("EXTENSION\tName: {name}\tState: Ready\tEvents: [{}]", events.join(", ")),
            Logging::Json { .. } => ready.to_string(),
        });
    }
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
