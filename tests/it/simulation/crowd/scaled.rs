//! Functions whose provisioned concurrency Application Auto Scaling changes: by target tracking, under a load that rises and
//! falls like a tide, and by scheduled actions that pull the bounds to and fro.

use stackctl::engine::{
    self, Command,
    autoscaling::{
        Command as Scale, Describe, Named, PredefinedMetric, PutScalingPolicy, PutScheduledAction,
        RegisterScalableTarget, Response, ScalableTargetAction, ScalingActivity, TargetTracking,
    },
    lambda::{FunctionRecord, InvocationType},
};

use super::{Crowd, FUNCTIONS, commands};

/// The last functions.
pub(super) const SCALED: usize = 8;
/// The first of them have schedules and no policy.
const SCHEDULED: usize = 3;
const MIN: i64 = 2;
const MAX: i64 = 30;
const TARGET: f64 = 0.7;
/// Bursts of a rising tide, so far apart: alarms want three minutes of them.
const RISING: u32 = 30;
const RISING_APART_MS: u64 = 10_000;
/// Lone invocations of a falling one: alarms want fifteen minutes of them.
const FALLING: u32 = 50;
const FALLING_APART_MS: u64 = 25_000;
const DIMENSION: &str = "lambda:function:ProvisionedConcurrency";

pub(super) fn is_scaled(function: usize) -> bool {
    all().any(|scaled| scaled == function)
}

fn all() -> std::ops::Range<usize> {
    FUNCTIONS - SCALED..FUNCTIONS
}

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn resource(function: usize) -> Option<String> {
    Some(format!("function:f{function}:{}", commands::ALIAS))
}

fn target(function: usize) -> Scale {
    Scale::RegisterScalableTarget(RegisterScalableTarget {
        service_namespace: text("lambda"),
        resource_id: resource(function),
        scalable_dimension: text(DIMENSION),
        min_capacity: Some(MIN),
        max_capacity: Some(MAX),
        ..RegisterScalableTarget::default()
    })
}

fn policy(function: usize) -> Scale {
    Scale::PutScalingPolicy(Box::new(PutScalingPolicy {
        policy_name: text("follow"),
        service_namespace: text("lambda"),
        resource_id: resource(function),
        scalable_dimension: text(DIMENSION),
        policy_type: text("TargetTrackingScaling"),
        target_tracking_scaling_policy_configuration: Some(TargetTracking {
            target_value: Some(TARGET),
            predefined_metric_specification: Some(PredefinedMetric {
                predefined_metric_type: "LambdaProvisionedConcurrencyUtilization".into(),
                resource_label: None,
            }),
            ..TargetTracking::default()
        }),
        ..PutScalingPolicy::default()
    }))
}

fn schedule(function: usize, name: &str, schedule: &str, (min, max): (i64, i64)) -> Scale {
    Scale::PutScheduledAction(PutScheduledAction {
        service_namespace: text("lambda"),
        resource_id: resource(function),
        scalable_dimension: text(DIMENSION),
        scheduled_action_name: text(name),
        schedule: text(schedule),
        timezone: text("Asia/Kathmandu"),
        scalable_target_action: Some(ScalableTargetAction { min_capacity: Some(min), max_capacity: Some(max) }),
        ..PutScheduledAction::default()
    })
}

impl Crowd {
    fn scale(&mut self, command: Scale) -> Response {
        match self.ask(Command::Autoscaling(Box::new(command))).1 {
            Some(Ok(engine::Response::Autoscaling(response))) => response,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn scale_all(&mut self) {
        for function in all() {
            self.scale(target(function));
            if function < all().start + SCHEDULED {
                self.scale(schedule(function, "up", "cron(1/7 * * * ? *)", (8, MAX)));
                self.scale(schedule(function, "down", "rate(5 minutes)", (MIN, 4)));
            } else {
                self.scale(policy(function));
            }
        }
    }

    /// Lets the load on them rise and fall, with all else that goes on.
    pub(super) fn tide(&mut self) {
        for _ in 0..RISING {
            for function in all() {
                let burst = 2 + 2 * self.ledger.provisioned_of(function);
                (0..burst).for_each(|_| self.invoke_alias(function));
            }
            self.step();
            self.wait_exactly(RISING_APART_MS);
        }
        for _ in 0..FALLING {
            all().for_each(|function| self.invoke_alias(function));
            self.step();
            self.wait_exactly(FALLING_APART_MS);
        }
    }

    fn invoke_alias(&mut self, function: usize) {
        self.invoke_as(function, true, InvocationType::RequestResponse);
    }

    /// What scaling changed is known from what it writes down.
    pub(super) fn follow(&mut self, record: &FunctionRecord) {
        let number = commands::number_of(record.name.as_str());
        if let Some(stored) = record.function.as_ref().filter(|_| is_scaled(number)) {
            let total = stored.provisioned.values().map(|provision| provision.requested).sum();
            if total != self.ledger.provisioned_of(number) {
                assert!(i64::from(total) <= MAX, "f{number} has {total}");
                self.ledger.provisioned(number, total);
            }
        }
    }

    /// Counts what scaling did, and ends it: a schedule never comes to rest.
    pub(super) fn stop_scaling(&mut self) {
        for function in all() {
            let describe =
                Describe { service_namespace: text("lambda"), resource_id: resource(function), ..Describe::default() };
            let Response::Activities(page) = self.scale(Scale::DescribeScalingActivities(describe)) else { panic!() };
            page.items.iter().for_each(|activity| self.tally.add(kind(activity)));
            self.scale(Scale::DeregisterScalableTarget(Named {
                service_namespace: text("lambda"),
                resource_id: resource(function),
                scalable_dimension: text(DIMENSION),
                ..Named::default()
            }));
        }
    }
}

fn kind(activity: &ScalingActivity) -> &'static str {
    match (activity.status_code.as_str(), activity.cause.as_str()) {
        ("Failed", _) => "scalings that failed",
        (_, cause) if cause.contains("AlarmHigh") => "scaled out with the load",
        (_, cause) if cause.contains("AlarmLow") => "scaled in with the load",
        (_, cause) if cause.starts_with("minimum") => "scaled out by schedule",
        (_, cause) if cause.starts_with("maximum") => "scaled in by schedule",
        (_, cause) => panic!("{cause}"),
    }
}
