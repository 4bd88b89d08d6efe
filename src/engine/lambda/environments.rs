//! Execution environments: started for an invocation, used again while warm, stopped when they fail, when time is up, when
//! their function changes, or when they were idle for long.
//!
//! An environment handles one invocation at a time. Between its response and its next `next` it is on its way back; an
//! invocation that finds no other may wait for it there for a moment, because a new process would take longer.

mod ending;
mod launch_spec;
mod said;

pub(super) use said::{init_report, say};

use std::{mem, sync::Arc};

use super::{
    Lambda,
    debugging::{HELD_MAX_MS, Held},
    fleet::{Placement, fleet_of},
    functions::FunctionId,
    invocation::{Job, Run},
    logging::{Logging, PlatformEvent},
    report,
    versions::VersionId,
};
use crate::{
    engine::{
        Cx, Effect, EnvironmentId, Invocation, LaunchSpec, StopReason,
        index::Index,
        logs::{LogWriter, Logs},
    },
    model::{
        Timestamp,
        limits::{INIT_MAX_MS, PROVISIONED_INIT_MAX_MS},
    },
};
use said::init_started;

/// How long an invocation waits for an environment that has answered and not yet asked for more, before it gets a new one.
const RETURN_GRACE_MS: u64 = 50;

/// What an environment runs.
pub(super) type Target = (FunctionId, VersionId);

/// Names an environment inside its account and region; never used twice.
pub(super) type Serial = u64;

/// A process that handles invocations of one function.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) function: FunctionId,
    pub(super) version: VersionId,
    /// Of its fleet, when it was started: an older one is not used again.
    generation: u64,
    pub(super) kind: Kind,
    /// Whether it was ever given an invocation.
    served: bool,
    pub(super) spec: Arc<LaunchSpec>,
    /// What each invocation needs of `spec`, which is far away in memory.
    pub(super) timeout_s: u32,
    pub(super) memory_mb: u32,
    pub(super) logging: Logging,
    /// Into the stream that `spec` names.
    pub(super) log: LogWriter,
    pub(super) state: State,
    timer: Option<Timestamp>,
    /// While a debugger has it: its timer stands still.
    pub(super) held: Option<Held>,
    /// As last heard.
    pub(super) max_memory_used_bytes: u64,
    /// How long what it is ending has taken, when the shell measured it.
    pub(super) measured_us: Option<u64>,
}

/// Why an environment was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// For an invocation that found no other.
    OnDemand,
    /// Ahead, to be kept.
    Provisioned,
}

/// What an environment is doing.
#[derive(Debug)]
pub(super) enum State {
    /// Initialising, for an invocation.
    Starting {
        since: Timestamp,
        attempt: Attempt,
        job: Box<Job>,
    },
    /// Initialising ahead, for nobody yet.
    Ahead {
        since: Timestamp,
    },
    /// Waiting for work; `rank` grows with each use.
    Idle {
        rank: u64,
    },
    Busy(Box<Run>),
    /// It has answered and not yet asked for more. Its invocation's deadline still counts.
    Returning {
        rank: u64,
        deadline: Timestamp,
        promised: Option<Box<Job>>,
    },
}

impl Attempt {
    /// The phase that `INIT_REPORT` names.
    pub(super) fn phase(self) -> &'static str {
        match self {
            Self::First => "init",
            Self::Second => "invoke",
        }
    }
}

/// Which try of the init phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Under the limit of the init phase.
    First,
    /// Under the function's timeout, as part of the invocation.
    Second,
}

/// The environments of one account and region.
#[derive(Debug)]
pub(super) struct Environments {
    world: usize,
    by_serial: Index<Serial, Environment>,
    started: Serial,
    ranks: u64,
}

impl Environments {
    pub(super) fn new(world: usize) -> Self {
        Self { world, by_serial: Index::default(), started: 0, ranks: 0 }
    }

    pub(super) fn get(&self, serial: Serial) -> Option<&Environment> {
        self.by_serial.get(&serial)
    }

    pub(super) fn get_mut(&mut self, serial: Serial) -> Option<&mut Environment> {
        self.by_serial.get_mut(&serial)
    }

    pub(super) fn artifacts(&self) -> impl Iterator<Item = crate::model::ArtifactDigest> {
        self.by_serial.sorted().into_iter().map(|(_, environment)| environment.spec.artifact)
    }

    fn next_rank(&mut self) -> u64 {
        self.ranks += 1;
        self.ranks
    }

    pub(super) fn id(&self, serial: Serial) -> EnvironmentId {
        EnvironmentId::new(self.world, serial)
    }
}

