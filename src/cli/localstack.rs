//! LocalStack as a target: one that runs is taken as it is, whoever started it; else `up` starts its container as people know it from
//! its compose file, and `down` removes it again. What is converged there is no business of this file.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, time::Duration};

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use futures_util::StreamExt;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use super::{
    Session,
    failure::{Failure, Message},
    images, locking,
    project::Project,
    services::failure,
    surroundings::{docker_settings, variables},
    terminal::GREEN,
};
use crate::{
    docker::{Container, ContainerSpec, ContainerState, Docker, LogQuery, Mount, Ownership, PortBinding, Transport},
    manifest::unpinned,
    stack::{Desired, LOCALSTACK_IMAGE, Target},
};

/// That of [`LOCALSTACK_IMAGE`].
const LAST_OPEN: (u32, u32) = (4, 14);
const TOKEN: &str = "LOCALSTACK_AUTH_TOKEN";
/// What the container gets of this process's environment: what LocalStack's own command line hands on and people set. Values
/// are never printed.
const PASSED_ON: [&str; 18] = [
    "ACTIVATE_PRO",
    "DEBUG",
    "DISABLE_EVENTS",
    "EAGER_SERVICE_LOADING",
    "LAMBDA_DOCKER_FLAGS",
    "LAMBDA_DOCKER_NETWORK",
    "LAMBDA_IGNORE_ARCHITECTURE",
    "LAMBDA_KEEPALIVE_MS",
    "LAMBDA_REMOVE_CONTAINERS",
    "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT",
    "LAMBDA_RUNTIME_IMAGE_MAPPING",
    "LOCALSTACK_API_KEY",
    TOKEN,
    "LS_LOG",
    "PERSISTENCE",
    "SERVICES",
    "SKIP_SSL_CERT_DOWNLOAD",
    "SQS_ENDPOINT_STRATEGY",
];
/// Its key among what the stack has on the container engine.
const KEY: &str = "localstack";
const KIND_TARGET: &str = "target";
/// Where it listens unless it is told otherwise; further services of its own are at the ports from 4510 on.
const EDGE_PORT: u16 = 4566;
/// Its own name for itself, which leads to this machine everywhere, and to LocalStack in the containers of its functions.
const HOST: &str = "localhost.localstack.cloud";
const SERVICE_PORTS: std::ops::RangeInclusive<u16> = 4510..=4559;
const STATE: &str = "/var/lib/localstack";
const SOCKET: &str = "/var/run/docker.sock";
/// How long it may take until it says that it is ready: it imports much of Python first.
const READY_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// One answer to a look, and its length.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const STOP_GRACE: Duration = Duration::from_secs(10);
/// Lines of its log that are shown when it ends by itself.
const LOG_LINES_MAX: u32 = 20;

/// The endpoint of LocalStack at a port of this machine.
pub(crate) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// The endpoint of the same as its functions find it: in their containers 127.0.0.1 is themselves.
pub(crate) fn url_for_functions(port: u16) -> String {
    format!("http://{HOST}:{port}")
}

/// The port, when the target that was named is LocalStack.
pub(crate) fn port(session: &Session, desired: &Desired) -> Option<u16> {
    match desired.targets.get(session.elsewhere()?) {
        Some(Target::LocalStack { port, .. }) => Some(*port),
        _ => None,
    }
}

/// Makes LocalStack run, when it is the target that was named.
///
/// # Errors
/// The version wants a token that is not there, which is said before anything is pulled or waited for; there is no container
/// engine; or it does not get ready.
pub(crate) async fn ensure(session: &Session, project: &Project, desired: &Desired) -> Result<(), Failure> {
    let Some((image, port)) = to_start(session, desired).await else { return Ok(()) };
    let environment = environment(variables(&PASSED_ON), port);
    if wants_token(image) && !environment.contains_key(TOKEN) {
        let text = format!("`{image}` runs only with an account's token, and `{TOKEN}` is not set");
        let help = format!("set it, or name the last version that runs without: `image = \"{LOCALSTACK_IMAGE}\"`");
        return Err(Failure::world(text, help));
    }
    let docker = Docker::connect(&docker_settings()).await.map_err(|error| failure(&error))?;
    let ownership = Ownership::new(desired.name.clone(), &project.state_dir());
    if docker.image(image).await.map_err(|error| failure(&error))?.is_none() {
        images::pull(session, &docker, image, None).await.map_err(|error| failure(&error))?;
    }
    for old in of_stack(&docker, &ownership).await? {
        // One that does not answer: its port is another one now, or it has ended.
        docker.remove(&old.id).await.map_err(|error| failure(&error))?;
    }
    let spec = spec(image, port, environment, &ownership, socket(&docker));
    let volume = state_volume(&spec.name);
    if docker.volume(&volume).await.map_err(|error| failure(&error))?.is_none() {
        let made = docker.create_volume(&volume, &ownership.labels(KIND_TARGET, KEY, "")).await;
        made.map_err(|error| failure(&error))?;
    }
    let id = docker.create(&spec).await.map_err(|error| failure(&error))?;
    docker.start(&id).await.map_err(|error| failure(&error))?;
    session.terminal.step(GREEN, "started", format_args!("{KEY}  {}, at {}", unpinned(image), url(port)));
    wait_ready(session, &docker, &spec.name, port).await
}

