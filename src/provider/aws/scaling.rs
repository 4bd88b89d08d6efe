//! Application Auto Scaling: what follows the load, and the calls that change it.

use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};

use super::{
    AwsProvider,
    calls::{number, send},
    error::About,
    functions::whole,
};
use crate::{
    converge::{ErrorKind, ProviderError},
    model::FunctionName,
    plan::Call,
    stack::{LIVE_ALIAS, ObservedPolicy, ObservedScaling, SCALING_POLICY},
};

const DIMENSION: ScalableDimension = ScalableDimension::LambdaFunctionProvisionedConcurrency;
const NAMESPACE: ServiceNamespace = ServiceNamespace::Lambda;

impl AwsProvider {
    /// What a function's alias follows. An endpoint without the service follows nothing, unless something was `wanted`.
    pub(super) async fn observe_scaling(
        &self,
        name: &FunctionName,
        wanted: bool,
    ) -> Result<Option<ObservedScaling>, ProviderError> {
        let resource = resource_id(name, LIVE_ALIAS);
        let about = About { operation: "DescribeScalableTargets", resource: name.as_str() };
        let request = self.scaling.describe_scalable_targets().service_namespace(NAMESPACE);
        let request = request.resource_ids(&resource).scalable_dimension(DIMENSION);
        let output = match Box::pin(request.send()).await.map_err(|error| about.failed(&error)) {
            Ok(output) => output,
            Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::Lacking) && !wanted => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(target) = output.scalable_targets().first() else { return Ok(None) };
        let (min, max) = (whole(Some(target.min_capacity)), whole(Some(target.max_capacity)));
        let about = About { operation: "DescribeScalingPolicies", resource: name.as_str() };
        let request = self.scaling.describe_scaling_policies().service_namespace(NAMESPACE);
        let request = request.resource_id(&resource).scalable_dimension(DIMENSION);
        let output = Box::pin(request.send()).await.map_err(|error| about.failed(&error))?;
        let policies = output.scaling_policies().iter().map(|policy| {
            let utilization_percent =
                policy.target_tracking_scaling_policy_configuration().and_then(utilization_percent);
            (policy.policy_name.clone(), ObservedPolicy { utilization_percent })
        });
        Ok(Some(ObservedScaling { min, max, policies: policies.collect() }))
    }

    /// Makes a call about scaling.
    pub(super) async fn make_scaling(&self, call: &Call) -> Result<(), ProviderError> {
        let scaling = &self.scaling;
        let about = |name| About { operation: call.operation(), resource: name };
        match call {
            Call::RegisterScalableTarget { name, alias, min, max } => {
                let request = scaling.register_scalable_target().service_namespace(NAMESPACE);
                let request = request.resource_id(resource_id(name, alias)).scalable_dimension(DIMENSION);
                send!(about(name.as_str()), request.min_capacity(number(*min)).max_capacity(number(*max)))
            }
            Call::DeregisterScalableTarget { name, alias } => {
                let request = scaling.deregister_scalable_target().service_namespace(NAMESPACE);
                let request = request.resource_id(resource_id(name, alias)).scalable_dimension(DIMENSION);
                send!(about(name.as_str()), request)
            }
            Call::PutScalingPolicy { name, alias, utilization_percent } => {
                let request = scaling.put_scaling_policy().service_namespace(NAMESPACE).policy_name(SCALING_POLICY);
                let request = request.resource_id(resource_id(name, alias)).scalable_dimension(DIMENSION);
                let request = request.policy_type(PolicyType::TargetTrackingScaling);
                let configuration = configuration(*utilization_percent);
                send!(about(name.as_str()), request.set_target_tracking_scaling_policy_configuration(configuration))
            }
            Call::DeleteScalingPolicy { name, alias, policy } => {
                let request = scaling.delete_scaling_policy().service_namespace(NAMESPACE).policy_name(policy);
                let request = request.resource_id(resource_id(name, alias)).scalable_dimension(DIMENSION);
                send!(about(name.as_str()), request)
            }
            // The others are made elsewhere.
            _ => Ok(()),
        }
    }
}

fn resource_id(name: &FunctionName, alias: &str) -> String {
    format!("function:{name}:{alias}")
}

/// Always some: the builders refuse nothing but what is missing.
fn configuration(utilization_percent: u32) -> Option<TargetTrackingScalingPolicyConfiguration> {
    let metric = PredefinedMetricSpecification::builder()
        .predefined_metric_type(MetricType::LambdaProvisionedConcurrencyUtilization)
        .build()
        .ok()?;
    TargetTrackingScalingPolicyConfiguration::builder()
        .target_value(f64::from(utilization_percent) / 100.0)
        .predefined_metric_specification(metric)
        .build()
        .ok()
}

/// The percentage of a policy that does nothing but what a manifest can say.
fn utilization_percent(found: &TargetTrackingScalingPolicyConfiguration) -> Option<u32> {
    let metric = found.predefined_metric_specification()?;
    let is_plain = *metric.predefined_metric_type() == MetricType::LambdaProvisionedConcurrencyUtilization
        && found.scale_in_cooldown().is_none_or(|seconds| seconds == 0)
        && found.scale_out_cooldown().is_none_or(|seconds| seconds == 0)
        && !found.disable_scale_in().unwrap_or(false);
    (1..=100).find(|percent| is_plain && (f64::from(*percent) / 100.0 - found.target_value()).abs() < 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_comes_back() {
        for percent in [10, 63, 70, 90] {
            assert_eq!(configuration(percent).as_ref().and_then(utilization_percent), Some(percent));
        }
        let mut slow = configuration(70).unwrap();
        slow.scale_in_cooldown = Some(60);
        assert_eq!(utilization_percent(&slow), None, "somebody changed it");
    }
}
