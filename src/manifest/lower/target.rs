//! Where a stack can be converged.

use std::collections::BTreeMap;

use super::{Fields, Lowering, PORT_DEFAULT};
use crate::{
    manifest::{problem::Problem, tree::Node},
    model::{AccountId, Durability, FunctionIsolation, Isolation, Region},
    stack::{Access, AwsTarget, ContainerNetwork, EndpointTarget, PortChoice, Target, is_aws_host},
};

impl Lowering<'_> {
    pub(super) fn targets(&mut self, fields: &Fields<'_>) -> BTreeMap<String, Target> {
        let mut targets = BTreeMap::from([("embedded".to_owned(), embedded(&fields.table("embedded")))]);
        if fields.node("localstack").is_some() {
            let localstack = fields.table("localstack");
            let port = localstack.number("port").and_then(|port| u16::try_from(port).ok()).unwrap_or(PORT_DEFAULT);
            targets.insert("localstack".to_owned(), Target::LocalStack { image: localstack.text("image"), port });
        }
        if fields.node("aws").is_some() {
            targets.insert("aws".to_owned(), Target::Aws(aws(&fields.table("aws"))));
        }
        for (key, target) in fields.others() {
            targets.extend(self.named_target(key, &target).map(|target| (key.to_owned(), target)));
        }
        targets
    }

    /// A target whose name is the user's choice.
    fn named_target(&mut self, key: &str, fields: &Fields<'_>) -> Option<Target> {
        if fields.text("kind").as_deref() == Some("aws") {
            return Some(Target::Aws(aws(fields)));
        }
        let url = fields.text("endpoint")?;
        if is_aws_host(&url) {
            let problem = Problem::mistake("wrong_kind", format!("the endpoint of `targets.{key}` is AWS itself"));
            let help = "write `kind = \"aws\"`: account and region are then shown before anything is changed";
            self.problems.push(problem.at(fields.node("endpoint")?.span, "AWS's own").help(help));
        }
        Some(Target::Endpoint(EndpointTarget { url: url.trim_end_matches('/').to_owned(), access: access(fields) }))
    }
}

/// Of functions that say nothing themselves.
pub(super) fn default_isolation(targets: &Fields<'_>) -> FunctionIsolation {
    let isolation = targets.table("embedded").text("isolation").and_then(|name| Isolation::parse(&name));
    FunctionIsolation::of(isolation.unwrap_or_default())
}

fn embedded(fields: &Fields<'_>) -> Target {
    Target::Embedded {
        port: embedded_port(fields),
        durability: fields.text("durability").and_then(|name| Durability::parse(&name)).unwrap_or_default(),
        isolation: fields.text("isolation").and_then(|name| Isolation::parse(&name)).unwrap_or_default(),
        network: network(fields),
    }
}

/// `network`, of functions or of a service.
pub(super) fn network(fields: &Fields<'_>) -> ContainerNetwork {
    match fields.text("network").as_deref() {
        Some("host") => ContainerNetwork::Host,
        _ => ContainerNetwork::Bridge,
    }
}

fn embedded_port(fields: &Fields<'_>) -> PortChoice {
    if fields.node("port").and_then(Node::as_text).is_some() {
        return PortChoice::Auto;
    }
    let port = fields.number("port").and_then(|port| u16::try_from(port).ok());
    PortChoice::Fixed(port.unwrap_or(PORT_DEFAULT))
}

fn aws(fields: &Fields<'_>) -> AwsTarget {
    let endpoint = fields.text("endpoint").map(|url| url.trim_end_matches('/').to_owned());
    AwsTarget { endpoint, access: access(fields) }
}

fn access(fields: &Fields<'_>) -> Access {
    Access {
        region: fields.text("region").and_then(|region| Region::parse(&region)),
        account: fields.text("account").and_then(|account| AccountId::parse(&account)),
        profile: fields.text("profile"),
        role: fields.text("role"),
        bucket: fields.text("bucket"),
        name_prefix: fields.text("name_prefix").unwrap_or_default(),
    }
}
