//! Each call of a plan, made. What is there already and is the stack's counts as made: an answer may have been lost.

use std::{path::Path, time::Duration};

use super::{
    DockerProvider,
    error::{failed, refused},
    found,
};
use crate::{
    converge::{ErrorKind, ProviderError},
    docker::{
        BuildSpec, ContainerSpec, ContainerState, Context, Error, ErrorKind as DockerKind, HealthCheck, KIND_NETWORK,
        KIND_SERVICE, KIND_VOLUME, LABEL_HASH, Mount, Network, NetworkJoin, PortBinding,
    },
    model::{HOST_NAME, HOST_NETWORK},
    plan::{ContainerCall, NewContainer, NewMountSource},
    stack::{Address, Condition, HealthTest, ImageBuild, Readiness, ServicePort},
};

/// How long a container has to end before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// Docker's word for this machine's address in the container's network.
const HOST_GATEWAY: &str = "host-gateway";
/// Lines of a failed build that its error repeats.
const BUILD_LINES_SHOWN: usize = 20;

impl DockerProvider {
    /// Makes the call.
    pub(super) async fn make(&self, address: &Address, call: &ContainerCall) -> Result<(), ProviderError> {
        let docker = &self.docker;
        let made = match call {
            ContainerCall::PullImage { image } => docker.pull(image, None, |line| (self.said.0)(address, line)).await,
            ContainerCall::BuildImage { image, build } => return self.build(address, call, image, build).await,
            ContainerCall::CreateNetwork { name } => self.create_network(name).await,
            ContainerCall::DeleteNetwork { name } => self.remove_networks(name).await,
            ContainerCall::CreateVolume { key, name } => {
                docker.create_volume(name, &self.ownership.labels(KIND_VOLUME, key, "")).await
            }
            ContainerCall::DeleteVolume { name } => docker.remove_volume(name).await,
            ContainerCall::CreateContainer(new) => return self.create(call, new).await,
            ContainerCall::StartContainer { name } => self.start(name).await,
            ContainerCall::StopContainer { name } => docker.stop(name, STOP_GRACE).await,
            ContainerCall::DeleteContainer { name } => docker.remove(name).await,
            ContainerCall::AwaitContainer { name, condition } => return self.look(call, name, *condition).await,
        };
        made.map_err(|error| failed(call.operation(), &error))
    }

    /// Two `up`s at once may both make it: the older one stays.
    async fn create_network(&self, name: &str) -> Result<(), Error> {
        let created = self.docker.create_network(name, &self.ownership.labels(KIND_NETWORK, "network", "")).await;
        let mut all = self.networks(name).await?;
        all.sort_by(|a, b| (a.created_ms, &a.id).cmp(&(b.created_ms, &b.id)));
        match created {
            Ok(id) if all.first().is_some_and(|oldest| oldest.id != id) => self.docker.remove_network(&id).await,
            Err(error) if error.kind == DockerKind::NameTaken && !all.is_empty() => Ok(()),
            created => created.map(drop),
        }
    }

    async fn remove_networks(&self, name: &str) -> Result<(), Error> {
        let all = self.networks(name).await?;
        if all.is_empty() {
            return self.docker.remove_network(name).await;
        }
        for network in all {
            self.docker.remove_network(&network.id).await?;
        }
        Ok(())
    }

    /// The stack's own of this name.
    async fn networks(&self, name: &str) -> Result<Vec<Network>, Error> {
        let mut all = self.docker.networks(&self.ownership.directory_filter()).await?;
        all.retain(|network| network.name == name);
        Ok(all)
    }

