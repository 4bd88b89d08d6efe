//! `GET /metrics`: the activity of an account and region in Prometheus's text format (version 0.0.4). Rendering is pure.
//!
//! A metric of CloudWatch has CloudWatch's name: in snake case, behind `aws_lambda_` or `aws_sqs_`, with the unit and, for
//! counters, `_total` behind it, as Prometheus wants names. What CloudWatch does not have begins with `stackctl_`.
//! `docs/metrics.md` lists them.

use std::fmt::{self, Write as _};

use http::{HeaderValue, Response, header};

use super::activity::ActivityReport;
use crate::{
    engine::{
        ThrottleLimit,
        lambda::{Distribution, FunctionActivity, MappingActivity},
    },
    serve::body::ResponseBody,
};

/// Where a scraper looks for it.
pub(in crate::serve) const PATH: &str = "/metrics";
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
const MS_PER_S: u64 = 1_000;

/// The answer to a scrape.
pub(super) fn response(report: &ActivityReport) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(render(report).into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    response
}

/// All metrics of a report.
fn render(report: &ActivityReport) -> String {
    let mut page = Page::default();
    account(&mut page, report);
    functions(&mut page, &report.activity.functions);
    environments(&mut page, &report.activity.functions);
    events(&mut page, &report.activity.functions);
    mappings(&mut page, &report.activity.mappings);
    queues(&mut page, report);
    page.text
}

fn account(page: &mut Page, report: &ActivityReport) {
    let account = report.activity.account_concurrency;
    let one = |page: &mut Page, name, help, value: u32| {
        page.family(name, Kind::Gauge, help);
        page.sample(name, &[], value);
    };
    let help = "Invocations in flight that use concurrency which no function has as its own.";
    one(page, "aws_lambda_unreserved_concurrent_executions", help, account.running_unreserved);
    let help = "Concurrency that is in use without being reserved, and all that is reserved or provisioned.";
    one(
        page,
        "aws_lambda_claimed_account_concurrency",
        help,
        account.claimed.saturating_add(account.running_unreserved),
    );
    one(page, "stackctl_lambda_concurrency_limit", "The account's concurrency.", account.limit);
    let help = "The most invocations that were in flight at once since the engine started.";
    one(page, "stackctl_lambda_concurrency_peak", help, account.peak);
}

fn functions(page: &mut Page, functions: &[FunctionActivity]) {
    let label = |function: &FunctionActivity| [("function", function.name.clone())];
    let mut each = |name, kind, help, value: fn(&FunctionActivity) -> u64| {
        page.family(name, kind, help);
        functions.iter().for_each(|function| page.sample(name, &label(function), value(function)));
    };
    let help = "Invocations that were let in; throttled ones are not.";
    each("aws_lambda_invocations_total", Kind::Counter, help, |function| function.invocations);
    each("aws_lambda_errors_total", Kind::Counter, "Invocations that failed.", |function| function.errors);
    let help = "Invocations in flight.";
    each("aws_lambda_concurrent_executions", Kind::Gauge, help, |function| u64::from(function.running));
    let help = "Concurrency that it could use: its reservation, or what it shares with others.";
    each("stackctl_lambda_function_concurrency_limit", Kind::Gauge, help, |function| u64::from(function.limit));
    let help = "Invocations that started an environment.";
    each("stackctl_lambda_cold_starts_total", Kind::Counter, help, |function| function.cold_starts);
    let help = "Invocations of provisioned versions that ran on demand.";
    let name = "aws_lambda_provisioned_concurrency_spillover_invocations_total";
    each(name, Kind::Counter, help, |function| function.spillovers);
    let name = "aws_lambda_provisioned_concurrency_invocations_total";
    let help = "Invocations that ran on provisioned concurrency.";
    each(name, Kind::Counter, help, |function| function.provisioned_invocations);
    let name = "aws_lambda_provisioned_concurrent_executions";
    let help = "Invocations in flight on provisioned concurrency.";
    each(name, Kind::Gauge, help, |function| u64::from(function.running_provisioned));

    let name = "stackctl_lambda_provisioned_environments";
    page.family(name, Kind::Gauge, "Environments that were started ahead, as asked for and as they are initialised.");
    for function in functions.iter().filter(|function| function.provisioned > 0) {
        for (state, count) in [("requested", function.provisioned), ("available", function.provisioned_available)] {
            page.sample(name, &[("function", function.name.clone()), ("state", state.to_owned())], count);
        }
    }

    let name = "aws_lambda_provisioned_concurrency_utilization";
    page.family(name, Kind::Gauge, "The part of a function's provisioned concurrency that is in use.");
    for function in functions.iter().filter(|function| function.provisioned > 0) {
        let part = f64::from(function.running_provisioned) / f64::from(function.provisioned);
        page.sample(name, &label(function), part);
    }

    let name = "aws_lambda_throttles_total";
    page.family(name, Kind::Counter, "Invocations that were not let in, by the limit that they met.");
    for function in functions {
        for (limit, count) in &function.throttles_by_limit {
            page.sample(name, &[("function", function.name.clone()), ("limit", limit_name(*limit).to_owned())], *count);
        }
    }
    let name = "aws_lambda_duration_seconds";
    page.family(name, Kind::Histogram, "How long handlers took, without the init phase.");
    functions.iter().for_each(|function| page.histogram(name, &function.name, &function.durations));
}

