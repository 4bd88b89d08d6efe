//! Application Auto Scaling's operations in the shapes of its service model (`application-autoscaling/2016-02-06`), without
//! protocol. Times are seconds since the epoch, as AWS JSON writes them.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Timestamp;

/// A request to Application Auto Scaling.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    RegisterScalableTarget(RegisterScalableTarget),
    DeregisterScalableTarget(Named),
    DescribeScalableTargets(Describe),
    PutScalingPolicy(Box<PutScalingPolicy>),
    DeleteScalingPolicy(Named),
    DescribeScalingPolicies(Describe),
    DescribeScalingActivities(Describe),
    PutScheduledAction(PutScheduledAction),
    DeleteScheduledAction(Named),
    DescribeScheduledActions(Describe),
    TagResource { resource_arn: Option<String>, tags: Option<BTreeMap<String, String>> },
    UntagResource { resource_arn: Option<String>, tag_keys: Option<Vec<String>> },
    ListTagsForResource { resource_arn: Option<String> },
}

/// Application Auto Scaling's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    Done,
    Registered { scalable_target_arn: String },
    Targets(Page<ScalableTarget>),
    PolicyPut { policy_arn: String, alarms: Vec<Alarm> },
    Policies(Page<ScalingPolicy>),
    Activities(Page<ScalingActivity>),
    ScheduledActions(Page<ScheduledAction>),
    Tags(BTreeMap<String, String>),
}

/// A part of a list, and where the next one begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_token: Option<String>,
}

macro_rules! shape {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
    };
}

