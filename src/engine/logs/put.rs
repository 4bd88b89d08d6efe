//! `PutLogEvents`: events of clients, which may be of another time than now.

use super::{
    LogLine, LogSource, LogsError, PutLogEvents, PutLogEventsOutput, RejectedLogEventsInfo, invalid, no_such_group,
    settings::no_such_stream,
    store::{DAY_MS, Found, LINE_MAX_BYTES, Store},
};
use crate::engine::Cx;
use std::sync::Arc;

/// Bytes of a request's events, each counted with [`EVENT_OVERHEAD_BYTES`] (CloudWatch Logs API reference).
const BATCH_MAX_BYTES: usize = 1_048_576;
const EVENT_OVERHEAD_BYTES: usize = 26;
/// How old an event may be.
const AGE_MAX_MS: u64 = 14 * DAY_MS;
/// How far in the future.
const FUTURE_MAX_MS: u64 = 2 * 60 * 60 * 1000;
/// Of no meaning any more.
const SEQUENCE_TOKEN: &str = "49039859603418246105470231230000000000000000000000000000";

/// Adds the events that are not too old or too new, and returns their lines.
pub(super) fn put_events(
    store: &mut Store,
    cx: &Cx<'_>,
    request: PutLogEvents,
) -> Result<(PutLogEventsOutput, Vec<Arc<LogLine>>), LogsError> {
    let name = request.log_group_name.as_str();
    let stream = request.log_stream_name.as_str();
    let group = store.group(name).ok_or_else(no_such_group)?;
    if group.stream(stream).is_none() {
        return Err(no_such_stream());
    }
    check_batch(&request)?;
    let (now_ms, retention_ms) = (cx.now.as_millis(), group.retention_ms().unwrap_or(u64::MAX));
    let times: Vec<u64> = request.log_events.iter().map(|event| u64::try_from(event.timestamp).unwrap_or(0)).collect();
    // They are in the order of time: what is too old comes first, what is too new last.
    let too_old = times.partition_point(|time| time.saturating_add(AGE_MAX_MS) < now_ms);
    let expired = times.partition_point(|time| time.saturating_add(retention_ms) <= now_ms);
    let too_new = times.partition_point(|time| *time <= now_ms + FUTURE_MAX_MS);
    let accepted = too_old.max(expired)..too_new;
    let rejected = (accepted.len() < times.len()).then(|| RejectedLogEventsInfo {
        too_new_log_event_start_index: (too_new < times.len()).then_some(too_new),
        too_old_log_event_end_index: (too_old > 0).then_some(too_old),
        expired_log_event_end_index: (expired > 0).then_some(expired),
    });
    let source = LogSource::new(name, stream);
    let mut found = Found::default();
    let mut lines = Vec::with_capacity(accepted.len());
    for (index, event) in request.log_events.into_iter().enumerate() {
        if accepted.contains(&index) {
            lines.push(store.insert(cx.now, times[index], &source, &mut found, event.message));
        }
    }
    let output = PutLogEventsOutput { next_sequence_token: SEQUENCE_TOKEN.into(), rejected_log_events_info: rejected };
    Ok((output, lines))
}

/// A line as events of legal length.
pub(super) fn split(mut message: String) -> impl Iterator<Item = String> {
    let mut rest = Vec::new();
    while message.len() > LINE_MAX_BYTES {
        let at = message.floor_char_boundary(LINE_MAX_BYTES);
        let tail = message.split_off(at);
        rest.push(std::mem::replace(&mut message, tail));
    }
    rest.into_iter().chain(std::iter::once(message))
}

fn check_batch(request: &PutLogEvents) -> Result<(), LogsError> {
    let events = &request.log_events;
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let bytes: usize = events.iter().map(|event| event.message.len() + EVENT_OVERHEAD_BYTES).sum();
    if bytes > BATCH_MAX_BYTES {
        return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_MAX_BYTES}")));
    }
    let (first, last) =
        (events.first().map_or(0, |event| event.timestamp), events.last().map_or(0, |event| event.timestamp));
    if last.abs_diff(first) > DAY_MS {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(())
}
