//! Functions: which to make, what of their code, configuration, tags and concurrency to change, which to let go.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, ArtifactInfo, Call, FunctionChanges, FunctionCode, FunctionSettings, NewFunction, StepId, TargetKind,
    draft::{Draft, Inputs, NewStep},
    layers, packages, queues, scaling,
    semantic::{duration, name_changes, optional},
    services,
    tags::{TagChanges, owned},
    versions,
};
use crate::{
    model::{DEBUG_VARIABLE, FunctionIsolation, FunctionName, QueueName, TAG_BASE_IMAGE, TAG_ISOLATION},
    stack::{
        Address, Architecture, ContainerNetwork, DesiredFunction, LogFormat, Observed, ObservedFunction, Reference,
        TAG_BUILD, TemplatePart, Variables,
    },
};

/// Digits of a digest that tell artifacts apart for people.
const DIGEST_SHOWN: usize = 8;

/// Steps for each declared function, after those of the queues that it refers to.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, function) in &inputs.desired.functions {
        let Some(new) = resolve(draft, key, function, inputs) else { continue };
        let mut awaited = [services::awaited_by(draft, function, inputs), layers::awaited_by(draft, function)].concat();
        if function.is_image() || function.isolation == FunctionIsolation::Container {
            // The engine makes the network where there is none, and Docker lets two have one name.
            awaited.extend(draft.steps_at(&Address::Network));
        }
        match inputs.observed.functions.get(&function.name) {
            Some(found) => update(draft, key, found, new, awaited, inputs),
            None => {
                let action = draft.creation_at(&address(key));
                let gone = draft.steps_at(&address(key));
                let object = packages::object(&new.code);
                let package = object.as_ref().map(|object| (object, inputs.artifacts[key].digest));
                let before = [queue_steps(draft, function), awaited, gone].concat();
                let before = packages::upload(draft, (&address(key), action), package, before);
                let step = NewStep::new(address(key), action, Call::CreateFunction(Box::new(new)), "");
                let step = draft.push(step, before);
                packages::taken(draft, object.as_ref(), step);
            }
        }
    }
    scaling::let_go(draft, inputs);
    versions::give_back(draft, inputs);
    reserve(draft, inputs);
    versions::make(draft, inputs);
}

/// Steps that delete the functions which no longer stand in the manifest.
pub(super) fn delete_undeclared(draft: &mut Draft, inputs: &Inputs<'_>) {
    let declared: BTreeSet<_> = inputs.desired.functions.values().map(|function| &function.name).collect();
    for (name, found) in &inputs.observed.functions {
        if !declared.contains(name) {
            delete(draft, name, found, inputs.observed);
        }
    }
}

/// Steps that delete every function.
pub(super) fn delete_all(draft: &mut Draft, observed: &Observed) {
    for (name, found) in &observed.functions {
        delete(draft, name, found, observed);
    }
}

/// The address of a function of the manifest.
pub(super) fn address(key: &str) -> Address {
    Address::Function(key.to_owned())
}

