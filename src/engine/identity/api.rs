//! Operations of IAM (`iam/2010-05-08`) and STS (`sts/2011-06-15`) in the shapes of their service models, without protocol.
//! Inputs were checked against the models: what is required is there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

macro_rules! operations {
    ($($name:ident($input:ty)),* $(,)?) => {
        /// A request to IAM or STS.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Command { $($name($input)),* }

        impl Command {
            /// The request that `input` makes of `operation`; `None` when there is no such operation.
            ///
            /// # Errors
            /// A member of another type.
            pub fn read(operation: &str, input: Value) -> Option<serde_json::Result<Self>> {
                Some(match operation {
                    $(stringify!($name) => serde_json::from_value(input).map(Self::$name),)*
                    _ => return None,
                })
            }
        }
    };
}

operations! {
    CreateRole(CreateRole),
    GetRole(OfRole),
    ListRoles(List),
    UpdateRole(UpdateRole),
    UpdateRoleDescription(UpdateRole),
    DeleteRole(OfRole),
    UpdateAssumeRolePolicy(UpdateAssumeRolePolicy),
    TagRole(TagRole),
    UntagRole(UntagRole),
    ListRoleTags(ListOfRole),
    PutRolePermissionsBoundary(PutRolePermissionsBoundary),
    DeleteRolePermissionsBoundary(OfRole),
    PutRolePolicy(RolePolicy),
    GetRolePolicy(RolePolicy),
    ListRolePolicies(ListOfRole),
    DeleteRolePolicy(RolePolicy),
    AttachRolePolicy(Attachment),
    DetachRolePolicy(Attachment),
    ListAttachedRolePolicies(ListOfRole),
    ListInstanceProfilesForRole(ListOfRole),
    CreatePolicy(CreatePolicy),
    GetPolicy(OfPolicy),
    ListPolicies(ListPolicies),
    DeletePolicy(OfPolicy),
    CreatePolicyVersion(CreatePolicyVersion),
    GetPolicyVersion(PolicyVersionRef),
    ListPolicyVersions(ListOfPolicy),
    DeletePolicyVersion(PolicyVersionRef),
    SetDefaultPolicyVersion(PolicyVersionRef),
    TagPolicy(TagPolicy),
    UntagPolicy(UntagPolicy),
    ListPolicyTags(ListOfPolicy),
    ListEntitiesForPolicy(ListOfPolicy),
    GetUser(GetUser),
    GetCallerIdentity(AccessKey),
    GetAccessKeyInfo(AccessKey),
    AssumeRole(AssumeRole),
    GetSessionToken(GetSessionToken),
}

macro_rules! input {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        #[doc = concat!("Members of requests: `", stringify!($name), "`.")]
        #[derive(Clone, Debug, Default, PartialEq, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name { $(pub $field: $type),* }
    )*};
}

input! {
    CreateRole {
        path: Option<String>,
        role_name: String,
        assume_role_policy_document: String,
        description: Option<String>,
        max_session_duration: Option<i64>,
        permissions_boundary: Option<String>,
        tags: Vec<Tag>,
    }
    OfRole { role_name: String }
    List { path_prefix: Option<String>, marker: Option<String>, max_items: Option<usize> }
    ListOfRole { role_name: String, path_prefix: Option<String>, marker: Option<String>, max_items: Option<usize> }
    UpdateRole { role_name: String, description: Option<String>, max_session_duration: Option<i64> }
    UpdateAssumeRolePolicy { role_name: String, policy_document: String }
    TagRole { role_name: String, tags: Vec<Tag> }
    UntagRole { role_name: String, tag_keys: Vec<String> }
    PutRolePermissionsBoundary { role_name: String, permissions_boundary: String }
    RolePolicy { role_name: String, policy_name: String, policy_document: String }
    Attachment { role_name: String, policy_arn: String }
    CreatePolicy {
        policy_name: String,
        path: Option<String>,
        policy_document: String,
        description: Option<String>,
        tags: Vec<Tag>,
    }
    OfPolicy { policy_arn: String }
    ListPolicies {
        scope: Option<String>,
        only_attached: bool,
        path_prefix: Option<String>,
        marker: Option<String>,
        max_items: Option<usize>,
    }
    CreatePolicyVersion { policy_arn: String, policy_document: String, set_as_default: bool }
    PolicyVersionRef { policy_arn: String, version_id: String }
    ListOfPolicy {
        policy_arn: String,
        entity_filter: Option<String>,
        path_prefix: Option<String>,
        marker: Option<String>,
        max_items: Option<usize>,
    }
    TagPolicy { policy_arn: String, tags: Vec<Tag> }
    UntagPolicy { policy_arn: String, tag_keys: Vec<String> }
    GetUser { user_name: Option<String> }
    AccessKey { access_key_id: String }
    AssumeRole {
        role_arn: String,
        role_session_name: String,
        duration_seconds: Option<u64>,
        source_identity: Option<String>,
    }
    GetSessionToken { duration_seconds: Option<u64> }
}

