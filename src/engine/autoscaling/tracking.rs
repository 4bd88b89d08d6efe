//! Following the load: what a policy's alarms make of a minute (Application Auto Scaling user guide, "How target tracking
//! scaling for Application Auto Scaling works").

use super::{
    Autoscaling, NotScaledReason, Scaled, Target, TargetTracking,
    activities::Attempt,
    alarm::{HIGH_DATAPOINTS, LOW_DATAPOINTS, LOW_SHARE, State},
    end_of_period, period_ms,
    policies::STATISTICS,
    resource::ResourceId,
};
use crate::{
    engine::{
        Cx,
        lambda::{Provisioning, Utilization},
    },
    model::Timestamp,
};

/// One scaling in takes at most one of so many environments away. AWS scales in gradually and gives no number.
const SCALE_IN_PARTS: u32 = 10;

/// What a minute asks for.
#[derive(Clone, Debug, PartialEq)]
enum Wish {
    Nothing,
    Out { capacity: u32, alarm: String, policy: String },
    In { capacity: u32, alarm: String, policy: String },
}

impl Autoscaling {
    /// Looks at all alarms after the minute that ended at `at`.
    pub(super) fn evaluate(&mut self, cx: &mut Cx<'_>, scaled: &mut Scaled<'_>, at: Timestamp) {
        self.activities.look(cx.now, scaled.lambda);
        let period = at.as_millis() / period_ms(cx) - 1;
        let resources: Vec<_> = self.targets.keys().cloned().collect();
        let mut is_over = true;
        for resource in resources {
            let Some(target) = self.targets.get_mut(&resource).filter(|target| !target.stored.policies.is_empty())
            else {
                continue;
            };
            let measured = scaled.lambda.take_utilization(&resource.function, &resource.qualifier, period);
            target.datapoints.close(period, measured);
            is_over &= target.datapoints.is_empty();
            target.set_alarms(period);
            let found = scaled.lambda.provisioning(&resource.function, &resource.qualifier);
            // While a change is under way there is no other.
            if let Some(found) =
                found.filter(|found| found.requested > 0 && (found.ready >= found.requested || found.failed))
            {
                let wish = target.wish(cx, &resource, period, found);
                self.fulfil(cx, scaled, &resource, found, wish);
            }
        }
        if !is_over {
            let next = at.plus_millis(period_ms(cx));
            self.evaluation = Some(next.max(end_of_period_before(cx)));
        }
    }

    fn fulfil(
        &mut self,
        cx: &mut Cx<'_>,
        scaled: &mut Scaled<'_>,
        resource: &ResourceId,
        found: Provisioning,
        wish: Wish,
    ) {
        let Some(target) = self.targets.get_mut(resource) else { return };
        let (min, max) = (target.stored.min_capacity, target.stored.max_capacity);
        let current = found.requested;
        let (out, capacity, alarm, policy) = match wish {
            Wish::Nothing => return,
            Wish::Out { capacity, alarm, policy } => (true, capacity.min(max), alarm, policy),
            Wish::In { capacity, alarm, policy } => (false, capacity.max(min), alarm, policy),
        };
        let cause = format!("monitor alarm {alarm} in state ALARM triggered policy {policy}");
        let moves = if out { capacity > current } else { capacity < current };
        if moves {
            if out {
                target.scaled_out = Some((cx.now, current));
                // "The scale-in cooldown period stops and doesn't complete" (user guide, "Define cooldown periods").
                target.scaled_in = None;
            } else {
                target.scaled_in = Some(cx.now);
            }
            self.set_capacity(cx, scaled, Attempt { resource, capacity, cause });
            return;
        }
        let reason = if out && current >= max {
            NotScaledReason { code: "AlreadyAtMaxCapacity".to_owned(), max_capacity: Some(max), ..Default::default() }
        } else if !out && current <= min {
            NotScaledReason { code: "AlreadyAtMinCapacity".to_owned(), min_capacity: Some(min), ..Default::default() }
        } else {
            return;
        };
        self.activities.not_scaled(cx, Attempt { resource, capacity: current, cause }, reason);
    }

    /// Brings the capacity between the bounds, which may have changed.
    pub(super) fn keep_within_bounds(&mut self, cx: &mut Cx<'_>, scaled: &mut Scaled<'_>, resource: &ResourceId) {
        let Some(target) = self.targets.get(resource) else { return };
        let found = scaled.lambda.provisioning(&resource.function, &resource.qualifier);
        let current = found.map_or(0, |found| found.requested);
        let (min, max) = (target.stored.min_capacity, target.stored.max_capacity);
        let (capacity, cause) = if current < min {
            (min, format!("minimum capacity was set to {min}"))
        } else if current > max {
            (max, format!("maximum capacity was set to {max}"))
        } else {
            return;
        };
        self.set_capacity(cx, scaled, Attempt { resource, capacity, cause });
    }

    fn set_capacity(&mut self, cx: &mut Cx<'_>, scaled: &mut Scaled<'_>, attempt: Attempt<'_>) {
        let resource = attempt.resource;
        let set = scaled.lambda.scale_provisioned(
            cx,
            scaled.sqs,
            scaled.logs,
            (&resource.function, &resource.qualifier),
            attempt.capacity,
        );
        match set {
            Ok(()) => self.activities.begin(cx, attempt),
            Err(reason) => self.activities.fail(cx, attempt, &reason),
        }
    }
}

