//! What changes while messages flow: throttles, settings, queues and functions that go, restarts.

use super::*;

#[test]
fn throttled_batches_wait_and_are_delivered_once() {
    let mut flow = flow(|_| ok(50));
    flow.reserve("f", 1);
    for index in 0..50 {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({"BatchSize": 1}));
    flow.wait(20_000);
    assert_eq!(flow.most_running, 1);
    assert_eq!(flow.bodies().iter().collect::<BTreeSet<_>>().len(), 50);
    assert_eq!(flow.bodies().len(), 50, "a batch that waits for a slot keeps its lease");
    assert!(flow.throttles > 0);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn a_function_that_is_off_lets_messages_return_and_go_on_later() {
    let mut flow = flow(|_| ok(1));
    flow.reserve("f", 0);
    flow.map("q", "f", json!({}));
    flow.send("q", "m");
    flow.wait(100_000);
    assert!(flow.deliveries.is_empty());
    flow.reserve("f", 5);
    flow.wait(60_000);
    assert_eq!(flow.bodies(), ["m"]);
    let count = flow.deliveries[0].event["Records"][0]["attributes"]["ApproximateReceiveCount"].clone();
    assert_eq!(count, "4", "received anew each time that its visibility timeout had passed");
}

#[test]
fn mappings_that_share_a_pool_share_it_fairly() {
    let config = EngineConfig { concurrency_limit: 2, unreserved_minimum: 0, ..EngineConfig::default() };
    let mut flow = Flow::with(config, |_| ok(20));
    for name in ["a", "b", "c", "d"] {
        flow.queue(name, &[]);
        flow.function(name, 3);
        for index in 0..100 {
            flow.send(name, &index.to_string());
        }
    }
    for name in ["a", "b", "c", "d"] {
        flow.map(name, name, json!({"BatchSize": 1}));
    }
    let from = flow.deliveries.len();
    flow.wait(1_000);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for delivery in &flow.deliveries[from..] {
        *counts.entry(&delivery.function).or_default() += 1;
    }
    let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
    assert!(counts.len() == 4 && most - least <= 4, "{counts:?}");
    flow.wait(60_000);
    assert_eq!(flow.bodies().len(), 400);
}

#[test]
fn two_functions_share_one_queue() {
    let mut flow = flow(|_| ok(10));
    flow.function("g", 3);
    for index in 0..200 {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({}));
    flow.map("q", "g", json!({}));
    for index in 200..400 {
        flow.send("q", &index.to_string());
    }
    flow.wait(10_000);
    assert_eq!(flow.bodies().len(), 400, "each message goes to one of them");
    let of_g = flow.deliveries.iter().filter(|delivery| delivery.function == "g");
    let of_g = of_g.map(|delivery| delivery.bodies().len()).sum::<usize>();
    assert!((80..=120).contains(&of_g), "{of_g} of the 200 that both could have");
}

#[test]
fn disabling_enabling_and_updating_under_load_loses_and_doubles_nothing() {
    let mut flow = flow(|_| ok(30));
    let uuid = flow.map("q", "f", json!({}));
    let changes = [
        json!({"Enabled": false}),
        json!({"Enabled": true}),
        json!({"BatchSize": 3}),
        json!({"BatchSize": 50, "MaximumBatchingWindowInSeconds": 1}),
        json!({"Enabled": false}),
        json!({"Enabled": true}),
        json!({"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0}),
    ];
    let mut sent = 0;
    for change in changes {
        for _ in 0..100 {
            flow.send("q", &sent.to_string());
            sent += 1;
            flow.wait(7);
        }
        flow.update(&uuid, change.clone()).unwrap();
        let at = flow.deliveries.len();
        if change == json!({"Enabled": false}) {
            flow.wait(SETTLE_MS * 4);
            assert_eq!(flow.deliveries.len(), at, "a mapping that is disabled delivers nothing");
        } else {
            flow.wait(SETTLE_MS);
        }
    }
    flow.wait(60_000);
    let bodies = flow.bodies();
    assert_eq!(bodies.len(), sent, "delivered once each");
    assert_eq!(bodies.iter().collect::<BTreeSet<_>>().len(), sent);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn batches_in_flight_outlive_their_mapping() {
    let mut flow = flow(|_| ok(2_000));
    let uuid = flow.map("q", "f", json!({}));
    flow.send("q", "in flight");
    flow.wait(100);
    flow.delete(&uuid).unwrap();
    flow.wait(SETTLE_MS);
    flow.send("q", "too late");
    flow.wait(5_000);
    assert_eq!(flow.bodies(), ["in flight"]);
    assert_eq!(flow.depth("q"), (1, 0), "what was in flight is handled, the other stays");
}

#[test]
fn a_queue_that_comes_back_is_polled_again() {
    let mut flow = flow(|_| ok(1));
    let uuid = flow.map("q", "f", json!({}));
    flow.sqs(sqs::Command::DeleteQueue(sqs::QueueOnly { queue_url: super::super::url("q") }));
    let trouble = flow.describe(&uuid).unwrap().state_transition_reason;
    assert!(trouble.contains("does not exist"), "{trouble}");
    flow.wait(61_000);
    flow.queue("q", &[]);
    flow.send("q", "m");
    flow.wait(1_000);
    assert_eq!(flow.bodies(), ["m"]);
    assert_eq!(flow.describe(&uuid).unwrap().state_transition_reason, "USER_INITIATED");
}

#[test]
fn without_its_function_a_mapping_leaves_messages_alone() {
    let mut flow = flow(|_| ok(1));
    let uuid = flow.map("q", "f", json!({}));
    let name = crate::engine::lambda::FunctionRef { name: "f".into(), qualifier: None };
    flow.lambda(crate::engine::lambda::Command::DeleteFunction { name }).unwrap();
    flow.send("q", "m");
    flow.wait(60_000);
    assert_eq!(flow.depth("q"), (1, 0), "a lease would count as a receive");
    assert!(flow.describe(&uuid).unwrap().state_transition_reason.contains("Function not found"));
    flow.function("f", 3);
    flow.wait(10_000);
    assert_eq!(flow.bodies(), ["m"]);
    let count = flow.deliveries[0].event["Records"][0]["attributes"]["ApproximateReceiveCount"].clone();
    assert_eq!(count, "1");
}

#[test]
fn a_restart_goes_on_with_what_waits() {
    let mut flow = flow(|_| ok(1_000));
    flow.map("q", "f", json!({"BatchSize": 1}));
    for index in 0..20 {
        flow.send("q", &index.to_string());
    }
    flow.wait(500);
    flow.restart();
    flow.wait(120_000);
    assert_eq!(flow.bodies().iter().collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn at_rest_mappings_want_no_time() {
    let mut flow = flow(|_| ok(1));
    for index in 0..100 {
        let queue = format!("q{index}");
        flow.queue(&queue, &[]);
        flow.map(&queue, "f", json!({"BatchSize": 100, "MaximumBatchingWindowInSeconds": 1}));
    }
    assert_eq!(flow.engine.next_deadline(), None);
}
