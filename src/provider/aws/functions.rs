//! Which functions are on an endpoint, and what of them is the stack's.

use std::collections::BTreeMap;

use aws_sdk_lambda::{
    operation::get_function::GetFunctionOutput,
    types::{
        Architecture as LambdaArchitecture, FunctionConfiguration, ImageConfig as LambdaImageConfig, LastUpdateStatus,
        LogFormat as LambdaLogFormat, PackageType, State,
    },
};

use super::{AwsProvider, error::About, owned::Owned, side_by_side::side_by_side};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::{FunctionName, StackName},
    stack::{
        Address, Architecture, Desired, Foreign, ForeignResource, ImageConfig, LogFormat, Observed, ObservedFunction,
        ObservedMapping, Provisioned, Readiness, TAG_STACK, Variables,
    },
};

/// What was found, not yet told apart.
#[derive(Debug)]
pub(super) struct FoundFunctions {
    stack: StackName,
    wanted: BTreeMap<FunctionName, String>,
    functions: Vec<(FunctionName, ObservedFunction)>,
}

impl FoundFunctions {
    /// `mappings` are those of all functions: a mapping is whose its function is.
    pub(super) fn sort_into(self, mappings: Vec<(String, ObservedMapping)>, observed: &mut Observed) {
        let mut by_function: BTreeMap<FunctionName, BTreeMap<String, ObservedMapping>> = BTreeMap::new();
        for (uuid, mapping) in mappings {
            by_function.entry(mapping.function.clone()).or_default().insert(uuid, mapping);
        }
        for (name, function) in self.functions {
            let mappings = by_function.remove(&name).unwrap_or_default();
            let owner = function.tags.get(TAG_STACK);
            if owner.is_some_and(|owner| owner == self.stack.as_str()) {
                observed.functions.insert(name, function);
                observed.mappings.extend(mappings);
            } else if let Some(key) = self.wanted.get(&name).cloned() {
                let (arn, owner) = (function.arn.clone(), owner.cloned());
                let resource = Some(ForeignResource::Function(name, Box::new(function), mappings));
                observed.foreign.insert(Address::Function(key), Foreign { arn, owner, resource });
            }
        }
        // A mapping outlives its function, and goes on when there is one of that name again.
        let outliving = by_function.into_iter().filter(|(name, _)| self.wanted.contains_key(name));
        observed.mappings.extend(outliving.flat_map(|(_, mappings)| mappings));
    }
}

impl AwsProvider {
    /// Reads every function, or those that may be the stack's: one call gives configuration, tags, concurrency and state, which a list leaves out.
    pub(super) async fn observe_functions(
        &self,
        desired: &Desired,
        owned: Option<&Owned>,
    ) -> Result<FoundFunctions, ProviderError> {
        let names = match owned {
            Some(owned) => owned.functions.iter().cloned().collect(),
            None => self.function_names().await?,
        };
        let functions = self.functions_named(desired, names).await?.into_iter().collect();
        let wanted = desired.functions.iter().map(|(key, function)| (function.name.clone(), key.clone())).collect();
        Ok(FoundFunctions { stack: desired.name.clone(), wanted, functions })
    }

    /// Those of them that exist.
    pub(super) async fn functions_named(
        &self,
        desired: &Desired,
        names: Vec<FunctionName>,
    ) -> Result<BTreeMap<FunctionName, ObservedFunction>, ProviderError> {
        let functions = side_by_side(names, |name| {
            let provider = self.clone();
            let stack = desired.name.clone();
            let wanted = desired.functions.values().find(|function| function.name == name);
            let is_tracked = wanted
                .is_some_and(|wanted| matches!(wanted.provisioned_concurrency, Some(Provisioned::Tracked { .. })));
            let is_wanted = wanted.is_some();
            async move { provider.observe_function(name, &stack, is_wanted, is_tracked).await }
        });
        Ok(functions.await?.into_iter().flatten().collect())
    }

