//! The tree against the format: unknown and missing keys, types, ranges and names. Replaces `${env:NAME}` on its way.
//!
//! Knows nothing of what keys mean together.

mod wording;

use wording::{accepts, bad_quantity, bad_text, describe, first_sentence, instead, is_deferred, misspelt, unknown_key};
pub(super) use wording::{unclosed, unset};

use super::{
    format::{CONCURRENCY_MAX, Key, Others, ROOT, Shape, Table, Text},
    problem::Problem,
    suggest,
    template::{self, Piece},
    tree::{Entry, Files, Node, Span, Value},
    units,
};

/// Checks a whole manifest. What is wrong becomes a problem each; the tree then has environment variables in it.
pub(super) fn check(root: &mut Node, files: &Files<'_>, env: &dyn Fn(&str) -> Option<String>) -> Vec<Problem> {
    let mut checker = Checker { files, env, problems: Vec::new() };
    let place =
        Place { path: String::new(), name: "the manifest".to_owned(), span: root.span, partial: false, dormant: false };
    checker.table(root, &ROOT, &place);
    checker.problems
}

struct Checker<'a> {
    files: &'a Files<'a>,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

/// Where a value stands.
#[derive(Clone)]
struct Place {
    /// `queues.orders`; empty for the root.
    path: String,
    /// The last part of the path, for messages.
    name: String,
    /// The key, or the item of a list.
    span: Span,
    /// Whether required keys may be absent, because they are in what this overlays.
    partial: bool,
    /// Whether it is in a profile, which need not be the chosen one: then it need not have its variables.
    dormant: bool,
}

impl Place {
    fn inside(&self, entry: &Entry) -> Self {
        let path = if self.path.is_empty() { entry.key.clone() } else { format!("{}.{}", self.path, entry.key) };
        Self { path, name: entry.key.clone(), span: entry.key_span, partial: self.partial, dormant: self.dormant }
    }

    /// An item is never merged with another, so it is complete.
    fn item(&self, index: usize, node: &Node) -> Self {
        let (path, name) = (format!("{}[{index}]", self.path), format!("{}[{index}]", self.name));
        Self { path, name, span: node.span, partial: false, dormant: self.dormant }
    }

    /// The table's name in a message.
    fn table_name(&self) -> String {
        if self.path.is_empty() { self.name.clone() } else { format!("`{}`", self.path) }
    }
}

