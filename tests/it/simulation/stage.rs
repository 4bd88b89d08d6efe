//! The world around the engine: its clock, its records, its environments and its clients.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use stackctl::{
    engine::{
        Command, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, ExitCause, Input, Invocation, Record,
        RecordKey, Reply, RequestToken, Response, sqs,
    },
    model::{AccountId, Region, Scope, Timestamp},
};

use super::{
    actors::{self, SqsEvent},
    audit::{Audit, Queue},
};

const VISIBILITY_S: i64 = 30;
const FUNCTION_TIMEOUT_S: u32 = 3;
const IDLE_MS: u64 = 60_000;
const GROUPS: u64 = 4;
/// Nothing that works waits longer than this.
const REST_MS: u64 = 15 * 60 * 1000;
/// Turns until the system has to be at rest, after the faults.
const REST_TURNS_MAX: u32 = 200_000;

/// Whether things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    None,
    Many,
}

/// What will happen at a time.
#[derive(Debug)]
enum Planned {
    Environment(EnvironmentId, u64, EnvironmentEvent),
}

/// What a client waits for.
#[derive(Debug)]
enum Asked {
    Send { queue: Queue, group: Option<String>, body: String },
    Receive { visibility_s: i64 },
    Delete { body: String },
    Other,
}

#[derive(Debug)]
pub(crate) struct Stage {
    engine: Engine,
    config: EngineConfig,
    scope: Arc<Scope>,
    now: Timestamp,
    rng: fastrand::Rng,
    faults: Faults,
    planned: BTreeMap<(Timestamp, u64), Planned>,
    serial: u64,
    records: BTreeMap<RecordKey, Record>,
    asked: BTreeMap<u64, Asked>,
    /// Living environments, with the invocation that each is at and its messages.
    environments: BTreeMap<EnvironmentId, Option<Working>>,
    /// Which engine: environments of an earlier one are gone.
    generation: u64,
    /// What clients may delete: receipt handle and body.
    handles: Vec<(String, String)>,
    next_token: u64,
    next_body: u64,
    pub(crate) audit: Audit,
}

#[derive(Debug)]
struct Working {
    request_id: Arc<str>,
    bodies: Vec<String>,
}

