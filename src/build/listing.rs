//! What a directory has, as a tree whose directories are shared between listings as long as nothing in them changes: two that are
//! the same object have the same below them, and nobody need look. Pure: who reads the disk is `tree`.

use std::{
    cmp::Ordering,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

/// A directory with at least one file below it, unless it is the root of a listing.
#[derive(Debug)]
pub(super) struct Directory {
    /// Sorted by name.
    children: Box<[Child]>,
    /// Files and links below it.
    entries_count: usize,
    /// What files below it are long together.
    size_bytes: u64,
    /// SHA-256 of all that `stat` tells of what is below it.
    stamp: [u8; 32],
    kept: Kept,
}

/// How far what was read of a directory can be taken for what is there, until somebody tells of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Device and inode of what was read.
    pub(super) identity: (u64, u64),
    /// Whether every change of what stands directly in it is told.
    pub(super) is_told: bool,
    /// Whether that is so below it as well.
    pub(super) is_told_below: bool,
}

/// Something in a directory.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) name: Box<OsStr>,
    pub(super) node: Node,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Directory(Arc<Directory>),
    Entry(Kind),
}

/// A file, or a link that stays inside.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `dir` is where it stands on the disk, under the name that it has in the listing: one text for all that are there.
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

/// An entry and its path, relative to the root of the listing.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

impl Directory {
    /// One of these children, of which those that are empty directories are left out.
    pub(super) fn new(mut children: Vec<Child>, kept: Kept) -> Self {
        children.retain(|child| !matches!(&child.node, Node::Directory(below) if below.entries_count == 0));
        let (mut entries_count, mut size_bytes) = (0, 0);
        for child in &children {
            match &child.node {
                Node::Directory(below) => {
                    entries_count += below.entries_count;
                    size_bytes += below.size_bytes;
                }
                Node::Entry(kind) => {
                    entries_count += 1;
                    size_bytes += kind.len();
                }
            }
        }
        Self { stamp: stamp(&children), children: children.into(), entries_count, size_bytes, kept }
    }

    /// One of these entries, sorted by path and none below another.
    pub(super) fn of(entries: Vec<Entry>) -> Self {
        let split = entries.into_iter().map(|Entry { path, kind }| (names(&path), kind)).collect();
        Self::of_named(split, 0)
    }

    fn of_named(entries: Vec<(Vec<Box<OsStr>>, Kind)>, depth: usize) -> Self {
        let (mut children, mut rest) = (Vec::new(), entries.into_iter().peekable());
        while let Some((names, kind)) = rest.next() {
            let Some(name) = names.get(depth).cloned() else { continue };
            if names.len() == depth + 1 {
                children.push(Child { name, node: Node::Entry(kind) });
                continue;
            }
            let mut below = vec![(names, kind)];
            while let Some(next) = rest.next_if(|(names, _)| names.get(depth) == Some(&name)) {
                below.push(next);
            }
            children.push(Child { name, node: Node::Directory(Arc::new(Self::of_named(below, depth + 1))) });
        }
        children.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Self::new(children, Kept::default())
    }

    /// Both, where what `over` has stands in the place of what `under` has.
    pub(super) fn laid_over(over: &Arc<Self>, under: &Arc<Self>) -> Arc<Self> {
        let children = pairs(&under.children, &over.children)
            .map(|pair| match pair {
                (Some(under), Some(over)) => match (&under.node, &over.node) {
                    (Node::Directory(below), Node::Directory(above)) => {
                        Child { name: over.name.clone(), node: Node::Directory(Self::laid_over(above, below)) }
                    }
                    _ => over.clone(),
                },
                (one, other) => one.or(other).cloned().unwrap_or_else(|| unreachable!("a pair has one at least")),
            })
            .collect();
        Arc::new(Self::new(children, Kept::default()))
    }

    pub(super) fn children(&self) -> &[Child] {
        &self.children
    }

    pub(super) fn child(&self, name: &OsStr) -> Option<&Node> {
        let at = self.children.binary_search_by(|child| (*child.name).cmp(name)).ok()?;
        self.children.get(at).map(|child| &child.node)
    }

    pub(super) fn entries_count(&self) -> usize {
        self.entries_count
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub(super) fn stamp(&self) -> &[u8; 32] {
        &self.stamp
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept
    }

    /// Whether the other one has the same children: the same directories, and entries of which `stat` tells the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&Child, &Child)| a.name == b.name && a.node.is(&b.node);
        self.kept == other.kept
            && self.children.len() == other.children.len()
            && self.children.iter().zip(&other.children).all(same)
    }

