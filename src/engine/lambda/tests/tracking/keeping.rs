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
    check(register(&|r| r.service_namespace = None), "Value 'null' at 'serviceNamespace' failed");
    check(register(&|r| r.service_namespace = text("s3")), "Member must satisfy enum value set: [ecs, ");
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
