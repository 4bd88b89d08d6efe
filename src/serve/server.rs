//! The engine as a whole: takes the state directory and the port, runs until it is asked to end, and leaves nothing.

use std::{
    collections::BTreeMap,
    fmt,
    hash::{BuildHasher, RandomState},
    io,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;

use super::{
    clock::Clock,
    code_store::CodeStore,
    containers::{Containers, ContainersOptions, NetworkChoice, sweep},
    driver::Driver,
    environments::{Host, HostOptions, HostTasks, marker},
    follow::Followers,
    listener::{self, BindError, Port, Sockets},
    outlet::ProcessOutlet,
    own_api::Health,
    platform,
    report::Report,
    service::{EngineInfo, Service},
    shutdown::Shutdown,
    state_dir::{LockError, StateDir},
    store,
    streams::Streams,
};
use crate::{
    docker,
    engine::EngineConfig,
    model::{Durability, FunctionIsolation, Scope, StackName},
    task::{End, Tasks},
};

/// How long requests and invocations that run may go on after the end was asked for.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How long environments that are ended may take to be gone, with the two seconds that their extensions have.
const KILL_GRACE: Duration = Duration::from_secs(4);
/// The same where there are containers: Docker takes its time for each.
const REMOVE_GRACE: Duration = Duration::from_secs(15);

/// What an engine is to be.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The stack that it serves; `None` for an endpoint alone.
    pub stack: Option<StackName>,
    pub port: PortChoice,
    pub state_dir: PathBuf,
    pub durability: Durability,
    /// Its `seed` is drawn anew when it is zero.
    pub engine: EngineConfig,
    /// The account and region of requests that name none.
    pub scope: Scope,
    /// Names under which the engine is reached beside those of this machine, without port.
    pub allowed_hosts: Vec<String>,
    /// The variables of this process that functions get: [`super::environments::INHERITED_VARIABLES`].
    pub inherited: BTreeMap<String, String>,
    /// This program, when each environment is to have a view of its own: [`super::environments::isolation`].
    pub launcher: Option<PathBuf>,
    /// What functions run in that say nothing themselves.
    pub isolation: FunctionIsolation,
    /// Which network containers of functions are in.
    pub network: NetworkChoice,
    /// Where Docker may be, for functions that want a container.
    pub docker: docker::Settings,
}

/// Which port to serve at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChoice {
    /// This one or none.
    Fixed(u16),
    /// The one used the last time in this state directory, when it is free, or any.
    Auto,
}

/// Why an engine did not start, or ended by itself.
#[derive(Debug)]
pub enum ServeError {
    /// Another engine uses the state directory.
    InUse { state_dir: PathBuf, pid: Option<u32> },
    /// The state directory cannot be used.
    State { state_dir: PathBuf, error: io::Error },
    /// The port cannot be had.
    Bind(BindError),
    /// A task that must not end has ended.
    Ended { task: &'static str, message: String },
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { state_dir, pid } => {
                let holder = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                write!(
                    f,
                    "another engine{holder} uses `{}`; end it with `stackctl down`, or choose another directory with \
                     `--state DIR`",
                    state_dir.display()
                )
            }
            Self::State { state_dir, error } => {
                write!(f, "cannot use the state directory `{}`: {error}", state_dir.display())
            }
            Self::Bind(error) => error.fmt(f),
            Self::Ended { task, message } => write!(f, "the engine's task `{task}` ended: {message}"),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::State { error, .. } => Some(error),
            Self::Bind(error) => Some(error),
            Self::InUse { .. } | Self::Ended { .. } => None,
        }
    }
}

/// Runs an engine until `shutdown` is requested; `ready` is called when it accepts connections.
///
/// # Errors
/// It cannot start, or a part of it ended by itself.
pub async fn run(
    options: ServeOptions,
    ready: impl FnOnce(&EngineInfo) + Send,
    shutdown: Shutdown,
    report: Report,
) -> Result<(), ServeError> {
    let broken = |error| ServeError::State { state_dir: options.state_dir.clone(), error };
    let state = StateDir::create(&options.state_dir).map_err(broken)?;
    let _lock = state.lock().map_err(|error| match error {
        LockError::Held { pid } => ServeError::InUse { state_dir: state.path().to_owned(), pid },
        LockError::Failed(error) => broken(error),
    })?;
    let orphans = platform::kill_marked(&marker(state.path()));
    if orphans > 0 {
        let processes = if orphans == 1 { "process" } else { "processes" };
        report.say(format!("killed {orphans} {processes} that an earlier engine left behind"));
    }
    let port = match options.port {
        PortChoice::Fixed(port) => Port::Fixed(port),
        PortChoice::Auto => state.port().map_or(Port::Any, Port::Preferred),
    };
    let (sockets, port) = listener::bind(port).await.map_err(ServeError::Bind)?;
    clear_containers(&options.docker, state.path(), &report).await;
    let mut engine = Running::start(&options, &state, port, sockets, &shutdown, &report).map_err(broken)?;
    let written = state.write_port(port).and_then(|()| state.write_engine(&Health::of(&engine.info)));
    let outcome = match written {
        Ok(()) => {
            ready(&engine.info);
            engine.until_asked_to_end(&shutdown, &report).await
        }
        Err(error) => Err(broken(error)),
    };
    engine.end(&shutdown, &report).await;
    clear_containers(&options.docker, state.path(), &report).await;
    state.remove_engine();
    outcome
}

