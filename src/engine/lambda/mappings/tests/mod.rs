//! Mappings through [`Engine::handle`] alone, in virtual time: real queues, real functions, handlers that are closures.

mod api;
mod debugging;
mod delivering;
mod simulation;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use crate::{
    engine::{
        self, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, Error, Input, Invocation, Record,
        RecordKey, RequestToken,
        lambda::{
            CodeRef, Command, CreateFunction, EventSourceMappingConfiguration, FunctionRef, LambdaError,
            MappingActivity, Response, UpdateEventSourceMapping,
        },
        sqs,
    },
    model::{AccountId, ArtifactDigest, Region, Scope, Timestamp},
};

const START_MS: u64 = 1_795_517_633_000;
/// How long an environment of these tests initialises.
const INIT_MS: u64 = 5;

/// What a handler does with an event.
#[derive(Clone, Debug)]
struct Answer {
    after_ms: u64,
    response: Result<String, ()>,
}

fn ok(after_ms: u64) -> Answer {
    respond(after_ms, "null")
}

fn respond(after_ms: u64, response: &str) -> Answer {
    Answer { after_ms, response: Ok(response.to_owned()) }
}

fn fail(after_ms: u64) -> Answer {
    Answer { after_ms, response: Err(()) }
}

/// A batch as a handler got it.
#[derive(Clone, Debug)]
struct Delivery {
    at_ms: u64,
    function: String,
    version: String,
    event: Value,
}

impl Delivery {
    fn bodies(&self) -> Vec<String> {
        self.texts("body")
    }

    fn texts(&self, field: &str) -> Vec<String> {
        let records = self.event["Records"].as_array().unwrap();
        records.iter().map(|record| record[field].as_str().unwrap().to_owned()).collect()
    }

    fn group(&self) -> String {
        self.event["Records"][0]["attributes"]["MessageGroupId"].as_str().unwrap().to_owned()
    }
}

type Handler = Box<dyn FnMut(&Delivery) -> Answer>;

/// An engine with a queue or two, and functions that answer by themselves.
struct Flow {
    engine: Engine,
    config: EngineConfig,
    scope: Arc<Scope>,
    now: Timestamp,
    tokens: u64,
    replies: BTreeMap<RequestToken, engine::Reply>,
    store: BTreeMap<RecordKey, Record>,
    /// What environments do next.
    coming: BTreeMap<(Timestamp, u64), (EnvironmentId, EnvironmentEvent)>,
    sequence: u64,
    functions: BTreeMap<EnvironmentId, (String, String)>,
    handler: Handler,
    deliveries: Vec<Delivery>,
    running: usize,
    most_running: usize,
    throttles: usize,
}

impl Flow {
    fn new(handler: impl FnMut(&Delivery) -> Answer + 'static) -> Self {
        Self::with(EngineConfig::default(), handler)
    }

