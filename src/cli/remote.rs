//! A target that is not the embedded engine: reached, known by account and region, and told apart from what it should be
//! before anything is changed.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{
    Session,
    artifacts::address_of,
    commands::env::{HOST_PREFIX, SECRET_ACCESS_KEY},
    converging::{DEFAULT_ROLE_NAME, failure},
    failure::{Failure, Message},
    localstack,
    project::Project,
    services::Services,
    surroundings::variable,
    terminal::{BOLD, GREEN, count},
};
use crate::{
    build,
    model::{ArtifactDigest, Scope, limits::CODE_ZIP_MAX_BYTES},
    plan::{ArtifactInfo, Artifacts, PackageObject, TargetFacts, TargetKind},
    provider::{AccessError, AwsProvider, Connection, Identity, Packages, Trust},
    stack::{Access, Build, Desired, Target},
};

/// Where packages lie in a bucket while they are deployed.
const PACKAGE_PREFIX: &str = "stackctl";
/// A file of the certificates that a target's server may have.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// Set by CI services.
const CI: &str = "CI";

/// See the module.
#[derive(Debug)]
pub(crate) struct Remote {
    /// Its key in the manifest.
    pub(crate) name: String,
    pub(crate) scope: Scope,
    pub(crate) provider: AwsProvider,
    /// The stack as it is there.
    pub(crate) desired: Desired,
    connection: Connection,
    packages: Packages,
    access: Access,
    is_aws: bool,
    identity: Option<Identity>,
}

impl Remote {
    /// Reaches the target that was named, as whoever it is to be. Nothing is changed.
    pub(crate) async fn reach(session: &Session, project: &Project, desired: &Desired) -> Result<Self, Failure> {
        let name = session.elsewhere().unwrap_or_default().to_owned();
        let trust = trust()?;
        let (connection, access, is_aws) = match desired.targets.get(&name) {
            Some(Target::Aws(aws)) => {
                let endpoint = aws.endpoint.as_deref();
                let connection = Box::pin(Connection::from_chain(endpoint, &desired.region, &aws.access, &trust)).await;
                (connection, aws.access.clone(), true)
            }
            Some(Target::Endpoint(endpoint)) => {
                let access = endpoint.access.clone();
                let connection = if access.profile.is_some() {
                    Box::pin(Connection::from_chain(Some(&endpoint.url), &desired.region, &access, &trust)).await
                } else {
                    let account = access.account.unwrap_or(desired.account);
                    Connection::open(&endpoint.url, &Scope { account, region: desired.region.clone() }, &trust)
                };
                (connection, access, false)
            }
            Some(Target::LocalStack { port, .. }) => {
                let url = localstack::url(*port);
                if !localstack::is_ready(*port).await {
                    let help = format!("`stackctl up --target {name}` starts it");
                    return Err(Failure::world(format!("no LocalStack answers at `{url}`"), help));
                }
                let scope = Scope { account: desired.account, region: desired.region.clone() };
                (Connection::open(&url, &scope, &trust), Access::default(), false)
            }
            Some(Target::Embedded { .. }) | None => return Err(no_target(&name, desired)),
        };
        let denied = |error: &AccessError| Failure::world(error.to_string(), error.hint(&name));
        let identity = match connection.identity().await {
            // Emulators have their own ideas of who somebody is.
            Err(AccessError::Refused { .. }) if !is_aws => None,
            found => found.map_err(|error| denied(&error))?,
        };
        if let Some(found) = &identity {
            found.check(access.account).map_err(|error| denied(&error))?;
        }
        let account = identity.as_ref().map(|found| found.account);
        let account = account.or(access.account).unwrap_or(desired.account);
        let packages = Packages::new(project.state_dir(), &connection);
        let mut remote = Self {
            scope: Scope { account, region: connection.region().clone() },
            provider: AwsProvider::connected(&connection, packages.clone()),
            desired: desired.clone(),
            name,
            connection,
            packages,
            access,
            is_aws,
            identity,
        };
        remote.desired = remote.fit(session, desired.clone()).await?;
        Ok(remote)
    }

    /// The stack without what the target does not have, which is said.
    async fn fit(&self, session: &Session, mut desired: Desired) -> Result<Desired, Failure> {
        let lacking = self.provider.find_out(&desired).await.map_err(|error| failure(&error))?;
        for (address, feature) in desired.without(lacking) {
            let (target, feature) = (&self.name, feature.name());
            session.terminal.warn(format_args!("{address}: the target `{target}` has no {feature}; left out"));
        }
        if desired.services.is_empty() || self.is_on_this_machine() {
            return Ok(desired);
        }
        let services = desired.services.len();
        if let Some(place) = desired.without_services().first() {
            let text = format!("{place} refers to a service, and services run on this machine, not on `{}`", self.name);
            return Err(Failure::ManifestMessage(Message::new(text).help("give it another value in a profile")));
        }
        let text =
            format!("{} left out: they run on this machine, not on `{}`", count(services as u64, "service"), self.name);
        session.terminal.warn(text);
        Ok(desired)
    }

