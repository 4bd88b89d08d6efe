//! The constraints of a service model as a table, read from the text that `extract.py` wrote.
//!
//! A line is `input OPERATION MEMBER...`, or a shape's: `structure NAME MEMBER...`, `list NAME BOUNDS ITEM`,
//! `map NAME BOUNDS KEY VALUE`, `enum NAME VALUE...`, and `string|integer|float NAME BOUNDS /PATTERN`. A member is
//! `NAME[!][@PLACE]=SHAPE`: `!` says that it is required, the place where a REST request has it. A `*` after the kind marks
//! what must not be shown. A scalar without constraints stands as its type's name.

use std::{collections::BTreeMap, sync::OnceLock};

use regex_lite::Regex;

/// One service model.
#[derive(Debug)]
pub(in crate::wire) struct Table {
    shapes: BTreeMap<&'static str, Shape>,
    inputs: BTreeMap<&'static str, Vec<Member>>,
}

/// A member of a structure or of an operation's input.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) place: Place,
    pub(super) shape: &'static str,
}

/// Where a request has a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Body,
    /// The next label of the path.
    Path,
    Query(&'static str),
    Header(&'static str),
}

#[derive(Debug)]
pub(super) struct Shape {
    pub(super) is_secret: bool,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Structure(Vec<Member>),
    List {
        bounds: Bounds,
        item: &'static str,
    },
    Map {
        bounds: Bounds,
        key: &'static str,
        value: &'static str,
    },
    Enum(Vec<&'static str>),
    Text {
        bounds: Bounds,
        pattern: Option<Pattern>,
    },
    Number {
        bounds: Bounds,
        is_integer: bool,
    },
    Boolean,
    /// Without constraints: timestamps and blobs.
    Free,
}

/// A closed range, as the model writes it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    pub(super) least: Option<&'static str>,
    pub(super) most: Option<&'static str>,
}

impl Bounds {
    /// `LEAST..MOST`, each of which may be missing.
    fn parse(text: &'static str) -> Option<Self> {
        let (least, most) = text.split_once("..")?;
        let some = |text: &'static str| (!text.is_empty()).then_some(text);
        Some(Self { least: some(least), most: some(most) })
    }
}

/// A regular expression of the model, in Java's dialect.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Whether all of `value` matches.
    pub(super) fn matches(&self, value: &str) -> bool {
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        if NOT_A_NUMBER.iter().any(|look| self.text.contains(look)) && is_number
            || self.text.ends_with(NO_DOT_AT_END) && value.ends_with('.')
        {
            return false;
        }
        let compiled = self.compiled.get_or_init(|| Regex::new(&translated(self.text)).ok());
        compiled.as_ref().is_none_or(|regex| regex.is_match(value))
    }

    #[cfg(test)]
    fn compiles(&self) -> bool {
        Regex::new(&translated(self.text)).is_ok()
    }
}

const NOT_A_NUMBER: [&str; 2] = ["(?!^[0-9]+$)", "(?!^\\d+$)"];
const NO_DOT_AT_END: &str = "(?<!\\.)";

/// The pattern without what `regex_lite` does not know: looking around, which [`Pattern::matches`] does by itself, and
/// classes of Unicode, for which all that is not ASCII stands.
fn translated(pattern: &str) -> String {
    let mut text = pattern.replace(NO_DOT_AT_END, "");
    for look in NOT_A_NUMBER {
        text = text.replace(look, "");
    }
    // All that is printed, and pairs of surrogates for all that is beyond.
    let text = text.replace("\\p{Print}", "[ -~]").replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\u{10000}-\\u{10FFFF}");
    let text = text.replace("\\p{L}", "a-zA-Z\\u{80}-\\u{10FFFF}").replace("\\p{Z}", " ").replace("\\p{N}", "0-9");
    format!("^(?:{text})$")
}

impl Table {
    /// Reads the text of a model; it is part of the program, so a mistake in it is one of the program.
    pub(in crate::wire) fn read(text: &'static str) -> Self {
        let mut table = Self { shapes: BTreeMap::new(), inputs: BTreeMap::new() };
        for (name, kind) in [
            ("string", Kind::Text { bounds: Bounds::default(), pattern: None }),
            ("integer", Kind::Number { bounds: Bounds::default(), is_integer: true }),
            ("float", Kind::Number { bounds: Bounds::default(), is_integer: false }),
            ("boolean", Kind::Boolean),
            ("timestamp", Kind::Free),
            ("blob", Kind::Free),
        ] {
            table.shapes.insert(name, Shape { is_secret: false, kind });
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (kind, rest) = line.split_once(' ').expect("a line has a kind and a name");
            let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            if kind == "input" {
                table.inputs.insert(name, members(rest));
            } else {
                let is_secret = kind.ends_with('*');
                let kind = shape(kind.trim_end_matches('*'), rest);
                table.shapes.insert(name, Shape { is_secret, kind });
            }
        }
        table
    }

