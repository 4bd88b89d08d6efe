//! Thousands of functions and mappings under random loads, with settings that change on the way, crashes and failing starts.
//!
//! [`ledger`] counts from outside what the engine lets run, and checks each start against the limits that were agreed to;
//! [`queues`] knows what was sent; [`environments`] is what the shell and the functions do; [`scaled`] are functions whose
//! provisioned concurrency follows the load; [`tally`] counts what happened, so that a run in which nothing did is none. This is
//! the stage: who asks, and when. A step checks what it touched; everything is looked at now and then.

mod commands;
mod environments;
mod ledger;
mod queues;
mod scaled;
mod tally;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use stackctl::{
    engine::{
        self, Command, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, Input, Record, RecordEntry,
        RecordKey, RequestToken, StopReason,
        lambda::{self, InvocationType, LambdaErrorKind, LambdaRecord},
        sqs,
    },
    model::{AccountId, Region, Scope, Timestamp},
};

use environments::Environment;
use ledger::Ledger;
use queues::Queues;
use scaled::is_scaled;
use tally::Tally;

const FUNCTIONS: usize = 2_000;
/// The first of them are fed from queues, each from its own.
const MAPPINGS: usize = 1_000;
/// Functions that get most of the load.
const HOT: usize = 12;
const POOL: u32 = 1_500;
const UNRESERVED_MINIMUM: u32 = 100;
const STEPS: u32 = 3_000;
/// Steps between two looks at everything.
const LOOK_EVERY: u32 = 500;
/// Steps between two rises and falls of the load that provisioned concurrency follows.
const TIDE_EVERY: u32 = 1_500;
/// More than the scaling rate lets start at once.
const BURST: u32 = 1_600;
/// Between two such bursts; too short for the rate to come back.
const FLOOD_APART_MS: u64 = 1_500;
/// Hot functions that answer at once: of them the request rate is what is met, and not their slots.
const QUICK: usize = 3;
const QUICK_SLOTS: u32 = 9;
/// Calls of such a function, one after the other, and the time between them.
const DRIZZLE: u32 = 400;
const DRIZZLE_APART_MS: u64 = 3;
/// Inputs until all must be at rest, after the faults.
const REST_INPUTS_MAX: u32 = 1_000_000;
const START_MS: u64 = 1_795_517_633_000;

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
    tally: Tally,
}