/// The function as a target would be told to make it; `None`, with problems noted, when that is not known.
fn resolve(draft: &mut Draft, key: &str, function: &DesiredFunction, inputs: &Inputs<'_>) -> Option<NewFunction> {
    let artifact = inputs.artifacts.get(key);
    if artifact.is_none() {
        draft.problem(address(key), "there is no artifact of this function", "build it first");
    }
    let role = function.role.as_ref().or(inputs.facts.default_role.as_ref());
    if role.is_none() {
        let message = format!("the target `{}` needs a role for this function", inputs.facts.name);
        draft.problem(address(key), message, "set `role` to the ARN of a role that Lambda may assume");
    }
    let environment = render_environment(draft, key, function, inputs);
    let settings = FunctionSettings {
        runtime: function.runtime.clone(),
        handler: function.handler.clone(),
        image_config: function.image_config.clone(),
        description: function.description.clone(),
        role: role?.clone(),
        memory_mb: function.memory_mb,
        timeout_s: function.timeout_s,
        ephemeral_storage_mb: function.ephemeral_storage_mb,
        log_format: function.log_format,
        environment: environment?,
        layers: layers::wanted(function, inputs),
    };
    let artifact = artifact?;
    let mut tags = owned(inputs.desired, &address(key), &function.tags);
    tags.insert(TAG_BUILD.to_owned(), artifact.digest.to_string());
    let runs_here = inputs.facts.kind == TargetKind::Embedded;
    if runs_here && !function.is_image() && function.isolation == FunctionIsolation::Container {
        tags.insert(TAG_ISOLATION.to_owned(), function.isolation.to_string());
        tags.extend(function.base_image.clone().map(|image| (TAG_BASE_IMAGE.to_owned(), image)));
    }
    let code = match (&artifact.image, &artifact.object) {
        (Some(uri), _) => FunctionCode::Image(uri.clone()),
        (None, Some(object)) => FunctionCode::Object(object.clone()),
        (None, None) => FunctionCode::Artifact(artifact.digest),
    };
    Some(NewFunction { name: function.name.clone(), code, architecture: function.architecture, settings, tags })
}

fn render_environment(
    draft: &mut Draft,
    key: &str,
    function: &DesiredFunction,
    inputs: &Inputs<'_>,
) -> Option<Variables> {
    let mut variables = BTreeMap::new();
    let mut is_whole = true;
    let in_network = function.isolation == FunctionIsolation::Container && inputs.facts.kind == TargetKind::Embedded;
    let in_network = in_network && inputs.desired.container_network() == ContainerNetwork::Bridge;
    let in_network = in_network && !inputs.facts.services.functions_share_network;
    for (name, template) in &function.environment {
        let rendered = match in_network {
            true => inputs.facts.render_in_container(template, inputs.desired, inputs.observed),
            false => inputs.facts.render(template, inputs.desired, inputs.observed),
        };
        match rendered {
            Ok(value) => drop(variables.insert(name.clone(), value)),
            Err(other) => {
                is_whole = false;
                draft.unresolved(address(key), &other);
            }
        }
    }
    if let Some(debugging) = function.debug {
        variables.insert(DEBUG_VARIABLE.to_owned(), debugging.value());
        if inputs.facts.kind != TargetKind::Embedded {
            let message =
                format!("`debug` is for functions that run here, and not on the target `{}`", inputs.facts.name);
            draft.problem(address(key), message, "keep `debug` in `stack.local.toml`, or in a profile of your own");
        }
    }
    is_whole.then_some(Variables(variables))
}

/// Configuration before code, so that new code finds its new variables; each step after the one before, because AWS refuses
/// a change while another is under way.
fn update(
    draft: &mut Draft,
    key: &str,
    found: &ObservedFunction,
    new: NewFunction,
    awaited: Vec<StepId>,
    inputs: &Inputs<'_>,
) {
    let (mut calls, found_name) = (Vec::new(), new.name.clone());
    let (changes, cause) = configuration_changes(found, &new.settings);
    let changes_environment = changes.environment.is_some();
    let raises_timeout = changes.timeout_s.is_some_and(|timeout_s| timeout_s > found.timeout_s);
    if !cause.is_empty() {
        calls.push((Call::UpdateFunctionConfiguration { name: new.name.clone(), changes: Box::new(changes) }, cause));
    }
    if let Some(cause) = code_change(found, &inputs.artifacts[key], new.architecture) {
        let (name, code, architecture) = (new.name, new.code, new.architecture);
        calls.push((Call::UpdateFunctionCode { name, code, architecture }, cause));
    }
    let TagChanges { set, unset, cause } = TagChanges::between(&found.tags, new.tags);
    if !set.is_empty() {
        calls.push((Call::TagFunction { arn: found.arn.clone(), tags: set }, cause));
    }
    if !unset.is_empty() {
        let cause = unset.join(", ");
        calls.push((Call::UntagFunction { arn: found.arn.clone(), keys: unset }, cause));
    }
    let mut after = [queue_steps(draft, &inputs.desired.functions[key]), awaited].concat();
    if raises_timeout {
        // It is refused while a queue of a mapping that goes hides messages for a shorter time.
        after.extend(mapping_steps(draft, &found_name, inputs.observed));
    }
    for (call, cause) in calls {
        let object = if let Call::UpdateFunctionCode { code, .. } = &call { packages::object(code) } else { None };
        let package = object.as_ref().map(|object| (object, inputs.artifacts[key].digest));
        after = packages::upload(draft, (&address(key), Action::Update), package, after);
        let lets_go = changes_environment && matches!(call, Call::UpdateFunctionConfiguration { .. });
        let step = draft.push(NewStep::new(address(key), Action::Update, call, cause), after);
        if lets_go {
            release_queues(draft, step, found, queues::undeclared(inputs.desired, inputs.observed));
        }
        packages::taken(draft, object.as_ref(), step);
        after = vec![step];
    }
}

