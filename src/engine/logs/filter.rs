//! Filter patterns of log events (CloudWatch Logs user guide, "FilterAndPatternSyntax"): terms, and conditions on JSON.
//! Pure.
//!
//! Regular expressions and space-delimited patterns are refused by name.

use serde_json::Value;

use crate::engine::glob;

/// Characters of a pattern.
const PATTERN_MAX_CHARS: usize = 1024;
/// How deep parentheses may nest.
const DEPTH_MAX: usize = 32;

/// A parsed pattern.
#[derive(Debug, PartialEq)]
pub(super) enum FilterPattern {
    /// Every line.
    All,
    Terms(Terms),
    /// The line is JSON of which this holds.
    Json(Condition),
}

/// Terms of an unstructured line.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Terms {
    required: Vec<Term>,
    /// Of these one is needed. AWS ignores them beside other terms.
    optional: Vec<Term>,
    excluded: Vec<Term>,
}

/// A term: a word as such, or a quoted phrase anywhere.
#[derive(Debug, PartialEq)]
enum Term {
    Word(String),
    Phrase(String),
}

/// What must hold of a JSON line.
#[derive(Debug, PartialEq)]
pub(super) enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Compare { field: Vec<Step>, comparison: Comparison, operand: Operand },
    Is { field: Vec<Step>, value: Value },
    NotExists { field: Vec<Step> },
}

/// A step of a selector: `.name` or `[index]`.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Debug, PartialEq)]
pub(super) enum Operand {
    Number(f64),
    /// The parts between asterisks.
    Text(Vec<String>),
}

impl FilterPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, or not supported.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() > PATTERN_MAX_CHARS {
            return Err(format!("Invalid filter pattern: it is longer than {PATTERN_MAX_CHARS} characters"));
        }
        let parsed = match text.chars().next() {
            None => Ok(Self::All),
            Some('{') => JsonParser::new(text).parse().map(Self::Json),
            Some('[') => Err("space-delimited patterns (`[a, b]`) are not supported here: use terms".to_owned()),
            Some('%') => Err("regular expressions (`%...%`) are not supported here: use terms".to_owned()),
            Some(_) => Terms::parse(text).map(Self::Terms),
        };
        parsed.map_err(|wrong| format!("Invalid filter pattern: {wrong}"))
    }

    /// Whether a line matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Terms(terms) => terms.match_line(message),
            Self::Json(condition) => {
                message.trim_start().starts_with('{')
                    && serde_json::from_str(message).is_ok_and(|value| condition.holds(&value))
            }
        }
    }
}

impl Terms {
    fn parse(text: &str) -> Result<Self, String> {
        let (mut terms, mut rest) = (Self::default(), text);
        while let Some(first) = rest.chars().next() {
            let (list, term) = match first {
                '?' => (&mut terms.optional, &rest[1..]),
                '-' => (&mut terms.excluded, &rest[1..]),
                _ => (&mut terms.required, rest),
            };
            let (term, after) = Term::parse(term)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(terms)
    }

    fn match_line(&self, message: &str) -> bool {
        let found = |term: &Term| term.is_in(message);
        let optional_count = self.required.is_empty() && self.excluded.is_empty();
        self.required.iter().all(found)
            && !self.excluded.iter().any(found)
            && (!optional_count || self.optional.is_empty() || self.optional.iter().any(found))
    }
}

impl Term {
    /// The term at the start of `text`, and what comes after it.
    fn parse(text: &str) -> Result<(Self, &str), String> {
        if let Some(quoted) = text.strip_prefix('"') {
            let (phrase, rest) = unquote(quoted)?;
            return if phrase.is_empty() { Err("a phrase is empty".into()) } else { Ok((Self::Phrase(phrase), rest)) };
        }
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        if end == 0 {
            return Err("a term is empty".into());
        }
        Ok((Self::Word(text[..end].to_owned()), &text[end..]))
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Phrase(phrase) => message.contains(phrase.as_str()),
            Self::Word(word) => message.match_indices(word.as_str()).any(|(start, found)| {
                let before = message[..start].chars().next_back();
                let after = message[start + found.len()..].chars().next();
                !joins(before, found.chars().next()) && !joins(found.chars().next_back(), after)
            }),
        }
    }
}

/// Whether two neighbouring characters belong to one word.
fn joins(left: Option<char>, right: Option<char>) -> bool {
    let of_word = |character: Option<char>| character.is_some_and(|found| found.is_alphanumeric() || found == '_');
    of_word(left) && of_word(right)
}

