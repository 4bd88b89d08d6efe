//! Directories under watch. Each is watched by itself and not with what is below it, so that what is ignored costs nothing.
//! What has happened is told as paths at which something may have changed, never as what: whoever is told looks.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::WatchError;
use crate::build;

/// Paths that are remembered until somebody looks; beyond that everything counts as changed.
const PATHS_MAX: usize = 10_000;

/// See the module.
pub(super) struct Files {
    watcher: RecommendedWatcher,
    inbox: Arc<Inbox>,
    watched: Arc<Watched>,
    /// Directories whose watch has ended since somebody asked.
    let_go: Vec<PathBuf>,
    /// Directories whose watch went with another path of theirs, and began again a moment later.
    handed_on: Vec<PathBuf>,
}

/// The directories under watch. Builds ask it as well.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<Directories>);

#[derive(Debug, Default)]
struct Directories {
    /// Each directory, and which one it was when its watch began: another may stand at the same path since.
    by_path: BTreeMap<PathBuf, Identity>,
    /// The paths of each. The kernel knows directories, not paths, and tells of each once: under the first of these.
    by_identity: BTreeMap<Identity, Vec<PathBuf>>,
}

/// Device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Identity(u64, u64);

/// What has happened since somebody looked.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    happened: Mutex<Happened>,
    news: Notify,
}

/// Paths at which something may have changed.
#[derive(Debug, Default)]
pub(super) struct Happened {
    pub(super) paths: BTreeSet<PathBuf>,
    /// Those of them that were made since: one of these that is not there now never was, as far as anybody has seen.
    pub(super) made: BTreeSet<PathBuf>,
    /// Those that were made, removed or renamed: a directory there is another one, even where it looks like the one before.
    pub(super) moved: BTreeSet<PathBuf>,
    /// When the first of it did.
    pub(super) first: Option<Instant>,
    /// More has changed than is told.
    pub(super) all: bool,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("directories", &self.len()).finish_non_exhaustive()
    }
}

impl build::Watcher for Watched {
    fn watches(&self, dir: &Path, (device, inode): (u64, u64)) -> bool {
        self.0.lock().by_path.get(dir) == Some(&Identity(device, inode))
    }
}

impl Directories {
    fn add(&mut self, dir: PathBuf, identity: Identity) {
        self.by_identity.entry(identity).or_default().push(dir.clone());
        self.by_path.insert(dir, identity);
    }

    /// The path under which the kernel tells of it from now on, when that was this one and there is another.
    fn remove(&mut self, dir: &Path) -> Option<PathBuf> {
        let identity = self.by_path.remove(dir)?;
        let paths = self.by_identity.get_mut(&identity)?;
        let was_first = paths.first().is_some_and(|first| first == dir);
        paths.retain(|path| path != dir);
        if paths.is_empty() {
            self.by_identity.remove(&identity);
            return None;
        }
        paths.first().filter(|_| was_first).cloned()
    }

    /// What else `path` is called, when the directory that it stands in has other paths.
    fn other_names(&self, path: &Path) -> Vec<PathBuf> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Vec::new() };
        let paths = self.by_path.get(parent).and_then(|identity| self.by_identity.get(identity));
        paths.into_iter().flatten().filter(|other| *other != parent).map(|other| other.join(name)).collect()
    }
}

impl Files {
    pub(super) fn new() -> Result<Self, WatchError> {
        let inbox = Arc::new(Inbox::default());
        let events = Arc::clone(&inbox);
        let watcher = notify::recommended_watcher(move |event| events.put(event));
        let watcher = watcher.map_err(|error| WatchError::of(&error, 0))?;
        Ok(Self { watcher, inbox, watched: Arc::default(), let_go: Vec::new(), handed_on: Vec::new() })
    }

    pub(super) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    pub(super) fn watched(&self) -> Arc<Watched> {
        Arc::clone(&self.watched)
    }

    pub(super) fn len(&self) -> usize {
        self.watched.0.lock().by_path.len()
    }

    /// What has happened since the last time, under all names that it has; `None` when nothing has.
    pub(super) fn happened(&self) -> Option<Happened> {
        let mut happened = self.inbox.take()?;
        let watched = self.watched.0.lock();
        if watched.by_path.len() > watched.by_identity.len() {
            for paths in [&mut happened.paths, &mut happened.made, &mut happened.moved] {
                let others: Vec<_> = paths.iter().flat_map(|path| watched.other_names(path)).collect();
                paths.extend(others);
            }
        }
        Some(happened)
    }

