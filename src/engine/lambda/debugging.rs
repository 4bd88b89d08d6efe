//! Functions under a debugger. The variable `STACKCTL_DEBUG` of a function says so: `PORT`, or `PORT,wait`. Such a function has
//! one environment, started at once and kept, and while a debugger has it nothing of it runs out of time: neither the
//! invocation nor the visibility timeouts of its messages. Pure: who is attached, the shell says.

use super::{
    Lambda, Turn,
    configuration::Settings,
    environments::{Environment, Serial, State},
    functions::{Function, FunctionId},
    invocation::{Job, Origin},
    timers::Timer,
    versions::VersionId,
};
use crate::{
    engine::{Cx, logs::Logs, sqs::Sqs},
    model::{DEBUG_VARIABLE, Debugging, Timestamp},
};

/// How long a function under a debugger is told that it may run: SQS keeps a message invisible for no longer.
pub(super) const HELD_MAX_MS: u64 = 12 * 3600 * 1000;
/// For how long messages are kept invisible at a time; an engine that is killed gives them back after that.
const HELD_VISIBILITY_S: u32 = 120;
/// How often that is said again.
const HELD_BEAT_MS: u64 = 30_000;

/// An environment whose clock stands still.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    since: Timestamp,
    /// How much its timer had left.
    pub(super) remaining_ms: Option<u64>,
    /// When its messages are kept for it again.
    beat: Option<Timestamp>,
}

impl Settings {
    /// How its function is debugged; what is wrong was refused when it was set.
    pub(super) fn debug(&self) -> Option<Debugging> {
        self.check_debug().unwrap_or_default()
    }

    /// # Errors
    /// A sentence that says what the variable has to be like.
    pub(super) fn check_debug(&self) -> Result<Option<Debugging>, String> {
        let text = self.variables.as_ref().and_then(|variables| variables.get(DEBUG_VARIABLE));
        text.map(|text| Debugging::parse(text)).transpose()
    }
}

impl Function {
    pub(super) fn debug(&self) -> Option<Debugging> {
        self.latest.settings.debug()
    }

    /// Whether that version is debugged and has its one invocation.
    pub(super) fn is_held_by_debugger(&self, version: VersionId) -> bool {
        version == VersionId::Latest && self.load.running > 0 && self.debug().is_some()
    }
}

impl Environment {
    fn job(&self) -> Option<&Job> {
        match &self.state {
            State::Starting { job, .. } => Some(job),
            State::Busy(run) => Some(&run.job),
            State::Returning { promised, .. } => promised.as_deref(),
            State::Ahead { .. } | State::Idle { .. } => None,
        }
    }

    /// Its invocation ends so much later.
    fn put_off(&mut self, ms: u64) {
        match &mut self.state {
            State::Busy(run) => run.deadline = run.deadline.plus_millis(ms),
            State::Returning { deadline, .. } => *deadline = deadline.plus_millis(ms),
            State::Starting { .. } | State::Ahead { .. } | State::Idle { .. } => {}
        }
    }
}

/// The one environment.
impl Lambda {
    /// The function's environment is gone, or its settings are others: one is started, when it is debugged.
    pub(super) fn wants_debugger(&mut self, cx: &Cx<'_>, id: FunctionId) {
        if self.functions.get(id).is_some_and(|function| function.debug().is_some()) {
            self.timers.set(cx.now, Timer::Provide(id));
        }
    }

    /// Starts the environment of a function that is debugged, when it has none.
    pub(super) fn launch_for_debugger(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, id: FunctionId) {
        let Some(function) = self.functions.get(id) else { return };
        if function.is_listed && function.debug().is_some() && function.latest.fleet.all.is_empty() {
            self.launch_debugged(cx, logs, id);
        }
    }
}

/// The clock that stands.
impl Lambda {
    /// A debugger came or went.
    pub(super) fn debugger(&mut self, turn: &mut Turn<'_, '_>, serial: Serial, is_attached: bool) {
        if is_attached {
            self.hold(turn.cx.now, serial);
            self.keep_messages(turn.cx.now, serial);
        } else {
            self.let_clock_run(turn, serial);
        }
    }

    /// Stops the environment's clock, unless it stands already.
    pub(super) fn hold(&mut self, now: Timestamp, serial: Serial) {
        let remaining_ms = self.take_timer(serial).map(|at| at.millis_since(now));
        let Some(environment) = self.environments.get_mut(serial) else { return };
        environment.held.get_or_insert(Held { since: now, remaining_ms, beat: None });
    }

    fn let_clock_run(&mut self, turn: &mut Turn<'_, '_>, serial: Serial) {
        let now = turn.cx.now;
        let Some(environment) = self.environments.get_mut(serial) else { return };
        let Some(held) = environment.held.take() else { return };
        environment.put_off(now.millis_since(held.since));
        if let Some(remaining_ms) = held.remaining_ms {
            self.arm(now, serial, now.plus_millis(remaining_ms));
        }
        // As a consumer that says once more how long it will need.
        self.keep_messages_for(turn.cx, turn.sqs, serial, None);
    }

    /// The messages of what the environment does stay invisible while it is held.
    pub(super) fn keep_messages(&mut self, now: Timestamp, serial: Serial) {
        let Some(environment) = self.environments.get_mut(serial) else { return };
        let has_batch = matches!(environment.job().map(|job| &job.origin), Some(Origin::Mapping { .. }));
        if let Some(held) = environment.held.as_mut().filter(|_| has_batch) {
            held.beat = Some(now);
            self.timers.set(now, Timer::Held(serial));
        }
    }

    /// Says again that the messages are being handled.
    pub(super) fn held_timer(&mut self, cx: &mut Cx<'_>, sqs: &mut Sqs, serial: Serial, at: Timestamp) {
        let beat = self.environments.get(serial).and_then(|environment| environment.held.as_ref()?.beat);
        if beat != Some(at) || !self.keep_messages_for(cx, sqs, serial, Some(HELD_VISIBILITY_S)) {
            return;
        }
        let next = cx.now.plus_millis(HELD_BEAT_MS);
        if let Some(held) = self.environments.get_mut(serial).and_then(|environment| environment.held.as_mut()) {
            held.beat = Some(next);
            self.timers.set(next, Timer::Held(serial));
        }
    }

    /// Keeps them invisible for so long, or for the queue's own visibility timeout. Returns whether there are any.
    fn keep_messages_for(&self, cx: &mut Cx<'_>, sqs: &mut Sqs, serial: Serial, for_s: Option<u32>) -> bool {
        let job = self.environments.get(serial).and_then(Environment::job);
        let Some(Origin::Mapping { batch }) = job.map(|job| &job.origin) else { return false };
        let Some((queue, leases)) = self.mappings.held_of(*batch) else { return false };
        let own_s = sqs.visibility_timeout_s(queue).unwrap_or_default();
        // A longer timeout of the queue is not made shorter.
        let for_s = for_s.map_or(own_s, |for_s| for_s.max(own_s));
        sqs.release_leases(cx, queue, &leases, for_s);
        true
    }
}
