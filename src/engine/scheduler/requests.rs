//! The operations on schedules, and what all operations share.

use std::ops::Bound;

use super::{
    Command, DEFAULT_GROUP, GetSchedule, Key, ListSchedules, Response, ScheduleActivity, ScheduleRequest,
    ScheduleSummary, Scheduler, SchedulerError, SchedulerErrorKind, StoredSchedule, TargetSummary,
    groups::no_group,
    schedule::{Plan, Schedule, invalid},
    seconds,
};
use crate::{engine::Cx, model::Scope};

/// Schedules and groups of one page, at most and unless said.
const LIST_PAGE_MAX: usize = 100;
/// Schedules of an account and region; a million on AWS.
const SCHEDULES_MAX: usize = 100_000;

impl Scheduler {
    /// Carries out a request.
    pub(in crate::engine) fn request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, SchedulerError> {
        match command {
            Command::CreateSchedule { name, schedule } => self.create(cx, name, schedule),
            Command::UpdateSchedule { name, schedule } => self.update(cx, name, schedule),
            Command::GetSchedule { name, group_name } => self.get(&self.key(name, group_name)?),
            Command::DeleteSchedule { name, group_name } => {
                let key = self.key(name, group_name)?;
                if !self.schedules.contains_key(&key) {
                    return Err(no_schedule(&key));
                }
                self.remove(cx, &key);
                Ok(Response::Done)
            }
            Command::ListSchedules(list) => self.list(&list),
            Command::CreateScheduleGroup { name, tags, client_token } => {
                self.create_group(cx, name, tags, client_token)
            }
            Command::GetScheduleGroup { name } => self.get_group(&name),
            Command::DeleteScheduleGroup { name } => self.delete_group(cx, &name),
            Command::ListScheduleGroups(list) => self.list_groups(&list),
            Command::TagResource { arn, tags } => self.tag(cx, &arn, tags),
            Command::UntagResource { arn, tag_keys } => self.untag(cx, &arn, &tag_keys),
            Command::ListTagsForResource { arn } => self.list_tags(&arn),
            Command::DescribeActivity => Ok(Response::Activity(self.activity())),
        }
    }

    fn create(&mut self, cx: &mut Cx<'_>, name: String, request: ScheduleRequest) -> Result<Response, SchedulerError> {
        let plan = Plan::of(&request.settings)?;
        plan.check_dates(cx.now)?;
        let key = self.key(name, request.group_name)?;
        if let Some(found) = self.schedules.get(&key) {
            if request.client_token.is_some() && found.stored.client_token == request.client_token {
                return Ok(Response::ScheduleArn(schedule_arn(&self.scope, &key)));
            }
            return Err(conflict(format!("Schedule {} already exists.", key.1)));
        }
        if self.schedules.len() >= SCHEDULES_MAX {
            let message = format!("This engine keeps {SCHEDULES_MAX} schedules at most.");
            return Err(SchedulerError::new(SchedulerErrorKind::ServiceQuotaExceeded, message));
        }
        let stored = StoredSchedule {
            settings: request.settings,
            client_token: request.client_token,
            created_at: cx.now,
            modified_at: cx.now,
            anchor: cx.now,
            last_fired: None,
        };
        Ok(self.put(cx, &key, stored, plan))
    }

    /// Replaces all of a schedule. It counts anew when it says something else about time.
    fn update(&mut self, cx: &mut Cx<'_>, name: String, request: ScheduleRequest) -> Result<Response, SchedulerError> {
        let plan = Plan::of(&request.settings)?;
        let key = self.key(name, request.group_name)?;
        let before = self.schedules.get(&key).ok_or_else(|| no_schedule(&key))?;
        let (old, new) = (&before.stored.settings, &request.settings);
        let is_same_time = old.schedule_expression == new.schedule_expression
            && old.schedule_expression_timezone == new.schedule_expression_timezone
            && old.start_date == new.start_date;
        let stored = StoredSchedule {
            client_token: request.client_token,
            modified_at: cx.now,
            anchor: if is_same_time { before.stored.anchor } else { cx.now },
            last_fired: before.stored.last_fired.filter(|_| is_same_time),
            created_at: before.stored.created_at,
            settings: request.settings,
        };
        self.disarm_at(&key);
        Ok(self.put(cx, &key, stored, plan))
    }

    fn disarm_at(&mut self, key: &Key) {
        if let Some(schedule) = self.schedules.remove(key) {
            self.disarm(key, &schedule);
        }
    }

    fn put(&mut self, cx: &mut Cx<'_>, key: &Key, stored: StoredSchedule, plan: Plan) -> Response {
        let mut schedule = Schedule::new(stored, plan);
        schedule.aim(cx);
        self.schedules.insert(key.clone(), schedule);
        self.record_and_arm(cx, key);
        Response::ScheduleArn(schedule_arn(&self.scope, key))
    }

