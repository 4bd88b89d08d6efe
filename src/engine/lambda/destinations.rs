//! Where the end of an asynchronous invocation is told: the record for a destination, and the dead letter (Lambda developer
//! guide, "Capturing records of Lambda asynchronous invocations" and "Adding a dead-letter queue"). A queue or function that
//! cannot take it loses it, as on AWS.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    EventTarget, Lambda, StoredEvent, Turn,
    invocation::{Ask, Origin},
    names::{LATEST, Named},
    report,
};
use crate::{
    engine::sqs::{MessageAttributeValue, SendMessage},
    model::{FunctionArn, QueueArn, Timestamp},
};

/// Destinations that one event may pass from function to function: AWS stops recursive loops after about as many (Lambda
/// developer guide, "Use Lambda recursive loop detection").
const HOPS_MAX: u8 = 16;
/// Characters of an error message in a dead letter.
const ERROR_MESSAGE_MAX_BYTES: usize = 1024;

/// How an event ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
}

impl Condition {
    fn as_str(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::RetriesExhausted => "RetriesExhausted",
            Self::EventAgeExceeded => "EventAgeExceeded",
        }
    }
}

/// What the last attempt that ran came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LastAnswer {
    pub(super) payload: Bytes,
    pub(super) function_error: Option<&'static str>,
    pub(super) executed_version: String,
}

/// An event at its end.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub(super) request_id: &'a str,
    pub(super) event: &'a StoredEvent,
    pub(super) condition: Condition,
    /// Attempts that ran.
    pub(super) attempts: u32,
    pub(super) answer: Option<&'a LastAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

impl Ended<'_> {
    fn record(&self, now: Timestamp, function: &FunctionArn) -> Option<String> {
        let mut arn = function.clone();
        arn.qualifier = Some(self.event.qualifier.clone().unwrap_or_else(|| LATEST.to_owned()));
        let record = Record {
            version: "1.0",
            timestamp: report::utc(now, "%Y-%m-%dT%H:%M:%S%.3fZ"),
            request_context: RequestContext {
                request_id: self.request_id,
                function_arn: arn.to_string(),
                condition: self.condition.as_str(),
                approximate_invoke_count: self.attempts,
            },
            request_payload: serde_json::from_slice(&self.event.payload).ok()?,
            response_context: self.answer.map(|answer| ResponseContext {
                status_code: 200,
                executed_version: &answer.executed_version,
                function_error: answer.function_error,
            }),
            response_payload: match self.answer {
                Some(answer) => Some(serde_json::from_slice(&answer.payload).unwrap_or(RawValue::NULL)),
                None => None,
            },
        };
        serde_json::to_string(&record).ok()
    }
}

impl Lambda {
    /// Tells the end of an event to whoever is to hear of it.
    pub(super) fn tell_end(&mut self, turn: &mut Turn<'_, '_>, ended: &Ended<'_>) {
        let Some(function) = self.functions.id(ended.event.function.as_str()).and_then(|id| self.functions.get(id))
        else {
            return;
        };
        let qualifier = ended.event.qualifier.as_deref();
        let has_failed = ended.condition != Condition::Success;
        let settings = function.resolve(qualifier).and_then(|version| function.version(version));
        let dead_letter = settings.and_then(|version| version.settings.dead_letter.clone()).filter(|_| has_failed);
        let config = function.event_config(qualifier);
        let target =
            config.and_then(|config| if has_failed { config.on_failure.clone() } else { config.on_success.clone() });
        let record = target.as_ref().and_then(|_| ended.record(turn.cx.now, &function.arn));
        if let Some(queue) = dead_letter
            && turn.sqs.send(turn.cx, &queue, ended.dead_letter()).is_err()
            && let Some(id) = self.functions.id(ended.event.function.as_str())
        {
            self.count(id, |counters| counters.dead_letter_errors += 1);
        }
        let is_delivered = match (target, record) {
            (Some(EventTarget::Queue(queue)), Some(record)) => send(turn, &queue, record),
            (Some(EventTarget::Function(arn)), Some(record)) => {
                self.invoke_destination(turn, &arn, ended.event.hops, record)
            }
            _ => true,
        };
        if let Some(id) = self.functions.id(ended.event.function.as_str()).filter(|_| !is_delivered) {
            self.count(id, |counters| counters.destination_delivery_failures += 1);
        }
    }

    /// Whether the function took it. A loop that is stopped is no failure of its destination.
    fn invoke_destination(&mut self, turn: &mut Turn<'_, '_>, arn: &FunctionArn, hops: u8, record: String) -> bool {
        let Ok(id) = self.find(Named::of(arn)) else { return false };
        if hops >= HOPS_MAX {
            return true;
        }
        let ask = Ask {
            // Replaced by the event's own once it is accepted.
            origin: Origin::Destination { hops: hops + 1 },
            payload: record.into(),
            qualifier: arn.qualifier.clone(),
            request_id: None,
            trace_id: None,
            client_context: None,
        };
        self.accept_event(turn.cx, id, ask).is_ok()
    }
}

impl Ended<'_> {
    /// The event as it was, with three attributes.
    fn dead_letter(&self) -> SendMessage {
        let text = |data_type: &str, value: &str| MessageAttributeValue {
            data_type: Some(data_type.to_owned()),
            string_value: Some(value.to_owned()),
            ..MessageAttributeValue::default()
        };
        let (status, error_message) = match (self.condition, self.answer) {
            (Condition::RetriesExhausted, Some(answer)) => ("200", report::error_message(&answer.payload)),
            (Condition::EventAgeExceeded, _) => ("429", "The event was not handled within its maximum age.".to_owned()),
            _ => ("429", "Rate Exceeded.".to_owned()),
        };
        let mut message_attributes: BTreeMap<_, _> = [
            ("RequestID".to_owned(), text("String", self.request_id)),
            ("ErrorCode".to_owned(), text("Number", status)),
        ]
        .into();
        if !error_message.is_empty() {
            let end = error_message.floor_char_boundary(ERROR_MESSAGE_MAX_BYTES);
            message_attributes.insert("ErrorMessage".to_owned(), text("String", &error_message[..end]));
        }
        SendMessage {
            message_body: Some(String::from_utf8_lossy(&self.event.payload).into_owned()),
            message_attributes,
            ..SendMessage::default()
        }
    }
}

/// Whether the queue took it.
fn send(turn: &mut Turn<'_, '_>, queue: &QueueArn, body: String) -> bool {
    let message = SendMessage { message_body: Some(body), ..SendMessage::default() };
    turn.sqs.send(turn.cx, queue, message).is_ok()
}
