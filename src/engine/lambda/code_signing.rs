//! Code signing configurations (Lambda developer guide, "Using code signing to verify code integrity with Lambda").
//!
//! No package that reaches the engine is signed, so a configuration that enforces signatures refuses each deployment, as
//! AWS does; one that warns lets all pass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    CodeSigningConfig, CodeSigningPolicies, Command, CreateCodeSigningConfig, FunctionCodeSigningConfig, FunctionRef,
    Lambda, LambdaError, LambdaErrorKind, LambdaRecord, Response, UpdateCodeSigningConfig,
    configuration::last_modified,
    page::Page,
    validate::{self, invalid},
};
use crate::{
    engine::Cx,
    model::{Scope, Timestamp},
};

/// Configurations of an account and region.
const CONFIGS_MAX: usize = 1_000;
const ID_PREFIX: &str = "csc-";
const ID_DIGITS: usize = 17;
const ARN_PART: &str = ":code-signing-config:";
const WARN: &str = "Warn";
const ENFORCE: &str = "Enforce";

/// Sets or removes a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeSigningRecord {
    pub id: String,
    /// `None` removes it.
    pub config: Option<Box<StoredCodeSigningConfig>>,
}

/// A configuration, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCodeSigningConfig {
    pub description: Option<String>,
    pub signing_profile_version_arns: Vec<String>,
    /// Whether unsigned code is refused, and not only warned about.
    pub enforces: bool,
    pub last_modified: Timestamp,
    pub tags: BTreeMap<String, String>,
}

/// The configurations of one account and region, by id.
#[derive(Debug, Default)]
pub(super) struct CodeSigning {
    by_id: BTreeMap<String, StoredCodeSigningConfig>,
}

/// Whether an ARN is a configuration's.
pub(super) fn is_arn(arn: &str) -> bool {
    arn.contains(ARN_PART)
}

impl CodeSigning {
    /// The id in an ARN of an existing configuration.
    fn id<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let (_, id) = arn.split_once(ARN_PART)?;
        self.by_id.contains_key(id).then_some(id)
    }

    fn get(&self, arn: &str) -> Option<(&str, &StoredCodeSigningConfig)> {
        let (_, id) = arn.split_once(ARN_PART)?;
        self.by_id.get_key_value(id).map(|(id, config)| (id.as_str(), config))
    }

    pub(super) fn restore(&mut self, record: CodeSigningRecord) {
        if let Some(config) = record.config {
            self.by_id.insert(record.id, *config);
        }
    }
}

impl StoredCodeSigningConfig {
    fn shown(&self, scope: &Scope, id: &str) -> CodeSigningConfig {
        CodeSigningConfig {
            code_signing_config_id: id.to_owned(),
            code_signing_config_arn: arn(scope, id),
            description: self.description.clone(),
            allowed_publishers: super::AllowedPublishers {
                signing_profile_version_arns: self.signing_profile_version_arns.clone(),
            },
            code_signing_policies: CodeSigningPolicies {
                untrusted_artifact_on_deployment: Some(if self.enforces { ENFORCE } else { WARN }.to_owned()),
            },
            last_modified: last_modified(self.last_modified),
        }
    }
}

