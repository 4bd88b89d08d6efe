//! The checked tree into a [`Desired`]: defaults filled in, references resolved, paths made absolute.
//!
//! Types and ranges were checked before. A value that failed there is replaced by its default here, so that whatever else
//! is wrong is found in the same run; a stack that comes of it is thrown away.

mod fields;
mod function;
mod layer;
mod queue;
mod reference;
mod schedule;
mod service;
mod target;

use std::{collections::BTreeMap, path::PathBuf};

use fields::Fields;

use super::{
    Context,
    format::ROOT,
    problem::Problem,
    suggest,
    tree::{Files, Node},
};
use crate::{
    model::{AccountId, Region, StackName, limits},
    stack::{Desired, Pool, Template, Toolchain},
};

/// The port of local targets that name none: LocalStack's, which every client's documentation names.
const PORT_DEFAULT: u16 = 4566;

/// Lowers a checked manifest.
pub(super) fn lower(root: &Node, files: &Files<'_>, cx: &Context<'_>) -> (Option<Desired>, Vec<Problem>) {
    let mut lowering = Lowering { root, files, cx, problems: Vec::new() };
    let desired = lowering.stack();
    (desired, lowering.problems)
}

struct Lowering<'a> {
    root: &'a Node,
    files: &'a Files<'a>,
    cx: &'a Context<'a>,
    problems: Vec<Problem>,
}

impl Lowering<'_> {
    fn stack(&mut self) -> Option<Desired> {
        let root = Fields::new(Some(self.root), &ROOT);
        let stack = root.table("stack");
        let requires = self.requires(&stack);
        let queues = root.table("queues").others().filter_map(|(key, fields)| self.queue(key, &fields)).collect();
        let functions =
            root.table("functions").others().filter_map(|(key, fields)| self.function(key, &fields)).collect();
        let schedules =
            root.table("schedules").others().filter_map(|(key, fields)| self.schedule(key, &fields)).collect();
        let services: BTreeMap<_, _> =
            root.table("services").others().map(|(key, fields)| (key.to_owned(), self.service(key, &fields))).collect();
        self.no_circles(&services);
        let name = stack.text("name").and_then(|name| StackName::parse(&name).ok()).or_else(unnamed)?;
        let layers = root
            .table("layers")
            .others()
            .map(|(key, fields)| (key.to_owned(), self.layer(&name, key, &fields)))
            .collect();
        Some(Desired {
            name,
            region: stack.text("region").and_then(|region| Region::parse(&region)).unwrap_or_default(),
            account: stack.text("account").and_then(|account| AccountId::parse(&account)).unwrap_or(AccountId::DEFAULT),
            requires,
            required_tools: required_tools(&stack),
            pool: pool(&root.table("concurrency")),
            queues,
            functions,
            layers,
            schedules,
            services,
            targets: self.targets(&root.table("targets")),
        })
    }

    /// What is asked of stackctl itself; it is there, and so is looked at now.
    fn requires(&mut self, stack: &Fields<'_>) -> Option<String> {
        let node = match stack.node("requires") {
            Some(node) if node.as_text().is_none() => node.get("stackctl"),
            node => node,
        }?;
        let text = node.as_text()?;
        let version = semver::Version::parse(self.cx.version).ok()?;
        if semver::VersionReq::parse(text).is_ok_and(|requirement| !requirement.matches(&version)) {
            let problem =
                Problem::mistake("requires", format!("the manifest needs stackctl `{text}`, and this is `{version}`"))
                    .at(node.span, "not met")
                    .help("install a version that the manifest asks for, or change `requires`");
            self.problems.push(problem);
        }
        Some(text.to_owned())
    }

    fn templates(&mut self, table: Option<&Node>) -> BTreeMap<String, Template> {
        let entries = table.map(Node::entries).unwrap_or_default();
        entries.iter().map(|entry| (entry.key.clone(), self.template(&entry.node))).collect()
    }

    /// A queue's key; one that is in no `[queues.KEY]` is a mistake at `node`.
    fn queue_key(&mut self, node: Option<&Node>, what: &str) -> String {
        let Some((node, key)) = node.and_then(|node| Some((node, node.as_text()?))) else { return String::new() };
        let queues = self.root.get("queues").map(Node::entries).unwrap_or_default();
        if queues.iter().any(|entry| entry.key == key) {
            return key.to_owned();
        }
        let names = queues.iter().map(|entry| entry.key.as_str());
        let bare = key.strip_suffix(".fifo").filter(|bare| names.clone().any(|name| name == *bare));
        let help = bare
            .map(|bare| format!("write `\"{bare}\"`: a queue is known by its key, without `.fifo`"))
            .or_else(|| suggest::did_you_mean(key, names))
            .unwrap_or_else(|| format!("add `[queues.{key}]`"));
        let problem = Problem::mistake("unknown_reference", format!("{what} `{key}` is no queue of this manifest"));
        self.problems.push(problem.at(node.span, "no such queue").help(help));
        key.to_owned()
    }

    /// An absolute path: relative ones start from the manifest's directory.
    fn path(&self, text: &str) -> PathBuf {
        let mut path = PathBuf::new();
        for part in self.cx.base.join(text).components() {
            match part {
                std::path::Component::CurDir => {}
                part => path.push(part),
            }
        }
        path
    }
}

/// Stands in for a missing name, which was reported.
fn unnamed() -> Option<StackName> {
    StackName::parse("unnamed").ok()
}

/// What is asked of the programs that build and run functions.
fn required_tools(stack: &Fields<'_>) -> BTreeMap<Toolchain, String> {
    let entries = stack.node("requires").map(Node::entries).unwrap_or_default().iter();
    entries.filter_map(|entry| Some((Toolchain::parse(&entry.key)?, entry.node.as_text()?.to_owned()))).collect()
}

fn pool(fields: &Fields<'_>) -> Pool {
    let limit = fields.number("limit").unwrap_or(limits::CONCURRENCY_DEFAULT);
    let unreserved_minimum =
        fields.number("unreserved_minimum").unwrap_or_else(|| limits::unreserved_minimum_of(limit));
    Pool {
        limit,
        unreserved_minimum,
        time_factor: fields.number("time_factor").unwrap_or(1),
        first_retry_delay_s: fields.seconds("first_retry_delay"),
    }
}
