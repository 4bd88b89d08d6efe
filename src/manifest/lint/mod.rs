//! What the keys of a manifest mean together: what AWS would refuse, and what is known to go wrong in production.
//!
//! Each value for itself was checked before. A finding about a value that is itself a mistake is noise; [`super::read`]
//! drops it.

mod concurrency;
mod containers;
mod debugging;
mod environment;
mod queues;
mod triggers;

use super::{
    problem::Problem,
    tree::{Node, Span, Value},
};
use crate::stack::Desired;

/// All findings about a stack; `root` is where its values were written.
pub(super) fn lint(desired: &Desired, root: &Node) -> Vec<Problem> {
    let mut lint = Lint { desired, root, problems: Vec::new() };
    lint.queues();
    lint.triggers();
    lint.concurrency();
    lint.environment();
    lint.containers();
    lint.debugging();
    lint.problems
}

struct Lint<'a> {
    desired: &'a Desired,
    root: &'a Node,
    problems: Vec<Problem>,
}

impl Lint<'_> {
    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Where a value was written, or the key of the innermost table that would have it: defaults have no place.
    fn place(&self, path: &[&str]) -> Span {
        self.find(path).0
    }

    /// A value's place and what to say of it.
    fn shown(&self, path: &[&str], value: &str) -> (Span, String) {
        let (span, written) = self.find(path);
        (span, if written { format!("`{value}`") } else { format!("`{value}` by default") })
    }

    /// The place, and whether the whole path is there.
    fn find(&self, path: &[&str]) -> (Span, bool) {
        let (mut node, mut span) = (self.root, self.root.span);
        for (depth, key) in path.iter().enumerate() {
            let item = key.parse().ok().and_then(|index: usize| node.items().get(index)).map(|item| (item, item.span));
            let entry = node.entry(key).map(|entry| {
                let value = depth + 1 == path.len() && !matches!(entry.node.value, Value::Table(_));
                (&entry.node, if value { entry.node.span } else { entry.key_span })
            });
            match entry.or(item) {
                Some(found) => (node, span) = found,
                None => return (span, false),
            }
        }
        (span, true)
    }
}
