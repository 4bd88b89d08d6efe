//! What `/proc` tells.

use std::{
    collections::BTreeSet,
    fs, io,
    mem::MaybeUninit,
    ops::Range,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{FileExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    mm::{Advice, madvise},
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    process::{Pid, Signal, getpgid, getpgrp, kill_process, kill_process_group},
};
use tokio::net::unix::pipe;

use crate::serve::listener::PortHolder;

/// `TCP_LISTEN` in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// Processes of one environment's tree that are added up.
const TREE_MAX: usize = 256;
/// What is read of a `/proc/PID/status`; the line of interest is in its first half.
const STATUS_MAX_BYTES: usize = 2048;

/// Whoever finds it may write into it; who reads it made it.
const NAMED_PIPE_MODE: u32 = 0o622;

/// A new named pipe, to be read. It has no end: what is returned holds it open for writing as well, so that whoever opens it later finds
/// it open, and nothing that is left in it is lost.
///
/// # Errors
/// There is something at `path`, or it cannot be written there.
pub fn named_pipe(path: &Path) -> io::Result<pipe::Receiver> {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    // Past the mask of what new files may have.
    fs::set_permissions(path, fs::Permissions::from_mode(NAMED_PIPE_MODE))?;
    pipe::OpenOptions::new().read_write(true).open_receiver(path)
}

/// Gives back the memory in which files are mapped that nothing writes to: the program's code and its libraries'. What only
/// the start needed, half of it, stays away; the rest is mapped again, from the kernel's cache, when it is used.
///
/// # Errors
/// `/proc` cannot be read, or the kernel refuses; then the rest stays as it was.
pub fn unmap_start() -> io::Result<()> {
    let maps = fs::read_to_string("/proc/self/smaps")?;
    unwritten(&maps).into_iter().try_for_each(|range| unmap(range).map_err(io::Error::from))
}

/// The addresses of the private mappings of files that cannot be written to, and never were: a debugger may have, and the
/// loader has where it put addresses in.
fn unwritten(smaps: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut is_candidate = false;
    for line in smaps.lines() {
        if let Some(range) = range_of(line) {
            let mut words = line.split_ascii_whitespace().skip(1);
            is_candidate = words.next().is_some_and(|mode| matches!(mode, "r-xp" | "r--p"))
                && words.nth(3).is_some_and(|path| path.starts_with('/'));
            if is_candidate {
                found.push(range);
            }
        } else if is_candidate
            && ["Anonymous:", "Swap:"].iter().any(|name| line.starts_with(name))
            && !line.ends_with(" 0 kB")
        {
            is_candidate = false;
            found.pop();
        }
    }
    found
}

/// The addresses with which the first line of a mapping begins.
fn range_of(line: &str) -> Option<Range<usize>> {
    let (start, end) = line.split_once(' ')?.0.split_once('-')?;
    let number = |hex: &str| usize::from_str_radix(hex, 16).ok();
    Some(number(start)?..number(end)?)
}

#[expect(unsafe_code, reason = "a private mapping of a file that nothing writes to reads the same after as before")]
fn unmap(range: Range<usize>) -> rustix::io::Result<()> {
    let start = std::ptr::with_exposed_provenance_mut(range.start);
    // SAFETY: the pages are those of a file, and have nothing that is not in it.
    unsafe { madvise(start, range.len(), Advice::LinuxDontNeed) }
}

/// Of `open`: nothing but a directory.
pub const O_DIRECTORY: i32 = rustix::fs::OFlags::DIRECTORY.bits().cast_signed();

/// What comes next over a socket: a byte, perhaps with a descriptor.
///
/// # Errors
/// The other end is gone, or nothing has come yet.
pub fn receive_descriptor(socket: impl AsFd) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let received = recvmsg(socket, &mut [io::IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    Ok(descriptors.flatten().next())
}

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

/// What a process, with those below it, has of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// The most that was resident.
    pub peak_bytes: u64,
    /// What of it cannot be given back: files that are mapped can.
    pub peak_own_bytes: u64,
}

/// Reads the memory of one process and those below it again and again, with its files kept open: 9 us a time instead of
/// 20.
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

    /// The memory until now; `None` when the process is gone. Of a tree that has more than `limit_bytes`, what several share
    /// is counted once, which takes longer.
    pub fn read(&self, limit_bytes: u64) -> Option<Memory> {
        let mut buffer = [0; STATUS_MAX_BYTES];
        let children = self.children.as_ref()?.read_at(&mut buffer, 0).ok()?;
        if children > 0 {
            return memory_of_tree(self.pid, limit_bytes);
        }
        let count = self.status.as_ref()?.read_at(&mut buffer, 0).ok()?;
        Memory::parse(&buffer[..count])
    }
}

