//! What a container is asked to be.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use bollard::models as api;

use super::image::plain;
use crate::model::HOST_NETWORK;

/// A container as it is created. `Debug` shows the environment's names only: values are often secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ContainerSpec {
    pub name: String,
    /// A tag, a digest or an id.
    pub image: String,
    /// `None` keeps the image's.
    pub entrypoint: Option<Vec<String>>,
    /// `None` keeps the image's.
    pub command: Option<Vec<String>>,
    pub environment: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// The network to be in, rather than the engine's default bridge.
    pub network: Option<NetworkJoin>,
    pub ports: Vec<PortBinding>,
    pub mounts: Vec<Mount>,
    /// Folders in memory with mount options of their own, where [`Mount::Tmpfs`] has none: `rw,exec,size=1m`.
    pub tmpfs: BTreeMap<String, String>,
    /// `None` keeps the image's.
    pub health: Option<HealthCheck>,
    pub restart: Restart,
    pub memory_bytes: Option<u64>,
    /// Billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// Weight against others when CPUs are scarce; 1024 without.
    pub cpu_shares: Option<u64>,
    pub ulimits: Vec<Ulimit>,
    pub pids_limit: Option<u32>,
    /// `UID[:GID]` or a name of the image.
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub is_read_only: bool,
    /// Capabilities to take away: `ALL`.
    pub cap_drop: Vec<String>,
    pub cap_add: Vec<String>,
    /// Keeps set-user-id programs from gaining privileges.
    pub no_new_privileges: bool,
    /// A first process that reaps others and passes signals on.
    pub init: bool,
    /// What it prints goes to whoever is attached, and is not kept.
    pub keeps_no_log: bool,
    /// `NAME:ADDRESS`; the address may be `host-gateway`.
    pub extra_hosts: Vec<String>,
    /// How long the container has to end before it is killed.
    pub stop_grace: Option<Duration>,
    pub stop_signal: Option<String>,
    /// `linux/arm64`; `None` takes the image as it is.
    pub platform: Option<String>,
}

/// A network and the names that others there reach the container by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkJoin {
    pub network: String,
    pub aliases: Vec<String>,
}

/// A port of the container on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortBinding {
    pub host_ip: IpAddr,
    /// `None`: one that is free.
    pub host_port: Option<u16>,
    pub container_port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// What is mounted where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    Bind { source: PathBuf, target: String, is_read_only: bool },
    Volume { name: String, target: String, is_read_only: bool },
    Tmpfs { target: String, size_bytes: Option<u64> },
}

/// A bound of each process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// `nofile`.
    pub name: &'static str,
    pub most: u64,
}

/// How the engine finds out whether the container does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthCheck {
    /// The image's is switched off.
    Disabled,
    /// `test` is `["CMD", ...]` or `["CMD-SHELL", LINE]`; times are at least a millisecond.
    Test { test: Vec<String>, interval: Duration, timeout: Duration, retries: u32, start_period: Duration },
}

/// What the engine does when the container ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    #[default]
    No,
    Always,
    UnlessStopped,
    OnFailure {
        /// `None`: without end.
        retries_max: Option<u32>,
    },
}

