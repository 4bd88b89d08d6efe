//! Requests to Lambda: path, query, headers and body into the engine's shapes.

use std::{borrow::Cow, collections::BTreeMap};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};

use super::{
    super::{
        Call, Caller, CodeCommand, CodeSource, Parsed, Protocol,
        constraints::{self, Given, Violations},
        json,
    },
    errors,
    invoke::{invoke, invoke_with_response_stream},
    layers,
    mappings::mapping,
    route::{Operation, Routed, Served, route},
};
use crate::{
    engine::{
        self,
        lambda::{
            Command, CreateFunction, FunctionRef, InvocationType, Invoke, LambdaError, LambdaErrorKind, ListFunctions,
            PackageType, RecursiveLoop,
        },
    },
    model::FunctionName,
};

pub(super) type Read<T> = Result<T, Refusal>;

/// A request with a package: 50 MB in Base64 and the rest, as AWS's own refusal has it.
const CODE_REQUEST_MAX_BYTES: usize = 70_167_211;
/// A package that is looked into for the constraints of what stands beside its bytes.
const CONSTRAINED_MAX_BYTES: usize = 1024 * 1024;

/// No registry has longer names.
const IMAGE_URI_MAX_BYTES: usize = 1024;

/// Why a request is not for the engine.
pub(super) enum Refusal {
    Error(LambdaError),
    /// A body or parameter that cannot be read; not an error of the service model.
    Serialization(String),
}

/// What is for the engine.
enum Asked {
    Command(Box<Command>),
    WithCode(CodeSource, CodeCommand),
}

pub(in crate::wire) fn parse(caller: &Caller<'_>, body: Bytes) -> Parsed {
    let head = caller.head;
    let query = head.uri.query().unwrap_or_default();
    let served = match route(head.method.as_str(), head.uri.path(), query) {
        Routed::Served(served) => served,
        Routed::Refused(name, why) => {
            let message = format!("`{name}` of Lambda is not served by this engine: {why}");
            return Parsed::Answered(errors::refuse("UnsupportedOperationException", &message, caller.request_id));
        }
        Routed::Unknown => {
            let message = format!("`{} {}` is no operation of Lambda", head.method, head.uri.path());
            return Parsed::Answered(errors::refuse("UnknownOperationException", &message, caller.request_id));
        }
    };
    if body.len() > CODE_REQUEST_MAX_BYTES {
        let message = format!(
            "Request must be smaller than {CODE_REQUEST_MAX_BYTES} bytes for the {:?} operation",
            served.operation
        );
        let error = LambdaError::new(LambdaErrorKind::RequestEntityTooLarge, message);
        return Parsed::Answered(errors::refusal(&error, caller.request_id));
    }
    if let Err(violations) = check(caller, &served, query, &body) {
        let error = LambdaError::new(LambdaErrorKind::Validation, violations.message());
        return Parsed::Answered(errors::refusal(&error, caller.request_id));
    }
    match asked(&served, &Query { query }, &head.headers, body) {
        Ok(asked) => accept(caller, &served, asked),
        Err(Refusal::Error(error)) => Parsed::Answered(errors::refusal(&error, caller.request_id)),
        Err(Refusal::Serialization(message)) => {
            Parsed::Answered(errors::refuse("SerializationException", &message, caller.request_id))
        }
    }
}

/// Checks a request against the service model. An invocation by a plain name, the hot path, has nothing to be checked that
/// is not looked at anyway.
fn check(caller: &Caller<'_>, served: &Served<'_>, query: &str, body: &[u8]) -> Result<(), Violations> {
    use Operation::{Invoke, InvokeAsync, InvokeWithResponseStream};
    let invokes = matches!(served.operation, Invoke | InvokeAsync | InvokeWithResponseStream);
    if invokes && query.is_empty() && FunctionName::parse(&served.label).is_ok() {
        return Ok(());
    }
    let body = if invokes { json!({ "InvokeArgs": true }) } else { members(body) };
    let labels = [served.label.as_ref(), served.second.as_ref(), served.third.as_ref()];
    let labels = &labels[..labels.iter().take_while(|label| !label.is_empty()).count()];
    let given = Given { labels, query, headers: None, body: &body, region: caller.scope.region.as_str() };
    constraints::check(&constraints::LAMBDA, &format!("{:?}", served.operation), given)
}

