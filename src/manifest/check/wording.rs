//! What a shape accepts, and the words for a value that it does not.

use super::Place;
use crate::manifest::{
    format::{Key, Others, Rule, Shape, Table, Text, runtimes},
    problem::Problem,
    suggest,
    tree::{Entry, Node, Span, Value},
    units,
};

/// Keys that a help lists, at most; more are in the documentation.
const LISTED_KEYS_MAX: usize = 16;

/// Whether the value is of a kind that the shape takes, whatever it says.
pub(super) fn accepts(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Bool => matches!(value, Value::Bool(_)),
        Shape::Integer { .. } => matches!(value, Value::Integer(_)),
        Shape::Fraction { .. } => matches!(value, Value::Integer(_) | Value::Float(_)),
        Shape::Seconds { .. } | Shape::Bytes { .. } | Shape::OneOf(_) | Shape::Text(_) => {
            matches!(value, Value::Text(_))
        }
        Shape::List { .. } => matches!(value, Value::List(_)),
        Shape::Table(_) | Shape::Partial(_) => matches!(value, Value::Table(_) | Value::Null),
        Shape::Choice(_) => matches!(value, Value::Table(_)),
        Shape::Json => matches!(value, Value::Text(_) | Value::Table(_) | Value::List(_)),
        Shape::Either(shapes) => shapes.iter().any(|shape| accepts(shape, value)),
    }
}

/// What a shape is, for "`x` must be ..., not a table".
pub(super) fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Bool => "a boolean".to_owned(),
        Shape::Integer { .. } => "an integer".to_owned(),
        Shape::Fraction { .. } => "a number".to_owned(),
        Shape::Seconds { .. } => "a duration".to_owned(),
        Shape::Bytes { .. } => "a size".to_owned(),
        Shape::OneOf([only]) => format!("`\"{only}\"`"),
        Shape::OneOf(_) | Shape::Text(_) => "a string".to_owned(),
        Shape::List { .. } => "a list".to_owned(),
        Shape::Table(_) | Shape::Partial(_) | Shape::Choice(_) => "a table".to_owned(),
        Shape::Json => "a table or a string of JSON".to_owned(),
        Shape::Either(shapes) => shapes.iter().map(describe).collect::<Vec<_>>().join(" or "),
    }
}

/// How the value would be written, where that is plain to see.
pub(super) fn instead(node: &Node, shape: &Shape, written: &str) -> Option<String> {
    let scalar = matches!(node.value, Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Other(_));
    match (shape, &node.value) {
        (Shape::Seconds { .. }, Value::Integer(number)) if *number >= 0 => {
            let shown = units::show_seconds(number.unsigned_abs());
            Some(format!("a duration has a unit: write `\"{shown}\"`"))
        }
        (Shape::Bytes { step, .. }, Value::Integer(number)) if *number > 0 => {
            let shown = units::show_bytes(number.unsigned_abs().saturating_mul(*step));
            Some(format!("a size has a unit: write `\"{shown}\"`"))
        }
        (Shape::Seconds { .. }, _) => Some("write it like `\"30s\"`, `\"5m\"` or `\"1h30m\"`".to_owned()),
        (Shape::Bytes { .. }, _) => Some("write it like `\"128MiB\"` or `\"256KiB\"`".to_owned()),
        (Shape::Text(_) | Shape::OneOf(_), _) if scalar => Some(format!("write `\"{written}\"`")),
        (Shape::Integer { .. }, Value::Text(text)) if text.parse::<i64>().is_ok() => {
            Some(format!("write `{text}`, without quotes"))
        }
        (Shape::Bool, Value::Text(text)) if matches!(text.as_str(), "true" | "false") => {
            Some(format!("write `{text}`, without quotes"))
        }
        (Shape::List { .. }, Value::Text(text)) => Some(format!("write `[\"{text}\"]`")),
        (Shape::List { item: Shape::Table(_), .. }, Value::Table(_)) => {
            Some("a list of tables is written `[[...]]` in TOML, and with `-` in YAML".to_owned())
        }
        _ => None,
    }
}

pub(super) fn unknown_key(entry: &Entry, table: &'static Table, place: &Place) -> Problem {
    let names = || table.keys.iter().map(|key| key.name);
    let by_aws_name = table.keys.iter().find(|key| is_aws_name(key, &entry.key));
    let help = by_aws_name
        .map(|key| format!("it is written `{}` here", key.name))
        .or_else(|| suggest::did_you_mean(&entry.key, names()))
        .or_else(|| inside(entry, table))
        .or_else(|| (!table.keys.is_empty()).then(|| known(names())));
    Problem::mistake("unknown_key", format!("unknown key `{}` in {}", entry.key, place.table_name()))
        .at(entry.key_span, "unknown key")
        .maybe_help(help)
}