macro_rules! output {
    ($($name:ident { $($(#[$meta:meta])* $field:ident: $type:ty),* $(,)? })*) => {$(
        #[doc = concat!("`", stringify!($name), "` of the service model.")]
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name { $($(#[$meta])* pub $field: $type),* }
    )*};
}

output! {
    Tag { key: String, value: String }
    Role {
        path: String,
        role_name: String,
        role_id: String,
        arn: String,
        create_date: String,
        /// Percent-encoded.
        assume_role_policy_document: String,
        description: Option<String>,
        max_session_duration: i64,
        permissions_boundary: Option<PermissionsBoundary>,
        tags: Vec<Tag>,
    }
    PermissionsBoundary { permissions_boundary_type: String, permissions_boundary_arn: String }
    AttachedPolicy { policy_name: String, policy_arn: String }
    Policy {
        policy_name: String,
        policy_id: String,
        arn: String,
        path: String,
        default_version_id: String,
        attachment_count: usize,
        permissions_boundary_usage_count: usize,
        is_attachable: bool,
        description: Option<String>,
        create_date: String,
        update_date: String,
        tags: Vec<Tag>,
    }
    PolicyVersion {
        /// Percent-encoded.
        document: Option<String>,
        version_id: String,
        is_default_version: bool,
        create_date: String,
    }
    PolicyRole { role_name: String, role_id: String }
    User { path: String, user_name: String, user_id: String, arn: String, create_date: String }
    Credentials { access_key_id: String, secret_access_key: String, session_token: String, expiration: String }
    AssumedRoleUser { assumed_role_id: String, arn: String }
}

/// The answer of IAM or STS: its members are those of the operation's output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "PascalCase")]
pub enum Response {
    /// Operations without output.
    Done,
    Role {
        role: Role,
    },
    Roles {
        roles: Vec<Role>,
        is_truncated: bool,
        marker: Option<String>,
    },
    Updated {},
    Tags {
        tags: Vec<Tag>,
        is_truncated: bool,
        marker: Option<String>,
    },
    InlinePolicy {
        role_name: String,
        policy_name: String,
        policy_document: String,
    },
    PolicyNames {
        policy_names: Vec<String>,
        is_truncated: bool,
        marker: Option<String>,
    },
    AttachedPolicies {
        attached_policies: Vec<AttachedPolicy>,
        is_truncated: bool,
        marker: Option<String>,
    },
    InstanceProfiles {
        instance_profiles: Vec<String>,
        is_truncated: bool,
    },
    Policy {
        policy: Policy,
    },
    Policies {
        policies: Vec<Policy>,
        is_truncated: bool,
        marker: Option<String>,
    },
    PolicyVersion {
        policy_version: PolicyVersion,
    },
    PolicyVersions {
        versions: Vec<PolicyVersion>,
        is_truncated: bool,
        marker: Option<String>,
    },
    Entities {
        policy_groups: Vec<String>,
        policy_users: Vec<String>,
        policy_roles: Vec<PolicyRole>,
        is_truncated: bool,
        marker: Option<String>,
    },
    User {
        user: User,
    },
    CallerIdentity {
        user_id: String,
        account: String,
        arn: String,
    },
    AccessKeyInfo {
        account: String,
    },
    AssumedRole {
        credentials: Credentials,
        assumed_role_user: AssumedRoleUser,
        source_identity: Option<String>,
    },
    SessionToken {
        credentials: Credentials,
    },
}
