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
    let problems = errors.iter().map(|error| problem(&root, text, error)).collect();
    (root, problems)
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

fn problem(root: &Node, text: &str, error: &Error) -> Problem {
    let range = error.span().unwrap_or(0..0);
    let found = text.get(range.clone()).unwrap_or_default();
    let span = Span::new(root.span.file, range);
    if error.message() == "duplicate key" {
        return duplicate(root, found, span);
    }
    // The parser's words for a bare word, and for nothing at all.
    let unquoted = error.message().contains("string values must be quoted");
    let (message, help) = match (unquoted, found) {
        (true, "") => ("a value is missing", None),
        (true, word) => ("strings have quotes", Some(format!("write `\"{word}\"`"))),
        (false, _) => (error.message(), None),
    };
    Problem::mistake("syntax", format!("not valid TOML: {message}")).at(span, "here").maybe_help(help)
}

/// The parser says where the second of two keys is; the first is in the tree.
fn duplicate(root: &Node, key: &str, span: Span) -> Problem {
    let mut firsts = Vec::new();
    keys(root, &mut |entry| {
        if entry.key == key && entry.key_span < span {
            firsts.push(entry.key_span);
        }
    });
    let problem = Problem::mistake("duplicate_key", format!("the key `{key}` is there twice")).at(span, "again here");
    let problem = match firsts.as_slice() {
        [first] => problem.at(*first, "first here"),
        _ => problem,
    };
    problem.help("keep one, or give the other its own name")
}

fn keys(node: &Node, see: &mut impl FnMut(&Entry)) {
    for entry in node.entries() {
        see(entry);
        keys(&entry.node, see);
    }
    node.items().iter().for_each(|item| keys(item, see));
}
