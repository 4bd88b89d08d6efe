//! Plans as text, from pairs of stacks: the first is on the target, the second is wanted.

mod functions;
mod layers;
mod provisioned;
mod selected;
mod ways_in;

use super::{
    ArtifactInfo, Danger, PackageObject, Plan, Problem,
    fake_target::{FakeTarget, artifacts, facts, name},
    plan, teardown,
};
use crate::{
    model::{ArtifactDigest, FunctionIsolation},
    stack::{
        Architecture, DeadLetter, Desired, DesiredSchedule, Fifo, FunctionUrl, LogFormat, Provisioned, RedriveAllow,
        Reference, ScheduleTarget, TAG_BUILD, TAG_STACK, Template, TemplatePart,
        samples::{fifo_queue, function, queue, stack, text, trigger},
    },
};

/// `example-queue` with its dead-letter queue, and `f` that is triggered by it and knows its URL.
fn example() -> Desired {
    let mut desired = stack();
    desired.queues.insert("example-dlq".into(), queue("example-dlq"));
    let mut source = queue("example-queue");
    source.dead_letter = Some(DeadLetter { queue: "example-dlq".into(), max_receives: 3 });
    desired.queues.insert("example-queue".into(), source);
    let mut f = function("f");
    let url = TemplatePart::Reference(Reference::QueueUrl("example-queue".into()));
    f.environment.insert("QUEUE_URL".into(), Template(vec![url]));
    f.environment.insert("LEVEL".into(), text("info"));
    f.triggers.push(trigger("example-queue"));
    desired.functions.insert("f".into(), f);
    desired
}

fn planned(desired: &Desired, target: &FakeTarget) -> Result<Plan, Vec<Problem>> {
    plan(desired, &artifacts(desired, 0xab), &target.observe(desired), &facts())
}

/// A target on which `desired` is.
fn converged(desired: &Desired) -> FakeTarget {
    let mut target = FakeTarget::default();
    converge(desired, &mut target);
    target
}

/// Carries out the plan, step by step, and checks that the next one is empty.
fn converge(desired: &Desired, target: &mut FakeTarget) {
    for step in planned(desired, target).unwrap().steps {
        target.apply(&step.call).unwrap();
    }
    assert_eq!(planned(desired, target).unwrap().to_string(), "nothing to change");
}

/// The plan from the example to a changed one; and that carrying it out converges.
#[track_caller]
fn check(change: impl FnOnce(&mut Desired), expected: &str) {
    check_between(|_| {}, change, expected);
}

#[track_caller]
fn check_between(before: impl FnOnce(&mut Desired), after: impl FnOnce(&mut Desired), expected: &str) {
    let mut desired = example();
    before(&mut desired);
    let mut target = converged(&desired);
    after(&mut desired);
    assert_text(&planned(&desired, &target).unwrap().to_string(), expected);
    converge(&desired, &mut target);
}

#[track_caller]
fn assert_text(found: &str, expected: &str) {
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    let found: Vec<&str> = found.lines().map(str::trim_end).collect();
    assert!(found == expected, "found:\n{}\nexpected:\n{}", found.join("\n"), expected.join("\n"));
}

fn source(desired: &mut Desired) -> &mut crate::stack::DesiredQueue {
    desired.queues.get_mut("example-queue").unwrap()
}

fn f(desired: &mut Desired) -> &mut crate::stack::DesiredFunction {
    desired.functions.get_mut("f").unwrap()
}

#[test]
fn an_empty_target() {
    let plan = planned(&example(), &FakeTarget::default()).unwrap();
    assert_text(
        &plan.to_string(),
        "+ queues.example-dlq                  create
         + queues.example-queue                create
         + functions.f                         create
         + functions.f.triggers.example-queue  create
         4 to create, 0 to update, 0 to delete",
    );
    let after: Vec<Vec<usize>> = plan.steps.iter().map(|step| step.after.iter().map(|id| id.0).collect()).collect();
    assert_eq!(after, [vec![], vec![0], vec![1], vec![1, 2]]);
}

#[test]
fn nothing_changed() {
    check(|_| {}, "nothing to change");
}

