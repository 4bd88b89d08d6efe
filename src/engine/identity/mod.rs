//! IAM and STS of one account, as far as a function is deployed with them: roles, policies, and who a caller is. Pure.
//!
//! What is here is kept, validated and shown. It authorises nobody: on loopback any credentials may do anything.

mod api;
mod document;
mod error;
mod policies;
mod records;
mod roles;
mod sessions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use api::*;
pub use error::{IdentityError, IdentityErrorKind};
pub use records::{IdentityRecord, StoredPolicy, StoredPolicyVersion, StoredRole, StoredSession};

use super::Cx;
use crate::model::Timestamp;

/// Items on one page unless the request says otherwise (IAM API reference).
const PAGE_DEFAULT: usize = 100;
/// Tags of a role or policy.
const TAGS_MAX: usize = 50;

/// The roles, policies and sessions of one account.
#[derive(Debug, Default)]
pub struct Identity {
    roles: BTreeMap<String, StoredRole>,
    /// The account's own, by ARN.
    policies: BTreeMap<String, StoredPolicy>,
    /// By access key id.
    sessions: BTreeMap<String, StoredSession>,
}

impl Identity {
    /// Carries out a request; all are answered at once.
    ///
    /// # Errors
    /// As AWS's operations.
    pub(super) fn request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, IdentityError> {
        match command {
            Command::CreateRole(request) => self.create_role(cx, request),
            Command::GetRole(request) => {
                self.role(&request.role_name).map(|role| Response::Role { role: role.shown() })
            }
            Command::ListRoles(request) => Ok(self.list_roles(&request)),
            Command::UpdateRole(request) => self.update_role(cx, request),
            Command::UpdateRoleDescription(request) => self.update_role_description(cx, request),
            Command::DeleteRole(request) => self.delete_role(cx, &request.role_name),
            Command::UpdateAssumeRolePolicy(request) => self.update_assume_role_policy(cx, request),
            Command::TagRole(request) => self.tag_role(cx, request),
            Command::UntagRole(request) => self.untag_role(cx, &request),
            Command::ListRoleTags(request) => self.list_role_tags(&request),
            Command::PutRolePermissionsBoundary(request) => {
                self.set_boundary(cx, &request.role_name, Some(request.permissions_boundary))
            }
            Command::DeleteRolePermissionsBoundary(request) => self.set_boundary(cx, &request.role_name, None),
            Command::PutRolePolicy(request) => self.put_role_policy(cx, request),
            Command::GetRolePolicy(request) => self.get_role_policy(&request),
            Command::ListRolePolicies(request) => self.list_role_policies(&request),
            Command::DeleteRolePolicy(request) => self.delete_role_policy(cx, &request),
            Command::AttachRolePolicy(request) => self.attach_role_policy(cx, request),
            Command::DetachRolePolicy(request) => self.detach_role_policy(cx, &request),
            Command::ListAttachedRolePolicies(request) => self.list_attached(&request),
            Command::ListInstanceProfilesForRole(request) => self
                .role(&request.role_name)
                .map(|_| Response::InstanceProfiles { instance_profiles: Vec::new(), is_truncated: false }),
            Command::GetUser(request) => get_user(cx, &request),
            command => self.policy_request(cx, command),
        }
    }

    pub(super) fn restore(&mut self, record: IdentityRecord) {
        match record {
            IdentityRecord::Role { name, role } => drop(role.map(|role| self.roles.insert(name, *role))),
            IdentityRecord::Policy { arn, policy } => drop(policy.map(|policy| self.policies.insert(arn, *policy))),
            IdentityRecord::Session { access_key_id, session } => {
                drop(session.map(|session| self.sessions.insert(access_key_id, *session)));
            }
        }
    }
}

/// The one user of an account here is its root.
fn get_user(cx: &Cx<'_>, request: &GetUser) -> Result<Response, IdentityError> {
    if let Some(name) = &request.user_name {
        return Err(IdentityError::no_such_entity(format!("The user with name {name} cannot be found.")));
    }
    let account = cx.scope.account;
    Ok(Response::User {
        user: User {
            path: "/".into(),
            user_name: String::new(),
            user_id: account.to_string(),
            arn: format!("arn:aws:iam::{account}:root"),
            create_date: date(Timestamp::default()),
        },
    })
}

/// `2026-11-24T10:53:53Z`.
fn date(at: Timestamp) -> String {
    at.utc("%Y-%m-%dT%H:%M:%SZ")
}

/// A page of `items`, which are in the order of their names.
fn page<T>(
    items: impl Iterator<Item = (String, T)>,
    marker: Option<&str>,
    max_items: Option<usize>,
) -> (Vec<T>, Option<String>) {
    let mut rest = items.filter(|(name, _)| marker.is_none_or(|marker| name.as_str() > marker));
    let mut last = String::new();
    let mut found = Vec::new();
    for (name, item) in rest.by_ref().take(max_items.unwrap_or(PAGE_DEFAULT)) {
        last = name;
        found.push(item);
    }
    let more = rest.next().is_some();
    (found, more.then_some(last))
}

/// Sets tags among those that there are.
fn tagged(own: &mut Vec<Tag>, tags: Vec<Tag>) -> Result<(), IdentityError> {
    for tag in tags {
        own.retain(|other| other.key != tag.key);
        own.push(tag);
    }
    own.sort_by(|a, b| a.key.cmp(&b.key));
    if own.len() > TAGS_MAX {
        let message = format!("The number of tags has reached the maximum limit of {TAGS_MAX}.");
        return Err(IdentityError::new(IdentityErrorKind::LimitExceeded, message));
    }
    Ok(())
}
