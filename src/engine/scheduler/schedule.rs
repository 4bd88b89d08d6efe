//! One schedule: what is legal, and when it fires next.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{FlexibleTimeWindow, ScheduleSettings, SchedulerError, SchedulerErrorKind, Target, target::Aim};
use crate::{
    engine::{
        Cx,
        calendar::{Expression, time_zone},
    },
    model::{QueueArn, Timestamp},
};

const MINUTE_MS: u64 = 60_000;
/// A `StartDate` may lie so far back.
const START_GRACE_MS: u64 = 5 * MINUTE_MS;
/// As often, and as long, as a policy may say, unless it says less.
const RETRIES_MAX: u32 = 185;
const AGE_MAX_S: u32 = 86_400;

/// A schedule, as it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredSchedule {
    pub settings: ScheduleSettings,
    pub client_token: Option<String>,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
    /// Where a rate counts from.
    pub anchor: Timestamp,
    /// The time for which it fired last.
    pub last_fired: Option<Timestamp>,
}

/// A schedule at work.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) stored: StoredSchedule,
    pub(super) plan: Plan,
    pub(super) due: Option<Due>,
}

/// The next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// As the expression has it.
    pub(super) scheduled: Timestamp,
    /// The same, or later within the flexible window.
    pub(super) fires_at: Timestamp,
}

/// The settings, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) expression: Expression,
    zone: TimeZone,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    window_ms: u64,
    pub(super) is_enabled: bool,
    pub(super) is_deleted_after: bool,
    pub(super) aim: Aim,
    pub(super) dead_letter: Option<QueueArn>,
    pub(super) max_retries: u32,
    pub(super) max_age_ms: u64,
}

impl Plan {
    /// # Errors
    /// `ValidationException` with what is wrong.
    pub(super) fn of(settings: &ScheduleSettings) -> Result<Self, SchedulerError> {
        let text = settings.schedule_expression.as_deref().unwrap_or_default();
        let expression =
            Expression::parse(text).ok_or_else(|| invalid(format!("Invalid Schedule Expression {text}.")))?;
        let zone = settings.schedule_expression_timezone.as_deref().unwrap_or("UTC");
        let target = settings.target.clone().unwrap_or_default();
        let window = settings.flexible_time_window.clone().unwrap_or_default();
        let (max_retries, max_age_s) = retry_policy(&target);
        let (start, end) = (date("StartDate", settings.start_date)?, date("EndDate", settings.end_date)?);
        if let (Some(start), Some(end)) = (start, end)
            && end <= start
        {
            return Err(invalid("The EndDate you specify must come after the StartDate."));
        }
        Ok(Self {
            expression,
            zone: time_zone(zone).ok_or_else(|| invalid(format!("Invalid ScheduleExpressionTimezone {zone}.")))?,
            start,
            end,
            window_ms: window_ms(&window)?,
            is_enabled: settings.state.as_deref() != Some("DISABLED"),
            is_deleted_after: settings.action_after_completion.as_deref() == Some("DELETE"),
            aim: Aim::of(&target)?,
            dead_letter: dead_letter(&target)?,
            max_retries,
            max_age_ms: u64::from(max_age_s) * 1000,
        })
    }

    /// # Errors
    /// Dates that lie too far back for a new schedule.
    pub(super) fn check_dates(&self, now: Timestamp) -> Result<(), SchedulerError> {
        if self.start.is_some_and(|start| start.plus_millis(START_GRACE_MS) < now) {
            return Err(invalid("The StartDate you specify cannot be earlier than 5 minutes ago."));
        }
        if self.end.is_some_and(|end| end < now) {
            return Err(invalid("The EndDate you specify cannot be in the past."));
        }
        Ok(())
    }

    /// The next time after `last`, or the first one; what was missed is not made up for, but for a time that comes once.
    pub(super) fn next(&self, now: Timestamp, anchor: Timestamp, last: Option<Timestamp>) -> Option<Timestamp> {
        if !self.is_enabled {
            return None;
        }
        let anchor = self.start.unwrap_or(anchor);
        let next = match (&self.expression, last) {
            (Expression::At(_), None) => self.expression.once(&self.zone),
            (Expression::At(_), Some(_)) => None,
            (Expression::Rate { .. }, None) => Some(anchor),
            (Expression::Cron(_), None) => {
                let from = self.start.map_or(now, |start| Timestamp::from_millis(start.as_millis().saturating_sub(1)));
                self.expression.next_after(&self.zone, anchor, from.max(now))
            }
            (_, Some(last)) => self.expression.next_after(&self.zone, anchor, last.max(now)),
        };
        next.filter(|next| !self.expression.is_recurring() || self.end.is_none_or(|end| *next <= end))
    }
}

impl Schedule {
    /// A schedule whose next time is yet to be found.
    pub(super) fn new(stored: StoredSchedule, plan: Plan) -> Self {
        Self { stored, plan, due: None }
    }

    /// Finds the next time.
    pub(super) fn aim(&mut self, cx: &mut Cx<'_>) {
        let next = self.plan.next(cx.now, self.stored.anchor, self.stored.last_fired);
        self.due = next.map(|scheduled| {
            let shift = if self.plan.window_ms == 0 { 0 } else { cx.ids.next_u64() % self.plan.window_ms };
            Due { scheduled, fires_at: scheduled.plus_millis(shift) }
        });
    }

    pub(super) fn state(&self) -> &'static str {
        if self.plan.is_enabled { "ENABLED" } else { "DISABLED" }
    }
}

/// How often a call is tried again, and for how many seconds.
fn retry_policy(target: &Target) -> (u32, u32) {
    let policy = target.retry_policy.clone().unwrap_or_default();
    (policy.maximum_retry_attempts.unwrap_or(RETRIES_MAX), policy.maximum_event_age_in_seconds.unwrap_or(AGE_MAX_S))
}

fn dead_letter(target: &Target) -> Result<Option<QueueArn>, SchedulerError> {
    let Some(arn) = target.dead_letter_config.as_ref().and_then(|config| config.arn.as_deref()) else {
        return Ok(None);
    };
    match QueueArn::parse(arn).filter(|arn| !arn.name.is_fifo()) {
        Some(arn) => Ok(Some(arn)),
        None => Err(invalid(format!("The dead-letter queue {arn} is not the ARN of a standard SQS queue."))),
    }
}

fn window_ms(window: &FlexibleTimeWindow) -> Result<u64, SchedulerError> {
    match (window.mode.as_deref() == Some("FLEXIBLE"), window.maximum_window_in_minutes) {
        (false, None) => Ok(0),
        (false, Some(_)) => Err(invalid("MaximumWindowInMinutes must not be provided when Mode is OFF.")),
        (true, Some(minutes)) => Ok(minutes * MINUTE_MS),
        (true, None) => {
            Err(invalid("A maximum time window must be provided when Mode is FLEXIBLE: MaximumWindowInMinutes."))
        }
    }
}

fn date(name: &str, seconds: Option<f64>) -> Result<Option<Timestamp>, SchedulerError> {
    let Some(seconds) = seconds else { return Ok(None) };
    if !(0.0..=f64::from(u32::MAX) * 8.0).contains(&seconds) {
        return Err(invalid(format!("The {name} you specify is no date that a schedule can have.")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in the range that was just checked")]
    let ms = (seconds * 1000.0).round() as u64;
    Ok(Some(Timestamp::from_millis(ms)))
}

pub(super) fn invalid(message: impl Into<String>) -> SchedulerError {
    SchedulerError::new(SchedulerErrorKind::Validation, message)
}
