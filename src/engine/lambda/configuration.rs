//! A function's settings: taken from a request, changed by an update, and shown as `FunctionConfiguration`.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    CodeRef, CreateFunction, DeadLetterConfig, Environment, EphemeralStorage, FunctionConfiguration, ImageConfig,
    ImageConfigResponse, LambdaError, LayerReference, Logging, LoggingConfigResponse, SnapStartResponse, TracingConfig,
    UpdateFunctionConfiguration, UsedLayer,
    sandbox::image_config_of,
    validate::{self, at_most, invalid, refused},
};
use crate::model::{
    QueueArn, Timestamp,
    limits::{FUNCTION_TIMEOUT_DEFAULT_S, FUNCTION_TIMEOUT_MAX_S, MEMORY_MAX_MB, MEMORY_MIN_MB},
};

const EPHEMERAL_STORAGE_MIN_MB: u32 = 512;
const ARCHITECTURE_DEFAULT: &str = "x86_64";

/// What a version of a function runs with, code aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Empty for an image.
    pub runtime: String,
    /// Empty for an image.
    pub handler: String,
    /// `Some` for `PackageType: Image`.
    #[serde(default)]
    pub image_config: Option<ImageConfig>,
    pub role: String,
    pub description: String,
    pub timeout_s: u32,
    pub memory_mb: u32,
    /// The function's own variables; `None` when none were ever set. May hold secrets: never logged.
    pub variables: Option<Arc<BTreeMap<String, String>>>,
    pub architecture: String,
    pub ephemeral_storage_mb: u32,
    /// `None` for `/aws/lambda/NAME`.
    pub log_group: Option<String>,
    #[serde(default)]
    pub logging: Logging,
    /// In their order: what a later one has is seen instead of an earlier one's.
    #[serde(default)]
    pub layers: Vec<UsedLayer>,
    /// Where asynchronous invocations go that were given up: a queue.
    pub dead_letter: Option<QueueArn>,
}

impl Settings {
    /// The settings that `request` asks for.
    ///
    /// # Errors
    /// AWS's for what is not legal, and ours for what the engine does not do.
    pub(super) fn create(request: &CreateFunction, code: &CodeRef) -> Result<Self, LambdaError> {
        refuse_unsupported_in_create(request)?;
        let image_config = image_config_of(request, code)?;
        if image_config.is_none() && (request.runtime.is_none() || request.handler.is_none()) {
            return Err(invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
            ));
        }
        let mut settings = Self {
            runtime: request.runtime.clone().unwrap_or_default(),
            handler: request.handler.clone().unwrap_or_default(),
            image_config,
            role: request.role.clone(),
            description: String::new(),
            timeout_s: FUNCTION_TIMEOUT_DEFAULT_S,
            memory_mb: MEMORY_MIN_MB,
            variables: None,
            architecture: ARCHITECTURE_DEFAULT.into(),
            ephemeral_storage_mb: EPHEMERAL_STORAGE_MIN_MB,
            log_group: None,
            logging: Logging::default(),
            layers: Vec::new(),
            dead_letter: None,
        };
        if let Some(architecture) = request.architectures.first() {
            settings.architecture.clone_from(architecture);
        }
        settings.apply(&request.as_update())?;
        Ok(settings)
    }

    /// The same settings with what `update` changes.
    ///
    /// # Errors
    /// As [`Settings::create`].
    pub(super) fn updated(&self, update: &UpdateFunctionConfiguration) -> Result<Self, LambdaError> {
        let mut settings = self.clone();
        settings.apply(update)?;
        Ok(settings)
    }

    fn apply(&mut self, update: &UpdateFunctionConfiguration) -> Result<(), LambdaError> {
        refuse_unsupported(update)?;
        let changes_zip = update.runtime.is_some() || update.handler.is_some();
        self.change_package(changes_zip, update.image_config.as_ref())?;
        if let Some(role) = &update.role {
            self.role.clone_from(role);
        }
        if let Some(handler) = &update.handler {
            self.handler.clone_from(handler);
        }
        if let Some(description) = &update.description {
            self.description.clone_from(description);
        }
        if let Some(timeout) = update.timeout {
            self.timeout_s = at_most("timeout", timeout, FUNCTION_TIMEOUT_MAX_S)?;
        }
        if let Some(memory) = update.memory_size {
            self.memory_mb = at_most("memorySize", memory, MEMORY_MAX_MB)?;
        }
        if let Some(storage) = &update.ephemeral_storage {
            self.ephemeral_storage_mb = storage.size;
        }
        if let Some(group) = update.logging_config.as_ref().and_then(|config| config.log_group.as_ref()) {
            self.log_group = Some(group.clone());
        }
        if let Some(environment) = &update.environment {
            self.variables = (!environment.variables.is_empty()).then(|| Arc::new(environment.variables.clone()));
        }
        if let Some(config) = &update.dead_letter_config {
            self.dead_letter = dead_letter(config)?;
        }
        if let Some(runtime) = &update.runtime {
            validate::runtime(runtime)?;
            self.runtime.clone_from(runtime);
        }
        update.environment.as_ref().map_or(Ok(()), |environment| validate::variables(&environment.variables))?;
        self.check_debug().map_err(invalid)?;
        if let Some(config) = &update.logging_config {
            self.logging = self.logging.updated(config)?;
        }
        Ok(())
    }

    fn show_logging(&self, name: &str) -> LoggingConfigResponse {
        let (log_format, levels) = match self.logging {
            Logging::Text => ("Text", None),
            Logging::Json { application, system } => ("JSON", Some((application, system))),
        };
        LoggingConfigResponse {
            log_format: log_format.into(),
            application_log_level: levels.map(|(application, _)| application.as_str().into()),
            system_log_level: levels.map(|(_, system)| system.as_str().into()),
            log_group: self.log_group_of(name),
        }
    }

    /// Where the function called `name` logs to.
    pub(super) fn log_group_of(&self, name: &str) -> String {
        self.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{name}"))
    }
}

