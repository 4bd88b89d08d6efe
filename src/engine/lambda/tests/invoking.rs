//! Invocations and environments, one case at a time.

mod asynchronous;

use bytes::Bytes;

use super::{
    super::{DeadLetterConfig, InvocationType, ThrottleReason, UpdateFunctionCode},
    Command, CreateFunction, Effect, Engine, EngineConfig, EnvironmentEvent, Input, Invoke, LambdaErrorKind,
    RequestToken, Response, StopReason, World, code, configuration, create, function, invoke, named,
};
use crate::engine::{self, ExitCause, OutputStream, ThrottleLimit, sqs};

#[test]
fn cold_then_warm_then_idle_then_gone() {
    let mut world = World::new();
    world.create("f");
    let first = world.invoke("f");
    let spec = &world.launched[0].1;
    assert!(spec.log.stream.starts_with("2026/11/24/[$LATEST]") && spec.log.stream.len() == 20 + 32, "{spec:?}");
    assert_eq!((spec.log.group.as_ref(), spec.initialization_type), ("/aws/lambda/f", "on-demand"));
    world.wait(112);
    let id = world.ready();
    assert_eq!(world.invoked[0].1.deadline, world.now.plus_secs(3), "the timeout begins with the handler");
    world.wait(4);
    world.respond(id);
    let outcome = world.outcome(first);
    assert_eq!((outcome.payload.as_ref(), outcome.function_error), (&b"\"ok\""[..], None));
    assert_eq!(outcome.executed_version, "$LATEST");
    world.environment(id, EnvironmentEvent::Next);
    let second = world.invoke("f");
    world.respond(id);
    world.outcome(second);
    assert_eq!(world.launched.len(), 1, "it is used again");
    world.environment(id, EnvironmentEvent::Next);
    world.wait(599_999);
    assert!(world.stopped.is_empty());
    world.wait(1);
    assert_eq!(world.stopped, [(id, StopReason::Idle)]);
    assert_eq!(world.engine.next_deadline(), None, "nothing waits any more");
}

#[test]
fn the_most_recently_used_environment_comes_first() {
    let mut world = World::new();
    world.create("f");
    let mut ids = Vec::new();
    for _ in 0..3 {
        world.invoke("f");
        ids.push(world.ready());
    }
    for index in [1, 0, 2] {
        world.respond(ids[index]);
        world.environment(ids[index], EnvironmentEvent::Next);
    }
    for index in [2, 0, 1] {
        world.invoke("f");
        assert_eq!(world.invoked.last().unwrap().0, ids[index]);
    }
}

#[test]
fn an_invocation_waits_a_moment_for_an_environment_on_its_way_back() {
    let mut world = World::new();
    world.create("f");
    world.invoke("f");
    let id = world.ready();
    world.respond(id);
    let second = world.invoke("f");
    assert_eq!(world.launched.len(), 1);
    world.environment(id, EnvironmentEvent::Next);
    world.respond(id);
    world.outcome(second);
    // One that does not come back is not waited for.
    let third = world.invoke("f");
    world.wait(50);
    assert_eq!(world.launched.len(), 2);
    let other = world.ready();
    world.respond(other);
    world.outcome(third);
    // One that dies on its way back gives its invocation on.
    let fourth = world.invoke("f");
    world.environment(other, EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 });
    let last = world.ready();
    world.respond(last);
    assert_eq!(world.outcome(fourth).function_error, None);
    // And one that hangs after its response is stopped at its deadline.
    world.wait(3_000);
    assert!(world.stopped.contains(&(id, StopReason::TimedOut)));
}

#[test]
fn a_handler_that_takes_too_long() {
    let mut world = World::new();
    world.create("f");
    let token = world.ask(Command::Invoke(Invoke { log_tail: true, ..invoke("f") }));
    let id = world.ready();
    world.wait(3_000);
    let outcome = world.outcome(token);
    let request_id = outcome.request_id;
    assert_eq!(outcome.function_error, Some("Unhandled"));
    let expected = format!(
        "{{\"errorType\":\"Sandbox.Timedout\",\"errorMessage\":\"RequestId: {request_id} Error: Task timed out after 3.00 \
         seconds\"}}"
    );
    assert_eq!(outcome.payload, expected);
    let log = outcome.log_tail.unwrap();
    let expected = format!(
        "START RequestId: {request_id} Version: $LATEST\n2026-11-24T10:53:56.000Z {request_id} Task timed out after 3.00 \
         seconds\nEND RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: 3000.00 ms\tBilled Duration: 3000 \
         ms\tMemory Size: 128 MB\tMax Memory Used: 0 MB\tInit Duration: 0.00 ms\tStatus: timeout\n"
    );
    assert_eq!(log, expected);
    assert_eq!(world.stopped, [(id, StopReason::TimedOut)]);
    world.respond(id);
    assert!(world.replies.is_empty(), "what comes too late is ignored");
}