    /// The members of an operation's input; none of an operation that the table does not have.
    pub(super) fn input(&self, operation: &str) -> &[Member] {
        self.inputs.get(operation).map_or(&[], Vec::as_slice)
    }

    /// Whether the table has the operation.
    pub(in crate::wire) fn has(&self, operation: &str) -> Option<&'static str> {
        self.inputs.get_key_value(operation).map(|(name, _)| *name)
    }

    #[cfg(test)]
    pub(in crate::wire) fn operations(&self) -> impl Iterator<Item = &'static str> {
        self.inputs.keys().copied()
    }

    pub(super) fn shape(&self, name: &str) -> &Shape {
        self.shapes.get(name).expect("the extract holds every shape that it names")
    }
}

fn members(text: &'static str) -> Vec<Member> {
    text.split_whitespace()
        .map(|member| {
            let (left, shape) = member.split_once('=').expect("a member has a shape");
            let (name, place) = left.split_once('@').unwrap_or((left, ""));
            let place = match place.split_once(':') {
                Some(("query", name)) => Place::Query(name),
                Some((_, name)) => Place::Header(name),
                None if place == "uri" => Place::Path,
                None => Place::Body,
            };
            let required = left.contains('!');
            Member { name: name.trim_end_matches('!'), required, place, shape }
        })
        .collect()
}

fn shape(kind: &str, text: &'static str) -> Kind {
    let (constraints, pattern) = match (kind, text.split_once('/')) {
        ("string", Some((before, pattern))) => (before, Some(pattern)),
        _ => (text, None),
    };
    let mut words = constraints.split_whitespace().peekable();
    let bounds = match kind {
        "structure" | "enum" => None,
        _ => words.peek().and_then(|word| Bounds::parse(word)),
    };
    if bounds.is_some() {
        words.next();
    }
    let bounds = bounds.unwrap_or_default();
    let mut word = || words.next().expect("a list names its item, a map key and value");
    match kind {
        "structure" => Kind::Structure(members(text)),
        "enum" => Kind::Enum(text.split_whitespace().collect()),
        "list" => Kind::List { bounds, item: word() },
        "map" => Kind::Map { bounds, key: word(), value: word() },
        "string" => Kind::Text { bounds, pattern: pattern.map(|text| Pattern { text, compiled: OnceLock::new() }) },
        "integer" => Kind::Number { bounds, is_integer: true },
        _ => Kind::Number { bounds, is_integer: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::constraints::{AUTOSCALING, IAM, LAMBDA, LOGS, SCHEDULER, STS};

    #[test]
    fn every_shape_is_there_and_every_pattern_is_understood() {
        for table in [&*LAMBDA, &*LOGS, &*IAM, &*STS, &*SCHEDULER, &*AUTOSCALING] {
            let of_inputs = table.inputs.values().flatten();
            let named: Vec<&str> = of_inputs
                .chain(table.shapes.values().flat_map(|shape| match &shape.kind {
                    Kind::Structure(members) => members.as_slice(),
                    _ => &[],
                }))
                .map(|member| member.shape)
                .chain(table.shapes.values().flat_map(|shape| match shape.kind {
                    Kind::List { item, .. } => vec![item],
                    Kind::Map { key, value, .. } => vec![key, value],
                    _ => Vec::new(),
                }))
                .collect();
            assert!(named.len() > 20);
            for name in named {
                table.shape(name);
            }
            for (name, shape) in &table.shapes {
                if let Kind::Text { pattern: Some(pattern), .. } = &shape.kind {
                    assert!(pattern.compiles(), "{name}: {}", pattern.text);
                }
            }
        }
    }

    #[test]
    fn patterns_match_as_in_java() {
        let check = |shape: &str, value: &str, expected: bool| {
            let Kind::Text { pattern: Some(pattern), .. } = &LAMBDA.shape(shape).kind else { panic!("{shape}") };
            assert_eq!(pattern.matches(value), expected, "{shape} {value}");
        };
        check("Alias", "live-1", true);
        check("Alias", "17", false);
        check("S3Bucket", "a.b", true);
        check("S3Bucket", "ab.", false);
        check("LocalMountPath", "/mnt/a", true);
        check("LocalMountPath", "/opt/a", false);
        check("Handler", "a b", false);
        check("FunctionName", "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", true);
        check("FunctionName", "a b", false);
        check("RoleArn", "arn:aws:iam::123456789012:role/a/b", true);
        check("RoleArn", "r", false);
    }
}
