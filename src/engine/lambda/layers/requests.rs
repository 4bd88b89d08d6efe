//! The operations on layers.

use std::ops::Bound;

use serde_json::json;

use super::{
    super::{
        CodeRef, GetLayerVersionResponse, Lambda, LambdaError, LambdaErrorKind, LayerCommand, LayerResponse,
        LayerVersionContent, LayerVersionsListItem, LayersListItem, PublishLayerVersion, Response,
        configuration::last_modified, page::Page, validate,
    },
    LayerName, StoredLayerVersion, StoredStatement, VersionArn,
    policy::{self, POLICY_MAX_BYTES},
};
use crate::engine::Cx;

impl Lambda {
    pub(in crate::engine::lambda) fn layer_request(
        &mut self,
        cx: &mut Cx<'_>,
        command: LayerCommand,
    ) -> Result<Response, LambdaError> {
        match command {
            LayerCommand::Publish { layer, publish, content } => self.publish_layer(cx, &layer, publish, content),
            LayerCommand::Get { layer, version } => {
                let layer = LayerName::parse(&self.scope, &layer)?;
                self.get_layer_version(&VersionArn { layer, version })
            }
            LayerCommand::GetByArn { arn } => self.get_layer_version(&VersionArn::parse(&arn).ok_or_else(missing)?),
            LayerCommand::List { filter, marker, max_items } => self.list_layers(&filter, marker.as_deref(), max_items),
            LayerCommand::ListVersions { layer, filter, marker, max_items } => {
                self.list_layer_versions(&layer, &filter, marker.as_deref(), max_items)
            }
            LayerCommand::Delete { layer, version } => {
                let layer = LayerName::parse(&self.scope, &layer)?;
                // AWS takes it as done when there is none.
                if let Some(found) = self.layers.by_name.get_mut(&layer.name).filter(|_| layer.is_in(&self.scope))
                    && found.versions.remove(&version).is_some()
                {
                    self.layers.record(cx, &layer.name);
                }
                Ok(Response::Done)
            }
            LayerCommand::AddPermission { layer, version, permission, revision_id } => {
                let (id, statement) = StoredStatement::of(&permission)?;
                self.add_layer_permission(cx, &(layer, version), revision_id.as_deref(), (id, statement))
            }
            LayerCommand::GetPolicy { layer, version } => self.get_layer_policy(&layer, version),
            LayerCommand::RemovePermission { layer, version, statement_id, revision_id } => {
                self.remove_layer_permission(cx, &(layer, version), &statement_id, revision_id.as_deref())
            }
        }
    }

    fn publish_layer(
        &mut self,
        cx: &mut Cx<'_>,
        layer: &str,
        publish: PublishLayerVersion,
        content: CodeRef,
    ) -> Result<Response, LambdaError> {
        let layer = LayerName::parse(&self.scope, layer)?;
        publish.compatible_runtimes.iter().try_for_each(|runtime| validate::runtime(runtime))?;
        if !layer.is_in(&self.scope) {
            return Err(denied(&layer.arn, &self.scope.account.to_string(), "lambda:PublishLayerVersion"));
        }
        let stored = self.layers.by_name.entry(layer.name.clone()).or_default();
        stored.last_version += 1;
        let number = stored.last_version;
        let version = StoredLayerVersion {
            content,
            created: cx.now,
            description: publish.description,
            license_info: publish.license_info,
            runtimes: publish.compatible_runtimes,
            architectures: publish.compatible_architectures,
            policy: std::collections::BTreeMap::new(),
            policy_revision_id: String::new(),
        };
        let shown = shown(&VersionArn { layer: layer.clone(), version: number }, &version);
        stored.versions.insert(number, version);
        self.layers.record(cx, &layer.name);
        Ok(shown)
    }

    fn get_layer_version(&self, arn: &VersionArn) -> Result<Response, LambdaError> {
        self.layer_version(arn).map(|version| shown(arn, version))
    }

