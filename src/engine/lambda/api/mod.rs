//! Lambda's operations in the shapes of its service model (`lambda/2015-03-31`), without protocol. What the model says of
//! an input (presence, ranges, lengths, patterns, enumerations) is true of each command: `wire::constraints` has seen to it.
//! What it does not say is checked where the operation is carried out.
//!
//! Code is a reference here: the shell has put the package into its content-addressed store before the engine hears of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FunctionUrl, FunctionUrlRequest, RecursiveLoop};
use crate::{engine::CodeImage, model::ArtifactDigest};

macro_rules! shape {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
    };
}

mod code_signing;
mod functions;
mod invoking;
mod layers;
mod mappings;
mod policy;
mod versions;

pub use code_signing::*;
pub use functions::*;
pub use invoking::*;
pub use layers::*;
pub use mappings::*;
pub use policy::*;
pub use versions::*;

/// A request to Lambda.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "it travels in one box, see `engine::Command`")]
pub enum Command {
    CreateFunction {
        function: CreateFunction,
        code: CodeRef,
    },
    GetFunction {
        name: FunctionRef,
    },
    GetFunctionConfiguration {
        name: FunctionRef,
    },
    UpdateFunctionCode {
        name: FunctionRef,
        update: UpdateFunctionCode,
        code: CodeRef,
    },
    /// The same by `stackctl`, whose new code initialises beside the old.
    SwapFunctionCode {
        name: FunctionRef,
        update: UpdateFunctionCode,
        code: CodeRef,
    },
    UpdateFunctionConfiguration {
        name: FunctionRef,
        update: UpdateFunctionConfiguration,
    },
    DeleteFunction {
        name: FunctionRef,
    },
    ListFunctions(ListFunctions),
    PublishVersion {
        name: FunctionRef,
        publish: PublishVersion,
    },
    ListVersionsByFunction {
        name: FunctionRef,
        marker: Option<String>,
        max_items: Option<u32>,
    },
    CreateAlias {
        name: FunctionRef,
        create: CreateAlias,
    },
    GetAlias {
        name: FunctionRef,
        alias: String,
    },
    UpdateAlias {
        name: FunctionRef,
        alias: String,
        update: UpdateAlias,
    },
    DeleteAlias {
        name: FunctionRef,
        alias: String,
    },
    ListAliases {
        name: FunctionRef,
        function_version: Option<String>,
        marker: Option<String>,
        max_items: Option<u32>,
    },
    PutProvisionedConcurrencyConfig {
        name: FunctionRef,
        provisioned_concurrent_executions: u32,
    },
    GetProvisionedConcurrencyConfig {
        name: FunctionRef,
    },
    DeleteProvisionedConcurrencyConfig {
        name: FunctionRef,
    },
    ListProvisionedConcurrencyConfigs {
        name: FunctionRef,
        marker: Option<String>,
        max_items: Option<u32>,
    },
    PutFunctionEventInvokeConfig {
        name: FunctionRef,
        config: PutFunctionEventInvokeConfig,
    },
    UpdateFunctionEventInvokeConfig {
        name: FunctionRef,
        config: PutFunctionEventInvokeConfig,
    },
    GetFunctionEventInvokeConfig {
        name: FunctionRef,
    },
    DeleteFunctionEventInvokeConfig {
        name: FunctionRef,
    },
    ListFunctionEventInvokeConfigs {
        name: FunctionRef,
        marker: Option<String>,
        max_items: Option<u32>,
    },
    CreateFunctionUrlConfig {
        name: FunctionRef,
        config: FunctionUrlRequest,
    },
    UpdateFunctionUrlConfig {
        name: FunctionRef,
        config: FunctionUrlRequest,
    },
    GetFunctionUrlConfig {
        name: FunctionRef,
    },
    DeleteFunctionUrlConfig {
        name: FunctionRef,
    },
    ListFunctionUrlConfigs {
        name: FunctionRef,
        marker: Option<String>,
        max_items: Option<u32>,
    },
    PutFunctionRecursionConfig {
        name: FunctionRef,
        recursive_loop: RecursiveLoop,
    },
    GetFunctionRecursionConfig {
        name: FunctionRef,
    },
    /// Not of AWS: what a request to the URL of that id is for, in whichever account and region.
    FindFunctionUrl {
        id: String,
    },
    Invoke(Invoke),
    PutFunctionConcurrency {
        name: FunctionRef,
        reserved_concurrent_executions: u32,
    },
    GetFunctionConcurrency {
        name: FunctionRef,
    },
    DeleteFunctionConcurrency {
        name: FunctionRef,
    },
    GetAccountSettings,
    CreateEventSourceMapping(CreateEventSourceMapping),
    GetEventSourceMapping {
        uuid: String,
    },
    ListEventSourceMappings {
        event_source_arn: Option<String>,
        function_name: Option<String>,
        marker: Option<String>,
        max_items: Option<u32>,
    },
    UpdateEventSourceMapping {
        uuid: String,
        update: UpdateEventSourceMapping,
    },
    DeleteEventSourceMapping {
        uuid: String,
    },
    TagResource {
        arn: String,
        tags: BTreeMap<String, String>,
    },
    UntagResource {
        arn: String,
        tag_keys: Vec<String>,
    },
    ListTags {
        arn: String,
    },
    AddPermission {
        name: FunctionRef,
        permission: Box<AddPermission>,
    },
    RemovePermission {
        name: FunctionRef,
        statement_id: String,
        revision_id: Option<String>,
    },
    GetPolicy {
        name: FunctionRef,
    },
    CreateCodeSigningConfig(CreateCodeSigningConfig),
    GetCodeSigningConfig {
        arn: String,
    },
    UpdateCodeSigningConfig {
        arn: String,
        update: UpdateCodeSigningConfig,
    },
    DeleteCodeSigningConfig {
        arn: String,
    },
    ListCodeSigningConfigs {
        marker: Option<String>,
        max_items: Option<u32>,
    },
    ListFunctionsByCodeSigningConfig {
        arn: String,
        marker: Option<String>,
        max_items: Option<u32>,
    },
    PutFunctionCodeSigningConfig {
        name: FunctionRef,
        arn: String,
    },
    GetFunctionCodeSigningConfig {
        name: FunctionRef,
    },
    DeleteFunctionCodeSigningConfig {
        name: FunctionRef,
    },
    PutRuntimeManagementConfig {
        name: FunctionRef,
        config: PutRuntimeManagementConfig,
    },
    GetRuntimeManagementConfig {
        name: FunctionRef,
    },
    PutFunctionScalingConfig {
        name: FunctionRef,
    },
    GetFunctionScalingConfig {
        name: FunctionRef,
    },
    Layer(LayerCommand),
    /// Not of AWS: what `stackctl status` and `top` show.
    DescribeActivity,
}

