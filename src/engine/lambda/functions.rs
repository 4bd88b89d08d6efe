//! Functions and the operations that create, show, change and delete them. What they run in is not here.

mod places;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    CodeRef, CreateFunction, FunctionRef, Lambda, LambdaError, LambdaErrorKind, LambdaRecord, Response,
    StoredEventConfig, StoredUrl, Turn, UpdateFunctionCode, UpdateFunctionConfiguration,
    aliases::StoredAlias,
    async_queue::EventId,
    attached::Attached,
    concurrency::{Load, Share},
    configuration::{Settings, Shown},
    counters::Counters,
    layers::check_total,
    names::Named,
    provisioned::StoredProvision,
    records::{FunctionRecord, StoredFunction, StoredVersion},
    recursion::Label,
    sandbox::check_tags,
    swap::Swap,
    throttles::Telling,
    validate::{self, invalid},
    versions::{Version, VersionId, record_version},
};
use crate::{
    engine::{Cx, StopReason},
    model::{FunctionArn, FunctionName},
};

pub(super) use places::Functions;

/// Names a function while the engine runs; a function created again under the same name is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FunctionId {
    slot: u32,
    /// Which function of that slot.
    generation: u32,
}

/// A function with all that belongs to it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Function {
    // What each invocation reads or writes, side by side in memory.
    /// Whether its name still finds it: not while it is being deleted.
    pub(super) is_listed: bool,
    /// Whether its recursive loops go on (`RecursiveLoop`).
    pub(super) allows_loops: bool,
    /// Whether its provisioned environments are what they should be.
    pub(super) settled: bool,
    /// In chains of requests.
    pub(super) label: Label,
    pub(super) reserved: Option<u32>,
    /// `arn` as text.
    pub(super) arn_text: Arc<str>,
    /// By version's number or alias.
    pub(super) provisioned: BTreeMap<String, StoredProvision>,
    pub(super) load: Load,
    pub(super) counters: Counters,
    /// `$LATEST`.
    pub(super) latest: Version,
    // The rest.
    /// Without a qualifier.
    pub(super) arn: FunctionArn,
    /// What becomes of it.
    pub(super) swap: Swap,
    /// By number.
    pub(super) published: BTreeMap<u64, Version>,
    /// The highest number that was ever given out.
    pub(super) last_published: u64,
    pub(super) aliases: BTreeMap<String, StoredAlias>,
    /// The last minute's use of provisioned concurrency, with that minute's number, by version's number or alias.
    pub(super) utilization: BTreeMap<String, (u64, super::Utilization)>,
    /// By version's number, `$LATEST` or alias.
    pub(super) event_configs: BTreeMap<String, StoredEventConfig>,
    /// By alias; empty for the function itself. Changed through [`Functions`], which finds them by id.
    pub(super) urls: BTreeMap<String, StoredUrl>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) attached: Attached,
    pub(super) telling: Telling,
    /// Its asynchronous invocations that have not come to their end.
    pub(super) events: BTreeSet<EventId>,
}

impl Function {
    pub(super) fn name(&self) -> &str {
        self.arn.name.as_str()
    }

    /// Its name and how many slots it holds.
    pub(super) fn held(&self) -> (String, u32) {
        (self.name().to_owned(), self.load.running)
    }

    fn changed(&mut self, cx: &mut Cx<'_>) {
        self.latest.revision_id = cx.ids.uuid();
        self.latest.last_modified = cx.now;
        self.record(cx);
    }

    pub(super) fn record(&self, cx: &mut Cx<'_>) {
        let stored = StoredFunction {
            settings: (*self.latest.settings).clone(),
            code: self.latest.code.clone(),
            revision_id: self.latest.revision_id.clone(),
            last_modified: self.latest.last_modified,
            tags: self.tags.clone(),
            reserved: self.reserved,
            last_published: self.last_published,
            aliases: self.aliases.clone(),
            provisioned: self.provisioned.clone(),
            event_configs: self.event_configs.clone(),
            attached: self.attached.clone(),
            urls: self.urls.clone(),
            allows_loops: self.allows_loops,
        };
        cx.record(LambdaRecord::Function(FunctionRecord {
            name: self.arn.name.clone(),
            function: Some(Box::new(stored)),
        }));
    }

