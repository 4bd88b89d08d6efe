//! Asynchronous invocations: what is set for them, and where their ends are told.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    super::{FunctionEventInvokeConfig, InvocationType, PublishVersion},
    Command, EngineConfig, EnvironmentEvent, EnvironmentId, FunctionRef, Invoke, LambdaErrorKind, Response, World,
    invoke, named,
};
use crate::engine::{self, Effect, Input, RequestToken, sqs};

const PREFIX: &str = "arn:aws:sqs:us-east-1:123456789012";

impl World {
    fn sqs(&mut self, command: sqs::Command) -> sqs::Response {
        let mut effects = Vec::new();
        let (token, scope) = (RequestToken(1 << 40), std::sync::Arc::clone(&self.scope));
        let input = Input::Request { token, scope, command: engine::Command::Sqs(command) };
        self.engine.handle(self.now, input, &mut effects);
        let reply = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply { reply: Ok(engine::Response::Sqs(response)), .. } => Some(response),
            _ => None,
        });
        reply.unwrap()
    }

    fn queue(&mut self, name: &str) {
        self.sqs(sqs::Command::CreateQueue(sqs::CreateQueue {
            queue_name: Some(name.into()),
            ..sqs::CreateQueue::default()
        }));
    }

    /// The bodies of the messages of a queue.
    fn bodies(&mut self, queue: &str) -> Vec<Value> {
        let receive = sqs::ReceiveMessage {
            queue_url: format!("/123456789012/{queue}"),
            max_number_of_messages: Some(10),
            ..sqs::ReceiveMessage::default()
        };
        let sqs::Response::ReceiveMessage { messages } = self.sqs(sqs::Command::ReceiveMessage(receive)) else {
            panic!()
        };
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }

    fn put(&mut self, name: FunctionRef, config: Value) -> FunctionEventInvokeConfig {
        let config = serde_json::from_value(config).unwrap();
        shown(self.call(Command::PutFunctionEventInvokeConfig { name, config }).unwrap())
    }

    fn event(&mut self, function: FunctionRef) {
        let invocation_type = InvocationType::Event;
        let ask = Command::Invoke(Invoke { function, invocation_type, ..invoke("f") });
        assert!(matches!(self.call(ask), Ok(Response::Accepted { .. })));
    }

    fn fail(&mut self, id: EnvironmentId) {
        let (request_id, max_memory_used_bytes) = (self.given(id), 0);
        let payload = Bytes::from_static(b"{\"errorMessage\":\"no\"}");
        self.environment(id, EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes });
        self.environment(id, EnvironmentEvent::Next);
    }
}

fn shown(response: Response) -> FunctionEventInvokeConfig {
    match response {
        Response::EventInvokeConfig(config) => *config,
        other => panic!("{other:?}"),
    }
}

fn to(success: &str, failure: &str) -> Value {
    json!({"DestinationConfig": {
        "OnSuccess": {"Destination": success}, "OnFailure": {"Destination": failure},
    }})
}

#[test]
fn a_configuration_as_aws_returns_it() {
    let mut world = World::new();
    world.create("f");
    let put = world.put(named("f"), json!({"MaximumRetryAttempts": 1}));
    assert_eq!(
        serde_json::to_value(&put).unwrap(),
        json!({
            "LastModified": 1_795_517_633.0, "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
            "MaximumRetryAttempts": 1, "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
        })
    );
    let config = serde_json::from_value(json!({"MaximumEventAgeInSeconds": 60})).unwrap();
    let updated = shown(world.call(Command::UpdateFunctionEventInvokeConfig { name: named("f"), config }).unwrap());
    assert_eq!((updated.maximum_retry_attempts, updated.maximum_event_age_in_seconds), (Some(1), Some(60)));
    let put = world.put(named("f"), json!({"MaximumEventAgeInSeconds": 90}));
    assert_eq!((put.maximum_retry_attempts, put.maximum_event_age_in_seconds), (None, Some(90)));
    let mut world = world.restarted();
    let found = world.call(Command::GetFunctionEventInvokeConfig { name: named("f") }).unwrap();
    assert_eq!(shown(found), put);
    let list = Command::ListFunctionEventInvokeConfigs { name: named("f"), marker: None, max_items: None };
    assert_eq!(world.call(list), Ok(Response::ListEventInvokeConfigs { configs: vec![put], next_marker: None }));
    world.call(Command::DeleteFunctionEventInvokeConfig { name: named("f") }).unwrap();
    let text =
        "The function arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST doesn't have an EventInvokeConfig";
    for gone in [
        Command::GetFunctionEventInvokeConfig { name: named("f") },
        Command::DeleteFunctionEventInvokeConfig { name: named("f") },
    ] {
        assert_eq!(world.refusal(gone), (LambdaErrorKind::ResourceNotFound, text.into()));
    }
}