#[test]
fn queue_attributes() {
    check(
        |desired| {
            let queue = source(desired);
            queue.visibility_timeout_s = 60;
            queue.delay_s = 5;
            queue.max_message_bytes = 262_144;
            queue.managed_encryption = false;
        },
        "~ queues.example-queue  update: visibility_timeout 30s -> 60s, delay 0s -> 5s, max_message_size 1MiB -> 256KiB, \
         encryption true -> false
         0 to create, 1 to update, 0 to delete",
    );
    check(
        |desired| source(desired).dead_letter = None,
        "~ queues.example-queue  update: dead_letter example-dlq after 3 -> none
         0 to create, 1 to update, 0 to delete",
    );
    check(
        |desired| source(desired).dead_letter.as_mut().unwrap().max_receives = 5,
        "~ queues.example-queue  update: dead_letter example-dlq after 3 -> example-dlq after 5
         0 to create, 1 to update, 0 to delete",
    );
    check(
        |desired| {
            let dlq = desired.queues.get_mut("example-dlq").unwrap();
            dlq.redrive_allow = RedriveAllow::ByQueue(vec!["example-queue".into()]);
            dlq.policy = Some("{}".into());
        },
        "~ queues.example-dlq  update: redrive_allow all -> [example-queue], policy added
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn the_same_policy_in_other_words_is_no_change() {
    check_between(
        |desired| source(desired).policy = Some(r#"{"Statement": [{"Action": ["sqs:SendMessage"]}]}"#.into()),
        |desired| source(desired).policy = Some(r#"{"Statement":{"Action":"sqs:SendMessage"}}"#.into()),
        "nothing to change",
    );
}

#[test]
fn queue_tags() {
    check_between(
        |desired| source(desired).tags = [("team".into(), "a".into()), ("gone".into(), "x".into())].into(),
        |desired| source(desired).tags = [("team".into(), "b".into()), ("new".into(), "y".into())].into(),
        "~ queues.example-queue  tag: new added, team changed
         ~ queues.example-queue  untag: gone
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn a_fifo_change_replaces_the_queue() {
    let mut desired = example();
    let mut target = converged(&desired);
    target.send("example-queue", 12);
    let dead_letter = source(&mut desired).dead_letter.take();
    desired.queues.insert("example-queue".into(), fifo_queue("example-queue"));
    desired.queues.insert("example-dlq".into(), fifo_queue("example-dlq"));
    source(&mut desired).dead_letter = dead_letter;
    let plan = planned(&desired, &target).unwrap();
    assert_text(
        &plan.to_string(),
        "+ queues.example-dlq                  replace: `fifo` changed, so `example-dlq.fifo` is made beside `example-dlq`
         + queues.example-queue                replace: `fifo` changed, so `example-queue.fifo` is made beside `example-queue`
         ~ functions.f                         update: environment: QUEUE_URL changed
         + functions.f.triggers.example-queue  create
         - queues.example-dlq                  replace: `example-dlq` goes, `example-dlq.fifo` is there
         - queues.example-queue                replace: `example-queue` goes, `example-queue.fifo` is there (12 messages \
         would be lost)
         - functions.f.triggers.example-queue  delete
         0 to create, 1 to update, 3 to replace, 0 to delete",
    );
    let dangers: Vec<_> = plan.dangers().map(|(step, danger)| (step.call.operation(), danger)).collect();
    assert_eq!(dangers, [("DeleteQueue", Danger::LosesMessages { count: 12 })]);
    converge(&desired, &mut target);
}

#[test]
fn shorter_retention_is_a_danger_when_there_are_messages() {
    let mut desired = example();
    let mut target = converged(&desired);
    source(&mut desired).retention_s = 60;
    assert_eq!(planned(&desired, &target).unwrap().dangers().count(), 0);
    target.send("example-queue", 2);
    assert_text(
        &planned(&desired, &target).unwrap().to_string(),
        "~ queues.example-queue  update: retention 4d -> 60s (of 2 messages the older would be lost)
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn fifo_attributes() {
    check_between(
        |desired| drop(desired.queues.insert("x".into(), fifo_queue("x"))),
        |desired| {
            let fifo = Some(Fifo { content_based_deduplication: true, high_throughput: true });
            desired.queues.get_mut("x").unwrap().fifo = fifo;
        },
        "~ queues.x  update: content_based_deduplication false -> true, high_throughput false -> true
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn reserved_concurrency_is_given_back_before_it_is_taken() {
    let others = |desired: &mut Desired, a: Option<u32>, b: Option<u32>| {
        for (key, reserved) in [("a", a), ("b", b)] {
            desired.functions.insert(key.into(), function(key));
            desired.functions.get_mut(key).unwrap().reserved_concurrency = reserved;
        }
    };
    check_between(
        |desired| others(desired, Some(100), Some(800)),
        |desired| others(desired, Some(800), Some(100)),
        "~ functions.a  concurrency: reserved 100 -> 800
         ~ functions.b  concurrency: reserved 800 -> 100
         0 to create, 2 to update, 0 to delete",
    );
    check_between(
        |desired| others(desired, None, Some(900)),
        |desired| {
            others(desired, Some(900), None);
            desired.functions.remove("b");
        },
        "~ functions.a  concurrency: reserved none -> 900
         - functions.b  delete
         0 to create, 1 to update, 1 to delete",
    );
    check(
        |desired| others(desired, Some(0), None),
        "+ functions.a  create
         + functions.a  concurrency: reserved 0
         + functions.b  create
         2 to create, 0 to update, 0 to delete",
    );
}

#[test]
fn triggers() {
    check(
        |desired| {
            let trigger = &mut f(desired).triggers[0];
            trigger.batch_size = 100;
            trigger.batching_window_s = 5;
            trigger.max_concurrency = Some(5);
            trigger.report_batch_item_failures = true;
            trigger.enabled = false;
            trigger.filters = vec![r#"{"body":{"a":[1]}}"#.into()];
        },
        "~ functions.f.triggers.example-queue  update: enabled true -> false, batch_size 10 -> 100, batching_window 0s -> 5s, \
         max_concurrency none -> 5, report_batch_item_failures false -> true, filters changed
         0 to create, 1 to update, 0 to delete",
    );
    check_between(
        |desired| f(desired).triggers[0].max_concurrency = Some(5),
        |desired| {
            let trigger = &mut f(desired).triggers[0];
            trigger.max_concurrency = None;
            trigger.provisioned_pollers = Some(crate::stack::Pollers { min: 2, max: 5 });
        },
        "~ functions.f.triggers.example-queue  update: max_concurrency 5 -> none, provisioned_pollers none -> 2 to 5
         0 to create, 1 to update, 0 to delete",
    );
    check_between(
        |desired| f(desired).triggers[0].max_concurrency = Some(5),
        |desired| f(desired).triggers.clear(),
        "- functions.f.triggers.example-queue  delete
         0 to create, 0 to update, 1 to delete",
    );
}

#[test]
fn what_is_no_longer_declared_goes_last_and_in_order() {
    let before = example();
    let mut target = converged(&before);
    target.send("example-queue", 1);
    let plan = planned(&stack(), &target).unwrap();
    assert_text(
        &plan.to_string(),
        "- queues.example-dlq                  delete
         - queues.example-queue                delete (1 message would be lost)
         - functions.f                         delete
         - functions.f.triggers.example-queue  delete
         0 to create, 0 to update, 4 to delete",
    );
    let calls: Vec<_> = plan.steps.iter().map(|step| (step.call.operation(), step.after.clone())).collect();
    let order: Vec<_> = calls.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(order, ["DeleteEventSourceMapping", "DeleteFunction", "DeleteQueue", "DeleteQueue"]);
    assert_eq!(plan, teardown(&target.observe(&stack())));
    converge(&stack(), &mut target);
    assert!(target.all.is_empty());
}

#[test]
fn a_queue_goes_after_the_functions_that_knew_it() {
    let mut desired = example();
    let target = converged(&desired);
    desired.queues.remove("example-queue");
    f(&mut desired).triggers.clear();
    f(&mut desired).environment.remove("QUEUE_URL");
    let plan = planned(&desired, &target).unwrap();
    let order: Vec<_> =
        plan.steps.iter().map(|step| (step.call.operation(), step.after.iter().map(|id| id.0).collect())).collect();
    assert_eq!(
        order,
        [("DeleteEventSourceMapping", vec![]), ("UpdateFunctionConfiguration", vec![]), ("DeleteQueue", vec![0, 1])]
    );
}

#[test]
fn queues_that_are_each_others_dead_letter_queue() {
    let mut desired = stack();
    for (key, other) in [("a", "b"), ("b", "a")] {
        desired.queues.insert(key.into(), queue(key));
        desired.queues.get_mut(key).unwrap().dead_letter = Some(DeadLetter { queue: other.into(), max_receives: 2 });
    }
    let mut target = FakeTarget::default();
    assert_text(
        &planned(&desired, &target).unwrap().to_string(),
        "+ queues.a  create
         + queues.b  create
         + queues.b  update: dead_letter a after 2
         2 to create, 0 to update, 0 to delete",
    );
    converge(&desired, &mut target);
    converge(&stack(), &mut target);
}

#[test]
fn names_that_somebody_else_has_are_problems() {
    let desired = example();
    let mut target = converged(&desired);
    let tags = &mut target.all.queues.get_mut("example-queue").unwrap().tags;
    tags.insert(TAG_STACK.into(), "payments".into());
    target.all.queues.get_mut("example-dlq").unwrap().tags.clear();
    let problems: Vec<String> = planned(&desired, &target).unwrap_err().iter().map(ToString::to_string).collect();
    let help = |key| format!("`stackctl adopt queues.{key}` takes it over; or choose another name, or delete it");
    assert_eq!(
        problems,
        [
            format!(
                "queues.example-dlq: `arn:aws:sqs:ap-northeast-1:000000000000:example-dlq` exists and is not of this \
                 stack; {}",
                help("example-dlq")
            ),
            format!(
                "queues.example-queue: `arn:aws:sqs:ap-northeast-1:000000000000:example-queue` belongs to the stack \
                 `payments`; {}",
                help("example-queue")
            ),
        ]
    );
    assert!(target.observe(&stack()).queues.is_empty(), "nobody else's queue is ever deleted");
}

#[test]
fn everything_that_is_missing_is_reported_at_once() {
    let mut desired = example();
    f(&mut desired).triggers.push(trigger("nowhere"));
    f(&mut desired).triggers.push(trigger("example-queue"));
    let unknown = TemplatePart::Reference(Reference::FunctionArn("g".into()));
    f(&mut desired).environment.insert("G".into(), Template(vec![unknown]));
    source(&mut desired).dead_letter.as_mut().unwrap().queue = "lost".into();
    let facts = super::TargetFacts { default_role: None, ..facts() };
    let problems = plan(&desired, &[].into(), &FakeTarget::default().observe(&desired), &facts).unwrap_err();
    let problems: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.address, problem.message)).collect();
    assert_eq!(
        problems,
        [
            "queues.example-queue: `queues.lost` is not declared",
            "functions.f: there is no artifact of this function",
            "functions.f: the target `embedded` needs a role for this function",
            "functions.f: `functions.g` is not declared",
            "functions.f.triggers.nowhere: `queues.nowhere` is not declared",
            "functions.f.triggers.example-queue: the function has two triggers of this queue",
        ]
    );
}

#[test]
fn a_plan_as_json() {
    let mut desired = example();
    let mut target = converged(&desired);
    target.send("example-queue", 3);
    desired.functions.clear();
    desired.queues.remove("example-queue");
    let json = serde_json::to_value(planned(&desired, &target).unwrap()).unwrap();
    let expected = serde_json::json!({
        "summary": { "create": 0, "update": 0, "replace": 0, "delete": 3 },
        "steps": [
            {
                "id": 0, "address": "functions.f.triggers.example-queue", "action": "delete",
                "operation": "DeleteEventSourceMapping", "cause": "", "danger": null, "after": []
            },
            {
                "id": 1, "address": "functions.f", "action": "delete",
                "operation": "DeleteFunction", "cause": "", "danger": null, "after": [0]
            },
            {
                "id": 2, "address": "queues.example-queue", "action": "delete", "operation": "DeleteQueue", "cause": "",
                "danger": { "kind": "loses_messages", "count": 3 }, "after": [0, 1]
            },
        ]
    });
    assert_eq!(json, expected);
    assert!(target.all.queues.contains_key(&name("example-dlq")));
}

/// Carries out a plan, and how often an interruption between two of its steps is repaired by the next plan.
fn converge_interrupted(desired: &Desired, before: &FakeTarget) {
    let steps = planned(desired, before).unwrap().steps.len();
    for done in 0..steps {
        let mut target = before.clone();
        for step in planned(desired, &target).unwrap().steps.iter().take(done) {
            target.apply(&step.call).unwrap();
        }
        converge(desired, &mut target);
    }
}
