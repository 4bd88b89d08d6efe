//! What functions logged on a target: read from CloudWatch Logs, and asked for again and again while somebody follows.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use aws_sdk_cloudwatchlogs::{client::Client, types::FilteredLogEvent};
use tokio::time::Instant;

use super::{
    commands::logs::GROUP_PREFIX,
    failure::{Failure, Message},
    remote::Remote,
    sdk,
};
use crate::engine::logs::{LogLine, LogSource};

/// Between two looks: `FilterLogEvents` may be called five times a second in an account (CloudWatch Logs user guide, "quotas").
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Events may be found so much later than they happened.
const LATE_MAX_MS: u64 = 10_000;
/// Events of one answer.
const PAGE_SIZE: i32 = 1_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct RemoteLogs {
    client: Client,
    /// By group: from when on, and what of it was told already, by its id.
    groups: BTreeMap<Arc<str>, Told>,
    lines: VecDeque<LogLine>,
    follow: bool,
    /// `None` before the first.
    next_look: Option<Instant>,
}

#[derive(Debug, Default)]
struct Told {
    since_ms: u64,
    ids: BTreeMap<String, u64>,
}

impl RemoteLogs {
    /// Of these functions, or of all of the stack, by what they are called there.
    pub(crate) fn new(remote: &Remote, functions: &[String], since_ms: u64, follow: bool) -> Self {
        let names: Vec<String> = match functions {
            [] => remote.desired.functions.values().map(|function| function.name.to_string()).collect(),
            some => some.to_vec(),
        };
        let groups =
            names.iter().map(|name| (format!("{GROUP_PREFIX}{name}").into(), Told { since_ms, ids: BTreeMap::new() }));
        Self {
            client: Client::new(remote.config()),
            groups: groups.collect(),
            lines: VecDeque::new(),
            follow,
            next_look: None,
        }
    }

    /// The next line; `None` when there is none and nobody follows. Cancel safe.
    ///
    /// # Errors
    /// The target does not say.
    pub(crate) async fn next(&mut self) -> Result<Option<LogLine>, Failure> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(Some(line));
            }
            match self.next_look {
                Some(_) if !self.follow => return Ok(None),
                Some(at) => tokio::time::sleep_until(at).await,
                None => {}
            }
            let mut found = Vec::new();
            for (group, told) in &self.groups {
                found.push((Arc::clone(group), events(&self.client, group, told.since_ms).await?));
            }
            // From here on nothing waits, so that nothing is lost when somebody else has news first.
            self.next_look = Some(Instant::now() + LOOK_EVERY);
            let mut lines = Vec::new();
            for (group, events) in found {
                let told = self.groups.entry(Arc::clone(&group)).or_default();
                lines.extend(told.news(&group, &events));
            }
            lines.sort_by_key(|line| line.timestamp_ms);
            self.lines.extend(lines);
        }
    }
}

/// All events of a group from then on; none of a group that is not there, because its function has not run yet.
async fn events(client: &Client, group: &str, since_ms: u64) -> Result<Vec<FilteredLogEvent>, Failure> {
    let request = client.filter_log_events().log_group_name(group).limit(PAGE_SIZE);
    let request = request.start_time(i64::try_from(since_ms).unwrap_or(i64::MAX));
    let mut pages = request.into_paginator().send();
    let mut events = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => events.extend(page.events.unwrap_or_default()),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                break;
            }
            Err(error) => {
                let Failure::World(message) = sdk::failed(format_args!("read the log group `{group}`"))(error) else {
                    return Err(Failure::World(Message::new("the log cannot be read")));
                };
                let help = "the target has no CloudWatch Logs, or these credentials may not read them";
                return Err(Failure::World(message.help(help)));
            }
        }
    }
    Ok(events)
}

impl Told {
    /// What of these events was not told yet.
    fn news(&mut self, group: &Arc<str>, events: &[FilteredLogEvent]) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for event in events {
            let ms = |found: Option<i64>| found.and_then(|ms| u64::try_from(ms).ok()).unwrap_or_default();
            let (id, timestamp_ms) = (event.event_id().unwrap_or_default().to_owned(), ms(event.timestamp()));
            if self.ids.insert(id, timestamp_ms).is_none() {
                lines.push(LogLine {
                    source: LogSource::new(Arc::clone(group), event.log_stream_name().unwrap_or_default()),
                    id: 0,
                    timestamp_ms,
                    ingested_ms: ms(event.ingestion_time()),
                    message: event.message().unwrap_or_default().to_owned(),
                });
            }
        }
        let last_ms = self.ids.values().max().copied().unwrap_or_default();
        self.since_ms = self.since_ms.max(last_ms.saturating_sub(LATE_MAX_MS));
        let since_ms = self.since_ms;
        self.ids.retain(|_, at_ms| *at_ms >= since_ms);
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_told_once_also_when_it_comes_late() {
        let group: Arc<str> = "/aws/lambda/f".into();
        let event = |id: &str, timestamp: i64| {
            FilteredLogEvent::builder().event_id(id).timestamp(timestamp).message(id).build()
        };
        let mut told = Told::default();
        let mut check = |events: &[FilteredLogEvent], expected: &[&str], since_ms: u64| {
            let lines = told.news(&group, events);
            assert_eq!(lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(told.since_ms, since_ms);
        };
        check(&[event("a", 20_000), event("b", 21_000)], &["a", "b"], 11_000);
        check(&[event("late", 15_000), event("a", 20_000), event("b", 21_000)], &["late"], 11_000);
        check(&[event("a", 20_000), event("b", 21_000), event("c", 40_000)], &["c"], 30_000);
        check(&[event("c", 40_000)], &[], 30_000);
    }
}
