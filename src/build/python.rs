//! Python: the source as it is, with its requirements installed beside it. What was installed is kept by the hash of the
//! requirements, so that an edit of the code does not install again.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};

use super::{
    BuildError, BuildRequest,
    adapter::Elsewhere,
    cache::BUILD_DIR,
    kept,
    listing::Directory,
    off_thread,
    pack::{self, Unfinished},
    requirements::Requirements,
    source,
    toolchain::{Stdout, Tool},
    tree::Rules,
};
use crate::model::ArtifactDigest;

/// Of what was installed, what no function needs: scripts begin with the path of this machine's interpreter.
const INSTALLED_RULES: Rules =
    Rules { names: &["__pycache__", "bin", UV_LOCK], endings: &[".pyc"], marks: &[], paths: Vec::new() };
/// What uv locks the directory with that it installs into, and leaves there.
const UV_LOCK: &str = ".lock";
/// uv takes an interpreter that is here, as the engine will, and fetches none.
const UV_FETCHES_NO_PYTHON: (&str, &str) = ("UV_PYTHON_DOWNLOADS", "never");
/// What the engine takes where the runtime's own version is not there.
const ANY_PYTHON: &str = "python3";
const INSTALL_PIP: &str = "install Python with pip, or uv from https://docs.astral.sh/uv";

pub(super) async fn fill(
    request: &BuildRequest,
    requirements: Option<&Path>,
    unfinished: Unfinished,
    listing: Arc<Directory>,
) -> Result<(Unfinished, Elsewhere), BuildError> {
    let Some(wanted) = Requirements::of(request, requirements)? else {
        return source::fill(request, unfinished, listing).await;
    };
    let (files, says_all) = (wanted.files.clone(), wanted.says_all);
    let installed = install_dir(request, &wanted.text);
    if !says_all || !installed.is_dir() {
        let file = wanted.file(request).await?;
        install(request, &file, &installed).await?;
    }
    kept::mark_used(&installed);
    let unfinished = off_thread(request, move |request| {
        // The user's own module of a name wins, as it does in the import path.
        let installed = request.earlier.list_installed(&installed, &INSTALLED_RULES)?;
        request.earlier.pack(unfinished, &Directory::laid_over(&listing, &installed))
    });
    let elsewhere = files.into_iter().filter(|file| !file.starts_with(&request.source)).collect();
    Ok((unfinished.await?, if says_all { Elsewhere::Known(elsewhere) } else { Elsewhere::Unknown }))
}

fn install_dir(request: &BuildRequest, requirements: &str) -> PathBuf {
    let mut hash = Sha256::new();
    hash.update(format!("{} {:?}\n", request.runtime, request.architecture));
    hash.update(requirements);
    let name = ArtifactDigest::from_bytes(hash.finalize().into()).to_string();
    request.state_dir.join(BUILD_DIR).join("python").join(name)
}

/// Installs into a directory beside `installed` and renames it: it is complete or absent.
async fn install(request: &BuildRequest, file: &Path, installed: &Path) -> Result<(), BuildError> {
    let unfinished = installed.with_extension(format!("{}-{}", request.function, std::process::id()));
    let new = unfinished.clone();
    off_thread(request, move |_| {
        let _ = fs::remove_dir_all(&new);
        pack::create_private_dir(&new)
    })
    .await?;
    run_installer(request, file, &unfinished).await?;
    let installed = installed.to_owned();
    off_thread(request, move |_| {
        // An earlier one is there only when the requirements do not say all, and this one is newer.
        let _ = fs::remove_dir_all(&installed);
        fs::rename(&unfinished, &installed).map_err(BuildError::disk("write", &installed))
    })
    .await
}

/// uv where there is one; else pip, of the interpreter that the runtime names, or of `python3`.
async fn run_installer(request: &BuildRequest, file: &Path, target: &Path) -> Result<(), BuildError> {
    let (file, target) = (file.to_string_lossy(), target.to_string_lossy());
    let interpreter = interpreter(&request.runtime);
    let uv = |interpreter| ["pip", "install", "--quiet", "--python", interpreter, "--target", &target, "-r", &file];
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--upgrade"];
    let pip = [&pip[..], &["--target", &*target, "-r", &*file]].concat();
    let mut missing = None;
    // Who has uv may have settings that are uv's alone, indexes for one: pip comes after it with either interpreter.
    let tools: [(_, &[&str], &[_]); 4] = [
        ("uv", &uv(interpreter), &[UV_FETCHES_NO_PYTHON]),
        ("uv", &uv(ANY_PYTHON), &[UV_FETCHES_NO_PYTHON]),
        (interpreter, &pip, &[]),
        (ANY_PYTHON, &pip, &[]),
    ];
    for (name, arguments, environment) in tools {
        let tool = Tool {
            name,
            program: None,
            install: INSTALL_PIP,
            dir: &request.source,
            progress: &request.progress,
            timeout: request.timeout,
        };
        match tool.run(arguments, environment, Stdout::Shown).await {
            Err(error @ BuildError::ToolMissing { .. }) => missing = Some(error),
            Err(BuildError::Failed { status, output, .. }) if interpreter_is_missing(&status, &output) => {}
            ended => return ended.map(drop),
        }
    }
    Err(missing.unwrap_or(BuildError::ToolMissing { tool: ANY_PYTHON, install: INSTALL_PIP }))
}

/// As a version manager's shim says it, or uv, of none or of such a shim. The engine then takes `python3`, and so does this.
fn interpreter_is_missing(status: &str, output: &str) -> bool {
    status == "exit code 127"
        || ["No interpreter found", "Failed to inspect Python interpreter"].iter().any(|text| output.contains(text))
}

fn interpreter(runtime: &str) -> &'static str {
    match runtime {
        "python3.8" => "python3.8",
        "python3.9" => "python3.9",
        "python3.10" => "python3.10",
        "python3.11" => "python3.11",
        "python3.12" => "python3.12",
        "python3.13" => "python3.13",
        "python3.14" => "python3.14",
        _ => ANY_PYTHON,
    }
}
