//! Convergence from anywhere to anywhere, with every call failing in its turn.

use std::{collections::BTreeMap, future, sync::Arc};

use parking_lot::Mutex;

use super::{
    ErrorKind, Event, NotReady, Outcome, Patience, Progress, Provider, Report, apply,
    fake::{Failure, Fake, How},
    patience::STEPS_AT_ONCE_MAX,
    wait_ready,
};
use crate::{
    model::IdSource,
    plan::{
        Plan,
        fake_target::{RESERVABLE, artifacts, facts},
        plan,
    },
    stack::{
        Condition, DeadLetter, Desired, Fifo, LayerReference, MountSource, RedriveAllow, Reference, Selection,
        ServiceMount, Template, TemplatePart,
        samples::{fifo_queue, function, layer, queue, service, stack, text, trigger},
    },
};

/// Random stacks that are converged from one to another.
const STACKS: u64 = 150;
/// Pairs of random stacks between which every call fails once.
const FAILING_PAIRS: u64 = 12;

async fn planned(desired: &Desired, byte: u8, fake: &Fake) -> Plan {
    let observed = fake.observe(desired).await.unwrap();
    plan(desired, &artifacts(desired, byte), &observed, &facts()).unwrap()
}

async fn applied(plan: &Plan, fake: &Arc<Fake>) -> Report {
    apply(plan, fake, &Patience::WITHOUT_WAITS, &Progress::silent(), future::pending()).await
}

/// Plans and applies; the plan after it must be empty.
async fn converge(desired: &Desired, byte: u8, fake: &Arc<Fake>, seed: u64) {
    let plan = planned(desired, byte, fake).await;
    let report = applied(&plan, fake).await;
    let failed: Vec<String> = report.failed().map(|(_, error)| error.to_string()).collect();
    assert!(report.is_complete(), "seed {seed}: {report}: {failed:?}\n{plan}");
    let next = planned(desired, byte, fake).await;
    assert!(next.is_empty(), "seed {seed}: after\n{plan}\nthere is still\n{next}");
}

