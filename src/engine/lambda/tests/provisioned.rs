//! Provisioned concurrency: started ahead, kept, counted, used first, and replaced one by one.

use super::{
    super::{
        AliasRoutingConfiguration, CreateAlias, FunctionActivity, InvocationType, ProvisionedConcurrencyConfig,
        PublishVersion, ThrottleReason, UpdateAlias, UpdateFunctionCode,
    },
    Command, EngineConfig, EnvironmentEvent, EnvironmentId, FunctionRef, Invoke, LambdaError, LambdaErrorKind,
    Response, StopReason, World, code, invoke, named,
};
use crate::engine::{ExitCause, ThrottleLimit};

pub(super) fn at(qualifier: &str) -> FunctionRef {
    FunctionRef { name: "f".into(), qualifier: Some(qualifier.into()) }
}

/// A function `f` with the versions 1 and 2, and an alias `live` that names the first.
pub(super) fn world() -> World {
    let mut world = World::new();
    prepare(&mut world);
    world
}

pub(super) fn prepare(world: &mut World) {
    world.create("f");
    let publish = |world: &mut World| {
        world.call(Command::PublishVersion { name: named("f"), publish: PublishVersion::default() }).unwrap();
    };
    publish(world);
    let update = UpdateFunctionCode::default();
    world.call(Command::UpdateFunctionCode { name: named("f"), update, code: code(2) }).unwrap();
    publish(world);
    let create = CreateAlias { name: "live".into(), function_version: "1".into(), ..CreateAlias::default() };
    world.call(Command::CreateAlias { name: named("f"), create }).unwrap();
}

impl World {
    pub(super) fn try_provision(
        &mut self,
        qualifier: &str,
        count: u32,
    ) -> Result<ProvisionedConcurrencyConfig, LambdaError> {
        let put =
            Command::PutProvisionedConcurrencyConfig { name: at(qualifier), provisioned_concurrent_executions: count };
        self.call(put).map(config)
    }

    /// `STATUS available/requested`.
    pub(super) fn provision(&mut self, qualifier: &str) -> String {
        match self.call(Command::GetProvisionedConcurrencyConfig { name: at(qualifier) }) {
            Ok(response) => {
                let found = config(response);
                let (available, requested) = (
                    found.available_provisioned_concurrent_executions,
                    found.requested_provisioned_concurrent_executions,
                );
                let reason = found.status_reason.map(|reason| format!(" {reason}")).unwrap_or_default();
                format!("{} {available}/{requested}{reason}", found.status)
            }
            Err(error) => format!("{:?}", error.kind),
        }
    }

    /// Environments launched since `from`, each initialised.
    pub(super) fn all_ready(&mut self, from: usize) -> Vec<EnvironmentId> {
        let mut ready = Vec::new();
        while let Some((id, _)) = self.launched.get(from + ready.len()).cloned() {
            self.environment(id, EnvironmentEvent::Next);
            ready.push(id);
        }
        ready
    }

    pub(super) fn ask_for(&mut self, qualifier: &str) -> super::RequestToken {
        self.ask(Command::Invoke(Invoke { function: at(qualifier), ..invoke("f") }))
    }

    pub(super) fn activity_of(&mut self, name: &str) -> FunctionActivity {
        let Ok(Response::Activity(activity)) = self.call(Command::DescribeActivity) else { panic!() };
        activity.functions.into_iter().find(|function| function.name == name).unwrap()
    }

    pub(super) fn move_alias(&mut self, version: &str) {
        let update = UpdateAlias { function_version: Some(version.into()), ..UpdateAlias::default() };
        self.call(Command::UpdateAlias { name: named("f"), alias: "live".into(), update }).unwrap();
    }

    fn unreserved(&mut self) -> u32 {
        match self.call(Command::GetAccountSettings).unwrap() {
            Response::AccountSettings(settings) => settings.unreserved_concurrent_executions,
            other => panic!("{other:?}"),
        }
    }
}

fn config(response: Response) -> ProvisionedConcurrencyConfig {
    match response {
        Response::ProvisionedConcurrency(config) => *config,
        other => panic!("{other:?}"),
    }
}

