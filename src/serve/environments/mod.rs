//! Execution environments as local processes and as containers, each with a Runtime API of its own. Knows no engine: an environment is
//! started from a [`LaunchSpec`], is given invocations, and tells a sink what it does.

mod container;
mod container_variables;
mod debugger;
mod environment;
mod extensions;
mod handover;
mod interpreters;
pub mod isolation;
mod keeper;
mod layers;
mod lines;
mod memory;
mod output;
mod printed;
mod process;
mod program;
mod runtime_api;
#[cfg(test)]
pub(super) mod sample;
mod sandbox;
mod shutdown;
mod start;
mod streaming;
mod sweep;
mod temporary_dir;
mod variables;

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

pub(super) use container_variables::{ContainerPaths, container_variables};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use variables::MARKER;
pub use variables::{INHERITED_VARIABLES, marker};

use super::{clock::Stopwatch, containers::Containers, report::Report, streams::Streams};
use crate::{
    engine::{EnvironmentEvent, Invocation, LaunchSpec, StopReason},
    model::RUNTIME_DIR,
    task::{End, Tasks},
};
use environment::{Control, Launch, live};
use interpreters::{Interpreters, Language};
use keeper::Keeper;
use memory::MemoryWatch;
use runtime_api::Phase;
use sweep::Sweep;

/// Which interpreters were found, in the state directory.
const INTERPRETERS_FILE: &str = "interpreters.json";
/// The environments' directories for temporary files, in the state directory.
const TEMPORARY_DIR: &str = "tmp";
/// The code of functions that are debugged, each at the same path whatever its version, in the state directory.
const DEBUG_DIR: &str = "debug";

/// Hears what one environment does, in order.
pub trait EnvironmentSink: fmt::Debug + Send + Sync {
    /// Takes one event. May call the environment's [`Environment::invoke`], and may drop it.
    fn event(&self, event: EnvironmentEvent);
}

/// Starts environments.
#[derive(Debug)]
pub struct Host {
    shared: Arc<Shared>,
    /// `None` once no more are wanted.
    launches: Mutex<Option<mpsc::UnboundedSender<Wanted>>>,
}

/// The tasks of all environments. Dropped, every process is killed.
#[derive(Debug)]
pub struct HostTasks {
    launches: mpsc::UnboundedReceiver<Wanted>,
    running: Tasks,
    shared: Arc<Shared>,
    keeper: tokio::process::Child,
}

/// Where environments live.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Absolute. Holds the code, the runtimes and the temporary files.
    pub state_dir: PathBuf,
    /// Where functions reach the engine, `http://HOST:PORT`.
    pub endpoint: String,
    /// Of the engine's own variables those that functions get: [`INHERITED_VARIABLES`].
    pub inherited: BTreeMap<String, String>,
    /// Of those functions that want one; `None` where there are none.
    pub containers: Option<Containers>,
    /// Where the pieces of streamed responses go.
    pub streams: Arc<Streams>,
    /// This program, which gives each environment a view of its own ([`isolation`]); `None` for none.
    pub launcher: Option<PathBuf>,
    pub report: Report,
}

/// What all environments share.
#[derive(Debug)]
struct Shared {
    state_dir: PathBuf,
    runtime_dir: PathBuf,
    temporary_dir: PathBuf,
    endpoint: String,
    inherited: BTreeMap<String, String>,
    interpreters: Interpreters,
    keeper: Keeper,
    containers: Option<Containers>,
    launched: AtomicU64,
    streams: Arc<Streams>,
    launcher: start::Launcher,
    sweep: Sweep,
    memory_watch: MemoryWatch,
    report: Report,
}

/// One environment, as who started it holds it. Dropped, all of it is killed and its sink hears no more.
#[derive(Debug)]
pub struct Environment {
    phase: Arc<Mutex<Phase>>,
    control: Arc<Control>,
    sink: Arc<Gate>,
    shared: Arc<Shared>,
}