impl Target {
    /// What the alarms say after a period.
    fn set_alarms(&mut self, period: u64) {
        let Self { stored, datapoints, alarms, .. } = self;
        alarms.retain(|name, _| stored.policies.contains_key(name));
        for (name, policy) in &stored.policies {
            let configuration = &policy.configuration;
            let wanted = configuration.target_value.unwrap_or(f64::INFINITY);
            let (high, low) = alarms.entry(name.clone()).or_default();
            *high = datapoints
                .state(period, HIGH_DATAPOINTS, *high, |measured| statistic(configuration, measured) > wanted);
            *low = datapoints.state(period, LOW_DATAPOINTS, *low, |measured| {
                statistic(configuration, measured) < wanted * LOW_SHARE
            });
        }
    }

    /// Out when one policy wants it, and then as far as the furthest; in only when all policies that may agree, and then as
    /// little as the most careful.
    fn wish(&self, cx: &Cx<'_>, resource: &ResourceId, period: u64, found: Provisioning) -> Wish {
        // An alarm may stay for want of data; there is nothing to scale by then.
        let Some(measured) = self.datapoints.at(period) else { return Wish::Nothing };
        let state = |name: &String| self.alarms.get(name).copied().unwrap_or_default();
        let policies = || self.stored.policies.iter();
        let out = policies().filter(|(name, _)| state(name).0 == State::Alarm).filter_map(|(name, policy)| {
            let capacity = self.capacity_out(cx, &policy.configuration, measured, found)?;
            let alarm = resource.alarm_name("High", &policy.high_alarm_id);
            Some(Wish::Out { capacity, alarm, policy: name.clone() })
        });
        let out = out.max_by_key(Wish::capacity);
        if let Some(out) = out {
            return if self.stored.suspended.dynamic_scaling_out_suspended { Wish::Nothing } else { out };
        }
        let mut may_scale_in = policies().filter(|(_, policy)| policy.scales_in()).peekable();
        let is_suspended = self.stored.suspended.dynamic_scaling_in_suspended;
        if is_suspended || may_scale_in.peek().is_none() {
            return Wish::Nothing;
        }
        let wishes: Option<Vec<Wish>> = may_scale_in
            .map(|(name, policy)| {
                if state(name).1 != State::Alarm || self.cools_in(cx, &policy.configuration) {
                    return None;
                }
                let capacity = capacity_in(&policy.configuration, measured, found);
                let alarm = resource.alarm_name("Low", &policy.low_alarm_id);
                Some(Wish::In { capacity, alarm, policy: name.clone() })
            })
            .collect();
        wishes.into_iter().flatten().max_by_key(Wish::capacity).unwrap_or(Wish::Nothing)
    }

    /// The capacity that brings the metric to its target; `None` while the last scaling out covers it.
    fn capacity_out(
        &self,
        cx: &Cx<'_>,
        configuration: &TargetTracking,
        measured: &Utilization,
        found: Provisioning,
    ) -> Option<u32> {
        let cooldown_ms = cooldown_ms(cx, configuration.scale_out_cooldown);
        let cooling = self.scaled_out.filter(|(at, _)| cx.now < at.plus_millis(cooldown_ms));
        // What the last one added counts as part of what this one wants.
        let from = cooling.map_or(found.requested, |(_, from)| from);
        let capacity = proportional(configuration, measured, from);
        (cooling.is_none() || capacity > found.requested).then_some(capacity)
    }

    /// Whether it is too early for another scaling in.
    fn cools_in(&self, cx: &Cx<'_>, configuration: &TargetTracking) -> bool {
        let cooldown_ms = cooldown_ms(cx, configuration.scale_in_cooldown);
        self.scaled_in.is_some_and(|at| cx.now < at.plus_millis(cooldown_ms))
    }
}

impl Wish {
    fn capacity(&self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Out { capacity, .. } | Self::In { capacity, .. } => *capacity,
        }
    }
}

/// A datapoint by the statistic that a policy looks at.
pub(super) fn statistic(configuration: &TargetTracking, measured: &Utilization) -> f64 {
    let customized = configuration.customized_metric_specification.as_ref();
    match customized.and_then(|metric| metric.statistic.as_deref()) {
        Some(name) if name == STATISTICS[1] => measured.minimum(),
        Some(name) if name == STATISTICS[2] => measured.maximum(),
        _ => measured.average(),
    }
}

/// What a target takes without an own cooldown is 0 s for provisioned concurrency (API reference,
/// `TargetTrackingScalingPolicyConfiguration`).
fn cooldown_ms(cx: &Cx<'_>, seconds: Option<i64>) -> u64 {
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0);
    cx.config.scaled_ms(seconds.saturating_mul(1_000))
}

fn proportional(configuration: &TargetTracking, measured: &Utilization, capacity: u32) -> u32 {
    let wanted = configuration.target_value.unwrap_or(f64::INFINITY);
    // Slots that are busy on average, and a hair less against rounding: 10 at 0.7 of 0.7 stay 10.
    let exact = f64::from(capacity) * statistic(configuration, measured) / wanted - 1e-9;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let capacity = exact.ceil().max(0.0) as u32;
    capacity
}

fn capacity_in(configuration: &TargetTracking, measured: &Utilization, found: Provisioning) -> u32 {
    let step = found.requested.div_ceil(SCALE_IN_PARTS);
    proportional(configuration, measured, found.requested).max(found.requested.saturating_sub(step))
}

/// Where evaluations go on when the last ticks were missed for longer than all alarms look back.
fn end_of_period_before(cx: &Cx<'_>) -> Timestamp {
    let periods_ms = period_ms(cx) * (2 * LOW_DATAPOINTS as u64);
    Timestamp::from_millis(end_of_period(cx).as_millis().saturating_sub(periods_ms))
}
