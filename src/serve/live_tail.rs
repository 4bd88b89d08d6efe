//! A Live Tail session, as its client gets it: what it is about, and each second what came meanwhile (CloudWatch Logs API
//! reference, `StartLiveTail`).

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::follow::Follower;
use crate::{
    engine::logs::{LiveTail, LogLine},
    wire::eventstream,
};

/// Between two updates.
const UPDATE_EVERY: Duration = Duration::from_secs(1);
/// How long a session may be open: three hours.
const UPDATES_MAX: u32 = 3 * 60 * 60;
/// Lines of one update; of more a sample is sent.
const RESULTS_MAX: usize = 500;

/// See the module.
#[derive(Debug)]
pub struct Session {
    tail: Arc<LiveTail>,
    follower: Follower,
    second: Interval,
    /// Goes out first.
    opening: Bytes,
    updates: u32,
    has_ended: bool,
}

impl Session {
    /// A session whose lines `follower` gets.
    pub fn new(tail: Arc<LiveTail>, follower: Follower, request_id: &str) -> Self {
        let mut second = interval_at(Instant::now() + UPDATE_EVERY, UPDATE_EVERY);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let opening = [eventstream::initial_response(), eventstream::event("sessionStart", &begun(&tail, request_id))];
        Self { tail, follower, second, opening: opening.concat().into(), updates: 0, has_ended: false }
    }

    /// The next frames; `None` after the last.
    pub fn poll_frames(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !self.opening.is_empty() {
            return Poll::Ready(Some(std::mem::take(&mut self.opening)));
        }
        if self.has_ended {
            return Poll::Ready(None);
        }
        let is_closed = self.follower.poll_closed(cx).is_ready();
        if !is_closed && self.second.poll_tick(cx).is_pending() {
            return Poll::Pending;
        }
        if self.updates == UPDATES_MAX {
            self.has_ended = true;
            let text = "The Live Tail session has been open for three hours.";
            return Poll::Ready(Some(eventstream::exception("SessionTimeoutException", &json!({ "message": text }))));
        }
        self.has_ended = is_closed;
        self.updates += 1;
        let (lines, lost) = self.follower.take_lines();
        Poll::Ready(Some(eventstream::event("sessionUpdate", &update(&self.tail, &lines, lost))))
    }
}

fn begun(tail: &LiveTail, request_id: &str) -> Value {
    let request = &tail.request;
    let mut begun = json!({
        "requestId": request_id,
        "sessionId": tail.session_id,
        "logGroupIdentifiers": request.log_group_identifiers,
    });
    if !request.log_stream_names.is_empty() {
        begun["logStreamNames"] = json!(request.log_stream_names);
    }
    if !request.log_stream_name_prefixes.is_empty() {
        begun["logStreamNamePrefixes"] = json!(request.log_stream_name_prefixes);
    }
    if let Some(pattern) = &request.log_event_filter_pattern {
        begun["logEventFilterPattern"] = json!(pattern);
    }
    begun
}

fn update(tail: &LiveTail, lines: &[Arc<LogLine>], lost: u64) -> Value {
    let wanted: Vec<_> = lines.iter().filter_map(|line| Some((line, tail.wants(line)?))).collect();
    let sent = wanted.len().min(RESULTS_MAX);
    // Evenly of all, when there are more.
    let results = (0..sent).map(|index| {
        let (line, identifier) = wanted[index * wanted.len() / sent];
        json!({
            "logStreamName": line.source.stream,
            "logGroupIdentifier": identifier,
            "message": line.message,
            "timestamp": line.timestamp_ms,
            "ingestionTime": line.ingested_ms,
        })
    });
    let results: Vec<Value> = results.collect();
    json!({ "sessionMetadata": { "sampled": sent < wanted.len() || lost > 0 }, "sessionResults": results })
}