impl Host {
    /// Prepares the state directory: writes our runtimes and removes temporary files of an earlier engine. Starts the
    /// process that kills the others when this one is killed.
    ///
    /// # Errors
    /// The state directory cannot be written, or there is no shell.
    pub fn open(options: HostOptions) -> io::Result<(Self, HostTasks)> {
        let HostOptions { state_dir, endpoint, inherited, containers, streams, launcher, report } = options;
        let (runtime_dir, temporary_dir) = (state_dir.join(RUNTIME_DIR), state_dir.join(TEMPORARY_DIR));
        match fs::remove_dir_all(&temporary_dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for dir in [&runtime_dir, &temporary_dir] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        write_runtimes(&runtime_dir)?;
        let search_path = inherited.get("PATH").cloned().unwrap_or_default().into();
        let (sender, receiver) = mpsc::unbounded_channel();
        let interpreters = Interpreters::new(search_path, state_dir.join(INTERPRETERS_FILE), report.clone());
        let (keeper, keeper_process) = Keeper::start((MARKER, &state_dir))?;
        let shared = Shared {
            state_dir,
            runtime_dir,
            temporary_dir,
            endpoint,
            inherited,
            interpreters,
            keeper,
            containers,
            launched: AtomicU64::new(1),
            streams,
            launcher: start::Launcher::new(launcher),
            sweep: Sweep::default(),
            memory_watch: MemoryWatch::default(),
            report,
        };
        let shared = Arc::new(shared);
        let tasks = HostTasks {
            launches: receiver,
            running: Tasks::new(),
            shared: Arc::clone(&shared),
            keeper: keeper_process,
        };
        Ok((Self { shared, launches: Mutex::new(Some(sender)) }, tasks))
    }

    /// Starts an environment. Does not wait: what becomes of it, the sink hears.
    pub fn launch(&self, spec: Arc<LaunchSpec>, sink: Arc<dyn EnvironmentSink>) -> Environment {
        let gate = Arc::new(Gate { sink, spec: Arc::clone(&spec), is_open: AtomicBool::new(true) });
        let environment = Environment {
            phase: Arc::new(Mutex::new(Phase::Starting(Stopwatch::start()))),
            control: Arc::default(),
            sink: gate,
            shared: Arc::clone(&self.shared),
        };
        let launch = Launch {
            shared: Arc::clone(&self.shared),
            spec,
            phase: Arc::clone(&environment.phase),
            control: Arc::clone(&environment.control),
            sink: Arc::clone(&environment.sink) as Arc<dyn EnvironmentSink>,
        };
        if let Some(launches) = &*self.launches.lock() {
            // Refused only when the tasks are gone, and the engine with them.
            let _ = launches.send(Wanted::Launch(Box::new(launch)));
        }
        environment
    }

    /// Where the pieces of streamed responses go.
    pub fn streams(&self) -> &Arc<Streams> {
        &self.shared.streams
    }

    /// Looks for what a runtime needs before its first environment does: behind a version manager's shim it takes long to
    /// find.
    pub fn prepare(&self, runtime: &str) {
        if let Some(launches) = &*self.launches.lock() {
            // As above.
            let _ = launches.send(Wanted::Interpreter(runtime.to_owned()));
        }
    }

    /// Starts no more; [`HostTasks::run`] then ends with the last environment.
    pub fn close(&self) {
        *self.launches.lock() = None;
    }
}

impl HostTasks {
    /// Runs the environments, until [`Host::close`] and the end of the last.
    pub async fn run(mut self) {
        let mut open = true;
        let shared = Arc::clone(&self.shared);
        let watching = shared.memory_watch.run();
        let sweeping = shared.sweep.run();
        tokio::pin!(watching, sweeping);
        while open || !self.running.is_empty() {
            tokio::select! {
                launch = self.launches.recv(), if open => match launch {
                    Some(Wanted::Launch(launch)) => self.running.spawn_endless("environment", live(*launch)),
                    Some(Wanted::Interpreter(runtime)) => {
                        let shared = Arc::clone(&self.shared);
                        self.running.spawn_endless("search for an interpreter", find_ahead(shared, runtime));
                    }
                    None => open = false,
                },
                Some((name, end)) = self.running.next_end() => {
                    if let End::Panicked(message) = end {
                        self.shared.report.say(format!("an {name} panicked: {message}"));
                    }
                }
                () = &mut watching => {}
                () = &mut sweeping => {}
            }
        }
        self.shared.sweep.now().await;
        self.shared.keeper.close();
        // It fails when somebody else has reaped it.
        let _ = self.keeper.wait().await;
    }
}

impl Environment {
    /// Answers the environment's `next`. Called once for each [`EnvironmentEvent::Next`] at most.
    pub fn invoke(&self, invocation: Invocation) {
        self.phase.lock().offer(invocation, Stopwatch::start());
        self.shared.memory_watch.wake();
    }

    /// It will be dropped, for this reason.
    pub fn ends_because(&self, reason: StopReason) {
        *self.control.reason.lock() = Some(reason);
    }

    /// Whether it has an invocation that it has not answered.
    pub fn is_busy(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Offered(..) | Phase::Busy { .. })
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.sink.close();
        self.control.stop.notify_one();
    }
}

/// The way to the sink. Of an environment that was stopped only its last words pass.
#[derive(Debug)]
struct Gate {
    sink: Arc<dyn EnvironmentSink>,
    spec: Arc<LaunchSpec>,
    is_open: AtomicBool,
}

impl Gate {
    fn close(&self) {
        self.is_open.store(false, Ordering::Release);
    }
}

impl EnvironmentSink for Gate {
    fn event(&self, event: EnvironmentEvent) {
        if self.is_open.load(Ordering::Acquire) {
            self.sink.event(event);
        } else if let EnvironmentEvent::Output { line, .. } = event {
            self.sink.event(EnvironmentEvent::LastWords { spec: Arc::clone(&self.spec), line });
        }
    }
}

/// What the host's tasks are asked for.
#[derive(Debug)]
enum Wanted {
    Launch(Box<Launch>),
    /// For this runtime, ahead.
    Interpreter(String),
}

async fn find_ahead(shared: Arc<Shared>, runtime: String) {
    let find = move || {
        if let Some((language, version)) = Language::of_runtime(&runtime) {
            // Who needs it is told what is missing.
            let _ = shared.interpreters.find(&runtime, language, version);
        }
    };
    // It does not panic.
    let _ = tokio::task::spawn_blocking(find).await;
}

fn write_runtimes(dir: &Path) -> io::Result<()> {
    let files = [
        (program::PYTHON_RUNTIME, include_str!("../bootstraps/python.py")),
        (program::NODE_RUNTIME, include_str!("../bootstraps/node.cjs")),
    ];
    for (name, text) in files {
        let path = dir.join(name);
        // Left alone when it is the same: Python keeps what it compiled by the file's time.
        if fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        let unfinished = dir.join(format!(".{name}"));
        fs::write(&unfinished, text)?;
        fs::rename(unfinished, path)?;
    }
    Ok(())
}
