//! From a runtime and a handler to the program that is started, or a message that says what is missing. Blocking.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::interpreters::{Interpreters, Language};
use crate::engine::LaunchSpec;

/// Executables that a message lists.
const LISTED_MAX: usize = 8;
/// The file that starts a `provided` runtime.
const BOOTSTRAP: &str = "bootstrap";
/// Names of our own runtimes' files in the runtime directory.
pub(super) const PYTHON_RUNTIME: &str = "stackctl_runtime.py";
pub(super) const NODE_RUNTIME: &str = "stackctl_runtime.cjs";
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
        return Ok(Program { path, arguments: arguments(language, runtime_dir) });
    }
    let name = match spec.runtime.as_str() {
        "go1.x" => spec.handler.as_str(),
        runtime if runtime.starts_with("provided") => BOOTSTRAP,
        runtime => return Err(unsupported(runtime)),
    };
    Ok(Program { path: executable(spec, code_dir, name)?, arguments: Vec::new() })
}

fn arguments(language: Language, runtime_dir: &Path) -> Vec<OsString> {
    match language {
        Language::Python => vec!["-c".into(), PYTHON_MAIN.into(), runtime_dir.into()],
        Language::Node => vec![runtime_dir.join(NODE_RUNTIME).into()],
    }
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
        let interpreters = Interpreters::new(OsString::new(), Report::silent());
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
        check("java21", "x", "there is no support for java here; use a `provided.al2023` runtime");
        check("python3.12", "x", "a `python3.12` function needs Python");
        let gone = program(&spec("go1.x", "a"), Path::new("/gone"), Path::new("/r"), &interpreters).unwrap_err();
        assert!(gone.contains("is gone from `/gone`"), "{gone}");
    }
}
