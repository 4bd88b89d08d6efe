//! From a request to its response, without a socket: what the listener serves and what tests call.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{Method, Response, StatusCode, request};

use super::{
    body::ResponseBody,
    code_store::CodeStore,
    containers::{Containers, Gateway, Unavailable},
    driver::{Asked, Driver},
    follow::{Followers, Wanted},
    live_tail::Session,
    own_api,
    shutdown::Shutdown,
    streams::{ResponseStream, Streams},
};
use crate::{
    engine::{
        self, Command, Error, Reply,
        lambda::{LambdaError, LambdaErrorKind},
        logs::{self, LiveTail},
        sqs,
    },
    model::{BUILT_IMAGES, IdSource, Scope, StackName, Timestamp},
    wire::{self, Call, CodeCommand, CodeSource, Parsed},
};

/// Body of a request that may carry a deployment package: [`crate::model::limits::CODE_ZIP_MAX_BYTES`] in Base64, and the
/// rest of the request.
pub const CODE_BODY_MAX_BYTES: usize = 72 * 1024 * 1024;
/// Body of any other request: the largest message or payload, written as wastefully as its protocol allows.
pub const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;

/// How often it is looked which code nobody needs any more.
const DEPLOYMENTS_PER_PRUNING: u64 = 20;

/// What the engine says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    pub stack: Option<StackName>,
    pub version: &'static str,
    pub pid: u32,
    pub state_dir: std::path::PathBuf,
    pub started_at: Timestamp,
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
    pub port: u16,
    /// The account and region of requests that name none.
    pub scope: Scope,
    /// Names under which the engine is reached beside those of this machine, without port.
    pub allowed_hosts: Vec<String>,
}

/// The HTTP service.
#[derive(Debug)]
pub struct Service {
    pub(super) driver: Arc<Driver>,
    pub(super) code: Arc<CodeStore>,
    pub(super) followers: Arc<Followers>,
    streams: Arc<Streams>,
    pub(super) info: Arc<EngineInfo>,
    pub(super) shutdown: Shutdown,
    containers: Option<Containers>,
    request_ids: RequestIds,
    deployments: AtomicU64,
}

/// Where a request came in.
#[derive(Clone, Debug)]
pub enum Door {
    /// On loopback.
    Loopback,
    /// On the gateway of the stack's network, from one of its containers.
    Gateway(Arc<Gateway>),
}

impl Service {
    /// A service in front of `driver`. `seed` is where request ids start from.
    pub fn new(
        driver: Arc<Driver>,
        code: Arc<CodeStore>,
        (followers, streams): (Arc<Followers>, Arc<Streams>),
        info: Arc<EngineInfo>,
        shutdown: Shutdown,
        seed: u64,
    ) -> Self {
        let request_ids = RequestIds { next: AtomicU64::new(seed) };
        Self {
            driver,
            code,
            followers,
            streams,
            info,
            shutdown,
            containers: None,
            request_ids,
            deployments: AtomicU64::new(0),
        }
    }

    /// The same with a way to the images that functions may be.
    #[must_use]
    pub fn with_containers(mut self, containers: Containers) -> Self {
        self.containers = Some(containers);
        self
    }

    /// The longest body that a request may have, by its path.
    pub fn body_max_bytes(head: &request::Parts) -> usize {
        if ["/functions", "/layers/"].iter().any(|part| head.uri.path().contains(part)) {
            CODE_BODY_MAX_BYTES
        } else {
            BODY_MAX_BYTES
        }
    }

    /// Answers a request. Dropping the future means that the client went away.
    pub async fn call(&self, head: request::Parts, body: Bytes) -> Response<ResponseBody> {
        self.call_at(&Door::Loopback, head, body).await
    }

    /// The same for a request that came in at `door`. Containers get AWS's API alone: `stackctl`'s own can end the engine.
    pub async fn call_at(&self, door: &Door, head: request::Parts, body: Bytes) -> Response<ResponseBody> {
        if let (Door::Loopback, Some(url)) = (door, wire::function_url::addressed(&head)) {
            return match wire::guard_host(&head, &self.info.allowed_hosts) {
                Some(refusal) => refusal.map(ResponseBody::Whole),
                None => self.function_url(url, &head, body).await,
            };
        }
        let refusal = match door {
            Door::Loopback => wire::guard(&head, &self.info.allowed_hosts),
            Door::Gateway(gateway) => wire::guard_gateway(&head, gateway.address.into()),
        };
        if let Some(refusal) = refusal {
            return refusal.map(ResponseBody::Whole);
        }
        let is_own = head.uri.path().starts_with(own_api::PREFIX) || head.uri.path() == own_api::METRICS_PATH;
        if is_own && matches!(door, Door::Gateway(_)) {
            return text_response(StatusCode::FORBIDDEN, "this is not for containers");
        }
        if let Some(rest) = head.uri.path().strip_prefix(own_api::PREFIX) {
            return own_api::call(self, rest, &head).await;
        }
        if head.method == Method::GET && head.uri.path() == own_api::METRICS_PATH {
            return own_api::metrics(self, &head).await;
        }
        let request_id = self.request_ids.next();
        let response = match wire::parse(&head, body, &self.info.scope, &request_id) {
            Parsed::Command { call, scope, command } if call.is_streamed() => {
                return self.invoke_with_response_stream(&call, scope, command, &request_id).await;
            }
            Parsed::Command { call, scope, command } => {
                let scope = Arc::new(scope);
                match self.ask(Arc::clone(&scope), command).await {
                    Ok(engine::Response::Logs(logs::Response::LiveTail(tail))) => {
                        return self.live_tail(&scope, tail, &request_id);
                    }
                    reply => wire::respond(&call, reply, &request_id),
                }
            }
            Parsed::WithCode { call, scope, source, command } => {
                self.deploy(call, scope, source, command, &request_id).await
            }
            Parsed::Answered(response) => response,
        };
        response.map(ResponseBody::Whole)
    }

