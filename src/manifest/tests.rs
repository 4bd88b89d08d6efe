//! Manifests and what is said about them.

use std::path::Path;

use miette::Diagnostic;

use super::*;

/// The environment of every test.
fn environment(name: &str) -> Option<String> {
    match name {
        "LEVEL" => Some("debug".to_owned()),
        "USER" => Some("ann".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn context() -> Context<'static> {
    Context { base: Path::new("/stack"), env: &environment, profile: None, overlay: None, version: "0.1.0" }
}

fn toml(text: &str) -> Source {
    Source { path: "stack.toml".into(), text: text.to_owned() }
}

fn yaml(text: &str) -> Source {
    Source { path: "stack.yaml".into(), text: text.to_owned() }
}

/// `LINE:COL severity code: message | label; label | help`, a line each.
fn show(reading: &Reading) -> String {
    let lines: Vec<String> = reading.problems.iter().map(show_problem).collect();
    lines.join("\n")
}

fn show_problem(problem: &Problem) -> String {
    let source = problem.source_code();
    let place = |span: &miette::SourceSpan| {
        let contents = source.unwrap().read_span(span, 0, 0).unwrap();
        let text = std::str::from_utf8(contents.data()).unwrap();
        format!("{}:{} `{text}`", contents.line() + 1, contents.column() + 1)
    };
    let labels: Vec<String> = problem
        .labels()
        .into_iter()
        .flatten()
        .map(|label| format!("{} {}", place(label.inner()), label.label().unwrap_or_default()))
        .collect();
    let severity = match problem.severity() {
        Some(miette::Severity::Advice) => "advice",
        Some(miette::Severity::Warning) => "warning",
        _ => "error",
    };
    let help = problem.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    let labels: String = labels.iter().map(|label| format!("\n  {label}")).collect();
    format!("{severity}: {problem}{labels}{help}")
}

#[test]
fn scratch() {
    let text = r#"
[stack]
nam = "orders"
region = 5
[queues.orders-dlq]
fifo = { content_based_dedup = true }
[queues.orders]
visibilty_timeout = "30s"
VisibilityTimeout = "30s"
delay = 30
retention = "20d"
dead_letter = { queue = "order-dlq" }
[functions.consumer]
runtime = "python3.31"
memory = "100MiB"
timeout = "5 min"
environment = { A = "x ${queues.ordes.url} ${env:NOPE} ${queues.orders.urn} ${queue.a.b}", AWS_REGION = "x", B = 5 }
build = { go = {}, rust = {} }
concurrency = { provisioned = { min = 1, max = 2, target_utilization = 0.95 } }
[[functions.consumer.triggers]]
queue = "orders.fifo"
[targets.embeded]
port = 1
"#;
    println!("{}", show(&read(&toml(text), &context())));
    panic!()
}