impl Environment {
    fn new((function, version): Target, generation: u64, spec: Arc<LaunchSpec>, state: State) -> Self {
        let kind = match state {
            State::Ahead { .. } => Kind::Provisioned,
            _ => Kind::OnDemand,
        };
        Self {
            function,
            version,
            generation,
            kind,
            served: false,
            timeout_s: spec.timeout_s,
            memory_mb: spec.memory_mb,
            logging: spec.logging,
            log: LogWriter::new(Arc::clone(&spec.log)),
            spec,
            state,
            timer: None,
            held: None,
            max_memory_used_bytes: 0,
            measured_us: None,
        }
    }

    pub(super) fn target(&self) -> Target {
        (self.function, self.version)
    }

    /// Whether it ended before it was of any use.
    pub(super) fn has_served(&self) -> bool {
        self.served
    }

    /// It was started for nobody, and now there is work.
    pub(super) fn begin_with(&mut self, job: Box<Job>) {
        if let State::Ahead { since } = self.state {
            self.state = State::Starting { since, attempt: Attempt::First, job };
        }
    }

    /// What it was doing, when it is no more.
    pub(super) fn take_state(&mut self) -> State {
        mem::replace(&mut self.state, State::Idle { rank: 0 })
    }

    fn start_line(&mut self, cx: &mut Cx<'_>, logs: &mut Logs) {
        let State::Busy(run) = &self.state else { return };
        let event = PlatformEvent::Start { request_id: &run.job.request_id, version: self.version };
        if let Some(line) = self.logging.line(cx.now, &event) {
            self.write(cx, logs, line);
        }
    }

    /// Adds what the function printed to its log.
    pub(super) fn print(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, line: String) {
        if self.logging.keeps(&line) {
            self.write(cx, logs, line);
        }
    }

    /// Adds a line to its log, and to the tail of what it is doing.
    fn write(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, line: String) {
        if let State::Busy(run) = &mut self.state {
            run.job.note(&line);
        }
        logs.write(cx, &mut self.log, line);
    }
}

/// Starting and using them.
impl Lambda {
    /// Gives `job` to the environment that was chosen for it.
    pub(super) fn place(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, target: Target, place: Placement, job: Box<Job>) {
        match place {
            Placement::Idle(serial) => {
                let (started_at, timeout_s) = (cx.now, self.timeout_of(serial));
                let deadline = started_at.plus_secs(u64::from(timeout_s));
                self.run(
                    cx,
                    logs,
                    serial,
                    Box::new(Run { job: *job, started_at, deadline, init_us: None, before_us: 0 }),
                );
            }
            Placement::Returning(serial) => self.promise(cx, serial, Some(job)),
            Placement::New => match self.take_unclaimed(cx, target, job) {
                None => {}
                Some(job) => self.launch(cx, logs, target, job),
            },
        }
    }

    fn timeout_of(&self, serial: Serial) -> u32 {
        self.environments.get(serial).map_or(0, |environment| environment.timeout_s)
    }

    /// Starts a new environment for `job`.
    pub(super) fn launch(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, target: Target, job: Box<Job>) {
        let Some(function) = self.functions.get_mut(target.0) else { return };
        function.load.cold_starts += 1;
        let Some((spec, generation)) = function.spec(cx, target.1, "on-demand") else { return };
        init_started(cx, logs, &spec);
        let state = State::Starting { since: cx.now, attempt: Attempt::First, job };
        self.add(cx, Environment::new(target, generation, Arc::new(spec), state), INIT_MAX_MS);
    }

    /// Starts an environment of a provisioned version, for nobody yet.
    pub(super) fn launch_ahead(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, target: Target) {
        let Some(function) = self.functions.get_mut(target.0) else { return };
        let Some((spec, generation)) = function.spec(cx, target.1, "provisioned-concurrency") else { return };
        init_started(cx, logs, &spec);
        let limit_ms = PROVISIONED_INIT_MAX_MS.max(u64::from(spec.timeout_s) * 1000);
        let state = State::Ahead { since: cx.now };
        self.add(cx, Environment::new(target, generation, Arc::new(spec), state), limit_ms);
        let serial = self.environments.started;
        if let Some(version) = self.functions.get_mut(target.0).and_then(|function| function.version_mut(target.1)) {
            version.ahead.started(serial);
        }
    }

