//! SQS as its clients see it, operation by operation.

mod dead_letters;

mod fifo_queues;

use std::collections::BTreeMap;

use super::{
    harness::{Harness, arn, message, messages, only, outcome, receive, url},
    *,
};

#[track_caller]
fn check<T: std::fmt::Debug>(result: Result<T, SqsError>, kind: SqsErrorKind, message: &str) {
    let error = result.unwrap_err();
    assert!(error.kind == kind && error.message.contains(message), "{error}");
}

fn queue() -> Harness {
    let mut harness = Harness::new();
    harness.create("q", &[]).unwrap();
    harness
}

fn fifo(attributes: &[(&str, &str)]) -> Harness {
    let mut harness = Harness::new();
    let mut all = vec![("FifoQueue", "true")];
    all.extend_from_slice(attributes);
    harness.create("q.fifo", &all).unwrap();
    harness
}

#[test]
fn a_message_goes_through() {
    let mut harness = queue();
    let sent = harness.send("q", "hello world");
    assert_eq!(sent.md5_of_message_body, "5eb63bbbe01eeed093cb22bb8f5acdc3");
    assert_eq!(harness.counts("q"), (1, 0, 0));
    let received = harness.receive("q", 10);
    assert_eq!(received.len(), 1);
    assert_eq!((&*received[0].body, &received[0].message_id), ("hello world", &sent.message_id));
    assert_eq!(received[0].md5_of_body, sent.md5_of_message_body);
    assert_eq!(harness.counts("q"), (0, 1, 0));
    assert_eq!(harness.bodies("q", 10), [""; 0]);
    harness.delete("q", &received[0].receipt_handle).unwrap();
    assert_eq!(harness.counts("q"), (0, 0, 0));
    assert_eq!(harness.store.len(), 1, "only the queue is still stored");
}

#[test]
fn a_lease_ends_and_delays_hold() {
    let mut harness = queue();
    harness.send_request(SendMessage { delay_seconds: Some(5), ..message("q", "a") }).unwrap();
    assert_eq!(harness.counts("q"), (0, 0, 1));
    harness.pass_ms(4999);
    assert_eq!(harness.bodies("q", 1), [""; 0]);
    harness.pass_ms(1);
    assert_eq!(harness.bodies("q", 1), ["a"]);
    harness.pass_ms(29_999);
    assert_eq!(harness.bodies("q", 1), [""; 0]);
    harness.pass_ms(1);
    let again = harness
        .receive_request(ReceiveMessage { attribute_names: vec!["ApproximateReceiveCount".into()], ..receive("q", 1) });
    assert_eq!(again.unwrap()[0].attributes, [("ApproximateReceiveCount", "2".to_owned())]);
}

