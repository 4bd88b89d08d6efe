//! Lambda through [`Engine::handle`] alone, as the shell uses it.

mod attached;
mod control;
mod debugging;
mod environment;
mod events;
mod images;
mod invoking;
mod layers;
mod provisioned;
mod simulation;
mod streaming;
mod swap;
mod throttling;
mod tracking;
mod urls;
mod versions;
mod worked_examples;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    CodeRef, Command, CreateFunction, FunctionConfiguration, FunctionRef, Invoke, InvokeOutcome, LambdaError,
    LambdaErrorKind, Response,
};
use crate::{
    engine::{
        self, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, Error, Input, Invocation, LaunchSpec,
        Record, RecordKey, RequestToken, StopReason, StreamEnd, ThrottleNotice, autoscaling, logs::LogLine,
    },
    model::{AccountId, ArtifactDigest, Region, Scope, Timestamp},
};

const START_MS: u64 = 1_795_517_633_000;

/// An engine in virtual time, with what came out of it sorted by kind.
struct World {
    engine: Engine,
    scope: Arc<Scope>,
    now: Timestamp,
    tokens: u64,
    replies: BTreeMap<RequestToken, Result<Response, LambdaError>>,
    scaling_replies: BTreeMap<RequestToken, Result<autoscaling::Response, autoscaling::AutoscalingError>>,
    launched: Vec<(EnvironmentId, Arc<LaunchSpec>)>,
    invoked: Vec<(EnvironmentId, Invocation)>,
    stopped: Vec<(EnvironmentId, StopReason)>,
    throttled: Vec<ThrottleNotice>,
    logged: Vec<Arc<LogLine>>,
    /// `None`: nobody wants it.
    stream_ends: Vec<(RequestToken, Option<StreamEnd>)>,
    store: BTreeMap<RecordKey, Record>,
}

impl World {
    fn new() -> Self {
        Self::with(EngineConfig::default())
    }

    fn with(config: EngineConfig) -> Self {
        let now = Timestamp::from_millis(START_MS);
        Self::of(Engine::new(config), now, BTreeMap::new())
    }

    fn of(engine: Engine, now: Timestamp, store: BTreeMap<RecordKey, Record>) -> Self {
        Self {
            engine,
            scope: Arc::new(Scope { account: AccountId::parse("123456789012").unwrap(), region: Region::default() }),
            now,
            tokens: 0,
            replies: BTreeMap::new(),
            scaling_replies: BTreeMap::new(),
            launched: Vec::new(),
            invoked: Vec::new(),
            stopped: Vec::new(),
            throttled: Vec::new(),
            logged: Vec::new(),
            stream_ends: Vec::new(),
            store,
        }
    }

