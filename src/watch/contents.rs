//! What the files had in them that a command's own build may write. A command can write anywhere in its source, and what it
//! writes is no reason to run it again: a change that leaves a file's contents as they were last seen is none, and what
//! differs after every run is taken for an output.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{build::BuildRequest, stack::Build};

/// A file longer than this counts as changed whenever it is written.
const COMPARED_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Files of a function whose contents are remembered.
const FILES_MAX: usize = 10_000;

/// See the module. Of functions that a command builds; every change of another's file is news.
#[derive(Debug, Default)]
pub(super) struct Contents {
    functions: BTreeMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    digests: BTreeMap<PathBuf, Option<[u8; 32]>>,
    outputs: BTreeSet<PathBuf>,
}

impl Contents {
    /// Forgets what is no longer built by a command.
    pub(super) fn only(&mut self, requests: &BTreeMap<String, BuildRequest>) {
        let is_command = |request: &BuildRequest| matches!(request.build, Build::Command { .. });
        self.functions.retain(|key, _| requests.get(key).is_some_and(is_command));
        for (key, _) in requests.iter().filter(|(_, request)| is_command(request)) {
            self.functions.entry(key.clone()).or_default();
        }
    }

    /// Whether what is at `path` is not what was there when it was last asked. Reads the file.
    pub(super) fn is_news(&mut self, function: &str, path: &Path) -> bool {
        let Some(seen) = self.functions.get_mut(function) else { return true };
        if seen.outputs.contains(path) {
            return false;
        }
        if seen.digests.len() >= FILES_MAX {
            seen.digests.clear();
        }
        match digest(path) {
            Contained::Unknown => true,
            Contained::Nothing => seen.digests.insert(path.to_owned(), None) != Some(None),
            Contained::Digest(digest) => seen.digests.insert(path.to_owned(), Some(digest)) != Some(Some(digest)),
        }
    }

    pub(super) fn take_for_outputs(&mut self, function: &str, paths: &[PathBuf]) {
        if let Some(seen) = self.functions.get_mut(function) {
            seen.outputs.extend(paths.iter().cloned());
        }
    }
}

enum Contained {
    Nothing,
    Digest([u8; 32]),
    Unknown,
}

fn digest(path: &Path) -> Contained {
    match fs::metadata(path) {
        Err(_) => Contained::Nothing,
        Ok(metadata) if !metadata.is_file() || metadata.len() > COMPARED_MAX_BYTES => Contained::Unknown,
        Ok(_) => fs::read(path).map_or(Contained::Unknown, |bytes| Contained::Digest(Sha256::digest(bytes).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_it_was_is_no_news() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("generated");
        let mut contents = Contents { functions: BTreeMap::from([("f".to_owned(), Seen::default())]) };
        let mut check = |text: Option<&str>, expected: bool| {
            match text {
                Some(text) => fs::write(&path, text).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            assert_eq!(contents.is_news("f", &path), expected, "{text:?}");
            assert!(contents.is_news("other", &path));
        };
        check(Some("one"), true);
        check(Some("one"), false);
        check(Some("two"), true);
        check(Some("one"), true);
        check(None, true);
        check(Some("one"), true);
        contents.take_for_outputs("f", std::slice::from_ref(&path));
        fs::write(&path, "three").unwrap();
        assert!(!contents.is_news("f", &path));
    }
}
