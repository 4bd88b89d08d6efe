//! Scheduled actions: they change a target's bounds when their time comes, on the clock of their time zone (Application Auto
//! Scaling user guide, "Scheduled scaling").

use jiff::tz::TimeZone;

use super::{
    Autoscaling, AutoscalingError, AutoscalingErrorKind, Describe, Named, PutScheduledAction, Response, Scaled,
    ScheduledAction, StoredScheduled,
    api::seconds,
    resource::ResourceId,
    targets::{capacity, check_bounds},
    validate::{self, DIMENSION, NAMESPACE, Wanted, invalid},
};
use crate::{
    engine::{
        Cx,
        calendar::{Expression, time_zone},
    },
    model::{Scope, Timestamp},
};

/// Scheduled actions of one target (Application Auto Scaling user guide, "Quotas").
const SCHEDULED_MAX: usize = 200;

impl Autoscaling {
    pub(super) fn put_scheduled(
        &mut self,
        cx: &mut Cx<'_>,
        request: &PutScheduledAction,
    ) -> Result<Response, AutoscalingError> {
        let resource = validate::resource(
            request.service_namespace.as_deref(),
            request.resource_id.as_deref(),
            request.scalable_dimension.as_deref(),
        )?;
        let name = request.scheduled_action_name.clone().unwrap_or_default();
        let now = cx.now;
        let actions = &mut self.target_mut(&resource)?.stored.scheduled;
        if actions.len() >= SCHEDULED_MAX && !actions.contains_key(&name) {
            let message = format!("A scalable target can have at most {SCHEDULED_MAX} scheduled actions");
            return Err(AutoscalingError::new(AutoscalingErrorKind::LimitExceeded, message));
        }
        let known = actions.get(&name).cloned();
        let stored = merged(known, request, now, || cx.ids.uuid())?;
        let before = actions.insert(name.clone(), stored.clone()).and_then(|before| before.next);
        if let Some(before) = before {
            self.unschedule(before, &resource);
        }
        self.schedules.extend(stored.next.map(|next| (next, resource.clone())));
        self.record(cx, &resource);
        Ok(Response::Done)
    }

    pub(super) fn delete_scheduled(&mut self, cx: &mut Cx<'_>, request: &Named) -> Result<Response, AutoscalingError> {
        let name = request.scheduled_action_name.as_deref().unwrap_or_default();
        let resource = request.resource()?;
        let removed = self.targets.get_mut(&resource).and_then(|target| target.stored.scheduled.remove(name));
        let Some(removed) = removed else {
            let message = format!(
                "No scheduled action found for service namespace: {NAMESPACE}, resource ID: {resource}, scalable \
                 dimension: {DIMENSION}, scheduled action name: {name}"
            );
            return Err(AutoscalingError::new(AutoscalingErrorKind::ObjectNotFound, message));
        };
        if let Some(next) = removed.next {
            self.unschedule(next, &resource);
        }
        self.record(cx, &resource);
        Ok(Response::Done)
    }

    pub(super) fn describe_scheduled(&self, scope: &Scope, request: &Describe) -> Result<Response, AutoscalingError> {
        let wanted = Wanted::of(request, request.scheduled_action_names.as_ref())?;
        let all = self.targets.iter().flat_map(|(resource, target)| {
            target.stored.scheduled.iter().map(move |(name, action)| (resource, name, action))
        });
        let found = all.filter(|(resource, name, _)| wanted.has(resource, name));
        let shown = found.map(|(resource, name, action)| (action.id.clone(), action.show(scope, resource, name)));
        validate::page(shown, request.max_results, request.next_token.as_deref()).map(Response::ScheduledActions)
    }

    /// The time of some of a target's actions has come.
    pub(super) fn run_scheduled(&mut self, cx: &mut Cx<'_>, scaled: &mut Scaled<'_>, resource: &ResourceId) {
        let Some(target) = self.targets.get_mut(resource) else { return };
        let stored = &mut target.stored;
        let is_suspended = stored.suspended.scheduled_scaling_suspended;
        let mut later = Vec::new();
        for action in stored.scheduled.values_mut().filter(|action| action.next.is_some_and(|next| next <= cx.now)) {
            action.next = action.timing().and_then(|(schedule, zone)| action.next_after(&schedule, &zone, cx.now));
            later.extend(action.next);
            if is_suspended {
                continue;
            }
            let bound = |value: Option<i64>| value.and_then(|value| u32::try_from(value).ok());
            let min = bound(action.action.min_capacity);
            let max = bound(action.action.max_capacity);
            // A bound that passes the other takes it along.
            stored.min_capacity = min.unwrap_or_else(|| stored.min_capacity.min(max.unwrap_or(u32::MAX)));
            stored.max_capacity = max.unwrap_or_else(|| stored.max_capacity.max(stored.min_capacity));
        }
        self.schedules.extend(later.into_iter().map(|next| (next, resource.clone())));
        self.record(cx, resource);
        self.keep_within_bounds(cx, scaled, resource);
    }