impl Stage {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let config = EngineConfig { seed, environment_idle_ms: IDLE_MS, ..EngineConfig::default() };
        let mut stage = Self {
            engine: Engine::new(config.clone()),
            config,
            scope: Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() }),
            now: Timestamp::from_millis(1_800_000_000_000),
            rng: fastrand::Rng::with_seed(seed),
            faults,
            planned: BTreeMap::new(),
            serial: 0,
            records: BTreeMap::new(),
            asked: BTreeMap::new(),
            environments: BTreeMap::new(),
            generation: 0,
            handles: Vec::new(),
            next_token: 0,
            next_body: 0,
            audit: Audit::default(),
        };
        stage.build();
        stage
    }

    fn build(&mut self) {
        let redrive = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":4}}"#, actors::arn("dead"));
        let visibility = VISIBILITY_S.to_string();
        let commands = [
            actors::create_queue("dead", &[]),
            actors::create_queue("worked", &[("VisibilityTimeout", &visibility), ("RedrivePolicy", &redrive)]),
            actors::create_queue("ordered.fifo", &[("FifoQueue", "true"), ("VisibilityTimeout", &visibility)]),
            actors::create_queue("pulled", &[]),
            actors::create_function("worker", FUNCTION_TIMEOUT_S),
            actors::create_function("orderly", FUNCTION_TIMEOUT_S),
            actors::map("worked", "worker", 5, true),
            actors::map("ordered.fifo", "orderly", 3, false),
        ];
        for command in commands {
            self.ask(Asked::Other, command);
        }
    }

    /// Random steps, each followed by a little time.
    pub(crate) fn play(&mut self, steps: u32) {
        for _ in 0..steps {
            match self.rng.u32(..100) {
                0..=34 => self.send_somewhere(),
                35..=49 => self.receive(),
                50..=64 => self.delete_something(),
                65..=74 => {
                    let function = if self.rng.bool() { "worker" } else { "orderly" };
                    self.ask(Asked::Other, actors::invoke(function));
                }
                75..=76 if self.faults == Faults::Many => self.client_goes_away(),
                77..=78 if self.faults == Faults::Many => self.crash(),
                _ => {}
            }
            let longest_ms = if self.rng.u32(..20) == 0 { 20_000 } else { 300 };
            let until = self.now.plus_millis(self.rng.u64(..longest_ms));
            self.pass_until(until);
        }
    }

    /// Switches the faults off and lets time pass until nothing is left to do, then audits.
    pub(crate) fn come_to_rest(&mut self) {
        self.faults = Faults::None;
        for _ in 0..REST_TURNS_MAX {
            if self.audit.missing().iter().all(|body| !body.starts_with("worked") && !body.starts_with("ordered")) {
                break;
            }
            // Whatever comes later than this is the end of a retention period, and not work.
            if !self.step_time(self.now.plus_millis(REST_MS)) {
                break;
            }
        }
        self.collect_dead();
        // What clients pulled and never deleted comes again, and is deleted now.
        for _ in 0..REST_TURNS_MAX {
            if self.audit.missing().is_empty() {
                break;
            }
            self.ask(Asked::Receive { visibility_s: VISIBILITY_S }, actors::receive("pulled", 10, 0, VISIBILITY_S));
            for _ in 0..self.handles.len() {
                self.delete_something();
            }
            if !self.audit.missing().is_empty() {
                self.pass_until(self.now.plus_millis(5_000));
            }
        }
        self.pass_until(self.now.plus_millis(IDLE_MS * 2 + 30_000));
        self.audit.assert_complete();
        assert_eq!(self.environments.len(), 0, "environments that nobody needs are still there");
    }

    fn send_somewhere(&mut self) {
        self.next_body += 1;
        let (queue, name, group) = match self.rng.u32(..3) {
            0 => (Queue::Worked, "worked", None),
            1 => (Queue::Ordered, "ordered.fifo", Some(format!("g{}", self.rng.u64(..GROUPS)))),
            _ => (Queue::Pulled, "pulled", None),
        };
        let body = format!("{name} {}", self.next_body);
        let delay_s = (group.is_none() && self.rng.u32(..5) == 0).then(|| self.rng.i64(0..20));
        let command = actors::send(name, &body, group.as_deref(), delay_s);
        self.ask(Asked::Send { queue, group, body }, command);
    }

    fn receive(&mut self) {
        let (max, wait_s, visibility_s) = (self.rng.i64(1..=10), self.rng.i64(0..3), self.rng.i64(1..30));
        self.ask(Asked::Receive { visibility_s }, actors::receive("pulled", max, wait_s, visibility_s));
    }

    fn delete_something(&mut self) {
        if self.handles.is_empty() {
            return;
        }
        let index = self.rng.usize(..self.handles.len());
        let (handle, body) = self.handles.swap_remove(index);
        if !self.audit.is_done(&body) {
            self.ask(Asked::Delete { body }, actors::delete("pulled", &handle));
        }
    }

    fn client_goes_away(&mut self) {
        let waiting: Vec<u64> = self.asked.keys().copied().collect();
        let Some(token) = self.rng.choice(waiting) else { return };
        self.asked.remove(&token);
        self.audit.forget(token);
        let scope = Arc::clone(&self.scope);
        self.turn(Input::ClientGone { token: RequestToken(token), scope });
    }

    /// The engine and its environments die; what was written down is all that is left.
    fn crash(&mut self) {
        self.generation += 1;
        self.environments.clear();
        self.planned.clear();
        self.asked.clear();
        self.audit.crashed();
        self.config.seed = self.rng.u64(..);
        self.engine =
            Engine::restore(self.config.clone(), self.now, self.records.values().cloned()).expect("records restore");
        self.turn(Input::Tick);
    }

    fn collect_dead(&mut self) {
        let command = actors::receive("dead", 10, 0, 43_200);
        loop {
            let reply = self.ask_now(command.clone());
            let Ok(Response::Sqs(sqs::Response::ReceiveMessage { messages })) = reply else {
                panic!("a receive is answered with messages: {reply:?}")
            };
            if messages.is_empty() {
                return;
            }
            for message in messages {
                self.audit.dead(&message.body);
            }
        }
    }

    fn ask(&mut self, asked: Asked, command: Command) {
        self.next_token += 1;
        let token = self.next_token;
        self.audit.asked(token);
        self.asked.insert(token, asked);
        let scope = Arc::clone(&self.scope);
        self.turn(Input::Request { token: RequestToken(token), scope, command });
    }

    /// Asks what is answered in its own turn.
    fn ask_now(&mut self, command: Command) -> Reply {
        self.next_token += 1;
        let token = RequestToken(self.next_token);
        let mut effects = Vec::new();
        let scope = Arc::clone(&self.scope);
        self.engine.handle(self.now, Input::Request { token, scope, command }, &mut effects);
        let mut found = None;
        for effect in effects {
            match effect {
                Effect::Reply { token: answered, reply } if answered == token => found = Some(reply),
                effect => self.carry_out(effect),
            }
        }
        found.expect("it is answered at once")
    }

    fn turn(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        for effect in effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Record(record) if record.is_removal() => {
                self.records.remove(&record.key());
            }
            Effect::Record(record) => {
                self.records.insert(record.key(), record);
            }
            Effect::Reply { token, reply } => self.answered(token.0, reply),
            Effect::Launch { id, .. } => {
                self.environments.insert(id, None);
                let fails = self.goes_wrong(12);
                let event = if fails {
                    EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 1 }
                } else {
                    EnvironmentEvent::Next
                };
                let delay_ms = self.rng.u64(1..400);
                self.plan(delay_ms, id, event);
            }
            Effect::Invoke { id, invocation } => self.invoked(id, &invocation),
            Effect::Stop { id, .. } => {
                if let Some(Some(working)) = self.environments.remove(&id) {
                    working.bodies.iter().for_each(|body| self.audit.released(body));
                }
            }
            Effect::Logged { .. } | Effect::Throttled(_) => {}
            Effect::StreamEnded { .. } | Effect::StreamUnwanted { .. } => {}
        }
    }

    fn answered(&mut self, token: u64, reply: Reply) {
        self.audit.answered(token);
        match (self.asked.remove(&token).expect("somebody asked"), reply) {
            (Asked::Send { queue, group, body }, Ok(_)) => self.audit.sent(queue, group.as_deref(), &body),
            (Asked::Delete { body }, Ok(_)) => self.audit.done(&body),
            (Asked::Receive { visibility_s }, Ok(Response::Sqs(sqs::Response::ReceiveMessage { messages }))) => {
                let until = self.now.plus_secs(visibility_s.unsigned_abs());
                for message in messages {
                    self.audit.received(self.now, until, &message.body);
                    // An older handle may succeed and delete nothing: only the latest says something.
                    self.handles.retain(|(_, body)| **body != *message.body);
                    self.handles.push((message.receipt_handle, message.body.to_string()));
                }
            }
            (Asked::Other, Ok(_)) => {}
            (asked, reply) => {
                // A stale receipt handle may be refused; nothing else may fail, but an invocation that is throttled.
                let is_expected = matches!(asked, Asked::Delete { .. } | Asked::Other);
                assert!(is_expected, "{asked:?} is answered with {reply:?}");
            }
        }
    }

    fn invoked(&mut self, id: EnvironmentId, invocation: &Invocation) {
        let working = self.environments.get(&id).unwrap_or_else(|| panic!("{id} is invoked and not there"));
        assert!(working.is_none(), "{id} is invoked while it works");
        let event: Option<SqsEvent> = serde_json::from_slice(&invocation.payload).ok();
        let records = event.map(|event| event.records).unwrap_or_default();
        for record in &records {
            let group = record.attributes.get("MessageGroupId").map(String::as_str);
            self.audit.invoked(self.now, &invocation.request_id, group, &record.body);
        }
        let bodies = records.iter().map(|record| record.body.clone()).collect();
        self.environments.insert(id, Some(Working { request_id: invocation.request_id.clone(), bodies }));
        let request_id = invocation.request_id.clone();
        let memory = 1024 * 1024;
        let event = if self.goes_wrong(8) {
            let payload = Bytes::from_static(br#"{"errorMessage":"no","errorType":"E"}"#);
            EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes: memory }
        } else if self.goes_wrong(8) {
            EnvironmentEvent::Exited { cause: ExitCause::Signal(9), max_memory_used_bytes: memory }
        } else if self.goes_wrong(10) {
            // It hangs, and its timeout ends it.
            return;
        } else if !records.is_empty() && self.goes_wrong(6) {
            let failed = format!(r#"{{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}}"#, records[0].message_id);
            EnvironmentEvent::Response { request_id, payload: failed.into(), max_memory_used_bytes: memory }
        } else {
            EnvironmentEvent::Response {
                request_id,
                payload: Bytes::from_static(b"null"),
                max_memory_used_bytes: memory,
            }
        };
        let delay_ms = self.rng.u64(1..2_500);
        self.plan(delay_ms, id, event);
    }

    fn goes_wrong(&mut self, one_in: u32) -> bool {
        self.faults == Faults::Many && self.rng.u32(..one_in) == 0
    }

    fn plan(&mut self, delay_ms: u64, id: EnvironmentId, event: EnvironmentEvent) {
        self.serial += 1;
        let at = (self.now.plus_millis(delay_ms), self.serial);
        self.planned.insert(at, Planned::Environment(id, self.generation, event));
    }

    fn pass_until(&mut self, until: Timestamp) {
        while self.step_time(until) {}
        self.now = until;
        self.turn(Input::Tick);
    }

    /// Goes to what happens next, when that is before `until`; whether anything did.
    fn step_time(&mut self, until: Timestamp) -> bool {
        let planned = self.planned.keys().next().copied();
        let deadline = self.engine.next_deadline();
        let next = [planned.map(|(at, _)| at), deadline].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next < until) else { return false };
        self.now = self.now.max(next);
        match planned.filter(|(at, _)| *at <= self.now) {
            Some(key) => {
                let Planned::Environment(id, generation, event) = self.planned.remove(&key).expect("it is planned");
                if generation == self.generation && self.environments.contains_key(&id) {
                    self.environment_does(id, event);
                }
            }
            None => self.turn(Input::Tick),
        }
        true
    }

    fn environment_does(&mut self, id: EnvironmentId, event: EnvironmentEvent) {
        let is_exit = matches!(event, EnvironmentEvent::Exited { .. });
        let ends = match &event {
            EnvironmentEvent::Response { request_id, payload, .. } => Some((request_id.clone(), Some(payload.clone()))),
            EnvironmentEvent::Error { request_id, .. } => Some((request_id.clone(), None)),
            _ => None,
        };
        let working = self.environments.get_mut(&id).and_then(Option::take);
        let goes_on = ends.is_some();
        if let Some(working) = working {
            let bodies = working.bodies;
            match &ends {
                Some((request_id, Some(payload))) if *request_id == working.request_id => {
                    let failed: BTreeSet<usize> =
                        if payload.starts_with(b"{\"batchItemFailures") { [0].into() } else { BTreeSet::new() };
                    let partial = bodies.first().is_some_and(|body| body.starts_with("worked"));
                    for (index, body) in bodies.iter().enumerate() {
                        // A mapping without partial responses takes any response for success.
                        if partial && failed.contains(&index) {
                            self.audit.released(body);
                        } else {
                            self.audit.done(body);
                        }
                    }
                }
                _ => bodies.iter().for_each(|body| self.audit.released(body)),
            }
        }
        if is_exit {
            self.environments.remove(&id);
        }
        self.turn(Input::Environment { id, event });
        if goes_on && self.environments.contains_key(&id) {
            self.plan(1, id, EnvironmentEvent::Next);
        }
    }
}
