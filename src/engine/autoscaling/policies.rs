//! Target-tracking policies: put, described, deleted.

use super::{
    Alarm, Autoscaling, AutoscalingError, AutoscalingErrorKind, CustomizedMetric, Describe, Named, PutScalingPolicy,
    Response, ScalingPolicy, StoredPolicy, TargetTracking,
    api::seconds,
    resource::ResourceId,
    validate::{self, DIMENSION, NAMESPACE, Wanted, invalid},
};
use crate::{engine::Cx, model::Scope};

const TARGET_TRACKING: &str = "TargetTrackingScaling";
/// The predefined metric of functions.
const UTILIZATION: &str = "LambdaProvisionedConcurrencyUtilization";
/// Policies of one target (Application Auto Scaling user guide, "Quotas").
const POLICIES_MAX: usize = 50;
/// `TargetValue` (Application Auto Scaling API reference).
const TARGET_VALUES: std::ops::RangeInclusive<f64> = 8.515_920e-109..=1.174_271e108;
/// Statistics of a customized metric that one datapoint can tell.
pub(super) const STATISTICS: [&str; 3] = ["Average", "Minimum", "Maximum"];

impl Autoscaling {
    pub(super) fn put_policy(
        &mut self,
        cx: &mut Cx<'_>,
        request: &PutScalingPolicy,
    ) -> Result<Response, AutoscalingError> {
        let resource = validate::resource(
            request.service_namespace.as_deref(),
            request.resource_id.as_deref(),
            request.scalable_dimension.as_deref(),
        )?;
        let name = request.policy_name.clone().unwrap_or_default();
        let configuration = checked(&resource, request)?.clone();
        let policies = &mut self.target_mut(&resource)?.stored.policies;
        let mut others = policies.iter().filter(|(other, _)| **other != name).map(|(_, policy)| policy);
        if others.any(|other| is_same_metric(&other.configuration, &configuration)) {
            return Err(invalid("Only one TargetTrackingScaling policy for a given metric specification is allowed."));
        }
        if policies.len() >= POLICIES_MAX && !policies.contains_key(&name) {
            let message = format!("A scalable target can have at most {POLICIES_MAX} scaling policies");
            return Err(AutoscalingError::new(AutoscalingErrorKind::LimitExceeded, message));
        }
        let policy = policies.entry(name.clone()).or_insert_with(|| StoredPolicy {
            id: cx.ids.uuid(),
            high_alarm_id: cx.ids.uuid(),
            low_alarm_id: cx.ids.uuid(),
            configuration: TargetTracking::default(),
            created_at: cx.now,
        });
        policy.configuration = configuration;
        let policy_arn = resource.policy_arn(cx.scope, &policy.id, &name);
        let alarms = policy.alarms(cx.scope, &resource);
        if let Ok(target) = self.target_mut(&resource) {
            // The alarms are made anew, and wait for data.
            target.alarms.remove(&name);
        }
        self.record(cx, &resource);
        Ok(Response::PolicyPut { policy_arn, alarms })
    }

    pub(super) fn delete_policy(&mut self, cx: &mut Cx<'_>, request: &Named) -> Result<Response, AutoscalingError> {
        let name = request.policy_name.as_deref().unwrap_or_default();
        let resource = request.resource()?;
        let target = self.targets.get_mut(&resource);
        if target.is_none_or(|target| target.stored.policies.remove(name).is_none()) {
            let message = format!(
                "No scaling policy found for service namespace: {NAMESPACE}, resource ID: {resource}, scalable dimension: \
                 {DIMENSION}, policy name: {name}"
            );
            return Err(AutoscalingError::new(AutoscalingErrorKind::ObjectNotFound, message));
        }
        self.record(cx, &resource);
        Ok(Response::Done)
    }

    pub(super) fn describe_policies(&self, scope: &Scope, request: &Describe) -> Result<Response, AutoscalingError> {
        let wanted = Wanted::of(request, request.policy_names.as_ref())?;
        let all = self.targets.iter().flat_map(|(resource, target)| {
            target.stored.policies.iter().map(move |(name, policy)| (resource, name, policy))
        });
        let found = all.filter(|(resource, name, _)| wanted.has(resource, name));
        let shown = found.map(|(resource, name, policy)| (policy.id.clone(), policy.show(scope, resource, name)));
        validate::page(shown, request.max_results, request.next_token.as_deref()).map(Response::Policies)
    }
}

impl StoredPolicy {
    /// Whether it may scale in.
    pub(super) fn scales_in(&self) -> bool {
        !self.configuration.disable_scale_in.unwrap_or(false)
    }