    async fn create(&self, call: &ContainerCall, new: &NewContainer) -> Result<(), ProviderError> {
        let operation = call.operation();
        let spec = self.spec(new);
        let hash = spec.labels.get(LABEL_HASH).cloned();
        match self.docker.create(&spec).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == DockerKind::NameTaken => {
                let found = self.docker.inspect(&new.name).await.ok().flatten();
                let is_made = found.is_some_and(|found| {
                    self.ownership.owns(&found.labels) && found.labels.get(LABEL_HASH).cloned() == hash
                });
                if is_made { Ok(()) } else { Err(failed(operation, &error)) }
            }
            Err(error) => Err(failed(operation, &error)),
        }
    }

    /// A paused one is not started, it goes on.
    async fn start(&self, name: &str) -> Result<(), Error> {
        let Err(error) = self.docker.start(name).await else { return Ok(()) };
        match self.docker.inspect(name).await {
            Ok(Some(found)) if found.state == ContainerState::Paused => self.docker.unpause(name).await,
            _ => Err(error),
        }
    }

    fn spec(&self, new: &NewContainer) -> ContainerSpec {
        let parts = new.parts();
        let text = serde_json::to_string(&parts).unwrap_or_default();
        let mut labels = self.ownership.labels(KIND_SERVICE, &new.key, &hash_of(&text));
        labels.insert(found::LABEL_PARTS.to_owned(), text);
        let is_host = new.network == HOST_NETWORK;
        let some = |items: &Vec<String>| (!items.is_empty()).then(|| items.clone());
        ContainerSpec {
            name: new.name.clone(),
            image: new.image.clone(),
            entrypoint: some(&new.entrypoint),
            command: some(&new.command),
            environment: new.environment.0.clone(),
            labels,
            network: Some(NetworkJoin {
                network: new.network.clone(),
                aliases: if is_host { Vec::new() } else { vec![new.key.clone()] },
            }),
            extra_hosts: if new.knows_host { vec![format!("{HOST_NAME}:{HOST_GATEWAY}")] } else { Vec::new() },
            // In this machine's network they are there without more.
            ports: if is_host { Vec::new() } else { new.ports.iter().map(port).collect() },
            mounts: new
                .mounts
                .iter()
                .map(|mount| {
                    let (target, is_read_only) = (mount.target.clone(), mount.is_read_only);
                    match &mount.source {
                        NewMountSource::Volume(name) => Mount::Volume { name: name.clone(), target, is_read_only },
                        NewMountSource::Path(source) => Mount::Bind { source: source.clone(), target, is_read_only },
                    }
                })
                .collect(),
            health: new.health.as_ref().map(health),
            restart: found::to_restart(new.restart),
            memory_bytes: new.memory_bytes,
            nano_cpus: new.cpu_percent.map(found::nano_cpus),
            ..ContainerSpec::default()
        }
    }

    async fn build(
        &self,
        address: &Address,
        call: &ContainerCall,
        image: &str,
        build: &ImageBuild,
    ) -> Result<(), ProviderError> {
        let operation = call.operation();
        let (context, dockerfile) = (build.context.clone(), build.dockerfile.clone());
        let context = read_context(context, dockerfile).await.map_err(|error| refused(operation, image, error))?;
        let Address::Service(key) = address else { return Err(refused(operation, image, "no service")) };
        let spec = BuildSpec {
            tag: image.to_owned(),
            dockerfile: build.dockerfile.to_string_lossy().into_owned(),
            target: build.target.clone(),
            arguments: build.arguments.clone(),
            labels: self.ownership.labels(KIND_SERVICE, key, ""),
            platform: String::new(),
        };
        let mut last = std::collections::VecDeque::new();
        let built = self.docker.build(&context, &spec, |line| {
            (self.said.0)(address, line);
            last.push_back(line.to_owned());
            if last.len() > BUILD_LINES_SHOWN {
                last.pop_front();
            }
        });
        let built = built.await;
        built.map_err(|error| {
            let mut error = failed(operation, &error);
            if !last.is_empty() {
                let lines: Vec<&str> = last.iter().map(String::as_str).collect();
                error.message = format!("{}; it had said:\n  {}", error.message, lines.join("\n  "));
            }
            error
        })
    }

    async fn look(&self, call: &ContainerCall, name: &str, condition: Condition) -> Result<(), ProviderError> {
        let operation = call.operation();
        let found = self.docker.inspect(name).await.map_err(|error| failed(operation, &error))?;
        let Some(found) = found else { return Err(refused(operation, name, "there is no such container")) };
        match found::state(&found.state).meets(condition) {
            Readiness::Ready => Ok(()),
            Readiness::Pending(word) => {
                Err(ProviderError { kind: ErrorKind::Awaiting, ..refused(operation, name, word) })
            }
            Readiness::Failed(reason) => {
                let key = found.key().unwrap_or(name).to_owned();
                let hint = Some(format!("`stackctl logs {key}` shows what it printed"));
                Err(ProviderError { hint, ..refused(operation, name, reason) })
            }
        }
    }
}

/// Reads a context, which blocks.
async fn read_context(root: std::path::PathBuf, dockerfile: std::path::PathBuf) -> Result<Context, String> {
    let read = tokio::task::spawn_blocking(move || Context::read(&root, Path::new(&dockerfile))).await;
    read.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn port(port: &ServicePort) -> PortBinding {
    PortBinding {
        host_ip: port.host_ip,
        host_port: Some(port.host_port),
        container_port: port.container_port,
        protocol: if port.is_udp { "udp" } else { "tcp" }.to_owned(),
    }
}

fn health(test: &HealthTest) -> HealthCheck {
    let seconds = |seconds: &u32| Duration::from_secs(u64::from(*seconds));
    match test {
        HealthTest::Disabled => HealthCheck::Disabled,
        HealthTest::Command { test, interval_s, timeout_s, retries, start_period_s } => HealthCheck::Test {
            test: test.clone(),
            interval: seconds(interval_s),
            timeout: seconds(timeout_s),
            retries: *retries,
            start_period: seconds(start_period_s),
        },
    }
}

fn hash_of(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
