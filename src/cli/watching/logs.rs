//! The functions' logs while a stack is watched: followed across restarts of the engine, or read from another target's log groups.

use std::{future, time::Duration};

use jiff::Timestamp;

use crate::{
    cli::{failure::Failure, place::Place, remote_logs::RemoteLogs},
    engine::logs::LogLine,
    model::Scope,
    serve::client::{EngineClient, LogItem, LogQuery, Logs},
};

/// Between two tries to reach an engine that has gone.
const RETRY: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) enum Following {
    Engine(Box<OfEngine>),
    Target(Box<RemoteLogs>),
    /// The target does not say, which was told.
    Nothing,
}

/// The engine's own stream.
#[derive(Debug)]
pub(super) struct OfEngine {
    client: EngineClient,
    query: LogQuery,
    logs: Option<Logs>,
    /// Whether it was reached since it was last lost.
    is_reached: bool,
}

/// What comes of following.
#[derive(Debug)]
pub(super) enum LogNews {
    Line(LogLine),
    /// So many lines came too fast.
    Lost(u64),
    /// The engine does not answer any more.
    EngineGone,
    /// The target's logs cannot be read, and why.
    Unread(String),
}

impl Following {
    /// From now on; of these functions, or of all.
    pub(super) async fn new(place: &Place, functions: Vec<String>) -> Result<Self, Failure> {
        let since_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        Ok(match place {
            Place::Engine(engine) => {
                Self::Engine(Box::new(OfEngine::new(engine.client, &engine.scope, functions, since_ms)))
            }
            Place::Remote(remote) => {
                let mut names = Vec::new();
                for function in &functions {
                    names.push(place.function(function).await?);
                }
                Self::Target(Box::new(RemoteLogs::new(remote, &names, since_ms, true)))
            }
        })
    }

    /// The engine may have been started again.
    pub(super) fn follow(&mut self, place: &Place) {
        if let (Self::Engine(logs), Place::Engine(engine)) = (self, place) {
            logs.follow(engine.client, &engine.scope);
        }
    }

    /// The next news. Cancel safe.
    pub(super) async fn next(&mut self) -> LogNews {
        match self {
            Self::Engine(logs) => logs.next().await,
            Self::Nothing => future::pending().await,
            Self::Target(logs) => {
                let news = match logs.next().await {
                    Ok(Some(line)) => return LogNews::Line(line),
                    Ok(None) => "nothing is left to follow".to_owned(),
                    Err(failure) => failure.message().map(|message| message.text.clone()).unwrap_or_default(),
                };
                *self = Self::Nothing;
                LogNews::Unread(news)
            }
        }
    }
}

impl OfEngine {
    fn new(client: EngineClient, scope: &Scope, functions: Vec<String>, since_ms: u64) -> Self {
        let query = LogQuery { scope: Some(scope.clone()), functions, since_ms, follow: true };
        Self { client, query, logs: None, is_reached: false }
    }

    fn follow(&mut self, client: EngineClient, scope: &Scope) {
        if client != self.client || self.query.scope.as_ref() != Some(scope) {
            (self.client, self.query.scope, self.logs) = (client, Some(scope.clone()), None);
        }
    }

    async fn next(&mut self) -> LogNews {
        loop {
            let Some(logs) = &mut self.logs else {
                match self.client.logs(&self.query).await {
                    Ok(logs) => (self.logs, self.is_reached) = (Some(logs), true),
                    Err(_) if std::mem::take(&mut self.is_reached) => return LogNews::EngineGone,
                    Err(_) => tokio::time::sleep(RETRY).await,
                }
                continue;
            };
            match logs.next().await {
                Ok(Some(LogItem::Line(line))) => {
                    self.query.since_ms = self.query.since_ms.max(line.timestamp_ms + 1);
                    return LogNews::Line(line);
                }
                Ok(Some(LogItem::Lost { lost })) => return LogNews::Lost(lost),
                Ok(None) | Err(_) => self.logs = None,
            }
        }
    }
}
