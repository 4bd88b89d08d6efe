//! Thousands of functions and mappings under random loads, with settings that change on the way, crashes and failing starts.
//!
//! [`ledger`] counts from outside what the engine lets run, and checks each start against the limits that were agreed to; this
//! is the stage: who asks, what environments do, and when. A step checks what it touched; everything is looked at now and then.

mod commands;
mod ledger;
mod queues;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use stackctl::{
    engine::{
        self, Command, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, ExitCause, Input, Invocation,
        LaunchSpec, RecordEntry, RecordKey, RequestToken,
        lambda::{self, InvocationType, LambdaErrorKind, LambdaRecord},
        sqs,
    },
    model::{AccountId, Region, Scope, Timestamp},
};

use ledger::Ledger;
use queues::Queues;

const FUNCTIONS: usize = 2_000;
/// The first of them are fed from queues, each from its own.
const MAPPINGS: usize = 1_000;
/// Functions that get most of the load.
const HOT: usize = 12;
const POOL: u32 = 1_500;
const UNRESERVED_MINIMUM: u32 = 100;
const STEPS: u32 = 2_500;
/// Steps between two looks at everything.
const LOOK_EVERY: u32 = 500;
/// More than the scaling rate lets start at once.
const BURST: u32 = 1_600;
/// Inputs until all must be at rest, after the faults.
const REST_INPUTS_MAX: u32 = 1_000_000;
const START_MS: u64 = 1_795_517_633_000;

/// What an environment is doing, as the shell sees it.
#[derive(Clone, Debug, PartialEq)]
enum Doing {
    Starting,
    Waiting,
    Working { request_id: Arc<str>, bodies: Vec<String> },
    Returning,
}

#[derive(Debug)]
struct Environment {
    function: usize,
    is_ahead: bool,
    version: String,
    doing: Doing,
}

pub(super) struct Crowd {
    engine: Engine,
    scope: Arc<Scope>,
    now: Timestamp,
    rng: fastrand::Rng,
    faults: bool,
    tokens: u64,
    environments: BTreeMap<EnvironmentId, Environment>,
    /// What environments do next.
    coming: BTreeMap<(Timestamp, u64), (EnvironmentId, EnvironmentEvent)>,
    sequence: u64,
    /// Invocations whose answer is owed.
    owed: BTreeSet<RequestToken>,
    /// Asynchronous invocations that are written down.
    events: BTreeSet<RecordKey>,
    mappings: Vec<String>,
    ledger: Ledger,
    queues: Queues,
    /// Functions of which an environment ended in this turn: what it did may go on in another.
    ended: BTreeSet<usize>,
    answered: u64,
    throttled: u64,
}

/// One world with its seed, until it is at rest.
pub(super) fn play(seed: u64) {
    let mut crowd = Crowd::new(seed);
    for step in 0..STEPS {
        crowd.step();
        if step % LOOK_EVERY == 0 {
            crowd.look();
        }
    }
    crowd.come_to_rest();
    crowd.assert_enough_happened();
}