#[test]
fn a_process_that_dies_on_its_invocation() {
    let mut world = World::new();
    world.create("f");
    for (cause, text) in [(ExitCause::Status(1), "exit status 1"), (ExitCause::Signal(9), "signal: killed")] {
        let token = world.ask(Command::Invoke(Invoke { log_tail: true, ..invoke("f") }));
        let id = world.ready();
        world.environment(id, EnvironmentEvent::Exited { cause, max_memory_used_bytes: 5 << 20 });
        let outcome = world.outcome(token);
        let message = format!("RequestId: {} Error: Runtime exited with error: {text}", outcome.request_id);
        let document = format!("{{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"{message}\"}}");
        assert_eq!(outcome.payload, document);
        let log = outcome.log_tail.unwrap();
        assert!(log.contains(&format!("{message}\nRuntime.ExitError\nEND RequestId: ")), "{log}");
        assert!(log.ends_with(
            "Max Memory Used: 5 MB\tInit Duration: 0.00 ms\tStatus: error\tError Type: Runtime.ExitError\n"
        ));
    }
    assert!(world.stopped.is_empty());
}

#[test]
fn a_handler_error_keeps_the_environment() {
    let mut world = World::new();
    world.create("f");
    let token = world.invoke("f");
    let id = world.ready();
    let payload = Bytes::from_static(b"{\"errorMessage\":\"no\",\"errorType\":\"ValueError\"}");
    world.environment(
        id,
        EnvironmentEvent::Error {
            request_id: world.given(id),
            error_type: None,
            payload: payload.clone(),
            max_memory_used_bytes: 0,
        },
    );
    let outcome = world.outcome(token);
    assert_eq!((outcome.payload, outcome.function_error), (payload, Some("Unhandled")));
    world.environment(id, EnvironmentEvent::Next);
    world.invoke("f");
    assert_eq!(world.launched.len(), 1);
}

#[test]
fn failures_to_start() {
    let document = Bytes::from_static(b"{\"errorMessage\":\"no module\",\"errorType\":\"Runtime.ImportModuleError\"}");
    let init_error =
        EnvironmentEvent::InitError { error_type: Some("Runtime.ImportModuleError".into()), payload: document.clone() };
    let gone = EnvironmentEvent::Exited { cause: ExitCause::Status(2), max_memory_used_bytes: 0 };
    let failed = EnvironmentEvent::LaunchFailed { message: "`python3.12` was not found".into() };
    for (event, part, stops) in [
        (init_error, "no module", true),
        (gone, "Runtime exited with error: exit status 2", false),
        (failed, "Error: `python3.12` was not found", false),
    ] {
        let mut world = World::new();
        world.create("f");
        let token = world.ask(Command::Invoke(Invoke { log_tail: true, ..invoke("f") }));
        let id = world.launched[0].0;
        world.wait(7);
        world.environment(id, event);
        let outcome = world.outcome(token);
        assert_eq!(outcome.function_error, Some("Unhandled"));
        let payload = String::from_utf8(outcome.payload.to_vec()).unwrap();
        assert!(payload.contains(part), "{payload}");
        assert!(outcome.log_tail.unwrap().contains("Duration: 7.00 ms"));
        assert_eq!(world.stopped.len(), usize::from(stops));
        world.invoke("f");
        assert_eq!(world.launched.len(), 2, "the next one starts anew");
    }
}

#[test]
fn an_init_phase_that_takes_too_long_is_tried_once_more_under_the_timeout() {
    let mut world = World::new();
    world.create("f");
    let token = world.invoke("f");
    world.wait(10_000);
    assert_eq!((world.launched.len(), world.stopped.len()), (2, 1));
    assert_eq!(world.launched[0].1, world.launched[1].1, "in the same log stream");
    world.wait(2_000);
    let id = world.ready();
    assert_eq!(world.invoked[0].1.deadline, world.now.plus_millis(1_000), "init counts");
    world.wait(999);
    world.respond(id);
    assert_eq!(world.outcome(token).function_error, None);

    world.create("g");
    let token = world.invoke("g");
    world.wait(13_000);
    assert!(world.outcome(token).payload.ends_with(b"Task timed out after 3.00 seconds\"}"));
}

