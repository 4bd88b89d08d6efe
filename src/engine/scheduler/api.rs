//! EventBridge Scheduler's operations in the shapes of its service model (`scheduler/2021-06-30`), without protocol.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A request to EventBridge Scheduler.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    CreateSchedule {
        name: String,
        schedule: ScheduleRequest,
    },
    UpdateSchedule {
        name: String,
        schedule: ScheduleRequest,
    },
    GetSchedule {
        name: String,
        group_name: Option<String>,
    },
    DeleteSchedule {
        name: String,
        group_name: Option<String>,
    },
    ListSchedules(ListSchedules),
    CreateScheduleGroup {
        name: String,
        tags: Vec<Tag>,
        client_token: Option<String>,
    },
    GetScheduleGroup {
        name: String,
    },
    DeleteScheduleGroup {
        name: String,
    },
    ListScheduleGroups(ListScheduleGroups),
    TagResource {
        arn: String,
        tags: Vec<Tag>,
    },
    UntagResource {
        arn: String,
        tag_keys: Vec<String>,
    },
    ListTagsForResource {
        arn: String,
    },
    /// Not of AWS: what `stackctl status` shows.
    DescribeActivity,
}

/// EventBridge Scheduler's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    Done,
    ScheduleArn(String),
    Schedule(Box<GetSchedule>),
    Schedules { schedules: Vec<ScheduleSummary>, next_token: Option<String> },
    ScheduleGroupArn(String),
    ScheduleGroup(ScheduleGroup),
    ScheduleGroups { schedule_groups: Vec<ScheduleGroup>, next_token: Option<String> },
    Tags(Vec<Tag>),
    Activity(Vec<ScheduleActivity>),
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
    /// `CreateSchedule` and `UpdateSchedule`, which replaces all of it.
    ScheduleRequest {
        group_name: Option<String>,
        client_token: Option<String>,
        #[serde(flatten)]
        settings: ScheduleSettings,
    }
);
shape!(
    /// What a schedule is.
    ScheduleSettings {
        schedule_expression: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        schedule_expression_timezone: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        state: Option<String>,
        /// Seconds since the epoch.
        #[serde(skip_serializing_if = "Option::is_none")]
        start_date: Option<f64>,
        /// Seconds since the epoch.
        #[serde(skip_serializing_if = "Option::is_none")]
        end_date: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        flexible_time_window: Option<FlexibleTimeWindow>,
        #[serde(skip_serializing_if = "Option::is_none")]
        action_after_completion: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        kms_key_arn: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        target: Option<Target>,
    }
);
shape!(FlexibleTimeWindow {
    mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_window_in_minutes: Option<u64>,
});
shape!(Target {
    arn: Option<String>,
    role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_policy: Option<RetryPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetterConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_parameters: Option<SqsParameters>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ecs_parameters: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_bridge_parameters: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kinesis_parameters: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sage_maker_pipeline_parameters: Option<serde_json::Value>,
});
shape!(RetryPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
});
shape!(DeadLetterConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    arn: Option<String>,
});
shape!(SqsParameters {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
});
shape!(Tag { key: String, value: String });
shape!(ListSchedules {
    schedule_group: Option<String>,
    name_prefix: Option<String>,
    state: Option<String>,
    next_token: Option<String>,
    max_results: Option<usize>,
});
shape!(ListScheduleGroups { name_prefix: Option<String>, next_token: Option<String>, max_results: Option<usize> });
shape!(
    /// `GetScheduleOutput`.
    GetSchedule {
        arn: String,
        group_name: String,
        name: String,
        /// Seconds since the epoch.
        creation_date: f64,
        /// Seconds since the epoch.
        last_modification_date: f64,
        #[serde(flatten)]
        settings: ScheduleSettings,
    }
);
shape!(ScheduleSummary {
    arn: String,
    group_name: String,
    name: String,
    state: String,
    /// Seconds since the epoch.
    creation_date: f64,
    /// Seconds since the epoch.
    last_modification_date: f64,
    target: TargetSummary,
});
shape!(TargetSummary { arn: String });
shape!(ScheduleGroup {
    arn: String,
    name: String,
    state: String,
    /// Seconds since the epoch.
    creation_date: f64,
    /// Seconds since the epoch.
    last_modification_date: f64,
});

/// A schedule as people look at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleActivity {
    pub group: String,
    pub name: String,
    pub expression: String,
    pub target: String,
    pub is_enabled: bool,
    /// The next time, without the flexible window; `None` when it is disabled or over.
    pub next_ms: Option<u64>,
    pub last_ms: Option<u64>,
}

/// A refusal of EventBridge Scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulerError {
    pub kind: SchedulerErrorKind,
    pub message: String,
}

/// Which error of the service model it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchedulerErrorKind {
    Conflict,
    ResourceNotFound,
    ServiceQuotaExceeded,
    Validation,
}

impl SchedulerError {
    pub(super) fn new(kind: SchedulerErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for SchedulerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SchedulerError {}
