//! Lambda's answers: JSON by serde, and for invocations the payload as it is, with what else there is in headers.

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::{
    super::{UrlBase, json::Object, response},
    errors,
};
use crate::{
    engine::{
        CodeImage, Error, Reply, Response as EngineResponse,
        lambda::{AccountSettings, InvokeOutcome, LambdaError, LambdaErrorKind, Response as Output},
    },
    model::{ArtifactDigest, limits},
};

const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");

/// All packages of an account together: 75 GB (Lambda developer guide, "Lambda quotas").
const TOTAL_CODE_SIZE_MAX_BYTES: u64 = 75 * 1024 * 1024 * 1024;

pub(in crate::wire) fn respond(
    success: StatusCode,
    url_base: Option<&UrlBase>,
    reply: Reply,
    request_id: &str,
) -> Response<Bytes> {
    match reply {
        Ok(EngineResponse::Lambda(Output::Invoked(outcome))) => invoked(outcome, request_id),
        Ok(EngineResponse::Lambda(output)) => {
            let (status, body) = output_bytes(success, url_base, &output);
            response::new(status, response::JSON, body, request_id)
        }
        Err(Error::Lambda(error)) => errors::refusal(&error, request_id),
        Err(Error::Storage(message)) => failure(message, request_id),
        other => failure(format!("the engine answered another service: {other:?}"), request_id),
    }
}

fn failure(message: String, request_id: &str) -> Response<Bytes> {
    errors::refusal(&LambdaError::new(LambdaErrorKind::Service, message), request_id)
}

/// The invocation's own id is the response's: it is the one in the function's log.
fn invoked(outcome: InvokeOutcome, request_id: &str) -> Response<Bytes> {
    let id = if outcome.request_id.is_empty() { request_id } else { &outcome.request_id };
    let mut response = response::new(StatusCode::OK, response::JSON, outcome.payload, id);
    let headers = response.headers_mut();
    if let Ok(version) = HeaderValue::from_str(&outcome.executed_version) {
        headers.insert(EXECUTED_VERSION, version);
    }
    if let Some(error) = outcome.function_error {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static(error));
    }
    if let Some(tail) = outcome.log_tail {
        let encoded = base64::engine::general_purpose::STANDARD.encode(tail);
        headers.insert(LOG_RESULT, HeaderValue::try_from(encoded).expect("Base64 is legal in a header"));
    }
    response
}

fn output_bytes(success: StatusCode, url_base: Option<&UrlBase>, output: &Output) -> (StatusCode, Vec<u8>) {
    let mut out = Vec::with_capacity(1024);
    let mut object = Object::open(&mut out);
    match output {
        Output::Done | Output::Accepted | Output::DryRun | Output::Invoked(_) => {
            let status = match output {
                Output::Accepted => StatusCode::ACCEPTED,
                Output::DryRun => StatusCode::NO_CONTENT,
                _ => success,
            };
            return (status, Vec::new());
        }
        Output::Function(configuration) => return (success, bytes_of(configuration)),
        Output::EventSourceMapping(configuration) => return (success, bytes_of(configuration)),
        Output::ProvisionedConcurrency(config) => return (success, bytes_of(config)),
        Output::EventInvokeConfig(config) => return (success, bytes_of(config)),
        Output::Alias(alias) => return (success, bytes_of(alias)),
        Output::Activity(activity) => return (success, bytes_of(activity)),
        Output::GetFunction { configuration, artifact, image, tags, reserved_concurrent_executions } => {
            value(&mut object, "Configuration", configuration);
            match image {
                Some(image) => image_location(object.member("Code"), image),
                None => code_location(object.member("Code"), url_base, artifact),
            }
            if !tags.is_empty() {
                value(&mut object, "Tags", tags);
            }
            if let Some(reserved) = reserved_concurrent_executions {
                concurrency(object.member("Concurrency"), *reserved);
            }
        }
        Output::ListFunctions { functions, next_marker } => {
            value(&mut object, "Functions", functions);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::ListVersions { versions, next_marker } => {
            value(&mut object, "Versions", versions);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::ListProvisionedConcurrency { configs, next_marker } => {
            value(&mut object, "ProvisionedConcurrencyConfigs", configs);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::ListEventInvokeConfigs { configs, next_marker } => {
            value(&mut object, "FunctionEventInvokeConfigs", configs);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::ListAliases { aliases, next_marker } => {
            value(&mut object, "Aliases", aliases);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::FunctionConcurrency { reserved_concurrent_executions } => {
            if let Some(reserved) = reserved_concurrent_executions {
                object.number("ReservedConcurrentExecutions", (*reserved).into());
            }
        }
        Output::AccountSettings(settings) => account_settings(&mut object, settings),
        Output::ListEventSourceMappings { event_source_mappings, next_marker } => {
            value(&mut object, "EventSourceMappings", event_source_mappings);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::Tags(tags) => value(&mut object, "Tags", tags),
    }
    object.close();
    (success, out)
}

fn value(object: &mut Object<'_>, name: &str, value: &impl Serialize) {
    serde_json::to_writer(object.member(name), value).expect("plain values have a JSON form");
}

fn bytes_of(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain values have a JSON form")
}

fn code_location(out: &mut Vec<u8>, url_base: Option<&UrlBase>, artifact: &ArtifactDigest) {
    let mut object = Object::open(out);
    object.text("RepositoryType", "S3");
    object.text("Location", &format!("{}/_stackctl/code/{artifact}", UrlBase::origin(url_base)));
    object.close();
}

fn image_location(out: &mut Vec<u8>, image: &CodeImage) {
    let mut object = Object::open(out);
    object.text("RepositoryType", "ECR");
    object.text("ImageUri", &image.uri);
    object.text("ResolvedImageUri", &image.resolved_uri);
    object.close();
}

fn concurrency(out: &mut Vec<u8>, reserved: u32) {
    let mut object = Object::open(out);
    object.number("ReservedConcurrentExecutions", reserved.into());
    object.close();
}

fn account_settings(object: &mut Object<'_>, settings: &AccountSettings) {
    let mut limit = Object::open(object.member("AccountLimit"));
    limit.number("TotalCodeSize", TOTAL_CODE_SIZE_MAX_BYTES);
    limit.number("CodeSizeUnzipped", limits::CODE_UNZIPPED_MAX_BYTES);
    limit.number("CodeSizeZipped", limits::CODE_ZIP_MAX_BYTES as u64);
    limit.number("ConcurrentExecutions", settings.concurrent_executions.into());
    limit.number("UnreservedConcurrentExecutions", settings.unreserved_concurrent_executions.into());
    limit.close();
    let mut usage = Object::open(object.member("AccountUsage"));
    usage.number("TotalCodeSize", settings.total_code_size_bytes);
    usage.number("FunctionCount", settings.function_count);
    usage.close();
}
