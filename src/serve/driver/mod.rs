//! Drives the one engine: a mutex around it, its effects released in order, its timers, and its recovery.
//!
//! A turn runs on the calling task: lock, `handle`, unlock. Its records and deliveries join a queue under the lock; the
//! first turn to find nobody releasing becomes the leader and, outside the lock, writes all queued records as one batch and
//! then releases the deliveries; where a write is dear and requests come together, it lets them have their turns first. So
//! writes have the order of transitions, a reply never precedes its record, and a caller that leads takes its own reply
//! without a channel. Nothing here waits while it holds the engine, except to restore it.

mod company;
mod lateness;
mod outlet;
mod timer;
mod waiting;

use std::{
    collections::BTreeSet,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, MutexGuard};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Notify, oneshot},
};

use super::{
    clock::Clock,
    store::{Store, WriteCost},
};
use crate::{
    engine::{
        Command, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, Error, Input, Record, Reply,
        RequestToken, Restoration,
    },
    model::{ArtifactDigest, Scope, Timestamp},
    task::panic_message,
};
use company::Company;
use lateness::Lateness;
pub use outlet::{Generation, Outlet};
pub use waiting::PendingRequest;
use waiting::Waiting;

/// After a failed recovery, how long requests are refused before the next one tries again.
const RECOVERY_RETRY_MS: u64 = 1_000;

/// The engine and what surrounds it.
#[derive(Debug)]
pub struct Driver {
    core: Mutex<Core>,
    /// Locked by the leader alone.
    store: Mutex<Box<dyn Store>>,
    write_cost: WriteCost,
    waiting: Waiting,
    outlet: Box<dyn Outlet>,
    clock: Arc<Clock>,
    config: EngineConfig,
    next_token: AtomicU64,
    /// Given to environments so far.
    invocations: AtomicU64,
    timer: Notify,
}

#[derive(Debug)]
struct Core {
    state: State,
    generation: Generation,
    /// Where `handle` puts a turn's effects; empty between turns.
    scratch: Vec<Effect>,
    queue: Batch,
    /// Whether some turn is the leader.
    led: bool,
    company: Company,
    /// When the timer task wakes up next.
    armed: Option<Timestamp>,
    lateness: Lateness,
}

#[derive(Debug)]
enum State {
    Running(Box<Engine>),
    /// The engine is not to be trusted any more; the leader restores it from the store.
    Broken {
        why: String,
    },
    /// It could not be restored; the first request after `retry_at` tries again.
    Down {
        why: String,
        retry_at: Timestamp,
    },
}

/// What turns have left to be done, in their order.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<Record>,
    deliveries: Vec<Effect>,
    turns: usize,
}

/// What became of a request in its own turn.
#[derive(Debug)]
pub enum Asked<'a> {
    /// It is answered.
    Answered(Reply),
    /// It will be. Dropped before that, the engine is told that the client is gone.
    Waits(PendingRequest<'a>),
}

/// What a turn was to its caller.
enum Turned {
    /// Its request is answered.
    Answered(Reply),
    /// Its request will be answered here.
    Waits(oneshot::Receiver<Reply>),
    /// Its request's reply is queued, and it has to lead when others have had their turns.
    Leads,
    /// It was no request.
    Unasked,
}

impl Driver {
    /// A function of this runtime is being made.
    pub fn prepare(&self, runtime: &str) {
        self.outlet.prepare(runtime);
    }

    /// A driver of what `store` holds. `outlet` is given a way back to the driver, for the events of environments.
    ///
    /// # Errors
    /// The store cannot be read, or holds what cannot be restored.
    pub fn open(
        config: EngineConfig,
        clock: Arc<Clock>,
        mut store: Box<dyn Store>,
        outlet: impl FnOnce(&Weak<Self>) -> Box<dyn Outlet>,
    ) -> io::Result<Arc<Self>> {
        let engine = restore(&config, Generation::FIRST, clock.now(), store.as_mut())?;
        let core = Core {
            armed: None,
            lateness: Lateness::default(),
            state: State::Running(Box::new(engine)),
            generation: Generation::FIRST,
            scratch: Vec::new(),
            queue: Batch::default(),
            led: false,
            company: Company::default(),
        };
        Ok(Arc::new_cyclic(|driver| Self {
            core: Mutex::new(core),
            write_cost: store.write_cost(),
            store: Mutex::new(store),
            waiting: Waiting::default(),
            outlet: outlet(driver),
            clock,
            config,
            next_token: AtomicU64::new(1),
            invocations: AtomicU64::new(0),
            timer: Notify::new(),
        }))
    }