#[test]
fn an_update_lets_what_runs_finish() {
    let mut world = World::new();
    world.create("f");
    let busy_token = world.invoke("f");
    let busy = world.ready();
    world.invoke("f");
    let idle = world.ready();
    world.respond(idle);
    world.environment(idle, EnvironmentEvent::Next);
    let update = UpdateFunctionCode::default();
    world.call(Command::UpdateFunctionCode { name: named("f"), update, code: code(2) }).unwrap();
    assert_eq!(world.stopped, [(idle, StopReason::Replaced)]);
    world.respond(busy);
    world.outcome(busy_token);
    world.invoke("f");
    assert_eq!(world.launched.len(), 3, "the old one is not waited for");
    assert_eq!(world.launched[2].1.artifact, code(2).artifact);
    world.environment(busy, EnvironmentEvent::Next);
    assert_eq!(world.stopped, [(idle, StopReason::Replaced), (busy, StopReason::Replaced)]);
}

#[test]
fn a_deleted_function_stops_and_its_invocations_end() {
    let mut world = World::new();
    world.create("f");
    let (busy, starting) = (world.invoke("f"), world.invoke("f"));
    world.ready();
    world.call(Command::DeleteFunction { name: named("f") }).unwrap();
    for token in [busy, starting] {
        assert_eq!(world.outcome(token).function_error, Some("Unhandled"));
    }
    assert_eq!(world.stopped.len(), 2);
    assert_eq!(world.engine.next_deadline(), None);
    let (kind, _) = world.refusal(Command::Invoke(invoke("f")));
    assert_eq!(kind, LambdaErrorKind::ResourceNotFound);
    world.create("f");
    world.invoke("f");
    assert_eq!(world.launched.len(), 3);
}

#[test]
fn a_client_that_went_away_gets_no_reply() {
    let mut world = World::new();
    world.create("f");
    let token = world.invoke("f");
    let id = world.ready();
    let scope = std::sync::Arc::clone(&world.scope);
    world.handle(Input::ClientGone { token, scope });
    world.respond(id);
    assert!(world.replies.is_empty());
    world.environment(id, EnvironmentEvent::Next);
    world.invoke("f");
    assert_eq!(world.launched.len(), 1, "the slot and the environment are free again");
}

#[test]
fn payloads_in_bytes() {
    let mut world = World::new();
    world.create("f");
    let of = |bytes: usize, invocation_type| {
        let payload = Bytes::from(format!("\"{}\"", "x".repeat(bytes - 2)));
        Command::Invoke(Invoke { payload, invocation_type, ..invoke("f") })
    };
    assert_eq!(
        world.refusal(of(6_291_457, InvocationType::RequestResponse)),
        (
            LambdaErrorKind::RequestTooLarge,
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation".into()
        )
    );
    assert_eq!(
        world.refusal(of(1_048_577, InvocationType::Event)),
        (
            LambdaErrorKind::RequestTooLarge,
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)".into()
        )
    );
    assert!(matches!(world.call(of(1_048_576, InvocationType::Event)), Ok(Response::Accepted { .. })));
    let token = world.ask(of(6_291_456, InvocationType::RequestResponse));
    let id = world.ready();
    let request_id = world.given(id);
    let payload = Bytes::from(vec![b'1'; 7_340_060]);
    world.environment(id, EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes: 0 });
    let outcome = world.outcome(token);
    assert!(outcome.payload.starts_with(b"{\"errorType\":\"Function.ResponseSizeTooLarge\""), "{outcome:?}");
}

#[test]
fn an_empty_payload_is_an_empty_object() {
    let mut world = World::new();
    world.create("f");
    world.ask(Command::Invoke(Invoke { payload: Bytes::new(), ..invoke("f:$LATEST") }));
    world.ready();
    let invocation = &world.invoked[0].1;
    assert_eq!(invocation.payload, "{}");
    assert_eq!(&*invocation.invoked_function_arn, "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST");
    assert!(invocation.trace_id.starts_with("Root=1-6b"), "{}", invocation.trace_id);
    let (kind, _) = world.refusal(Command::Invoke(Invoke { payload: "{".into(), ..invoke("f") }));
    assert_eq!(kind, LambdaErrorKind::InvalidRequestContent);
    let dry = Command::Invoke(Invoke { invocation_type: InvocationType::DryRun, ..invoke("f") });
    assert_eq!(world.call(dry), Ok(Response::DryRun));
    assert_eq!(world.launched.len(), 1);
}

