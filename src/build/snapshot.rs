//! What a function's artifact shares with the one before: files whose stamps are the same are hard links between artifacts,
//! never to what people edit, and are neither copied nor hashed. A copy of the last artifact made of links alone can lie
//! ready, so that the next build only changes what changed. Blocking.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Artifact, BuildError,
    listing::{Child, Directory, Kind, Node},
    pack::{self, Unfinished},
    placed::{Content, Placed, link_digest},
    told::{Told, Watcher},
    tree::{self, Rules},
};

/// Fewer files than this are linked in less time than it takes to notice a save.
const PREPARED_MIN_FILES: usize = 200;

/// What builds of one function leave for later ones, as long as the process lives. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Earlier(Arc<Kept>);

#[derive(Debug, Default)]
struct Kept {
    artifacts: Mutex<Artifacts>,
    /// Held while the source is looked at: what is told while somebody looks is for who looks next.
    source: Mutex<Option<Listed>>,
    installed: Mutex<Option<Installed>>,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Artifacts {
    last: Option<Arc<Snapshot>>,
    /// The last artifact once more, under an unfinished name.
    spare: Option<(Unfinished, Arc<Snapshot>)>,
}

/// An artifact and what is in it.
#[derive(Debug)]
struct Snapshot {
    dir: PathBuf,
    placed: Arc<Placed>,
}

/// What a directory had by these rules.
#[derive(Debug)]
struct Listed {
    root: PathBuf,
    rules: Rules,
    listing: Arc<Directory>,
}

/// What a directory had that is complete since it has its name.
#[derive(Debug)]
struct Installed {
    root: PathBuf,
    identity: (u64, u64, i64, i64),
    listing: Arc<Directory>,
}

impl Earlier {
    /// From now on that watcher's word is taken for what has not changed: it has to tell all that it sees happen.
    pub fn watched_by(&self, watcher: Arc<dyn Watcher>) {
        locked(&self.0.told).watcher = Some(watcher);
    }

    /// Something happened at `path`, perhaps.
    pub fn tell(&self, path: &Path) {
        locked(&self.0.told).add(path);
    }

    /// What is at `path` now may be another directory than before.
    pub fn tell_tree(&self, path: &Path) {
        locked(&self.0.told).add_tree(path);
    }

    /// Anything may have happened.
    pub fn tell_everything(&self) {
        locked(&self.0.told).add_everything();
        *locked(&self.0.installed) = None;
    }

    /// What the source has: looks where something was told of, and where nobody would tell.
    pub(super) fn list(&self, root: &Path, rules: Rules) -> Result<Arc<Directory>, BuildError> {
        let mut source = locked(&self.0.source);
        let told = locked(&self.0.told).take();
        let last = source.take().filter(|last| last.root == root && last.rules == rules);
        let listing = tree::read_again(root, &rules, last.as_ref().map(|last| &last.listing), &told)?;
        if told.watcher.is_some() {
            *source = Some(Listed { root: root.to_owned(), rules, listing: Arc::clone(&listing) });
        }
        Ok(listing)
    }

    /// What a directory has that never changes, and is replaced as a whole.
    pub(super) fn list_installed(&self, root: &Path, rules: &Rules) -> Result<Arc<Directory>, BuildError> {
        let metadata = fs::metadata(root).map_err(BuildError::disk("read", root))?;
        let identity = (metadata.dev(), metadata.ino(), metadata.mtime(), metadata.mtime_nsec());
        let mut installed = locked(&self.0.installed);
        if let Some(known) = installed.as_ref().filter(|known| known.root == root && known.identity == identity) {
            return Ok(Arc::clone(&known.listing));
        }
        let listing = tree::read(root, rules)?;
        *installed = Some(Installed { root: root.to_owned(), identity, listing: Arc::clone(&listing) });
        Ok(listing)
    }

    /// Puts what the listing says into the directory.
    pub(super) fn pack(&self, unfinished: Unfinished, listing: &Arc<Directory>) -> Result<Unfinished, BuildError> {
        let (last, spare) = {
            let mut artifacts = locked(&self.0.artifacts);
            (artifacts.last.clone(), artifacts.spare.take())
        };
        // The engine removes what is unfinished when it starts.
        if let Some((spare, was)) = spare.filter(|(spare, _)| spare.dir().is_dir()) {
            let filling = Filling { last: None };
            let placed = filling.directory(spare.dir(), listing, Some(&was.placed), Path::new(""))?;
            return Ok(spare.with(placed));
        }
        let last = last.filter(|last| last.dir.is_dir());
        let filling = Filling { last: last.as_ref().map(|last| &*last.dir) };
        let was = last.as_ref().map(|last| &last.placed);
        let placed = filling.directory(unfinished.dir(), listing, was, Path::new(""))?;
        Ok(unfinished.with(placed))
    }

