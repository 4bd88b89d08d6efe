//! Named volumes: created, looked at, removed.

use std::collections::BTreeMap;

use bollard::{
    models as api,
    query_parameters::{ListVolumesOptions, RemoveVolumeOptions},
};

use super::{engine::Docker, error::Error};

/// A volume as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

impl Docker {
    /// Creates a volume. The engine takes a name that exists for a success, so look first.
    ///
    /// # Errors
    /// The engine refuses the name.
    pub async fn create_volume(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<(), Error> {
        let request = api::VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ..Default::default()
        };
        self.client.create_volume(request).await.map_err(Error::of("create the volume", name))?;
        Ok(())
    }

    /// A volume by name; `None` when there is none.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn volume(&self, name: &str) -> Result<Option<Volume>, Error> {
        match self.client.inspect_volume(name).await.map_err(Error::of("inspect the volume", name)) {
            Ok(found) => Ok(Some(from_api(found))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The volumes with all of these labels, by name.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn volumes(&self, labels: &[String]) -> Result<Vec<Volume>, Error> {
        let options = ListVolumesOptions { filters: Some([("label".to_owned(), labels.to_vec())].into()) };
        let listed = self.client.list_volumes(Some(options)).await;
        let listed = listed.map_err(Error::of("list volumes of", labels.join(" ")))?;
        let mut found: Vec<Volume> = listed.volumes.unwrap_or_default().into_iter().map(from_api).collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Removes a volume and what is in it.
    ///
    /// # Errors
    /// There is no such volume, or a container uses it.
    pub async fn remove_volume(&self, name: &str) -> Result<(), Error> {
        let removed = self.client.remove_volume(name, Some(RemoveVolumeOptions { force: false })).await;
        removed.map_err(Error::of("remove the volume", name))
    }
}

fn from_api(found: api::Volume) -> Volume {
    Volume { name: found.name, labels: found.labels.into_iter().collect() }
}
