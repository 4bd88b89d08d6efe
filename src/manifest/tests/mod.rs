//! Manifests, what becomes of them and what is said about them.

mod diagnostics;
mod docs;
mod lints;
mod overlays;
mod services;
mod stack;

use std::path::Path;

use miette::Diagnostic;

use super::{Context, Problem, Reading, Source, read};

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

/// What is said about a TOML manifest.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(show(&read(&toml(text), &context())), expected.trim(), "\n{text}");
}

/// What is said about a TOML manifest that begins with a stack's name.
#[track_caller]
fn check_in_stack(text: &str, expected: &str) {
    check(&format!("[stack]\nname = \"s\"\n{text}"), expected);
}

#[track_caller]
fn check_yaml(text: &str, expected: &str) {
    assert_eq!(show(&read(&yaml(text), &context())), expected.trim(), "\n{text}");
}

/// Each problem with its labels (`LINE:COLUMN TEXT: LABEL`) and its help.
fn show(reading: &Reading) -> String {
    let lines: Vec<String> = reading.problems.iter().map(show_problem).collect();
    assert_eq!(reading.desired.is_none(), reading.problems.iter().any(Problem::is_error));
    lines.join("\n")
}

fn show_problem(problem: &Problem) -> String {
    let mut text = match problem.severity() {
        Some(miette::Severity::Advice) => format!("advice: {problem}"),
        Some(miette::Severity::Warning) => format!("warning: {problem}"),
        _ => format!("error: {problem}"),
    };
    for label in problem.labels().into_iter().flatten() {
        let contents = problem.source_code().unwrap().read_span(label.inner(), 0, 0).unwrap();
        let (line, column) = (contents.line() + 1, contents.column() + 1);
        let pointed_at = std::str::from_utf8(contents.data()).unwrap().trim_end();
        text.push_str(&format!("\n  {line}:{column} {pointed_at}: {}", label.label().unwrap_or_default()));
    }
    if let Some(help) = problem.help() {
        text.push_str(&format!("\n  help: {help}"));
    }
    text
}
