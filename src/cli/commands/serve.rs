//! `stackctl serve`: the engine alone, in the foreground; and, as `up` starts it, the engine of a stack in the background.

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::{Timestamp, tz::TimeZone};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::{
        Session,
        args::Serve,
        failure::{Failure, Message},
        surroundings::{docker_settings, own_program, variable, variables, working_directory},
        terminal::{CYAN, Terminal},
    },
    engine::EngineConfig,
    model::{Durability, FunctionIsolation, Isolation, Scope, limits::unreserved_minimum_of},
    serve::{
        background::detach,
        containers::NetworkChoice,
        environments::INHERITED_VARIABLES,
        own_api::Health,
        platform,
        report::Report,
        server::{self, PortChoice, ServeOptions},
        service::EngineInfo,
        shutdown::Shutdown,
        state_dir::StateDir,
    },
};

pub(crate) fn run(session: &Session, args: &Serve) -> Result<(), Failure> {
    if args.detached_for.is_some() {
        detach().map_err(Failure::while_doing("leave the terminal"))?;
    }
    let (state_dir, is_kept) = match &args.state {
        Some(dir) => (working_directory()?.join(dir), true),
        None => (passing_state_dir(args.port), false),
    };
    let options = ServeOptions {
        stack: args.detached_for.clone(),
        port: if args.port == 0 { PortChoice::Auto } else { PortChoice::Fixed(args.port) },
        state_dir: state_dir.clone(),
        durability: if is_kept { args.durability } else { Durability::Memory },
        engine: EngineConfig {
            concurrency_limit: args.concurrency_limit,
            unreserved_minimum: args
                .unreserved_minimum
                .unwrap_or_else(|| unreserved_minimum_of(args.concurrency_limit)),
            time_factor: args.time_factor,
            first_retry_delay_ms: u64::try_from(args.first_retry_delay.as_millis()).unwrap_or(u64::MAX),
            ..EngineConfig::default()
        },
        scope: Scope { account: args.account, region: args.region.clone() },
        allowed_hosts: Vec::new(),
        inherited: variables(&INHERITED_VARIABLES),
        launcher: (args.isolation != Isolation::Process).then(own_program),
        isolation: FunctionIsolation::of(args.isolation),
        network: if args.network == "host" { NetworkChoice::Host } else { NetworkChoice::Auto },
        docker: docker_settings(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(worker_threads())
        .enable_all()
        .build()
        .map_err(Failure::while_doing("start the runtime"))?;
    let served = runtime.block_on(serve(session.terminal, options, args.detached_for.is_some()));
    if !is_kept {
        discard(&state_dir);
    }
    served
}

/// Half of the processors: clients and functions need the others, and every turn takes the one engine anyway. A second
/// thread where there are two processors makes each request slower, because they hand it to each other.
fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}

/// Removes the state of an engine that has ended, unless it is another's: of one that has taken the port since, or that had
/// it all the time, so that this one never served.
fn discard(state_dir: &Path) {
    let Some(Ok(_lock)) = StateDir::existing(state_dir).map(|state| state.lock()) else { return };
    // What could not be removed is found and used again by the next engine at this port.
    let _ = fs::remove_dir_all(state_dir);
    // Other engines may have theirs beside it.
    let _ = state_dir.parent().map(fs::remove_dir);
}

/// A place for what ends with the engine: the same at each start, so that what a killed one left behind is found.
fn passing_state_dir(port: u16) -> PathBuf {
    let base = variable("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
    let name = if port == 0 { format!("process-{}", std::process::id()) } else { format!("port-{port}") };
    base.join(format!("stackctl-{}", rustix::process::getuid().as_raw())).join(name)
}

async fn serve(terminal: Terminal, options: ServeOptions, is_detached: bool) -> Result<(), Failure> {
    let shutdown = Shutdown::new();
    let ends_at_once = "ending when what runs has finished; another Ctrl-C ends it at once";
    let report = if is_detached { Report::new(log_line) } else { Report::new(move |text| terminal.say(text)) };
    let differences = options.engine.differences();
    let ready = move |info: &EngineInfo| {
        // Whoever waited for the line and is gone does not miss it.
        let _ = if is_detached {
            differences.iter().for_each(|difference| log_line(&format!("experiment: {difference}")));
            say_ready(info)
        } else {
            greet(terminal, info, &differences)
        };
        // Where that is not to be had the engine only seems larger.
        let _ = platform::unmap_start();
    };
    let running = server::run(options, ready, shutdown.clone(), report);
    let asked = ask_to_end(&shutdown, || {
        if !is_detached {
            terminal.say(ends_at_once);
        }
    });
    tokio::select! {
        ended = Box::pin(running) => ended.map_err(|error| Failure::World(Message::new(error.to_string()))),
        error = asked => Err(Failure::while_doing("listen to signals")(error)),
    }
}

/// Each Ctrl-C, and each polite kill, asks once more.
async fn ask_to_end(shutdown: &Shutdown, first: impl Fn()) -> io::Error {
    let signals = signal(SignalKind::interrupt()).and_then(|int| Ok((int, signal(SignalKind::terminate())?)));
    let (mut interrupt, mut terminate) = match signals {
        Ok(signals) => signals,
        Err(error) => return error,
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if !shutdown.is_requested() {
            first();
        }
        shutdown.request();
    }
}

/// The one line that [`crate::serve::background`] waits for.
fn say_ready(info: &EngineInfo) -> io::Result<()> {
    let line = serde_json::to_string(&Health::of(info))?;
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn greet(terminal: Terminal, info: &EngineInfo, differences: &[String]) -> io::Result<()> {
    let printed = if terminal.json { terminal.print_json(&Health::of(info)) } else { terminal.print(&info.endpoint) };
    let example = format!("aws --endpoint-url {} sqs list-queues", info.endpoint);
    terminal.say(format_args!("SQS and Lambda for {} in {}; Ctrl-C ends it", info.scope.account, info.scope.region));
    differences.iter().for_each(|difference| terminal.say(format_args!("experiment: {difference}")));
    terminal.say(format_args!("try: {CYAN}{example}{CYAN:#}"));
    printed.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
}

/// A line of the background engine's log.
fn log_line(text: &str) {
    let now = Timestamp::now().to_zoned_datetime(TimeZone::system());
    // A log that cannot be written is nobody's to hear of.
    let _ = writeln!(io::stderr().lock(), "{} {text}", now.strftime("%Y-%m-%d %H:%M:%S%.3f"));
}
