//! Provisioned concurrency that follows the load, in AWS's numbers: 3 minutes above the target, 15 below 90 percent of it.

mod keeping;

use std::collections::BTreeMap;

use super::{
    EngineConfig, EnvironmentEvent, StopReason, World,
    autoscaling::{
        AutoscalingError, Command as Scale, CustomizedMetric, Describe, MetricDimension, Named, PredefinedMetric,
        PutScalingPolicy, PutScheduledAction, RegisterScalableTarget, Response as Scaled, ScalableTargetAction,
        ScalingActivity, ScalingState, SuspendedState, TargetTracking,
    },
    engine, named,
    provisioned::{prepare, world},
};
use crate::{
    engine::{
        Input, RequestToken,
        lambda::{Command, PublishVersion, Response, UpdateAlias, UpdateFunctionConfiguration},
    },
    model::Timestamp,
};

const MINUTE_MS: u64 = 60_000;
const DIMENSION: &str = "lambda:function:ProvisionedConcurrency";

fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}

fn register(min: i64, max: i64) -> RegisterScalableTarget {
    RegisterScalableTarget {
        service_namespace: text("lambda"),
        resource_id: text("function:f:live"),
        scalable_dimension: text(DIMENSION),
        min_capacity: Some(min),
        max_capacity: Some(max),
        ..RegisterScalableTarget::default()
    }
}

fn tracking(target_value: f64) -> TargetTracking {
    TargetTracking {
        target_value: Some(target_value),
        predefined_metric_specification: Some(PredefinedMetric {
            predefined_metric_type: "LambdaProvisionedConcurrencyUtilization".into(),
            resource_label: None,
        }),
        ..TargetTracking::default()
    }
}

fn policy(name: &str, configuration: TargetTracking) -> Box<PutScalingPolicy> {
    Box::new(PutScalingPolicy {
        policy_name: text(name),
        service_namespace: text("lambda"),
        resource_id: text("function:f:live"),
        scalable_dimension: text(DIMENSION),
        policy_type: text("TargetTrackingScaling"),
        target_tracking_scaling_policy_configuration: Some(configuration),
        ..PutScalingPolicy::default()
    })
}

fn live() -> Named {
    Named {
        service_namespace: text("lambda"),
        resource_id: text("function:f:live"),
        scalable_dimension: text(DIMENSION),
        ..Named::default()
    }
}

fn describe() -> Describe {
    Describe { service_namespace: text("lambda"), ..Describe::default() }
}

impl World {
    fn scale(&mut self, command: Scale) -> Result<Scaled, AutoscalingError> {
        self.tokens += 1;
        let token = RequestToken(self.tokens);
        let command = engine::Command::Autoscaling(Box::new(command));
        self.handle(Input::Request { token, scope: std::sync::Arc::clone(&self.scope), command });
        self.scaling_replies.remove(&token).expect("answered at once")
    }

    /// Kind and message of a refusal.
    fn scaling_refusal(&mut self, command: Scale) -> String {
        self.scale(command).unwrap_err().to_string()
    }

    /// `f:live` between `min` and `max` at 70 percent, all initialised; at the beginning of a minute.
    fn tracked(min: i64, max: i64, configuration: TargetTracking) -> Self {
        let mut world = world();
        world.follow(min, max, configuration);
        world
    }

    fn follow(&mut self, min: i64, max: i64, configuration: TargetTracking) {
        let update = UpdateFunctionConfiguration { timeout: Some(900), ..UpdateFunctionConfiguration::default() };
        self.call(Command::UpdateFunctionConfiguration { name: named("f"), update }).unwrap();
        let publish = PublishVersion::default();
        self.call(Command::PublishVersion { name: named("f"), publish }).unwrap();
        let update = UpdateAlias { function_version: text("3"), ..UpdateAlias::default() };
        self.call(Command::UpdateAlias { name: named("f"), alias: "live".into(), update }).unwrap();
        self.scale(Scale::RegisterScalableTarget(register(min, max))).unwrap();
        self.scale(Scale::PutScalingPolicy(policy("p", configuration))).unwrap();
        self.all_ready(0);
        let into = self.now.as_millis() % MINUTE_MS;
        self.wait(MINUTE_MS - into);
    }

    /// One short invocation a minute, for so many minutes; what is launched initialises at once.
    fn minutes(&mut self, minutes: u64) {
        for _ in 0..minutes {
            self.wait(1_000);
            let from = self.launched.len();
            let token = self.ask_for("live");
            self.all_ready(from);
            let (id, _) = self.invoked.last().cloned().unwrap();
            self.respond(id);
            self.outcome(token);
            self.environment(id, EnvironmentEvent::Next);
            let from = self.launched.len();
            self.wait(MINUTE_MS - 1_000);
            self.all_ready(from);
        }
    }