    pub(super) fn request_id(&self) -> String {
        self.request_ids.next()
    }

    /// Asks the engine; when it is to end, a receive that waits is answered as if its wait were over.
    pub(super) async fn ask(&self, scope: Arc<Scope>, command: Command) -> Reply {
        let is_receive = matches!(command, Command::Sqs(sqs::Command::ReceiveMessage(_)));
        let invocations = self.driver.invocations();
        match self.driver.ask(scope, command) {
            Asked::Answered(reply) => {
                if self.driver.invocations() != invocations {
                    // A function was given work by it: that goes out first, so that it runs while this is answered.
                    tokio::task::yield_now().await;
                }
                reply
            }
            Asked::Waits(answer) if is_receive => tokio::select! {
                reply = answer => reply,
                () = self.shutdown.requested() => {
                    Ok(engine::Response::Sqs(sqs::Response::ReceiveMessage { messages: Vec::new() }))
                }
            },
            Asked::Waits(answer) => answer.await,
        }
    }

    /// A session of `StartLiveTail`.
    fn live_tail(&self, scope: &Scope, tail: Arc<LiveTail>, request_id: &str) -> Response<ResponseBody> {
        let groups = tail.groups.keys().cloned().collect();
        let wanted = Wanted { scope: scope.clone(), groups, since_ms: 0 };
        match self.followers.follow(wanted) {
            Some(follower) => {
                let session = Box::new(Session::new(tail, follower, request_id));
                wire::begin_live_tail(request_id).map(|()| ResponseBody::Tail(session))
            }
            None => wire::too_many_live_tails(request_id).map(ResponseBody::Whole),
        }
    }

    /// `InvokeWithResponseStream`: piece by piece when the function streams its response.
    async fn invoke_with_response_stream(
        &self,
        call: &Call,
        scope: Scope,
        command: Command,
        request_id: &str,
    ) -> Response<ResponseBody> {
        match self.begin(Arc::new(scope), command).await {
            Begun::Streamed(begun, pieces) => wire::begin_stream(&begun).map(|()| ResponseBody::Frames(Some(pieces))),
            Begun::Whole(reply) => wire::respond(call, reply, request_id).map(ResponseBody::Whole),
        }
    }

    /// Asks for an invocation whose response may come piece by piece.
    pub(super) async fn begin(&self, scope: Arc<Scope>, command: Command) -> Begun {
        let answer = match self.driver.ask(scope, command) {
            Asked::Answered(reply) => return Begun::Whole(reply),
            Asked::Waits(answer) => answer,
        };
        let claim = self.streams.claim(answer.token());
        match answer.await {
            Ok(engine::Response::Lambda(engine::lambda::Response::StreamBegun(begun))) => match claim.take() {
                Some(pieces) => Begun::Streamed(begun, pieces),
                None => Begun::Whole(Err(Error::Storage("the engine was restored in the meantime".to_owned()))),
            },
            reply => Begun::Whole(reply),
        }
    }

    async fn deploy(
        &self,
        call: Call,
        scope: Scope,
        source: CodeSource,
        command: CodeCommand,
        request_id: &str,
    ) -> Response<Bytes> {
        // Nobody but `stackctl` deploys what is in the store already.
        let by_stackctl = match &source {
            CodeSource::Stored { .. } => true,
            CodeSource::Image { uri } => uri.starts_with(BUILT_IMAGES),
            CodeSource::Zip(_) => false,
        };
        if let CodeCommand::CreateFunction(function) = &command {
            self.driver.prepare(function.runtime.as_deref().unwrap_or_default());
        }
        let code = match self.look_ahead(&scope, &source, &command).await {
            Ok(architecture) => self.stored_code(source, &architecture).await,
            Err(refusal) => Err(refusal),
        };
        let reply = match code {
            Ok(code) => {
                self.ask(Arc::new(scope), Command::Lambda(Box::new(with_code(command, code, by_stackctl)))).await
            }
            Err(refusal) => Err(Error::Lambda(refusal)),
        };
        if self.deployments.fetch_add(1, Ordering::Relaxed) % DEPLOYMENTS_PER_PRUNING == DEPLOYMENTS_PER_PRUNING - 1 {
            self.prune_code();
        }
        wire::respond(&call, reply, request_id)
    }