/// Removes what functions have left in Docker. Without Docker it stays until the next time; the engine serves without.
async fn clear_containers(docker: &docker::Settings, state_dir: &std::path::Path, report: &Report) {
    match sweep(docker, state_dir).await {
        Ok(swept) if swept.containers > 0 => report.say(format!("removed {swept} that was left behind")),
        Ok(_) => {}
        Err(error) => report.say(format!("containers may be left behind: {error}")),
    }
}

/// An engine at work.
#[derive(Debug)]
struct Running {
    info: Arc<EngineInfo>,
    outlet: ProcessOutlet,
    containers: Containers,
    followers: Arc<Followers>,
    /// The listener and the timers.
    tasks: Tasks,
    environments: Tasks,
}

impl Running {
    fn start(
        options: &ServeOptions,
        state: &StateDir,
        port: u16,
        sockets: Vec<TcpListener>,
        shutdown: &Shutdown,
        report: &Report,
    ) -> io::Result<Self> {
        let clock = Arc::new(Clock::new());
        let info = Arc::new(info(options, state, port, &clock));
        let seed = if options.engine.seed == 0 { RandomState::new().hash_one(info.pid) } else { options.engine.seed };
        let code = Arc::new(CodeStore::open(state.path())?);
        let followers = Arc::new(Followers::default());
        let store = store::open(options.durability, state.path())?;
        let (containers, gateways) = Containers::new(ContainersOptions {
            docker: options.docker.clone(),
            stack: container_stack(options.stack.as_ref(), port)?,
            state_dir: state.path().to_owned(),
            port,
            network: options.network,
            default: options.isolation,
            report: report.clone(),
        });
        let streams = Arc::new(Streams::default());
        let (host, host_tasks) = open_host(options, state, &info, &containers, Arc::clone(&streams), report)?;
        let config = EngineConfig { seed, ..options.engine.clone() };
        let mut made = None;
        let driver = Driver::open(config, clock, store, |driver| {
            let outlet = ProcessOutlet::new(host, Arc::clone(&followers), driver.clone(), report.clone());
            Box::new(made.insert(outlet).clone())
        })?;
        let outlet = made.ok_or_else(|| io::Error::other("the driver was opened without an outlet"))?;
        let service = Service::new(
            Arc::clone(&driver),
            code,
            (Arc::clone(&followers), streams),
            Arc::clone(&info),
            shutdown.clone(),
            seed.rotate_left(32),
        );
        let service = Arc::new(service.with_containers(containers.clone()));
        let sockets = Sockets { loopback: sockets, gateways };
        service.prune_code();
        let (mut tasks, mut environments) = (Tasks::new(), Tasks::new());
        environments.spawn_endless("environments", host_tasks.run());
        tasks.spawn_endless("timers", async move { driver.run_timers().await });
        tasks.spawn_endless("listener", listener::serve(sockets, service, shutdown.clone(), report.clone()));
        Ok(Self { info, outlet, containers, followers, tasks, environments })
    }

    /// Returns when the end was asked for, or with what ended before that.
    async fn until_asked_to_end(&mut self, shutdown: &Shutdown, report: &Report) -> Result<(), ServeError> {
        let ended = tokio::select! {
            biased;
            () = shutdown.requested() => return Ok(()),
            Some(ended) = self.tasks.next_end() => ended,
            Some(ended) = self.environments.next_end() => ended,
        };
        let (task, end) = ended;
        let message = match end {
            End::Failed(message) | End::Panicked(message) => message,
            End::Finished | End::Cancelled => "nobody asked it to".to_owned(),
        };
        let error = ServeError::Ended { task, message };
        report.say(error.to_string());
        // So that those who are connected are let go.
        shutdown.request();
        Err(error)
    }

    /// Lets what runs finish within the grace, and kills the rest.
    async fn end(mut self, shutdown: &Shutdown, report: &Report) {
        shutdown_once(shutdown);
        self.followers.close_all();
        let (tasks, outlet) = (&mut self.tasks, &self.outlet);
        let finished = async {
            while let Some((name, _)) = tasks.next_end().await {
                if name == "listener" {
                    break;
                }
            }
            outlet.drain().await;
        };
        tokio::select! {
            () = finished => {}
            () = shutdown.forced() => report.say("ending at once"),
            () = tokio::time::sleep(SHUTDOWN_GRACE) => {
                let busy = self.outlet.busy();
                let running = if busy == 1 { "invocation is" } else { "invocations are" };
                report.say(format!("{} s have passed: {busy} running {running} cut off", SHUTDOWN_GRACE.as_secs()));
            }
        }
        self.outlet.close();
        let grace = if self.containers.is_used() { REMOVE_GRACE } else { KILL_GRACE };
        if tokio::time::timeout(grace, self.environments.next_end()).await.is_err() {
            report.say("some killed processes and containers are not gone yet");
        }
        for (name, end) in self.tasks.cancel_all().await {
            report.say(format!("the task `{name}` ended with {end:?}"));
        }
    }
}