    /// What a crash leaves.
    fn restarted(self) -> Self {
        let records = self.store.values().cloned().collect::<Vec<_>>();
        let engine = Engine::restore(EngineConfig { seed: 9, ..EngineConfig::default() }, self.now, records).unwrap();
        Self::of(engine, self.now, self.store)
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Record(record) if record.is_removal() => drop(self.store.remove(&record.key())),
                Effect::Record(record) => drop(self.store.insert(record.key(), record)),
                Effect::Reply { token, reply: Ok(engine::Response::Autoscaling(response)) } => {
                    self.scaling_replies.insert(token, Ok(response));
                }
                Effect::Reply { token, reply: Err(Error::Autoscaling(error)) } => {
                    self.scaling_replies.insert(token, Err(error));
                }
                Effect::Reply { token, reply } => {
                    let reply = match reply {
                        Ok(engine::Response::Lambda(response)) => Ok(response),
                        Err(Error::Lambda(error)) => Err(error),
                        other => panic!("not of Lambda: {other:?}"),
                    };
                    assert!(self.replies.insert(token, reply).is_none(), "answered twice: {token:?}");
                }
                Effect::Launch { id, spec } => self.launched.push((id, spec)),
                Effect::Invoke { id, invocation } => self.invoked.push((id, invocation)),
                Effect::Stop { id, reason } => self.stopped.push((id, reason)),
                Effect::Throttled(notice) => self.throttled.push(notice),
                Effect::Logged { line, .. } => self.logged.push(line),
                Effect::StreamEnded { token, end } => self.stream_ends.push((token, Some(end))),
                Effect::StreamUnwanted { token } => self.stream_ends.push((token, None)),
            }
        }
    }

    /// Lets time pass, firing each timer at its time.
    fn wait(&mut self, ms: u64) {
        let end = self.now.plus_millis(ms);
        while let Some(deadline) = self.engine.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline.max(self.now);
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    fn ask(&mut self, command: Command) -> RequestToken {
        self.tokens += 1;
        let token = RequestToken(self.tokens);
        let command = engine::Command::Lambda(Box::new(command));
        self.handle(Input::Request { token, scope: Arc::clone(&self.scope), command });
        token
    }

    fn call(&mut self, command: Command) -> Result<Response, LambdaError> {
        let token = self.ask(command);
        self.replies.remove(&token).expect("answered at once")
    }

    /// The message that a command is refused with.
    fn refusal(&mut self, command: Command) -> (LambdaErrorKind, String) {
        let error = self.call(command).unwrap_err();
        (error.kind, error.message)
    }

    fn create(&mut self, name: &str) -> FunctionConfiguration {
        configuration(self.call(create(function(name))).unwrap())
    }

    fn reserve(&mut self, name: &str, slots: u32) -> Result<Response, LambdaError> {
        self.call(Command::PutFunctionConcurrency { name: named(name), reserved_concurrent_executions: slots })
    }

    fn invoke(&mut self, name: &str) -> RequestToken {
        self.ask(Command::Invoke(invoke(name)))
    }

    fn environment(&mut self, id: EnvironmentId, event: EnvironmentEvent) {
        self.handle(Input::Environment { id, event });
    }

    /// The environment that was launched last initialises.
    fn ready(&mut self) -> EnvironmentId {
        let id = self.launched.last().expect("one was launched").0;
        self.environment(id, EnvironmentEvent::Next);
        id
    }

    /// The environment answers what it was given last.
    fn respond(&mut self, id: EnvironmentId) {
        let request_id = self.given(id);
        let payload = Bytes::from_static(b"\"ok\"");
        self.environment(id, EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes: 1 << 20 });
    }

    fn given(&self, id: EnvironmentId) -> Arc<str> {
        let of_it = self.invoked.iter().rev().find(|(invoked, _)| *invoked == id);
        of_it.expect("it was given an invocation").1.request_id.clone()
    }

    fn outcome(&mut self, token: RequestToken) -> InvokeOutcome {
        match self.replies.remove(&token).expect("it ended") {
            Ok(Response::Invoked(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }
}

fn named(name: &str) -> FunctionRef {
    FunctionRef { name: name.into(), qualifier: None }
}

fn function(name: &str) -> CreateFunction {
    CreateFunction {
        function_name: name.into(),
        runtime: Some("provided.al2023".into()),
        handler: Some("bootstrap".into()),
        role: "arn:aws:iam::123456789012:role/sampleRole".into(),
        ..CreateFunction::default()
    }
}

fn create(function: CreateFunction) -> Command {
    Command::CreateFunction { function, code: code(1) }
}

fn code(byte: u8) -> CodeRef {
    CodeRef {
        artifact: ArtifactDigest::from_bytes([byte; 32]),
        sha256: format!("sha-{byte}"),
        size_bytes: 100,
        image: None,
        unzipped_bytes: 300,
    }
}

fn invoke(name: &str) -> Invoke {
    Invoke {
        function: named(name),
        invocation_type: super::InvocationType::RequestResponse,
        log_tail: false,
        client_context: None,
        payload: Bytes::from_static(b"{\"n\":1}"),
        trace_id: None,
        streams: false,
    }
}

fn configuration(response: Response) -> FunctionConfiguration {
    match response {
        Response::Function(configuration) => *configuration,
        other => panic!("{other:?}"),
    }
}
