//! `stack.toml` and its YAML twin: text in, a [`Desired`] out, or all mistakes at once.
//!
//! Pure: the caller reads the files, and the environment is a function that it passes. Nothing here prints or knows exit
//! codes.

mod check;
mod format;
mod from_toml;
mod from_yaml;
mod lint;
mod lock;
mod lower;
mod overlay;
mod problem;
mod schema;
mod suggest;
mod template;
mod tree;
mod units;

use std::path::{Path, PathBuf};

pub use lock::{Difference, ImageUser, Lock, LockError, Use, Wanted, is_pinned, unpinned};
pub use problem::Problem;
pub use schema::schema;

use format::{OVERLAY, ROOT};
use tree::{Files, Node, Span, Value, is_yaml};

use crate::stack::Desired;

/// A file's path, as messages shall show it, and its text. `.yaml` and `.yml` are YAML, every other file is TOML.
#[derive(Clone, Debug)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// What a manifest's meaning depends on, besides its text.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The absolute directory that relative paths start from: the manifest's own.
    pub base: &'a Path,
    /// Looks an environment variable up, for `${env:NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The chosen `[profiles.NAME]`.
    pub profile: Option<&'a str>,
    /// `stack.local.toml`, when there is one; it overlays the manifest, and the profile overlays both.
    pub overlay: Option<&'a Source>,
    /// This stackctl's version, `CARGO_PKG_VERSION`, against which `requires` is checked.
    pub version: &'a str,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("base", &self.base).field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What came out of reading a manifest.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The stack; `None` exactly when one of the problems is an error.
    pub desired: Option<Desired>,
    /// Mistakes, lints and settings that are not enforced yet; errors first, then in the order of the files.
    pub problems: Vec<Problem>,
}

/// Reads a manifest: parses it, overlays it, checks every key, resolves references and lints the result.
pub fn read(source: &Source, cx: &Context<'_>) -> Reading {
    let files = Files::new(source, cx.overlay);
    let (mut root, mut problems) = parse(&files, cx);
    let damaged = problems.iter().any(Problem::is_syntax);
    problems.extend(check::check(&mut root, &files, cx.env));
    let mut desired = None;
    if damaged {
        problems = beside_syntax_errors(problems, &files);
    } else {
        let (lowered, mistakes) = lower::lower(&root, &files, cx);
        problems.extend(mistakes);
        if let Some(stack) = &lowered {
            let lints = lint::lint(stack, &root);
            problems.extend(beside_mistakes(lints, &problems));
        }
        desired = lowered;
    }
    if problems.iter().any(Problem::is_error) {
        desired = None;
    }
    Reading { desired, problems: order(problems, &files) }
}

/// The names of a manifest's profiles, as far as it can be parsed.
pub fn profiles(source: &Source) -> Vec<String> {
    let parse = if is_yaml(&source.path) { from_yaml::parse } else { from_toml::parse };
    let (tree, _) = parse(tree::FileId::default(), &source.text);
    let entries = tree.get("profiles").map(Node::entries).unwrap_or_default().iter();
    entries.map(|entry| entry.key.clone()).collect()
}

/// All files into one tree, the overlay and then the chosen profile laid over the manifest.
fn parse(files: &Files<'_>, cx: &Context<'_>) -> (Node, Vec<Problem>) {
    let (mut trees, mut problems) = (Vec::new(), Vec::new());
    for (file, source) in files.iter() {
        let parse = if is_yaml(&source.path) { from_yaml::parse } else { from_toml::parse };
        let (tree, mistakes) = parse(file, &source.text);
        if !matches!(tree.value, Value::Table(_) | Value::Null) {
            let message = format!("a manifest is a table of keys, not {}", tree.kind_name());
            problems.push(Problem::mistake("syntax", message).at(tree.span, "here"));
        }
        trees.push(tree);
        problems.extend(mistakes);
    }
    let mut trees = trees.into_iter().filter(|tree| matches!(tree.value, Value::Table(_)));
    let mut root = trees.next().unwrap_or(Node { span: Span::default(), value: Value::Table(Vec::new()) });
    for overlay in trees {
        overlay::merge(&mut root, overlay, &ROOT);
    }
    if let Some(name) = cx.profile {
        match root.get("profiles").and_then(|profiles| profiles.get(name)).cloned() {
            Some(profile) => overlay::merge(&mut root, profile, &OVERLAY),
            None => problems.push(no_profile(&root, name)),
        }
    }
    (root, problems)
}

fn no_profile(root: &Node, name: &str) -> Problem {
    let known = || root.get("profiles").map(Node::entries).unwrap_or_default().iter().map(|entry| entry.key.as_str());
    let problem = Problem::mistake("unknown_profile", format!("the manifest has no profile `{name}`"));
    let problem = root
        .entry("profiles")
        .map(|entry| entry.key_span)
        .into_iter()
        .fold(problem, |problem, span| problem.at(span, format!("it has {}", suggest::all_of(known()))));
    problem.help(suggest::did_you_mean(name, known()).unwrap_or_else(|| format!("add `[profiles.{name}]`")))
}

/// What a text with syntax errors says about the rest: nothing about what is missing, and nothing about their lines.
fn beside_syntax_errors(problems: Vec<Problem>, files: &Files<'_>) -> Vec<Problem> {
    let syntax: Vec<_> = problems.iter().filter(|problem| problem.is_syntax()).filter_map(Problem::span).collect();
    let same_line = |span: Span| syntax.iter().any(|error| files.line(*error) == files.line(span));
    problems
        .into_iter()
        .filter(|problem| problem.is_syntax() || !(problem.is_missing() || problem.span().is_some_and(same_line)))
        .collect()
}

/// What is said about values that are not themselves mistakes.
fn beside_mistakes(lints: Vec<Problem>, mistakes: &[Problem]) -> Vec<Problem> {
    let wrong: Vec<Span> = mistakes.iter().filter_map(Problem::span).collect();
    lints.into_iter().filter(|lint| !lint.spans().any(|span| wrong.contains(&span))).collect()
}

/// Errors first, then the order of the files; what an overlay and its profile both show is shown once.
fn order(problems: Vec<Problem>, files: &Files<'_>) -> Vec<Problem> {
    let mut problems = problems;
    problems.sort_by_key(|problem| (problem.rank(), problem.span()));
    problems.dedup_by(|a, b| a.same_as(b));
    problems.into_iter().map(|problem| problem.attach(files)).collect()
}

#[cfg(test)]
mod tests;
