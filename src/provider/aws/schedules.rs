//! The stack's schedule group and what is in it, through EventBridge Scheduler's API.

use std::collections::BTreeMap;

use aws_sdk_scheduler::types::{
    DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, SqsParameters, Tag,
    Target,
};

use super::{AwsProvider, calls::send, error::About, side_by_side::side_by_side};
use crate::{
    converge::{ErrorKind, ProviderError},
    plan::Call,
    stack::{Address, Desired, Foreign, Observed, ScheduleSettings, TAG_STACK},
};

/// What was found of schedules.
#[derive(Debug, Default)]
pub(super) struct FoundSchedules {
    group: Option<String>,
    schedules: BTreeMap<String, ScheduleSettings>,
    /// A group of the stack's name that is somebody else's.
    foreign: Option<Foreign>,
}

impl FoundSchedules {
    pub(super) fn sort_into(self, observed: &mut Observed) {
        observed.has_schedule_group = self.group.is_some();
        observed.schedule_group = self.group;
        observed.schedules = self.schedules;
        observed.foreign.extend(self.foreign.map(|foreign| (Address::Schedules, foreign)));
    }
}

impl AwsProvider {
    /// The schedules of the group that the stack owns. An endpoint without EventBridge Scheduler has none.
    pub(super) async fn observe_schedules(&self, desired: &Desired) -> Result<FoundSchedules, ProviderError> {
        let group = desired.name.to_string();
        let about = About { operation: "GetScheduleGroup", resource: &group };
        let found = Box::pin(self.scheduler.get_schedule_group().name(&group).send()).await;
        let arn = match found.map_err(|error| about.failed(&error)) {
            Ok(found) => found.arn.unwrap_or_default(),
            Err(error) if matches!(error.kind, ErrorKind::Gone | ErrorKind::Lacking) => {
                return Ok(FoundSchedules::default());
            }
            Err(error) if error.kind == ErrorKind::Refused && desired.schedules.is_empty() => {
                return Ok(FoundSchedules::default());
            }
            Err(error) => return Err(error),
        };
        let about = About { operation: "ListTagsForResource", resource: &arn };
        let request = self.scheduler.list_tags_for_resource().resource_arn(&arn);
        let tags = Box::pin(request.send()).await.map_err(|error| about.failed(&error))?;
        let owner = tags.tags().iter().find(|tag| tag.key() == TAG_STACK).map(|tag| tag.value().to_owned());
        if owner.as_ref() != Some(&group) {
            // In nobody's way when the manifest has no schedules.
            let foreign = Some(Foreign { arn, owner, resource: None }).filter(|_| !desired.schedules.is_empty());
            return Ok(FoundSchedules { foreign, ..FoundSchedules::default() });
        }
        let mut pages = self.scheduler.list_schedules().group_name(&group).into_paginator().send();
        let about = About { operation: "ListSchedules", resource: &group };
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| about.failed(&error))?;
            names.extend(page.schedules().iter().filter_map(|found| found.name().map(str::to_owned)));
        }
        let schedules = side_by_side(names, |name| {
            let (provider, group) = (self.clone(), group.clone());
            async move { provider.observe_schedule(&group, name).await }
        });
        let schedules = schedules.await?.into_iter().flatten().collect();
        Ok(FoundSchedules { schedules, group: Some(group), foreign: None })
    }

    async fn observe_schedule(
        &self,
        group: &str,
        name: String,
    ) -> Result<Option<(String, ScheduleSettings)>, ProviderError> {
        let _permit = self.observing.acquire().await;
        let about = About { operation: "GetSchedule", resource: &name };
        let request = self.scheduler.get_schedule().group_name(group).name(&name);
        let found = match Box::pin(request.send()).await.map_err(|error| about.failed(&error)) {
            Ok(found) => found,
            Err(error) if error.kind == ErrorKind::Gone => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(target) = &found.target else { return Ok(None) };
        let policy = target.retry_policy();
        let number =
            |found: Option<i32>, otherwise| found.and_then(|found| u32::try_from(found).ok()).unwrap_or(otherwise);
        let window = found.flexible_time_window().filter(|window| *window.mode() == FlexibleTimeWindowMode::Flexible);
        let settings = ScheduleSettings {
            expression: found.schedule_expression.clone().unwrap_or_default(),
            timezone: found.schedule_expression_timezone.clone().unwrap_or_else(|| "UTC".to_owned()),
            description: found.description.clone().unwrap_or_default(),
            target: target.arn.clone(),
            role: target.role_arn.clone(),
            message_group: target.sqs_parameters().and_then(|parameters| parameters.message_group_id.clone()),
            input: target.input.clone(),
            window_minutes: window.map(|window| number(window.maximum_window_in_minutes(), 0)),
            dead_letter: target.dead_letter_config().and_then(|config| config.arn.clone()),
            max_retries: number(policy.and_then(RetryPolicy::maximum_retry_attempts), 185),
            max_age_s: number(policy.and_then(RetryPolicy::maximum_event_age_in_seconds), 86_400),
            enabled: found.state() != Some(&ScheduleState::Disabled),
        };
        Ok(Some((name, settings)))
    }

    /// Makes a call about schedules.
    pub(super) async fn make_schedule(&self, call: &Call) -> Result<(), ProviderError> {
        let scheduler = &self.scheduler;
        let about = |resource| About { operation: call.operation(), resource };
        match call {
            Call::CreateScheduleGroup { name, tags } => {
                let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build().ok();
                let tags = tags.iter().filter_map(tag).collect();
                send!(about(name), scheduler.create_schedule_group().name(name).set_tags(Some(tags)))
            }
            Call::DeleteScheduleGroup { name } => {
                send!(about(name), scheduler.delete_schedule_group().name(name))
            }
            Call::CreateSchedule { group, name, settings } => {
                let request = scheduler.create_schedule().group_name(group).name(name);
                let request = request
                    .schedule_expression(&settings.expression)
                    .schedule_expression_timezone(&settings.timezone)
                    .set_description(described(settings))
                    .state(state(settings))
                    .set_flexible_time_window(window(settings))
                    .set_target(target(settings));
                send!(about(name), request)
            }
            Call::UpdateSchedule { group, name, settings } => {
                let request = scheduler.update_schedule().group_name(group).name(name);
                let request = request
                    .schedule_expression(&settings.expression)
                    .schedule_expression_timezone(&settings.timezone)
                    .set_description(described(settings))
                    .state(state(settings))
                    .set_flexible_time_window(window(settings))
                    .set_target(target(settings));
                send!(about(name), request)
            }
            Call::DeleteSchedule { group, name } => {
                send!(about(name), scheduler.delete_schedule().group_name(group).name(name))
            }
            _ => Ok(()),
        }
    }
}

