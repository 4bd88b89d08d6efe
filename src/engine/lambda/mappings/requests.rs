//! The API of event source mappings, and their tags.

use std::collections::BTreeMap;

use super::{
    Mapping, MappingId,
    mapping::{SETTLE_MS, State, Through},
    record::{MappingRecord, StoredMapping},
    settings::{Settings, invalid},
};
use crate::{
    engine::{
        Cx,
        lambda::{
            Command, CreateEventSourceMapping, FunctionRef, Lambda, LambdaError, LambdaErrorKind, LambdaRecord,
            Response, UpdateEventSourceMapping, page::Page,
        },
        logs::Logs,
        sqs::{QueueId, Sqs},
    },
    model::{FunctionArn, MappingArn, QueueArn},
};

/// Mappings of one account and region.
const MAPPINGS_MAX: usize = 10_000;
/// Mappings on one page of a list (Lambda API reference, `ListEventSourceMappings`).
const PAGE_MAX: u32 = 100;
/// Tags of one mapping (Lambda developer guide, "configuration-tags").
const TAGS_MAX: usize = 50;

impl Lambda {
    /// Carries out a request about mappings, or about the tags of one.
    ///
    /// # Errors
    /// AWS's refusals, in its words. A command of another kind is an internal mistake and answered as `Service`.
    pub(in crate::engine::lambda) fn mapping_request(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        command: Command,
    ) -> Result<Response, LambdaError> {
        match command {
            Command::CreateEventSourceMapping(request) => self.create_mapping(cx, sqs, request),
            Command::GetEventSourceMapping { uuid } => self.mappings.find(&uuid).map(|id| self.described(id)),
            Command::ListEventSourceMappings { event_source_arn, function_name, marker, max_items } => {
                self.list_mappings(event_source_arn.as_deref(), function_name, marker.as_deref(), max_items)
            }
            Command::UpdateEventSourceMapping { uuid, update } => self.update_mapping(cx, sqs, logs, &uuid, update),
            Command::DeleteEventSourceMapping { uuid } => self.delete_mapping(cx, sqs, &uuid),
            Command::TagResource { arn, tags } => self.retag(cx, &arn, |own| {
                own.extend(tags);
                if own.len() > TAGS_MAX {
                    return Err(invalid(format!("A mapping has at most {TAGS_MAX} tags")));
                }
                Ok(())
            }),
            Command::UntagResource { arn, tag_keys } => self.retag(cx, &arn, |own| {
                own.retain(|key, _| !tag_keys.contains(key));
                Ok(())
            }),
            Command::ListTags { arn } => {
                let id = self.mappings.find_arn(&arn)?;
                Ok(Response::Tags(self.mappings.by_id.get(&id).map(|mapping| mapping.tags.clone()).unwrap_or_default()))
            }
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about event source mappings")),
        }
    }

    fn create_mapping(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        request: CreateEventSourceMapping,
    ) -> Result<Response, LambdaError> {
        let arn = request.event_source_arn.as_deref().unwrap_or_default();
        let queue_arn = QueueArn::parse(arn).ok_or_else(|| {
            invalid(format!("Unrecognized event source, must be an SQS queue of this account and region: {arn}"))
        })?;
        let settings = Settings::create(&request, queue_arn.name.is_fifo())?;
        if request.tags.len() > TAGS_MAX {
            return Err(invalid(format!("A mapping has at most {TAGS_MAX} tags")));
        }
        let queue = existing_queue(sqs, &queue_arn)?;
        let function = self.mapped_function(request.function_name)?;
        self.check_timeouts(sqs, queue, &function)?;
        self.check_unmapped(&queue_arn, &function, None)?;
        if self.mappings.by_id.len() >= MAPPINGS_MAX {
            return Err(invalid(format!("There are {MAPPINGS_MAX} mappings already: delete one first")));
        }
        let enabled = request.enabled.unwrap_or(true);
        let stored = StoredMapping {
            uuid: cx.ids.uuid(),
            queue: queue_arn,
            function,
            settings,
            enabled,
            last_modified: cx.now,
            tags: request.tags,
        };
        let state = State::Changing { through: Through::Creating, enabled, settles_at: cx.now.plus_millis(SETTLE_MS) };
        let mapping = Mapping::new(cx.now, stored.clone(), state)?;
        cx.record(LambdaRecord::Mapping(MappingRecord::Set(Box::new(stored))));
        let id = self.mappings.insert(sqs, mapping);
        self.settle_mapping(cx, sqs, id);
        Ok(self.described(id))
    }

