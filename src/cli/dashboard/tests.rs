use ratatui::{Terminal, backend::TestBackend};

use super::*;
use crate::{
    engine::lambda::{AccountActivity, Activity, FunctionActivity, MappingActivity, ThrottleActivity},
    serve::own_api::QueueDepth,
};

fn look() -> Look {
    Look {
        endpoint: "http://127.0.0.1:4566".to_owned(),
        sort: Sort::Name,
        interval: Duration::from_secs(1),
        zone: TimeZone::UTC,
        paused: false,
        colours: true,
        trouble: None,
    }
}

fn report() -> ActivityReport {
    let function = |name: &str, running, limit, invocations, throttles| FunctionActivity {
        name: name.to_owned(),
        running,
        busy: running,
        limit,
        invocations,
        throttles,
        ..FunctionActivity::default()
    };
    let queue = |name: &str, visible, in_flight| QueueDepth {
        name: name.to_owned(),
        visible,
        in_flight,
        oldest_age_ms: (visible > 0).then_some(75_000),
        ..QueueDepth::default()
    };
    let mapping = MappingActivity {
        queue: "example-queue".to_owned(),
        function: "example-sqs-consumer".to_owned(),
        state: "Enabled".to_owned(),
        batches_in_flight: 2,
        batches_limit: 5,
        batches_waiting: 1,
        throttled: true,
        messages_handled: 123_456,
        ..MappingActivity::default()
    };
    let throttle = ThrottleActivity {
        at_ms: 45_296_007,
        function: "example-sqs-consumer".to_owned(),
        message: "throttled: reserved concurrency of 2 is used up by example-sqs-consumer (2)".to_owned(),
    };
    ActivityReport {
        account: "000000000000".to_owned(),
        region: "us-east-1".to_owned(),
        activity: Activity {
            differences: Vec::new(),
            account_concurrency: AccountActivity { limit: 20, claimed: 2, running: 5, running_unreserved: 3, peak: 7 },
            functions: vec![function("api", 3, 18, 99, 0), function("example-sqs-consumer", 2, 2, 1_234_567, 42)],
            mappings: vec![mapping],
            throttles: vec![throttle],
            scaling: Vec::new(),
        },
        queues: vec![queue("example-queue", 1_200, 20), queue("example-queue-dlq", 0, 0)],
        queues_left_out: false,
        schedules: Vec::new(),
    }
}

/// The screen of a terminal with so much room, as text.
fn screen(report: &ActivityReport, look: &Look, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| frame.render_widget(&Page { report, look }, frame.area())).unwrap();
    let lines = terminal.backend().to_string();
    let lines = lines.lines().map(|line| line.trim_matches('"').trim_end());
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[test]
fn a_stack_under_load_at_80_by_24() {
    let expected = "\
stackctl top  http://127.0.0.1:4566  000000000000  us-east-1
pool  █████░░░░░░░░░░░░░░░  5 of 20 running, at most 7 so far
      2 reserved or provisioned; of the other 18, 3 running

FUNCTION              RUN/CAP  INIT  IDLE  CALLS  ERR  THR  COLD  MEAN
api                      3/18     0     0     99    0    0     0     -
example-sqs-consumer      2/2     0     0  1234k    0   42     0     -

QUEUE              WAITING  IN FLIGHT  DELAYED  OLDEST  IN/MIN  OUT/MIN
example-queue         1200         20        0      1m       0        0
example-queue-dlq        0          0        0       -       0        0

TRIGGER                          STATE  BATCHES  HELD  HANDLED  FAILED  FILTERED
example-queue…-sqs-consumer  throttled      2/5     1     123k       0         0

THROTTLED
12:34:56 example-sqs-consumer  reserved concurrency of 2 used up by itself (2)






q quit   s sort: name   + - every 1s   p pause";
    assert_eq!(screen(&report(), &look(), 80, 24), expected);
}

