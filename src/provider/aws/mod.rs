//! Any endpoint that speaks AWS's SQS and Lambda APIs: the embedded engine, LocalStack, AWS. Uses nothing of an endpoint but
//! those APIs, and the credentials that it is given.

mod calls;
mod client;
mod connection;
mod error;
mod features;
mod functions;
mod layers;
mod mappings;
mod owned;
mod packages;
mod queues;
mod scaling;
mod schedules;
mod side_by_side;
mod trust;
mod urls;
mod versions;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_applicationautoscaling::client::Client as ScalingClient;
use aws_sdk_lambda::client::Client as LambdaClient;
use aws_sdk_resourcegroupstagging::client::Client as TaggingClient;
use aws_sdk_scheduler::client::Client as SchedulerClient;
use aws_sdk_sqs::client::Client as SqsClient;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

pub use client::Endpoint;
pub use connection::{AccessError, Connection, Identity};
pub use packages::Packages;
pub use trust::{BundleError, Trust};

use crate::{
    converge::{ErrorKind, Provider, ProviderError},
    model::FunctionName,
    plan::Step,
    stack::{Desired, Feature, Observed, ObservedFunction},
};

/// Requests of an observation under way at once.
const OBSERVING_AT_ONCE_MAX: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub struct AwsProvider {
    sqs: SqsClient,
    lambda: LambdaClient,
    scheduler: SchedulerClient,
    scaling: ScalingClient,
    observing: Arc<Semaphore>,
    /// The version that was published last of each function, for the step that follows.
    published: Arc<Mutex<BTreeMap<FunctionName, String>>>,
    /// The ARN of the version that was published last of each layer, for the steps that follow.
    published_layers: Arc<Mutex<BTreeMap<String, String>>>,
    url: Arc<str>,
    /// `None` of the embedded engine, which has all features and no Resource Groups Tagging API, and finds code by reference.
    elsewhere: Option<Elsewhere>,
}

/// What only targets other than the embedded engine have, or have to be asked for.
#[derive(Clone, Debug)]
struct Elsewhere {
    tagging: TaggingClient,
    packages: Packages,
    found_out: Arc<Mutex<features::FoundOut>>,
}

impl AwsProvider {
    /// Reaches `endpoint` over plain HTTP.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self::with_http_client(endpoint, client::plain_http())
    }

    /// Reaches `endpoint` through another HTTP client: one with TLS, or a service in this process.
    pub fn with_http_client(endpoint: &Endpoint, http: SharedHttpClient) -> Self {
        Self::of(&client::config(endpoint, http), &endpoint.url, None)
    }

    /// Reaches a target that is not the embedded engine, which gets code as `packages`.
    pub fn connected(connection: &Connection, packages: Packages) -> Self {
        let config = connection.config();
        let tagging = TaggingClient::new(config);
        let elsewhere = Elsewhere { tagging, packages, found_out: Arc::default() };
        Self::of(config, connection.url(), Some(elsewhere))
    }

    fn of(config: &SdkConfig, url: &str, elsewhere: Option<Elsewhere>) -> Self {
        Self {
            sqs: SqsClient::new(config),
            lambda: LambdaClient::new(config),
            scheduler: SchedulerClient::new(config),
            scaling: ScalingClient::new(config),
            observing: Arc::new(Semaphore::new(OBSERVING_AT_ONCE_MAX)),
            published: Arc::default(),
            published_layers: Arc::default(),
            url: url.into(),
            elsewhere,
        }
    }

    /// What the target does not have of what `desired` wants. The embedded engine has everything.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn find_out(&self, desired: &Desired) -> Result<BTreeSet<Feature>, ProviderError> {
        self.ask_for_all(desired).await.map_err(|error| self.explained(error))
    }

    /// Says where nobody answered, and what that means there.
    fn explained(&self, error: ProviderError) -> ProviderError {
        if error.kind != ErrorKind::Unreachable {
            return error;
        }
        let hint = if self.elsewhere.is_none() && is_loopback(&self.url) {
            format!("nothing answers at `{}`: is the engine running? `stackctl up` starts it", self.url)
        } else {
            format!("nothing answers at `{}`: is that the right address, and is there a way to it from here?", self.url)
        };
        ProviderError { hint: Some(hint), ..error }
    }
}

/// Whether the endpoint is on this machine.
fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}

impl Provider for AwsProvider {
    async fn observe(&self, desired: &Desired) -> Result<Observed, ProviderError> {
        let owned = self.owned(desired).await.map_err(|error| self.explained(error))?;
        let found = tokio::try_join!(
            self.observe_queues(desired, owned.as_ref()),
            self.observe_functions(desired, owned.as_ref()),
            self.observe_mappings(),
            self.observe_schedules(desired),
            self.observe_layers(desired),
        );
        let (queues, functions, mappings, schedules, layers) = found.map_err(|error| self.explained(error))?;
        let mut observed = Observed { layers, ..Observed::default() };
        queues.sort_into(&mut observed);
        functions.sort_into(mappings, &mut observed);
        schedules.sort_into(&mut observed);
        Ok(observed)
    }

    async fn look_at(
        &self,
        desired: &Desired,
        functions: &[FunctionName],
    ) -> Result<BTreeMap<FunctionName, ObservedFunction>, ProviderError> {
        self.functions_named(desired, functions.to_vec()).await
    }

    async fn apply(&self, step: &Step) -> Result<(), ProviderError> {
        self.make(&step.call).await.map_err(|error| self.explained(error))
    }
}
