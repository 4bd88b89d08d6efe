//! The functions' logs while a stack is watched: followed across restarts of the engine.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    engine::logs::LogLine,
    model::Scope,
    serve::client::{EngineClient, LogItem, LogQuery, Logs},
};

/// Between two tries to reach an engine that has gone.
const RETRY: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) struct Following {
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
}

impl Following {
    /// From now on; of these functions, or of all.
    pub(super) fn new(client: EngineClient, scope: &Scope, functions: Vec<String>) -> Self {
        let since_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let query = LogQuery { scope: Some(scope.clone()), functions, since_ms, follow: true };
        Self { client, query, logs: None, is_reached: false }
    }

    /// The engine may have been started again.
    pub(super) fn follow(&mut self, client: EngineClient, scope: &Scope) {
        if client != self.client || self.query.scope.as_ref() != Some(scope) {
            (self.client, self.query.scope, self.logs) = (client, Some(scope.clone()), None);
        }
    }

    /// The next news. Cancel safe.
    pub(super) async fn next(&mut self) -> LogNews {
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