    fn get(&self, key: &Key) -> Result<Response, SchedulerError> {
        let schedule = self.schedules.get(key).ok_or_else(|| no_schedule(key))?;
        let mut settings = schedule.stored.settings.clone();
        settings.state = Some(schedule.state().to_owned());
        settings.schedule_expression_timezone.get_or_insert_with(|| "UTC".to_owned());
        settings.action_after_completion.get_or_insert_with(|| "NONE".to_owned());
        if let Some(target) = &mut settings.target {
            let policy = target.retry_policy.get_or_insert_default();
            policy.maximum_retry_attempts = Some(schedule.plan.max_retries);
            policy.maximum_event_age_in_seconds = u32::try_from(schedule.plan.max_age_ms / 1000).ok();
        }
        Ok(Response::Schedule(Box::new(GetSchedule {
            arn: schedule_arn(&self.scope, key),
            group_name: key.0.clone(),
            name: key.1.clone(),
            creation_date: seconds(schedule.stored.created_at),
            last_modification_date: seconds(schedule.stored.modified_at),
            settings,
        })))
    }

    fn list(&self, list: &ListSchedules) -> Result<Response, SchedulerError> {
        if let Some(group) = list.schedule_group.as_deref().filter(|group| !self.has_group(group)) {
            return Err(no_group(group));
        }
        let prefix = list.name_prefix.as_deref().unwrap_or_default();
        let from = match &list.schedule_group {
            Some(group) => Bound::Included((group.clone(), String::new())),
            None => Bound::Unbounded,
        };
        let found = self.schedules.range((from, Bound::Unbounded));
        let found = found
            .take_while(|((group, _), _)| list.schedule_group.as_ref().is_none_or(|wanted| wanted == group))
            .filter(|((_, name), schedule)| {
                name.starts_with(prefix) && list.state.as_deref().is_none_or(|state| state == schedule.state())
            });
        // A space sorts before all that a name may have.
        let token = |((group, name), _): &(&Key, &Schedule)| format!("{group} {name}");
        let (page, next_token) = page(found, list.next_token.as_deref(), list.max_results, token)?;
        let schedules = page.into_iter().map(|(key, schedule)| self.summary(key, schedule)).collect();
        Ok(Response::Schedules { schedules, next_token })
    }

    fn summary(&self, key: &Key, schedule: &Schedule) -> ScheduleSummary {
        ScheduleSummary {
            arn: schedule_arn(&self.scope, key),
            group_name: key.0.clone(),
            name: key.1.clone(),
            state: schedule.state().to_owned(),
            creation_date: seconds(schedule.stored.created_at),
            last_modification_date: seconds(schedule.stored.modified_at),
            target: TargetSummary { arn: target_arn(schedule) },
        }
    }

    fn activity(&self) -> Vec<ScheduleActivity> {
        let shown = |((group, name), schedule): (&Key, &Schedule)| ScheduleActivity {
            group: group.clone(),
            name: name.clone(),
            expression: schedule.stored.settings.schedule_expression.clone().unwrap_or_default(),
            target: target_arn(schedule),
            is_enabled: schedule.plan.is_enabled,
            next_ms: schedule.due.map(|due| due.scheduled.as_millis()),
            last_ms: schedule.stored.last_fired.map(|at| at.as_millis()),
        };
        self.schedules.iter().map(shown).collect()
    }

    /// The place of a schedule in a group that exists.
    fn key(&self, name: String, group: Option<String>) -> Result<Key, SchedulerError> {
        let group = group.unwrap_or_else(|| DEFAULT_GROUP.to_owned());
        if self.has_group(&group) { Ok((group, name)) } else { Err(no_group(&group)) }
    }
}

fn target_arn(schedule: &Schedule) -> String {
    schedule.stored.settings.target.as_ref().and_then(|target| target.arn.clone()).unwrap_or_default()
}

pub(super) fn schedule_arn(scope: &Scope, (group, name): &Key) -> String {
    format!("arn:{}:scheduler:{}:{}:schedule/{group}/{name}", scope.region.partition(), scope.region, scope.account)
}

/// A page of `items`, which come in the order of their tokens, and the token of the next one.
pub(super) fn page<T>(
    items: impl Iterator<Item = T>,
    after: Option<&str>,
    most: Option<usize>,
    token: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), SchedulerError> {
    let most = most.unwrap_or(LIST_PAGE_MAX);
    let mut rest = items.skip_while(|item| after.is_some_and(|after| token(item).as_str() <= after)).peekable();
    let page: Vec<_> = rest.by_ref().take(most).collect();
    let next = rest.peek().and(page.last()).map(token);
    if after.is_some_and(str::is_empty) {
        return Err(invalid("Invalid NextToken."));
    }
    Ok((page, next))
}

pub(super) fn conflict(message: String) -> SchedulerError {
    SchedulerError::new(SchedulerErrorKind::Conflict, message)
}

pub(super) fn not_found(message: String) -> SchedulerError {
    SchedulerError::new(SchedulerErrorKind::ResourceNotFound, message)
}

fn no_schedule((_, name): &Key) -> SchedulerError {
    not_found(format!("Schedule {name} does not exist."))
}
