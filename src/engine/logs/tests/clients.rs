//! What clients make and write: streams, events of any time, retention.

use super::*;

fn stream_ref(stream: &str) -> StreamRef {
    StreamRef { log_group_name: GROUP.into(), log_stream_name: stream.into() }
}

fn put(stream: &str, events: &[(i64, &str)]) -> Command {
    let event =
        |(timestamp, message): &(i64, &str)| InputLogEvent { timestamp: *timestamp, message: (*message).into() };
    Command::PutLogEvents(PutLogEvents {
        log_group_name: GROUP.into(),
        log_stream_name: stream.into(),
        log_events: events.iter().map(event).collect(),
    })
}

fn create_group(tags: BTreeMap<String, String>) -> Command {
    Command::CreateLogGroup(CreateLogGroup { log_group_name: GROUP.into(), tags, ..Default::default() })
}

/// The engine as a restart finds it: without lines.
fn restarted(bench: Bench) -> Bench {
    let mut store = BTreeMap::new();
    for effect in &bench.effects {
        if let Effect::Record(record) = effect {
            if record.is_removal() {
                store.remove(&record.key())
            } else {
                store.insert(record.key(), record.clone())
            };
        }
    }
    let mut logs = Logs::new();
    for record in store.into_values() {
        let crate::engine::RecordEntry::Logs(record) = record.entry else { panic!("{record:?}") };
        logs.restore(*record);
    }
    Bench { logs, ..bench }
}

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR_MS;

#[test]
fn events_of_clients_lie_in_the_order_of_time() {
    let mut bench = Bench::new();
    bench.now_ms = u64::try_from(30 * DAY).unwrap();
    let now = 30 * DAY;
    bench.try_request(create_group(BTreeMap::new())).unwrap();
    assert_eq!(
        bench.try_request(put("s", &[(now, "x")])).unwrap_err().message,
        "The specified log stream does not exist."
    );
    bench.try_request(Command::CreateLogStream(stream_ref("s"))).unwrap();
    bench.try_request(Command::CreateLogStream(stream_ref("t"))).unwrap();
    bench.try_request(put("s", &[(now - 10, "b"), (now, "d")])).unwrap();
    bench.try_request(put("t", &[(now - 20, "a"), (now - 5, "c"), (now, "e")])).unwrap();
    assert_eq!(messages(&bench.filter(FilterLogEvents::default())), "a b c d e");
    let (mut pages, mut next_token) = (Vec::new(), None);
    loop {
        let page = bench.filter(FilterLogEvents { limit: Some(2), next_token, ..Default::default() });
        pages.push(messages(&page));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["a b", "c d", "e"]);
    let told = bench.effects.iter().filter(|effect| matches!(effect, Effect::Logged { .. })).count();
    assert_eq!(told, 5, "followers see them");
}

