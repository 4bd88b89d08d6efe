//! Versions and the alias that triggers follow: what is there, and the number of what was just published.

use std::collections::HashMap;

use aws_sdk_lambda::types::AliasRoutingConfiguration;

use super::{
    AwsProvider,
    calls::{number, send},
    error::About,
    functions::{observed, whole},
};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::FunctionName,
    plan::{AliasVersion, Call},
    stack::{LIVE_ALIAS, ObservedAlias, ObservedFunction, Readiness},
};

impl AwsProvider {
    /// Adds the alias of a function, and waits for its provisioned environments to be counted as part of the function.
    pub(super) async fn observe_live(
        &self,
        name: &FunctionName,
        function: &mut ObservedFunction,
        is_tracked: bool,
    ) -> Result<(), ProviderError> {
        let about = About { operation: "GetFunction", resource: name.as_str() };
        let request = self.lambda.get_function().function_name(name.as_str()).qualifier(LIVE_ALIAS);
        let output = match Box::pin(request.send()).await.map_err(|error| about.failed(&error)) {
            Ok(output) => output,
            Err(error) if error.kind == ErrorKind::Gone => return Ok(()),
            Err(error) => return Err(error),
        };
        let version = output.configuration().and_then(|found| found.version()).unwrap_or_default().to_owned();
        let Some(live) = observed(output) else { return Ok(()) };
        let scaling = self.observe_scaling(name, is_tracked).await?;
        let is_current = runs_the_same(&live, function);
        let others = self.others(name).await?;
        let mut alias = ObservedAlias { version, is_current, others, provisioned: None, scaling };
        let about = About { operation: "GetProvisionedConcurrencyConfig", resource: name.as_str() };
        let request =
            self.lambda.get_provisioned_concurrency_config().function_name(name.as_str()).qualifier(LIVE_ALIAS);
        match request.send().await.map_err(|error| about.failed(&error)) {
            Ok(found) => {
                let requested = whole(found.requested_provisioned_concurrent_executions());
                alias.provisioned = Some(requested);
                let status = found.status().map(|status| status.as_str());
                let available = whole(found.available_provisioned_concurrent_executions());
                match status {
                    Some("FAILED") => {
                        let reason = found.status_reason().unwrap_or("FAILED");
                        function.readiness = Readiness::Failed(format!("provisioned concurrency: {reason}"));
                    }
                    Some("IN_PROGRESS") if function.readiness == Readiness::Ready => {
                        function.readiness = Readiness::Pending(format!("provisioned {available} of {requested}"));
                    }
                    _ => {}
                }
            }
            Err(error) if matches!(error.kind, ErrorKind::Gone | ErrorKind::Lacking) => {}
            Err(error) => return Err(error),
        }
        function.live = Some(alias);
        Ok(())
    }

    /// The versions that get a share of the alias's invocations.
    async fn others(&self, name: &FunctionName) -> Result<Vec<String>, ProviderError> {
        let about = About { operation: "GetAlias", resource: name.as_str() };
        let sent = self.lambda.get_alias().function_name(name.as_str()).name(LIVE_ALIAS).send().await;
        match sent.map_err(|error| about.failed(&error)) {
            Ok(found) => {
                let weights = found.routing_config().and_then(|routing| routing.additional_version_weights());
                let mut others: Vec<String> = weights.into_iter().flat_map(HashMap::keys).cloned().collect();
                others.sort_unstable();
                Ok(others)
            }
            // It has just gone.
            Err(error) if error.kind == ErrorKind::Gone => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Makes a call about versions and what belongs to them.
    pub(super) async fn make_version(&self, call: &Call) -> Result<(), ProviderError> {
        let lambda = &self.lambda;
        let about = |resource| About { operation: call.operation(), resource };
        match call {
            Call::PublishVersion { name } => self.publish(name).await,
            Call::CreateAlias { name, alias, version } => {
                let version = self.version_of(about(name.as_str()), name, *version)?;
                let request = lambda.create_alias().function_name(name.as_str()).name(*alias);
                send!(about(name.as_str()), request.function_version(version))
            }
            Call::UpdateAlias { name, alias, version } => {
                let version = self.version_of(about(name.as_str()), name, *version)?;
                // Its shares for other versions stay unless they are taken away.
                let routing = AliasRoutingConfiguration::builder().set_additional_version_weights(Some(HashMap::new()));
                let request =
                    lambda.update_alias().function_name(name.as_str()).name(*alias).routing_config(routing.build());
                send!(about(name.as_str()), request.function_version(version))
            }
            Call::DeleteAlias { name, alias } => {
                send!(about(name.as_str()), lambda.delete_alias().function_name(name.as_str()).name(*alias))
            }
            Call::PutProvisionedConcurrency { name, alias, count } => {
                let request = lambda.put_provisioned_concurrency_config().function_name(name.as_str());
                let request = request.qualifier(*alias).provisioned_concurrent_executions(number(*count));
                send!(about(name.as_str()), request)
            }
            Call::DeleteProvisionedConcurrency { name, alias } => {
                let request = lambda.delete_provisioned_concurrency_config().function_name(name.as_str());
                send!(about(name.as_str()), request.qualifier(*alias))
            }
            // The others are made elsewhere.
            _ => Ok(()),
        }
    }

    /// Publishes `$LATEST`, and keeps the number for the step that follows.
    async fn publish(&self, name: &FunctionName) -> Result<(), ProviderError> {
        let about = About { operation: "PublishVersion", resource: name.as_str() };
        let sent = Box::pin(self.lambda.publish_version().function_name(name.as_str()).send()).await;
        let output = sent.map_err(|error| about.failed(&error))?;
        self.published.lock().insert(name.clone(), output.version().unwrap_or_default().to_owned());
        Ok(())
    }

    /// The number that an alias shall name.
    fn version_of(
        &self,
        about: About<'_>,
        name: &FunctionName,
        version: AliasVersion,
    ) -> Result<String, ProviderError> {
        let AliasVersion::JustPublished = version;
        self.published.lock().get(name).cloned().ok_or_else(|| ProviderError {
            operation: about.operation,
            resource: about.resource.to_owned(),
            code: None,
            message: "no version was published before".to_owned(),
            hint: Some("run `stackctl up` again".to_owned()),
            kind: ErrorKind::Refused,
        })
    }
}

/// Whether two versions have the same code and configuration.
fn runs_the_same(a: &ObservedFunction, b: &ObservedFunction) -> bool {
    a.code_sha256 == b.code_sha256
        && a.runtime == b.runtime
        && a.handler == b.handler
        && a.role == b.role
        && a.memory_mb == b.memory_mb
        && a.timeout_s == b.timeout_s
        && a.ephemeral_storage_mb == b.ephemeral_storage_mb
        && a.architecture == b.architecture
        && a.log_format == b.log_format
        && a.environment == b.environment
        && a.layers == b.layers
        && a.description == b.description
}
