//! `${queues.NAME.url}` and its like: what a reference names, or where exactly it is wrong.

use std::ops::Range;

use super::Lowering;
use crate::{
    manifest::{
        check::{unclosed, unset},
        problem::Problem,
        suggest,
        template::{self, Piece},
        tree::Node,
    },
    stack::{Reference, Template, TemplatePart},
};

const QUEUE_ATTRIBUTES: &[&str] = &["url", "arn", "name"];
const FUNCTION_ATTRIBUTES: &[&str] = &["arn", "name", "url"];
const SERVICE_ATTRIBUTES: &[&str] = &["host", "port"];
const STACK_ATTRIBUTES: &[&str] = &["name", "region", "account", "endpoint"];

/// Why a reference is none: the words, the part of the reference's body to point at, and the way out.
struct Wrong {
    code: &'static str,
    message: String,
    part: Range<usize>,
    help: String,
}

impl Lowering<'_> {
    /// A text with references. What is wrong in it becomes a problem at its place, and is left out.
    pub(super) fn template(&mut self, node: &Node) -> Template {
        let Some(text) = node.as_text() else { return Template::default() };
        let mut parts = Vec::new();
        for piece in template::pieces(text) {
            match piece {
                Piece::Text(text) => push_text(&mut parts, text),
                Piece::Env { name, default, range } => {
                    match template::resolve(self.cx.env, &name, default.as_deref()) {
                        Some(value) => push_text(&mut parts, value),
                        None => self.problems.push(unset(&name, self.files.within(node, text, range))),
                    }
                }
                Piece::Reference { body, range } => match self.reference(&body) {
                    Ok(reference) => parts.push(TemplatePart::Reference(reference)),
                    Err(wrong) => self.wrong(node, text, &range, wrong),
                },
                Piece::Unclosed { range } => self.problems.push(unclosed(self.files.within(node, text, range))),
            }
        }
        Template(parts)
    }

    fn wrong(&mut self, node: &Node, text: &str, range: &Range<usize>, wrong: Wrong) {
        let whole = self.files.within(node, text, range.clone());
        let mut span = whole;
        // When the reference stands in the file as it is in the text, so does each of its parts; two for the `${`.
        if whole.len() == range.len() && !wrong.part.is_empty() {
            span.start = whole.start + 2 + wrong.part.start;
            span.end = whole.start + 2 + wrong.part.end;
        }
        let label = if wrong.code == "unknown_reference" { "no such name" } else { "refers to nothing" };
        self.problems.push(Problem::mistake(wrong.code, wrong.message).at(span, label).help(wrong.help));
    }

    fn reference(&self, body: &str) -> Result<Reference, Wrong> {
        let (kind, rest) = body.split_once('.').unwrap_or((body, ""));
        match kind {
            "queues" => {
                let (key, attribute) = self.named(body, "queues", QUEUE_ATTRIBUTES)?;
                Ok(match attribute {
                    "url" => Reference::QueueUrl(key),
                    "arn" => Reference::QueueArn(key),
                    _ => Reference::QueueName(key),
                })
            }
            "functions" => {
                let (key, attribute) = self.named(body, "functions", FUNCTION_ATTRIBUTES)?;
                if attribute == "url" && !self.has_url(&key) {
                    return Err(Wrong {
                        code: "bad_reference",
                        message: format!("`functions.{key}` has no URL"),
                        part: 0..body.len(),
                        help: format!("add `url = {{}}` to `[functions.{key}]`"),
                    });
                }
                Ok(match attribute {
                    "arn" => Reference::FunctionArn(key),
                    "url" => Reference::FunctionUrl(key),
                    _ => Reference::FunctionName(key),
                })
            }
            "stack" => match rest {
                "name" => Ok(Reference::StackName),
                "region" => Ok(Reference::StackRegion),
                "account" => Ok(Reference::StackAccount),
                "endpoint" => Ok(Reference::StackEndpoint),
                _ => Err(unknown_attribute(body, rest, STACK_ATTRIBUTES)),
            },
            "services" => {
                let (key, attribute) = self.named(body, "services", SERVICE_ATTRIBUTES)?;
                if attribute == "host" { Ok(Reference::ServiceHost(key)) } else { self.service_port(body, key) }
            }
            _ => Err(unknown_kind(body, kind)),
        }
    }

    fn has_url(&self, key: &str) -> bool {
        let function = self.root.get("functions").and_then(|functions| functions.get(key));
        function.is_some_and(|function| function.get("url").is_some())
    }

    /// A service without ports has none to refer to.
    fn service_port(&self, body: &str, key: String) -> Result<Reference, Wrong> {
        let service = self.root.get("services").and_then(|services| services.get(&key));
        let ports = service.and_then(|service| service.get("ports")).map(Node::items).unwrap_or_default();
        if ports.is_empty() {
            return Err(Wrong {
                code: "bad_reference",
                message: format!("`{body}` refers to a port, and `services.{key}` has none"),
                part: 0..body.len(),
                help: format!("add it, like `ports = [\"6379:6379\"]`, to `[services.{key}]`"),
            });
        }
        Ok(Reference::ServicePort(key))
    }

    /// `KIND.NAME.ATTRIBUTE`, with a name that the manifest has.
    fn named<'b>(&self, body: &'b str, kind: &str, attributes: &[&str]) -> Result<(String, &'b str), Wrong> {
        let start = kind.len() + 1;
        let Some((name, attribute)) = body.get(start..).and_then(|rest| rest.rsplit_once('.')) else {
            return Err(Wrong {
                code: "bad_reference",
                message: format!("`{body}` is no complete reference"),
                part: 0..body.len(),
                help: format!("write `${{{kind}.NAME.{}}}`", attributes[0]),
            });
        };
        let known = self.root.get(kind).map(Node::entries).unwrap_or_default();
        if !known.iter().any(|entry| entry.key == name) {
            let help = suggest::did_you_mean(name, known.iter().map(|entry| entry.key.as_str()));
            return Err(Wrong {
                code: "unknown_reference",
                message: format!("`{kind}.{name}` is not in this manifest"),
                part: start..start + name.len(),
                help: help.unwrap_or_else(|| format!("add `[{kind}.{name}]`")),
            });
        }
        if attributes.contains(&attribute) {
            Ok((name.to_owned(), attribute))
        } else {
            Err(unknown_attribute(body, attribute, attributes))
        }
    }
}

