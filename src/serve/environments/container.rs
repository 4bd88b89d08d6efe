//! The life of a container that is an environment's sandbox: prepared, created, started, waited for, removed.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    io,
    net::IpAddr,
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    environment::{Launch, Running, Started},
    extensions::Extensions,
    layers,
    output::Output,
    printed::StreamedOutput,
    sandbox::{Memory, Printing, Sandbox},
};
use crate::{
    docker::{self, ContainerState, Docker},
    engine::{EnvironmentEvent, ExitCause},
    model::IdSource,
    serve::{
        containers::{Admits, Around, Containers, Prepared, refusal},
        platform::MemoryMeter,
        report::Report,
    },
    task::Tasks,
};

/// What a shell, and Docker's own first process, add to the number of the signal that ended a program.
const SIGNALLED: i64 = 128;
/// What asks a function to end.
const TERMINATE: &str = "SIGTERM";
/// The signals end here.
const SIGNAL_MAX: i64 = 64;

/// A container that was started. Dropped, it is left for the next sweep: removing it takes a call.
#[derive(Debug)]
pub(super) struct Container {
    docker: Docker,
    id: String,
    is_removed: bool,
    /// What the launcher becomes, where there is one.
    program: Option<String>,
    waiting: Option<Waiting>,
    report: Report,
}

/// The launcher and the pipe come before the program.
const LAUNCHER_WORDS: usize = 2;
/// Of pipes' names.
const PIPE_ENDING: &str = "printed";

/// What a container will print into. Dropped, its name is gone.
#[derive(Debug)]
struct Pipe {
    path: PathBuf,
    /// Until it is followed.
    output: Option<Output>,
}

impl Pipe {
    fn make(path: PathBuf) -> Result<Self, String> {
        let output = Output::at(&path).map_err(|error| format!("cannot make a pipe for its output: {error}"))?;
        Ok(Self { path, output: Some(output) })
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // Else it goes when the next engine starts.
        let _ = std::fs::remove_file(&self.path);
    }
}

type Exit = Pin<Box<dyn Future<Output = Result<i64, docker::Error>> + Send>>;

/// The wait for a container's end, and the exit code that came of it.
struct Waiting {
    exit: Mutex<Exit>,
    code: Option<i64>,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("code", &self.code).finish_non_exhaustive()
    }
}

/// As [`super::environment::live`], in a container.
pub(super) async fn live(launch: Launch, containers: Containers) {
    let prepared = tokio::select! {
        biased;
        () = launch.control.stop.notified() => return,
        prepared = containers.prepare(&launch.spec) => prepared,
    };
    let started = match prepared {
        // Not cut off by a stop: a container that is just being created would be nobody's.
        Ok(prepared) => start(&launch, &containers, &prepared).await,
        Err(unavailable) => Err(unavailable.to_string()),
    };
    match started {
        Ok(started) => started.run(&launch.control).await,
        Err(message) => launch.sink.event(EnvironmentEvent::LaunchFailed { message }),
    }
}

async fn start(launch: &Launch, containers: &Containers, prepared: &Prepared<'_>) -> Result<Started, String> {
    let shared = &launch.shared;
    let no_api = |error: io::Error| format!("cannot open the Runtime API's socket: {error}");
    let listener = prepared.connected.reach.runtime_api().await.map_err(no_api)?;
    let port = listener.local_addr().map_err(no_api)?.port();
    let serial = shared.launched.fetch_add(1, Ordering::Relaxed);
    let layers_dir = {
        let (state_dir, spec) = (shared.state_dir.clone(), Arc::clone(&launch.spec));
        let merged = tokio::task::spawn_blocking(move || layers::merged(&state_dir, &spec.layers)).await;
        let no_layers = |error: io::Error| format!("cannot make the layers' directory: {error}");
        merged.map_err(|error| no_layers(io::Error::other(error)))?.map_err(no_layers)?
    };
    let pipe = match prepared.has_launcher(&launch.spec) {
        true => Some(Pipe::make(shared.temporary_dir.join(format!("{serial}.{PIPE_ENDING}")))?),
        false => None,
    };
    let path = pipe.as_ref().map(|pipe| pipe.path.as_path());
    let around = Around { layers_dir: layers_dir.as_deref(), runtime_api_port: port, serial, pipe: path };
    let wanted = containers.spec(prepared, &launch.spec, around);
    let _turn = containers.turn().await;
    let docker = prepared.connected.docker.clone();
    let id = docker.create(&wanted).await.map_err(|error| explained(&error))?;
    let program =
        pipe.is_some().then(|| wanted.entrypoint.into_iter().flatten().nth(LAUNCHER_WORDS).unwrap_or_default());
    let report = shared.report.clone();
    let mut container = Container { docker, id, is_removed: false, program, waiting: None, report };
    match container.started(prepared, pipe).await {
        Ok((printing, memory, admits)) => {
            let running = Running {
                phase: Arc::clone(&launch.phase),
                output: printing,
                memory,
                memory_limit_bytes: u64::from(launch.spec.memory_mb) << 20,
                peak_memory_bytes: AtomicU64::new(0),
                over_memory: Notify::new(),
                sink: Arc::clone(&launch.sink),
                spec: Arc::clone(&launch.spec),
                extensions: Extensions::default(),
                identifiers: Mutex::new(IdSource::new(RandomState::new().hash_one(serial))),
                streams: Arc::clone(&shared.streams),
                debuggers: AtomicUsize::new(0),
                was_reached: AtomicBool::new(false),
            };
            // An image's own extensions are the image's business: nobody here could start them.
            running.begins(Vec::new());
            let sandbox = Sandbox::Container(container);
            // What a debugger needs is on this machine; a container's is not offered one.
            let debugger = None;
            let (extensions, connections) = (Vec::new(), Tasks::new());
            let (running, shared) = (Arc::new(running), Arc::clone(shared));
            Ok(Started { running, sandbox, extensions, connections, listener, admits, debugger, shared })
        }
        Err(error) => {
            container.remove().await;
            Err(explained(&error))
        }
    }
}