#[test]
fn a_long_poll_is_woken_oldest_first() {
    let mut harness = queue();
    let wait = ReceiveMessage { wait_time_seconds: Some(20), ..receive("q", 10) };
    let first = harness.issue(Command::ReceiveMessage(wait.clone()));
    let gone = harness.issue(Command::ReceiveMessage(wait.clone()));
    let second = harness.issue(Command::ReceiveMessage(wait));
    assert!(harness.replies.is_empty());
    harness.client_gone(gone);
    harness.send("q", "a");
    harness.send("q", "b");
    let bodies = |harness: &mut Harness, token| {
        let received = messages(harness.reply(token).expect("answered").unwrap());
        received.iter().map(|message| message.body.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(bodies(&mut harness, first), ["a"]);
    assert_eq!(bodies(&mut harness, second), ["b"]);
    assert!(harness.reply(gone).is_none());
    assert_eq!(harness.counts("q"), (0, 2, 0));
}

#[test]
fn a_long_poll_ends_empty_or_with_what_became_visible() {
    let mut harness = queue();
    harness.send("q", "a");
    let held = harness.receive("q", 1);
    let wait = ReceiveMessage { wait_time_seconds: Some(20), ..receive("q", 1) };
    let token = harness.issue(Command::ReceiveMessage(wait.clone()));
    harness.pass_ms(19_999);
    assert!(harness.reply(token).is_none());
    harness.pass_ms(1);
    assert_eq!(messages(harness.reply(token).unwrap().unwrap()), []);
    let token = harness.issue(Command::ReceiveMessage(wait.clone()));
    harness.pass_s(10);
    assert_eq!(messages(harness.reply(token).unwrap().unwrap()).len(), 1, "its lease ended");
    let token = harness.issue(Command::ReceiveMessage(wait.clone()));
    check(harness.change_visibility("q", &held[0].receipt_handle, 0), SqsErrorKind::MessageNotInflight, "");
    harness.call(Command::DeleteQueue(only("q"))).unwrap();
    check(harness.reply(token).unwrap(), SqsErrorKind::QueueDoesNotExist, "does not exist.");
}

#[test]
fn visibility_zero_wakes_a_waiter() {
    let mut harness = queue();
    harness.send("q", "a");
    let held = harness.receive("q", 1);
    let wait = ReceiveMessage { wait_time_seconds: Some(20), ..receive("q", 1) };
    let token = harness.issue(Command::ReceiveMessage(wait));
    harness.change_visibility("q", &held[0].receipt_handle, 0).unwrap();
    assert_eq!(messages(harness.reply(token).unwrap().unwrap()).len(), 1);
}

#[test]
fn receipts_of_a_standard_queue() {
    let mut harness = queue();
    harness.send("q", "a");
    let first = harness.receive("q", 1).remove(0);
    harness.pass_s(30);
    let second = harness.receive("q", 1).remove(0);
    harness.delete("q", &first.receipt_handle).unwrap();
    assert_eq!(harness.counts("q"), (0, 1, 0), "an older handle succeeds without deleting");
    check(harness.change_visibility("q", &first.receipt_handle, 5), SqsErrorKind::MessageNotInflight, "");
    check(harness.change_visibility("q", &second.receipt_handle, 43_201), SqsErrorKind::InvalidParameterValue, "43200");
    harness.pass_s(10);
    let total = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
    check(harness.change_visibility("q", &second.receipt_handle, 43_200), SqsErrorKind::InvalidParameterValue, total);
    harness.change_visibility("q", &second.receipt_handle, 43_190).unwrap();
    harness.pass_s(43_189);
    assert_eq!(harness.counts("q"), (0, 1, 0));
    harness.pass_s(1);
    harness.delete("q", &second.receipt_handle).unwrap();
    assert_eq!(harness.counts("q"), (0, 0, 0), "the last handle deletes after its lease too");
    harness.delete("q", &second.receipt_handle).unwrap();
    let gone = "Message does not exist or is not available for visibility timeout change.";
    check(harness.change_visibility("q", &second.receipt_handle, 5), SqsErrorKind::InvalidParameterValue, gone);
    check(harness.delete("q", "x"), SqsErrorKind::ReceiptHandleIsInvalid, "\"x\" is not a valid receipt handle");
    check(harness.delete("q", ""), SqsErrorKind::MissingParameter, "ReceiptHandle");
    harness.create("other", &[]).unwrap();
    check(harness.delete("other", &second.receipt_handle), SqsErrorKind::ReceiptHandleIsInvalid, "");
}

#[test]
fn receipts_of_a_fifo_queue_expire() {
    let mut harness = fifo(&[]);
    harness.send_ordered("q.fifo", "g", "a");
    let held = harness.receive("q.fifo", 1).remove(0);
    harness.pass_s(30);
    let expired = "The receipt handle has expired.";
    check(harness.delete("q.fifo", &held.receipt_handle), SqsErrorKind::InvalidParameterValue, expired);
    check(harness.change_visibility("q.fifo", &held.receipt_handle, 1), SqsErrorKind::InvalidParameterValue, expired);
}

#[test]
fn creating_is_idempotent_until_attributes_differ() {
    let mut harness = queue();
    harness.create("q", &[]).unwrap();
    harness.create("q", &[("VisibilityTimeout", "30")]).unwrap();
    let conflict = "A queue already exists with the same name and a different value for attribute VisibilityTimeout";
    check(harness.create("q", &[("VisibilityTimeout", "31")]), SqsErrorKind::QueueNameExists, conflict);
    check(harness.create("a b", &[]), SqsErrorKind::InvalidParameterValue, "Can only include alphanumeric");
    check(harness.create("a.fifo", &[]), SqsErrorKind::InvalidParameterValue, "Can only include alphanumeric");
    check(harness.create("a", &[("FifoQueue", "true")]), SqsErrorKind::InvalidParameterValue, "must end with .fifo");
    check(harness.create("a", &[("Colour", "red")]), SqsErrorKind::InvalidAttributeName, "Unknown Attribute Colour.");
}

#[test]
fn a_deleted_name_rests_for_a_minute_across_a_restart() {
    let mut harness = queue();
    harness.send("q", "a");
    harness.call(Command::DeleteQueue(only("q"))).unwrap();
    check(harness.call(Command::DeleteQueue(only("q"))), SqsErrorKind::QueueDoesNotExist, "");
    check(harness.create("q", &[]), SqsErrorKind::QueueDeletedRecently, "You must wait 60 seconds");
    harness.restart();
    harness.pass_s(59);
    check(harness.create("q", &[]), SqsErrorKind::QueueDeletedRecently, "You must wait 60 seconds");
    harness.pass_s(1);
    assert!(harness.store.is_empty());
    harness.create("q", &[]).unwrap();
    assert_eq!(harness.counts("q"), (0, 0, 0));
}

#[test]
fn queues_are_listed_in_pages() {
    let mut harness = Harness::new();
    for name in ["a-1", "a-2", "a-3", "b"] {
        harness.create(name, &[]).unwrap();
    }
    let mut list = |prefix: &str, token: Option<String>, max: Option<i64>| {
        let request = ListQueues { queue_name_prefix: Some(prefix.into()), next_token: token, max_results: max };
        match harness.call(Command::ListQueues(request)).map(|response| match response {
            Response::ListQueues(page) => page,
            other => panic!("{other:?}"),
        }) {
            Ok(page) => (page.queues.iter().map(ToString::to_string).collect::<Vec<_>>(), page.next_token),
            Err(error) => (vec![error.to_string()], None),
        }
    };
    assert_eq!(list("", None, None).0, ["a-1", "a-2", "a-3", "b"]);
    assert_eq!(list("b", None, None), (vec!["b".to_owned()], None));
    let (first, token) = list("a", None, Some(2));
    assert_eq!(first, ["a-1", "a-2"]);
    assert_eq!(list("a", token, Some(2)), (vec!["a-3".to_owned()], None));
    assert!(list("", Some("?".into()), None).0[0].contains("Invalid or expired next token."));
    assert!(list("", None, Some(0)).0[0].contains("MaxResults"));
}

#[test]
fn urls_and_attributes() {
    let mut harness = queue();
    let get = |name: &str, owner: Option<&str>| {
        Command::GetQueueUrl(GetQueueUrl {
            queue_name: Some(name.into()),
            queue_owner_aws_account_id: owner.map(str::to_owned),
        })
    };
    assert!(harness.call(get("q", Some("000000000000"))).is_ok());
    check(harness.call(get("z", None)), SqsErrorKind::QueueDoesNotExist, "The specified queue does not exist.");
    check(harness.call(get("q", Some("123456789012"))), SqsErrorKind::QueueDoesNotExist, "");
    harness.set("q", "DelaySeconds", "7").unwrap();
    let all = harness.attributes("q", &["All"]).unwrap();
    assert_eq!(all["QueueArn"], arn("q"));
    assert_eq!((all["DelaySeconds"].as_str(), all["SqsManagedSseEnabled"].as_str()), ("7", "true"));
    assert!(!all.contains_key("FifoQueue") && !all.contains_key("RedrivePolicy"), "{all:?}");
    let one = harness.attributes("q", &["VisibilityTimeout", "Policy"]).unwrap();
    assert_eq!(one, BTreeMap::from([("VisibilityTimeout", "30".to_owned())]));
    check(harness.attributes("q", &["Colour"]), SqsErrorKind::InvalidAttributeName, "Unknown Attribute Colour.");
    assert_eq!(harness.send("q", "a").sequence_number, None);
    assert_eq!(harness.counts("q"), (0, 0, 1), "the queue's own delay");
}

#[test]
fn purge_is_once_in_a_minute() {
    let mut harness = queue();
    (0..3).for_each(|_| drop(harness.send("q", "a")));
    harness.receive("q", 1);
    harness.call(Command::PurgeQueue(only("q"))).unwrap();
    assert_eq!(harness.counts("q"), (0, 0, 0));
    assert_eq!(harness.store.len(), 1);
    let refusal = "Only one PurgeQueue operation on q is allowed every 60 seconds.";
    check(harness.call(Command::PurgeQueue(only("q"))), SqsErrorKind::PurgeQueueInProgress, refusal);
    harness.pass_s(60);
    harness.call(Command::PurgeQueue(only("q"))).unwrap();
}

#[test]
fn tags_and_permissions() {
    let mut harness = queue();
    let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let tag = TagQueue { queue_url: url("q"), tags: tags(&[("a", "1"), ("b", "2")]) };
    harness.call(Command::TagQueue(tag)).unwrap();
    let untag = UntagQueue { queue_url: url("q"), tag_keys: vec!["a".into(), "z".into()] };
    harness.call(Command::UntagQueue(untag)).unwrap();
    harness.restart();
    let listed = harness.call(Command::ListQueueTags(only("q"))).unwrap();
    assert_eq!(listed, Response::ListQueueTags { tags: tags(&[("b", "2")]) });
    let add = AddPermission {
        queue_url: url("q"),
        label: Some("l".into()),
        aws_account_ids: vec!["123456789012".into()],
        actions: vec!["SendMessage".into()],
    };
    harness.call(Command::AddPermission(add.clone())).unwrap();
    check(harness.call(Command::AddPermission(add)), SqsErrorKind::InvalidParameterValue, "Already exists.");
    assert!(harness.attribute("q", "Policy").unwrap().contains("SQS:SendMessage"));
    let remove = RemovePermission { queue_url: url("q"), label: Some("l".into()) };
    harness.call(Command::RemovePermission(remove)).unwrap();
    assert_eq!(harness.attribute("q", "Policy"), None);
}

#[test]
fn what_cannot_be_sent() {
    let mut harness = queue();
    let table = [
        (SendMessage { message_body: None, ..message("q", "") }, SqsErrorKind::MissingParameter, "MessageBody"),
        (message("q", "\u{0}"), SqsErrorKind::InvalidMessageContents, "#x0"),
        (message("q", &"a".repeat(1_048_577)), SqsErrorKind::InvalidParameterValue, "shorter than 1048576 bytes."),
        (message("q", &"\u{e9}".repeat(524_289)), SqsErrorKind::InvalidParameterValue, "shorter than 1048576 bytes."),
        (
            SendMessage { delay_seconds: Some(901), ..message("q", "a") },
            SqsErrorKind::InvalidParameterValue,
            "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            SendMessage { message_deduplication_id: Some("d".into()), ..message("q", "a") },
            SqsErrorKind::InvalidParameterValue,
            "The request include parameter that is not valid for this queue type.",
        ),
        (SendMessage { queue_url: String::new(), ..message("q", "a") }, SqsErrorKind::MissingParameter, "QueueUrl"),
        (message("z", "a"), SqsErrorKind::QueueDoesNotExist, ""),
    ];
    for (request, kind, expected) in table {
        check(harness.send_request(request), kind, expected);
    }
    assert!(harness.send_request(message("q", &"a".repeat(1_048_576))).is_ok());
}

#[test]
fn batches_fail_entry_by_entry() {
    let mut harness = queue();
    let entry = |id: &str, body: &str| SendMessageEntry {
        id: id.into(),
        message_body: Some(body.into()),
        ..SendMessageEntry::default()
    };
    let mut send = |entries: Vec<SendMessageEntry>| {
        harness.call(Command::SendMessageBatch(SendMessageBatch { queue_url: url("q"), entries })).map(|response| {
            let Response::SendMessageBatch(result) = response else { panic!("{response:?}") };
            outcome(&result, |(id, _)| id.clone())
        })
    };
    let (worked, failed) = send(vec![entry("a", "1"), entry("b", "\u{1}"), entry("c", "3")]).unwrap();
    assert_eq!(worked, ["a", "c"]);
    assert!(failed[0].starts_with("b: InvalidMessageContents"), "{failed:?}");
    let half = "x".repeat(524_289);
    let too_long = "Batch requests cannot be longer than 1048576 bytes. You have sent 1048578 bytes.";
    check(send(vec![entry("a", &half), entry("b", &half)]), SqsErrorKind::BatchRequestTooLong, too_long);
    check(send(Vec::new()), SqsErrorKind::EmptyBatchRequest, "SendMessageBatchRequestEntry");
    check(send(vec![entry("a", "1"), entry("a", "2")]), SqsErrorKind::BatchEntryIdsNotDistinct, "Id a repeated.");

    let held = harness.receive("q", 10);
    let entries = vec![
        DeleteMessageEntry { id: "a".into(), receipt_handle: Some(held[0].receipt_handle.clone()) },
        DeleteMessageEntry { id: "b".into(), receipt_handle: Some("x".into()) },
    ];
    let batch = Command::DeleteMessageBatch(DeleteMessageBatch { queue_url: url("q"), entries });
    let Response::DeleteMessageBatch(result) = harness.call(batch).unwrap() else { panic!() };
    assert_eq!(outcome(&result, Clone::clone).0, ["a"]);
    let change = |id: &str, timeout| ChangeMessageVisibilityEntry {
        id: id.into(),
        receipt_handle: Some(held[1].receipt_handle.clone()),
        visibility_timeout: timeout,
    };
    let entries = vec![change("a", Some(0)), change("b", None)];
    let batch = Command::ChangeMessageVisibilityBatch(ChangeMessageVisibilityBatch { queue_url: url("q"), entries });
    let Response::ChangeMessageVisibilityBatch(result) = harness.call(batch).unwrap() else { panic!() };
    assert_eq!(outcome(&result, Clone::clone).0, ["a"]);
    assert_eq!(harness.counts("q"), (1, 0, 0));
}

#[test]
fn attributes_are_shown_as_they_are_asked_for() {
    let mut harness = queue();
    let text = |value: &str| MessageAttributeValue {
        data_type: Some("String".into()),
        string_value: Some(value.into()),
        binary_value: None,
    };
    let sent = harness
        .send_request(SendMessage {
            message_attributes: BTreeMap::from([("a.x".to_owned(), text("1")), ("b".to_owned(), text("2"))]),
            message_system_attributes: BTreeMap::from([("AWSTraceHeader".to_owned(), text("Root=1"))]),
            ..message("q", "m")
        })
        .unwrap();
    assert!(sent.md5_of_message_attributes.is_some() && sent.md5_of_message_system_attributes.is_some());
    let mut receive_with = |names: &[&str], system: &[&str]| {
        let request = ReceiveMessage {
            message_attribute_names: names.iter().map(|name| (*name).to_owned()).collect(),
            message_system_attribute_names: system.iter().map(|name| (*name).to_owned()).collect(),
            visibility_timeout: Some(0),
            ..receive("q", 1)
        };
        harness.receive_request(request).unwrap().remove(0)
    };
    let none = receive_with(&[], &[]);
    assert!(none.attributes.is_empty() && none.message_attributes.is_empty());
    assert_eq!(none.md5_of_message_attributes, None);
    let some = receive_with(&["a.*"], &["AWSTraceHeader", "SenderId"]);
    assert_eq!(some.message_attributes, [("a.x".to_owned(), text("1"))]);
    assert_eq!(some.attributes, [("SenderId", "000000000000".to_owned()), ("AWSTraceHeader", "Root=1".to_owned())]);
    let all = receive_with(&["All"], &["All"]);
    assert_eq!(all.md5_of_message_attributes, sent.md5_of_message_attributes);
    assert_eq!(all.attributes.len(), 5, "{:?}", all.attributes);
}

#[test]
fn messages_expire() {
    let mut harness = queue();
    harness.set("q", "MessageRetentionPeriod", "60").unwrap();
    harness.send("q", "a");
    harness.pass_s(30);
    harness.send("q", "b");
    harness.receive("q", 1);
    harness.pass_ms(29_999);
    assert_eq!(harness.counts("q"), (1, 1, 0));
    harness.pass_ms(1);
    assert_eq!(harness.bodies("q", 10), ["b"], "in flight or not");
    harness.pass_s(30);
    assert_eq!((harness.counts("q"), harness.store.len()), ((0, 0, 0), 1));
    assert_eq!(harness.engine.next_deadline(), None, "an empty queue waits for nothing");
}

#[test]
fn too_much_in_flight() {
    let mut harness = queue();
    for _ in 0..120_001 {
        harness.send("q", "a");
    }
    for _ in 0..12_000 {
        assert_eq!(harness.receive("q", 10).len(), 10);
    }
    check(harness.receive_request(receive("q", 1)), SqsErrorKind::OverLimit, "120000");
    let wait = ReceiveMessage { wait_time_seconds: Some(20), ..receive("q", 1) };
    let token = harness.issue(Command::ReceiveMessage(wait));
    assert!(harness.reply(token).is_none());
    harness.pass_s(20);
    assert_eq!(messages(harness.reply(token).unwrap().unwrap()), []);
}

#[test]
fn what_cannot_be_received() {
    let mut harness = queue();
    let table = [
        (receive("q", 11), "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10"),
        (receive("q", 0), "MaxNumberOfMessages"),
        (ReceiveMessage { wait_time_seconds: Some(21), ..receive("q", 1) }, "Must be >= 0 and <= 20, if provided."),
        (ReceiveMessage { visibility_timeout: Some(43_201), ..receive("q", 1) }, "VisibilityTimeout"),
        (ReceiveMessage { receive_request_attempt_id: Some("a".into()), ..receive("q", 1) }, "this queue type"),
    ];
    for (request, expected) in table {
        check(harness.receive_request(request), SqsErrorKind::InvalidParameterValue, expected);
    }
    let unknown = ReceiveMessage { attribute_names: vec!["Colour".into()], ..receive("q", 1) };
    check(harness.receive_request(unknown), SqsErrorKind::InvalidAttributeName, "Unknown Attribute Colour.");
}

#[test]
fn a_handle_from_before_a_restart_still_deletes() {
    let mut harness = queue();
    harness.send("q", "a");
    let held = harness.receive("q", 1).remove(0);
    harness.restart();
    harness.delete("q", &held.receipt_handle).unwrap();
    assert_eq!(harness.counts("q"), (0, 0, 0));

    harness.send("q", "b");
    let old = harness.receive("q", 1).remove(0);
    harness.restart();
    harness.receive("q", 1);
    harness.delete("q", &old.receipt_handle).unwrap();
    assert_eq!(harness.counts("q"), (0, 1, 0), "somebody else has it now");
}

#[test]
fn the_common_way_of_a_message_writes_two_records() {
    let mut harness = queue();
    let before = harness.records_written;
    harness.send("q", "a");
    let held = harness.receive("q", 1).remove(0);
    harness.delete("q", &held.receipt_handle).unwrap();
    assert_eq!(harness.records_written - before, 2);
}
