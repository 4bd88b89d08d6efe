//! The settings that are part of the format and that the embedded engine does not enforce yet. One row each: who makes
//! a setting real removes its row.

use super::{
    problem::{Kind, Problem},
    tree::{Entry, Node},
};

/// A setting that is accepted and not enforced.
struct Pending {
    /// Its path; `*` is any key or every item.
    path: &'static [&'static str],
    /// The value that asks for nothing, as text; empty when every value asks for something.
    harmless: &'static str,
    /// What is not done.
    says: &'static str,
}

const PENDING: &[Pending] = &[];

/// An advice for each such setting that the manifest has.
pub(super) fn not_enforced(root: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    for pending in PENDING {
        walk(root, pending.path, &mut |entry| {
            if pending.harmless.is_empty() || entry.node.as_text() != Some(pending.harmless) {
                let problem = Problem::advice(Kind::NotEnforced, "not_enforced", pending.says);
                problems.push(problem.at(entry.key_span, "has no effect yet"));
            }
        });
    }
    problems
}

fn walk(node: &Node, path: &[&str], found: &mut impl FnMut(&Entry)) {
    let Some((first, rest)) = path.split_first() else { return };
    for entry in node.entries().iter().filter(|entry| *first == "*" || entry.key == *first) {
        if rest.is_empty() {
            found(entry);
        }
        walk(&entry.node, rest, found);
    }
    for item in node.items().iter().filter(|_| *first == "*") {
        walk(item, rest, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::format::{ROOT, Shape, Table};

    fn is_known(table: &'static Table, path: &[&str]) -> bool {
        let Some((first, rest)) = path.split_first() else { return true };
        let shape = match (*first, table.others) {
            ("*", Some(others)) => &others.shape,
            (name, _) => match table.key(name) {
                Some(key) => &key.shape,
                None => return false,
            },
        };
        match shape {
            Shape::Table(table) => is_known(table, rest),
            Shape::Either(shapes) => shapes.iter().any(|shape| match shape {
                Shape::Table(table) => is_known(table, rest),
                _ => rest.is_empty(),
            }),
            Shape::List { item: Shape::Table(table), .. } => rest.is_empty() || is_known(table, &rest[1..]),
            _ => rest.is_empty(),
        }
    }

    #[test]
    fn every_row_names_a_key_of_the_format() {
        for pending in PENDING {
            assert!(is_known(&ROOT, pending.path), "{:?}", pending.path);
        }
        assert!(!is_known(&ROOT, &["functions", "*", "colour"]));
    }
}
