//! The process's surroundings: environment variables and working directory. Nobody else reads them.

#![expect(clippy::disallowed_methods, reason = "the one place that reads the environment and the working directory")]

use std::{collections::BTreeMap, env, path::PathBuf};

use super::failure::Failure;
use crate::{docker, serve::environments::isolation};

/// A variable that is set and is text.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// Those of `names` that are set and are text.
pub(crate) fn variables(names: &[&str]) -> BTreeMap<String, String> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}

/// What says where Docker is.
pub(crate) fn docker_settings() -> docker::Settings {
    docker::Settings {
        docker_host: variable("DOCKER_HOST"),
        docker_context: variable("DOCKER_CONTEXT"),
        docker_config: variable("DOCKER_CONFIG").map(PathBuf::from),
        container_host: variable("CONTAINER_HOST"),
        home: variable("HOME").map(PathBuf::from),
        runtime_dir: variable("XDG_RUNTIME_DIR").map(PathBuf::from),
    }
}

/// What a process that the engine started to become a function's is asked for.
pub(crate) fn environment_request() -> Option<String> {
    (env::args_os().nth(1)? == isolation::SUBCOMMAND).then(|| variable(isolation::REQUEST_VARIABLE)).flatten()
}

/// This program itself, also when a new build has taken its place.
pub(crate) fn own_program() -> PathBuf {
    if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { env::current_exe().unwrap_or_default() }
}

/// The working directory.
pub(crate) fn working_directory() -> Result<PathBuf, Failure> {
    env::current_dir().map_err(Failure::while_doing("tell the working directory"))
}
