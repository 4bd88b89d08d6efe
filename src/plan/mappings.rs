//! Event source mappings: a trigger of a function and the mapping of its function from its queue are the same.

use std::collections::BTreeSet;

use super::{
    Action, Call, MappedFunction, MappingChanges, MappingSettings,
    draft::{Draft, Inputs, NewStep},
    functions, queues,
    semantic::{duration, optional, same_filters},
    versions,
};
use crate::{
    model::QueueArn,
    stack::{Address, DesiredFunction, Observed, ObservedMapping, Pollers, Trigger},
};

/// Steps for each trigger, after all those of its function and its queue.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        let mut seen = BTreeSet::new();
        for trigger in &function.triggers {
            let Some(queue) = source_of(trigger, inputs) else {
                draft.undeclared(address(key, trigger), &queues::address(&trigger.queue));
                continue;
            };
            if seen.insert(&trigger.queue) {
                make_one(draft, key, (function, trigger), queue, inputs);
            } else {
                let message = "the function has two triggers of this queue";
                draft.problem(address(key, trigger), message, "leave one of them out");
            }
        }
    }
}

/// Steps that delete the mappings which no longer stand in the manifest, those of functions that go included.
pub(super) fn delete_undeclared(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (uuid, mapping) in &inputs.observed.mappings {
        let mut functions = inputs.desired.functions.values().filter(|function| function.name == mapping.function);
        let is_declared = functions.any(|function| {
            function.triggers.iter().any(|trigger| source_of(trigger, inputs).as_ref() == Some(&mapping.queue))
        });
        if !is_declared {
            delete(draft, uuid, mapping, inputs.observed);
        }
    }
}

/// Steps that delete every mapping.
pub(super) fn delete_all(draft: &mut Draft, observed: &Observed) {
    for (uuid, mapping) in &observed.mappings {
        delete(draft, uuid, mapping, observed);
    }
}

fn make_one(
    draft: &mut Draft,
    key: &str,
    (function, trigger): (&DesiredFunction, &Trigger),
    queue: QueueArn,
    inputs: &Inputs<'_>,
) {
    let wanted = MappingSettings {
        enabled: trigger.enabled,
        batch_size: trigger.batch_size,
        batching_window_s: trigger.batching_window_s,
        max_concurrency: trigger.max_concurrency,
        provisioned_pollers: trigger.provisioned_pollers,
        report_batch_item_failures: trigger.report_batch_item_failures,
        filters: trigger.filters.clone(),
    };
    let invoked =
        MappedFunction { name: function.name.clone(), alias: versions::alias(function).map(ToOwned::to_owned) };
    let mut mappings = inputs.observed.mappings.iter();
    let found = mappings.find(|(_, found)| found.function == function.name && found.queue == queue);
    let step = match found {
        Some((uuid, found)) => {
            let (changes, cause) = changes(found, &wanted, &invoked);
            if cause.is_empty() {
                return;
            }
            let call = Call::UpdateMapping { uuid: uuid.clone(), changes };
            NewStep::new(address(key, trigger), Action::Update, call, cause)
        }
        None => {
            let call = Call::CreateMapping { function: invoked, queue, settings: wanted };
            NewStep::new(address(key, trigger), draft.creation_at(&address(key, trigger)), call, "")
        }
    };
    let queue = queues::address(&trigger.queue);
    let after = [draft.steps_at(&queue), draft.steps_at(&functions::address(key))].concat();
    draft.push(step, after);
}

fn delete(draft: &mut Draft, uuid: &str, mapping: &ObservedMapping, observed: &Observed) {
    let call = Call::DeleteMapping { uuid: uuid.to_owned() };
    let step = draft.push(NewStep::new(observed.mapping_address(mapping), Action::Delete, call, ""), []);
    draft.releases(&mapping.queue.name, step);
}

fn changes(found: &ObservedMapping, wanted: &MappingSettings, invoked: &MappedFunction) -> (MappingChanges, String) {
    let mut changes = MappingChanges::default();
    let mut causes = Vec::new();
    if found.alias != invoked.alias {
        changes.function = Some(invoked.clone());
        let old = MappedFunction { name: found.function.clone(), alias: found.alias.clone() };
        causes.push(format!("function {old} -> {invoked}"));
    }
    if found.enabled != wanted.enabled {
        changes.enabled = Some(wanted.enabled);
        causes.push(format!("enabled {} -> {}", found.enabled, wanted.enabled));
    }
    if found.batch_size != wanted.batch_size {
        changes.batch_size = Some(wanted.batch_size);
        causes.push(format!("batch_size {} -> {}", found.batch_size, wanted.batch_size));
    }
    if found.batching_window_s != wanted.batching_window_s {
        changes.batching_window_s = Some(wanted.batching_window_s);
        let (old, new) = (duration(found.batching_window_s), duration(wanted.batching_window_s));
        causes.push(format!("batching_window {old} -> {new}"));
    }
    if found.max_concurrency != wanted.max_concurrency {
        changes.max_concurrency = Some(wanted.max_concurrency);
        let (old, new) = (optional(found.max_concurrency), optional(wanted.max_concurrency));
        causes.push(format!("max_concurrency {old} -> {new}"));
    }
    if found.provisioned_pollers != wanted.provisioned_pollers {
        changes.provisioned_pollers = Some(wanted.provisioned_pollers);
        let (old, new) = (pollers(found.provisioned_pollers), pollers(wanted.provisioned_pollers));
        causes.push(format!("provisioned_pollers {old} -> {new}"));
    }
    if found.report_batch_item_failures != wanted.report_batch_item_failures {
        changes.report_batch_item_failures = Some(wanted.report_batch_item_failures);
        let (old, new) = (found.report_batch_item_failures, wanted.report_batch_item_failures);
        causes.push(format!("report_batch_item_failures {old} -> {new}"));
    }
    if !same_filters(&found.filters, &wanted.filters) {
        changes.filters = Some(wanted.filters.clone());
        causes.push("filters changed".to_owned());
    }
    (changes, causes.join(", "))
}

fn pollers(pollers: Option<Pollers>) -> String {
    pollers.map_or_else(|| "none".to_owned(), |pollers| format!("{} to {}", pollers.min, pollers.max))
}

fn source_of(trigger: &Trigger, inputs: &Inputs<'_>) -> Option<QueueArn> {
    inputs.desired.queues.get(&trigger.queue).map(|queue| inputs.facts.queue_arn(&queue.name))
}

pub(super) fn address(function: &str, trigger: &Trigger) -> Address {
    Address::Trigger { function: function.to_owned(), queue: trigger.queue.clone() }
}