shape!(
    /// Input of `RegisterScalableTarget`.
    RegisterScalableTarget {
        service_namespace: Option<String>,
        resource_id: Option<String>,
        scalable_dimension: Option<String>,
        min_capacity: Option<i64>,
        max_capacity: Option<i64>,
        #[serde(rename = "RoleARN")]
        role_arn: Option<String>,
        suspended_state: Option<SuspendedState>,
        tags: Option<BTreeMap<String, String>>,
    }
);
shape!(
    /// What names a scalable target, and a policy or scheduled action of it.
    Named {
        service_namespace: Option<String>,
        resource_id: Option<String>,
        scalable_dimension: Option<String>,
        policy_name: Option<String>,
        scheduled_action_name: Option<String>,
    }
);
shape!(
    /// What all operations that describe take; each looks at what its service model has.
    Describe {
        service_namespace: Option<String>,
        resource_id: Option<String>,
        resource_ids: Option<Vec<String>>,
        scalable_dimension: Option<String>,
        policy_names: Option<Vec<String>>,
        scheduled_action_names: Option<Vec<String>>,
        include_not_scaled_activities: Option<bool>,
        max_results: Option<i64>,
        next_token: Option<String>,
    }
);
shape!(
    /// Input of `PutScalingPolicy`.
    PutScalingPolicy {
        policy_name: Option<String>,
        service_namespace: Option<String>,
        resource_id: Option<String>,
        scalable_dimension: Option<String>,
        policy_type: Option<String>,
        step_scaling_policy_configuration: Option<Value>,
        target_tracking_scaling_policy_configuration: Option<TargetTracking>,
        predictive_scaling_policy_configuration: Option<Value>,
    }
);
shape!(
    /// Input of `PutScheduledAction`.
    PutScheduledAction {
        service_namespace: Option<String>,
        schedule: Option<String>,
        timezone: Option<String>,
        scheduled_action_name: Option<String>,
        resource_id: Option<String>,
        scalable_dimension: Option<String>,
        start_time: Option<f64>,
        end_time: Option<f64>,
        scalable_target_action: Option<ScalableTargetAction>,
    }
);
shape!(
    /// `TargetTrackingScalingPolicyConfiguration`.
    TargetTracking {
        #[serde(skip_serializing_if = "Option::is_none")]
        target_value: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        predefined_metric_specification: Option<PredefinedMetric>,
        #[serde(skip_serializing_if = "Option::is_none")]
        customized_metric_specification: Option<CustomizedMetric>,
        #[serde(skip_serializing_if = "Option::is_none")]
        scale_out_cooldown: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        scale_in_cooldown: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        disable_scale_in: Option<bool>,
    }
);
shape!(
    /// `PredefinedMetricSpecification`.
    PredefinedMetric {
        predefined_metric_type: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        resource_label: Option<String>,
    }
);
shape!(
    /// `CustomizedMetricSpecification`.
    CustomizedMetric {
        #[serde(skip_serializing_if = "Option::is_none")]
        metric_name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        dimensions: Vec<MetricDimension>,
        #[serde(skip_serializing_if = "Option::is_none")]
        statistic: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<Value>,
    }
);
shape!(
    /// `MetricDimension`.
    MetricDimension { name: String, value: String }
);
shape!(
    /// `SuspendedState`.
    #[derive(Copy, Eq)]
    SuspendedState {
        dynamic_scaling_in_suspended: bool,
        dynamic_scaling_out_suspended: bool,
        scheduled_scaling_suspended: bool,
    }
);
shape!(
    /// `ScalableTargetAction`.
    #[derive(Copy, Eq)]
    ScalableTargetAction {
        #[serde(skip_serializing_if = "Option::is_none")]
        min_capacity: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_capacity: Option<i64>,
    }
);
shape!(
    /// `ScalableTarget`.
    ScalableTarget {
        service_namespace: String,
        resource_id: String,
        scalable_dimension: String,
        min_capacity: u32,
        max_capacity: u32,
        #[serde(rename = "RoleARN")]
        role_arn: String,
        creation_time: f64,
        suspended_state: SuspendedState,
        #[serde(rename = "ScalableTargetARN")]
        scalable_target_arn: String,
    }
);
shape!(
    /// `Alarm`.
    Alarm {
        alarm_name: String,
        #[serde(rename = "AlarmARN")]
        alarm_arn: String,
    }
);
shape!(
    /// `ScalingPolicy`.
    ScalingPolicy {
        #[serde(rename = "PolicyARN")]
        policy_arn: String,
        policy_name: String,
        service_namespace: String,
        resource_id: String,
        scalable_dimension: String,
        policy_type: String,
        target_tracking_scaling_policy_configuration: TargetTracking,
        alarms: Vec<Alarm>,
        creation_time: f64,
    }
);
shape!(
    /// `ScalingActivity`.
    ScalingActivity {
        activity_id: String,
        service_namespace: String,
        resource_id: String,
        scalable_dimension: String,
        description: String,
        cause: String,
        start_time: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        end_time: Option<f64>,
        status_code: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        status_message: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        not_scaled_reasons: Vec<NotScaledReason>,
    }
);
shape!(
    /// `NotScaledReason`.
    NotScaledReason {
        code: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_capacity: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        min_capacity: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        current_capacity: Option<u32>,
    }
);
shape!(
    /// `ScheduledAction`.
    ScheduledAction {
        scheduled_action_name: String,
        #[serde(rename = "ScheduledActionARN")]
        scheduled_action_arn: String,
        service_namespace: String,
        schedule: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
        resource_id: String,
        scalable_dimension: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        start_time: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        end_time: Option<f64>,
        scalable_target_action: ScalableTargetAction,
        creation_time: f64,
    }
);

/// Seconds since the epoch, as AWS JSON writes times.
pub(super) fn seconds(at: Timestamp) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this era have 41 bits")]
    let ms = at.as_millis() as f64;
    ms / 1000.0
}

/// A refusal of Application Auto Scaling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoscalingError {
    pub kind: AutoscalingErrorKind,
    pub message: String,
}

/// The kinds of [`AutoscalingError`] in the service model's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoscalingErrorKind {
    Validation,
    ObjectNotFound,
    ResourceNotFound,
    LimitExceeded,
    InvalidNextToken,
    TooManyTags,
}

impl AutoscalingError {
    pub(super) fn new(kind: AutoscalingErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for AutoscalingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for AutoscalingError {}
