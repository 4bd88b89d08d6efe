//! Aliases: names that point to a version, or share the traffic between two (Lambda developer guide, "Create an alias for a
//! Lambda function" and "Implement Lambda canary deployments using a weighted alias").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    AliasConfiguration, AliasRoutingConfiguration, Command, CreateAlias, FunctionRef, Lambda, LambdaError,
    LambdaErrorKind, Response, UpdateAlias,
    functions::{Function, REVISION_MISMATCH},
    names::{LATEST, Named},
    page::Page,
    validate::invalid,
    versions::VersionId,
};
use crate::{
    engine::{Cx, logs::Logs},
    model::IdSource,
};

/// Versions beside an alias's own that get a share of its traffic.
const ADDITIONAL_VERSIONS_MAX: usize = 1;
/// Parts into which a weight divides the traffic.
const WEIGHT_PARTS: u32 = 1_000_000;

/// An alias, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAlias {
    /// `$LATEST` or a version's number.
    pub version: String,
    pub description: String,
    pub revision_id: String,
    pub additional: Option<Additional>,
}

/// The version that gets a share of an alias's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Additional {
    pub version: u64,
    /// Its share in millionths.
    pub millionths: u32,
}

impl StoredAlias {
    /// The version that it names.
    pub(super) fn primary(&self) -> VersionId {
        VersionId::parse(&self.version).unwrap_or(VersionId::Latest)
    }

    /// Whether it sends traffic there.
    fn refers_to(&self, version: VersionId) -> bool {
        self.primary() == version
            || self.additional.is_some_and(|additional| VersionId::Published(additional.version) == version)
    }

    /// The version that one more invocation gets.
    fn pick(&self, ids: &mut IdSource) -> VersionId {
        match self.additional {
            Some(Additional { version, millionths }) if ids.below(WEIGHT_PARTS.into()) < u64::from(millionths) => {
                VersionId::Published(version)
            }
            _ => self.primary(),
        }
    }
}

impl Function {
    /// The version that a qualifier names, an alias's own among two.
    pub(super) fn resolve(&self, qualifier: Option<&str>) -> Option<VersionId> {
        let Some(qualifier) = qualifier else { return Some(VersionId::Latest) };
        let version = match VersionId::parse(qualifier) {
            Some(version) => version,
            None => self.aliases.get(qualifier)?.primary(),
        };
        self.version(version).map(|_| version)
    }

    /// The version that one more invocation of a qualifier gets.
    pub(super) fn route(&self, qualifier: Option<&str>, ids: &mut IdSource) -> Option<VersionId> {
        let Some(qualifier) = qualifier else { return Some(VersionId::Latest) };
        let version = match VersionId::parse(qualifier) {
            Some(version) => version,
            None => self.aliases.get(qualifier)?.pick(ids),
        };
        self.version(version).map(|_| version)
    }

    /// The names of the aliases that send traffic to a version.
    pub(super) fn aliases_of(&self, version: VersionId) -> Vec<&str> {
        let referring = self.aliases.iter().filter(|(_, alias)| alias.refers_to(version));
        referring.map(|(name, _)| name.as_str()).collect()
    }

    fn show_alias(&self, name: &str) -> Option<Response> {
        let alias = self.aliases.get(name)?;
        let mut arn = self.arn.clone();
        arn.qualifier = Some(name.to_owned());
        Some(Response::Alias(Box::new(AliasConfiguration {
            alias_arn: arn.to_string(),
            name: name.to_owned(),
            function_version: alias.version.clone(),
            description: alias.description.clone(),
            routing_config: alias.additional.map(|additional| AliasRoutingConfiguration {
                additional_version_weights: BTreeMap::from([(
                    additional.version.to_string(),
                    f64::from(additional.millionths) / f64::from(WEIGHT_PARTS),
                )]),
            }),
            revision_id: alias.revision_id.clone(),
        })))
    }

    /// The version that an alias shall name, when there is one.
    fn existing_version(&self, version: &str) -> Result<VersionId, LambdaError> {
        let id = VersionId::parse(version).filter(|id| self.version(*id).is_some());
        id.ok_or_else(|| {
            LambdaError::new(LambdaErrorKind::ResourceNotFound, format!("Function not found: {}:{version}", self.arn))
        })
    }

    /// The share that a routing configuration asks for.
    fn additional(
        &self,
        primary: VersionId,
        routing: &AliasRoutingConfiguration,
    ) -> Result<Option<Additional>, LambdaError> {
        let weights = &routing.additional_version_weights;
        if weights.len() > ADDITIONAL_VERSIONS_MAX {
            return Err(invalid(format!(
                "Number of items in AdditionalVersionWeights cannot be greater than {ADDITIONAL_VERSIONS_MAX}. Number of \
                 items: {}",
                weights.len()
            )));
        }
        let Some((version, weight)) = weights.first_key_value() else { return Ok(None) };
        if primary == VersionId::Latest || version == LATEST {
            return Err(invalid("$LATEST is not supported for an alias pointing to more than 1 version"));
        }
        let VersionId::Published(number) = self.existing_version(version)? else { return Ok(None) };
        if primary == VersionId::Published(number) {
            return Err(invalid(format!(
                "Invalid function version {version}. Function version {version} is already included in routing configuration."
            )));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a million")]
        let millionths = (weight * f64::from(WEIGHT_PARTS)).round() as u32;
        Ok(Some(Additional { version: number, millionths }))
    }
}

/// The operations.
impl Lambda {
    pub(super) fn alias_request(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        command: Command,
    ) -> Result<Response, LambdaError> {
        match command {
            Command::CreateAlias { name, create } => self.create_alias(cx, &name, create),
            Command::GetAlias { name, alias } => self.get_alias(&name, &alias),
            Command::UpdateAlias { name, alias, update } => self.update_alias(cx, logs, &name, &alias, update),
            Command::DeleteAlias { name, alias } => self.delete_alias(cx, logs, &name, &alias),
            Command::ListAliases { name, function_version, marker, max_items } => {
                self.list_aliases(&name, function_version.as_deref(), marker.as_deref(), max_items)
            }
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about aliases")),
        }
    }

