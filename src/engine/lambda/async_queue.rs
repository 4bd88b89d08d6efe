//! Asynchronous invocations (`Event`): accepted, written down, tried until they are handled or given up.
//!
//! A function error is tried again twice, after one minute and after two more; a throttle goes back to the queue and waits
//! from 1 s up to 5 min, for 6 hours in all (Lambda developer guide, "Error handling for asynchronous invocation").

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Lambda, LambdaError, LambdaErrorKind, LambdaRecord, Response, ThrottleReason, Turn,
    counters::Counters,
    functions::{Function, FunctionId},
    invocation::{Ask, Origin},
    records::{AsyncEventRecord, StoredEvent},
    report,
    timers::Timer,
};
use crate::{
    engine::{
        Cx,
        sqs::{MessageAttributeValue, SendMessage},
    },
    model::Timestamp,
};

/// Attempts after the first that a function error gets.
const RETRIES_MAX: u32 = 2;
const RETRY_STEP_MS: u64 = 60_000;
const THROTTLE_BACKOFF_MIN_MS: u64 = 1_000;
const THROTTLE_BACKOFF_MAX_MS: u64 = 5 * 60_000;
const AGE_MAX_MS: u64 = 6 * 60 * 60 * 1000;
/// `ErrorCode` of a dead letter: the status of the last attempt.
const STATUS_FUNCTION_ERROR: &str = "200";
const STATUS_THROTTLED: &str = "429";
/// Asynchronous invocations of one function that may wait.
const WAITING_MAX: usize = 100_000;

/// Names an asynchronous invocation while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct EventId(u64);

/// Those that have not come to their end.
#[derive(Debug, Default)]
pub(super) struct AsyncQueue {
    events: BTreeMap<EventId, AsyncEvent>,
    accepted: u64,
}

#[derive(Debug)]
struct AsyncEvent {
    function: FunctionId,
    request_id: String,
    stored: StoredEvent,
    state: EventState,
    /// Throttles in a row.
    throttles: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EventState {
    Waiting { until: Timestamp },
    Running,
}

impl Lambda {
    /// Writes the invocation down and accepts it. Its first attempt is due at once.
    pub(super) fn accept_event(&mut self, cx: &mut Cx<'_>, id: FunctionId, ask: Ask) -> Result<Response, LambdaError> {
        let missing = || LambdaError::new(LambdaErrorKind::Service, "the function is being deleted");
        let function = self.functions.get(id).ok_or_else(missing)?;
        if function.events.len() >= WAITING_MAX {
            let reason = ThrottleReason::CallerRateLimitExceeded;
            let message =
                format!("Rate Exceeded: {WAITING_MAX} asynchronous invocations of this function wait already.");
            return Err(LambdaError::new(LambdaErrorKind::TooManyRequests(reason), message));
        }
        let stored = StoredEvent {
            function: function.arn.name.clone(),
            qualifier: ask.qualifier,
            payload: ask.payload,
            client_context: ask.client_context,
            trace_id: ask.trace_id,
            received_at: cx.now,
            failures: 0,
            due: cx.now,
        };
        let request_id = cx.ids.uuid();
        record(cx, &request_id, Some(&stored));
        self.enqueue_event(id, request_id, stored);
        self.count(id, |counters| counters.events_received += 1);
        Ok(Response::Accepted)
    }

    /// Puts an invocation where its time is waited for.
    pub(super) fn enqueue_event(&mut self, function: FunctionId, request_id: String, stored: StoredEvent) {
        self.events.accepted += 1;
        let id = EventId(self.events.accepted);
        let until = stored.due;
        if let Some(function) = self.functions.get_mut(function) {
            function.events.insert(id);
        }
        let state = EventState::Waiting { until };
        self.events.events.insert(id, AsyncEvent { function, request_id, stored, state, throttles: 0 });
        self.timers.set(until, Timer::Event(id));
    }

    /// The invocation's timer fired at `at`: tries it.
    pub(super) fn event_timer(&mut self, turn: &mut Turn<'_, '_>, id: EventId, at: Timestamp) {
        let Some(event) = self.events.events.get_mut(&id) else { return };
        if event.state != (EventState::Waiting { until: at }) {
            return;
        }
        let function = event.function;
        let is_stopped = self.functions.get(function).is_none_or(|function| function.reserved == Some(0));
        // With a reservation of zero AWS gives waiting events up without another attempt.
        if is_stopped {
            return self.give_up(turn, id, STATUS_THROTTLED, "Rate Exceeded.");
        }
        if turn.cx.now.millis_since(event.stored.received_at) >= AGE_MAX_MS {
            return self.give_up(turn, id, STATUS_THROTTLED, "The event was not handled within its maximum age.");
        }
        event.state = EventState::Running;
        let ask = Ask {
            origin: Origin::Event(id),
            payload: event.stored.payload.clone(),
            qualifier: event.stored.qualifier.clone(),
            request_id: Some(event.request_id.clone()),
            trace_id: event.stored.trace_id.clone(),
            client_context: event.stored.client_context.clone(),
        };
        let age_ms = turn.cx.now.millis_since(event.stored.received_at);
        match self.begin(turn.cx, turn.logs, function, ask) {
            Ok(()) => self.count(function, |counters| counters.event_ages.add(age_ms)),
            Err(_) => self.event_throttled(turn.cx, id),
        }
    }