/// Image and port of the target that was named, when it is LocalStack and none answers yet.
async fn to_start<'a>(session: &Session, desired: &'a Desired) -> Option<(&'a str, u16)> {
    let port = port(session, desired)?;
    let image = desired.targets.get(session.elsewhere()?)?.image()?;
    (!is_ready(port).await).then_some((image, port))
}

/// Refuses to start LocalStack from an image that is not locked, when everything has to be.
///
/// # Errors
/// It could be locked, and is not; or there is no container engine.
pub(crate) async fn check_locked(
    session: &Session,
    project: &Project,
    desired: &Desired,
    must_be_locked: bool,
) -> Result<(), Failure> {
    if !must_be_locked {
        return Ok(());
    }
    let Some((image, _)) = to_start(session, desired).await else { return Ok(()) };
    let docker = Docker::connect(&docker_settings()).await.map_err(|error| failure(&error))?;
    locking::refuse_unlocked_target(project, &docker, session.elsewhere().unwrap_or_default(), image).await
}

/// Removes the container and the volume that this stack started LocalStack with; one of somebody else stays.
pub(crate) async fn remove(session: &Session, project: &Project, desired: &Desired) -> Result<(), Failure> {
    if port(session, desired).is_none() {
        return Ok(());
    }
    let Ok(docker) = Docker::connect(&docker_settings()).await else { return Ok(()) };
    let ownership = Ownership::new(desired.name.clone(), &project.state_dir());
    for container in of_stack(&docker, &ownership).await? {
        docker.stop(&container.id, STOP_GRACE).await.map_err(|error| failure(&error))?;
        docker.remove(&container.id).await.map_err(|error| failure(&error))?;
        for volume in &container.volumes {
            docker.remove_volume(volume).await.map_err(|error| failure(&error))?;
        }
        session.terminal.step(GREEN, "removed", format_args!("{KEY}  {}", unpinned(&container.image)));
    }
    Ok(())
}

/// Whether LocalStack answers there.
pub(crate) async fn is_ready(port: u16) -> bool {
    matches!(timeout(ANSWER_MAX, health(port)).await, Ok(Some(answer)) if is_healthy(&answer))
}

/// What it says of its health; `None` when it says nothing.
async fn health(port: u16) -> Option<Vec<u8>> {
    let request = HttpRequest::get(format!("{}/_localstack/health", url(port))).ok()?;
    let answer = Connector::builder().build_http().call(request).await.ok()?;
    let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await.ok()?;
    Some(body.to_bytes().to_vec())
}

/// An answer of LocalStack, and not of another engine that has the port.
fn is_healthy(answer: &[u8]) -> bool {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    answer.get("services").is_some_and(serde_json::Value::is_object)
}

async fn wait_ready(session: &Session, docker: &Docker, name: &str, port: u16) -> Result<(), Failure> {
    let looks = READY_MAX.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        if is_ready(port).await {
            return Ok(());
        }
        let found = docker.inspect(name).await.map_err(|error| failure(&error))?;
        if let Some(ContainerState::Exited(exit)) = found.map(|found| found.state) {
            let output = last_lines(docker, name).await;
            let text = format!("LocalStack ended with exit code {} before it was ready", exit.code);
            let help = format!("its log is above; versions after 4.14 want `{TOKEN}`");
            return Err(Failure::World(Message { output: Some(output), ..Message::new(text).help(help) }));
        }
        session.terminal.passing("waiting", "localstack: not ready yet");
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let text = format!("LocalStack was not ready within {} s", READY_MAX.as_secs());
    Err(Failure::world(text, format!("`docker logs {name}` shows why")))
}

async fn last_lines(docker: &Docker, name: &str) -> String {
    let query = LogQuery { tail: Some(LOG_LINES_MAX), ..LogQuery::default() };
    let mut lines = Vec::new();
    let mut log = docker.logs(name, &query);
    while let Some(Ok(line)) = log.next().await {
        lines.push(line.text);
    }
    lines.join("\n")
}

