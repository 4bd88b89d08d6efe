//! What is reported of an environment's time and memory.

use super::*;
use crate::engine::ExitCause;

fn report(world: &World) -> String {
    let line = world.logged.iter().rev().find(|line| line.message.starts_with("REPORT"));
    line.expect("an invocation has ended").message.split_once('\t').unwrap().1.to_owned()
}

#[test]
fn durations_are_as_exact_as_they_were_measured() {
    let mut world = World::new();
    world.create("f");
    world.invoke("f");
    let id = world.launched[0].0;
    world.environment(id, EnvironmentEvent::Measured { elapsed_us: 112_349 });
    world.ready();
    world.environment(id, EnvironmentEvent::Measured { elapsed_us: 4_161 });
    world.respond(id);
    let memory = "Memory Size: 128 MB\tMax Memory Used: 1 MB\t";
    assert_eq!(
        report(&world),
        format!("Duration: 4.16 ms\tBilled Duration: 117 ms\t{memory}Init Duration: 112.34 ms\t")
    );
    world.environment(id, EnvironmentEvent::Next);
    world.invoke("f");
    world.environment(id, EnvironmentEvent::Measured { elapsed_us: 999 });
    world.respond(id);
    assert_eq!(report(&world), format!("Duration: 0.99 ms\tBilled Duration: 1 ms\t{memory}"));
}

#[test]
fn who_had_too_much_memory_is_said_to_have() {
    let mut world = World::new();
    world.create("f");
    let token = world.invoke("f");
    let id = world.ready();
    world.environment(id, EnvironmentEvent::MemoryUsed { max_bytes: 100 << 20 });
    world.environment(id, EnvironmentEvent::Exited { cause: ExitCause::OutOfMemory, max_memory_used_bytes: 140 << 20 });
    let request_id = world.given(id);
    let outcome = world.outcome(token);
    assert_eq!(outcome.function_error, Some("Unhandled"));
    let document: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(document["errorType"], "Runtime.OutOfMemory");
    let message = format!("RequestId: {request_id} Error: Runtime exited with error: signal: killed");
    assert_eq!(document["errorMessage"], message.as_str());
    let report = report(&world);
    assert!(
        report.ends_with(
            "Max Memory Used: 128 MB\tInit Duration: 0.00 ms\tStatus: error\tError Type: Runtime.OutOfMemory"
        ),
        "{report}"
    );
}

#[test]
fn who_ran_out_of_time_had_the_memory_that_was_told() {
    let mut world = World::new();
    world.create("f");
    world.invoke("f");
    let id = world.ready();
    world.environment(id, EnvironmentEvent::MemoryUsed { max_bytes: 60 << 20 });
    world.wait(3_005);
    let report = report(&world);
    assert!(report.starts_with("Duration: 3000.00 ms\tBilled Duration: 3000 ms"), "{report}");
    assert!(report.contains("Max Memory Used: 60 MB"), "{report}");
}
