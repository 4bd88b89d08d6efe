//! The format of a manifest as one description: every key with its type, range, default and meaning.
//!
//! Checking, "did you mean", defaults, the JSON Schema and the test of the documentation all read it, so they cannot
//! drift from each other. It says nothing about how keys depend on each other: that is `lower` and `lint`.

mod builds;
mod functions;
mod layers;
mod queues;
mod rules;
mod schedules;
mod services;
mod stack;

pub(super) use functions::CONCURRENCY_MAX;
pub(super) use rules::{RESERVED_ENVIRONMENT, is_path, port_mapping, runtime, runtimes, volume};
pub(super) use stack::{OVERLAY, ROOT};

/// A table with fixed keys, and perhaps further ones of the user's choosing.
#[derive(Debug)]
pub(super) struct Table {
    /// What the table is about, for an editor's hover.
    pub(super) doc: &'static str,
    pub(super) keys: &'static [Key],
    /// What any other key is; without it, any other key is a mistake.
    pub(super) others: Option<&'static Others>,
}

/// A key of a [`Table`].
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) presence: Presence,
    /// What AWS calls it; empty where AWS has no such thing.
    pub(super) aws: &'static str,
    /// A sentence or two, for the documentation and an editor's hover.
    pub(super) doc: &'static str,
}

/// What it means when a key is not there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Presence {
    Required,
    /// Required where the other key is not written.
    RequiredWithout(&'static str),
    /// The default, as it would be written.
    Default(&'static str),
    /// What it is then, in words.
    Derived(&'static str),
}

/// Keys of the user's choosing.
#[derive(Debug)]
pub(super) struct Others {
    /// What such a key names: `a queue`.
    pub(super) noun: &'static str,
    pub(super) names: &'static Rule,
    pub(super) max: usize,
    pub(super) shape: Shape,
}

/// What a value may be.
#[derive(Debug)]
pub(super) enum Shape {
    Bool,
    Integer {
        min: i64,
        max: i64,
    },
    /// A number between the two percentages, written as a fraction: `0.7`.
    Fraction {
        min_percent: u32,
        max_percent: u32,
    },
    /// A duration of whole seconds.
    Seconds {
        min: u64,
        max: u64,
    },
    /// A size, a multiple of `step`.
    Bytes {
        min: u64,
        max: u64,
        step: u64,
    },
    OneOf(&'static [&'static str]),
    Text(Text),
    /// A list of at most `max` items.
    List {
        item: &'static Self,
        max: usize,
    },
    Table(&'static Table),
    /// A table whose absent keys are in the file that it overlays.
    Partial(&'static Table),
    /// A table of exactly one of its keys.
    Choice(&'static Table),
    /// A JSON document: as a string, or as the table or list itself.
    Json,
    /// Told apart by what the value is: a string, a table, ...
    Either(&'static [Self]),
}

/// What a string may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Text {
    /// Anything; `${env:NAME}` is replaced.
    Free { max: usize },
    /// What the rule allows, after `${env:NAME}` is replaced.
    Rule(&'static Rule),
    /// A text with any `${...}`; a target knows the values.
    Template,
    /// A path, relative to the manifest unless absolute; `${env:NAME}` is replaced.
    Path,
    /// A queue's key in this manifest.
    QueueKey,
    /// A layer's key in this manifest, or the ARN of a version.
    Layer,
}

/// A legal form of a text.
#[derive(Debug)]
pub(super) struct Rule {
    /// What it is: `a region's name`.
    pub(super) noun: &'static str,
    pub(super) legal: fn(&str) -> bool,
    /// How it is formed, as a sentence.
    pub(super) rule: &'static str,
    /// The same for an editor; empty where a regular expression cannot say it.
    pub(super) pattern: &'static str,
}

impl Key {
    /// Whether the key has to be in a table that has `others`, and is not.
    pub(super) fn is_missing(&self, has: impl Fn(&str) -> bool) -> bool {
        match self.presence {
            Presence::Required => !has(self.name),
            Presence::RequiredWithout(other) => !has(self.name) && !has(other),
            Presence::Default(_) | Presence::Derived(_) => false,
        }
    }
}

impl Table {
    /// The description of a key.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn key(name: &'static str, shape: Shape, presence: Presence, aws: &'static str, doc: &'static str) -> Key {
    Key { name, shape, presence, aws, doc }
}

const fn table(doc: &'static str, keys: &'static [Key]) -> Table {
    Table { doc, keys, others: None }
}

/// A table whose keys are all of the user's choosing.
const fn map(doc: &'static str, others: &'static Others) -> Table {
    Table { doc, keys: &[], others: Some(others) }
}
