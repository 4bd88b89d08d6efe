mod clients;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    store::{GROUP_MAX_BYTES, LINE_MAX_BYTES},
    *,
};
use crate::{
    engine::{Effect, EngineConfig},
    model::{AccountId, IdSource, Region, Scope, Timestamp},
};

const GROUP: &str = "/aws/lambda/f";

/// Logs in virtual time.
struct Bench {
    logs: Logs,
    scope: Arc<Scope>,
    config: EngineConfig,
    ids: IdSource,
    effects: Vec<Effect>,
    now_ms: u64,
}

impl Bench {
    fn new() -> Self {
        let scope = Scope { account: AccountId::DEFAULT, region: Region::default() };
        Self {
            logs: Logs::new(),
            scope: Arc::new(scope),
            config: EngineConfig::default(),
            ids: IdSource::new(1),
            effects: Vec::new(),
            now_ms: 0,
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Logs, &mut Cx<'_>) -> T) -> T {
        let mut cx = Cx {
            now: Timestamp::from_millis(self.now_ms),
            scope: &self.scope,
            config: &self.config,
            ids: &mut self.ids,
            effects: &mut self.effects,
        };
        act(&mut self.logs, &mut cx)
    }

    fn append(&mut self, at_ms: u64, stream: &str, message: &str) {
        self.now_ms = at_ms;
        self.with(|logs, cx| logs.append(cx, &LogSource::new(GROUP, stream), message.to_owned()));
    }

    /// A line each 10 ms from 0 on, to the streams `a` and `b` in turn: `m0`, `m1`, ...
    fn with_lines(count: u64) -> Self {
        let mut bench = Self::new();
        for index in 0..count {
            bench.append(index * 10, if index % 2 == 0 { "a" } else { "b" }, &format!("m{index}"));
        }
        bench
    }

    fn try_request(&mut self, command: Command) -> Result<Response, LogsError> {
        self.with(|logs, cx| logs.request(cx, command))
    }

    fn filter(&mut self, request: FilterLogEvents) -> FilterLogEventsOutput {
        let request = FilterLogEvents { log_group_name: Some(GROUP.into()), ..request };
        match self.try_request(Command::FilterLogEvents(request)) {
            Ok(Response::FilterLogEvents(output)) => output,
            other => panic!("{other:?}"),
        }
    }

    fn get(&mut self, request: GetLogEvents) -> GetLogEventsOutput {
        let request = GetLogEvents { log_group_name: Some(GROUP.into()), log_stream_name: "a".into(), ..request };
        match self.try_request(Command::GetLogEvents(request)) {
            Ok(Response::GetLogEvents(output)) => output,
            other => panic!("{other:?}"),
        }
    }
}

fn messages(output: &FilterLogEventsOutput) -> String {
    output.events.iter().map(|event| event.message.as_str()).collect::<Vec<_>>().join(" ")
}

fn stream_messages(output: &GetLogEventsOutput) -> String {
    output.events.iter().map(|event| event.message.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn events_are_found_by_time_stream_and_pattern() {
    let mut bench = Bench::with_lines(6);
    let any = FilterLogEvents::default;
    for (request, expected) in [
        (any(), "m0 m1 m2 m3 m4 m5"),
        (FilterLogEvents { start_time: Some(20), ..any() }, "m2 m3 m4 m5"),
        (FilterLogEvents { start_time: Some(21), ..any() }, "m3 m4 m5"),
        (FilterLogEvents { end_time: Some(20), ..any() }, "m0 m1 m2"),
        (FilterLogEvents { start_time: Some(30), end_time: Some(20), ..any() }, ""),
        (FilterLogEvents { log_stream_names: vec!["b".into()], ..any() }, "m1 m3 m5"),
        (FilterLogEvents { log_stream_name_prefix: Some("a".into()), ..any() }, "m0 m2 m4"),
        (FilterLogEvents { filter_pattern: Some("?m1 ?m4".into()), ..any() }, "m1 m4"),
    ] {
        assert_eq!(messages(&bench.filter(request.clone())), expected, "{request:?}");
    }
}

#[test]
fn pages_follow_their_tokens() {
    let mut bench = Bench::with_lines(5);
    let (mut pages, mut next_token) = (Vec::new(), None);
    loop {
        let page = bench.filter(FilterLogEvents { limit: Some(2), next_token, ..Default::default() });
        pages.push(messages(&page));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["m0 m1", "m2 m3", "m4"]);
    let exact = bench.filter(FilterLogEvents { limit: Some(5), ..Default::default() });
    assert_eq!(exact.next_token, None, "nothing is left behind a full page");
}

#[test]
fn a_page_holds_one_megabyte() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.append(0, "a", &"x".repeat(LINE_MAX_BYTES));
    }
    let page = bench.filter(FilterLogEvents::default());
    assert_eq!(page.events.len(), 3);
    let page = bench.filter(FilterLogEvents { next_token: page.next_token, ..Default::default() });
    assert_eq!((page.events.len(), page.next_token), (2, None));
    assert_eq!(bench.get(GetLogEvents { start_from_head: Some(true), ..Default::default() }).events.len(), 3);
}

/// What `aws logs tail --follow` does: asks from the latest timestamp on, and knows events again by their ids.
#[test]
fn following_shows_each_line_once() {
    let mut bench = Bench::new();
    let (mut seen, mut start) = (Vec::<String>::new(), 0);
    for round in 0..10_u64 {
        for index in 0..3 {
            // All of one millisecond, which two polls may share.
            bench.append(round / 2, "a", &format!("{round}.{index}"));
        }
        let page =
            bench.filter(FilterLogEvents { start_time: Some(start), interleaved: Some(true), ..Default::default() });
        for event in page.events {
            start = start.max(event.timestamp);
            if !seen.contains(&event.event_id) {
                seen.push(event.event_id);
            }
        }
    }
    assert_eq!(seen.len(), 30);
    let ids: Vec<u64> = seen.iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, (1..=30).collect::<Vec<u64>>(), "ids grow by one with each line");
}

