//! The engine in the background: found through its state directory, started detached, stopped for good.
//!
//! Readiness comes over the child's standard output: the engine writes one line there, its [`Health`] as JSON, when it
//! accepts connections, and nothing else ever. What it says otherwise goes to the log file in the state directory.

use std::{
    fmt, fs, io,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use super::{
    client::EngineClient,
    environments::marker,
    own_api::Health,
    platform,
    server::SHUTDOWN_GRACE,
    state_dir::{LockError, StartedWith, StateDir, StateLock},
};

/// From the start of the process to its line of readiness.
const READY_MAX: Duration = Duration::from_secs(30);
/// The line of readiness.
const READY_MAX_BYTES: u64 = 64 * 1024;
/// What of an engine's log is shown when it fails.
const LAST_LINES: usize = 20;
const LAST_BYTES: u64 = 16 * 1024;
/// From the second request to end, and from the kill, to the end of the process.
const FORCED_MAX: Duration = Duration::from_secs(3);
/// How often is looked whether a lock is free.
const LOCK_RETRY: Duration = Duration::from_millis(10);
/// How long another `stackctl` that starts or stops the same engine is waited for.
const START_LOCK_MAX: Duration = Duration::from_secs(60);

/// An engine that is to run in the background.
#[derive(Clone, Debug)]
pub struct BackgroundEngine {
    /// The program, and the arguments that make it serve this stack in this state directory with [`detach`] first.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub state_dir: PathBuf,
    pub stack: Option<String>,
    /// The version that is wanted, this program's own.
    pub version: String,
}

/// How it came that an engine runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// It ran already.
    Found(Health),
    /// It was started.
    Started(Health),
    /// Another one was ended first.
    Replaced { why: Unfit, health: Health },
}

/// Why a running engine is not the one that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is of this version.
    Version(String),
    /// It was started with other arguments: the manifest's settings for it have changed.
    Arguments,
}

/// What stopping found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// No engine ran; this many processes of a former one were killed.
    NotRunning { orphans: usize },
    /// It ended by itself, as asked.
    Ended,
    /// It had to be killed.
    Killed,
}

/// Why there is no engine, or still one.
#[derive(Debug)]
pub enum BackgroundError {
    /// The state directory, its log or its locks cannot be used.
    State { state_dir: PathBuf, message: String },
    /// The engine that runs there serves another stack.
    OtherStack { state_dir: PathBuf, found: Option<String> },
    /// The program cannot be started.
    Program { program: PathBuf, error: io::Error },
    /// It ended before it was ready, or was not ready in time (`status` is `None`).
    NotReady { status: Option<ExitStatus>, log: PathBuf, last_lines: Vec<String> },
    /// It could not be ended.
    StillRunning { pid: Option<u32> },
}

impl fmt::Display for BackgroundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State { state_dir, message } => write!(f, "cannot use `{}`: {message}", state_dir.display()),
            Self::OtherStack { state_dir, found } => {
                let found = found.as_deref().map_or_else(|| "no stack".to_owned(), |name| format!("stack `{name}`"));
                write!(
                    f,
                    "the engine in `{}` serves {found}; end it with `stackctl down`, or choose another directory with \
                     `--state DIR`",
                    state_dir.display()
                )
            }
            Self::Program { program, error } => write!(f, "cannot start `{}`: {error}", program.display()),
            Self::NotReady { status, log, last_lines } => {
                match status {
                    Some(status) => write!(f, "the engine ended before it was ready ({status})")?,
                    None => write!(f, "the engine was not ready within {} s", READY_MAX.as_secs())?,
                }
                if last_lines.is_empty() {
                    return write!(f, "; it said nothing in `{}`", log.display());
                }
                write!(f, "; the end of `{}`:", log.display())?;
                last_lines.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::StillRunning { pid } => {
                let pid = pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
                write!(f, "the engine (pid {pid}) could not be ended; try `kill -9 {pid}`")
            }
        }
    }
}

impl std::error::Error for BackgroundError {}

/// Leaves the terminal's session; the first thing that an engine in the background does.
///
/// # Errors
/// The process leads a group already.
pub fn detach() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// The engine that runs in a state directory and answers, whatever its stack and version.
pub async fn find(state_dir: &std::path::Path) -> Option<Health> {
    let state = StateDir::existing(state_dir)?;
    running(&state).await
}

