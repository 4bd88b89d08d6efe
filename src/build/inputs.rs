//! Where a function's inputs are, for those who watch them: the directories to look at, and which change reaches the function.
//! What is left out of an artifact is left out here; so is what git ignores, because it is made by tools, except where it is
//! the code itself: `node_modules`, and all of a source that is deployed as it is. Reads directories and ignore files, no
//! other contents.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{
    BuildRequest,
    adapter::{normal, rules},
    cache,
    tree::{self, IGNORE_FILE, Rules},
};
use crate::stack::Build;

/// Directories of one function that are watched; above it the source is not what was meant.
const DIRECTORIES_MAX: usize = 100_000;
const GIT_IGNORE_FILE: &str = ".gitignore";
const NODE_MODULES: &str = "node_modules";

/// What a function's artifact is made of, as far as it is known now.
#[derive(Debug)]
pub struct Inputs {
    /// The source first.
    roots: Vec<Root>,
    /// As the cache has it.
    elsewhere: Vec<PathBuf>,
    /// Single files outside the roots; they need not exist.
    files: BTreeSet<PathBuf>,
    rules: Rules,
    git: Git,
    directories: BTreeSet<PathBuf>,
    /// The repository around the source, or the manifest's directory.
    region: PathBuf,
    is_compiled: bool,
}

/// What a new directory brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// The directories that have to be watched.
    pub directories: Vec<PathBuf>,
    /// Whether there is any input in them: an empty directory is none.
    pub has_files: bool,
}

/// A directory that counts with all that is below it.
#[derive(Debug)]
struct Root {
    dir: PathBuf,
    left_out: Option<Gitignore>,
}

/// The patterns of git's ignore files, each for the directory that it lies in.
#[derive(Debug)]
struct Git {
    /// The directories closest to the root of the file system first.
    files: Vec<(PathBuf, Gitignore)>,
    use_of: GitUse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GitUse {
    /// What git ignores is deployed all the same.
    None,
    /// It counts only inside `node_modules`.
    ButNodeModules,
    All,
}

impl Inputs {
    /// The inputs that the last build of `request` found, and the source, which need not exist. Blocking.
    pub fn of(request: &BuildRequest) -> Self {
        let source = normal(&request.source);
        let elsewhere = cache::load(request).map(|cached| cached.elsewhere).unwrap_or_default();
        let (dirs, files): (Vec<_>, Vec<_>) =
            elsewhere.iter().chain(&request.watch).map(|path| normal(path)).partition(|path| path.is_dir());
        let use_of = match &request.build {
            Build::None | Build::Image(_) => GitUse::None,
            Build::Node { .. } => GitUse::ButNodeModules,
            _ => GitUse::All,
        };
        let is_compiled =
            matches!(request.build, Build::Go { .. } | Build::Rust { .. } | Build::Java { .. } | Build::Command { .. });
        let mut inputs = Self {
            roots: Vec::new(),
            elsewhere,
            files: files.into_iter().collect(),
            rules: rules(request),
            git: Git { files: Vec::new(), use_of },
            directories: BTreeSet::new(),
            region: region(&source, &request.state_dir),
            is_compiled,
        };
        for dir in [source].into_iter().chain(dirs) {
            inputs.add_root(&dir);
        }
        inputs
    }

    /// Whether the last build of `request` found the same. Blocking.
    pub fn are_current(&self, request: &BuildRequest) -> bool {
        let elsewhere = cache::load(request).map(|cached| cached.elsewhere).unwrap_or_default();
        elsewhere == self.elsewhere
    }

    /// Every directory whose direct contents have to be watched, and the parents of the roots, because a root may be taken
    /// away and come again.
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        let roots = self.roots.iter().filter_map(|root| root.dir.parent());
        // What may begin to exist far outside is not worth watching the whole machine's common folders for.
        let near = |file: &&PathBuf| file.starts_with(&self.region) || file.exists();
        let files = self.files.iter().filter(near).filter_map(|file| file.parent());
        self.directories.iter().map(PathBuf::as_path).chain(roots).chain(files)
    }

    /// Whether a compiler makes the artifact: saves then come in groups, and a moment more is nothing beside the build.
    pub fn is_compiled(&self) -> bool {
        self.is_compiled
    }

    /// Whether a change at `path`, which is no directory now, can change the artifact.
    pub fn contain(&self, path: &Path) -> bool {
        // What says what is left out is left out itself, and decides all the same.
        let decides = |root: &Root| path.parent() == Some(&root.dir) && path.ends_with(IGNORE_FILE);
        if self.files.contains(path) || self.roots.iter().any(decides) {
            return true;
        }
        // What is gone may have been a directory.
        let is_gone = path.symlink_metadata().is_err();
        let is_left_out =
            |root: &Root| self.left_out_of(root, path, false) || (is_gone && self.left_out_of(root, path, true));
        let in_root = |root: &Root| path.starts_with(&root.dir) && !is_left_out(root);
        self.roots.iter().any(in_root) || self.roots.iter().any(|root| root.dir.starts_with(path))
    }

    /// Whether a change at `path` changes what is an input, besides the input itself.
    pub fn are_changed_by(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        name == GIT_IGNORE_FILE || name == IGNORE_FILE || self.roots.iter().any(|root| root.dir.starts_with(path))
    }

    /// Whether `path` is a link that leads outside: what it leads to counts as if it stood there.
    pub fn follow(&self, path: &Path) -> bool {
        let leads_outside = |root: &Root| {
            let inside = path.strip_prefix(&root.dir).ok();
            inside.zip(fs::read_link(path).ok()).is_some_and(|(inside, to)| !tree::stays_inside(inside, &to))
        };
        self.roots.iter().any(leads_outside)
    }

