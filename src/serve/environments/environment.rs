//! The life of one environment: its directory, its Runtime API, its process, its output, and its end.

use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use super::{
    DEBUG_DIR, EnvironmentSink, Shared, container,
    debugger::{self, Debugger},
    extensions::{Extensions, Kind},
    layers,
    process::Process,
    program::program,
    runtime_api::{self, Phase},
    sandbox::{Memory, Printing, Sandbox},
    shutdown::Shutdown,
    start::Start,
    temporary_dir::TemporaryDir,
};
use crate::{
    engine::{EnvironmentEvent, ExitCause, LaunchSpec, OutputStream, StopReason},
    model::IdSource,
    serve::{clock::Stopwatch, containers::Admits, platform::MemoryMeter, streams::Streams},
    task::{End, Tasks},
};

/// Connections of one environment to its Runtime API; a runtime has one or two.
const CONNECTIONS_MAX: usize = 64;
/// A container that has not called by then will not.
const UNREACHED_AFTER: Duration = Duration::from_secs(5);

const BYTES_PER_MB: u64 = 1024 * 1024;

/// What the engine's side of an environment holds on to.
#[derive(Debug, Default)]
pub(super) struct Control {
    pub(super) stop: Notify,
    /// Why, once it is known.
    pub(super) reason: Mutex<Option<StopReason>>,
}

impl Control {
    /// In the words of `SHUTDOWN`.
    fn shutdown_reason(&self) -> &'static str {
        match *self.reason.lock() {
            Some(StopReason::TimedOut) => "timeout",
            Some(StopReason::Failed) => "failure",
            _ => "spindown",
        }
    }
}

/// An environment whose process runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) phase: Arc<Mutex<Phase>>,
    pub(super) output: Printing,
    pub(super) memory: Memory,
    pub(super) memory_limit_bytes: u64,
    pub(super) peak_memory_bytes: AtomicU64,
    /// It has more memory than its function may have, and is to be killed.
    pub(super) over_memory: Notify,
    pub(super) sink: Arc<dyn EnvironmentSink>,
    pub(super) spec: Arc<LaunchSpec>,
    pub(super) extensions: Extensions,
    /// For the identifiers that extensions get.
    pub(super) identifiers: Mutex<IdSource>,
    pub(super) streams: Arc<Streams>,
    /// Debuggers that are attached.
    pub(super) debuggers: AtomicUsize,
    /// Whether anybody has called its Runtime API.
    pub(super) was_reached: AtomicBool,
}

impl Running {
    /// A debugger is there until what is returned is dropped.
    pub(super) fn attach(self: &Arc<Self>) -> Attached {
        if self.debuggers.fetch_add(1, Ordering::SeqCst) == 0 {
            self.emit(EnvironmentEvent::Debugger { is_attached: true });
        }
        Attached(Arc::clone(self))
    }

    pub(super) fn emit(&self, event: EnvironmentEvent) {
        self.sink.event(event);
    }

    /// Its initialisation begins, beside that of the extensions of these names.
    pub(super) fn begins(&self, extensions: Vec<String>) {
        let spec = &self.spec;
        let telemetry = &self.extensions.telemetry;
        telemetry.begin(spec.initialization_type, &spec.runtime, spec.function.name.as_str(), &spec.version);
        self.extensions.expect(extensions);
    }

    /// Adds a line to the log.
    pub(super) fn log(&self, line: String) {
        self.emit(EnvironmentEvent::Output { stream: OutputStream::Stdout, line });
    }

    /// Hands on what was printed before now.
    pub(super) async fn drain_output(&self) {
        self.output.drain(&Heard { running: self, kind: Kind::Function }).await;
    }

    /// The peak until now, of a process that is gone what was last measured; `None` when it is above the limit, for which
    /// the process is killed now.
    pub(super) fn max_memory_used_bytes(&self) -> Option<u64> {
        let measured = self.memory.read(self.memory_limit_bytes).unwrap_or_default();
        let peak = self.peak_memory_bytes.fetch_max(measured.peak_bytes, Ordering::Relaxed).max(measured.peak_bytes);
        if measured.peak_own_bytes > self.memory_limit_bytes {
            self.over_memory.notify_one();
            return None;
        }
        Some(peak)
    }

