//! What throttles tell: in the function's log, among the last ones, and in the counts.

use super::*;
use crate::engine::{ThrottleLimit, lambda::Activity};

fn activity(world: &mut World) -> Activity {
    match world.call(Command::DescribeActivity) {
        Ok(Response::Activity(activity)) => activity,
        other => panic!("{other:?}"),
    }
}

/// The lines about throttles in the log, each with the milliseconds since the start.
fn told(world: &World) -> Vec<(u64, String)> {
    let lines = world.logged.iter().filter(|line| &*line.source.stream == "stackctl/throttles");
    lines.map(|line| (line.timestamp_ms - START_MS, format!("{} {}", line.source.group, line.message))).collect()
}

#[test]
fn a_throttle_is_a_line_in_the_functions_log() {
    let mut world =
        World::with(EngineConfig { concurrency_limit: 10, unreserved_minimum: 2, ..EngineConfig::default() });
    for name in ["blue", "green"] {
        world.create(name);
    }
    world.reserve("blue", 8).unwrap();
    world.invoke("blue");
    for _ in 0..3 {
        world.invoke("green");
    }
    let green = "/aws/lambda/green throttled: unreserved concurrency of 2 is used up by green (2)";
    assert_eq!(told(&world), [(0, green.to_owned())], "what `blue` runs is not of the rest");
    for _ in 0..8 {
        world.invoke("blue");
    }
    let blue = "/aws/lambda/blue throttled: reserved concurrency of 8 is used up by blue (8)";
    assert_eq!(told(&world)[1..], [(0, blue.to_owned())]);
    let activity = activity(&mut world);
    let recent: Vec<_> = activity.throttles.iter().map(|told| told.function.as_str()).collect();
    assert_eq!(recent, ["green", "blue"]);
    let [blue, green] = activity.functions.as_slice() else { panic!() };
    assert_eq!((blue.running, blue.limit, green.running, green.limit), (8, 8, 2, 2));
    assert_eq!(blue.throttles_by_limit, BTreeMap::from([(ThrottleLimit::Reserved, 1)]));
    assert_eq!(green.throttles_by_limit, BTreeMap::from([(ThrottleLimit::Pool, 1)]));
    let account = activity.account_concurrency;
    assert_eq!((account.limit, account.claimed, account.running, account.running_unreserved), (10, 8, 10, 2));
}

#[test]
fn ten_thousand_throttles_are_two_lines_a_second() {
    let mut world = World::new();
    world.create("f");
    world.reserve("f", 1).unwrap();
    world.invoke("f");
    for _ in 0..10_000 {
        world.invoke("f");
    }
    world.wait(999);
    assert_eq!(told(&world).len(), 1);
    world.wait(1);
    world.invoke("f");
    world.wait(10_000);
    let texts: Vec<_> =
        told(&world).into_iter().map(|(at_ms, text)| (at_ms, text.replace("/aws/lambda/f ", ""))).collect();
    let expected = [
        (0, "throttled: reserved concurrency of 1 is used up by f (1)"),
        (1_000, "throttled 9999 times more within 1 s: reserved concurrency of 1 is used up; now running: f (1)"),
        (2_000, "throttled once more within 1 s: reserved concurrency of 1 is used up; now running: f (1)"),
    ];
    assert_eq!(texts, expected.map(|(at_ms, text)| (at_ms, text.to_owned())));
    world.invoke("f");
    assert_eq!(told(&world).len(), 4, "after a quiet time each is told at once");
    assert_eq!(activity(&mut world).functions[0].throttles, 10_002);
}

#[test]
fn a_deleted_functions_throttles_are_not_told_any_more() {
    let mut world = World::new();
    world.create("f");
    world.reserve("f", 0).unwrap();
    world.invoke("f");
    world.invoke("f");
    world.call(Command::DeleteFunction { name: named("f") }).unwrap();
    world.wait(10_000);
    assert_eq!(told(&world), [(0, "/aws/lambda/f throttled: reserved concurrency of 0 lets nothing run".to_owned())]);
}

#[test]
fn durations_and_events_are_counted() {
    let mut world = World::new();
    world.create("f");
    world
        .call(Command::Invoke(Invoke { invocation_type: super::super::InvocationType::Event, ..invoke("f") }))
        .unwrap();
    world.wait(40);
    let id = world.ready();
    world.wait(30);
    let waiting = activity(&mut world).functions.remove(0);
    assert_eq!((waiting.events.waiting, waiting.events.oldest_age_ms), (1, Some(70)));
    world.respond(id);
    let done = activity(&mut world).functions.remove(0);
    assert_eq!((done.events.received, done.events.waiting, done.events.dropped), (1, 0, 0));
    assert_eq!((done.durations.count, done.durations.sum_ms), (1, 30), "without the init phase");
    assert_eq!((done.events.ages.count, done.events.ages.max_ms), (1, 0));
}