    /// Where queue URLs begin.
    pub(crate) fn url(&self) -> &str {
        self.connection.url()
    }

    /// Whether it is AWS, or stands for it, so that changes are confirmed.
    pub(crate) fn is_aws(&self) -> bool {
        self.is_aws
    }

    /// What the SDKs' clients are made from.
    pub(crate) fn config(&self) -> &aws_types::SdkConfig {
        self.connection.config()
    }

    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(self.config())
    }

    /// One that waits for a function as long as it takes, and does not repeat.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::config::Builder::from(self.config())
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .timeout_config(aws_smithy_types::timeout::TimeoutConfig::disabled());
        aws_sdk_lambda::Client::from_conf(config.build())
    }

    /// What a plan has to know of it.
    pub(crate) fn facts(&self, services: &Services) -> TargetFacts {
        let placeholder =
            || format!("arn:{}:iam::{}:role/{DEFAULT_ROLE_NAME}", self.scope.region.partition(), self.scope.account);
        let localstack_port = match self.desired.targets.get(&self.name) {
            Some(Target::LocalStack { port, .. }) => Some(*port),
            _ => None,
        };
        TargetFacts {
            name: self.name.clone(),
            kind: if self.connection.has_one_endpoint() { TargetKind::Endpoint } else { TargetKind::Aws },
            scope: self.scope.clone(),
            endpoint: localstack_port.map_or_else(|| self.url().to_owned(), localstack::url_for_functions),
            default_role: self.access.role.clone().or_else(|| (!self.is_aws).then(placeholder)),
            services: services.facts.clone(),
        }
    }

    /// The variables with which AWS's tools find it. No secrets: those are where the AWS configuration has them.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let region = self.scope.region.to_string();
        let mut variables = vec![("AWS_REGION", region.clone()), ("AWS_DEFAULT_REGION", region)];
        if self.connection.has_one_endpoint() {
            variables.push(("AWS_ENDPOINT_URL", self.url().to_owned()));
            variables.push((HOST_PREFIX.0, HOST_PREFIX.1.to_owned()));
        }
        match &self.access.profile {
            Some(profile) => variables.push(("AWS_PROFILE", profile.clone())),
            None if self.is_aws => {}
            None => {
                variables.push(("AWS_ACCESS_KEY_ID", self.access.account.unwrap_or(self.scope.account).to_string()));
                variables.push(("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()));
            }
        }
        variables
    }

    /// `aws  account 123456789012, region eu-west-1, as arn:...`: on AWS always, elsewhere for those who want details.
    pub(crate) fn show(&self, session: &Session) {
        let Scope { account, region } = &self.scope;
        let who = self.identity.as_ref().map_or_else(String::new, |identity| format!(", as {}", identity.arn));
        let at = if self.connection.has_one_endpoint() { format!(", at {}", self.url()) } else { String::new() };
        let text = format!("{}: account {BOLD}{account}{BOLD:#}, region {BOLD}{region}{BOLD:#}{who}{at}", self.name);
        if self.is_aws {
            session.terminal.step(GREEN, "target", text);
        } else {
            session.terminal.detail(text);
        }
    }

    /// Asks before the first change of an account.
    pub(crate) async fn confirm(&self, session: &Session, what: &str, yes: bool) -> Result<(), Failure> {
        if !self.is_aws {
            return Ok(());
        }
        let Scope { account, region } = &self.scope;
        session.terminal.confirm(&format!("{what} in the AWS account {account}, region {region}"), yes).await
    }

    /// Whether a plan is shown and not carried out: nobody looks, and nobody has agreed to anything.
    pub(crate) fn only_plans(&self, yes: bool) -> bool {
        let is_ci = variable(CI).is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
        self.is_aws && is_ci && !yes
    }

    /// The artifacts as the target takes them: zip files, through the bucket where they are too large to be sent.
    ///
    /// # Errors
    /// A package is too large, the bucket is not there, or a function's image is nowhere.
    pub(crate) async fn packaged(
        &self,
        session: &Session,
        project: &Project,
        artifacts: Artifacts,
    ) -> Result<Artifacts, Failure> {
        let (mut packaged, mut too_large) = (Artifacts::new(), Vec::new());
        for (key, info) in artifacts {
            if info.image.is_some() || !info.digest.dir_in(&project.state_dir()).is_dir() {
                packaged.insert(key, info);
                continue;
            }
            let (digest, state_dir) = (info.digest, project.state_dir());
            session.terminal.passing("packing", &address_of(&key));
            let packing = tokio::task::spawn_blocking(move || build::package(&digest, &state_dir));
            let package = packing.await.map_err(Failure::while_doing("pack"))?;
            let package = package.map_err(|error| Failure::World(Message::of_build(&key, &error)))?;
            let object = match &self.access.bucket {
                _ if package.size_bytes <= CODE_ZIP_MAX_BYTES as u64 => None,
                Some(bucket) => Some(self.object(bucket, &digest)),
                None => {
                    too_large.push(format!("{} ({} MiB)", address_of(&key), package.size_bytes >> 20));
                    continue;
                }
            };
            packaged.insert(key, ArtifactInfo::package(digest, &package.sha256, object));
        }
        if !too_large.is_empty() {
            let max = CODE_ZIP_MAX_BYTES >> 20;
            let text = format!("{} is over the {max} MiB that Lambda takes directly", too_large.join(", "));
            let help = format!("name a `bucket` under `[targets.{}]`: what is larger goes through it", self.name);
            return Err(Failure::ManifestMessage(Message::new(text).help(help)));
        }
        if let Some(object) = packaged.values().find_map(|info| info.object.as_ref()) {
            self.packages.check_bucket(&object.bucket).await.map_err(|error| failure(&error))?;
        }
        Ok(packaged)
    }

    /// Removes packages of other artifacts from this machine.
    pub(crate) fn prune(&self, project: &Project, artifacts: &Artifacts) {
        let used: BTreeSet<_> = artifacts.values().map(|info| info.digest).collect();
        build::prune_packages(&project.state_dir(), &used);
    }

    fn object(&self, bucket: &str, digest: &ArtifactDigest) -> PackageObject {
        let key = format!("{PACKAGE_PREFIX}/{}/{digest}.zip", self.desired.name);
        PackageObject { bucket: bucket.to_owned(), key }
    }

    pub(crate) fn is_on_this_machine(&self) -> bool {
        let url = self.url();
        let host = url.split_once("://").map_or(url, |(_, rest)| rest);
        ["127.", "localhost", "[::1]"].iter().any(|start| host.starts_with(start))
    }
}