/// Building it.
impl Crowd {
    fn new(seed: u64) -> Self {
        let config = EngineConfig {
            seed,
            concurrency_limit: POOL,
            unreserved_minimum: UNRESERVED_MINIMUM,
            ..EngineConfig::default()
        };
        let mut crowd = Self {
            engine: Engine::new(config),
            scope: Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() }),
            now: Timestamp::from_millis(START_MS),
            rng: fastrand::Rng::with_seed(seed),
            faults: true,
            tokens: 0,
            environments: BTreeMap::new(),
            coming: BTreeMap::new(),
            sequence: 0,
            owed: BTreeSet::new(),
            events: BTreeSet::new(),
            mappings: Vec::new(),
            ledger: Ledger::new(FUNCTIONS, POOL),
            queues: Queues::new(MAPPINGS),
            ended: BTreeSet::new(),
            answered: 0,
            throttled: 0,
        };
        (0..MAPPINGS).for_each(|number| crowd.sqs(commands::create_queue(number)));
        for number in 0..FUNCTIONS {
            commands::create_function(number).into_iter().for_each(|command| drop(crowd.control(command).unwrap()));
        }
        for number in 0..MAPPINGS {
            let size = crowd.rng.i64(1..=10);
            match crowd.control(commands::map(number, size)) {
                Ok(lambda::Response::EventSourceMapping(mapping)) => crowd.mappings.push(mapping.uuid),
                other => panic!("{other:?}"),
            }
        }
        crowd
    }

    fn sqs(&mut self, command: sqs::Command) {
        self.ask(Command::Sqs(command));
    }

    /// A request that is answered at once.
    fn control(&mut self, command: lambda::Command) -> Result<lambda::Response, lambda::LambdaError> {
        let (_, reply) = self.ask(Command::Lambda(Box::new(command)));
        match reply.expect("it is answered at once") {
            Ok(engine::Response::Lambda(response)) => Ok(response),
            Err(engine::Error::Lambda(error)) => Err(error),
            other => panic!("{other:?}"),
        }
    }
}

/// Steps.
impl Crowd {
    fn step(&mut self) {
        let function = self.some_function();
        match self.rng.u32(..200) {
            0..90 => self.invoke(function, InvocationType::RequestResponse),
            90..100 => self.invoke(function, InvocationType::Event),
            100..150 => self.send(),
            150..152 => {
                let hot = self.rng.usize(..HOT) + MAPPINGS;
                let burst = self.rng.u32(BURST / 4..BURST);
                (0..burst).for_each(|_| self.invoke(hot, InvocationType::RequestResponse));
            }
            152..160 => self.reserve(function),
            160..164 => self.provision(function),
            164..167 => self.deploy(function),
            167..172 => self.change_mapping(),
            172..174 => self.wait(20_000),
            _ => self.wait(150),
        }
    }

    fn some_function(&mut self) -> usize {
        if self.rng.bool() { MAPPINGS + self.rng.usize(..HOT) } else { self.rng.usize(..FUNCTIONS) }
    }

