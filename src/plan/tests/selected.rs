//! Parts of a stack, planned for alone; and what is taken over.

use super::{super::plan_selected, *};
use crate::{
    plan::adoption,
    stack::{Address, Selection},
};

/// The plan for some addresses, as text.
#[track_caller]
fn check_only(desired: &Desired, target: &FakeTarget, chosen: &[&str], expected: &str) {
    let addresses: Vec<Address> =
        desired.addresses().into_iter().filter(|address| chosen.contains(&address.to_string().as_str())).collect();
    assert_eq!(addresses.len(), chosen.len(), "{chosen:?}");
    let selection = Selection::with_needs(desired, &addresses);
    let plan =
        plan_selected(desired, &artifacts(desired, 0xab), &target.observe(desired), &facts(), &selection).unwrap();
    assert_text(&plan.to_string(), expected);
}

/// The example with a second function, which is triggered by a queue of its own and reserves nearly everything.
fn with_second() -> Desired {
    let mut desired = example();
    desired.queues.insert("other".into(), queue("other"));
    let mut g = function("g");
    g.reserved_concurrency = Some(800);
    g.triggers.push(trigger("other"));
    desired.functions.insert("g".into(), g);
    desired
}

#[test]
fn what_is_chosen_is_made_with_what_it_needs() {
    check_only(
        &with_second(),
        &FakeTarget::default(),
        &["functions.f"],
        "+ queues.example-dlq                  create
         + queues.example-queue                create
         + functions.f                         create
         + functions.f.triggers.example-queue  create
         4 to create, 0 to update, 0 to delete",
    );
    check_only(
        &with_second(),
        &FakeTarget::default(),
        &["queues.other"],
        "+ queues.other  create\n1 to create, 0 to update, 0 to delete",
    );
    check_only(&with_second(), &converged(&with_second()), &["functions.f"], "nothing to change");
}

#[test]
fn nothing_else_is_deleted_or_mended() {
    let target = converged(&with_second());
    let mut desired = with_second();
    desired.queues.remove("other");
    desired.functions.remove("g");
    source(&mut desired).delay_s = 5;
    f(&mut desired).memory_mb = 512;
    check_only(
        &desired,
        &target,
        &["queues.example-queue"],
        "~ queues.example-queue  update: delay 0s -> 5s\n0 to create, 1 to update, 0 to delete",
    );
    // A trigger that is no longer declared is part of its function.
    f(&mut desired).triggers.clear();
    check_only(
        &desired,
        &target,
        &["functions.f"],
        "~ queues.example-queue                update: delay 0s -> 5s
         ~ functions.f                         update: memory 128MiB -> 512MiB
         - functions.f.triggers.example-queue  delete
         0 to create, 2 to update, 1 to delete",
    );
}

#[test]
fn the_rest_makes_room() {
    let mut before = with_second();
    let target = converged(&before);
    before.functions.get_mut("g").unwrap().reserved_concurrency = None;
    f(&mut before).reserved_concurrency = Some(500);
    check_only(
        &before,
        &target,
        &["functions.f"],
        "~ functions.f  concurrency: reserved none -> 500
         ~ functions.g  concurrency: reserved 800 -> none
         0 to create, 2 to update, 0 to delete",
    );
}

#[test]
fn a_queue_that_others_still_use_stays_until_everything_converges() {
    let target = converged(&with_second());
    let mut desired = with_second();
    *desired.queues.get_mut("other").unwrap() = fifo_queue("other");
    check_only(
        &desired,
        &target,
        &["queues.other"],
        "+ queues.other  replace: `fifo` changed, so `other.fifo` is made beside `other`
         0 to create, 0 to update, 1 to replace, 0 to delete",
    );
}

#[test]
fn what_is_wrong_with_the_rest_is_no_problem() {
    let desired = with_second();
    let observed = FakeTarget::default().observe(&desired);
    let selection = Selection::with_needs(&desired, &[Address::Queue("other".into())]);
    let none = super::super::Artifacts::new();
    let plan = plan_selected(&desired, &none, &observed, &facts(), &selection).unwrap();
    assert_eq!(plan.steps.len(), 1);
    let selection = Selection::with_needs(&desired, &[Address::Function("g".into())]);
    let problems = plan_selected(&desired, &none, &observed, &facts(), &selection).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn a_queue_of_nobody_is_taken_over_by_its_tags() {
    let desired = example();
    let mut target = converged(&desired);
    let queue = target.all.queues.get_mut(&desired.queues["example-dlq"].name).unwrap();
    queue.tags.clear();
    queue.attributes.insert("DelaySeconds".into(), "7".into());
    let address = Address::Queue("example-dlq".into());
    let observed = target.observe(&desired);
    let taken = observed.with_adopted(&address).unwrap();
    let selection = Selection::only([address.clone()]);
    let differences = plan_selected(&desired, &artifacts(&desired, 0xab), &taken, &facts(), &selection).unwrap();
    assert_text(
        &differences.to_string(),
        "~ queues.example-dlq  update: delay 7s -> 0s
         ~ queues.example-dlq  tag: stackctl:address added, stackctl:stack added
         0 to create, 1 to update, 0 to delete",
    );
    let plan = adoption(&desired, &observed, &[address]);
    assert_eq!(plan.steps[0].text(), "tag: from nobody");
    plan.steps.iter().for_each(|step| target.apply(&step.call).unwrap());
    assert_text(
        &planned(&desired, &target).unwrap().to_string(),
        "~ queues.example-dlq  update: delay 7s -> 0s\n0 to create, 1 to update, 0 to delete",
    );
    assert_eq!(observed.with_adopted(&Address::Queue("example-queue".into())), None, "it is the stack's already");
}