#[test]
fn environments_are_started_ahead_and_kept() {
    let mut world = world();
    let put = world.try_provision("live", 2).unwrap();
    assert_eq!(
        serde_json::to_value(&put).unwrap(),
        serde_json::json!({
            "RequestedProvisionedConcurrentExecutions": 2, "AvailableProvisionedConcurrentExecutions": 0,
            "AllocatedProvisionedConcurrentExecutions": 0, "Status": "IN_PROGRESS",
            "LastModified": "2026-11-24T10:53:53.000+0000"
        })
    );
    assert_eq!(world.launched.len(), 2);
    let spec = &world.launched[0].1;
    assert_eq!((spec.version.as_str(), spec.initialization_type), ("1", "provisioned-concurrency"));
    world.ready();
    assert_eq!(world.provision("live"), "IN_PROGRESS 1/2");
    let first = world.launched[0].0;
    world.environment(first, EnvironmentEvent::Next);
    assert_eq!(world.provision("live"), "READY 2/2");
    world.wait(24 * 60 * 60 * 1000);
    assert_eq!((world.stopped.len(), world.engine.next_deadline()), (0, None), "never reaped");
    world.environment(first, EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 });
    assert_eq!((world.launched.len(), world.provision("live").as_str()), (3, "IN_PROGRESS 1/2"), "replaced");
    world.ready();
    assert_eq!(world.provision("live"), "READY 2/2");
    world.call(Command::DeleteProvisionedConcurrencyConfig { name: at("live") }).unwrap();
    assert_eq!(world.stopped.len(), 2);
    assert_eq!(world.provision("live"), "ProvisionedConcurrencyConfigNotFound");
    assert_eq!(world.unreserved(), 1_000);
}

#[test]
fn invocations_use_them_first_and_spill_over() {
    let mut world = world();
    world.try_provision("live", 1).unwrap();
    let ahead = world.ready();
    let first = world.ask_for("live");
    assert_eq!(world.invoked.last().unwrap().0, ahead, "no cold start");
    let second = world.ask_for("live");
    let other = world.ready();
    assert_eq!(world.launched.last().unwrap().1.initialization_type, "on-demand");
    world.respond(ahead);
    world.environment(ahead, EnvironmentEvent::Next);
    world.respond(other);
    world.environment(other, EnvironmentEvent::Next);
    assert_eq!(world.outcome(first).executed_version, "1");
    world.outcome(second);
    world.ask_for("1");
    assert_eq!(world.invoked.last().unwrap().0, ahead, "the alias's own is the version's");
    world.ask_for("$LATEST");
    world.ask_for("2");
    let kinds: Vec<_> = world.launched[2..].iter().map(|(_, spec)| spec.initialization_type).collect();
    assert_eq!(kinds, ["on-demand", "on-demand"], "others have none");
    let activity = world.activity_of("f");
    assert_eq!((activity.spillovers, activity.provisioned, activity.cold_starts), (1, 1, 3));
}

#[test]
fn what_an_aliass_other_version_runs_spills_over() {
    let mut world = world();
    world.try_provision("live", 1).unwrap();
    world.ready();
    let routing = AliasRoutingConfiguration { additional_version_weights: [("2".into(), 1.0)].into() };
    let update = UpdateAlias { routing_config: Some(routing), ..UpdateAlias::default() };
    world.call(Command::UpdateAlias { name: named("f"), alias: "live".into(), update }).unwrap();
    world.ask_for("live");
    let (_, spec) = world.launched.last().unwrap();
    assert_eq!((spec.version.as_str(), spec.initialization_type), ("2", "on-demand"));
    assert_eq!(world.activity_of("f").spillovers, 1);
}

#[test]
fn an_environment_on_its_way_back_is_waited_for_a_moment() {
    let mut world = world();
    world.try_provision("live", 1).unwrap();
    let ahead = world.ready();
    world.ask_for("live");
    world.respond(ahead);
    let second = world.ask_for("live");
    world.wait(60);
    assert_eq!(world.launched.len(), 2, "it did not come back: the invocation spills over");
    let other = world.ready();
    world.respond(other);
    world.outcome(second);
    assert_eq!(world.activity_of("f").spillovers, 1);
    world.environment(ahead, EnvironmentEvent::Next);
    let third = world.ask_for("live");
    world.respond(ahead);
    world.outcome(third);
}

/// All that is reserved is provisioned: nothing is left to spill over to.
fn all_provisioned() -> (World, EnvironmentId) {
    let mut world = world();
    world.reserve("f", 1).unwrap();
    world.try_provision("live", 1).unwrap();
    let ahead = world.ready();
    world.ask_for("live");
    world.respond(ahead);
    (world, ahead)
}

#[test]
fn without_room_to_spill_over_one_on_its_way_back_is_waited_for_longer() {
    let (mut world, ahead) = all_provisioned();
    let second = world.ask_for("live");
    world.wait(500);
    assert_eq!((world.launched.len(), world.activity_of("f").throttles), (1, 0));
    world.environment(ahead, EnvironmentEvent::Next);
    world.respond(ahead);
    world.outcome(second);
    assert_eq!(world.activity_of("f").spillovers, 0);
}

