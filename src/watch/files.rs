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
    event::{AccessKind, AccessMode},
};
use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::WatchError;

/// Paths that are remembered until somebody looks; beyond that everything counts as changed.
const PATHS_MAX: usize = 10_000;

/// See the module.
pub(super) struct Files {
    watcher: RecommendedWatcher,
    inbox: Arc<Inbox>,
    /// Each directory, and which one it was when its watch began: another may stand at the same path since.
    watched: BTreeMap<PathBuf, Identity>,
}

/// Device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// When the first of it did.
    pub(super) first: Option<Instant>,
    /// More has changed than is told.
    pub(super) all: bool,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("directories", &self.watched.len()).finish_non_exhaustive()
    }
}

impl Files {
    pub(super) fn new() -> Result<Self, WatchError> {
        let inbox = Arc::new(Inbox::default());
        let events = Arc::clone(&inbox);
        let watcher = notify::recommended_watcher(move |event| events.put(event));
        let watcher = watcher.map_err(|error| WatchError::of(&error, 0))?;
        Ok(Self { watcher, inbox, watched: BTreeMap::new() })
    }

    pub(super) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.inbox)
    }

    pub(super) fn len(&self) -> usize {
        self.watched.len()
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
        let stale = self.watched.iter().filter(|(dir, identity)| wanted.get(*dir) != Some(identity));
        for dir in stale.map(|(dir, _)| dir.clone()).collect::<Vec<_>>() {
            self.unwatch(&dir);
        }
        let count = wanted.len();
        wanted.into_iter().try_for_each(|(dir, identity)| self.watch(dir, identity, count))
    }

    /// Watches these as well.
    pub(super) fn watch_also(&mut self, dirs: Vec<PathBuf>) -> Result<(), WatchError> {
        let count = self.watched.len() + dirs.len();
        dirs.into_iter().try_for_each(|dir| match identity(&dir) {
            Some(identity) => self.watch(dir, identity, count),
            None => Ok(()),
        })
    }

    /// Whether that directory is under watch, and still the one that was.
    pub(super) fn knows(&self, dir: &Path) -> bool {
        self.watched.get(dir).is_some_and(|known| Some(*known) == identity(dir))
    }

    /// Something else, or nothing, is at `path` now.
    pub(super) fn forget(&mut self, path: &Path) {
        let below = self.watched.range(path.to_owned()..).take_while(|(dir, _)| dir.starts_with(path));
        for dir in below.map(|(dir, _)| dir.clone()).collect::<Vec<_>>() {
            self.unwatch(&dir);
        }
    }

    fn watch(&mut self, dir: PathBuf, identity: Identity, count: usize) -> Result<(), WatchError> {
        if self.watched.get(&dir) == Some(&identity) {
            return Ok(());
        }
        match self.watcher.watch(&dir, RecursiveMode::NonRecursive) {
            Ok(()) => drop(self.watched.insert(dir, identity)),
            // It went while it was looked at: its parent tells.
            Err(_) if !dir.is_dir() => {}
            Err(error) => return Err(WatchError::of(&error, count)),
        }
        Ok(())
    }

    fn unwatch(&mut self, dir: &Path) {
        self.watched.remove(dir);
        // The kernel has let go of one that is gone by itself.
        let _ = self.watcher.unwatch(dir);
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
                happened.paths.extend(event.paths);
            }
            Err(_) => happened.all = true,
        }
        if happened.paths.len() > PATHS_MAX {
            happened.paths.clear();
            happened.made.clear();
            happened.all = true;
        }
        happened.first.get_or_insert_with(Instant::now);
        drop(happened);
        self.news.notify_one();
    }

    /// What has happened since the last time; `None` when nothing has.
    pub(super) fn take(&self) -> Option<Happened> {
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