    /// Its settings with what comes with new code.
    pub(super) fn updated_for(&self, update: &UpdateFunctionCode) -> Result<Arc<Settings>, LambdaError> {
        validate::unsupported_text("PublishTo", update.publish_to.as_ref())?;
        let Some(architecture) = update.architectures.first() else { return Ok(Arc::clone(&self.latest.settings)) };
        let mut settings = (*self.latest.settings).clone();
        settings.architecture.clone_from(architecture);
        Ok(Arc::new(settings))
    }

    pub(super) fn check_revision(&self, revision_id: Option<&str>) -> Result<(), LambdaError> {
        if revision_id.is_none_or(|wanted| wanted == self.latest.revision_id) {
            return Ok(());
        }
        Err(LambdaError::new(LambdaErrorKind::PreconditionFailed, REVISION_MISMATCH))
    }
}

/// Finding what a request names.
impl Lambda {
    /// # Errors
    /// The function's code signing configuration wants signatures.
    pub(super) fn check_deployable(&mut self, name: &FunctionRef) -> Result<(), LambdaError> {
        let (_, function) = self.whole_function(name, UPDATE_OF_QUALIFIED)?;
        let config = function.attached.code_signing_config.clone();
        self.check_unsigned(config.as_deref())
    }

    /// The function that `named` names, when it has that version or alias.
    pub(super) fn find(&self, named: Named<'_>) -> Result<FunctionId, LambdaError> {
        self.locate(named).map(|(id, _)| id)
    }

    /// The same with the version that it names, an alias's own among two.
    pub(super) fn locate(&self, named: Named<'_>) -> Result<(FunctionId, VersionId), LambdaError> {
        let missing = || named.not_found(&self.scope);
        let id = self.functions.id(named.name).ok_or_else(missing)?;
        let function = self.functions.get(id).ok_or_else(missing)?;
        function.resolve(named.qualifier).map(|version| (id, version)).ok_or_else(missing)
    }

    /// For operations on a function as a whole, which take no qualifier.
    pub(super) fn whole_function(
        &mut self,
        name: &FunctionRef,
        qualified: &str,
    ) -> Result<(FunctionId, &mut Function), LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        if named.qualifier.is_some() {
            return Err(invalid(qualified));
        }
        let id = self.find(named)?;
        let missing = || named.not_found(&self.scope);
        self.functions.get_mut(id).map(|function| (id, function)).ok_or_else(missing)
    }
}

/// The operations.
impl Lambda {
    pub(super) fn create_function(
        &mut self,
        cx: &mut Cx<'_>,
        request: CreateFunction,
        code: CodeRef,
    ) -> Result<Response, LambdaError> {
        let reference = FunctionRef { name: request.function_name.clone(), qualifier: None };
        let named = Named::parse(&self.scope, &reference)?;
        if named.qualifier.is_some() {
            return Err(invalid("The function name of a new function must not have a qualifier."));
        }
        let settings = Settings { layers: self.used_layers(&request.layers)?, ..Settings::create(&request, &code)? };
        check_total(&code, &settings.layers)?;
        let publishes = request.publish;
        validate::tags(&request.tags)?;
        check_tags(&request.tags)?;
        self.check_unsigned(request.code_signing_config_arn.as_deref())?;
        if self.functions.id(named.name).is_some() {
            let message = format!("Function already exist: {}", named.name);
            return Err(LambdaError::new(LambdaErrorKind::ResourceConflict, message));
        }
        let name = FunctionName::parse(named.name).map_err(|error| invalid(error.to_string()))?;
        let stored = StoredFunction {
            settings,
            code,
            revision_id: cx.ids.uuid(),
            last_modified: cx.now,
            tags: request.tags,
            reserved: None,
            last_published: 0,
            aliases: BTreeMap::new(),
            provisioned: BTreeMap::new(),
            event_configs: BTreeMap::new(),
            attached: Attached {
                code_signing_config: request.code_signing_config_arn.filter(|arn| !arn.is_empty()),
                ..Attached::default()
            },
            urls: BTreeMap::new(),
            allows_loops: false,
        };
        cx.record(LambdaRecord::Function(FunctionRecord {
            name: name.clone(),
            function: Some(Box::new(stored.clone())),
        }));
        self.insert_function(name, stored);
        let id = self.functions.id(named.name).ok_or_else(|| named.not_found(&self.scope))?;
        self.wants_debugger(cx, id);
        let response = if publishes {
            self.published(cx, id, None)?
        } else {
            self.functions.get(id).and_then(shown).ok_or_else(|| named.not_found(&self.scope))?
        };
        Ok(response.being_created())
    }

