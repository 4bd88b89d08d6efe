//! What a process prints: read as it comes, and at once when something must not overtake it.
//!
//! Standard output and error are one pipe, as on AWS: with a pipe each, the order of a function's lines among the two would
//! be lost, and a log is read in its order.

use std::{io, os::fd::AsFd, path::Path, process::Stdio};

use parking_lot::Mutex;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::net::unix::pipe::Receiver;

use super::{EnvironmentSink, lines::Lines};
use crate::{
    engine::{EnvironmentEvent, OutputStream},
    serve::platform,
};

/// What one read takes, a pipe's usual capacity.
const READ_BYTES: usize = 64 * 1024;

/// The reading end of what a process prints.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Receiver,
    /// Held while what was read is handed on, so that lines stay in their order.
    state: Mutex<State>,
}

/// The writing ends, for the process.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
}

#[derive(Debug)]
struct State {
    /// Has room from the first read on.
    buffer: Vec<u8>,
    lines: Lines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// Nothing more for now.
    Pause,
    /// Nothing more ever.
    End,
}

impl Output {
    /// A new pipe.
    pub(super) fn open() -> io::Result<(Self, Ends)> {
        let (reading, writing) = pipe_with(PipeFlags::CLOEXEC)?;
        let ends = Ends { stderr: Stdio::from(writing.try_clone()?), stdout: Stdio::from(writing) };
        let state = State { buffer: Vec::new(), lines: Lines::default() };
        // It alone becomes one that does not wait; the process's end stays as every program expects it.
        Ok((Self { pipe: Receiver::from_owned_fd(reading)?, state: Mutex::new(state) }, ends))
    }

    /// A new named pipe, for a program that finds it by its path.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let state = State { buffer: Vec::new(), lines: Lines::default() };
        Ok(Self { pipe: platform::named_pipe(path)?, state: Mutex::new(state) })
    }

    /// Hands on each line as it comes, until the pipe is closed.
    pub(super) async fn follow(&self, sink: &dyn EnvironmentSink) {
        loop {
            // Reads through the receiver, so that it knows when nothing is left and waits again.
            let ready = self.pipe.readable().await;
            if ready.is_err() || self.read(sink, |buffer| self.pipe.try_read(buffer)) == Reached::End {
                return;
            }
        }
    }

    /// Hands on what the process has printed before this call, without waiting for more.
    pub(super) fn drain(&self, sink: &dyn EnvironmentSink) {
        // Past the receiver, which hears of new bytes only in a moment.
        self.read(sink, |buffer| Ok(rustix::io::read(self.pipe.as_fd(), buffer)?));
    }

    /// Hands on what is left of a process that is gone, a last line without its line feed included.
    pub(super) fn finish(&self, sink: &dyn EnvironmentSink) {
        self.drain(sink);
        let rest = self.state.lock().lines.finish();
        if let Some(line) = rest {
            sink.event(output(line));
        }
    }

    fn read(&self, sink: &dyn EnvironmentSink, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> Reached {
        let mut state = self.state.lock();
        let State { buffer, lines } = &mut *state;
        buffer.resize(READ_BYTES, 0);
        loop {
            match read(buffer) {
                Ok(0) => return Reached::End,
                Ok(count) => lines.push(&buffer[..count], |line| sink.event(output(line))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Reached::Pause,
                Err(_) => return Reached::End,
            }
        }
    }
}

fn output(line: String) -> EnvironmentEvent {
    EnvironmentEvent::Output { stream: OutputStream::Stdout, line }
}