    /// Invocations that go on.
    fn occupy(&mut self, count: usize) {
        for _ in 0..count {
            self.ask_for("live");
        }
    }

    /// Invocations that go on, each of which is measured in a minute of its own before those that count.
    fn busy(&mut self, count: usize) {
        self.occupy(count);
        self.wait(MINUTE_MS);
    }

    fn release(&mut self, count: usize) {
        let busy: Vec<_> = self.invoked.iter().map(|(id, _)| *id).collect();
        for id in busy.into_iter().take(count) {
            self.respond(id);
            self.environment(id, EnvironmentEvent::Next);
        }
    }

    fn capacity(&mut self) -> String {
        self.provision("live")
    }

    /// `STATUS cause`, the newest first.
    fn activities(&mut self) -> Vec<String> {
        let all = Describe { include_not_scaled_activities: Some(true), ..describe() };
        let Scaled::Activities(page) = self.scale(Scale::DescribeScalingActivities(all)).unwrap() else { panic!() };
        let short = |activity: ScalingActivity| {
            let alarm = activity.cause.find("-Alarm").map(|at| activity.cause[at + 6..at + 10].to_owned());
            let why = alarm.unwrap_or(activity.cause);
            let not = activity.not_scaled_reasons.first().map(|reason| format!(" {}", reason.code)).unwrap_or_default();
            format!("{} {} [{why}]{not}", activity.status_code, activity.description)
        };
        page.items.into_iter().map(short).collect()
    }

    fn scaling_state(&mut self) -> ScalingState {
        let Ok(Response::Activity(activity)) = self.call(Command::DescribeActivity) else { panic!() };
        activity.scaling.into_iter().next().unwrap()
    }
}

#[test]
fn a_target_is_brought_to_its_minimum() {
    let mut world = world();
    let Ok(Scaled::Registered { scalable_target_arn }) = world.scale(Scale::RegisterScalableTarget(register(2, 5)))
    else {
        panic!()
    };
    assert!(
        scalable_target_arn.starts_with("arn:aws:application-autoscaling:us-east-1:123456789012:scalable-target/0ec5")
    );
    assert_eq!(world.capacity(), "IN_PROGRESS 0/2");
    world.all_ready(0);
    assert_eq!(
        world.activities(),
        ["Successful Setting provisioned concurrency to 2. [minimum capacity was set to 2]"]
    );
    world.scale(Scale::RegisterScalableTarget(register(1, 1))).unwrap();
    assert_eq!((world.capacity(), world.stopped.len()), ("READY 1/1".into(), 1));
    assert_eq!(
        world.activities()[0],
        "Successful Setting provisioned concurrency to 1. [maximum capacity was set to 1]"
    );
    world.scale(Scale::DeregisterScalableTarget(live())).unwrap();
    assert_eq!(world.capacity(), "READY 1/1", "what is provisioned stays");
    assert_eq!(
        world.scaling_refusal(Scale::DeregisterScalableTarget(live())),
        "ObjectNotFound: No scalable target found for service namespace: lambda, resource ID: function:f:live, scalable \
         dimension: lambda:function:ProvisionedConcurrency"
    );
}

#[test]
fn three_minutes_above_the_target_scale_out() {
    let mut world = World::tracked(10, 100, tracking(0.7));
    world.busy(8);
    // Nine of ten are busy with each invocation: 90 percent.
    world.minutes(2);
    assert_eq!(world.capacity(), "READY 10/10", "two datapoints are too few");
    world.minutes(1);
    assert_eq!(world.capacity(), "READY 13/13", "10 x 0.9 / 0.7 = 12.86");
    assert_eq!(world.activities()[0], "Successful Setting provisioned concurrency to 13. [High]");
    // Nine of thirteen are 69 percent.
    world.minutes(10);
    assert_eq!(world.capacity(), "READY 13/13");
    let state = world.scaling_state();
    assert_eq!((state.min, state.max, state.current, state.target), (10, 100, 13, Some(0.7)));
    assert!((state.utilization.unwrap() - 9.0 / 13.0).abs() < 1e-9, "{state:?}");
    assert!(state.last.unwrap().starts_with("Setting provisioned concurrency to 13. (monitor alarm TargetTracking-"));
}

#[test]
fn just_at_the_target_nothing_happens() {
    let mut world = World::tracked(10, 100, tracking(0.7));
    world.busy(6);
    world.minutes(20);
    assert_eq!(world.capacity(), "READY 10/10", "seven of ten are not above 70 percent");
}

#[test]
fn one_calm_minute_starts_the_count_again() {
    let mut world = World::tracked(10, 100, tracking(0.7));
    world.busy(8);
    world.minutes(2);
    world.release(8);
    world.minutes(1);
    world.busy(8);
    world.minutes(2);
    assert_eq!(world.capacity(), "READY 10/10");
    world.minutes(1);
    assert_eq!(world.capacity(), "READY 13/13");
}

