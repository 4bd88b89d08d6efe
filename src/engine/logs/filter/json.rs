//! Conditions on lines that are JSON: `{ $.a = "b" && ($.c[0] > 5 || $.d NOT EXISTS) }`. Pure.

use std::cell::Cell;

use serde_json::Value;

use super::{
    expression::Expression,
    text::{Comparison, Cursor, Operand},
};

/// Selectors of one pattern that have a wildcard; each has one at most.
const WILDCARD_SELECTORS_MAX: usize = 3;
/// What ends a word.
const ENDS: &str = ")}";

/// One condition.
#[derive(Debug)]
pub(in crate::engine::logs) enum Condition {
    Compare { field: Vec<Step>, comparison: Comparison, operand: Operand },
    Is { field: Vec<Step>, value: Value },
    NotExists { field: Vec<Step> },
}

/// A step of a selector.
#[derive(Debug, PartialEq)]
pub(in crate::engine::logs) enum Step {
    /// `.name`
    Name(String),
    /// `[index]`
    Index(usize),
    /// `.*` or `[*]`
    Any,
}

/// Reads a pattern.
pub(super) fn parse(text: &str) -> Result<Expression<Condition>, String> {
    let mut cursor = Cursor::new(text);
    let wildcards = Cell::new(0);
    cursor.expect("{")?;
    let expression = cursor.expression(&|cursor: &mut Cursor<'_>| condition(cursor, &wildcards))?;
    cursor.expect("}")?;
    cursor.expect_end()?;
    Ok(expression)
}

/// Whether a line is JSON of which the expression holds.
pub(super) fn matches(expression: &Expression<Condition>, message: &str) -> bool {
    message.trim_start().starts_with('{')
        && serde_json::from_str(message).is_ok_and(|line| expression.holds(&|condition| condition.holds(&line)))
}

fn condition(cursor: &mut Cursor<'_>, wildcards: &Cell<usize>) -> Result<Condition, String> {
    let field = selector(cursor)?;
    match field.iter().filter(|step| **step == Step::Any).count() {
        0 => {}
        1 => wildcards.set(wildcards.get() + 1),
        _ => return Err("a selector has one wildcard at most".into()),
    }
    if wildcards.get() > WILDCARD_SELECTORS_MAX {
        return Err(format!("more than {WILDCARD_SELECTORS_MAX} selectors have a wildcard"));
    }
    if cursor.take("NOT") {
        cursor.expect("EXISTS")?;
        return Ok(Condition::NotExists { field });
    }
    if cursor.take("IS") {
        let values = [("TRUE", Value::Bool(true)), ("FALSE", Value::Bool(false)), ("NULL", Value::Null)];
        let value = values.into_iter().find(|(word, _)| cursor.take(word)).map(|(_, value)| value);
        return value
            .map(|value| Condition::Is { field, value })
            .ok_or_else(|| "`IS` takes TRUE, FALSE or NULL".into());
    }
    let comparison = cursor.comparison().ok_or_else(|| format!("no comparison before `{}`", cursor.rest))?;
    Ok(Condition::Compare { field, comparison, operand: cursor.operand(comparison, ENDS)? })
}

fn selector(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, String> {
    cursor.expect("$")?;
    let mut field = Vec::new();
    loop {
        if let Some(rest) = cursor.rest.strip_prefix(".*") {
            field.push(Step::Any);
            cursor.rest = rest;
        } else if let Some(rest) = cursor.rest.strip_prefix('.') {
            let end = rest.find(|found: char| !(found.is_alphanumeric() || "_-@".contains(found)));
            let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
            // `$.[0]` is `$[0]`.
            if name.is_empty() && !rest.starts_with('[') {
                return Err("a name in a selector is empty".into());
            }
            field.extend(Some(name).filter(|name| !name.is_empty()).map(|name| Step::Name(name.to_owned())));
            cursor.rest = rest;
        } else if let Some(rest) = cursor.rest.strip_prefix('[') {
            let (index, rest) = rest.split_once(']').ok_or("a bracket in a selector is not closed")?;
            field.push(match index.trim() {
                "*" => Step::Any,
                index => Step::Index(index.parse().map_err(|_| format!("`{index}` is no place in a list"))?),
            });
            cursor.rest = rest;
        } else if field.is_empty() {
            return Err("a selector begins with `$.`".into());
        } else {
            return Ok(field);
        }
    }
}

impl Condition {
    fn holds(&self, line: &Value) -> bool {
        match self {
            Self::NotExists { field } => !any(line, field, &|_| true),
            Self::Is { field, value } => any(line, field, &|found| found == value),
            Self::Compare { field, comparison, operand } => {
                any(line, field, &|found| comparison.holds_of(found, operand))
            }
        }
    }
}

/// Whether something holds of a value that is selected.
fn any(value: &Value, field: &[Step], holds: &dyn Fn(&Value) -> bool) -> bool {
    let Some((step, rest)) = field.split_first() else { return holds(value) };
    match (step, value) {
        (Step::Name(name), _) => value.get(name).is_some_and(|value| any(value, rest, holds)),
        (Step::Index(index), _) => value.get(index).is_some_and(|value| any(value, rest, holds)),
        (Step::Any, Value::Array(values)) => values.iter().any(|value| any(value, rest, holds)),
        (Step::Any, Value::Object(values)) => values.values().any(|value| any(value, rest, holds)),
        (Step::Any, _) => false,
    }
}