/// The text up to the closing quotation mark, and what comes after it. `\"` and `\\` stand for themselves.
fn unquote(text: &str) -> Result<(String, &str), String> {
    let (mut found, mut characters) = (String::new(), text.char_indices());
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Ok((found, &text[place + 1..])),
            '\\' => found.extend(characters.next().map(|(_, escaped)| escaped)),
            other => found.push(other),
        }
    }
    Err("a quotation mark is not closed".into())
}

impl Condition {
    fn holds(&self, line: &Value) -> bool {
        match self {
            Self::And(left, right) => left.holds(line) && right.holds(line),
            Self::Or(left, right) => left.holds(line) || right.holds(line),
            Self::NotExists { field } => select(line, field).is_none(),
            Self::Is { field, value } => select(line, field) == Some(value),
            Self::Compare { field, comparison, operand } => {
                select(line, field).is_some_and(|value| comparison.holds(value, operand))
            }
        }
    }
}

fn select<'a>(line: &'a Value, field: &[Step]) -> Option<&'a Value> {
    field.iter().try_fold(line, |value, step| match step {
        Step::Name(name) => value.get(name),
        Step::Index(index) => value.get(index),
    })
}

impl Comparison {
    fn holds(self, value: &Value, operand: &Operand) -> bool {
        match (value, operand) {
            (Value::Number(number), Operand::Number(wanted)) => {
                number.as_f64().and_then(|number| number.partial_cmp(wanted)).is_some_and(|order| self.allows(order))
            }
            (Value::String(text), Operand::Text(parts)) => match self {
                Self::Equal => glob::matches(parts, text),
                Self::Unequal => !glob::matches(parts, text),
                Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => false,
            },
            _ => self == Self::Unequal,
        }
    }

