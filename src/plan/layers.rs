//! Layers: a version is published when the contents or the runtimes are other ones, functions follow it, and the versions
//! before it go when no function of the stack has them any more.
//!
//! A version cannot be changed, and its number is the target's to give: a function that follows a new one names it by its
//! layer, and the provider knows what was published for it.

use super::{
    Action, Artifacts, Call, StepId,
    draft::{Draft, Inputs, NewStep},
    packages,
};
use crate::stack::{Address, DesiredFunction, DesiredLayer, LayerMark, LayerReference, Observed, ObservedLayerVersion};

/// Digits of a digest that tell artifacts apart for people.
const DIGEST_SHOWN: usize = 8;

/// A version of a layer, for a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerVersion {
    Arn(String),
    /// The one that a step before publishes for the layer of this name.
    JustPublished(String),
}

/// Under which key [`Artifacts`] has what a layer is published from: no function's key has a dot.
pub fn layer_artifact(key: &str) -> String {
    address(key).to_string()
}

/// Steps that publish.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    for (key, layer) in &inputs.desired.layers {
        let Some(artifact) = inputs.artifacts.get(&layer_artifact(key)) else {
            draft.problem(address(key), "there is no artifact of this layer", "build it first");
            continue;
        };
        if current(inputs, key, layer).is_some() {
            continue;
        }
        let newest = versions_of(inputs.observed, key).pop().map(|(_, found)| found);
        let short = |digest: &str| digest.get(..DIGEST_SHOWN).unwrap_or(digest).to_owned();
        let new = artifact.digest.to_string();
        let (action, cause) = match newest {
            None => (Action::Create, String::new()),
            Some(found) if found.mark.digest == artifact.digest && found.name == layer.name => {
                (Action::Update, format!("runtimes {}", layer.runtimes.join(", ")))
            }
            Some(found) => {
                (Action::Update, format!("artifact {} -> {}", short(&found.mark.digest.to_string()), short(&new)))
            }
        };
        let mark = LayerMark { stack: inputs.desired.name.clone(), key: key.clone(), digest: artifact.digest };
        let (name, runtimes) = (layer.name.clone(), layer.runtimes.clone());
        let object = artifact.object.clone();
        let package = object.as_ref().map(|object| (object, artifact.digest));
        let after = packages::upload(draft, (&address(key), action), package, Vec::new());
        let call = Call::PublishLayerVersion { name, object: object.clone(), runtimes, mark };
        let step = draft.push(NewStep::new(address(key), action, call, cause), after);
        packages::taken(draft, object.as_ref(), step);
    }
}

/// The versions that a function shall have, in order.
pub(super) fn wanted(function: &DesiredFunction, inputs: &Inputs<'_>) -> Vec<LayerVersion> {
    let version = |reference: &LayerReference| match reference {
        LayerReference::Arn(arn) => Some(LayerVersion::Arn(arn.clone())),
        LayerReference::Declared(key) => {
            let layer = inputs.desired.layers.get(key)?;
            let found = current(inputs, key, layer).map(|arn| LayerVersion::Arn(arn.to_owned()));
            Some(found.unwrap_or_else(|| LayerVersion::JustPublished(layer.name.clone())))
        }
    };
    function.layers.iter().filter_map(version).collect()
}

/// The steps after which a function's layers are there.
pub(super) fn awaited_by(draft: &Draft, function: &DesiredFunction) -> Vec<StepId> {
    let declared = function.layers.iter().filter_map(|reference| match reference {
        LayerReference::Declared(key) => Some(address(key)),
        LayerReference::Arn(_) => None,
    });
    declared.flat_map(|address| draft.steps_at(&address)).collect()
}

/// How a function's layers change, for people: `orders-shared:1 -> orders-shared:new`.
pub(super) fn change(old: &[String], new: &[LayerVersion]) -> Option<String> {
    let is_same = old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| matches!(new, LayerVersion::Arn(new) if new == old));
    let short = |arn: &str| arn.split_once(":layer:").map_or(arn, |(_, name)| name).to_owned();
    let old: Vec<String> = old.iter().map(|arn| short(arn)).collect();
    let new = new.iter().map(|version| match version {
        LayerVersion::Arn(arn) => short(arn),
        LayerVersion::JustPublished(name) => format!("{name}:new"),
    });
    let list = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    (!is_same).then(|| format!("layers {} -> {}", list(old), list(new.collect())))
}

/// Steps that delete the versions which nothing of the manifest is any more, after the functions that had them.
pub(super) fn delete_unneeded(draft: &mut Draft, inputs: &Inputs<'_>) {
    let kept: Vec<&str> = inputs.desired.layers.iter().filter_map(|(key, layer)| current(inputs, key, layer)).collect();
    for (arn, found) in &inputs.observed.layers {
        if kept.contains(&arn.as_str()) {
            continue;
        }
        let is_declared = inputs.desired.layers.contains_key(&found.mark.key);
        delete(draft, arn, found, is_declared, inputs.observed);
    }
}

/// Steps that delete every version.
pub(super) fn delete_all(draft: &mut Draft, observed: &Observed) {
    for (arn, found) in &observed.layers {
        delete(draft, arn, found, false, observed);
    }
}

fn delete(draft: &mut Draft, arn: &str, found: &ObservedLayerVersion, is_declared: bool, observed: &Observed) {
    let address = address(&found.mark.key);
    let users = observed.functions.iter().filter(|(_, function)| function.layers.iter().any(|layer| layer == arn));
    let users = users.map(|(name, function)| function.address(name));
    // What replaces it is there first, so that an interruption leaves something to go back to.
    let after = users.chain([address.clone()]).flat_map(|address| draft.steps_at(&address)).collect::<Vec<_>>();
    let (action, cause) = match is_declared {
        true => (Action::Update, format!("version {}, which nothing needs any more", found.version)),
        false => (Action::Delete, format!("version {}", found.version)),
    };
    let call = Call::DeleteLayerVersion { name: found.name.clone(), version: found.version };
    draft.push(NewStep::new(address, action, call, cause), after);
}

/// The ARN of the newest version that is what the manifest wants.
fn current<'a>(inputs: &Inputs<'a>, key: &str, layer: &DesiredLayer) -> Option<&'a str> {
    let artifacts: &Artifacts = inputs.artifacts;
    let digest = artifacts.get(&layer_artifact(key))?.digest;
    let is_current = |found: &ObservedLayerVersion| {
        found.mark.digest == digest && found.name == layer.name && found.runtimes == layer.runtimes
    };
    versions_of(inputs.observed, key).into_iter().rfind(|(_, found)| is_current(found)).map(|(arn, _)| arn)
}

/// The versions of a layer, oldest first.
fn versions_of<'a>(observed: &'a Observed, key: &str) -> Vec<(&'a str, &'a ObservedLayerVersion)> {
    let versions = observed.layers.iter().filter(|(_, found)| found.mark.key == key);
    let mut versions: Vec<_> = versions.map(|(arn, found)| (arn.as_str(), found)).collect();
    versions.sort_by_key(|(_, found)| found.version);
    versions
}

fn address(key: &str) -> Address {
    Address::Layer(key.to_owned())
}