fn unknown_attribute(body: &str, attribute: &str, known: &[&str]) -> Wrong {
    let help = suggest::did_you_mean(attribute, known.iter().copied());
    Wrong {
        code: "bad_reference",
        message: format!("`{body}` names no attribute that can be referred to"),
        part: body.len() - attribute.len()..body.len(),
        help: help.unwrap_or_else(|| format!("there are {}", suggest::all_of(known.iter().copied()))),
    }
}

fn unknown_kind(body: &str, kind: &str) -> Wrong {
    let variable =
        !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    let help = if variable && kind == body {
        format!("an environment variable is written `${{env:{kind}}}`; `$${{` is a literal `${{`")
    } else {
        suggest::did_you_mean(kind, ["env", "queues", "functions", "services", "stack"]).unwrap_or_else(|| {
            "there are `${env:NAME}`, `${queues.NAME.url}`, `${functions.NAME.arn}` and `${stack.region}`; `$${` is a \
             literal `${`"
                .to_owned()
        })
    };
    Wrong { code: "bad_reference", message: format!("`${{{body}}}` is no reference"), part: 0..body.len(), help }
}

fn push_text(parts: &mut Vec<TemplatePart>, text: String) {
    match parts.last_mut() {
        Some(TemplatePart::Text(last)) => last.push_str(&text),
        _ if text.is_empty() => {}
        _ => parts.push(TemplatePart::Text(text)),
    }
}
