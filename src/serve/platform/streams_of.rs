//! The ends of the pipes that a process of a container of this machine prints into. Found through `/proc`, as the kernel lets
//! those who may trace the process: its own user and root.

use std::{fs, io, os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{Mode, OFlags, openat, readlinkat},
    io::write,
};

/// The pipes of a container's first process, for those who want to be read after what it printed.
#[derive(Debug)]
pub struct PrintedInto {
    /// `/proc/PID`: of this process alone, whoever gets its number later.
    process: OwnedFd,
    /// What `fd/1` and `fd/2` were when the container was started: `pipe:[123]`.
    pipes: [Vec<u8>; 2],
}

impl PrintedInto {
    /// The pipes of the process `pid`, when that is the first of the container `id` and is this machine's.
    pub fn of(pid: u32, id: &str) -> Option<Self> {
        let path = format!("/proc/{pid}");
        let process =
            rustix::fs::open(&path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
        // The number may be that of another machine's process.
        let is_its = fs::read_to_string(Path::new(&path).join("cgroup")).is_ok_and(|text| text.contains(id));
        let pipe = |number: u8| {
            let link = readlinkat(&process, format!("fd/{number}"), Vec::new()).ok()?.into_bytes();
            link.starts_with(b"pipe:").then_some(link)
        };
        let pipes = [pipe(1)?, pipe(2)?];
        is_its.then_some(Self { process, pipes })
    }

    /// Writes into both, without waiting. Nothing is kept open, which would keep whoever reads them from seeing their end.
    ///
    /// # Errors
    /// The process is gone, prints elsewhere now, or a pipe is full.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        for (number, pipe) in ["fd/1", "fd/2"].into_iter().zip(&self.pipes) {
            if readlinkat(&self.process, number, Vec::new())?.as_bytes() != pipe.as_slice() {
                return Err(io::ErrorKind::NotFound.into());
            }
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let end = openat(&self.process, number, flags, Mode::empty())?;
            // Shorter than what a pipe takes at once: it is written as a whole or not at all.
            if write(&end, bytes)? != bytes.len() {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}