    /// Kills it when it has too much, and tells how much it has when that has grown: who runs out of time says nothing
    /// of it any more.
    pub(super) fn look_at_memory(&self) {
        let before = self.last_peak_memory_bytes();
        if let Some(max_bytes) =
            self.max_memory_used_bytes().filter(|now| now.div_ceil(BYTES_PER_MB) > before.div_ceil(BYTES_PER_MB))
        {
            self.emit(EnvironmentEvent::MemoryUsed { max_bytes });
        }
    }

    /// Whether it is doing something.
    pub(super) fn is_at_work(&self) -> bool {
        matches!(*self.phase.lock(), Phase::Starting(_) | Phase::Offered(..) | Phase::Busy { .. })
    }

    /// As last measured.
    pub(super) fn last_peak_memory_bytes(&self) -> u64 {
        self.peak_memory_bytes.load(Ordering::Relaxed)
    }
}

/// See [`Running::attach`].
#[derive(Debug)]
pub(super) struct Attached(Arc<Running>);

impl Drop for Attached {
    fn drop(&mut self) {
        if self.0.debuggers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.emit(EnvironmentEvent::Debugger { is_attached: false });
        }
    }
}

/// The way of what is printed to the log, past those who listen to it.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    pub(super) running: &'a Running,
    pub(super) kind: Kind,
}

impl EnvironmentSink for Heard<'_> {
    fn event(&self, event: EnvironmentEvent) {
        if let EnvironmentEvent::Output { line, .. } = &event {
            self.running.extensions.telemetry.printed(self.kind, line);
        }
        self.running.emit(event);
    }
}

/// What [`live`] needs.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) shared: Arc<Shared>,
    pub(super) spec: Arc<LaunchSpec>,
    pub(super) phase: Arc<Mutex<Phase>>,
    pub(super) control: Arc<Control>,
    pub(super) sink: Arc<dyn EnvironmentSink>,
}

/// Lives from the start of the process or container to its end, or until it is stopped. Dropped, a process is killed.
pub(super) async fn live(launch: Launch) {
    let containers = launch.shared.containers.clone();
    match containers.filter(|containers| containers.wants(&launch.spec.sandbox)) {
        Some(containers) => Box::pin(container::live(launch, containers)).await,
        None => live_as_process(launch).await,
    }
}

async fn live_as_process(launch: Launch) {
    let folder = match TemporaryDir::create(&launch.shared) {
        Ok(folder) => folder,
        Err(error) => {
            let message = format!("cannot make a directory for temporary files: {error}");
            return launch.sink.event(EnvironmentEvent::LaunchFailed { message });
        }
    };
    let stopped = tokio::select! {
        biased;
        () = launch.control.stop.notified() => None,
        started = start(&launch, &folder) => Some(started),
    };
    match stopped {
        None => {}
        Some(Ok(started)) => started.run(&launch.control).await,
        Some(Err(message)) => launch.sink.event(EnvironmentEvent::LaunchFailed { message }),
    }
    folder.remove().await;
}

/// An environment that was started and is to be run.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) running: Arc<Running>,
    pub(super) sandbox: Sandbox,
    pub(super) extensions: Vec<External>,
    /// What is served, and what is sent.
    pub(super) connections: Tasks,
    pub(super) listener: TcpListener,
    pub(super) admits: Admits,
    pub(super) debugger: Option<Arc<Debugger>>,
    pub(super) shared: Arc<Shared>,
}

/// An extension with a process of its own.
#[derive(Debug)]
pub(super) struct External {
    /// Of its file, by which it registers.
    pub(super) name: String,
    pub(super) process: Process,
}

