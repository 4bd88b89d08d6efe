//! Filter patterns of log events (CloudWatch Logs user guide, "FilterAndPatternSyntax"): terms, conditions on JSON, columns, and
//! regular expressions. Pure.

mod columns;
mod expression;
mod json;
mod terms;
mod text;

use regex_lite::Regex;

use columns::Columns;
use expression::Expression;
use json::Condition;
use terms::Terms;
use text::Cursor;

/// Characters of a pattern.
const PATTERN_MAX_CHARS: usize = 1024;

/// A parsed pattern.
#[derive(Debug)]
pub(super) enum FilterPattern {
    /// Every line.
    All,
    Terms(Terms),
    /// The line is JSON of which this holds.
    Json(Expression<Condition>),
    /// The line's parts between spaces are these.
    Columns(Columns),
    /// Somewhere in the line.
    Regex(Regex),
}

impl FilterPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() > PATTERN_MAX_CHARS {
            return Err(format!("Invalid filter pattern: it is longer than {PATTERN_MAX_CHARS} characters"));
        }
        let parsed = match text.chars().next() {
            None => Ok(Self::All),
            Some('{') => json::parse(text).map(Self::Json),
            Some('[') => Columns::parse(text).map(Self::Columns),
            Some('%') => Self::parse_regex(text),
            Some(_) => Terms::parse(text).map(Self::Terms),
        };
        parsed.map_err(|wrong| format!("Invalid filter pattern: {wrong}"))
    }

    fn parse_regex(text: &str) -> Result<Self, String> {
        let mut cursor = Cursor::new(text);
        let regex = cursor.regex()?;
        cursor.expect_end()?;
        Ok(Self::Regex(regex))
    }

    /// Whether a line matches.
    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Terms(terms) => terms.match_line(message),
            Self::Json(expression) => json::matches(expression, message),
            Self::Columns(columns) => columns.match_line(message),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

#[cfg(test)]
mod tests;
