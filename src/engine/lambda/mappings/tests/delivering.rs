//! How messages reach functions, and what becomes of them.

mod changing;
mod pollers;
mod worked_examples;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Flow, START_MS, fail, ok, respond};
use crate::engine::{EngineConfig, lambda::mappings::mapping::SETTLE_MS, sqs};

/// A queue `q` and a function `f` with this handler.
fn flow(handler: impl FnMut(&super::Delivery) -> super::Answer + 'static) -> Flow {
    let mut flow = Flow::new(handler);
    flow.queue("q", &[]);
    flow.function("f", 3);
    flow
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[test]
fn a_lone_message_reaches_a_warm_handler_in_the_same_turn() {
    let mut flow = flow(|_| ok(1));
    flow.map("q", "f", json!({}));
    flow.send("q", "cold");
    flow.wait(1_000);
    let sent_at = flow.now_ms();
    flow.send("q", "warm");
    assert_eq!(flow.bodies(), ["cold", "warm"]);
    assert_eq!(flow.deliveries[1].at_ms, sent_at);
    flow.wait(1_000);
    assert_eq!(flow.depth("q"), (0, 0));
    assert_eq!(
        flow.engine.next_deadline().map(|at| at.as_millis() > START_MS + 500_000),
        Some(true),
        "only idle times"
    );
}

#[test]
fn what_waits_in_the_queue_is_taken_in_batches() {
    let mut flow = flow(|_| ok(10));
    for index in 0..95 {
        flow.send("q", &format!("{index:02}"));
    }
    flow.map("q", "f", json!({}));
    flow.wait(10_000);
    assert_eq!(flow.deliveries.len(), 10);
    assert!(flow.deliveries[..9].iter().all(|delivery| delivery.bodies().len() == 10));
    assert_eq!(sorted(flow.bodies()), (0..95).map(|index| format!("{index:02}")).collect::<Vec<_>>());
    assert_eq!(flow.depth("q"), (0, 0));
    let activity = &flow.activity()[0];
    assert_eq!((activity.messages_handled, activity.messages_failed, activity.batches_in_flight), (95, 0, 0));
}

#[test]
fn five_batches_at_first_and_three_hundred_more_a_minute() {
    let config = EngineConfig { concurrency_limit: 3_000, ..EngineConfig::default() };
    let mut flow = Flow::with(config, |_| ok(800_000));
    flow.queue("q", &[("VisibilityTimeout", "900")]);
    flow.function("f", 900);
    for index in 0..700 {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({"BatchSize": 1}));
    let mut seen = Vec::new();
    for pause_ms in [0, 10, 1_000, 59_000, 60_000] {
        flow.wait(pause_ms);
        seen.push(flow.activity()[0].batches_in_flight);
    }
    assert_eq!(seen, [5, 5, 10, 305, 605]);
}

#[test]
fn maximum_concurrency_caps_one_mapping() {
    let mut flow = flow(|_| ok(100));
    for index in 0..100 {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({"BatchSize": 1, "ScalingConfig": {"MaximumConcurrency": 3}}));
    flow.wait(60_000);
    assert_eq!((flow.most_running, flow.bodies().len(), flow.throttles), (3, 100, 0));
}

#[test]
fn a_window_gathers_until_it_ends_or_the_batch_is_full() {
    let mut flow = flow(|_| ok(1));
    flow.map("q", "f", json!({"BatchSize": 100, "MaximumBatchingWindowInSeconds": 2}));
    let opened_at = flow.now_ms();
    for index in 0..5 {
        flow.send("q", &index.to_string());
        flow.wait(300);
    }
    assert!(flow.deliveries.is_empty());
    assert_eq!(flow.depth("q"), (0, 5), "gathered messages are in flight");
    flow.wait(2_000);
    assert_eq!(flow.deliveries[0].bodies(), ["0", "1", "2", "3", "4"]);
    assert_eq!(flow.deliveries[0].at_ms, opened_at + 2_000 + super::INIT_MS);
    let sent_at = flow.now_ms();
    for index in 0..250 {
        flow.send("q", &index.to_string());
    }
    flow.wait(1_000);
    let sizes: Vec<_> = flow.deliveries[1..].iter().map(|delivery| delivery.bodies().len()).collect();
    assert_eq!(sizes, [100, 100], "full batches do not wait for the window");
    flow.wait(2_000);
    assert_eq!(flow.deliveries[3].bodies().len(), 50);
    assert!(flow.deliveries[3].at_ms >= sent_at + 2_000);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn six_megabytes_end_a_window() {
    let mut flow = flow(|_| ok(1));
    flow.map("q", "f", json!({"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 20}));
    let body = "x".repeat(1_000_000);
    for _ in 0..10 {
        flow.send("q", &body);
    }
    flow.wait(1_000);
    assert_eq!(flow.deliveries.len(), 1, "the rest is less than 6 MB and waits");
    assert_eq!(flow.deliveries[0].bodies().len(), 6);
    flow.wait(20_000);
    assert_eq!(flow.bodies().len(), 10);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn small_messages_fill_six_megabytes_and_none_is_received_twice() {
    let mut flow = flow(|_| ok(1));
    flow.map("q", "f", json!({"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 5}));
    for index in 0..12_000 {
        flow.send("q", &format!("{index:0400}"));
    }
    flow.wait(10_000);
    assert_eq!(flow.bodies().iter().collect::<BTreeSet<_>>().len(), 12_000);
    let counts: BTreeSet<_> = flow
        .deliveries
        .iter()
        .flat_map(|delivery| delivery.event["Records"].as_array().unwrap())
        .map(|record| record["attributes"]["ApproximateReceiveCount"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(counts, BTreeSet::from(["1".to_owned()]), "what a payload cannot take opens the next one");
    for delivery in &flow.deliveries {
        assert!(serde_json::to_vec(&delivery.event).unwrap().len() <= 6 * 1024 * 1024);
    }
}

#[test]
fn fifo_groups_run_in_parallel_and_each_in_order() {
    let mut flow = Flow::new(|_| ok(100));
    flow.queue("q.fifo", &[("FifoQueue", "true")]);
    flow.function("f", 3);
    for index in 0..30 {
        for group in ["a", "b", "c"] {
            flow.send_as("q.fifo", &format!("{index:02}"), Some(group));
        }
    }
    flow.map("q.fifo", "f", json!({"BatchSize": 4}));
    flow.wait(10_000);
    let mut by_group: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for delivery in &flow.deliveries {
        by_group.entry(delivery.group()).or_default().extend(delivery.bodies());
    }
    let expected: Vec<String> = (0..30).map(|index| format!("{index:02}")).collect();
    assert!(by_group.values().all(|bodies| *bodies == expected), "{by_group:?}");
    assert_eq!(flow.most_running, 3, "one batch of each group at a time");
    assert_eq!(flow.depth("q.fifo"), (0, 0));
}

#[test]
fn a_failed_fifo_message_blocks_its_group_alone() {
    let mut failures = 1;
    let mut flow = Flow::new(move |delivery| {
        if delivery.group() == "a" && failures > 0 {
            failures -= 1;
            return fail(1);
        }
        ok(1)
    });
    flow.queue("q.fifo", &[("FifoQueue", "true"), ("VisibilityTimeout", "10")]);
    flow.function("f", 3);
    flow.map("q.fifo", "f", json!({"BatchSize": 1}));
    for index in 0..3 {
        for group in ["a", "b"] {
            flow.send_as("q.fifo", &index.to_string(), Some(group));
        }
    }
    flow.wait(5_000);
    let of = |flow: &Flow, group: &str| {
        let deliveries = flow.deliveries.iter().filter(|delivery| delivery.group() == group);
        deliveries.flat_map(super::Delivery::bodies).collect::<Vec<_>>()
    };
    assert_eq!((of(&flow, "a"), of(&flow, "b").len()), (vec!["0".to_owned()], 3));
    flow.wait(10_000);
    assert_eq!(of(&flow, "a"), ["0", "0", "1", "2"]);
}

#[test]
fn a_failed_batch_returns_when_its_visibility_timeout_ends() {
    let mut left = 1;
    let mut flow = flow(move |_| {
        left -= 1;
        if left >= 0 { fail(1) } else { ok(1) }
    });
    flow.map("q", "f", json!({}));
    flow.send("q", "m");
    let sent_at = flow.now_ms();
    flow.wait(29_000);
    assert_eq!((flow.deliveries.len(), flow.depth("q")), (1, (0, 1)));
    flow.wait(2_000);
    assert_eq!(flow.deliveries.len(), 2);
    assert_eq!(flow.deliveries[1].at_ms, sent_at + 30_000);
    assert_eq!(flow.depth("q"), (0, 0));
    let activity = &flow.activity()[0];
    assert_eq!((activity.messages_handled, activity.messages_failed), (1, 1));
}

#[test]
fn failures_reach_the_dead_letter_queue() {
    let mut flow = Flow::new(|_| fail(1));
    flow.queue("dlq", &[]);
    let policy = json!({"deadLetterTargetArn": super::arn("dlq"), "maxReceiveCount": "2"}).to_string();
    flow.queue("q", &[("VisibilityTimeout", "5"), ("RedrivePolicy", &policy)]);
    flow.function("f", 3);
    flow.map("q", "f", json!({}));
    flow.send("q", "poison");
    flow.wait(60_000);
    assert_eq!((flow.deliveries.len(), flow.depth("q"), flow.depth("dlq")), (2, (0, 0), (1, 0)));
}

#[test]
fn only_the_listed_messages_return() {
    let mut first = true;
    let mut flow = flow(move |delivery| {
        if !std::mem::take(&mut first) {
            return ok(1);
        }
        let failed = delivery.texts("messageId")[1].clone();
        respond(1, &json!({"batchItemFailures": [{"itemIdentifier": failed}]}).to_string())
    });
    for body in ["0", "1", "2"] {
        flow.send("q", body);
    }
    flow.map("q", "f", json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]}));
    flow.wait(1_000);
    assert_eq!(flow.depth("q"), (0, 1), "not at once");
    flow.wait(30_000);
    assert_eq!(flow.deliveries[1].bodies(), flow.deliveries[0].bodies()[1..2]);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn a_response_counts_only_when_the_mapping_asks_for_it() {
    for (settings, response, expected) in [
        (json!({}), r#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#, (0, 0)),
        (
            json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]}),
            r#"{"batchItemFailures":[{"itemIdentifier":"x"}]}"#,
            (0, 1),
        ),
        (json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]}), "not json", (0, 1)),
        (json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]}), "null", (0, 0)),
    ] {
        let mut flow = flow(move |_| respond(1, response));
        flow.map("q", "f", settings.clone());
        flow.send("q", "m");
        flow.wait(1_000);
        assert_eq!(flow.depth("q"), expected, "{settings} {response}");
    }
}

/// "When ReportBatchItemFailures is activated, Lambda doesn't scale down message polling when function invocations fail"
/// (developer guide, "Handling errors for an SQS event source in Lambda").
#[test]
fn with_partial_batch_responses_failures_do_not_scale_polling_down() {
    let mut flow = Flow::new(|_| fail(100));
    flow.queue("q", &[("VisibilityTimeout", "5")]);
    flow.function("f", 3);
    for index in 0..200 {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({"BatchSize": 1, "FunctionResponseTypes": ["ReportBatchItemFailures"]}));
    flow.wait(super::INIT_MS);
    assert_eq!(flow.activity()[0].batches_in_flight, 5);
    flow.wait(105);
    assert_eq!(flow.activity()[0].batches_in_flight, 5);
}

#[test]
fn failures_halve_the_concurrency_and_successes_bring_it_back() {
    let mut calls = 0;
    let mut flow = Flow::new(move |_| {
        calls += 1;
        if calls <= 5 { fail(100) } else { ok(100) }
    });
    flow.queue("q", &[("VisibilityTimeout", "5")]);
    flow.function("f", 3);
    for index in 0..200 {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({"BatchSize": 1}));
    flow.wait(super::INIT_MS);
    assert_eq!(flow.activity()[0].batches_in_flight, 5);
    flow.wait(105);
    assert_eq!(flow.activity()[0].batches_in_flight, 1);
    flow.wait(600);
    assert!(flow.activity()[0].batches_in_flight >= 4, "{:?}", flow.activity());
    flow.wait(60_000);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn filtered_messages_are_deleted_and_not_delivered() {
    let mut flow = flow(|_| ok(1));
    flow.map("q", "f", json!({"FilterCriteria": {"Filters": [{"Pattern": "{\"body\":{\"kind\":[\"order\"]}}"}]}}));
    for index in 0..3_000 {
        flow.send("q", &format!(r#"{{"kind":"{}","n":{index}}}"#, if index % 1_000 == 0 { "order" } else { "noise" }));
    }
    flow.send("q", "no json");
    flow.wait(5_000);
    assert_eq!(flow.bodies().len(), 3);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn a_backlog_that_filters_discard_is_gone_through_in_many_turns() {
    let mut flow = flow(|_| ok(1));
    for index in 0..5_000 {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({"FilterCriteria": {"Filters": [{"Pattern": "{\"body\":[\"4999\"]}"}]}}));
    flow.wait(1_000);
    assert_eq!(flow.bodies(), ["4999"]);
    assert_eq!(flow.depth("q"), (0, 0));
}

#[test]
fn a_mapping_of_an_alias_follows_it() {
    use super::super::super::{Command, CreateAlias, FunctionRef, PublishVersion, UpdateAlias, UpdateFunctionCode};
    let mut flow = flow(|_| ok(0));
    let name = || FunctionRef { name: "f".into(), qualifier: None };
    flow.lambda(Command::PublishVersion { name: name(), publish: PublishVersion::default() }).unwrap();
    let create = CreateAlias { name: "live".into(), function_version: "1".into(), ..CreateAlias::default() };
    flow.lambda(Command::CreateAlias { name: name(), create }).unwrap();
    flow.map("q", "f:live", json!({}));
    flow.send("q", "one");
    flow.wait(100);
    let artifact = crate::model::ArtifactDigest::from_bytes([2; 32]);
    let code = super::super::super::CodeRef {
        artifact,
        sha256: "sha-2".into(),
        size_bytes: 1,
        unzipped_bytes: 1,
        image: None,
    };
    let update = UpdateFunctionCode { publish: true, ..UpdateFunctionCode::default() };
    flow.lambda(Command::UpdateFunctionCode { name: name(), update, code }).unwrap();
    flow.send("q", "two");
    flow.wait(100);
    let update = UpdateAlias { function_version: Some("2".into()), ..UpdateAlias::default() };
    flow.lambda(Command::UpdateAlias { name: name(), alias: "live".into(), update }).unwrap();
    flow.send("q", "three");
    flow.wait(100);
    let versions: Vec<_> = flow.deliveries.iter().map(|delivery| delivery.version.as_str()).collect();
    assert_eq!(versions, ["1", "1", "2"]);
    assert_eq!(flow.activity()[0].function, "f:live");
}

/// What waited for a slot has its whole visibility timeout when it is handed over.
#[test]
fn a_batch_that_waited_for_a_slot_is_not_delivered_a_second_time_while_it_runs() {
    let mut flow = Flow::new(|_| ok(20_000));
    flow.queue("q", &[("VisibilityTimeout", "30")]);
    flow.function("f", 25);
    flow.reserve("f", 1);
    flow.map("q", "f", json!({ "BatchSize": 1 }));
    flow.send("q", "a");
    flow.wait(100);
    flow.send("q", "b");
    flow.wait(60_000);
    assert_eq!(flow.bodies(), ["a", "b"]);
    assert_eq!(flow.depth("q"), (0, 0));
}
