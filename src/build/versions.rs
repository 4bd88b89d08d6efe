//! Which versions of which programs a function is built and run with. To ask them takes as long as many a build, so an answer is
//! kept as long as the programs and the files that choose among them are the same ones.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    BuildError, BuildRequest, Progress,
    cache::BUILD_DIR,
    esbuild,
    identity::{every_on_path, identity, stamp},
    java, off_thread,
    pack::create_private_dir,
    requirements::Requirements,
    toolchain::{Stdout, Tool},
};
use crate::stack::{Build, Toolchain};

/// How long a program may take to say its version: Gradle starts a daemon first.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Files by which a project chooses a version, in its own directory or above.
const CHOICES: [&str; 10] = [
    ".java-version",
    ".node-version",
    ".nvmrc",
    ".python-version",
    ".sdkmanrc",
    ".tool-versions",
    "go.mod",
    "go.work",
    "mise.toml",
    "rust-toolchain.toml",
];
/// Where pyenv and others keep what was chosen for everybody, beside the folder of their shims.
const VERSION_FILE: &str = "version";

/// What was answered, and as long as what it holds.
#[derive(Debug, Serialize, Deserialize)]
struct Answers {
    key: String,
    versions: BTreeMap<String, String>,
}

/// The versions of what the function is built with and, when `runs_here`, of the interpreter that runs it. A program that is
/// not there, or does not say its version, is left out.
pub async fn versions(request: &BuildRequest, runs_here: bool) -> BTreeMap<Toolchain, String> {
    let wanted = wanted(request, runs_here);
    if wanted.is_empty() {
        return BTreeMap::new();
    }
    let (key, file) = (key(request, &wanted), file(request));
    if let Some(known) = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<Answers>(&bytes).ok())
        && known.key == key
    {
        let versions = known.versions.into_iter();
        return versions.filter_map(|(name, version)| Some((Toolchain::parse(&name)?, version))).collect();
    }
    let mut versions = BTreeMap::new();
    for tool in wanted {
        if let Some(version) = ask(request, tool).await {
            versions.insert(tool, version);
        }
    }
    let names = versions.iter().map(|(tool, version)| (tool.as_str().to_owned(), version.clone())).collect();
    // What is not kept is asked again.
    let _ = off_thread(request, move |_| keep(&file, &Answers { key, versions: names })).await;
    versions
}

/// The version of one program, as it is found from the request's source.
pub async fn version(request: &BuildRequest, tool: Toolchain) -> Option<String> {
    ask(request, tool).await
}

/// A manifest's requirement on a version, `None` when it is none. Of a version only numbers count: a release candidate is as
/// good as its release.
pub fn satisfies(version: &str, requirement: &str) -> Option<bool> {
    let requirement = semver::VersionReq::parse(requirement).ok()?;
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let mut numbers = version[..end].split('.').map(|number| number.parse::<u64>().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    Some(requirement.matches(&semver::Version::new(next(), next(), next())))
}

fn wanted(request: &BuildRequest, runs_here: bool) -> Vec<Toolchain> {
    let mut tools = Vec::new();
    match &request.build {
        Build::Go { .. } => tools.push(Toolchain::Go),
        Build::Rust { .. } => tools.push(Toolchain::Rust),
        Build::Java { tool } => {
            tools.push(Toolchain::Java);
            // A wrapper's version is in the project.
            tools.extend(java::tool(&request.source, tool.as_deref()));
        }
        Build::Node { bundle, .. } if bundle.unwrap_or_else(|| esbuild::is_needed(request)) => {
            tools.push(Toolchain::Esbuild);
        }
        Build::Python { requirements } => {
            let silent = BuildRequest { progress: Progress::silent(), ..request.clone() };
            if Requirements::of(&silent, requirements.as_deref()).is_ok_and(|wanted| wanted.is_some()) {
                let has_uv = every_on_path(&request.environment, "uv").next().is_some();
                tools.extend([Toolchain::Python, if has_uv { Toolchain::Uv } else { Toolchain::Pip }]);
            }
        }
        Build::Node { .. } | Build::Command { .. } | Build::Image(_) | Build::None => {}
    }
    let interpreter = match request.runtime.as_str() {
        runtime if runtime.starts_with("python") => Some(Toolchain::Python),
        runtime if runtime.starts_with("nodejs") => Some(Toolchain::Node),
        runtime if runtime.starts_with("java") => Some(Toolchain::Java),
        _ => None,
    };
    tools.extend(interpreter.filter(|tool| runs_here && !tools.contains(tool)));
    tools
}

/// Names to look for, the best first, and how each is asked.
fn programs(request: &BuildRequest, tool: Toolchain) -> (Vec<String>, &'static [&'static str]) {
    let numbers: String = request.runtime.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let numbers = numbers.trim_end_matches('.');
    let python = || vec![format!("python{numbers}"), "python3".to_owned(), "python".to_owned()];
    match tool {
        Toolchain::Esbuild => (vec!["esbuild".to_owned()], &["--version"]),
        Toolchain::Go => (vec!["go".to_owned()], &["env", "GOVERSION"]),
        Toolchain::Gradle => (vec!["gradle".to_owned()], &["--version"]),
        Toolchain::Java => (vec!["javac".to_owned(), "java".to_owned()], &["--version"]),
        Toolchain::Maven => (vec!["mvn".to_owned()], &["--version"]),
        Toolchain::Node => (["node".to_owned(), "nodejs".to_owned()].into(), &["--version"]),
        Toolchain::Pip => (python(), &["-m", "pip", "--version"]),
        Toolchain::Python => (python(), &["--version"]),
        Toolchain::Rust => (vec!["rustc".to_owned()], &["--version"]),
        Toolchain::Uv => (vec!["uv".to_owned()], &["--version"]),
    }
}