    /// Gives an invocation to an environment that initialises for nobody yet. Gives it back when there is none.
    fn take_unclaimed(&mut self, cx: &Cx<'_>, target: Target, job: Box<Job>) -> Option<Box<Job>> {
        let version = self.functions.get_mut(target.0).and_then(|function| function.version_mut(target.1));
        let Some(serial) = version.and_then(|version| version.fleet.unclaimed.pop_first()) else { return Some(job) };
        let Some(environment) = self.environments.get_mut(serial) else { return Some(job) };
        environment.begin_with(job);
        self.keep_messages(cx.now, serial);
        None
    }

    /// Starts the one environment of a function that is debugged, so that a debugger finds it.
    pub(super) fn launch_debugged(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId) {
        let Some(function) = self.functions.get_mut(id) else { return };
        let Some((spec, generation)) = function.spec(cx, VersionId::Latest, "on-demand") else { return };
        logs.append(cx, &spec.log, report::init_start(&spec.runtime));
        let state = State::Ahead { since: cx.now };
        let environment = Environment::new((id, VersionId::Latest), generation, Arc::new(spec), state);
        self.add(cx, Environment { kind: Kind::OnDemand, ..environment }, INIT_MAX_MS);
        let serial = self.environments.started;
        if let Some(function) = self.functions.get_mut(id) {
            function.latest.fleet.unclaimed.insert(serial);
        }
    }

    /// Starts an environment of code that is to take the place of a function's.
    pub(super) fn launch_candidate(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId) {
        let Some(function) = self.functions.get_mut(id) else { return };
        let Some((spec, generation)) = function.spec(cx, VersionId::Candidate, "on-demand") else { return };
        init_started(cx, logs, &spec);
        let state = State::Ahead { since: cx.now };
        let environment = Environment::new((id, VersionId::Candidate), generation, Arc::new(spec), state);
        self.add(cx, Environment { kind: Kind::OnDemand, ..environment }, INIT_MAX_MS);
    }

    /// A candidate has initialised: it is the first environment of the new code, and those beside it will be the next.
    fn candidate_is_ready(&mut self, cx: &mut Cx<'_>, serial: Serial, id: FunctionId) {
        let Some(candidates) = self.commit_swap(cx, id) else {
            return self.stop(cx, serial, StopReason::Replaced);
        };
        let Some(function) = self.functions.get_mut(id) else { return };
        let fleet = &mut function.latest.fleet;
        for candidate in candidates {
            fleet.all.insert(candidate);
            if candidate != serial {
                fleet.unclaimed.insert(candidate);
            }
            if let Some(environment) = self.environments.get_mut(candidate) {
                (environment.version, environment.generation) = (VersionId::Latest, fleet.generation);
            }
        }
        self.rest(cx, serial);
    }

    /// Launches what `environment` describes, with so much time for its init phase.
    fn add(&mut self, cx: &mut Cx<'_>, environment: Environment, limit_ms: u64) {
        self.environments.started += 1;
        let serial = self.environments.started;
        let spec = Arc::clone(&environment.spec);
        cx.effects.push(Effect::Launch { id: self.environments.id(serial), spec });
        if let Some(fleet) = self.fleet_of(&environment) {
            fleet.all.insert(serial);
        }
        let waits = environment.spec.debug.is_some_and(|debug| debug.wait);
        self.environments.by_serial.insert(serial, environment);
        if waits {
            self.hold(cx.now, serial);
        }
        self.arm(cx.now, serial, cx.now.plus_millis(limit_ms));
        self.keep_messages(cx.now, serial);
    }

    /// Answers the environment's `next`.
    fn run(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, serial: Serial, run: Box<Run>) {
        self.leave(serial);
        let id = self.environments.id(serial);
        let Some(environment) = self.environments.get_mut(serial) else { return };
        let deadline = run.deadline;
        let invocation = Invocation {
            request_id: Arc::clone(&run.job.request_id),
            payload: run.job.payload.clone(),
            // The clock stands: code that looks at the time that is left shall not give up.
            deadline: if environment.held.is_some() { deadline.plus_millis(HELD_MAX_MS) } else { deadline },
            invoked_function_arn: Arc::clone(&run.job.invoked_function_arn),
            trace_id: Arc::clone(&run.job.trace_id),
            client_context: run.job.client_context.clone(),
            stream_to: run.job.stream_to(),
        };
        environment.state = State::Busy(run);
        environment.served = true;
        environment.start_line(cx, logs);
        cx.effects.push(Effect::Invoke { id, invocation });
        self.arm(cx.now, serial, deadline);
        self.keep_messages(cx.now, serial);
    }

