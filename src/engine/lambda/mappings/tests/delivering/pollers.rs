//! Provisioned pollers: how fast they read, and how many there are.

use super::*;

#[test]
fn provisioned_pollers_take_ten_batches_each_at_once() {
    let mut flow = flow(|_| ok(1_000));
    for n in 0..100 {
        flow.send("q", &n.to_string());
    }
    let uuid = flow.map("q", "f", json!({"BatchSize": 1, "ProvisionedPollerConfig": {"MaximumPollers": 2}}));
    flow.wait(500);
    assert_eq!(flow.most_running, 20);
    let config = flow.describe(&uuid).unwrap().provisioned_poller_config.unwrap();
    assert_eq!((config.minimum_pollers, config.maximum_pollers), (Some(2), Some(2)));
    flow.restart();
    let config = flow.describe(&uuid).unwrap().provisioned_poller_config.unwrap();
    assert_eq!((config.minimum_pollers, config.maximum_pollers), (Some(2), Some(2)));
    flow.wait(1_000);
    flow.update(&uuid, json!({"ProvisionedPollerConfig": {}})).unwrap();
    assert_eq!(flow.describe(&uuid).unwrap().provisioned_poller_config, None);
}

#[test]
fn provisioned_pollers_read_ten_times_a_second_each() {
    let mut flow = flow(|_| ok(1));
    for n in 0..1_000 {
        flow.send("q", &n.to_string());
    }
    let pollers = json!({"ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 2}});
    let start = flow.now;
    let uuid = flow.map("q", "f", pollers);
    let handled = |flow: &mut Flow, until_ms: u64| {
        flow.wait(until_ms - flow.now.millis_since(start));
        flow.activity()[0].messages_handled
    };
    // It begins to read when it has been created, 250 ms after the request.
    assert_eq!(handled(&mut flow, 300), 200, "twenty receives of ten messages");
    assert_eq!(handled(&mut flow, 1_249), 390, "and twenty more a second");
    assert_eq!(handled(&mut flow, 4_300), 1_000);
    flow.update(&uuid, json!({"MetricsConfig": {"Metrics": ["EventCount"]}})).unwrap();
    assert_eq!(flow.describe(&uuid).unwrap().metrics_config.unwrap().metrics, ["EventCount"]);
    let activity = &flow.activity()[0];
    assert_eq!((activity.messages_polled, activity.messages_invoked), (1_000, 1_000));
}

#[test]
fn more_pollers_come_when_reading_is_what_holds_up() {
    let mut flow = flow(|_| ok(1));
    for n in 0..3_000 {
        flow.send("q", &n.to_string());
    }
    flow.map("q", "f", json!({"ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 20}}));
    flow.wait(4_300);
    let activity = &flow.activity()[0];
    assert!(activity.batches_limit > 60, "{activity:?}");
    assert!(activity.messages_handled > 1_500, "two alone read a thousand: {activity:?}");
}