fn explained(error: &docker::Error) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

impl Container {
    /// Starts it, and says whose connections its Runtime API takes.
    async fn started(
        &self,
        prepared: &Prepared<'_>,
        mut pipe: Option<Pipe>,
    ) -> Result<(Printing, Memory, Admits), docker::Error> {
        let reach = &prepared.connected.reach;
        let printing = match pipe.as_mut().and_then(|pipe| pipe.output.take()) {
            Some(output) => Printing::Piped(output),
            None => Printing::Streamed(StreamedOutput::new(self.docker.attach(&self.id).await?)),
        };
        self.docker.start(&self.id).await?;
        // It has the pipe now, and the name can go.
        drop(pipe);
        // What it sends meanwhile waits in the socket.
        let found = self.docker.inspect(&self.id).await?;
        let address = reach.told_apart_in().and_then(|network| {
            let place = found.as_ref()?.networks.get(network)?;
            place.address.parse::<IpAddr>().ok()
        });
        let admits = match (reach.told_apart_in(), address) {
            (None, _) => Admits::Everyone,
            (Some(_), Some(address)) => Admits::Only(address),
            // It has ended already and has no address any more: nobody will call.
            (Some(_), None) => Admits::Only(IpAddr::from([0, 0, 0, 0])),
        };
        // Where its address is on this machine's bridge, its process is this machine's too.
        let pid = found.and_then(|found| found.pid).filter(|_| reach.told_apart_in().is_some());
        let memory = pid.map_or(Memory::Unknown, |pid| Memory::Told(MemoryMeter::of(pid)));
        Ok((printing, memory, admits))
    }

    /// Why its program was never run, when it ended like `cause`.
    pub(super) fn refusal(&self, cause: &ExitCause) -> Option<String> {
        let ExitCause::Status(status) = cause else { return None };
        Some(format!("cannot start `{}`: {}", self.program.as_ref()?, refusal(*status)?))
    }

    /// Waits until it has ended. Cancel safe: one call to Docker waits, however often this is asked.
    pub(super) async fn ended(&mut self) -> io::Result<ExitCause> {
        let waiting = self.waiting.get_or_insert_with(|| {
            let (docker, id) = (self.docker.clone(), self.id.clone());
            Waiting { exit: Mutex::new(Box::pin(async move { docker.wait_exit(&id).await })), code: None }
        });
        let code = match waiting.code {
            Some(code) => code,
            None => *waiting.code.insert(waiting.exit.get_mut().as_mut().await.map_err(io::Error::other)?),
        };
        let found = self.docker.inspect(&self.id).await.map_err(io::Error::other)?;
        let exit = found.and_then(|found| match found.state {
            ContainerState::Exited(exit) => Some(exit),
            _ => None,
        });
        Ok(cause(code, exit.is_some_and(|exit| exit.is_out_of_memory)))
    }

    /// Asks its first process to end. Whether it was running.
    pub(super) async fn terminate(&self) -> bool {
        !self.is_removed && self.docker.kill(&self.id, TERMINATE).await.is_ok()
    }

    /// Kills it when it runs, and removes it.
    pub(super) async fn remove(&mut self) {
        if self.is_removed {
            return;
        }
        self.is_removed = true;
        match self.docker.remove(&self.id).await {
            Err(error) if !error.is_not_found() => self.report.say(error.to_string()),
            _ => {}
        }
    }
}

fn cause(code: i64, is_out_of_memory: bool) -> ExitCause {
    let number = |code: i64| i32::try_from(code).unwrap_or(i32::MAX);
    let signal = code - SIGNALLED;
    if is_out_of_memory {
        ExitCause::OutOfMemory
    } else if (1..=SIGNAL_MAX).contains(&signal) {
        ExitCause::Signal(number(signal))
    } else {
        ExitCause::Status(number(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_signals() {
        let check = |code, oom, expected| assert_eq!(cause(code, oom), expected, "{code}");
        check(0, false, ExitCause::Status(0));
        check(3, false, ExitCause::Status(3));
        check(137, false, ExitCause::Signal(9));
        check(137, true, ExitCause::OutOfMemory);
        check(139, false, ExitCause::Signal(11));
        check(255, false, ExitCause::Status(255));
    }
}