/// Makes sure that the engine runs, in the version and with the arguments that are wanted. One that somebody runs in the
/// foreground is left as it is, when its version is the right one.
///
/// # Errors
/// It does not start, or the directory belongs to another stack.
pub async fn ensure(engine: &BackgroundEngine) -> Result<Ensured, BackgroundError> {
    let failed = |error: io::Error| engine.state_error(error.to_string());
    let state = StateDir::create(&engine.state_dir).map_err(failed)?;
    let _start = lock_start(&state).await?;
    let Some(found) = running(&state).await else {
        // It may hang, or have been killed: nothing of it may be in the way.
        end(&state).await?;
        let started = match start(engine, &state).await {
            // One that a command had begun to start, before it was stopped itself, was on its way and came first.
            Err(BackgroundError::NotReady { .. }) if state.holder().is_some() => {
                end(&state).await?;
                start(engine, &state).await
            }
            started => started,
        };
        return started.map(Ensured::Started);
    };
    if found.stack != engine.stack {
        return Err(BackgroundError::OtherStack { state_dir: engine.state_dir.clone(), found: found.stack });
    }
    let Some(why) = engine.unfit(&state, &found) else { return Ok(Ensured::Found(found)) };
    end(&state).await?;
    let health = start(engine, &state).await?;
    Ok(Ensured::Replaced { why, health })
}

/// Ends the engine of a state directory, by force when it must, and kills what a former one left behind.
///
/// # Errors
/// It cannot be ended.
pub async fn stop(state_dir: &std::path::Path) -> Result<Stopped, BackgroundError> {
    let Some(state) = StateDir::existing(state_dir) else { return Ok(Stopped::NotRunning { orphans: 0 }) };
    let _start = lock_start(&state).await?;
    end(&state).await
}

async fn lock_start(state: &StateDir) -> Result<StateLock, BackgroundError> {
    let failed = |message: String| BackgroundError::State { state_dir: state.path().to_owned(), message };
    let mut waited = Duration::ZERO;
    loop {
        match state.lock_start() {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held { .. }) if waited < START_LOCK_MAX => {
                tokio::time::sleep(LOCK_RETRY).await;
                waited += LOCK_RETRY;
            }
            Err(LockError::Held { pid }) => {
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                return Err(failed(format!("another `stackctl`{pid} is starting or ending its engine")));
            }
            Err(LockError::Failed(error)) => return Err(failed(error.to_string())),
        }
    }
}

/// What `engine.json` names, when it answers and is what it says.
async fn running(state: &StateDir) -> Option<Health> {
    let known = state.engine()?;
    let answered = EngineClient::new(known.port).health().await.ok()?;
    (answered.pid == known.pid && answered.state_dir == state.path().display().to_string()).then_some(answered)
}

async fn end(state: &StateDir) -> Result<Stopped, BackgroundError> {
    let outcome = match state.holder() {
        None => None,
        Some(pid) => Some(end_holder(state, pid).await?),
    };
    let orphans = platform::kill_marked(&marker(state.path()));
    state.remove_engine();
    Ok(outcome.unwrap_or(Stopped::NotRunning { orphans }))
}

async fn end_holder(state: &StateDir, pid: Option<u32>) -> Result<Stopped, BackgroundError> {
    if let Some(known) = running(state).await {
        let client = EngineClient::new(known.port);
        for limit in [SHUTDOWN_GRACE + FORCED_MAX, FORCED_MAX] {
            // Refused or broken, the engine is gone already, or does not answer: the wait tells.
            let _ = client.shutdown().await;
            if is_free_within(state, limit).await {
                return Ok(Stopped::Ended);
            }
        }
    }
    let process = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    let Some(process) = process else { return Err(BackgroundError::StillRunning { pid }) };
    // It fails when the process has just ended, which the wait tells.
    let _ = kill_process(process, Signal::KILL);
    if is_free_within(state, FORCED_MAX).await {
        Ok(Stopped::Killed)
    } else {
        Err(BackgroundError::StillRunning { pid })
    }
}

async fn is_free_within(state: &StateDir, limit: Duration) -> bool {
    let freed = async {
        while state.holder().is_some() {
            tokio::time::sleep(LOCK_RETRY).await;
        }
    };
    tokio::time::timeout(limit, freed).await.is_ok()
}