    fn update_mapping(
        &mut self,
        cx: &mut Cx<'_>,
        sqs: &mut Sqs,
        logs: &mut Logs,
        uuid: &str,
        update: UpdateEventSourceMapping,
    ) -> Result<Response, LambdaError> {
        let id = self.mappings.find(uuid)?;
        let mapping = self.mappings.settled(id, "update")?;
        let settings = mapping.settings.update(&update, mapping.is_fifo())?;
        let filters = settings.filters()?;
        let (queue_arn, before, enabled_before) =
            (mapping.queue_arn.clone(), mapping.function.clone(), mapping.is_enabled());
        let function = match update.function_name {
            None => before,
            Some(named) => {
                let function = self.mapped_function(named)?;
                self.check_unmapped(&queue_arn, &function, Some(id))?;
                function
            }
        };
        let queue = existing_queue(sqs, &queue_arn)?;
        self.check_timeouts(sqs, queue, &function)?;
        let enabled = update.enabled.unwrap_or(enabled_before);
        let through = match (enabled_before, enabled) {
            (false, true) => Through::Enabling,
            (true, false) => Through::Disabling,
            _ => Through::Updating,
        };
        let mapping = self.mappings.get_mut(id)?;
        let bounds = |settings: &Settings| (settings.maximum_concurrency, settings.pollers);
        if bounds(&mapping.settings) != bounds(&settings) {
            mapping.scaling.rebound(cx.now, &settings.scaling(cx.now, queue_arn.name.is_fifo()));
        }
        (mapping.settings, mapping.filters, mapping.function) = (settings, filters, function);
        mapping.last_modified = cx.now;
        mapping.state = State::Changing { through, enabled, settles_at: cx.now.plus_millis(SETTLE_MS) };
        // What was gathered under the old settings goes out as it is.
        mapping.close_gathering();
        mapping.hold = None;
        let stored = mapping.stored();
        let polls = mapping.polls();
        cx.record(LambdaRecord::Mapping(MappingRecord::Set(Box::new(stored))));
        if !polls {
            self.let_go(cx, sqs, id);
        }
        self.mappings.tell_polled(sqs, queue);
        self.poll(cx, sqs, logs, queue);
        Ok(self.described(id))
    }

    fn delete_mapping(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, uuid: &str) -> Result<Response, LambdaError> {
        let id = self.mappings.find(uuid)?;
        self.mappings.settled(id, "delete")?;
        self.let_go(cx, sqs, id);
        let mapping = self.mappings.get_mut(id)?;
        mapping.last_modified = cx.now;
        mapping.state = State::Deleting { settles_at: cx.now.plus_millis(SETTLE_MS) };
        let queue = mapping.queue;
        cx.record(LambdaRecord::Mapping(MappingRecord::Removed { uuid: mapping.uuid.clone() }));
        if let Some(queue) = queue {
            self.mappings.tell_polled(sqs, queue);
        }
        self.settle_mapping(cx, sqs, id);
        Ok(self.described(id))
    }

    fn list_mappings(
        &self,
        event_source_arn: Option<&str>,
        function_name: Option<String>,
        marker: Option<&str>,
        max_items: Option<u32>,
    ) -> Result<Response, LambdaError> {
        // A mapping outlives its function, and is listed under its ARN then.
        let function = match function_name {
            None => None,
            Some(name) => Some(match self.resolve(&FunctionRef { name: name.clone(), qualifier: None }) {
                Ok(function) => function,
                Err(error) => FunctionArn::parse(&name).ok_or(error)?,
            }),
        };
        let wanted = |mapping: &&Mapping| {
            event_source_arn.is_none_or(|arn| mapping.queue_arn_text == arn)
                && function.as_ref().is_none_or(|function| mapping.function == *function)
        };
        let from = match marker {
            Some(marker) => (std::ops::Bound::Excluded(marker), std::ops::Bound::Unbounded),
            None => (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded),
        };
        let found = self
            .mappings
            .by_uuid
            .range::<str, _>(from)
            .filter_map(|(_, id)| self.mappings.by_id.get(id))
            .filter(wanted);
        let page = Page::of_at_most(PAGE_MAX, found.map(Mapping::configuration), max_items, |last| last.uuid.clone());
        Ok(Response::ListEventSourceMappings { event_source_mappings: page.items, next_marker: page.next_marker })
    }

