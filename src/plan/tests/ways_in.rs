//! URLs and schedules.

use super::*;

fn url() -> FunctionUrl {
    FunctionUrl { needs_signature: false, streams: false, cors: None }
}

fn schedule(target: ScheduleTarget) -> DesiredSchedule {
    DesiredSchedule {
        expression: "rate(5 minutes)".into(),
        timezone: "UTC".into(),
        description: String::new(),
        target,
        input: None,
        window_minutes: None,
        dead_letter: None,
        max_retries: 185,
        max_age_s: 86_400,
        role: None,
        enabled: true,
    }
}

#[test]
fn urls_come_change_and_go() {
    check(|desired| f(desired).url = Some(url()), "~ functions.f  create: url\n0 to create, 1 to update, 0 to delete");
    check_between(
        |desired| f(desired).url = Some(url()),
        |desired| f(desired).url = Some(FunctionUrl { needs_signature: true, streams: true, cors: None }),
        "~ functions.f  update: url.auth none -> iam, url.invoke_mode buffered -> stream
         0 to create, 1 to update, 0 to delete",
    );
    check_between(
        |desired| f(desired).url = Some(url()),
        |desired| f(desired).url = None,
        "~ functions.f  delete: url\n0 to create, 1 to update, 0 to delete",
    );
    // With provisioned concurrency it calls the alias.
    let mut desired = example();
    f(&mut desired).url = Some(url());
    let mut target = converged(&desired);
    f(&mut desired).provisioned_concurrency = Some(Provisioned::Fixed(1));
    converge(&desired, &mut target);
    let observed = target.observe(&desired);
    let found = observed.functions.values().next().unwrap().url.clone().unwrap();
    assert_eq!(found.alias.as_deref(), Some("live"));
}

#[test]
fn elsewhere_everybody_has_to_be_let_to_a_url() {
    let facts = crate::plan::TargetFacts { kind: crate::plan::TargetKind::Endpoint, ..facts() };
    let planned = |desired: &Desired, target: &FakeTarget| {
        plan(desired, &artifacts(desired, 0xab), &target.observe(desired), &facts).unwrap()
    };
    let (mut desired, mut target) = (example(), FakeTarget::default());
    let mut check = |url: Option<FunctionUrl>, expected: &str| {
        f(&mut desired).url = url;
        let plan = planned(&desired, &target);
        let lines = plan.lines().into_iter().filter(|line| line.text.contains("url")).map(|line| line.to_string());
        assert_text(&lines.collect::<Vec<_>>().join("\n"), expected);
        for step in plan.steps {
            target.apply(&step.call).unwrap();
        }
        assert!(planned(&desired, &target).is_empty());
    };
    check(
        Some(url()),
        "+ functions.f                         create: url
         + functions.f                         allow: everybody to call the url
         + functions.f                         allow: everybody to call the url",
    );
    check(
        Some(FunctionUrl { needs_signature: true, ..url() }),
        "~ functions.f  forbid: everybody to call the url
         ~ functions.f  forbid: everybody to call the url
         ~ functions.f  update: url.auth none -> iam",
    );
    check(None, "~ functions.f  delete: url");
}

#[test]
fn a_url_is_told_once_the_target_has_given_it_out() {
    let mut desired = example();
    f(&mut desired).url = Some(url());
    let reference = Template(vec![TemplatePart::Reference(Reference::FunctionUrl("f".into()))]);
    f(&mut desired).environment.insert("SELF".into(), reference);
    let mut target = FakeTarget::default();
    let mut rounds = 0;
    while !planned(&desired, &target).unwrap().is_empty() {
        for step in planned(&desired, &target).unwrap().steps {
            target.apply(&step.call).unwrap();
        }
        rounds += 1;
    }
    assert_eq!(rounds, 2);
    let observed = target.observe(&desired);
    let function = observed.functions.values().next().unwrap();
    assert_eq!(function.environment.0["SELF"], function.url.as_ref().unwrap().url);
}

#[test]
fn schedules_come_change_and_go() {
    let queue = || ScheduleTarget::Queue { queue: "example-queue".into(), group: None };
    let two = |desired: &mut Desired| {
        desired.schedules.insert("a".into(), schedule(ScheduleTarget::Function("f".into())));
        desired.schedules.insert("b".into(), schedule(queue()));
    };
    check(
        two,
        "+ schedules.a  create
         + schedules.b  create
         + schedules    create
         3 to create, 0 to update, 0 to delete",
    );
    check_between(
        two,
        |desired| {
            desired.schedules.remove("a");
            let b = desired.schedules.get_mut("b").unwrap();
            (b.expression, b.enabled) = ("rate(1 day)".into(), false);
        },
        "~ schedules.b  update: expression rate(5 minutes) -> rate(1 day), enabled true -> false
         - schedules.a  delete
         0 to create, 1 to update, 1 to delete",
    );
    check_between(
        two,
        |desired| desired.schedules.clear(),
        "- schedules.a  delete
         - schedules.b  delete
         - schedules    delete
         0 to create, 0 to update, 3 to delete",
    );
    let mut desired = example();
    two(&mut desired);
    let mut target = converged(&desired);
    for step in teardown(&target.observe(&desired)).steps {
        target.apply(&step.call).unwrap();
    }
    assert!(target.observe(&desired).is_empty());
}
