//! The pure engine: SQS and Lambda as a state machine in virtual time.
//!
//! `now` is an argument, ids come from a seeded source, and what should happen in the world comes out as [`Effect`]s. This
//! module never reads a clock, never does IO, never spawns, and no hash-map order reaches an output: the same seed and
//! the same inputs give the same effects. That is what makes it testable by simulation.

pub mod autoscaling;
mod calendar;
mod effect;
mod glob;
pub mod identity;
mod index;
mod input;
pub mod lambda;
pub mod logs;
mod record;
pub mod scheduler;
pub mod sqs;
mod world;

use std::collections::BTreeMap;

pub use effect::{
    CodeImage, Effect, Invocation, LaunchSpec, SandboxSpec, StopReason, StreamEnd, ThrottleLimit, ThrottleNotice,
};
pub use input::{Command, EnvironmentEvent, EnvironmentId, ExitCause, Input, OutputStream, RequestToken};
pub use record::{Record, RecordEntry, RecordKey, RestoreError};
pub use world::Cx;

use crate::model::{IdSource, Scope, Timestamp};
use world::World;

/// What a request is answered with: AWS's output shape, or the service's error.
pub type Reply = Result<Response, Error>;

/// The output of a command, by service.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    Sqs(sqs::Response),
    Lambda(lambda::Response),
    Logs(logs::Response),
    Autoscaling(autoscaling::Response),
    Identity(Box<identity::Response>),
    Scheduler(scheduler::Response),
}

/// A service's refusal. HTTP statuses and wire codes are the wire's business.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    Sqs(sqs::SqsError),
    Lambda(lambda::LambdaError),
    Logs(logs::LogsError),
    Autoscaling(autoscaling::AutoscalingError),
    Identity(identity::IdentityError),
    Scheduler(scheduler::SchedulerError),
    /// The engine could not write down what it was about to acknowledge; nothing was acknowledged.
    Storage(String),
}

/// What can be set of an engine; each item is enforced.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineConfig {
    /// Where ids start from.
    pub seed: u64,
    /// The regional pool of concurrent executions of each account and region.
    pub concurrency_limit: u32,
    /// What reservations must leave of the pool.
    pub unreserved_minimum: u32,
    /// How long an environment without work is kept, in milliseconds.
    pub environment_idle_ms: u64,
    /// How many times as fast as on AWS ramps, retries and idle times pass, for experiments.
    pub time_factor: u32,
    /// The wait before the first retry of an asynchronous invocation, in milliseconds; the second waits twice as long.
    pub first_retry_delay_ms: u64,
}

impl EngineConfig {
    /// So many milliseconds of AWS's, as they pass here.
    fn scaled_ms(&self, ms: u64) -> u64 {
        ms.div_ceil(u64::from(self.time_factor.max(1)))
    }

    /// What is not as on AWS, a line each: whoever looks at an experiment must see that it is one.
    pub fn differences(&self) -> Vec<String> {
        let aws = Self::default();
        let mut lines = Vec::new();
        if self.concurrency_limit != aws.concurrency_limit {
            lines.push(format!("the pool has {} slots, {} on AWS", self.concurrency_limit, aws.concurrency_limit));
        }
        if self.unreserved_minimum != aws.unreserved_minimum {
            let (here, there) = (self.unreserved_minimum, aws.unreserved_minimum);
            lines.push(format!("reservations must leave {here} slots, {there} on AWS"));
        }
        if self.time_factor > 1 {
            lines.push(format!("ramps, retries and idle times pass {} times as fast as on AWS", self.time_factor));
        }
        if self.first_retry_delay_ms != aws.first_retry_delay_ms {
            let (here, there) = (self.scaled_ms(self.first_retry_delay_ms), aws.first_retry_delay_ms / 1000);
            lines.push(format!("asynchronous retries begin after {here} ms, {there} s on AWS"));
        }
        lines
    }
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            concurrency_limit: crate::model::limits::CONCURRENCY_DEFAULT,
            unreserved_minimum: crate::model::limits::UNRESERVED_MIN,
            environment_idle_ms: 10 * 60 * 1000,
            time_factor: 1,
            first_retry_delay_ms: u64::from(crate::model::limits::FIRST_RETRY_DELAY_S) * 1_000,
        }
    }
}

/// An engine that is being restored, one record after the other, so that the records need not be in memory all at once.
#[derive(Debug)]
pub struct Restoration {
    engine: Engine,
    now: Timestamp,
}

impl Restoration {
    /// Nothing is restored yet; `now` is the time at which the engine goes on.
    pub fn new(config: EngineConfig, now: Timestamp) -> Self {
        Self { engine: Engine::new(config), now }
    }

    /// Takes the next record; they come one per key, in the order of [`Record::key`].
    ///
    /// # Errors
    /// The record contradicts an earlier one, for example a message of an unknown queue.
    pub fn record(&mut self, record: Record) -> Result<(), RestoreError> {
        let world = self.engine.world_index(&record.scope);
        self.engine.worlds[world].restore(self.now, record.entry)
    }