    fn create_alias(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        create: CreateAlias,
    ) -> Result<Response, LambdaError> {
        let (alias, version) = (create.name, create.function_version);
        let description = create.description.unwrap_or_default();
        let (_, function) = self.whole_function(name, ALIAS_OF_QUALIFIED)?;
        let primary = function.existing_version(&version)?;
        let additional =
            create.routing_config.as_ref().map(|routing| function.additional(primary, routing)).transpose()?.flatten();
        if function.aliases.contains_key(&alias) {
            let message = format!("Alias already exists: {}:{alias}", function.arn);
            return Err(LambdaError::new(LambdaErrorKind::ResourceConflict, message));
        }
        let stored = StoredAlias { version, description, revision_id: cx.ids.uuid(), additional };
        function.aliases.insert(alias.clone(), stored);
        function.record(cx);
        function.show_alias(&alias).ok_or_else(|| no_alias(function, &alias))
    }

    fn get_alias(&mut self, name: &FunctionRef, alias: &str) -> Result<Response, LambdaError> {
        let (_, function) = self.whole_function(name, ALIAS_OF_QUALIFIED)?;
        function.show_alias(alias).ok_or_else(|| no_alias(function, alias))
    }

    fn update_alias(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        name: &FunctionRef,
        alias: &str,
        update: UpdateAlias,
    ) -> Result<Response, LambdaError> {
        let (id, function) = self.whole_function(name, ALIAS_OF_QUALIFIED)?;
        let mut stored = function.aliases.get(alias).cloned().ok_or_else(|| no_alias(function, alias))?;
        if update.revision_id.is_some_and(|wanted| wanted != stored.revision_id) {
            return Err(LambdaError::new(LambdaErrorKind::PreconditionFailed, REVISION_MISMATCH));
        }
        if let Some(version) = update.function_version {
            let primary = function.existing_version(&version)?;
            if function.provisioned.contains_key(alias) {
                function.check_provisionable(alias, primary)?;
            }
            stored.version = version;
        }
        let kept = stored.additional.map(|additional| AliasRoutingConfiguration {
            additional_version_weights: BTreeMap::from([(
                additional.version.to_string(),
                f64::from(additional.millionths) / f64::from(WEIGHT_PARTS),
            )]),
        });
        stored.additional = match update.routing_config.or(kept) {
            Some(routing) => function.additional(stored.primary(), &routing)?,
            None => None,
        };
        if let Some(description) = update.description {
            stored.description = description;
        }
        stored.revision_id = cx.ids.uuid();
        function.aliases.insert(alias.to_owned(), stored);
        if function.provisioned.contains_key(alias) {
            function.unsettle();
        }
        function.record(cx);
        let shown = function.show_alias(alias).ok_or_else(|| no_alias(function, alias));
        self.provide(cx, logs, id);
        shown
    }

    /// Deletes the alias. One that does not exist is gone already.
    fn delete_alias(
        &mut self,
        cx: &mut Cx<'_>,
        logs: &mut Logs,
        name: &FunctionRef,
        alias: &str,
    ) -> Result<Response, LambdaError> {
        let (id, function) = self.whole_function(name, ALIAS_OF_QUALIFIED)?;
        if function.aliases.remove(alias).is_some() {
            function.event_configs.remove(alias);
            function.attached.forget(alias);
            self.functions.remove_url(id, alias);
            if let Some(function) = self.functions.get(id) {
                function.record(cx);
            }
            self.unprovision(cx, logs, id, alias);
        }
        Ok(Response::Done)
    }

    fn list_aliases(
        &self,
        name: &FunctionRef,
        version: Option<&str>,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let id = self.find(Named { qualifier: None, ..named })?;
        let function = self.functions.get(id).ok_or_else(|| named.not_found(&self.scope))?;
        let version = version.map(|version| function.existing_version(version)).transpose()?;
        let after = marker.unwrap_or_default();
        let rest = function
            .aliases
            .range::<str, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
            .filter(|(_, alias)| version.is_none_or(|version| alias.refers_to(version)))
            .map(|(name, _)| name);
        let page = Page::of(rest, max_items, |name| (*name).clone());
        let shown = page.items.into_iter().filter_map(|name| match function.show_alias(name) {
            Some(Response::Alias(alias)) => Some(*alias),
            _ => None,
        });
        Ok(Response::ListAliases { aliases: shown.collect(), next_marker: page.next_marker })
    }
}

const ALIAS_OF_QUALIFIED: &str =
    "Aliases belong to a function as a whole. Please specify either a function name or an unqualified function ARN.";

fn no_alias(function: &Function, alias: &str) -> LambdaError {
    LambdaError::new(LambdaErrorKind::ResourceNotFound, format!("Cannot find alias arn: {}:{alias}", function.arn))
}