#[test]
fn a_stream_is_read_forwards_to_its_end_and_on() {
    let mut bench = Bench::with_lines(10);
    let head =
        |token| GetLogEvents { limit: Some(2), start_from_head: Some(true), next_token: token, ..Default::default() };
    let first = bench.get(head(None));
    assert_eq!(stream_messages(&first), "m0 m2");
    let second = bench.get(head(Some(first.next_forward_token)));
    assert_eq!(stream_messages(&second), "m4 m6");
    let last = bench.get(head(Some(second.next_forward_token)));
    assert_eq!(stream_messages(&last), "m8");
    let end = bench.get(head(Some(last.next_forward_token.clone())));
    assert_eq!((stream_messages(&end).as_str(), &end.next_forward_token), ("", &last.next_forward_token));
    bench.append(1_000, "a", "later");
    let more = bench.get(head(Some(end.next_forward_token)));
    assert_eq!(stream_messages(&more), "later", "the end's token goes on when there is more");
}

#[test]
fn a_stream_is_read_backwards_from_its_end() {
    let mut bench = Bench::with_lines(10);
    let tail = |token| GetLogEvents { limit: Some(2), next_token: token, ..Default::default() };
    let first = bench.get(tail(None));
    assert_eq!(stream_messages(&first), "m6 m8", "the latest first, in the order of time");
    let second = bench.get(tail(Some(first.next_backward_token)));
    assert_eq!(stream_messages(&second), "m2 m4");
    let third = bench.get(tail(Some(second.next_backward_token)));
    assert_eq!(stream_messages(&third), "m0");
    let end = bench.get(tail(Some(third.next_backward_token.clone())));
    assert_eq!((stream_messages(&end).as_str(), end.next_backward_token), ("", third.next_backward_token));
    let between = bench.get(GetLogEvents { start_time: Some(20), end_time: Some(60), ..Default::default() });
    assert_eq!(stream_messages(&between), "m2 m4", "the end of the range is outside");
}

