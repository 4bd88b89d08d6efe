//! When two texts mean the same, and what is said of two that do not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Whether two IAM policies say the same. AWS gives a list of one as its element and keeps no order in lists, so neither
/// counts (IAM user guide, "policy grammar").
pub(super) fn same_policy(a: &str, b: &str) -> bool {
    match (serde_json::from_str(a), serde_json::from_str(b)) {
        (Ok(a), Ok(b)) => loose(a) == loose(b),
        _ => a == b,
    }
}

fn loose(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(loose).collect();
            items.sort_by_key(Value::to_string);
            if items.len() == 1 { items.remove(0) } else { Value::Array(items) }
        }
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, member)| (key, loose(member))).collect())
        }
        other => other,
    }
}

/// Whether two sets of filter patterns are the same, as JSON and in any order.
pub(super) fn same_filters(a: &[String], b: &[String]) -> bool {
    let canonical = |patterns: &[String]| {
        let read = |pattern: &String| serde_json::from_str::<Value>(pattern).map_or(pattern.clone(), |v| v.to_string());
        patterns.iter().map(read).collect::<BTreeSet<String>>()
    };
    canonical(a) == canonical(b)
}

/// `30s`, `2m`, `4d`: the largest unit of which it is at least two.
pub(super) fn duration(seconds: u32) -> String {
    for (unit, name) in [(86_400, 'd'), (3_600, 'h'), (60, 'm')] {
        if seconds.is_multiple_of(unit) && seconds >= 2 * unit {
            return format!("{}{name}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

/// `512B`, `256KiB`, `1MiB`.
pub(super) fn size(bytes: u32) -> String {
    match bytes {
        0 => "0B".to_owned(),
        bytes if bytes.is_multiple_of(1024 * 1024) => format!("{}MiB", bytes / (1024 * 1024)),
        bytes if bytes.is_multiple_of(1024) => format!("{}KiB", bytes / 1024),
        bytes => format!("{bytes}B"),
    }
}

/// `10`, `none`.
pub(super) fn optional(value: Option<u32>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// `LEVEL changed, TOKEN added`: names alone, for what may be secret.
pub(super) fn name_changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| match (old.get(name), new.get(name)) {
        (None, Some(_)) => Some(format!("{name} added")),
        (Some(_), None) => Some(format!("{name} removed")),
        (old, new) => (old != new).then(|| format!("{name} changed")),
    };
    names.into_iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_compared_by_meaning() {
        let check = |a: &str, b: &str, same: bool| assert_eq!(same_policy(a, b), same, "{a} {b}");
        check(r#"{"a": 1, "b": [2]}"#, r#"{"b":2,"a":1}"#, true);
        check(r#"{"Action": ["x", "y"]}"#, r#"{"Action": ["y", "x"]}"#, true);
        check(r#"{"Action": ["x", "y"]}"#, r#"{"Action": ["x"]}"#, false);
        check("not json", "not json", true);
        check("not json", "{}", false);
    }

    #[test]
    fn filters_are_compared_by_meaning_and_lists_in_them_strictly() {
        let list = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>();
        assert!(same_filters(&list(&[r#"{"a":[1]}"#, r#"{"b":[2]}"#]), &list(&[r#"{ "b": [2] }"#, r#"{"a":[1]}"#])));
        assert!(!same_filters(&list(&[r#"{"a":[1]}"#]), &list(&[r#"{"a":1}"#])));
        assert!(!same_filters(&list(&[]), &list(&["{}"])));
    }

    #[test]
    fn quantities_are_short() {
        assert_eq!(
            [30, 60, 120, 3_600, 7_200, 86_400, 345_600].map(duration),
            ["30s", "60s", "2m", "60m", "2h", "24h", "4d"]
        );
        assert_eq!([0, 1, 1_025, 262_144, 1_048_576].map(size), ["0B", "1B", "1025B", "256KiB", "1MiB"]);
    }
}