/// A stack of up to five queues and four functions in any legal relation to each other.
fn random_stack(ids: &mut IdSource) -> Desired {
    let mut desired = stack();
    let keys = ["a", "b", "c", "d", "e"].into_iter().filter(|_| ids.below(3) > 0).collect::<Vec<_>>();
    let is_fifo = ids.below(3) == 0;
    // A queue hides a message for at least as long as a function may take.
    let timeout_s = pick(ids, &[3, 60]);
    for key in &keys {
        let mut queue = if is_fifo { fifo_queue(key) } else { queue(key) };
        if is_fifo {
            let (content_based_deduplication, high_throughput) = (ids.below(2) == 0, ids.below(2) == 0);
            queue.fifo = Some(Fifo { content_based_deduplication, high_throughput });
        }
        queue.visibility_timeout_s = pick(ids, &[timeout_s.max(30), 90]);
        queue.retention_s = pick(ids, &[60, 345_600]);
        queue.managed_encryption = ids.below(2) == 0;
        queue.policy = pick(ids, &[None, Some("{}".to_owned()), Some(r#"{"Version":"2012-10-17"}"#.to_owned())]);
        queue.tags = random_tags(ids);
        if ids.below(2) == 0 {
            queue.dead_letter =
                Some(DeadLetter { queue: pick(ids, &keys).to_owned(), max_receives: pick(ids, &[1, 3]) });
        }
        let source = vec![pick(ids, &keys).to_owned()];
        queue.redrive_allow = pick(ids, &[RedriveAllow::All, RedriveAllow::None, RedriveAllow::ByQueue(source)]);
        desired.queues.insert((*key).to_owned(), queue);
    }
    for key in ["x", "y", "z"].into_iter().filter(|_| ids.below(2) == 0).collect::<Vec<_>>() {
        let mut layer = layer(key);
        layer.runtimes = pick(ids, &[vec![], vec!["python3.13".to_owned()]]);
        desired.layers.insert(key.to_owned(), layer);
    }
    let services = random_services(&mut desired, ids);
    let mut unreserved = RESERVABLE;
    for key in ["f", "g", "h", "i"].into_iter().filter(|_| ids.below(3) > 0).collect::<Vec<_>>() {
        let mut function = function(key);
        function.memory_mb = pick(ids, &[128, 256]);
        function.timeout_s = pick(ids, &[3, timeout_s]);
        // One function can have nearly all of it, so that what is taken must have been given back.
        function.reserved_concurrency = pick(ids, &[None, Some(0), Some(100), Some(800)]).filter(|n| *n <= unreserved);
        unreserved -= function.reserved_concurrency.unwrap_or_default();
        function.tags = random_tags(ids);
        let layers = desired.layers.keys().filter(|_| ids.below(2) == 0);
        function.layers = layers.cloned().map(LayerReference::Declared).collect();
        for queue in keys.iter().filter(|_| ids.below(3) == 0).collect::<Vec<_>>() {
            let url = TemplatePart::Reference(Reference::QueueUrl((*queue).to_owned()));
            function.environment.insert(queue.to_uppercase(), Template(vec![url]));
        }
        for service in services.iter().filter(|_| ids.below(3) == 0).collect::<Vec<_>>() {
            let host = TemplatePart::Reference(Reference::ServiceHost((*service).to_owned()));
            function.environment.insert(service.to_uppercase(), Template(vec![host]));
        }
        function.environment.insert("LEVEL".to_owned(), text(pick(ids, &["info", "debug"])));
        for queue in keys.iter().filter(|_| ids.below(3) == 0).collect::<Vec<_>>() {
            let mut trigger = trigger(queue);
            trigger.enabled = ids.below(4) > 0;
            trigger.batch_size = pick(ids, &[1, 10]);
            trigger.max_concurrency = pick(ids, &[None, Some(2), Some(5)]);
            let pollers = pick(ids, &[None, Some(crate::stack::Pollers { min: 2, max: 7 })]);
            trigger.provisioned_pollers = pollers.filter(|_| trigger.max_concurrency.is_none());
            trigger.report_batch_item_failures = ids.below(2) == 0;
            trigger.filters = pick(ids, &[vec![], vec![r#"{"body":{"a":[1]}}"#.to_owned()]]);
            function.triggers.push(trigger);
        }
        desired.functions.insert(key.to_owned(), function);
    }
    desired
}

/// Up to three services, each of which may wait for those before it; returns their keys.
fn random_services(desired: &mut Desired, ids: &mut IdSource) -> Vec<&'static str> {
    let keys = ["r", "s", "t"].into_iter().filter(|_| ids.below(2) == 0).collect::<Vec<_>>();
    for (at, key) in keys.iter().enumerate() {
        let mut service = service(pick(ids, &["redis:7", "redis:8"]));
        service.command = pick(ids, &[Vec::new(), vec!["serve".to_owned()]]);
        service.memory_bytes = pick(ids, &[None, Some(1 << 30)]);
        service.environment.insert("LEVEL".to_owned(), text(pick(ids, &["info", "debug"])));
        for volume in ["v", "w"].into_iter().filter(|_| ids.below(3) == 0).collect::<Vec<_>>() {
            let (source, target) = (MountSource::Volume(volume.to_owned()), format!("/{volume}"));
            service.volumes.push(ServiceMount { source, target, is_read_only: false });
        }
        for other in keys[..at].iter().filter(|_| ids.below(2) == 0).collect::<Vec<_>>() {
            let condition = pick(ids, &[Condition::Ready, Condition::Started, Condition::Completed]);
            service.depends_on.insert((*other).to_owned(), condition);
        }
        desired.services.insert((*key).to_owned(), service);
    }
    keys
}

fn random_tags(ids: &mut IdSource) -> BTreeMap<String, String> {
    let keys = ["team", "cost"].into_iter().filter(|_| ids.below(2) == 0).collect::<Vec<_>>();
    keys.into_iter().map(|key| (key.to_owned(), pick(ids, &["x", "y"]).to_owned())).collect()
}

fn pick<T: Clone>(ids: &mut IdSource, choices: &[T]) -> T {
    let at = ids.below(choices.len() as u64);
    choices[usize::try_from(at).unwrap()].clone()
}

#[tokio::test]
async fn any_stack_becomes_any_other_in_one_apply() {
    for seed in 0..STACKS {
        let mut ids = IdSource::new(seed);
        let fake = Fake::new(seed);
        for byte in 0..3 {
            converge(&random_stack(&mut ids), byte, &fake, seed).await;
        }
    }
}

#[tokio::test]
async fn after_any_failing_call_the_next_apply_finishes() {
    for how in [How::Refused, How::AnswerLost] {
        for seed in 0..FAILING_PAIRS {
            let mut ids = IdSource::new(seed);
            let (before, after) = (random_stack(&mut ids), random_stack(&mut ids));
            let start = Fake::new(seed);
            converge(&before, 1, &start, seed).await;
            let mut at = 0;
            loop {
                let fake = start.again(seed);
                let plan = planned(&after, 2, &fake).await;
                fake.fail(Some(Failure { at, how }));
                let report = applied(&plan, &fake).await;
                assert!(fake.calls() <= plan.steps.len(), "no call is made twice");
                if report.is_complete() {
                    assert_eq!(at, plan.steps.len(), "every call was made to fail");
                    break;
                }
                assert_eq!(report.failed().count(), 1, "seed {seed}, call {at}: {report}");
                fake.fail(None);
                converge(&after, 2, &fake, seed).await;
                at += 1;
            }
        }
    }
}

/// Queues enough to fill the bound several times.
fn wide() -> Desired {
    let mut desired = stack();
    for number in 0..3 * STEPS_AT_ONCE_MAX {
        let key = format!("q{number}");
        desired.queues.insert(key.clone(), queue(&key));
    }
    desired
}

#[tokio::test]
async fn independent_steps_run_at_once_within_the_bound() {
    let fake = Fake::new(1);
    converge(&wide(), 1, &fake, 1).await;
    assert_eq!(fake.most_running(), STEPS_AT_ONCE_MAX);
}

#[tokio::test]
async fn a_failure_lets_what_runs_end_and_starts_nothing_more() {
    let fake = Fake::new(1);
    fake.fail(Some(Failure { at: 0, how: How::Refused }));
    let report = applied(&planned(&wide(), 1, &fake).await, &fake).await;
    assert_eq!(report.to_string(), "15 done, 1 failed, 32 not tried");
    assert!(!report.cancelled);
}

#[tokio::test]
async fn a_panic_of_the_provider_is_a_failure_of_its_step() {
    let fake = Fake::new(1);
    fake.fail(Some(Failure { at: 0, how: How::Panics }));
    let report = applied(&planned(&wide(), 1, &fake).await, &fake).await;
    let messages: Vec<&str> = report.failed().map(|(_, error)| error.message.as_str()).collect();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].contains("the provider is broken"), "{messages:?}");
}

#[tokio::test]
async fn cancelling_lets_what_runs_end_and_starts_nothing_more() {
    let fake = Fake::new(1);
    let plan = planned(&wide(), 1, &fake).await;
    let cancelled = tokio::task::yield_now();
    let report = apply(&plan, &fake, &Patience::WITHOUT_WAITS, &Progress::silent(), cancelled).await;
    assert!(report.cancelled);
    assert_eq!(report.done().count(), fake.calls());
    assert!(fake.calls() < plan.steps.len(), "{report}");
    converge(&wide(), 1, &fake, 1).await;
}

/// One queue.
fn single() -> Desired {
    let mut desired = stack();
    desired.queues.insert("q".to_owned(), queue("q"));
    desired
}

/// The events of an apply in a word each.
fn recorded() -> (Progress, Arc<Mutex<Vec<String>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let progress = Progress::new(move |event| {
        sink.lock().push(match event {
            Event::StepStarted { step } => format!("started {}", step.address),
            Event::Retrying { attempts, error, .. } => format!("retrying after {attempts}: {:?}", error.kind),
            Event::StepDone { step, .. } => format!("done {}", step.address),
            Event::StepFailed { error, .. } => format!("failed: {error}"),
            Event::Waiting { pending } => format!("waiting for {}: {}", pending[0].0, pending[0].1),
        });
    });
    (progress, events)
}

#[tokio::test]
async fn what_aws_makes_eventually_consistent_is_asked_again() {
    let fake = Fake::new(1);
    fake.refuse("CreateQueue", ErrorKind::NameStillTaken, 2);
    fake.refuse("CreateQueue", ErrorKind::Busy, 1);
    let (progress, events) = recorded();
    let plan = planned(&single(), 1, &fake).await;
    let report = apply(&plan, &fake, &Patience::WITHOUT_WAITS, &progress, future::pending()).await;
    assert!(report.is_complete());
    assert_eq!(
        *events.lock(),
        [
            "started queues.q",
            "retrying after 1: NameStillTaken",
            "retrying after 2: NameStillTaken",
            "retrying after 3: Busy",
            "done queues.q"
        ]
    );
}

#[tokio::test]
async fn asking_again_has_an_end() {
    let fake = Fake::new(1);
    fake.refuse("CreateQueue", ErrorKind::Busy, 1_000);
    let report = applied(&planned(&single(), 1, &fake).await, &fake).await;
    assert_eq!(report.failed().next().unwrap().1.kind, ErrorKind::Busy);
    assert_eq!(fake.calls(), 11, "the first attempt and ten more");
}

#[tokio::test]
async fn a_step_that_waits_to_be_asked_again_ends_at_once_when_cancelled() {
    let fake = Fake::new(1);
    fake.refuse("CreateQueue", ErrorKind::NameStillTaken, 1_000);
    let (told, cancelled) = tokio::sync::oneshot::channel::<()>();
    let told = Mutex::new(Some(told));
    let progress = Progress::new(move |event| {
        if let Event::Retrying { .. } = event {
            drop(told.lock().take());
        }
    });
    let plan = planned(&single(), 1, &fake).await;
    let report = apply(&plan, &fake, &Patience::DEFAULT, &progress, async move { drop(cancelled.await) }).await;
    assert_eq!((report.steps[0].outcome.clone(), report.cancelled), (Outcome::NotTried, true));
}

#[tokio::test]
async fn what_is_already_gone_counts_as_deleted() {
    let fake = Fake::new(1);
    converge(&single(), 1, &fake, 1).await;
    fake.refuse("DeleteQueue", ErrorKind::Gone, 1);
    assert!(applied(&planned(&stack(), 1, &fake).await, &fake).await.is_complete());
}

#[tokio::test]
async fn waits_until_all_is_ready() {
    let mut desired = stack();
    desired.functions.insert("f".to_owned(), function("f"));
    let fake = Fake::new(1);
    converge(&desired, 1, &fake, 1).await;
    fake.unready_for(2);
    let (progress, events) = recorded();
    let ready =
        wait_ready((&desired, &Selection::Everything), &*fake, &Patience::WITHOUT_WAITS, &progress, future::pending())
            .await;
    assert!(ready.is_ok());
    assert_eq!(*events.lock(), ["waiting for functions.f: Pending"; 2]);
    fake.unready_for(u32::MAX);
    let timed_out =
        wait_ready((&desired, &Selection::Everything), &*fake, &Patience::WITHOUT_WAITS, &progress, future::pending())
            .await;
    assert!(matches!(timed_out, Err(NotReady::TimedOut { .. })), "{timed_out:?}");
    let cancelled =
        wait_ready((&desired, &Selection::Everything), &*fake, &Patience::DEFAULT, &progress, future::ready(())).await;
    assert_eq!(cancelled, Err(NotReady::Cancelled));
}

#[tokio::test]
async fn a_report_as_json() {
    let fake = Fake::new(1);
    fake.fail(Some(Failure { at: 0, how: How::Refused }));
    let report = applied(&planned(&single(), 1, &fake).await, &fake).await;
    let expected = serde_json::json!({
        "complete": false,
        "cancelled": false,
        "steps": [{
            "address": "queues.q", "action": "create", "operation": "CreateQueue", "outcome": "failed", "took_ms": null,
            "error": {
                "operation": "CreateQueue", "resource": "queues.q", "code": null, "message": "told to fail", "hint": null,
                "kind": "refused"
            }
        }]
    });
    assert_eq!(serde_json::to_value(report).unwrap(), expected);
}
