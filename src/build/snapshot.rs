//! What a function's artifact shares with the one before: files whose stamps are the same are hard links between artifacts,
//! never to what people edit, and are neither copied nor hashed. A copy of the last artifact made of links alone can lie
//! ready, so that the next build only changes what changed. Blocking.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Artifact, BuildError,
    pack::{self, Placed, Unfinished},
    tree::{Entry, Kind},
};

/// Fewer files than this are linked in less time than it takes to notice a save.
const PREPARED_MIN_FILES: usize = 200;

/// What builds of one function leave for later ones, as long as the process lives. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Earlier(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    last: Option<Arc<Snapshot>>,
    /// The last artifact once more, under an unfinished name.
    spare: Option<(Unfinished, Arc<Snapshot>)>,
}

/// An artifact and what is in it.
#[derive(Debug)]
struct Snapshot {
    dir: PathBuf,
    placed: Vec<Placed>,
}

impl Earlier {
    /// Puts `entries`, sorted by path, into the directory.
    pub(super) fn pack(&self, unfinished: Unfinished, entries: Vec<Entry>) -> Result<Unfinished, BuildError> {
        let (last, spare) = {
            let mut kept = self.kept();
            (kept.last.clone(), kept.spare.take())
        };
        // The engine removes what is unfinished when it starts.
        if let Some((spare, snapshot)) = spare.filter(|(spare, _)| spare.dir().is_dir()) {
            return change(spare, &snapshot, entries);
        }
        let nothing = Snapshot { dir: PathBuf::new(), placed: Vec::new() };
        let last = last.filter(|last| last.dir.is_dir());
        fill(unfinished, last.as_deref().unwrap_or(&nothing), entries)
    }

    /// Makes the artifact, and remembers it.
    pub(super) fn finish(&self, unfinished: Unfinished) -> Result<Artifact, BuildError> {
        let (artifact, placed) = unfinished.finish()?;
        self.kept().last = Some(Arc::new(Snapshot { dir: artifact.dir.clone(), placed }));
        Ok(artifact)
    }

    /// Makes a spare of the last artifact, where that saves time.
    pub(super) fn prepare(&self, state_dir: &Path) {
        let Some(last) = self.kept().last.clone() else { return };
        if last.placed.len() < PREPARED_MIN_FILES || self.kept().spare.is_some() {
            return;
        }
        let spare = Unfinished::new(state_dir).and_then(|unfinished| linked(unfinished, &last));
        // Without one, the next build takes a little longer.
        if let Ok(spare) = spare {
            let mut kept = self.kept();
            if kept.last.as_ref().is_some_and(|now| Arc::ptr_eq(now, &last)) {
                kept.spare = Some((spare, last));
            }
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fills an empty directory: links to `last` where it has the same, copies of the source where it has not.
fn fill(mut unfinished: Unfinished, last: &Snapshot, entries: Vec<Entry>) -> Result<Unfinished, BuildError> {
    let (mut made, mut placed) = (PathBuf::new(), Vec::with_capacity(entries.len()));
    let mut known = Known::of(last);
    for entry in entries {
        let same = known.same(&entry).map(|placed| placed.sha256);
        let to = unfinished.dir().join(&entry.path);
        let sha256 = match same {
            Some(sha256) if matches!(entry.kind, Kind::File { .. }) => {
                pack::make_parent(&to, &mut made)?;
                if fs::hard_link(last.dir.join(&entry.path), &to).is_err() {
                    // Too many links, or a file system that has none.
                    pack::copy_entry(&entry, unfinished.dir(), &mut made)?;
                }
                sha256
            }
            _ => copied(&entry, unfinished.dir(), &mut made)?,
        };
        placed.push(Placed { entry, sha256 });
    }
    unfinished.set_placed(placed);
    Ok(unfinished)
}

/// Fills an empty directory with all that `last` has. What that is, the snapshot knows: a second list of it would be megabytes.
fn linked(unfinished: Unfinished, last: &Snapshot) -> Result<Unfinished, BuildError> {
    let mut made = PathBuf::new();
    for Placed { entry, .. } in &last.placed {
        let to = unfinished.dir().join(&entry.path);
        pack::make_parent(&to, &mut made)?;
        let is_file = matches!(entry.kind, Kind::File { .. });
        if !is_file || fs::hard_link(last.dir.join(&entry.path), &to).is_err() {
            // Too many links, or a file system that has none.
            pack::copy_entry(entry, unfinished.dir(), &mut made)?;
        }
    }
    Ok(unfinished)
}

/// Makes a directory that holds what `was` does hold `entries`.
fn change(mut spare: Unfinished, was: &Snapshot, entries: Vec<Entry>) -> Result<Unfinished, BuildError> {
    let mut wanted = entries.iter().peekable();
    for placed in &was.placed {
        while wanted.next_if(|entry| entry.is_before(&placed.entry)).is_some() {}
        if wanted.peek().is_none_or(|entry| entry.path.as_os_str() != placed.entry.path.as_os_str()) {
            remove(spare.dir(), &placed.entry.path)?;
        }
    }
    let (mut made, mut placed) = (PathBuf::new(), Vec::with_capacity(entries.len()));
    let mut known = Known::of(was);
    for entry in entries {
        let sha256 = match known.same(&entry) {
            Some(placed) => placed.sha256,
            None => copied(&entry, spare.dir(), &mut made)?,
        };
        placed.push(Placed { entry, sha256 });
    }
    spare.set_placed(placed);
    Ok(spare)
}

/// Copies an entry and hashes the copy: the source may have changed meanwhile.
fn copied(entry: &Entry, dir: &Path, made: &mut PathBuf) -> Result<[u8; 32], BuildError> {
    pack::copy_entry(entry, dir, made)?;
    match &entry.kind {
        Kind::File { .. } => pack::file_digest(&dir.join(&entry.path)),
        Kind::Link { .. } => pack::sha256(entry),
    }
}

/// Removes a file, and the directories that it leaves empty.
fn remove(dir: &Path, path: &Path) -> Result<(), BuildError> {
    let file = dir.join(path);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(BuildError::Disk { action: "remove", path: file, error });
        }
        _ => {}
    }
    let mut above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    while above.next().is_some_and(|above| fs::remove_dir(dir.join(above)).is_ok()) {}
    Ok(())
}

/// Looks entries up in a snapshot, in the order of their paths.
struct Known<'a> {
    rest: std::iter::Peekable<std::slice::Iter<'a, Placed>>,
}

impl<'a> Known<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        Self { rest: snapshot.placed.iter().peekable() }
    }

    /// What the snapshot has at the entry's path, when it is the same.
    fn same(&mut self, entry: &Entry) -> Option<&'a Placed> {
        while self.rest.next_if(|placed| placed.entry.is_before(entry)).is_some() {}
        self.rest.next_if(|placed| placed.entry == *entry)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;
    use crate::build::tree::{Rules, list};

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
            let entries = list(&self.source(), &Rules::default()).unwrap();
            self.earlier.finish(self.earlier.pack(unfinished, entries).unwrap()).unwrap()
        }

        /// Builds once with what earlier builds left, and once without.
        fn check(&self) -> Artifact {
            let built = self.build();
            let fresh = Self { dir: tempfile::tempdir().unwrap(), earlier: Earlier::default() };
            let unfinished = Unfinished::new(fresh.dir.path()).unwrap();
            let entries = list(&self.source(), &Rules::default()).unwrap();
            let fresh = fresh.earlier.finish(fresh.earlier.pack(unfinished, entries).unwrap()).unwrap();
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
                    assert!(bench.earlier.kept().spare.is_some());
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
