//! Function URLs: of the function itself, or of its alias when it has one.

use super::{
    Action, Call, MappedFunction, TargetKind,
    draft::{Draft, Inputs, NewStep},
    functions::address,
    versions,
};
use crate::stack::{FunctionUrl, ObservedUrl, UrlPermission};

/// Who may use a URL that needs no signature.
const EVERYBODY: &str = "everybody to call the url";

/// Steps for the URL of each declared function, after all others of the function.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        let observed = inputs.observed.functions.get(&function.name);
        let alias = versions::alias(function).map(ToOwned::to_owned);
        let at = |alias: Option<String>| MappedFunction { name: function.name.clone(), alias };
        let found = observed.and_then(|found| found.url.as_ref());
        let mut after = draft.steps_at(&address(key));
        let outdated = found.filter(|found| function.url.is_none() || found.alias != alias);
        // What everybody may do without being let: on this machine any credentials are accepted.
        let needed: &[UrlPermission] = match &function.url {
            Some(wanted) if !wanted.needs_signature && inputs.facts.kind != TargetKind::Embedded => &UrlPermission::ALL,
            _ => &[],
        };
        for (found, permission) in
            found.into_iter().flat_map(|found| found.allowed.iter().map(move |one| (found, *one)))
        {
            if outdated.is_some() || !needed.contains(&permission) {
                let call = Call::ForbidUrl { function: at(found.alias.clone()), permission };
                after.push(draft.push(NewStep::new(address(key), Action::Update, call, EVERYBODY), after.clone()));
            }
        }
        if let Some(ObservedUrl { alias, .. }) = outdated {
            let call = Call::DeleteFunctionUrl { function: at(alias.clone()) };
            after.push(draft.push(NewStep::new(address(key), Action::Update, call, "url"), after.clone()));
        }
        let Some(wanted) = &function.url else { continue };
        let found = found.filter(|_| outdated.is_none());
        let step = match found {
            Some(found) if found.settings == *wanted => None,
            Some(found) => {
                let cause = changes(&found.settings, wanted);
                Some((Call::UpdateFunctionUrl { function: at(alias.clone()), settings: wanted.clone() }, cause))
            }
            None => {
                let call = Call::CreateFunctionUrl { function: at(alias.clone()), settings: wanted.clone() };
                Some((call, "url".to_owned()))
            }
        };
        let action = draft.addition_at(&address(key));
        if let Some((call, cause)) = step {
            let step = draft.push(NewStep::new(address(key), action, call, cause), after.clone());
            after.push(step);
        }
        for permission in needed.iter().filter(|one| found.is_none_or(|found| !found.allowed.contains(*one))) {
            let call = Call::AllowUrl { function: at(alias.clone()), permission: *permission };
            let step = draft.push(NewStep::new(address(key), action, call, EVERYBODY), after.clone());
            after.push(step);
        }
    }
}

fn changes(found: &FunctionUrl, wanted: &FunctionUrl) -> String {
    let mut causes = Vec::new();
    if found.needs_signature != wanted.needs_signature {
        let word = |signed| if signed { "iam" } else { "none" };
        causes.push(format!("url.auth {} -> {}", word(found.needs_signature), word(wanted.needs_signature)));
    }
    if found.streams != wanted.streams {
        let word = |streams| if streams { "stream" } else { "buffered" };
        causes.push(format!("url.invoke_mode {} -> {}", word(found.streams), word(wanted.streams)));
    }
    if found.cors != wanted.cors {
        causes.push("url.cors changed".to_owned());
    }
    causes.join(", ")
}
