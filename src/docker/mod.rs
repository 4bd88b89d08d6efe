//! The little of Docker's API that the engine's containers and the provider of services need: finding the engine, and calls
//! on containers, networks, volumes and images. Knows no stack and decides nothing; every wait has a bound in this module.
//!
//! What `stackctl` makes carries the labels of [`Ownership`], by which it is found again. Podman's socket speaks the same API.

mod attach;
mod built;
mod configuration;
mod container;
mod context;
mod credentials;
mod diagnosis;
mod endpoint;
mod engine;
mod error;
mod image;
mod labels;
mod logs;
mod machine;
mod network;
mod spec;
mod volume;

pub use attach::Printed;
pub use container::{Container, ContainerState, Exit, Health, NetworkPlace, PublishedPort};
pub use context::Context;
pub use diagnosis::{Diagnosis, diagnose};
pub use endpoint::{Endpoint, Settings, Transport, candidates};
pub use engine::{Docker, EngineInfo};
pub use error::{Error, ErrorKind};
pub use image::{BuildSpec, Image};
pub use labels::{
    KIND_FUNCTION, KIND_NETWORK, KIND_SERVICE, KIND_VOLUME, LABEL_DIRECTORY, LABEL_HASH, LABEL_KIND, LABEL_NAME,
    LABEL_STACK, Ownership,
};
pub use logs::{LogLine, LogQuery, LogStream};
pub use machine::Machine;
pub use network::Network;
pub use spec::{ContainerSpec, HealthCheck, Mount, NetworkJoin, PortBinding, Restart, Ulimit};
pub use volume::Volume;