    /// Puts a function in its place, without environments.
    pub(super) fn insert_function(&mut self, name: FunctionName, stored: StoredFunction) {
        let provisioned = stored.provisioned.values().map(|provision| provision.requested).sum();
        self.pool.share(Share::default(), Share { reserved: stored.reserved, provisioned }, 0);
        let arn = FunctionArn { scope: (*self.scope).clone(), name, qualifier: None };
        self.functions.insert(Function {
            arn_text: arn.to_string().into(),
            label: Label::of(&arn),
            arn,
            is_listed: true,
            latest: Version::restored(StoredVersion {
                settings: stored.settings,
                code: stored.code,
                revision_id: stored.revision_id,
                last_modified: stored.last_modified,
                description: None,
            }),
            published: BTreeMap::new(),
            last_published: stored.last_published,
            aliases: stored.aliases,
            settled: stored.provisioned.is_empty(),
            provisioned: stored.provisioned,
            utilization: BTreeMap::new(),
            event_configs: stored.event_configs,
            attached: stored.attached,
            urls: stored.urls,
            allows_loops: stored.allows_loops,
            tags: stored.tags,
            reserved: stored.reserved,
            load: Load::default(),
            counters: Counters::default(),
            telling: Telling::default(),
            swap: Swap::default(),
            events: BTreeSet::new(),
        });
    }

    pub(super) fn get_function(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let missing = || named.not_found(&self.scope);
        let (id, version) = self.locate(named)?;
        let function = self.functions.get(id).ok_or_else(missing)?;
        let found = function.version(version).ok_or_else(missing)?;
        Ok(Response::GetFunction {
            configuration: Box::new(function.show(version, named.qualifier).ok_or_else(missing)?),
            artifact: found.code.artifact,
            image: found.code.image.clone(),
            tags: function.tags.clone(),
            reserved_concurrent_executions: function.reserved,
        })
    }

    pub(super) fn get_function_configuration(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let (id, version) = self.locate(named)?;
        let shown = self.functions.get(id).and_then(|function| function.show(version, named.qualifier));
        shown.map(|shown| Response::Function(Box::new(shown))).ok_or_else(|| named.not_found(&self.scope))
    }

    pub(super) fn update_function_code(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        update: &UpdateFunctionCode,
        code: CodeRef,
    ) -> Result<Response, LambdaError> {
        self.check_deployable(name)?;
        let (id, function) = self.whole_function(name, UPDATE_OF_QUALIFIED)?;
        function.check_no_swap()?;
        function.check_revision(update.revision_id.as_deref())?;
        function.latest.settings.check_code(&code)?;
        let settings = function.updated_for(update)?;
        check_total(&code, &settings.layers)?;
        if update.dry_run {
            let would_be = Shown {
                name: function.name(),
                arn: function.arn.to_string(),
                version: &VersionId::Latest.to_string(),
                code: &code,
                revision_id: &function.latest.revision_id,
                last_modified: function.latest.last_modified,
            };
            return Ok(Response::Function(Box::new(settings.show(would_be))));
        }
        function.latest.code = code;
        function.latest.settings = settings;
        function.swap = Swap::Done;
        function.changed(cx);
        let response = shown(function);
        self.replace_environments(cx, id);
        if update.publish {
            return self.published(cx, id, None);
        }
        response.map(Response::being_updated).ok_or_else(being_deleted)
    }