/// The first that answers.
async fn ask(request: &BuildRequest, tool: Toolchain) -> Option<String> {
    let silent = Progress::silent();
    let (names, question) = programs(request, tool);
    let own = if tool == Toolchain::Esbuild { esbuild::own_esbuild(&request.source) } else { None };
    for name in names {
        let found = own.clone().or_else(|| every_on_path(&request.environment, &name).next());
        let Some(program) = found else { continue };
        let asked = Tool {
            name: tool.as_str(),
            program: Some(&program),
            install: "",
            dir: if request.source.is_dir() { &request.source } else { Path::new("/") },
            progress: &silent,
            timeout: ANSWER_WITHIN,
        };
        // A version manager's shim is there for versions that are not.
        if let Ok(said) = asked.run(question, &[], Stdout::Read).await
            && let Some(version) = said.stdout.iter().find_map(|line| version_in(tool, line))
        {
            return Some(version);
        }
    }
    None
}

/// The version in a line, when there is one: what begins with a digit in the first words of it.
fn version_in(tool: Toolchain, line: &str) -> Option<String> {
    let line = line.trim_start_matches("\u{1b}[1m");
    if tool == Toolchain::Gradle && !line.starts_with("Gradle ") {
        return None;
    }
    let word = line.split_whitespace().find_map(|word| {
        let word = word.trim_start_matches("go").trim_start_matches('v');
        word.starts_with(|c: char| c.is_ascii_digit()).then_some(word)
    })?;
    let version = word.trim_end_matches("\u{1b}[m").trim_end_matches(',');
    // Of compilers that change each night the date says which.
    match line.split_once('(').filter(|_| tool == Toolchain::Rust && version.contains('-')) {
        Some((_, commit)) => Some(format!("{version} ({commit}")),
        None => Some(version.to_owned()),
    }
}

/// Everything that an answer depends on, as `stat` tells it.
fn key(request: &BuildRequest, wanted: &[Toolchain]) -> String {
    let mut files = Vec::new();
    for tool in wanted {
        for name in programs(request, *tool).0 {
            for program in every_on_path(&request.environment, &name) {
                files.extend(program.parent().and_then(Path::parent).map(|root| root.join(VERSION_FILE)));
                files.push(program);
            }
        }
    }
    files.extend(esbuild::own_esbuild(&request.source));
    files.extend(request.source.ancestors().flat_map(|dir| CHOICES.map(|name| dir.join(name))));
    let stamps: Vec<_> = files.iter().filter_map(|file| stamp(file)).collect();
    format!("{wanted:?} {} {stamps:?} {}", request.runtime, identity(request))
}

fn file(request: &BuildRequest) -> PathBuf {
    request.state_dir.join(BUILD_DIR).join("versions").join(format!("{}.json", request.function))
}