    /// Asks the engine and waits for the answer.
    pub async fn request(&self, scope: Arc<Scope>, command: Command) -> Reply {
        match self.ask(scope, command) {
            Asked::Answered(reply) => reply,
            Asked::Waits(answer) => answer.await,
        }
    }

    /// How many invocations were given to environments, as a number that goes round.
    pub fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::Relaxed)
    }

    /// Asks the engine.
    pub fn ask(&self, scope: Arc<Scope>, command: Command) -> Asked<'_> {
        let token = RequestToken(self.next_token.fetch_add(1, Ordering::Relaxed));
        let input = Input::Request { token, scope: Arc::clone(&scope), command };
        match self.turn(input, Some(token)) {
            Turned::Answered(reply) => Asked::Answered(reply),
            Turned::Waits(answer) => Asked::Waits(PendingRequest::waiting(self, token, scope, answer)),
            Turned::Leads => Asked::Waits(PendingRequest::leading(self, token, scope)),
            Turned::Unasked => unreachable!("a request's turn is answered or waits"),
        }
    }

    /// Tells the engine what an environment of that generation did; what one of an earlier generation did is ignored.
    pub fn environment(&self, generation: Generation, id: EnvironmentId, event: EnvironmentEvent) {
        if self.core.lock().generation == generation {
            self.turn(Input::Environment { id, event }, None);
        }
    }

    /// The artifacts that functions and environments have; `None` while the engine is not to be trusted.
    pub fn artifacts(&self) -> Option<BTreeSet<ArtifactDigest>> {
        match &self.core.lock().state {
            State::Running(engine) => Some(engine.artifacts()),
            State::Broken { .. } | State::Down { .. } => None,
        }
    }

    /// The clock that this driver reads.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    fn client_gone(&self, token: RequestToken, scope: Arc<Scope>) {
        self.turn(Input::ClientGone { token, scope }, None);
    }

    /// One transition, and the release of what follows from it unless another turn is doing that already.
    fn turn(&self, input: Input, asked: Option<RequestToken>) -> Turned {
        let mut core = self.core.lock();
        let now = self.clock.now();
        if !core.led && core.state.wants_retry(now) {
            self.recover(&mut core, now);
        }
        if let Some(why) = core.state.trouble() {
            return asked.map_or(Turned::Unasked, |_| Turned::Answered(Err(Error::Storage(why.to_owned()))));
        }
        let deadline = core.next_deadline();
        let now = core.lateness.now(now, deadline);
        core.transition(now, input);
        self.arm(&mut core);
        if asked.is_some_and(|token| self.should_wait_for_company(&mut core, token)) {
            core.led = true;
            return Turned::Leads;
        }
        let waits = asked.filter(|token| core.led || !core.queue.answers(*token)).map(|token| self.waiting.add(token));
        let own = if core.led { None } else { self.lead(core, asked.filter(|_| waits.is_none())) };
        match (own, waits) {
            (Some(reply), _) => Turned::Answered(reply),
            (None, Some(answer)) => Turned::Waits(answer),
            (None, None) => Turned::Unasked,
        }
    }

    /// Whether the request, whose reply is queued, should not lead before others have had their turns.
    fn should_wait_for_company(&self, core: &mut Core, token: RequestToken) -> bool {
        let is_dear = self.write_cost != WriteCost::None && !core.queue.records.is_empty();
        is_dear && !core.led && core.queue.answers(token) && core.company.is_likely()
    }

    /// Leads as it was told to by [`Turned::Leads`].
    fn lead_after_waiting(&self, asked: Option<RequestToken>) -> Option<Reply> {
        let mut core = self.core.lock();
        let turns = core.queue.turns;
        core.company.came(turns > 1);
        self.lead(core, asked)
    }

    /// Writes and releases what is queued until the queue is empty. Returns the reply to `asked`, which is in the queue.
    fn lead<'a>(&'a self, mut core: MutexGuard<'a, Core>, asked: Option<RequestToken>) -> Option<Reply> {
        core.led = true;
        let (mut own, mut batch) = (None, Batch::default());
        loop {
            mem::swap(&mut batch, &mut core.queue);
            let generation = core.generation;
            drop(core);
            let written = self.write_and_release(generation, &mut batch, asked, &mut own);
            core = self.core.lock();
            if let Err(error) = written {
                batch.clear();
                core.state = State::Broken { why: format!("the engine's store failed: {error}") };
            }
            if let State::Broken { why } = &core.state {
                own = own.or_else(|| asked.map(|_| Err(Error::Storage(why.clone()))));
                let now = self.clock.now();
                self.recover(&mut core, now);
            }
            if core.queue.is_empty() {
                core.led = false;
                // The emptied batch goes back, so that the next turn finds its room allocated.
                mem::swap(&mut batch, &mut core.queue);
                return own;
            }
        }
    }

    fn write_and_release(
        &self,
        generation: Generation,
        batch: &mut Batch,
        asked: Option<RequestToken>,
        own: &mut Option<Reply>,
    ) -> io::Result<()> {
        if !batch.records.is_empty() {
            let mut write = || self.store.lock().write(&mut batch.records);
            // Meanwhile other requests have their turns, and their records go into the next batch.
            if self.write_cost == WriteCost::Disk { beside_others(&mut write) } else { write() }?;
            batch.records.clear();
        }
        batch.turns = 0;
        for effect in batch.deliveries.drain(..) {
            match effect {
                Effect::Reply { token, reply } if Some(token) == asked => *own = Some(reply),
                Effect::Reply { token, reply } => self.waiting.answer(token, reply),
                other => {
                    if matches!(other, Effect::Invoke { .. }) {
                        self.invocations.fetch_add(1, Ordering::Relaxed);
                    }
                    self.outlet.deliver(generation, other);
                }
            }
        }
        Ok(())
    }

    /// Discards the engine and restores it from the store. Whoever waits is told that nothing was acknowledged.
    fn recover(&self, core: &mut Core, now: Timestamp) {
        let why = core.state.trouble().unwrap_or("the engine was discarded").to_owned();
        core.generation = core.generation.next();
        core.queue.clear();
        self.waiting.fail_all(&why);
        self.outlet.discard(&why);
        core.state = match restore(&self.config, core.generation, now, self.store.lock().as_mut()) {
            Ok(engine) => State::Running(Box::new(engine)),
            Err(error) => State::Down {
                why: format!("{why}; restoring it failed: {error}"),
                retry_at: now.plus_millis(RECOVERY_RETRY_MS),
            },
        };
        self.arm(core);
    }
}

