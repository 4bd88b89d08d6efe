//! The calls to a container engine that a plan is made of, each with all that the call needs.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use sha2::{Digest, Sha256};

use crate::stack::{Condition, HealthTest, ImageBuild, RestartPolicy, ServicePort, Variables};

/// Hexadecimal digits of a part's hash: enough to tell two configurations apart.
const PART_DIGITS: usize = 12;

/// One call to the container engine's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerCall {
    PullImage {
        image: String,
    },
    BuildImage {
        /// The name of the result.
        image: String,
        build: Box<ImageBuild>,
    },
    CreateNetwork {
        name: String,
    },
    DeleteNetwork {
        name: String,
    },
    CreateVolume {
        key: String,
        name: String,
    },
    DeleteVolume {
        name: String,
    },
    CreateContainer(Box<NewContainer>),
    StartContainer {
        name: String,
    },
    StopContainer {
        name: String,
    },
    DeleteContainer {
        name: String,
    },
    /// Looks whether a service has come to where others need it; not yet is an error that is asked again.
    AwaitContainer {
        name: String,
        condition: Condition,
    },
}

/// What `POST /containers/create` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContainer {
    pub key: String,
    pub name: String,
    pub image: String,
    /// The network: the stack's own, where the container is known by its key, or [`HOST_NETWORK`](crate::model::HOST_NETWORK).
    pub network: String,
    /// Whether it has to find this machine by its name, for what listens there.
    pub knows_host: bool,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub environment: Variables,
    pub ports: Vec<ServicePort>,
    pub mounts: Vec<NewMount>,
    pub health: Option<HealthTest>,
    pub restart: RestartPolicy,
    pub memory_bytes: Option<u64>,
    pub cpu_percent: Option<u32>,
}

/// What the container sees where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMount {
    pub source: NewMountSource,
    pub target: String,
    pub is_read_only: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewMountSource {
    /// A volume's name on the engine.
    Volume(String),
    Path(PathBuf),
}

impl ContainerCall {
    /// What the call is, for messages and logs; the API has no names for its operations.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::PullImage { .. } => "PullImage",
            Self::BuildImage { .. } => "BuildImage",
            Self::CreateNetwork { .. } => "CreateNetwork",
            Self::DeleteNetwork { .. } => "DeleteNetwork",
            Self::CreateVolume { .. } => "CreateVolume",
            Self::DeleteVolume { .. } => "DeleteVolume",
            Self::CreateContainer(_) => "CreateContainer",
            Self::StartContainer { .. } => "StartContainer",
            Self::StopContainer { .. } => "StopContainer",
            Self::DeleteContainer { .. } => "DeleteContainer",
            Self::AwaitContainer { .. } => "AwaitContainer",
        }
    }

    /// What it does, in a plan.
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::PullImage { .. } => "pull the image",
            Self::BuildImage { .. } => "build the image",
            Self::CreateNetwork { .. } | Self::CreateVolume { .. } | Self::CreateContainer(_) => "create",
            Self::DeleteNetwork { .. } | Self::DeleteVolume { .. } | Self::DeleteContainer { .. } => "delete",
            Self::StartContainer { .. } => "start",
            Self::StopContainer { .. } => "stop",
            Self::AwaitContainer { condition, .. } => match condition {
                Condition::Ready => "wait until it is ready",
                Condition::Started => "wait until it runs",
                Condition::Healthy => "wait until it is healthy",
                Condition::Completed => "wait until it has ended",
            },
        }
    }

    /// Whether the call makes a resource.
    pub(super) fn creates(&self) -> bool {
        matches!(self, Self::CreateNetwork { .. } | Self::CreateVolume { .. } | Self::CreateContainer(_))
    }

    /// Whether the call removes a resource, or what it did is done when the resource is gone.
    pub(super) fn deletes(&self) -> bool {
        matches!(
            self,
            Self::DeleteNetwork { .. }
                | Self::DeleteVolume { .. }
                | Self::DeleteContainer { .. }
                | Self::StopContainer { .. }
        )
    }
}

impl NewContainer {
    /// The configuration, hashed by parts: what differs in two of them is known by name, and no value is.
    pub fn parts(&self) -> BTreeMap<String, String> {
        let mut parts: BTreeMap<String, String> = [
            // Which image of that name it is, its id says: a name that is pinned is the same container's.
            ("image", self.image.split('@').next().unwrap_or_default().to_owned()),
            ("network", self.network.clone() + if self.knows_host { " and this machine" } else { "" }),
            ("entrypoint", format!("{:?}", self.entrypoint)),
            ("command", format!("{:?}", self.command)),
            ("ports", format!("{:?}", self.ports)),
            ("volumes", format!("{:?}", self.mounts)),
            ("health", format!("{:?}", self.health)),
            ("restart", self.restart.as_str().to_owned()),
            ("memory", format!("{:?}", self.memory_bytes)),
            ("cpus", format!("{:?}", self.cpu_percent)),
        ]
        .map(|(part, value)| (part.to_owned(), hash(&value)))
        .into();
        parts.extend(self.environment.0.iter().map(|(name, value)| (format!("environment.{name}"), hash(value))));
        parts
    }
}

pub(super) fn hash(text: &str) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(text.as_bytes()).iter().take(PART_DIGITS / 2) {
        // Writing to a string does not fail.
        _ = write!(digits, "{byte:02x}");
    }
    digits
}