#[test]
fn what_is_provisioned_is_not_spent_on_demand_when_one_dies_on_its_way_back() {
    let (mut world, ahead) = all_provisioned();
    let second = world.ask_for("live");
    world.environment(ahead, EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 });
    let Some(Err(error)) = world.replies.remove(&second) else { panic!("it is answered at once") };
    let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
    assert_eq!(error.kind, LambdaErrorKind::TooManyRequests(reason));
    let activity = world.activity_of("f");
    assert_eq!((activity.running, activity.invocations, activity.throttles, activity.spillovers), (0, 1, 1, 0));
    let (_, spec) = world.launched.last().unwrap();
    assert_eq!((world.launched.len(), spec.initialization_type), (2, "provisioned-concurrency"), "its replacement");
    let ahead = world.ready();
    let third = world.ask_for("live");
    world.respond(ahead);
    world.outcome(third);
}

/// An event goes back to its queue, and is done when the replacement is there.
#[test]
fn an_event_whose_promise_is_broken_is_tried_again() {
    let (mut world, ahead) = all_provisioned();
    let event = Invoke { invocation_type: InvocationType::Event, function: at("live"), ..invoke("f") };
    world.call(Command::Invoke(event)).unwrap();
    world.environment(ahead, EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 });
    let ahead = world.ready();
    assert_eq!(world.activity_of("f").events.waiting, 1);
    world.wait(1_000);
    world.respond(ahead);
    let activity = world.activity_of("f");
    assert_eq!((activity.events.waiting, activity.events.dropped, activity.invocations), (0, 0, 2));
}

#[test]
fn what_does_not_initialise_has_failed() {
    let mut world = world();
    world.try_provision("live", 2).unwrap();
    world.ready();
    for _ in 0..3 {
        let starting = world
            .launched
            .iter()
            .map(|(id, _)| *id)
            .rfind(|id| world.stopped.iter().all(|(stopped, _)| stopped != id) && *id != world.launched[1].0)
            .unwrap();
        let payload = bytes::Bytes::from_static(b"{}");
        world.environment(starting, EnvironmentEvent::InitError { error_type: None, payload });
    }
    assert_eq!(world.provision("live"), "FAILED 1/2 FUNCTION_ERROR_INIT_FAILURE");
    assert_eq!((world.launched.len(), world.engine.next_deadline()), (4, None), "it is not tried for ever");
    world.try_provision("live", 2).unwrap();
    assert_eq!(world.launched.len(), 5, "asked again, it tries again");
    world.ready();
    assert_eq!(world.provision("live"), "READY 2/2");
}

#[test]
fn initialisation_may_take_130_seconds() {
    let mut world = world();
    world.try_provision("live", 1).unwrap();
    world.wait(129_999);
    assert!(world.stopped.is_empty());
    world.wait(1);
    assert_eq!(world.stopped.last().unwrap().1, StopReason::TimedOut);
    assert_eq!(world.launched.len(), 2);
}

#[test]
fn an_alias_that_moves_replaces_them_one_by_one() {
    let mut world = world();
    world.try_provision("live", 3).unwrap();
    world.all_ready(0);
    world.move_alias("2");
    assert_eq!((world.launched.len(), world.stopped.len()), (4, 0));
    assert_eq!(world.provision("live"), "IN_PROGRESS 0/3");
    for step in 1..=3 {
        assert_eq!(world.launched.last().unwrap().1.version, "2");
        world.ready();
        assert_eq!(world.stopped.len(), step, "an old one goes for each new one");
    }
    assert_eq!((world.launched.len(), world.provision("live").as_str()), (6, "READY 3/3"));
}

#[test]
fn a_busy_one_that_is_too_much_goes_when_it_is_done() {
    let mut world = world();
    world.try_provision("live", 1).unwrap();
    let ahead = world.ready();
    let token = world.ask_for("live");
    world.call(Command::DeleteProvisionedConcurrencyConfig { name: at("live") }).unwrap();
    assert!(world.stopped.is_empty());
    world.respond(ahead);
    world.environment(ahead, EnvironmentEvent::Next);
    assert_eq!(world.stopped, [(ahead, StopReason::Replaced)]);
    world.outcome(token);
}

