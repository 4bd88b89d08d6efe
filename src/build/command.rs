//! Any command of the user's, run by the shell in the source; what it leaves at `artifact` is the code. Its inputs are
//! taken to be what is below the source, the artifact excepted: what else it reads nobody can tell.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use super::{
    BuildError, BuildRequest,
    adapter::{Elsewhere, executable_name, normal},
    off_thread, pack,
    toolchain::{Stdout, Tool},
    tree::{self, Rules},
};
use crate::stack::Architecture;

pub(super) async fn fill(
    request: &BuildRequest,
    run: &str,
    artifact: &Path,
    dir: &Path,
) -> Result<Elsewhere, BuildError> {
    let shell = Tool {
        name: "sh",
        program: None,
        install: "a POSIX shell has to be on the PATH",
        dir: &request.source,
        progress: &request.progress,
        timeout: request.timeout,
    };
    let architecture = match request.architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "arm64",
    };
    let name = match request.function.split_once('.') {
        Some((_, layer)) => ("STACKCTL_LAYER", layer),
        None => ("STACKCTL_FUNCTION", request.function.as_str()),
    };
    let environment = [name, ("STACKCTL_ARCHITECTURE", architecture)];
    shell.run(&["-c", run], &environment, Stdout::Shown).await?;
    let (artifact, dir) = (normal(&request.source.join(artifact)), dir.to_owned());
    off_thread(request, move |request| take(request, &artifact, &dir)).await?;
    Ok(Elsewhere::NOTHING)
}

/// Copies a directory as it is, or a file under the name that the runtime looks for.
fn take(request: &BuildRequest, artifact: &Path, dir: &Path) -> Result<(), BuildError> {
    let Ok(metadata) = fs::metadata(artifact) else {
        return Err(BuildError::unsuitable(
            format!("the command succeeded, but there is no `{}`", artifact.display()),
            "`build.command.artifact` is the file or directory that the command makes, relative to `source`",
        ));
    };
    if metadata.is_dir() {
        return pack::copy(&tree::list(artifact, &Rules::default())?, dir);
    }
    if artifact.extension().is_some_and(|ending| ending == "zip" || ending == "jar") {
        return Err(BuildError::unsuitable(
            format!(
                "`{}` is an archive, and the artifact is what the function sees at `/var/task`",
                artifact.display()
            ),
            "let `build.command` leave the files themselves in a directory, and name that in `artifact`",
        ));
    }
    let is_executable = request.runtime == "go1.x" || request.runtime.starts_with("provided");
    let own_name = artifact.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let name = if is_executable { executable_name(request) } else { &own_name };
    let runs = is_executable || metadata.permissions().mode() & 0o100 != 0;
    pack::copy_file(artifact, runs, &dir.join(name))
}
