//! Functions under a debugger: one environment, whose clock stands while the debugger has it.

use std::collections::BTreeMap;

use super::{
    super::{CreateFunction, Environment, UpdateFunctionCode, UpdateFunctionConfiguration},
    Command, EnvironmentEvent, EnvironmentId, LambdaErrorKind, StopReason, World, code, create, function, named,
};
use crate::model::{DEBUG_VARIABLE, limits::INIT_MAX_MS};

const TIMEOUT_MS: u64 = 3_000;
const HOUR_MS: u64 = 3_600_000;

fn debugged(value: &str) -> CreateFunction {
    CreateFunction { environment: Some(environment(value)), ..function("f") }
}

fn environment(value: &str) -> Environment {
    Environment { variables: BTreeMap::from([(DEBUG_VARIABLE.to_owned(), value.to_owned())]) }
}

/// A function that is debugged, and the environment that was started for the debugger.
fn world(value: &str) -> (World, EnvironmentId) {
    let mut world = World::new();
    world.call(create(debugged(value))).unwrap();
    world.wait(0);
    let id = world.launched.last().expect("it is started at once").0;
    (world, id)
}

impl World {
    fn attach(&mut self, id: EnvironmentId, is_attached: bool) {
        self.environment(id, EnvironmentEvent::Debugger { is_attached });
    }
}

#[test]
fn the_clock_of_an_invocation_stands_while_a_debugger_is_attached() {
    let (mut world, id) = world("5678");
    world.environment(id, EnvironmentEvent::Next);
    let token = world.invoke("f");
    world.wait(TIMEOUT_MS - 1_000);
    world.attach(id, true);
    world.wait(HOUR_MS);
    world.attach(id, false);
    world.wait(999);
    assert!(world.stopped.is_empty(), "it has one second left");
    world.respond(id);
    assert_eq!(world.outcome(token).function_error, None);
    // The next one has its whole time again, and no more.
    world.environment(id, EnvironmentEvent::Next);
    let token = world.invoke("f");
    world.wait(TIMEOUT_MS);
    assert_eq!(world.outcome(token).function_error, Some("Unhandled"));
}

#[test]
fn an_invocation_that_begins_under_a_debugger_is_told_that_it_has_time() {
    let (mut world, id) = world("5678");
    world.environment(id, EnvironmentEvent::Next);
    world.attach(id, true);
    world.invoke("f");
    let deadline = world.invoked[0].1.deadline;
    assert!(deadline.millis_since(world.now) > HOUR_MS);
    world.wait(HOUR_MS);
    world.attach(id, false);
    world.wait(TIMEOUT_MS - 1);
    assert!(world.stopped.is_empty());
    world.wait(1);
    assert_eq!(world.stopped, [(id, StopReason::TimedOut)]);
}

#[test]
fn what_waits_for_a_debugger_waits_without_end() {
    let (mut world, id) = world("5678,wait");
    world.invoke("f");
    world.wait(HOUR_MS);
    assert_eq!((world.launched.len(), world.stopped.len(), world.invoked.len()), (1, 0, 0));
    world.attach(id, true);
    world.environment(id, EnvironmentEvent::Next);
    assert_eq!(world.invoked.len(), 1);
}

#[test]
fn without_a_debugger_the_init_phase_has_its_limit() {
    let (mut world, id) = world("5678");
    world.wait(INIT_MAX_MS);
    assert_eq!(world.stopped, [(id, StopReason::TimedOut)]);
}

#[test]
fn there_is_one_environment_and_it_is_kept() {
    let (mut world, id) = world("5678");
    // The first invocation takes the environment that is still starting.
    world.invoke("f");
    let second = world.invoke("f");
    let refused = world.replies.remove(&second).unwrap().unwrap_err();
    assert!(matches!(refused.kind, LambdaErrorKind::TooManyRequests(_)), "{refused:?}");
    let said = &world.logged.iter().find(|line| line.message.starts_with("throttled")).unwrap().message;
    assert_eq!(*said, "throttled: a debugged function's concurrency of 1 is used up by f (1)");
    world.environment(id, EnvironmentEvent::Next);
    world.respond(id);
    // It is on its way back, and slow.
    world.invoke("f");
    world.wait(TIMEOUT_MS / 2);
    world.environment(id, EnvironmentEvent::Next);
    world.respond(id);
    world.environment(id, EnvironmentEvent::Next);
    world.wait(24 * HOUR_MS);
    assert_eq!((world.launched.len(), world.stopped.len()), (1, 0));
}

#[test]
fn new_code_takes_the_place_of_the_old_without_a_second_one_beside_it() {
    let (mut world, first) = world("5678");
    let update = |world: &mut World, byte| {
        let update = UpdateFunctionCode::default();
        world.call(Command::SwapFunctionCode { name: named("f"), update, code: code(byte) }).unwrap();
        world.wait(0);
    };
    // Still starting.
    update(&mut world, 2);
    let second = world.launched[1].0;
    world.environment(second, EnvironmentEvent::Next);
    // Idle.
    update(&mut world, 3);
    let third = world.launched[2].0;
    world.environment(third, EnvironmentEvent::Next);
    // At work: what runs ends there.
    let token = world.invoke("f");
    update(&mut world, 4);
    assert_eq!(world.launched.len(), 3);
    world.respond(third);
    assert_eq!(world.outcome(token).function_error, None);
    world.environment(third, EnvironmentEvent::Next);
    world.wait(0);
    assert_eq!(world.launched[3].1.artifact, code(4).artifact);
    let replaced = [first, second, third].map(|id| (id, StopReason::Replaced));
    assert_eq!(world.stopped, replaced);
}

#[test]
fn an_engine_that_starts_again_starts_it_again() {
    let (world, _) = world("5678");
    let mut world = world.restarted();
    world.wait(0);
    assert_eq!(world.launched.len(), 1);
    let update = UpdateFunctionConfiguration { environment: Some(Environment::default()), ..Default::default() };
    world.call(Command::UpdateFunctionConfiguration { name: named("f"), update }).unwrap();
    world.wait(0);
    assert_eq!(world.stopped.len(), 1, "it is debugged no more");
}

#[test]
fn what_is_no_port_is_refused() {
    let mut world = World::new();
    let (_, message) = world.refusal(create(debugged("yes")));
    assert_eq!(message, "STACKCTL_DEBUG is a port, or a port and `,wait`, like 5678 or 5678,wait");
}