#[test]
fn output_goes_into_the_tail_of_the_running_invocation() {
    let mut world = World::new();
    world.create("f");
    let token = world.ask(Command::Invoke(Invoke { log_tail: true, ..invoke("f") }));
    let id = world.launched[0].0;
    let output = |line: &str| EnvironmentEvent::Output { stream: OutputStream::Stdout, line: line.into() };
    world.environment(id, output("before"));
    world.ready();
    world.environment(id, output("hello"));
    world.respond(id);
    let log = world.outcome(token).log_tail.unwrap();
    assert!(log.contains("Version: $LATEST\nhello\nEND") && !log.contains("before"), "{log}");
}

/// AWS's example: an account of 1,000 with 400 reserved each for two functions; a third function may use 200.
#[test]
fn throttles_say_which_limit_and_who() {
    let mut world =
        World::with(EngineConfig { concurrency_limit: 10, unreserved_minimum: 2, ..EngineConfig::default() });
    for name in ["blue", "orange", "green", "yellow"] {
        world.create(name);
    }
    world.reserve("blue", 4).unwrap();
    world.reserve("orange", 4).unwrap();
    world.invoke("green");
    world.invoke("yellow");
    let (kind, message) = world.refusal(Command::Invoke(invoke("green")));
    assert_eq!(kind, LambdaErrorKind::TooManyRequests(ThrottleReason::ConcurrentInvocationLimitExceeded));
    assert_eq!(message, "Rate Exceeded.");
    let notice = world.throttled.pop().unwrap();
    assert_eq!((notice.met, notice.limit), (ThrottleLimit::Pool, 2));
    assert_eq!(notice.held_by, [("green".to_owned(), 1), ("yellow".to_owned(), 1)]);
    for _ in 0..4 {
        world.invoke("blue");
    }
    let (kind, _) = world.refusal(Command::Invoke(invoke("blue")));
    assert_eq!(
        kind,
        LambdaErrorKind::TooManyRequests(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded)
    );
    assert_eq!(world.throttled.pop().unwrap().held_by, [("blue".to_owned(), 4)]);
    world.invoke("orange");
    assert_eq!(world.launched.len(), 7, "the reserved part is nobody else's");
    let Response::Activity(activity) = world.call(Command::DescribeActivity).unwrap() else { panic!() };
    let blue = &activity.functions[0];
    assert_eq!((blue.name.as_str(), blue.starting, blue.throttles, blue.reserved), ("blue", 4, 1, Some(4)));
}

/// "Lambda scaling behavior": 1,000 environments every 10 s for each function, whatever the account's limit.
#[test]
fn a_function_gets_a_thousand_environments_every_ten_seconds() {
    let mut world = World::with(EngineConfig { concurrency_limit: 5_000, ..EngineConfig::default() });
    world.create("f");
    world.create("g");
    for _ in 0..1_000 {
        world.invoke("f");
    }
    assert_eq!(world.launched.len(), 1_000);
    world.refusal(Command::Invoke(invoke("f")));
    assert_eq!(world.throttled[0].met, ThrottleLimit::ScalingRate);
    world.invoke("g");
    assert_eq!(world.launched.len(), 1_001, "each function has a rate of its own");
    world.wait(1_000);
    for _ in 0..100 {
        world.invoke("f");
    }
    world.refusal(Command::Invoke(invoke("f")));
    assert_eq!(world.launched.len(), 1_101);
}

/// "Understanding concurrency and requests per second": ten requests a second for each slot, however short they are.
#[test]
fn ten_requests_a_second_for_each_slot() {
    let mut world = World::new();
    world.create("f");
    world.reserve("f", 2).unwrap();
    world.invoke("f");
    let id = world.ready();
    for _ in 1..20 {
        world.respond(id);
        world.environment(id, EnvironmentEvent::Next);
        world.invoke("f");
    }
    world.respond(id);
    world.environment(id, EnvironmentEvent::Next);
    let (kind, _) = world.refusal(Command::Invoke(invoke("f")));
    assert_eq!(kind, LambdaErrorKind::TooManyRequests(ThrottleReason::ReservedFunctionInvocationRateLimitExceeded));
    assert_eq!((world.throttled[0].met, world.throttled[0].limit), (ThrottleLimit::RequestRate, 20));
    world.wait(50);
    world.invoke("f");
    assert_eq!(world.invoked.len(), 21);
}
