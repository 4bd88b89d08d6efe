//! Side containers as a manifest wants them.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use super::{ContainerNetwork, Template};

/// A side container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredService {
    pub image: ServiceImage,
    /// Empty keeps the image's.
    pub entrypoint: Vec<String>,
    /// Empty keeps the image's.
    pub command: Vec<String>,
    pub environment: BTreeMap<String, Template>,
    pub network: ContainerNetwork,
    /// Of this machine's network those that it listens on.
    pub ports: Vec<ServicePort>,
    pub volumes: Vec<ServiceMount>,
    /// `None` keeps the image's.
    pub health: Option<HealthTest>,
    /// What must be so before the container starts, by the other service's key.
    pub depends_on: BTreeMap<String, Condition>,
    pub restart: RestartPolicy,
    pub memory_bytes: Option<u64>,
    /// Hundredths of a CPU.
    pub cpu_percent: Option<u32>,
}

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceImage {
    /// From a registry, or from this machine.
    Named(String),
    Built(ImageBuild),
}

/// A Dockerfile and its context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageBuild {
    /// Absolute.
    pub context: PathBuf,
    /// Relative to the context.
    pub dockerfile: PathBuf,
    /// The stage to stop at; empty for the last.
    pub target: String,
    pub arguments: BTreeMap<String, String>,
}

/// A port of the container on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePort {
    pub host_ip: IpAddr,
    pub host_port: u16,
    pub container_port: u16,
    pub is_udp: bool,
}

/// What the container sees where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceMount {
    pub source: MountSource,
    /// Absolute, in the container.
    pub target: String,
    pub is_read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// A volume of the stack, by its key.
    Volume(String),
    /// A file or directory of this machine; absolute.
    Path(PathBuf),
}

/// How the engine finds out whether a service does its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthTest {
    /// The image's own is switched off.
    Disabled,
    Command {
        /// `["CMD", ...]` or `["CMD-SHELL", LINE]`.
        test: Vec<String>,
        interval_s: u32,
        timeout_s: u32,
        retries: u32,
        start_period_s: u32,
    },
}

/// What of a service is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// It runs, and is healthy where it has a health check.
    Ready,
    /// It has been started.
    Started,
    /// Its health check succeeds.
    Healthy,
    /// It has ended with exit code 0.
    Completed,
}

/// What the engine does when a container ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    #[default]
    No,
    Always,
    UnlessStopped,
    OnFailure,
}

impl DesiredService {
    /// The port that `${services.NAME.port}` means: the first.
    pub fn main_port(&self) -> Option<ServicePort> {
        self.ports.first().copied()
    }

    /// The keys of the volumes that it mounts.
    pub fn volume_keys(&self) -> impl Iterator<Item = &String> {
        self.volumes.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(key) => Some(key),
            MountSource::Path(_) => None,
        })
    }
}

impl RestartPolicy {
    /// As the manifest writes it.
    pub const NAMES: [&str; 4] = ["no", "always", "unless-stopped", "on-failure"];

    /// Reads one of [`RestartPolicy::NAMES`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::No, Self::Always, Self::UnlessStopped, Self::OnFailure]
            .into_iter()
            .find(|policy| policy.as_str() == name)
    }

    /// One of [`RestartPolicy::NAMES`].
    pub fn as_str(self) -> &'static str {
        let [no, always, unless_stopped, on_failure] = Self::NAMES;
        match self {
            Self::No => no,
            Self::Always => always,
            Self::UnlessStopped => unless_stopped,
            Self::OnFailure => on_failure,
        }
    }
}

impl Condition {
    /// As the manifest writes them.
    pub const NAMES: [&str; 4] = ["ready", "started", "healthy", "completed"];

    /// Reads one of [`Condition::NAMES`].
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Ready, Self::Started, Self::Healthy, Self::Completed].into_iter().find(|known| known.as_str() == name)
    }

    /// One of [`Condition::NAMES`].
    pub fn as_str(self) -> &'static str {
        let [ready, started, healthy, completed] = Self::NAMES;
        match self {
            Self::Ready => ready,
            Self::Started => started,
            Self::Healthy => healthy,
            Self::Completed => completed,
        }
    }
}
