//! `stackctl down`: nothing of the stack is left, no process, no port, and no file unless it is to be kept.

use std::{collections::BTreeSet, fs, io, path::Path, sync::Arc};

use crate::{
    build,
    cli::{
        Session,
        args::Down,
        converging::{coloured, failure, interrupted, progress},
        engine::Engine,
        failure::Failure,
        images, localstack, lock,
        project::Project,
        remote::Remote,
        services,
        terminal::{GREEN, YELLOW, count},
    },
    converge::{self, Patience, Provider},
    docker,
    plan::{self, Call, ContainerCall},
    provider::DockerProvider,
    serve::{background::Stopped, stack_lock::STACK_LOCK_FILE, state_dir::StateLock},
    stack::Observed,
};

/// What the build and the engine keep in a state directory, besides files whose names begin with one of [`PREFIXES`].
const OURS: [&str; 13] = [
    "artifacts",
    "build",
    "containers",
    "debug",
    "images",
    "interpreters.json",
    "layers",
    "packages",
    "port",
    "runtime",
    services::MARKER,
    STACK_LOCK_FILE,
    "tmp",
];
const PREFIXES: [&str; 2] = ["engine.", "start."];

pub(crate) async fn run(session: &Session, args: &Down) -> Result<(), Failure> {
    let project = Project::find(session)?;
    if session.elsewhere().is_some() {
        return elsewhere(session, args, &project).await;
    }
    let engine = Engine::find(&project).await?;
    if let Some(engine) = &engine
        && !args.yes
        && !args.keep
    {
        ask(session, engine).await?;
    }
    let lock = match project.state_dir().exists() {
        true => Some(lock::take(session, &project.state_dir(), "down").await?),
        false => None,
    };
    let left = Left::find(session, &project).await;
    if let Ok(left) = &left {
        left.ask(session, args).await?;
    }
    let state_dir = project.state_dir();
    match Engine::end(&state_dir).await? {
        Stopped::Ended => session.terminal.step(GREEN, "ended", "the engine"),
        Stopped::Killed => session.terminal.step(YELLOW, "killed", "the engine, which did not end by itself"),
        Stopped::NotRunning { orphans: 0 } => session.terminal.say("no engine was running"),
        Stopped::NotRunning { orphans } => {
            let orphans = count(orphans as u64, "process").replace("processs", "processes");
            session.terminal.step(YELLOW, "killed", format_args!("{orphans} that an earlier engine left behind"));
        }
    }
    // Before what is left of their network goes.
    let swept = Engine::sweep(&state_dir).await?;
    if swept.containers > 0 {
        session.terminal.step(YELLOW, "removed", format_args!("{swept} that an earlier engine left behind"));
    }
    // An engine of containers that does not answer keeps nothing else alive, but the state directory, which knows of them.
    let left = left?;
    left.remove(session, args.keep).await?;
    if args.keep && state_dir.exists() {
        build::prune(&state_dir);
        session.terminal.step(GREEN, "kept", format_args!("{}, for the next `up`", state_dir.display()));
        return Ok(());
    }
    let of_services = left.remove_images().await;
    match images::remove_built(&state_dir).await.and_then(|of_functions| Ok(of_functions + of_services?)) {
        Ok(0) => {}
        Ok(images) => session.terminal.step(GREEN, "removed", count(images as u64, "image")),
        // They are in nobody's way.
        Err(error) => session.terminal.warn(format_args!("images that were built here may be left: {error}")),
    }
    remove(session, &state_dir, lock)
}

/// Takes the stack down on the target that was named; what is of this machine's engine stays.
async fn elsewhere(session: &Session, args: &Down, project: &Project) -> Result<(), Failure> {
    if args.keep {
        let help = "leave `--keep` out, or the stack where it is";
        return Err(Failure::usage("`--keep` is about the embedded engine's state, and no target keeps one", help));
    }
    let desired = project.desired(session)?;
    let _lock = lock::take(session, &project.state_dir(), "down").await?;
    if let Some(port) = localstack::port(session, &desired)
        && !localstack::is_ready(port).await
    {
        return localstack::remove(session, project, &desired).await;
    }
    let remote = Remote::reach(session, project, &desired).await?;
    remote.show(session);
    let observed = remote.provider.observe(&desired).await.map_err(|error| failure(&error))?;
    let plan = plan::teardown(&observed);
    // Containers of the services are beside the engine too, where that runs.
    let left =
        if Engine::find(project).await?.is_none() { Left::find(session, project).await? } else { Left::default() };
    if !plan.is_empty() {
        plan.lines().iter().for_each(|line| session.terminal.say(coloured(line)));
        let has_dangers = plan.dangers().next().is_some();
        let losses = if has_dangers { ", and messages would be lost," } else { "" };
        if remote.is_aws() {
            remote.confirm(session, &format!("{}{losses}", plan.summary()), args.yes).await?;
        } else if has_dangers {
            session.terminal.confirm("messages would be lost", args.yes).await?;
        }
    }
    left.ask(session, args).await?;
    let (provider, progress) = (Arc::new(remote.provider.clone()), progress(session));
    let report = converge::apply(&plan, &provider, &Patience::DEFAULT, &progress, interrupted()).await;
    if let Some((_, error)) = report.failed().next() {
        return Err(failure(error));
    }
    if report.cancelled {
        return Err(Failure::Interrupted);
    }
    left.remove(session, false).await?;
    localstack::remove(session, project, &desired).await?;
    build::prune_packages(&project.state_dir(), &BTreeSet::new());
    if plan.is_empty() {
        session.terminal.say(format_args!("nothing of the stack `{}` is on `{}`", desired.name, remote.name));
    }
    Ok(())
}

