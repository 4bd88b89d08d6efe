//! The one spanned tree that TOML and YAML are read into. It knows nothing of the keys of a manifest.

use std::{ops::Range, path::Path, sync::Arc};

use miette::NamedSource;

use super::Source;

/// Tables and lists inside each other, at most; deeper is an error of the file and not of our stack.
pub(super) const DEPTH_MAX: usize = 64;

/// A range of bytes in one of the [`Files`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) file: FileId,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Which of the [`Files`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(usize);

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// What a [`Node`] is, in the words that TOML and YAML share.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// Too large for an `i64` is `Other`.
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// YAML's null, which is also a key without a value.
    Null,
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// What no key of a manifest takes, by its name: `date`, `huge integer`.
    Other(&'static str),
}

/// A key with its value, in the file's order.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

/// The files that a manifest is made of.
#[derive(Debug)]
pub(super) struct Files<'a>(Vec<&'a Source>);

impl<'a> Files<'a> {
    /// The manifest and what overlays it.
    pub(super) fn new(manifest: &'a Source, overlay: Option<&'a Source>) -> Self {
        Self(std::iter::once(manifest).chain(overlay).collect())
    }

    /// Each file with its id, the manifest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (FileId, &'a Source)> {
        self.0.iter().enumerate().map(|(index, source)| (FileId(index), *source))
    }

    /// The text under a span.
    pub(super) fn text(&self, span: Span) -> &str {
        self.0.get(span.file.0).and_then(|source| source.text.get(span.start..span.end)).unwrap_or_default()
    }

    /// Where a part of a text stands: the same characters in the file, when no escape is in their way, and the whole
    /// text otherwise.
    pub(super) fn within(&self, node: &Node, text: &str, part: Range<usize>) -> Span {
        let (wanted, before) = (&text[part.clone()], &text[..part.start]);
        let (written, earlier) = (self.text(node.span), before.matches(wanted).count());
        match written.match_indices(wanted).nth(earlier) {
            Some((at, _)) if !wanted.is_empty() => {
                let start = node.span.start + at;
                Span { start, end: start + wanted.len(), ..node.span }
            }
            _ => node.span,
        }
    }

    /// A file as miette wants it.
    pub(super) fn named(&self, file: FileId) -> NamedSource<Arc<str>> {
        let source = self.0[file.0];
        let language = if is_yaml(&source.path) { "YAML" } else { "TOML" };
        NamedSource::new(source.path.display().to_string(), Arc::from(source.text.as_str())).with_language(language)
    }

    /// The file and the line, from 0.
    pub(super) fn line(&self, span: Span) -> (FileId, usize) {
        let before = self.0.get(span.file.0).and_then(|source| source.text.get(..span.start)).unwrap_or_default();
        (span.file, before.matches('\n').count())
    }

    /// `stack.toml:3:1`.
    pub(super) fn place(&self, span: Span) -> String {
        let source = self.0[span.file.0];
        let before = source.text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        format!("{}:{line}:{column}", source.path.display())
    }
}

/// Whether a path names a YAML file; everything else is TOML.
pub(super) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

impl Span {
    pub(super) fn new(file: FileId, range: Range<usize>) -> Self {
        Self { file, start: range.start, end: range.end.max(range.start) }
    }

    pub(super) fn len(self) -> usize {
        self.end - self.start
    }
}

impl Node {
    /// The value of a key, when this is a table that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key, when this is a table that has it.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// A table's entries; nothing for anything else.
    pub(super) fn entries(&self) -> &[Entry] {
        if let Value::Table(entries) = &self.value { entries } else { &[] }
    }

    /// A list's items; nothing for anything else.
    pub(super) fn items(&self) -> &[Self] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    /// A text's characters; nothing for anything else.
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// What the value is, for a message.
    pub(super) fn kind_name(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Bool(_) => "a boolean",
            Value::Null => "nothing",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(name) => name,
        }
    }
}
