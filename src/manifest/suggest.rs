//! "Did you mean".

/// So much of a name's beginning stands for the name.
const BEGINNING_MIN_CHARACTERS: usize = 4;

/// The candidate that is meant, when one is close enough.
pub(super) fn closest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let tolerance = (name.chars().count() / 3).clamp(1, 4);
    let wanted = fold(name);
    let distance = |candidate: &str| {
        let candidate = fold(candidate);
        let begun = wanted.chars().count() >= BEGINNING_MIN_CHARACTERS && candidate.starts_with(&wanted);
        if begun { 1 } else { strsim::osa_distance(&wanted, &candidate) }
    };
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerance)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", when something is close enough.
pub(super) fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    closest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// Names differ only in what people confuse: case, hyphens and underscores fall away.
pub(super) fn fold(name: &str) -> String {
    name.chars().filter(|character| !matches!(character, '_' | '-')).flat_map(char::to_lowercase).collect()
}

/// `a`, `b` and `c`, each in back-ticks.
pub(super) fn all_of<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    join(names, "and")
}

/// `a`, `b` or `c`, each in back-ticks.
pub(super) fn one_of<'c>(names: impl IntoIterator<Item = &'c str>) -> String {
    join(names, "or")
}

fn join<'c>(names: impl IntoIterator<Item = &'c str>, word: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_names_are_meant_and_far_ones_are_not() {
        let keys = ["visibility_timeout", "delay", "retention", "dead_letter"];
        for (name, meant) in [
            ("visibilty_timeout", Some("visibility_timeout")),
            ("visibility-timeout", Some("visibility_timeout")),
            ("VisibilityTimeout", Some("visibility_timeout")),
            ("dealy", Some("delay")),
            ("deadletter", Some("dead_letter")),
            ("vis", None),
            ("visibility", Some("visibility_timeout")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(closest(name, keys), meant, "{name}");
        }
    }
}
