//! What outlives a restart, happens on a schedule, or is refused.

use super::*;

#[test]
fn targets_survive_a_restart_and_go_on() {
    let mut world = World::tracked(10, 100, tracking(0.7));
    let tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    let Ok(Scaled::Targets(before)) = world.scale(Scale::DescribeScalableTargets(describe())) else { panic!() };
    let arn = before.items[0].scalable_target_arn.clone();
    world.scale(Scale::TagResource { resource_arn: Some(arn.clone()), tags: Some(tags.clone()) }).unwrap();
    let Ok(policies) = world.scale(Scale::DescribeScalingPolicies(describe())) else { panic!() };
    let mut world = world.restarted();
    world.wait(0);
    world.all_ready(0);
    assert_eq!(world.scale(Scale::DescribeScalableTargets(describe())).unwrap(), Scaled::Targets(before));
    assert_eq!(world.scale(Scale::DescribeScalingPolicies(describe())).unwrap(), policies);
    assert_eq!(world.scale(Scale::ListTagsForResource { resource_arn: Some(arn) }).unwrap(), Scaled::Tags(tags));
    world.busy(8);
    world.minutes(3);
    assert_eq!(world.capacity(), "READY 13/13");
    world.scale(Scale::DeregisterScalableTarget(live())).unwrap();
    let mut world = world.restarted();
    let Ok(Scaled::Targets(page)) = world.scale(Scale::DescribeScalableTargets(describe())) else { panic!() };
    assert_eq!(page.items, []);
}

fn scheduled(schedule: &str, min: Option<i64>, max: Option<i64>) -> PutScheduledAction {
    PutScheduledAction {
        service_namespace: text("lambda"),
        resource_id: text("function:f:live"),
        scalable_dimension: text(DIMENSION),
        scheduled_action_name: text("morning"),
        schedule: text(schedule),
        scalable_target_action: Some(ScalableTargetAction { min_capacity: min, max_capacity: max }),
        ..PutScheduledAction::default()
    }
}

#[test]
fn scheduled_actions_change_the_bounds() {
    let mut world = world();
    world.scale(Scale::RegisterScalableTarget(register(1, 5))).unwrap();
    world.all_ready(0);
    let put = |schedule: &str, min, max| Scale::PutScheduledAction(scheduled(schedule, min, max));
    world.scale(put("rate(10 minutes)", Some(3), None)).unwrap();
    world.wait(10 * MINUTE_MS - 1);
    assert_eq!(world.capacity(), "READY 1/1");
    world.wait(1);
    assert_eq!(world.capacity(), "IN_PROGRESS 1/3");
    world.all_ready(1);
    // 2026-11-24T10:53:53 and ten minutes.
    world.scale(put("cron(0 12 * * ? *)", Some(0), Some(2))).unwrap();
    let Ok(Scaled::ScheduledActions(page)) = world.scale(Scale::DescribeScheduledActions(describe())) else { panic!() };
    assert_eq!((page.items.len(), page.items[0].schedule.as_str()), (1, "cron(0 12 * * ? *)"), "put in its place");
    let mut world = world.restarted();
    world.wait(0);
    world.all_ready(0);
    let noon = Timestamp::from_millis(1_795_521_600_000);
    world.wait(noon.millis_since(world.now) - 1);
    assert_eq!(world.capacity(), "READY 3/3");
    world.wait(1);
    assert_eq!(world.capacity(), "READY 2/2");
    assert_eq!(world.stopped.last().unwrap().1, StopReason::Replaced);
    let delete = Named { scheduled_action_name: text("morning"), ..live() };
    world.scale(Scale::DeleteScheduledAction(delete)).unwrap();
    assert_eq!(world.engine.next_deadline(), None);
}

/// The whole seconds of a time in UTC.
fn utc(text: &str) -> Timestamp {
    let at: jiff::Timestamp = format!("{text}Z").parse().unwrap();
    Timestamp::from_millis(u64::try_from(at.as_millisecond()).unwrap())
}

