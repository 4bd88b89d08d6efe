//! Queue attributes: what the manifest wants, in AWS's words, compared by meaning (SQS API reference, `SetQueueAttributes`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    draft::{Draft, Inputs},
    queues::address,
    semantic::{duration, same_policy, size},
};
use crate::{
    model::QueueArn,
    stack::{DesiredQueue, Fifo, ObservedQueue, RedriveAllow},
};

const REDRIVE_POLICY: &str = "RedrivePolicy";
/// `DeduplicationScope` of high throughput.
const MESSAGE_GROUP: &str = "messageGroup";
/// `FifoThroughputLimit` of high throughput.
const PER_MESSAGE_GROUP: &str = "perMessageGroupId";

/// An attribute as the manifest wants it.
#[derive(Debug)]
pub(super) struct Wanted {
    /// AWS's name.
    pub(super) attribute: &'static str,
    /// In AWS's form; empty takes it away.
    pub(super) value: String,
    /// The manifest's word for it.
    key: &'static str,
    /// What a queue has that does not show the attribute.
    default: &'static str,
    kind: Kind,
}

/// How an attribute is compared and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Seconds,
    Retention,
    Bytes,
    Flag,
    /// One of the two by which AWS speaks of high throughput.
    Throughput,
    DeadLetter,
    RedriveAllow,
    Policy,
}

/// All attributes that a manifest can set; `None`, with problems noted, when one refers to a queue that is not declared.
pub(super) fn wanted(draft: &mut Draft, key: &str, queue: &DesiredQueue, inputs: &Inputs<'_>) -> Option<Vec<Wanted>> {
    let dead_letter = match &queue.dead_letter {
        None => String::new(),
        Some(dead_letter) => {
            let target = arn_of(draft, key, &dead_letter.queue, inputs)?;
            json!({ "deadLetterTargetArn": target, "maxReceiveCount": dead_letter.max_receives }).to_string()
        }
    };
    let allow = match &queue.redrive_allow {
        RedriveAllow::All => json!({ "redrivePermission": "allowAll" }),
        RedriveAllow::None => json!({ "redrivePermission": "denyAll" }),
        RedriveAllow::ByQueue(keys) => {
            let sources: Option<Vec<_>> = keys.iter().map(|source| arn_of(draft, key, source, inputs)).collect();
            json!({ "redrivePermission": "byQueue", "sourceQueueArns": sources? })
        }
    };
    let seconds = |key, attribute, value: u32, default| Wanted::new(key, attribute, &value, default, Kind::Seconds);
    let mut wanted = vec![
        seconds("visibility_timeout", "VisibilityTimeout", queue.visibility_timeout_s, "30"),
        seconds("delay", "DelaySeconds", queue.delay_s, "0"),
        Wanted::new("retention", "MessageRetentionPeriod", &queue.retention_s, "345600", Kind::Retention),
        seconds("receive_wait", "ReceiveMessageWaitTimeSeconds", queue.receive_wait_s, "0"),
        Wanted::new("max_message_size", "MaximumMessageSize", &queue.max_message_bytes, "1048576", Kind::Bytes),
        Wanted::new("dead_letter", REDRIVE_POLICY, &dead_letter, "", Kind::DeadLetter),
        Wanted::new("redrive_allow", "RedriveAllowPolicy", &allow, "", Kind::RedriveAllow),
        Wanted::new("encryption", "SqsManagedSseEnabled", &queue.managed_encryption, "true", Kind::Flag),
        Wanted::new("policy", "Policy", &queue.policy.clone().unwrap_or_default(), "", Kind::Policy),
    ];
    wanted.extend(queue.fifo.iter().flat_map(fifo_attributes));
    Some(wanted)
}

/// The dead-letter queue that a queue has on the target.
pub(super) fn dead_letter_of(found: &ObservedQueue) -> Option<QueueArn> {
    let (arn, _) = dead_letter(found.attributes.get(REDRIVE_POLICY)?)?;
    QueueArn::parse(&arn)
}

impl Wanted {
    fn new(
        key: &'static str,
        attribute: &'static str,
        value: &impl ToString,
        default: &'static str,
        kind: Kind,
    ) -> Self {
        Self { attribute, value: value.to_string(), key, default, kind }
    }

    pub(super) fn is_dead_letter(&self) -> bool {
        self.kind == Kind::DeadLetter
    }

    /// What `CreateQueue` is told: everything but what means the same as silence on every endpoint.
    pub(super) fn at_creation(&self) -> Option<(&'static str, &str)> {
        let is_silence = self.value.is_empty() || (self.kind == Kind::RedriveAllow && self.is(""));
        (!is_silence).then_some((self.attribute, &self.value))
    }

