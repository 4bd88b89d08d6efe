//! Which files a source directory has: a list that is the same on every machine. Reads no contents.
//!
//! A symbolic link that stays inside the directory is itself an entry. One that leads outside, as workspaces make them, is
//! replaced with what it leads to, because an artifact has to stand alone.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::BuildError;

/// Patterns in the language of `.gitignore`, at the top of a source: what to leave out besides the defaults.
pub(super) const IGNORE_FILE: &str = ".stackctlignore";
/// Entries of a source; far above real ones, far below what would exhaust memory.
const ENTRIES_MAX: usize = 500_000;
/// Directories inside directories, links followed.
pub(super) const DEPTH_MAX: usize = 128;
/// Never part of anything that is built: other tools' histories, our own state, a desktop's droppings.
const NEVER: &[&str] = &[".git", ".hg", ".jj", ".svn", ".stackctl", ".DS_Store", IGNORE_FILE];
/// The file that marks the root of a Python virtual environment, whatever the directory is called.
pub(super) const VIRTUAL_ENVIRONMENT_MARK: &str = "pyvenv.cfg";
/// The file that marks a directory as a tool's cache (bford.info/cachedir), cargo's `target` for example.
pub(super) const CACHE_MARK: &str = "CACHEDIR.TAG";
/// What editors leave beside a file while it is open or being saved, by the ends of its name.
const EDITORS: &[(&str, &str)] = &[
    ("", "~"),
    ("", ".swp"),
    ("", ".swo"),
    ("", ".swx"),
    (".#", ""),
    ("#", "#"),
    (".goutputstream-", ""),
    ("", "___jb_tmp___"),
    ("", "___jb_old___"),
    ("", ".kate-swp"),
];
/// Vim tries with a file of this name whether it can write to a directory.
const VIM_TRIAL: &str = "4913";

/// What is left out, besides what is always left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Names of files and directories, at any depth.
    pub(super) names: &'static [&'static str],
    /// Endings of file names.
    pub(super) endings: &'static [&'static str],
    /// Directories that have a file of such a name.
    pub(super) marks: &'static [&'static str],
    /// Absolute paths.
    pub(super) paths: Vec<PathBuf>,
}

impl Rules {
    /// Whether the last name of `path` is left out, whatever it lies in.
    pub(super) fn leave_out(&self, path: &Path, is_dir: bool) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        NEVER.contains(&&*name)
            || self.names.contains(&&*name)
            || self.endings.iter().any(|ending| !is_dir && name.ends_with(ending))
            || self.paths.iter().any(|left_out| left_out.file_name() == path.file_name() && left_out == path)
            || (!is_dir && is_of_an_editor(&name))
    }

    /// Whether a file in that directory marks it as one that is left out.
    pub(super) fn is_marked(&self, dir: &Path) -> bool {
        self.marks.iter().any(|mark| dir.join(mark).exists())
    }
}

fn is_of_an_editor(name: &str) -> bool {
    let has = |(start, end): &(&str, &str)| {
        name.len() > start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    name == VIM_TRIAL || EDITORS.iter().any(has)
}

/// A file, or a link that stays inside. Two are equal when their texts are: to compare paths name by name takes many times as long.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Relative to the root.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `dir` is where it stands on the disk, under the name that it has in the list: one text for all that are there.
    File {
        dir: Arc<Path>,
        executable: bool,
        len: u64,
        mtime_ns: i128,
        inode: u64,
    },
    Link {
        to: PathBuf,
    },
}

impl Entry {
    /// Where a file's contents are, when it stands in `dir`.
    pub(super) fn from(&self, dir: &Path) -> PathBuf {
        self.path.file_name().map_or_else(|| dir.to_owned(), |name| dir.join(name))
    }

    /// Whether it stands before the other one in a list.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.path.as_os_str() != other.path.as_os_str() && self.path < other.path
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.path.as_os_str() == other.path.as_os_str() && self.kind == other.kind
    }
}

