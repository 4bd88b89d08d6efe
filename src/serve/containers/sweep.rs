//! Finds and removes what functions left in Docker: after a `kill -9` of everything, nobody else does.

use std::{fmt, fs, io, path::Path};

use crate::{
    docker::{self, Docker, KIND_FUNCTION, Ownership},
    model::StackName,
};

/// A file of the state directory that is there when functions of it may have left something in Docker: without it nobody
/// looks for Docker.
const MARK: &str = "containers";

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub containers: usize,
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.containers == 1 { "" } else { "s" };
        write!(f, "{} container{plural}", self.containers)
    }
}

/// Notes that there may be something of `stack` from now on.
pub(super) fn mark(stack: &StackName, state_dir: &Path) -> io::Result<()> {
    fs::write(state_dir.join(MARK), stack.as_str())
}

/// Removes the containers of the functions of the stack that is kept in `state_dir`, and its network unless somebody is in it.
/// Looks for Docker only when functions have been in containers.
///
/// # Errors
/// There may be containers, and Docker does not answer.
pub async fn sweep(settings: &docker::Settings, state_dir: &Path) -> Result<Swept, docker::Error> {
    let mark = state_dir.join(MARK);
    let stack = fs::read_to_string(&mark).ok().and_then(|stack| StackName::parse(&stack).ok());
    let Some(stack) = stack else { return Ok(Swept::default()) };
    let docker = Docker::connect(settings).await?;
    let ownership = Ownership::new(stack, state_dir);
    let swept = containers(&docker, &ownership).await?;
    let name = ownership.network_name();
    if docker.network(&name).await?.is_some_and(|network| ownership.owns(&network.labels)) {
        // Refused while services are in it, whose it is then.
        let _ = docker.remove_network(&name).await;
    }
    // Left behind, it costs a look at the next start.
    let _ = fs::remove_file(mark);
    Ok(swept)
}

/// Removes the containers of functions.
pub(super) async fn containers(docker: &Docker, ownership: &Ownership) -> Result<Swept, docker::Error> {
    let mut swept = Swept::default();
    for container in docker.containers(&ownership.filter(Some(KIND_FUNCTION))).await? {
        match docker.remove(&container.id).await {
            Ok(()) => swept.containers += 1,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
}