    fn with(config: EngineConfig, handler: impl FnMut(&Delivery) -> Answer + 'static) -> Self {
        Self {
            engine: Engine::new(config.clone()),
            config,
            scope: Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() }),
            now: Timestamp::from_millis(START_MS),
            tokens: 0,
            replies: BTreeMap::new(),
            store: BTreeMap::new(),
            coming: BTreeMap::new(),
            sequence: 0,
            functions: BTreeMap::new(),
            handler: Box::new(handler),
            deliveries: Vec::new(),
            running: 0,
            most_running: 0,
            throttles: 0,
        }
    }

    fn now_ms(&self) -> u64 {
        self.now.as_millis() - START_MS
    }

    fn handle(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Record(record) if record.is_removal() => drop(self.store.remove(&record.key())),
                Effect::Record(record) => drop(self.store.insert(record.key(), record)),
                Effect::Reply { token, reply } => drop(self.replies.insert(token, reply)),
                Effect::Launch { id, spec } => {
                    self.functions.insert(id, (spec.function.name.to_string(), spec.version.clone()));
                    self.expect_event(INIT_MS, id, EnvironmentEvent::Next);
                }
                Effect::Invoke { id, invocation } => self.deliver(id, &invocation),
                Effect::Stop { id, .. } => self.stopped(id),
                Effect::Throttled(_) => self.throttles += 1,
                Effect::Logged { .. } | Effect::StreamEnded { .. } | Effect::StreamUnwanted { .. } => {}
            }
        }
    }

    fn deliver(&mut self, id: EnvironmentId, invocation: &Invocation) {
        let event = serde_json::from_slice(&invocation.payload).unwrap();
        let (function, version) = self.functions[&id].clone();
        let delivery = Delivery { at_ms: self.now_ms(), function, version, event };
        let answer = (self.handler)(&delivery);
        self.deliveries.push(delivery);
        self.running += 1;
        self.most_running = self.most_running.max(self.running);
        let (request_id, max_memory_used_bytes) = (invocation.request_id.clone(), 1 << 20);
        let event = match answer.response {
            Ok(response) => EnvironmentEvent::Response { request_id, payload: response.into(), max_memory_used_bytes },
            Err(()) => EnvironmentEvent::Error {
                request_id,
                error_type: None,
                payload: Bytes::from_static(b"{\"errorMessage\":\"no\"}"),
                max_memory_used_bytes,
            },
        };
        self.expect_event(answer.after_ms, id, event);
    }

    fn stopped(&mut self, id: EnvironmentId) {
        let runs = |event: &EnvironmentEvent| {
            matches!(event, EnvironmentEvent::Response { .. } | EnvironmentEvent::Error { .. })
        };
        self.running -= self.coming.values().filter(|(whose, event)| *whose == id && runs(event)).count();
        self.coming.retain(|_, (whose, _)| *whose != id);
    }

    fn expect_event(&mut self, after_ms: u64, id: EnvironmentId, event: EnvironmentEvent) {
        self.sequence += 1;
        self.coming.insert((self.now.plus_millis(after_ms), self.sequence), (id, event));
    }

    /// Lets time pass: timers fire and environments act, each at its time.
    fn wait(&mut self, ms: u64) {
        let end = self.now.plus_millis(ms);
        loop {
            let deadline = self.engine.next_deadline();
            let event = self.coming.keys().next().copied();
            let next = [deadline, event.map(|(at, _)| at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            match event.filter(|(at, _)| *at == next) {
                Some(key) => self.act(key),
                None => self.handle(Input::Tick),
            }
        }
        self.now = end;
    }

    fn act(&mut self, key: (Timestamp, u64)) {
        let Some((id, event)) = self.coming.remove(&key) else { return };
        let answers = !matches!(event, EnvironmentEvent::Next);
        self.running -= usize::from(answers);
        self.handle(Input::Environment { id, event });
        if answers {
            self.expect_event(0, id, EnvironmentEvent::Next);
        }
    }

    fn request(&mut self, command: engine::Command) -> engine::Reply {
        self.tokens += 1;
        let token = RequestToken(self.tokens);
        self.handle(Input::Request { token, scope: Arc::clone(&self.scope), command });
        self.replies.remove(&token).expect("answered at once")
    }

    fn lambda(&mut self, command: Command) -> Result<Response, LambdaError> {
        match self.request(engine::Command::Lambda(Box::new(command))) {
            Ok(engine::Response::Lambda(response)) => Ok(response),
            Err(Error::Lambda(error)) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn sqs(&mut self, command: sqs::Command) -> sqs::Response {
        match self.request(engine::Command::Sqs(command)) {
            Ok(engine::Response::Sqs(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    fn queue(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let create = sqs::CreateQueue { queue_name: Some(name.into()), attributes, ..Default::default() };
        self.sqs(sqs::Command::CreateQueue(create));
    }

    fn function(&mut self, name: &str, timeout_s: u32) {
        let function = CreateFunction {
            function_name: name.into(),
            runtime: Some("provided.al2023".into()),
            handler: Some("bootstrap".into()),
            role: "arn:aws:iam::000000000000:role/r".into(),
            timeout: Some(timeout_s),
            ..CreateFunction::default()
        };
        let artifact = ArtifactDigest::from_bytes([1; 32]);
        let code = CodeRef { artifact, sha256: "sha".into(), size_bytes: 1, unzipped_bytes: 1, image: None };
        self.lambda(Command::CreateFunction { function, code }).unwrap();
    }

    fn reserve(&mut self, name: &str, slots: u32) {
        let name = FunctionRef { name: name.into(), qualifier: None };
        self.lambda(Command::PutFunctionConcurrency { name, reserved_concurrent_executions: slots }).unwrap();
    }

    fn try_map(&mut self, queue: &str, function: &str, settings: Value) -> Result<Configuration, LambdaError> {
        let mut create: super::super::CreateEventSourceMapping = serde_json::from_value(settings).unwrap();
        create.event_source_arn = Some(arn(queue));
        create.function_name = function.into();
        self.lambda(Command::CreateEventSourceMapping(create)).map(configuration)
    }

    /// A mapping that has settled; its UUID.
    fn map(&mut self, queue: &str, function: &str, settings: Value) -> String {
        let uuid = self.try_map(queue, function, settings).unwrap().uuid;
        self.wait(super::mapping::SETTLE_MS);
        uuid
    }

    fn update(&mut self, uuid: &str, settings: Value) -> Result<Configuration, LambdaError> {
        let update: UpdateEventSourceMapping = serde_json::from_value(settings).unwrap();
        self.lambda(Command::UpdateEventSourceMapping { uuid: uuid.into(), update }).map(configuration)
    }

    fn delete(&mut self, uuid: &str) -> Result<Configuration, LambdaError> {
        self.lambda(Command::DeleteEventSourceMapping { uuid: uuid.into() }).map(configuration)
    }

    fn describe(&mut self, uuid: &str) -> Result<Configuration, LambdaError> {
        self.lambda(Command::GetEventSourceMapping { uuid: uuid.into() }).map(configuration)
    }

    fn state(&mut self, uuid: &str) -> String {
        self.describe(uuid).map_or_else(|error| error.to_string(), |found| found.state)
    }

    fn activity(&mut self) -> Vec<MappingActivity> {
        match self.lambda(Command::DescribeActivity) {
            Ok(Response::Activity(activity)) => activity.mappings,
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self, queue: &str, body: &str) {
        self.send_as(queue, body, None);
    }

    fn send_as(&mut self, queue: &str, body: &str, group: Option<&str>) {
        let message = sqs::SendMessage {
            queue_url: url(queue),
            message_body: Some(body.into()),
            message_group_id: group.map(Into::into),
            message_deduplication_id: group.map(|group| format!("{group}-{body}")),
            ..Default::default()
        };
        self.sqs(sqs::Command::SendMessage(message));
    }

    /// Messages waiting and in flight.
    fn depth(&mut self, queue: &str) -> (u64, u64) {
        let get = sqs::GetQueueAttributes { queue_url: url(queue), attribute_names: vec!["All".into()] };
        let sqs::Response::GetQueueAttributes { attributes } = self.sqs(sqs::Command::GetQueueAttributes(get)) else {
            panic!("no attributes");
        };
        let count = |name: &str| attributes[name].parse().unwrap();
        (count("ApproximateNumberOfMessages"), count("ApproximateNumberOfMessagesNotVisible"))
    }

    /// All bodies in the order of their delivery.
    fn bodies(&self) -> Vec<String> {
        self.deliveries.iter().flat_map(Delivery::bodies).collect()
    }

    /// Ends the engine in the middle of whatever it does, and starts another from what is stored.
    fn restart(&mut self) {
        self.coming.clear();
        self.running = 0;
        let records: Vec<Record> = self.store.values().cloned().collect();
        let config = EngineConfig { seed: self.config.seed + self.tokens, ..self.config.clone() };
        self.engine = Engine::restore(config, self.now, records).unwrap();
    }
}

type Configuration = EventSourceMappingConfiguration;

fn configuration(response: Response) -> Configuration {
    match response {
        Response::EventSourceMapping(configuration) => *configuration,
        other => panic!("{other:?}"),
    }
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

fn url(queue: &str) -> String {
    format!("http://localhost:4566/000000000000/{queue}")
}