/// The members of a body. A package, which is under no constraint, stands as `true`; a body that cannot be read has none,
/// and is refused where it is read.
fn members(body: &[u8]) -> Value {
    let members: BTreeMap<String, &RawValue> = serde_json::from_slice(body).unwrap_or_default();
    let member = |name: &str, text: &str| match name {
        "Code" | "Content" | "ZipFile" if text.len() > CONSTRAINED_MAX_BYTES => Value::Bool(true),
        _ => serde_json::from_str(text).unwrap_or_default(),
    };
    Value::Object(members.into_iter().map(|(name, value)| (name.clone(), member(&name, value.get()))).collect())
}

fn accept(caller: &Caller<'_>, served: &Served<'_>, asked: Asked) -> Parsed {
    let scope = caller.scope.clone();
    let success = StatusCode::from_u16(served.success).unwrap_or(StatusCode::OK);
    let answers_with_urls = matches!(
        served.operation,
        Operation::GetFunction
            | Operation::PublishLayerVersion
            | Operation::GetLayerVersion
            | Operation::GetLayerVersionByArn
            | Operation::CreateFunctionUrlConfig
            | Operation::UpdateFunctionUrlConfig
            | Operation::GetFunctionUrlConfig
            | Operation::ListFunctionUrlConfigs
    );
    let url_base = answers_with_urls.then(|| caller.url_base(scope.account));
    let protocol = match served.operation {
        Operation::InvokeWithResponseStream => Protocol::LambdaStream,
        _ => Protocol::Lambda(success),
    };
    let call = Call { protocol, url_base };
    match asked {
        Asked::Command(command) => Parsed::Command { call, scope, command: engine::Command::Lambda(command) },
        Asked::WithCode(source, command) => Parsed::WithCode { call, scope, source, command },
    }
}

fn asked(served: &Served<'_>, query: &Query<'_>, headers: &HeaderMap, body: Bytes) -> Read<Asked> {
    let label = || served.label.clone().into_owned();
    let name = || FunctionRef { name: label(), qualifier: query.get("Qualifier") };
    Ok(Asked::Command(Box::new(match served.operation {
        Operation::Invoke => Command::Invoke(invoke(name(), headers, body)?),
        Operation::InvokeWithResponseStream => Command::Invoke(invoke_with_response_stream(name(), headers, body)?),
        Operation::GetFunction => Command::GetFunction { name: name() },
        Operation::GetFunctionConfiguration => Command::GetFunctionConfiguration { name: name() },
        Operation::ListFunctions => Command::ListFunctions(ListFunctions {
            master_region: query.get("MasterRegion"),
            function_version: query.get("FunctionVersion"),
            marker: query.get("Marker"),
            max_items: query.max_items()?,
        }),
        Operation::CreateFunction => {
            let source = read::<CodeMember>(&body)?.code.unwrap_or_default().source()?;
            let function: Box<CreateFunction> = read(&body)?;
            package_fits(&function, &source)?;
            return Ok(Asked::WithCode(source, CodeCommand::CreateFunction(function)));
        }
        Operation::UpdateFunctionCode => {
            let source = read::<Code>(&body)?.source()?;
            let update = CodeCommand::UpdateFunctionCode { name: name(), update: read(&body)? };
            return Ok(Asked::WithCode(source, update));
        }
        Operation::UpdateFunctionConfiguration => {
            Command::UpdateFunctionConfiguration { name: name(), update: read(&body)? }
        }
        Operation::DeleteFunction => Command::DeleteFunction { name: name() },
        Operation::PutFunctionConcurrency => {
            let ReservedConcurrency { reserved_concurrent_executions } = read(&body)?;
            Command::PutFunctionConcurrency { name: name(), reserved_concurrent_executions }
        }
        Operation::GetFunctionConcurrency => Command::GetFunctionConcurrency { name: name() },
        Operation::DeleteFunctionConcurrency => Command::DeleteFunctionConcurrency { name: name() },
        Operation::GetAccountSettings => Command::GetAccountSettings,
        Operation::CreateEventSourceMapping => Command::CreateEventSourceMapping(mapping(&body)?),
        Operation::GetEventSourceMapping => Command::GetEventSourceMapping { uuid: label() },
        Operation::ListEventSourceMappings => Command::ListEventSourceMappings {
            event_source_arn: query.get("EventSourceArn"),
            function_name: query.get("FunctionName"),
            marker: query.get("Marker"),
            max_items: query.max_items()?,
        },
        Operation::UpdateEventSourceMapping => {
            Command::UpdateEventSourceMapping { uuid: label(), update: mapping(&body)? }
        }
        Operation::DeleteEventSourceMapping => Command::DeleteEventSourceMapping { uuid: label() },
        Operation::TagResource => {
            let TagsMember { tags } = read(&body)?;
            Command::TagResource { arn: label(), tags: tags.unwrap_or_default() }
        }
        Operation::UntagResource => Command::UntagResource { arn: label(), tag_keys: query.all("tagKeys") },
        Operation::ListTags => Command::ListTags { arn: label() },
        Operation::PublishLayerVersion => {
            let source = read::<ContentMember>(&body)?.content.unwrap_or_default().source()?;
            let publish = CodeCommand::PublishLayerVersion { layer: label(), publish: read(&body)? };
            return Ok(Asked::WithCode(source, publish));
        }
        operation if operation.is_of_layers() => Command::Layer(layers::read(served, query, &body)?),
        Operation::InvokeAsync => {
            let invoke = invoke(name(), headers, body)?;
            Command::Invoke(Invoke { invocation_type: InvocationType::Event, ..invoke })
        }
        _ => of_attached(served, query, &body)?,
    })))
}

