//! `${...}` inside strings: taken apart, environment variables looked up. What a reference names is `lower`'s to know.

use std::ops::Range;

/// A piece of a text with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// `${env:NAME}` or `${env:NAME:-default}`.
    Env {
        name: String,
        default: Option<String>,
        range: Range<usize>,
    },
    /// Any other `${body}`.
    Reference {
        body: String,
        range: Range<usize>,
    },
    /// A `${` whose `}` is missing.
    Unclosed {
        range: Range<usize>,
    },
}

/// Takes a text apart; the ranges are bytes of `text`, with `${` and `}`. `$${` is the text `${`.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut plain, mut at) = (Vec::new(), String::new(), 0);
    while let Some(found) = text[at..].find("${").map(|offset| at + offset) {
        if text[at..found].ends_with('$') {
            plain.push_str(&text[at..found - 1]);
            plain.push_str("${");
            at = found + 2;
            continue;
        }
        plain.push_str(&text[at..found]);
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        let Some(end) = closing(text, found + 2) else {
            pieces.push(Piece::Unclosed { range: found..text.len() });
            return pieces;
        };
        pieces.push(hole(&text[found + 2..end], found..end + 1));
        at = end + 1;
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    pieces
}

/// The `}` that closes a hole; a default may have braces of its own.
fn closing(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in text[start..].bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(start + offset),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn hole(body: &str, range: Range<usize>) -> Piece {
    let Some(variable) = body.strip_prefix("env:") else { return Piece::Reference { body: body.to_owned(), range } };
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default.to_owned())),
        None => (variable, None),
    };
    Piece::Env { name: name.to_owned(), default, range }
}

/// The variable's value, or the default when it is unset or empty, as a shell has it; without a default, empty is a value.
pub(super) fn resolve(env: &dyn Fn(&str) -> Option<String>, name: &str, default: Option<&str>) -> Option<String> {
    match (env(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Some(default.to_owned()),
        (Some(value), _) => Some(value),
        (None, default) => default.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let shown: Vec<String> = pieces(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => format!("'{text}'"),
                Piece::Env { name, default, range } => format!("env {name} {default:?} {range:?}"),
                Piece::Reference { body, range } => format!("ref {body} {range:?}"),
                Piece::Unclosed { range } => format!("unclosed {range:?}"),
            })
            .collect();
        assert_eq!(shown.join(", "), expected, "{text}");
    }

    #[test]
    fn texts_are_taken_apart() {
        check("", "");
        check("plain $5 {x}", "'plain $5 {x}'");
        check("${queues.a.url}", "ref queues.a.url 0..15");
        check("a${env:B}c", "'a', env B None 1..9, 'c'");
        check("${env:B:-x}", "env B Some(\"x\") 0..11");
        check("${env:B:-}", "env B Some(\"\") 0..10");
        check("${env:B:-{\"a\":{}}}", "env B Some(\"{\\\"a\\\":{}}\") 0..18");
        check("$${env:B} ${x}", "'${env:B} ', ref x 10..14");
        check("a ${b", "'a ', unclosed 2..5");
        check("${}", "ref  0..3");
        check("é${x}é", "'é', ref x 2..6, 'é'");
    }

    #[test]
    fn defaults_stand_in_for_unset_and_empty() {
        let env = |name: &str| match name {
            "SET" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        assert_eq!(resolve(&env, "SET", Some("d")).as_deref(), Some("1"));
        assert_eq!(resolve(&env, "EMPTY", Some("d")).as_deref(), Some("d"));
        assert_eq!(resolve(&env, "EMPTY", None).as_deref(), Some(""));
        assert_eq!(resolve(&env, "UNSET", Some("d")).as_deref(), Some("d"));
        assert_eq!(resolve(&env, "UNSET", None), None);
    }
}