    fn invoke(&mut self, function: usize, invocation_type: InvocationType) {
        let qualified = self.rng.bool();
        let invoke = commands::invoke(function, qualified, invocation_type);
        let (token, reply) = self.ask(Command::Lambda(Box::new(invoke)));
        match reply {
            None => assert!(self.owed.insert(token)),
            Some(Ok(engine::Response::Lambda(lambda::Response::Accepted))) => {}
            Some(Err(engine::Error::Lambda(error))) => {
                assert!(matches!(error.kind, LambdaErrorKind::TooManyRequests(_)), "{error}");
                self.throttled += 1;
            }
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self) {
        let queue = self.rng.usize(..MAPPINGS);
        for _ in 0..self.rng.u32(1..20) {
            let group = self.rng.u64(..3);
            let (body, group) = self.queues.sent(queue, group);
            self.sqs(commands::send(queue, body, group));
        }
    }

    fn reserve(&mut self, function: usize) {
        let slots = self.rng.bool().then(|| self.rng.u32(..20));
        // What the change lets start starts in the same turn.
        let before = self.ledger.reserved(function, slots);
        if let Err(error) = self.control(commands::reserve(function, slots)) {
            assert_eq!(error.kind, LambdaErrorKind::InvalidParameterValue, "{error}");
            self.ledger.reserved(function, before);
        }
    }

    fn provision(&mut self, function: usize) {
        let count = self.rng.u32(..8);
        let before = self.ledger.provisioned(function, count);
        if let Err(error) = self.control(commands::provision(function, count)) {
            assert_eq!(error.kind, LambdaErrorKind::InvalidParameterValue, "{error}");
            self.ledger.provisioned(function, before);
        }
    }

    /// New code, a new version, and the alias goes to it.
    fn deploy(&mut self, function: usize) {
        let byte = self.rng.u8(..);
        let Ok(lambda::Response::Function(shown)) = self.control(commands::publish(function, byte)) else { panic!() };
        self.control(commands::move_alias(function, shown.version)).unwrap();
    }

    fn change_mapping(&mut self) {
        let mapping = self.rng.usize(..MAPPINGS);
        let uuid = self.mappings[mapping].clone();
        let change = commands::change_mapping(&mut self.rng, uuid);
        // Refused while the last change has not settled.
        if let Err(error) = self.control(change) {
            assert_eq!(error.kind, LambdaErrorKind::ResourceInUse, "{error}");
        }
    }

    fn wait(&mut self, longest_ms: u64) {
        let end = self.now.plus_millis(self.rng.u64(..longest_ms));
        while let Some(at) = self.next_time().filter(|at| *at <= end) {
            self.go_to(at);
        }
        self.now = end;
    }

    fn next_time(&self) -> Option<Timestamp> {
        let planned = self.coming.first_key_value().map(|((at, _), _)| *at);
        [planned, self.engine.next_deadline()].into_iter().flatten().min().map(|at| at.max(self.now))
    }

    /// Lets one thing happen at that time.
    fn go_to(&mut self, at: Timestamp) {
        self.now = at;
        match self.coming.first_entry() {
            Some(entry) if entry.key().0 <= at => {
                let (id, event) = entry.remove();
                self.environment_does(id, event);
            }
            _ => drop(self.handle(Input::Tick)),
        }
    }
}

/// Environments.
impl Crowd {
    fn plan(&mut self, after_ms: u64, id: EnvironmentId, event: EnvironmentEvent) {
        self.sequence += 1;
        self.coming.insert((self.now.plus_millis(after_ms), self.sequence), (id, event));
    }

    fn environment_does(&mut self, id: EnvironmentId, event: EnvironmentEvent) {
        let Some(environment) = self.environments.get_mut(&id) else { return };
        let function = environment.function;
        let is_over = matches!(event, EnvironmentEvent::Exited { .. } | EnvironmentEvent::LaunchFailed { .. });
        match &event {
            // On demand it starts for an invocation, which it is given now.
            EnvironmentEvent::Next if environment.doing == Doing::Starting && !environment.is_ahead => {}
            EnvironmentEvent::Next => environment.doing = Doing::Waiting,
            EnvironmentEvent::Response { .. } | EnvironmentEvent::Error { .. } => {
                let done = std::mem::replace(&mut environment.doing, Doing::Returning);
                self.ledger.ended(function, environment.is_ahead);
                if let (Doing::Working { bodies, .. }, EnvironmentEvent::Response { payload, .. }) = (done, &event) {
                    let handled = bodies.len() - commands::failures(payload);
                    self.queues.handled(&bodies[..handled]);
                }
                let back_ms = self.rng.u64(..80);
                self.plan(back_ms, id, EnvironmentEvent::Next);
            }
            _ if is_over => {
                self.ended.insert(function);
                if let Some(gone) = self.environments.remove(&id) {
                    self.forget(function, gone.is_ahead, &gone.doing);
                }
            }
            // The stop that follows ends it.
            _ => drop(self.ended.insert(function)),
        }
        self.handle(Input::Environment { id, event });
    }

    fn forget(&mut self, function: usize, is_ahead: bool, doing: &Doing) {
        let held = matches!(doing, Doing::Working { .. }) || (*doing == Doing::Starting && !is_ahead);
        if held {
            self.ledger.ended(function, is_ahead);
        }
    }

