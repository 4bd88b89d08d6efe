//! Function URLs: of the function itself, or of its alias when it has one.

use super::{
    Action, Call, MappedFunction,
    draft::{Draft, Inputs, NewStep},
    functions::address,
    versions,
};
use crate::stack::{FunctionUrl, ObservedUrl};

/// Steps for the URL of each declared function, after all others of the function.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        let observed = inputs.observed.functions.get(&function.name);
        let alias = versions::alias(function).map(ToOwned::to_owned);
        let at = |alias: Option<String>| MappedFunction { name: function.name.clone(), alias };
        let found = observed.and_then(|found| found.url.as_ref());
        let mut after = draft.steps_at(&address(key));
        let outdated = found.filter(|found| function.url.is_none() || found.alias != alias);
        if let Some(ObservedUrl { alias, .. }) = outdated {
            let call = Call::DeleteFunctionUrl { function: at(alias.clone()) };
            after.push(draft.push(NewStep::new(address(key), Action::Update, call, "url"), after.clone()));
        }
        let Some(wanted) = &function.url else { continue };
        let (call, cause) = match found.filter(|_| outdated.is_none()) {
            Some(found) if found.settings == *wanted => continue,
            Some(found) => {
                let cause = changes(&found.settings, wanted);
                (Call::UpdateFunctionUrl { function: at(alias), settings: wanted.clone() }, cause)
            }
            None => (Call::CreateFunctionUrl { function: at(alias), settings: wanted.clone() }, "url".to_owned()),
        };
        let action = if observed.is_some() { Action::Update } else { Action::Create };
        draft.push(NewStep::new(address(key), action, call, cause), after);
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
