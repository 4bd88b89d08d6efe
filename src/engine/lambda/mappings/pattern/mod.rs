//! Filter patterns of event source mappings: which messages a function sees. Pure.
//!
//! A pattern is parsed once into tests that cannot be malformed, and then only matched. The language is EventBridge's, as
//! far as Lambda takes it (Lambda developer guide, "invocation-eventfiltering").

mod parse;
mod text;

use std::borrow::Cow;

use serde_json::Value;
use text::{Wildcard, ends_with_ignoring_case, equals_ignoring_case, starts_with_ignoring_case};

/// Filters of one mapping, without a quota increase.
pub(super) const FILTERS_MAX: usize = 5;
/// The record's key that holds the message itself.
const BODY: &str = "body";

/// The filters of a mapping: a message passes that matches one of them, or any message when there are none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Filters {
    patterns: Vec<Pattern>,
}

/// One parsed pattern.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern {
    root: Fields,
    /// Whether it asks for anything but the body.
    asks_metadata: bool,
}

/// Fields of one object that must all match, and alternatives of which, in each list, one must.
#[derive(Clone, Debug, Default, PartialEq)]
struct Fields {
    all: Vec<(String, Node)>,
    /// The lists of `$or`.
    any_of: Vec<Vec<Fields>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Object(Fields),
    /// One of the tests must hold for the value, or for one of its elements when it is a list.
    Leaf(Vec<Test>),
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Exists(bool),
    Literal(Literal),
    Numeric(Range),
    Text(TextTest),
    AnythingBut(Vec<Literal>),
    AnythingButText(Vec<TextTest>),
}

#[derive(Clone, Debug, PartialEq)]
enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq)]
enum TextTest {
    Prefix(String),
    PrefixIgnoringCase(String),
    Suffix(String),
    SuffixIgnoringCase(String),
    EqualsIgnoringCase(String),
    Wildcard(Wildcard),
}

/// A numeric range; each end is a bound and whether it belongs to the range.
#[derive(Clone, Debug, PartialEq)]
struct Range {
    low: Option<(f64, bool)>,
    high: Option<(f64, bool)>,
}

/// Why a text is no pattern, for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PatternError(pub(super) String);

/// A message as filters see it.
pub(super) struct Candidate<'a> {
    body: &'a str,
    /// The body when it is a JSON object or list. A bare number, word or quoted text counts as a plain string: AWS's
    /// table knows "plain string" and "valid JSON", and a plain string filter must be able to match `42`.
    json: Option<Value>,
    metadata: Value,
}

impl Filters {
    /// The filters of these patterns.
    ///
    /// # Errors
    /// The first mistake.
    pub(super) fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        let patterns = patterns.into_iter().map(Pattern::parse).collect::<Result<_, _>>()?;
        Ok(Self { patterns })
    }

    /// Whether the message with this body passes. `record` is its record in the event, in JSON; it is read only when a
    /// pattern asks for more than the body.
    pub(super) fn pass(&self, body: &str, record: &[u8]) -> bool {
        if self.patterns.is_empty() {
            return true;
        }
        let asks_metadata = self.patterns.iter().any(|pattern| pattern.asks_metadata);
        let metadata = if asks_metadata { serde_json::from_slice(record).unwrap_or(Value::Null) } else { Value::Null };
        let candidate = Candidate { body, json: structured(body), metadata };
        self.patterns.iter().any(|pattern| pattern.matches(&candidate))
    }
}

impl Pattern {
    /// Whether all that the pattern asks for holds.
    pub(super) fn matches(&self, candidate: &Candidate<'_>) -> bool {
        self.root.match_record(candidate)
    }
}

