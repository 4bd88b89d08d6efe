//! `stackctl down`: nothing of the stack is left, no process, no port, no file.

use std::{fs, io, path::Path};

use crate::{
    cli::{
        Session,
        args::Down,
        engine::Engine,
        failure::Failure,
        project::Project,
        terminal::{GREEN, YELLOW, count},
    },
    serve::background::Stopped,
};

pub(crate) async fn run(session: &Session, args: &Down) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let engine = Engine::find(&project).await?;
    if let Some(engine) = &engine {
        ask(session, args, engine).await?;
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
    remove(session, &state_dir)
}

/// What stackctl keeps in a state directory.
const KNOWN: [&str; 2] = ["artifacts", "build"];

/// Messages are lost with the engine.
async fn ask(session: &Session, args: &Down, engine: &Engine) -> Result<(), Failure> {
    let queues = engine.activity().await?.queues;
    let held: u64 = queues.iter().map(|queue| queue.visible + queue.in_flight + queue.delayed).sum();
    if held == 0 {
        return Ok(());
    }
    session.terminal.confirm(&format!("queues hold {}, and would be lost; go on?", count(held, "message")), args.yes)
}

/// Removes what stackctl keeps there. What it does not know was put there by somebody else, and stays.
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

fn remove(session: &Session, state_dir: &Path) -> Result<(), Failure> {
    for name in KNOWN {
        remove_any(&state_dir.join(name)).map_err(Failure::while_doing(format_args!("remove `{name}`")))?;
    }
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
