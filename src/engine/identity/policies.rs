//! Managed policies of the account, and their versions. AWS's own can be attached, and are not described here.

use std::collections::BTreeMap;

use super::{
    Command, CreatePolicy, CreatePolicyVersion, Identity, IdentityError, IdentityErrorKind, IdentityRecord,
    ListOfPolicy, ListPolicies, OfPolicy, Policy, PolicyRole, PolicyVersion, PolicyVersionRef, Response, StoredPolicy,
    StoredPolicyVersion, date, document, page, tagged,
};
use crate::engine::Cx;

/// Policies of an account.
const POLICIES_MAX: usize = 1_500;
/// Versions of a policy.
const VERSIONS_MAX: usize = 5;
/// Digits of an entity's id behind its prefix.
const ID_DIGITS: usize = 17;
const AWS_PREFIX: &str = "arn:aws:iam::aws:policy/";

impl Identity {
    /// The requests about managed policies, and those of STS.
    pub(super) fn policy_request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, IdentityError> {
        match command {
            Command::CreatePolicy(request) => self.create_policy(cx, request),
            Command::GetPolicy(OfPolicy { policy_arn }) => {
                let policy = self.policy(&policy_arn)?;
                Ok(Response::Policy { policy: self.shown(&policy_arn, policy) })
            }
            Command::ListPolicies(request) => Ok(self.list_policies(&request)),
            Command::DeletePolicy(request) => self.delete_policy(cx, &request.policy_arn),
            Command::CreatePolicyVersion(request) => self.create_version(cx, request),
            Command::GetPolicyVersion(request) => self.get_version(&request),
            Command::ListPolicyVersions(request) => self.list_versions(&request),
            Command::DeletePolicyVersion(request) => self.delete_version(cx, &request),
            Command::SetDefaultPolicyVersion(request) => {
                self.change_policy(cx, &request.policy_arn, |policy| {
                    policy.default_version = policy.find(&request)?.0;
                    Ok(())
                })?;
                Ok(Response::Done)
            }
            Command::TagPolicy(request) => {
                self.change_policy(cx, &request.policy_arn, |policy| tagged(&mut policy.tags, request.tags))?;
                Ok(Response::Done)
            }
            Command::UntagPolicy(request) => {
                self.change_policy(cx, &request.policy_arn, |policy| {
                    policy.tags.retain(|tag| !request.tag_keys.contains(&tag.key));
                    Ok(())
                })?;
                Ok(Response::Done)
            }
            Command::ListPolicyTags(request) => {
                let tags = self.policy(&request.policy_arn)?.tags.iter().map(|tag| (tag.key.clone(), tag.clone()));
                let (tags, marker) = page(tags, request.marker.as_deref(), request.max_items);
                Ok(Response::Tags { tags, is_truncated: marker.is_some(), marker })
            }
            Command::ListEntitiesForPolicy(request) => self.list_entities(&request),
            command => self.session_request(cx, command),
        }
    }

    fn policy(&self, arn: &str) -> Result<&StoredPolicy, IdentityError> {
        self.policies.get(arn).ok_or_else(|| {
            let why = if arn.starts_with(AWS_PREFIX) {
                " AWS's own policies can be attached, and are not described here."
            } else {
                ""
            };
            IdentityError::no_such_entity(format!("Policy {arn} was not found.{why}"))
        })
    }

    /// The name of a policy that can be attached: one of the account, or one of AWS's.
    pub(super) fn attachable(&self, arn: &str) -> Result<String, IdentityError> {
        if let Some(policy) = self.policies.get(arn) {
            return Ok(policy.name.clone());
        }
        match arn.strip_prefix(AWS_PREFIX).and_then(|path| path.rsplit('/').next()) {
            Some(name) if !name.is_empty() => Ok(name.to_owned()),
            _ if !arn.starts_with("arn:") => {
                Err(IdentityError::new(IdentityErrorKind::InvalidInput, format!("ARN {arn} is not valid.")))
            }
            _ => {
                let message = format!("Policy {arn} does not exist or is not attachable.");
                Err(IdentityError::no_such_entity(message))
            }
        }
    }

    fn change_policy(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        change: impl FnOnce(&mut StoredPolicy) -> Result<(), IdentityError>,
    ) -> Result<&StoredPolicy, IdentityError> {
        let mut policy = self.policy(arn)?.clone();
        change(&mut policy)?;
        cx.record(IdentityRecord::Policy { arn: arn.to_owned(), policy: Some(Box::new(policy.clone())) });
        self.policies.insert(arn.to_owned(), policy);
        self.policy(arn)
    }

