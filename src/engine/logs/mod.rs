//! CloudWatch Logs, as far as functions and `aws logs tail` need it. Pure. Logs are bounded and not durable.
//!
//! `store` keeps the lines, the rest reads them: an id is a place in time, so that pages, tokens and polls are found by
//! binary search and cost what they return.

mod api;
mod events;
mod filter;
mod groups;
mod store;

pub use api::*;

use super::Cx;
use store::Store;

/// The log groups of one account and region.
#[derive(Debug, Default)]
pub struct Logs {
    store: Store,
}

impl Logs {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Carries out a client's request; all are answered at once.
    ///
    /// # Errors
    /// As AWS's operations.
    pub(super) fn request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, LogsError> {
        match command {
            Command::DescribeLogGroups(request) => {
                groups::describe_groups(&self.store, cx.scope, &request).map(Response::DescribeLogGroups)
            }
            Command::DescribeLogStreams(request) => {
                groups::describe_streams(&self.store, cx.scope, &request).map(Response::DescribeLogStreams)
            }
            Command::FilterLogEvents(request) => {
                events::filter_events(&self.store, &request).map(Response::FilterLogEvents)
            }
            Command::GetLogEvents(request) => events::get_events(&self.store, &request).map(Response::GetLogEvents),
            Command::CreateLogGroup { log_group_name } => {
                groups::create(&mut self.store, cx.now, log_group_name.as_deref()).map(|()| Response::Done)
            }
            Command::DeleteLogGroup { log_group_name } => {
                groups::delete(&mut self.store, log_group_name.as_deref()).map(|()| Response::Done)
            }
        }
    }

    /// Adds a line to a function's log, creating group and stream when they are missing, and tells followers.
    pub(super) fn append(&mut self, cx: &mut Cx<'_>, group: &str, stream: &str, message: String) {
        for message in store::split(message) {
            let line = self.store.append(cx.now, group, stream, message);
            cx.effects.push(super::Effect::Logged { scope: std::sync::Arc::clone(cx.scope), line });
        }
    }
}

fn invalid(message: impl Into<String>) -> LogsError {
    LogsError { kind: LogsErrorKind::InvalidParameter, message: message.into() }
}

fn no_such_group() -> LogsError {
    LogsError { kind: LogsErrorKind::ResourceNotFound, message: "The specified log group does not exist.".into() }
}

#[cfg(test)]
mod tests;
