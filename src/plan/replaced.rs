//! Functions that change between a zip file and an image: AWS lets `PackageType` be chosen once, so the old function goes with all that
//! is its own, and the new one is made in its place.
//!
//! The rest of the plan is made as if the old one had never been there.

use super::{
    Action, Call, Danger,
    draft::{Draft, Inputs, NewStep},
    functions,
    scaling::let_go_before_deletion,
};
use crate::{
    model::FunctionName,
    stack::{Observed, ObservedFunction},
};

/// Steps that delete the functions which cannot become what they shall be, and what is there without them; `None` when there are none.
pub(super) fn take_away(draft: &mut Draft, inputs: &Inputs<'_>) -> Option<Observed> {
    let mut rest = None;
    for function in inputs.desired.functions.values() {
        let found = inputs.observed.functions.get(&function.name);
        let Some(found) = found.filter(|found| found.is_image != function.is_image()) else { continue };
        delete(draft, &function.name, found, inputs.observed);
        let rest = rest.get_or_insert_with(|| inputs.observed.clone());
        rest.functions.remove(&function.name);
        rest.mappings.retain(|_, mapping| mapping.function != function.name);
    }
    rest
}

fn delete(draft: &mut Draft, name: &FunctionName, found: &ObservedFunction, observed: &Observed) {
    let kinds = if found.is_image { "image -> zip file" } else { "zip file -> image" };
    let mut after = Vec::new();
    for (uuid, mapping) in observed.mappings.iter().filter(|(_, mapping)| mapping.function == *name) {
        let address = observed.mapping_address(mapping);
        // One that is not declared any more goes in any case.
        let mut steps = draft.steps_at(&address);
        if steps.is_empty() {
            let call = Call::DeleteMapping { uuid: uuid.clone() };
            let step = draft.push(NewStep::new(address, Action::Replace, call, "its function is replaced"), []);
            draft.releases(&mapping.queue.name, step);
            steps = vec![step];
        }
        after.extend(steps);
    }
    after.extend(let_go_before_deletion(draft, name, found, Action::Update));
    let call = Call::DeleteFunction { name: name.clone() };
    let cause = format!("{kinds}, which AWS does not change in place");
    let mut step = NewStep::new(found.address(name), Action::Replace, call, cause);
    step.danger = Some(Danger::ReplacesFunction);
    let step = draft.push(step, after);
    if found.reserved_concurrency.is_some() {
        draft.gives_back_at(step);
    }
    functions::release_queues(draft, step, found, observed.queues.keys());
}