impl Memory {
    /// From a `/proc/PID/status`.
    fn parse(status: &[u8]) -> Option<Self> {
        let status = str::from_utf8(status).ok()?;
        let mut of = ["VmHWM:", "RssFile:"].map(|name| (name, None));
        for line in status.lines() {
            for (name, found) in &mut of {
                if let Some(value) = line.strip_prefix(*name) {
                    *found = kilobytes(value);
                }
            }
        }
        let [(_, peak), (_, files)] = of;
        let (peak, files) = (peak?, files.unwrap_or_default());
        Some(Self { peak_bytes: peak * 1024, peak_own_bytes: peak.saturating_sub(files) * 1024 })
    }
}

fn memory_of_tree(pid: u32, limit_bytes: u64) -> Option<Memory> {
    let of = |pid: u32| Memory::parse(&fs::read(format!("/proc/{pid}/status")).ok()?);
    let mut total = of(pid)?;
    let mut members = vec![pid];
    let mut tree = children(pid);
    while let Some(child) = tree.pop() {
        let memory = of(child).unwrap_or_default();
        total.peak_bytes += memory.peak_bytes;
        total.peak_own_bytes += memory.peak_own_bytes;
        members.push(child);
        if tree.len() < TREE_MAX {
            tree.extend(children(child));
        }
    }
    if members.len() > 1 && total.peak_own_bytes > limit_bytes {
        total.peak_own_bytes = members.into_iter().filter_map(own_share_bytes).sum();
    }
    Some(total)
}

/// What the process has to itself, and its share of what it has with others.
fn own_share_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let of = |name: &str| text.lines().find_map(|line| kilobytes(line.strip_prefix(name)?));
    let own = of("Pss_Anon:").unwrap_or_default() + of("Pss_Shmem:").unwrap_or_default();
    Some(own * 1024)
}

/// `  1234 kB`.
fn kilobytes(value: &str) -> Option<u64> {
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// How the processes of one environment are known, whatever group or session they have moved to.
#[derive(Debug)]
pub struct Member {
    /// Two entries of their environment.
    pub markers: [String; 2],
    /// Their mount namespace, when it is their own.
    pub mount_namespace: Option<MountNamespace>,
}

/// A mount namespace. Held open: its name may be given to another one as soon as nobody is in it.
#[derive(Debug)]
pub struct MountNamespace {
    name: PathBuf,
    _held: fs::File,
}

impl MountNamespace {
    /// That of a process, when it is another than this one's.
    pub fn of(pid: u32) -> Option<Self> {
        let path = format!("/proc/{pid}/ns/mnt");
        let held = fs::File::open(&path).ok()?;
        let name = fs::read_link(&path).ok()?;
        let own = fs::read_link("/proc/self/ns/mnt").ok();
        (own.as_ref() != Some(&name)).then_some(Self { name, _held: held })
    }
}

/// Kills the processes of environments that have ended. Returns how many there were.
pub fn kill_members(members: &[Member]) -> usize {
    let mut killed = 0;
    for process in processes() {
        let namespace = fs::read_link(process.join("ns/mnt")).ok();
        let mut namespaces = members.iter().filter_map(|member| member.mount_namespace.as_ref());
        let mut is_one = namespaces.any(|own| Some(&own.name) == namespace.as_ref());
        if !is_one {
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            let has = |marker: &String| environment.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes());
            is_one = members.iter().any(|member| member.markers.iter().all(has));
        }
        let pid = process.file_name().and_then(|name| name.to_str()?.parse().ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| is_one) {
            // Gone by itself in the meantime, perhaps.
            let _ = kill_process(pid, Signal::KILL);
            killed += 1;
        }
    }
    killed
}