    pub(super) fn differs_from(&self, found: &ObservedQueue) -> bool {
        !self.is(self.value_in(found))
    }

    pub(super) fn shortens_retention(&self, found: &ObservedQueue) -> bool {
        let seconds = |text: &str| text.parse::<u32>().ok();
        self.kind == Kind::Retention && seconds(&self.value) < seconds(self.value_in(found))
    }

    /// `visibility_timeout 30s -> 60s`.
    pub(super) fn change_from(&self, found: &ObservedQueue) -> String {
        let old = self.value_in(found);
        match self.kind {
            Kind::Policy if old.is_empty() => "policy added".to_owned(),
            Kind::Policy if self.value.is_empty() => "policy removed".to_owned(),
            Kind::Policy => "policy changed".to_owned(),
            _ => format!("{} {} -> {}", self.key, self.show(old), self.show(&self.value)),
        }
    }

    /// `dead_letter dlq after 3`.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.key, self.show(&self.value))
    }

    fn value_in<'a>(&self, found: &'a ObservedQueue) -> &'a str {
        found.attributes.get(self.attribute).map_or(self.default, String::as_str)
    }

    fn is(&self, found: &str) -> bool {
        match self.kind {
            Kind::Seconds | Kind::Retention | Kind::Bytes | Kind::Throughput => self.value == found,
            Kind::Flag => self.value.eq_ignore_ascii_case(found),
            Kind::DeadLetter => dead_letter(&self.value) == dead_letter(found),
            Kind::RedriveAllow => redrive_allow(&self.value) == redrive_allow(found),
            Kind::Policy => same_policy(&self.value, found),
        }
    }

    fn show(&self, value: &str) -> String {
        let number = value.parse::<u32>();
        match (self.kind, number) {
            (Kind::Seconds | Kind::Retention, Ok(seconds)) => duration(seconds),
            (Kind::Bytes, Ok(bytes)) => size(bytes),
            (Kind::DeadLetter, _) => match dead_letter(value) {
                Some((arn, receives)) => format!("{} after {receives}", name_in(&arn)),
                None => "none".to_owned(),
            },
            (Kind::RedriveAllow, _) => {
                let (permission, sources) = redrive_allow(value);
                let names: Vec<&str> = sources.iter().map(|arn| name_in(arn)).collect();
                match permission.as_str() {
                    "allowAll" => "all".to_owned(),
                    "denyAll" => "none".to_owned(),
                    _ => format!("[{}]", names.join(", ")),
                }
            }
            (Kind::Throughput, _) => matches!(value, MESSAGE_GROUP | PER_MESSAGE_GROUP).to_string(),
            _ => value.to_owned(),
        }
    }
}

fn fifo_attributes(fifo: &Fifo) -> [Wanted; 3] {
    // The throughput limit per group needs the scope of groups, so both stand for one setting of the manifest.
    let (scope, limit) = if fifo.high_throughput { (MESSAGE_GROUP, PER_MESSAGE_GROUP) } else { ("queue", "perQueue") };
    let content = fifo.content_based_deduplication;
    [
        Wanted::new("content_based_deduplication", "ContentBasedDeduplication", &content, "false", Kind::Flag),
        Wanted::new("high_throughput", "DeduplicationScope", &scope, "queue", Kind::Throughput),
        Wanted::new("high_throughput", "FifoThroughputLimit", &limit, "perQueue", Kind::Throughput),
    ]
}

fn arn_of(draft: &mut Draft, key: &str, other: &str, inputs: &Inputs<'_>) -> Option<String> {
    let found = inputs.desired.queues.get(other).map(|queue| inputs.facts.queue_arn(&queue.name).to_string());
    if found.is_none() {
        draft.undeclared(address(key), &address(other));
    }
    found
}

/// The target's ARN and the maximal receive count; AWS gives the count as it was written, a number or a text.
fn dead_letter(policy: &str) -> Option<(String, String)> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let target = policy.get("deadLetterTargetArn")?.as_str()?.to_owned();
    let receives = match policy.get("maxReceiveCount")? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some((target, receives))
}

/// The permission and the sources, in no order; without a policy all are allowed.
fn redrive_allow(policy: &str) -> (String, BTreeSet<String>) {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let permission = policy.get("redrivePermission").and_then(text).unwrap_or_else(|| "allowAll".to_owned());
    let sources = policy.get("sourceQueueArns").and_then(Value::as_array);
    (permission, sources.into_iter().flatten().filter_map(text).collect())
}

fn name_in(arn: &str) -> &str {
    arn.rsplit_once(':').map_or(arn, |(_, name)| name)
}
