//! Where an engine may be: `DOCKER_HOST`, Docker's contexts, the usual sockets, Podman's. Reads the configuration's files;
//! connects to nothing.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    configuration::{DEFAULT_CONTEXT, context_host, current_context},
    error::{Error, ErrorKind},
};

const CALL: &str = "use the engine at";

/// What the surroundings say; only `cli` reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the directory of `config.json`; otherwise `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// `CONTAINER_HOST`: Podman's `DOCKER_HOST`.
    pub container_host: Option<String>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
}

impl Settings {
    /// Where Docker's configuration is.
    fn config_dir(&self) -> Option<PathBuf> {
        self.docker_config.clone().or_else(|| Some(self.home.as_ref()?.join(".docker")))
    }

    /// Where Docker and Podman write down who has logged in to which registry.
    pub(super) fn login_files(&self) -> Vec<PathBuf> {
        let docker = self.config_dir().map(|dir| dir.join("config.json"));
        let podman = self.runtime_dir.as_ref().map(|dir| dir.join("containers/auth.json"));
        let configured = self.home.as_ref().map(|home| home.join(".config/containers/auth.json"));
        docker.into_iter().chain(podman).chain(configured).collect()
    }
}

/// A place where an engine may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub transport: Transport,
    /// Who named it, for messages: `DOCKER_HOST`, `context "x"`, `default socket`.
    pub source: String,
}