impl ContainerSpec {
    pub(super) fn body(&self) -> api::ContainerCreateBody {
        // Of this machine's own network Podman takes the mode alone.
        let endpoints = self.network.as_ref().filter(|join| join.network != HOST_NETWORK).map(|join| {
            let settings = api::EndpointSettings { aliases: Some(join.aliases.clone()), ..Default::default() };
            api::NetworkingConfig { endpoints_config: Some(HashMap::from([(join.network.clone(), settings)])) }
        });
        api::ContainerCreateBody {
            image: Some(plain(&self.image).into_owned()),
            entrypoint: self.entrypoint.clone(),
            cmd: self.command.clone(),
            env: Some(self.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            labels: Some(self.labels.clone().into_iter().collect()),
            exposed_ports: Some(self.ports.iter().map(PortBinding::key).collect()),
            healthcheck: self.health.as_ref().map(HealthCheck::to_api),
            user: self.user.clone(),
            working_dir: self.working_dir.clone(),
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_grace.map(|grace| signed(grace.as_secs())),
            host_config: Some(self.host_config()),
            networking_config: endpoints,
            ..Default::default()
        }
    }

    fn host_config(&self) -> api::HostConfig {
        let list = |items: &[String]| (!items.is_empty()).then(|| items.to_vec());
        let mut ports: api::PortMap = HashMap::new();
        for port in &self.ports {
            ports.entry(port.key()).or_insert_with(|| Some(Vec::new())).get_or_insert_default().push(port.to_api());
        }
        api::HostConfig {
            network_mode: self.network.as_ref().map(|join| join.network.clone()),
            port_bindings: Some(ports),
            mounts: Some(self.mounts.iter().map(Mount::to_api).collect()),
            tmpfs: (!self.tmpfs.is_empty()).then(|| self.tmpfs.clone().into_iter().collect()),
            restart_policy: Some(self.restart.to_api()),
            memory: self.memory_bytes.map(signed),
            // Without swap beyond it: a limit that swaps is no limit.
            memory_swap: self.memory_bytes.map(signed),
            nano_cpus: self.nano_cpus.map(signed),
            cpu_shares: self.cpu_shares.map(signed),
            ulimits: (!self.ulimits.is_empty()).then(|| self.ulimits.iter().copied().map(Ulimit::to_api).collect()),
            pids_limit: self.pids_limit.map(i64::from),
            readonly_rootfs: Some(self.is_read_only),
            cap_drop: list(&self.cap_drop),
            cap_add: list(&self.cap_add),
            security_opt: self.no_new_privileges.then(|| vec!["no-new-privileges".to_owned()]),
            init: self.init.then_some(true),
            extra_hosts: list(&self.extra_hosts),
            log_config: self
                .keeps_no_log
                .then(|| api::HostConfigLogConfig { typ: Some("none".to_owned()), ..Default::default() }),
            ..Default::default()
        }
    }
}

impl Ulimit {
    fn to_api(self) -> api::ResourcesUlimits {
        let most = Some(signed(self.most));
        api::ResourcesUlimits { name: Some(self.name.to_owned()), soft: most, hard: most }
    }
}

impl PortBinding {
    fn key(&self) -> String {
        format!("{}/{}", self.container_port, self.protocol)
    }

    fn to_api(&self) -> api::PortBinding {
        let port = self.host_port.map_or_else(String::new, |port| port.to_string());
        api::PortBinding { host_ip: Some(self.host_ip.to_string()), host_port: Some(port) }
    }
}

impl Mount {
    fn to_api(&self) -> api::Mount {
        match self {
            Self::Bind { source, target, is_read_only } => api::Mount {
                typ: Some(api::MountType::BIND),
                source: Some(source.to_string_lossy().into_owned()),
                target: Some(target.clone()),
                read_only: Some(*is_read_only),
                ..Default::default()
            },
            Self::Volume { name, target, is_read_only } => api::Mount {
                typ: Some(api::MountType::VOLUME),
                source: Some(name.clone()),
                target: Some(target.clone()),
                read_only: Some(*is_read_only),
                ..Default::default()
            },
            Self::Tmpfs { target, size_bytes } => {
                let options = api::MountTmpfsOptions { size_bytes: size_bytes.map(signed), ..Default::default() };
                api::Mount {
                    typ: Some(api::MountType::TMPFS),
                    target: Some(target.clone()),
                    tmpfs_options: Some(options),
                    ..Default::default()
                }
            }
        }
    }
}

impl HealthCheck {
    fn to_api(&self) -> api::HealthConfig {
        match self {
            Self::Disabled => api::HealthConfig { test: Some(vec!["NONE".to_owned()]), ..Default::default() },
            Self::Test { test, interval, timeout, retries, start_period } => {
                let nanos = |time: &Duration| Some(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
                api::HealthConfig {
                    test: Some(test.clone()),
                    interval: nanos(interval),
                    timeout: nanos(timeout),
                    retries: Some(i64::from(*retries)),
                    start_period: nanos(start_period),
                    ..Default::default()
                }
            }
        }
    }
}

impl Restart {
    fn to_api(self) -> api::RestartPolicy {
        use api::RestartPolicyNameEnum as Name;
        let (name, retries) = match self {
            Self::No => (Name::NO, None),
            Self::Always => (Name::ALWAYS, None),
            Self::UnlessStopped => (Name::UNLESS_STOPPED, None),
            Self::OnFailure { retries_max } => (Name::ON_FAILURE, retries_max.map(i64::from)),
        };
        api::RestartPolicy { name: Some(name), maximum_retry_count: retries }
    }

