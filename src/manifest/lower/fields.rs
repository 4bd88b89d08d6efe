//! Reads the fields of a table: what is written, or the default of the format's description.

use crate::manifest::{
    format::{Presence, Shape, Table},
    from_toml,
    tree::{Node, Value},
    units,
};

/// A table of the manifest, or what stands for an absent one, with its description.
#[derive(Clone, Copy)]
pub(super) struct Fields<'t> {
    node: Option<&'t Node>,
    table: &'static Table,
}

impl<'t> Fields<'t> {
    pub(super) fn new(node: Option<&'t Node>, table: &'static Table) -> Self {
        Self { node, table }
    }

    /// What is written for a key.
    pub(super) fn node(&self, name: &str) -> Option<&'t Node> {
        debug_assert!(self.table.key(name).is_some(), "`{name}` is not in the format");
        self.node?.get(name)
    }

    /// A table inside this one; empty when it is absent or something else.
    pub(super) fn table(&self, name: &str) -> Self {
        let table = self.table.key(name).and_then(|key| table_of(&key.shape)).unwrap_or(self.table);
        Self { node: self.node(name), table }
    }

    /// The entries whose keys are the user's choice, those that are tables.
    pub(super) fn others(&self) -> impl Iterator<Item = (&'t str, Self)> + use<'t> {
        let table = self.table;
        let shape = table.others.and_then(|others| table_of(&others.shape));
        let entries = self.node.map(Node::entries).unwrap_or_default().iter();
        entries.filter(move |entry| table.key(&entry.key).is_none()).filter_map(move |entry| {
            let is_table = matches!(entry.node.value, Value::Table(_));
            let shape = shape.filter(|_| is_table)?;
            Some((entry.key.as_str(), Self { node: Some(&entry.node), table: shape }))
        })
    }

    /// The items of a list of tables.
    pub(super) fn items(&self, name: &str) -> impl Iterator<Item = Self> + use<'t> {
        let table = self
            .table
            .key(name)
            .and_then(|key| if let Shape::List { item, .. } = &key.shape { table_of(item) } else { None });
        let items = self.node(name).map(Node::items).unwrap_or_default().iter();
        items.filter_map(move |node| Some(Self { node: Some(node), table: table? }))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.read(name, |node| node.as_text().map(str::to_owned))
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let texts = |node: &Node| Some(node.items().iter().filter_map(Node::as_text).map(str::to_owned).collect());
        self.read(name, texts).unwrap_or_default()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.read(name, |node| if let Value::Bool(value) = node.value { Some(value) } else { None }).unwrap_or_default()
    }

    /// An integer, where the key has a value or a default.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.read(name, as_number)
    }

    /// A fraction, in percent.
    pub(super) fn percent(&self, name: &str) -> u32 {
        let percent = |node: &Node| match node.value {
            Value::Float(value) => Some(value * 100.0),
            Value::Integer(value) => i32::try_from(value).ok().map(|value| f64::from(value) * 100.0),
            _ => None,
        };
        // The range was checked.
        self.read(name, percent).and_then(|percent| format!("{percent:.0}").parse().ok()).unwrap_or_default()
    }

    /// A duration in whole seconds.
    pub(super) fn seconds(&self, name: &str) -> u32 {
        let seconds = |node: &Node| units::parse_duration_ms(node.as_text()?).ok();
        self.read(name, seconds).and_then(|ms| u32::try_from(ms / 1000).ok()).unwrap_or_default()
    }

    /// A size in bytes.
    pub(super) fn bytes(&self, name: &str) -> u64 {
        self.read(name, |node| units::parse_size_bytes(node.as_text()?).ok()).unwrap_or_default()
    }

    /// A size in MiB.
    pub(super) fn mib(&self, name: &str) -> u32 {
        u32::try_from(self.bytes(name) >> 20).unwrap_or(u32::MAX)
    }

    /// What is written when it can be read so, else the default.
    fn read<T>(&self, name: &str, read: impl Fn(&Node) -> Option<T>) -> Option<T> {
        self.node(name).and_then(&read).or_else(|| match self.table.key(name)?.presence {
            Presence::Default(text) => read(&from_toml::parse_value(text)),
            Presence::Required | Presence::RequiredWithout(_) | Presence::Derived(_) => None,
        })
    }
}

/// An integer that fits.
pub(super) fn as_number(node: &Node) -> Option<u32> {
    if let Value::Integer(value) = node.value { u32::try_from(value).ok() } else { None }
}

fn table_of(shape: &'static Shape) -> Option<&'static Table> {
    match shape {
        Shape::Table(table) | Shape::Partial(table) | Shape::Choice(table) => Some(table),
        Shape::Either(shapes) => shapes.iter().find_map(table_of),
        _ => None,
    }
}
