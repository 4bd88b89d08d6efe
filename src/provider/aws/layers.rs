//! Layers: which versions are the stack's, and the ARN of what was just published.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{LayerVersionContentInput, Runtime};

use super::{AwsProvider, calls::send, error::About, side_by_side::side_by_side};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::StackName,
    plan::{Call, FunctionCode, LayerVersion},
    stack::{Desired, LayerMark, ObservedLayerVersion},
};

type Versions = BTreeMap<String, ObservedLayerVersion>;

impl AwsProvider {
    /// The stack's versions, by ARN. Their layers' names begin with the stack's. An endpoint without layers has none.
    pub(super) async fn observe_layers(&self, desired: &Desired) -> Result<Versions, ProviderError> {
        let about = About { operation: "ListLayers", resource: "all layers" };
        let prefix = format!("{}-", desired.name);
        let mut pages = self.lambda.list_layers().into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page.map_err(|error| about.failed(&error)) {
                Err(error)
                    if matches!(error.kind, ErrorKind::Refused | ErrorKind::Lacking) && desired.layers.is_empty() =>
                {
                    return Ok(Versions::new());
                }
                page => page?,
            };
            let found = page.layers().iter().filter_map(|layer| layer.layer_name());
            names.extend(found.filter(|name| name.starts_with(&prefix)).map(str::to_owned));
        }
        let versions = side_by_side(names, |name| {
            let (provider, stack) = (self.clone(), desired.name.clone());
            async move { provider.observe_versions(name, &stack).await }
        });
        Ok(versions.await?.into_iter().flatten().collect())
    }

    async fn observe_versions(&self, name: String, stack: &StackName) -> Result<Versions, ProviderError> {
        let _turn = self.observing.acquire().await;
        let about = About { operation: "ListLayerVersions", resource: &name };
        let mut pages = self.lambda.list_layer_versions().layer_name(&name).into_paginator().send();
        let mut versions = Versions::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| about.failed(&error))?;
            for found in page.layer_versions() {
                let mark = found.description().and_then(LayerMark::parse).filter(|mark| mark.stack == *stack);
                let (Some(arn), Some(mark)) = (found.layer_version_arn(), mark) else { continue };
                let runtimes = found.compatible_runtimes().iter().map(|runtime| runtime.as_str().to_owned()).collect();
                let version = u64::try_from(found.version()).unwrap_or_default();
                versions.insert(arn.to_owned(), ObservedLayerVersion { name: name.clone(), version, runtimes, mark });
            }
        }
        Ok(versions)
    }

    /// Makes a call about layers.
    pub(super) async fn make_layer(&self, call: &Call) -> Result<(), ProviderError> {
        let about = |resource| About { operation: call.operation(), resource };
        match call {
            Call::PublishLayerVersion { name, object, runtimes, mark } => {
                let code = match object {
                    Some(object) => FunctionCode::Object(object.clone()),
                    None => FunctionCode::Artifact(mark.digest),
                };
                let code = self.code(about(name), &code).await?;
                let content = LayerVersionContentInput::builder()
                    .set_s3_bucket(code.s3_bucket)
                    .set_s3_key(code.s3_key)
                    .set_zip_file(code.zip_file);
                let runtimes: Vec<Runtime> = runtimes.iter().map(|runtime| Runtime::from(runtime.as_str())).collect();
                let request = self.lambda.publish_layer_version().layer_name(name).description(mark.description());
                let request = request
                    .content(content.build())
                    .set_compatible_runtimes(Some(runtimes).filter(|runtimes| !runtimes.is_empty()));
                let output = Box::pin(request.send()).await.map_err(|error| about(name).failed(&error))?;
                let arn = output.layer_version_arn().unwrap_or_default().to_owned();
                self.published_layers.lock().insert(name.clone(), arn);
                Ok(())
            }
            Call::DeleteLayerVersion { name, version } => {
                let version = i64::try_from(*version).unwrap_or(i64::MAX);
                send!(about(name), self.lambda.delete_layer_version().layer_name(name).version_number(version))
            }
            // The others are made elsewhere.
            _ => Ok(()),
        }
    }

    /// The ARNs of a function's layers. A version that nothing has published has none, and the target says so.
    pub(super) fn layer_arns(&self, layers: &[LayerVersion]) -> Vec<String> {
        let published = self.published_layers.lock();
        let arn = |version: &LayerVersion| match version {
            LayerVersion::Arn(arn) => arn.clone(),
            LayerVersion::JustPublished(name) => published.get(name).cloned().unwrap_or_default(),
        };
        layers.iter().map(arn).collect()
    }
}
