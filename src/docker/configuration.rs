//! `~/.docker/config.json` and the contexts beside it: only what says where the engine is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Names the engine of `DOCKER_HOST` or of the default sockets, rather than a context's.
pub(super) const DEFAULT_CONTEXT: &str = "default";

/// The context that `docker context use` chose.
pub(super) fn current_context(config_dir: &Path) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Config {
        current_context: Option<String>,
    }
    let text = fs::read_to_string(config_dir.join("config.json")).ok()?;
    serde_json::from_str::<Config>(&text).ok()?.current_context.filter(|name| !name.is_empty())
}

/// The address of a context's engine, as written. Contexts stand in directories whose names are hashes, so all are looked at.
pub(super) fn context_host(config_dir: &Path, name: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Meta {
        name: String,
        endpoints: Endpoints,
    }
    #[derive(Deserialize)]
    struct Endpoints {
        docker: Option<Host>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Host {
        host: Option<String>,
    }
    let mut folders: Vec<PathBuf> =
        fs::read_dir(config_dir.join("contexts/meta")).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    folders.iter().find_map(|folder| {
        let text = fs::read_to_string(folder.join("meta.json")).ok()?;
        let meta: Meta = serde_json::from_str(&text).ok()?;
        (meta.name == name).then_some(meta.endpoints.docker?.host?)
    })
}