#[test]
fn what_cannot_be_set() {
    let mut world = World::new();
    world.create("f");
    for (config, text) in [
        (json!({}), "You must specify at least one of error handling or destination setting."),
        (to("arn:aws:sqs:us-east-1:123456789012:q.fifo", ""), "a destination is a standard queue"),
        (to("", "arn:aws:lambda:us-east-1:123456789012:function:f"), "as a destination for itself."),
        (to("", "arn:aws:lambda:us-east-1:123456789012:function:g"), "Function not found"),
        (to("arn:aws:sns:us-east-1:123456789012:t", ""), "is not supported by the embedded engine"),
        (to("x", ""), "The destination ARN x is invalid."),
    ] {
        let request = serde_json::from_value(config.clone()).unwrap();
        let (_, message) = world.refusal(Command::PutFunctionEventInvokeConfig { name: named("f"), config: request });
        assert!(message.contains(text), "{config}: {message}");
    }
}

#[test]
fn retries_and_age_are_what_is_set() {
    for (config, attempts) in [
        (json!({"MaximumRetryAttempts": 0}), 1),
        (json!({"MaximumRetryAttempts": 1}), 2),
        (json!({"MaximumRetryAttempts": 2}), 3),
        (json!({"MaximumEventAgeInSeconds": 60}), 1),
        (json!({"MaximumEventAgeInSeconds": 61}), 2),
    ] {
        let mut world = World::new();
        world.create("f");
        world.put(named("f"), config.clone());
        world.event(named("f"));
        let id = world.ready();
        for wait_ms in [60_000, 120_000, 200_000] {
            let before = world.invoked.len();
            world.fail(id);
            world.wait(wait_ms);
            if world.invoked.len() == before {
                break;
            }
        }
        assert_eq!((world.invoked.len(), world.store.len()), (attempts, 1), "{config}");
    }
}

#[test]
fn each_qualifier_has_its_own() {
    let mut world = World::new();
    world.create("f");
    world.queue("ends");
    world.call(Command::PublishVersion { name: named("f"), publish: PublishVersion::default() }).unwrap();
    let first = || FunctionRef { name: "f".into(), qualifier: Some("1".into()) };
    world.put(first(), to(&format!("{PREFIX}:ends"), ""));
    world.event(named("f"));
    let id = world.ready();
    world.respond(id);
    assert!(world.bodies("ends").is_empty());
    world.event(first());
    let id = world.ready();
    world.respond(id);
    let record = world.bodies("ends").remove(0);
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f:1";
    assert_eq!(
        (&record["requestContext"]["functionArn"], &record["responseContext"]["executedVersion"]),
        (&json!(arn), &json!("1"))
    );
}