impl Eq for Entry {}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::File { dir, executable, len, mtime_ns, inode },
                Self::File { dir: dir2, executable: executable2, len: len2, mtime_ns: mtime_ns2, inode: inode2 },
            ) => {
                (inode, mtime_ns, len, executable) == (inode2, mtime_ns2, len2, executable2)
                    && dir.as_os_str() == dir2.as_os_str()
            }
            (Self::Link { to }, Self::Link { to: to2 }) => to.as_os_str() == to2.as_os_str(),
            (Self::File { .. }, Self::Link { .. }) | (Self::Link { .. }, Self::File { .. }) => false,
        }
    }
}

impl Eq for Kind {}

/// The entries of `root`, sorted by path.
pub(super) fn list(root: &Path, rules: &Rules) -> Result<Vec<Entry>, BuildError> {
    let ignore = ignore_file(root)?;
    let mut walk = Walk { root, rules, ignore, ancestors: Vec::new(), entries: Vec::new() };
    walk.directory(root, Path::new(""))?;
    Ok(walk.entries)
}

pub(super) fn ignore_file(root: &Path) -> Result<Option<Gitignore>, BuildError> {
    let path = root.join(IGNORE_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let mut builder = GitignoreBuilder::new(root);
    let wrong = |error: &ignore::Error| {
        BuildError::unsuitable(format!("`{}`: {error}", path.display()), "its patterns are those of `.gitignore`")
    };
    builder.add(&path).map_or(Ok(()), |error| Err(wrong(&error)))?;
    builder.build().map(Some).map_err(|error| wrong(&error))
}

struct Walk<'a> {
    root: &'a Path,
    rules: &'a Rules,
    ignore: Option<Gitignore>,
    /// Device and inode of the directories above, so that a link cannot lead in a circle.
    ancestors: Vec<(u64, u64)>,
    entries: Vec<Entry>,
}

impl Walk<'_> {
    /// Lists the directory `from`, which stands at `path` in the artifact.
    fn directory(&mut self, from: &Path, path: &Path) -> Result<(), BuildError> {
        let metadata = fs::metadata(from).map_err(BuildError::disk("read", from))?;
        let identity = (metadata.dev(), metadata.ino());
        if self.ancestors.contains(&identity) || self.ancestors.len() >= DEPTH_MAX {
            return Err(BuildError::unsuitable(
                format!("`{}` leads back to a directory above it", from.display()),
                format!("remove the link, or name it in `{IGNORE_FILE}`"),
            ));
        }
        self.ancestors.push(identity);
        let read = fs::read_dir(from).map_err(BuildError::disk("read", from))?;
        let named = read.map(|entry| entry.map(|entry| (entry.file_name(), entry)));
        let mut named = named.collect::<io::Result<Vec<_>>>().map_err(BuildError::disk("read", from))?;
        // Each directory sorted is all sorted, and costs a fraction of comparing whole paths.
        named.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let dir = Arc::from(from);
        for (name, entry) in &named {
            self.entry(entry, &dir, &path.join(name))?;
        }
        self.ancestors.pop();
        Ok(())
    }

    fn entry(&mut self, entry: &fs::DirEntry, dir: &Arc<Path>, path: &Path) -> Result<(), BuildError> {
        let from = entry.path();
        let kind = entry.file_type().map_err(BuildError::disk("read", &from))?;
        let is_dir = kind.is_dir();
        if self.leaves_out(&from, path, is_dir) {
            return Ok(());
        }
        if kind.is_symlink() {
            self.link(from, dir, path)
        } else if is_dir {
            self.directory(&from, path)
        } else if kind.is_file() {
            let metadata = entry.metadata().map_err(BuildError::disk("read", &from))?;
            self.file(dir, path, &metadata)
        } else {
            // Sockets, pipes and devices are nothing that code consists of.
            Ok(())
        }
    }

    fn link(&mut self, from: PathBuf, dir: &Arc<Path>, path: &Path) -> Result<(), BuildError> {
        let to = fs::read_link(&from).map_err(BuildError::disk("read", &from))?;
        if stays_inside(path, &to) {
            return self.push(Entry { path: path.to_owned(), kind: Kind::Link { to } });
        }
        match fs::metadata(&from) {
            Ok(metadata) if metadata.is_dir() => self.directory(&from, path),
            Ok(metadata) if metadata.is_file() => self.file(dir, path, &metadata),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(BuildError::unsuitable(
                format!("the link `{}` leads to `{}`, which is not there", from.display(), to.display()),
                format!("mend or remove the link, or name it in `{IGNORE_FILE}`"),
            )),
            Err(error) => Err(BuildError::Disk { action: "read", path: from, error }),
        }
    }

    fn file(&mut self, dir: &Arc<Path>, path: &Path, metadata: &fs::Metadata) -> Result<(), BuildError> {
        let kind = Kind::File {
            dir: Arc::clone(dir),
            executable: metadata.mode() & 0o100 != 0,
            len: metadata.len(),
            mtime_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
            inode: metadata.ino(),
        };
        self.push(Entry { path: path.to_owned(), kind })
    }

    fn push(&mut self, entry: Entry) -> Result<(), BuildError> {
        if self.entries.len() >= ENTRIES_MAX {
            return Err(BuildError::unsuitable(
                format!("`{}` has more than {ENTRIES_MAX} files", self.root.display()),
                format!("point `source` at the function's own directory, or leave out the rest with `{IGNORE_FILE}`"),
            ));
        }
        self.entries.push(entry);
        Ok(())
    }

    fn leaves_out(&self, from: &Path, path: &Path, is_dir: bool) -> bool {
        self.rules.leave_out(from, is_dir)
            || (is_dir && self.rules.is_marked(from))
            || self.ignore.as_ref().is_some_and(|ignore| ignore.matched(path, is_dir).is_ignore())
    }
}