/// The first times in UTC at which an action runs, of a world that begins at 2026-11-24T10:53:53.
fn check_times(change: &dyn Fn(&mut PutScheduledAction), expected: &[&str]) {
    let mut world = world();
    world.scale(Scale::RegisterScalableTarget(register(1, 50))).unwrap();
    world.all_ready(0);
    let mut action = scheduled("", None, Some(50));
    change(&mut action);
    world.scale(Scale::PutScheduledAction(action.clone())).unwrap();
    let due = world.engine.next_deadline();
    for (nth, text) in expected.iter().enumerate() {
        let at = utc(text);
        assert_eq!(world.engine.next_deadline(), Some(at), "run {nth} of {action:?}");
        world.wait(at.millis_since(world.now));
    }
    assert!(due.is_some() || expected.is_empty());
}

/// The examples of "Create scheduled actions for Application Auto Scaling using the AWS CLI" and of "Schedule recurring scaling
/// actions", with the dates of this world.
#[test]
fn scheduled_actions_go_by_the_clock_of_their_time_zone() {
    let in_zone = |schedule: &'static str, zone: &'static str| {
        move |action: &mut PutScheduledAction| {
            (action.schedule, action.timezone) = (text(schedule), text(zone));
        }
    };
    check_times(&in_zone("at(2027-01-31T17:00:00)", "America/New_York"), &["2027-01-31T22:00:00"]);
    check_times(&in_zone("at(2027-03-31T22:00:00)", "UTC"), &["2027-03-31T22:00:00"]);
    check_times(&in_zone("at(2027-03-31T22:00:00)", "Pacific/Tahiti"), &["2027-04-01T08:00:00"]);
    check_times(&in_zone("cron(0 9 1 * ? *)", "Etc/GMT+9"), &["2026-12-01T18:00:00", "2027-01-01T18:00:00"]);
    // Summer time begins on 2027-03-28.
    let berlin = ["2027-03-26T17:00:00", "2027-03-29T16:00:00"];
    let from_march = |action: &mut PutScheduledAction| {
        in_zone("cron(0 18 ? * MON-FRI *)", "Europe/Berlin")(action);
        action.start_time = Some(1_806_051_600.0);
    };
    check_times(&from_march, &["2027-03-26T09:00:00", berlin[0], berlin[1]]);
}

/// "If you specify a start time, Application Auto Scaling performs the action at this time, and then performs the action based
/// on the specified recurrence."
#[test]
fn a_recurring_action_runs_at_its_start_and_not_after_its_end() {
    let noon = utc("2026-11-24T12:00:00");
    let seconds = |at: Timestamp| f64::from(u32::try_from(at.as_millis() / 1000).unwrap());
    let bounded = |schedule: &'static str, hours: u64| {
        move |action: &mut PutScheduledAction| {
            action.schedule = text(schedule);
            action.start_time = Some(seconds(noon));
            action.end_time = Some(seconds(noon.plus_millis(hours * 60 * MINUTE_MS)));
        }
    };
    check_times(
        &bounded("cron(30 * * * ? *)", 2),
        &["2026-11-24T12:00:00", "2026-11-24T12:30:00", "2026-11-24T13:30:00"],
    );
    check_times(&bounded("rate(1 hour)", 1), &["2026-11-24T12:00:00", "2026-11-24T13:00:00"]);
    let mut world = world();
    world.scale(Scale::RegisterScalableTarget(register(1, 5))).unwrap();
    world.all_ready(0);
    let mut action = scheduled("cron(30 * * * ? *)", Some(2), None);
    bounded("cron(30 * * * ? *)", 1)(&mut action);
    world.scale(Scale::PutScheduledAction(action)).unwrap();
    world.wait(noon.millis_since(world.now));
    assert_eq!(world.capacity(), "IN_PROGRESS 1/2");
    world.all_ready(1);
    world.wait(60 * MINUTE_MS);
    assert_eq!(world.engine.next_deadline(), None, "it has ended");
    // "If you don't specify start and end times, the old values are deleted."
    world.scale(Scale::PutScheduledAction(scheduled("cron(30 * * * ? *)", Some(3), None))).unwrap();
    let Ok(Scaled::ScheduledActions(page)) = world.scale(Scale::DescribeScheduledActions(describe())) else { panic!() };
    assert_eq!((page.items[0].start_time, page.items[0].end_time), (None, None));
    world.wait(30 * MINUTE_MS);
    assert_eq!(world.capacity(), "IN_PROGRESS 2/3");
}