fn environments(page: &mut Page, functions: &[FunctionActivity]) {
    let name = "stackctl_lambda_environments";
    page.family(name, Kind::Gauge, "Environments, by what they do.");
    for function in functions {
        let states = [("starting", function.starting), ("busy", function.busy), ("idle", function.idle)];
        for (state, count) in states {
            page.sample(name, &[("function", function.name.clone()), ("state", state.to_owned())], count);
        }
    }
}

fn events(page: &mut Page, functions: &[FunctionActivity]) {
    let mut each = |name, kind, help, value: fn(&FunctionActivity) -> u64| {
        page.family(name, kind, help);
        for function in functions {
            page.sample(name, &[("function", function.name.clone())], value(function));
        }
    };
    let help = "Asynchronous invocations that were accepted.";
    each("aws_lambda_async_events_received_total", Kind::Counter, help, |function| function.events.received);
    let help = "Asynchronous invocations that were given up.";
    each("aws_lambda_async_events_dropped_total", Kind::Counter, help, |function| function.events.dropped);
    let help = "Invocations that were dropped because they would have gone on with a recursive loop.";
    let name = "aws_lambda_recursive_invocations_dropped_total";
    each(name, Kind::Counter, help, |function| function.recursions_dropped);
    let help = "Dead letters of asynchronous invocations that their queue did not take.";
    each("aws_lambda_dead_letter_errors_total", Kind::Counter, help, |function| function.events.dead_letter_errors);
    let name = "aws_lambda_destination_delivery_failures_total";
    let help = "Records of asynchronous invocations that their destination did not take.";
    each(name, Kind::Counter, help, |function| function.events.destination_delivery_failures);
    let help = "Asynchronous invocations that were accepted and have not come to their end.";
    each("stackctl_lambda_async_events_waiting", Kind::Gauge, help, |function| function.events.waiting);
    let name = "aws_lambda_async_event_age_seconds";
    page.family(name, Kind::Histogram, "From an asynchronous invocation's acceptance to each of its attempts.");
    functions.iter().for_each(|function| page.histogram(name, &function.name, &function.events.ages));
}

