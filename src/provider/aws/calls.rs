//! Each call of a plan, made.

use std::collections::HashMap;

use aws_sdk_lambda::{
    operation::{
        create_event_source_mapping::builders::CreateEventSourceMappingFluentBuilder,
        create_function::builders::CreateFunctionFluentBuilder,
        update_event_source_mapping::builders::UpdateEventSourceMappingFluentBuilder,
        update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder,
    },
    types::{
        Architecture as LambdaArchitecture, Environment, EphemeralStorage, Filter, FilterCriteria,
        FunctionCode as LambdaFunctionCode, FunctionResponseType, ImageConfig as LambdaImageConfig,
        LogFormat as LambdaLogFormat, LoggingConfig, PackageType, ProvisionedPollerConfig, Runtime, ScalingConfig,
    },
};
use aws_sdk_sqs::types::QueueAttributeName;

use super::{AwsProvider, error::About};
use crate::{
    converge::ProviderError,
    plan::{
        Call, FunctionChanges, FunctionCode, LayerVersion, MappingChanges, MappingSettings, NewFunction,
        QueueAttributes,
    },
    stack::{Architecture, ImageConfig, LogFormat, Pollers, Tags, Variables},
};

/// Sends a request; what it made is in the next observation. On the heap: the SDKs' futures have some ten kilobytes each.
macro_rules! send {
    ($about:expr, $request:expr) => {
        Box::pin($request.send()).await.map(drop).map_err(|error| $about.failed(&error))
    };
}

pub(super) use send;

impl AwsProvider {
    /// Makes the call.
    #[expect(clippy::too_many_lines, reason = "a table: an arm for each")]
    pub(super) async fn make(&self, call: &Call) -> Result<(), ProviderError> {
        let (sqs, lambda) = (&self.sqs, &self.lambda);
        let about = |resource| About { operation: call.operation(), resource };
        match call {
            Call::Container(_) => Err(about("a container").refused(None, Some("this endpoint runs no containers"))),
            Call::CreateQueue { name, attributes, tags } => {
                let request = sqs.create_queue().queue_name(name.as_str()).set_attributes(Some(named(attributes)));
                send!(about(name.as_str()), request.set_tags(Some(map(tags))))
            }
            Call::SetQueueAttributes { url, attributes } => {
                send!(about(url), sqs.set_queue_attributes().queue_url(url).set_attributes(Some(named(attributes))))
            }
            Call::TagQueue { url, tags } => {
                send!(about(url), sqs.tag_queue().queue_url(url).set_tags(Some(map(tags))))
            }
            Call::UntagQueue { url, keys } => {
                send!(about(url), sqs.untag_queue().queue_url(url).set_tag_keys(Some(keys.clone())))
            }
            Call::DeleteQueue { url } => send!(about(url), sqs.delete_queue().queue_url(url)),
            Call::UploadPackage { .. } | Call::DeletePackage { .. } => self.make_package(call).await,
            Call::CreateFunction(new) => {
                let code = self.code(about(new.name.as_str()), &new.code).await?;
                let request = create_function(lambda.create_function(), new, code);
                send!(about(new.name.as_str()), request.set_layers(self.given_layers(&new.settings.layers)))
            }
            Call::UpdateFunctionCode { name, code, architecture } => {
                let code = self.code(about(name.as_str()), code).await?;
                let request = lambda.update_function_code().function_name(name.as_str());
                let request = request
                    .set_zip_file(code.zip_file)
                    .set_s3_bucket(code.s3_bucket)
                    .set_s3_key(code.s3_key)
                    .set_image_uri(code.image_uri);
                send!(about(name.as_str()), request.architectures(lambda_architecture(*architecture)))
            }
            Call::UpdateFunctionConfiguration { name, changes } => {
                let request = lambda.update_function_configuration().function_name(name.as_str());
                let layers = changes.layers.as_ref().map(|layers| self.layer_arns(layers));
                send!(about(name.as_str()), configure(request, changes).set_layers(layers))
            }
            Call::TagFunction { arn, tags } => {
                send!(about(arn), lambda.tag_resource().resource(arn).set_tags(Some(map(tags))))
            }
            Call::UntagFunction { arn, keys } => {
                send!(about(arn), lambda.untag_resource().resource(arn).set_tag_keys(Some(keys.clone())))
            }
            Call::PutFunctionConcurrency { name, reserved } => {
                let request = lambda.put_function_concurrency().function_name(name.as_str());
                send!(about(name.as_str()), request.reserved_concurrent_executions(number(*reserved)))
            }
            Call::DeleteFunctionConcurrency { name } => {
                send!(about(name.as_str()), lambda.delete_function_concurrency().function_name(name.as_str()))
            }
            Call::DeleteFunction { name } => {
                send!(about(name.as_str()), lambda.delete_function().function_name(name.as_str()))
            }
            Call::PublishVersion { .. }
            | Call::CreateAlias { .. }
            | Call::UpdateAlias { .. }
            | Call::DeleteAlias { .. }
            | Call::PutProvisionedConcurrency { .. }
            | Call::DeleteProvisionedConcurrency { .. } => self.make_version(call).await,
            Call::RegisterScalableTarget { .. }
            | Call::DeregisterScalableTarget { .. }
            | Call::PutScalingPolicy { .. }
            | Call::DeleteScalingPolicy { .. } => self.make_scaling(call).await,
            Call::CreateMapping { function, queue, settings } => {
                let request = lambda.create_event_source_mapping().function_name(function.to_string());
                let request = request.event_source_arn(queue.to_string());
                send!(about(function.name.as_str()), create_mapping(request, settings))
            }
            Call::UpdateMapping { uuid, changes } => {
                send!(about(uuid), update_mapping(lambda.update_event_source_mapping().uuid(uuid), changes))
            }
            Call::DeleteMapping { uuid } => send!(about(uuid), lambda.delete_event_source_mapping().uuid(uuid)),
            around => self.make_around(around).await,
        }
    }

