//! The life of a container that is an environment's sandbox: prepared, created, started, waited for, removed.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    environment::{Launch, Running, Started},
    extensions::Extensions,
    handover::{Handed, Handover},
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
        containers::{Admits, Around, Containers, Ends, LAUNCHER_WORDS, Prepared, refusal},
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
    /// What the launcher, where there is one, has said.
    handed: Option<Handed>,
    waiting: Option<Waiting>,
    report: Report,
}

/// Of the names of pipes and sockets.
const PIPE_ENDING: &str = "printed";
const SOCKET_ENDING: &str = "engine";
/// How long a container that was started may take until its first program, ours, says so.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(60);
/// How long what it said may take to be heard when it has ended.
const LAST_WORDS_WITHIN: Duration = Duration::from_secs(1);

/// What a container will print into. Dropped, its name is gone.
#[derive(Debug)]
struct Pipe {
    path: PathBuf,
    /// Until it is followed.
    output: Option<Output>,
}

impl Pipe {
    fn make(path: PathBuf) -> io::Result<Self> {
        let output = Output::at(&path)?;
        Ok(Self { path, output: Some(output) })
    }
}

/// Where the launcher of a container finds this engine.
#[derive(Debug)]
struct Ways {
    pipe: Pipe,
    handover: Handover,
}

impl Ways {
    fn make(dir: &Path, serial: u64) -> Result<Self, String> {
        let pipe = Pipe::make(dir.join(format!("{serial}.{PIPE_ENDING}")));
        let pipe = pipe.map_err(|error| format!("cannot make a pipe for its output: {error}"))?;
        let handover = Handover::expect_at(dir.join(format!("{serial}.{SOCKET_ENDING}")));
        let handover = handover.map_err(|error| format!("cannot make a socket for its launcher: {error}"))?;
        Ok(Self { pipe, handover })
    }

    fn ends(&self) -> Ends<'_> {
        Ends { pipe: &self.pipe.path, socket: self.handover.path() }
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
    let serial = shared.launched.fetch_add(1, Ordering::Relaxed);
    let layers_dir = {
        let (state_dir, spec) = (shared.state_dir.clone(), Arc::clone(&launch.spec));
        let merged = tokio::task::spawn_blocking(move || layers::merged(&state_dir, &spec.layers)).await;
        let no_layers = |error: io::Error| format!("cannot make the layers' directory: {error}");
        merged.map_err(|error| no_layers(io::Error::other(error)))?.map_err(no_layers)?
    };
    let ways = match prepared.has_launcher(&launch.spec) {
        true => Some(Ways::make(&shared.temporary_dir, serial)?),
        false => None,
    };
    // One that the launcher hands over takes its place.
    let listener = prepared.connected.reach.runtime_api().await.map_err(no_api)?;
    let around = Around {
        layers_dir: layers_dir.as_deref(),
        runtime_api_port: listener.local_addr().map_err(no_api)?.port(),
        serial,
        ends: ways.as_ref().map(Ways::ends),
    };
    let wanted = containers.spec(prepared, &launch.spec, around);
    let _turn = containers.turn().await;
    let docker = prepared.connected.docker.clone();
    let id = docker.create(&wanted).await.map_err(|error| explained(&error))?;
    let program =
        ways.is_some().then(|| wanted.entrypoint.into_iter().flatten().nth(LAUNCHER_WORDS).unwrap_or_default());
    let report = shared.report.clone();
    let mut container = Container { docker, id, is_removed: false, program, handed: None, waiting: None, report };
    match container.started(prepared, ways).await {
        Ok((printing, memory, admits)) => {
            let inside = container.handed.as_mut().and_then(|handed| handed.listener.take());
            // Nobody but the container is on its loopback.
            let (listener, admits) = inside.map_or((listener, admits), |inside| (inside, Admits::Everyone));
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
            Err(error)
        }
    }
}

fn explained(error: &docker::Error) -> String {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
}

impl Container {
    /// Starts it, and says whose connections its Runtime API takes.
    async fn started(
        &mut self,
        prepared: &Prepared<'_>,
        mut ways: Option<Ways>,
    ) -> Result<(Printing, Memory, Admits), String> {
        let reach = &prepared.connected.reach;
        let explained = |error: docker::Error| explained(&error);
        let printing = match ways.as_mut().and_then(|ways| ways.pipe.output.take()) {
            Some(output) => Printing::Piped(output),
            None => Printing::Streamed(StreamedOutput::new(self.docker.attach(&self.id).await.map_err(explained)?)),
        };
        self.start(prepared).await.map_err(explained)?;
        // What it sends meanwhile waits in the socket.
        let found = self.docker.inspect(&self.id).await.map_err(explained)?;
        if let Some(ways) = ways {
            // Then it has pipe and socket, and their names can go.
            self.handed = self.handed_over(&ways.handover).await?;
        }
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

    /// Starts it, in a network that may have been removed by hand.
    async fn start(&self, prepared: &Prepared<'_>) -> Result<(), docker::Error> {
        let Err(error) = self.docker.start(&self.id).await else { return Ok(()) };
        let connected = prepared.connected;
        if !error.is_not_found() || !connected.reach.restore(&self.docker, &connected.ownership).await? {
            return Err(error);
        }
        self.report.say("made the stack's network again, which somebody had removed");
        self.docker.start(&self.id).await
    }

    /// Waits for what the launcher hands over; `None` when it ended before.
    async fn handed_over(&mut self, handover: &Handover) -> Result<Option<Handed>, String> {
        let taken = handover.taken();
        tokio::pin!(taken);
        let taken = tokio::select! {
            biased;
            taken = &mut taken => taken,
            ended = self.ended() => {
                ended.map_err(|error| format!("cannot wait for its end: {error}"))?;
                // What it said before is in the socket.
                let Ok(taken) = tokio::time::timeout(LAST_WORDS_WITHIN, taken).await else { return Ok(None) };
                taken
            }
            () = tokio::time::sleep(HANDED_OVER_WITHIN) => Err(io::ErrorKind::TimedOut.into()),
        };
        taken.map(Some).map_err(|error| format!("its first program, stackctl's launcher, said nothing: {error}"))
    }

    /// Whether its Runtime API is on its own loopback, where nothing can be in the way.
    pub(super) fn listens_inside(&self) -> bool {
        self.handed.as_ref().is_some_and(|handed| handed.listens_inside)
    }

    /// Why its program was never run, when it ended like `cause`.
    pub(super) fn refusal(&self, cause: &ExitCause) -> Option<String> {
        let program = self.program.as_ref()?;
        let code = match (&self.handed, cause) {
            (Some(handed), _) => handed.refusal()?,
            // It came no further than to its launcher.
            (None, ExitCause::Status(status)) => *status,
            (None, _) => return None,
        };
        Some(format!("cannot start `{program}`: {}", refusal(code)?))
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