/// Whether a link at `path` to `to` ends below the root, as far as the texts say.
pub(super) fn stays_inside(path: &Path, to: &Path) -> bool {
    let mut depth = path.components().count().saturating_sub(1);
    for component in to.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    fn check(root: &Path, rules: &Rules, expected: &[&str]) {
        let entries = list(root, rules).unwrap();
        let listed: Vec<_> = entries
            .iter()
            .map(|entry| match &entry.kind {
                Kind::File { .. } => entry.path.display().to_string(),
                Kind::Link { to } => format!("{} -> {}", entry.path.display(), to.display()),
            })
            .collect();
        assert_eq!(listed, expected);
    }

    #[test]
    fn what_is_no_code_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for path in [
            "b.py",
            "a/c.py",
            "a/c.pyc",
            ".git/config",
            ".stackctl/lock",
            "a/__pycache__/x",
            "env/pyvenv.cfg",
            "env/lib/y.py",
            "stack.toml",
            "src/target/z.py",
            "target/CACHEDIR.TAG",
            "docs/guide.md",
            "notes.md",
        ] {
            write(root, path);
        }
        check(
            root,
            &Rules::default(),
            &[
                "a/__pycache__/x",
                "a/c.py",
                "a/c.pyc",
                "b.py",
                "docs/guide.md",
                "env/lib/y.py",
                "env/pyvenv.cfg",
                "notes.md",
                "src/target/z.py",
                "stack.toml",
                "target/CACHEDIR.TAG",
            ],
        );
        fs::write(root.join(IGNORE_FILE), "docs/\n*.md\n").unwrap();
        let rules = Rules {
            names: &["__pycache__"],
            endings: &[".pyc"],
            marks: &[VIRTUAL_ENVIRONMENT_MARK, CACHE_MARK],
            paths: vec![root.join("stack.toml")],
        };
        check(root, &rules, &["a/c.py", "b.py", "src/target/z.py"]);
    }

    #[test]
    fn links_stay_only_when_they_stay_inside() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("fn");
        write(&root, "lib/x.js");
        write(dir.path(), "shared/y.js");
        symlink("lib/x.js", root.join("in.js")).unwrap();
        symlink("../shared", root.join("out")).unwrap();
        symlink(dir.path().join("shared/y.js"), root.join("abs.js")).unwrap();
        symlink("gone", root.join("dangling-inside")).unwrap();
        check(
            &root,
            &Rules::default(),
            &["abs.js", "dangling-inside -> gone", "in.js -> lib/x.js", "lib/x.js", "out/y.js"],
        );
    }

    #[test]
    fn links_that_lead_nowhere_or_in_circles_are_named() {
        let check = |to: &str, expected: &str| {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().join("fn");
            write(&root, "x");
            symlink(to, root.join("link")).unwrap();
            let error = list(&root, &Rules::default()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check("../gone", "leads to `../gone`, which is not there");
        check("../fn", "leads back to a directory above it");
    }
}