    fn alarms(&self, scope: &Scope, resource: &ResourceId) -> Vec<Alarm> {
        let alarm = |side, id| {
            let alarm_name = resource.alarm_name(side, id);
            let alarm_arn = format!("arn:aws:cloudwatch:{}:{}:alarm:{alarm_name}", scope.region, scope.account);
            Alarm { alarm_name, alarm_arn }
        };
        let low = self.scales_in().then(|| alarm("Low", &self.low_alarm_id));
        std::iter::once(alarm("High", &self.high_alarm_id)).chain(low).collect()
    }

    fn show(&self, scope: &Scope, resource: &ResourceId, name: &str) -> ScalingPolicy {
        ScalingPolicy {
            policy_arn: resource.policy_arn(scope, &self.id, name),
            policy_name: name.to_owned(),
            service_namespace: NAMESPACE.to_owned(),
            resource_id: resource.to_string(),
            scalable_dimension: DIMENSION.to_owned(),
            policy_type: TARGET_TRACKING.to_owned(),
            target_tracking_scaling_policy_configuration: self.configuration.clone(),
            alarms: self.alarms(scope, resource),
            creation_time: seconds(self.created_at),
        }
    }
}

/// The configuration of a legal request.
fn checked<'a>(resource: &ResourceId, request: &'a PutScalingPolicy) -> Result<&'a TargetTracking, AutoscalingError> {
    match request.policy_type.as_deref() {
        Some(TARGET_TRACKING) => {}
        None => return Err(invalid("PolicyType is required to create a scaling policy: name `TargetTrackingScaling`")),
        Some(other) => {
            return Err(invalid(format!(
                "{other} is not supported for the service namespace {NAMESPACE}: use {TARGET_TRACKING}"
            )));
        }
    }
    if request.step_scaling_policy_configuration.is_some() || request.predictive_scaling_policy_configuration.is_some()
    {
        return Err(invalid("A policy of type TargetTrackingScaling has a target tracking configuration alone"));
    }
    let Some(configuration) = &request.target_tracking_scaling_policy_configuration else {
        return Err(invalid(
            "TargetTrackingScalingPolicyConfiguration is required for policies of type TargetTrackingScaling",
        ));
    };
    let is_legal = configuration.target_value.is_some_and(|value| TARGET_VALUES.contains(&value));
    if !is_legal {
        return Err(invalid("TargetValue must be a number above zero"));
    }
    for (member, cooldown) in
        [("ScaleOutCooldown", configuration.scale_out_cooldown), ("ScaleInCooldown", configuration.scale_in_cooldown)]
    {
        if cooldown.is_some_and(|seconds| !(0..=i64::from(i32::MAX)).contains(&seconds)) {
            return Err(invalid(format!("{member} must not be below zero")));
        }
    }
    match (&configuration.predefined_metric_specification, &configuration.customized_metric_specification) {
        (Some(metric), None) if metric.predefined_metric_type == UTILIZATION => Ok(configuration),
        (Some(metric), None) => Err(invalid(format!(
            "The metric {} is not supported for the service namespace {NAMESPACE}: use {UTILIZATION}",
            metric.predefined_metric_type
        ))),
        (None, Some(metric)) => check_customized(resource, metric).map(|()| configuration),
        _ => Err(invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification is required")),
    }
}

/// A customized metric can be the utilisation with another statistic: bursts are seen by their maximum (Lambda developer
/// guide, "Managing provisioned concurrency with Application Auto Scaling").
fn check_customized(resource: &ResourceId, metric: &CustomizedMetric) -> Result<(), AutoscalingError> {
    let is_metric = metric.namespace.as_deref() == Some("AWS/Lambda")
        && metric.metric_name.as_deref() == Some("ProvisionedConcurrencyUtilization")
        && metric.metrics.is_none();
    let own = [
        ("FunctionName", resource.function.clone()),
        ("Resource", format!("{}:{}", resource.function, resource.qualifier)),
    ];
    let is_own = metric.dimensions.len() == own.len()
        && own.iter().all(|(name, value)| {
            metric.dimensions.iter().any(|dimension| dimension.name == *name && dimension.value == *value)
        });
    let statistic = metric.statistic.as_deref().unwrap_or_default();
    if is_metric && is_own && STATISTICS.contains(&statistic) {
        return Ok(());
    }
    Err(invalid(format!(
        "this engine knows one customized metric: AWS/Lambda ProvisionedConcurrencyUtilization with the dimensions \
         FunctionName={} and Resource={}:{}, and one of the statistics {}",
        resource.function,
        resource.function,
        resource.qualifier,
        STATISTICS.join(", ")
    )))
}

fn is_same_metric(a: &TargetTracking, b: &TargetTracking) -> bool {
    a.predefined_metric_specification == b.predefined_metric_specification
        && a.customized_metric_specification == b.customized_metric_specification
}
