//! Functions and the operations that create, show, change and delete them. What they run in is not here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    CodeRef, CreateFunction, FunctionConfiguration, FunctionRef, Lambda, LambdaError, LambdaErrorKind, LambdaRecord,
    Response, Turn, UpdateFunctionCode, UpdateFunctionConfiguration,
    async_queue::EventId,
    concurrency::Load,
    configuration::{Settings, Shown},
    environments::Fleet,
    names::{LATEST, Named},
    records::{FunctionRecord, StoredFunction},
    validate::{self, Constraints, invalid, refused},
};
use crate::{
    engine::{Cx, StopReason},
    model::{FunctionArn, FunctionName, Timestamp},
};

/// Functions of one page of `ListFunctions` (Lambda API reference: "up to 50").
const LIST_PAGE_MAX: u32 = 50;
/// `MaxItems` of the service model.
const LIST_MAX_ITEMS: u32 = 10_000;

/// Names a function while the engine runs; a function created again under the same name is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FunctionId(u64);

/// A function with all that belongs to it.
#[derive(Debug)]
pub(super) struct Function {
    /// Without a qualifier.
    pub(super) arn: FunctionArn,
    /// Whether its name still finds it: not while it is being deleted.
    pub(super) is_listed: bool,
    pub(super) settings: Arc<Settings>,
    pub(super) code: CodeRef,
    pub(super) revision_id: String,
    pub(super) last_modified: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) reserved: Option<u32>,
    pub(super) fleet: Fleet,
    pub(super) load: Load,
    /// Its asynchronous invocations that have not come to their end.
    pub(super) events: BTreeSet<EventId>,
}

/// The functions of one account and region, by id and by name.
#[derive(Debug, Default)]
pub(super) struct Functions {
    by_id: BTreeMap<FunctionId, Function>,
    by_name: BTreeMap<FunctionName, FunctionId>,
    created: u64,
}

impl Functions {
    pub(super) fn id(&self, name: &str) -> Option<FunctionId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn get(&self, id: FunctionId) -> Option<&Function> {
        self.by_id.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: FunctionId) -> Option<&mut Function> {
        self.by_id.get_mut(&id)
    }

    /// In the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Function> {
        self.by_name.values().filter_map(|id| self.by_id.get(id))
    }

    fn insert(&mut self, function: Function) {
        self.created += 1;
        let id = FunctionId(self.created);
        self.by_name.insert(function.arn.name.clone(), id);
        self.by_id.insert(id, function);
    }

    /// From now on nobody finds it; its environments still do.
    fn forget_name(&mut self, id: FunctionId) {
        if let Some(function) = self.by_id.get_mut(&id) {
            function.is_listed = false;
            self.by_name.remove(&function.arn.name);
        }
    }

    fn remove(&mut self, id: FunctionId) {
        self.by_id.remove(&id);
    }
}

impl Function {
    pub(super) fn name(&self) -> &str {
        self.arn.name.as_str()
    }

    /// Its name and how many slots it holds.
    pub(super) fn held(&self) -> (String, u32) {
        (self.name().to_owned(), self.load.running)
    }

    fn show(&self, qualifier: Option<&str>) -> FunctionConfiguration {
        let mut arn = self.arn.clone();
        arn.qualifier = qualifier.map(ToOwned::to_owned);
        self.settings.show(Shown {
            name: self.name(),
            arn: arn.to_string(),
            version: LATEST,
            code: &self.code,
            revision_id: &self.revision_id,
            last_modified: self.last_modified,
        })
    }

    fn changed(&mut self, cx: &mut Cx<'_>) {
        self.revision_id = cx.ids.uuid();
        self.last_modified = cx.now;
        self.record(cx);
    }

    pub(super) fn record(&self, cx: &mut Cx<'_>) {
        let stored = StoredFunction {
            settings: (*self.settings).clone(),
            code: self.code.clone(),
            revision_id: self.revision_id.clone(),
            last_modified: self.last_modified,
            tags: self.tags.clone(),
            reserved: self.reserved,
        };
        cx.record(LambdaRecord::Function(FunctionRecord {
            name: self.arn.name.clone(),
            function: Some(Box::new(stored)),
        }));
    }

