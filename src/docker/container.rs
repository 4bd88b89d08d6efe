//! Containers: created, started, ended, removed, looked at, waited for.

use std::{collections::BTreeMap, time::Duration};

use bollard::{
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
    models as api,
    query_parameters::{
        CreateContainerOptions, InspectContainerOptions, KillContainerOptions, ListContainersOptions,
        RemoveContainerOptions, StartContainerOptions, StopContainerOptions, WaitContainerOptions,
    },
};
use futures_util::StreamExt;

use super::{
    engine::{CALL_WITHIN, Docker},
    error::{Error, ErrorKind},
    labels::LABEL_NAME,
    spec::{ContainerSpec, Restart},
};
use crate::model::HOST_NETWORK;

/// How much of a command's output is kept.
const EXEC_OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// How often a container's removal is asked for while something else is under way with it.
const REMOVE_TRIES: usize = 50;
/// Between two of these.
const REMOVE_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How much of a health check's output is kept: its end.
const HEALTH_OUTPUT_CHARS_MAX: usize = 300;

/// A container as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    /// Without the leading slash of the API.
    pub name: String,
    /// The image as it was named when the container was created.
    pub image: String,
    /// The id of that image then.
    pub image_id: String,
    pub labels: BTreeMap<String, String>,
    pub state: ContainerState,
    /// The number of its first process on the engine's machine, while it runs.
    pub pid: Option<u32>,
    pub restart: Restart,
    /// 0 without a limit.
    pub memory_bytes: u64,
    /// 0 without a limit.
    pub nano_cpus: u64,
    /// By the network's name.
    pub networks: BTreeMap<String, NetworkPlace>,
    /// The named volumes that it mounts.
    pub volumes: Vec<String>,
    /// Where its ports are on this machine; empty while it does not run.
    pub published: Vec<PublishedPort>,
}

/// Where a container is in a network. Addresses are empty while it does not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkPlace {
    pub address: String,
    pub gateway: String,
    pub aliases: Vec<String>,
}

/// A port of a container on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedPort {
    pub host_ip: String,
    pub host_port: u16,
    /// `5432/tcp`.
    pub container_port: String,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Made, and never started.
    Created,
    Running(Health),
    Paused,
    /// It ended and the engine starts it again.
    Restarting(Exit),
    Exited(Exit),
    /// On its way out, or the engine could not remove it.
    Dead,
}

/// How a container's first process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    pub code: i64,
    pub is_out_of_memory: bool,
    /// Why it could not be started, when it could not.
    pub error: String,
}

/// What a container's health check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// There is no check.
    Unchecked,
    Starting,
    Healthy,
    Unhealthy {
        /// What the last check printed.
        output: String,
    },
}

impl Container {
    /// The key in the manifest, by its label.
    pub fn key(&self) -> Option<&str> {
        self.labels.get(LABEL_NAME).map(String::as_str)
    }

    /// Whether its first process runs.
    pub fn is_running(&self) -> bool {
        matches!(self.state, ContainerState::Running(_) | ContainerState::Paused)
    }
}

impl Docker {
    /// Creates a container; returns its id. It is started by [`Docker::start`].
    ///
    /// # Errors
    /// The name is taken, the image is not there, or the engine refuses the rest.
    pub async fn create(&self, spec: &ContainerSpec) -> Result<String, Error> {
        let options = CreateContainerOptions {
            name: Some(spec.name.clone()),
            platform: spec.platform.clone().unwrap_or_default(),
        };
        let created = self.client.create_container(Some(options), spec.body()).await;
        Ok(created.map_err(Error::of("create the container", &spec.name))?.id)
    }

