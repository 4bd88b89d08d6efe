//! `docs/manifest.md` is kept true: it has every key as the format describes it, and its examples are read.

use super::{context, show, toml, yaml};
use crate::manifest::{
    Problem,
    format::{Key, Presence, ROOT, Shape, Table, Text},
    read,
    units::{show_bytes, show_seconds},
};

const DOCS: &str = include_str!("../../../docs/manifest.md");

#[test]
fn every_key_is_documented() {
    let mut rows = Vec::new();
    rows_of(&ROOT, &mut rows);
    assert!(rows.len() > 60, "{}", rows.len());
    for row in rows {
        assert!(DOCS.lines().any(|line| line == row), "docs/manifest.md lacks this row:\n{row}");
    }
}

#[test]
fn examples_are_read_without_an_error() {
    let mut seen = 0;
    for (language, text) in blocks() {
        let (whole, head) =
            if language == "yaml" { ("stack:", "stack:\n  name: s\n") } else { ("[stack]", "[stack]\nname = \"s\"\n") };
        let text = if text.contains(whole) { text } else { format!("{head}{text}") };
        let source = if language == "yaml" { yaml(&text) } else { toml(&text) };
        let reading = read(&source, &context());
        assert!(!reading.problems.iter().any(Problem::is_error), "{text}\n{}", show(&reading));
        seen += 1;
    }
    assert!(seen >= 5, "{seen}");
}

#[test]
fn the_example_stacks_are_read_without_an_error() {
    let mut seen = 0;
    for example in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let Ok(text) = std::fs::read_to_string(example.unwrap().path().join("stack.toml")) else { continue };
        let reading = read(&toml(&text), &context());
        assert!(reading.desired.is_some(), "{text}\n{}", show(&reading));
        seen += 1;
    }
    assert!(seen > 0);
}

/// The fenced blocks of TOML and YAML.
fn blocks() -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = DOCS.lines();
    while let Some(line) = lines.next() {
        let Some(language @ ("toml" | "yaml")) = line.strip_prefix("```") else { continue };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push((language, text.join("\n") + "\n"));
    }
    blocks
}

fn rows_of(table: &'static Table, rows: &mut Vec<String>) {
    for key in table.keys {
        rows.push(row(key));
        rows_in(&key.shape, rows);
    }
    if let Some(others) = table.others {
        rows_in(&others.shape, rows);
    }
}

fn rows_in(shape: &'static Shape, rows: &mut Vec<String>) {
    match shape {
        Shape::Table(table) | Shape::Choice(table) => rows_of(table, rows),
        Shape::List { item, .. } => rows_in(item, rows),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| rows_in(shape, rows)),
        _ => {}
    }
}

fn row(key: &Key) -> String {
    let default = match key.presence {
        Presence::Required => "required".to_owned(),
        Presence::RequiredWithout(other) => format!("required without `{other}`"),
        Presence::Default(text) => format!("`{text}`"),
        Presence::Derived(words) => words.to_owned(),
    };
    let aws = if key.aws.is_empty() { String::new() } else { format!("`{}`", key.aws) };
    format!("| `{}` | {} | {default} | {aws} | {} |", key.name, words(&key.shape), key.doc)
}

fn words(shape: &Shape) -> String {
    match shape {
        Shape::Bool => "boolean".to_owned(),
        Shape::Integer { min, max } => format!("integer, {min} to {max}"),
        Shape::Fraction { min_percent, max_percent } => {
            format!("number, {} to {}", f64::from(*min_percent) / 100.0, f64::from(*max_percent) / 100.0)
        }
        Shape::Seconds { min, max } => format!("duration, {} to {}", show_seconds(*min), show_seconds(*max)),
        Shape::Bytes { min, max, .. } => format!("size, {} to {}", show_bytes(*min), show_bytes(*max)),
        Shape::OneOf(words) => words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or "),
        Shape::Text(Text::QueueKey) => "name of a queue".to_owned(),
        Shape::Text(Text::Layer) => "name of a layer or ARN".to_owned(),
        Shape::Text(Text::Path) => "path".to_owned(),
        Shape::Text(_) => "string".to_owned(),
        Shape::List { item, .. } => format!("list ({})", words(item)),
        Shape::Table(Table { keys: [], others: Some(_), .. }) => "table of your names".to_owned(),
        Shape::Table(_) | Shape::Partial(_) | Shape::Choice(_) => "table".to_owned(),
        Shape::Json => "table or JSON string".to_owned(),
        Shape::Either(shapes) => shapes.iter().map(words).collect::<Vec<_>>().join(" or "),
    }
}
