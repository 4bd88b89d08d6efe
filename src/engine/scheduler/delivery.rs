//! One invocation that a schedule makes: tried, tried again when the target is busy, and given up to the dead-letter queue
//! (EventBridge Scheduler user guide, "Configuring a schedule's dead-letter queue").
//!
//! What is tried again lives in memory: a restart of the engine gives it up.

use std::collections::BTreeMap;

use super::{
    Key, Scheduler, Timer,
    schedule::{Plan, Schedule},
    target::{Call, Context},
};
use crate::{
    engine::{
        Cx,
        sqs::{MessageAttributeValue, SendMessage},
    },
    model::{QueueArn, Timestamp},
};

/// The wait before the second attempt; it doubles with each further one.
const BACKOFF_MIN_MS: u64 = 1_000;
const BACKOFF_MAX_MS: u64 = 10 * 60_000;

/// Names an invocation while the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DeliveryId(pub(super) u64);

/// See the module.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Delivery {
    id: DeliveryId,
    schedule_arn: String,
    target_arn: String,
    input: Option<String>,
    plan: Plan,
    scheduled: Timestamp,
    begun: Timestamp,
    execution_id: String,
    /// From 1.
    attempt: u32,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Outcome {
    Done,
    /// The target may take it later.
    Busy {
        code: &'static str,
        message: String,
    },
    /// It never will.
    Refused {
        code: &'static str,
        message: String,
    },
}

impl Delivery {
    pub(super) fn new(cx: &mut Cx<'_>, id: DeliveryId, key: &Key, schedule: &Schedule, scheduled: Timestamp) -> Self {
        let target = schedule.stored.settings.target.clone().unwrap_or_default();
        Self {
            id,
            schedule_arn: super::requests::schedule_arn(cx.scope, key),
            target_arn: target.arn.unwrap_or_default(),
            input: target.input,
            plan: schedule.plan.clone(),
            scheduled,
            begun: cx.now,
            execution_id: cx.ids.uuid(),
            attempt: 1,
        }
    }

    /// The invocation to be made now, or why there is none.
    pub(in crate::engine) fn call(&self, cx: &Cx<'_>) -> Result<Call, String> {
        self.plan.aim.call(self.input.as_deref(), &self.context(cx))
    }

    fn context<'a>(&'a self, cx: &Cx<'a>) -> Context<'a> {
        Context {
            scope: cx.scope,
            schedule_arn: &self.schedule_arn,
            scheduled: self.scheduled,
            execution_id: &self.execution_id,
            attempt: self.attempt,
        }
    }

    /// What the dead-letter queue gets: the input, and why it is there.
    fn dead_letter(&self, cx: &Cx<'_>, code: &str, message: String, exhausted: Option<&str>) -> SendMessage {
        let text = |value: String| MessageAttributeValue {
            data_type: Some("String".to_owned()),
            string_value: Some(value),
            ..MessageAttributeValue::default()
        };
        let mut attributes = BTreeMap::from([
            ("ERROR_CODE", code.to_owned()),
            ("ERROR_MESSAGE", message),
            ("EXECUTION_ID", self.execution_id.clone()),
            ("IS_PAYLOAD_TRUNCATED", "false".to_owned()),
            ("RETRY_ATTEMPTS", (self.attempt - 1).to_string()),
            ("SCHEDULED_TIME", self.context(cx).time()),
            ("SCHEDULE_ARN", self.schedule_arn.clone()),
            ("TARGET_ARN", self.target_arn.clone()),
        ]);
        if let Some(condition) = exhausted {
            attributes.insert("EXHAUSTED_RETRY_CONDITION", condition.to_owned());
        }
        let filled = |name: &&str, value: &mut String| !name.is_empty() && !value.is_empty();
        attributes.retain(filled);
        let body = match self.call(cx) {
            Ok(Call::Invoke { payload, .. }) => payload,
            Ok(Call::Send { body, .. }) => body,
            Err(_) => self.input.clone().unwrap_or_default(),
        };
        SendMessage {
            message_body: Some(body),
            message_attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), text(value))).collect(),
            ..SendMessage::default()
        }
    }
}

impl Scheduler {
    /// Tells what an attempt came to. Returns the dead letter of one that is given up.
    pub(in crate::engine) fn ended(
        &mut self,
        cx: &mut Cx<'_>,
        mut delivery: Delivery,
        outcome: Outcome,
    ) -> Option<(QueueArn, SendMessage)> {
        let (code, message, exhausted) = match outcome {
            Outcome::Done => return None,
            Outcome::Refused { code, message } => (code, message, None),
            Outcome::Busy { code, message } => {
                let wait_ms = backoff_ms(delivery.attempt);
                let at = cx.now.plus_millis(wait_ms);
                let exhausted = if delivery.attempt > delivery.plan.max_retries {
                    "MaximumRetryAttempts"
                } else if at.millis_since(delivery.begun) > delivery.plan.max_age_ms {
                    "MaximumEventAgeInSeconds"
                } else {
                    delivery.attempt += 1;
                    self.timers.insert((at, Timer::Delivery(delivery.id)));
                    self.waiting.insert(delivery.id, delivery);
                    return None;
                };
                (code, message, Some(exhausted))
            }
        };
        let queue = delivery.plan.dead_letter.clone()?;
        let letter = delivery.dead_letter(cx, code, message, exhausted);
        Some((queue, letter))
    }
}

fn backoff_ms(attempt: u32) -> u64 {
    BACKOFF_MIN_MS.saturating_mul(1 << (attempt - 1).min(16)).min(BACKOFF_MAX_MS)
}
