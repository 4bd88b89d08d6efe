//! Which queue mappings are on an endpoint.

use aws_sdk_lambda::types::{EventSourceMappingConfiguration, FunctionResponseType};

use super::{AwsProvider, error::About, functions::whole};
use crate::{
    converge::ProviderError,
    model::{FunctionArn, QueueArn},
    stack::{ObservedMapping, Pollers, Readiness},
};

impl AwsProvider {
    /// All mappings from queues, in as few calls as there are pages; those of other sources cannot stand in a manifest.
    pub(super) async fn observe_mappings(&self) -> Result<Vec<(String, ObservedMapping)>, ProviderError> {
        let about = About { operation: "ListEventSourceMappings", resource: "all mappings" };
        let mut pages = self.lambda.list_event_source_mappings().into_paginator().send();
        let mut mappings = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| about.failed(&error))?;
            mappings.extend(page.event_source_mappings().iter().filter_map(observed));
        }
        Ok(mappings)
    }
}

/// `None` for what is not a queue's, or is going already.
fn observed(found: &EventSourceMappingConfiguration) -> Option<(String, ObservedMapping)> {
    let state = found.state().unwrap_or_default();
    if state == "Deleting" {
        return None;
    }
    let filters = found.filter_criteria().map(|criteria| criteria.filters()).unwrap_or_default();
    let FunctionArn { name, qualifier, .. } = FunctionArn::parse(found.function_arn()?)?;
    let mapping = ObservedMapping {
        function: name,
        alias: qualifier,
        queue: QueueArn::parse(found.event_source_arn()?)?,
        enabled: !matches!(state, "Disabled" | "Disabling"),
        batch_size: whole(found.batch_size()),
        batching_window_s: whole(found.maximum_batching_window_in_seconds()),
        max_concurrency: found
            .scaling_config()
            .and_then(|scaling| scaling.maximum_concurrency())
            .map(|n| whole(Some(n))),
        provisioned_pollers: found
            .provisioned_poller_config()
            .map(|config| Pollers { min: whole(config.minimum_pollers()), max: whole(config.maximum_pollers()) }),
        report_batch_item_failures: found
            .function_response_types()
            .contains(&FunctionResponseType::ReportBatchItemFailures),
        filters: filters.iter().filter_map(|filter| filter.pattern().map(str::to_owned)).collect(),
        readiness: match state {
            "Creating" | "Enabling" | "Disabling" | "Updating" => Readiness::Pending(state.to_owned()),
            _ => Readiness::Ready,
        },
    };
    Some((found.uuid()?.to_owned(), mapping))
}