/// A function as a request names it: a name, a partial ARN or an ARN, and a qualifier from the query or the ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionRef {
    /// As it stands in the path, percent-decoded.
    pub name: String,
    /// The `Qualifier` parameter.
    pub qualifier: Option<String>,
}

/// A package in the shell's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeRef {
    pub artifact: ArtifactDigest,
    /// `CodeSha256`: Base64 of the SHA-256 of what was deployed.
    pub sha256: String,
    /// `CodeSize`, in bytes.
    pub size_bytes: u64,
    /// What it takes unpacked.
    #[serde(default)]
    pub unzipped_bytes: u64,
    /// `Some` for a container image, of which `artifact` is the id's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<CodeImage>,
}

/// Lambda's answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// 204 operations.
    Done,
    /// The whole of `FunctionConfiguration`: create, update, `GetFunctionConfiguration`.
    Function(Box<FunctionConfiguration>),
    GetFunction {
        configuration: Box<FunctionConfiguration>,
        artifact: ArtifactDigest,
        /// Of an image.
        image: Option<CodeImage>,
        tags: BTreeMap<String, String>,
        reserved_concurrent_executions: Option<u32>,
    },
    ListFunctions {
        functions: Vec<FunctionConfiguration>,
        next_marker: Option<String>,
    },
    ListVersions {
        versions: Vec<FunctionConfiguration>,
        next_marker: Option<String>,
    },
    Alias(Box<AliasConfiguration>),
    ListAliases {
        aliases: Vec<AliasConfiguration>,
        next_marker: Option<String>,
    },
    ProvisionedConcurrency(Box<ProvisionedConcurrencyConfig>),
    ListProvisionedConcurrency {
        configs: Vec<ProvisionedConcurrencyConfig>,
        next_marker: Option<String>,
    },
    EventInvokeConfig(Box<FunctionEventInvokeConfig>),
    ListEventInvokeConfigs {
        configs: Vec<FunctionEventInvokeConfig>,
        next_marker: Option<String>,
    },
    Invoked(InvokeOutcome),
    /// The function has begun to stream its response: the shell has its pieces, and hears of its end.
    StreamBegun(Box<StreamBegun>),
    FunctionUrl(Box<FunctionUrl>),
    ListFunctionUrls {
        urls: Vec<FunctionUrl>,
        next_marker: Option<String>,
    },
    RecursionConfig {
        allows_loops: bool,
    },
    /// `Event` (202) or `DryRun` (204).
    /// An asynchronous invocation, which has this id from now on.
    Accepted {
        request_id: String,
    },
    DryRun,
    FunctionConcurrency {
        reserved_concurrent_executions: Option<u32>,
    },
    AccountSettings(AccountSettings),
    EventSourceMapping(Box<EventSourceMappingConfiguration>),
    ListEventSourceMappings {
        event_source_mappings: Vec<EventSourceMappingConfiguration>,
        next_marker: Option<String>,
    },
    Tags(BTreeMap<String, String>),
    Layer(LayerResponse),
    /// A statement of a policy, which is JSON.
    Statement(String),
    Policy {
        policy: String,
        revision_id: String,
    },
    CodeSigningConfig(Box<CodeSigningConfig>),
    ListCodeSigningConfigs {
        configs: Vec<CodeSigningConfig>,
        next_marker: Option<String>,
    },
    FunctionArns {
        arns: Vec<String>,
        next_marker: Option<String>,
    },
    /// `None` when the function has none.
    FunctionCodeSigningConfig(Option<FunctionCodeSigningConfig>),
    RuntimeManagementConfig(RuntimeManagementConfig),
    /// `GetFunctionScalingConfig` of a function that no capacity provider runs.
    FunctionScalingConfig {
        function_arn: String,
    },
    Activity(super::Activity),
}
