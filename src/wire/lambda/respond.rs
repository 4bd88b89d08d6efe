//! Lambda's answers: JSON by serde, and for invocations the payload as it is, with what else there is in headers.

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::{
    super::{UrlBase, eventstream, function_url, json::Object, response},
    errors,
};
use crate::{
    engine::{
        CodeImage, Error, Reply, Response as EngineResponse, StreamEnd,
        lambda::{
            AccountSettings, FunctionUrl, GetLayerVersionResponse, InvokeOutcome, LambdaError, LambdaErrorKind,
            LayerResponse, Response as Output, StreamBegun,
        },
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
        Ok(EngineResponse::Lambda(Output::Accepted { request_id })) => {
            response::new(StatusCode::ACCEPTED, response::JSON, Vec::new(), &request_id)
        }
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

/// The answer of `InvokeWithResponseStream` when it comes whole: from a runtime that does not stream, or a refusal.
pub(in crate::wire) fn respond_stream(reply: Reply, request_id: &str) -> Response<Bytes> {
    let Ok(EngineResponse::Lambda(Output::Invoked(outcome))) = reply else {
        return respond(StatusCode::NO_CONTENT, None, reply, request_id);
    };
    let error = outcome.function_error.map(|_| outcome.payload.clone());
    let mut body = Vec::with_capacity(outcome.payload.len() + 512);
    if error.is_none() && !outcome.payload.is_empty() {
        body.extend_from_slice(&eventstream::payload_chunk(&outcome.payload));
    }
    body.extend_from_slice(&eventstream::invoke_complete(&StreamEnd { error, log_tail: outcome.log_tail }));
    stream_head(&outcome.request_id, &outcome.executed_version).map(|()| Bytes::from(body))
}

/// The head of an answer that comes piece by piece.
pub(in crate::wire) fn begin_stream(begun: &StreamBegun) -> Response<()> {
    stream_head(&begun.request_id, &begun.executed_version)
}

fn stream_head(request_id: &str, executed_version: &str) -> Response<()> {
    let content_type = HeaderValue::from_static(eventstream::CONTENT_TYPE);
    let mut response = response::new(StatusCode::OK, content_type, Bytes::new(), request_id).map(drop);
    if let Ok(version) = HeaderValue::from_str(executed_version) {
        response.headers_mut().insert(EXECUTED_VERSION, version);
    }
    response
}

/// The invocation's own id is the response's, as that of an accepted one: it is the one in the function's log.
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

#[expect(clippy::too_many_lines, reason = "a table: an arm for each")]
fn output_bytes(success: StatusCode, url_base: Option<&UrlBase>, output: &Output) -> (StatusCode, Vec<u8>) {
    let mut out = Vec::with_capacity(1024);
    let mut object = Object::open(&mut out);
    match output {
        Output::Done | Output::Accepted { .. } | Output::DryRun | Output::Invoked(_) | Output::StreamBegun(_) => {
            let status = match output {
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
        Output::Layer(LayerResponse::Version(version)) => return (success, layer_version(url_base, version)),
        Output::Layer(layer) => of_layers(&mut object, layer),
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
        Output::FunctionUrl(url) => function_url(&mut object, url_base, url),
        Output::ListFunctionUrls { urls, next_marker } => {
            function_urls(&mut object, url_base, urls);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::RecursionConfig { allows_loops } => {
            object.text("RecursiveLoop", if *allows_loops { "Allow" } else { "Terminate" });
        }
        Output::Tags(tags) => value(&mut object, "Tags", tags),
        Output::CodeSigningConfig(config) => value(&mut object, "CodeSigningConfig", config),
        Output::FunctionCodeSigningConfig(Some(config)) => return (success, bytes_of(config)),
        Output::RuntimeManagementConfig(config) => return (success, bytes_of(config)),
        other => attached(&mut object, other),
    }
    object.close();
    (success, out)
}

/// What is attached to a function, and lists of it.
fn attached(object: &mut Object<'_>, output: &Output) {
    match output {
        Output::Statement(statement) => object.text("Statement", statement),
        Output::Policy { policy, revision_id } => {
            object.text("Policy", policy);
            object.text("RevisionId", revision_id);
        }
        Output::ListCodeSigningConfigs { configs, next_marker } => {
            value(object, "CodeSigningConfigs", configs);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::FunctionArns { arns, next_marker } => {
            value(object, "FunctionArns", arns);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        Output::FunctionScalingConfig { function_arn } => object.text("FunctionArn", function_arn),
        // A function without a code signing configuration has nothing to say of it.
        _ => {}
    }
}

fn layer_version(url_base: Option<&UrlBase>, response: &GetLayerVersionResponse) -> Vec<u8> {
    let mut shown = serde_json::to_value(&response.version).expect("plain values have a JSON form");
    let content = &response.content;
    shown["LayerArn"] = json!(response.layer_arn);
    shown["Content"] = json!({
        "Location": location(url_base, &content.artifact),
        "CodeSha256": content.code_sha256,
        "CodeSize": content.code_size,
    });
    bytes_of(&shown)
}

fn of_layers(object: &mut Object<'_>, response: &LayerResponse) {
    match response {
        LayerResponse::Version(_) => {}
        LayerResponse::List { layers, next_marker } => {
            value(object, "Layers", layers);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        LayerResponse::ListVersions { layer_versions, next_marker } => {
            value(object, "LayerVersions", layer_versions);
            object.optional_text("NextMarker", next_marker.as_deref());
        }
        LayerResponse::PermissionAdded { statement, revision_id } => {
            object.text("Statement", statement);
            object.text("RevisionId", revision_id);
        }
        LayerResponse::Policy { policy, revision_id } => {
            object.text("Policy", policy);
            object.text("RevisionId", revision_id);
        }
    }
}

fn location(url_base: Option<&UrlBase>, artifact: &ArtifactDigest) -> String {
    format!("{}/_stackctl/code/{artifact}", UrlBase::origin(url_base))
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
    object.text("Location", &location(url_base, artifact));
    object.close();
}

fn image_location(out: &mut Vec<u8>, image: &CodeImage) {
    let mut object = Object::open(out);
    object.text("RepositoryType", "ECR");
    object.text("ImageUri", &image.uri);
    object.text("ResolvedImageUri", &image.resolved_uri);
    object.close();
}

fn function_urls(object: &mut Object<'_>, url_base: Option<&UrlBase>, urls: &[FunctionUrl]) {
    object.list("FunctionUrlConfigs", urls, |out, url| {
        let mut object = Object::open(out);
        function_url(&mut object, url_base, url);
        object.close();
    });
}

fn function_url(object: &mut Object<'_>, url_base: Option<&UrlBase>, url: &FunctionUrl) {
    object.text("FunctionUrl", &function_url::address(&UrlBase::origin(url_base), &url.id));
    object.text("FunctionArn", &url.function_arn);
    value(object, "AuthType", &url.auth_type);
    if let Some(cors) = &url.cors {
        value(object, "Cors", cors);
    }
    object.text("CreationTime", &url.creation_time);
    object.text("LastModifiedTime", &url.last_modified_time);
    value(object, "InvokeMode", &url.invoke_mode);
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
