//! Lambda's operations in the shapes of its service model (`lambda/2015-03-31`), without protocol. Input shapes keep what
//! is missing missing; what is required and what is legal is checked where the operation is carried out.
//!
//! Code is a reference here: the shell has put the package into its content-addressed store before the engine hears of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ImageConfig;
use crate::{engine::CodeImage, model::ArtifactDigest};

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
    ListFunctions {
        marker: Option<String>,
        max_items: Option<u32>,
    },
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
        provisioned_concurrent_executions: Option<i64>,
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
    Invoke(Invoke),
    PutFunctionConcurrency {
        name: FunctionRef,
        reserved_concurrent_executions: Option<i64>,
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
    /// `Some` for a container image, of which `artifact` is the id's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<CodeImage>,
}

macro_rules! shape {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
    };
}

shape!(
    /// `CreateFunction` without its `Code`. Shapes that the engine does not look into yet are refused by the engine when
    /// they ask for something it would not do.
    CreateFunction {
        function_name: Option<String>,
        runtime: Option<String>,
        role: Option<String>,
        handler: Option<String>,
        description: Option<String>,
        timeout: Option<i64>,
        memory_size: Option<i64>,
        publish: bool,
        package_type: Option<String>,
        environment: Option<Environment>,
        tags: BTreeMap<String, String>,
        architectures: Vec<String>,
        layers: Vec<String>,
        ephemeral_storage: Option<EphemeralStorage>,
        tracing_config: Option<TracingConfig>,
        logging_config: Option<LoggingConfig>,
        dead_letter_config: Option<DeadLetterConfig>,
        vpc_config: Option<serde_json::Value>,
        file_system_configs: Option<serde_json::Value>,
        image_config: Option<ImageConfig>,
        snap_start: Option<serde_json::Value>,
        #[serde(rename = "KMSKeyArn")]
        kms_key_arn: Option<String>,
        code_signing_config_arn: Option<String>,
        capacity_provider_config: Option<serde_json::Value>,
        durable_config: Option<serde_json::Value>,
        tenancy_config: Option<serde_json::Value>,
        publish_to: Option<String>,
    }
);
shape!(UpdateFunctionCode {
    architectures: Vec<String>,
    publish: bool,
    dry_run: bool,
    revision_id: Option<String>,
    publish_to: Option<String>,
});
shape!(UpdateFunctionConfiguration {
    runtime: Option<String>,
    role: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<i64>,
    memory_size: Option<i64>,
    environment: Option<Environment>,
    layers: Option<Vec<String>>,
    ephemeral_storage: Option<EphemeralStorage>,
    tracing_config: Option<TracingConfig>,
    logging_config: Option<LoggingConfig>,
    dead_letter_config: Option<DeadLetterConfig>,
    vpc_config: Option<serde_json::Value>,
    file_system_configs: Option<serde_json::Value>,
    image_config: Option<ImageConfig>,
    snap_start: Option<serde_json::Value>,
    #[serde(rename = "KMSKeyArn")]
    kms_key_arn: Option<String>,
    revision_id: Option<String>,
});
shape!(PublishVersion {
    code_sha256: Option<String>,
    description: Option<String>,
    revision_id: Option<String>,
    publish_to: Option<String>,
});
shape!(CreateAlias {
    name: Option<String>,
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
});
shape!(UpdateAlias {
    function_version: Option<String>,
    description: Option<String>,
    routing_config: Option<AliasRoutingConfiguration>,
    revision_id: Option<String>,
});
shape!(AliasRoutingConfiguration { additional_version_weights: BTreeMap<String, f64> });
shape!(
    /// `AliasConfiguration`, output of each operation on one alias.
    AliasConfiguration {
        alias_arn: String,
        name: String,
        function_version: String,
        description: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        routing_config: Option<AliasRoutingConfiguration>,
        revision_id: String,
    }
);
shape!(
    /// Output of `PutProvisionedConcurrencyConfig` and `GetProvisionedConcurrencyConfig`, and an item of the list.
    ProvisionedConcurrencyConfig {
        /// In lists alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        function_arn: Option<String>,
        requested_provisioned_concurrent_executions: u32,
        available_provisioned_concurrent_executions: u32,
        allocated_provisioned_concurrent_executions: u32,
        /// `IN_PROGRESS`, `READY` or `FAILED`.
        status: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        status_reason: Option<String>,
        last_modified: String,
    }
);
shape!(
    /// `PutFunctionEventInvokeConfig` and `UpdateFunctionEventInvokeConfig`.
    PutFunctionEventInvokeConfig {
        maximum_retry_attempts: Option<i64>,
        maximum_event_age_in_seconds: Option<i64>,
        destination_config: Option<DestinationConfig>,
    }
);
shape!(DestinationConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    on_success: Option<Destination>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_failure: Option<Destination>,
});
shape!(Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
});
shape!(FunctionEventInvokeConfig {
    /// Seconds since the epoch, with milliseconds.
    last_modified: f64,
    function_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: DestinationConfig,
});
shape!(Environment { variables: BTreeMap<String, String> });
shape!(EphemeralStorage { size: i64 });
shape!(TracingConfig { mode: Option<String> });
shape!(LoggingConfig {
    log_format: Option<String>,
    application_log_level: Option<String>,
    system_log_level: Option<String>,
    log_group: Option<String>,
});
shape!(DeadLetterConfig { target_arn: Option<String> });
shape!(CreateEventSourceMapping {
    event_source_arn: Option<String>,
    function_name: Option<String>,
    enabled: Option<bool>,
    batch_size: Option<i64>,
    maximum_batching_window_in_seconds: Option<i64>,
    function_response_types: Vec<String>,
    scaling_config: Option<ScalingConfig>,
    filter_criteria: Option<FilterCriteria>,
    provisioned_poller_config: Option<ProvisionedPollerConfig>,
    metrics_config: Option<serde_json::Value>,
    tags: BTreeMap<String, String>,
});
shape!(UpdateEventSourceMapping {
    function_name: Option<String>,
    enabled: Option<bool>,
    batch_size: Option<i64>,
    maximum_batching_window_in_seconds: Option<i64>,
    function_response_types: Option<Vec<String>>,
    scaling_config: Option<ScalingConfig>,
    filter_criteria: Option<FilterCriteria>,
    provisioned_poller_config: Option<ProvisionedPollerConfig>,
    metrics_config: Option<serde_json::Value>,
});
shape!(ProvisionedPollerConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_pollers: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_pollers: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poller_group_name: Option<String>,
});
shape!(ScalingConfig { maximum_concurrency: Option<i64> });
shape!(FilterCriteria { filters: Vec<Filter> });
shape!(Filter { pattern: Option<String> });