async fn start(engine: &BackgroundEngine, state: &StateDir) -> Result<Health, BackgroundError> {
    let log = state.log_file();
    let open = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&log);
    let open = open.map_err(|error| engine.state_error(format!("cannot write `{}`: {error}", log.display())))?;
    let mut child = Command::new(&engine.program)
        .args(&engine.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(open)
        .spawn()
        .map_err(|error| BackgroundError::Program { program: engine.program.clone(), error })?;
    if let Ok(Some(health)) = tokio::time::timeout(READY_MAX, ready_line(&mut child)).await {
        let started = StartedWith { pid: health.pid, arguments: engine.arguments.clone() };
        state.write_started_with(&started).map_err(|error| engine.state_error(error.to_string()))?;
        return Ok(health);
    }
    // Ended, or of no use.
    let status = tokio::time::timeout(LOCK_RETRY, child.wait()).await;
    // It fails when the process is gone.
    let _ = child.kill().await;
    let status = status.ok().and_then(Result::ok);
    Err(BackgroundError::NotReady { status, last_lines: last_lines(&log), log })
}

async fn ready_line(child: &mut Child) -> Option<Health> {
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take()?.take(READY_MAX_BYTES));
    output.read_line(&mut line).await.ok()?;
    let health = serde_json::from_str(&line).ok();
    if health.is_none() {
        // Its last words are complete when it has ended.
        let _ = child.wait().await;
    }
    health
}

fn last_lines(log: &std::path::Path) -> Vec<String> {
    let read = || -> io::Result<String> {
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    // A log that cannot be read has nothing to show.
    let text = read().unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].to_vec()
}

impl BackgroundEngine {
    fn unfit(&self, state: &StateDir, found: &Health) -> Option<Unfit> {
        if found.version != self.version {
            return Some(Unfit::Version(found.version.clone()));
        }
        let started = state.started_with().filter(|started| started.pid == found.pid)?;
        (started.arguments != self.arguments).then_some(Unfit::Arguments)
    }

    fn state_error(&self, message: String) -> BackgroundError {
        BackgroundError::State { state_dir: self.state_dir.clone(), message }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        docker,
        engine::EngineConfig,
        model::{AccountId, Durability, FunctionIsolation, Region, Scope, StackName},
        serve::{
            containers::NetworkChoice,
            report::Report,
            server::{PortChoice, ServeOptions, run},
            shutdown::Shutdown,
        },
        task::Tasks,
    };

    fn engine(state_dir: &Path, script: &str) -> BackgroundEngine {
        BackgroundEngine {
            program: "/bin/sh".into(),
            arguments: ["-c", script].map(str::to_owned).to_vec(),
            state_dir: state_dir.to_owned(),
            stack: Some("orders".into()),
            version: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// An engine in this process, in the place of one in the background.
    async fn run_here(state_dir: &Path) -> Tasks {
        let options = ServeOptions {
            stack: StackName::parse("orders").ok(),
            port: PortChoice::Auto,
            state_dir: state_dir.to_owned(),
            durability: Durability::Memory,
            engine: EngineConfig::default(),
            scope: Scope { account: AccountId::DEFAULT, region: Region::default() },
            allowed_hosts: Vec::new(),
            inherited: std::collections::BTreeMap::new(),
            launcher: None,
            isolation: FunctionIsolation::Process,
            network: NetworkChoice::Auto,
            docker: docker::Settings::default(),
        };
        let (sender, ready) = tokio::sync::oneshot::channel();
        let mut tasks = Tasks::new();
        tasks.spawn("engine", async move {
            let ready = move |_: &_| sender.send(()).unwrap();
            run(options, ready, Shutdown::new(), Report::silent()).await.map_err(|error| error.to_string())
        });
        ready.await.unwrap();
        tasks
    }

    #[tokio::test]
    async fn a_running_engine_is_found_checked_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path()).await, None);
        let mut tasks = run_here(folder.path()).await;
        let health = find(folder.path()).await.unwrap();
        let wanted = engine(folder.path(), "exit 9");
        assert_eq!(ensure(&wanted).await.unwrap(), Ensured::Found(health));

        let other = BackgroundEngine { stack: Some("billing".into()), ..wanted.clone() };
        let text = ensure(&other).await.unwrap_err().to_string();
        assert!(text.contains("serves stack `orders`; end it with `stackctl down`"), "{text}");

