//! Provisioned concurrency, fixed and following the load.

use super::*;

#[test]
fn provisioned_concurrency_publishes_and_moves_an_alias() {
    let provision = |desired: &mut Desired| f(desired).provisioned_concurrency = Some(Provisioned::Fixed(2));
    let mut desired = example();
    provision(&mut desired);
    let plan = planned(&desired, &FakeTarget::default()).unwrap();
    assert_text(
        &plan.to_string(),
        "+ queues.example-dlq                  create
         + queues.example-queue                create
         + functions.f                         create
         + functions.f                         version: publish
         + functions.f                         version: alias live: the new version
         + functions.f                         concurrency: provisioned none -> 2
         + functions.f.triggers.example-queue  create
         4 to create, 0 to update, 0 to delete",
    );
    converge_interrupted(&desired, &FakeTarget::default());
    check(
        provision,
        "~ functions.f                         version: publish
         ~ functions.f                         version: alias live: the new version
         ~ functions.f                         concurrency: provisioned none -> 2
         ~ functions.f.triggers.example-queue  update: function f -> f:live
         0 to create, 2 to update, 0 to delete",
    );
    check_between(
        provision,
        |desired| f(desired).memory_mb = 256,
        "~ functions.f  update: memory 128MiB -> 256MiB
         ~ functions.f  version: publish
         ~ functions.f  version: alias live: version 1 -> the new one
         0 to create, 1 to update, 0 to delete",
    );
    check_between(
        provision,
        |desired| f(desired).provisioned_concurrency = None,
        "~ functions.f                         concurrency: provisioned 2 -> none
         ~ functions.f                         version: alias live: not needed
         ~ functions.f.triggers.example-queue  update: function f:live -> f
         0 to create, 2 to update, 0 to delete",
    );
}

#[test]
fn provisioned_stays_within_reserved_on_the_way() {
    let with = |reserved, provisioned| {
        move |desired: &mut Desired| {
            f(desired).reserved_concurrency = Some(reserved);
            f(desired).provisioned_concurrency = Some(Provisioned::Fixed(provisioned));
        }
    };
    check_between(
        with(10, 8),
        with(4, 2),
        "~ functions.f  concurrency: provisioned 8 -> 2
         ~ functions.f  concurrency: reserved 10 -> 4
         0 to create, 1 to update, 0 to delete",
    );
    check_between(
        with(4, 2),
        with(10, 8),
        "~ functions.f  concurrency: reserved 4 -> 10
         ~ functions.f  concurrency: provisioned 2 -> 8
         0 to create, 1 to update, 0 to delete",
    );
    let (mut before, mut after) = (example(), example());
    with(10, 8)(&mut before);
    with(4, 2)(&mut after);
    converge_interrupted(&after, &converged(&before));
}

#[test]
fn provisioned_concurrency_follows_the_load() {
    let between = |min, max, percent| {
        move |desired: &mut Desired| {
            let tracked = Provisioned::Tracked { min, max, target_utilization_percent: percent };
            f(desired).provisioned_concurrency = Some(tracked);
        }
    };
    check(
        between(2, 10, 70),
        "~ functions.f                         version: publish
         ~ functions.f                         version: alias live: the new version
         ~ functions.f                         concurrency: provisioned none -> 2
         ~ functions.f                         concurrency: provisioned between none -> 2 and 10
         ~ functions.f                         concurrency: target_utilization none -> 70%
         ~ functions.f.triggers.example-queue  update: function f -> f:live
         0 to create, 2 to update, 0 to delete",
    );
    check_between(
        between(2, 10, 70),
        between(4, 20, 60),
        "~ functions.f  concurrency: provisioned 2 -> 4
         ~ functions.f  concurrency: provisioned between 2 and 10 -> 4 and 20
         ~ functions.f  concurrency: target_utilization 70% -> 60%
         0 to create, 1 to update, 0 to delete",
    );
    let fixed = |desired: &mut Desired| f(desired).provisioned_concurrency = Some(Provisioned::Fixed(1));
    check_between(
        between(2, 10, 70),
        fixed,
        "~ functions.f  concurrency: provisioned follows the load no longer
         ~ functions.f  concurrency: provisioned 2 -> 1
         0 to create, 1 to update, 0 to delete",
    );
    check_between(
        between(2, 10, 70),
        |desired| f(desired).provisioned_concurrency = None,
        "~ functions.f                         concurrency: provisioned follows the load no longer
         ~ functions.f                         concurrency: provisioned 2 -> none
         ~ functions.f                         version: alias live: not needed
         ~ functions.f.triggers.example-queue  update: function f:live -> f
         0 to create, 2 to update, 0 to delete",
    );
    let (mut before, mut after) = (example(), example());
    between(2, 10, 70)(&mut before);
    fixed(&mut after);
    converge_interrupted(&after, &converged(&before));
    converge_interrupted(&before, &converged(&after));
}

#[test]
fn what_scaling_did_between_the_bounds_stays() {
    let mut desired = example();
    f(&mut desired).provisioned_concurrency =
        Some(Provisioned::Tracked { min: 2, max: 10, target_utilization_percent: 70 });
    let mut target = converged(&desired);
    let live = |target: &mut FakeTarget, count| {
        for function in target.all.functions.values_mut() {
            function.live.as_mut().unwrap().provisioned = Some(count);
        }
    };
    live(&mut target, 7);
    assert!(planned(&desired, &target).unwrap().is_empty());
    live(&mut target, 12);
    let plan = planned(&desired, &target).unwrap();
    assert!(plan.to_string().contains("provisioned 12 -> 10"), "{plan}");
    for function in target.all.functions.values_mut() {
        let policies = &mut function.live.as_mut().unwrap().scaling.as_mut().unwrap().policies;
        let policy = policies.remove(crate::stack::SCALING_POLICY).unwrap();
        policies.insert("by-hand".to_owned(), policy);
    }
    converge(&desired, &mut target);
    desired.functions.clear();
    let plan = planned(&desired, &target).unwrap();
    let calls: Vec<_> = plan.steps.iter().map(|step| step.call.operation()).collect();
    assert_eq!(calls, ["DeleteEventSourceMapping", "DeregisterScalableTarget", "DeleteFunction"]);
}
