//! What a target does not have of what a manifest wants, found out by asking before anything is planned.

use std::collections::BTreeSet;

use super::{AwsProvider, error::About};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::FunctionName,
    stack::{Desired, Feature, LIVE_ALIAS, Provisioned},
};

/// The name of a function that is asked about where the manifest has to have one.
const NOBODY: &str = "stackctl-asks";

/// What was found out about a target so far.
#[derive(Debug, Default)]
pub(super) struct FoundOut {
    pub(super) no_tagging: bool,
    /// Whether the list of function URLs has to be put together from single ones.
    pub(super) no_url_list: bool,
    asked: BTreeSet<Feature>,
    lacking: BTreeSet<Feature>,
}

impl AwsProvider {
    /// Asks for each feature that the manifest wants, once.
    pub(super) async fn ask_for_all(&self, desired: &Desired) -> Result<BTreeSet<Feature>, ProviderError> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(BTreeSet::new()) };
        for feature in wanted(desired) {
            if elsewhere.found_out.lock().asked.contains(&feature) {
                continue;
            }
            let result = self.ask_for(feature, desired).await;
            let mut found_out = elsewhere.found_out.lock();
            match result {
                Err(error) if error.kind == ErrorKind::Lacking => drop(found_out.lacking.insert(feature)),
                Err(error) if error.kind == ErrorKind::Unreachable => return Err(error),
                // What is not there is known to the target, and what it forbids is said when it is needed.
                Ok(()) | Err(_) => {}
            }
            found_out.asked.insert(feature);
        }
        Ok(elsewhere.found_out.lock().lacking.clone())
    }

    /// A question that changes nothing.
    async fn ask_for(&self, feature: Feature, desired: &Desired) -> Result<(), ProviderError> {
        let function = desired.functions.values().next().map_or(NOBODY, |function| function.name.as_str());
        match feature {
            Feature::Schedules => {
                let group = desired.name.as_str();
                let about = About { operation: "GetScheduleGroup", resource: group };
                let sent = Box::pin(self.scheduler.get_schedule_group().name(group).send()).await;
                sent.map(drop).map_err(|error| about.failed(&error))
            }
            Feature::FunctionUrls => {
                let about = About { operation: "GetFunctionUrlConfig", resource: function };
                let sent = Box::pin(self.lambda.get_function_url_config().function_name(function).send()).await;
                sent.map(drop).map_err(|error| about.failed(&error))
            }
            Feature::ProvisionedConcurrency => {
                let about = About { operation: "GetProvisionedConcurrencyConfig", resource: function };
                let request = self.lambda.get_provisioned_concurrency_config().function_name(function);
                let sent = Box::pin(request.qualifier(LIVE_ALIAS).send()).await;
                sent.map(drop).map_err(|error| about.failed(&error))
            }
            Feature::Scaling => {
                let Ok(name) = FunctionName::parse(function) else { return Ok(()) };
                self.observe_scaling(&name, true).await.map(drop)
            }
        }
    }
}

fn wanted(desired: &Desired) -> BTreeSet<Feature> {
    let mut wanted = BTreeSet::new();
    if !desired.schedules.is_empty() {
        wanted.insert(Feature::Schedules);
    }
    for function in desired.functions.values() {
        if function.url.is_some() {
            wanted.insert(Feature::FunctionUrls);
        }
        match &function.provisioned_concurrency {
            Some(Provisioned::Fixed(_)) => drop(wanted.insert(Feature::ProvisionedConcurrency)),
            Some(Provisioned::Tracked { .. }) => {
                wanted.extend([Feature::ProvisionedConcurrency, Feature::Scaling]);
            }
            None => {}
        }
    }
    wanted
}