    pub(super) fn update_function_configuration(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        update: &UpdateFunctionConfiguration,
    ) -> Result<Response, LambdaError> {
        self.whole_function(name, UPDATE_OF_QUALIFIED)?;
        let layers = update.layers.as_deref().map(|arns| self.used_layers(arns)).transpose()?;
        let (id, function) = self.whole_function(name, UPDATE_OF_QUALIFIED)?;
        function.check_no_swap()?;
        let mut settings = function.latest.settings.updated(update)?;
        if let Some(layers) = layers {
            settings.layers = layers;
        }
        check_total(&function.latest.code, &settings.layers)?;
        function.check_revision(update.revision_id.as_deref())?;
        function.latest.settings = Arc::new(settings);
        function.changed(cx);
        let response = shown(function);
        self.replace_environments(cx, id);
        response.map(Response::being_updated).ok_or_else(being_deleted)
    }

    /// Deletes the function, stops its environments and ends what runs in them.
    pub(super) fn delete_function(
        &mut self,
        turn: &mut Turn<'_, '_>,
        name: &FunctionRef,
    ) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let id = self.find(named)?;
        if named.qualifier.is_some() {
            return self.delete_version(turn, named, id);
        }
        let Some(function) = self.functions.get(id) else { return Err(named.not_found(&self.scope)) };
        let name = function.arn.name.clone();
        self.functions.forget_name(id);
        self.drop_events_of(turn.cx, id);
        self.stop_environments(turn, id, None, StopReason::Deleted);
        if let Some(function) = self.functions.get(id) {
            for number in function.published.keys() {
                record_version(turn.cx, function, *number, None);
            }
            self.pool.share(function.share(), Share::default(), function.load.on_demand());
        }
        self.functions.remove(id);
        turn.cx.record(LambdaRecord::Function(FunctionRecord { name, function: None }));
        Ok(Response::Done)
    }
}

pub(super) const UPDATE_OF_QUALIFIED: &str = "Aliases and versions of a function cannot be updated. Please specify either a function name or an unqualified function ARN.";

/// Of every resource that has a revision.
pub(super) const REVISION_MISMATCH: &str = "The Revision Id provided does not match the latest Revision Id. Call the \
     GetFunction/GetAlias API to retrieve the latest Revision Id";

/// AWS creates and updates in the background and says so in the answer. Here it is over before the next request, so that a
/// client that waits for `Active` or `Successful` finds it at once.
impl Response {
    fn being_created(mut self) -> Self {
        if let Self::Function(shown) = &mut self {
            "Pending".clone_into(&mut shown.state);
            shown.state_reason = Some(CREATING.to_owned());
            shown.state_reason_code = Some(CREATING_CODE.to_owned());
            shown.last_update_status.clear();
        }
        self
    }

    fn being_updated(mut self) -> Self {
        if let Self::Function(shown) = &mut self {
            "InProgress".clone_into(&mut shown.last_update_status);
            shown.last_update_status_reason = Some(CREATING.to_owned());
            shown.last_update_status_reason_code = Some(CREATING_CODE.to_owned());
        }
        self
    }
}

const CREATING: &str = "The function is being created.";
const CREATING_CODE: &str = "Creating";

pub(super) fn shown(function: &Function) -> Option<Response> {
    function.show(VersionId::Latest, None).map(|shown| Response::Function(Box::new(shown)))
}

pub(super) fn being_deleted() -> LambdaError {
    LambdaError::new(LambdaErrorKind::Service, "the function is being deleted")
}
