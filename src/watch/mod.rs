//! Files -> debounced rebuilds: which functions a save reaches, and their builds. Deploys nothing, prints nothing, and knows
//! no target. When a series of changes is over (`debounce`) and what a change reaches (`choice`) are pure.

mod builds;
mod choice;
mod contents;
mod debounce;
mod error;
mod files;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

pub use builds::{BuildTimes, Builds, Built};
pub use error::WatchError;

use self::{
    choice::{Choice, choose},
    contents::Contents,
    debounce::{Debounce, QUIET, QUIET_COMPILED},
    files::{Files, Happened, Inbox},
};
use crate::build::{Added, BuildRequest, Inputs};

/// Paths that a [`Change`] names; of the others it has the number.
const PATHS_NAMED_MAX: usize = 20;
/// How often a directory that appears is looked at, as long as more directories appear in it meanwhile.
const LOOKS_MAX: usize = 10;
/// Directories that are remembered as bare; when one beyond that goes, it counts as a change.
const BARE_MAX: usize = 1_000;

/// Watches a manifest and the functions in it.
#[derive(Debug)]
pub struct Watch {
    files: Files,
    inbox: Arc<Inbox>,
    manifest: Vec<PathBuf>,
    requests: BTreeMap<String, BuildRequest>,
    inputs: BTreeMap<String, Inputs>,
    /// What [`Debounce`] counts its time from.
    started: Instant,
    debounce: Debounce,
    pending: Pending,
    contents: Contents,
    /// Directories that came and have had nothing in them that counts: tools make some to rename them.
    bare: BTreeSet<PathBuf>,
    is_paused: bool,
}

/// A series of changes that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whether the manifest or what overlays it changed.
    pub manifest: bool,
    /// Keys of the functions that are reached.
    pub functions: BTreeSet<String>,
    /// Some of the paths.
    pub paths: Vec<PathBuf>,
    /// How many there are.
    pub paths_count: usize,
    /// When the first was seen.
    pub first: Instant,
}

#[derive(Debug, Default)]
struct Pending {
    choice: Choice,
    paths: BTreeSet<PathBuf>,
    paths_count: usize,
    /// Those of them that were made in this series: what tools put beside a file while they write it is gone at the end.
    made: BTreeSet<PathBuf>,
}

impl Watch {
    /// Watches the files of a manifest, absolute, which need not exist.
    ///
    /// # Errors
    /// The system lets nobody watch files.
    pub fn new(manifest: Vec<PathBuf>) -> Result<Self, WatchError> {
        let files = Files::new()?;
        Ok(Self {
            inbox: files.inbox(),
            files,
            manifest,
            requests: BTreeMap::new(),
            inputs: BTreeMap::new(),
            started: Instant::now(),
            debounce: Debounce::default(),
            pending: Pending::default(),
            contents: Contents::default(),
            bare: BTreeSet::new(),
            is_paused: false,
        })
    }

    /// Watches these functions, by their keys, and no others. Blocking.
    ///
    /// # Errors
    /// Not everything can be watched; the rest is.
    pub fn set_functions(&mut self, requests: BTreeMap<String, BuildRequest>) -> Result<(), WatchError> {
        self.inputs = requests.iter().map(|(key, request)| (key.clone(), Inputs::of(request))).collect();
        self.contents.only(&requests);
        for (key, request) in &requests {
            request.earlier.watched_by(self.files.watched());
            // What happened elsewhere was not told.
            if self.requests.get(key).is_none_or(|before| before.source != request.source) {
                request.earlier.tell_everything();
            }
        }
        self.requests = requests;
        self.watch_inputs()
    }

    /// Looks again at what a function is made of: a build has found out. Blocking.
    ///
    /// # Errors
    /// Not everything can be watched; the rest is.
    pub fn refresh(&mut self, function: &str) -> Result<(), WatchError> {
        let Some(request) = self.requests.get(function) else { return Ok(()) };
        if self.inputs.get(function).is_some_and(|inputs| inputs.are_current(request)) {
            return Ok(());
        }
        self.inputs.insert(function.to_owned(), Inputs::of(request));
        self.watch_inputs()
    }

    /// How many directories are under watch.
    pub fn directories(&self) -> usize {
        self.files.len()
    }

    /// These are written by the function's own build whenever it runs: from now on they are no changes of it.
    pub fn take_for_outputs(&mut self, function: &str, paths: &[PathBuf]) {
        self.contents.take_for_outputs(function, paths);
    }

