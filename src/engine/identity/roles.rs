//! Roles: made, shown, changed, deleted; their tags, inline policies and attachments.

use std::collections::BTreeMap;

use super::{
    AttachedPolicy, Attachment, CreateRole, Identity, IdentityError, IdentityErrorKind, IdentityRecord, List,
    ListOfRole, PermissionsBoundary, Response, Role, RolePolicy, StoredRole, TagRole, UntagRole,
    UpdateAssumeRolePolicy, UpdateRole, date, document, page, policies::encoded, tagged,
};
use crate::engine::Cx;

/// Roles of an account.
const ROLES_MAX: usize = 5_000;
/// Managed policies that are attached to a role.
const ATTACHED_MAX: usize = 20;
/// Characters of a role's inline policies together.
const INLINE_MAX_CHARS: usize = 10_240;
const SESSION_DURATION_DEFAULT_S: i64 = 3_600;

impl StoredRole {
    /// As AWS returns it.
    pub(super) fn shown(&self) -> Role {
        Role {
            path: self.path.clone(),
            role_name: self.name.clone(),
            role_id: self.id.clone(),
            arn: self.arn.clone(),
            create_date: date(self.created),
            assume_role_policy_document: encoded(&self.trust_policy),
            description: self.description.clone(),
            max_session_duration: self.max_session_duration_s,
            permissions_boundary: self.permissions_boundary.as_ref().map(|arn| PermissionsBoundary {
                permissions_boundary_type: "Policy".into(),
                permissions_boundary_arn: arn.clone(),
            }),
            tags: self.tags.clone(),
        }
    }
}

impl Identity {
    pub(super) fn role(&self, name: &str) -> Result<&StoredRole, IdentityError> {
        self.roles.get(name).ok_or_else(|| no_such_role(name))
    }

    /// Changes a role and writes it down.
    pub(super) fn change_role(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        change: impl FnOnce(&mut StoredRole) -> Result<(), IdentityError>,
    ) -> Result<&StoredRole, IdentityError> {
        let mut role = self.role(name)?.clone();
        change(&mut role)?;
        cx.record(IdentityRecord::Role { name: name.to_owned(), role: Some(Box::new(role.clone())) });
        self.roles.insert(name.to_owned(), role);
        self.role(name)
    }

