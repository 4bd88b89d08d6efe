//! A client of the engine's own endpoints, for `stackctl` itself: one connection a call, on this machine.

use std::{collections::VecDeque, fmt, io, pin::pin, time::Duration};

use bytes::{Bytes, BytesMut};
use form_urlencoded::Serializer;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, Connection},
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::net::TcpStream;

use super::own_api::{ActivityReport, Health, PREFIX, PeekReport};
use crate::{engine::logs::LogLine, model::Scope};

/// How long an answer other than a stream may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// An answer's length at most, and a line's.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Why a call failed.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody answers at the port.
    Unreachable { port: u16, error: io::Error },
    /// The connection broke, or took too long.
    Broken(String),
    /// The engine, or whoever is there, refused.
    Refused { status: StatusCode, message: String },
    /// The answer is not one of an engine of this version.
    Unexpected(String),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { port, error } => write!(f, "no engine answers at 127.0.0.1:{port}: {error}"),
            Self::Broken(message) => write!(f, "the connection to the engine broke: {message}"),
            Self::Refused { status, message } => write!(f, "the engine refused ({status}): {message}"),
            Self::Unexpected(message) => write!(f, "the engine's answer is not understood: {message}"),
        }
    }
}

impl std::error::Error for ClientError {}

/// The engine at a port of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineClient {
    port: u16,
}

/// Which log lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// `None` for the engine's own.
    pub scope: Option<Scope>,
    /// Names of functions; empty for all.
    pub functions: Vec<String>,
    /// Milliseconds since the epoch.
    pub since_ms: u64,
    /// Goes on with new lines until either side ends it.
    pub follow: bool,
}

/// What a stream of logs gives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum LogItem {
    /// A line.
    Line(LogLine),
    /// Lines were left out here, because they came faster than they were read.
    Lost { lost: u64 },
}

impl EngineClient {
    /// The engine at that port.
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    /// Who is there.
    ///
    /// # Errors
    /// Nobody, or not an engine.
    pub async fn health(self) -> Result<Health, ClientError> {
        self.json("health").await
    }

    /// What runs and what waits in an account and region.
    ///
    /// # Errors
    /// The engine is gone, or of another version.
    pub async fn activity(self, scope: &Scope) -> Result<ActivityReport, ClientError> {
        self.json(&format!("activity?{}", query_of(Some(scope)).finish())).await
    }

    /// Messages of a queue, untouched: up to `max` of the visible ones, or of `all`.
    ///
    /// # Errors
    /// There is no such queue, or the engine is gone.
    pub async fn peek(self, scope: &Scope, queue: &str, max: u32, all: bool) -> Result<PeekReport, ClientError> {
        let mut query = query_of(Some(scope));
        query.append_pair("queue", queue).append_pair("max", &max.to_string());
        query.append_pair("all", if all { "1" } else { "0" });
        self.json(&format!("peek?{}", query.finish())).await
    }

    /// Asks the engine to end; it goes on until what runs has finished. Asked again, it ends at once.
    ///
    /// # Errors
    /// The engine is gone.
    pub async fn shutdown(self) -> Result<(), ClientError> {
        within(ANSWER_MAX, async { self.call(Method::POST, "shutdown").await.map(|_| ()) }).await
    }

    /// Log lines, as far back as the engine remembers.
    ///
    /// # Errors
    /// The engine is gone, or refuses.
    pub async fn logs(self, wanted: &LogQuery) -> Result<Logs, ClientError> {
        let mut query = query_of(wanted.scope.as_ref());
        for function in &wanted.functions {
            query.append_pair("function", function);
        }
        query.append_pair("since", &wanted.since_ms.to_string());
        query.append_pair("follow", if wanted.follow { "1" } else { "0" });
        let path = format!("logs?{}", query.finish());
        let exchange = within(ANSWER_MAX, self.call(Method::GET, &path)).await?;
        Ok(Logs { exchange, unfinished: BytesMut::new(), items: VecDeque::new() })
    }

