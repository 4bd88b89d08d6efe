//! Scalable targets: registered, changed, described, deregistered.

use std::collections::BTreeMap;

use super::{
    Autoscaling, AutoscalingError, AutoscalingErrorKind, Describe, Named, RegisterScalableTarget, Response,
    ScalableTarget, Scaled, StoredTarget, Target,
    api::seconds,
    resource::{ResourceId, target_arn},
    tags,
    validate::{self, DIMENSION, NAMESPACE, invalid},
};
use crate::{
    engine::Cx,
    model::{Scope, Timestamp},
};

/// Hexadecimal digits at the end of a scalable target's ARN, after AWS's `0ec5`.
const ID_DIGITS: usize = 30;

impl Autoscaling {
    pub(super) fn register(
        &mut self,
        cx: &mut Cx<'_>,
        scaled: &mut Scaled<'_>,
        request: RegisterScalableTarget,
    ) -> Result<Response, AutoscalingError> {
        let RegisterScalableTarget { service_namespace, resource_id, scalable_dimension, .. } = &request;
        let resource =
            validate::resource(service_namespace.as_deref(), resource_id.as_deref(), scalable_dimension.as_deref())?;
        let known = self.targets.get(&resource).map(|target| &target.stored);
        let min = capacity(request.min_capacity, "minCapacity")?.or(known.map(|known| known.min_capacity));
        let max = capacity(request.max_capacity, "maxCapacity")?.or(known.map(|known| known.max_capacity));
        let (Some(min), Some(max)) = (min, max) else {
            return Err(invalid("MinCapacity and MaxCapacity are required when a scalable target is registered"));
        };
        check_bounds(min, max)?;
        scaled.lambda.check_scalable(&resource.function, &resource.qualifier).map_err(invalid)?;
        if request.tags.is_some() && known.is_some() {
            return Err(invalid("Tags can be given only to a new scalable target: tag this one with TagResource"));
        }
        if let Some(tags) = &request.tags {
            tags::check(tags)?;
        }
        let target = self.targets.entry(resource.clone()).or_insert_with(|| {
            let id = format!("0ec5{}", cx.ids.hex(ID_DIGITS));
            Target::new(StoredTarget::new(id, service_role(cx.scope), cx.now, request.tags.unwrap_or_default()))
        });
        (target.stored.min_capacity, target.stored.max_capacity) = (min, max);
        if let Some(suspended) = request.suspended_state {
            target.stored.suspended = suspended;
        }
        if let Some(role_arn) = request.role_arn {
            target.stored.role_arn = role_arn;
        }
        let scalable_target_arn = target_arn(cx.scope, &target.stored.id);
        self.record(cx, &resource);
        self.keep_within_bounds(cx, scaled, &resource);
        Ok(Response::Registered { scalable_target_arn })
    }

    pub(super) fn deregister(&mut self, cx: &mut Cx<'_>, request: &Named) -> Result<Response, AutoscalingError> {
        let resource = request.resource()?;
        if self.targets.remove(&resource).is_none() {
            return Err(no_target(&resource, "found"));
        }
        self.schedules.retain(|(_, other)| *other != resource);
        self.record(cx, &resource);
        Ok(Response::Done)
    }

    pub(super) fn describe_targets(&self, scope: &Scope, request: &Describe) -> Result<Response, AutoscalingError> {
        let is_served = validate::is_served(request);
        let wanted = request.resource_ids.as_deref().filter(|wanted| !wanted.is_empty());
        validate::filter(
            wanted.and_then(|wanted| wanted.first().map(String::as_str)),
            request.scalable_dimension.as_deref(),
        )?;
        let found = self
            .targets
            .iter()
            .map(|(resource, target)| (resource.to_string(), target))
            .filter(|(id, _)| is_served && wanted.is_none_or(|wanted| wanted.contains(id)));
        let shown = found.map(|(id, target)| (id.clone(), target.stored.show(scope, id)));
        validate::page(shown, request.max_results, request.next_token.as_deref()).map(Response::Targets)
    }

    /// The target of a resource, to be changed.
    pub(super) fn target_mut(&mut self, resource: &ResourceId) -> Result<&mut Target, AutoscalingError> {
        self.targets.get_mut(resource).ok_or_else(|| no_target(resource, "registered"))
    }
}

impl StoredTarget {
    fn new(id: String, role_arn: String, created_at: Timestamp, tags: BTreeMap<String, String>) -> Self {
        Self {
            id,
            min_capacity: 0,
            max_capacity: 0,
            role_arn,
            created_at,
            suspended: super::SuspendedState::default(),
            tags,
            policies: BTreeMap::new(),
            scheduled: BTreeMap::new(),
        }
    }

    fn show(&self, scope: &Scope, resource_id: String) -> ScalableTarget {
        ScalableTarget {
            service_namespace: NAMESPACE.to_owned(),
            resource_id,
            scalable_dimension: DIMENSION.to_owned(),
            min_capacity: self.min_capacity,
            max_capacity: self.max_capacity,
            role_arn: self.role_arn.clone(),
            creation_time: seconds(self.created_at),
            suspended_state: self.suspended,
            scalable_target_arn: target_arn(scope, &self.id),
        }
    }
}

/// A legal capacity.
pub(super) fn capacity(value: Option<i64>, member: &str) -> Result<Option<u32>, AutoscalingError> {
    let legal = |value| u32::try_from(value).ok().filter(|value| i32::try_from(*value).is_ok());
    value
        .map(|value| {
            legal(value).ok_or_else(|| invalid(format!("The value of {member} must be between 0 and {}", i32::MAX)))
        })
        .transpose()
}

/// Whether bounds are in their order.
pub(super) fn check_bounds(min: u32, max: u32) -> Result<(), AutoscalingError> {
    if max < min {
        return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
    }
    Ok(())
}

fn no_target(resource: &ResourceId, how: &str) -> AutoscalingError {
    let message = format!(
        "No scalable target {how} for service namespace: {NAMESPACE}, resource ID: {resource}, scalable dimension: \
         {DIMENSION}"
    );
    AutoscalingError::new(AutoscalingErrorKind::ObjectNotFound, message)
}

/// The service-linked role, which AWS makes by itself.
fn service_role(scope: &Scope) -> String {
    format!(
        "arn:aws:iam::{}:role/aws-service-role/lambda.application-autoscaling.amazonaws.com/\
         AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency",
        scope.account
    )
}