fn described(settings: &ScheduleSettings) -> Option<String> {
    Some(settings.description.clone()).filter(|text| !text.is_empty())
}

fn state(settings: &ScheduleSettings) -> ScheduleState {
    if settings.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled }
}

fn window(settings: &ScheduleSettings) -> Option<FlexibleTimeWindow> {
    let window = FlexibleTimeWindow::builder();
    let window = match settings.window_minutes {
        Some(minutes) => window
            .mode(FlexibleTimeWindowMode::Flexible)
            .maximum_window_in_minutes(i32::try_from(minutes).unwrap_or(i32::MAX)),
        None => window.mode(FlexibleTimeWindowMode::Off),
    };
    window.build().ok()
}

fn target(settings: &ScheduleSettings) -> Option<Target> {
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    let policy = RetryPolicy::builder()
        .maximum_retry_attempts(number(settings.max_retries))
        .maximum_event_age_in_seconds(number(settings.max_age_s));
    let group = settings.message_group.as_ref();
    let dead_letter = settings.dead_letter.as_ref();
    Target::builder()
        .arn(&settings.target)
        .role_arn(&settings.role)
        .set_input(settings.input.clone())
        .retry_policy(policy.build())
        .set_sqs_parameters(group.map(|group| SqsParameters::builder().message_group_id(group).build()))
        .set_dead_letter_config(dead_letter.map(|arn| DeadLetterConfig::builder().arn(arn).build()))
        .build()
        .ok()
}