/// One world with its seed, until it is at rest.
pub(super) fn play(seed: u64) {
    let mut crowd = Crowd::new(seed);
    for step in 0..STEPS {
        crowd.step();
        if step % LOOK_EVERY == 0 {
            crowd.look();
        }
        if step % TIDE_EVERY == TIDE_EVERY / 2 {
            crowd.flood();
            crowd.drizzle();
            crowd.tide();
            crowd.look();
        }
    }
    crowd.come_to_rest();
    crowd.tally.assert_enough_happened();
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
            tally: Tally::default(),
        };
        (0..MAPPINGS).for_each(|number| crowd.sqs(commands::create_queue(number)));
        for number in 0..FUNCTIONS {
            commands::create_function(number).into_iter().for_each(|command| drop(crowd.control(command).unwrap()));
        }
        for number in 0..MAPPINGS {
            let size = crowd.rng.u32(1..=10);
            match crowd.control(commands::map(number, size)) {
                Ok(lambda::Response::EventSourceMapping(mapping)) => crowd.mappings.push(mapping.uuid),
                other => panic!("{other:?}"),
            }
        }
        crowd.scale_all();
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
                // What is left of the pool is asked for by others.
                (0..burst / 2).for_each(|_| self.invoke_some());
            }
            152..160 => self.reserve(function),
            160..164 => self.provision(function),
            164..167 => self.deploy(function),
            167..172 => self.change_mapping(),
            172..174 => self.wait(20_000),
            174 => self.drizzle(),
            _ => self.wait(150),
        }
    }

    /// More new environments of one function than the scaling rate has: new code ends those that are there.
    fn flood(&mut self) {
        let hot = MAPPINGS + self.rng.usize(QUICK..HOT);
        self.reserve_to(hot, None);
        for _ in 0..2 {
            (0..BURST).for_each(|_| self.invoke(hot, InvocationType::RequestResponse));
            self.wait_exactly(FLOOD_APART_MS);
            self.deploy(hot);
        }
    }

    /// More calls than a few slots may take in a second, and no more at once than they hold.
    fn drizzle(&mut self) {
        let quick = MAPPINGS + self.rng.usize(..QUICK);
        self.reserve_to(quick, Some(QUICK_SLOTS));
        for _ in 0..DRIZZLE {
            self.invoke(quick, InvocationType::RequestResponse);
            self.wait_exactly(DRIZZLE_APART_MS);
        }
    }

    fn is_quick(function: usize) -> bool {
        (MAPPINGS..MAPPINGS + QUICK).contains(&function)
    }

    fn some_function(&mut self) -> usize {
        if self.rng.bool() { MAPPINGS + self.rng.usize(..HOT) } else { self.rng.usize(..FUNCTIONS) }
    }

    fn invoke_some(&mut self) {
        let function = self.some_function();
        self.invoke(function, InvocationType::RequestResponse);
    }

    fn invoke(&mut self, function: usize, invocation_type: InvocationType) {
        let qualified = self.rng.bool();
        self.invoke_as(function, qualified, invocation_type);
    }

    fn invoke_as(&mut self, function: usize, qualified: bool, invocation_type: InvocationType) {
        let invoke = commands::invoke(function, qualified, invocation_type);
        let (token, reply) = self.ask(Command::Lambda(Box::new(invoke)));
        match reply {
            None => assert!(self.owed.insert(token)),
            Some(Ok(engine::Response::Lambda(lambda::Response::Accepted { .. }))) => self.tally.add("events accepted"),
            Some(Err(engine::Error::Lambda(error))) => {
                assert!(matches!(error.kind, LambdaErrorKind::TooManyRequests(_)), "{error}");
                self.tally.add("throttled");
            }
            other => panic!("{other:?}"),
        }
    }

    fn send(&mut self) {
        let queue = self.rng.usize(..MAPPINGS);
        for _ in 0..self.rng.u32(1..20) {
            let group = self.rng.u64(..3);
            let (body, group) = self.queues.sent(queue, group);
            self.tally.add(if group.is_some() { "messages sent to FIFO queues" } else { "messages sent" });
            self.sqs(commands::send(queue, body, group));
        }
    }

    fn reserve(&mut self, function: usize) {
        let slots = self.rng.bool().then(|| self.rng.u32(..20));
        self.reserve_to(function, slots);
    }

    fn reserve_to(&mut self, function: usize, slots: Option<u32>) {
        // What the change lets start starts in the same turn.
        let before = self.ledger.reserved(function, slots);
        if let Err(error) = self.control(commands::reserve(function, slots)) {
            assert_eq!(error.kind, LambdaErrorKind::InvalidParameterValue, "{error}");
            self.ledger.reserved(function, before);
            self.tally.add("reservations refused");
        } else {
            self.tally.add("reservations changed");
        }
    }

    fn provision(&mut self, function: usize) {
        if is_scaled(function) {
            // Auto Scaling does.
            return;
        }
        let count = self.rng.u32(..8);
        let before = self.ledger.provisioned(function, count);
        if let Err(error) = self.control(commands::provision(function, count)) {
            assert_eq!(error.kind, LambdaErrorKind::InvalidParameterValue, "{error}");
            self.ledger.provisioned(function, before);
        } else {
            self.tally.add("provisioned by hand");
        }
    }

    /// New code, a new version, and the alias goes to it.
    fn deploy(&mut self, function: usize) {
        let byte = self.rng.u8(..);
        let Ok(lambda::Response::Function(shown)) = self.control(commands::publish(function, byte)) else { panic!() };
        self.control(commands::move_alias(function, shown.version)).unwrap();
        self.tally.add("deployments");
    }

    fn change_mapping(&mut self) {
        let mapping = self.rng.usize(..MAPPINGS);
        let uuid = self.mappings[mapping].clone();
        let change = commands::change_mapping(&mut self.rng, uuid);
        // Refused while the last change has not settled.
        match self.control(change) {
            Ok(_) => self.tally.add("mappings changed"),
            Err(error) => {
                assert_eq!(error.kind, LambdaErrorKind::ResourceInUse, "{error}");
                self.tally.add("mappings in a change already");
            }
        }
    }

    fn wait(&mut self, longest_ms: u64) {
        let ms = self.rng.u64(..longest_ms);
        self.wait_exactly(ms);
    }

    fn wait_exactly(&mut self, ms: u64) {
        let end = self.now.plus_millis(ms);
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
        let how = match reply {
            Ok(engine::Response::Lambda(lambda::Response::Invoked(outcome))) if outcome.function_error.is_some() => {
                "answered with an error"
            }
            Ok(engine::Response::Lambda(lambda::Response::Invoked(_))) => "answered",
            Err(engine::Error::Lambda(error)) if matches!(error.kind, LambdaErrorKind::TooManyRequests(_)) => {
                "throttled when the environment it was promised did not come"
            }
            other => panic!("{other:?}"),
        };
        self.tally.add(how);
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
                Effect::Stop { id, reason } => {
                    self.tally.add(stopped(reason));
                    if let Some(gone) = self.environments.remove(&id) {
                        self.ended.insert(gone.function);
                        self.forget(gone.function, gone.is_ahead, &gone.doing);
                    }
                }
                Effect::Record(record) => self.written(&record),
                Effect::StreamEnded { .. } | Effect::StreamUnwanted { .. } => panic!("nobody asked for a stream"),
                Effect::Logged { .. } | Effect::Throttled(_) => {}
            }
        }
        self.ended.clear();
        replies
    }

    /// What the engine writes down: invocations that are still to be made, and what it changed by itself.
    fn written(&mut self, record: &Record) {
        let RecordEntry::Lambda(entry) = &record.entry else { return };
        match &**entry {
            LambdaRecord::AsyncEvent(_) if record.is_removal() => {
                self.events.remove(&record.key());
                self.tally.add("events done");
            }
            LambdaRecord::AsyncEvent(_) => drop(self.events.insert(record.key())),
            LambdaRecord::Function(function) => self.follow(function),
            _ => {}
        }
    }

    /// Compares what the engine says of everything with what was seen from outside.
    fn look(&mut self) {
        let activity = self.activity();
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
        self.stop_scaling();
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
        let activity = self.activity();
        self.tally.throttles_and_spillovers(&activity);
        assert!(self.owed.is_empty(), "never answered: {:?}", self.owed);
        assert!(self.events.is_empty(), "events are left: {:?}", self.events);
        assert!(self.environments.is_empty(), "never stopped: {:?}", self.environments);
        self.ledger.assert_at_rest();
        self.queues.assert_all_handled();
        self.ledger.count(&mut self.tally);
    }

    fn activity(&mut self) -> lambda::Activity {
        match self.control(lambda::Command::DescribeActivity) {
            Ok(lambda::Response::Activity(activity)) => activity,
            other => panic!("{other:?}"),
        }
    }
}

fn stopped(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Idle => "stopped as idle",
        StopReason::TimedOut => "stopped as out of time",
        StopReason::Replaced => "stopped as replaced",
        StopReason::Failed => "stopped after an error of theirs",
        StopReason::Deleted => "stopped with their function",
    }
}