    fn retag(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), LambdaError>,
    ) -> Result<Response, LambdaError> {
        let id = self.mappings.find_arn(arn)?;
        let mapping = self.mappings.get_mut(id)?;
        let mut tags = mapping.tags.clone();
        change(&mut tags)?;
        mapping.tags = tags;
        if !matches!(mapping.state, State::Deleting { .. }) {
            let stored = mapping.stored();
            cx.record(LambdaRecord::Mapping(MappingRecord::Set(Box::new(stored))));
        }
        Ok(Response::Done)
    }

    fn mapped_function(&self, name: String) -> Result<FunctionArn, LambdaError> {
        self.resolve(&FunctionRef { name, qualifier: None }).map_err(|error| match error.kind {
            LambdaErrorKind::ResourceNotFound => LambdaError::new(error.kind, "Function does not exist"),
            _ => error,
        })
    }

    fn check_timeouts(&self, sqs: &Sqs, queue: QueueId, function: &FunctionArn) -> Result<(), LambdaError> {
        match (sqs.visibility_timeout_s(queue), self.function_timeout_s(function)) {
            (Some(visible), Some(timeout)) if visible < timeout => Err(invalid(format!(
                "Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout} seconds"
            ))),
            _ => Ok(()),
        }
    }

    fn check_unmapped(
        &self,
        queue: &QueueArn,
        function: &FunctionArn,
        except: Option<MappingId>,
    ) -> Result<(), LambdaError> {
        let same = |(id, mapping): &(&MappingId, &Mapping)| {
            Some(**id) != except && mapping.queue_arn == *queue && mapping.function == *function
        };
        match self.mappings.by_id.iter().find(same) {
            None => Ok(()),
            Some((_, mapping)) => Err(LambdaError::new(
                LambdaErrorKind::ResourceConflict,
                format!(
                    "The event source arn (\" {queue} \") and function (\" {} \") provided mapping already exists. \
                     Please update or delete the existing mapping with UUID {}",
                    function.name, mapping.uuid
                ),
            )),
        }
    }

    fn described(&self, id: MappingId) -> Response {
        let configuration = self.mappings.by_id.get(&id).map(Mapping::configuration).unwrap_or_default();
        Response::EventSourceMapping(Box::new(configuration))
    }
}

impl super::Mappings {
    fn find(&self, uuid: &str) -> Result<MappingId, LambdaError> {
        self.by_uuid.get(uuid).copied().ok_or_else(no_such_mapping)
    }

    fn find_arn(&self, arn: &str) -> Result<MappingId, LambdaError> {
        self.find(&MappingArn::parse(arn).ok_or_else(no_such_mapping)?.uuid)
    }

    fn get_mut(&mut self, id: MappingId) -> Result<&mut Mapping, LambdaError> {
        self.by_id.get_mut(&id).ok_or_else(no_such_mapping)
    }

    /// The mapping, unless it is on the way from one state to another.
    fn settled(&self, id: MappingId, verb: &str) -> Result<&Mapping, LambdaError> {
        let mapping = self.by_id.get(&id).ok_or_else(no_such_mapping)?;
        if mapping.state.is_in_transition() {
            let message = format!("Cannot {verb} the event source mapping because it is in use.");
            return Err(LambdaError::new(LambdaErrorKind::ResourceInUse, message));
        }
        Ok(mapping)
    }
}

fn existing_queue(sqs: &Sqs, arn: &QueueArn) -> Result<QueueId, LambdaError> {
    sqs.queue_by_arn(arn).ok_or_else(|| {
        invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. \
             SQS Error Message: The specified queue does not exist.",
        )
    })
}

fn no_such_mapping() -> LambdaError {
    LambdaError::new(LambdaErrorKind::ResourceNotFound, "The resource you requested does not exist.")
}
