//! Words and phrases of unstructured lines. Pure.

use super::text::unquote;

/// Terms of an unstructured line.
#[derive(Debug, Default)]
pub(in crate::engine::logs) struct Terms {
    required: Vec<Term>,
    /// Of these one is needed. AWS ignores them beside other terms.
    optional: Vec<Term>,
    excluded: Vec<Term>,
}

/// A term: a word as such, or a quoted phrase anywhere.
#[derive(Debug)]
enum Term {
    Word(String),
    Phrase(String),
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
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

    pub(super) fn match_line(&self, message: &str) -> bool {
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
