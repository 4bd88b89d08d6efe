//! The tables of the dashboard: which rows they have, in which order, and what each cell says. Pure.

use std::cmp::Reverse;

use super::{Look, Sort};
use crate::{
    cli::terminal::{age, percent},
    engine::{
        autoscaling::ScalingState,
        lambda::{FunctionActivity, MappingActivity},
    },
    serve::own_api::{ActivityReport, QueueDepth},
};

/// The last throttles that are shown.
const THROTTLES_MAX: usize = 5;
/// From here on a number is shown in thousands or millions.
const WHOLE_MAX: u64 = 100_000;

/// Rows under their headings.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) headings: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    pub(super) tone: Tone,
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Warning,
    Bad,
}

/// The tables that have rows.
pub(super) fn all(report: &ActivityReport, look: &Look) -> Vec<Table> {
    let tables = [
        functions(&report.activity.functions, look.sort),
        scaling(&report.activity.scaling),
        queues(&report.queues, look.sort),
        mappings(&report.activity.mappings, look.sort),
        throttles(report, look),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn functions(functions: &[FunctionActivity], sort: Sort) -> Table {
    let mut sorted: Vec<_> = functions.iter().collect();
    sorted.sort_by_key(|function| match sort {
        Sort::Name => Reverse((0, 0)),
        Sort::Busy => Reverse((u64::from(function.running), function.invocations)),
        Sort::Trouble => Reverse((function.errors + function.throttles, function.events.waiting)),
    });
    let row = |function: &&FunctionActivity| Row {
        cells: vec![
            function.name.clone(),
            format!("{}/{}", function.running, function.limit),
            function.starting.to_string(),
            function.idle.to_string(),
            // How many of how many, as long as they are not all there.
            match (function.provisioned_available, function.provisioned) {
                (available, wanted) if available < wanted => format!("{available}/{wanted}"),
                (_, wanted) => short(wanted.into()),
            },
            short(function.invocations),
            short(function.errors),
            short(function.throttles),
            short(function.cold_starts),
            short(function.spillovers),
            function.durations.mean_ms().map_or_else(|| "-".to_owned(), length),
            short(function.events.waiting),
        ],
        tone: match function.running {
            0 => Tone::Plain,
            running if running >= function.limit => Tone::Warning,
            _ => Tone::Good,
        },
    };
    let headings =
        vec!["FUNCTION", "RUN/CAP", "INIT", "IDLE", "PROV", "CALLS", "ERR", "THR", "COLD", "SPILL", "MEAN", "ASYNC"];
    let mut table = Table { headings, rows: sorted.iter().map(row).collect() };
    // Room is scarce: what no function uses needs no column.
    if functions.iter().all(|function| function.provisioned == 0 && function.spillovers == 0) {
        table.remove("PROV");
        table.remove("SPILL");
    }
    if functions.iter().all(|function| function.events.received == 0 && function.events.waiting == 0) {
        table.remove("ASYNC");
    }
    table
}

impl Table {
    fn remove(&mut self, heading: &str) {
        let Some(column) = self.headings.iter().position(|found| *found == heading) else { return };
        self.headings.remove(column);
        for row in &mut self.rows {
            row.cells.remove(column);
        }
    }
}

/// What follows the load, and how far it can.
fn scaling(targets: &[ScalingState]) -> Table {
    let row = |target: &ScalingState| Row {
        cells: vec![
            format!("{}:{}", target.function, target.qualifier),
            target.current.to_string(),
            target.min.to_string(),
            target.max.to_string(),
            percent(target.target),
            percent(target.utilization),
        ],
        tone: match (target.current >= target.max, target.utilization > target.target) {
            (true, true) => Tone::Bad,
            (false, true) => Tone::Warning,
            _ => Tone::Plain,
        },
    };
    let headings = vec!["FOLLOWS THE LOAD", "PROVISIONED", "MIN", "MAX", "TARGET", "USED"];
    Table { headings, rows: targets.iter().map(row).collect() }
}

fn queues(queues: &[QueueDepth], sort: Sort) -> Table {
    let mut sorted: Vec<_> = queues.iter().collect();
    sorted.sort_by_key(|queue| match sort {
        Sort::Name => Reverse((0, 0)),
        Sort::Busy => Reverse((queue.visible + queue.in_flight + queue.delayed, queue.arrived_per_minute)),
        Sort::Trouble => Reverse((queue.oldest_age_ms.unwrap_or_default(), queue.visible)),
    });
    let row = |queue: &&QueueDepth| Row {
        cells: vec![
            queue.name.clone(),
            short(queue.visible),
            short(queue.in_flight),
            short(queue.delayed),
            queue.oldest_age_ms.map_or_else(|| "-".to_owned(), age),
            short(queue.arrived_per_minute),
            short(queue.deleted_per_minute),
        ],
        tone: Tone::Plain,
    };
    let headings = vec!["QUEUE", "WAITING", "IN FLIGHT", "DELAYED", "OLDEST", "IN/MIN", "OUT/MIN"];
    Table { headings, rows: sorted.iter().map(row).collect() }
}

fn mappings(mappings: &[MappingActivity], sort: Sort) -> Table {
    let mut sorted: Vec<_> = mappings.iter().collect();
    sorted.sort_by(|a, b| {
        let by_name = || (&a.queue, &a.function).cmp(&(&b.queue, &b.function));
        let weight = |mapping: &MappingActivity| match sort {
            Sort::Name => 0,
            Sort::Busy => u64::from(mapping.batches_in_flight),
            Sort::Trouble => mapping.messages_failed + u64::from(mapping.batches_waiting),
        };
        weight(b).cmp(&weight(a)).then_with(by_name)
    });
    let row = |mapping: &&MappingActivity| Row {
        cells: vec![
            format!("{} -> {}", mapping.queue, mapping.function),
            state(mapping),
            format!("{}/{}", mapping.batches_in_flight, mapping.batches_limit),
            mapping.batches_waiting.to_string(),
            short(mapping.messages_handled),
            short(mapping.messages_failed),
            short(mapping.messages_filtered),
        ],
        tone: match mapping {
            MappingActivity { trouble: Some(_), .. } => Tone::Bad,
            MappingActivity { throttled: true, .. } => Tone::Warning,
            _ => Tone::Plain,
        },
    };
    let headings = vec!["TRIGGER", "STATE", "BATCHES", "HELD", "HANDLED", "FAILED", "FILTERED"];
    Table { headings, rows: sorted.iter().map(row).collect() }
}

/// AWS's state, or what keeps an enabled one from delivering.
fn state(mapping: &MappingActivity) -> String {
    match mapping {
        MappingActivity { trouble: Some(_), .. } => "trouble".to_owned(),
        MappingActivity { throttled: true, .. } => "throttled".to_owned(),
        _ => mapping.state.clone(),
    }
}

fn throttles(report: &ActivityReport, look: &Look) -> Table {
    let row = |told: &crate::engine::lambda::ThrottleActivity| {
        let at = i64::try_from(told.at_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        let at = at.map(|at| at.to_zoned_datetime(look.zone.clone()).strftime("%H:%M:%S").to_string());
        let text = brief(&told.message).replace(&format!(" by {} (", told.function), " by itself (");
        let line = format!("{} {}  {text}", at.unwrap_or_default(), told.function);
        Row { cells: vec![line], tone: Tone::Warning }
    };
    let rows = report.activity.throttles.iter().rev().take(THROTTLES_MAX).map(row).collect();
    Table { headings: vec!["THROTTLED"], rows }
}

/// What a throttle says, in a line of its own: `4 more: reserved concurrency of 3 used up`.
fn brief(message: &str) -> String {
    let text = match message.strip_prefix("throttled ").and_then(|rest| rest.split_once(": ")) {
        Some((times, why)) => format!("{} more: {why}", times.split(' ').next().unwrap_or_default()),
        None => message.strip_prefix("throttled: ").unwrap_or(message).to_owned(),
    };
    text.replacen(" is used up", " used up", 1)
}

/// `99999`, `100k`, `12M`.
fn short(number: u64) -> String {
    match number {
        0..WHOLE_MAX => number.to_string(),
        WHOLE_MAX..10_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", number / 1_000_000),
    }
}

/// A duration: `999ms`, `12s`.
fn length(ms: u64) -> String {
    if ms < 1_000 { format!("{ms}ms") } else { age(ms) }
}
