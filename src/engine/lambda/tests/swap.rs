//! New code of `stackctl` initialises beside the old, and takes its place only when it is ready.

use bytes::Bytes;

use super::{
    super::UpdateFunctionCode, Command, EngineConfig, EnvironmentEvent, EnvironmentId, LambdaErrorKind, Response,
    StopReason, World, code, configuration, named,
};
use crate::{engine::ExitCause, model::limits::INIT_MAX_MS};

impl World {
    fn swap(&mut self, byte: u8) -> Result<Response, super::LambdaError> {
        let update = UpdateFunctionCode::default();
        self.call(Command::SwapFunctionCode { name: named("f"), update, code: code(byte) })
    }

    /// Code, status, and why.
    fn status(&mut self) -> (String, String, Option<String>) {
        let found = configuration(self.call(Command::GetFunctionConfiguration { name: named("f") }).unwrap());
        (found.code_sha256, found.last_update_status, found.last_update_status_reason)
    }

    /// An environment that waits for work.
    fn idle(&mut self) -> EnvironmentId {
        self.invoke("f");
        let id = self.ready();
        self.respond(id);
        self.environment(id, EnvironmentEvent::Next);
        id
    }

    /// Which environment the next invocation runs in, at once.
    fn runs_in(&mut self) -> EnvironmentId {
        let count = self.invoked.len();
        self.invoke("f");
        assert_eq!(self.invoked.len(), count + 1, "it waits for nothing");
        self.invoked[count].0
    }
}

fn in_use() -> (World, EnvironmentId) {
    let mut world = World::new();
    world.create("f");
    let idle = world.idle();
    (world, idle)
}

#[test]
fn invocations_move_when_the_new_code_is_ready() {
    let (mut world, old) = in_use();
    world.swap(2).unwrap();
    assert_eq!(world.status().1, "InProgress");
    assert_eq!((world.launched.len(), world.launched[1].1.artifact), (2, code(2).artifact));
    // Until then the old environment serves.
    assert_eq!(world.runs_in(), old);
    let new = world.ready();
    assert_eq!(world.status(), ("sha-2".into(), "Successful".into(), None));
    assert_eq!(world.runs_in(), new);
    // What ran in the old one ends as it would have.
    world.respond(old);
    world.environment(old, EnvironmentEvent::Next);
    assert_eq!(world.stopped, [(old, StopReason::Replaced)]);
    world.respond(new);
    world.environment(new, EnvironmentEvent::Next);
    assert_eq!((world.runs_in(), world.launched.len()), (new, 2));
}

#[test]
fn code_that_does_not_initialise_changes_nothing() {
    let document = br#"{"errorMessage":"no module named x","errorType":"Runtime.ImportModuleError"}"#;
    let check = |break_it: &dyn Fn(&mut World, EnvironmentId), expected: &str| {
        let (mut world, old) = in_use();
        world.swap(2).unwrap();
        let new = world.launched[1].0;
        break_it(&mut world, new);
        let reason = format!("the new code does not initialise, and the code before stays: {expected}");
        assert_eq!(world.status(), ("sha-1".into(), "Failed".into(), Some(reason)));
        assert_eq!(world.runs_in(), old);
        world.swap(3).unwrap();
        world.ready();
        assert_eq!(world.status(), ("sha-3".into(), "Successful".into(), None));
    };
    let init_error = || EnvironmentEvent::InitError {
        error_type: Some("Runtime.ImportModuleError".into()),
        payload: Bytes::from_static(document),
    };
    check(&|world, new| world.environment(new, init_error()), "Runtime.ImportModuleError: no module named x");
    let exited = || EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 };
    check(&|world, new| world.environment(new, exited()), "Runtime.ExitError");
    check(&|world, _| world.wait(INIT_MAX_MS), "it took too long");
}

#[test]
fn a_newer_deployment_takes_the_place_of_one_under_way() {
    let (mut world, old) = in_use();
    world.swap(2).unwrap();
    let second = world.launched[1].0;
    world.swap(3).unwrap();
    assert_eq!(world.stopped, [(second, StopReason::Replaced)]);
    assert_eq!(world.runs_in(), old);
    world.ready();
    assert_eq!(world.status().0, "sha-3");
}

#[test]
fn other_changes_wait_until_it_is_over() {
    let (mut world, _) = in_use();
    world.swap(2).unwrap();
    let update = UpdateFunctionCode::default();
    let plain = || Command::UpdateFunctionCode { name: named("f"), update: update.clone(), code: code(3) };
    let (kind, message) = world.refusal(plain());
    assert_eq!(kind, LambdaErrorKind::ResourceConflict);
    assert!(message.starts_with("The operation cannot be performed at this time."), "{message}");
    world.ready();
    world.call(plain()).unwrap();
    assert_eq!(world.status().0, "sha-3");
}

#[test]
fn a_function_that_nobody_has_used_changes_at_once() {
    let mut world = World::new();
    world.create("f");
    world.swap(2).unwrap();
    assert_eq!((world.status().1, world.launched.len()), ("Successful".to_owned(), 0));
    world.invoke("f");
    assert_eq!(world.launched[0].1.artifact, code(2).artifact);
}

