//! What an environment runs in: a process group of this machine or a container. Everything else of an environment is the same for
//! both, and knows no more of them than this: it ends by itself or is killed, it prints, and it uses memory.

use std::io;

use super::{EnvironmentSink, container::Container, output::Output, printed::StreamedOutput, process::Process};
use crate::{
    engine::ExitCause,
    serve::platform::{self, MemoryMeter},
};

/// What runs, from its start to its end.
#[derive(Debug)]
pub(super) enum Sandbox {
    Process(Process),
    Container(Container),
}

impl Sandbox {
    /// Waits until it has ended by itself, with all that it started. Cancel safe.
    pub(super) async fn ended(&mut self) -> io::Result<ExitCause> {
        match self {
            Self::Process(process) => process.ended().await,
            Self::Container(container) => container.ended().await,
        }
    }

    /// Why the function's program was never run, when it ended like `cause` without having called.
    pub(super) fn refusal(&self, cause: &ExitCause) -> Option<String> {
        match self {
            Self::Process(_) => None,
            Self::Container(container) => container.refusal(cause),
        }
    }

    /// Kills a process, and all that it started, without waiting; a container goes with [`Sandbox::stop`] alone.
    pub(super) fn kill(&mut self) {
        if let Self::Process(process) = self {
            process.kill();
        }
    }

    /// Asks a process, and all that it started, or a container's first process to end. Whether anybody was asked.
    pub(super) async fn terminate(&self) -> bool {
        match self {
            Self::Process(process) => process.terminate(),
            Self::Container(container) => container.terminate().await,
        }
    }

    /// Kills it with all that it started, and waits until nothing is left.
    pub(super) async fn stop(&mut self) {
        match self {
            Self::Process(process) => {
                process.kill();
                // Only reaped; nobody wants to know how it ended.
                let _ = process.ended().await;
            }
            Self::Container(container) => container.remove().await,
        }
    }
}

/// What a sandbox prints.
#[derive(Debug)]
pub(super) enum Printing {
    /// Into a pipe of this machine: what was printed can be read at once.
    Piped(Output),
    /// Through Docker.
    Streamed(StreamedOutput),
}

impl Printing {
    /// Hands on each line as it comes, until nothing more can come.
    pub(super) async fn follow(&self, sink: &dyn EnvironmentSink) {
        match self {
            Self::Piped(output) => output.follow(sink).await,
            Self::Streamed(output) => output.follow(sink).await,
        }
    }

    /// Hands on what was printed before this call.
    pub(super) async fn drain(&self, sink: &dyn EnvironmentSink) {
        match self {
            Self::Piped(output) => output.drain(sink),
            Self::Streamed(output) => output.settle().await,
        }
    }

    /// Hands on what is left of a sandbox that has ended.
    pub(super) async fn finish(&self, sink: &dyn EnvironmentSink) {
        match self {
            Self::Piped(output) => output.finish(sink),
            Self::Streamed(output) => output.finish(sink).await,
        }
    }
}

/// How a sandbox's memory is measured.
#[derive(Debug)]
pub(super) enum Memory {
    Measured(MemoryMeter),
    Told(MemoryMeter),
    /// It is on another machine.
    Unknown,
}

impl Memory {
    /// As the meter reads it. A container's is only told: the kernel itself holds it to its limit.
    pub(super) fn read(&self, limit_bytes: u64) -> Option<platform::Memory> {
        match self {
            Self::Measured(meter) => meter.read(limit_bytes),
            Self::Told(meter) => {
                meter.read(limit_bytes).map(|measured| platform::Memory { peak_own_bytes: 0, ..measured })
            }
            Self::Unknown => None,
        }
    }
}
