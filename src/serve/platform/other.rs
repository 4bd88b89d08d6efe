//! Systems without Linux's `/proc`: what cannot be known is said to be unknown.

use std::process::Command;

use crate::serve::listener::PortHolder;

/// Who listens on a TCP port, asked of `lsof`, which macOS has.
pub fn port_holder(port: u16) -> Option<PortHolder> {
    let found = output("lsof", &["-nP", &format!("-iTCP:{port}"), "-sTCP:LISTEN", "-t"])?;
    let pid = found.lines().next()?.trim().parse().ok()?;
    let command = output("ps", &["-o", "command=", "-p", &format!("{pid}")])?;
    Some(PortHolder { pid, command: command.trim().to_owned() })
}

/// The memory that the process holds now, in bytes, as `ps` tells it: its peak is not to be had without privileges.
pub fn peak_memory_bytes(pid: u32) -> Option<u64> {
    let kilobytes: u64 = output("ps", &["-o", "rss=", "-p", &format!("{pid}")])?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Measures one process's memory again and again.
#[derive(Debug)]
pub struct MemoryMeter {
    pid: u32,
}

impl MemoryMeter {
    /// A meter of the process.
    pub fn of(pid: u32) -> Self {
        Self { pid }
    }

    /// As [`peak_memory_bytes`].
    pub fn peak_bytes(&self) -> Option<u64> {
        peak_memory_bytes(self.pid)
    }
}

/// Other processes' environments cannot be read reliably here: orphans of a killed engine are not found.
pub fn kill_marked(_marker: &str) -> usize {
    0
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}
