//! The API calls that a plan is made of, each with all that the call needs and nothing that has to be looked up.

use std::{collections::BTreeMap, fmt};

use super::{ContainerCall, LayerVersion, PackageObject};
use crate::{
    model::{ArtifactDigest, FunctionName, QueueArn, QueueName},
    stack::{
        Architecture, FunctionUrl, ImageConfig, LayerMark, LogFormat, Pollers, ScheduleSettings, Tags, UrlPermission,
        Variables,
    },
};

/// Queue attributes by AWS's names; an empty value takes the attribute away.
pub type QueueAttributes = BTreeMap<&'static str, String>;

/// One call to the target's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    CreateQueue {
        name: QueueName,
        attributes: QueueAttributes,
        tags: Tags,
    },
    SetQueueAttributes {
        url: String,
        attributes: QueueAttributes,
    },
    TagQueue {
        url: String,
        tags: Tags,
    },
    UntagQueue {
        url: String,
        keys: Vec<String>,
    },
    DeleteQueue {
        url: String,
    },
    /// Puts a package where the call after it finds it.
    UploadPackage {
        digest: ArtifactDigest,
        object: PackageObject,
    },
    /// Lambda has a copy.
    DeletePackage {
        object: PackageObject,
    },
    /// From `object`, or from the artifact of the mark's digest: in the target's store of artifacts, or sent with the call.
    PublishLayerVersion {
        name: String,
        object: Option<PackageObject>,
        runtimes: Vec<String>,
        mark: LayerMark,
    },
    DeleteLayerVersion {
        name: String,
        version: u64,
    },
    CreateFunction(Box<NewFunction>),
    UpdateFunctionCode {
        name: FunctionName,
        code: FunctionCode,
        architecture: Architecture,
    },
    UpdateFunctionConfiguration {
        name: FunctionName,
        changes: Box<FunctionChanges>,
    },
    TagFunction {
        arn: String,
        tags: Tags,
    },
    UntagFunction {
        arn: String,
        keys: Vec<String>,
    },
    PutFunctionConcurrency {
        name: FunctionName,
        reserved: u32,
    },
    DeleteFunctionConcurrency {
        name: FunctionName,
    },
    DeleteFunction {
        name: FunctionName,
    },
    PublishVersion {
        name: FunctionName,
    },
    CreateAlias {
        name: FunctionName,
        alias: &'static str,
        version: AliasVersion,
    },
    UpdateAlias {
        name: FunctionName,
        alias: &'static str,
        version: AliasVersion,
    },
    DeleteAlias {
        name: FunctionName,
        alias: &'static str,
    },
    PutProvisionedConcurrency {
        name: FunctionName,
        alias: &'static str,
        count: u32,
    },
    DeleteProvisionedConcurrency {
        name: FunctionName,
        alias: &'static str,
    },
    RegisterScalableTarget {
        name: FunctionName,
        alias: &'static str,
        min: u32,
        max: u32,
    },
    DeregisterScalableTarget {
        name: FunctionName,
        alias: &'static str,
    },
    /// The policy [`SCALING_POLICY`](crate::stack::SCALING_POLICY).
    PutScalingPolicy {
        name: FunctionName,
        alias: &'static str,
        utilization_percent: u32,
    },
    DeleteScalingPolicy {
        name: FunctionName,
        alias: &'static str,
        policy: String,
    },
    CreateMapping {
        function: MappedFunction,
        queue: QueueArn,
        settings: MappingSettings,
    },
    UpdateMapping {
        uuid: String,
        changes: MappingChanges,
    },
    DeleteMapping {
        uuid: String,
    },
    /// A call to the container engine.
    Container(ContainerCall),
    CreateFunctionUrl {
        function: MappedFunction,
        settings: FunctionUrl,
    },
    UpdateFunctionUrl {
        function: MappedFunction,
        settings: FunctionUrl,
    },
    DeleteFunctionUrl {
        function: MappedFunction,
    },
    /// Lets everybody use a URL that needs no signature.
    AllowUrl {
        function: MappedFunction,
        permission: UrlPermission,
    },
    /// Takes that back.
    ForbidUrl {
        function: MappedFunction,
        permission: UrlPermission,
    },
    CreateScheduleGroup {
        name: String,
        tags: Tags,
    },
    DeleteScheduleGroup {
        name: String,
    },
    CreateSchedule {
        group: String,
        name: String,
        settings: Box<ScheduleSettings>,
    },
    UpdateSchedule {
        group: String,
        name: String,
        settings: Box<ScheduleSettings>,
    },
    DeleteSchedule {
        group: String,
        name: String,
    },
}