async fn start(launch: &Launch, folder: &TemporaryDir) -> Result<Started, String> {
    let shared = &launch.shared;
    let artifact_dir = launch.spec.artifact.dir_in(&shared.state_dir);
    let debugger = match launch.spec.debug {
        Some(debugging) => Some(Arc::new(Debugger::open(&launch.spec, debugging).await?)),
        None => None,
    };
    let code_dir = match &debugger {
        Some(debugger) if debugger.wants_one_path() => one_path(launch, artifact_dir).await?,
        _ => artifact_dir,
    };
    let (program, layers_dir) = {
        let (shared, spec, code_dir) = (Arc::clone(shared), Arc::clone(&launch.spec), code_dir.clone());
        // Looking for an interpreter starts a process and waits for it.
        let find = move || {
            let layers_dir = layers::merged(&shared.state_dir, &spec.layers)
                .map_err(|error| format!("cannot make the layers' directory: {error}"))?;
            Ok::<_, String>((program(&spec, &code_dir, &shared.runtime_dir, &shared.interpreters)?, layers_dir))
        };
        tokio::task::spawn_blocking(find)
            .await
            .map_err(|error| format!("looking for the program failed: {error}"))??
    };
    let no_api = |error: io::Error| format!("cannot open the Runtime API's socket: {error}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_api)?;
    let runtime_api = listener.local_addr().map_err(no_api)?.to_string();
    let program = match &debugger {
        Some(debugger) => debugger.around(program),
        None => program,
    };
    let start = Start {
        shared,
        spec: &launch.spec,
        program: &program,
        code_dir: &code_dir,
        layers_dir: layers_dir.as_deref(),
        folder: &folder.path,
        number: folder.number,
        runtime_api: &runtime_api,
        debugger: debugger.as_deref(),
        is_runtime: true,
    };
    let (process, output) = start.start().await?;
    let running = Running {
        phase: Arc::clone(&launch.phase),
        output: Printing::Piped(output),
        memory: Memory::Measured(MemoryMeter::of(process.id())),
        memory_limit_bytes: u64::from(launch.spec.memory_mb) * BYTES_PER_MB,
        peak_memory_bytes: AtomicU64::new(0),
        over_memory: Notify::new(),
        sink: Arc::clone(&launch.sink),
        spec: Arc::clone(&launch.spec),
        extensions: Extensions::default(),
        identifiers: Mutex::new(IdSource::new(RandomState::new().hash_one(folder.number))),
        streams: Arc::clone(&shared.streams),
        debuggers: AtomicUsize::new(0),
        was_reached: AtomicBool::new(false),
    };
    let running = Arc::new(running);
    shared.memory_watch.add(&running);
    let (extensions, connections) = start_extensions(&running, start, &process).await?;
    let (sandbox, admits) = (Sandbox::Process(process), Admits::Everyone);
    let shared = Arc::clone(shared);
    Ok(Started { running, sandbox, extensions, connections, listener, admits, debugger, shared })
}

/// Starts what the layers bring beside the runtime, and follows what it prints.
async fn start_extensions(
    running: &Arc<Running>,
    start: Start<'_>,
    process: &Process,
) -> Result<(Vec<External>, Tasks), String> {
    let names = start.extensions();
    running.begins(names.iter().map(|name| name.to_string_lossy().into_owned()).collect());
    let (mut extensions, mut connections) = (Vec::new(), Tasks::new());
    for name in &names {
        let (process, output) = start.extension(name, process).await?;
        extensions.push(External { name: name.to_string_lossy().into_owned(), process });
        let running = Arc::clone(running);
        connections.spawn_endless("extension's output", async move {
            output.follow(&Heard { running: &running, kind: Kind::Extension }).await;
        });
    }
    Ok((extensions, connections))
}

/// A copy of the code at a path that stays the same, where an editor's debugger looks for it.
async fn one_path(launch: &Launch, artifact_dir: PathBuf) -> Result<PathBuf, String> {
    let dir = launch.shared.state_dir.join(DEBUG_DIR).join(launch.spec.function.name.as_str());
    let copied = tokio::task::spawn_blocking(move || debugger::copy_code(&artifact_dir, &dir).map(|()| dir)).await;
    let failed = |error: io::Error| format!("cannot copy the code for a debugger: {error}");
    copied.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)
}