/// The operations on what is attached to a function.
fn of_attached(served: &Served<'_>, query: &Query<'_>, body: &[u8]) -> Read<Command> {
    let (label, second) = (served.label.clone().into_owned(), served.second.clone().into_owned());
    let name = || FunctionRef { name: label.clone(), qualifier: query.get("Qualifier") };
    Ok(match served.operation {
        Operation::AddPermission => Command::AddPermission { name: name(), permission: Box::new(read(body)?) },
        Operation::RemovePermission => {
            Command::RemovePermission { name: name(), statement_id: second, revision_id: query.get("RevisionId") }
        }
        Operation::GetPolicy => Command::GetPolicy { name: name() },
        Operation::CreateCodeSigningConfig => Command::CreateCodeSigningConfig(read(body)?),
        Operation::GetCodeSigningConfig => Command::GetCodeSigningConfig { arn: label },
        Operation::UpdateCodeSigningConfig => Command::UpdateCodeSigningConfig { arn: label, update: read(body)? },
        Operation::DeleteCodeSigningConfig => Command::DeleteCodeSigningConfig { arn: label },
        Operation::ListCodeSigningConfigs => {
            Command::ListCodeSigningConfigs { marker: query.get("Marker"), max_items: query.max_items()? }
        }
        Operation::ListFunctionsByCodeSigningConfig => Command::ListFunctionsByCodeSigningConfig {
            arn: label,
            marker: query.get("Marker"),
            max_items: query.max_items()?,
        },
        Operation::PutFunctionCodeSigningConfig => {
            let CodeSigningMember { code_signing_config_arn } = read(body)?;
            Command::PutFunctionCodeSigningConfig { name: name(), arn: code_signing_config_arn }
        }
        Operation::GetFunctionCodeSigningConfig => Command::GetFunctionCodeSigningConfig { name: name() },
        Operation::DeleteFunctionCodeSigningConfig => Command::DeleteFunctionCodeSigningConfig { name: name() },
        Operation::PutRuntimeManagementConfig => {
            Command::PutRuntimeManagementConfig { name: name(), config: read(body)? }
        }
        Operation::GetRuntimeManagementConfig => Command::GetRuntimeManagementConfig { name: name() },
        Operation::PutFunctionScalingConfig => Command::PutFunctionScalingConfig { name: name() },
        Operation::GetFunctionScalingConfig => Command::GetFunctionScalingConfig { name: name() },
        _ => of_versions(served, query, body)?,
    })
}