    fn create_policy(&mut self, cx: &mut Cx<'_>, request: CreatePolicy) -> Result<Response, IdentityError> {
        document::check_managed(&request.policy_document)?;
        let name = request.policy_name;
        if self.policies.values().any(|policy| policy.name.eq_ignore_ascii_case(&name)) {
            let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
            return Err(IdentityError::new(IdentityErrorKind::EntityAlreadyExists, message));
        }
        if self.policies.len() >= POLICIES_MAX {
            let message = format!("Cannot exceed quota for PoliciesPerAccount: {POLICIES_MAX}");
            return Err(IdentityError::new(IdentityErrorKind::LimitExceeded, message));
        }
        let path = request.path.unwrap_or_else(|| "/".into());
        let arn = format!("arn:aws:iam::{}:policy{path}{name}", cx.scope.account);
        let mut tags = Vec::new();
        tagged(&mut tags, request.tags)?;
        let first = StoredPolicyVersion { document: request.policy_document, created: cx.now };
        let policy = StoredPolicy {
            name,
            path,
            id: entity_id(cx, "ANPA"),
            created: cx.now,
            updated: cx.now,
            description: request.description,
            tags,
            default_version: 1,
            last_version: 1,
            versions: BTreeMap::from([(1, first)]),
        };
        cx.record(IdentityRecord::Policy { arn: arn.clone(), policy: Some(Box::new(policy.clone())) });
        let shown = self.shown(&arn, &policy);
        self.policies.insert(arn, policy);
        Ok(Response::Policy { policy: shown })
    }

    fn delete_policy(&mut self, cx: &mut Cx<'_>, arn: &str) -> Result<Response, IdentityError> {
        let policy = self.policy(arn)?;
        let conflict = |message: &str| Err(IdentityError::new(IdentityErrorKind::DeleteConflict, message));
        if self.attachments(arn) > 0 {
            return conflict("Cannot delete a policy attached to entities.");
        }
        if policy.versions.len() > 1 {
            return conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
                 The default version is deleted with the policy.",
            );
        }
        self.policies.remove(arn);
        cx.record(IdentityRecord::Policy { arn: arn.to_owned(), policy: None });
        Ok(Response::Done)
    }

    /// The account's own alone: AWS's are not described here.
    fn list_policies(&self, request: &ListPolicies) -> Response {
        let prefix = request.path_prefix.as_deref().unwrap_or("/");
        let listed = self
            .policies
            .iter()
            .filter(|_| request.scope.as_deref() != Some("AWS"))
            .filter(|(_, policy)| policy.path.starts_with(prefix))
            .filter(|(arn, _)| !request.only_attached || self.attachments(arn) > 0)
            .map(|(arn, policy)| (arn.clone(), Policy { tags: Vec::new(), ..self.shown(arn, policy) }));
        let (policies, marker) = page(listed, request.marker.as_deref(), request.max_items);
        Response::Policies { policies, is_truncated: marker.is_some(), marker }
    }

    fn list_entities(&self, request: &ListOfPolicy) -> Result<Response, IdentityError> {
        self.attachable(&request.policy_arn)?;
        let wants_roles = request.entity_filter.as_deref().is_none_or(|filter| filter == "Role");
        let prefix = request.path_prefix.as_deref().unwrap_or("/");
        let roles = self
            .roles
            .iter()
            .filter(|(_, role)| wants_roles && role.path.starts_with(prefix))
            .filter(|(_, role)| role.attached.iter().any(|(arn, _)| *arn == request.policy_arn))
            .map(|(name, role)| (name.clone(), PolicyRole { role_name: name.clone(), role_id: role.id.clone() }));
        let (policy_roles, marker) = page(roles, request.marker.as_deref(), request.max_items);
        Ok(Response::Entities {
            policy_groups: Vec::new(),
            policy_users: Vec::new(),
            policy_roles,
            is_truncated: marker.is_some(),
            marker,
        })
    }

    fn attachments(&self, arn: &str) -> usize {
        self.roles.values().filter(|role| role.attached.iter().any(|(attached, _)| attached == arn)).count()
    }

    fn shown(&self, arn: &str, policy: &StoredPolicy) -> Policy {
        let bounded = self.roles.values().filter(|role| role.permissions_boundary.as_deref() == Some(arn));
        Policy {
            policy_name: policy.name.clone(),
            policy_id: policy.id.clone(),
            arn: arn.to_owned(),
            path: policy.path.clone(),
            default_version_id: version_id(policy.default_version),
            attachment_count: self.attachments(arn),
            permissions_boundary_usage_count: bounded.count(),
            is_attachable: true,
            description: policy.description.clone(),
            create_date: date(policy.created),
            update_date: date(policy.updated),
            tags: policy.tags.clone(),
        }
    }
}

