//! From what bollard and the engine say to what can be done about it.

use std::{fmt, io};

use bollard::errors::Error as Bollard;

/// Why a call failed. `Display` is a line for people, the hint not included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub kind: ErrorKind,
    /// What was tried: `create the container`.
    pub call: &'static str,
    /// What it was about: a name, an id, an image; the socket when nobody answered.
    pub about: String,
    /// The engine's own words.
    pub message: String,
}

/// What can be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorKind {
    /// No engine was found, or nobody listens on its socket.
    NotRunning,
    /// The socket may not be opened by this user.
    NoPermission,
    /// The endpoint is of a kind that is not spoken here, or is written wrongly.
    Unsupported,
    /// What the call is about does not exist.
    NotFound,
    /// The name is in use.
    NameTaken,
    /// A port of this machine is in use.
    PortTaken,
    /// The registry could not be reached.
    NoNetwork,
    /// The registry does not have the image, or not for this user.
    NoSuchImage,
    /// The registry wants to know who asks.
    NoLogin,
    /// The image is for another architecture.
    Architecture,
    /// The engine did not answer within the call's bound.
    Timeout,
    /// It is in use by something else: a network with containers, a volume of a container.
    InUse,
    /// Anything else: asking again would change nothing.
    Refused,
}

impl Error {
    pub(super) fn new(
        kind: ErrorKind,
        call: &'static str,
        about: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, call, about: about.into(), message: message.into() }
    }

    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self.kind {
            ErrorKind::NotRunning => {
                "start Docker (`sudo systemctl start docker`, or Docker Desktop) or Podman \
                 (`systemctl --user start podman.socket`), or name its socket in DOCKER_HOST"
            }
            ErrorKind::NoPermission => {
                "put yourself into the group of the socket (`sudo usermod -aG docker $USER`, then log in again), or use \
                 rootless Docker or Podman"
            }
            ErrorKind::Unsupported => {
                "forward the engine's socket: `ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST`, then \
                 DOCKER_HOST=unix:///tmp/docker.sock"
            }
            ErrorKind::PortTaken => "stop what listens on the port, or write another one in `ports`",
            ErrorKind::NoNetwork => {
                "the registry cannot be reached from here: look at network and proxy of the engine, or load the image with \
                 `docker load`"
            }
            ErrorKind::NoSuchImage => {
                "look at the image's name and tag; `docker login REGISTRY` first, when it is a private one"
            }
            ErrorKind::NoLogin => "log in to the registry first: `docker login REGISTRY`",
            ErrorKind::Architecture => {
                "build or name an image for this machine's architecture, or install QEMU's emulation (binfmt)"
            }
            ErrorKind::Timeout => "the engine hangs or is very busy: look at it with `docker info`",
            ErrorKind::NameTaken => "remove what has the name, or rename the stack",
            ErrorKind::NotFound | ErrorKind::InUse | ErrorKind::Refused => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether what the call is about does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }

    pub(super) fn of(call: &'static str, about: impl Into<String>) -> impl FnOnce(Bollard) -> Self {
        let about = about.into();
        move |error| Self::from_bollard(call, about, &error)
    }

    fn from_bollard(call: &'static str, about: String, error: &Bollard) -> Self {
        let (kind, message) = match error {
            Bollard::DockerResponseServerError { status_code, message } => {
                (kind_of(*status_code, message), message.clone())
            }
            Bollard::DockerStreamError { error } => (kind_of(500, error), error.clone()),
            Bollard::RequestTimeoutError => (ErrorKind::Timeout, "no answer in time".to_owned()),
            Bollard::SocketNotFoundError(path) => (ErrorKind::NotRunning, format!("there is no `{path}`")),
            // Podman's word for a container between its end and what it does then, which Docker's API does not have.
            other if innermost(other).contains("unknown variant `stopped`") => {
                (ErrorKind::InUse, "it is about to have ended".to_owned())
            }
            other => (io_kind(other), innermost(other)),
        };
        Self { kind, call, about, message: message.trim().to_owned() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, about, message, .. } = self;
        write!(f, "cannot {call} `{about}`: {message}")
    }
}

