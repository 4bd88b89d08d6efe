//! CloudWatch Logs, as far as functions, clients that write logs, and `aws logs tail` need it. Pure. Lines are bounded and
//! not durable; what clients make and set is.
//!
//! `store` keeps the lines, the rest reads them: the lines of a group lie in the order of time, so that its pages, tokens
//! and polls are found by binary search and cost what they return. Those of one stream cost what its group has.

mod api;
mod events;
mod filter;
mod group;
mod groups;
mod put;
mod records;
mod ring;
mod settings;
mod slots;
mod store;
mod tail;

pub use api::*;
pub use records::{LogsRecord, StoredGroup};
pub use tail::LiveTail;

use std::sync::Arc;

use super::Cx;
use crate::model::Timestamp;
use store::{Found, Store};

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
        self.store.settle();
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
            Command::PutLogEvents(request) => {
                let (output, lines) = put::put_events(&mut self.store, cx, request)?;
                lines.into_iter().for_each(|line| tell(cx, line));
                Ok(Response::PutLogEvents(output))
            }
            Command::StartLiveTail(request) => tail::start(&self.store, cx, request).map(Response::LiveTail),
            Command::ListTags { group } => settings::tags(&self.store, &group).map(Response::Tags),
            command => self.set(cx, command).map(|()| Response::Done),
        }
    }

    /// Requests that are answered with nothing.
    fn set(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), LogsError> {
        let store = &mut self.store;
        match command {
            Command::CreateLogGroup(request) => groups::create(store, cx, request),
            Command::DeleteLogGroup { log_group_name } => groups::delete(store, cx, &log_group_name),
            Command::CreateLogStream(request) => settings::create_stream(store, cx, &request),
            Command::DeleteLogStream(request) => settings::delete_stream(store, cx, &request),
            Command::PutRetentionPolicy(request) => settings::put_retention(store, cx, &request),
            Command::DeleteRetentionPolicy { log_group_name } => settings::delete_retention(store, cx, &log_group_name),
            Command::TagResource { group, tags } => settings::tag(store, cx, &group, tags),
            Command::UntagResource { group, tag_keys } => settings::untag(store, cx, &group, &tag_keys),
            other => Err(invalid(format!("this is no request that sets something: {other:?}"))),
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.store.next_expiry()
    }

    pub(super) fn fire_timers(&mut self, now: Timestamp) {
        self.store.expire(now);
    }

    pub(super) fn restore(&mut self, record: LogsRecord) {
        match record {
            LogsRecord::Group { name, group: Some(stored) } => {
                self.store.create_group(stored.created, name.as_str().into());
                self.store.change(&name, |group| {
                    group.is_kept = true;
                    group.retention_days = stored.retention_days;
                    group.tags = stored.tags;
                });
            }
            LogsRecord::Stream { group, name, created: Some(created_at) } => {
                self.store.create_stream(created_at, &group, &name);
            }
            LogsRecord::Group { group: None, .. } | LogsRecord::Stream { created: None, .. } => {}
        }
    }

    /// Adds a line to a function's log, creating group and stream when they are missing, and tells followers.
    pub(super) fn append(&mut self, cx: &mut Cx<'_>, source: &Arc<LogSource>, message: String) {
        self.write(cx, &mut LogWriter::new(Arc::clone(source)), message);
    }

    /// The same, of whoever writes there again and again.
    pub(super) fn write(&mut self, cx: &mut Cx<'_>, writer: &mut LogWriter, message: String) {
        for message in put::split(message) {
            let line = self.store.insert(cx.now, cx.now.as_millis(), &writer.source, &mut writer.found, message);
            tell(cx, line);
        }
    }
}

/// What writes to one stream, and where that stream was the last time.
#[derive(Clone, Debug)]
pub(super) struct LogWriter {
    source: Arc<LogSource>,
    found: Found,
}

impl LogWriter {
    pub(super) fn new(source: Arc<LogSource>) -> Self {
        Self { source, found: Found::default() }
    }
}

fn tell(cx: &mut Cx<'_>, line: Arc<LogLine>) {
    cx.effects.push(super::Effect::Logged { scope: Arc::clone(cx.scope), line });
}

fn invalid(message: impl Into<String>) -> LogsError {
    LogsError { kind: LogsErrorKind::InvalidParameter, message: message.into() }
}

fn no_such_group() -> LogsError {
    LogsError { kind: LogsErrorKind::ResourceNotFound, message: "The specified log group does not exist.".into() }
}

#[cfg(test)]
mod tests;
