//! A container engine in memory for tests: refuses what an engine refuses about the order of calls.

use super::{ContainerCall, NewContainer, NewMountSource};
use crate::model::HOST_NETWORK;
use crate::stack::{Condition, ObservedContainer, ObservedServices, Readiness, ServiceState};

/// Carries out a call. What is started is healthy at once, and a job has ended.
pub(super) fn apply(all: &mut ObservedServices, call: &ContainerCall) -> Result<(), String> {
    match call {
        ContainerCall::PullImage { image } | ContainerCall::BuildImage { image, .. } => {
            if all.images.insert(image.clone(), format!("id of {image}")).is_some() {
                return Err(format!("image {image} is here"));
            }
        }
        ContainerCall::CreateNetwork { name } => {
            if all.network.replace(name.clone()).is_some() {
                return Err(format!("network {name} exists"));
            }
        }
        ContainerCall::DeleteNetwork { name } => {
            // One of this machine's network is not in it.
            if all.containers.values().any(|container| container.parts.get("network") != Some(&host_part())) {
                return Err(format!("network {name} has containers"));
            }
            all.network = None;
        }
        ContainerCall::CreateVolume { key, name } => {
            if all.volumes.insert(name.clone(), key.clone()).is_some() {
                return Err(format!("volume {name} exists"));
            }
        }
        ContainerCall::DeleteVolume { name } => {
            if all.containers.values().any(|container| container.volumes.contains(name)) {
                return Err(format!("volume {name} is in use"));
            }
            all.volumes.remove(name).ok_or(format!("no volume {name}"))?;
        }
        ContainerCall::CreateContainer(new) => create(all, new)?,
        ContainerCall::StartContainer { name } => container(all, name)?.state = ServiceState::Healthy,
        ContainerCall::StopContainer { name } => {
            container(all, name)?.state = ServiceState::Exited { code: 0, reason: String::new() };
        }
        ContainerCall::DeleteContainer { name } => {
            if container(all, name)?.state.is_up() {
                return Err(format!("{name} was not stopped"));
            }
            all.containers.remove(name);
        }
        ContainerCall::AwaitContainer { name, condition } => {
            let found = container(all, name)?;
            if *condition == Condition::Completed && found.state.is_up() {
                found.state = ServiceState::Exited { code: 0, reason: String::new() };
            }
            let readiness = found.state.meets(*condition);
            if readiness != Readiness::Ready {
                return Err(format!("{name} is {readiness:?}"));
            }
        }
    }
    Ok(())
}

fn host_part() -> String {
    super::container_call::hash(HOST_NETWORK)
}

fn container<'a>(all: &'a mut ObservedServices, name: &str) -> Result<&'a mut ObservedContainer, String> {
    all.containers.get_mut(name).ok_or(format!("no container {name}"))
}

fn create(all: &mut ObservedServices, new: &NewContainer) -> Result<(), String> {
    let name = new.name.clone();
    if all.network.as_ref() != Some(&new.network) && new.network != HOST_NETWORK {
        return Err(format!("no network for {name}"));
    }
    let volumes: Vec<String> = new
        .mounts
        .iter()
        .filter_map(|mount| match &mount.source {
            NewMountSource::Volume(name) => Some(name.clone()),
            NewMountSource::Path(_) => None,
        })
        .collect();
    if let Some(missing) = volumes.iter().find(|volume| !all.volumes.contains_key(*volume)) {
        return Err(format!("no volume {missing}"));
    }
    let image_id = all.images.get(&new.image).ok_or(format!("no image {}", new.image))?.clone();
    let made = ObservedContainer {
        key: new.key.clone(),
        image: new.image.clone(),
        image_id,
        parts: new.parts(),
        state: ServiceState::Created,
        restart: new.restart,
        memory_bytes: new.memory_bytes.unwrap_or_default(),
        cpu_percent: u64::from(new.cpu_percent.unwrap_or_default()),
        is_in_network: true,
        volumes,
        is_job: false,
    };
    if all.containers.insert(name.clone(), made).is_some() {
        return Err(format!("container {name} exists"));
    }
    Ok(())
}