impl Started {
    pub(super) async fn run(mut self, control: &Control) {
        let watch = Stopwatch::start();
        let debugger = self.debugger.take();
        let ended = tokio::select! {
            biased;
            () = control.stop.notified() => None,
            ended = self.serve(debugger.as_ref()) => Some(ended),
        };
        if debugger.is_some() {
            self.sandbox.kill();
            debugger::kill_helpers(self.listener.local_addr()).await;
        }
        drop(debugger);
        let shutdown = Shutdown::begin(if ended.is_some() { "failure" } else { control.shutdown_reason() });
        match ended {
            None => {
                self.say_unreached(watch.elapsed());
                self.end_runtime().await;
            }
            Some(cause) => {
                let running = &self.running;
                running.output.finish(&Heard { running: running.as_ref(), kind: Kind::Function }).await;
                let max_memory_used_bytes = running.last_peak_memory_bytes();
                let was_reached = running.was_reached.load(Ordering::Relaxed);
                let refusal =
                    cause.as_ref().ok().filter(|_| !was_reached).and_then(|cause| self.sandbox.refusal(cause));
                match cause {
                    _ if let Some(message) = refusal => running.emit(EnvironmentEvent::LaunchFailed { message }),
                    Ok(cause) => running.emit(EnvironmentEvent::Exited { cause, max_memory_used_bytes }),
                    Err(error) => running
                        .emit(EnvironmentEvent::LaunchFailed { message: format!("cannot wait for its end: {error}") }),
                }
                // It may have ended before; now nothing is left of it in any case.
                self.sandbox.stop().await;
            }
        }
        self.end_extensions(&shutdown).await;
    }

    /// A container that ran for long and never called has most likely met a firewall.
    fn say_unreached(&self, ran: Duration) {
        let Sandbox::Container(container) = &self.sandbox else { return };
        if ran < UNREACHED_AFTER || self.running.was_reached.load(Ordering::Relaxed) {
            return;
        }
        let address = self.listener.local_addr().map_or_else(|_| "its address".into(), |address| address.to_string());
        if container.listens_inside() {
            let said =
                format!("a function's container never called its Runtime API at {address}: its program calls none");
            return self.shared.report.say(said);
        }
        self.shared.report.say(format!(
            "a function's container never reached its Runtime API at {address}: either its program calls none, or a firewall \
             drops what containers send to this machine; allow that, or set `network = \"host\"` under `[targets.embedded]`"
        ));
    }

    /// Serves the Runtime API and follows the output until the process or container is gone.
    pub(super) async fn serve(&mut self, debugger: Option<&Arc<Debugger>>) -> io::Result<ExitCause> {
        let Self { running, sandbox, extensions, connections, listener, admits, shared, .. } = self;
        let running = &*running;
        let heard = Heard { running: running.as_ref(), kind: Kind::Function };
        let follow = running.output.follow(&heard);
        tokio::pin!(follow);
        let (mut follows, mut is_over_memory) = (true, false);
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                    if let Ok((stream, peer)) = accepted && admits.admits(peer) {
                        running.was_reached.store(true, Ordering::Relaxed);
                        connections.spawn_endless("Runtime API connection", connection(stream, Arc::clone(running)));
                    }
                }
                Some(client) = debugger::accepted(debugger), if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn_endless("debugger", client.relay(Arc::clone(running)));
                }
                Some((name, end)) = connections.next_end() => {
                    if let End::Panicked(message) = end {
                        shared.report.say(format!("a {name} panicked: {message}"));
                    }
                }
                () = &mut follow, if follows => follows = false,
                started = running.extensions.telemetry.started() => {
                    started.into_iter().for_each(|sending| connections.spawn_endless("telemetry", sending));
                }
                gone = any_ended(extensions) => {
                    extensions.remove(gone);
                    return Ok(ExitCause::ExtensionGone);
                }
                () = running.extensions.failed.notified() => return Ok(ExitCause::ExtensionGone),
                () = running.over_memory.notified() => {
                    is_over_memory = true;
                    sandbox.kill();
                }
                ended = sandbox.ended() => {
                    return if is_over_memory { ended.map(|_| ExitCause::OutOfMemory) } else { ended };
                }
            }
        }
    }
}

/// Which of these has ended; for ever without any.
pub(super) async fn any_ended(extensions: &mut [External]) -> usize {
    let mut ends: Vec<_> = extensions.iter_mut().map(|extension| Box::pin(extension.process.ended())).collect();
    std::future::poll_fn(|cx| {
        let ended = ends.iter_mut().position(|end| end.as_mut().poll(cx).is_ready());
        ended.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// Serves one connection until the runtime ends it: between an invocation and its response there is no time limit but the
/// function's own.
pub(super) async fn connection(stream: TcpStream, running: Arc<Running>) {
    // Without it the connection is slower, and as good.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let running = Arc::clone(&running);
        async move { Ok::<_, Infallible>(runtime_api::answer(&running, request).await) }
    });
    let http = http1::Builder::new()
        .header_read_timeout(None)
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service);
    // What goes wrong with it shows when the process ends or runs out of time.
    let _ = http.await;
}