/// The operations on versions and aliases, and on what is set for one of them.
fn of_versions(served: &Served<'_>, query: &Query<'_>, body: &[u8]) -> Read<Command> {
    let second = || served.second.clone().into_owned();
    let name = || FunctionRef { name: served.label.clone().into_owned(), qualifier: query.get("Qualifier") };
    Ok(match served.operation {
        Operation::PublishVersion => Command::PublishVersion { name: name(), publish: read(body)? },
        Operation::ListVersionsByFunction => {
            Command::ListVersionsByFunction { name: name(), marker: query.get("Marker"), max_items: query.max_items()? }
        }
        Operation::CreateAlias => Command::CreateAlias { name: name(), create: read(body)? },
        Operation::GetAlias => Command::GetAlias { name: name(), alias: second() },
        Operation::UpdateAlias => Command::UpdateAlias { name: name(), alias: second(), update: read(body)? },
        Operation::DeleteAlias => Command::DeleteAlias { name: name(), alias: second() },
        Operation::ListAliases => Command::ListAliases {
            name: name(),
            function_version: query.get("FunctionVersion"),
            marker: query.get("Marker"),
            max_items: query.max_items()?,
        },
        Operation::PutProvisionedConcurrencyConfig => {
            let ProvisionedConcurrency { provisioned_concurrent_executions } = read(body)?;
            Command::PutProvisionedConcurrencyConfig { name: name(), provisioned_concurrent_executions }
        }
        Operation::GetProvisionedConcurrencyConfig => Command::GetProvisionedConcurrencyConfig { name: name() },
        Operation::DeleteProvisionedConcurrencyConfig => Command::DeleteProvisionedConcurrencyConfig { name: name() },
        Operation::ListProvisionedConcurrencyConfigs => Command::ListProvisionedConcurrencyConfigs {
            name: name(),
            marker: query.get("Marker"),
            max_items: query.max_items()?,
        },
        Operation::PutFunctionEventInvokeConfig => {
            Command::PutFunctionEventInvokeConfig { name: name(), config: read(body)? }
        }
        Operation::UpdateFunctionEventInvokeConfig => {
            Command::UpdateFunctionEventInvokeConfig { name: name(), config: read(body)? }
        }
        Operation::GetFunctionEventInvokeConfig => Command::GetFunctionEventInvokeConfig { name: name() },
        Operation::DeleteFunctionEventInvokeConfig => Command::DeleteFunctionEventInvokeConfig { name: name() },
        Operation::ListFunctionEventInvokeConfigs => Command::ListFunctionEventInvokeConfigs {
            name: name(),
            marker: query.get("Marker"),
            max_items: query.max_items()?,
        },
        _ => return of_urls(served, query, body),
    })
}