/// The version that an alias shall name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasVersion {
    /// The one that the step before published: its number is the target's to give.
    JustPublished,
}

/// What a mapping invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedFunction {
    pub name: FunctionName,
    pub alias: Option<String>,
}

impl fmt::Display for MappedFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.alias {
            Some(alias) => write!(f, "{}:{alias}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// What `CreateFunction` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFunction {
    pub name: FunctionName,
    pub code: FunctionCode,
    pub architecture: Architecture,
    pub settings: FunctionSettings,
    pub tags: Tags,
}

/// Where a function's code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionCode {
    /// In the target's store of artifacts, or sent with the call.
    Artifact(ArtifactDigest),
    Object(PackageObject),
    /// `ImageUri`.
    Image(String),
}

/// What both `CreateFunction` and `UpdateFunctionConfiguration` can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionSettings {
    /// Empty for an image.
    pub runtime: String,
    /// Empty for an image.
    pub handler: String,
    pub image_config: ImageConfig,
    pub description: String,
    pub role: String,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub ephemeral_storage_mb: u32,
    pub log_format: LogFormat,
    pub environment: Variables,
    pub layers: Vec<LayerVersion>,
}

/// What of [`FunctionSettings`] changes; `UpdateFunctionConfiguration` leaves the rest as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionChanges {
    pub runtime: Option<String>,
    pub handler: Option<String>,
    pub image_config: Option<ImageConfig>,
    pub description: Option<String>,
    pub role: Option<String>,
    pub memory_mb: Option<u32>,
    pub timeout_s: Option<u32>,
    pub ephemeral_storage_mb: Option<u32>,
    pub log_format: Option<LogFormat>,
    /// All variables: the call replaces them as a whole.
    pub environment: Option<Variables>,
    /// All of them: the call replaces them as a whole.
    pub layers: Option<Vec<LayerVersion>>,
}

/// What a mapping can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingSettings {
    pub enabled: bool,
    pub batch_size: u32,
    pub batching_window_s: u32,
    pub max_concurrency: Option<u32>,
    pub provisioned_pollers: Option<Pollers>,
    pub report_batch_item_failures: bool,
    pub filters: Vec<String>,
}

/// What of [`MappingSettings`] changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingChanges {
    pub function: Option<MappedFunction>,
    pub enabled: Option<bool>,
    pub batch_size: Option<u32>,
    pub batching_window_s: Option<u32>,
    /// `Some(None)` takes the cap away.
    pub max_concurrency: Option<Option<u32>>,
    /// `Some(None)` takes them away.
    pub provisioned_pollers: Option<Option<Pollers>>,
    pub report_batch_item_failures: Option<bool>,
    /// All filters: the call replaces them as a whole.
    pub filters: Option<Vec<String>>,
}

