//! SQS as its clients see it, operation by operation.

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
    assert_eq!(harness.bodies("q.fifo", 10), ["b1", "b2", "a2"]);
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

#[test]
fn dead_letters_move_with_their_age_and_survive_restarts() {
    let mut harness = queue();
    harness.create_with_dead_letters("source", "q", 2, &[("VisibilityTimeout", "10")]);
    let sent = harness.send("source", "poison");
    for _ in 0..2 {
        assert_eq!(harness.bodies("source", 10), ["poison"]);
        harness.pass_s(10);
    }
    harness.restart();
    assert_eq!(harness.bodies("source", 10), [""; 0], "the second receive was written down");
    assert_eq!((harness.counts("source"), harness.counts("q")), ((0, 0, 0), (1, 0, 0)));
    let all = ReceiveMessage { attribute_names: vec!["All".into()], ..receive("q", 1) };
    let dead = harness.receive_request(all).unwrap().remove(0);
    let attributes: BTreeMap<_, _> = dead.attributes.into_iter().collect();
    assert_eq!((dead.message_id, &attributes["DeadLetterQueueSourceArn"]), (sent.message_id, &arn("source")));
    assert_eq!(attributes["SentTimestamp"], "1735689600000");
    assert_eq!(attributes["ApproximateReceiveCount"], "1");
    assert_eq!(harness.store.len(), 3, "two queues, one message");
    let list = ListDeadLetterSourceQueues { queue_url: url("q"), ..ListDeadLetterSourceQueues::default() };
    let Response::ListDeadLetterSourceQueues(page) = harness.call(Command::ListDeadLetterSourceQueues(list)).unwrap()
    else {
        panic!()
    };
    assert_eq!(page.queues.iter().map(ToString::to_string).collect::<Vec<_>>(), ["source"]);
}

#[test]
fn a_dead_letter_wakes_who_waits_for_it() {
    let mut harness = queue();
    harness.create_with_dead_letters("source", "q", 1, &[("VisibilityTimeout", "10")]);
    harness.send("source", "poison");
    let wait = |queue| Command::ReceiveMessage(ReceiveMessage { wait_time_seconds: Some(20), ..receive(queue, 1) });
    let dead = harness.issue(wait("q"));
    let first = harness.issue(wait("source"));
    assert!(harness.reply(first).is_some());
    let second = harness.issue(wait("source"));
    harness.pass_s(10);
    assert!(harness.reply(second).is_none());
    assert_eq!(messages(harness.reply(dead).unwrap().unwrap()).len(), 1);
}

#[test]
fn redrive_policies_are_checked_against_the_target() {
    let mut harness = queue();
    harness.create("dlq.fifo", &[("FifoQueue", "true")]).unwrap();
    harness.create("closed", &[("RedriveAllowPolicy", r#"{"redrivePermission":"denyAll"}"#)]).unwrap();
    let mut set = |target: String| {
        harness.set("q", "RedrivePolicy", &format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":1}}"#))
    };
    check(set(arn("none")), SqsErrorKind::InvalidParameterValue, "Dead letter target does not exist.");
    check(set(arn("dlq.fifo")), SqsErrorKind::InvalidParameterValue, "same type of queue as the source.");
    check(set(arn("closed")), SqsErrorKind::InvalidParameterValue, "does not have permission");
    check(set(arn("q").replace("0000", "1111")), SqsErrorKind::InvalidParameterValue, "owner should be same");
}

#[test]
fn move_tasks_bring_messages_back_at_their_rate() {
    let mut harness = queue();
    harness.create_with_dead_letters("source", "q", 1, &[("VisibilityTimeout", "0")]);
    for body in ["a", "b", "c"] {
        harness.send("source", body);
    }
    assert_eq!(harness.bodies("source", 10).len(), 3);
    assert_eq!(harness.bodies("source", 10).len(), 0);
    let start = StartMessageMoveTask {
        source_arn: Some(arn("q")),
        destination_arn: None,
        max_number_of_messages_per_second: Some(1),
    };
    let Response::StartMessageMoveTask { task_handle } =
        harness.call(Command::StartMessageMoveTask(start.clone())).unwrap()
    else {
        panic!()
    };
    check(harness.call(Command::StartMessageMoveTask(start)), SqsErrorKind::InvalidParameterValue, "already a task");
    harness.pass_ms(1);
    assert_eq!((harness.counts("q").0, harness.counts("source").0), (2, 1));
    harness.pass_ms(998);
    assert_eq!(harness.counts("source").0, 1);
    harness.restart();
    harness.pass_ms(1);
    assert_eq!(harness.counts("source").0, 2);
    let cancel = Command::CancelMessageMoveTask(CancelMessageMoveTask { task_handle: Some(task_handle) });
    let cancelled = Response::CancelMessageMoveTask { approximate_number_of_messages_moved: 2 };
    assert_eq!(harness.call(cancel.clone()), Ok(cancelled));
    check(harness.call(cancel), SqsErrorKind::UnsupportedOperation, "Only active tasks");
    harness.pass_s(10);
    assert_eq!((harness.counts("q").0, harness.counts("source").0), (1, 2));
}

#[test]
fn move_tasks_end_and_say_why() {
    let mut harness = queue();
    harness.create("elsewhere", &[]).unwrap();
    let start = |destination: Option<String>| {
        Command::StartMessageMoveTask(StartMessageMoveTask {
            source_arn: Some(arn("q")),
            destination_arn: destination,
            max_number_of_messages_per_second: None,
        })
    };
    check(harness.call(start(None)), SqsErrorKind::InvalidParameterValue, "must be configured as a Dead Letter Queue.");
    harness.create_with_dead_letters("source", "q", 1, &[]);
    check(harness.call(start(Some(arn("none")))), SqsErrorKind::ResourceNotFound, "DestinationArn");
    check(harness.call(start(Some(arn("q")))), SqsErrorKind::InvalidParameterValue, "cannot be the same");
    (0..250).for_each(|_| drop(harness.send("q", "sent here directly")));
    harness.call(start(None)).unwrap();
    harness.pass_s(1);
    harness.call(start(Some(arn("elsewhere")))).unwrap();
    harness.pass_s(1);
    assert_eq!((harness.counts("q").0, harness.counts("elsewhere").0), (0, 250));
    let list = ListMessageMoveTasks { source_arn: Some(arn("q")), max_results: Some(10) };
    let Response::ListMessageMoveTasks { results } = harness.call(Command::ListMessageMoveTasks(list)).unwrap() else {
        panic!()
    };
    let shown: Vec<_> = results
        .iter()
        .map(|task| (task.status, task.approximate_number_of_messages_moved, task.failure_reason.as_deref()))
        .collect();
    assert_eq!(shown, [("COMPLETED", 250, None), ("FAILED", 0, Some("CouldNotDetermineMessageSource"))]);
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