    /// Forgets a time at which no action of the target runs any more.
    fn unschedule(&mut self, at: Timestamp, resource: &ResourceId) {
        let mut actions = self.targets.get(resource).into_iter().flat_map(|target| target.stored.scheduled.values());
        if !actions.any(|action| action.next == Some(at)) {
            self.schedules.remove(&(at, resource.clone()));
        }
    }
}

impl StoredScheduled {
    /// Its schedule and the clock that it goes by.
    fn timing(&self) -> Option<(Expression, TimeZone)> {
        Some((Expression::parse(&self.schedule)?, self.timezone.as_deref().map_or(Some(TimeZone::UTC), time_zone)?))
    }

    /// When it runs next, within its start and end. A recurring one runs at its start as well, whatever its schedule says
    /// ("Schedule recurring scaling actions": the action is performed at the start time, and then as it recurs).
    fn next_after(&self, schedule: &Expression, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let next = match self.start.filter(|start| *start > now && schedule.is_recurring()) {
            Some(start) => start,
            None => schedule.next_after(zone, self.start.unwrap_or(self.created_at), now)?,
        };
        self.end.is_none_or(|end| next <= end).then_some(next)
    }

    fn show(&self, scope: &Scope, resource: &ResourceId, name: &str) -> ScheduledAction {
        ScheduledAction {
            scheduled_action_name: name.to_owned(),
            scheduled_action_arn: resource.scheduled_arn(scope, &self.id, name),
            service_namespace: NAMESPACE.to_owned(),
            schedule: self.schedule.clone(),
            timezone: self.timezone.clone(),
            resource_id: resource.to_string(),
            scalable_dimension: DIMENSION.to_owned(),
            start_time: self.start.map(seconds),
            end_time: self.end.map(seconds),
            scalable_target_action: self.action,
            creation_time: seconds(self.created_at),
        }
    }
}

/// What a request makes of an action: what it does not name stays, but for start and end.
fn merged(
    known: Option<StoredScheduled>,
    request: &PutScheduledAction,
    now: Timestamp,
    id: impl FnOnce() -> String,
) -> Result<StoredScheduled, AutoscalingError> {
    let mut stored = known.unwrap_or_else(|| StoredScheduled {
        id: id(),
        schedule: String::new(),
        timezone: None,
        start: None,
        end: None,
        action: super::ScalableTargetAction::default(),
        created_at: now,
        next: None,
    });
    if let Some(schedule) = &request.schedule {
        stored.schedule.clone_from(schedule);
    }
    if let Some(timezone) = &request.timezone {
        if time_zone(timezone).is_none() {
            return Err(invalid(format!("`{timezone}` is no name of an IANA time zone, such as Pacific/Tahiti")));
        }
        stored.timezone = Some(timezone.clone());
    }
    // Of all members these two alone do not stay when an update leaves them out.
    (stored.start, stored.end) = (request.start_time.map(timestamp), request.end_time.map(timestamp));
    if let (Some(start), Some(end)) = (stored.start, stored.end)
        && end < start
    {
        return Err(invalid("EndTime must not be before StartTime"));
    }
    if let Some(action) = request.scalable_target_action {
        let (min, max) = (capacity(action.min_capacity, "minCapacity")?, capacity(action.max_capacity, "maxCapacity")?);
        if let (Some(min), Some(max)) = (min, max) {
            check_bounds(min, max)?;
        }
        stored.action = action;
    }
    if stored.action.min_capacity.is_none() && stored.action.max_capacity.is_none() {
        return Err(invalid("ScalableTargetAction needs a MinCapacity, a MaxCapacity or both"));
    }
    if stored.schedule.is_empty() {
        return Err(invalid("Schedule is required to create a scheduled action"));
    }
    let Some((schedule, zone)) = stored.timing() else {
        return Err(invalid(format!(
            "`{}` is no schedule: at(yyyy-mm-ddThh:mm:ss), rate(value unit) or cron(fields)",
            stored.schedule
        )));
    };
    stored.next = stored.next_after(&schedule, &zone, now);
    if stored.next.is_none() {
        return Err(invalid("The schedule has no time that is still to come"));
    }
    Ok(stored)
}

fn timestamp(seconds: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let ms = (seconds * 1000.0).round() as u64;
    Timestamp::from_millis(ms)
}