async fn of_stack(docker: &Docker, ownership: &Ownership) -> Result<Vec<Container>, Failure> {
    docker.containers(&ownership.filter(Some(KIND_TARGET))).await.map_err(|error| failure(&error))
}

/// Where the engine's own socket is; LocalStack starts containers of functions with it.
fn socket(docker: &Docker) -> Option<PathBuf> {
    match &docker.endpoint().transport {
        Transport::Unix(path) => Some(path.clone()),
        Transport::Tcp(_) => None,
    }
}

fn state_volume(container: &str) -> String {
    format!("{container}-state")
}

fn environment(mut passed: BTreeMap<String, String>, port: u16) -> BTreeMap<String, String> {
    if port != EDGE_PORT {
        // Inside as outside, so that the URLs that it gives out lead to it from this machine and from functions.
        passed.insert("GATEWAY_LISTEN".to_owned(), format!("0.0.0.0:{port}"));
    }
    passed
}

fn spec(
    image: &str,
    port: u16,
    environment: BTreeMap<String, String>,
    ownership: &Ownership,
    socket: Option<PathBuf>,
) -> ContainerSpec {
    let name = ownership.resource_name(KEY);
    let binding = |host: u16, container: u16| PortBinding {
        host_ip: Ipv4Addr::LOCALHOST.into(),
        host_port: Some(host),
        container_port: container,
        protocol: "tcp".to_owned(),
    };
    let ports = std::iter::once(binding(port, port)).chain(SERVICE_PORTS.map(|port| binding(port, port)));
    let state = Mount::Volume { name: state_volume(&name), target: STATE.to_owned(), is_read_only: false };
    let socket = socket.map(|source| Mount::Bind { source, target: SOCKET.to_owned(), is_read_only: false });
    ContainerSpec {
        labels: ownership.labels(KIND_TARGET, KEY, ""),
        name,
        image: image.to_owned(),
        environment,
        ports: ports.collect(),
        mounts: std::iter::once(state).chain(socket).collect(),
        ..ContainerSpec::default()
    }
}

/// Whether an image of LocalStack's own wants a token: those of its paid edition always did, the others do after
/// [`LAST_OPEN`], and so do names that move.
fn wants_token(image: &str) -> bool {
    let name = image.split('@').next().unwrap_or_default();
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    };
    if repository.ends_with("localstack/localstack-pro") {
        return true;
    }
    if !repository.ends_with("localstack/localstack") {
        return false;
    }
    let mut numbers = tag.trim_start_matches('v').split(['.', '-']).map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), minor) => {
            (major, minor.unwrap_or(u32::MAX)) > LAST_OPEN && !(major == LAST_OPEN.0 && minor.is_none())
        }
        (None, _) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StackName;

    #[test]
    fn versions_after_the_last_open_one_want_a_token() {
        let check = |image: &str, expected: bool| assert_eq!(wants_token(image), expected, "{image}");
        check(LOCALSTACK_IMAGE, false);
        check(&format!("{LOCALSTACK_IMAGE}@sha256:aa"), false);
        check("localstack/localstack:4.14.0", false);
        check("localstack/localstack:3", false);
        check("localstack/localstack:4", false);
        check("localstack/localstack:4.15", true);
        check("localstack/localstack:2026.3", true);
        check("localstack/localstack:latest", true);
        check("localstack/localstack", true);
        check("docker.io/localstack/localstack-pro:4.0", true);
        check("registry:5000/our-localstack:1", false);
    }

    #[test]
    fn only_localstack_counts_as_localstack() {
        let check = |answer: &str, expected: bool| assert_eq!(is_healthy(answer.as_bytes()), expected, "{answer}");
        check("{\"services\": {\"sqs\": \"available\"}, \"version\": \"4.14.0\"}", true);
        check("{\"services\": []}", false);
        check("hello \"services\"", false);
        check("", false);
    }

    #[test]
    fn the_container_is_what_people_copy() {
        let ownership = Ownership::new(StackName::parse("orders").unwrap(), std::path::Path::new("/s"));
        let secret = BTreeMap::from([(TOKEN.to_owned(), "hunter2".to_owned())]);
        let spec = spec(LOCALSTACK_IMAGE, 4600, environment(secret, 4600), &ownership, Some("/run/docker.sock".into()));
        assert_eq!((spec.ports.len(), spec.ports[0].host_port, spec.ports[0].container_port), (51, Some(4600), 4600));
        assert_eq!((spec.ports[50].host_port, spec.ports[1].host_port), (Some(4559), Some(4510)));
        assert_eq!(spec.mounts.len(), 2);
        assert_eq!(spec.environment["GATEWAY_LISTEN"], "0.0.0.0:4600");
        assert!(!format!("{spec:?}").contains("hunter2"));
    }
}