    /// Starts a container; nothing happens when it runs.
    ///
    /// # Errors
    /// A port is taken, the program is not there or for another architecture, or there is no such container.
    pub async fn start(&self, container: &str) -> Result<(), Error> {
        let started = self.client.start_container(container, None::<StartContainerOptions>).await;
        started.map_err(Error::of("start the container", container))
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// There is no such container, or it is not paused.
    pub async fn unpause(&self, container: &str) -> Result<(), Error> {
        let unpaused = self.client.unpause_container(container).await;
        unpaused.map_err(Error::of("unpause the container", container))
    }

    /// Asks a container to end, kills it after `grace`, and waits until it has ended. Nothing happens when it does not run.
    ///
    /// # Errors
    /// There is no such container.
    pub async fn stop(&self, container: &str, grace: Duration) -> Result<(), Error> {
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptions { t: Some(seconds), ..Default::default() };
        let stopped = self.patient(CALL_WITHIN + grace).stop_container(container, Some(options)).await;
        stopped.map_err(Error::of("stop the container", container))
    }

    /// Sends a signal (`SIGKILL`) to a container's first process.
    ///
    /// # Errors
    /// There is no such container, or it does not run.
    pub async fn kill(&self, container: &str, signal: &str) -> Result<(), Error> {
        let options = KillContainerOptions { signal: signal.to_owned() };
        let killed = self.client.kill_container(container, Some(options)).await;
        killed.map_err(Error::of("kill the container", container))
    }

    /// Removes a container with its anonymous volumes, killing it when it runs. Named volumes stay. One that somebody else is removing, or that
    /// ends in that moment, is tried again.
    ///
    /// # Errors
    /// There is no such container, perhaps because somebody else has removed it.
    pub async fn remove(&self, container: &str) -> Result<(), Error> {
        let mut tries = 1..REMOVE_TRIES;
        loop {
            let options = RemoveContainerOptions { v: true, force: true, link: false };
            let removed = self.client.remove_container(container, Some(options)).await;
            match removed.map_err(Error::of("remove the container", container)) {
                Err(error) if error.kind == ErrorKind::InUse && tries.next().is_some() => {
                    tokio::time::sleep(REMOVE_AGAIN_AFTER).await;
                }
                removed => return removed,
            }
        }
    }

    /// A container by name or id; `None` when there is none.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn inspect(&self, container: &str) -> Result<Option<Container>, Error> {
        let found = self.client.inspect_container(container, None::<InspectContainerOptions>).await;
        match found.map_err(Error::of("inspect the container", container)) {
            Ok(found) => Ok(Some(from_api(found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The containers with all of these labels (`LABEL` or `LABEL=VALUE`), those that do not run included, by name.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn containers(&self, labels: &[String]) -> Result<Vec<Container>, Error> {
        let options = ListContainersOptions {
            all: true,
            filters: Some([("label".to_owned(), labels.to_vec())].into()),
            ..Default::default()
        };
        let listed = self.client.list_containers(Some(options)).await;
        let listed = listed.map_err(Error::of("list containers of", labels.join(" ")))?;
        let looks =
            listed.into_iter().filter_map(|summary| summary.id).map(|id| async move { self.inspect(&id).await });
        let mut found = Vec::new();
        for looked in futures_util::future::join_all(looks).await {
            found.extend(looked?);
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Waits until a container has ended, without a bound of its own: the caller has one. Its exit code.
    ///
    /// # Errors
    /// There is no such container, or the engine went away.
    pub async fn wait_exit(&self, container: &str) -> Result<i64, Error> {
        let call = "wait for the container";
        let mut ends = Box::pin(self.client.wait_container(container, None::<WaitContainerOptions>));
        match ends.next().await {
            Some(Ok(end)) => Ok(end.status_code),
            Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(Error::of(call, container)(error)),
            None => Err(Error::new(ErrorKind::NotRunning, call, container, "the engine ended the answer")),
        }
    }

    /// Runs a command in a running container and waits for it at most `within`; its exit code and the start of its output.
    ///
    /// # Errors
    /// The container does not run, or the command took longer.
    pub async fn exec(&self, container: &str, command: &[String], within: Duration) -> Result<(i64, String), Error> {
        let call = "run a command in the container";
        let run = self.exec_unbounded(container, command, call);
        tokio::time::timeout(within, run).await.unwrap_or_else(|_| {
            let message = format!("`{}` took longer than {} ms", command.join(" "), within.as_millis());
            Err(Error::new(ErrorKind::Timeout, call, container, message))
        })
    }

    async fn exec_unbounded(
        &self,
        container: &str,
        command: &[String],
        call: &'static str,
    ) -> Result<(i64, String), Error> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let made = self.client.create_exec(container, options).await.map_err(Error::of(call, container))?;
        let started = self.client.start_exec(&made.id, None::<StartExecOptions>).await;
        let mut text = String::new();
        if let StartExecResults::Attached { mut output, .. } = started.map_err(Error::of(call, container))? {
            while let Some(chunk) = output.next().await {
                let chunk = chunk.map_err(Error::of(call, container))?;
                if text.len() < EXEC_OUTPUT_BYTES_MAX {
                    text.push_str(&String::from_utf8_lossy(chunk.as_ref()));
                }
            }
        }
        let ended = self.client.inspect_exec(&made.id).await.map_err(Error::of(call, container))?;
        Ok((ended.exit_code.unwrap_or_default(), text))
    }
}

fn from_api(found: api::ContainerInspectResponse) -> Container {
    let host = found.host_config.unwrap_or_default();
    let config = found.config.unwrap_or_default();
    let settings = found.network_settings.unwrap_or_default();
    let mut networks: BTreeMap<_, _> =
        settings.networks.unwrap_or_default().into_iter().map(|(name, at)| (name, place(at))).collect();
    // Podman does not list this machine's.
    if host.network_mode.as_deref() == Some(HOST_NETWORK) {
        networks.entry(HOST_NETWORK.to_owned()).or_default();
    }
    let limit = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or_default();
    Container {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: config.image.unwrap_or_default(),
        image_id: found.image.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        pid: found.state.as_ref().and_then(|state| u32::try_from(state.pid?).ok()).filter(|pid| *pid > 0),
        state: found.state.map_or(ContainerState::Dead, |state| state_of(&state)),
        restart: host.restart_policy.as_ref().map_or(Restart::No, Restart::from_api),
        memory_bytes: limit(host.memory),
        nano_cpus: limit(host.nano_cpus),
        networks,
        volumes: volumes(found.mounts.unwrap_or_default()),
        published: published(settings.ports.unwrap_or_default()),
    }
}

fn volumes(mounts: Vec<api::MountPoint>) -> Vec<String> {
    let named = mounts.into_iter().filter(|mount| mount.typ.as_deref() == Some("volume"));
    let mut names: Vec<String> = named.filter_map(|mount| mount.name).collect();
    names.sort();
    names
}

fn place(settings: api::EndpointSettings) -> NetworkPlace {
    NetworkPlace {
        address: settings.ip_address.unwrap_or_default(),
        gateway: settings.gateway.unwrap_or_default(),
        aliases: settings.aliases.unwrap_or_default(),
    }
}

fn published(ports: api::PortMap) -> Vec<PublishedPort> {
    let mut found: Vec<PublishedPort> = ports
        .into_iter()
        .flat_map(|(container_port, bindings)| {
            bindings.unwrap_or_default().into_iter().filter_map(move |binding| {
                Some(PublishedPort {
                    host_ip: binding.host_ip.unwrap_or_default(),
                    host_port: binding.host_port?.parse().ok()?,
                    container_port: container_port.clone(),
                })
            })
        })
        .collect();
    found.sort_by(|a, b| (&a.container_port, &a.host_ip).cmp(&(&b.container_port, &b.host_ip)));
    found
}

fn state_of(state: &api::ContainerState) -> ContainerState {
    use api::ContainerStateStatusEnum as Status;
    let exit = || Exit {
        code: state.exit_code.unwrap_or_default(),
        is_out_of_memory: state.oom_killed.unwrap_or_default(),
        error: state.error.clone().unwrap_or_default(),
    };
    match state.status {
        Some(Status::CREATED) => ContainerState::Created,
        Some(Status::RUNNING | Status::STOPPING) => ContainerState::Running(health_of(state.health.as_ref())),
        Some(Status::PAUSED) => ContainerState::Paused,
        Some(Status::RESTARTING) => ContainerState::Restarting(exit()),
        Some(Status::EXITED) => ContainerState::Exited(exit()),
        Some(Status::REMOVING | Status::DEAD | Status::EMPTY) | None => ContainerState::Dead,
    }
}

fn health_of(health: Option<&api::Health>) -> Health {
    use api::HealthStatusEnum as Status;
    let Some(health) = health else { return Health::Unchecked };
    match health.status {
        Some(Status::HEALTHY) => Health::Healthy,
        Some(Status::STARTING) => Health::Starting,
        // Docker says so of one that was paused, until its next check.
        Some(Status::UNHEALTHY) if health.failing_streak == Some(0) => Health::Starting,
        Some(Status::UNHEALTHY) => {
            let last = health.log.as_ref().and_then(|log| log.last());
            let output = last.and_then(|check| check.output.as_deref()).unwrap_or_default().trim();
            let skipped = output.chars().count().saturating_sub(HEALTH_OUTPUT_CHARS_MAX);
            Health::Unhealthy { output: output.chars().skip(skipped).collect() }
        }
        Some(Status::NONE | Status::EMPTY) | None => Health::Unchecked,
    }
}
