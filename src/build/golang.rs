//! Go: `go build` for Linux, one static executable.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    BuildError, BuildRequest, Progress,
    adapter::{Elsewhere, executable_name},
    cache,
    toolchain::{Stdout, Tool},
};
use crate::stack::Architecture;

/// Prints, for each package that is not from the module cache, its directory and its module's `go.mod`.
const LOCAL_PACKAGES: &str = "{{with .Module}}{{if or .Main (and .Replace (not .Replace.Version))}}{{$.Dir}}\n\
                              {{.GoMod}}{{end}}{{end}}";

pub(super) async fn fill(
    request: &BuildRequest,
    package: &str,
    flags: &[String],
    dir: &Path,
) -> Result<Elsewhere, BuildError> {
    let go = go(request);
    let environment = environment(request.architecture, flags);
    let executable = dir.join(executable_name(request));
    let executable = executable.to_string_lossy();
    let mut arguments = vec!["build", "-buildvcs=false"];
    if request.debug {
        // With the paths of the source, and every variable where the source has it.
        arguments.push("-gcflags=all=-N -l");
    } else {
        arguments.push("-trimpath");
    }
    if !request.debug && !flags.iter().any(|flag| flag.trim_start_matches('-').starts_with("ldflags")) {
        // Without symbol tables for debuggers: half the size; panics keep their traces.
        arguments.push("-ldflags=-s -w");
    }
    arguments.extend(flags.iter().map(String::as_str));
    arguments.extend(["-o", &executable, package]);
    let compile = go.run(&arguments, &environment, Stdout::Shown);
    // Side by side: the question takes a tenth of the time, and the build does not wait for it.
    let (built, inputs) = tokio::join!(compile, inputs(request, package, flags, &environment));
    if built.is_err() {
        cache::store_inputs(request, &inputs);
    }
    built.map(|_| inputs)
}

/// What else the executable is made of; of a package with mistakes as well.
async fn inputs(request: &BuildRequest, package: &str, flags: &[String], environment: &[(&str, &str)]) -> Elsewhere {
    // A question of ours, which is nobody's progress.
    let silent = Progress::silent();
    let go = Tool { progress: &silent, ..go(request) };
    let mut arguments = vec!["list", "-e", "-deps", "-f", LOCAL_PACKAGES];
    arguments.extend(flags.iter().map(String::as_str));
    arguments.push(package);
    match go.run(&arguments, environment, Stdout::Read).await {
        Ok(listed) => Elsewhere::Known(outside(&request.source, &listed.stdout)),
        Err(_) => Elsewhere::Unknown,
    }
}

fn go(request: &BuildRequest) -> Tool<'_> {
    Tool {
        name: "go",
        program: None,
        install: "install Go from https://go.dev/doc/install",
        dir: &request.source,
        progress: &request.progress,
        timeout: request.timeout,
    }
}

/// Static unless the flags need C; the sanitizers do.
fn environment(architecture: Architecture, flags: &[String]) -> Vec<(&'static str, &'static str)> {
    let needs_c = flags.iter().any(|flag| ["-race", "-msan", "-asan"].contains(&flag.as_str()));
    let goarch = match architecture {
        Architecture::X86_64 => "amd64",
        Architecture::Arm64 => "arm64",
    };
    vec![("GOOS", "linux"), ("GOARCH", goarch), ("CGO_ENABLED", if needs_c { "1" } else { "0" })]
}

/// The inputs that are not below the source: packages of the same module or workspace, replaced modules, and the files
/// that say which versions are taken.
fn outside(source: &Path, listed: &[String]) -> Vec<PathBuf> {
    let mut paths = BTreeSet::new();
    for path in listed.iter().filter(|line| !line.is_empty()).map(PathBuf::from) {
        match path.parent() {
            Some(module) if path.ends_with("go.mod") => {
                paths.extend(["go.mod", "go.sum", "vendor/modules.txt"].map(|name| module.join(name)));
                // A workspace that begins to exist counts as well.
                paths.extend(module.ancestors().flat_map(|dir| [dir.join("go.work"), dir.join("go.work.sum")]));
            }
            _ => {
                paths.insert(path);
            }
        }
    }
    paths.into_iter().filter(|path| !path.starts_with(source)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_outside_the_source_are_found() {
        let check = |listed: &[&str], expected: &[&str]| {
            let listed: Vec<String> = listed.iter().map(|line| (*line).to_owned()).collect();
            let paths = outside(Path::new("/r/f"), &listed);
            let paths: Vec<_> = paths.iter().filter(|path| !path.to_string_lossy().contains("go.work")).collect();
            assert_eq!(paths, expected.iter().map(Path::new).collect::<Vec<_>>());
        };
        check(&["/r/f", "/r/f/go.mod", "", "/r/f/sub", "/r/f/go.mod"], &[]);
        check(
            &["/r/f", "/r/go.mod", "/r/lib", "/r/go.mod"],
            &["/r/go.mod", "/r/go.sum", "/r/lib", "/r/vendor/modules.txt"],
        );
    }

    #[test]
    fn c_only_where_a_flag_needs_it() {
        assert!(environment(Architecture::Arm64, &[]).contains(&("CGO_ENABLED", "0")));
        assert!(environment(Architecture::Arm64, &[]).contains(&("GOARCH", "arm64")));
        assert!(environment(Architecture::X86_64, &["-race".to_owned()]).contains(&("CGO_ENABLED", "1")));
    }
}