fn mappings(page: &mut Page, mappings: &[MappingActivity]) {
    let labels = |mapping: &MappingActivity| {
        [("function", mapping.function.clone()), ("queue", mapping.queue.clone()), ("uuid", mapping.uuid.clone())]
    };
    let mut each = |name, kind, help, value: fn(&MappingActivity) -> u64| {
        page.family(name, kind, help);
        mappings.iter().for_each(|mapping| page.sample(name, &labels(mapping), value(mapping)));
    };
    let help = "Messages that were read from the queue, each time.";
    each("aws_lambda_polled_event_count_total", Kind::Counter, help, |mapping| mapping.messages_polled);
    let help = "Messages of invocations that were started.";
    each("aws_lambda_invoked_event_count_total", Kind::Counter, help, |mapping| mapping.messages_invoked);
    let help = "Messages that were handled and deleted.";
    each("aws_lambda_deleted_event_count_total", Kind::Counter, help, |mapping| mapping.messages_handled);
    let help = "Messages of batches that failed, or that the function reported as failed.";
    each("aws_lambda_failed_invoke_event_count_total", Kind::Counter, help, |mapping| mapping.messages_failed);
    let help = "Messages that no filter let pass.";
    each("aws_lambda_filtered_out_event_count_total", Kind::Counter, help, |mapping| mapping.messages_filtered);
    let help = "Batches in flight.";
    let in_flight = |mapping: &MappingActivity| u64::from(mapping.batches_in_flight);
    each("stackctl_lambda_mapping_batches_in_flight", Kind::Gauge, help, in_flight);
    let help = "Batches that may be in flight now.";
    each("stackctl_lambda_mapping_batches_limit", Kind::Gauge, help, |mapping| u64::from(mapping.batches_limit));
    let help = "Complete batches that wait for a slot.";
    each("stackctl_lambda_mapping_batches_waiting", Kind::Gauge, help, |mapping| u64::from(mapping.batches_waiting));
    let name = "aws_lambda_provisioned_pollers";
    page.family(name, Kind::Gauge, "Provisioned pollers that read now.");
    for mapping in mappings {
        mapping.pollers.iter().for_each(|pollers| page.sample(name, &labels(mapping), *pollers));
    }
}

fn queues(page: &mut Page, report: &ActivityReport) {
    let mut each = |name, kind, help, value: fn(&super::QueueDepth) -> u64| {
        page.family(name, kind, help);
        for queue in &report.queues {
            page.sample(name, &[("queue", queue.name.clone())], value(queue));
        }
    };
    let help = "Messages that clients sent; not what was moved here.";
    each("aws_sqs_number_of_messages_sent_total", Kind::Counter, help, |queue| queue.totals.sent);
    let help = "Messages that were received, each time.";
    each("aws_sqs_number_of_messages_received_total", Kind::Counter, help, |queue| queue.totals.received);
    let help = "Messages that their receivers deleted.";
    each("aws_sqs_number_of_messages_deleted_total", Kind::Counter, help, |queue| queue.totals.deleted);
    let help = "Receives that got nothing.";
    each("aws_sqs_number_of_empty_receives_total", Kind::Counter, help, |queue| queue.totals.empty_receives);
    let help = "Messages that can be received.";
    each("aws_sqs_approximate_number_of_messages_visible", Kind::Gauge, help, |queue| queue.visible);
    let help = "Messages in flight.";
    each("aws_sqs_approximate_number_of_messages_not_visible", Kind::Gauge, help, |queue| queue.in_flight);
    let help = "Sends to a FIFO queue that repeated an earlier one.";
    each("aws_sqs_number_of_deduplicated_sent_messages_total", Kind::Counter, help, |queue| queue.totals.deduplicated);
    let help = "Message groups with a message in flight.";
    let name = "aws_sqs_approximate_number_of_groups_with_inflight_messages";
    each(name, Kind::Gauge, help, |queue| queue.groups_in_flight);
    let help = "Messages whose delay has not ended.";
    each("aws_sqs_approximate_number_of_messages_delayed", Kind::Gauge, help, |queue| queue.delayed);
    let name = "aws_sqs_sent_message_size_bytes";
    page.family(name, Kind::Summary, "Bodies and attributes of messages that clients sent.");
    for queue in &report.queues {
        let label = [("queue", queue.name.clone())];
        page.sample(&format!("{name}_sum"), &label, queue.totals.sent_bytes);
        page.sample(&format!("{name}_count"), &label, queue.totals.sent);
    }
    let name = "aws_sqs_approximate_age_of_oldest_message_seconds";
    page.family(name, Kind::Gauge, "How long ago the oldest message was sent; 0 without one.");
    for queue in &report.queues {
        page.sample(name, &[("queue", queue.name.clone())], Seconds(queue.oldest_age_ms.unwrap_or_default()));
    }
}

fn limit_name(limit: ThrottleLimit) -> &'static str {
    match limit {
        ThrottleLimit::Pool => "pool",
        ThrottleLimit::Reserved => "reserved",
        ThrottleLimit::ScalingRate => "scaling_rate",
        ThrottleLimit::RequestRate => "request_rate",
        ThrottleLimit::Debugged => "debugged",
    }
}

/// A metric's type.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// Without quantiles.
    Summary,
}