#[test]
fn events_that_are_too_old_or_too_new_are_left_out_and_named() {
    let mut bench = Bench::new();
    let now = 30 * DAY;
    bench.now_ms = u64::try_from(now).unwrap();
    bench.try_request(create_group(BTreeMap::new())).unwrap();
    bench.try_request(Command::CreateLogStream(stream_ref("s"))).unwrap();
    let rejected = |reply: Result<Response, LogsError>| match reply.unwrap() {
        Response::PutLogEvents(output) => output.rejected_log_events_info,
        other => panic!("{other:?}"),
    };
    assert_eq!(rejected(bench.try_request(put("s", &[(now, "now")]))), None);
    let info = rejected(bench.try_request(put("s", &[(now, "now"), (now + 3 * HOUR_MS, "future")]))).unwrap();
    assert_eq!((info.too_new_log_event_start_index, info.too_old_log_event_end_index), (Some(1), None));
    let info = rejected(bench.try_request(put("s", &[(now - 14 * DAY - 1, "old"), (now - 14 * DAY, "edge")]))).unwrap();
    assert_eq!((info.too_old_log_event_end_index, info.expired_log_event_end_index), (Some(1), None));
    let retention = PutRetentionPolicy { log_group_name: GROUP.into(), retention_in_days: 3 };
    bench.try_request(Command::PutRetentionPolicy(retention)).unwrap();
    let info = rejected(bench.try_request(put("s", &[(now - 4 * DAY, "expired")]))).unwrap();
    assert_eq!((info.too_old_log_event_end_index, info.expired_log_event_end_index), (None, Some(1)));
    for (events, expected) in [
        (vec![(now, "x"), (now - 1, "y")], "must be in chronological order"),
        (vec![(now - DAY - 1, "x"), (now, "y")], "cannot span more than 24 hours"),
        (vec![(now, "x".repeat(1_048_576).leak() as &str)], "Upload too large"),
    ] {
        let message = bench.try_request(put("s", &events)).unwrap_err().message;
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn lines_go_when_their_groups_retention_is_over() {
    let mut bench = Bench::with_lines(3);
    let retention = |days| PutRetentionPolicy { log_group_name: GROUP.into(), retention_in_days: days };
    let error = bench.try_request(Command::PutRetentionPolicy(retention(2))).unwrap_err();
    assert!(error.message.contains("Value '2' at 'retentionInDays'"), "{error}");
    bench.try_request(Command::PutRetentionPolicy(retention(1))).unwrap();
    let day = u64::try_from(DAY).unwrap();
    assert_eq!(bench.logs.next_deadline(), Some(Timestamp::from_millis(day)));
    bench.logs.fire_timers(Timestamp::from_millis(day + 10));
    assert_eq!(messages(&bench.filter(FilterLogEvents::default())), "m2");
    assert_eq!(bench.logs.next_deadline(), Some(Timestamp::from_millis(day + 20)));
    let request = Command::DeleteRetentionPolicy { log_group_name: GROUP.into() };
    bench.try_request(request).unwrap();
    assert_eq!(bench.logs.next_deadline(), None);
}

#[test]
fn what_clients_make_and_set_outlives_a_restart() {
    let mut bench = Bench::new();
    bench.try_request(create_group(BTreeMap::from([("k".into(), "v".into())]))).unwrap();
    for stream in ["s", "t"] {
        bench.try_request(Command::CreateLogStream(stream_ref(stream))).unwrap();
    }
    let again = bench.try_request(Command::CreateLogStream(stream_ref("s"))).unwrap_err();
    assert_eq!(again.kind, LogsErrorKind::ResourceAlreadyExists);
    bench.try_request(Command::DeleteLogStream(stream_ref("t"))).unwrap();
    let retention = PutRetentionPolicy { log_group_name: GROUP.into(), retention_in_days: 7 };
    bench.try_request(Command::PutRetentionPolicy(retention)).unwrap();
    let arn = TaggedGroup::Arn(format!("arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*"));
    let tags = BTreeMap::from([("l".into(), "w".into())]);
    bench.try_request(Command::TagResource { group: arn, tags: tags.clone() }).unwrap();
    let group = TaggedGroup::Named(GROUP.into());
    bench.try_request(Command::UntagResource { group: group.clone(), tag_keys: vec!["k".into()] }).unwrap();
    let mut bench = restarted(bench);
    assert_eq!(bench.try_request(Command::ListTags { group }), Ok(Response::Tags(tags)));
    let Ok(Response::DescribeLogGroups(page)) =
        bench.try_request(Command::DescribeLogGroups(DescribeLogGroups::default()))
    else {
        panic!("no page");
    };
    assert_eq!((page.log_groups.len(), page.log_groups[0].retention_in_days), (1, Some(7)));
    let request = DescribeLogStreams { log_group_name: Some(GROUP.into()), ..Default::default() };
    let Ok(Response::DescribeLogStreams(page)) = bench.try_request(Command::DescribeLogStreams(request)) else {
        panic!("no page");
    };
    assert_eq!(page.log_streams.iter().map(|stream| stream.log_stream_name.as_str()).collect::<Vec<_>>(), ["s"]);
    bench.try_request(Command::DeleteLogGroup { log_group_name: GROUP.into() }).unwrap();
    let mut bench = restarted(bench);
    let gone = Command::ListTags { group: TaggedGroup::Named(GROUP.into()) };
    assert_eq!(bench.try_request(gone).unwrap_err().kind, LogsErrorKind::ResourceNotFound);
}