    fn launched(&mut self, id: EnvironmentId, spec: &LaunchSpec, is_tick: bool) {
        let function = commands::number_of(spec.function.name.as_str());
        let is_ahead = spec.initialization_type == "provisioned-concurrency";
        if !is_ahead {
            self.ledger.launched(function, is_tick || self.ended.contains(&function));
        }
        let doing = Doing::Starting;
        self.environments.insert(id, Environment { function, is_ahead, version: spec.version.clone(), doing });
        let exit = EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 };
        let init_ms = self.rng.u64(2..400);
        let luck = if self.faults { self.rng.u32(..100) } else { 99 };
        match luck {
            0..4 => self.plan(init_ms, id, exit),
            4..7 => {
                let payload = Bytes::from_static(b"{}");
                self.plan(init_ms, id, EnvironmentEvent::InitError { error_type: None, payload });
            }
            7..9 => self.plan(init_ms, id, EnvironmentEvent::LaunchFailed { message: "no".into() }),
            // It hangs until its time is up.
            9 => {}
            _ => self.plan(init_ms, id, EnvironmentEvent::Next),
        }
    }

    fn invoked(&mut self, id: EnvironmentId, invocation: &Invocation) {
        // An environment that was given work in the turn that stopped it is gone already.
        let Some(environment) = self.environments.get_mut(&id) else { return };
        let function = environment.function;
        let (name, is_qualified) = commands::named_by(&invocation.invoked_function_arn);
        assert_eq!(name, function, "given an invocation of another function");
        assert!(
            !environment.is_ahead || is_qualified,
            "`$LATEST` in an environment of version {}",
            environment.version
        );
        // On demand it has held its slot since it was launched for this invocation.
        if environment.is_ahead || environment.doing != Doing::Starting {
            self.ledger.began(function, environment.is_ahead);
        }
        let bodies = self.queues.delivered(&invocation.payload);
        let is_batch = !bodies.is_empty();
        let count = bodies.len();
        let request_id = Arc::clone(&invocation.request_id);
        environment.doing = Doing::Working { request_id: Arc::clone(&request_id), bodies };
        let luck = if self.faults { self.rng.u32(..100) } else { 99 };
        let work_ms = self.rng.u64(1..400);
        let max_memory_used_bytes = 0;
        match luck {
            0..4 => {
                let payload = Bytes::from_static(b"{}");
                let event = EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes };
                self.plan(work_ms, id, event);
            }
            4..6 => {
                let cause = ExitCause::Signal(9);
                self.plan(work_ms, id, EnvironmentEvent::Exited { cause, max_memory_used_bytes });
            }
            6 => {}
            _ => {
                let failed = if luck < 12 && is_batch { self.rng.usize(..=count) } else { 0 };
                let payload = commands::answer(&invocation.payload, failed);
                self.plan(work_ms, id, EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes });
            }
        }
    }
}

/// The engine.
impl Crowd {
    /// Asks, and gives the answer if it came in the same turn.
    fn ask(&mut self, command: Command) -> (RequestToken, Option<engine::Reply>) {
        self.tokens += 1;
        let token = RequestToken(self.tokens);
        let replies = self.handle(Input::Request { token, scope: Arc::clone(&self.scope), command });
        let mut own = None;
        for (answered, reply) in replies {
            if answered == token {
                assert!(own.replace(reply).is_none(), "{token:?} was answered twice");
            } else {
                self.answer_came(answered, &reply);
            }
        }
        (token, own)
    }

    fn answer_came(&mut self, token: RequestToken, reply: &engine::Reply) {
        assert!(self.owed.remove(&token), "nobody waits for {token:?}");
        assert!(matches!(reply, Ok(engine::Response::Lambda(lambda::Response::Invoked(_)))), "{reply:?}");
        self.answered += 1;
    }