fn configuration_changes(found: &ObservedFunction, new: &FunctionSettings) -> (FunctionChanges, String) {
    let mut changes = FunctionChanges::default();
    let mut causes = Vec::new();
    let mut text = |key: &str, old: &String, new: &String, change: &mut Option<String>| {
        if old != new {
            *change = Some(new.clone());
            causes.push(format!("{key} {} -> {}", quoted(old), quoted(new)));
        }
    };
    text("runtime", &found.runtime, &new.runtime, &mut changes.runtime);
    text("handler", &found.handler, &new.handler, &mut changes.handler);
    text("description", &found.description, &new.description, &mut changes.description);
    text("role", &found.role, &new.role, &mut changes.role);
    let mut number = |key: &str, old: u32, new: u32, change: &mut Option<u32>, show: fn(u32) -> String| {
        if old != new {
            *change = Some(new);
            causes.push(format!("{key} {} -> {}", show(old), show(new)));
        }
    };
    let mib = |size_mb: u32| format!("{size_mb}MiB");
    number("memory", found.memory_mb, new.memory_mb, &mut changes.memory_mb, mib);
    number("timeout", found.timeout_s, new.timeout_s, &mut changes.timeout_s, duration);
    let storage = &mut changes.ephemeral_storage_mb;
    number("ephemeral_storage", found.ephemeral_storage_mb, new.ephemeral_storage_mb, storage, mib);
    if found.log_format != new.log_format {
        changes.log_format = Some(new.log_format);
        causes.push(format!("log_format {} -> {}", log_format(found.log_format), log_format(new.log_format)));
    }
    if found.image_config != new.image_config {
        changes.image_config = Some(new.image_config.clone());
        causes.push("image_config".to_owned());
    }
    if found.environment != new.environment {
        changes.environment = Some(new.environment.clone());
        let names = name_changes(&found.environment.0, &new.environment.0);
        causes.push(format!("environment: {}", names.join(", ")));
    }
    if let Some(cause) = layers::change(&found.layers, &new.layers) {
        changes.layers = Some(new.layers.clone());
        causes.push(cause);
    }
    (changes, causes.join(", "))
}

/// The artifact's tag says what was deployed; the hash of the code, where it is known beforehand, says what is there.
fn code_change(found: &ObservedFunction, wanted: &ArtifactInfo, architecture: Architecture) -> Option<String> {
    let tag = found.tags.get(TAG_BUILD);
    let new = wanted.digest.to_string();
    let is_tagged = tag == Some(&new);
    let is_same = wanted.code_sha256.as_ref().map_or(is_tagged, |sha256| *sha256 == found.code_sha256);
    let mut causes = Vec::new();
    match tag {
        _ if is_same => {}
        Some(_) if is_tagged => causes.push(format!("artifact {}, other code was deployed over it", short(&new))),
        Some(old) => causes.push(format!("artifact {} -> {}", short(old), short(&new))),
        None => causes.push(format!("artifact {}", short(&new))),
    }
    if found.architecture != architecture {
        causes.push(format!("architecture {} -> {}", name_of(found.architecture), name_of(architecture)));
    }
    (!causes.is_empty()).then(|| causes.join(", "))
}