    /// `None` without layers: some endpoints know nothing of them.
    fn given_layers(&self, layers: &[LayerVersion]) -> Option<Vec<String>> {
        (!layers.is_empty()).then(|| self.layer_arns(layers))
    }

    /// Makes a call about what is around functions and queues.
    async fn make_around(&self, call: &Call) -> Result<(), ProviderError> {
        match call {
            Call::CreateFunctionUrl { .. } | Call::UpdateFunctionUrl { .. } | Call::DeleteFunctionUrl { .. } => {
                self.make_url(call).await
            }
            Call::AllowUrl { .. } | Call::ForbidUrl { .. } => self.make_url_permission(call).await,
            Call::PublishLayerVersion { .. } | Call::DeleteLayerVersion { .. } => self.make_layer(call).await,
            _ => self.make_schedule(call).await,
        }
    }
}

fn create_function(
    request: CreateFunctionFluentBuilder,
    new: &NewFunction,
    code: LambdaFunctionCode,
) -> CreateFunctionFluentBuilder {
    let settings = &new.settings;
    let request = request.function_name(new.name.as_str()).code(code);
    let request = match &new.code {
        FunctionCode::Artifact(_) | FunctionCode::Object(_) => {
            request.runtime(Runtime::from(settings.runtime.as_str())).handler(&settings.handler)
        }
        FunctionCode::Image(_) => request.package_type(PackageType::Image).set_image_config(
            (settings.image_config != ImageConfig::default()).then(|| image_config(&settings.image_config)),
        ),
    };
    request
        .description(&settings.description)
        .role(&settings.role)
        .memory_size(number(settings.memory_mb))
        .timeout(number(settings.timeout_s))
        .set_ephemeral_storage(ephemeral_storage(settings.ephemeral_storage_mb))
        .architectures(lambda_architecture(new.architecture))
        .logging_config(logging(settings.log_format))
        .environment(environment(&settings.environment))
        .set_tags(Some(map(&new.tags)))
}

/// Empty lists are left out: they would override.
fn image_config(config: &ImageConfig) -> LambdaImageConfig {
    let given = |arguments: &[String]| (!arguments.is_empty()).then(|| arguments.to_vec());
    LambdaImageConfig::builder()
        .set_entry_point(given(&config.entry_point))
        .set_command(given(&config.command))
        .set_working_directory(config.working_directory.clone())
        .build()
}

fn configure(
    request: UpdateFunctionConfigurationFluentBuilder,
    changes: &FunctionChanges,
) -> UpdateFunctionConfigurationFluentBuilder {
    request
        .set_runtime(changes.runtime.as_deref().map(Runtime::from))
        .set_handler(changes.handler.clone())
        .set_image_config(changes.image_config.as_ref().map(image_config))
        .set_description(changes.description.clone())
        .set_role(changes.role.clone())
        .set_memory_size(changes.memory_mb.map(number))
        .set_timeout(changes.timeout_s.map(number))
        .set_ephemeral_storage(changes.ephemeral_storage_mb.and_then(ephemeral_storage))
        .set_logging_config(changes.log_format.map(logging))
        .set_environment(changes.environment.as_ref().map(environment))
}

