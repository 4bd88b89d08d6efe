//! A program of ours in front of a function's own: it lets the function print into a pipe of this machine and becomes it (`launcher/main.rs`).
//! What is printed is then read as from a process, where Docker would copy it twice first, and nothing would say when all of it had come.
//!
//! Where the container has a loopback of its own, it also listens there and hands the socket over: the function's Runtime API is then served by
//! this engine and heard by nobody but the container, at the address that AWS has, and as near as a process's.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddrV4},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::docker::{Docker, Machine, Mount};

/// Empty where there is none for the system.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/launch"));
/// Its name in the state directory's folder of runtimes.
const FILE: &str = "launch";

/// Where a container has it, the pipe, and the socket at which this engine waits for it.
const PROGRAM_INSIDE: &str = "/var/stackctl/launch";
const PIPE_INSIDE: &str = "/var/stackctl/printed";
const SOCKET_INSIDE: &str = "/var/stackctl/engine";
/// What comes before the function's own program: the launcher, pipe, socket and port.
pub(in crate::serve) const WORDS: usize = 4;

/// Where AWS has the Runtime API inside an environment, and a container that has a loopback of its own.
pub(super) const RUNTIME_API: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9001);

/// What it ends with when it does not become the function's program, and what that means.
const REFUSALS: [(i32, &str); 7] = [
    (210, "no such file or directory"),
    (211, "permission denied"),
    (212, "exec format error; it may be for another architecture"),
    (213, "the pipe that it prints into cannot be opened, which a security module like SELinux may forbid"),
    (214, "the kernel refuses to execute it"),
    (215, "the engine's socket cannot be reached, which a security module like SELinux may forbid"),
    (216, "port 9001 of the container's loopback cannot be listened on"),
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

/// Where it finds this engine.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct Ends<'a> {
    /// What the function prints into.
    pub(in crate::serve) pipe: &'a Path,
    /// At which it is waited for.
    pub(in crate::serve) socket: &'a Path,
}

/// The words that come before the function's program. `listens`: whether it listens for the Runtime API.
pub(super) fn words(listens: bool) -> [String; WORDS] {
    let port = if listens { RUNTIME_API.port() } else { 0 };
    [PROGRAM_INSIDE.to_owned(), PIPE_INSIDE.to_owned(), SOCKET_INSIDE.to_owned(), port.to_string()]
}

/// What a container sees of it and of its ends.
pub(super) fn mounts(program: &Path, ends: &Ends<'_>) -> [Mount; 3] {
    let bind = |source: &Path, target: &str, is_read_only| Mount::Bind {
        source: source.to_owned(),
        target: target.to_owned(),
        is_read_only,
    };
    [bind(program, PROGRAM_INSIDE, true), bind(ends.pipe, PIPE_INSIDE, false), bind(ends.socket, SOCKET_INSIDE, true)]
}

/// Why a function's program was not started, when `status` says that.
pub(in crate::serve) fn refusal(status: i32) -> Option<&'static str> {
    REFUSALS.iter().find(|(known, _)| *known == status).map(|(_, why)| *why)
}
