//! A program of ours in front of a function's own: it lets the function print into a pipe of this machine and becomes it (`launcher/main.rs`).
//! What is printed is then read as from a process, where Docker would copy it twice first, and nothing would say when all of it had come.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::docker::{Docker, Machine, Mount};

/// Empty where there is none for the system.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/launch"));
/// Its name in the state directory's folder of runtimes.
const FILE: &str = "launch";

/// Where a container has it, and the pipe.
pub(super) const PROGRAM_INSIDE: &str = "/var/stackctl/launch";
pub(super) const PIPE_INSIDE: &str = "/var/stackctl/printed";

/// What it ends with when it does not become the function's program, and what that means.
const REFUSALS: [(i32, &str); 5] = [
    (210, "no such file or directory"),
    (211, "permission denied"),
    (212, "exec format error; it may be for another architecture"),
    (213, "the pipe that it prints into cannot be opened, which a security module like SELinux may forbid"),
    (214, "the kernel refuses to execute it"),
];

/// The launcher's file, written into `dir`. `None` where containers are on another machine, or nothing may be executed from `dir`.
pub(super) fn install(docker: &Docker, machine: &Machine, dir: &Path) -> io::Result<Option<PathBuf>> {
    if PROGRAM.is_empty() || !docker.is_local() || !machine.is_this() {
        return Ok(None);
    }
    let path = dir.join(FILE);
    if fs::read(&path).ok().as_deref() != Some(PROGRAM) {
        let unfinished = dir.join(format!(".{FILE}"));
        fs::write(&unfinished, PROGRAM)?;
        // For the users of all images.
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755))?;
        fs::rename(unfinished, &path)?;
    }
    let flags = rustix::fs::statvfs(&path)?.f_flag;
    Ok((!flags.contains(rustix::fs::StatVfsMountFlags::NOEXEC)).then_some(path))
}

/// What a container sees of it and of the pipe `pipe`.
pub(super) fn mounts(program: &Path, pipe: &Path) -> [Mount; 2] {
    let bind = |source: &Path, target: &str, is_read_only| Mount::Bind {
        source: source.to_owned(),
        target: target.to_owned(),
        is_read_only,
    };
    [bind(program, PROGRAM_INSIDE, true), bind(pipe, PIPE_INSIDE, false)]
}

/// Why a function's program was not started, when `status` says that.
pub(in crate::serve) fn refusal(status: i32) -> Option<&'static str> {
    REFUSALS.iter().find(|(known, _)| *known == status).map(|(_, why)| *why)
}
