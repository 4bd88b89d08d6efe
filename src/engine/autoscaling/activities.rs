//! What scaling did and why, the newest last. Bounded, and not durable.

use std::collections::VecDeque;

use super::{
    Autoscaling, AutoscalingError, Describe, NotScaledReason, Response, ScalingActivity,
    api::seconds,
    resource::ResourceId,
    validate::{self, DIMENSION, NAMESPACE},
};
use crate::{
    engine::{Cx, lambda::Lambda},
    model::Timestamp,
};

/// Activities that are kept.
const ACTIVITIES_MAX: usize = 1_000;
const IN_PROGRESS: &str = "InProgress";

/// The activities of all targets, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Activities {
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    resource: ResourceId,
    /// What it sets the capacity to.
    capacity: u32,
    shown: ScalingActivity,
}

/// Why the capacity changes, or does not.
#[derive(Clone, Debug)]
pub(super) struct Attempt<'a> {
    pub(super) resource: &'a ResourceId,
    pub(super) capacity: u32,
    pub(super) cause: String,
}

impl Activities {
    /// The capacity is being changed.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>, attempt: Attempt<'_>) {
        for earlier in self.kept.iter_mut().filter(|kept| kept.resource == *attempt.resource) {
            if earlier.shown.status_code == IN_PROGRESS {
                earlier.end(cx.now, "Overridden", "Overridden by a later scaling activity.".to_owned());
            }
        }
        let capacity = attempt.capacity;
        let kept = self.keep(cx, attempt);
        kept.shown.description = format!("Setting provisioned concurrency to {capacity}.");
        kept.shown.status_message = Some(format!(
            "Successfully set provisioned concurrency to {capacity}. Waiting for change to be fulfilled by lambda."
        ));
    }

    /// The capacity could not be changed.
    pub(super) fn fail(&mut self, cx: &mut Cx<'_>, attempt: Attempt<'_>, reason: &str) {
        let (now, capacity) = (cx.now, attempt.capacity);
        let kept = self.keep(cx, attempt);
        kept.shown.description = format!("Setting provisioned concurrency to {capacity}.");
        kept.end(now, "Failed", format!("Failed to set provisioned concurrency to {capacity}. Reason: {reason}"));
    }

    /// The capacity stays, because it is at one of its bounds; told once for as long as nothing else happens.
    pub(super) fn not_scaled(&mut self, cx: &mut Cx<'_>, attempt: Attempt<'_>, reason: NotScaledReason) {
        let last = self.kept.iter().rev().find(|kept| kept.resource == *attempt.resource);
        if last.is_some_and(|last| last.shown.not_scaled_reasons.first() == Some(&reason)) {
            return;
        }
        let now = cx.now;
        let kept = self.keep(cx, attempt);
        kept.shown.description = "Attempting to scale due to alarm triggered".to_owned();
        kept.shown.not_scaled_reasons = vec![reason];
        kept.shown.end_time = Some(seconds(now));
        kept.shown.status_code = "Failed".to_owned();
    }

    fn keep(&mut self, cx: &mut Cx<'_>, attempt: Attempt<'_>) -> &mut Kept {
        while self.kept.len() >= ACTIVITIES_MAX {
            self.kept.pop_front();
        }
        let shown = ScalingActivity {
            activity_id: cx.ids.uuid(),
            service_namespace: NAMESPACE.to_owned(),
            resource_id: attempt.resource.to_string(),
            scalable_dimension: DIMENSION.to_owned(),
            cause: attempt.cause,
            start_time: seconds(cx.now),
            status_code: IN_PROGRESS.to_owned(),
            ..ScalingActivity::default()
        };
        self.kept.push_back(Kept { resource: attempt.resource.clone(), capacity: attempt.capacity, shown });
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }

    /// Looks which of them have come to their end.
    pub(super) fn look(&mut self, now: Timestamp, lambda: &Lambda) {
        for kept in self.kept.iter_mut().filter(|kept| kept.shown.status_code == IN_PROGRESS) {
            let capacity = kept.capacity;
            match lambda.provisioning(&kept.resource.function, &kept.resource.qualifier) {
                Some(found) if found.failed => {
                    let message = format!(
                        "Failed to set provisioned concurrency to {capacity}. Reason: FUNCTION_ERROR_INIT_FAILURE"
                    );
                    kept.end(now, "Failed", message);
                }
                Some(found) if found.ready < found.requested => {}
                Some(_) => kept.end(
                    now,
                    "Successful",
                    format!(
                        "Successfully set provisioned concurrency to {capacity}. Change successfully fulfilled by lambda."
                    ),
                ),
                None => kept.end(now, "Failed", "The version or alias does not exist any more.".to_owned()),
            }
        }
    }

    /// The last one of a resource that did something.
    pub(super) fn last(&self, resource: &ResourceId) -> Option<&ScalingActivity> {
        let scaled = |kept: &&Kept| kept.resource == *resource && kept.shown.not_scaled_reasons.is_empty();
        self.kept.iter().rev().find(scaled).map(|kept| &kept.shown)
    }
}

impl Kept {
    fn end(&mut self, now: Timestamp, status: &str, message: String) {
        self.shown.status_code = status.to_owned();
        self.shown.status_message = Some(message);
        self.shown.end_time = Some(seconds(now));
    }
}

impl Autoscaling {
    pub(super) fn describe_activities(&self, request: &Describe) -> Result<Response, AutoscalingError> {
        let is_served = validate::is_served(request);
        let wanted = validate::filter(request.resource_id.as_deref(), request.scalable_dimension.as_deref())?;
        let with_not_scaled = request.include_not_scaled_activities.unwrap_or(false);
        let found = self.activities.kept.iter().rev().map(|kept| &kept.shown).filter(|shown| {
            is_served
                && wanted.as_ref().is_none_or(|wanted| *wanted == shown.resource_id)
                && (with_not_scaled || shown.not_scaled_reasons.is_empty())
        });
        let shown = found.map(|shown| (shown.activity_id.clone(), shown.clone()));
        validate::page(shown, request.max_results, request.next_token.as_deref()).map(Response::Activities)
    }
}
