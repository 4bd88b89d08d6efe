//! Rust: `cargo build`, one executable, for the machine that compiles it. On AWS it needs a C library no newer than
//! Lambda's own, which this build does not promise.

use std::{
    collections::{BTreeMap, BTreeSet},
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    BuildError, BuildRequest, Progress,
    adapter::{Elsewhere, executable_name},
    cache, off_thread, pack,
    toolchain::{Stdout, Tool},
};
use crate::stack::Architecture;

pub(super) async fn fill(
    request: &BuildRequest,
    bin: Option<&str>,
    profile: &str,
    dir: &Path,
) -> Result<Elsewhere, BuildError> {
    let cargo = cargo(request);
    let mut arguments = vec!["build", "--message-format=json-render-diagnostics", "--profile", profile];
    match bin {
        Some(bin) => arguments.extend(["--bin", bin]),
        None => arguments.push("--bins"),
    }
    if let Some(target) = other_target(request.architecture) {
        arguments.extend(["--target", target]);
    }
    let built = match cargo.run(&arguments, &[], Stdout::Read).await {
        Ok(built) => built,
        Err(error) => {
            cache::store_inputs(request, &inputs_of_failed(request).await);
            return Err(error);
        }
    };
    let executable = the_one(executables(&built.stdout))?;
    let to = dir.join(executable_name(request));
    off_thread(request, move |request| {
        pack::copy_file(&executable, true, &to)?;
        Ok(inputs(&request.source, &executable))
    })
    .await
}

fn cargo(request: &BuildRequest) -> Tool<'_> {
    Tool {
        name: "cargo",
        program: None,
        install: "install Rust from https://rustup.rs",
        dir: &request.source,
        progress: &request.progress,
        timeout: request.timeout,
    }
}

/// The packages that are not from a registry, and their workspaces' files: there is no dependency file yet.
async fn inputs_of_failed(request: &BuildRequest) -> Elsewhere {
    // A question of ours, which is nobody's progress.
    let silent = Progress::silent();
    let cargo = Tool { progress: &silent, ..cargo(request) };
    let asked = cargo.run(&["metadata", "--format-version=1", "--offline"], &[], Stdout::Read).await;
    let Some(metadata) = asked.ok().and_then(|answer| serde_json::from_str(&answer.stdout.concat()).ok()) else {
        return Elsewhere::Unknown;
    };
    Elsewhere::Known(local_packages(&request.source, &metadata))
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    source: Option<String>,
    manifest_path: PathBuf,
}

fn local_packages(source: &Path, metadata: &Metadata) -> Vec<PathBuf> {
    let local = metadata.packages.iter().filter(|package| package.source.is_none());
    let dirs = local.filter_map(|package| package.manifest_path.parent()).map(Path::to_owned);
    let mut paths: BTreeSet<_> = dirs.filter(|dir| !dir.starts_with(source)).collect();
    paths.extend(workspace_files(source));
    paths.into_iter().collect()
}

/// Files that count wherever they begin to exist above the source.
fn workspace_files(source: &Path) -> impl Iterator<Item = PathBuf> {
    source
        .ancestors()
        .skip(1)
        .flat_map(|dir| ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"].map(|name| dir.join(name)))
}

/// Only where the function's architecture is not this machine's.
fn other_target(architecture: Architecture) -> Option<&'static str> {
    match (architecture, ARCH) {
        (Architecture::X86_64, "x86_64") | (Architecture::Arm64, "aarch64") => None,
        (Architecture::X86_64, _) => Some("x86_64-unknown-linux-gnu"),
        (Architecture::Arm64, _) => Some("aarch64-unknown-linux-gnu"),
    }
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The executables that cargo made, by the name of their target.
fn executables(messages: &[String]) -> BTreeMap<String, PathBuf> {
    let messages = messages.iter().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let artifacts = messages.filter(|message| message.reason == "compiler-artifact");
    artifacts
        .filter_map(|message| {
            let target = message.target.filter(|target| target.kind.iter().any(|kind| kind == "bin"))?;
            Some((target.name, message.executable?))
        })
        .collect()
}

fn the_one(mut executables: BTreeMap<String, PathBuf>) -> Result<PathBuf, BuildError> {
    if executables.len() > 1 {
        let names: Vec<_> = executables.keys().map(|name| format!("`{name}`")).collect();
        return Err(BuildError::unsuitable(
            format!("the package has {} executables: {}", names.len(), names.join(", ")),
            "say which: build = { rust = { bin = \"NAME\" } }",
        ));
    }
    executables.pop_first().map(|(_, executable)| executable).ok_or_else(|| {
        BuildError::unsuitable("the package has no executable", "a function needs a `src/main.rs` or a `[[bin]]`")
    })
}

/// What else the executable was made of, from the dependency file that cargo writes beside it: path dependencies with
/// their whole packages, and the workspace's own files.
fn inputs(source: &Path, executable: &Path) -> Elsewhere {
    let Ok(text) = fs::read_to_string(executable.with_extension("d")) else { return Elsewhere::Unknown };
    let mut paths = BTreeSet::new();
    for file in dependencies(&text) {
        if !file.starts_with(source) {
            let package = file.ancestors().skip(1).find(|dir| dir.join("Cargo.toml").is_file());
            paths.insert(package.map_or(file.clone(), Path::to_owned));
        }
    }
    paths.extend(workspace_files(source));
    Elsewhere::Known(paths.into_iter().collect())
}

/// The files of a rule in the language of `make`: blanks inside names are escaped.
fn dependencies(text: &str) -> Vec<PathBuf> {
    let Some((_, listed)) = text.lines().next().unwrap_or_default().split_once(": ") else { return Vec::new() };
    listed
        .replace("\\ ", "\0")
        .split(' ')
        .filter(|file| !file.is_empty())
        .map(|file| PathBuf::from(file.replace('\0', " ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependency_files_are_read() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(dependencies(text), expected.iter().map(PathBuf::from).collect::<Vec<_>>());
        };
        check("/t/release/app: /s/src/main.rs /lib/a\\ b.rs\n", &["/s/src/main.rs", "/lib/a b.rs"]);
        check("/t/release/app:\n", &[]);
        check("", &[]);
    }

    #[test]
    fn one_executable_is_taken_and_several_are_named() {
        let line = |name: &str, kind: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["{kind}"]}},"executable":"/t/{name}"}}"#
            )
        };
        let check = |lines: &[String], expected: &str| {
            let result = the_one(executables(lines));
            assert_eq!(result.map_or_else(|error| error.to_string(), |path| path.display().to_string()), expected);
        };
        let noise = r#"{"reason":"build-finished","success":true}"#.to_owned();
        check(&[line("a", "bin"), noise.clone(), "not json".to_owned()], "/t/a");
        check(&[line("a", "bin"), line("b", "bin")], "the package has 2 executables: `a`, `b`");
        check(&[noise, line("build-script", "custom-build")], "the package has no executable");
    }
}