impl std::error::Error for Error {}

/// By the status and, because the engine uses 500 for most of what goes wrong, by its words.
fn kind_of(status: u16, message: &str) -> ErrorKind {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["port is already allocated", "address already in use", "ports are not available"]) {
        return ErrorKind::PortTaken;
    }
    if says(&["exec format error", "does not match the specified platform", "no matching manifest for"]) {
        return ErrorKind::Architecture;
    }
    if says(&["no such host", "dial tcp", "i/o timeout", "network is unreachable", "tls handshake", "proxyconnect"]) {
        return ErrorKind::NoNetwork;
    }
    if says(&["no basic auth credentials", "unauthorized", "authentication required", "incorrect username or password"])
    {
        return ErrorKind::NoLogin;
    }
    if says(&["manifest unknown", "pull access denied", "repository does not exist", "not found: manifest"]) {
        return ErrorKind::NoSuchImage;
    }
    if says(&[
        "active endpoints",
        "volume is in use",
        "volume is being used",
        "has associated containers",
        "could not kill",
    ]) {
        return ErrorKind::InUse;
    }
    match status {
        404 => ErrorKind::NotFound,
        409 if says(&["already in use", "already exists"]) => ErrorKind::NameTaken,
        409 => ErrorKind::InUse,
        _ if says(&["already exists"]) => ErrorKind::NameTaken,
        _ => ErrorKind::Refused,
    }
}

fn io_kind(error: &Bollard) -> ErrorKind {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(at) = cause {
        if let Some(io) = at.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::PermissionDenied => ErrorKind::NoPermission,
                io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof => ErrorKind::NotRunning,
                _ => ErrorKind::Refused,
            };
        }
        cause = at.source();
    }
    match error {
        Bollard::HyperLegacyError { .. } | Bollard::HyperResponseError { .. } => ErrorKind::NotRunning,
        _ => ErrorKind::Refused,
    }
}

fn innermost(error: &Bollard) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_follow_from_status_and_words() {
        let check = |status, message: &str, expected| assert_eq!(kind_of(status, message), expected, "{message}");
        check(404, "No such container: x", ErrorKind::NotFound);
        check(409, "Conflict. The container name \"/x\" is already in use by container \"1\".", ErrorKind::NameTaken);
        check(409, "network with name x already exists", ErrorKind::NameTaken);
        check(409, "remove x: volume is in use - [1]", ErrorKind::InUse);
        check(409, "removal of container 1 is already in progress", ErrorKind::InUse);
        check(500, "cannot remove container \"1\": could not kill: No such process", ErrorKind::InUse);
        check(403, "error while removing network: network x id 1 has active endpoints", ErrorKind::InUse);
        let port =
            "driver failed programming external connectivity: Bind for 127.0.0.1:80 failed: port is already allocated";
        check(500, port, ErrorKind::PortTaken);
        check(500, "Get \"https://r.example/v2/\": dial tcp: lookup r.example: no such host", ErrorKind::NoNetwork);
        check(404, "manifest for x:1 not found: manifest unknown: manifest unknown", ErrorKind::NoSuchImage);
        check(
            404,
            "pull access denied for x, repository does not exist or may require 'docker login'",
            ErrorKind::NoSuchImage,
        );
        check(500, "Head \"http://r.example/v2/x/manifests/1\": no basic auth credentials", ErrorKind::NoLogin);
        check(500, "unauthorized: authentication required", ErrorKind::NoLogin);
        check(404, "no matching manifest for linux/arm64 in the manifest list entries", ErrorKind::Architecture);
        check(400, "exec /bin/x: exec format error", ErrorKind::Architecture);
        check(500, "something else", ErrorKind::Refused);
    }
}