#[test]
fn it_counts_against_the_reservation_or_the_pool() {
    use LambdaErrorKind::InvalidParameterValue;
    let mut world = world();
    let refused = |world: &mut World, qualifier: &str, count, text: &str| {
        let error = world.try_provision(qualifier, count).unwrap_err();
        assert_eq!(error.kind, InvalidParameterValue, "{error}");
        assert!(error.message.contains(text), "{error}");
    };
    refused(&mut world, "live", 1_001, "is greater than account's unreserved concurrency [1000].");
    refused(&mut world, "live", 901, "below its minimum value of [100].");
    world.try_provision("live", 300).unwrap();
    assert_eq!(world.unreserved(), 700);
    world.create("g");
    assert!(world.reserve("g", 601).unwrap_err().message.contains("below its minimum value of [100]"));
    world.reserve("f", 400).unwrap();
    assert_eq!(world.unreserved(), 600, "it is within the reservation now");
    world.try_provision("2", 100).unwrap();
    refused(&mut world, "2", 101, "should not be greater than the reservedConcurrentExecution for function");
    let lower = world.reserve("f", 399).unwrap_err().message;
    assert!(lower.ends_with("should not be lower than function's total provisioned concurrency [400]."), "{lower}");
    world.call(Command::DeleteFunction { name: named("f") }).unwrap();
    assert_eq!(world.unreserved(), 1_000);
}

#[test]
fn what_cannot_be_provisioned() {
    use LambdaErrorKind::{InvalidParameterValue, ResourceNotFound};
    let mut world = world();
    world.try_provision("live", 1).unwrap();
    for (qualifier, count, kind, text) in [
        ("$LATEST", 1, InvalidParameterValue, "cannot be applied to unpublished function versions."),
        ("1", 1, InvalidParameterValue, "Version is pointed by a Provisioned Concurrency alias"),
        ("7", 1, ResourceNotFound, "Function not found"),
    ] {
        let error = world.try_provision(qualifier, count).unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(text), "{error}");
    }
    let unqualified = Command::GetProvisionedConcurrencyConfig { name: named("f") };
    assert!(world.refusal(unqualified).1.contains("cannot be applied to unpublished function versions"));
    world.try_provision("2", 1).unwrap();
    let update = UpdateAlias { function_version: Some("2".into()), ..UpdateAlias::default() };
    let (_, message) = world.refusal(Command::UpdateAlias { name: named("f"), alias: "live".into(), update });
    assert!(message.contains("on an already Provisioned version"), "{message}");
}

/// "Understanding reserved and provisioned concurrency": function-orange has 400 reserved, of which 200 are provisioned.
/// The first 200 invocations find initialised environments, the next 200 start theirs, and the rest is throttled, whatever
/// the pool has left.
#[test]
fn the_worked_example_of_reserved_and_provisioned() {
    let mut world = world();
    world.reserve("f", 400).unwrap();
    world.try_provision("live", 200).unwrap();
    world.wait(2_000);
    world.all_ready(0);
    assert_eq!(world.provision("live"), "READY 200/200");
    for _ in 0..400 {
        world.ask_for("live");
    }
    let activity = world.activity_of("f");
    assert_eq!((activity.cold_starts, activity.spillovers, activity.throttles), (200, 200, 0));
    world.ask_for("live");
    assert_eq!(world.throttled.last().map(|notice| (notice.met, notice.limit)), Some((ThrottleLimit::Reserved, 400)));
}

#[test]
fn on_demand_never_spends_what_is_provisioned() {
    let mut world = world();
    world.reserve("f", 3).unwrap();
    world.try_provision("live", 2).unwrap();
    world.all_ready(0);
    world.ask_for("2");
    assert!(world.throttled.is_empty());
    world.ask_for("2");
    assert_eq!(world.throttled.len(), 1, "one of three is left on demand");
    world.ask_for("live");
    world.ask_for("live");
    assert_eq!((world.throttled.len(), world.activity_of("f").busy), (1, 2));
}

#[test]
fn allocation_takes_6000_a_minute() {
    let mut world = World::with(EngineConfig { concurrency_limit: 10_000, ..EngineConfig::default() });
    prepare(&mut world);
    world.try_provision("live", 700).unwrap();
    assert_eq!(world.launched.len(), 100);
    world.wait(1_000);
    assert_eq!(world.launched.len(), 200);
    world.wait(5_000);
    assert_eq!(world.launched.len(), 700);
}

#[test]
fn configurations_survive() {
    let mut world = world();
    world.try_provision("live", 2).unwrap();
    let mut world = world.restarted();
    assert_eq!((world.unreserved(), world.provision("live").as_str()), (998, "IN_PROGRESS 0/2"));
    world.wait(0);
    world.all_ready(0);
    assert_eq!(world.provision("live"), "READY 2/2");
    world.call(Command::DeleteAlias { name: named("f"), alias: "live".into() }).unwrap();
    assert_eq!((world.unreserved(), world.stopped.len()), (1_000, 2));
}