    /// Directories whose watch has ended since the last time: of changes in them nobody is told.
    pub(super) fn take_let_go(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.let_go)
    }

    /// Directories in which something may have happened while nobody watched them.
    pub(super) fn take_handed_on(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.handed_on)
    }

    /// Watches these directories and no others; of one that is not there, the nearest above it that is.
    pub(super) fn watch_only<'a>(&mut self, dirs: impl Iterator<Item = &'a Path>) -> Result<(), WatchError> {
        let mut wanted = BTreeMap::new();
        for dir in dirs {
            if !wanted.contains_key(dir)
                && let Some((dir, identity)) = dir.ancestors().find_map(|dir| Some((dir, identity(dir)?)))
            {
                wanted.insert(dir.to_owned(), identity);
            }
        }
        let stale: Vec<_> = {
            let watched = self.watched.0.lock();
            let stale = watched.by_path.iter().filter(|(dir, identity)| wanted.get(*dir) != Some(identity));
            stale.map(|(dir, _)| dir.clone()).collect()
        };
        stale.iter().for_each(|dir| self.unwatch(dir));
        let count = wanted.len();
        wanted.into_iter().try_for_each(|(dir, identity)| self.watch(dir, identity, count))
    }

    /// Watches these as well.
    pub(super) fn watch_also(&mut self, dirs: impl IntoIterator<Item = PathBuf>) -> Result<(), WatchError> {
        let dirs: Vec<_> = dirs.into_iter().collect();
        let count = self.len() + dirs.len();
        dirs.into_iter().try_for_each(|dir| match identity(&dir) {
            Some(identity) => self.watch(dir, identity, count),
            None => Ok(()),
        })
    }

    /// Whether a directory at that path is under watch.
    pub(super) fn has(&self, dir: &Path) -> bool {
        self.watched.0.lock().by_path.contains_key(dir)
    }

    /// Whether that directory is under watch, and still the one that was.
    pub(super) fn knows(&self, dir: &Path) -> bool {
        let known = self.watched.0.lock().by_path.get(dir).copied();
        known.is_some() && known == identity(dir)
    }

    /// Something else, or nothing, is at `path` now.
    pub(super) fn forget(&mut self, path: &Path) {
        let below: Vec<_> = {
            let watched = self.watched.0.lock();
            let below = watched.by_path.range(path.to_owned()..).take_while(|(dir, _)| dir.starts_with(path));
            below.map(|(dir, _)| dir.clone()).collect()
        };
        below.iter().for_each(|dir| self.unwatch(dir));
    }

    fn watch(&mut self, dir: PathBuf, identity: Identity, count: usize) -> Result<(), WatchError> {
        let (known, is_told) = {
            let watched = self.watched.0.lock();
            (watched.by_path.get(&dir).copied(), watched.by_identity.contains_key(&identity))
        };
        if known == Some(identity) {
            return Ok(());
        }
        if known.is_some() {
            self.unwatch(&dir);
        }
        if !is_told {
            match self.watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // It went while it was looked at: its parent tells.
                Err(_) if !dir.is_dir() => return Ok(()),
                Err(error) => return Err(WatchError::of(&error, count)),
            }
        }
        self.watched.0.lock().add(dir, identity);
        Ok(())
    }

    fn unwatch(&mut self, dir: &Path) {
        let is_first = {
            let watched = self.watched.0.lock();
            let paths = watched.by_path.get(dir).and_then(|identity| watched.by_identity.get(identity));
            paths.and_then(|paths| paths.first()).is_some_and(|first| first == dir)
        };
        let mut next = self.watched.0.lock().remove(dir);
        if is_first {
            // The kernel has let go of one that is gone by itself.
            let _ = self.watcher.unwatch(dir);
        }
        self.let_go.push(dir.to_owned());
        while let Some(first) = next {
            self.let_go.push(first.clone());
            if self.watcher.watch(&first, RecursiveMode::NonRecursive).is_ok() {
                self.handed_on.push(first);
                break;
            }
            // It is gone as well, and its parent tells.
            next = self.watched.0.lock().remove(&first);
        }
    }
}

fn identity(dir: &Path) -> Option<Identity> {
    let metadata = fs::metadata(dir).ok().filter(fs::Metadata::is_dir)?;
    Some(Identity(metadata.dev(), metadata.ino()))
}

impl Inbox {
    fn put(&self, event: notify::Result<notify::Event>) {
        let mut happened = self.happened.lock();
        match event {
            Ok(event) if is_no_change(event.kind) => return,
            Ok(event) => {
                happened.all |= event.need_rescan();
                if event.kind.is_create() {
                    let new = event.paths.iter().filter(|path| !happened.paths.contains(*path)).cloned();
                    let new: Vec<_> = new.collect();
                    happened.made.extend(new);
                }
                if moves(event.kind) {
                    happened.moved.extend(event.paths.iter().cloned());
                }
                happened.paths.extend(event.paths);
            }
            Err(_) => happened.all = true,
        }
        if happened.paths.len() > PATHS_MAX {
            happened.paths.clear();
            happened.made.clear();
            happened.moved.clear();
            happened.all = true;
        }
        happened.first.get_or_insert_with(Instant::now);
        drop(happened);
        self.news.notify_one();
    }

    /// What has happened since the last time; `None` when nothing has.
    fn take(&self) -> Option<Happened> {
        let mut happened = self.happened.lock();
        happened.first?;
        Some(std::mem::take(&mut happened))
    }

    /// Until something happens.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }
}

/// Builds read what is watched.
fn is_no_change(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// What stands at the path may be another thing than before.
fn moves(kind: EventKind) -> bool {
    matches!(kind, EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
}
