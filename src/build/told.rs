//! What those who watch a source tell of it: where something may have changed since it was last listed. Without a word from
//! them nothing is taken for unchanged. Does no IO.

use std::{
    collections::BTreeSet,
    fmt,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Places that are remembered one by one; beyond that everything may have changed.
const PLACES_MAX: usize = 10_000;

/// Watches directories, and tells builds of what happens in them.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// Whether that directory is under watch and the one of this device and inode: what happens directly in it from now on
    /// will be told.
    fn watches(&self, dir: &Path, identity: (u64, u64)) -> bool;
}

/// What was told since somebody took it.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) watcher: Option<Arc<dyn Watcher>>,
    /// Paths at which something happened, and the directories that they stand in.
    places: BTreeSet<PathBuf>,
    /// Directories that may be others than before, with all that is below them.
    trees: BTreeSet<PathBuf>,
    /// Anything may have changed.
    pub(super) everything: bool,
}

impl Told {
    /// Something happened at `path`.
    pub(super) fn add(&mut self, path: &Path) {
        if let Some(parent) = path.parent()
            && !self.places.contains(parent)
        {
            self.places.insert(parent.to_owned());
        }
        self.places.insert(path.to_owned());
        self.bound();
    }

    /// Another directory may stand at `path`, or none.
    pub(super) fn add_tree(&mut self, path: &Path) {
        self.trees.insert(path.to_owned());
        self.add(path);
    }

    pub(super) fn add_everything(&mut self) {
        (self.places, self.trees, self.everything) = (BTreeSet::new(), BTreeSet::new(), true);
    }

    fn bound(&mut self) {
        if self.places.len() + self.trees.len() > PLACES_MAX {
            self.add_everything();
        }
    }

    /// What was told up to now; from now on it is told anew.
    pub(super) fn take(&mut self) -> Self {
        let watcher = self.watcher.clone();
        std::mem::replace(self, Self { watcher, ..Self::default() })
    }

    /// Whether something happened at that path, or directly in it.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.places.contains(path)
    }

    /// Whether another directory may stand there.
    pub(super) fn is_replaced(&self, dir: &Path) -> bool {
        self.trees.contains(dir)
    }

    /// Where something happened below `dir`, but not directly in it.
    pub(super) fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        let after = (Bound::Excluded(dir), Bound::Unbounded);
        self.places.range::<Path, _>(after).map(PathBuf::as_path).take_while(move |place| place.starts_with(dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_found_where_it_happened() {
        let mut told = Told::default();
        told.add(Path::new("/s/a/b/f"));
        told.add(Path::new("/s/a-b/f"));
        let check = |dir: &str, at: bool, below: &[&str]| {
            let dir = Path::new(dir);
            assert_eq!(told.is_at(dir), at, "{}", dir.display());
            assert_eq!(told.below(dir).collect::<Vec<_>>(), below.iter().map(Path::new).collect::<Vec<_>>());
        };
        check("/s", false, &["/s/a/b", "/s/a/b/f", "/s/a-b", "/s/a-b/f"]);
        check("/s/a", false, &["/s/a/b", "/s/a/b/f"]);
        check("/s/a/b", true, &["/s/a/b/f"]);
        check("/s/b", false, &[]);
        assert!(!told.is_replaced(Path::new("/s/a/b")));
        told.add_tree(Path::new("/s/a"));
        assert!(told.is_replaced(Path::new("/s/a")) && told.is_at(Path::new("/s")));
    }

    #[test]
    fn too_much_is_everything() {
        let mut told = Told::default();
        (0..PLACES_MAX).for_each(|number| told.add(&PathBuf::from(format!("/s/{number}"))));
        assert!(told.everything && told.below(Path::new("/s")).next().is_none());
        assert!(told.take().everything && !told.everything);
    }
}