    /// A directory has appeared: looks at it and below.
    pub fn add_directory(&mut self, dir: &Path) -> Added {
        let mut added = Added::default();
        for at in 0..self.roots.len() {
            let root = &self.roots[at];
            if dir.starts_with(&root.dir) && !self.left_out_of(root, dir, true) {
                self.walk(at, dir, 0, &mut added);
            }
        }
        added
    }

    /// Looks at everything again: all directories in which inputs are now.
    pub fn find_directories(&mut self) -> Vec<PathBuf> {
        let mut found = Added::default();
        for at in 0..self.roots.len() {
            let dir = self.roots[at].dir.clone();
            self.walk(at, &dir, 0, &mut found);
        }
        found.directories
    }

    fn add_root(&mut self, dir: &Path) {
        if self.roots.iter().any(|root| dir.starts_with(&root.dir)) {
            return;
        }
        if self.git.use_of != GitUse::None {
            self.git.add_above(dir);
        }
        // A damaged one is the build's to complain about.
        let left_out = tree::ignore_file(dir).ok().flatten();
        self.roots.push(Root { dir: dir.to_owned(), left_out });
        self.walk(self.roots.len() - 1, dir, 0, &mut Added::default());
    }

    /// What cannot be read is passed over: the build says so.
    fn walk(&mut self, root: usize, dir: &Path, depth: usize, added: &mut Added) {
        if depth > tree::DEPTH_MAX || self.directories.len() >= DIRECTORIES_MAX {
            return;
        }
        let Ok(entries) = fs::read_dir(dir) else { return };
        if self.git.use_of != GitUse::None {
            self.git.add(dir);
        }
        self.directories.insert(dir.to_owned());
        added.directories.push(dir.to_owned());
        for entry in entries.flatten() {
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            if kind.is_symlink() {
                self.link(root, &path, depth, added);
                added.has_files = true;
            } else if !self.left_out_of(&self.roots[root], &path, kind.is_dir()) {
                if kind.is_dir() {
                    self.walk(root, &path, depth + 1, added);
                } else {
                    added.has_files = true;
                }
            }
        }
    }

    /// A link that stays inside leads to what is watched anyway; where another leads counts as if it stood there.
    fn link(&mut self, root: usize, path: &Path, depth: usize, added: &mut Added) {
        let dir = &self.roots[root].dir;
        let (Ok(inside), Ok(to)) = (path.strip_prefix(dir), fs::read_link(path)) else { return };
        let is_dir = path.is_dir();
        if tree::stays_inside(inside, &to) || self.left_out_of(&self.roots[root], path, is_dir) {
            return;
        }
        match (is_dir, path.canonicalize()) {
            (true, Ok(to)) if !path.starts_with(&to) => self.walk(root, path, depth + 1, added),
            (false, Ok(to)) => {
                self.files.insert(to);
            }
            _ => {}
        }
    }

    fn left_out_of(&self, root: &Root, path: &Path, is_dir: bool) -> bool {
        let Ok(inside) = path.strip_prefix(&root.dir) else { return true };
        let mut at = root.dir.clone();
        let mut names = inside.components().peekable();
        while let Some(name) = names.next() {
            at.push(name);
            let is_dir = is_dir || names.peek().is_some();
            // A mark may have come after the directory that it marks.
            if self.rules.leave_out(&at, is_dir) || (is_dir && self.rules.is_marked(&at)) {
                return true;
            }
        }
        let is_last = |name: &str| path.file_name().is_some_and(|last| last == name);
        let by_us = root.left_out.as_ref().is_some_and(|ignore| {
            !inside.as_os_str().is_empty() && ignore.matched_path_or_any_parents(inside, is_dir).is_ignore()
        });
        // A file that says what is ignored changes what is an input; git may ignore it, and it still counts.
        by_us || (self.git.ignores(path, is_dir) && !is_last(GIT_IGNORE_FILE))
    }
}

fn region(source: &Path, state_dir: &Path) -> PathBuf {
    let repository = source.ancestors().find(|dir| dir.join(".git").exists());
    repository.or(state_dir.parent()).unwrap_or(source).to_owned()
}

impl Git {
    /// The files of the repository that `dir` lies in, from outside to inside; none when they ignore `dir` itself.
    fn add_above(&mut self, dir: &Path) {
        let above: Vec<_> = dir.ancestors().skip(1).collect();
        let Some(top) = above.iter().position(|above| above.join(".git").exists()) else { return };
        if dir.join(".git").exists() {
            return;
        }
        let known = self.files.len();
        above[..=top].iter().rev().for_each(|above| self.add(above));
        if self.ignores(dir, true) {
            self.files.truncate(known);
        }
    }

    /// Reads the file of one directory anew.
    fn add(&mut self, dir: &Path) {
        let file = dir.join(GIT_IGNORE_FILE);
        self.files.retain(|(known, _)| known != dir);
        if file.is_file() {
            let mut builder = GitignoreBuilder::new(dir);
            // Lines that are no patterns are passed over, as git does.
            let _ = builder.add(file);
            if let Ok(patterns) = builder.build() {
                self.files.push((dir.to_owned(), patterns));
            }
        }
    }

    /// The innermost file that says anything decides.
    fn ignores(&self, path: &Path, is_dir: bool) -> bool {
        let spared = match self.use_of {
            GitUse::None => true,
            GitUse::ButNodeModules => path.components().any(|name| name.as_os_str() == NODE_MODULES),
            GitUse::All => false,
        };
        if spared {
            return false;
        }
        let above = self.files.iter().rev().filter(|(dir, _)| path != dir && path.starts_with(dir));
        let mut said = above.map(|(_, patterns)| patterns.matched_path_or_any_parents(path, is_dir));
        said.find(|said| !said.is_none()).is_some_and(|said| said.is_ignore())
    }
}
