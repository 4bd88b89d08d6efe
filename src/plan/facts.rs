//! What a plan must know of the target and of the builds, and what follows from it: URLs, ARNs, rendered templates.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    model::{ArtifactDigest, FunctionArn, FunctionName, HOST_NAME, QueueArn, QueueName, Scope},
    stack::{ContainerNetwork, Desired, Observed, Reference, Template, TemplatePart},
};

/// Where a stack is converged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFacts {
    /// The target's key in the manifest: `embedded`.
    pub name: String,
    pub kind: TargetKind,
    pub scope: Scope,
    /// That of queue URLs, without a slash at its end: `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// The role of functions that name none. `None` where a role has to exist, as on AWS.
    pub default_role: Option<String>,
    pub services: ServiceFacts,
}

/// What of a target makes a difference to a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// The engine of the stack itself, whose functions run on this machine.
    Embedded,
    /// One address for everything.
    Endpoint,
    /// An address a service.
    Aws,
}

/// What is known of side containers before they are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFacts {
    /// The host under which processes of this machine find published ports.
    pub host: String,
    /// Whether functions in containers have this machine's network whatever the manifest says: rootless Podman gives them no other.
    pub functions_share_network: bool,
    /// The names of the images that are built, by the service's key.
    pub images: BTreeMap<String, String>,
}

impl Default for ServiceFacts {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), functions_share_network: false, images: BTreeMap::new() }
    }
}

/// What each function is deployed from, by the function's key; and each layer, by [`layer_artifact`](super::layer_artifact).
pub type Artifacts = BTreeMap<String, ArtifactInfo>;

/// A built artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactInfo {
    /// Of an image that of its id.
    pub digest: ArtifactDigest,
    /// `ImageUri` of an image.
    pub image: Option<String>,
    /// The `CodeSha256` that the target gives for it, when that is known: with it, code that somebody else deployed is seen.
    pub code_sha256: Option<String>,
    /// Through which the package has to go: it is too large to be sent with the call.
    pub object: Option<PackageObject>,
}

/// Where a package lies while it is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageObject {
    pub bucket: String,
    pub key: String,
}

impl fmt::Display for PackageObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Why a text cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// What it refers to is not in the manifest: `queues.jobs`.
    Undeclared(String),
    /// The target has an address for each service.
    NoOneEndpoint,
}

impl ArtifactInfo {
    /// An artifact that the target resolves by its digest, as the embedded engine does.
    pub fn by_reference(digest: ArtifactDigest) -> Self {
        Self { digest, image: None, code_sha256: Some(STANDARD.encode(digest.as_bytes())), object: None }
    }

    /// An artifact that a target gets as a zip file, through `object` when that is too large to be sent.
    pub fn package(digest: ArtifactDigest, package_sha256: &[u8; 32], object: Option<PackageObject>) -> Self {
        Self { digest, image: None, code_sha256: Some(STANDARD.encode(package_sha256)), object }
    }

    /// An image of this machine, by the digest of its id.
    pub fn image(uri: String, digest: ArtifactDigest) -> Self {
        Self { digest, image: Some(uri), code_sha256: Some(digest.to_string()), object: None }
    }

    /// An image of a registry, known by its name alone.
    pub fn named_image(uri: String, digest: ArtifactDigest) -> Self {
        Self { digest, image: Some(uri), code_sha256: None, object: None }
    }
}

impl TargetFacts {
    /// The URL under which functions find a queue.
    pub fn queue_url(&self, name: &QueueName) -> String {
        format!("{}/{}/{name}", self.endpoint, self.scope.account)
    }

    /// A queue's ARN.
    pub fn queue_arn(&self, name: &QueueName) -> QueueArn {
        QueueArn { scope: self.scope.clone(), name: name.clone() }
    }

    /// A function's ARN, unqualified.
    pub fn function_arn(&self, name: &FunctionName) -> String {
        FunctionArn { scope: self.scope.clone(), name: name.clone(), qualifier: None }.to_string()
    }

    /// Renders a template for a process of this machine. The URL of a function that has none yet is empty: see
    /// [`has_url_references`].
    ///
    /// # Errors
    /// A queue, a function or a service that `desired` does not declare, or what this target has not.
    pub(super) fn render(
        &self,
        template: &Template,
        desired: &Desired,
        observed: &Observed,
    ) -> Result<String, Unresolved> {
        self.render_at(template, desired, observed, false)
    }

    /// Renders a template for a container in the stack's network, where services there are known by their keys, and those of this machine's
    /// network by [`HOST_NAME`].
    ///
    /// # Errors
    /// As [`TargetFacts::render`].
    pub(super) fn render_in_container(
        &self,
        template: &Template,
        desired: &Desired,
        observed: &Observed,
    ) -> Result<String, Unresolved> {
        self.render_at(template, desired, observed, true)
    }

    fn render_at(
        &self,
        template: &Template,
        desired: &Desired,
        observed: &Observed,
        in_container: bool,
    ) -> Result<String, Unresolved> {
        let no = |kind: &str, key: &String| Unresolved::Undeclared(format!("{kind}.{key}"));
        let service = |key: &String| desired.services.get(key).ok_or(no("services", key));
        let queue = |key: &String| desired.queues.get(key).map(|queue| &queue.name).ok_or(no("queues", key));
        let function = |key: &String| desired.functions.get(key).map(|f| &f.name).ok_or(no("functions", key));
        template.render(|reference| {
            Ok(match reference {
                Reference::QueueUrl(key) => self.queue_url(queue(key)?),
                Reference::QueueArn(key) => self.queue_arn(queue(key)?).to_string(),
                Reference::QueueName(key) => queue(key)?.to_string(),
                Reference::FunctionArn(key) => self.function_arn(function(key)?),
                Reference::FunctionName(key) => function(key)?.to_string(),
                Reference::FunctionUrl(key) => {
                    let found = observed.functions.get(function(key)?).and_then(|found| found.url.as_ref());
                    found.map_or_else(String::new, |found| found.url.clone())
                }
                Reference::ServiceHost(key) if in_container => match service(key)?.network {
                    ContainerNetwork::Bridge => key.clone(),
                    ContainerNetwork::Host => HOST_NAME.to_owned(),
                },
                Reference::ServiceHost(key) => service(key).map(|_| self.services.host.clone())?,
                Reference::ServicePort(key) => {
                    let port =
                        service(key)?.main_port().ok_or(Unresolved::Undeclared(format!("services.{key}.ports")))?;
                    (if in_container { port.container_port } else { port.host_port }).to_string()
                }
                Reference::StackName => desired.name.to_string(),
                Reference::StackRegion => self.scope.region.to_string(),
                Reference::StackAccount => self.scope.account.to_string(),
                Reference::StackEndpoint if self.kind == TargetKind::Aws => return Err(Unresolved::NoOneEndpoint),
                Reference::StackEndpoint => self.endpoint.clone(),
            })
        })
    }
}

/// Whether some text of the stack refers to a function's URL: only the target gives it out, so it is known once a plan is
/// carried out, and what refers to a new one is the next plan's.
pub fn has_url_references(desired: &Desired) -> bool {
    let environments = desired.functions.values().flat_map(|function| function.environment.values());
    let inputs = desired.schedules.values().filter_map(|schedule| schedule.input.as_ref());
    let mut parts = environments.chain(inputs).flat_map(|template| &template.0);
    parts.any(|part| matches!(part, TemplatePart::Reference(Reference::FunctionUrl(_))))
}