/// Asks for the end unless somebody has already.
fn shutdown_once(shutdown: &Shutdown) {
    if !shutdown.is_requested() {
        shutdown.request();
    }
}

fn info(options: &ServeOptions, state: &StateDir, port: u16, clock: &Clock) -> EngineInfo {
    EngineInfo {
        stack: options.stack.clone(),
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        state_dir: state.path().to_owned(),
        started_at: clock.now(),
        endpoint: format!("http://127.0.0.1:{port}"),
        port,
        scope: options.scope.clone(),
        allowed_hosts: options.allowed_hosts.clone(),
    }
}

/// By what the containers of an engine are known: its stack, or its port when it serves none.
fn container_stack(stack: Option<&StackName>, port: u16) -> io::Result<StackName> {
    match stack {
        Some(stack) => Ok(stack.clone()),
        None => StackName::parse(&format!("port-{port}")).map_err(|error| io::Error::other(error.to_string())),
    }
}

fn open_host(
    options: &ServeOptions,
    state: &StateDir,
    info: &EngineInfo,
    containers: &Containers,
    streams: Arc<Streams>,
    report: &Report,
) -> io::Result<(Host, HostTasks)> {
    Host::open(HostOptions {
        state_dir: state.path().to_owned(),
        endpoint: info.endpoint.clone(),
        inherited: options.inherited.clone(),
        containers: Some(containers.clone()),
        streams,
        launcher: options.launcher.clone(),
        report: report.clone(),
    })
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        model::{AccountId, Region},
        serve::client::{EngineClient, LogQuery},
    };

    fn options(state_dir: &std::path::Path) -> ServeOptions {
        ServeOptions {
            stack: StackName::parse("orders").ok(),
            port: PortChoice::Auto,
            state_dir: state_dir.to_owned(),
            durability: Durability::Memory,
            engine: EngineConfig::default(),
            scope: Scope { account: AccountId::DEFAULT, region: Region::default() },
            allowed_hosts: Vec::new(),
            inherited: BTreeMap::new(),
            launcher: None,
            isolation: FunctionIsolation::Process,
            network: NetworkChoice::Auto,
            docker: docker::Settings::default(),
        }
    }

    /// Starts an engine; returns its information and its tasks, which end with it.
    async fn start(options: ServeOptions, shutdown: &Shutdown) -> (EngineInfo, Tasks) {
        let (sender, receiver) = oneshot::channel();
        let (mut tasks, shutdown) = (Tasks::new(), shutdown.clone());
        tasks.spawn("engine", async move {
            let ready = move |info: &EngineInfo| sender.send(info.clone()).unwrap();
            run(options, ready, shutdown, Report::silent()).await.map_err(|error| error.to_string())
        });
        (receiver.await.expect("the engine to be ready"), tasks)
    }

    #[tokio::test]
    async fn an_engine_serves_until_it_is_asked_to_end_and_leaves_its_port_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (info, mut tasks) = start(options(folder.path()), &Shutdown::new()).await;
        let client = EngineClient::new(info.port);
        let health = client.health().await.unwrap();
        assert_eq!((health.stack.as_deref(), health.pid), (Some("orders"), std::process::id()));
        assert_eq!(StateDir::existing(folder.path()).unwrap().engine(), Some(health));

        let refused = run(options(folder.path()), |_| (), Shutdown::new(), Report::silent()).await.unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("another engine (pid ") && text.contains("`stackctl down`"), "{text}");

        let mut logs = client.logs(&LogQuery { follow: true, ..LogQuery::default() }).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(logs.next().await.unwrap(), None, "who follows is let go");
        assert_eq!(tasks.next_end().await, Some(("engine", End::Finished)));
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        for gone in ["engine.json", "engine.lock"] {
            assert!(!left.contains(&gone.into()), "{left:?}");
        }
        let (again, mut tasks) = start(options(folder.path()), &Shutdown::new()).await;
        assert_eq!(again.port, info.port, "the port stays");
        EngineClient::new(again.port).shutdown().await.unwrap();
        tasks.next_end().await;
    }

    #[tokio::test]
    async fn what_an_earlier_engine_left_behind_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let (name, value) = ("STACKCTL_STATE", state.path());
        let mut orphan = std::process::Command::new("sleep");
        std::os::unix::process::CommandExt::process_group(&mut orphan, 0);
        let mut orphan = orphan.arg("1000").env(name, value).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let report = {
            let said = Arc::clone(&said);
            Report::new(move |line| said.lock().push(line.to_owned()))
        };
        let shutdown = Shutdown::new();
        shutdown.request();
        run(options(folder.path()), |_| (), shutdown, report).await.unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(*said.lock(), ["killed 1 process that an earlier engine left behind"]);
        } else {
            orphan.kill().unwrap();
        }
        assert!(!orphan.wait().unwrap().success());
    }
}
