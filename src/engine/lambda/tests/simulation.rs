//! Random loads, faults and changes in virtual time. At each step the pool's sums hold; at the end every invocation that was
//! let in has ended exactly once, and with the faults switched off everything comes to rest.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    super::{CreateAlias, InvocationType, PublishVersion, UpdateAlias, UpdateFunctionCode},
    Command, EngineConfig, EnvironmentEvent, EnvironmentId, FunctionRef, Input, Invoke, LambdaErrorKind, RequestToken,
    Response, World, code, invoke, named,
};
use crate::engine::{ExitCause, RecordEntry, lambda::LambdaRecord};

const FUNCTIONS: u64 = 5;
const LIMIT: u32 = 12;
const UNRESERVED_MINIMUM: u32 = 3;
const STEPS: u32 = 3_000;

/// What an environment of the shell's is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Toy {
    Starting,
    /// Starting ahead, without a slot.
    Candidate,
    Waiting,
    Busy,
    Returning,
}

struct Simulation {
    world: World,
    rng: fastrand::Rng,
    toys: BTreeMap<EnvironmentId, (String, Toy)>,
    /// Environments that were started ahead.
    ahead: BTreeSet<EnvironmentId>,
    /// What functions have as their own: reserved and provisioned, as far as the engine agreed.
    claims: BTreeMap<String, (Option<u32>, u32)>,
    seen: (usize, usize, usize),
    waiting: BTreeSet<RequestToken>,
    started: BTreeMap<String, u32>,
    accepted_events: usize,
    faults: bool,
}

#[test]
fn everything_comes_to_rest() {
    for seed in 0..12 {
        println!("seed {seed}");
        let mut simulation = Simulation::new(seed);
        for _ in 0..STEPS {
            simulation.step();
            simulation.check();
        }
        simulation.settle();
        println!("{:?}, {} events", simulation.started, simulation.accepted_events);
        assert!(simulation.accepted_events > 10 && simulation.started["ok"] > 50 && simulation.started["failed"] > 20);
    }
}

