//! Networks: created, looked at, removed.

use std::collections::BTreeMap;

use bollard::{
    models as api,
    query_parameters::{InspectNetworkOptions, ListNetworksOptions},
};

use super::{engine::Docker, error::Error};

/// A network as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// The address of this machine in it; empty where the engine does not say.
    pub gateway: String,
    /// `172.18.0.0/16`.
    pub subnet: String,
    pub is_internal: bool,
    /// When it was made: milliseconds of the epoch; 0 where the engine does not say.
    pub created_ms: i64,
}

impl Docker {
    /// Creates a bridge network; returns its id. Older engines take a name that exists, and then there are two of it.
    ///
    /// # Errors
    /// The name is taken, or the engine has no addresses left.
    pub async fn create_network(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<String, Error> {
        self.create_network_at(name, labels, None).await
    }

    /// The same, with its subnet and the address of this machine in it, where they are to be these.
    ///
    /// # Errors
    /// As [`Docker::create_network`], or somebody else has the subnet.
    pub async fn create_network_at(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        place: Option<(String, String)>,
    ) -> Result<String, Error> {
        let ipam = place.map(|(subnet, gateway)| {
            let config = api::IpamConfig { subnet: Some(subnet), gateway: Some(gateway), ..Default::default() };
            api::Ipam { config: Some(vec![config]), ..Default::default() }
        });
        let request = api::NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels.clone().into_iter().collect()),
            ipam,
            ..Default::default()
        };
        let created = self.client.create_network(request).await;
        Ok(created.map_err(Error::of("create the network", name))?.id)
    }

    /// A network by name or id; `None` when there is none.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn network(&self, name: &str) -> Result<Option<Network>, Error> {
        let found = self.client.inspect_network(name, None::<InspectNetworkOptions>).await;
        match found.map_err(Error::of("inspect the network", name)) {
            Ok(found) => Ok(Some(Network {
                id: found.id.unwrap_or_default(),
                name: found.name.unwrap_or_default(),
                labels: found.labels.unwrap_or_default().into_iter().collect(),
                gateway: address(found.ipam.as_ref(), |config| config.gateway.as_ref()),
                subnet: address(found.ipam.as_ref(), |config| config.subnet.as_ref()),
                is_internal: found.internal.unwrap_or_default(),
                created_ms: milliseconds(found.created.as_deref()),
            })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The networks with all of these labels, by name.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn networks(&self, labels: &[String]) -> Result<Vec<Network>, Error> {
        let options = ListNetworksOptions { filters: Some([("label".to_owned(), labels.to_vec())].into()) };
        let listed = self.client.list_networks(Some(options)).await;
        let listed = listed.map_err(Error::of("list networks of", labels.join(" ")))?;
        let mut found: Vec<Network> = listed
            .into_iter()
            .map(|network| Network {
                gateway: address(network.ipam.as_ref(), |config| config.gateway.as_ref()),
                subnet: address(network.ipam.as_ref(), |config| config.subnet.as_ref()),
                id: network.id.unwrap_or_default(),
                name: network.name.unwrap_or_default(),
                labels: network.labels.unwrap_or_default().into_iter().collect(),
                is_internal: network.internal.unwrap_or_default(),
                created_ms: milliseconds(network.created.as_deref()),
            })
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Removes a network.
    ///
    /// # Errors
    /// There is no such network, or containers are in it.
    pub async fn remove_network(&self, name: &str) -> Result<(), Error> {
        self.client.remove_network(name).await.map_err(Error::of("remove the network", name))
    }
}

fn milliseconds(time: Option<&str>) -> i64 {
    time.and_then(|time| time.parse::<jiff::Timestamp>().ok()).map_or(0, jiff::Timestamp::as_millisecond)
}

/// Of the first address range, which for what is made here is the only one.
fn address(ipam: Option<&api::Ipam>, part: impl Fn(&api::IpamConfig) -> Option<&String>) -> String {
    let first = ipam.and_then(|ipam| ipam.config.as_ref()?.first());
    first.and_then(part).cloned().unwrap_or_default()
}