#[test]
fn records_of_success_and_failure() {
    let mut world = World::new();
    world.create("f");
    world.queue("good");
    world.queue("bad");
    world.put(named("f"), to(&format!("{PREFIX}:good"), &format!("{PREFIX}:bad")));
    world.event(named("f"));
    let id = world.ready();
    let request_id = world.given(id);
    world.respond(id);
    world.environment(id, EnvironmentEvent::Next);
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST";
    assert_eq!(
        world.bodies("good"),
        [json!({
            "version": "1.0", "timestamp": "2026-11-24T10:53:53.000Z",
            "requestContext": {
                "requestId": request_id, "functionArn": arn, "condition": "Success", "approximateInvokeCount": 1,
            },
            "requestPayload": {"n": 1},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
            "responsePayload": "ok",
        })]
    );
    world.event(named("f"));
    let request_id = world.given(id);
    for wait_ms in [60_000, 120_000, 0] {
        world.fail(id);
        world.wait(wait_ms);
    }
    assert_eq!(
        world.bodies("bad"),
        [json!({
            "version": "1.0", "timestamp": "2026-11-24T10:56:53.000Z",
            "requestContext": {
                "requestId": request_id, "functionArn": arn, "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": {"n": 1},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "no"},
        })]
    );
    world.reserve("f", 0).unwrap();
    world.event(named("f"));
    let record = world.bodies("bad").remove(0);
    assert_eq!((record.get("responseContext"), &record["requestContext"]["approximateInvokeCount"]), (None, &json!(0)));
}

#[test]
fn a_function_is_a_destination() {
    let mut world = World::new();
    world.create("f");
    world.create("g");
    world.put(named("f"), to("arn:aws:lambda:us-east-1:123456789012:function:g", ""));
    world.event(named("f"));
    let id = world.ready();
    world.respond(id);
    world.wait(0);
    world.ready();
    let (_, invocation) = world.invoked.last().unwrap();
    let payload: Value = serde_json::from_slice(&invocation.payload).unwrap();
    assert!(invocation.invoked_function_arn.ends_with(":g"));
    assert_eq!(payload["requestContext"]["condition"], json!("Success"));
}

#[test]
fn a_destination_that_takes_nothing_is_counted() {
    let mut world = World::new();
    world.create("f");
    world.queue("gone");
    let arn = "arn:aws:sqs:us-east-1:123456789012:gone";
    world.put(named("f"), to(arn, arn));
    world.sqs(sqs::Command::DeleteQueue(sqs::QueueOnly { queue_url: "/123456789012/gone".into() }));
    world.event(named("f"));
    let id = world.ready();
    world.respond(id);
    let Ok(Response::Activity(activity)) = world.call(Command::DescribeActivity) else { panic!() };
    let events = &activity.functions[0].events;
    assert_eq!((events.destination_delivery_failures, events.dead_letter_errors, events.dropped), (1, 0, 0));
}

/// Two functions that are each other's destination.
#[test]
fn a_loop_of_destinations_ends() {
    let mut world = World::new();
    world.create("f");
    world.create("g");
    for (from, to_name) in [("f", "g"), ("g", "f")] {
        let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{to_name}");
        world.put(named(from), to(&arn, &arn));
        world.reserve(from, 0).unwrap();
    }
    world.event(named("f"));
    world.wait(1_000);
    assert_eq!(world.engine.next_deadline(), None);
    assert_eq!(world.store.len(), 2, "no event is left");
}

/// What takes a minute on AWS takes as long as an experiment says.
#[test]
fn retries_follow_the_time_factor_and_the_first_delay() {
    for (time_factor, first_retry_delay_ms, first_ms, second_ms) in [(10, 60_000, 6_000, 12_000), (1, 500, 500, 1_000)]
    {
        let mut world = World::with(EngineConfig { time_factor, first_retry_delay_ms, ..EngineConfig::default() });
        world.create("f");
        world.event(named("f"));
        let id = world.ready();
        for wait_ms in [first_ms, second_ms] {
            let before = world.invoked.len();
            world.fail(id);
            world.wait(wait_ms - 1);
            assert_eq!(world.invoked.len(), before);
            world.wait(1);
            assert_eq!(world.invoked.len(), before + 1);
        }
    }
}
