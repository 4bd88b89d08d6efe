//! Which files a source directory has: a listing that is the same on every machine. Reads no contents.
//!
//! A symbolic link that stays inside the directory is itself an entry. One that leads outside, as workspaces make them, is
//! replaced with what it leads to, because an artifact has to stand alone.
//!
//! Where somebody watches, a directory is read again only when something in it was told of. What nobody can be told of is looked at
//! each time: directories without a watch, behind links and on the file systems of other machines, and files that have
//! another name elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

pub(super) use super::listing::{Directory, Entry, Kind};
use super::{
    BuildError,
    listing::{Child, Kept, Node},
    told::Told,
};

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
    ("", ".vsctmp"),
    ("", ".kate-swp"),
];
/// Vim tries with a file of this name whether it can write to a directory.
const VIM_TRIAL: &str = "4913";

/// What is left out, besides what is always left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// The entries of `root`, sorted by path.
pub(super) fn list(root: &Path, rules: &Rules) -> Result<Vec<Entry>, BuildError> {
    Ok(read(root, rules)?.entries())
}

/// What `root` has.
pub(super) fn read(root: &Path, rules: &Rules) -> Result<Arc<Directory>, BuildError> {
    read_again(root, rules, None, &Told::default())
}

/// What `root` has now, when it had `last` by the same rules before all that was `told`.
pub(super) fn read_again(
    root: &Path,
    rules: &Rules,
    last: Option<&Arc<Directory>>,
    told: &Told,
) -> Result<Arc<Directory>, BuildError> {
    let last = last.filter(|_| !told.everything && !told.is_at(&root.join(IGNORE_FILE)));
    let ignore = ignore_file(root)?;
    let (ancestors, local) = (Vec::new(), BTreeMap::new());
    let mut walk = Walk { root, rules, ignore, told, ancestors, local, entries_count: 0 };
    let found = walk.directory(root, Path::new(""), last, Way::Own)?;
    walk.bound(found.entries_count())?;
    Ok(found)
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
    told: &'a Told,
    /// Device and inode of the directories above, so that a link cannot lead in a circle.
    ancestors: Vec<(u64, u64)>,
    /// Devices, and whether this machine's kernel alone changes what is on them.
    local: BTreeMap<u64, bool>,
    entries_count: usize,
}

/// How a directory was come to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Own,
    /// Through a link that leads outside.
    Link,
}

/// What stands at a name, and whether every change of that is told.
struct Found {
    node: Option<Node>,
    is_told: bool,
}

impl Found {
    const NOTHING: Self = Self { node: None, is_told: true };

    fn told(node: Node) -> Self {
        Self { node: Some(node), is_told: true }
    }
}

