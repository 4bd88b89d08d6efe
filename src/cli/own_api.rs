//! A client of the engine's own endpoints, `/_stackctl/`: one connection a request.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{net::TcpStream, time::timeout};

use super::failure::{Failure, Message};
use crate::{serve::own_api::PREFIX, task::Tasks};

/// To the head of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer that is read as a whole.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;

/// Where the engine is.
#[derive(Clone, Debug)]
pub(crate) struct OwnApi {
    /// `127.0.0.1:PORT`.
    authority: String,
}

/// Log lines as they come, each a JSON document. Dropping it ends the request.
#[derive(Debug)]
pub(crate) struct LogLines {
    answer: Answer,
    pending: BytesMut,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    body: Incoming,
    /// Drives the connection.
    _connection: Tasks,
}

impl OwnApi {
    /// The engine at `http://127.0.0.1:PORT`.
    pub(crate) fn at(endpoint: &str) -> Self {
        Self { authority: endpoint.trim_start_matches("http://").to_owned() }
    }

    /// What a `GET` answers.
    pub(crate) async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.ask(Method::GET, path).await?;
        let body = http_body_util::Limited::new(answer.body, ANSWER_MAX_BYTES);
        let body = body.collect().await.map_err(Failure::while_doing("read the engine's answer"))?.to_bytes();
        if answer.status != StatusCode::OK {
            return Err(refused(path, answer.status, &body));
        }
        serde_json::from_slice(&body).map_err(Failure::while_doing("understand the engine's answer"))
    }

    /// Log lines of the functions, or of all when there are none; with `follow`, without end.
    pub(crate) async fn logs(
        &self,
        functions: &[String],
        since_ms: Option<u64>,
        follow: bool,
    ) -> Result<LogLines, Failure> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(functions.iter().map(|name| ("function", name)));
        query.extend_pairs(since_ms.map(|since| ("since", since.to_string())));
        query.extend_pairs(follow.then_some(("follow", "1")));
        let answer = self.ask(Method::GET, &format!("logs?{}", query.finish())).await?;
        if answer.status != StatusCode::OK {
            let body = answer.body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(refused("logs", answer.status, &body));
        }
        Ok(LogLines { answer, pending: BytesMut::new() })
    }

    async fn ask(&self, method: Method, path: &str) -> Result<Answer, Failure> {
        let answer = timeout(ANSWER_TIMEOUT, self.ask_patiently(method, path)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)));
        answer.map_err(Failure::while_doing(format_args!("reach the engine at {}", self.authority)))
    }

    async fn ask_patiently(&self, method: Method, path: &str) -> io::Result<Answer> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let mut tasks = Tasks::new();
        tasks.spawn("connection", async move { connection.await.map_err(|error| error.to_string()) });
        let request = Request::builder()
            .method(method)
            .uri(format!("{PREFIX}{path}"))
            .header(header::HOST, &self.authority)
            .body(Empty::<Bytes>::new())
            .map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        Ok(Answer { status: response.status(), body: response.into_body(), _connection: tasks })
    }
}

impl LogLines {
    /// The next line; `None` at the end, which is also when the engine ends.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Failure> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line = self.pending.split_to(end + 1);
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            match self.answer.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.pending.extend_from_slice(bytes);
                    }
                }
                Some(Err(error)) => return Err(Failure::while_doing("read the logs")(error)),
            }
        }
    }
}

fn refused(path: &str, status: StatusCode, body: &[u8]) -> Failure {
    let reason = String::from_utf8_lossy(body);
    Failure::World(Message::new(format!("the engine refused `{path}` with {status}: {}", reason.trim())))
}