fn keep(file: &Path, answers: &Answers) -> Result<(), BuildError> {
    create_private_dir(file.parent().unwrap_or(file))?;
    let text = serde_json::to_vec(answers).map_err(|error| BuildError::disk("write", file)(error.into()))?;
    let new = file.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, file)).map_err(BuildError::disk("write", file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_their_versions_in_their_own_ways() {
        let check = |tool, line: &str, expected: &str| {
            assert_eq!(version_in(tool, line).as_deref().unwrap_or("none"), expected, "{line}");
        };
        check(Toolchain::Go, "go1.24.4", "1.24.4");
        check(Toolchain::Go, "go1.25rc1 X:nocoverageredesign", "1.25rc1");
        check(Toolchain::Rust, "rustc 1.95.0 (59807616e 2026-04-14)", "1.95.0");
        check(Toolchain::Rust, "rustc 1.97.0-nightly (abc 2026-05-01)", "1.97.0-nightly (abc 2026-05-01)");
        check(Toolchain::Python, "Python 3.12.7", "3.12.7");
        check(Toolchain::Node, "v22.1.0", "22.1.0");
        check(Toolchain::Java, "javac 17.0.9", "17.0.9");
        check(Toolchain::Java, "openjdk 21 2023-09-19", "21");
        check(Toolchain::Maven, "\u{1b}[1mApache Maven 3.8.7\u{1b}[m", "3.8.7");
        check(Toolchain::Gradle, "------", "none");
        check(Toolchain::Gradle, "Gradle 8.5", "8.5");
        check(Toolchain::Pip, "pip 24.0 from /usr/lib (python 3.12)", "24.0");
        check(Toolchain::Uv, "uv 0.13.9 (abc)", "0.13.9");
        check(Toolchain::Esbuild, "0.25.1", "0.25.1");
        check(Toolchain::Esbuild, "nothing to see", "none");
    }

    #[test]
    fn requirements_are_met_by_numbers() {
        let check = |version: &str, requirement: &str, expected: Option<bool>| {
            assert_eq!(satisfies(version, requirement), expected, "{version} {requirement}");
        };
        check("1.24.4", ">=1.24", Some(true));
        check("1.23", ">=1.24", Some(false));
        check("1.25rc1", ">=1.25", Some(true));
        check("3.13.0", "=3.12", Some(false));
        check("3.12.1", "=3.12", Some(true));
        check("21", ">=17", Some(true));
        check("1.97.0-nightly (abc 2026-05-01)", ">=1.96", Some(true));
        check("1", "new", None);
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_the_program_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let mut request = BuildRequest::of(&crate::stack::samples::function("f"), &dir.path().join("state"));
        request.source = dir.path().join("source");
        request.build = Build::Go { package: ".".to_owned(), flags: Vec::new() };
        request.runtime = "provided.al2023".to_owned();
        request.environment.search_path = dir.path().join("bin").into();
        fs::create_dir_all(&request.source).unwrap();
        fs::create_dir(dir.path().join("bin")).unwrap();
        let install = |version: &str| {
            let text = format!("#!/bin/sh\necho >>{}/asked\necho go{version}\n", dir.path().display());
            fs::write(dir.path().join("bin/go.new"), text).unwrap();
            fs::set_permissions(dir.path().join("bin/go.new"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
            fs::rename(dir.path().join("bin/go.new"), dir.path().join("bin/go")).unwrap();
        };
        assert_eq!(versions(&request, true).await, BTreeMap::new(), "it is not there");
        install("1.24.4");
        let known = |version: &str| BTreeMap::from([(Toolchain::Go, version.to_owned())]);
        for _ in 0..2 {
            assert_eq!(versions(&request, true).await, known("1.24.4"));
        }
        let asked = || fs::read_to_string(dir.path().join("asked")).unwrap().lines().count();
        assert_eq!(asked(), 1);
        install("1.25.0");
        assert_eq!(versions(&request, true).await, known("1.25.0"));
        fs::write(request.source.join("go.mod"), "module m\ntoolchain go1.26.0\n").unwrap();
        assert_eq!(versions(&request, true).await, known("1.25.0"));
        assert_eq!(asked(), 3, "what chooses a version has changed");
    }
}