impl Fields {
    /// Matches at the top, where the body follows its own rules (Lambda developer guide, "with-sqs-filtering"): a plain
    /// string filter drops a JSON body and the other way round.
    fn match_record(&self, candidate: &Candidate<'_>) -> bool {
        let field = |(key, node): &(String, Node)| {
            if key == BODY { node.match_body(candidate) } else { node.matches(candidate.metadata.get(key)) }
        };
        self.all.iter().all(field)
            && self.any_of.iter().all(|list| list.iter().any(|fields| fields.match_record(candidate)))
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match value {
            // All fields must match in one and the same element.
            Some(Value::Array(elements)) if !elements.is_empty() => {
                elements.iter().any(|element| self.matches(Some(element)))
            }
            _ => {
                let field = |(key, node): &(String, Node)| node.matches(value.and_then(|value| value.get(key)));
                self.all.iter().all(field)
                    && self.any_of.iter().all(|list| list.iter().any(|fields| fields.matches(value)))
            }
        }
    }
}

impl Node {
    fn match_body(&self, candidate: &Candidate<'_>) -> bool {
        match (self, &candidate.json) {
            (Self::Object(fields), Some(json)) => fields.matches(Some(json)),
            (Self::Leaf(tests), None) => {
                let text = Scalar::Text(Cow::Borrowed(candidate.body));
                tests.iter().any(|test| test.holds(Some(&text)))
            }
            (Self::Object(_), None) | (Self::Leaf(_), Some(_)) => false,
        }
    }

    fn matches(&self, value: Option<&Value>) -> bool {
        match self {
            Self::Object(fields) => fields.matches(value),
            Self::Leaf(tests) => match value {
                Some(Value::Array(elements)) if !elements.is_empty() => {
                    elements.iter().any(|element| Self::leaf_holds(tests, Some(element)))
                }
                _ => Self::leaf_holds(tests, value),
            },
        }
    }

    fn leaf_holds(tests: &[Test], value: Option<&Value>) -> bool {
        let scalar = value.and_then(Scalar::of);
        tests.iter().any(|test| test.holds(scalar.as_ref()))
    }
}

/// A value at a leaf. Objects and empty lists are none: nothing exists there.
enum Scalar<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
}

impl<'a> Scalar<'a> {
    fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(Cow::Borrowed(text))),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Scalar<'_>>) -> bool {
        let Some(value) = value else { return matches!(self, Self::Exists(false)) };
        match self {
            Self::Exists(wanted) => *wanted,
            Self::Literal(literal) => literal.equals(value),
            Self::Numeric(range) => matches!(value, Scalar::Number(number) if range.contains(*number)),
            Self::Text(test) => matches!(value, Scalar::Text(text) if test.holds(text)),
            Self::AnythingBut(literals) => !literals.iter().any(|literal| literal.equals(value)),
            Self::AnythingButText(tests) => match value {
                Scalar::Text(text) => !tests.iter().any(|test| test.holds(text)),
                Scalar::Null | Scalar::Bool(_) | Scalar::Number(_) => true,
            },
        }
    }
}

impl Literal {
    #[expect(clippy::float_cmp, reason = "a literal equals the same number, as written")]
    fn equals(&self, value: &Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Null, Scalar::Null) => true,
            (Self::Bool(wanted), Scalar::Bool(found)) => wanted == found,
            (Self::Number(wanted), Scalar::Number(found)) => wanted == found,
            (Self::Text(wanted), Scalar::Text(found)) => wanted == found,
            _ => false,
        }
    }
}

impl TextTest {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::PrefixIgnoringCase(prefix) => starts_with_ignoring_case(text, prefix),
            Self::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Self::SuffixIgnoringCase(suffix) => ends_with_ignoring_case(text, suffix),
            Self::EqualsIgnoringCase(wanted) => equals_ignoring_case(text, wanted),
            Self::Wildcard(wildcard) => wildcard.matches(text),
        }
    }
}

impl Range {
    fn contains(&self, number: f64) -> bool {
        let above = self.low.is_none_or(|(bound, inside)| if inside { number >= bound } else { number > bound });
        let below = self.high.is_none_or(|(bound, inside)| if inside { number <= bound } else { number < bound });
        above && below
    }
}

fn structured(body: &str) -> Option<Value> {
    let opens = body.trim_start().starts_with(['{', '[']);
    if opens { serde_json::from_str(body).ok() } else { None }
}

#[cfg(test)]
mod tests;
