//! A pattern as it is read from left to right, and what stands to the right of a comparison. Pure.

use regex_lite::Regex;
use serde_json::Value;

use super::expression::Expression;
use crate::engine::glob;

/// How deep parentheses may nest.
const DEPTH_MAX: usize = 32;
/// Regular expressions of one pattern (CloudWatch Logs user guide, "FilterAndPatternSyntax").
const REGEXES_MAX: usize = 2;
/// What a regular expression may be made of beside letters and digits, as the same page lists it, and spaces.
const REGEX_SYMBOLS: &str = " :_#=@/;,-^$?[]{}|\\*+.";
/// What may stand after a backslash beside those symbols.
const REGEX_CLASSES: &str = "dDsSwWx";

/// What is left to read.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) rest: &'a str,
    depth: usize,
    regexes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::logs) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Debug)]
pub(in crate::engine::logs) enum Operand {
    Number(f64),
    /// The parts between asterisks.
    Text(Vec<String>),
    Regex(Regex),
}

impl<'a> Cursor<'a> {
    pub(super) fn new(rest: &'a str) -> Self {
        Self { rest, depth: 0, regexes: 0 }
    }

    /// Goes past `sign`, and says whether it was there.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(sign) else { return false };
        self.rest = rest;
        true
    }

    pub(super) fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(format!("`{sign}` is missing before `{}`", self.rest.trim_start())) }
    }

    pub(super) fn expect_end(&self) -> Result<(), String> {
        match self.rest.trim() {
            "" => Ok(()),
            more => Err(format!("`{more}` stands after the end")),
        }
    }

    /// Atoms with `&&`, `||` and parentheses.
    pub(super) fn expression<T>(
        &mut self,
        atom: &impl Fn(&mut Self) -> Result<T, String>,
    ) -> Result<Expression<T>, String> {
        let mut left = self.all_of(atom)?;
        while self.take("||") {
            left = Expression::Or(Box::new(left), Box::new(self.all_of(atom)?));
        }
        Ok(left)
    }

    fn all_of<T>(&mut self, atom: &impl Fn(&mut Self) -> Result<T, String>) -> Result<Expression<T>, String> {
        let mut left = self.one(atom)?;
        while self.take("&&") {
            left = Expression::And(Box::new(left), Box::new(self.one(atom)?));
        }
        Ok(left)
    }

    fn one<T>(&mut self, atom: &impl Fn(&mut Self) -> Result<T, String>) -> Result<Expression<T>, String> {
        if !self.take("(") {
            return atom(self).map(Expression::Is);
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("parentheses nest deeper than {DEPTH_MAX}"));
        }
        let condition = self.expression(atom)?;
        self.depth -= 1;
        self.expect(")")?;
        Ok(condition)
    }

    /// `None` where no sign of a comparison stands.
    pub(super) fn comparison(&mut self) -> Option<Comparison> {
        let comparisons = [
            ("!=", Comparison::Unequal),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
            ("=", Comparison::Equal),
        ];
        comparisons.into_iter().find(|(sign, _)| self.take(sign)).map(|(_, comparison)| comparison)
    }

    /// A number, a text or a regular expression; a word ends at one of `ends` too.
    pub(super) fn operand(&mut self, comparison: Comparison, ends: &str) -> Result<Operand, String> {
        self.rest = self.rest.trim_start();
        let parts = |text: &str| text.split('*').map(str::to_owned).collect();
        let operand = if let Some(quoted) = self.rest.strip_prefix('"') {
            let (text, rest) = unquote(quoted)?;
            self.rest = rest;
            Operand::Text(parts(&text))
        } else if self.rest.starts_with('%') {
            Operand::Regex(self.regex()?)
        } else {
            let end =
                self.rest.find(|found: char| found.is_whitespace() || "&|".contains(found) || ends.contains(found));
            let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            if word.is_empty() {
                return Err(format!("no text and no number before `{}`", self.rest));
            }
            self.rest = rest;
            number(word).map_or_else(|| Operand::Text(parts(word)), Operand::Number)
        };
        let has_order = matches!(operand, Operand::Number(_));
        if has_order || matches!(comparison, Comparison::Equal | Comparison::Unequal) {
            return Ok(operand);
        }
        Err("`<`, `>`, `<=` and `>=` compare numbers".into())
    }

    /// `%...%`.
    pub(super) fn regex(&mut self) -> Result<Regex, String> {
        self.regexes += 1;
        if self.regexes > REGEXES_MAX {
            return Err(format!("it has more than {REGEXES_MAX} regular expressions"));
        }
        let rest = self.rest.trim_start().strip_prefix('%').ok_or("a regular expression begins with `%`")?;
        let (text, rest) = rest.split_once('%').ok_or("a regular expression is not closed by `%`")?;
        self.rest = rest;
        if text.is_empty() {
            return Err("a regular expression is empty".into());
        }
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let is_known = |found: char| found.is_ascii_alphanumeric() || REGEX_SYMBOLS.contains(found);
            let wrong = match character {
                '\\' => {
                    characters.next().filter(|next| !REGEX_SYMBOLS.contains(*next) && !REGEX_CLASSES.contains(*next))
                }
                other => Some(other).filter(|other| !is_known(*other)),
            };
            if let Some(wrong) = wrong {
                return Err(format!("`{wrong}` is not supported in a regular expression"));
            }
        }
        Regex::new(text).map_err(|error| format!("`{text}` is no regular expression: {error}"))
    }
}

/// A number as it is written; words of numbers (`inf`) are words.
fn number(word: &str) -> Option<f64> {
    let is_written_in_digits = word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    word.parse().ok().filter(|_| is_written_in_digits)
}

/// The text up to the closing quotation mark, and what comes after it. `\"` and `\\` stand for themselves.
pub(super) fn unquote(text: &str) -> Result<(String, &str), String> {
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

impl Comparison {
    /// Of a value in JSON.
    pub(super) fn holds_of(self, value: &Value, operand: &Operand) -> bool {
        match value {
            Value::Number(number) => self.holds(&number.to_string(), number.as_f64(), operand),
            Value::String(text) => self.holds(text, None, operand),
            // It has no text; but it is there.
            _ => (self == Self::Unequal) != operand.is_anything(),
        }
    }

    /// Of a column.
    pub(super) fn holds_of_text(self, text: &str, operand: &Operand) -> bool {
        self.holds(text, number(text), operand)
    }

    fn holds(self, text: &str, value: Option<f64>, operand: &Operand) -> bool {
        let of_text = |is_equal: bool| match self {
            Self::Equal => is_equal,
            Self::Unequal => !is_equal,
            Self::Less | Self::AtMost | Self::Greater | Self::AtLeast => false,
        };
        match operand {
            Operand::Text(parts) => of_text(glob::matches(parts, text)),
            Operand::Regex(regex) => of_text(regex.is_match(text)),
            Operand::Number(wanted) => match value.and_then(|value| value.partial_cmp(wanted)) {
                Some(order) => self.allows(order),
                None => self == Self::Unequal,
            },
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

impl Operand {
    /// Nothing but an asterisk: whatever is there.
    fn is_anything(&self) -> bool {
        matches!(self, Self::Text(parts) if parts.len() > 1 && parts.iter().all(String::is_empty))
    }
}
