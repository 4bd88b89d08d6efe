//! What of Application Auto Scaling is durable: scalable targets with all that belongs to them. Activities and datapoints
//! are not: after a restart, alarms wait for new data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ScalableTargetAction, SuspendedState, TargetTracking};
use crate::model::Timestamp;

/// Sets or removes a scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AutoscalingRecord {
    /// `function:NAME:QUALIFIER`.
    pub resource_id: String,
    /// `None` removes it.
    pub target: Option<Box<StoredTarget>>,
}

/// A scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredTarget {
    /// The end of its ARN.
    pub id: String,
    pub min_capacity: u32,
    pub max_capacity: u32,
    pub role_arn: String,
    pub created_at: Timestamp,
    pub suspended: SuspendedState,
    pub tags: BTreeMap<String, String>,
    /// By name.
    pub policies: BTreeMap<String, StoredPolicy>,
    /// By name.
    pub scheduled: BTreeMap<String, StoredScheduled>,
}

/// A target-tracking policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPolicy {
    /// Part of its ARN.
    pub id: String,
    pub high_alarm_id: String,
    pub low_alarm_id: String,
    pub configuration: TargetTracking,
    pub created_at: Timestamp,
}

/// A scheduled action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredScheduled {
    /// Part of its ARN.
    pub id: String,
    pub schedule: String,
    pub timezone: Option<String>,
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
    pub action: ScalableTargetAction,
    pub created_at: Timestamp,
    /// When it runs next; `None` when it never will again.
    pub next: Option<Timestamp>,
}

impl AutoscalingRecord {
    pub(in crate::engine) fn push_key(&self, key: &mut Vec<u8>) {
        key.extend_from_slice(self.resource_id.as_bytes());
    }

    pub(in crate::engine) fn is_removal(&self) -> bool {
        self.target.is_none()
    }
}