    pub(super) fn create_role(&mut self, cx: &mut Cx<'_>, request: CreateRole) -> Result<Response, IdentityError> {
        let name = request.role_name;
        document::check_trust(&request.assume_role_policy_document)?;
        if self.roles.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
            let message = format!("Role with name {name} already exists.");
            return Err(IdentityError::new(IdentityErrorKind::EntityAlreadyExists, message));
        }
        if self.roles.len() >= ROLES_MAX {
            let message = format!("Cannot exceed quota for RolesPerAccount: {ROLES_MAX}");
            return Err(IdentityError::new(IdentityErrorKind::LimitExceeded, message));
        }
        let path = request.path.unwrap_or_else(|| "/".into());
        let mut tags = Vec::new();
        tagged(&mut tags, request.tags)?;
        if let Some(boundary) = &request.permissions_boundary {
            self.attachable(boundary)?;
        }
        let role = StoredRole {
            id: super::policies::entity_id(cx, "AROA"),
            arn: format!("arn:aws:iam::{}:role{path}{name}", cx.scope.account),
            name: name.clone(),
            path,
            created: cx.now,
            trust_policy: request.assume_role_policy_document,
            description: request.description,
            max_session_duration_s: request.max_session_duration.unwrap_or(SESSION_DURATION_DEFAULT_S),
            permissions_boundary: request.permissions_boundary,
            tags,
            inline: BTreeMap::new(),
            attached: Vec::new(),
        };
        cx.record(IdentityRecord::Role { name: name.clone(), role: Some(Box::new(role.clone())) });
        let shown = role.shown();
        self.roles.insert(name, role);
        Ok(Response::Role { role: shown })
    }

    /// Without tags and boundaries, as AWS lists roles.
    pub(super) fn list_roles(&self, request: &List) -> Response {
        let prefix = request.path_prefix.as_deref().unwrap_or("/");
        let roles = self.roles.iter().filter(|(_, role)| role.path.starts_with(prefix));
        let shown = roles
            .map(|(name, role)| (name.clone(), Role { tags: Vec::new(), permissions_boundary: None, ..role.shown() }));
        let (roles, marker) = page(shown, request.marker.as_deref(), request.max_items);
        Response::Roles { roles, is_truncated: marker.is_some(), marker }
    }

    pub(super) fn update_role(&mut self, cx: &mut Cx<'_>, request: UpdateRole) -> Result<Response, IdentityError> {
        self.change_role(cx, &request.role_name, |role| {
            role.description = request.description.or(role.description.take());
            role.max_session_duration_s = request.max_session_duration.unwrap_or(role.max_session_duration_s);
            Ok(())
        })?;
        Ok(Response::Updated {})
    }

    pub(super) fn update_role_description(
        &mut self,
        cx: &mut Cx<'_>,
        request: UpdateRole,
    ) -> Result<Response, IdentityError> {
        let role = self.change_role(cx, &request.role_name, |role| {
            role.description = request.description;
            Ok(())
        })?;
        Ok(Response::Role { role: role.shown() })
    }

    pub(super) fn delete_role(&mut self, cx: &mut Cx<'_>, name: &str) -> Result<Response, IdentityError> {
        let role = self.role(name)?;
        let conflict = |message: &str| Err(IdentityError::new(IdentityErrorKind::DeleteConflict, message));
        if !role.attached.is_empty() {
            return conflict("Cannot delete entity, must detach all policies first.");
        }
        if !role.inline.is_empty() {
            return conflict("Cannot delete entity, must delete policies first.");
        }
        self.roles.remove(name);
        cx.record(IdentityRecord::Role { name: name.to_owned(), role: None });
        Ok(Response::Done)
    }

    pub(super) fn update_assume_role_policy(
        &mut self,
        cx: &mut Cx<'_>,
        request: UpdateAssumeRolePolicy,
    ) -> Result<Response, IdentityError> {
        document::check_trust(&request.policy_document)?;
        self.change_role(cx, &request.role_name, |role| {
            role.trust_policy = request.policy_document;
            Ok(())
        })?;
        Ok(Response::Done)
    }

    pub(super) fn set_boundary(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        boundary: Option<String>,
    ) -> Result<Response, IdentityError> {
        if let Some(arn) = &boundary {
            self.attachable(arn)?;
        }
        self.change_role(cx, name, |role| {
            role.permissions_boundary = boundary;
            Ok(())
        })?;
        Ok(Response::Done)
    }
}

/// Tags.
impl Identity {
    pub(super) fn tag_role(&mut self, cx: &mut Cx<'_>, request: TagRole) -> Result<Response, IdentityError> {
        self.change_role(cx, &request.role_name, |role| tagged(&mut role.tags, request.tags))?;
        Ok(Response::Done)
    }

    pub(super) fn untag_role(&mut self, cx: &mut Cx<'_>, request: &UntagRole) -> Result<Response, IdentityError> {
        self.change_role(cx, &request.role_name, |role| {
            role.tags.retain(|tag| !request.tag_keys.contains(&tag.key));
            Ok(())
        })?;
        Ok(Response::Done)
    }

    pub(super) fn list_role_tags(&self, request: &ListOfRole) -> Result<Response, IdentityError> {
        let tags = self.role(&request.role_name)?.tags.iter().map(|tag| (tag.key.clone(), tag.clone()));
        let (tags, marker) = page(tags, request.marker.as_deref(), request.max_items);
        Ok(Response::Tags { tags, is_truncated: marker.is_some(), marker })
    }
}

