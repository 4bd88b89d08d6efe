//! Provisioned concurrency: it belongs to a published version, so a function that wants it has an alias that the plan moves,
//! and triggers that follow the alias.
//!
//! Publishing what was published already gives the same version, so a plan that was interrupted between two steps is
//! continued by the next one.

use super::{
    Action, AliasVersion, Call, StepId,
    draft::{Draft, Inputs, NewStep},
    functions::address,
    scaling,
    semantic::optional,
};
use crate::stack::{DesiredFunction, LIVE_ALIAS, ObservedAlias, ObservedFunction, Provisioned};

/// How many environments a function shall have ahead, when it has `old`: between the bounds that is for Application Auto
/// Scaling to say.
fn wanted(function: &DesiredFunction, old: Option<u32>) -> Option<u32> {
    function.provisioned_concurrency.as_ref().map(|provisioned| match provisioned {
        Provisioned::Fixed(count) => *count,
        Provisioned::Tracked { min, max, .. } => old.unwrap_or(0).clamp(*min, (*max).max(*min)),
    })
}

/// The alias that a function's triggers follow.
pub(super) fn alias(function: &DesiredFunction) -> Option<&'static str> {
    function.provisioned_concurrency.as_ref().map(|_| LIVE_ALIAS)
}

/// Steps that give provisioned concurrency back: they come before reservations change, which must not fall below it.
pub(super) fn give_back(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        let Some(old) = found(inputs, function).and_then(provisioned) else { continue };
        let new = wanted(function, Some(old)).unwrap_or(0);
        if new < old {
            // What lets go of scaling comes first: it would scale out again.
            let after = draft.deregistrations(&address(key));
            let step = put(draft, key, function, Some(old), new, after);
            draft.gives_back_at(step);
        }
    }
}

/// Steps that publish, move the alias and provision, each after all that the function needs before.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        let observed = found(inputs, function);
        let Some(count) = wanted(function, observed.and_then(provisioned)) else { continue };
        let live = observed.and_then(|found| found.live.as_ref());
        let before = draft.steps_at(&address(key));
        let is_changed = draft.changes_version(&before);
        if live.is_none_or(|live| !live.is_current || !live.others.is_empty()) || is_changed {
            let action = draft.addition_at(&address(key));
            let publish = Call::PublishVersion { name: function.name.clone() };
            let step = draft.push(NewStep::new(address(key), action, publish, "publish"), before);
            let (name, alias, version) = (function.name.clone(), LIVE_ALIAS, AliasVersion::JustPublished);
            let (call, cause) = match live {
                Some(live) => (
                    Call::UpdateAlias { name, alias, version },
                    format!("alias {LIVE_ALIAS}: {} -> the new one", versions(live)),
                ),
                None => (Call::CreateAlias { name, alias, version }, format!("alias {LIVE_ALIAS}: the new version")),
            };
            draft.push(NewStep::new(address(key), action, call, cause), vec![step]);
        }
        let old = observed.and_then(provisioned);
        if old.is_none_or(|old| old < count) {
            let mut after = draft.steps_at(&address(key));
            after.extend(draft.gives_back());
            put(draft, key, function, old, count, after);
        }
        scaling::follow(draft, key, function, observed);
    }
}

/// Where an alias leads: `version 2`, `versions 2 and 1`.
fn versions(live: &ObservedAlias) -> String {
    match live.others.as_slice() {
        [] => format!("version {}", live.version),
        others => format!("versions {} and {}", live.version, others.join(", ")),
    }
}

/// Steps that delete aliases which nothing needs any more, after the triggers that followed them.
pub(super) fn delete_unneeded(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        if alias(function).is_some() || found(inputs, function).is_none_or(|found| found.live.is_none()) {
            continue;
        }
        let triggers = function.triggers.iter();
        let after = triggers.flat_map(|trigger| draft.steps_at(&super::mappings::address(key, trigger)));
        let after: Vec<StepId> = after.chain(draft.steps_at(&address(key))).collect();
        let call = Call::DeleteAlias { name: function.name.clone(), alias: LIVE_ALIAS };
        draft.push(NewStep::new(address(key), Action::Update, call, format!("alias {LIVE_ALIAS}: not needed")), after);
    }
}

fn put(
    draft: &mut Draft,
    key: &str,
    function: &DesiredFunction,
    old: Option<u32>,
    new: u32,
    after: Vec<StepId>,
) -> StepId {
    let (name, alias) = (function.name.clone(), LIVE_ALIAS);
    let call = match new {
        0 => Call::DeleteProvisionedConcurrency { name, alias },
        count => Call::PutProvisionedConcurrency { name, alias, count },
    };
    let action = draft.addition_at(&address(key));
    let cause = format!("provisioned {} -> {}", optional(old), optional(Some(new).filter(|new| *new > 0)));
    draft.push(NewStep::new(address(key), action, call, cause), after)
}

fn found<'a>(inputs: &Inputs<'a>, function: &DesiredFunction) -> Option<&'a ObservedFunction> {
    inputs.observed.functions.get(&function.name)
}

fn provisioned(found: &ObservedFunction) -> Option<u32> {
    found.live.as_ref()?.provisioned
}