    fn promise(&mut self, cx: &mut Cx<'_>, serial: Serial, job: Option<Box<Job>>) {
        self.leave(serial);
        let Some(environment) = self.environments.get_mut(serial) else { return };
        // A debugged function has no second environment.
        let is_debugged = environment.spec.debug.is_some();
        if let State::Returning { promised, deadline, .. } = &mut environment.state {
            *promised = job;
            let at = if is_debugged { *deadline } else { cx.now.plus_millis(RETURN_GRACE_MS).min(*deadline) };
            self.arm(cx.now, serial, at);
            self.keep_messages(cx.now, serial);
        }
    }

    /// The environment asks for work.
    pub(super) fn asks_for_next(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, serial: Serial) {
        let Some(environment) = self.environments.get_mut(serial) else { return };
        // A runtime that asks twice, or before it has answered, waits like any other.
        if matches!(environment.state, State::Idle { .. } | State::Busy(_)) {
            return;
        }
        let timeout_ms = u64::from(environment.timeout_s) * 1000;
        let (target, kind) = (environment.target(), environment.kind);
        let measured_us = environment.measured_us.take();
        let run = match mem::replace(&mut environment.state, State::Idle { rank: 0 }) {
            State::Ahead { .. } if target.1 == VersionId::Candidate => {
                return self.candidate_is_ready(cx, serial, target.0);
            }
            State::Ahead { .. } => {
                let function = self.functions.get_mut(target.0);
                if let Some(version) = function.and_then(|function| function.version_mut(target.1)) {
                    version.fleet.unclaimed.remove(&serial);
                    version.ahead.initialised(serial);
                }
                self.rest(cx, serial);
                return self.provide(cx, logs, target.0);
            }
            State::Starting { since, attempt: Attempt::First, job } => {
                let init_us = Some(measured_us.unwrap_or_else(|| cx.now.millis_since(since) * 1000));
                let (started_at, deadline) = (cx.now, cx.now.plus_millis(timeout_ms));
                Run { job: *job, started_at, deadline, init_us, before_us: 0 }
            }
            State::Starting { since, attempt: Attempt::Second, job } => {
                let (deadline, before_us) = (since.plus_millis(timeout_ms), cx.now.millis_since(since) * 1000);
                Run { job: *job, started_at: since, deadline, init_us: None, before_us }
            }
            State::Returning { promised: Some(job), .. } => {
                let (started_at, deadline) = (cx.now, cx.now.plus_millis(timeout_ms));
                Run { job: *job, started_at, deadline, init_us: None, before_us: 0 }
            }
            State::Returning { rank, deadline, promised: None } => {
                environment.state = State::Returning { rank, deadline, promised: None };
                self.rest(cx, serial);
                if kind == Kind::Provisioned {
                    self.provide(cx, logs, target.0);
                }
                return;
            }
            state @ (State::Idle { .. } | State::Busy(_)) => {
                environment.state = state;
                return;
            }
        };
        self.run(cx, logs, serial, Box::new(run));
    }

    /// The environment has nothing to do.
    fn rest(&mut self, cx: &mut Cx<'_>, serial: Serial) {
        self.leave(serial);
        let rank = self.environments.next_rank();
        let Some(environment) = self.environments.get_mut(serial) else { return };
        let Some(fleet) = fleet_of(&mut self.functions, environment) else { return };
        if environment.generation != fleet.generation {
            let function = environment.function;
            self.stop(cx, serial, StopReason::Replaced);
            return self.wants_debugger(cx, function);
        }
        environment.state = State::Idle { rank };
        fleet.idle.push(rank, serial);
        let is_kept = environment.kind == Kind::Provisioned || environment.spec.debug.is_some();
        if is_kept {
            self.disarm(serial);
        } else {
            let idle_ms = cx.config.scaled_ms(cx.config.environment_idle_ms);
            self.arm(cx.now, serial, cx.now.plus_millis(idle_ms));
        }
    }

    /// Takes what a busy environment runs; it is on its way back.
    pub(super) fn take_run(&mut self, serial: Serial, request_id: &str) -> Option<Box<Run>> {
        let rank = self.environments.next_rank();
        let environment = self.environments.get_mut(serial)?;
        let deadline = match &environment.state {
            State::Busy(run) if *run.job.request_id == *request_id => run.deadline,
            _ => return None,
        };
        let returning = State::Returning { rank, deadline, promised: None };
        let State::Busy(run) = mem::replace(&mut environment.state, returning) else { return None };
        let fleet = fleet_of(&mut self.functions, environment)?;
        if environment.generation == fleet.generation {
            fleet.returning.push(rank, serial);
        }
        Some(run)
    }
}
