//! Functions that are there already: what `init` finds in a directory, so that the first manifest is the project's own. It looks at
//! files and runs nothing; whether they build is the build's business.

mod compiled;
mod scripts;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;
use regex_lite::Regex;

/// Directories below the first one that are looked into: packages of Java lie deep.
const DEPTH_MAX: usize = 14;
/// Files and directories that are looked at, at most.
const ENTRIES_MAX: usize = 20_000;
/// What is read of a file.
const READ_MAX_BYTES: u64 = 256 * 1024;
/// Functions that are found, at most.
const FUNCTIONS_MAX: usize = 50;
/// Directories of things that are made or fetched.
const PASSED_OVER: [&str; 12] = [
    ".stackctl",
    "__pycache__",
    "build",
    "cdk.out",
    "coverage",
    "dist",
    "node_modules",
    "site-packages",
    "target",
    "test",
    "tests",
    "vendor",
];
/// Directories that are not named after what is in them.
const NAMELESS: [&str; 7] = ["app", "cmd", "function", "handler", "lambda", "main", "src"];

/// A function that is in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recognised {
    /// Its key in a manifest.
    pub(crate) name: String,
    /// Relative; empty for the directory itself.
    pub(crate) source: PathBuf,
    /// `None` for an image.
    pub(crate) runtime: Option<String>,
    pub(crate) handler: Option<String>,
    /// As TOML writes it.
    pub(crate) build: String,
    /// How it was recognised, in a word or two.
    pub(crate) language: &'static str,
    /// Whether it reads messages of a queue.
    pub(crate) takes_messages: bool,
    /// Whether it starts slowly and needs room.
    pub(crate) is_heavy: bool,
}

/// A directory whose files are looked at.
#[derive(Debug)]
struct Folder<'a> {
    root: &'a Path,
    /// Relative.
    path: &'a Path,
    files: &'a BTreeSet<String>,
    all: &'a Folders,
}

/// By relative path: the names of the files in it.
type Folders = BTreeMap<PathBuf, BTreeSet<String>>;

impl Folder<'_> {
    fn has(&self, name: &str) -> bool {
        self.files.contains(name)
    }

    /// A file's text, its beginning at least; empty for one that is not there.
    fn text(&self, name: &str) -> String {
        read(&self.root.join(self.path).join(name))
    }

    /// The texts of all files with an ending, in this directory and below.
    fn texts_below(&self, ending: &str) -> Vec<(PathBuf, String)> {
        let below = self.all.iter().filter(|(path, _)| path.starts_with(self.path));
        let files = below.flat_map(|(path, files)| files.iter().map(move |file| path.join(file)));
        files
            .filter(|file| file.extension().is_some_and(|found| found == ending))
            .map(|file| {
                let text = read(&self.root.join(&file));
                (file, text)
            })
            .collect()
    }

    /// A function in this directory, without its runtime.
    fn function(&self, language: &'static str) -> Recognised {
        Recognised {
            name: String::new(),
            source: self.path.to_owned(),
            runtime: None,
            handler: None,
            build: format!("\"{language}\""),
            language,
            takes_messages: false,
            is_heavy: false,
        }
    }
}

/// The functions of a directory, in the order of their places; `root_name` is the name of one that is the directory itself.
pub(crate) fn functions(root: &Path, root_name: &str) -> Vec<Recognised> {
    let folders = folders(root);
    let (mut found, mut taken): (Vec<Recognised>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for (path, files) in &folders {
        // What is below a script's directory is its own.
        if taken.iter().any(|taken| path.starts_with(taken)) || found.len() >= FUNCTIONS_MAX {
            continue;
        }
        let folder = Folder { root, path, files, all: &folders };
        let compiled = compiled::functions(&folder);
        if !compiled.is_empty() {
            found.extend(compiled);
        } else if let Some(script) = scripts::function(&folder) {
            taken.push(path.clone());
            found.push(script);
        }
    }
    found.truncate(FUNCTIONS_MAX);
    name(&mut found, root_name);
    found
}

fn folders(root: &Path) -> Folders {
    let walk = WalkBuilder::new(root)
        .max_depth(Some(DEPTH_MAX))
        .require_git(false)
        .sort_by_file_name(Ord::cmp)
        .filter_entry(|entry| {
            let name = entry.file_name().to_string_lossy();
            entry.depth() == 0 || !PASSED_OVER.contains(&&*name) && !entry.path().join("pyvenv.cfg").is_file()
        })
        .build();
    let mut folders = Folders::new();
    for entry in walk.flatten().take(ENTRIES_MAX) {
        let Ok(path) = entry.path().strip_prefix(root) else { continue };
        if entry.file_type().is_some_and(|kind| kind.is_dir()) {
            folders.entry(path.to_owned()).or_default();
        } else if let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) {
            folders.entry(parent.to_owned()).or_default().insert(name.to_owned());
        }
    }
    folders
}

fn read(file: &Path) -> String {
    let mut bytes = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(READ_MAX_BYTES).read_to_end(&mut bytes));
    // A file that cannot be read is like one that is empty.
    if read.is_ok() { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}

/// Names each after its binary or the last telling part of its place; those that would meet get their whole place.
fn name(found: &mut [Recognised], root_name: &str) {
    let short: Vec<String> = found.iter().map(|function| short_name(function, root_name)).collect();
    for (index, function) in found.iter_mut().enumerate() {
        let meets = short.iter().filter(|other| **other == short[index]).count() > 1;
        let place = function.source.to_string_lossy().replace('/', "-");
        function.name = match (meets, place.is_empty(), function.name.is_empty()) {
            (true, false, true) => legal(&place),
            (true, false, false) => legal(&format!("{place}-{}", function.name)),
            _ => short[index].clone(),
        };
    }
}

fn short_name(function: &Recognised, root_name: &str) -> String {
    if !function.name.is_empty() {
        return legal(&function.name);
    }
    let mut parts = function.source.components().rev().map(|part| part.as_os_str().to_string_lossy().into_owned());
    legal(&parts.find(|part| !NAMELESS.contains(&&**part)).unwrap_or_else(|| root_name.to_owned()))
}

/// A name that a function and a queue may have, with room for `-dlq` behind it.
fn legal(name: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    name.chars().map(legal).take(60).collect()
}

/// The first group of the first of `patterns` that is in a text.
fn first_of(patterns: &[&str], text: &str) -> Option<String> {
    patterns.iter().find_map(|pattern| {
        let found = Regex::new(pattern).ok()?.captures(text)?;
        Some(found.get(1)?.as_str().to_owned())
    })
}

/// The first runtime that is at least as new as the project's language; the numbers are in the order of their age.
fn at_least<'a>(wanted: Option<u32>, runtimes: &[(u32, &'a str)], otherwise: &'a str) -> &'a str {
    let fits = |wanted: u32| runtimes.iter().find(|(version, _)| *version >= wanted);
    wanted.and_then(fits).map_or(otherwise, |(_, runtime)| runtime)
}

#[cfg(test)]
mod tests;