/// The operations.
impl Lambda {
    pub(super) fn code_signing_request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, LambdaError> {
        match command {
            Command::CreateCodeSigningConfig(request) => self.create_code_signing(cx, request),
            Command::GetCodeSigningConfig { arn } => {
                let (id, config) = self.code_signing.get(&arn).ok_or_else(|| not_found(&arn))?;
                Ok(Response::CodeSigningConfig(Box::new(config.shown(&self.scope, id))))
            }
            Command::UpdateCodeSigningConfig { arn, update } => self.update_code_signing(cx, &arn, update),
            Command::DeleteCodeSigningConfig { arn } => self.delete_code_signing(cx, &arn),
            Command::ListCodeSigningConfigs { marker, max_items } => {
                let after = (std::ops::Bound::Excluded(marker.unwrap_or_default()), std::ops::Bound::Unbounded);
                let page = Page::of(self.code_signing.by_id.range(after), max_items, |(id, _)| (*id).clone());
                let configs = page.items.iter().map(|(id, config)| config.shown(&self.scope, id)).collect();
                Ok(Response::ListCodeSigningConfigs { configs, next_marker: page.next_marker })
            }
            Command::ListFunctionsByCodeSigningConfig { arn, marker, max_items } => {
                self.code_signing.get(&arn).ok_or_else(|| not_found(&arn))?;
                let after = marker.as_deref().unwrap_or_default();
                let signed = self.functions_signed_by(&arn).filter(|function| function.name() > after);
                let page = Page::of(signed, max_items, |function| function.name().to_owned());
                let arns = page.items.iter().map(|function| function.arn.to_string()).collect();
                Ok(Response::FunctionArns { arns, next_marker: page.next_marker })
            }
            Command::PutFunctionCodeSigningConfig { name, arn } => {
                self.code_signing.get(&arn).ok_or_else(|| missing(&arn))?;
                let (_, function) = self.whole_function(&name, OF_QUALIFIED)?;
                function.attached.code_signing_config = Some(arn);
                function.record(cx);
                Ok(self.shown_code_signing(&name))
            }
            Command::GetFunctionCodeSigningConfig { name } => {
                self.whole_function(&name, OF_QUALIFIED)?;
                Ok(self.shown_code_signing(&name))
            }
            Command::DeleteFunctionCodeSigningConfig { name } => {
                let (_, function) = self.whole_function(&name, OF_QUALIFIED)?;
                function.attached.code_signing_config = None;
                function.record(cx);
                Ok(Response::Done)
            }
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about code signing")),
        }
    }

    fn create_code_signing(
        &mut self,
        cx: &mut Cx<'_>,
        request: CreateCodeSigningConfig,
    ) -> Result<Response, LambdaError> {
        validate::tags(&request.tags)?;
        if self.code_signing.by_id.len() >= CONFIGS_MAX {
            return Err(invalid(format!(
                "There are {CONFIGS_MAX} code signing configurations already: delete one first"
            )));
        }
        let id = format!("{ID_PREFIX}{}", cx.ids.hex(ID_DIGITS));
        let config = StoredCodeSigningConfig {
            description: request.description,
            signing_profile_version_arns: request.allowed_publishers.signing_profile_version_arns,
            enforces: enforces(request.code_signing_policies.as_ref()).unwrap_or(false),
            last_modified: cx.now,
            tags: request.tags,
        };
        Ok(self.set_code_signing(cx, id, config))
    }

    fn update_code_signing(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        update: UpdateCodeSigningConfig,
    ) -> Result<Response, LambdaError> {
        let (id, config) = self.code_signing.get(arn).ok_or_else(|| not_found(arn))?;
        let (id, mut config) = (id.to_owned(), config.clone());
        config.description = update.description.or(config.description);
        if let Some(publishers) = update.allowed_publishers {
            config.signing_profile_version_arns = publishers.signing_profile_version_arns;
        }
        config.enforces = enforces(update.code_signing_policies.as_ref()).unwrap_or(config.enforces);
        config.last_modified = cx.now;
        Ok(self.set_code_signing(cx, id, config))
    }

    fn delete_code_signing(&mut self, cx: &mut Cx<'_>, arn: &str) -> Result<Response, LambdaError> {
        let id = self.code_signing.id(arn).ok_or_else(|| not_found(arn))?.to_owned();
        if let Some(function) = self.functions_signed_by(arn).next() {
            let message = format!(
                "The code signing configuration {arn} is attached to the function {}. Please remove it from all functions \
                 first.",
                function.name()
            );
            return Err(LambdaError::new(LambdaErrorKind::ResourceConflict, message));
        }
        self.code_signing.by_id.remove(&id);
        cx.record(LambdaRecord::CodeSigning(CodeSigningRecord { id, config: None }));
        Ok(Response::Done)
    }

