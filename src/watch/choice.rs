//! What a change reaches. Pure, but for what a function's [`Inputs`] know already.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::build::Inputs;

/// What has to be looked at again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) manifest: bool,
    /// Keys of functions.
    pub(super) functions: BTreeSet<String>,
}

impl Choice {
    pub(super) fn is_nothing(&self) -> bool {
        !self.manifest && self.functions.is_empty()
    }

    pub(super) fn add(&mut self, other: Self) {
        self.manifest |= other.manifest;
        self.functions.extend(other.functions);
    }
}

/// What a change at `path`, which is no directory, reaches. The manifest's own files are no function's code.
pub(super) fn choose(path: &Path, manifest: &[PathBuf], functions: &BTreeMap<String, Inputs>) -> Choice {
    if manifest.iter().any(|file| file == path) {
        return Choice { manifest: true, functions: BTreeSet::new() };
    }
    let reached = functions.iter().filter(|(_, inputs)| inputs.contain(path)).map(|(key, _)| key.clone());
    Choice { manifest: false, functions: reached.collect() }
}