    async fn json<T: DeserializeOwned>(self, path: &str) -> Result<T, ClientError> {
        let body = within(ANSWER_MAX, async { self.call(Method::GET, path).await?.whole().await }).await?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Unexpected(error.to_string()))
    }

    async fn call(self, method: Method, path: &str) -> Result<Exchange, ClientError> {
        let port = self.port;
        let stream = TcpStream::connect(("127.0.0.1", port));
        let stream = stream.await.map_err(|error| ClientError::Unreachable { port, error })?;
        let broken = |error: hyper::Error| ClientError::Broken(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{path}"))
            .header(header::HOST, format!("127.0.0.1:{port}"))
            .body(Empty::new())
            .map_err(|error| ClientError::Broken(error.to_string()))?;
        let mut connection = Driven(Some(Box::new(connection)));
        let response = connection.while_doing(sender.send_request(request)).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        let exchange = Exchange { connection, body };
        if head.status.is_success() {
            return Ok(exchange);
        }
        let message = String::from_utf8_lossy(&exchange.whole().await?).trim().to_owned();
        Err(ClientError::Refused { status: head.status, message })
    }
}

/// A stream of log lines.
#[derive(Debug)]
pub struct Logs {
    exchange: Exchange,
    unfinished: BytesMut,
    items: VecDeque<LogItem>,
}

impl Logs {
    /// The next line; `None` when the engine has ended the stream. Cancel safe.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Result<Option<LogItem>, ClientError> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Ok(Some(item));
            }
            let Some(piece) = self.exchange.piece().await? else { return Ok(None) };
            self.unfinished.extend_from_slice(&piece);
            self.split()?;
        }
    }

    fn split(&mut self) -> Result<(), ClientError> {
        while let Some(end) = self.unfinished.iter().position(|byte| *byte == b'\n') {
            let line = self.unfinished.split_to(end + 1);
            let item = serde_json::from_slice(&line).map_err(|error| ClientError::Unexpected(error.to_string()))?;
            self.items.push_back(item);
        }
        if self.unfinished.len() > ANSWER_MAX_BYTES {
            return Err(ClientError::Unexpected(format!("a line of more than {ANSWER_MAX_BYTES} bytes")));
        }
        Ok(())
    }
}

/// A response whose body is being read.
#[derive(Debug)]
struct Exchange {
    connection: Driven,
    body: Incoming,
}

/// A connection that moves only while something of it is awaited.
struct Driven(Option<Box<Connection<TokioIo<TcpStream>, Empty<Bytes>>>>);

impl fmt::Debug for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driven")
    }
}

impl Driven {
    async fn while_doing<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let Some(connection) = &mut self.0 else { return work.await };
            tokio::select! {
                biased;
                done = &mut work => return done,
                // How it ended shows in what was awaited of it.
                _ = connection => self.0 = None,
            }
        }
    }
}

impl Exchange {
    async fn piece(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let Some(frame) = self.connection.while_doing(self.body.frame()).await else { return Ok(None) };
            let frame = frame.map_err(|error| ClientError::Broken(error.to_string()))?;
            if let Ok(piece) = frame.into_data() {
                return Ok(Some(piece));
            }
        }
    }

    async fn whole(mut self) -> Result<Bytes, ClientError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            whole.extend_from_slice(&piece);
            if whole.len() > ANSWER_MAX_BYTES {
                return Err(ClientError::Unexpected(format!("an answer of more than {ANSWER_MAX_BYTES} bytes")));
            }
        }
        Ok(whole.freeze())
    }
}

fn query_of(scope: Option<&Scope>) -> Serializer<'static, String> {
    let mut query = Serializer::new(String::new());
    if let Some(scope) = scope {
        query.append_pair("account", &scope.account.to_string()).append_pair("region", scope.region.as_str());
    }
    query
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    let too_slow = |_| ClientError::Broken(format!("no answer within {} s", limit.as_secs()));
    tokio::time::timeout(limit, work).await.map_err(too_slow)?
}
