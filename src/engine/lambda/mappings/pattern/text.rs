//! Comparisons of texts: without regard to case, and with wildcards. Pure.

use crate::engine::glob;

/// A text in which `*` stands for any characters, none included; `\*` and `\\` stand for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    /// What stands between the asterisks, in order.
    parts: Vec<String>,
}

impl Wildcard {
    /// Reads a wildcard.
    ///
    /// # Errors
    /// Two asterisks in a row, or a backslash before anything but an asterisk or a backslash.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (mut parts, mut part, mut after_asterisk) = (Vec::new(), String::new(), false);
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' if after_asterisk => return Err("a wildcard has no two asterisks in a row"),
                '*' => parts.push(std::mem::take(&mut part)),
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => part.push(escaped),
                    _ => return Err("a backslash in a wildcard comes before an asterisk or a backslash"),
                },
                other => part.push(other),
            }
            after_asterisk = character == '*';
        }
        parts.push(part);
        Ok(Self { parts })
    }

    /// Whether the whole `text` has this form.
    pub(super) fn matches(&self, text: &str) -> bool {
        glob::matches(&self.parts, text)
    }
}

pub(super) fn equals_ignoring_case(text: &str, wanted: &str) -> bool {
    lower(text).eq(lower(wanted))
}

pub(super) fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    let mut characters = lower(text);
    lower(prefix).all(|wanted| characters.next() == Some(wanted))
}

pub(super) fn ends_with_ignoring_case(text: &str, suffix: &str) -> bool {
    let mut characters = text.chars().rev().flat_map(char::to_lowercase);
    suffix.chars().rev().flat_map(char::to_lowercase).all(|wanted| characters.next() == Some(wanted))
}

fn lower(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}