/// Policies of a role.
impl Identity {
    pub(super) fn put_role_policy(&mut self, cx: &mut Cx<'_>, request: RolePolicy) -> Result<Response, IdentityError> {
        document::check_permissions(&request.policy_document)?;
        let name = request.role_name;
        self.change_role(cx, &name, |role| {
            role.inline.insert(request.policy_name, request.policy_document);
            let size: usize = role.inline.values().map(|document| document::size_chars(document)).sum();
            if size > INLINE_MAX_CHARS {
                let message =
                    format!("Maximum policy size of {INLINE_MAX_CHARS} bytes exceeded for role {}", role.name);
                return Err(IdentityError::new(IdentityErrorKind::LimitExceeded, message));
            }
            Ok(())
        })?;
        Ok(Response::Done)
    }

    pub(super) fn get_role_policy(&self, request: &RolePolicy) -> Result<Response, IdentityError> {
        let document = self.role(&request.role_name)?.inline.get(&request.policy_name);
        let document = document.ok_or_else(|| no_such_inline(&request.policy_name))?;
        Ok(Response::InlinePolicy {
            role_name: request.role_name.clone(),
            policy_name: request.policy_name.clone(),
            policy_document: encoded(document),
        })
    }

    pub(super) fn list_role_policies(&self, request: &ListOfRole) -> Result<Response, IdentityError> {
        let names = self.role(&request.role_name)?.inline.keys().map(|name| (name.clone(), name.clone()));
        let (policy_names, marker) = page(names, request.marker.as_deref(), request.max_items);
        Ok(Response::PolicyNames { policy_names, is_truncated: marker.is_some(), marker })
    }

    pub(super) fn delete_role_policy(
        &mut self,
        cx: &mut Cx<'_>,
        request: &RolePolicy,
    ) -> Result<Response, IdentityError> {
        self.change_role(cx, &request.role_name, |role| {
            let removed = role.inline.remove(&request.policy_name);
            removed.map(|_| ()).ok_or_else(|| no_such_inline(&request.policy_name))
        })?;
        Ok(Response::Done)
    }

    /// Attaching a policy again changes nothing.
    pub(super) fn attach_role_policy(
        &mut self,
        cx: &mut Cx<'_>,
        request: Attachment,
    ) -> Result<Response, IdentityError> {
        self.role(&request.role_name)?;
        let name = self.attachable(&request.policy_arn)?;
        self.change_role(cx, &request.role_name, |role| {
            if role.attached.iter().any(|(arn, _)| *arn == request.policy_arn) {
                return Ok(());
            }
            if role.attached.len() >= ATTACHED_MAX {
                let message = format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}");
                return Err(IdentityError::new(IdentityErrorKind::LimitExceeded, message));
            }
            role.attached.push((request.policy_arn, name));
            Ok(())
        })?;
        Ok(Response::Done)
    }

    pub(super) fn detach_role_policy(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Attachment,
    ) -> Result<Response, IdentityError> {
        self.change_role(cx, &request.role_name, |role| {
            let before = role.attached.len();
            role.attached.retain(|(arn, _)| *arn != request.policy_arn);
            if role.attached.len() == before {
                return Err(IdentityError::no_such_entity(format!("Policy {} was not found.", request.policy_arn)));
            }
            Ok(())
        })?;
        Ok(Response::Done)
    }

    pub(super) fn list_attached(&self, request: &ListOfRole) -> Result<Response, IdentityError> {
        let prefix = request.path_prefix.as_deref().unwrap_or("/");
        let mut attached = self.role(&request.role_name)?.attached.clone();
        attached.sort();
        let below = attached.into_iter().filter(|(arn, _)| super::policies::path_of(arn).starts_with(prefix));
        let shown =
            below.map(|(policy_arn, policy_name)| (policy_arn.clone(), AttachedPolicy { policy_name, policy_arn }));
        let (attached_policies, marker) = page(shown, request.marker.as_deref(), request.max_items);
        Ok(Response::AttachedPolicies { attached_policies, is_truncated: marker.is_some(), marker })
    }
}

fn no_such_role(name: &str) -> IdentityError {
    IdentityError::no_such_entity(format!("The role with name {name} cannot be found."))
}

fn no_such_inline(name: &str) -> IdentityError {
    IdentityError::no_such_entity(format!("The role policy with name {name} cannot be found."))
}
