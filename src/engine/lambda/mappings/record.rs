//! What is written down of a mapping. Batches in flight are not: their messages return by themselves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::model::{FunctionArn, QueueArn, Timestamp};

/// One durable change of a mapping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MappingRecord {
    /// The mapping is as described.
    Set(Box<StoredMapping>),
    /// The mapping is gone.
    Removed {
        /// Which.
        uuid: String,
    },
}

/// A mapping as it is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredMapping {
    pub(super) uuid: String,
    pub(super) queue: QueueArn,
    pub(super) function: FunctionArn,
    pub(super) settings: Settings,
    pub(super) enabled: bool,
    pub(super) last_modified: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
}

impl MappingRecord {
    pub(in crate::engine::lambda) fn push_key(&self, key: &mut Vec<u8>) {
        let uuid = match self {
            Self::Set(stored) => &stored.uuid,
            Self::Removed { uuid } => uuid,
        };
        key.extend_from_slice(uuid.as_bytes());
    }

    pub(in crate::engine::lambda) fn is_removal(&self) -> bool {
        matches!(self, Self::Removed { .. })
    }
}