impl Walk<'_> {
    /// Lists the directory `from`, which stands at `path` in the artifact and had `last`.
    fn directory(
        &mut self,
        from: &Path,
        path: &Path,
        last: Option<&Arc<Directory>>,
        way: Way,
    ) -> Result<Arc<Directory>, BuildError> {
        let metadata = fs::metadata(from).map_err(BuildError::disk("read", from))?;
        let identity = (metadata.dev(), metadata.ino());
        if self.ancestors.contains(&identity) || self.ancestors.len() >= DEPTH_MAX {
            return Err(BuildError::unsuitable(
                format!("`{}` leads back to a directory above it", from.display()),
                format!("remove the link, or name it in `{IGNORE_FILE}`"),
            ));
        }
        self.ancestors.push(identity);
        let last = last.filter(|last| last.kept().identity == identity && !self.told.is_replaced(from));
        let known = match last.filter(|last| last.kept().is_told && !self.told.is_at(from)) {
            Some(last) => self.known(from, path, last)?,
            None => None,
        };
        let found = match known {
            Some(known) => known,
            None => self.anew(from, path, identity, last, way)?,
        };
        self.ancestors.pop();
        // What is below it is shared with the listing before as long as it is the same.
        Ok(last.filter(|last| last.is_like(&found)).map_or_else(|| Arc::new(found), Arc::clone))
    }

    /// The directory as it was, with what was told of below it; `None` when it has to be read for that.
    fn known(&mut self, from: &Path, path: &Path, last: &Directory) -> Result<Option<Directory>, BuildError> {
        let told = self.told;
        let name_in = |place: &'_ Path| place.strip_prefix(from).ok()?.iter().next().map(OsStr::to_owned);
        let changed: BTreeSet<_> = told.below(from).filter_map(name_in).collect();
        if changed.iter().any(|name| !matches!(last.child(name), Some(Node::Directory(_)))) {
            return Ok(None);
        }
        let before = self.entries_count;
        let (mut children, mut is_told_below) = (Vec::with_capacity(last.children().len()), true);
        for child in last.children() {
            let Node::Directory(below) = &child.node else {
                children.push(child.clone());
                continue;
            };
            if !changed.contains(&*child.name) && below.kept().is_told_below {
                children.push(child.clone());
                continue;
            }
            let from = from.join(&*child.name);
            let is_there = from.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
            // A mark may have come.
            if !is_there || self.rules.is_marked(&from) {
                self.entries_count = before;
                return Ok(None);
            }
            let found = self.directory(&from, &path.join(&*child.name), Some(below), Way::Own)?;
            if found.entries_count() == 0 && !found.kept().is_told_below {
                self.entries_count = before;
                return Ok(None);
            }
            is_told_below &= found.kept().is_told_below;
            children.push(Child { name: child.name.clone(), node: Node::Directory(found) });
        }
        Ok(Some(Directory::new(children, Kept { is_told_below, ..last.kept() })))
    }

    /// Reads the directory.
    fn anew(
        &mut self,
        from: &Path,
        path: &Path,
        identity: (u64, u64),
        last: Option<&Arc<Directory>>,
        way: Way,
    ) -> Result<Directory, BuildError> {
        // Asked before: what happens meanwhile is then told afterwards.
        let mut is_told = way == Way::Own && self.is_watched(from, identity);
        let read = fs::read_dir(from).map_err(BuildError::disk("read", from))?;
        let named = read.map(|entry| entry.map(|entry| (entry.file_name(), entry)));
        let mut named = named.collect::<io::Result<Vec<_>>>().map_err(BuildError::disk("read", from))?;
        // Each directory sorted is all sorted, and costs a fraction of comparing whole paths.
        named.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let dir = Arc::from(from);
        let (mut children, mut is_told_below) = (Vec::with_capacity(named.len()), true);
        for (name, entry) in named {
            let last = last.and_then(|last| last.child(&name));
            let found = self.entry(&entry, &dir, &path.join(&name), last, way)?;
            is_told &= found.is_told;
            let Some(node) = found.node else { continue };
            if let Node::Directory(below) = &node {
                is_told_below &= below.kept().is_told_below;
                // It will not be in the listing, so nobody will look at it.
                is_told &= below.entries_count() > 0 || below.kept().is_told_below;
            }
            children.push(Child { name: name.into_boxed_os_str(), node });
        }
        Ok(Directory::new(children, Kept { identity, is_told, is_told_below: is_told && is_told_below }))
    }

    fn is_watched(&mut self, from: &Path, identity: (u64, u64)) -> bool {
        let is_watched = self.told.watcher.as_ref().is_some_and(|watcher| watcher.watches(from, identity));
        is_watched && *self.local.entry(identity.0).or_insert_with(|| is_local(from))
    }

    fn entry(
        &mut self,
        entry: &fs::DirEntry,
        dir: &Arc<Path>,
        path: &Path,
        last: Option<&Node>,
        way: Way,
    ) -> Result<Found, BuildError> {
        let from = entry.path();
        let kind = entry.file_type().map_err(BuildError::disk("read", &from))?;
        let is_dir = kind.is_dir();
        if self.leaves_out(&from, path, is_dir) {
            return Ok(Found::NOTHING);
        }
        if is_dir && self.rules.is_marked(&from) {
            // Nobody watches it, and the mark may go.
            return Ok(Found { is_told: false, ..Found::NOTHING });
        }
        if kind.is_symlink() {
            self.link(from, dir, path)
        } else if is_dir {
            let last = match last {
                Some(Node::Directory(last)) => Some(last),
                _ => None,
            };
            Ok(Found::told(Node::Directory(self.directory(&from, path, last, way)?)))
        } else if kind.is_file() {
            let metadata = entry.metadata().map_err(BuildError::disk("read", &from))?;
            // Who writes to it by another name is not seen here.
            Ok(Found { node: Some(self.file(dir, &metadata)?), is_told: metadata.nlink() == 1 })
        } else {
            // Sockets, pipes and devices are nothing that code consists of.
            Ok(Found::NOTHING)
        }
    }

    fn link(&mut self, from: PathBuf, dir: &Arc<Path>, path: &Path) -> Result<Found, BuildError> {
        let to = fs::read_link(&from).map_err(BuildError::disk("read", &from))?;
        if stays_inside(path, &to) {
            self.count()?;
            return Ok(Found::told(Node::Entry(Kind::Link { to })));
        }
        let node = match fs::metadata(&from) {
            Ok(metadata) if metadata.is_dir() => Some(Node::Directory(self.directory(&from, path, None, Way::Link)?)),
            Ok(metadata) if metadata.is_file() => Some(self.file(dir, &metadata)?),
            Ok(_) => None,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BuildError::unsuitable(
                    format!("the link `{}` leads to `{}`, which is not there", from.display(), to.display()),
                    format!("mend or remove the link, or name it in `{IGNORE_FILE}`"),
                ));
            }
            Err(error) => return Err(BuildError::Disk { action: "read", path: from, error }),
        };
        Ok(Found { node, is_told: false })
    }

    fn file(&mut self, dir: &Arc<Path>, metadata: &fs::Metadata) -> Result<Node, BuildError> {
        self.count()?;
        Ok(Node::Entry(Kind::File {
            dir: Arc::clone(dir),
            executable: metadata.mode() & 0o100 != 0,
            len: metadata.len(),
            mtime_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
            inode: metadata.ino(),
        }))
    }

    fn count(&mut self) -> Result<(), BuildError> {
        self.entries_count += 1;
        self.bound(self.entries_count)
    }

    fn bound(&self, entries_count: usize) -> Result<(), BuildError> {
        if entries_count > ENTRIES_MAX {
            return Err(BuildError::unsuitable(
                format!("`{}` has more than {ENTRIES_MAX} files", self.root.display()),
                format!("point `source` at the function's own directory, or leave out the rest with `{IGNORE_FILE}`"),
            ));
        }
        Ok(())
    }

    fn leaves_out(&self, from: &Path, path: &Path, is_dir: bool) -> bool {
        self.rules.leave_out(from, is_dir)
            || self.ignore.as_ref().is_some_and(|ignore| ignore.matched(path, is_dir).is_ignore())
    }
}

/// Whether that directory's file system is this machine's alone: of what another machine does to it nobody tells.
#[cfg(target_os = "linux")]
fn is_local(dir: &Path) -> bool {
    // ext, XFS, btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs.
    const LOCAL: [i64; 8] =
        [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1, 0xCA45_1A4E];
    rustix::fs::statfs(dir).is_ok_and(|statfs| LOCAL.contains(&statfs.f_type))
}

#[cfg(not(target_os = "linux"))]
fn is_local(_dir: &Path) -> bool {
    false
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