/// Versions.
impl Identity {
    fn create_version(&mut self, cx: &mut Cx<'_>, request: CreatePolicyVersion) -> Result<Response, IdentityError> {
        document::check_managed(&request.policy_document)?;
        let now = cx.now;
        let policy = self.change_policy(cx, &request.policy_arn, |policy| {
            if policy.versions.len() >= VERSIONS_MAX {
                let message = format!(
                    "A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new version, you must \
                     delete an existing version."
                );
                return Err(IdentityError::new(IdentityErrorKind::LimitExceeded, message));
            }
            policy.last_version += 1;
            policy.updated = now;
            let version = StoredPolicyVersion { document: request.policy_document, created: now };
            policy.versions.insert(policy.last_version, version);
            if request.set_as_default {
                policy.default_version = policy.last_version;
            }
            Ok(())
        })?;
        let version = PolicyVersion { document: None, ..policy.shown_version(policy.last_version) };
        Ok(Response::PolicyVersion { policy_version: version })
    }

    fn get_version(&self, request: &PolicyVersionRef) -> Result<Response, IdentityError> {
        let policy = self.policy(&request.policy_arn)?;
        let (number, _) = policy.find(request)?;
        Ok(Response::PolicyVersion { policy_version: policy.shown_version(number) })
    }

    fn list_versions(&self, request: &ListOfPolicy) -> Result<Response, IdentityError> {
        let policy = self.policy(&request.policy_arn)?;
        let newest_first = policy.versions.keys().rev();
        let versions = newest_first.map(|number| PolicyVersion { document: None, ..policy.shown_version(*number) });
        Ok(Response::PolicyVersions { versions: versions.collect(), is_truncated: false, marker: None })
    }

    fn delete_version(&mut self, cx: &mut Cx<'_>, request: &PolicyVersionRef) -> Result<Response, IdentityError> {
        self.change_policy(cx, &request.policy_arn, |policy| {
            let (number, _) = policy.find(request)?;
            if number == policy.default_version {
                let message = "Cannot delete the default version of a policy.";
                return Err(IdentityError::new(IdentityErrorKind::DeleteConflict, message));
            }
            policy.versions.remove(&number);
            Ok(())
        })?;
        Ok(Response::Done)
    }
}

impl StoredPolicy {
    fn find(&self, request: &PolicyVersionRef) -> Result<(u32, &StoredPolicyVersion), IdentityError> {
        let number = request.version_id.strip_prefix('v').and_then(|number| number.parse().ok());
        number.and_then(|number: u32| self.versions.get(&number).map(|version| (number, version))).ok_or_else(|| {
            IdentityError::no_such_entity(format!(
                "Policy {} version {} does not exist or is not attachable.",
                request.policy_arn, request.version_id
            ))
        })
    }

    fn shown_version(&self, number: u32) -> PolicyVersion {
        let version = self.versions.get(&number);
        PolicyVersion {
            document: version.map(|version| encoded(&version.document)),
            version_id: version_id(number),
            is_default_version: number == self.default_version,
            create_date: version.map(|version| date(version.created)).unwrap_or_default(),
        }
    }
}

fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// The path in a policy's ARN, with its slashes.
pub(super) fn path_of(arn: &str) -> &str {
    let from = arn.find('/').unwrap_or(0);
    let until = arn.rfind('/').map_or(arn.len(), |last| last + 1);
    arn.get(from..until).unwrap_or_default()
}

/// `AROA` and the like, and digits of Base32.
pub(super) fn entity_id(cx: &mut Cx<'_>, prefix: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = (0..ID_DIGITS).map(|_| char::from(ALPHABET[usize::try_from(cx.ids.below(32)).unwrap_or(0)]));
    prefix.chars().chain(digits).collect()
}

/// Percent-encoded, as IAM returns documents (RFC 3986).
pub(super) fn encoded(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