    /// Makes the artifact, and remembers it.
    pub(super) fn finish(&self, unfinished: Unfinished) -> Result<Artifact, BuildError> {
        let (artifact, placed) = unfinished.finish()?;
        locked(&self.0.artifacts).last = Some(Arc::new(Snapshot { dir: artifact.dir.clone(), placed }));
        Ok(artifact)
    }

    /// Makes a spare of the last artifact, where that saves time.
    pub(super) fn prepare(&self, state_dir: &Path) {
        let Some(last) = locked(&self.0.artifacts).last.clone() else { return };
        if last.placed.listing().entries_count() < PREPARED_MIN_FILES || locked(&self.0.artifacts).spare.is_some() {
            return;
        }
        let spare = Unfinished::new(state_dir).and_then(|unfinished| {
            link_all(&last.placed, &last.dir, unfinished.dir())?;
            Ok(unfinished)
        });
        // Without one, the next build takes a little longer.
        if let Ok(spare) = spare {
            let mut artifacts = locked(&self.0.artifacts);
            if artifacts.last.as_ref().is_some_and(|now| Arc::ptr_eq(now, &last)) {
                artifacts.spare = Some((spare, last));
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a directory hold what a listing says: an empty one with links to the artifact `last`, or, without that, one that holds
/// what was there before already.
struct Filling<'a> {
    last: Option<&'a Path>,
}

impl Filling<'_> {
    /// The directory `at`, relative to the artifact, which stands at `to` and was `was`.
    fn directory(
        &self,
        to: &Path,
        now: &Arc<Directory>,
        was: Option<&Arc<Placed>>,
        at: &Path,
    ) -> Result<Arc<Placed>, BuildError> {
        if let Some(was) = was.filter(|was| Arc::ptr_eq(was.listing(), now)) {
            if let Some(last) = self.last {
                link_all(was, &last.join(at), to)?;
            }
            return Ok(Arc::clone(was));
        }
        if self.last.is_some() || was.is_none() {
            pack::create_dir(to)?;
        }
        let mut before = was.into_iter().flat_map(|was| was.children()).peekable();
        let mut contents = Vec::with_capacity(now.children().len());
        for child in now.children() {
            while let Some((gone, _)) = before.next_if(|(before, _)| before.name < child.name) {
                self.remove(gone, to)?;
            }
            let was = before.next_if(|(before, _)| before.name == child.name);
            contents.push(self.child(to, child, was, at)?);
        }
        before.try_for_each(|(gone, _)| self.remove(gone, to))?;
        Ok(Placed::new(Arc::clone(now), contents))
    }

    fn child(
        &self,
        to: &Path,
        child: &Child,
        was: Option<(&Child, &Content)>,
        at: &Path,
    ) -> Result<Content, BuildError> {
        let (here, at) = (to.join(&*child.name), at.join(&*child.name));
        match (&child.node, was) {
            (Node::Directory(now), Some((_, Content::Directory(was)))) => {
                self.directory(&here, now, Some(was), &at).map(Content::Directory)
            }
            (Node::Entry(kind), Some((Child { node: Node::Entry(before), .. }, Content::Entry(sha256))))
                if kind == before =>
            {
                if let Some(last) = self.last {
                    link(kind, &last.join(at), &here)?;
                }
                Ok(Content::Entry(*sha256))
            }
            (node, was) => {
                // A file is replaced when it is copied over; a directory where a file was, or the other way round, is not.
                if let Some((was, _)) = was.filter(|(was, _)| is_directory(&was.node) || is_directory(node)) {
                    self.remove(was, to)?;
                }
                match node {
                    Node::Directory(now) => self.directory(&here, now, None, &at).map(Content::Directory),
                    Node::Entry(kind) => copied(kind, &here).map(Content::Entry),
                }
            }
        }
    }

    /// Removes what was there before and is not wanted any more.
    fn remove(&self, child: &Child, from: &Path) -> Result<(), BuildError> {
        if self.last.is_some() {
            return Ok(());
        }
        let path = from.join(&*child.name);
        let removed = if is_directory(&child.node) { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(BuildError::Disk { action: "remove", path, error })
            }
            _ => Ok(()),
        }
    }
}

fn is_directory(node: &Node) -> bool {
    matches!(node, Node::Directory(_))
}

/// Makes `to` hold all that `from` does, which is `placed`.
fn link_all(placed: &Placed, from: &Path, to: &Path) -> Result<(), BuildError> {
    pack::create_dir(to)?;
    for (child, content) in placed.children() {
        let (from, to) = (from.join(&*child.name), to.join(&*child.name));
        match (&child.node, content) {
            (Node::Entry(kind), _) => link(kind, &from, &to)?,
            (Node::Directory(_), Content::Directory(below)) => link_all(below, &from, &to)?,
            (Node::Directory(_), Content::Entry(_)) => unreachable!("a directory's content is a directory's"),
        }
    }
    Ok(())
}

/// Puts what stands at `from`, in an artifact, at `to`.
fn link(kind: &Kind, from: &Path, to: &Path) -> Result<(), BuildError> {
    match kind {
        Kind::File { executable, .. } => match fs::hard_link(from, to) {
            Ok(()) => Ok(()),
            // Too many links, or a file system that has none.
            Err(_) => pack::copy_file(from, *executable, to),
        },
        Kind::Link { to: text } => symlink(text, to).map_err(BuildError::disk("write", to)),
    }
}

/// Copies an entry and hashes the copy: the source may have changed meanwhile.
fn copied(kind: &Kind, to: &Path) -> Result<[u8; 32], BuildError> {
    pack::copy_entry(kind, to)?;
    match kind {
        Kind::File { .. } => pack::file_digest(to),
        Kind::Link { to } => Ok(link_digest(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        earlier: Earlier,
    }

    impl Bench {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap(), earlier: Earlier::default() }
        }

        fn source(&self) -> PathBuf {
            self.dir.path().join("source")
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.source().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn build(&self) -> Artifact {
            let state = self.dir.path().join("state");
            let unfinished = Unfinished::new(&state).unwrap();
            let entries = tree::read(&self.source(), &Rules::default()).unwrap();
            self.earlier.finish(self.earlier.pack(unfinished, &entries).unwrap()).unwrap()
        }

        /// Builds once with what earlier builds left, and once without.
        fn check(&self) -> Artifact {
            let built = self.build();
            let fresh = Self { dir: tempfile::tempdir().unwrap(), earlier: Earlier::default() };
            let unfinished = Unfinished::new(fresh.dir.path()).unwrap();
            let entries = tree::read(&self.source(), &Rules::default()).unwrap();
            let fresh = fresh.earlier.finish(fresh.earlier.pack(unfinished, &entries).unwrap()).unwrap();
            assert_eq!((built.digest, built.size_bytes), (fresh.digest, fresh.size_bytes));
            assert_eq!(shape(&built.dir), shape(&fresh.dir));
            built
        }

        fn prepare(&self) {
            self.earlier.prepare(&self.dir.path().join("state"));
        }
    }

    /// Everything in a directory, empty directories included.
    fn shape(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                found.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                found.push(format!("{name}/"));
                found.extend(shape(&path).into_iter().map(|below| format!("{name}/{below}")));
            } else {
                found.push(format!("{name}: {}", fs::read_to_string(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    /// Each kind of change, with a spare and without.
    #[test]
    fn an_artifact_is_the_same_whatever_was_there_before() {
        for spare in [false, true] {
            let bench = Bench::new();
            for number in 0..2 * PREPARED_MIN_FILES {
                bench.write(&format!("m/{}/{number}", number % 7), &format!("{number}"));
            }
            symlink("m", bench.source().join("link")).unwrap();
            bench.check();
            let changes: [&dyn Fn(); 7] = [
                &|| bench.write("a", "new"),
                &|| bench.write("a", "changed"),
                &|| fs::remove_dir_all(bench.source().join("m/3")).unwrap(),
                &|| bench.write("m/3", "a file where a folder was"),
                &|| fs::remove_file(bench.source().join("m/3")).unwrap(),
                &|| bench.write("m/3/x", "and a folder again"),
                &|| {
                    fs::remove_file(bench.source().join("link")).unwrap();
                    symlink("a", bench.source().join("link")).unwrap();
                },
            ];
            for change in changes {
                if spare {
                    bench.prepare();
                    assert!(locked(&bench.earlier.0.artifacts).spare.is_some());
                }
                change();
                bench.check();
            }
        }
    }

    #[test]
    fn what_is_the_same_is_shared_and_never_with_the_source() {
        let bench = Bench::new();
        bench.write("same", "same");
        bench.write("other", "one");
        let first = bench.build();
        bench.write("other", "two, longer");
        let second = bench.build();
        let inode = |dir: &Path, file: &str| fs::metadata(dir.join(file)).unwrap().ino();
        assert_eq!(inode(&first.dir, "same"), inode(&second.dir, "same"));
        assert_ne!(inode(&bench.source(), "same"), inode(&second.dir, "same"));
        assert_eq!(fs::read_to_string(first.dir.join("other")).unwrap(), "one");
        assert_eq!(fs::read_to_string(second.dir.join("other")).unwrap(), "two, longer");
    }
}