/// Its environments have ended since.
fn idle() -> World {
    let (mut world, old) = in_use();
    world.wait(EngineConfig::default().environment_idle_ms);
    assert_eq!(world.stopped.last().map(|(id, _)| *id), Some(old));
    world
}

#[test]
fn code_that_was_used_before_is_tried_as_well() {
    let mut world = idle();
    world.swap(2).unwrap();
    assert_eq!((world.status().1, world.launched.len()), ("InProgress".to_owned(), 2));
    let exited = EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 };
    world.environment(world.launched[1].0, exited);
    assert_eq!((world.status().0, world.status().1), ("sha-1".into(), "Failed".to_owned()));
    world.swap(3).unwrap();
    let new = world.ready();
    assert_eq!((world.status().0, world.runs_in()), ("sha-3".into(), new), "it is there for the next invocation");
    let mut world = idle();
    world.reserve("f", 0).unwrap();
    world.swap(2).unwrap();
    assert_eq!(world.status().1, "Successful", "what is switched off starts nothing");
}

#[test]
fn a_change_of_a_whole_stack_does_not_start_a_process_for_each_function() {
    let mut world = World::new();
    let names: Vec<_> = (0..20).map(|number| format!("f{number}")).collect();
    for name in &names {
        world.create(name);
        world.invoke(name);
        let id = world.ready();
        world.respond(id);
        world.environment(id, EnvironmentEvent::Next);
    }
    world.wait(EngineConfig::default().environment_idle_ms);
    let before = world.launched.len();
    for name in &names {
        let update = UpdateFunctionCode::default();
        world.call(Command::SwapFunctionCode { name: named(name), update, code: code(2) }).unwrap();
    }
    assert_eq!(world.launched.len() - before, 8);
}

#[test]
fn what_is_provisioned_goes_on_when_the_new_code_does_not_initialise() {
    let mut world = super::provisioned::world();
    world.try_provision("live", 1).unwrap();
    let ahead = world.ready();
    world.swap(9).unwrap();
    assert_eq!(world.status().1, "InProgress");
    let publish = || Command::PublishVersion { name: named("f"), publish: super::super::PublishVersion::default() };
    assert_eq!(world.refusal(publish()).0, LambdaErrorKind::ResourceConflict, "it waits for the new code");
    let exited = EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 };
    world.environment(world.launched.last().unwrap().0, exited);
    assert_eq!(world.status().1, "Failed");
    let version = configuration(world.call(publish()).unwrap()).version;
    assert_eq!(version, "2", "nothing new is published");
    world.ask_for("live");
    assert_eq!(world.invoked.last().unwrap().0, ahead);
}

#[test]
fn a_deletion_stops_what_is_being_started() {
    let (mut world, old) = in_use();
    world.swap(2).unwrap();
    let new = world.launched[1].0;
    world.call(Command::DeleteFunction { name: named("f") }).unwrap();
    let stopped: std::collections::BTreeSet<_> = world.stopped.iter().map(|(id, _)| *id).collect();
    assert_eq!(stopped, [old, new].into());
}

#[test]
fn an_engine_that_ends_meanwhile_starts_with_the_old_code() {
    let (mut world, _) = in_use();
    world.swap(2).unwrap();
    let mut world = world.restarted();
    assert_eq!(world.status(), ("sha-1".into(), "Successful".into(), None));
    let (mut world, _) = in_use();
    world.swap(2).unwrap();
    world.ready();
    assert_eq!(world.restarted().status().0, "sha-2");
}

#[test]
fn as_many_start_as_work_and_none_of_them_is_in_vain() {
    let (mut world, first) = in_use();
    world.invoke("f");
    world.invoke("f");
    let second = world.ready();
    world.swap(2).unwrap();
    let candidates = [world.launched[2].0, world.launched[3].0];
    assert_eq!(world.launched.len(), 4, "two work");
    world.environment(candidates[1], EnvironmentEvent::Next);
    assert_eq!(world.status().0, "sha-2");
    // The first invocation has its environment, the second waits for the candidate that initialises still.
    assert_eq!(world.runs_in(), candidates[1]);
    world.invoke("f");
    assert_eq!(world.launched.len(), 4);
    world.environment(candidates[0], EnvironmentEvent::Next);
    assert_eq!(world.invoked.last().unwrap().0, candidates[0]);
    for old in [first, second] {
        world.respond(old);
        world.environment(old, EnvironmentEvent::Next);
    }
    assert_eq!(world.stopped, [(first, StopReason::Replaced), (second, StopReason::Replaced)]);
}

#[test]
fn a_candidate_that_fails_takes_those_beside_it_along() {
    let (mut world, first) = in_use();
    world.invoke("f");
    world.invoke("f");
    let second = world.ready();
    world.swap(2).unwrap();
    let candidates = [world.launched[2].0, world.launched[3].0];
    let cause = ExitCause::Status(1);
    world.environment(candidates[0], EnvironmentEvent::Exited { cause, max_memory_used_bytes: 0 });
    assert_eq!(world.stopped, [(candidates[1], StopReason::Replaced)]);
    assert_eq!(world.status().1, "Failed");
    world.respond(first);
    world.respond(second);
}
