//! Systems without Linux's `/proc`: what cannot be known is said to be unknown.

use std::{io, process::Command};

use crate::serve::listener::PortHolder;

/// Who listens on a TCP port, asked of `lsof`, which macOS has.
pub fn port_holder(port: u16) -> Option<PortHolder> {
    let found = output("lsof", &["-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN", "-t"])?;
    let pid = found.lines().next()?.trim().parse().ok()?;
    let command = output("ps", &["-o", "command=", "-p", &format!("{pid}")])?;
    Some(PortHolder { pid, command: command.trim().to_owned() })
}

/// Does nothing: what is mapped and not used counts for nobody here.
///
/// # Errors
/// None.
pub fn unmap_start() -> io::Result<()> {
    Ok(())
}

/// What a process has of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What is resident now: the peak is not to be had without privileges.
    pub peak_bytes: u64,
    /// The same.
    pub peak_own_bytes: u64,
}

/// Reads one process's memory again and again.
#[derive(Debug)]
pub struct MemoryMeter {
    pid: u32,
}

impl MemoryMeter {
    /// A meter of the process.
    pub fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// The memory that the process has now, as `ps` tells it; `None` when it is gone.
    pub fn read(&self, _limit_bytes: u64) -> Option<Memory> {
        let kilobytes: u64 = output("ps", &["-o", "rss=", "-p", &format!("{}", self.pid)])?.trim().parse().ok()?;
        Some(Memory { peak_bytes: kilobytes * 1024, peak_own_bytes: kilobytes * 1024 })
    }
}

/// How the processes of one environment are known where that can be read.
#[derive(Debug)]
pub struct Member {
    /// Two entries of their environment.
    pub markers: [String; 2],
    /// There are none here.
    pub mount_namespace: Option<MountNamespace>,
}

/// There are no mount namespaces here.
#[derive(Debug)]
pub enum MountNamespace {}

impl MountNamespace {
    /// None.
    pub fn of(_pid: u32) -> Option<Self> {
        None
    }
}

/// Nothing else sees a pipe of this machine: containers are on another one here.
///
/// # Errors
/// Always.
pub fn named_pipe(_path: &std::path::Path) -> std::io::Result<tokio::net::unix::pipe::Receiver> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Nothing of it is known here.
pub const O_DIRECTORY: i32 = 0;

/// Nothing is handed over: containers are on another machine here.
///
/// # Errors
/// Always.
pub fn receive_descriptor(_socket: impl std::os::fd::AsFd) -> std::io::Result<Option<std::os::fd::OwnedFd>> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Other processes' environments cannot be read reliably here: who has left the group of its environment stays.
pub fn kill_members(_members: &[Member]) -> usize {
    0
}

/// They are not found here.
pub fn count_marked(_marker: &str) -> usize {
    0
}

/// Other processes' environments cannot be read reliably here: orphans of a killed engine are not found.
pub fn kill_marked(_marker: &str) -> usize {
    0
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}