    /// The engine, after the last record.
    pub fn finish(mut self) -> Engine {
        let Engine { config, ids, worlds, .. } = &mut self.engine;
        let mut effects = Vec::new();
        for world in worlds {
            let scope = std::sync::Arc::clone(world.scope());
            world.finish_restore(&mut Cx { now: self.now, scope: &scope, config, ids, effects: &mut effects });
        }
        debug_assert!(effects.is_empty(), "a restored engine only waits");
        self.engine
    }
}

/// The whole state of every account and region.
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    ids: IdSource,
    worlds: Vec<World>,
    by_scope: BTreeMap<Scope, usize>,
}

impl Engine {
    /// An empty engine.
    pub fn new(config: EngineConfig) -> Self {
        let ids = IdSource::new(config.seed);
        Self { config, ids, worlds: Vec::new(), by_scope: BTreeMap::new() }
    }

    /// An engine as the stored `records` describe it: one record per key, in the order of [`Record::key`].
    ///
    /// # Errors
    /// A record that contradicts an earlier one, for example a message of an unknown queue.
    pub fn restore(
        config: EngineConfig,
        now: Timestamp,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<Self, RestoreError> {
        let mut restoration = Restoration::new(config, now);
        records.into_iter().try_for_each(|record| restoration.record(record))?;
        Ok(restoration.finish())
    }

    /// Lets `input` happen at `now` and appends what follows from it to `effects`, records before the replies that
    /// acknowledge them. Timers due at `now` fire first.
    pub fn handle(&mut self, now: Timestamp, input: Input, effects: &mut Vec<Effect>) {
        self.fire_timers(now, effects);
        match input {
            Input::Tick => {}
            Input::Request { token, scope, command } => {
                let world = self.world_of_url(&command).unwrap_or_else(|| self.world_index(&scope));
                self.in_world(now, world, effects, |world, cx| world.request(cx, token, command));
            }
            Input::ClientGone { token, scope } => {
                let world = self.world_index(&scope);
                self.in_world(now, world, effects, |world, cx| world.client_gone(cx, token));
            }
            Input::Environment { id, event } => {
                self.in_world(now, id.world(), effects, |world, cx| world.environment(cx, id, event));
            }
        }
    }

    /// When [`Engine::handle`] wants to be called with [`Input::Tick`] at the latest; `None` when nothing waits.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.worlds.iter().filter_map(World::next_deadline).min()
    }

    /// The code that functions have, all their versions, and environments that run still.
    pub fn artifacts(&self) -> std::collections::BTreeSet<crate::model::ArtifactDigest> {
        self.worlds.iter().flat_map(World::artifacts).collect()
    }

    fn fire_timers(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        for world in 0..self.worlds.len() {
            if self.worlds[world].next_deadline().is_some_and(|deadline| deadline <= now) {
                self.in_world(now, world, effects, World::fire_timers);
            }
        }
    }

    /// Where the URL is that a request is for: its id is all that there is.
    fn world_of_url(&self, command: &Command) -> Option<usize> {
        let Command::Lambda(command) = command else { return None };
        let lambda::Command::FindFunctionUrl { id } = &**command else { return None };
        self.worlds.iter().position(|world| world.has_url(id))
    }

    fn world_index(&mut self, scope: &Scope) -> usize {
        if let Some(index) = self.by_scope.get(scope) {
            return *index;
        }
        let index = self.worlds.len();
        self.worlds.push(World::new(index, scope.clone(), &self.config));
        self.by_scope.insert(scope.clone(), index);
        index
    }

    fn in_world(
        &mut self,
        now: Timestamp,
        world: usize,
        effects: &mut Vec<Effect>,
        act: impl FnOnce(&mut World, &mut Cx<'_>),
    ) {
        let Some(world) = self.worlds.get_mut(world) else { return };
        let scope = std::sync::Arc::clone(world.scope());
        let mut cx = Cx { now, scope: &scope, config: &self.config, ids: &mut self.ids, effects };
        act(world, &mut cx);
        world.settle(&mut cx);
    }
}

#[cfg(test)]
mod config_tests {
    use super::*;

    #[test]
    fn what_is_scaled_is_said_as_it_is() {
        let check = |config: EngineConfig, expected: &[&str]| assert_eq!(config.differences(), expected);
        check(EngineConfig::default(), &[]);
        let faster = EngineConfig { time_factor: 30, first_retry_delay_ms: 6_000, ..EngineConfig::default() };
        check(
            faster,
            &[
                "ramps, retries and idle times pass 30 times as fast as on AWS",
                "asynchronous retries begin after 200 ms, 60 s on AWS",
            ],
        );
        let smaller = EngineConfig { concurrency_limit: 20, unreserved_minimum: 2, ..EngineConfig::default() };
        check(smaller, &["the pool has 20 slots, 1000 on AWS", "reservations must leave 2 slots, 100 on AWS"]);
    }
}