/// Leaves out what is AWS's own default: a FIFO queue's mapping refuses some of it even as such.
fn create_mapping(
    request: CreateEventSourceMappingFluentBuilder,
    settings: &MappingSettings,
) -> CreateEventSourceMappingFluentBuilder {
    let window = Some(settings.batching_window_s).filter(|seconds| *seconds > 0);
    let reports = Some(settings.report_batch_item_failures).filter(|reports| *reports);
    let filters = Some(&settings.filters).filter(|filters| !filters.is_empty());
    request
        .enabled(settings.enabled)
        .batch_size(number(settings.batch_size))
        .set_maximum_batching_window_in_seconds(window.map(number))
        .set_scaling_config(settings.max_concurrency.map(|max| scaling(Some(max))))
        .set_provisioned_poller_config(settings.provisioned_pollers.map(|pollers| poller_config(Some(pollers))))
        .set_function_response_types(reports.map(response_types))
        .set_filter_criteria(filters.map(|filters| filter_criteria(filters)))
}

fn update_mapping(
    request: UpdateEventSourceMappingFluentBuilder,
    changes: &MappingChanges,
) -> UpdateEventSourceMappingFluentBuilder {
    request
        .set_function_name(changes.function.as_ref().map(ToString::to_string))
        .set_enabled(changes.enabled)
        .set_batch_size(changes.batch_size.map(number))
        .set_maximum_batching_window_in_seconds(changes.batching_window_s.map(number))
        .set_scaling_config(changes.max_concurrency.map(scaling))
        .set_provisioned_poller_config(changes.provisioned_pollers.map(poller_config))
        .set_function_response_types(changes.report_batch_item_failures.map(response_types))
        .set_filter_criteria(changes.filters.as_deref().map(filter_criteria))
}

fn named(attributes: &QueueAttributes) -> HashMap<QueueAttributeName, String> {
    attributes.iter().map(|(name, value)| (QueueAttributeName::from(*name), value.clone())).collect()
}

fn map(tags: &Tags) -> HashMap<String, String> {
    tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn environment(variables: &Variables) -> Environment {
    Environment::builder().set_variables(Some(map(&variables.0))).build()
}

/// Always some: the builder refuses nothing but a missing size.
fn ephemeral_storage(size_mb: u32) -> Option<EphemeralStorage> {
    EphemeralStorage::builder().size(number(size_mb)).build().ok()
}

fn logging(format: LogFormat) -> LoggingConfig {
    let format = match format {
        LogFormat::Text => LambdaLogFormat::Text,
        LogFormat::Json => LambdaLogFormat::Json,
    };
    LoggingConfig::builder().log_format(format).build()
}

fn lambda_architecture(architecture: Architecture) -> LambdaArchitecture {
    match architecture {
        Architecture::X86_64 => LambdaArchitecture::X8664,
        Architecture::Arm64 => LambdaArchitecture::Arm64,
    }
}

/// An empty configuration takes the cap away.
fn scaling(max_concurrency: Option<u32>) -> ScalingConfig {
    ScalingConfig::builder().set_maximum_concurrency(max_concurrency.map(number)).build()
}

/// An empty configuration takes the pollers away.
fn poller_config(pollers: Option<Pollers>) -> ProvisionedPollerConfig {
    ProvisionedPollerConfig::builder()
        .set_minimum_pollers(pollers.map(|pollers| number(pollers.min)))
        .set_maximum_pollers(pollers.map(|pollers| number(pollers.max)))
        .build()
}

fn response_types(reports_failures: bool) -> Vec<FunctionResponseType> {
    if reports_failures { vec![FunctionResponseType::ReportBatchItemFailures] } else { Vec::new() }
}

/// No filters take the criteria away.
fn filter_criteria(patterns: &[String]) -> FilterCriteria {
    let filters = patterns.iter().map(|pattern| Filter::builder().pattern(pattern).build()).collect();
    FilterCriteria::builder().set_filters(Some(filters)).build()
}

/// AWS's integers are signed; what a manifest can hold is far below.
pub(super) fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
