//! FIFO queues: groups, deduplication, attempts.

use super::*;

#[test]
fn fifo_groups_keep_their_order_and_block_alone() {
    let mut harness = fifo(&[]);
    for body in ["a1", "b1", "a2", "b2"] {
        harness.send_ordered("q.fifo", &body[..1], body);
    }
    let first = harness.receive("q.fifo", 1).remove(0);
    assert_eq!(&*first.body, "a1");
    assert_eq!(harness.bodies("q.fifo", 10), ["b1", "b2"]);
    assert_eq!(harness.counts("q.fifo"), (1, 3, 0));
    harness.delete("q.fifo", &first.receipt_handle).unwrap();
    assert_eq!(harness.bodies("q.fifo", 10), ["a2"]);
    harness.pass_s(30);
    assert_eq!(harness.bodies("q.fifo", 10), ["a2", "b1", "b2"], "`a` was free first: `b2` ended after `b1`");
}

#[test]
fn fifo_deduplicates_for_five_minutes_across_deletes_and_restarts() {
    let mut harness = fifo(&[("ContentBasedDeduplication", "true")]);
    let send = |group: &str, id: Option<&str>, body: &str| SendMessage {
        message_group_id: Some(group.into()),
        message_deduplication_id: id.map(str::to_owned),
        ..message("q.fifo", body)
    };
    let first = harness.send_request(send("g", None, "a")).unwrap();
    let again = harness.send_request(send("other", None, "a")).unwrap();
    assert_eq!((again.message_id, again.sequence_number), (first.message_id, first.sequence_number.clone()));
    let held = harness.receive("q.fifo", 10);
    assert_eq!(held.len(), 1);
    harness.delete("q.fifo", &held[0].receipt_handle).unwrap();
    harness.restart();
    harness.pass_s(298);
    harness.send_request(send("g", None, "a")).unwrap();
    assert_eq!(harness.counts("q.fifo"), (0, 0, 0));
    harness.pass_s(2);
    let later = harness.send_request(send("g", None, "a")).unwrap();
    assert_eq!(harness.counts("q.fifo"), (1, 0, 0));
    assert!(later.sequence_number > first.sequence_number);
    assert_eq!(later.sequence_number.unwrap().len(), 20);
    harness.send_request(send("g", Some("own"), "a")).unwrap();
    assert_eq!(harness.counts("q.fifo"), (2, 0, 0));
}

#[test]
fn fifo_deduplicates_in_groups_when_told_so() {
    let mut harness = fifo(&[("DeduplicationScope", "messageGroup"), ("FifoThroughputLimit", "perMessageGroupId")]);
    for (group, total) in [("a", 1), ("b", 2), ("a", 2)] {
        harness.send_ordered("q.fifo", group, "same");
        assert_eq!(harness.counts("q.fifo").0, total);
    }
}

#[test]
fn fifo_refusals() {
    let mut harness = fifo(&[]);
    let plain = message("q.fifo", "a");
    check(harness.send_request(plain.clone()), SqsErrorKind::MissingParameter, "MessageGroupId");
    let grouped = SendMessage { message_group_id: Some("g".into()), ..plain };
    let missing = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided";
    check(harness.send_request(grouped.clone()), SqsErrorKind::InvalidParameterValue, missing);
    let delayed = SendMessage { delay_seconds: Some(1), ..grouped };
    check(harness.send_request(delayed), SqsErrorKind::InvalidParameterValue, "not valid for this queue type");
}

#[test]
fn fifo_attempts_repeat_what_they_gave() {
    let mut harness = fifo(&[]);
    harness.send_ordered("q.fifo", "g", "a");
    let attempt = ReceiveMessage { receive_request_attempt_id: Some("try".into()), ..receive("q.fifo", 10) };
    let first = harness.receive_request(attempt.clone()).unwrap();
    harness.pass_s(20);
    assert_eq!(harness.receive_request(attempt.clone()).unwrap(), first);
    harness.pass_s(20);
    assert_eq!(harness.counts("q.fifo"), (0, 1, 0), "repeating renewed the lease");
    harness.delete("q.fifo", &first[0].receipt_handle).unwrap();
    assert_eq!(harness.receive_request(attempt).unwrap(), []);
}

#[test]
fn fifo_delay_changes_for_those_who_wait() {
    let mut harness = fifo(&[("DelaySeconds", "100")]);
    harness.send_ordered("q.fifo", "g", "a");
    harness.pass_s(10);
    harness.set("q.fifo", "DelaySeconds", "20").unwrap();
    assert_eq!(harness.counts("q.fifo"), (0, 0, 1));
    harness.restart();
    harness.pass_s(10);
    assert_eq!(harness.bodies("q.fifo", 1), ["a"]);
}
