//! Functions: what creates and changes them, and how they are shown.

use std::collections::BTreeMap;

use crate::engine::lambda::{ImageConfig, LogFormat, LogLevel, PackageType};

shape!(
    /// `CreateFunction` without its `Code`. Shapes that the engine does not look into yet are refused by the engine when
    /// they ask for something it would not do.
    CreateFunction {
        function_name: String,
        runtime: Option<String>,
        role: String,
        handler: Option<String>,
        description: Option<String>,
        timeout: Option<u32>,
        memory_size: Option<u32>,
        publish: bool,
        package_type: PackageType,
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
    timeout: Option<u32>,
    memory_size: Option<u32>,
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
shape!(Environment { variables: BTreeMap<String, String> });
shape!(EphemeralStorage { size: u32 });
shape!(TracingConfig { mode: Option<String> });
shape!(LoggingConfig {
    log_format: Option<LogFormat>,
    application_log_level: Option<LogLevel>,
    system_log_level: Option<LogLevel>,
    log_group: Option<String>,
});
shape!(DeadLetterConfig { target_arn: Option<String> });
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
        /// Empty while the function is being created.
        #[serde(skip_serializing_if = "String::is_empty")]
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
        #[serde(skip_serializing_if = "Vec::is_empty")]
        layers: Vec<super::LayerReference>,
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

shape!(ListFunctions {
    /// The region of a function at the edge, of which there are none here.
    master_region: Option<String>,
    /// `ALL` lists versions as well.
    function_version: Option<String>,
    marker: Option<String>,
    max_items: Option<u32>,
});
shape!(PutRuntimeManagementConfig { update_runtime_on: String, runtime_version_arn: Option<String> });
shape!(
    /// Output of `PutRuntimeManagementConfig` and `GetRuntimeManagementConfig`.
    RuntimeManagementConfig {
        update_runtime_on: String,
        function_arn: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        runtime_version_arn: Option<String>,
    }
);

/// `GetAccountSettings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    pub concurrent_executions: u32,
    pub unreserved_concurrent_executions: u32,
    pub total_code_size_bytes: u64,
    pub function_count: u64,
}
