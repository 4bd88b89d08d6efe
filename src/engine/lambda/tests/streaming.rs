//! Responses that go to their client as they come.

use bytes::Bytes;

use super::{
    super::StreamBegun, Command, EnvironmentEvent, EnvironmentId, Input, Invoke, RequestToken, Response, StreamEnd,
    World, invoke,
};
use crate::engine::ExitCause;

/// A world whose function `f` was asked for a streamed response and has begun to run.
fn asked() -> (World, RequestToken, EnvironmentId) {
    let mut world = World::new();
    world.create("f");
    let token = world.ask(Command::Invoke(Invoke { streams: true, log_tail: true, ..invoke("f") }));
    let id = world.ready();
    assert_eq!(world.invoked[0].1.stream_to, Some(token));
    (world, token, id)
}

fn begin(world: &mut World, id: EnvironmentId) {
    let (request_id, content_type) = (world.given(id), Some("text/html".to_owned()));
    world.environment(id, EnvironmentEvent::StreamBegun { request_id, content_type });
}

fn begun() -> (World, RequestToken, EnvironmentId) {
    let (mut world, token, id) = asked();
    begin(&mut world, id);
    let expected = StreamBegun {
        request_id: world.given(id),
        executed_version: "$LATEST".into(),
        content_type: Some("text/html".into()),
    };
    assert_eq!(world.replies.remove(&token), Some(Ok(Response::StreamBegun(Box::new(expected)))));
    (world, token, id)
}

fn ended(world: &World, token: RequestToken) -> StreamEnd {
    let [(found, Some(end))] = &world.stream_ends[..] else { panic!("{:?}", world.stream_ends) };
    assert_eq!(*found, token);
    end.clone()
}

#[test]
fn a_stream_is_answered_at_its_beginning_and_told_its_end() {
    let (mut world, token, id) = begun();
    world.wait(20);
    world.respond(id);
    let end = ended(&world, token);
    assert_eq!(end.error, None);
    assert!(end.log_tail.unwrap().contains("Duration: 20.00 ms"), "the whole stream counts");
    assert!(world.replies.is_empty(), "nothing is answered twice");
    world.environment(id, EnvironmentEvent::Next);
    let again = world.invoke("f");
    world.respond(id);
    world.outcome(again);
}

#[test]
fn what_goes_wrong_in_the_middle_is_the_streams_end() {
    let check = |end_it: &dyn Fn(&mut World, EnvironmentId), expected: &str| {
        let (mut world, token, id) = begun();
        end_it(&mut world, id);
        let error = ended(&world, token).error.unwrap();
        let text = std::str::from_utf8(&error).unwrap();
        assert!(text.contains(expected), "{text}");
    };
    check(&|world, _| world.wait(3_000), "Task timed out after 3.00 seconds");
    let exited = EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 };
    check(&|world, id| world.environment(id, exited.clone()), "Runtime.ExitError");
    let failed = |world: &mut World, id| {
        let (request_id, payload) = (world.given(id), Bytes::from_static(b"{\"errorType\":\"E\"}"));
        let error = EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes: 0 };
        world.environment(id, error);
    };
    check(&failed, "\"E\"");
}

#[test]
fn a_runtime_that_does_not_stream_is_answered_whole() {
    let (mut world, token, id) = asked();
    world.respond(id);
    assert_eq!(world.outcome(token).payload.as_ref(), b"\"ok\"");
    assert!(world.stream_ends.is_empty());
}

#[test]
fn a_stream_without_a_client_runs_to_its_end() {
    let (mut world, token, id) = asked();
    let scope = std::sync::Arc::clone(&world.scope);
    world.handle(Input::ClientGone { token, scope });
    begin(&mut world, id);
    assert_eq!(world.stream_ends, [(token, None)]);
    world.respond(id);
    assert!(world.replies.is_empty());
    assert!(world.logged.last().unwrap().message.starts_with("REPORT"));
}

#[test]
fn others_get_a_streamed_response_whole() {
    let mut world = World::new();
    world.create("f");
    world.invoke("f");
    world.ready();
    assert_eq!(world.invoked[0].1.stream_to, None);
}