    fn set_code_signing(&mut self, cx: &mut Cx<'_>, id: String, config: StoredCodeSigningConfig) -> Response {
        let shown = config.shown(&self.scope, &id);
        cx.record(LambdaRecord::CodeSigning(CodeSigningRecord {
            id: id.clone(),
            config: Some(Box::new(config.clone())),
        }));
        self.code_signing.by_id.insert(id, config);
        Response::CodeSigningConfig(Box::new(shown))
    }

    /// Changes or shows the tags of a configuration.
    pub(super) fn code_signing_tags(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, LambdaError> {
        let (arn, tags, removed) = match command {
            Command::TagResource { arn, tags } => (arn, tags, Vec::new()),
            Command::UntagResource { arn, tag_keys } => (arn, BTreeMap::new(), tag_keys),
            Command::ListTags { arn } => {
                let (_, config) = self.code_signing.get(&arn).ok_or_else(|| not_found(&arn))?;
                return Ok(Response::Tags(config.tags.clone()));
            }
            _ => return Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about tags")),
        };
        let (id, config) = self.code_signing.get(&arn).ok_or_else(|| not_found(&arn))?;
        let (id, mut config) = (id.to_owned(), config.clone());
        config.tags.extend(tags);
        config.tags.retain(|key, _| !removed.contains(key));
        validate::tags(&config.tags)?;
        self.set_code_signing(cx, id, config);
        Ok(Response::Done)
    }

    /// Whether code that nobody signed may be deployed under that configuration.
    ///
    /// # Errors
    /// AWS's, when there is no such configuration, or when it enforces signatures.
    pub(super) fn check_unsigned(&self, arn: Option<&str>) -> Result<(), LambdaError> {
        let Some(arn) = arn.filter(|arn| !arn.is_empty()) else { return Ok(()) };
        let (_, config) = self.code_signing.get(arn).ok_or_else(|| missing(arn))?;
        if config.enforces { Err(LambdaError::new(LambdaErrorKind::CodeVerificationFailed, UNSIGNED)) } else { Ok(()) }
    }

    fn functions_signed_by(&self, arn: &str) -> impl Iterator<Item = &super::functions::Function> {
        self.functions.iter().filter(move |function| function.attached.code_signing_config.as_deref() == Some(arn))
    }

    fn shown_code_signing(&mut self, name: &FunctionRef) -> Response {
        let function = self.whole_function(name, OF_QUALIFIED).ok().map(|(_, function)| function);
        Response::FunctionCodeSigningConfig(function.and_then(|function| {
            let code_signing_config_arn = function.attached.code_signing_config.clone()?;
            Some(FunctionCodeSigningConfig { code_signing_config_arn, function_name: function.name().to_owned() })
        }))
    }
}

const OF_QUALIFIED: &str = "Code signing belongs to a function as a whole. Please specify either a function name or an \
     unqualified function ARN.";
const UNSIGNED: &str = "The code signature failed one or more of the validation checks for signature mismatch or expiry, and \
     the code signing policy is set to ENFORCE. Lambda blocks the deployment.";

fn arn(scope: &Scope, id: &str) -> String {
    format!("arn:aws:lambda:{}:{}{ARN_PART}{id}", scope.region, scope.account)
}

fn enforces(policies: Option<&CodeSigningPolicies>) -> Option<bool> {
    policies?.untrusted_artifact_on_deployment.as_deref().map(|policy| policy == ENFORCE)
}

fn not_found(arn: &str) -> LambdaError {
    let message = format!("The Lambda code signing configuration {arn} can not be found.");
    LambdaError::new(LambdaErrorKind::ResourceNotFound, message)
}

/// Of one that is to be attached.
fn missing(arn: &str) -> LambdaError {
    let message = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {arn}."
    );
    LambdaError::new(LambdaErrorKind::CodeSigningConfigNotFound, message)
}
