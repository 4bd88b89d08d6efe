//! What is on the engine.

use std::collections::BTreeMap;

use super::{DockerProvider, error::failed, found};
use crate::{
    converge::ProviderError,
    docker::{KIND_SERVICE, LABEL_DIRECTORY, LABEL_KIND, LABEL_NAME, LABEL_STACK},
    model::{HOST_NETWORK, network_name, resource_name},
    stack::{Address, ContainerNetwork, Desired, DesiredService, Foreign, Observed, ServiceImage},
};

impl DockerProvider {
    /// What carries the stack's labels: for `desired` the services alone, and otherwise every container.
    pub(super) async fn owned(&self, desired: Option<&Desired>) -> Result<Observed, ProviderError> {
        let filter = match desired {
            Some(_) => self.ownership.filter(None),
            None => self.ownership.directory_filter(),
        };
        let (containers, networks, volumes) = tokio::try_join!(
            self.docker.containers(&filter),
            self.docker.networks(&filter),
            self.docker.volumes(&filter)
        )
        .map_err(|error| failed("ListContainers", &error))?;
        let network = self.ownership.network_name();
        let mut observed = Observed::default();
        for container in containers {
            let is_service = container.labels.get(LABEL_KIND).is_some_and(|kind| kind == KIND_SERVICE);
            if !is_service && desired.is_some() {
                continue;
            }
            let key = container.key().unwrap_or(&container.name).to_owned();
            let is_job = desired.is_some_and(|desired| desired.is_job(&key));
            let wanted = desired.and_then(|desired| desired.services.get(&key)).map(|service| service.network);
            let network = if wanted == Some(ContainerNetwork::Host) { HOST_NETWORK } else { &network };
            let seen = found::container(&container, &key, network, is_job);
            observed.services.containers.insert(container.name, seen);
        }
        observed.services.network = networks.into_iter().map(|network| network.name).next();
        for volume in volumes {
            let key = volume.labels.get(LABEL_NAME).unwrap_or(&volume.name).clone();
            observed.services.volumes.insert(volume.name, key);
        }
        Ok(observed)
    }

    /// Which of the images are here: those that the manifest names, and those that would be built.
    pub(super) async fn find_images(&self, desired: &Desired, observed: &mut Observed) -> Result<(), ProviderError> {
        let named = desired.services.values().filter_map(|service| match &service.image {
            ServiceImage::Named(image) => Some(image.clone()),
            ServiceImage::Built(_) => None,
        });
        for image in named.chain(self.built.iter().cloned()) {
            let found = self.docker.image(&image).await.map_err(|error| failed("InspectImage", &error))?;
            if let Some(found) = found {
                observed.services.images.insert(image, found::bare(&found.id).to_owned());
            }
        }
        Ok(())
    }

    /// What has a name that the manifest wants, and is not the stack's.
    pub(super) async fn find_foreign(&self, desired: &Desired, observed: &mut Observed) -> Result<(), ProviderError> {
        if desired.services.is_empty() {
            return Ok(());
        }
        for key in desired.services.keys() {
            let name = resource_name(&desired.name, key);
            if observed.services.containers.contains_key(&name) {
                continue;
            }
            let found = self.docker.inspect(&name).await.map_err(|error| failed("InspectContainer", &error))?;
            if let Some(found) = found.filter(|found| !self.ownership.owns(&found.labels)) {
                observed.foreign.insert(Address::Service(key.clone()), foreign("container", &name, &found.labels));
            }
        }
        for key in desired.services.values().flat_map(DesiredService::volume_keys) {
            let name = resource_name(&desired.name, key);
            let found = self.docker.volume(&name).await.map_err(|error| failed("InspectVolume", &error))?;
            if let Some(found) = found.filter(|found| !self.ownership.owns(&found.labels)) {
                observed.foreign.insert(Address::Volume(key.clone()), foreign("volume", &name, &found.labels));
            }
        }
        let name = network_name(&desired.name);
        let found = self.docker.network(&name).await.map_err(|error| failed("InspectNetwork", &error))?;
        if let Some(found) = found.filter(|found| found.name == name && !self.ownership.owns(&found.labels)) {
            observed.foreign.insert(Address::Network, foreign("network", &name, &found.labels));
        }
        Ok(())
    }
}

fn foreign(what: &str, name: &str, labels: &BTreeMap<String, String>) -> Foreign {
    let owner = labels.get(LABEL_STACK).map(|stack| match labels.get(LABEL_DIRECTORY) {
        Some(directory) => format!("{stack} in {}", directory.trim_end_matches("/.stackctl")),
        None => stack.clone(),
    });
    Foreign { arn: format!("{what} {name}"), owner, resource: None }
}
