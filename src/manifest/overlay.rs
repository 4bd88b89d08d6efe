//! Lays one tree over another: a profile or `stack.local.toml` over the manifest.
//!
//! Tables are merged, everything else is replaced; what is a table but one thing (a build, a policy) is replaced too,
//! which is why the format has its say. Spans keep pointing at where each value was written.

use super::{
    format::{Shape, Table},
    tree::{Entry, Node, Value},
};

/// Lays `over` over `base`; both are tables of this description, as far as they are well-formed.
pub(super) fn merge(base: &mut Node, over: Node, table: &'static Table) {
    match (&mut base.value, over.value) {
        (_, Value::Null) => {}
        (Value::Table(entries), Value::Table(overs)) => {
            for over in overs {
                merge_entry(entries, over, table);
            }
        }
        (value, over) => *value = over,
    }
}

fn merge_entry(entries: &mut Vec<Entry>, over: Entry, table: &'static Table) {
    let Some(base) = entries.iter_mut().find(|entry| entry.key == over.key) else {
        entries.push(over);
        return;
    };
    let both_tables = matches!((&base.node.value, &over.node.value), (Value::Table(_), Value::Table(_) | Value::Null));
    match shape_of(table, &over.key).and_then(mergeable) {
        Some(table) if both_tables => merge(&mut base.node, over.node, table),
        _ => *base = over,
    }
}

fn shape_of(table: &'static Table, key: &str) -> Option<&'static Shape> {
    table.key(key).map(|key| &key.shape).or_else(|| table.others.map(|others| &others.shape))
}

fn mergeable(shape: &'static Shape) -> Option<&'static Table> {
    match shape {
        Shape::Table(table) | Shape::Partial(table) => Some(table),
        Shape::Either(shapes) => shapes.iter().find_map(mergeable),
        _ => None,
    }
}