impl Call {
    /// AWS's name of the operation, for messages and logs.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::CreateQueue { .. } => "CreateQueue",
            Self::SetQueueAttributes { .. } => "SetQueueAttributes",
            Self::TagQueue { .. } => "TagQueue",
            Self::UntagQueue { .. } => "UntagQueue",
            Self::DeleteQueue { .. } => "DeleteQueue",
            Self::UploadPackage { .. } => "PutObject",
            Self::DeletePackage { .. } => "DeleteObject",
            Self::PublishLayerVersion { .. } => "PublishLayerVersion",
            Self::DeleteLayerVersion { .. } => "DeleteLayerVersion",
            Self::CreateFunction(_) => "CreateFunction",
            Self::UpdateFunctionCode { .. } => "UpdateFunctionCode",
            Self::UpdateFunctionConfiguration { .. } => "UpdateFunctionConfiguration",
            Self::TagFunction { .. } => "TagResource",
            Self::UntagFunction { .. } => "UntagResource",
            Self::PutFunctionConcurrency { .. } => "PutFunctionConcurrency",
            Self::DeleteFunctionConcurrency { .. } => "DeleteFunctionConcurrency",
            Self::DeleteFunction { .. } => "DeleteFunction",
            Self::PublishVersion { .. } => "PublishVersion",
            Self::CreateAlias { .. } => "CreateAlias",
            Self::UpdateAlias { .. } => "UpdateAlias",
            Self::DeleteAlias { .. } => "DeleteAlias",
            Self::PutProvisionedConcurrency { .. } => "PutProvisionedConcurrencyConfig",
            Self::DeleteProvisionedConcurrency { .. } => "DeleteProvisionedConcurrencyConfig",
            Self::RegisterScalableTarget { .. } => "RegisterScalableTarget",
            Self::DeregisterScalableTarget { .. } => "DeregisterScalableTarget",
            Self::PutScalingPolicy { .. } => "PutScalingPolicy",
            Self::DeleteScalingPolicy { .. } => "DeleteScalingPolicy",
            Self::CreateMapping { .. } => "CreateEventSourceMapping",
            Self::UpdateMapping { .. } => "UpdateEventSourceMapping",
            Self::DeleteMapping { .. } => "DeleteEventSourceMapping",
            Self::CreateFunctionUrl { .. } => "CreateFunctionUrlConfig",
            Self::UpdateFunctionUrl { .. } => "UpdateFunctionUrlConfig",
            Self::DeleteFunctionUrl { .. } => "DeleteFunctionUrlConfig",
            Self::AllowUrl { .. } => "AddPermission",
            Self::ForbidUrl { .. } => "RemovePermission",
            Self::CreateScheduleGroup { .. } => "CreateScheduleGroup",
            Self::DeleteScheduleGroup { .. } => "DeleteScheduleGroup",
            Self::CreateSchedule { .. } => "CreateSchedule",
            Self::UpdateSchedule { .. } => "UpdateSchedule",
            Self::DeleteSchedule { .. } => "DeleteSchedule",
            Self::Container(call) => call.operation(),
        }
    }

    /// Whether the call makes a resource.
    pub fn creates(&self) -> bool {
        match self {
            Self::CreateQueue { .. } | Self::CreateFunction(_) | Self::CreateMapping { .. } => true,
            Self::CreateSchedule { .. } | Self::CreateScheduleGroup { .. } => true,
            Self::Container(call) => call.creates(),
            _ => false,
        }
    }

    /// Whether the call removes a resource.
    pub fn deletes(&self) -> bool {
        match self {
            Self::DeleteQueue { .. } | Self::DeleteFunction { .. } | Self::DeleteMapping { .. } => true,
            Self::DeleteSchedule { .. } | Self::DeleteScheduleGroup { .. } | Self::DeleteLayerVersion { .. } => true,
            Self::Container(call) => call.deletes(),
            _ => false,
        }
    }

    /// Whether there is nothing left to do when what the call is about does not exist.
    pub fn is_done_when_gone(&self) -> bool {
        let lets_go = matches!(self, Self::DeregisterScalableTarget { .. } | Self::DeleteScalingPolicy { .. });
        self.deletes() || lets_go || matches!(self, Self::ForbidUrl { .. })
    }
}