    fn event_throttled(&mut self, cx: &mut Cx<'_>, id: EventId) {
        let Some(event) = self.events.events.get_mut(&id) else { return };
        let wait_ms = backoff_ms(event.throttles);
        event.throttles += 1;
        // Not written down: after a restart it is simply tried sooner.
        let until = cx.now.plus_millis(wait_ms);
        event.state = EventState::Waiting { until };
        self.timers.set(until, Timer::Event(id));
    }

    /// An attempt came to its end; `failure` is the error document when the function failed.
    pub(super) fn event_ended(&mut self, turn: &mut Turn<'_, '_>, id: EventId, failure: Option<&Bytes>) {
        let cx = &mut *turn.cx;
        let Some(document) = failure else { return self.drop_event(cx, id) };
        let Some(event) = self.events.events.get_mut(&id) else { return };
        if event.stored.failures >= RETRIES_MAX {
            let message = report::error_message(document);
            return self.give_up(turn, id, STATUS_FUNCTION_ERROR, &message);
        }
        event.stored.failures += 1;
        event.throttles = 0;
        let until = cx.now.plus_millis(RETRY_STEP_MS * u64::from(event.stored.failures));
        event.stored.due = until;
        event.state = EventState::Waiting { until };
        record(cx, &event.request_id, Some(&event.stored));
        self.timers.set(until, Timer::Event(id));
    }

    /// Forgets an invocation that will not be tried again, and tells its function's dead-letter queue. A queue that cannot
    /// take it loses it, as on AWS.
    fn give_up(&mut self, turn: &mut Turn<'_, '_>, id: EventId, status: &str, error_message: &str) {
        let Some(event) = self.events.events.get(&id) else { return };
        let function_id = event.function;
        let function = self.functions.get(function_id);
        if let Some(queue) = function.and_then(|function| function.latest.settings.dead_letter.clone()) {
            let text = |data_type: &str, value: &str| MessageAttributeValue {
                data_type: Some(data_type.to_owned()),
                string_value: Some(value.to_owned()),
                ..MessageAttributeValue::default()
            };
            let mut message_attributes: BTreeMap<_, _> = [
                ("RequestID".to_owned(), text("String", &event.request_id)),
                ("ErrorCode".to_owned(), text("Number", status)),
            ]
            .into();
            if !error_message.is_empty() {
                message_attributes.insert("ErrorMessage".to_owned(), text("String", first_kb(error_message)));
            }
            let message = SendMessage {
                message_body: Some(String::from_utf8_lossy(&event.stored.payload).into_owned()),
                message_attributes,
                ..SendMessage::default()
            };
            let refused = turn.sqs.send(turn.cx, &queue, message).is_err();
            self.count(function_id, |counters| counters.dead_letter_errors += u64::from(refused));
        }
        self.count(function_id, |counters| counters.events_dropped += 1);
        self.drop_event(turn.cx, id);
    }

    fn count(&mut self, function: FunctionId, count: impl FnOnce(&mut Counters)) {
        if let Some(function) = self.functions.get_mut(function) {
            count(&mut function.counters);
        }
    }

    /// When the invocation that waits longest was accepted, of those that this run of the engine knows by their order.
    pub(super) fn oldest_event(&self, function: &Function) -> Option<Timestamp> {
        let event = self.events.events.get(function.events.first()?)?;
        Some(event.stored.received_at)
    }

    /// Forgets an invocation that was handled or given up.
    fn drop_event(&mut self, cx: &mut Cx<'_>, id: EventId) {
        let Some(event) = self.events.events.remove(&id) else { return };
        if let EventState::Waiting { until } = event.state {
            self.timers.clear(until, Timer::Event(id));
        }
        if let Some(function) = self.functions.get_mut(event.function) {
            function.events.remove(&id);
        }
        record(cx, &event.request_id, None);
    }

    /// Gives up all that wait for a function that is being deleted.
    pub(super) fn drop_events_of(&mut self, cx: &mut Cx<'_>, function: FunctionId) {
        let events = self.functions.get(function).map(|function| function.events.clone()).unwrap_or_default();
        for id in events {
            self.drop_event(cx, id);
        }
    }
}

/// What a dead letter says of its error.
fn first_kb(text: &str) -> &str {
    &text[..text.floor_char_boundary(1024)]
}

fn record(cx: &mut Cx<'_>, request_id: &str, event: Option<&StoredEvent>) {
    let (request_id, event) = (request_id.to_owned(), event.cloned().map(Box::new));
    cx.record(LambdaRecord::AsyncEvent(AsyncEventRecord { request_id, event }));
}

/// How long a throttled invocation waits, by the number of throttles before.
fn backoff_ms(throttles: u32) -> u64 {
    THROTTLE_BACKOFF_MIN_MS.saturating_mul(1 << throttles.min(16)).min(THROTTLE_BACKOFF_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttles_back_off_from_a_second_to_five_minutes() {
        let waits: Vec<_> = [0, 1, 2, 8, 9, u32::MAX].into_iter().map(backoff_ms).collect();
        assert_eq!(waits, [1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
    }
}
