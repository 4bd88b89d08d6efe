//! A connection to an engine: found, spoken to, its version agreed upon.

use std::time::Duration;

use bollard::ClientVersion;

use super::{
    credentials::Logins,
    endpoint::{Endpoint, Settings, Transport, candidates},
    error::{Error, ErrorKind},
};

/// How long an engine may take to say what it is.
pub(super) const PING_WITHIN: Duration = Duration::from_secs(5);
/// How long an engine may take to begin its answer to a call.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(60);
/// The newest API version that bollard's types know.
const API_NEWEST: (usize, usize) = (1, 53);

/// An engine that has answered. Cheap to clone; a call opens a connection of its own.
#[derive(Clone, Debug)]
pub struct Docker {
    pub(super) client: bollard::Docker,
    endpoint: Endpoint,
    info: EngineInfo,
    pub(super) logins: Logins,
}

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// The engine's version: `20.10.24`.
    pub version: String,
    /// The version of the API that is spoken with it: `1.41`.
    pub api_version: String,
    /// `linux`, also behind Docker Desktop.
    pub os: String,
    /// In Docker's words: `amd64`, `arm64`.
    pub architecture: String,
    pub is_podman: bool,
}

impl Docker {
    /// The first engine of `settings` that answers.
    ///
    /// # Errors
    /// Why none did: what the first that is there said.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        let mut first_error = None;
        for endpoint in candidates(settings)? {
            match Self::connect_to(endpoint).await {
                Ok(docker) => return Ok(Self { logins: Logins::of(settings.login_files()), ..docker }),
                // A socket that is not there is no answer, while one that may not be opened is.
                Err(error) if error.kind == ErrorKind::NotRunning => _ = first_error.get_or_insert(error),
                Err(error) => {
                    if first_error.as_ref().is_none_or(|first| first.kind == ErrorKind::NotRunning) {
                        first_error = Some(error);
                    }
                }
            }
        }
        Err(first_error.unwrap_or_else(|| Error::new(ErrorKind::NotRunning, "find", "docker", "no socket is known")))
    }

    /// The engine at `endpoint`, to which nobody has logged in.
    ///
    /// # Errors
    /// That it is not there, may not be used, or hangs.
    pub async fn connect_to(endpoint: Endpoint) -> Result<Self, Error> {
        let call = "reach the Docker engine at";
        let about = endpoint.to_string();
        let newest = ClientVersion { major_version: API_NEWEST.0, minor_version: API_NEWEST.1 };
        let seconds = CALL_WITHIN.as_secs();
        let client = match &endpoint.transport {
            Transport::Unix(path) => bollard::Docker::connect_with_unix(&path.to_string_lossy(), seconds, &newest),
            Transport::Tcp(address) => bollard::Docker::connect_with_http(address, seconds, &newest),
        };
        let client = client.map_err(Error::of(call, &about))?;
        let Ok(answer) = tokio::time::timeout(PING_WITHIN, client.ping()).await else {
            let message = format!("no answer within {} s", PING_WITHIN.as_secs());
            return Err(Error::new(ErrorKind::Timeout, call, about, message));
        };
        answer.map_err(Error::of(call, &about))?;
        // Podman asks Debian's package manager, which takes seconds on a machine that is busy.
        let said = client.version().await.map_err(Error::of(call, &about))?;
        let spoken = agreed(said.api_version.as_deref());
        let components = said.components.unwrap_or_default();
        let info = EngineInfo {
            version: said.version.unwrap_or_default(),
            api_version: format!("{}.{}", spoken.0, spoken.1),
            os: said.os.unwrap_or_default(),
            architecture: said.arch.unwrap_or_default(),
            is_podman: components.iter().any(|component| component.name.contains("Podman")),
        };
        let client = versioned(client, &info.api_version);
        Ok(Self { client, endpoint, info, logins: Logins::default() })
    }

    /// What the engine says of itself.
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Whether it is on this machine, as far as its address says.
    pub fn is_local(&self) -> bool {
        matches!(self.endpoint.transport, Transport::Unix(_))
    }

    /// Where it was found.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The same engine, for calls whose answer may begin only after `within`.
    pub(super) fn patient(&self, within: Duration) -> bollard::Docker {
        self.client.clone().with_timeout(within)
    }
}

/// The older of what the engine speaks and what is known here.
fn agreed(engine: Option<&str>) -> (usize, usize) {
    let parse = |text: &str| {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    engine.and_then(parse).map_or(API_NEWEST, |version: (usize, usize)| version.min(API_NEWEST))
}

/// bollard's paths carry no version, and an engine takes those for its newest: each is sent with the version agreed upon.
fn versioned(client: bollard::Docker, version: &str) -> bollard::Docker {
    let prefix = format!("/v{version}");
    client.with_request_modifier(move |mut request| {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = format!("{prefix}{path}").parse().ok();
        if let Ok(uri) = http::Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        request
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_version_is_spoken() {
        let check = |engine: Option<&str>, expected| assert_eq!(agreed(engine), expected, "{engine:?}");
        check(Some("1.41"), (1, 41));
        check(Some("1.99"), API_NEWEST);
        check(Some("nonsense"), API_NEWEST);
        check(None, API_NEWEST);
    }

    #[tokio::test]
    async fn a_socket_that_is_not_there_says_what_to_do() {
        let settings = Settings { docker_host: Some("unix:///nowhere/d.sock".to_owned()), ..Settings::default() };
        let error = Docker::connect(&settings).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotRunning);
        assert_eq!(
            error.to_string(),
            "cannot reach the Docker engine at `unix:///nowhere/d.sock`: there is no `/nowhere/d.sock`"
        );
        assert!(error.hint().unwrap().contains("DOCKER_HOST"));
    }

    #[tokio::test]
    async fn a_socket_without_a_listener_is_an_engine_that_does_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let settings = Settings { docker_host: Some(format!("unix://{}", path.display())), ..Settings::default() };
        assert_eq!(Docker::connect(&settings).await.unwrap_err().kind, ErrorKind::NotRunning);
    }
}
