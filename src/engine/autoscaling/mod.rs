//! Application Auto Scaling, as far as provisioned concurrency of functions goes: scalable targets, target-tracking policies
//! with the alarms that drive them, and scheduled actions (Application Auto Scaling user guide, "AWS Lambda and Application
//! Auto Scaling"). Pure: minutes pass when the world says so.
//!
//! Of other services' resources there are none here: registering one is refused by name. Step scaling and predictive scaling
//! do not exist for functions on AWS either.

mod activities;
mod alarm;
mod api;
mod policies;
mod records;
mod resource;
mod scheduled;
mod tags;
mod targets;
mod tracking;
mod validate;

pub use api::*;
pub use records::{AutoscalingRecord, StoredPolicy, StoredScheduled, StoredTarget};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Cx, lambda::Lambda, logs::Logs, sqs::Sqs};
use crate::model::Timestamp;
use activities::Activities;
use alarm::{Datapoints, PERIOD_MS, State};
use resource::ResourceId;

/// What scaling changes, and what follows from it.
#[derive(Debug)]
pub(super) struct Scaled<'a> {
    pub(super) lambda: &'a mut Lambda,
    pub(super) sqs: &'a mut Sqs,
    pub(super) logs: &'a mut Logs,
}

/// The scalable targets of one account and region.
#[derive(Debug, Default)]
pub(super) struct Autoscaling {
    targets: BTreeMap<ResourceId, Target>,
    activities: Activities,
    /// The end of the minute after which alarms are looked at; `None` while there is nothing to look at.
    evaluation: Option<Timestamp>,
    /// When scheduled actions run next.
    schedules: BTreeSet<(Timestamp, ResourceId)>,
}

/// A scalable target.
#[derive(Debug)]
struct Target {
    stored: StoredTarget,
    datapoints: Datapoints,
    /// By policy: its alarms, the high one first.
    alarms: BTreeMap<String, (State, State)>,
    /// The last scaling out: when, and from which capacity.
    scaled_out: Option<(Timestamp, u32)>,
    scaled_in: Option<Timestamp>,
}

/// A scalable target as people look at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScalingState {
    pub function: String,
    /// Version or alias.
    pub qualifier: String,
    pub min: u32,
    pub max: u32,
    /// What is provisioned now, as asked for.
    pub current: u32,
    /// The utilisation that its policy keeps, as a part of one; `None` without a policy.
    pub target: Option<f64>,
    /// The utilisation of the last minute in which there were invocations.
    pub utilization: Option<f64>,
    /// What scaling did last, and why.
    pub last: Option<String>,
}

impl Target {
    fn new(stored: StoredTarget) -> Self {
        Self { stored, datapoints: Datapoints::default(), alarms: BTreeMap::new(), scaled_out: None, scaled_in: None }
    }
}

/// For the world around it.
impl Autoscaling {
    /// Carries out a client's request; all are answered at once.
    ///
    /// # Errors
    /// As AWS's operations.
    pub(super) fn request(
        &mut self,
        cx: &mut Cx<'_>,
        scaled: &mut Scaled<'_>,
        command: Command,
    ) -> Result<Response, AutoscalingError> {
        match command {
            Command::RegisterScalableTarget(request) => self.register(cx, scaled, request),
            Command::DeregisterScalableTarget(request) => self.deregister(cx, &request),
            Command::DescribeScalableTargets(request) => self.describe_targets(cx.scope, &request),
            Command::PutScalingPolicy(request) => self.put_policy(cx, &request),
            Command::DeleteScalingPolicy(request) => self.delete_policy(cx, &request),
            Command::DescribeScalingPolicies(request) => self.describe_policies(cx.scope, &request),
            Command::DescribeScalingActivities(request) => {
                self.activities.look(cx.now, scaled.lambda);
                self.describe_activities(&request)
            }
            Command::PutScheduledAction(request) => self.put_scheduled(cx, &request),
            Command::DeleteScheduledAction(request) => self.delete_scheduled(cx, &request),
            Command::DescribeScheduledActions(request) => self.describe_scheduled(cx.scope, &request),
            Command::TagResource { resource_arn, tags } => self.tag(cx, resource_arn.as_deref(), tags),
            Command::UntagResource { resource_arn, tag_keys } => self.untag(cx, resource_arn.as_deref(), tag_keys),
            Command::ListTagsForResource { resource_arn } => self.list_tags(cx.scope, resource_arn.as_deref()),
        }
    }

    /// Provisioned functions are being invoked: this minute will have a datapoint.
    pub(super) fn measured(&mut self, cx: &Cx<'_>) {
        if self.evaluation.is_none() && self.targets.values().any(|target| !target.stored.policies.is_empty()) {
            self.evaluation = Some(end_of_period(cx));
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        [self.evaluation, self.schedules.first().map(|(at, _)| *at)].into_iter().flatten().min()
    }

    pub(super) fn fire_timers(&mut self, cx: &mut Cx<'_>, scaled: &mut Scaled<'_>) {
        while let Some(at) = self.evaluation.filter(|at| *at <= cx.now) {
            self.evaluation = None;
            self.evaluate(cx, scaled, at);
        }
        while let Some((at, resource)) = self.schedules.first().filter(|(at, _)| *at <= cx.now).cloned() {
            self.schedules.remove(&(at, resource.clone()));
            self.run_scheduled(cx, scaled, &resource);
        }
    }

    pub(super) fn restore(&mut self, record: AutoscalingRecord) {
        let (Some(resource), Some(stored)) = (ResourceId::parse(&record.resource_id), record.target) else { return };
        self.schedules.extend(stored.scheduled.values().filter_map(|action| Some((action.next?, resource.clone()))));
        self.targets.insert(resource, Target::new(*stored));
    }

    /// All targets, for people.
    pub(super) fn activity(&self, lambda: &Lambda) -> Vec<ScalingState> {
        self.targets.iter().map(|(resource, target)| self.state(resource, target, lambda)).collect()
    }

    fn state(&self, resource: &ResourceId, target: &Target, lambda: &Lambda) -> ScalingState {
        let policy = target.stored.policies.values().next();
        ScalingState {
            function: resource.function.clone(),
            qualifier: resource.qualifier.clone(),
            min: target.stored.min_capacity,
            max: target.stored.max_capacity,
            current: lambda.provisioning(&resource.function, &resource.qualifier).map_or(0, |found| found.requested),
            target: policy.and_then(|policy| policy.configuration.target_value),
            utilization: policy.and_then(|policy| {
                target.datapoints.last().map(|measured| tracking::statistic(&policy.configuration, measured))
            }),
            last: self.activities.last(resource).map(|last| format!("{} ({})", last.description, last.cause)),
        }
    }

    /// Writes a target down as it is now.
    fn record(&self, cx: &mut Cx<'_>, resource: &ResourceId) {
        let target = self.targets.get(resource).map(|target| Box::new(target.stored.clone()));
        cx.record(AutoscalingRecord { resource_id: resource.to_string(), target });
    }
}

/// Length of a datapoint here.
fn period_ms(cx: &Cx<'_>) -> u64 {
    cx.config.scaled_ms(PERIOD_MS)
}

/// The end of the running minute.
fn end_of_period(cx: &Cx<'_>) -> Timestamp {
    let period_ms = period_ms(cx);
    Timestamp::from_millis((cx.now.as_millis() / period_ms + 1) * period_ms)
}
