//! YAML into the spanned tree: one document, YAML 1.2's core schema, anchors and aliases, no tags and no merge keys.
//!
//! Straight from the parser's events, because only so both places of a duplicate key are known, and the depth and the
//! growth through aliases are bounded.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::{
    problem::Problem,
    tree::{DEPTH_MAX, Entry, FileId, Node, Span, Value},
};

/// Nodes of a document, those that aliases repeat included.
const NODES_MAX: usize = 20_000;

/// Reads a YAML document. The parser cannot go on after a syntax error: at most one of the problems is such, the others
/// are duplicate keys and the like.
pub(super) fn parse(file: FileId, text: &str) -> (Node, Vec<Problem>) {
    let mut reader = Reader::new(file, text);
    let root = reader.document().unwrap_or_else(|Stopped| Node { span: Span::new(file, 0..0), value: Value::Null });
    (root, reader.problems)
}

struct Reader<'a> {
    file: FileId,
    parser: Parser<'a, StrInput<'a>>,
    /// Byte offset of each character and of the end: the parser counts characters.
    offsets: Vec<usize>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    problems: Vec<Problem>,
}

/// The reason is among the problems.
struct Stopped;

impl<'a> Reader<'a> {
    fn new(file: FileId, text: &'a str) -> Self {
        let offsets = text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect();
        let parser = Parser::new_from_str(text);
        Self { file, parser, offsets, anchors: BTreeMap::new(), nodes: 0, problems: Vec::new() }
    }

    fn document(&mut self) -> Result<Node, Stopped> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    let problem = Problem::mistake("syntax", "a manifest is one YAML document")
                        .at(span, "a second document starts here")
                        .help("remove it, or move it to a file of its own");
                    return Err(self.stop(problem));
                }
                Event::StreamStart | Event::Nothing | Event::DocumentStart(_) | Event::DocumentEnd => {}
                content => root = Some(self.node(content, span, 0)?),
            }
        }
        Ok(root.unwrap_or(Node { span: Span::new(self.file, 0..0), value: Value::Null }))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stopped> {
        self.nodes += 1;
        if depth > DEPTH_MAX || self.nodes > NODES_MAX {
            let message = format!("more than {DEPTH_MAX} levels or {NODES_MAX} values");
            return Err(self.stop(Problem::mistake("syntax", message).at(span, "here")));
        }
        let (node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                (Node { span, value: scalar(&text, style) }, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                (self.list(span, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                (self.table(span, depth)?, anchor)
            }
            _ => (Node { span, value: Value::Null }, 0),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// A copy of what the anchor names: its spans point at the anchor, where the text is.
    fn alias(&mut self, anchor: usize, span: Span) -> Result<Node, Stopped> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let problem = Problem::mistake("syntax", "an alias inside its own anchor").at(span, "here");
            return Err(self.stop(problem));
        };
        self.nodes += count(&node);
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Stopped> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Node { span: reach(start, span), value: Value::List(items) });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn table(&mut self, start: Span, depth: usize) -> Result<Node, Stopped> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Node { span: reach(start, span), value: Value::Table(entries) });
            }
            let key = match event {
                Event::Scalar(text, ..) => Node { span, value: Value::Text(text.into_owned()) },
                other => self.node(other, span, depth + 1)?,
            };
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1)?;
            self.push(&mut entries, &key, node);
        }
    }

    fn push(&mut self, entries: &mut Vec<Entry>, key: &Node, node: Node) {
        let Some(name) = key.as_text() else {
            let message = format!("a key is a string, not {}", key.kind_name());
            self.problems.push(Problem::mistake("syntax", message).at(key.span, "this is no key"));
            return;
        };
        if let Some(first) = entries.iter().find(|entry| entry.key == name) {
            let problem = Problem::mistake("duplicate_key", format!("the key `{name}` is there twice"))
                .at(key.span, "again here")
                .at(first.key_span, "first here")
                .help("keep one, or give the other its own name");
            self.problems.push(problem);
            return;
        }
        entries.push(Entry { key: name.to_owned(), key_span: key.span, node });
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Span) {
        let Some(tag) = tag else { return };
        let tag = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
        let problem = Problem::mistake("syntax", format!("the YAML tag `{tag}` means nothing in a manifest"))
            .at(span, "tagged")
            .help("remove the tag; quote the value to make it a string");
        self.problems.push(problem);
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stopped> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => {
                let range = self.offset(span.start)..self.offset(span.end);
                Ok((event, Span::new(self.file, range)))
            }
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::new(self.file, 0..0))),
        }
    }

    fn syntax(&mut self, error: &ScanError) -> Stopped {
        let at = self.offset(*error.marker());
        let problem = Problem::mistake("syntax", format!("not valid YAML: {}", error.info()))
            .at(Span::new(self.file, at..at), "here");
        self.stop(problem)
    }

    fn stop(&mut self, problem: Problem) -> Stopped {
        self.problems.push(problem);
        Stopped
    }

    fn offset(&self, marker: Marker) -> usize {
        self.offsets.get(marker.index()).or(self.offsets.last()).copied().unwrap_or(0)
    }
}

/// From where a collection starts to where its end was noticed.
fn reach(start: Span, end: Span) -> Span {
    Span { end: end.end.max(start.end), ..start }
}

fn count(node: &Node) -> usize {
    let inside: usize = node.items().iter().map(count).sum();
    1 + inside + node.entries().iter().map(|entry| count(&entry.node)).sum::<usize>()
}

/// YAML 1.2's core schema: only plain scalars are anything but text.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Value> {
    let radix = |prefix, radix| {
        let digits: &str = text.strip_prefix(prefix)?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| i64::from_str_radix(digits, radix).ok())?
    };
    if let Some(integer) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(Value::Integer(integer));
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Value::Other("a huge integer"), Value::Integer));
    }
    let float = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'-' | b'+'));
    if float { text.parse().ok().map(Value::Float) } else { None }
}