#[test]
fn fifteen_minutes_below_ninety_percent_of_the_target_scale_in_by_steps() {
    let mut world = World::tracked(2, 100, tracking(0.7));
    world.try_provision("live", 20).unwrap();
    world.all_ready(2);
    world.minutes(14);
    assert_eq!(world.capacity(), "READY 20/20", "fourteen datapoints are too few");
    let mut seen = Vec::new();
    for _ in 0..16 {
        world.minutes(1);
        seen.push(world.capacity());
    }
    seen.dedup();
    assert_eq!(seen[..4], ["READY 18/18", "READY 16/16", "READY 14/14", "READY 12/12"]);
    assert_eq!(seen.last().unwrap(), "READY 2/2", "and not below the minimum");
    let not_scaled = "Failed Attempting to scale due to alarm triggered [Low-] AlreadyAtMinCapacity";
    let told = world.activities().iter().filter(|activity| *activity == not_scaled).count();
    assert_eq!(told, 1, "half of two is below 63 percent; told once, and not each minute");
}

#[test]
fn utilisation_between_both_alarms_changes_nothing() {
    let mut world = World::tracked(2, 100, tracking(0.7));
    world.try_provision("live", 20).unwrap();
    world.all_ready(2);
    world.busy(12);
    world.minutes(13);
    world.release(12);
    world.busy(12);
    world.minutes(13);
    assert_eq!(world.capacity(), "READY 20/20", "13 of 20 are 65 percent: above 63, below 70");
}

#[test]
fn without_invocations_nothing_is_measured_and_nothing_scales() {
    let mut world = World::tracked(2, 100, tracking(0.7));
    world.try_provision("live", 20).unwrap();
    world.all_ready(2);
    world.minutes(1);
    world.wait(3 * 60 * MINUTE_MS);
    assert_eq!(world.capacity(), "READY 20/20", "INSUFFICIENT_DATA, as on AWS");
    assert_eq!(world.engine.next_deadline(), None, "and nothing ticks");
}

#[test]
fn the_maximum_is_kept_and_told() {
    let mut world = World::tracked(10, 12, tracking(0.7));
    world.busy(10);
    world.minutes(3);
    assert_eq!(world.capacity(), "READY 12/12");
    world.minutes(1);
    assert_eq!(world.activities()[0], "Failed Attempting to scale due to alarm triggered [High] AlreadyAtMaxCapacity");
    let Ok(Scaled::Activities(page)) = world.scale(Scale::DescribeScalingActivities(describe())) else { panic!() };
    assert_eq!(page.items.len(), 2, "not among those that scaled");
}

#[test]
fn cooldowns() {
    let out = TargetTracking { scale_out_cooldown: Some(300), ..tracking(0.5) };
    let mut world = World::tracked(4, 100, out);
    world.busy(3);
    world.minutes(3);
    assert_eq!(world.capacity(), "READY 8/8", "4 x 1.0 / 0.5");
    world.occupy(3);
    world.minutes(1);
    assert_eq!(world.capacity(), "READY 8/8", "what the last one added counts: 4 x 0.875 / 0.5 = 7");
    world.minutes(4);
    assert_eq!(world.capacity(), "READY 14/14", "after 5 minutes: 8 x 0.875 / 0.5");

    let slow = TargetTracking { scale_in_cooldown: Some(600), ..tracking(0.7) };
    let mut world = World::tracked(1, 100, slow);
    world.try_provision("live", 20).unwrap();
    world.all_ready(1);
    world.minutes(15);
    assert_eq!(world.capacity(), "READY 18/18");
    world.minutes(9);
    assert_eq!(world.capacity(), "READY 18/18");
    world.minutes(1);
    assert_eq!(world.capacity(), "READY 16/16");
}

#[test]
fn scaling_out_ends_the_cooldown_of_scaling_in() {
    let slow = TargetTracking { scale_in_cooldown: Some(3_600), ..tracking(0.7) };
    let mut world = World::tracked(1, 100, slow);
    world.try_provision("live", 20).unwrap();
    world.all_ready(1);
    world.minutes(15);
    assert_eq!(world.capacity(), "READY 18/18");
    world.minutes(20);
    assert_eq!(world.capacity(), "READY 18/18", "it cools down for an hour");
    world.invoked.clear();
    world.busy(16);
    world.minutes(3);
    let out = world.capacity();
    assert_ne!(out, "READY 18/18", "out at once");
    world.release(16);
    world.minutes(16);
    assert_ne!(world.capacity(), out, "and in again long before the hour is over");
}

