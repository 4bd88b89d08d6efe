//! One invocation that a schedule makes: tried, tried again when the target is busy, and given up to the dead-letter queue
//! (EventBridge Scheduler user guide, "Configuring a schedule's dead-letter queue").
//!
//! What is to be tried again is written down, and goes on after a restart of the engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Key, ScheduleSettings, Scheduler, SchedulerError, Timer, records,
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
    plan: Plan,
    stored: StoredDelivery,
}

/// An invocation, as it is written down when it has to be tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredDelivery {
    pub schedule_arn: String,
    /// Those of the schedule when it fired.
    pub settings: ScheduleSettings,
    pub scheduled: Timestamp,
    pub begun: Timestamp,
    pub execution_id: String,
    /// The next one, from 1.
    pub attempt: u32,
    /// When that is to be made.
    pub at: Timestamp,
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
        let stored = StoredDelivery {
            schedule_arn: super::requests::schedule_arn(cx.scope, key),
            settings: schedule.stored.settings.clone(),
            scheduled,
            begun: cx.now,
            execution_id: cx.ids.uuid(),
            attempt: 1,
            at: cx.now,
        };
        Self { id, plan: schedule.plan.clone(), stored }
    }

    /// One that was written down.
    ///
    /// # Errors
    /// Its settings cannot be read.
    pub(super) fn restored(id: DeliveryId, stored: StoredDelivery) -> Result<Self, SchedulerError> {
        Ok(Self { id, plan: Plan::of(&stored.settings)?, stored })
    }

    /// When it is tried next, and the timer of that.
    pub(super) fn timer(&self) -> (Timestamp, Timer) {
        (self.stored.at, Timer::Delivery(self.id))
    }

    fn input(&self) -> Option<&str> {
        self.stored.settings.target.as_ref()?.input.as_deref()
    }

    /// The invocation to be made now, or why there is none.
    pub(in crate::engine) fn call(&self, cx: &Cx<'_>) -> Result<Call, String> {
        self.plan.aim.call(self.input(), &self.context(cx))
    }

    fn context<'a>(&'a self, cx: &Cx<'a>) -> Context<'a> {
        Context {
            scope: cx.scope,
            schedule_arn: &self.stored.schedule_arn,
            scheduled: self.stored.scheduled,
            execution_id: &self.stored.execution_id,
            attempt: self.stored.attempt,
        }
    }

    /// What the dead-letter queue gets: the input, and why it is there.
    fn dead_letter(&self, cx: &Cx<'_>, code: &str, message: String, exhausted: Option<&str>) -> SendMessage {
        let text = |value: String| MessageAttributeValue {
            data_type: Some("String".to_owned()),
            string_value: Some(value),
            ..MessageAttributeValue::default()
        };
        let stored = &self.stored;
        let target = stored.settings.target.clone().unwrap_or_default();
        let mut attributes = BTreeMap::from([
            ("ERROR_CODE", code.to_owned()),
            ("ERROR_MESSAGE", message),
            ("EXECUTION_ID", stored.execution_id.clone()),
            ("IS_PAYLOAD_TRUNCATED", "false".to_owned()),
            ("RETRY_ATTEMPTS", (stored.attempt - 1).to_string()),
            ("SCHEDULED_TIME", self.context(cx).time()),
            ("SCHEDULE_ARN", stored.schedule_arn.clone()),
            ("TARGET_ARN", target.arn.unwrap_or_default()),
        ]);
        if let Some(condition) = exhausted {
            attributes.insert("EXHAUSTED_RETRY_CONDITION", condition.to_owned());
        }
        let filled = |name: &&str, value: &mut String| !name.is_empty() && !value.is_empty();
        attributes.retain(filled);
        let body = match self.call(cx) {
            Ok(Call::Invoke { payload, .. }) => payload,
            Ok(Call::Send { body, .. }) => body,
            Err(_) => self.input().unwrap_or_default().to_owned(),
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
        let stored = &mut delivery.stored;
        let (code, message, exhausted) = match outcome {
            Outcome::Done => {
                forget(cx, stored);
                return None;
            }
            Outcome::Refused { code, message } => (code, message, None),
            Outcome::Busy { code, message } => {
                let wait_ms = backoff_ms(stored.attempt);
                let at = cx.now.plus_millis(wait_ms);
                let exhausted = if stored.attempt > delivery.plan.max_retries {
                    "MaximumRetryAttempts"
                } else if at.millis_since(stored.begun) > delivery.plan.max_age_ms {
                    "MaximumEventAgeInSeconds"
                } else {
                    (stored.attempt, stored.at) = (stored.attempt + 1, at);
                    records::record_delivery(cx, &stored.execution_id, Some(stored));
                    self.timers.insert(delivery.timer());
                    self.waiting.insert(delivery.id, delivery);
                    return None;
                };
                (code, message, Some(exhausted))
            }
        };
        forget(cx, stored);
        let queue = delivery.plan.dead_letter.clone()?;
        let letter = delivery.dead_letter(cx, code, message, exhausted);
        Some((queue, letter))
    }
}

/// It is over, and was written down if it was tried before.
fn forget(cx: &mut Cx<'_>, stored: &StoredDelivery) {
    if stored.attempt > 1 {
        records::record_delivery(cx, &stored.execution_id, None);
    }
}

fn backoff_ms(attempt: u32) -> u64 {
    BACKOFF_MIN_MS.saturating_mul(1 << (attempt - 1).min(16)).min(BACKOFF_MAX_MS)
}
