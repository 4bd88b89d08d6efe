//! What of IAM and STS is durable: all of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::model::Timestamp;

/// One durable change; without a value it removes its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdentityRecord {
    Role { name: String, role: Option<Box<StoredRole>> },
    Policy { arn: String, policy: Option<Box<StoredPolicy>> },
    Session { access_key_id: String, session: Option<Box<StoredSession>> },
}

/// A role with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRole {
    pub name: String,
    pub path: String,
    pub id: String,
    pub arn: String,
    pub created: Timestamp,
    pub trust_policy: String,
    pub description: Option<String>,
    pub max_session_duration_s: i64,
    pub permissions_boundary: Option<String>,
    pub tags: Vec<Tag>,
    /// Inline policies, by name.
    pub inline: BTreeMap<String, String>,
    /// Attached policies: ARNs and names, in the order in which they were attached.
    pub attached: Vec<(String, String)>,
}

/// A managed policy of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPolicy {
    pub name: String,
    pub path: String,
    pub id: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub description: Option<String>,
    pub tags: Vec<Tag>,
    pub default_version: u32,
    pub last_version: u32,
    pub versions: BTreeMap<u32, StoredPolicyVersion>,
}

/// One version of a managed policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPolicyVersion {
    pub document: String,
    pub created: Timestamp,
}

/// Credentials of a role that was assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSession {
    pub arn: String,
    pub user_id: String,
    pub expires: Timestamp,
}

impl IdentityRecord {
    pub(in crate::engine) fn push_key(&self, key: &mut Vec<u8>) {
        let (kind, name) = match self {
            Self::Role { name, .. } => (b'r', name),
            Self::Policy { arn, .. } => (b'p', arn),
            Self::Session { access_key_id, .. } => (b's', access_key_id),
        };
        key.push(kind);
        key.extend_from_slice(name.as_bytes());
    }

    pub(in crate::engine) fn is_removal(&self) -> bool {
        match self {
            Self::Role { role, .. } => role.is_none(),
            Self::Policy { policy, .. } => policy.is_none(),
            Self::Session { session, .. } => session.is_none(),
        }
    }
}