    /// Does what the engine asks for. Answers to a request of this turn come back, others are counted off.
    fn handle(&mut self, input: Input) -> Vec<(RequestToken, engine::Reply)> {
        let (is_request, is_tick) = (matches!(input, Input::Request { .. }), matches!(input, Input::Tick));
        if !is_tick && self.engine.next_deadline().is_some_and(|at| at <= self.now) {
            // The engine would do so too, and then it could not be told what started because of which.
            self.handle(Input::Tick);
        }
        self.ledger.at(self.now);
        let mut effects = Vec::new();
        self.engine.handle(self.now, input, &mut effects);
        let mut replies = Vec::new();
        for effect in effects {
            match effect {
                Effect::Reply { token, reply } if is_request => replies.push((token, reply)),
                Effect::Reply { token, reply } => self.answer_came(token, &reply),
                Effect::Launch { id, spec } => self.launched(id, &spec, is_tick),
                Effect::Invoke { id, invocation } => self.invoked(id, &invocation),
                Effect::Stop { id, .. } => {
                    if let Some(gone) = self.environments.remove(&id) {
                        self.ended.insert(gone.function);
                        self.forget(gone.function, gone.is_ahead, &gone.doing);
                    }
                }
                Effect::Record(record) if matches!(&record.entry, RecordEntry::Lambda(record) if matches!(**record, LambdaRecord::AsyncEvent(_))) => {
                    if record.is_removal() {
                        self.events.remove(&record.key());
                    } else {
                        self.events.insert(record.key());
                    }
                }
                Effect::StreamEnded { .. } | Effect::StreamUnwanted { .. } => panic!("nobody asked for a stream"),
                Effect::Record(_) | Effect::Logged { .. } | Effect::Throttled(_) => {}
            }
        }
        self.ended.clear();
        replies
    }

    /// Compares what the engine says of everything with what was seen from outside.
    fn look(&mut self) {
        let Ok(lambda::Response::Activity(activity)) = self.control(lambda::Command::DescribeActivity) else {
            panic!()
        };
        let mut counts = vec![0; FUNCTIONS];
        self.environments.values().for_each(|environment| counts[environment.function] += 1);
        let mut running = 0;
        for function in &activity.functions {
            let number = commands::number_of(&function.name);
            let environments = function.starting + function.busy + function.idle;
            assert_eq!(environments, counts[number], "environments of {}", function.name);
            // Those that are promised an environment on its way back hold a slot and cannot be seen from outside.
            assert!(function.running >= self.ledger.running(number), "{}", function.name);
            running += function.running;
        }
        assert_eq!(running, activity.account_concurrency.running);
        assert!(activity.account_concurrency.running <= POOL && activity.account_concurrency.peak <= POOL);
        assert_eq!(activity.account_concurrency.claimed, self.ledger.claimed());
    }

    /// Switches the faults off, gives everybody room, and lets time pass until nothing happens any more.
    fn come_to_rest(&mut self) {
        self.faults = false;
        self.wait(1_000);
        for function in 0..FUNCTIONS {
            self.control(commands::provision(function, 0)).unwrap();
            self.ledger.provisioned(function, 0);
            self.control(commands::reserve(function, None)).unwrap();
            self.ledger.reserved(function, None);
        }
        self.wait(60_000);
        for mapping in self.mappings.clone() {
            self.control(commands::enable(mapping)).unwrap();
        }
        let mut inputs = 0;
        while let Some(at) = self.next_time() {
            self.go_to(at);
            inputs += 1;
            assert!(inputs < REST_INPUTS_MAX, "it does not come to rest");
        }
        self.look();
        assert!(self.owed.is_empty(), "never answered: {:?}", self.owed);
        assert!(self.events.is_empty(), "events are left: {:?}", self.events);
        assert!(self.environments.is_empty(), "never stopped: {:?}", self.environments);
        self.ledger.assert_at_rest();
        self.queues.assert_all_handled();
    }

    /// The invariants held; that is worth something only when there was something to hold.
    fn assert_enough_happened(&self) {
        assert!(self.answered > 2_000, "{} answered", self.answered);
        assert!(self.throttled > 1_000, "{} throttled", self.throttled);
        self.ledger.assert_limits_were_met();
        self.queues.assert_enough_was_sent();
    }
}
