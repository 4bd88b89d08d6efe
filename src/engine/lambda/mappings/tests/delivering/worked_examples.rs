//! The numbers of "Configuring scaling behavior for SQS event source mappings" (Lambda developer guide).

use super::*;

/// A mapping of a standard queue in which more waits than it may take, and a function that does not come to its end.
fn busy(messages: usize, duration_ms: u64) -> Flow {
    let config = EngineConfig { concurrency_limit: 3_000, ..EngineConfig::default() };
    let mut flow = Flow::with(config, move |_| ok(duration_ms));
    flow.queue("q", &[("VisibilityTimeout", "900")]);
    flow.function("f", 900);
    for index in 0..messages {
        flow.send("q", &index.to_string());
    }
    flow.map("q", "f", json!({"BatchSize": 1}));
    flow
}

fn in_flight(flow: &mut Flow) -> u32 {
    flow.activity()[0].batches_in_flight
}

/// "Lambda can scale up to 1,250 concurrent function instances for Amazon SQS event source mappings": five, and 300 more a
/// minute, are 1,250 after four minutes and nine seconds.
#[test]
fn twelve_hundred_and_fifty_batches_at_most() {
    let mut flow = busy(1_400, 800_000);
    let mut seen = Vec::new();
    for pause_ms in [0, 240_000, 9_000, 60_000] {
        flow.wait(pause_ms);
        seen.push(in_flight(&mut flow));
    }
    assert_eq!(seen, [5, 1_205, 1_250, 1_250]);
}

/// "When traffic is low, Lambda scales back the processing to five concurrent batches."
#[test]
fn with_low_traffic_it_is_five_batches_again() {
    let mut flow = busy(300, 20_000);
    flow.wait(40_000);
    assert!(flow.most_running > 100, "{} ran at once", flow.most_running);
    flow.wait(180_000);
    assert_eq!(flow.depth("q"), (0, 0));
    for index in 0..20 {
        flow.send("q", &format!("later {index}"));
    }
    assert_eq!(in_flight(&mut flow), 5);
}

/// "For example, if you have six message group IDs and a maximum concurrency of 10, your function can have a maximum of six
/// concurrent invocations."
#[test]
fn of_a_fifo_queue_groups_or_the_maximum_are_the_cap_whichever_is_lower() {
    for (groups, maximum, expected) in [(6, 10, 6), (10, 4, 4)] {
        let mut flow = Flow::new(|_| ok(100));
        flow.queue("q.fifo", &[("FifoQueue", "true")]);
        flow.function("f", 3);
        for index in 0..20 {
            for group in 0..groups {
                flow.send_as("q.fifo", &format!("{index:02}"), Some(&format!("group-{group}")));
            }
        }
        flow.map("q.fifo", "f", json!({"BatchSize": 1, "ScalingConfig": {"MaximumConcurrency": maximum}}));
        flow.wait(60_000);
        assert_eq!((flow.most_running, flow.depth("q.fifo")), (expected, (0, 0)), "{groups} groups");
    }
}
