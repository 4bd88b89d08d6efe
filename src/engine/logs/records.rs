//! What of logs is durable: the groups and streams that clients made, and what they set. Lines are not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// One durable change; without a value it removes its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogsRecord {
    Group { name: String, group: Option<Box<StoredGroup>> },
    Stream { group: String, name: String, created: Option<Timestamp> },
}

/// A group without its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredGroup {
    pub created: Timestamp,
    pub retention_days: Option<u32>,
    pub tags: BTreeMap<String, String>,
}

impl LogsRecord {
    /// Groups come before their streams.
    pub(in crate::engine) fn push_key(&self, key: &mut Vec<u8>) {
        match self {
            Self::Group { name, .. } => {
                key.push(b'g');
                key.extend_from_slice(name.as_bytes());
            }
            Self::Stream { group, name, .. } => {
                key.push(b's');
                key.extend_from_slice(group.as_bytes());
                key.push(b':');
                key.extend_from_slice(name.as_bytes());
            }
        }
    }

    pub(in crate::engine) fn is_removal(&self) -> bool {
        match self {
            Self::Group { group, .. } => group.is_none(),
            Self::Stream { created, .. } => created.is_none(),
        }
    }
}