impl CreateFunction {
    /// The part of the request that an update could ask for as well.
    fn as_update(&self) -> UpdateFunctionConfiguration {
        UpdateFunctionConfiguration {
            runtime: self.runtime.clone(),
            role: Some(self.role.clone()),
            handler: self.handler.clone(),
            description: self.description.clone(),
            timeout: self.timeout,
            memory_size: self.memory_size,
            environment: self.environment.clone(),
            layers: None,
            ephemeral_storage: self.ephemeral_storage.clone(),
            tracing_config: self.tracing_config.clone(),
            logging_config: self.logging_config.clone(),
            dead_letter_config: self.dead_letter_config.clone(),
            vpc_config: self.vpc_config.clone(),
            file_system_configs: self.file_system_configs.clone(),
            image_config: self.image_config.clone(),
            snap_start: self.snap_start.clone(),
            kms_key_arn: self.kms_key_arn.clone(),
            revision_id: None,
        }
    }
}

fn refuse_unsupported_in_create(request: &CreateFunction) -> Result<(), LambdaError> {
    validate::unsupported_text("PublishTo", request.publish_to.as_ref())?;
    validate::unsupported(&[
        ("CapacityProviderConfig", &request.capacity_provider_config),
        ("DurableConfig", &request.durable_config),
        ("TenancyConfig", &request.tenancy_config),
    ])
}

fn refuse_unsupported(update: &UpdateFunctionConfiguration) -> Result<(), LambdaError> {
    validate::unsupported(&[
        ("VpcConfig", &update.vpc_config),
        ("FileSystemConfigs", &update.file_system_configs),
        ("SnapStart", &update.snap_start),
    ])?;
    validate::unsupported_text("KMSKeyArn", update.kms_key_arn.as_ref())?;
    match update.tracing_config.as_ref().and_then(|config| config.mode.as_deref()) {
        None | Some("PassThrough") => Ok(()),
        Some(mode) => Err(refused(&format!("TracingConfig.Mode {mode}"))),
    }
}

/// An empty target takes the setting back.
fn dead_letter(config: &DeadLetterConfig) -> Result<Option<QueueArn>, LambdaError> {
    match config.target_arn.as_deref() {
        None | Some("") => Ok(None),
        Some(arn) => match QueueArn::parse(arn) {
            Some(queue) if !queue.name.is_fifo() => Ok(Some(queue)),
            _ => Err(refused("DeadLetterConfig with another target than a standard queue")),
        },
    }
}

/// What `FunctionConfiguration` says beside the settings.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) name: &'a str,
    pub(super) arn: String,
    pub(super) version: &'a str,
    pub(super) code: &'a CodeRef,
    pub(super) revision_id: &'a str,
    pub(super) last_modified: Timestamp,
}

impl Settings {
    /// These settings as AWS returns them.
    pub(super) fn show(&self, shown: Shown<'_>) -> FunctionConfiguration {
        FunctionConfiguration {
            function_name: shown.name.to_owned(),
            function_arn: shown.arn,
            runtime: (!self.is_image()).then(|| self.runtime.clone()),
            role: self.role.clone(),
            handler: (!self.is_image()).then(|| self.handler.clone()),
            image_config_response: self
                .image_config
                .clone()
                .filter(|config| !config.is_empty())
                .map(|image_config| ImageConfigResponse { image_config }),
            code_size: shown.code.size_bytes,
            description: self.description.clone(),
            timeout: self.timeout_s,
            memory_size: self.memory_mb,
            last_modified: last_modified(shown.last_modified),
            code_sha256: shown.code.sha256.clone(),
            version: shown.version.to_owned(),
            environment: self.variables.as_ref().map(|variables| Environment { variables: (**variables).clone() }),
            tracing_config: TracingConfig { mode: Some("PassThrough".into()) },
            revision_id: shown.revision_id.to_owned(),
            dead_letter_config: self
                .dead_letter
                .as_ref()
                .map(|queue| DeadLetterConfig { target_arn: Some(queue.to_string()) }),
            state: "Active".into(),
            last_update_status: "Successful".into(),
            package_type: self.package_type().into(),
            architectures: vec![self.architecture.clone()],
            layers: self
                .layers
                .iter()
                .map(|layer| LayerReference { arn: layer.arn.clone(), code_size: layer.size_bytes })
                .collect(),
            ephemeral_storage: EphemeralStorage { size: self.ephemeral_storage_mb },
            snap_start: SnapStartResponse { apply_on: "None".into(), optimization_status: "Off".into() },
            logging_config: self.show_logging(shown.name),
            ..FunctionConfiguration::default()
        }
    }
}

/// `2026-11-24T10:53:53.000+0000`.
pub(super) fn last_modified(at: Timestamp) -> String {
    super::report::utc(at, "%Y-%m-%dT%H:%M:%S%.3f+0000")
}