/// How to speak to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    Unix(PathBuf),
    /// `HOST:PORT`, in plain text.
    Tcp(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.transport {
            Transport::Unix(path) => write!(f, "unix://{}", path.display()),
            Transport::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl Endpoint {
    /// The host under which ports that the engine publishes are reached.
    pub fn host(&self) -> &str {
        match &self.transport {
            Transport::Unix(_) => "127.0.0.1",
            Transport::Tcp(address) => address.rsplit_once(':').map_or(address, |(host, _)| host),
        }
    }
}

/// The places to try, in this order. What was named explicitly is the only one.
///
/// # Errors
/// An address of a kind that is not spoken here, or a context that is not there.
pub fn candidates(settings: &Settings) -> Result<Vec<Endpoint>, Error> {
    let named = |host: &str, source: &str| Ok(vec![parse(host, source)?]);
    if let Some(host) = settings.docker_host.as_deref().filter(|host| !host.is_empty()) {
        return named(host, "DOCKER_HOST");
    }
    if let Some(config_dir) = settings.config_dir() {
        let by_variable = settings.docker_context.clone().filter(|name| !name.is_empty());
        let context = by_variable.or_else(|| current_context(&config_dir)).filter(|name| name != DEFAULT_CONTEXT);
        if let Some(name) = context {
            let host = context_host(&config_dir, &name).ok_or_else(|| {
                let message =
                    format!("there is no such context in `{}`; see `docker context ls`", config_dir.display());
                Error::new(ErrorKind::NotRunning, "use the context", &name, message)
            })?;
            return named(&host, &format!("context `{name}`"));
        }
    }
    if let Some(host) = settings.container_host.as_deref().filter(|host| !host.is_empty()) {
        return named(host, "CONTAINER_HOST");
    }
    Ok(usual_sockets(settings))
}

fn usual_sockets(settings: &Settings) -> Vec<Endpoint> {
    let (home, runtime_dir) = (settings.home.as_deref(), settings.runtime_dir.as_deref());
    let below = |dir: Option<&Path>, path: &str| dir.map(|dir| dir.join(path));
    [
        (Some(PathBuf::from("/var/run/docker.sock")), "default socket"),
        (below(runtime_dir, "docker.sock"), "rootless Docker"),
        (below(home, ".docker/run/docker.sock"), "Docker Desktop"),
        (below(home, ".docker/desktop/docker.sock"), "Docker Desktop"),
        (below(home, ".colima/default/docker.sock"), "Colima"),
        (below(runtime_dir, "podman/podman.sock"), "rootless Podman"),
        (Some(PathBuf::from("/run/podman/podman.sock")), "Podman"),
    ]
    .into_iter()
    .filter_map(|(path, source)| Some(Endpoint { transport: Transport::Unix(path?), source: source.to_owned() }))
    .collect()
}

fn parse(host: &str, source: &str) -> Result<Endpoint, Error> {
    let refuse = |message: &str| {
        Err(Error::new(ErrorKind::Unsupported, CALL, host, format!("{message} (it is named by {source})")))
    };
    let transport = match host.split_once("://") {
        Some(("unix", path)) if path.starts_with('/') => Transport::Unix(PathBuf::from(path)),
        Some(("tcp" | "http", address)) => {
            let address = address.trim_end_matches('/');
            if address.ends_with(":2376") {
                return refuse("TLS to an engine is not spoken");
            }
            Transport::Tcp(address.to_owned())
        }
        Some(("ssh", _)) => return refuse("`ssh://` is not spoken"),
        None if host.starts_with('/') => Transport::Unix(PathBuf::from(host)),
        _ => return refuse("an address is `unix:///PATH` or `tcp://HOST:PORT`"),
    };
    Ok(Endpoint { transport, source: source.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &Settings, expected: &str) {
        let found = match candidates(settings) {
            Ok(found) => found.iter().map(|endpoint| format!("{endpoint} by {}", endpoint.source)).collect::<Vec<_>>(),
            Err(error) => vec![error.to_string()],
        };
        assert_eq!(found.join("\n"), expected);
    }

    #[test]
    fn what_is_named_is_the_only_candidate() {
        let of = |host: &str| Settings { docker_host: Some(host.to_owned()), ..Settings::default() };
        check(&of("unix:///run/d.sock"), "unix:///run/d.sock by DOCKER_HOST");
        check(&of("tcp://10.0.0.1:2375"), "tcp://10.0.0.1:2375 by DOCKER_HOST");
        check(
            &of("ssh://me@there"),
            "cannot use the engine at `ssh://me@there`: `ssh://` is not spoken (it is named by DOCKER_HOST)",
        );
        check(
            &of("nonsense"),
            "cannot use the engine at `nonsense`: an address is `unix:///PATH` or `tcp://HOST:PORT` (it is named by DOCKER_HOST)",
        );
    }

    #[test]
    fn contexts_come_before_the_usual_sockets() {
        let dir = tempfile::tempdir().unwrap();
        let meta = dir.path().join(".docker/contexts/meta/abc");
        std::fs::create_dir_all(&meta).unwrap();
        let text = r#"{"Name":"lima","Metadata":{},"Endpoints":{"docker":{"Host":"unix:///lima.sock","SkipTLSVerify":false}}}"#;
        std::fs::write(meta.join("meta.json"), text).unwrap();
        std::fs::write(dir.path().join(".docker/config.json"), r#"{"currentContext":"lima","auths":{}}"#).unwrap();
        let mut settings = Settings { home: Some(dir.path().to_owned()), ..Settings::default() };
        check(&settings, "unix:///lima.sock by context `lima`");
        settings.docker_context = Some("other".to_owned());
        let missing = format!(
            "cannot use the context `other`: there is no such context in `{}`; see `docker context ls`",
            dir.path().join(".docker").display()
        );
        check(&settings, &missing);
        settings.docker_context = Some("default".to_owned());
        assert_eq!(candidates(&settings).unwrap()[0].to_string(), "unix:///var/run/docker.sock");
    }

    #[test]
    fn podman_is_tried_last() {
        let settings = Settings { runtime_dir: Some("/run/user/1".into()), ..Settings::default() };
        let sources: Vec<String> = candidates(&settings).unwrap().into_iter().map(|found| found.source).collect();
        assert_eq!(sources, ["default socket", "rootless Docker", "rootless Podman", "Podman"]);
    }
}
