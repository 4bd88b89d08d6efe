//! Layers.

use super::*;
use crate::{
    plan::layer_artifact,
    stack::{LayerReference, samples::layer},
};

/// Like [`planned`], with another artifact for the layer `shared`.
fn planned_with(desired: &Desired, target: &FakeTarget, byte: u8) -> Plan {
    let mut artifacts = artifacts(desired, 0xab);
    if let Some(artifact) = artifacts.get_mut(&layer_artifact("shared")) {
        *artifact = ArtifactInfo::by_reference(ArtifactDigest::from_bytes([byte; 32]));
    }
    plan(desired, &artifacts, &target.observe(desired), &facts()).unwrap()
}

#[track_caller]
fn round(desired: &Desired, target: &mut FakeTarget, byte: u8, expected: &str) {
    let plan = planned_with(desired, target, byte);
    assert_text(&plan.to_string(), expected);
    for step in &plan.steps {
        target.apply(&step.call).unwrap_or_else(|error| panic!("{error}\n{plan}"));
    }
    assert_eq!(planned_with(desired, target, byte).to_string(), "nothing to change", "after\n{plan}");
}

#[test]
fn a_version_is_published_when_something_changed_and_the_one_before_goes() {
    let mut desired = example();
    let mut target = converged(&desired);
    desired.layers.insert("shared".into(), layer("shared"));
    f(&mut desired).layers = vec![
        LayerReference::Arn("arn:aws:lambda:us-east-1:123456789012:layer:theirs:4".into()),
        LayerReference::Declared("shared".into()),
    ];
    round(
        &desired,
        &mut target,
        7,
        "~ functions.f    update: layers none -> theirs:4, orders-shared:new
         + layers.shared  publish
         1 to create, 1 to update, 0 to delete",
    );
    round(
        &desired,
        &mut target,
        8,
        "~ functions.f    update: layers theirs:4, orders-shared:2 -> theirs:4, orders-shared:new
         ~ layers.shared  publish: artifact 07070707 -> 08080808
         ~ layers.shared  delete: version 2, which nothing needs any more
         0 to create, 2 to update, 0 to delete",
    );
    desired.layers.get_mut("shared").unwrap().runtimes = vec!["provided.al2023".into()];
    round(
        &desired,
        &mut target,
        8,
        "~ functions.f    update: layers theirs:4, orders-shared:3 -> theirs:4, orders-shared:new
         ~ layers.shared  publish: runtimes provided.al2023
         ~ layers.shared  delete: version 3, which nothing needs any more
         0 to create, 2 to update, 0 to delete",
    );
    desired.layers.clear();
    f(&mut desired).layers.clear();
    round(
        &desired,
        &mut target,
        8,
        "~ functions.f    update: layers theirs:4, orders-shared:4 -> none
         - layers.shared  delete: version 4
         0 to create, 1 to update, 1 to delete",
    );
}

#[test]
fn a_new_version_makes_a_new_version_of_functions_that_have_an_alias() {
    let mut desired = example();
    desired.layers.insert("shared".into(), layer("shared"));
    f(&mut desired).layers = vec![LayerReference::Declared("shared".into())];
    f(&mut desired).provisioned_concurrency = Some(Provisioned::Fixed(1));
    let mut target = converged(&desired);
    round(
        &desired,
        &mut target,
        8,
        "~ functions.f    update: layers orders-shared:1 -> orders-shared:new
         ~ functions.f    version: publish
         ~ functions.f    version: alias live: version 2 -> the new one
         ~ layers.shared  publish: artifact abababab -> 08080808
         ~ layers.shared  delete: version 1, which nothing needs any more
         0 to create, 2 to update, 0 to delete",
    );
}

#[test]
fn nothing_of_a_layer_is_left() {
    let mut desired = example();
    desired.layers.insert("shared".into(), layer("shared"));
    f(&mut desired).layers = vec![LayerReference::Declared("shared".into())];
    let mut target = converged(&desired);
    for step in teardown(&target.observe(&desired)).steps {
        target.apply(&step.call).unwrap();
    }
    assert!(target.observe(&desired).is_empty());
}

#[test]
fn a_layer_of_another_stack_stays() {
    let mut desired = example();
    desired.layers.insert("shared".into(), layer("shared"));
    let mut target = converged(&desired);
    desired.layers.clear();
    desired.name = crate::model::StackName::parse("other").unwrap();
    assert!(target.observe(&desired).layers.is_empty());
    assert_eq!(target.all.layers.len(), 1);
    for step in teardown(&target.observe(&desired)).steps {
        target.apply(&step.call).unwrap();
    }
    assert_eq!(target.all.layers.len(), 1);
}
