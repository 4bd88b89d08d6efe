//! Asynchronous invocations (`Event`): accepted, written down, tried until they are handled or given up.
//!
//! A function error is tried again twice, after one minute and after two more; a throttle goes back to the queue and waits
//! from 1 s up to 5 min, for 6 hours in all (Lambda developer guide, "Error handling for asynchronous invocation").

use std::collections::BTreeMap;

use super::{
    Lambda, LambdaError, LambdaErrorKind, LambdaRecord, Response, ThrottleReason, Turn,
    counters::Counters,
    destinations::{Condition, Ended, LastAnswer},
    event_config::{AGE_MAX_S, RETRIES_MAX},
    functions::{Function, FunctionId},
    invocation::{Ask, Origin},
    records::{AsyncEventRecord, StoredEvent},
    timers::Timer,
};
use crate::{engine::Cx, model::Timestamp};

const THROTTLE_BACKOFF_MIN_MS: u64 = 1_000;
const THROTTLE_BACKOFF_MAX_MS: u64 = 5 * 60_000;
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
    /// What the last attempt that ran came to. Not written down.
    answer: Option<LastAnswer>,
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
            hops: if let Origin::Destination { hops } = ask.origin { hops } else { 0 },
        };
        let request_id = cx.ids.uuid();
        record(cx, &request_id, Some(&stored));
        self.enqueue_event(id, request_id.clone(), stored);
        self.count(id, |counters| counters.events_received += 1);
        Ok(Response::Accepted { request_id })
    }

    /// Puts an invocation where its time is waited for.
    pub(super) fn enqueue_event(&mut self, function: FunctionId, request_id: String, stored: StoredEvent) {
        self.events.accepted += 1;
        let id = EventId(self.events.accepted);
        let mut until = stored.due;
        if let Some(function) = self.functions.get_mut(function) {
            until = until.min(expires_at(function, &stored));
            function.events.insert(id);
        }
        let state = EventState::Waiting { until };
        self.events.events.insert(id, AsyncEvent { function, request_id, stored, state, throttles: 0, answer: None });
        self.timers.set(until, Timer::Event(id));
    }

    /// The invocation's timer fired at `at`: tries it.
    pub(super) fn event_timer(&mut self, turn: &mut Turn<'_, '_>, id: EventId, at: Timestamp) {
        let Some(event) = self.events.events.get_mut(&id) else { return };
        if event.state != (EventState::Waiting { until: at }) {
            return;
        }
        let function = event.function;
        let Some(found) = self.functions.get(function) else { return };
        // With a reservation of zero AWS gives waiting events up without another attempt.
        if found.reserved == Some(0) {
            return self.end_event(turn, id, Condition::RetriesExhausted);
        }
        if turn.cx.now >= expires_at(found, &event.stored) {
            return self.end_event(turn, id, Condition::EventAgeExceeded);
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
            Err(LambdaError { kind: LambdaErrorKind::TooManyRequests(_), .. }) => self.event_throttled(turn.cx, id),
            // The version or alias that it named is gone.
            Err(_) => self.end_event(turn, id, Condition::RetriesExhausted),
        }
    }

    pub(super) fn event_throttled(&mut self, cx: &mut Cx<'_>, id: EventId) {
        let Some(event) = self.events.events.get_mut(&id) else { return };
        let wait_ms = cx.config.scaled_ms(backoff_ms(event.throttles));
        event.throttles += 1;
        // Not written down: after a restart it is simply tried sooner.
        self.wait_until(id, cx.now.plus_millis(wait_ms));
    }

    /// Waits, but not longer than the event may live.
    fn wait_until(&mut self, id: EventId, until: Timestamp) {
        let Some(event) = self.events.events.get_mut(&id) else { return };
        let Some(function) = self.functions.get(event.function) else { return };
        let until = until.min(expires_at(function, &event.stored));
        event.state = EventState::Waiting { until };
        self.timers.set(until, Timer::Event(id));
    }

    pub(super) fn count(&mut self, function: FunctionId, count: impl FnOnce(&mut Counters)) {
        if let Some(function) = self.functions.get_mut(function) {
            count(&mut function.counters);
        }
    }

    /// When the invocation that waits longest was accepted, of those that this run of the engine knows by their order.
    pub(super) fn oldest_event(&self, function: &Function) -> Option<Timestamp> {
        let event = self.events.events.get(function.events.first()?)?;
        Some(event.stored.received_at)
    }

    /// An attempt came to its end.
    pub(super) fn event_ended(&mut self, turn: &mut Turn<'_, '_>, id: EventId, answer: LastAnswer) {
        let Some(event) = self.events.events.get_mut(&id) else { return };
        let has_failed = answer.function_error.is_some();
        event.answer = Some(answer);
        if !has_failed {
            return self.end_event(turn, id, Condition::Success);
        }
        let Some(function) = self.functions.get(event.function) else { return };
        let config = function.event_config(event.stored.qualifier.as_deref());
        event.stored.failures += 1;
        if event.stored.failures > config.and_then(|config| config.max_retries).unwrap_or(RETRIES_MAX) {
            return self.end_event(turn, id, Condition::RetriesExhausted);
        }
        event.throttles = 0;
        let wait_ms = turn.cx.config.scaled_ms(turn.cx.config.first_retry_delay_ms) * u64::from(event.stored.failures);
        event.stored.due = turn.cx.now.plus_millis(wait_ms);
        let due = event.stored.due;
        record(turn.cx, &event.request_id, Some(&event.stored));
        self.wait_until(id, due);
    }

    /// Tells the end of an invocation, and forgets it.
    fn end_event(&mut self, turn: &mut Turn<'_, '_>, id: EventId, condition: Condition) {
        let Some(event) = self.take_event(id) else { return };
        let attempts = event.stored.failures + u32::from(condition == Condition::Success);
        let AsyncEvent { request_id, stored, answer, .. } = &event;
        if condition != Condition::Success {
            self.count(event.function, |counters| counters.events_dropped += 1);
        }
        self.tell_end(turn, &Ended { request_id, event: stored, condition, attempts, answer: answer.as_ref() });
        record(turn.cx, &event.request_id, None);
    }

    fn take_event(&mut self, id: EventId) -> Option<AsyncEvent> {
        let event = self.events.events.remove(&id)?;
        if let EventState::Waiting { until } = event.state {
            self.timers.clear(until, Timer::Event(id));
        }
        if let Some(function) = self.functions.get_mut(event.function) {
            function.events.remove(&id);
        }
        Some(event)
    }

    /// Gives up all that wait for a function that is being deleted.
    pub(super) fn drop_events_of(&mut self, cx: &mut Cx<'_>, function: FunctionId) {
        let events = self.functions.get(function).map(|function| function.events.clone()).unwrap_or_default();
        for event in events.into_iter().filter_map(|id| self.take_event(id)) {
            record(cx, &event.request_id, None);
        }
    }
}

/// When an event is too old to be tried.
fn expires_at(function: &Function, event: &StoredEvent) -> Timestamp {
    let config = function.event_config(event.qualifier.as_deref());
    event.received_at.plus_secs(config.and_then(|config| config.max_age_s).unwrap_or(AGE_MAX_S).into())
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