/// Reserved concurrency: what is given back comes before what is taken, because the pool must hold all of it.
fn reserve(draft: &mut Draft, inputs: &Inputs<'_>) {
    let changes = inputs.desired.functions.iter().filter_map(|(key, function)| {
        let found = inputs.observed.functions.get(&function.name);
        let (old, new) = (found.and_then(|found| found.reserved_concurrency), function.reserved_concurrency);
        (old != new).then_some((key, function, found.is_some(), old, new))
    });
    let (gives, takes): (Vec<_>, Vec<_>) = changes.partition(|(.., old, new)| new < old);
    let mut given: Vec<StepId> = draft.gives_back().to_vec();
    for (is_take, (key, function, exists, old, new)) in
        gives.into_iter().map(|give| (false, give)).chain(takes.into_iter().map(|take| (true, take)))
    {
        let name = function.name.clone();
        let call = match new {
            Some(reserved) => Call::PutFunctionConcurrency { name, reserved },
            None => Call::DeleteFunctionConcurrency { name },
        };
        let (action, cause) = if exists {
            (Action::Update, format!("reserved {} -> {}", optional(old), optional(new)))
        } else {
            (Action::Create, format!("reserved {}", optional(new)))
        };
        let mut after = draft.steps_at(&address(key));
        if is_take {
            after.extend(&given);
        }
        let step = draft.push(NewStep::new(address(key), action, call, cause), after);
        if !is_take {
            given.push(step);
        }
    }
}

fn delete(draft: &mut Draft, name: &FunctionName, found: &ObservedFunction, observed: &Observed) {
    let mut after = mapping_steps(draft, name, observed);
    after.extend(scaling::let_go_before_deletion(draft, name, found, Action::Delete));
    let call = Call::DeleteFunction { name: name.clone() };
    let step = draft.push(NewStep::new(found.address(name), Action::Delete, call, ""), after);
    if found.reserved_concurrency.is_some() {
        draft.gives_back_at(step);
    }
    release_queues(draft, step, found, observed.queues.keys());
}

/// The steps of the function's mappings so far.
fn mapping_steps(draft: &Draft, name: &FunctionName, observed: &Observed) -> Vec<StepId> {
    let mappings = observed.mappings.values().filter(|mapping| mapping.function == *name);
    mappings.flat_map(|mapping| draft.steps_at(&observed.mapping_address(mapping))).collect()
}

/// After `step` the function no longer knows those of `queues` that its environment spoke of.
pub(super) fn release_queues<'a>(
    draft: &mut Draft,
    step: StepId,
    found: &ObservedFunction,
    queues: impl IntoIterator<Item = &'a QueueName>,
) {
    for queue in queues {
        if found.environment.0.values().any(|value| value.contains(queue.as_str())) {
            draft.releases(queue, step);
        }
    }
}

/// The steps of the queues that the function refers to or is triggered by: a mapping is refused while the queue's visibility
/// timeout is below the function's timeout, so the queue comes first.
fn queue_steps(draft: &Draft, function: &DesiredFunction) -> Vec<StepId> {
    let parts = function.environment.values().flat_map(|template| &template.0);
    let referred = parts.filter_map(|part| match part {
        TemplatePart::Reference(Reference::QueueUrl(key) | Reference::QueueArn(key) | Reference::QueueName(key)) => {
            Some(key)
        }
        _ => None,
    });
    let triggers = function.triggers.iter().map(|trigger| &trigger.queue);
    referred.chain(triggers).flat_map(|key| draft.steps_at(&queues::address(key))).collect()
}

fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(' ') { format!("`{text}`") } else { text.to_owned() }
}

fn short(digest: &str) -> &str {
    digest.get(..DIGEST_SHOWN).unwrap_or(digest)
}

fn name_of(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    }
}

fn log_format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
}
