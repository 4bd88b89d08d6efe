//! TOML into the spanned tree. What the parser could not understand becomes a problem each, and the rest is kept.

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue, Error},
};

use super::{
    problem::Problem,
    tree::{Entry, FileId, Node, Span, Value},
};

/// Reads a TOML document; the problems are syntax errors, and the tree is what could be understood nevertheless.
pub(super) fn parse(file: FileId, text: &str) -> (Node, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let root = Node { span: Span::new(file, 0..0), value: Value::Table(entries(file, table.into_inner())) };
    (root, errors.iter().map(|error| problem(file, text, error)).collect())
}

/// A single value, as a default is written in the format's description.
pub(super) fn parse_value(text: &str) -> Node {
    let (value, _) = DeValue::parse_recoverable(text);
    node(FileId::default(), value)
}

/// The parser keeps its tables in the order of their keys; a reader's order is the file's.
fn entries(file: FileId, table: DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table.into_iter().map(|(key, value)| entry(file, &key, value)).collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    entries
}

fn entry(file: FileId, key: &Spanned<std::borrow::Cow<'_, str>>, value: Spanned<DeValue<'_>>) -> Entry {
    Entry { key: key.get_ref().to_string(), key_span: Span::new(file, key.span()), node: node(file, value) }
}

fn node(file: FileId, value: Spanned<DeValue<'_>>) -> Node {
    let span = Span::new(file, value.span());
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(integer) => read_integer(&integer),
        DeValue::Float(float) => float.as_str().parse().map_or(Value::Other("a huge float"), Value::Float),
        DeValue::Boolean(value) => Value::Bool(value),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => Value::List(items.into_iter().map(|item| node(file, item)).collect()),
        DeValue::Table(table) => Value::Table(entries(file, table)),
    };
    Node { span, value }
}

fn read_integer(integer: &DeInteger<'_>) -> Value {
    i64::from_str_radix(integer.as_str(), integer.radix()).map_or(Value::Other("a huge integer"), Value::Integer)
}

fn problem(file: FileId, text: &str, error: &Error) -> Problem {
    let range = error.span().unwrap_or(0..0);
    let found = text.get(range.clone()).unwrap_or_default();
    let help = match error.message() {
        "duplicate key" => Some(format!("keep one `{found}`, or give the other its own name")),
        message if message.contains("string values must be quoted") => Some(format!("write `\"{found}\"`")),
        _ => None,
    };
    Problem::mistake("syntax", format!("not valid TOML: {}", error.message()))
        .at(Span::new(file, range), "here")
        .maybe_help(help)
}