    fn check_revision(&self, revision_id: Option<&str>) -> Result<(), LambdaError> {
        if revision_id.is_none_or(|wanted| wanted == self.revision_id) {
            return Ok(());
        }
        Err(LambdaError::new(
            LambdaErrorKind::PreconditionFailed,
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve \
             the latest Revision Id",
        ))
    }
}

/// Finding what a request names.
impl Lambda {
    /// The function that `named` names, when it exists in that version.
    pub(super) fn find(&self, named: Named<'_>) -> Result<FunctionId, LambdaError> {
        let id = self.functions.id(named.name).ok_or_else(|| named.not_found(&self.scope))?;
        match named.qualifier {
            None | Some(LATEST) => Ok(id),
            Some(_) => Err(named.not_found(&self.scope)),
        }
    }

    fn function(&self, name: &FunctionRef) -> Result<&Function, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        let id = self.find(named)?;
        self.functions.get(id).ok_or_else(|| named.not_found(&self.scope))
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
        let Some(text) = request.function_name.clone() else {
            let mut constraints = Constraints::default();
            constraints.required("functionName");
            return constraints.finish().map(|()| Response::Done);
        };
        let reference = FunctionRef { name: text, qualifier: None };
        let named = Named::parse(&self.scope, &reference)?;
        if named.qualifier.is_some() {
            return Err(invalid("The function name of a new function must not have a qualifier."));
        }
        let settings = Settings::create(&request)?;
        validate::tags(&request.tags)?;
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
        };
        cx.record(LambdaRecord::Function(FunctionRecord {
            name: name.clone(),
            function: Some(Box::new(stored.clone())),
        }));
        self.insert_function(name, stored);
        let created = self.functions.id(named.name).and_then(|id| self.functions.get(id));
        created.map(|function| shown(function, None)).ok_or_else(|| named.not_found(&self.scope))
    }

    /// Puts a function in its place, without environments.
    pub(super) fn insert_function(&mut self, name: FunctionName, stored: StoredFunction) {
        self.pool.reserve(None, stored.reserved, 0);
        self.functions.insert(Function {
            arn: FunctionArn { scope: (*self.scope).clone(), name, qualifier: None },
            is_listed: true,
            settings: Arc::new(stored.settings),
            code: stored.code,
            revision_id: stored.revision_id,
            last_modified: stored.last_modified,
            tags: stored.tags,
            reserved: stored.reserved,
            fleet: Fleet::default(),
            load: Load::default(),
            events: BTreeSet::new(),
        });
    }

    pub(super) fn get_function(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let qualifier = Named::parse(&self.scope, name)?.qualifier;
        let function = self.function(name)?;
        Ok(Response::GetFunction {
            configuration: Box::new(function.show(qualifier)),
            artifact: function.code.artifact,
            tags: function.tags.clone(),
            reserved_concurrent_executions: function.reserved,
        })
    }

    pub(super) fn get_function_configuration(&self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let qualifier = Named::parse(&self.scope, name)?.qualifier;
        Ok(shown(self.function(name)?, qualifier))
    }

    pub(super) fn list_functions(&self, marker: Option<&str>, max_items: Option<u32>) -> Result<Response, LambdaError> {
        let mut constraints = Constraints::default();
        let most = max_items.map_or(LIST_PAGE_MAX, |most| {
            constraints.number("maxItems", i64::from(most), 1, LIST_MAX_ITEMS).min(LIST_PAGE_MAX)
        });
        constraints.finish()?;
        let after = marker.unwrap_or_default();
        let mut rest = self
            .functions
            .by_name
            .range::<str, _>((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
            .filter_map(|(_, id)| self.functions.get(*id));
        let functions: Vec<_> = rest.by_ref().take(most as usize).map(|function| function.show(None)).collect();
        let next_marker = rest.next().and(functions.last()).map(|last| last.function_name.clone());
        Ok(Response::ListFunctions { functions, next_marker })
    }

    pub(super) fn update_function_code(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        update: &UpdateFunctionCode,
        code: CodeRef,
    ) -> Result<Response, LambdaError> {
        if update.publish {
            return Err(refused("Publish"));
        }
        if !update.architectures.is_empty() {
            let mut constraints = Constraints::default();
            constraints.architectures(&update.architectures);
            constraints.finish()?;
        }
        let (id, function) = self.whole_function(name, UPDATE_OF_QUALIFIED)?;
        function.check_revision(update.revision_id.as_deref())?;
        let mut settings = (*function.settings).clone();
        if let Some(architecture) = update.architectures.first() {
            settings.architecture.clone_from(architecture);
        }
        if update.dry_run {
            let would_be = Shown {
                name: function.name(),
                arn: function.arn.to_string(),
                version: LATEST,
                code: &code,
                revision_id: &function.revision_id,
                last_modified: function.last_modified,
            };
            return Ok(Response::Function(Box::new(settings.show(would_be))));
        }
        function.code = code;
        function.settings = Arc::new(settings);
        function.changed(cx);
        let response = shown(function, None);
        self.replace_environments(cx, id);
        Ok(response)
    }

    pub(super) fn update_function_configuration(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        update: &UpdateFunctionConfiguration,
    ) -> Result<Response, LambdaError> {
        let (id, function) = self.whole_function(name, UPDATE_OF_QUALIFIED)?;
        let settings = function.settings.updated(update)?;
        function.check_revision(update.revision_id.as_deref())?;
        function.settings = Arc::new(settings);
        function.changed(cx);
        let response = shown(function, None);
        self.replace_environments(cx, id);
        Ok(response)
    }

    /// Deletes the function, stops its environments and ends what runs in them.
    pub(super) fn delete_function(
        &mut self,
        turn: &mut Turn<'_, '_>,
        name: &FunctionRef,
    ) -> Result<Response, LambdaError> {
        let named = Named::parse(&self.scope, name)?;
        if named.qualifier == Some(LATEST) {
            return Err(invalid("$LATEST version cannot be deleted without deleting the function."));
        }
        let id = self.find(named)?;
        let Some(function) = self.functions.get(id) else { return Err(named.not_found(&self.scope)) };
        let name = function.arn.name.clone();
        self.functions.forget_name(id);
        self.drop_events_of(turn.cx, id);
        self.stop_environments(turn, id, StopReason::Deleted);
        if let Some(function) = self.functions.get(id) {
            self.pool.reserve(function.reserved, None, function.load.running);
        }
        self.functions.remove(id);
        turn.cx.record(LambdaRecord::Function(FunctionRecord { name, function: None }));
        Ok(Response::Done)
    }

    pub(super) fn tag_function(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        tags: BTreeMap<String, String>,
    ) -> Result<Response, LambdaError> {
        let function = self.tagged_function(arn)?;
        let mut all = function.tags.clone();
        all.extend(tags);
        validate::tags(&all)?;
        function.tags = all;
        function.record(cx);
        Ok(Response::Done)
    }

    pub(super) fn untag_function(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        tag_keys: &[String],
    ) -> Result<Response, LambdaError> {
        let function = self.tagged_function(arn)?;
        for key in tag_keys {
            function.tags.remove(key);
        }
        function.record(cx);
        Ok(Response::Done)
    }

    pub(super) fn list_function_tags(&mut self, arn: &str) -> Result<Response, LambdaError> {
        Ok(Response::Tags(self.tagged_function(arn)?.tags.clone()))
    }

    fn tagged_function(&mut self, arn: &str) -> Result<&mut Function, LambdaError> {
        let reference = FunctionRef { name: arn.to_owned(), qualifier: None };
        let qualified = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
        Ok(self.whole_function(&reference, qualified)?.1)
    }
}

const UPDATE_OF_QUALIFIED: &str = "Aliases and versions of a function cannot be updated. Please specify either a function name or an unqualified function ARN.";

fn shown(function: &Function, qualifier: Option<&str>) -> Response {
    Response::Function(Box::new(function.show(qualifier)))
}