/// What the container engine has of the stack.
#[derive(Debug, Default)]
struct Left {
    provider: Option<Arc<DockerProvider>>,
    observed: Observed,
}

impl Left {
    async fn find(session: &Session, project: &Project) -> Result<Self, Failure> {
        let Some(provider) = services::left(session, project).await? else { return Ok(Self::default()) };
        let observed = provider.observe_all().await.map_err(|error| failure(&error))?;
        Ok(Self { provider: Some(Arc::new(provider)), observed })
    }

    /// What services wrote into volumes is lost with them.
    async fn ask(&self, session: &Session, args: &Down) -> Result<(), Failure> {
        let volumes: Vec<_> = self.observed.services.volumes.values().map(|key| format!("`{key}`")).collect();
        if args.keep || args.yes || volumes.is_empty() {
            return Ok(());
        }
        let danger =
            format!("the data of the {} {} would be lost", plural("volume", volumes.len()), volumes.join(", "));
        session.terminal.confirm(&danger, false).await
    }

    /// Containers and network go; volumes stay when the state does.
    async fn remove(&self, session: &Session, keep: bool) -> Result<(), Failure> {
        let Some(provider) = &self.provider else { return Ok(()) };
        let plan = plan::teardown(&self.observed);
        let is_volume = |call: &Call| matches!(call, Call::Container(ContainerCall::DeleteVolume { .. }));
        let plan = plan.only(|step| !keep || !is_volume(&step.call));
        let progress = progress(session);
        let report = converge::apply(&plan, provider, &Patience::DEFAULT, &progress, interrupted()).await;
        if let Some((_, error)) = report.failed().next() {
            return Err(failure(error));
        }
        if report.cancelled { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

impl Left {
    /// Those that were built here.
    async fn remove_images(&self) -> Result<usize, docker::Error> {
        match &self.provider {
            Some(provider) => provider.remove_built_images().await,
            None => Ok(0),
        }
    }
}

fn plural(noun: &str, number: usize) -> String {
    if number == 1 { noun.to_owned() } else { format!("{noun}s") }
}

/// Messages are lost with the engine.
async fn ask(session: &Session, engine: &Engine) -> Result<(), Failure> {
    let danger = match engine.activity().await {
        Ok(report) => match report.queues.iter().map(|queue| queue.visible + queue.in_flight + queue.delayed).sum() {
            0_u64 => return Ok(()),
            held => format!("queues hold {}, which would be lost", count(held, "message")),
        },
        Err(_) => "the engine does not say whether queues hold messages, which would be lost".to_owned(),
    };
    session.terminal.confirm(&danger, false).await
}

/// Removes what stackctl keeps there, the lock last. What it does not know was put there by somebody else, and stays.
fn remove(session: &Session, state_dir: &Path, lock: Option<StateLock>) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::while_doing(format_args!("empty `{}`", state_dir.display()))(error);
    let entries = match fs::read_dir(state_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_ours(&name) && name != STACK_LOCK_FILE {
            remove_any(&entry.path()).map_err(failed)?;
        }
    }
    drop(lock);
    match fs::remove_dir(state_dir) {
        Ok(()) => session.terminal.step(GREEN, "removed", state_dir.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            session.terminal.step(
                YELLOW,
                "kept",
                format_args!("{}: it holds what is not stackctl's", state_dir.display()),
            );
        }
        Err(error) => return Err(Failure::while_doing("remove the state directory")(error)),
    }
    Ok(())
}

/// Whether a name in a state directory is one that stackctl gives.
fn is_ours(name: &str) -> bool {
    let name = name.trim_start_matches('.');
    OURS.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn remove_any(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::{Terminal, Verbosity};

    #[test]
    fn what_is_not_ours_stays() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".stackctl");
        fs::create_dir_all(state.join("artifacts/ab")).unwrap();
        for name in ["engine.db", "engine.db-wal", ".engine.json", "start.json", "port", "theirs"] {
            fs::write(state.join(name), "").unwrap();
        }
        let terminal = Terminal { verbosity: Verbosity::Quiet, json: false };
        let session = Session { terminal, file: None, profile: None, port: None, target: None };
        remove(&session, &state, None).unwrap();
        let left: Vec<_> = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["theirs"]);
        fs::remove_file(state.join("theirs")).unwrap();
        remove(&session, &state, None).unwrap();
        assert!(!state.exists());
        remove(&session, &state, None).unwrap();
    }
}
