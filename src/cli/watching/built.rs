//! What a watch builds, by key.

use std::collections::BTreeSet;

use crate::{
    plan::{Step, layer_artifact},
    stack::{Address, Desired},
};

/// What is built: functions by their keys, and layers.
pub(super) fn keys(desired: &Desired) -> BTreeSet<String> {
    let layers = desired.layers.keys().map(|key| layer_artifact(key));
    desired.functions.keys().cloned().chain(layers).collect()
}

/// What of [`keys`] a step is about.
pub(super) fn function_of(step: &Step) -> Option<String> {
    match &step.address {
        Address::Function(key) => Some(key.clone()),
        Address::Layer(key) => Some(layer_artifact(key)),
        _ => None,
    }
}
