//! Provisioned concurrency that follows the load: a scalable target of the function's alias, and the policy that tracks its
//! utilisation (Application Auto Scaling API reference, `RegisterScalableTarget` and `PutScalingPolicy`).
//!
//! A scalable target belongs to whoever owns its function, as a mapping does. How many environments there are between the
//! bounds is the target's business: no step touches that.

use super::{
    Action, Call, StepId,
    draft::{Draft, Inputs, NewStep},
    functions::address,
};
use crate::{
    model::FunctionName,
    stack::{DesiredFunction, LIVE_ALIAS, ObservedFunction, ObservedScaling, Provisioned, SCALING_POLICY},
};

/// Bounds and utilisation in percent, of a function that follows the load.
fn wanted(function: &DesiredFunction) -> Option<(u32, u32, u32)> {
    match function.provisioned_concurrency {
        Some(Provisioned::Tracked { min, max, target_utilization_percent }) => {
            Some((min, max, target_utilization_percent))
        }
        _ => None,
    }
}

/// Steps that let scalable targets go which are not wanted, before their concurrency changes.
pub(super) fn let_go(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        let found = inputs.observed.functions.get(&function.name).and_then(scaling);
        if found.is_some() && wanted(function).is_none() {
            let call = Call::DeregisterScalableTarget { name: function.name.clone(), alias: LIVE_ALIAS };
            draft.push(NewStep::new(address(key), Action::Update, call, "provisioned follows the load no longer"), []);
        }
    }
}

/// Steps that let a function follow the load, after all that it needs before.
pub(super) fn follow(draft: &mut Draft, key: &str, function: &DesiredFunction, found: Option<&ObservedFunction>) {
    let Some((min, max, percent)) = wanted(function) else { return };
    let found = found.and_then(scaling);
    let action = draft.addition_at(&address(key));
    let name = || function.name.clone();
    let push = |draft: &mut Draft, call: Call, cause: String| {
        let after = draft.steps_at(&address(key));
        draft.push(NewStep::new(address(key), action, call, cause), after);
    };
    if found.is_none_or(|found| (found.min, found.max) != (min, max)) {
        let old = found.map_or_else(|| "none".to_owned(), |found| bounds(found.min, found.max));
        let call = Call::RegisterScalableTarget { name: name(), alias: LIVE_ALIAS, min, max };
        push(draft, call, format!("provisioned between {old} -> {}", bounds(min, max)));
    }
    let policies = || found.into_iter().flat_map(|found| &found.policies);
    for (policy, _) in policies().filter(|(policy, _)| *policy != SCALING_POLICY) {
        let call = Call::DeleteScalingPolicy { name: name(), alias: LIVE_ALIAS, policy: policy.clone() };
        push(draft, call, format!("scaling policy `{policy}` is not of this manifest"));
    }
    let old = policies().find(|(policy, _)| *policy == SCALING_POLICY).map(|(_, policy)| policy.utilization_percent);
    if old != Some(Some(percent)) {
        let call = Call::PutScalingPolicy { name: name(), alias: LIVE_ALIAS, utilization_percent: percent };
        let old = match old {
            Some(Some(old)) => format!("{old}%"),
            Some(None) => "changed".to_owned(),
            None => "none".to_owned(),
        };
        push(draft, call, format!("target_utilization {old} -> {percent}%"));
    }
}

/// The step that lets go the scalable target of a function that is deleted: it would outlive it.
pub(super) fn let_go_before_deletion(
    draft: &mut Draft,
    name: &FunctionName,
    found: &ObservedFunction,
    action: Action,
) -> Option<StepId> {
    scaling(found)?;
    let call = Call::DeregisterScalableTarget { name: name.clone(), alias: LIVE_ALIAS };
    Some(draft.push(NewStep::new(found.address(name), action, call, "provisioned follows the load no longer"), []))
}

fn scaling(found: &ObservedFunction) -> Option<&ObservedScaling> {
    found.live.as_ref()?.scaling.as_ref()
}

fn bounds(min: u32, max: u32) -> String {
    format!("{min} and {max}")
}