/// A function with a version and an alias of it.
fn make(world: &mut World, name: &str) {
    world.create(name);
    world.call(Command::PublishVersion { name: named(name), publish: PublishVersion::default() }).unwrap();
    let create = CreateAlias { name: "live".into(), function_version: "1".into(), ..CreateAlias::default() };
    world.call(Command::CreateAlias { name: named(name), create }).unwrap();
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let config = EngineConfig {
            seed,
            concurrency_limit: LIMIT,
            unreserved_minimum: UNRESERVED_MINIMUM,
            environment_idle_ms: 20_000,
            ..EngineConfig::default()
        };
        let mut world = World::with(config);
        for number in 0..FUNCTIONS {
            make(&mut world, &format!("f{number}"));
        }
        Self {
            world,
            rng: fastrand::Rng::with_seed(seed),
            toys: BTreeMap::new(),
            ahead: BTreeSet::new(),
            claims: BTreeMap::new(),
            seen: (0, 0, 0),
            waiting: BTreeSet::new(),
            started: BTreeMap::new(),
            accepted_events: 0,
            faults: true,
        }
    }

    fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..35 => self.ask(InvocationType::RequestResponse),
            35..40 => self.ask(InvocationType::Event),
            40..80 => self.act(),
            80..90 => {
                let ms = self.rng.u64(0..400);
                self.world.wait(ms);
            }
            90 => {
                let ms = self.rng.u64(0..30_000);
                self.world.wait(ms);
            }
            91..94 => self.reserve(),
            94 => self.update(),
            95 => self.provision(),
            96 => self.recreate(),
            97..99 => self.leave(),
            _ => self.world.handle(Input::Tick),
        }
        self.observe();
    }

    fn name(&mut self) -> String {
        format!("f{}", self.rng.u64(0..FUNCTIONS))
    }

    fn ask(&mut self, invocation_type: InvocationType) {
        let name = self.name();
        let qualifier = self.rng.bool().then(|| "live".to_owned());
        let function = FunctionRef { name: name.clone(), qualifier };
        let token = self.world.ask(Command::Invoke(Invoke { invocation_type, function, ..invoke(&name) }));
        match self.world.replies.remove(&token) {
            None => assert!(self.waiting.insert(token)),
            Some(Ok(Response::Accepted { .. })) => self.accepted_events += 1,
            Some(Err(error)) => assert!(matches!(error.kind, LambdaErrorKind::TooManyRequests(_)), "{error}"),
            other => panic!("{other:?}"),
        }
    }

    /// Some environment does something.
    fn act(&mut self) {
        if self.toys.is_empty() {
            return;
        }
        let index = self.rng.usize(0..self.toys.len());
        let (id, toy) = self.toys.iter().nth(index).map(|(id, (_, toy))| (*id, *toy)).unwrap();
        let fault = if self.faults { self.rng.u32(0..12) } else { 99 };
        let exit = EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 };
        let (event, after) = match (toy, fault) {
            (_, 0) => (exit, None),
            (Toy::Starting | Toy::Candidate, 1) => {
                // The shell waits for the stop that follows.
                (EnvironmentEvent::InitError { error_type: None, payload: Bytes::from_static(b"{}") }, Some(toy))
            }
            (Toy::Starting | Toy::Candidate, 2) => (EnvironmentEvent::LaunchFailed { message: "no".into() }, None),
            (_, 3) => return self.world.wait(4_000),
            (Toy::Starting | Toy::Candidate | Toy::Returning, _) => (EnvironmentEvent::Next, Some(Toy::Waiting)),
            (Toy::Busy, 4..6) => (self.answer(id, true), Some(Toy::Returning)),
            (Toy::Busy, _) => (self.answer(id, false), Some(Toy::Returning)),
            (Toy::Waiting, _) => return,
        };
        match after {
            Some(after) => self.toys.get_mut(&id).unwrap().1 = after,
            None => drop(self.toys.remove(&id)),
        }
        self.world.environment(id, event);
    }

    fn answer(&self, id: EnvironmentId, is_error: bool) -> EnvironmentEvent {
        let (request_id, payload, max_memory_used_bytes) = (self.world.given(id), Bytes::from_static(b"{}"), 0);
        if is_error {
            EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes }
        } else {
            EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes }
        }
    }

    fn reserve(&mut self) {
        let (name, slots) = (self.name(), self.rng.u32(0..6));
        if self.rng.bool() {
            if self.world.reserve(&name, slots).is_ok() {
                self.claims.entry(name).or_default().0 = Some(slots);
            }
        } else {
            self.world.call(Command::DeleteFunctionConcurrency { name: named(&name) }).unwrap();
            self.claims.entry(name).or_default().0 = None;
        }
    }

    fn update(&mut self) {
        let (name, byte) = (self.name(), self.rng.u8(..));
        if self.rng.bool() {
            let launched = self.world.launched.len();
            let update = UpdateFunctionCode::default();
            self.world.call(Command::SwapFunctionCode { name: named(&name), update, code: code(byte) }).unwrap();
            self.observe();
            for (id, _) in &self.world.launched[launched..] {
                self.toys.get_mut(id).unwrap().1 = Toy::Candidate;
            }
            return;
        }
        let publish = self.rng.bool();
        let update = UpdateFunctionCode { publish, ..UpdateFunctionCode::default() };
        let updated = self.world.call(Command::UpdateFunctionCode { name: named(&name), update, code: code(byte) });
        if let (true, Ok(Response::Function(shown))) = (publish, updated) {
            let update = UpdateAlias { function_version: Some(shown.version), ..UpdateAlias::default() };
            self.world.call(Command::UpdateAlias { name: named(&name), alias: "live".into(), update }).unwrap();
        }
    }

    fn provision(&mut self) {
        let (name, count) = (self.name(), self.rng.u32(0..4));
        let live = FunctionRef { name: name.clone(), qualifier: Some("live".into()) };
        let asked = self.world.call(match count {
            0 => Command::DeleteProvisionedConcurrencyConfig { name: live },
            _ => Command::PutProvisionedConcurrencyConfig { name: live, provisioned_concurrent_executions: count },
        });
        match asked {
            Ok(_) => self.claims.entry(name).or_default().1 = count,
            Err(error) => assert_eq!(error.kind, LambdaErrorKind::InvalidParameterValue, "{error}"),
        }
    }

    fn recreate(&mut self) {
        let name = self.name();
        self.world.call(Command::DeleteFunction { name: named(&name) }).unwrap();
        self.observe();
        assert!(self.toys.values().all(|(function, _)| *function != name), "it left an environment");
        make(&mut self.world, &name);
        self.claims.remove(&name);
    }

    fn leave(&mut self) {
        if let Some(token) = self.waiting.first().copied() {
            self.waiting.remove(&token);
            let scope = std::sync::Arc::clone(&self.world.scope);
            self.world.handle(Input::ClientGone { token, scope });
        }
    }

    /// Does what the engine asked for.
    fn observe(&mut self) {
        for (id, spec) in &self.world.launched[self.seen.0..] {
            self.toys.insert(*id, (spec.function.name.to_string(), Toy::Starting));
            if spec.initialization_type == "provisioned-concurrency" {
                self.ahead.insert(*id);
                assert_ne!(spec.version, "$LATEST");
            }
        }
        for (id, invocation) in &self.world.invoked[self.seen.1..] {
            // An environment that was given work in the turn that stopped it is gone already.
            if let Some((_, toy)) = self.toys.get_mut(id) {
                assert!(invocation.deadline > self.world.now || invocation.deadline.as_millis() > 0);
                *toy = Toy::Busy;
                let is_latest = !invocation.invoked_function_arn.ends_with(":live");
                assert!(!is_latest || !self.ahead.contains(id), "`$LATEST` in an environment of another version");
            }
        }
        for (id, _) in &self.world.stopped[self.seen.2..] {
            self.toys.remove(id);
        }
        self.seen = (self.world.launched.len(), self.world.invoked.len(), self.world.stopped.len());
        for (token, reply) in std::mem::take(&mut self.world.replies) {
            assert!(self.waiting.remove(&token), "nobody waited for {token:?}");
            let how = match reply {
                Ok(Response::Invoked(outcome)) if outcome.function_error.is_some() => "failed",
                Ok(Response::Invoked(_)) => "ok",
                // The environment that it was promised did not come back, and there was no room for another.
                Err(error) if matches!(error.kind, LambdaErrorKind::TooManyRequests(_)) => "throttled",
                other => panic!("{other:?}"),
            };
            *self.started.entry(how.to_owned()).or_default() += 1;
        }
    }

    /// What runs never exceeds the pool, and of the unreserved functions never what is left to them.
    fn check(&mut self) {
        let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let mut starting_ahead = 0;
        for (id, (function, toy)) in &self.toys {
            let entry = counts.entry(function).or_default();
            match toy {
                // Nobody waits for it.
                Toy::Starting if self.ahead.contains(id) => {
                    entry.1 += 1;
                    starting_ahead += 1;
                }
                Toy::Starting | Toy::Busy => entry.0 += 1,
                Toy::Candidate | Toy::Waiting | Toy::Returning => entry.1 += 1,
            }
        }
        let running: u32 = counts.values().map(|(running, _)| running).sum();
        assert!(running <= LIMIT, "{running} run, {starting_ahead} start ahead");
        let claimed: u32 = self.claims.values().map(|(reserved, provisioned)| reserved.unwrap_or(*provisioned)).sum();
        assert!(claimed + UNRESERVED_MINIMUM <= LIMIT, "{:?}", self.claims);
        for (name, (reserved, provisioned)) in &self.claims {
            assert!(reserved.is_none_or(|reserved| *provisioned <= reserved), "{name}");
        }
        let counts: BTreeMap<String, (u32, u32)> =
            counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
        let Ok(Response::Activity(activity)) = self.world.call(Command::DescribeActivity) else { panic!() };
        for function in activity.functions {
            let (running, other) = counts.get(&function.name).copied().unwrap_or_default();
            let total = function.starting + function.busy + function.idle;
            assert_eq!(total, running + other, "environments of {}", function.name);
        }
    }

    /// Switches the faults off and waits for rest.
    fn settle(&mut self) {
        self.faults = false;
        for number in 0..FUNCTIONS {
            let name = format!("f{number}");
            let live = FunctionRef { name: name.clone(), qualifier: Some("live".into()) };
            self.world.call(Command::DeleteProvisionedConcurrencyConfig { name: live }).unwrap();
            self.world.call(Command::DeleteFunctionConcurrency { name: named(&name) }).unwrap();
            self.observe();
        }
        for _ in 0..100_000 {
            if self.toys.values().any(|(_, toy)| *toy != Toy::Waiting) {
                self.act();
            } else if let Some(deadline) = self.world.engine.next_deadline() {
                self.world.wait(deadline.millis_since(self.world.now));
            } else {
                break;
            }
            self.observe();
        }
        assert_eq!(self.world.engine.next_deadline(), None);
        assert!(self.waiting.is_empty(), "never answered: {:?}", self.waiting);
        assert!(self.toys.is_empty(), "never stopped: {:?}", self.toys);
        let events = self
            .world
            .store
            .values()
            .filter(|record| matches!(&record.entry, RecordEntry::Lambda(record) if matches!(**record, LambdaRecord::AsyncEvent(_))));
        assert_eq!(events.count(), 0, "an event is left");
    }
}