        let state = StateDir::existing(folder.path()).unwrap();
        let mut started = StartedWith { pid: std::process::id(), arguments: wanted.arguments.clone() };
        state.write_started_with(&started).unwrap();
        let health = find(folder.path()).await.unwrap();
        assert_eq!(wanted.unfit(&state, &health), None);
        started.arguments.push("--port=1".into());
        state.write_started_with(&started).unwrap();
        assert_eq!(wanted.unfit(&state, &health), Some(Unfit::Arguments));

        let newer = BackgroundEngine { version: "99.0.0".into(), ..wanted };
        let error = ensure(&newer).await.unwrap_err();
        assert!(matches!(error, BackgroundError::NotReady { .. }), "the old one ended, and the new one fails: {error}");
        tasks.next_end().await;
        assert_eq!(stop(folder.path()).await.unwrap(), Stopped::NotRunning { orphans: 0 });

        let mut tasks = run_here(folder.path()).await;
        assert_eq!(stop(folder.path()).await.unwrap(), Stopped::Ended);
        tasks.next_end().await;
    }

    #[tokio::test]
    async fn an_engine_that_fails_is_shown_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            ensure(&engine(folder.path(), "echo one >&2; echo port 4566 is taken >&2; exit 3")).await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("the engine ended before it was ready (exit status: 3); the end of `"), "{text}");
        assert!(text.ends_with("engine.log`:\n  one\n  port 4566 is taken"), "{text}");
        let missing = BackgroundEngine { program: "/no/such/program".into(), ..engine(folder.path(), "") };
        let text = ensure(&missing).await.unwrap_err().to_string();
        assert!(text.starts_with("cannot start `/no/such/program`"), "{text}");
    }

    fn health() -> Health {
        Health {
            stack: Some("orders".into()),
            version: "1".into(),
            pid: 1,
            state_dir: "/s".into(),
            started_at_ms: 5,
            endpoint: "http://127.0.0.1:1".into(),
            port: 1,
            account: "000000000000".into(),
            region: "us-east-1".into(),
        }
    }

    #[tokio::test]
    async fn one_that_was_begun_before_and_comes_first_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let dir = state.path().display();
        // The first one finds the lock taken by another that takes it in this moment; the second one starts.
        let script = format!(
            "cd {dir}; if [ -e begun ]; then echo '{}'; exec sleep 1000; fi; : > begun
            setsid sh -c 'exec 9<>engine.lock; flock 9; echo $$ >&9; exec sleep 1000' >/dev/null 2>&1 &
            while [ ! -s engine.lock ]; do sleep 0.01; done; exit 1",
            serde_json::to_string(&health()).unwrap()
        );
        let marked = format!("STACKCTL_STATE={dir} exec sh -c \"$SCRIPT\"");
        let engine = BackgroundEngine {
            program: "/usr/bin/env".into(),
            arguments: vec![format!("SCRIPT={script}"), "sh".into(), "-c".into(), marked],
            ..engine(folder.path(), "")
        };
        if Command::new("flock").arg("--version").output().await.is_err() {
            println!("skipped: there is no `flock` on the path");
            return;
        }
        assert_eq!(ensure(&engine).await.unwrap(), Ensured::Started(health()));
        assert_eq!(state.holder(), None, "the other one is gone");
        stop(folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn readiness_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let health = health();
        let script = format!("echo '{}'; exec sleep 1000", serde_json::to_string(&health).unwrap());
        let script = format!("STACKCTL_STATE={} exec sh -c \"$0\"", folder.path().canonicalize().unwrap().display())
            .replace("$0", &script.replace('"', "\\\""));
        assert_eq!(ensure(&engine(folder.path(), &script)).await.unwrap(), Ensured::Started(health));
        let orphans = if cfg!(target_os = "linux") { 1 } else { 0 };
        assert_eq!(stop(folder.path()).await.unwrap(), Stopped::NotRunning { orphans });
    }

    #[tokio::test]
    async fn one_that_does_not_answer_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(folder.path()).unwrap();
        let script = "exec 9<>engine.lock; flock 9 || exit 0; echo $$ >&9; echo ready; exec sleep 1000";
        let mut hung = Command::new("/bin/sh");
        hung.args(["-c", script]).current_dir(state.path()).stdout(Stdio::piped()).process_group(0);
        let mut hung = hung.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(hung.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        if line.is_empty() {
            println!("skipped: there is no `flock` on the path");
            return;
        }
        assert_eq!(state.holder(), Some(hung.id()));
        assert_eq!(stop(folder.path()).await.unwrap(), Stopped::Killed);
    }
}
