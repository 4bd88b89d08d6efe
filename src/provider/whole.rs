//! A stack in two places: queues and functions on an endpoint, services on a container engine.

use std::collections::BTreeMap;

use super::{AwsProvider, DockerProvider};
use crate::{
    converge::{ErrorKind, Provider, ProviderError},
    model::FunctionName,
    plan::{Call, Step},
    stack::{Desired, Observed, ObservedFunction},
};

/// See the module.
#[derive(Clone, Debug)]
pub struct WholeProvider {
    aws: AwsProvider,
    /// `None` for a stack that has no services and never had any.
    docker: Option<DockerProvider>,
}

impl WholeProvider {
    /// Both halves.
    pub fn new(aws: AwsProvider, docker: Option<DockerProvider>) -> Self {
        Self { aws, docker }
    }
}

impl Provider for WholeProvider {
    async fn observe(&self, desired: &Desired) -> Result<Observed, ProviderError> {
        let Some(docker) = &self.docker else { return self.aws.observe(desired).await };
        let (mut observed, services) = tokio::try_join!(self.aws.observe(desired), docker.observe(desired))?;
        observed.services = services.services;
        observed.foreign.extend(services.foreign);
        Ok(observed)
    }

    async fn look_at(
        &self,
        desired: &Desired,
        functions: &[FunctionName],
    ) -> Result<BTreeMap<FunctionName, ObservedFunction>, ProviderError> {
        self.aws.look_at(desired, functions).await
    }

    async fn apply(&self, step: &Step) -> Result<(), ProviderError> {
        match (&step.call, &self.docker) {
            (Call::Container(_), Some(docker)) => docker.apply(step).await,
            (Call::Container(call), None) => Err(ProviderError {
                operation: call.operation(),
                resource: step.address.to_string(),
                code: None,
                message: "no container engine was asked for".to_owned(),
                hint: None,
                kind: ErrorKind::Refused,
            }),
            _ => self.aws.apply(step).await,
        }
    }
}