/// How many processes there are whose environment has `marker`.
pub fn count_marked(marker: &str) -> usize {
    let has_it = |process: &PathBuf| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes())
    };
    processes().filter(has_it).count()
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
    fn this_process_has_memory_and_a_missing_one_has_none() {
        let memory = MemoryMeter::of(std::process::id()).read(u64::MAX).unwrap();
        assert!(memory.peak_bytes > memory.peak_own_bytes && memory.peak_own_bytes > 100_000, "{memory:?}");
        assert_eq!(MemoryMeter::of(u32::MAX).read(u64::MAX), None);
        assert!(own_share_bytes(std::process::id()).unwrap() > 100_000);
    }

    #[test]
    fn memory_is_read_from_a_status() {
        let status = b"VmPeak:\t9000 kB\nVmHWM:\t 3000 kB\nVmRSS:\t2000 kB\nRssAnon:\t 500 kB\nRssFile:\t 1000 kB\n";
        let expected = Memory { peak_bytes: 3000 * 1024, peak_own_bytes: 2000 * 1024 };
        assert_eq!(Memory::parse(status), Some(expected));
        assert_eq!(Memory::parse(b"Name: x\n"), None);
    }

    #[test]
    fn what_nothing_wrote_to_is_unmapped_and_mapped_again() {
        let mapping = |line: &str, anonymous_kb: u32| {
            format!(
                "{line}\nSize:  8 kB\nAnonymous:     {anonymous_kb} kB\nSwap:    0 kB\nVmFlags: rd ex mr mw me sd\n"
            )
        };
        let check = |smaps: &str, expected: &[(usize, usize)]| {
            let found: Vec<_> = unwritten(smaps).into_iter().map(|range| (range.start, range.end)).collect();
            assert_eq!(found, expected, "{smaps}");
        };
        let code = mapping("55b8ad-55b8af r-xp 0001 fe:00 12    /usr/bin/my program", 0);
        let library = mapping("7f00-7f10 r--p 0001 fe:00 13    /usr/lib/libc.so.6", 0);
        check(&code, &[(0x55b8ad, 0x55b8af)]);
        check(&format!("{code}{library}"), &[(0x55b8ad, 0x55b8af), (0x7f00, 0x7f10)]);
        check(&mapping("55b8ad-55b8af r--p 0001 fe:00 12    /usr/bin/p", 4), &[]);
        check(&mapping("55b8ad-55b8af rw-p 0001 fe:00 12    /usr/bin/p", 0), &[]);
        check(&mapping("55b8ad-55b8af r--s 0001 fe:00 12    /usr/bin/p", 0), &[]);
        check(&mapping("55b8ad-55b8af r-xp 0000 00:00 0     [vdso]", 0), &[]);
        check(&mapping("55b8ad-55b8af r--p 0000 00:00 0", 0), &[]);
        check("", &[]);

        let mapped_kb = || {
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("RssFile:")).unwrap();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
        };
        // Other tests run meanwhile, and call some of it back at once.
        let before = mapped_kb();
        let after = (0..100).map(|_| unmap_start().map(|()| mapped_kb()).unwrap()).min();
        assert!(after < Some(before), "{after:?} of {before} kB");
    }

    #[test]
    fn nobody_holds_a_port_that_is_free() {
        assert_eq!(port_holder(1), None);
    }
}