    /// Lets go the code that nobody needs any more, beside everything else.
    pub(super) fn prune_code(&self) {
        let (code, driver) = (Arc::clone(&self.code), Arc::clone(&self.driver));
        drop(tokio::task::spawn_blocking(move || {
            if let Some(used) = driver.artifacts() {
                // What cannot be removed takes room; the next pruning tries again.
                let _ = code.prune(&used);
            }
        }));
    }

    /// What a container will need is looked for when the function is deployed, so that what is missing is told then. Returns
    /// the architecture that the code is for.
    async fn look_ahead(
        &self,
        scope: &Scope,
        source: &CodeSource,
        command: &CodeCommand,
    ) -> Result<String, LambdaError> {
        let architecture_of = |all: &[String]| all.first().map_or("x86_64", String::as_str).to_owned();
        match command {
            CodeCommand::CreateFunction(function) => {
                let architecture = architecture_of(&function.architectures);
                let runtime = function.runtime.as_deref().unwrap_or_default();
                let sandbox = engine::lambda::sandbox_of_tags(&function.tags);
                if let (Some(containers), CodeSource::Zip(_) | CodeSource::Stored { .. }) = (&self.containers, source) {
                    containers.look_ahead(&sandbox, runtime, &architecture).await.map_err(no_image)?;
                }
                Ok(architecture)
            }
            CodeCommand::UpdateFunctionCode { name, update } if matches!(source, CodeSource::Image { .. }) => {
                let get = engine::lambda::Command::GetFunctionConfiguration { name: name.clone() };
                match self.ask(Arc::new(scope.clone()), Command::Lambda(Box::new(get))).await {
                    Ok(engine::Response::Lambda(engine::lambda::Response::Function(found))) => {
                        if found.package_type == "Zip" {
                            let text = "Please don't provide ImageUri when updating a function with packageType Zip.";
                            return Err(LambdaError::new(LambdaErrorKind::InvalidParameterValue, text));
                        }
                        let given =
                            if update.architectures.is_empty() { &found.architectures } else { &update.architectures };
                        Ok(architecture_of(given))
                    }
                    Err(Error::Lambda(error)) => Err(error),
                    _ => Err(LambdaError::new(LambdaErrorKind::Service, "the engine did not answer")),
                }
            }
            CodeCommand::UpdateFunctionCode { update, .. } => Ok(architecture_of(&update.architectures)),
            CodeCommand::PublishLayerVersion { .. } => Ok(architecture_of(&[])),
        }
    }

    async fn stored_code(
        &self,
        source: CodeSource,
        architecture: &str,
    ) -> Result<engine::lambda::CodeRef, LambdaError> {
        if let CodeSource::Image { uri } = &source {
            let Some(containers) = &self.containers else {
                return Err(no_image(Unavailable("this engine runs no containers".to_owned())));
            };
            return containers.resolve(uri, architecture).await.map_err(no_image);
        }
        let code = Arc::clone(&self.code);
        let stored = tokio::task::spawn_blocking(move || match source {
            CodeSource::Zip(zip) => code.put_zip(&zip),
            CodeSource::Stored { bucket, key } => code.stored(&bucket, &key),
            CodeSource::Image { uri } => Err(no_image(Unavailable(format!("`{uri}` is an image, and no package")))),
        });
        stored.await.unwrap_or_else(|error| {
            Err(LambdaError::new(LambdaErrorKind::Service, format!("unpacking failed: {error}")))
        })
    }
}

/// AWS's error for an image that it cannot use.
fn no_image(why: Unavailable) -> LambdaError {
    LambdaError::new(LambdaErrorKind::InvalidParameterValue, why.0)
}

/// What an invocation's answer began with.
pub(super) enum Begun {
    Streamed(Box<engine::lambda::StreamBegun>, ResponseStream),
    Whole(Reply),
}

fn with_code(command: CodeCommand, code: engine::lambda::CodeRef, by_stackctl: bool) -> engine::lambda::Command {
    match command {
        CodeCommand::CreateFunction(function) => engine::lambda::Command::CreateFunction { function: *function, code },
        CodeCommand::PublishLayerVersion { layer, publish } => {
            engine::lambda::Command::Layer(engine::lambda::LayerCommand::Publish { layer, publish, content: code })
        }
        CodeCommand::UpdateFunctionCode { name, update } if by_stackctl => {
            engine::lambda::Command::SwapFunctionCode { name, update, code }
        }
        CodeCommand::UpdateFunctionCode { name, update } => {
            engine::lambda::Command::UpdateFunctionCode { name, update, code }
        }
    }
}

/// Plain text with a status, for what is not AWS's.
pub(super) fn text_response(status: StatusCode, text: impl Into<String>) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(Bytes::from(text.into() + "\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain"));
    response
}

/// Ids for `x-amzn-RequestId`: a seed that grows, each the start of an [`IdSource`] of its own.
#[derive(Debug)]
struct RequestIds {
    next: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> String {
        IdSource::new(self.next.fetch_add(1, Ordering::Relaxed)).uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_differ() {
        let ids = RequestIds { next: AtomicU64::new(u64::MAX) };
        let found: std::collections::BTreeSet<_> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(found.len(), 1000);
    }
}
