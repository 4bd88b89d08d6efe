//! From a runtime and a handler to the program that is started, or a message that says what is missing. Blocking.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::interpreters::{Interpreters, Language};
use crate::{engine::LaunchSpec, model::JAVA_RUNTIME_DIR};

/// Executables that a message lists.
const LISTED_MAX: usize = 8;
/// The file that starts a `provided` runtime.
const BOOTSTRAP: &str = "bootstrap";
/// Names of our own runtimes' files in the runtime directory.
pub(super) const PYTHON_RUNTIME: &str = "stackctl_runtime.py";
pub(super) const NODE_RUNTIME: &str = "stackctl_runtime.cjs";
/// AWS's runtime for Java: the first jar's name, and its main class.
const JAVA_CLIENT: &str = "aws-lambda-java-runtime-interface-client";
const JAVA_MAIN: &str = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";
/// Starts the Python runtime as a module, so that Python keeps it compiled.
const PYTHON_MAIN: &str = "import sys; sys.path[0] = sys.argv[1]; import stackctl_runtime; stackctl_runtime.main()";

/// What is started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

/// The program for a function, whose code is in `code_dir` and our own runtimes in `runtime_dir`.
///
/// # Errors
/// It is not there; the message says what to do.
pub(super) fn program(
    spec: &LaunchSpec,
    code_dir: &Path,
    runtime_dir: &Path,
    interpreters: &Interpreters,
) -> Result<Program, String> {
    if !code_dir.is_dir() {
        return Err(format!(
            "the code of `{}` is gone from `{}`; deploy it again",
            spec.function.name,
            code_dir.display()
        ));
    }
    if let Some((language, version)) = Language::of_runtime(&spec.runtime) {
        let path = interpreters.find(&spec.runtime, language, version)?;
        let arguments = match language {
            Language::Python => vec!["-c".into(), PYTHON_MAIN.into(), runtime_dir.into()],
            Language::Node => node_arguments(spec, code_dir, runtime_dir),
            Language::Java => java_arguments(spec, code_dir, runtime_dir)?,
        };
        return Ok(Program { path, arguments });
    }
    let name = match spec.runtime.as_str() {
        "go1.x" => spec.handler.as_str(),
        runtime if runtime.starts_with("provided") => BOOTSTRAP,
        runtime => return Err(unsupported(runtime)),
    };
    Ok(Program { path: executable(spec, code_dir, name)?, arguments: Vec::new() })
}

/// With source maps where the handler's module has one: what a bundler made of TypeScript is nothing to read.
fn node_arguments(spec: &LaunchSpec, code_dir: &Path, runtime_dir: &Path) -> Vec<OsString> {
    let module = spec.handler.rsplit_once('.').map_or(spec.handler.as_str(), |(module, _)| module);
    let has_map = ["js.map", "mjs.map"].iter().any(|ending| code_dir.join(format!("{module}.{ending}")).is_file());
    let mut arguments: Vec<OsString> = Vec::new();
    if has_map {
        arguments.push("--enable-source-maps".into());
    }
    arguments.push(runtime_dir.join(NODE_RUNTIME).into());
    arguments
}

/// AWS's own Java runtime, with the function's classes at the top of the package and jars in `lib`, as on AWS.
fn java_arguments(spec: &LaunchSpec, code_dir: &Path, runtime_dir: &Path) -> Result<Vec<OsString>, String> {
    let ours = runtime_dir.join(JAVA_RUNTIME_DIR);
    let has_runtime = |dir: &Path| {
        let mut names = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.any(|name| name.to_string_lossy().starts_with(JAVA_CLIENT))
    };
    if !has_runtime(&ours) && !has_runtime(&code_dir.join("lib")) {
        return Err(format!(
            "`{}` functions run here on AWS's own runtime for Java: `build = \"java\"` fetches it; a package of your own \
             needs the jars of `com.amazonaws:{JAVA_CLIENT}` in its `lib`",
            spec.runtime
        ));
    }
    let mut classpath = code_dir.as_os_str().to_owned();
    for part in [code_dir.join("lib").join("*"), ours.join("*")] {
        classpath.push(":");
        classpath.push(part);
    }
    // A short start is worth more here than what a long run would gain; AWS's own flags are the same two.
    let flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"].map(OsString::from);
    Ok(flags.into_iter().chain([classpath, JAVA_MAIN.into(), spec.handler.clone().into()]).collect())
}

fn unsupported(runtime: &str) -> String {
    let language = runtime.trim_end_matches(|character: char| !character.is_ascii_alphabetic());
    format!(
        "`{runtime}` functions cannot run as local processes: there is no support for {language} here; use a \
         `provided.al2023` runtime whose package has a `{BOOTSTRAP}`"
    )
}

fn executable(spec: &LaunchSpec, code_dir: &Path, name: &str) -> Result<PathBuf, String> {
    let path = code_dir.join(name);
    let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
    match metadata {
        Some(metadata) if metadata.permissions().mode() & 0o111 != 0 => Ok(path),
        Some(_) => Err(format!(
            "`{name}` in the package of `{}` is not executable; run `chmod +x {name}` and package it again",
            spec.function.name
        )),
        None => Err(not_found(spec, code_dir, name)),
    }
}

fn not_found(spec: &LaunchSpec, code_dir: &Path, name: &str) -> String {
    let function = &spec.function.name;
    let what = if name == BOOTSTRAP {
        format!(
            "a `{}` function starts with an executable `{BOOTSTRAP}`, and the package of `{function}` has none",
            spec.runtime
        )
    } else {
        format!("handler `{name}` is not in the package of `{function}`")
    };
    let found = executables(code_dir);
    if found.is_empty() {
        return format!("{what}; the package has no executable at its top: build one for Linux and package it again");
    }
    let listed: Vec<_> = found.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    let more = if found.len() > LISTED_MAX { ", and more" } else { "" };
    format!("{what}; executables found: {}{more}", listed.join(", "))
}

/// Names of the executables at the top of the package, sorted.
fn executables(code_dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(code_dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| {
            fs::metadata(entry.path()).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::{environments::sample::spec, report::Report};

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let code = folder.path();
        let interpreters = Interpreters::new(OsString::new(), folder.path().join("known.json"), Report::silent());
        let check = |runtime: &str, handler: &str, expected: &str| {
            let found = program(&spec(runtime, handler), code, Path::new("/r"), &interpreters);
            let text = found.map_or_else(|message| message, |program| program.path.display().to_string());
            assert!(text.contains(expected), "{runtime} {handler}: {text}");
        };
        check("go1.x", "main", "handler `main` is not in the package of `f`; the package has no executable at its top");
        fs::write(code.join("app"), "#!/bin/sh").unwrap();
        check("go1.x", "app", "`app` in the package of `f` is not executable; run `chmod +x app`");
        fs::set_permissions(code.join("app"), fs::Permissions::from_mode(0o755)).unwrap();
        check("go1.x", "app", &code.join("app").display().to_string());
        check("go1.x", "main", "handler `main` is not in the package of `f`; executables found: `app`");
        check("provided.al2023", "x", "and the package of `f` has none; executables found: `app`");
        check("java0", "x", "a `java0` function needs Java");
        check("ruby3.4", "x", "there is no support for ruby here; use a `provided.al2023` runtime");
        check("python3.12", "x", "a `python3.12` function needs Python");
        let gone = program(&spec("go1.x", "a"), Path::new("/gone"), Path::new("/r"), &interpreters).unwrap_err();
        assert!(gone.contains("is gone from `/gone`"), "{gone}");
    }
}
