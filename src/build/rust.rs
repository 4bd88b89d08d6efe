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
    BuildError, BuildRequest,
    adapter::{Elsewhere, executable_name},
    off_thread, pack,
    toolchain::{Stdout, Tool},
};
use crate::stack::Architecture;

pub(super) async fn fill(
    request: &BuildRequest,
    bin: Option<&str>,
    profile: &str,
    dir: &Path,
) -> Result<Elsewhere, BuildError> {
    let cargo = Tool {
        name: "cargo",
        install: "install Rust from https://rustup.rs",
        dir: &request.source,
        progress: &request.progress,
        timeout: request.timeout,
    };
    let mut arguments = vec!["build", "--message-format=json-render-diagnostics", "--profile", profile];
    match bin {
        Some(bin) => arguments.extend(["--bin", bin]),
        None => arguments.push("--bins"),
    }
    if let Some(target) = other_target(request.architecture) {
        arguments.extend(["--target", target]);
    }
    let built = cargo.run(&arguments, &[], Stdout::Read).await?;
    let executable = the_one(executables(&built.stdout))?;
    let to = dir.join(executable_name(request));
    off_thread(request, move |request| {
        pack::copy_file(&executable, true, &to)?;
        Ok(inputs(&request.source, &executable))
    })
    .await
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
    for dir in source.ancestors().skip(1) {
        paths.extend(["Cargo.toml", "Cargo.lock", ".cargo/config.toml"].map(|name| dir.join(name)));
    }
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
