//! Any endpoint that speaks AWS's SQS and Lambda APIs: the embedded engine, LocalStack, AWS. Uses nothing of an endpoint but
//! those APIs, and credentials that it is given, never those of the machine.

mod calls;
mod client;
mod error;
mod functions;
mod mappings;
mod queues;
mod side_by_side;

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_lambda::client::Client as LambdaClient;
use aws_sdk_sqs::client::Client as SqsClient;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use tokio::sync::Semaphore;

pub use client::Endpoint;

use crate::{
    converge::{Provider, ProviderError},
    model::FunctionName,
    plan::Step,
    stack::{Desired, Observed, ObservedFunction},
};

/// Requests of an observation under way at once.
const OBSERVING_AT_ONCE_MAX: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub struct AwsProvider {
    sqs: SqsClient,
    lambda: LambdaClient,
    observing: Arc<Semaphore>,
}

impl AwsProvider {
    /// Reaches `endpoint` over plain HTTP.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self::with_http_client(endpoint, client::plain_http())
    }

    /// Reaches `endpoint` through another HTTP client: one with TLS, or a service in this process.
    pub fn with_http_client(endpoint: &Endpoint, http: SharedHttpClient) -> Self {
        Self {
            sqs: client::sqs(endpoint, http.clone()),
            lambda: client::lambda(endpoint, http),
            observing: Arc::new(Semaphore::new(OBSERVING_AT_ONCE_MAX)),
        }
    }
}

impl Provider for AwsProvider {
    async fn observe(&self, desired: &Desired) -> Result<Observed, ProviderError> {
        let (queues, functions, mappings) =
            tokio::try_join!(self.observe_queues(desired), self.observe_functions(desired), self.observe_mappings())?;
        let mut observed = Observed::default();
        queues.sort_into(&mut observed);
        functions.sort_into(&mut observed);
        let owned = mappings.into_iter().filter(|(_, mapping)| observed.functions.contains_key(&mapping.function));
        observed.mappings = owned.collect();
        Ok(observed)
    }

    async fn look_at(
        &self,
        _: &Desired,
        functions: &[FunctionName],
    ) -> Result<BTreeMap<FunctionName, ObservedFunction>, ProviderError> {
        self.functions_named(functions.to_vec()).await
    }

    async fn apply(&self, step: &Step) -> Result<(), ProviderError> {
        self.make(&step.call).await
    }
}