#[test]
fn scaling_in_can_be_disabled_and_each_side_suspended() {
    let mut world = World::tracked(1, 100, TargetTracking { disable_scale_in: Some(true), ..tracking(0.7) });
    world.try_provision("live", 20).unwrap();
    world.all_ready(1);
    world.minutes(20);
    assert_eq!(world.capacity(), "READY 20/20");
    let Ok(Scaled::Policies(page)) = world.scale(Scale::DescribeScalingPolicies(describe())) else { panic!() };
    assert_eq!(page.items[0].alarms.len(), 1, "there is no low alarm");

    world.scale(Scale::PutScalingPolicy(policy("p", tracking(0.7)))).unwrap();
    let suspend = |suspended_state| {
        Scale::RegisterScalableTarget(RegisterScalableTarget {
            suspended_state: Some(suspended_state),
            ..register(1, 100)
        })
    };
    world.scale(suspend(SuspendedState { dynamic_scaling_in_suspended: true, ..Default::default() })).unwrap();
    world.minutes(20);
    assert_eq!(world.capacity(), "READY 20/20");
    world.scale(suspend(SuspendedState::default())).unwrap();
    world.minutes(1);
    assert_eq!(world.capacity(), "READY 18/18");
    let both = SuspendedState {
        dynamic_scaling_in_suspended: true,
        dynamic_scaling_out_suspended: true,
        ..Default::default()
    };
    world.scale(suspend(both)).unwrap();
    world.busy(18);
    world.minutes(5);
    assert_eq!(world.capacity(), "READY 18/18");
}

#[test]
fn bursts_are_seen_by_their_maximum() {
    let dimension = |name: &str, value: &str| MetricDimension { name: name.into(), value: value.into() };
    let maximum = TargetTracking {
        predefined_metric_specification: None,
        customized_metric_specification: Some(CustomizedMetric {
            namespace: text("AWS/Lambda"),
            metric_name: text("ProvisionedConcurrencyUtilization"),
            dimensions: vec![dimension("FunctionName", "f"), dimension("Resource", "f:live")],
            statistic: text("Maximum"),
            ..CustomizedMetric::default()
        }),
        ..tracking(0.7)
    };
    let burst = |configuration: TargetTracking| {
        let mut world = World::tracked(10, 100, configuration);
        for _ in 0..3 {
            // From one to ten of ten, and calm for the rest of the minute: 55 percent on average.
            world.invoked.clear();
            world.occupy(10);
            world.release(10);
            world.wait(MINUTE_MS);
        }
        world.capacity()
    };
    assert_eq!(burst(tracking(0.7)), "READY 10/10");
    assert_eq!(burst(maximum), "IN_PROGRESS 10/15");
}

#[test]
fn a_change_under_way_is_waited_for() {
    let mut world = World::tracked(10, 100, tracking(0.7));
    world.busy(9);
    let from = world.launched.len();
    world.minutes(2);
    world.wait(1_000);
    let last = world.ask_for("live");
    world.wait(MINUTE_MS - 1_000);
    assert_eq!(world.capacity(), "IN_PROGRESS 10/15");
    for _ in 0..3 {
        world.wait(MINUTE_MS);
    }
    assert_eq!(world.capacity(), "IN_PROGRESS 10/15", "no second step before the first is done");
    let activities = world.activities();
    assert!(activities[0].starts_with("InProgress Setting provisioned concurrency to 15."), "{activities:?}");
    world.all_ready(from);
    assert!(!world.replies.contains_key(&last));
    assert!(world.activities()[0].starts_with("Successful"), "fulfilled");
}

#[test]
fn what_the_pool_does_not_have_fails_and_says_so() {
    let config = EngineConfig { concurrency_limit: 112, ..EngineConfig::default() };
    let mut world = World::with(config);
    prepare(&mut world);
    world.follow(10, 100, tracking(0.7));
    world.busy(8);
    world.minutes(3);
    assert_eq!(world.capacity(), "READY 10/10");
    let Ok(Scaled::Activities(page)) = world.scale(Scale::DescribeScalingActivities(describe())) else { panic!() };
    let failed = &page.items[0];
    assert_eq!(failed.status_code, "Failed");
    let message = failed.status_message.as_deref().unwrap();
    assert!(
        message.starts_with("Failed to set provisioned concurrency to 13. Reason: Specified Concurrent"),
        "{message}"
    );
}

#[test]
fn time_can_be_scaled() {
    let mut world = World::with(EngineConfig { time_factor: 60, ..EngineConfig::default() });
    prepare(&mut world);
    world.follow(10, 100, tracking(0.7));
    world.occupy(8);
    world.wait(1_000);
    for _ in 0..3 {
        world.wait(500);
        world.occupy(1);
        let (id, _) = world.invoked.last().cloned().unwrap();
        world.respond(id);
        world.environment(id, EnvironmentEvent::Next);
        world.wait(500);
    }
    assert_eq!(world.capacity(), "IN_PROGRESS 10/13", "three minutes of AWS's are three seconds");
}