/// `Invoke`.
#[derive(Clone, Debug, PartialEq)]
pub struct Invoke {
    pub function: FunctionRef,
    pub invocation_type: InvocationType,
    /// `LogType: Tail`.
    pub log_tail: bool,
    /// The client context's JSON, decoded.
    pub client_context: Option<String>,
    pub payload: Bytes,
    /// `X-Amzn-Trace-Id` of the request.
    pub trace_id: Option<String>,
}

/// `X-Amz-Invocation-Type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvocationType {
    #[default]
    RequestResponse,
    Event,
    DryRun,
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
    /// `Event` (202) or `DryRun` (204).
    Accepted,
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
    Activity(super::Activity),
}

/// What a synchronous invocation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct InvokeOutcome {
    pub request_id: String,
    pub payload: Bytes,
    /// `X-Amz-Function-Error`: `Unhandled` or `Handled`.
    pub function_error: Option<&'static str>,
    pub executed_version: String,
    /// The last 4 KB of the log, when asked for, not yet in Base64.
    pub log_tail: Option<String>,
}

/// `GetAccountSettings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    pub concurrent_executions: u32,
    pub unreserved_concurrent_executions: u32,
    pub total_code_size_bytes: u64,
    pub function_count: u64,
}

shape!(
    /// `FunctionConfiguration`, with the fields that AWS always returns always set.
    FunctionConfiguration {
        function_name: String,
        function_arn: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        runtime: Option<String>,
        role: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        handler: Option<String>,
        code_size: u64,
        description: String,
        timeout: u32,
        memory_size: u32,
        /// `2026-11-24T10:53:53.000+0000`.
        last_modified: String,
        code_sha256: String,
        version: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        environment: Option<Environment>,
        tracing_config: TracingConfig,
        revision_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        dead_letter_config: Option<DeadLetterConfig>,
        state: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        state_reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        state_reason_code: Option<String>,
        last_update_status: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_update_status_reason: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_update_status_reason_code: Option<String>,
        package_type: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        image_config_response: Option<ImageConfigResponse>,
        architectures: Vec<String>,
        ephemeral_storage: EphemeralStorage,
        snap_start: SnapStartResponse,
        #[serde(skip_serializing_if = "Option::is_none")]
        runtime_version_config: Option<RuntimeVersionConfig>,
        logging_config: LoggingConfigResponse,
    }
);
shape!(ImageConfigResponse { image_config: ImageConfig });
shape!(SnapStartResponse { apply_on: String, optimization_status: String });
shape!(RuntimeVersionConfig { runtime_version_arn: String });
shape!(LoggingConfigResponse {
    log_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_log_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_log_level: Option<String>,
    log_group: String,
});
shape!(
    /// `EventSourceMappingConfiguration` of a queue's mapping.
    EventSourceMappingConfiguration {
        #[serde(rename = "UUID")]
        uuid: String,
        batch_size: u32,
        maximum_batching_window_in_seconds: u32,
        event_source_arn: String,
        function_arn: String,
        /// Seconds since the epoch, with milliseconds.
        last_modified: f64,
        state: String,
        state_transition_reason: String,
        function_response_types: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        scaling_config: Option<ScalingConfig>,
        #[serde(skip_serializing_if = "Option::is_none")]
        filter_criteria: Option<FilterCriteria>,
        #[serde(skip_serializing_if = "Option::is_none")]
        provisioned_poller_config: Option<ProvisionedPollerConfig>,
        event_source_mapping_arn: String,
    }
);