#[test]
fn columns_come_with_what_they_count_and_fit_80() {
    let mut report = report();
    report.activity.functions[1].provisioned = 12;
    report.activity.functions[1].provisioned_available = 12;
    report.activity.functions[1].spillovers = 345;
    report.activity.functions[0].events.received = 1;
    report.activity.differences = vec!["the pool has 20 slots, 1000 on AWS".to_owned()];
    let text = screen(&report, &look(), 80, 24);
    let expected = "      2 reserved or provisioned; of the other 18, 3 running
      experiment: the pool has 20 slots, 1000 on AWS

FUNCTION    RUN/CAP  INIT  IDLE  PROV  CALLS  ERR  THR  COLD  SPILL  MEAN  ASYNC
";
    let head: String = text.lines().skip(2).take(4).map(|line| format!("{line}\n")).collect();
    assert_eq!(head, expected, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn without_colours_nothing_has_one() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let (report, look) = (report(), Look { colours: false, ..look() });
    let page = Page { report: &report, look: &look };
    terminal.draw(|frame| frame.render_widget(&page, frame.area())).unwrap();
    assert!(terminal.backend().buffer().content().iter().all(|cell| cell.fg == Color::Reset));
}

#[test]
fn plain_text_is_the_screen() {
    assert_eq!(Page { report: &report(), look: &look() }.plain(80, 24), screen(&report(), &look(), 80, 24));
}

#[test]
fn what_has_no_room_is_counted() {
    let mut report = report();
    let queue = |number: usize| QueueDepth { name: format!("q{number:02}"), ..QueueDepth::default() };
    report.queues = (0..30).map(queue).collect();
    let text = screen(&report, &look(), 80, 24);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("\nand 23 more\n"), "{text}");
    assert!(text.contains("THROTTLED"), "a long table leaves room for the others:\n{text}");
    assert!(text.ends_with("p pause"), "{text}");
}

#[test]
fn sorting_brings_what_matters_to_the_top() {
    let first = |sort| {
        let text = screen(&report(), &Look { sort, ..look() }, 80, 24);
        let line = text.lines().nth(5).unwrap().to_owned();
        line.split(' ').next().unwrap().to_owned()
    };
    assert_eq!([Sort::Name, Sort::Busy, Sort::Trouble].map(first), ["api", "api", "example-sqs-consumer"]);
}

#[test]
fn an_old_report_says_why() {
    let look = Look { trouble: Some("the engine does not answer".to_owned()), ..look() };
    assert!(screen(&report(), &look, 80, 24).starts_with("stackctl top  the engine does not answer\n"));
}

#[test]
fn no_room_is_no_reason_to_panic() {
    for (width, height) in [(1, 1), (1, 24), (80, 1), (80, 5), (10, 10), (300, 100)] {
        screen(&report(), &look(), width, height);
    }
}

#[test]
fn an_empty_stack_says_so() {
    let report = ActivityReport { activity: Activity::default(), queues: Vec::new(), ..report() };
    assert!(screen(&report, &look(), 80, 24).contains("no functions and no queues"));
}

#[test]
fn what_follows_the_load_and_what_is_an_experiment_is_shown() {
    let mut report = report();
    report.activity.differences = vec!["the pool has 20 slots, 1000 on AWS".to_owned()];
    report.activity.scaling = vec![crate::engine::autoscaling::ScalingState {
        function: "api".to_owned(),
        qualifier: "live".to_owned(),
        min: 2,
        max: 10,
        current: 4,
        target: Some(0.7),
        utilization: Some(0.75),
        last: None,
    }];
    let text = screen(&report, &look(), 80, 30);
    assert!(text.contains("\n      experiment: the pool has 20 slots, 1000 on AWS\n"), "{text}");
    let expected = "
FOLLOWS THE LOAD  PROVISIONED  MIN  MAX  TARGET  USED
api:live                    4    2   10     70%   75%
";
    assert!(text.contains(expected), "{text}");
    assert!(text.ends_with("p pause"), "{text}");
}
