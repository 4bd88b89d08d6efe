//! What `/proc` tells.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process, kill_process_group};

use crate::serve::listener::PortHolder;

/// `TCP_LISTEN` in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// Processes of one environment's tree that are added up.
const TREE_MAX: usize = 256;
/// What is read of a `/proc/PID/status`; the line of interest is in its first half.
const STATUS_MAX_BYTES: usize = 2048;

/// Who listens on a TCP port of this machine, as far as this user may know.
pub fn port_holder(port: u16) -> Option<PortHolder> {
    let inodes: BTreeSet<String> =
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().flat_map(|table| listening_inodes(table, port)).collect();
    if inodes.is_empty() {
        return None;
    }
    processes().find(|process| holds_socket(process, &inodes)).and_then(|process| {
        let pid = process.file_name()?.to_str()?.parse().ok()?;
        Some(PortHolder { pid, command: command_line(&process) })
    })
}

/// The most memory that the process and those below it have held, in bytes: the sum of each one's peak. `None` when the
/// process is gone.
pub fn peak_memory_bytes(pid: u32) -> Option<u64> {
    let mut total = peak_of_one(pid)?;
    let mut tree = children(pid);
    while let Some(child) = tree.pop() {
        total += peak_of_one(child).unwrap_or_default();
        if tree.len() < TREE_MAX {
            tree.extend(children(child));
        }
    }
    Some(total)
}

/// Reads one process's peak memory again and again, with its files kept open: 9 us a time instead of 20.
#[derive(Debug)]
pub struct MemoryMeter {
    pid: u32,
    status: Option<fs::File>,
    children: Option<fs::File>,
}

impl MemoryMeter {
    /// A meter of the process and those below it.
    pub fn of(pid: u32) -> Self {
        let open = |path: String| fs::File::open(path).ok();
        Self {
            pid,
            status: open(format!("/proc/{pid}/status")),
            children: open(format!("/proc/{pid}/task/{pid}/children")),
        }
    }

    /// As [`peak_memory_bytes`].
    pub fn peak_bytes(&self) -> Option<u64> {
        let mut buffer = [0; STATUS_MAX_BYTES];
        let children = self.children.as_ref()?.read_at(&mut buffer, 0).ok()?;
        if children > 0 {
            return peak_memory_bytes(self.pid);
        }
        let count = self.status.as_ref()?.read_at(&mut buffer, 0).ok()?;
        peak_in(&buffer[..count])
    }
}

/// Kills every process whose environment has `marker` (`NAME=VALUE`), each with its process group, except this process's
/// own group. Returns how many there were.
pub fn kill_marked(marker: &str) -> usize {
    let own_group = getpgrp();
    let mut killed = 0;
    for process in processes() {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        if !environment.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes()) {
            continue;
        }
        let pid = process.file_name().and_then(|name| name.to_str()?.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { continue };
        match getpgid(Some(pid)) {
            Ok(group) if group != own_group => {
                let _ = kill_process_group(group, Signal::KILL);
            }
            _ => {}
        }
        // It may have left its group, or died with it just now.
        let _ = kill_process(pid, Signal::KILL);
        killed += 1;
    }
    killed
}

fn peak_of_one(pid: u32) -> Option<u64> {
    peak_in(&fs::read(format!("/proc/{pid}/status")).ok()?)
}

/// The line `VmHWM:` of a `/proc/PID/status`.
fn peak_in(status: &[u8]) -> Option<u64> {
    let status = str::from_utf8(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Children of the process's main thread, which is the one that starts others in all but rare programs.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn processes() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Inodes of the sockets of `table` that listen on `port`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let text = fs::read_to_string(table).unwrap_or_default();
    let local_port = format!(":{port:04X}");
    let listening = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        (local.ends_with(&local_port) && *state == LISTEN).then(|| (*inode).to_owned())
    };
    text.lines().filter_map(listening).collect()
}

fn holds_socket(process: &Path, inodes: &BTreeSet<String>) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
    descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok()).any(|target| {
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.contains(inode))
    })
}

fn command_line(process: &Path) -> String {
    let bytes = fs::read(process.join("cmdline")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split('\0').filter(|argument| !argument.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_peak_and_a_missing_one_has_none() {
        assert!(peak_memory_bytes(std::process::id()).unwrap() > 1024 * 1024);
        assert_eq!(peak_memory_bytes(u32::MAX), None);
        assert!(MemoryMeter::of(std::process::id()).peak_bytes().unwrap() > 1024 * 1024);
        assert_eq!(MemoryMeter::of(u32::MAX).peak_bytes(), None);
    }

    #[test]
    fn nobody_holds_a_port_that_is_free() {
        assert_eq!(port_holder(1), None);
    }
}