    /// While paused, changes are remembered and not told.
    pub fn pause(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Whether a change of the function has happened that has not been told yet.
    ///
    /// # Errors
    /// As [`Watch::changed`].
    pub fn has_news_of(&mut self, function: &str) -> Result<bool, WatchError> {
        self.absorb()?;
        Ok(self.pending.choice.manifest || self.pending.choice.functions.contains(function))
    }

    /// The next series of changes that reaches anything. Cancel safe.
    ///
    /// # Errors
    /// Not everything that is new can be watched; the rest is, and changes go on to be told.
    pub async fn changed(&mut self) -> Result<Change, WatchError> {
        loop {
            self.absorb()?;
            let due_at = self.debounce.due_at().filter(|_| !self.is_paused);
            if due_at.is_some()
                && let Some(first) = self.debounce.take(self.started.elapsed())
            {
                return Ok(self.take(first));
            }
            match due_at {
                None => self.inbox.news().await,
                Some(due_at) => tokio::select! {
                    () = self.inbox.news() => {}
                    () = tokio::time::sleep_until(self.started + due_at) => {}
                },
            }
        }
    }

    fn take(&mut self, first: Duration) -> Change {
        let Pending { choice, paths, paths_count, made } = std::mem::take(&mut self.pending);
        let came_and_went = |path: &PathBuf| made.contains(path) && path.symlink_metadata().is_err();
        let (gone, left): (Vec<_>, Vec<_>) = paths.into_iter().partition(came_and_went);
        let paths = if left.is_empty() { gone.clone() } else { left };
        Change {
            manifest: choice.manifest,
            functions: choice.functions,
            paths_count: if paths == gone { paths_count } else { paths_count - gone.len() },
            paths,
            first: self.started + first,
        }
    }

    /// Takes what has happened and sorts it.
    fn absorb(&mut self) -> Result<(), WatchError> {
        let Some(happened) = self.files.happened() else { return Ok(()) };
        let mut watching = Ok(());
        let mut reached = Reached::default();
        let is_there = |path: &PathBuf| path.symlink_metadata().is_ok();
        let is_new = |path: &PathBuf| happened.made.contains(path) || self.pending.made.contains(path);
        let left: Vec<_> = happened.paths.iter().filter(|path| !is_new(path) || is_there(path)).collect();
        for path in left {
            let is_moved = happened.moved.contains(path);
            // A link is an input itself, and what it leads to is watched here only when nobody else would.
            let is_link = path.is_symlink();
            if is_link || !path.is_dir() {
                watching = watching.and(self.file(path, &mut reached));
            }
            if path.is_dir() && (!is_link || self.inputs.values().any(|inputs| inputs.follow(path))) {
                watching = watching.and(self.directory(path, is_moved, &mut reached));
            }
        }
        for path in self.files.take_handed_on() {
            watching = watching.and(self.directory(&path, true, &mut reached));
        }
        if happened.all {
            watching = watching.and(self.look_at_everything(&mut reached));
        }
        // After all that is new is under watch: what builds see from now on, they are told of when it changes.
        self.tell(&happened);
        // The last that is told of it may come later, and is no news then either.
        let gone = happened.made.iter().filter(|path| !is_there(path));
        self.pending.made.extend(gone.take(PATHS_NAMED_MAX.saturating_sub(self.pending.made.len())).cloned());
        self.note(&happened, reached);
        watching
    }

    /// Builds take what they were not told of for unchanged.
    fn tell(&mut self, happened: &Happened) {
        let let_go = self.files.take_let_go();
        for BuildRequest { source, earlier, .. } in self.requests.values() {
            if happened.all || happened.moved.iter().any(|path| source.starts_with(path)) {
                earlier.tell_everything();
                continue;
            }
            let is_inside = |path: &&PathBuf| path.starts_with(source);
            happened.paths.iter().chain(&let_go).filter(is_inside).for_each(|path| earlier.tell(path));
            happened.moved.iter().filter(is_inside).for_each(|path| earlier.tell_tree(path));
        }
    }

    fn note(&mut self, happened: &Happened, reached: Reached) {
        if reached.choice.is_nothing() {
            return;
        }
        let is_compiled = |key: &String| self.inputs.get(key).is_some_and(Inputs::is_compiled);
        let quiet = if reached.choice.functions.iter().any(is_compiled) { QUIET_COMPILED } else { QUIET };
        let at = happened.first.map_or(Duration::ZERO, |first| first.saturating_duration_since(self.started));
        let new = reached.paths.iter().filter(|path| !self.pending.paths.contains(*path)).count();
        self.debounce.note(at, quiet, new);
        self.pending.choice.add(reached.choice);
        self.pending.paths_count += new;
        for path in reached.paths {
            if self.pending.paths.len() < PATHS_NAMED_MAX {
                if happened.made.contains(&path) && !self.pending.paths.contains(&path) {
                    self.pending.made.insert(path.clone());
                }
                self.pending.paths.insert(path);
            }
        }
    }

    /// Something that is no directory, or no longer one, has changed.
    fn file(&mut self, path: &Path, reached: &mut Reached) -> Result<(), WatchError> {
        let mut choice = choose(path, &self.manifest, &self.inputs);
        choice.functions.retain(|key| self.contents.is_news(key, path));
        let is_gone = !path.exists();
        if !(is_gone && self.bare.remove(path)) {
            self.add(path, choice, reached);
        }
        if is_gone {
            self.files.forget(path);
        }
        self.look_again(path)
    }

    /// A directory came, was put in another's place, or is where it was.
    fn directory(&mut self, path: &Path, is_moved: bool, reached: &mut Reached) -> Result<(), WatchError> {
        // One that is made anew may look like the one that it replaces: file systems give numbers out again.
        if self.files.knows(path) && !is_moved {
            return Ok(());
        }
        self.files.forget(path);
        let (mut choice, mut watching, mut seen) = (Choice::default(), Ok(()), BTreeSet::new());
        for _ in 0..LOOKS_MAX {
            let new = self.look_into(path, &mut choice, &mut seen);
            // What came after the look and before the watch is told by nobody: so there is another look.
            if new.is_empty() {
                break;
            }
            watching = watching.and(self.files.watch_also(new));
        }
        if choice.is_nothing() && self.bare.len() < BARE_MAX {
            self.bare.insert(path.to_owned());
        }
        self.add(path, choice, reached);
        watching.and(self.look_again(path))
    }

    /// What a directory reaches; the directories in it that were not seen before.
    fn look_into(&mut self, path: &Path, choice: &mut Choice, seen: &mut BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let mut new = Vec::new();
        for (key, inputs) in &mut self.inputs {
            let Added { directories, has_files } = inputs.add_directory(path);
            if has_files || inputs.are_changed_by(path) {
                choice.functions.insert(key.clone());
            }
            new.extend(directories.into_iter().filter(|directory| seen.insert(directory.clone())));
        }
        new
    }

    /// What is reached at a path; the directories around it have something in them now.
    fn add(&mut self, path: &Path, choice: Choice, reached: &mut Reached) {
        if !choice.is_nothing() {
            self.bare.retain(|bare| !path.starts_with(bare));
        }
        reached.add(path, choice);
    }

    /// Finds the inputs anew of the functions whose inputs are others after a change at `path`.
    fn look_again(&mut self, path: &Path) -> Result<(), WatchError> {
        let stale = self.inputs.iter_mut().filter(|(_, inputs)| inputs.are_changed_by(path));
        let mut is_stale = false;
        for (key, inputs) in stale {
            if let Some(request) = self.requests.get(key) {
                *inputs = Inputs::of(request);
                is_stale = true;
            }
        }
        if is_stale { self.watch_inputs() } else { Ok(()) }
    }

    fn look_at_everything(&mut self, reached: &mut Reached) -> Result<(), WatchError> {
        reached.choice.manifest = true;
        reached.choice.functions.extend(self.requests.keys().cloned());
        self.set_functions(self.requests.clone())
    }

    fn watch_inputs(&mut self) -> Result<(), WatchError> {
        let manifest = self.manifest.iter().filter_map(|file| file.parent());
        let mut watching = self.files.watch_only(manifest.chain(self.inputs.values().flat_map(Inputs::directories)));
        for _ in 0..LOOKS_MAX {
            let found: Vec<_> = self.inputs.values_mut().flat_map(Inputs::find_directories).collect();
            let new: Vec<_> = found.into_iter().filter(|dir| !self.files.has(dir)).collect();
            if new.is_empty() || watching.is_err() {
                break;
            }
            watching = self.files.watch_also(new);
        }
        self.tell(&Happened::default());
        watching
    }
}

/// What one look at the inbox found.
#[derive(Debug, Default)]
struct Reached {
    choice: Choice,
    paths: Vec<PathBuf>,
}

impl Reached {
    fn add(&mut self, path: &Path, choice: Choice) {
        if !choice.is_nothing() {
            self.choice.add(choice);
            self.paths.push(path.to_owned());
        }
    }
}