impl Checker<'_> {
    fn value(&mut self, node: &mut Node, shape: &'static Shape, key: Option<&Key>, place: &Place) {
        if !accepts(shape, &node.value) {
            self.problems.push(self.wrong_type(node, shape, place));
            return;
        }
        match shape {
            Shape::Bool => {}
            Shape::Integer { min, max } => self.integer(node, *min, *max, key, place),
            Shape::Fraction { min_percent, max_percent } => self.fraction(node, *min_percent, *max_percent, place),
            Shape::Seconds { min, max } => self.seconds(node, *min, *max, key, place),
            Shape::Bytes { min, max, step } => self.bytes(node, (*min, *max, *step), key, place),
            Shape::OneOf(words) => self.one_of(node, words, place),
            Shape::Text(text) => self.text(node, *text, place),
            Shape::List { item, max } => self.list(node, item, *max, place),
            Shape::Table(table) => self.table(node, table, place),
            Shape::Partial(table) => self.table(node, table, &Place { partial: true, dormant: true, ..place.clone() }),
            Shape::Choice(table) => self.choice(node, table, place),
            Shape::Json => self.json(node, place),
            Shape::Either(shapes) => {
                if let Some(shape) = shapes.iter().find(|shape| accepts(shape, &node.value)) {
                    self.value(node, shape, key, place);
                }
            }
        }
    }

    fn table(&mut self, node: &mut Node, table: &'static Table, place: &Place) {
        if let Value::Null = node.value {
            node.value = Value::Table(Vec::new());
        }
        self.missing(node, table, place);
        let Value::Table(entries) = &mut node.value else { return };
        let fixed = |entry: &Entry| table.key(&entry.key).is_some();
        if let Some(others) = table.others {
            let extra = entries.iter().filter(|entry| !fixed(entry)).nth(others.max).map(|entry| entry.key_span);
            if let Some(span) = extra {
                let message = format!("{} has more than {} entries", place.table_name(), others.max);
                self.problems.push(Problem::mistake("out_of_range", message).at(span, "one too many"));
            }
        }
        for entry in entries {
            let inner = place.inside(entry);
            match (table.key(&entry.key), table.others) {
                (Some(key), _) => self.value(&mut entry.node, &key.shape, Some(key), &inner),
                (None, Some(others)) => self.other(entry, table, others, &inner),
                (None, None) => self.problems.push(unknown_key(entry, table, place)),
            }
        }
    }

    fn missing(&mut self, node: &Node, table: &'static Table, place: &Place) {
        if place.partial {
            return;
        }
        for key in table.keys {
            if key.is_missing(|name| node.get(name).is_some()) {
                let message = format!("`{}` is missing in {}", key.name, place.table_name());
                let problem = Problem::mistake("missing_key", message).at(place.span, format!("needs `{}`", key.name));
                self.problems.push(problem.help(format!("`{}`: {}", key.name, first_sentence(key.doc))));
            }
        }
    }

    /// An entry whose key is the user's choice.
    fn other(&mut self, entry: &mut Entry, table: &'static Table, others: &'static Others, place: &Place) {
        if let Some(meant) = misspelt(entry, table, others) {
            let message = format!("`{}` is no target, and has no `endpoint` of its own", entry.key);
            let problem = Problem::mistake("unknown_key", message).at(entry.key_span, "unknown");
            self.problems.push(problem.help(format!("did you mean `{meant}`?")));
            return;
        }
        if !(others.names.legal)(&entry.key) {
            let message = format!("`{}` cannot be the name of {}", entry.key, others.noun);
            let problem = Problem::mistake("bad_name", message).at(entry.key_span, "bad name");
            self.problems.push(problem.help(others.names.rule));
        }
        self.value(&mut entry.node, &others.shape, None, place);
    }

    fn choice(&mut self, node: &mut Node, table: &'static Table, place: &Place) {
        let known: Vec<(String, Span)> = node
            .entries()
            .iter()
            .filter(|entry| table.key(&entry.key).is_some())
            .map(|entry| (entry.key.clone(), entry.key_span))
            .collect();
        let names = suggest::one_of(table.keys.iter().map(|key| key.name));
        match known.as_slice() {
            [(first, span), (second, other), ..] => {
                let message = format!("`{}` must be one of {names}, not several", place.name);
                let problem = Problem::mistake("bad_value", message);
                self.problems.push(problem.at(*other, format!("`{second}`")).at(*span, format!("and `{first}`")));
            }
            [] if node.entries().is_empty() => {
                let problem = Problem::mistake("missing_key", format!("`{}` names nothing", place.name));
                self.problems.push(problem.at(node.span, "empty").help(format!("write {names}")));
            }
            _ => {}
        }
        self.table(node, table, &Place { partial: false, ..place.clone() });
    }

    fn list(&mut self, node: &mut Node, item: &'static Shape, max: usize, place: &Place) {
        let Value::List(items) = &mut node.value else { return };
        if let Some(extra) = items.get(max) {
            let message = format!("`{}` has {} items, and at most {max} are allowed", place.name, items.len());
            self.problems.push(Problem::mistake("out_of_range", message).at(extra.span, "one too many"));
        }
        for (index, node) in items.iter_mut().enumerate() {
            let inner = place.item(index, node);
            self.value(node, item, None, &inner);
        }
    }

    fn integer(&mut self, node: &Node, min: i64, max: i64, key: Option<&Key>, place: &Place) {
        let Value::Integer(value) = node.value else { return };
        // Where AWS has no upper limit, the bound is the format's own.
        let key = key.filter(|_| max < CONCURRENCY_MAX);
        if !(min..=max).contains(&value) {
            self.out_of_range(node, &value.to_string(), (&min.to_string(), &max.to_string()), key, place);
        }
    }

    fn fraction(&mut self, node: &Node, min_percent: u32, max_percent: u32, place: &Place) {
        let value = match node.value {
            Value::Float(value) => value,
            Value::Integer(value) => i32::try_from(value).map_or(f64::INFINITY, f64::from),
            _ => f64::NEG_INFINITY,
        };
        let (min, max) = (f64::from(min_percent) / 100.0, f64::from(max_percent) / 100.0);
        if !(min..=max).contains(&value) {
            let found = self.files.text(node.span).to_owned();
            self.out_of_range(node, &found, (&min.to_string(), &max.to_string()), None, place);
        }
    }

    fn seconds(&mut self, node: &Node, min: u64, max: u64, key: Option<&Key>, place: &Place) {
        let Some(text) = node.as_text() else { return };
        let ms = match units::parse_duration_ms(text) {
            Ok(ms) => ms,
            Err(bad) => {
                let help = "a duration is a number with a unit, like `30s`, `5m`, `1h30m` or `500ms`";
                self.problems.push(bad_quantity(node, (text, "a duration"), bad.instead, help, place));
                return;
            }
        };
        if ms % 1000 != 0 {
            let message = format!("`{}` is `{text}`, and AWS takes whole seconds", place.name);
            let instead = units::show_seconds(ms.div_ceil(1000));
            let problem = Problem::mistake("bad_value", message).at(node.span, "not whole seconds");
            self.problems.push(problem.help(format!("write `\"{instead}\"`")));
        } else if !(min..=max).contains(&(ms / 1000)) {
            self.out_of_range(node, text, (&units::show_seconds(min), &units::show_seconds(max)), key, place);
        }
    }

    fn bytes(&mut self, node: &Node, (min, max, step): (u64, u64, u64), key: Option<&Key>, place: &Place) {
        let Some(text) = node.as_text() else { return };
        let bytes = match units::parse_size_bytes(text) {
            Ok(bytes) => bytes,
            Err(bad) => {
                let help = "a size is a number with a binary unit, like `128MiB`, `256KiB` or `1GiB`";
                self.problems.push(bad_quantity(node, (text, "a size"), bad.instead, help, place));
                return;
            }
        };
        if !(min..=max).contains(&bytes) {
            self.out_of_range(node, text, (&units::show_bytes(min), &units::show_bytes(max)), key, place);
        } else if bytes % step != 0 {
            let step = units::show_bytes(step);
            let message = format!("`{}` is `{text}`, and AWS takes multiples of `{step}`", place.name);
            self.problems.push(Problem::mistake("bad_value", message).at(node.span, "no multiple"));
        }
    }

    fn out_of_range(&mut self, node: &Node, found: &str, (min, max): (&str, &str), key: Option<&Key>, place: &Place) {
        let message = format!("`{}` is `{found}`, and must be `{min}` to `{max}`", place.name);
        let limit = key.filter(|key| !key.aws.is_empty()).map(|key| format!("it is AWS's limit of `{}`", key.aws));
        self.problems.push(Problem::mistake("out_of_range", message).at(node.span, "out of range").maybe_help(limit));
    }

    fn one_of(&mut self, node: &Node, words: &'static [&'static str], place: &Place) {
        let Some(text) = node.as_text() else { return };
        if words.contains(&text) {
            return;
        }
        let known = suggest::one_of(words.iter().copied());
        let message = format!("`{}` must be {known}, not `{text}`", place.name);
        let help = suggest::did_you_mean(text, words.iter().copied());
        self.problems.push(Problem::mistake("bad_value", message).at(node.span, "unknown").maybe_help(help));
    }

    fn json(&mut self, node: &Node, place: &Place) {
        let Some(text) = node.as_text() else { return };
        if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
            let problem = Problem::mistake("bad_value", format!("`{}` is not valid JSON: {error}", place.name));
            self.problems.push(problem.at(node.span, "not JSON").help("it can also be written as a table"));
        }
    }

    fn text(&mut self, node: &mut Node, text: Text, place: &Place) {
        if is_deferred(text) {
            return;
        }
        if !place.dormant {
            self.expand(node, place);
        }
        let Some(found) = node.as_text().filter(|found| !place.dormant || !found.contains("${")) else { return };
        match text {
            Text::Free { max } if found.chars().count() > max => {
                let message =
                    format!("`{}` has {} characters, and at most {max} are allowed", place.name, found.chars().count());
                self.problems.push(Problem::mistake("out_of_range", message).at(node.span, "too long"));
            }
            Text::Path if found.is_empty() => {
                let message = format!("`{}` is empty", place.name);
                let problem = Problem::mistake("bad_value", message).at(node.span, "empty");
                self.problems.push(problem.help("write `\".\"` for the manifest's own directory"));
            }
            Text::Rule(rule) if !(rule.legal)(found) => self.problems.push(bad_text(node, found, rule, place)),
            _ => {}
        }
    }

    /// Replaces environment variables; nothing else can be referred to here.
    fn expand(&mut self, node: &mut Node, place: &Place) {
        let Value::Text(text) = &node.value else { return };
        if !text.contains("${") {
            return;
        }
        let (raw, mut expanded) = (text.clone(), String::new());
        for piece in template::pieces(&raw) {
            match piece {
                Piece::Text(text) => expanded.push_str(&text),
                Piece::Env { name, default, range } => match template::resolve(self.env, &name, default.as_deref()) {
                    Some(value) => expanded.push_str(&value),
                    None => self.problems.push(unset(&name, self.files.within(node, &raw, range))),
                },
                Piece::Reference { body, range } => {
                    let message = format!("`{}` cannot refer to `{body}`", place.name);
                    let problem = Problem::mistake("bad_reference", message)
                        .at(self.files.within(node, &raw, range), "only `${env:NAME}` is known here")
                        .help("the values of `environment` can refer to the stack; `$${` is a literal `${`");
                    self.problems.push(problem);
                }
                Piece::Unclosed { range } => self.problems.push(unclosed(self.files.within(node, &raw, range))),
            }
        }
        node.value = Value::Text(expanded);
    }

    fn wrong_type(&self, node: &Node, shape: &Shape, place: &Place) -> Problem {
        let message = match node.value {
            Value::Null => format!("`{}` has no value", place.name),
            _ => format!("`{}` must be {}, not {}", place.name, describe(shape), node.kind_name()),
        };
        let span = if node.span.len() == 0 { place.span } else { node.span };
        Problem::mistake("wrong_type", message).at(span, format!("found {}", node.kind_name())).maybe_help(instead(
            node,
            shape,
            self.files.text(node.span),
        ))
    }
}