/// `MemorySize`, `memory_size` or `memorySize` for `memory`.
fn is_aws_name(key: &Key, name: &str) -> bool {
    !key.aws.is_empty() && suggest::fold(key.aws) == suggest::fold(name)
}

/// A key that belongs one table deeper.
fn inside(entry: &Entry, table: &'static Table) -> Option<String> {
    table.keys.iter().find_map(|outer| {
        let meant = |key: &&Key| is_aws_name(key, &entry.key) || suggest::fold(key.name) == suggest::fold(&entry.key);
        let key = table_in(&outer.shape)?.keys.iter().find(meant)?;
        Some(format!("it is written `{}`, inside `{}`", key.name, outer.name))
    })
}

fn table_in(shape: &'static Shape) -> Option<&'static Table> {
    match shape {
        Shape::Table(table) => Some(table),
        Shape::List { item, .. } => table_in(item),
        Shape::Either(shapes) => shapes.iter().find_map(table_in),
        _ => None,
    }
}

fn known<'n>(names: impl Iterator<Item = &'n str> + Clone) -> String {
    let more = names.clone().count() > LISTED_KEYS_MAX;
    format!(
        "the keys here are {}{}",
        suggest::all_of(names.take(LISTED_KEYS_MAX)),
        if more { ", and more" } else { "" }
    )
}

/// A name of the user's choosing that was meant to be a fixed one: it resembles one and does not stand on its own.
pub(super) fn misspelt(entry: &Entry, table: &'static Table, others: &'static Others) -> Option<&'static str> {
    let Shape::Table(inner) = &others.shape else { return None };
    let incomplete = inner.keys.iter().any(|key| key.is_missing(|name| entry.node.get(name).is_some()));
    if incomplete { suggest::closest(&entry.key, table.keys.iter().map(|key| key.name)) } else { None }
}

pub(super) fn bad_quantity(
    node: &Node,
    (text, noun): (&str, &str),
    instead: Option<String>,
    form: &str,
    place: &Place,
) -> Problem {
    let message = format!("`{}` is `{text}`, which is not {noun}", place.name);
    let help = instead.map_or_else(|| form.to_owned(), |instead| format!("write `\"{instead}\"`; {form}"));
    Problem::mistake("bad_value", message).at(node.span, format!("not {noun}")).help(help)
}

pub(super) fn bad_text(node: &Node, found: &str, rule: &'static Rule, place: &Place) -> Problem {
    let message = if found.is_empty() {
        format!("`{}` is empty", place.name)
    } else {
        format!("`{}` is `{found}`, which is not {}", place.name, rule.noun)
    };
    let runtime = if rule.noun == "a runtime" { suggest::did_you_mean(found, runtimes()) } else { None };
    Problem::mistake("bad_value", message)
        .at(node.span, format!("not {}", rule.noun))
        .help(runtime.unwrap_or_else(|| rule.rule.to_owned()))
}

pub(in crate::manifest) fn unset(name: &str, span: Span) -> Problem {
    if name.is_empty() {
        return Problem::mistake("bad_reference", "`${env:}` names no variable")
            .at(span, "no name")
            .help("write `${env:NAME}` or `${env:NAME:-default}`");
    }
    Problem::mistake("unset_variable", format!("the environment variable `{name}` is not set"))
        .at(span, "not set, and without a default")
        .help(format!("set it, or give a default: `${{env:{name}:-value}}`"))
}

pub(in crate::manifest) fn unclosed(span: Span) -> Problem {
    Problem::mistake("bad_reference", "a `${` without its `}`")
        .at(span, "starts here")
        .help("close it; `$${` is a literal `${`")
}

/// A description's first sentence, as a part of another.
pub(super) fn first_sentence(doc: &str) -> String {
    let sentence = doc.split(". ").next().unwrap_or_default().trim_end_matches('.');
    let second_is_upper = sentence.chars().nth(1).is_some_and(char::is_uppercase);
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) if !second_is_upper => first.to_lowercase().chain(characters).collect(),
        _ => sentence.to_owned(),
    }
}

/// Whether a shape's text is left as it is until its references are resolved.
pub(super) fn is_deferred(text: Text) -> bool {
    matches!(text, Text::Template | Text::QueueKey)
}