#[test]
fn when_nothing_can_be_scheduled_it_is_refused() {
    let mut world = world();
    world.scale(Scale::RegisterScalableTarget(register(1, 5))).unwrap();
    let mut check = |change: &dyn Fn(&mut PutScheduledAction), expected: &str| {
        let mut action = scheduled("rate(5 minutes)", Some(1), None);
        change(&mut action);
        let found = world.scaling_refusal(Scale::PutScheduledAction(action));
        assert!(found.contains(expected), "{found}\n{expected}");
    };
    check(&|action| action.timezone = text("Europe/Nowhere"), "`Europe/Nowhere` is no name of an IANA time zone");
    let backwards = |action: &mut PutScheduledAction| {
        (action.start_time, action.end_time) = (Some(1_900_000_000.0), Some(1_800_000_000.0));
    };
    check(&backwards, "EndTime must not be before StartTime");
}

#[test]
fn what_is_refused() {
    let mut world = world();
    let register = |change: &dyn Fn(&mut RegisterScalableTarget)| {
        let mut request = register(1, 5);
        change(&mut request);
        Scale::RegisterScalableTarget(request)
    };
    let mut check = |command: Scale, expected: &str| {
        let found = world.scaling_refusal(command.clone());
        assert!(found.contains(expected), "{command:?}\n{found}\n{expected}");
    };
    check(register(&|r| r.service_namespace = text("ecs")), "`ecs` is not served by this engine");
    check(
        register(&|r| r.resource_id = text("service/a/b")),
        "Unsupported service namespace, resource type or scalable",
    );
    check(register(&|r| r.resource_id = text("function:g:live")), "doesn't exist: function:g:live");
    check(register(&|r| r.resource_id = text("function:f:7")), "doesn't exist: function:f:7");
    check(register(&|r| r.max_capacity = None), "MinCapacity and MaxCapacity are required");
    check(register(&|r| r.max_capacity = Some(0)), "Maximum capacity cannot be less than minimum capacity");
    check(register(&|r| r.min_capacity = Some(-1)), "minCapacity must be between 0");
    check(
        Scale::PutScalingPolicy(policy("p", tracking(0.7))),
        "ObjectNotFound: No scalable target registered for service namespace: lambda, resource ID: function:f:live",
    );
    check(
        Scale::DescribeScalableTargets(Describe { max_results: Some(51), ..describe() }),
        "Value '51' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 50",
    );
    check(
        Scale::DescribeScalableTargets(Describe { next_token: text("x"), ..describe() }),
        "InvalidNextToken: The next token supplied was invalid",
    );
    world.scale(register(&|_| {})).unwrap();
    world.scale(Scale::PutScalingPolicy(policy("p", tracking(0.7)))).unwrap();
    let mut check = |command: Scale, expected: &str| {
        let found = world.scaling_refusal(command.clone());
        assert!(found.contains(expected), "{command:?}\n{found}\n{expected}");
    };
    check(
        Scale::PutScalingPolicy(policy("q", tracking(0.5))),
        "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
    );
    let mut step = policy("q", tracking(0.5));
    step.policy_type = text("StepScaling");
    check(Scale::PutScalingPolicy(step), "StepScaling is not supported for the service namespace lambda");
    check(Scale::PutScalingPolicy(policy("p", tracking(0.0))), "TargetValue must be a number above zero");
    let mut other = tracking(0.7);
    other.predefined_metric_specification.as_mut().unwrap().predefined_metric_type =
        "ECSServiceAverageCPUUtilization".into();
    check(Scale::PutScalingPolicy(policy("p", other)), "ECSServiceAverageCPUUtilization is not supported");
    check(Scale::PutScheduledAction(scheduled("rate(5)", Some(1), None)), "`rate(5)` is no schedule");
    check(Scale::PutScheduledAction(scheduled("rate(5 minutes)", None, None)), "ScalableTargetAction needs");
    check(
        Scale::PutScheduledAction(scheduled("at(2020-01-01T00:00:00)", Some(1), None)),
        "no time that is still to come",
    );
    check(
        Scale::DeleteScalingPolicy(Named { policy_name: text("q"), ..live() }),
        "ObjectNotFound: No scaling policy found for service namespace: lambda",
    );
    check(Scale::ListTagsForResource { resource_arn: text("arn:none") }, "ResourceNotFound: The resource `arn:none`");
    let tagged = register(&|r| r.tags = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())])));
    check(tagged, "tag this one with TagResource");
}
