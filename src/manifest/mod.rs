//! `stack.toml` and its YAML twin: text in, a [`Desired`] out, or all mistakes at once.
//!
//! Pure: the caller reads the files, and the environment is a function that it passes. Nothing here prints or knows exit
//! codes.

mod problem;
mod tree;

use std::path::{Path, PathBuf};

pub use problem::{Kind, Problem};

use crate::stack::Desired;

/// A file's path, as messages shall show it, and its text. `.yaml` and `.yml` are YAML, every other file is TOML.
#[derive(Clone, Debug)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// What a manifest's meaning depends on, besides its text.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The absolute directory that relative paths start from: the manifest's own.
    pub base: &'a Path,
    /// Looks an environment variable up, for `${env:NAME}`.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// The chosen `[profiles.NAME]`.
    pub profile: Option<&'a str>,
    /// `stack.local.toml`, when there is one; it overlays the manifest, and the profile overlays both.
    pub overlay: Option<&'a Source>,
    /// This stackctl's version, `CARGO_PKG_VERSION`, against which `requires` is checked.
    pub version: &'a str,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("base", &self.base).field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What came out of reading a manifest.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The stack; `None` exactly when one of the problems is an error.
    pub desired: Option<Desired>,
    /// Mistakes, lints and settings that are not enforced yet; errors first, then in the order of the files.
    pub problems: Vec<Problem>,
}

/// Reads a manifest: parses it, overlays it, checks every key, resolves references and lints the result.
pub fn read(source: &Source, cx: &Context<'_>) -> Reading {
    let _ = (source, cx);
    Reading { desired: None, problems: Vec::new() }
}

/// The JSON Schema (draft-07) of a manifest, for editors.
pub fn schema() -> serde_json::Value {
    serde_json::Value::Null
}