    fn layer_version(&self, arn: &VersionArn) -> Result<&StoredLayerVersion, LambdaError> {
        if !arn.layer.is_in(&self.scope) {
            return Err(denied(&arn.text(), &self.scope.account.to_string(), "lambda:GetLayerVersion"));
        }
        self.layers.version(&arn.layer.name, arn.version).ok_or_else(missing)
    }

    fn layer_version_mut(&mut self, arn: &VersionArn) -> Result<&mut StoredLayerVersion, LambdaError> {
        self.layer_version(arn)?;
        let layer = self.layers.by_name.get_mut(&arn.layer.name);
        layer.and_then(|layer| layer.versions.get_mut(&arn.version)).ok_or_else(missing)
    }

    fn list_layers(
        &self,
        filter: &LayerFilter,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        filter.check()?;
        let after = Bound::Excluded(marker.unwrap_or_default());
        let rest = self.layers.by_name.range::<str, _>((after, Bound::Unbounded)).filter_map(|(name, layer)| {
            let layer_name = LayerName::parse(&self.scope, name).ok()?;
            let (number, version) = layer.versions.iter().rev().find(|(_, version)| filter.matches(version))?;
            let arn = VersionArn { layer: layer_name.clone(), version: *number };
            Some(LayersListItem {
                layer_name: name.clone(),
                layer_arn: layer_name.arn,
                latest_matching_version: list_item(&arn, version),
            })
        });
        let page = Page::of(rest, max_items, |last: &LayersListItem| last.layer_name.clone());
        Ok(Response::Layer(LayerResponse::List { layers: page.items, next_marker: page.next_marker }))
    }

    /// The newest first.
    fn list_layer_versions(
        &self,
        layer: &str,
        filter: &LayerFilter,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        let layer = LayerName::parse(&self.scope, layer)?;
        filter.check()?;
        if !layer.is_in(&self.scope) {
            return Err(denied(&layer.arn, &self.scope.account.to_string(), "lambda:ListLayerVersions"));
        }
        let before = match marker.map(str::parse::<u64>) {
            None => u64::MAX,
            Some(Ok(number)) => number,
            Some(Err(_)) => return Err(super::invalid("Invalid marker.")),
        };
        let versions = self.layers.by_name.get(&layer.name).map(|stored| &stored.versions);
        let rest = versions.into_iter().flat_map(|versions| versions.range(..before).rev());
        let rest = rest.filter(|(_, version)| filter.matches(version));
        let page = Page::of(rest, max_items, |(number, _)| number.to_string());
        let item = |(number, version): (&u64, &StoredLayerVersion)| {
            list_item(&VersionArn { layer: layer.clone(), version: *number }, version)
        };
        let layer_versions = page.items.into_iter().map(item).collect();
        Ok(Response::Layer(LayerResponse::ListVersions { layer_versions, next_marker: page.next_marker }))
    }
}

/// Policies.
impl Lambda {
    fn add_layer_permission(
        &mut self,
        cx: &mut Cx<'_>,
        (layer, version): &(String, u64),
        revision_id: Option<&str>,
        (id, statement): (String, StoredStatement),
    ) -> Result<Response, LambdaError> {
        let arn = VersionArn { layer: LayerName::parse(&self.scope, layer)?, version: *version };
        let revision = cx.ids.uuid();
        let found = self.layer_version_mut(&arn)?;
        check_revision(found, revision_id)?;
        if found.policy.contains_key(&id) {
            return Err(policy::conflict(&id));
        }
        let text = statement.document(&id, &arn.text()).to_string();
        if policy_text(found, &arn.text()).len() + text.len() > POLICY_MAX_BYTES {
            let message = format!("The final policy size is bigger than the limit ({POLICY_MAX_BYTES}).");
            return Err(LambdaError::new(LambdaErrorKind::PolicyLengthExceeded, message));
        }
        found.policy.insert(id, statement);
        found.policy_revision_id.clone_from(&revision);
        self.layers.record(cx, &arn.layer.name);
        Ok(Response::Layer(LayerResponse::PermissionAdded { statement: text, revision_id: revision }))
    }