/// The operations on function URLs, and on recursive loops.
fn of_urls(served: &Served<'_>, query: &Query<'_>, body: &[u8]) -> Read<Command> {
    let name = FunctionRef { name: served.label.clone().into_owned(), qualifier: query.get("Qualifier") };
    Ok(match served.operation {
        Operation::CreateFunctionUrlConfig => Command::CreateFunctionUrlConfig { name, config: read(body)? },
        Operation::UpdateFunctionUrlConfig => Command::UpdateFunctionUrlConfig { name, config: read(body)? },
        Operation::GetFunctionUrlConfig => Command::GetFunctionUrlConfig { name },
        Operation::DeleteFunctionUrlConfig => Command::DeleteFunctionUrlConfig { name },
        Operation::PutFunctionRecursionConfig => {
            let RecursionConfig { recursive_loop } = read(body)?;
            Command::PutFunctionRecursionConfig { name, recursive_loop }
        }
        Operation::GetFunctionRecursionConfig => Command::GetFunctionRecursionConfig { name },
        Operation::ListFunctionUrlConfigs => {
            Command::ListFunctionUrlConfigs { name, marker: query.get("Marker"), max_items: query.max_items()? }
        }
        other => return Err(Refusal::Serialization(format!("`{other:?}` is read elsewhere"))),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RecursionConfig {
    recursive_loop: RecursiveLoop,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReservedConcurrency {
    reserved_concurrent_executions: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProvisionedConcurrency {
    provisioned_concurrent_executions: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CodeSigningMember {
    code_signing_config_arn: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct TagsMember {
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CodeMember {
    code: Option<Code>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContentMember {
    content: Option<Code>,
}

/// `FunctionCode`, which `UpdateFunctionCode` has among its own members.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Code {
    zip_file: Option<String>,
    #[serde(rename = "S3Bucket")]
    s3_bucket: Option<String>,
    #[serde(rename = "S3Key")]
    s3_key: Option<String>,
    #[serde(rename = "S3ObjectVersion")]
    s3_object_version: Option<String>,
    image_uri: Option<String>,
    #[serde(rename = "SourceKMSKeyArn")]
    source_kms_key_arn: Option<String>,
}

impl Code {
    fn source(self) -> Read<CodeSource> {
        if let Some(uri) = self.image_uri {
            if self.zip_file.is_some() || self.s3_bucket.is_some() || self.s3_key.is_some() {
                let message = "Please do not provide other FunctionCode parameters when providing an ImageUri.";
                return Err(invalid(message));
            }
            if !is_image_name(&uri) {
                return Err(invalid(&format!("Source image {uri} is not valid. Provide a valid source image.")));
            }
            return Ok(CodeSource::Image { uri });
        }
        if self.s3_object_version.is_some() {
            return Err(invalid("`S3ObjectVersion`: this engine's store has no versions; leave it out"));
        }
        if self.source_kms_key_arn.is_some() {
            return Err(invalid("`SourceKMSKeyArn`: this engine encrypts no code; leave it out"));
        }
        match (self.zip_file, self.s3_bucket, self.s3_key) {
            (Some(zip), None, None) => Ok(CodeSource::Zip(decoded_zip(&zip)?)),
            (None, Some(bucket), Some(key)) => Ok(CodeSource::Stored { bucket, key }),
            (None, None, None) => Err(invalid("Please provide a source for function code.")),
            (None, _, _) => Err(invalid("`S3Bucket` and `S3Key` come together; give both")),
            (Some(_), _, _) => {
                Err(invalid("Please do not provide other FunctionCode parameters when providing a ZipFile."))
            }
        }
    }
}

/// Said before the image is looked for.
fn package_fits(function: &CreateFunction, source: &CodeSource) -> Read<()> {
    let is_image = function.package_type == PackageType::Image;
    match source {
        CodeSource::Image { .. } if !is_image && (function.runtime.is_none() || function.handler.is_none()) => {
            Err(invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages."))
        }
        CodeSource::Image { .. } if !is_image => Err(invalid("Please provide a source for function code.")),
        _ => Ok(()),
    }
}

/// Whether it can name an image at all, by its characters.
fn is_image_name(uri: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    uri.starts_with(|first: char| first.is_ascii_alphanumeric())
        && uri.len() <= IMAGE_URI_MAX_BYTES
        && uri.bytes().all(legal)
}

fn decoded_zip(text: &str) -> Read<Bytes> {
    let decoded = base64::engine::general_purpose::STANDARD.decode(text);
    decoded.map(Bytes::from).map_err(|error| Refusal::Serialization(format!("`ZipFile` is not Base64: {error}")))
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Read<T> {
    json::read(body).map_err(|error| Refusal::Serialization(format!("the body cannot be read: {error}")))
}

pub(super) fn invalid(message: &str) -> Refusal {
    Refusal::Error(LambdaError::new(LambdaErrorKind::InvalidParameterValue, message))
}

fn validation(value: &str, member: &str, constraint: &str) -> Refusal {
    let message = format!(
        "1 validation error detected: Value {value} at '{member}' failed to satisfy constraint: Member {constraint}"
    );
    Refusal::Error(LambdaError::new(LambdaErrorKind::Validation, message))
}

pub(super) fn not_in_set(member: &str, value: &str, set: &str) -> Refusal {
    validation(&format!("'{value}'"), member, &format!("must satisfy enum value set: {set}"))
}

/// The query of a request, still encoded.
pub(super) struct Query<'a> {
    query: &'a str,
}

impl Query<'_> {
    fn all(&self, name: &str) -> Vec<String> {
        let pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| Cow::into_owned(value))
    }

    pub(super) fn max_items(&self) -> Read<Option<u32>> {
        let Some(text) = self.get("MaxItems") else { return Ok(None) };
        match text.parse() {
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(Refusal::Serialization(format!("`MaxItems` is a number, and `{text}` is not"))),
        }
    }
}
