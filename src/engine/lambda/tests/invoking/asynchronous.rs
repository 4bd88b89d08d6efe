//! Events: accepted, tried again, given up, stopped.

use super::*;
use crate::engine::lambda::RecursiveLoop;

fn event(name: &str) -> Command {
    // It is of synchronous invocations alone, and passed over.
    let client_context = Some("{}".to_owned());
    Command::Invoke(Invoke { invocation_type: InvocationType::Event, client_context, ..invoke(name) })
}

#[test]
fn an_event_is_tried_three_times() {
    let mut world = World::new();
    world.create("f");
    let Ok(Response::Accepted { request_id }) = world.call(event("f")) else { panic!("not accepted") };
    assert_eq!(world.store.len(), 2, "written down before it was accepted");
    let id = world.ready();
    assert_eq!(world.invoked[0].1.client_context, None);
    let mut seen = Vec::new();
    for wait_ms in [60_000, 120_000, 0] {
        let request_id = world.given(id);
        seen.push((request_id.clone(), world.invoked.len()));
        let payload = Bytes::from_static(b"{}");
        world.environment(
            id,
            EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes: 0 },
        );
        world.environment(id, EnvironmentEvent::Next);
        if wait_ms > 0 {
            world.wait(wait_ms - 1);
            assert_eq!(world.invoked.len(), seen.len());
            world.wait(1);
        }
    }
    assert!(seen.iter().all(|(given, _)| **given == *request_id), "the id that the caller got, for all attempts");
    world.wait(300_000);
    assert_eq!((world.invoked.len(), world.store.len()), (3, 1), "given up");
}

/// "Adding a dead-letter queue": the event as it was, with three attributes.
#[test]
fn what_is_given_up_goes_to_the_dead_letter_queue() {
    let mut world = World::new();
    let sqs = |world: &mut World, command| {
        let mut effects = Vec::new();
        let (token, scope) = (RequestToken(1 << 40), std::sync::Arc::clone(&world.scope));
        let command = engine::Command::Sqs(command);
        world.engine.handle(world.now, Input::Request { token, scope, command }, &mut effects);
        let reply = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply { reply: Ok(engine::Response::Sqs(response)), .. } => Some(response),
            _ => None,
        });
        reply.unwrap()
    };
    let create_queue = sqs::CreateQueue { queue_name: Some("dead".into()), ..sqs::CreateQueue::default() };
    sqs(&mut world, sqs::Command::CreateQueue(create_queue));
    let arn = "arn:aws:sqs:us-east-1:123456789012:dead";
    let dead_letter_config = Some(DeadLetterConfig { target_arn: Some(arn.into()) });
    let created =
        world.call(create(CreateFunction { dead_letter_config: dead_letter_config.clone(), ..function("f") }));
    assert_eq!(configuration(created.unwrap()).dead_letter_config, dead_letter_config);
    world.call(event("f")).unwrap();
    let id = world.ready();
    let request_id = world.given(id);
    for wait_ms in [60_000, 120_000, 0] {
        let payload = Bytes::from_static(b"{\"errorMessage\":\"no\",\"errorType\":\"E\"}");
        let (request_id, max_memory_used_bytes) = (request_id.clone(), 0);
        world.environment(id, EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes });
        world.environment(id, EnvironmentEvent::Next);
        world.wait(wait_ms);
    }
    let receive = sqs::ReceiveMessage {
        queue_url: "/123456789012/dead".into(),
        message_attribute_names: vec!["All".into()],
        ..sqs::ReceiveMessage::default()
    };
    let sqs::Response::ReceiveMessage { messages } = sqs(&mut world, sqs::Command::ReceiveMessage(receive)) else {
        panic!()
    };
    let attributes: Vec<_> = messages[0]
        .message_attributes
        .iter()
        .map(|(name, value)| format!("{name}={}", value.string_value.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(&*messages[0].body, "{\"n\":1}");
    assert_eq!(attributes, ["ErrorCode=200".into(), "ErrorMessage=no".into(), format!("RequestID={request_id}")]);
}

#[test]
fn an_accepted_event_survives() {
    let mut world = World::new();
    world.create("f");
    world.call(event("f")).unwrap();
    world.ready();
    let request_id = world.invoked[0].1.request_id.clone();
    let mut world = world.restarted();
    world.wait(0);
    let id = world.ready();
    assert_eq!(world.invoked[0].1.request_id, request_id);
    world.respond(id);
    assert_eq!(world.store.len(), 1, "only the function is left");
    let engine = Engine::restore(EngineConfig::default(), world.now, world.store.values().cloned()).unwrap();
    assert_eq!(engine.next_deadline(), None);
}

#[test]
fn a_throttled_event_waits_and_an_old_one_is_given_up() {
    let mut world =
        World::with(EngineConfig { concurrency_limit: 1, unreserved_minimum: 0, ..EngineConfig::default() });
    world.call(create(function("f"))).unwrap();
    world.invoke("f");
    let id = world.ready();
    world.call(event("f")).unwrap();
    assert_eq!(world.throttled.len(), 1);
    world.wait(999);
    world.respond(id);
    world.environment(id, EnvironmentEvent::Next);
    world.wait(1);
    assert_eq!(world.invoked.len(), 2);
    world.respond(id);
    world.environment(id, EnvironmentEvent::Next);
    assert_eq!(world.store.len(), 1);
    world.reserve("f", 0).unwrap();
    world.call(event("f")).unwrap();
    assert_eq!((world.invoked.len(), world.store.len()), (2, 1), "zero stops it, without another attempt");
}

#[test]
fn a_chain_that_goes_around_is_stopped_unless_that_is_allowed() {
    let mut world = World::new();
    world.create("f");
    let ask = |trace: &str| Command::Invoke(Invoke { trace_id: Some(trace.into()), ..invoke("f") });
    let mut trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0".to_owned();
    for _ in 0..16 {
        let token = world.ask(ask(&trace));
        let id = world.ready();
        trace = world.invoked.last().unwrap().1.trace_id.to_string();
        world.respond(id);
        world.outcome(token);
    }
    assert_eq!(world.refusal(ask(&trace)).0, LambdaErrorKind::RecursiveInvocation);
    let allow = Command::PutFunctionRecursionConfig { name: named("f"), recursive_loop: RecursiveLoop::Allow };
    assert_eq!(world.call(allow), Ok(Response::RecursionConfig { allows_loops: true }));
    let mut world = world.restarted();
    world.ask(ask(&trace));
    world.ready();
    assert!(world.invoked.last().unwrap().1.trace_id.ends_with(":17"));
}