#[test]
fn groups_are_made_described_and_deleted() {
    let mut bench = Bench::with_lines(2);
    let create =
        |name: &str| Command::CreateLogGroup(CreateLogGroup { log_group_name: name.into(), ..Default::default() });
    let describe = |request| Command::DescribeLogGroups(request);
    let names = |bench: &mut Bench, request: DescribeLogGroups| match bench.try_request(describe(request)) {
        Ok(Response::DescribeLogGroups(page)) => {
            let names: Vec<_> = page.log_groups.iter().map(|group| group.log_group_name.clone()).collect();
            (names.join(" "), page.next_token)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(bench.try_request(create("/app/x")), Ok(Response::Done));
    assert_eq!(bench.try_request(create(GROUP)).unwrap_err().kind, LogsErrorKind::ResourceAlreadyExists);
    let (found, token) = names(&mut bench, DescribeLogGroups { limit: Some(1), ..Default::default() });
    assert_eq!(found, "/app/x");
    let next = DescribeLogGroups { limit: Some(1), next_token: token, ..Default::default() };
    assert_eq!(names(&mut bench, next), (GROUP.into(), None));
    let prefix = DescribeLogGroups { log_group_name_prefix: Some("/aws".into()), ..Default::default() };
    assert_eq!(names(&mut bench, prefix).0, GROUP);
    let pattern = DescribeLogGroups { log_group_name_pattern: Some("app".into()), ..Default::default() };
    assert_eq!(names(&mut bench, pattern).0, "/app/x");
    let delete = || Command::DeleteLogGroup { log_group_name: GROUP.into() };
    assert_eq!(bench.try_request(delete()), Ok(Response::Done));
    assert_eq!(bench.try_request(delete()).unwrap_err().kind, LogsErrorKind::ResourceNotFound);
    bench.append(100, "a", "again");
    assert_eq!(messages(&bench.filter(FilterLogEvents::default())), "again");
}

#[test]
fn streams_are_described_by_name_and_by_time() {
    let mut bench = Bench::new();
    for (at_ms, stream) in [(0, "c"), (10, "a"), (20, "b"), (30, "c")] {
        bench.append(at_ms, stream, "x");
    }
    let mut check = |request: DescribeLogStreams, expected: &str| {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let request = DescribeLogStreams {
                log_group_name: Some(GROUP.into()),
                limit: Some(2),
                next_token: token,
                ..request.clone()
            };
            let Ok(Response::DescribeLogStreams(page)) = bench.try_request(Command::DescribeLogStreams(request)) else {
                panic!("no page");
            };
            found.extend(page.log_streams.into_iter().map(|stream| stream.log_stream_name));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found.join(" "), expected, "{request:?}");
    };
    let any = DescribeLogStreams::default;
    check(any(), "a b c");
    check(DescribeLogStreams { descending: Some(true), ..any() }, "c b a");
    check(DescribeLogStreams { order_by: Some("LastEventTime".into()), ..any() }, "a b c");
    bench.append(40, "a", "x");
    let mut check_latest = |expected: &str| {
        let request = DescribeLogStreams {
            log_group_identifier: Some(format!("arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*")),
            order_by: Some("LastEventTime".into()),
            descending: Some(true),
            ..any()
        };
        let Ok(Response::DescribeLogStreams(page)) = bench.try_request(Command::DescribeLogStreams(request)) else {
            panic!("no page");
        };
        let names: Vec<_> = page.log_streams.iter().map(|stream| stream.log_stream_name.as_str()).collect();
        assert_eq!(names.join(" "), expected);
    };
    check_latest("a c b");
}

#[test]
fn what_is_wrong_is_refused() {
    let mut bench = Bench::with_lines(1);
    let group = || Some(GROUP.to_owned());
    let filter = |request| Command::FilterLogEvents(FilterLogEvents { log_group_name: group(), ..request });
    let get = |request| {
        Command::GetLogEvents(GetLogEvents { log_group_name: group(), log_stream_name: "a".into(), ..request })
    };
    for (command, kind, expected) in [
        (
            Command::FilterLogEvents(FilterLogEvents { log_group_name: Some("none".into()), ..Default::default() }),
            LogsErrorKind::ResourceNotFound,
            "The specified log group does not exist.",
        ),
        (
            Command::FilterLogEvents(FilterLogEvents::default()),
            LogsErrorKind::InvalidParameter,
            "Exactly one of logGroupName and logGroupIdentifier",
        ),
        (
            Command::GetLogEvents(GetLogEvents {
                log_group_name: group(),
                log_stream_name: "none".into(),
                ..Default::default()
            }),
            LogsErrorKind::ResourceNotFound,
            "The specified log stream does not exist.",
        ),
        (
            filter(FilterLogEvents {
                log_stream_names: vec!["a".into()],
                log_stream_name_prefix: Some("a".into()),
                ..Default::default()
            }),
            LogsErrorKind::InvalidParameter,
            "logStreamNames and logStreamNamePrefix",
        ),
        (
            filter(FilterLogEvents { filter_pattern: Some("[a".into()), ..Default::default() }),
            LogsErrorKind::InvalidParameter,
            "Invalid filter pattern",
        ),
        (
            filter(FilterLogEvents { next_token: Some("x".into()), ..Default::default() }),
            LogsErrorKind::InvalidParameter,
            "The specified nextToken is invalid.",
        ),
        (
            get(GetLogEvents { next_token: Some("x/1".into()), ..Default::default() }),
            LogsErrorKind::InvalidParameter,
            "The specified nextToken is invalid.",
        ),
    ] {
        let error = bench.try_request(command.clone()).expect_err(&format!("{command:?}"));
        assert_eq!(error.kind, kind, "{command:?}");
        assert!(error.message.starts_with(expected), "{command:?}: {}", error.message);
    }
}

#[test]
fn the_oldest_lines_go_and_their_streams_with_them() {
    let mut bench = Bench::new();
    bench.append(0, "old", "first");
    let line = "x".repeat(LINE_MAX_BYTES);
    for index in 0..=u64::try_from(GROUP_MAX_BYTES / LINE_MAX_BYTES).unwrap() {
        bench.append(index, "new", &line);
    }
    let group = bench.logs.store.group(GROUP).unwrap();
    assert!(group.bytes() <= GROUP_MAX_BYTES && group.bytes() > GROUP_MAX_BYTES - 2 * LINE_MAX_BYTES);
    assert_eq!(group.streams().map(|stream| stream.name.as_ref()).collect::<Vec<&str>>(), ["new"]);
    assert_eq!(group.places_of("new").unwrap().len(), group.len());
}

#[test]
fn all_groups_share_one_bound() {
    let mut bench = Bench::new();
    let line = "x".repeat(LINE_MAX_BYTES);
    let names: Vec<String> = (0..9).map(|index| format!("g{index}")).collect();
    for name in &names {
        // Each stays below its own bound; the nine together do not stay below the common one.
        for _ in 0..(GROUP_MAX_BYTES / LINE_MAX_BYTES - 1) {
            bench.with(|logs, cx| logs.append(cx, &LogSource::new(name.as_str(), "s"), line.clone()));
        }
    }
    bench.logs.store.settle();
    let lines = |name: &str| bench.logs.store.group(name).unwrap().len();
    let counts: Vec<usize> = names.iter().map(|name| lines(name)).collect();
    assert!(counts[0] < counts[1], "the oldest lines of all go first: {counts:?}");
    assert!(counts[1..].iter().all(|count| *count == counts[8]), "{counts:?}");
}

#[test]
fn long_lines_become_several_and_each_is_told() {
    let mut bench = Bench::new();
    bench.append(0, "a", &"é".repeat(LINE_MAX_BYTES / 2 + 10));
    let lengths: Vec<usize> = bench
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::Logged { line, .. } => line.message.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lengths, [LINE_MAX_BYTES, 20]);
}
