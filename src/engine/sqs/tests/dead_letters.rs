//! Dead letters and what moves them back.

use super::*;

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