    pub(super) fn from_api(policy: &api::RestartPolicy) -> Self {
        use api::RestartPolicyNameEnum as Name;
        match policy.name {
            Some(Name::ALWAYS) => Self::Always,
            Some(Name::UNLESS_STOPPED) => Self::UnlessStopped,
            Some(Name::ON_FAILURE) => {
                let retries = policy.maximum_retry_count.and_then(|count| u32::try_from(count).ok());
                Self::OnFailure { retries_max: retries.filter(|count| *count > 0) }
            }
            Some(Name::EMPTY | Name::NO) | None => Self::No,
        }
    }
}

impl fmt::Debug for ContainerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerSpec")
            .field("name", &self.name)
            .field("image", &self.image)
            .field("environment", &self.environment.keys())
            .finish_non_exhaustive()
    }
}

/// The API's numbers are signed; no size or time comes near the bound.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_network_is_a_mode_and_nothing_else() {
        let body = |network: &str| {
            let network = Some(NetworkJoin { network: network.to_owned(), aliases: Vec::new() });
            serde_json::to_value(ContainerSpec { network, ..ContainerSpec::default() }.body()).unwrap()
        };
        assert_eq!(
            (&body("host")["HostConfig"]["NetworkMode"], body("host").get("NetworkingConfig")),
            (&"host".into(), None)
        );
        assert!(body("net")["NetworkingConfig"]["EndpointsConfig"]["net"].is_object());
    }

    #[test]
    fn a_spec_becomes_what_the_api_takes() {
        let spec = ContainerSpec {
            name: "n".to_owned(),
            image: "i".to_owned(),
            environment: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            network: Some(NetworkJoin { network: "net".to_owned(), aliases: vec!["db".to_owned()] }),
            ports: vec![PortBinding {
                host_ip: IpAddr::from([127, 0, 0, 1]),
                host_port: Some(5432),
                container_port: 5432,
                protocol: "tcp".to_owned(),
            }],
            mounts: vec![Mount::Tmpfs { target: "/tmp".to_owned(), size_bytes: Some(1) }],
            restart: Restart::OnFailure { retries_max: Some(3) },
            memory_bytes: Some(1 << 20),
            no_new_privileges: true,
            keeps_no_log: true,
            ..ContainerSpec::default()
        };
        let body = serde_json::to_value(spec.body()).unwrap();
        assert_eq!(body["Env"], serde_json::json!(["A=1"]));
        assert_eq!(body["NetworkingConfig"]["EndpointsConfig"]["net"]["Aliases"], serde_json::json!(["db"]));
        let host = &body["HostConfig"];
        assert_eq!(host["PortBindings"]["5432/tcp"][0]["HostPort"], "5432");
        assert_eq!(host["RestartPolicy"], serde_json::json!({"Name": "on-failure", "MaximumRetryCount": 3}));
        assert_eq!((&host["Memory"], &host["MemorySwap"]), (&serde_json::json!(1 << 20), &serde_json::json!(1 << 20)));
        assert_eq!(host["LogConfig"]["Type"], "none");
        assert_eq!(host["SecurityOpt"], serde_json::json!(["no-new-privileges"]));
        assert!(!format!("{spec:?}").contains('1'), "values stay out of debug output");
    }
}
