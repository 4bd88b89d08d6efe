//! Texts with gaps: what asterisks stand for in filter patterns. Pure.

/// Whether `text` begins with the first part, ends with the last, and has the others between them in that order. One part
/// alone is the whole text.
pub(in crate::engine) fn matches(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else {
        return parts.first().is_none_or(|only| only == text);
    };
    let Some(rest) = text.strip_prefix(first.as_str()) else { return false };
    let Some(mut rest) = rest.strip_suffix(last.as_str()) else { return false };
    // The leftmost place of each part leaves the most room for the next ones.
    for part in middle {
        let Some(place) = rest.find(part.as_str()) else { return false };
        rest = &rest[place + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_gaps() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "aa", false),
            ("*", "", true),
            ("*", "anything", true),
            ("a*", "ab", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*b*", "abc", true),
            ("a*b*c", "a-c-b-c", true),
            ("a*b*b", "ab", false),
            ("a*b*b", "abb", true),
        ] {
            let parts: Vec<String> = pattern.split('*').map(str::to_owned).collect();
            assert_eq!(matches(&parts, text), expected, "{pattern} on {text}");
        }
    }
}