impl Core {
    /// Lets `input` happen and queues its effects. A panic breaks the engine: half a transition must not be seen.
    fn transition(&mut self, now: Timestamp, input: Input) {
        let State::Running(engine) = &mut self.state else { return };
        let scratch = &mut self.scratch;
        let outcome = catch_unwind(AssertUnwindSafe(|| engine.handle(now, input, scratch)));
        if let Err(panic) = outcome {
            self.scratch.clear();
            let why = format!("the engine panicked: {}", panic_message(panic.as_ref()));
            self.state = State::Broken { why };
            return;
        }
        self.queue.turns += 1;
        for effect in self.scratch.drain(..) {
            match effect {
                Effect::Record(record) => self.queue.records.push(record),
                other => self.queue.deliveries.push(other),
            }
        }
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Running(engine) => engine.next_deadline(),
            State::Broken { .. } | State::Down { .. } => None,
        }
    }
}

impl State {
    fn trouble(&self) -> Option<&str> {
        match self {
            Self::Running(_) => None,
            Self::Broken { why } | Self::Down { why, .. } => Some(why),
        }
    }

    fn wants_retry(&self, now: Timestamp) -> bool {
        matches!(self, Self::Down { retry_at, .. } if *retry_at <= now)
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.deliveries.is_empty()
    }

    fn clear(&mut self) {
        self.records.clear();
        self.deliveries.clear();
        self.turns = 0;
    }

    /// Whether the reply to `token` is in here; looked for from the end, where the turn that asks has just put it.
    fn answers(&self, token: RequestToken) -> bool {
        self.deliveries
            .iter()
            .rev()
            .any(|effect| matches!(effect, Effect::Reply { token: found, .. } if *found == token))
    }
}

/// Does work that blocks, where the runtime can let another thread do this one's tasks meanwhile.
fn beside_others<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// An engine of its own generation's ids: a restored one must not give out again what its predecessor gave out.
fn restore(config: &EngineConfig, generation: Generation, now: Timestamp, store: &mut dyn Store) -> io::Result<Engine> {
    let config = EngineConfig { seed: generation.seed(config.seed), ..config.clone() };
    let mut restoration = Restoration::new(config, now);
    store.load(&mut |record| restoration.record(record))?;
    Ok(restoration.finish())
}