    async fn function_names(&self) -> Result<Vec<FunctionName>, ProviderError> {
        let about = About { operation: "ListFunctions", resource: "all functions" };
        let mut pages = self.lambda.list_functions().into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let functions = page.map_err(|error| about.failed(&error))?.functions.unwrap_or_default();
            names.extend(functions.iter().filter_map(|function| FunctionName::parse(function.function_name()?).ok()));
        }
        Ok(names)
    }

    /// `None` for a function that has gone since it was listed.
    async fn observe_function(
        &self,
        name: FunctionName,
        stack: &StackName,
        is_wanted: bool,
        is_tracked: bool,
    ) -> Result<Option<(FunctionName, ObservedFunction)>, ProviderError> {
        let _turn = self.observing.acquire().await;
        let about = About { operation: "GetFunction", resource: name.as_str() };
        let output = Box::pin(self.lambda.get_function().function_name(name.as_str()).send()).await;
        match output.map_err(|error| about.failed(&error)) {
            Ok(output) => {
                let Some(mut function) = observed(output) else { return Ok(None) };
                if is_wanted || function.tags.get(TAG_STACK).is_some_and(|owner| owner == stack.as_str()) {
                    self.observe_live(&name, &mut function, is_tracked).await?;
                    self.observe_url(&name, &mut function).await?;
                }
                Ok(Some((name, function)))
            }
            Err(error) if error.kind == ErrorKind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }
}

pub(super) fn observed(output: GetFunctionOutput) -> Option<ObservedFunction> {
    let found = output.configuration?;
    let environment = found.environment().and_then(|environment| environment.variables()).cloned();
    Some(ObservedFunction {
        arn: found.function_arn()?.to_owned(),
        runtime: found.runtime().map_or_else(String::new, |runtime| runtime.as_str().to_owned()),
        handler: text(found.handler()),
        is_image: found.package_type() == Some(&PackageType::Image),
        image_config: found
            .image_config_response()
            .and_then(|response| response.image_config())
            .map(image_config)
            .unwrap_or_default(),
        description: text(found.description()),
        role: text(found.role()),
        memory_mb: whole(found.memory_size()),
        timeout_s: whole(found.timeout()),
        ephemeral_storage_mb: found.ephemeral_storage().map_or(512, |storage| whole(Some(storage.size()))),
        architecture: match found.architectures().first() {
            Some(LambdaArchitecture::Arm64) => Architecture::Arm64,
            _ => Architecture::X86_64,
        },
        log_format: match found.logging_config().and_then(|logging| logging.log_format()) {
            Some(LambdaLogFormat::Json) => LogFormat::Json,
            _ => LogFormat::Text,
        },
        environment: Variables(environment.into_iter().flatten().collect()),
        layers: found.layers().iter().filter_map(|layer| layer.arn().map(str::to_owned)).collect(),
        code_sha256: text(found.code_sha256()),
        readiness: readiness(&found),
        tags: output.tags.into_iter().flatten().collect(),
        live: None,
        url: None,
        reserved_concurrency: output
            .concurrency
            .and_then(|found| found.reserved_concurrent_executions)
            .map(|n| whole(Some(n))),
    })
}

fn image_config(found: &LambdaImageConfig) -> ImageConfig {
    ImageConfig {
        entry_point: found.entry_point().to_vec(),
        command: found.command().to_vec(),
        working_directory: found.working_directory().map(str::to_owned),
    }
}

/// A function that is inactive, because AWS took back what it did not use, comes back when it is invoked (Lambda developer
/// guide, "Lambda function states").
fn readiness(found: &FunctionConfiguration) -> Readiness {
    match (found.state(), found.last_update_status()) {
        (Some(State::Failed), _) => Readiness::Failed(reason(found.state_reason(), "Failed")),
        (_, Some(LastUpdateStatus::Failed)) => {
            Readiness::Failed(reason(found.last_update_status_reason(), "update failed"))
        }
        (Some(state @ State::Pending), _) => Readiness::Pending(state.as_str().to_owned()),
        (_, Some(status @ LastUpdateStatus::InProgress)) => Readiness::Pending(status.as_str().to_owned()),
        _ => Readiness::Ready,
    }
}

fn reason(given: Option<&str>, otherwise: &str) -> String {
    given.unwrap_or(otherwise).to_owned()
}

fn text(found: Option<&str>) -> String {
    found.unwrap_or_default().to_owned()
}

/// AWS's integers are signed and never negative.
pub(super) fn whole(found: Option<i32>) -> u32 {
    found.and_then(|found| u32::try_from(found).ok()).unwrap_or_default()
}
