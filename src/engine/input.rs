//! What can happen to the engine.

use std::sync::Arc;

use bytes::Bytes;

use super::{LaunchSpec, autoscaling, identity, lambda, logs, scheduler, sqs};
use crate::model::Scope;

/// Names a client's request until it is answered. The driver gives them out and never uses one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub u64);

/// Names an execution environment for as long as the engine runs; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvironmentId {
    world: u32,
    serial: u64,
}

impl EnvironmentId {
    /// The `serial`-th environment of the world with that index.
    pub(crate) fn new(world: usize, serial: u64) -> Self {
        Self { world: u32::try_from(world).expect("fewer worlds than 2^32"), serial }
    }

    pub(super) fn world(self) -> usize {
        self.world as usize
    }

    /// The number of the environment in its account and region, from 1.
    pub fn serial(self) -> u64 {
        self.serial
    }
}

impl std::fmt::Display for EnvironmentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.world, self.serial)
    }
}

/// One thing that happened.
#[derive(Debug)]
pub enum Input {
    /// A client asks. It is answered by exactly one [`super::Effect::Reply`] with the same token, at once or later.
    Request { token: RequestToken, scope: Arc<Scope>, command: Command },
    /// The client of an unanswered request went away: nothing may be leased to it, and no reply is wanted.
    ClientGone { token: RequestToken, scope: Arc<Scope> },
    /// An execution environment did something.
    Environment { id: EnvironmentId, event: EnvironmentEvent },
    /// Nothing but time passed.
    Tick,
}

/// A client's request, by service, in AWS's own shapes.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Sqs(sqs::Command),
    /// Boxed because a function's description is ten times as large as a message, and messages are hot.
    Lambda(Box<lambda::Command>),
    Logs(logs::Command),
    Autoscaling(Box<autoscaling::Command>),
    Identity(Box<identity::Command>),
    /// Boxed for the same reason.
    Scheduler(Box<scheduler::Command>),
}

/// What an execution environment does, as its Runtime API calls and its process show it.
#[derive(Clone, Debug, PartialEq)]
pub enum EnvironmentEvent {
    /// `GET .../invocation/next`: initialised and free. Answered by [`super::Effect::Invoke`] when there is work.
    Next,
    /// A response began that goes on to its client piece by piece; [`EnvironmentEvent::Response`] with nothing in it or
    /// [`EnvironmentEvent::Error`] ends it. Only of an invocation with [`super::Invocation::stream_to`].
    StreamBegun { request_id: String, content_type: Option<String> },
    /// `POST .../invocation/{id}/response`.
    Response { request_id: Arc<str>, payload: Bytes, max_memory_used_bytes: u64 },
    /// `POST .../invocation/{id}/error`: the handler failed. `payload` is the error document, returned as it is.
    Error { request_id: Arc<str>, error_type: Option<String>, payload: Bytes, max_memory_used_bytes: u64 },
    /// `POST .../runtime/init/error`.
    InitError { error_type: Option<String>, payload: Bytes },
    /// The process could not be started; `message` says why and what to install.
    LaunchFailed { message: String },
    /// The process is gone, with everything it printed before handed over.
    Exited { cause: ExitCause, max_memory_used_bytes: u64 },
    /// A debugger came, or the last one went.
    Debugger { is_attached: bool },
    /// How long what the next event ends has taken: the init phase before [`Self::Next`], an invocation before its answer.
    /// The engine's own clock counts milliseconds.
    Measured { elapsed_us: u64 },
    /// It has more memory than was told before.
    MemoryUsed { max_bytes: u64 },
    /// It printed a line (without its line feed).
    Output { stream: OutputStream, line: String },
    /// It, or an extension of it, printed a line while it ended; the engine knows it no more.
    LastWords { spec: Arc<LaunchSpec>, line: String },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCause {
    Status(i32),
    Signal(i32),
    /// One of its extensions ended, or said that it cannot go on.
    ExtensionGone,
    /// It was killed because it had more memory than its function may have.
    OutOfMemory,
}

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    Stdout,
    Stderr,
}