/// Milliseconds, as seconds without loss.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (s, ms) = (self.0 / MS_PER_S, self.0 % MS_PER_S);
        if ms == 0 { write!(f, "{s}") } else { f.write_str(format!("{s}.{ms:03}").trim_end_matches('0')) }
    }
}

/// The text as it grows. Writing into a `String` does not fail.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
            Kind::Summary => "summary",
        };
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, String)], value: impl fmt::Display) {
        self.text.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{label}=\"", if place == 0 { '{' } else { ',' });
            for character in text.chars() {
                match character {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn histogram(&mut self, name: &str, function: &str, distribution: &Distribution) {
        let label = |le: String| [("function", function.to_owned()), ("le", le)];
        let bucket = format!("{name}_bucket");
        for (bound_ms, count) in distribution.cumulative() {
            self.sample(&bucket, &label(Seconds(bound_ms).to_string()), count);
        }
        self.sample(&bucket, &label("+Inf".to_owned()), distribution.count);
        let label = [("function", function.to_owned())];
        self.sample(&format!("{name}_sum"), &label, Seconds(distribution.sum_ms));
        self.sample(&format!("{name}_count"), &label, distribution.count);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{engine::lambda::Activity, serve::own_api::QueueDepth};

    fn report() -> ActivityReport {
        let function = FunctionActivity {
            name: "consumer".to_owned(),
            invocations: 7,
            throttles_by_limit: BTreeMap::from([(ThrottleLimit::Reserved, 3)]),
            ..FunctionActivity::default()
        };
        let mapping = MappingActivity { queue: "jobs".to_owned(), pollers: Some(2), ..MappingActivity::default() };
        let queue = QueueDepth { name: "jobs".to_owned(), oldest_age_ms: Some(1_500), ..QueueDepth::default() };
        ActivityReport {
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            activity: Activity { functions: vec![function], mappings: vec![mapping], ..Activity::default() },
            queues: vec![queue],
            queues_left_out: false,
            schedules: Vec::new(),
        }
    }

    #[test]
    fn samples_carry_cloudwatchs_names() {
        let text = render(&report());
        for expected in [
            "# TYPE aws_lambda_invocations_total counter",
            "aws_lambda_invocations_total{function=\"consumer\"} 7",
            "aws_lambda_throttles_total{function=\"consumer\",limit=\"reserved\"} 3",
            "aws_lambda_unreserved_concurrent_executions 0",
            "aws_lambda_duration_seconds_bucket{function=\"consumer\",le=\"0.001\"} 0",
            "aws_lambda_duration_seconds_bucket{function=\"consumer\",le=\"+Inf\"} 0",
            "aws_lambda_provisioned_pollers{function=\"\",queue=\"jobs\",uuid=\"\"} 2",
            "aws_sqs_approximate_age_of_oldest_message_seconds{queue=\"jobs\"} 1.5",
        ] {
            assert!(text.lines().any(|line| line == expected), "`{expected}` is not in\n{text}");
        }
    }

    /// What Prometheus's parser insists on: each family declared once, before its samples, and none without a family.
    #[test]
    fn every_sample_belongs_to_the_family_before_it() {
        let (mut seen, mut family) = (BTreeSet::new(), String::new());
        for line in render(&report()).lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                family = rest.split(' ').next().unwrap().to_owned();
                assert!(seen.insert(family.clone()), "`{family}` twice");
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                let suffix = name.strip_prefix(family.as_str());
                assert!(matches!(suffix, Some("" | "_bucket" | "_sum" | "_count")), "`{name}` in `{family}`");
            }
        }
    }

    /// The list in the documentation is this one.
    #[test]
    fn the_documentation_lists_every_metric() {
        let text = render(&report());
        let families = text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next());
        let documented = include_str!("../../../docs/metrics.md");
        let listed = documented.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        assert_eq!(families.collect::<BTreeSet<_>>(), listed.collect::<BTreeSet<_>>());
    }

    #[test]
    fn seconds_keep_every_millisecond() {
        for (ms, expected) in [(0, "0"), (1, "0.001"), (250, "0.25"), (21_600_000, "21600")] {
            assert_eq!(Seconds(ms).to_string(), expected);
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut page = Page::default();
        page.sample("a", &[("b", "\\\"\n".to_owned())], 1);
        assert_eq!(page.text, "a{b=\"\\\\\\\"\\n\"} 1\n");
    }
}
