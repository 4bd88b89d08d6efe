//! Lines whose parts are divided by spaces: `[ip, user, ..., status = 4* || status > 500, bytes]`. Pure.

use super::{
    expression::Expression,
    text::{Comparison, Cursor, Operand},
};

/// What ends a word.
const ENDS: &str = "),]";

/// What is wanted of a line's parts, from left to right. Without an ellipsis a line has as many parts as there are columns.
#[derive(Debug, Default)]
pub(in crate::engine::logs) struct Columns {
    before: Vec<Column>,
    /// The columns after an ellipsis, which stands for any number of parts.
    after: Option<Vec<Column>>,
}

/// A column that is named alone takes whatever there is.
#[derive(Debug)]
struct Column(Expression<Option<(Comparison, Operand)>>);

impl Columns {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (mut cursor, mut columns) = (Cursor::new(text), Self::default());
        cursor.expect("[")?;
        loop {
            if cursor.take("...") {
                if columns.after.replace(Vec::new()).is_some() {
                    return Err("it has more than one `...`".into());
                }
            } else {
                let column = Column::parse(&mut cursor)?;
                columns.after.as_mut().unwrap_or(&mut columns.before).push(column);
            }
            if !cursor.take(",") {
                break;
            }
        }
        cursor.expect("]")?;
        cursor.expect_end()?;
        Ok(columns)
    }

    /// Whether a line's parts are as wanted.
    pub(super) fn match_line(&self, message: &str) -> bool {
        let parts = parts(message);
        let hold =
            |columns: &[Column], parts: &[&str]| columns.iter().zip(parts).all(|(column, part)| column.takes(part));
        match &self.after {
            None => parts.len() == self.before.len() && hold(&self.before, &parts),
            Some(after) => {
                parts.len() >= self.before.len() + after.len()
                    && hold(&self.before, &parts)
                    && hold(after, &parts[parts.len() - after.len()..])
            }
        }
    }
}

impl Column {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, String> {
        let own = std::cell::RefCell::new(None::<String>);
        let condition = |cursor: &mut Cursor<'_>| {
            let name = name(cursor)?;
            let first = own.borrow_mut().get_or_insert_with(|| name.clone()).clone();
            if first != name {
                return Err(format!("a condition on `{name}` stands at the column `{first}`"));
            }
            match cursor.comparison() {
                Some(comparison) => Ok(Some((comparison, cursor.operand(comparison, ENDS)?))),
                None => Ok(None),
            }
        };
        cursor.expression(&condition).map(Self)
    }

    fn takes(&self, part: &str) -> bool {
        let holds = |(comparison, operand): &(Comparison, Operand)| comparison.holds_of_text(part, operand);
        self.0.holds(&|condition| condition.as_ref().is_none_or(holds))
    }
}

/// The name of a column.
fn name(cursor: &mut Cursor<'_>) -> Result<String, String> {
    let rest = cursor.rest.trim_start();
    let end = rest.find(|found: char| !(found.is_ascii_alphanumeric() || "_-".contains(found)));
    let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
    if name.is_empty() {
        return Err(format!("a column has no name before `{rest}`"));
    }
    cursor.rest = rest;
    Ok(name.to_owned())
}

/// The parts of a line: what stands in quotation marks or brackets is one of them, without these.
fn parts(line: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), line.trim_start());
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let quoted = closing.and_then(|closing| rest[1..].split_once(closing));
        let (part, after) = match quoted {
            Some((part, after)) => (part, after),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        parts.push(part);
        rest = after.trim_start();
    }
    parts
}