/// The certificates of the file that `AWS_CA_BUNDLE` names, or this machine's.
fn trust() -> Result<Trust, Failure> {
    let Some(file) = variable(CA_BUNDLE).filter(|file| !file.is_empty()) else { return Ok(Trust::default()) };
    let help = "name a file of certificates in PEM, or unset it";
    let pem = std::fs::read(&file)
        .map_err(|error| Failure::world(format!("cannot read `{file}`, which `{CA_BUNDLE}` names: {error}"), help))?;
    Trust::bundle(&pem)
        .map_err(|error| Failure::world(format!("`{file}`, which `{CA_BUNDLE}` names, is no bundle: {error}"), help))
}

/// Functions that are images, which nobody builds for another target: by the name that a registry knows.
///
/// # Errors
/// An image would have to be built and pushed.
pub(crate) fn images(desired: &Desired) -> Result<Artifacts, Failure> {
    let mut artifacts = Artifacts::new();
    for (key, function) in desired.functions.iter().filter(|(_, function)| function.is_image()) {
        let Some(uri) = function.image.as_ref().filter(|_| !matches!(function.build, Build::Image(_))) else {
            let text = format!("functions.{key} is an image that is built here, and nothing pushes it to a registry");
            let help =
                "push it yourself, and name it in a profile: `image = \"ACCOUNT.dkr.ecr.REGION.amazonaws.com/...\"`";
            return Err(Failure::ManifestMessage(Message::new(text).help(help)));
        };
        let digest = ArtifactDigest::from_bytes(Sha256::digest(uri).into());
        artifacts.insert(key.clone(), ArtifactInfo::named_image(uri.clone(), digest));
    }
    Ok(artifacts)
}

/// An error that names the targets that there are.
pub(crate) fn no_target(name: &str, desired: &Desired) -> Failure {
    let names: Vec<_> = desired.targets.keys().map(|name| format!("`{name}`")).collect();
    let help = format!("there are {}; `[targets.{name}]` in the manifest adds it", names.join(", "));
    Failure::ManifestMessage(Message::new(format!("the manifest has no target `{name}`")).help(help))
}