    fn get_layer_policy(&self, layer: &str, version: u64) -> Result<Response, LambdaError> {
        let arn = VersionArn { layer: LayerName::parse(&self.scope, layer)?, version };
        let found = self.layer_version(&arn)?;
        if found.policy.is_empty() {
            let message = "No policy is associated with the given resource.";
            return Err(LambdaError::new(LambdaErrorKind::ResourceNotFound, message));
        }
        let (policy, revision_id) = (policy_text(found, &arn.text()), found.policy_revision_id.clone());
        Ok(Response::Layer(LayerResponse::Policy { policy, revision_id }))
    }

    fn remove_layer_permission(
        &mut self,
        cx: &mut Cx<'_>,
        (layer, version): &(String, u64),
        statement_id: &str,
        revision_id: Option<&str>,
    ) -> Result<Response, LambdaError> {
        let arn = VersionArn { layer: LayerName::parse(&self.scope, layer)?, version: *version };
        let revision = cx.ids.uuid();
        let found = self.layer_version_mut(&arn)?;
        check_revision(found, revision_id)?;
        if found.policy.remove(statement_id).is_none() {
            let message = format!("Statement {statement_id} is not found in resource policy.");
            return Err(LambdaError::new(LambdaErrorKind::ResourceNotFound, message));
        }
        found.policy_revision_id = revision;
        self.layers.record(cx, &arn.layer.name);
        Ok(Response::Done)
    }
}

/// Which versions a list has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerFilter {
    pub compatible_runtime: Option<String>,
    pub compatible_architecture: Option<String>,
}

impl LayerFilter {
    fn check(&self) -> Result<(), LambdaError> {
        self.compatible_runtime.as_deref().map_or(Ok(()), validate::runtime)
    }

    /// A version that names no runtimes is found by none, and the same of architectures.
    fn matches(&self, version: &StoredLayerVersion) -> bool {
        let has = |wanted: &Option<String>, names: &[String]| wanted.as_ref().is_none_or(|name| names.contains(name));
        has(&self.compatible_runtime, &version.runtimes) && has(&self.compatible_architecture, &version.architectures)
    }
}

fn check_revision(version: &StoredLayerVersion, revision_id: Option<&str>) -> Result<(), LambdaError> {
    if revision_id.is_none_or(|wanted| wanted == version.policy_revision_id) {
        return Ok(());
    }
    let message = "The Revision Id provided does not match the latest Revision Id. Call the GetLayerVersionPolicy API to \
                   retrieve the latest Revision Id";
    Err(LambdaError::new(LambdaErrorKind::PreconditionFailed, message))
}

fn policy_text(version: &StoredLayerVersion, resource: &str) -> String {
    let statements: Vec<_> = version.policy.iter().map(|(id, statement)| statement.document(id, resource)).collect();
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements }).to_string()
}

fn missing() -> LambdaError {
    LambdaError::new(LambdaErrorKind::ResourceNotFound, "The resource you requested does not exist.")
}

fn denied(resource: &str, account: &str, action: &str) -> LambdaError {
    let message = format!(
        "User: arn:aws:iam::{account}:root is not authorized to perform: {action} on resource: {resource} because no \
         resource-based policy allows the {action} action"
    );
    LambdaError::new(LambdaErrorKind::AccessDenied, message)
}

fn shown(arn: &VersionArn, version: &StoredLayerVersion) -> Response {
    let content = LayerVersionContent {
        code_sha256: version.content.sha256.clone(),
        code_size: version.content.size_bytes,
        artifact: version.content.artifact,
    };
    Response::Layer(LayerResponse::Version(Box::new(GetLayerVersionResponse {
        content,
        layer_arn: arn.layer.arn.clone(),
        version: list_item(arn, version),
    })))
}

fn list_item(arn: &VersionArn, version: &StoredLayerVersion) -> LayerVersionsListItem {
    LayerVersionsListItem {
        layer_version_arn: arn.text(),
        version: arn.version,
        description: version.description.clone().unwrap_or_default(),
        created_date: last_modified(version.created),
        compatible_runtimes: version.runtimes.clone(),
        license_info: version.license_info.clone(),
        compatible_architectures: version.architectures.clone(),
    }
}