    /// Everything below it, sorted by path.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(self.entries_count);
        self.add_entries(Path::new(""), &mut entries);
        entries
    }

    fn add_entries(&self, at: &Path, entries: &mut Vec<Entry>) {
        for child in &self.children {
            let path = at.join(&*child.name);
            match &child.node {
                Node::Directory(below) => below.add_entries(&path, entries),
                Node::Entry(kind) => entries.push(Entry { path, kind: kind.clone() }),
            }
        }
    }
}

impl Node {
    /// Whether it is the other one, as far as `stat` and sharing tell.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Directory(a), Self::Directory(b)) => Arc::ptr_eq(a, b),
            (Self::Entry(a), Self::Entry(b)) => a == b,
            (Self::Directory(_), Self::Entry(_)) | (Self::Entry(_), Self::Directory(_)) => false,
        }
    }
}

impl Kind {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::File { len, .. } => *len,
            Self::Link { .. } => 0,
        }
    }
}

/// Two are equal when their texts are: to compare paths name by name takes many times as long.
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

/// What stands at each name in the one, in the other, or in both; both sorted.
pub(super) fn pairs<'a>(
    one: &'a [Child],
    other: &'a [Child],
) -> impl Iterator<Item = (Option<&'a Child>, Option<&'a Child>)> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (one.peek(), other.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.name.cmp(&b.name),
        };
        Some(match order {
            Ordering::Less => (one.next(), None),
            Ordering::Greater => (None, other.next()),
            Ordering::Equal => (one.next(), other.next()),
        })
    })
}

fn names(path: &Path) -> Vec<Box<OsStr>> {
    path.iter().map(Box::from).collect()
}

fn stamp(children: &[Child]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for Child { name, node } in children {
        hash.update(name.as_encoded_bytes());
        match node {
            Node::Directory(below) => {
                hash.update(b"\0/");
                hash.update(below.stamp);
            }
            Node::Entry(Kind::File { executable, len, mtime_ns, inode, .. }) => {
                hash.update(if *executable { b"\0x" } else { b"\0-" });
                hash.update(len.to_le_bytes());
                hash.update(mtime_ns.to_le_bytes());
                hash.update(inode.to_le_bytes());
            }
            Node::Entry(Kind::Link { to }) => {
                hash.update(b"\0>");
                hash.update(to.as_os_str().as_encoded_bytes());
                hash.update(b"\0");
            }
        }
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(entries: &[(&str, u64)]) -> Arc<Directory> {
        let dir = Arc::from(Path::new("/source"));
        let kind = |len| Kind::File { dir: Arc::clone(&dir), executable: false, len, mtime_ns: 0, inode: 0 };
        let mut entries: Vec<_> =
            entries.iter().map(|(path, len)| Entry { path: PathBuf::from(path), kind: kind(*len) }).collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Arc::new(Directory::of(entries))
    }

    fn shown(listing: &Directory) -> Vec<(String, u64)> {
        listing.entries().into_iter().map(|entry| (entry.path.display().to_string(), entry.kind.len())).collect()
    }

    #[test]
    fn a_listing_of_entries_has_them_sorted() {
        let listed = listing(&[("b", 1), ("a/c", 2), ("a/b/c", 3), ("a-b", 4)]);
        let expected = [("a/b/c", 3), ("a/c", 2), ("a-b", 4), ("b", 1)].map(|(path, len)| (path.to_owned(), len));
        let sorted: Vec<_> = listed.entries().into_iter().map(|entry| entry.path).collect();
        assert!(sorted.is_sorted(), "{sorted:?}");
        assert_eq!(shown(&listed), expected);
        assert_eq!((listed.entries_count(), listed.size_bytes()), (4, 10));
    }

    #[test]
    fn what_lies_over_wins() {
        let under = listing(&[("a/x", 1), ("a/y", 1), ("b", 1), ("c/x", 1), ("d", 1)]);
        let over = listing(&[("a/x", 2), ("b/x", 2), ("c", 2), ("e", 2)]);
        let both = Directory::laid_over(&over, &under);
        let expected = [("a/x", 2), ("a/y", 1), ("b/x", 2), ("c", 2), ("d", 1), ("e", 2)];
        assert_eq!(shown(&both), expected.map(|(path, len)| (path.to_owned(), len)));
        assert_eq!(both.stamp(), listing(&expected).stamp());
    }

    #[test]
    fn every_difference_is_in_the_stamp() {
        let trees: [&[(&str, u64)]; 6] =
            [&[("a", 1)], &[("a", 2)], &[("b", 1)], &[("a/a", 1)], &[("a/b", 1)], &[("a", 1), ("b", 1)]];
        let stamps: std::collections::BTreeSet<_> = trees.iter().map(|entries| *listing(entries).stamp()).collect();
        assert_eq!(stamps.len(), trees.len());
    }
}
