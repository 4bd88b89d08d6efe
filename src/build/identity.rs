//! Which toolchain a build would run, and what of the environment it would heed: part of a fingerprint, so that an upgrade or
//! another flag builds again. Told by `stat` alone: to ask a toolchain for its version takes as long as many a build.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{BuildRequest, esbuild};
use crate::stack::Build;

/// What of this process's environment a toolchain sees.
#[derive(Clone, Debug, Default)]
pub struct ToolEnvironment {
    /// `PATH`.
    pub search_path: OsString,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// [`TOOL_VARIABLES`], those that are set.
    pub variables: BTreeMap<String, String>,
}

/// Variables that change what a toolchain makes of the same source.
pub const TOOL_VARIABLES: &[&str] = &[
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CC",
    "CFLAGS",
    "CGO_CFLAGS",
    "CGO_LDFLAGS",
    "GOAMD64",
    "GOARM64",
    "GOEXPERIMENT",
    "GOFLAGS",
    "GOROOT",
    "GOTOOLCHAIN",
    "GOWORK",
    "GRADLE_OPTS",
    "GRADLE_USER_HOME",
    "JAVA_HOME",
    "LDFLAGS",
    "MAVEN_OPTS",
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
];

/// What tells this toolchain from another; empty where none runs.
pub(super) fn identity(request: &BuildRequest) -> String {
    let environment = &request.environment;
    let mut files = Vec::new();
    match &request.build {
        Build::Go { .. } => files.extend(on_path(environment, "go")),
        Build::Rust { .. } => {
            files.extend(on_path(environment, "cargo"));
            files.extend(on_path(environment, "rustc"));
            files.extend(rustup(environment));
            // Which toolchain the project wants; one that comes to be counts as well.
            let pins = |dir: &Path| ["rust-toolchain", "rust-toolchain.toml"].map(|name| dir.join(name));
            files.extend(request.source.ancestors().flat_map(pins));
        }
        Build::Java { .. } => {
            files.extend(on_path(environment, "javac"));
            files.extend(on_path(environment, "mvn"));
            files.extend(on_path(environment, "gradle"));
        }
        Build::Node { .. } => match esbuild::own_esbuild(&request.source) {
            Some(own) => files.push(own),
            None => files.extend(on_path(environment, "esbuild")),
        },
        // What a command runs nobody can tell.
        Build::Python { .. } | Build::Command { .. } | Build::Image(_) | Build::None => return String::new(),
    }
    let stamps: Vec<_> = files.iter().filter_map(|file| stamp(file)).collect();
    format!("{:?} {stamps:?}", environment.variables)
}

/// The program that would run, behind all links.
fn on_path(environment: &ToolEnvironment, name: &str) -> Option<PathBuf> {
    every_on_path(environment, name).next()?.canonicalize().ok()
}

/// Every program of that name, the one that would run first.
pub(super) fn every_on_path(environment: &ToolEnvironment, name: &str) -> impl Iterator<Item = PathBuf> {
    let candidates = env::split_paths(&environment.search_path).map(|folder| folder.join(name));
    candidates.filter(|candidate| candidate.is_file()).collect::<Vec<_>>().into_iter()
}

/// What rustup writes when toolchains come, change, or another becomes the default.
fn rustup(environment: &ToolEnvironment) -> Vec<PathBuf> {
    let named = environment.variables.get("RUSTUP_HOME").map(PathBuf::from);
    let Some(home) = named.or_else(|| Some(environment.home.as_ref()?.join(".rustup"))) else { return Vec::new() };
    let hashes = fs::read_dir(home.join("update-hashes")).into_iter().flatten().flatten();
    let mut files: Vec<_> = hashes.map(|entry| entry.path()).collect();
    files.push(home.join("settings.toml"));
    files.sort();
    files
}

pub(super) fn stamp(file: &Path) -> Option<(PathBuf, u64, i64, i64, u64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((file.to_owned(), metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_compiler_is_another_toolchain() {
        let dir = tempfile::tempdir().unwrap();
        let mut request = BuildRequest::of(&crate::stack::samples::function("f"), &dir.path().join("state"));
        request.build = Build::Go { package: ".".to_owned(), flags: Vec::new() };
        request.environment.search_path = dir.path().join("bin").into();
        fs::create_dir(dir.path().join("bin")).unwrap();
        let mut seen = vec![identity(&request)];
        let mut differs = |request: &BuildRequest, what: &str| {
            let now = identity(request);
            assert!(!seen.contains(&now), "{what}");
            assert_eq!(identity(request), now, "{what}");
            seen.push(now);
        };
        fs::write(dir.path().join("bin/go"), "1").unwrap();
        differs(&request, "installed");
        fs::write(dir.path().join("bin/go.new"), "2").unwrap();
        fs::rename(dir.path().join("bin/go.new"), dir.path().join("bin/go")).unwrap();
        differs(&request, "upgraded");
        request.environment.variables.insert("GOFLAGS".to_owned(), "-tags=x".to_owned());
        differs(&request, "with flags");
        request.build = Build::Rust { bin: None, profile: "dev".to_owned() };
        differs(&request, "another language");
        request.environment.home = Some(dir.path().to_owned());
        fs::create_dir_all(dir.path().join(".rustup/update-hashes")).unwrap();
        fs::write(dir.path().join(".rustup/settings.toml"), "default = \"stable\"").unwrap();
        differs(&request, "with rustup");
        fs::write(dir.path().join(".rustup/update-hashes/stable"), "1").unwrap();
        differs(&request, "after an update");
    }
}