    fn allows(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// Reads `{ $.a = "b" && ($.c[0] > 5 || $.d NOT EXISTS) }`.
struct JsonParser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> JsonParser<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, depth: 0 }
    }

    fn parse(mut self) -> Result<Condition, String> {
        self.expect("{")?;
        let condition = self.either()?;
        self.expect("}")?;
        if self.rest.is_empty() { Ok(condition) } else { Err(format!("`{}` stands after the end", self.rest)) }
    }

    fn either(&mut self) -> Result<Condition, String> {
        let mut left = self.both()?;
        while self.take("||") {
            left = Condition::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Condition, String> {
        let mut left = self.one()?;
        while self.take("&&") {
            left = Condition::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Condition, String> {
        if !self.take("(") {
            return self.comparison();
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("parentheses nest deeper than {DEPTH_MAX}"));
        }
        let condition = self.either()?;
        self.depth -= 1;
        self.expect(")")?;
        Ok(condition)
    }

    fn comparison(&mut self) -> Result<Condition, String> {
        let field = self.selector()?;
        if self.take("NOT") {
            self.expect("EXISTS")?;
            return Ok(Condition::NotExists { field });
        }
        if self.take("IS") {
            let values = [("TRUE", Value::Bool(true)), ("FALSE", Value::Bool(false)), ("NULL", Value::Null)];
            let value = values.into_iter().find(|(word, _)| self.take(word)).map(|(_, value)| value);
            return value
                .map(|value| Condition::Is { field, value })
                .ok_or_else(|| "`IS` takes TRUE, FALSE or NULL".into());
        }
        let comparisons = [
            ("!=", Comparison::Unequal),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ];
        let found = comparisons.into_iter().find(|(sign, _)| self.take(sign));
        let (_, comparison) = found.ok_or_else(|| format!("no comparison before `{}`", self.rest))?;
        Ok(Condition::Compare { field, comparison, operand: self.operand()? })
    }

    fn selector(&mut self) -> Result<Vec<Step>, String> {
        self.expect("$")?;
        let mut field = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                let end = rest.find(|found: char| !(found.is_alphanumeric() || "_-@".contains(found)));
                let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
                if name.is_empty() {
                    return Err("a name in a selector is empty".into());
                }
                field.push(Step::Name(name.to_owned()));
                self.rest = rest;
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                let (index, rest) = rest.split_once(']').ok_or("a bracket in a selector is not closed")?;
                let index = index.trim().parse().map_err(|_| format!("`{index}` is no place in a list"))?;
                field.push(Step::Index(index));
                self.rest = rest;
            } else if field.is_empty() {
                return Err("a selector begins with `$.`".into());
            } else {
                return Ok(field);
            }
        }
    }

    fn operand(&mut self) -> Result<Operand, String> {
        self.rest = self.rest.trim_start();
        let parts = |text: &str| text.split('*').map(str::to_owned).collect();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            let (text, rest) = unquote(quoted)?;
            self.rest = rest;
            return Ok(Operand::Text(parts(&text)));
        }
        let end = self.rest.find(|found: char| found.is_whitespace() || "&|)}".contains(found));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if word.is_empty() || word.starts_with('%') {
            return Err(format!("no text and no number before `{}`", self.rest));
        }
        self.rest = rest;
        Ok(word.parse().map_or_else(|_| Operand::Text(parts(word)), Operand::Number))
    }

    /// Goes past `sign`, and says whether it was there.
    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        let Some(rest) = rest.strip_prefix(sign) else { return false };
        self.rest = rest;
        true
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("`{sign}` is missing before `{}`", self.rest.trim_start())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, message: &str, expected: bool) {
        let parsed = FilterPattern::parse(pattern).unwrap_or_else(|wrong| panic!("{pattern}: {wrong}"));
        assert_eq!(parsed.matches(message), expected, "{pattern} on {message}");
    }

    #[test]
    fn terms() {
        for (pattern, message, expected) in [
            ("", "anything", true),
            ("ERROR", "[ERROR 400] BAD REQUEST", true),
            ("ERROR", "error", false),
            ("ERROR", "ERRORS", false),
            ("ERROR", "MY_ERROR", false),
            ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true),
            ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false),
            ("?ERROR ?ARGUMENTS", "[ERROR 400] BAD REQUEST", true),
            ("?ERROR ?ARGUMENTS", "[INFO] fine", false),
            ("?ERROR REQUEST", "[INFO] REQUEST", true),
            (r#""INTERNAL SERVER ERROR""#, "[ERROR 500] INTERNAL SERVER ERROR", true),
            (r#""INTERNAL SERVER ERROR""#, "INTERNAL ERROR", false),
            (r#""Exception""#, "NullPointerException", true),
            ("ERROR -EXITING", "ERROR EXITING", false),
            ("ERROR -EXITING", "ERROR", true),
            ("-DEBUG", "DEBUG x", false),
            ("-DEBUG", "x", true),
            (r#"-"a b""#, "x a b", false),
            (r#"?"a b" ?c"#, "a b", true),
            ("REPORT", "REPORT RequestId: 7\tDuration: 1 ms", true),
        ] {
            check(pattern, message, expected);
        }
    }

    #[test]
    fn json() {
        let line = r#"{"level":"ERROR","code":400,"ok":true,"user":{"id":7,"names":["a","b"]},"none":null}"#;
        for (pattern, expected) in [
            (r#"{ $.level = "ERROR" }"#, true),
            (r#"{$.level="INFO"}"#, false),
            (r#"{ $.level = ERROR }"#, true),
            (r#"{ $.level = "ERR*" }"#, true),
            (r#"{ $.level = *OR }"#, true),
            (r#"{ $.level != "INFO" }"#, true),
            (r#"{ $.missing != "INFO" }"#, false),
            ("{ $.code = 400 }", true),
            ("{ $.code >= 400 && $.code < 500 }", true),
            ("{ $.code > 400 || $.user.id <= 6 }", false),
            (r#"{ ($.code = 1 || $.code = 400) && $.user.names[1] = "b" }"#, true),
            ("{ $.code = 1 || $.code = 400 && $.user.id = 8 }", false),
            ("{ $.ok IS TRUE }", true),
            ("{ $.ok IS FALSE }", false),
            ("{ $.none IS NULL }", true),
            ("{ $.other NOT EXISTS }", true),
            ("{ $.none NOT EXISTS }", false),
        ] {
            check(pattern, line, expected);
        }
        check(r#"{ $.level = "ERROR" }"#, "ERROR not json", false);
    }

    #[test]
    fn mistakes_are_named() {
        for (pattern, expected) in [
            ("[w1, w2]", "space-delimited"),
            ("%AUTH%", "regular expressions"),
            (r#""open"#, "not closed"),
            ("a -", "a term is empty"),
            ("{ $.a }", "no comparison"),
            ("{ $.a = 1", "`}` is missing"),
            ("{ a = 1 }", "`$` is missing"),
            ("{ $ = 1 }", "begins with `$.`"),
            ("{ $.a = }", "no text and no number"),
            ("{ $.a = %x% }", "no text and no number"),
            ("{ $.a IS 7 }", "`IS` takes"),
            ("{ $.a = 1 } x", "after the end"),
            ("{ $.a[x] = 1 }", "no place in a list"),
        ] {
            let found = FilterPattern::parse(pattern).expect_err(pattern);
            assert!(found.starts_with("Invalid filter pattern: ") && found.contains(expected), "{pattern}: {found}");
        }
        assert!(FilterPattern::parse(&format!("{{ {}", "(".repeat(40))).unwrap_err().contains("nest deeper"));
        assert!(FilterPattern::parse(&"x".repeat(1025)).unwrap_err().contains("longer than"));
    }
}
