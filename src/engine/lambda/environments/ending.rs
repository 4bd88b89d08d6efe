//! How environments end: stopped, replaced, out of time, idle for too long; and the timers that tell.

use std::mem;

use super::{
    super::{
        Lambda, Turn,
        fleet::{Fleet, Ranked, fleet_of},
        functions::FunctionId,
        report::{self, Failure},
        timers::Timer,
        versions::{Version, VersionId},
    },
    Attempt, Environment, Kind, Serial, State, init_report, say,
};
use crate::{
    engine::{Cx, Effect, StopReason, logs::Logs},
    model::{Timestamp, limits::INIT_MAX_MS},
};

/// Ends of environments.
impl Lambda {
    /// Kills the environment; what it was doing is lost.
    pub(in crate::engine::lambda) fn stop(&mut self, cx: &mut Cx<'_>, serial: Serial, reason: StopReason) {
        if self.remove(serial).is_some() {
            cx.effects.push(Effect::Stop { id: self.environments.id(serial), reason });
        }
    }

    /// Forgets the environment, whose process the shell has killed or seen end.
    pub(in crate::engine::lambda) fn remove(&mut self, serial: Serial) -> Option<Environment> {
        self.leave(serial);
        let environment = self.environments.by_serial.remove(&serial)?;
        if let Some(at) = environment.timer {
            self.timers.clear(at, Timer::Environment(serial));
        }
        let Some(function) = self.functions.get_mut(environment.function) else { return Some(environment) };
        function.settled &= environment.kind == Kind::OnDemand;
        if let Some(version) = function.version_mut(environment.version) {
            match environment.kind {
                Kind::OnDemand => {
                    version.fleet.all.remove(&serial);
                    version.fleet.unclaimed.remove(&serial);
                }
                Kind::Provisioned => version.ahead.forget(serial),
            }
        }
        Some(environment)
    }

    /// Code or configuration of `$LATEST` changed: idle environments stop, the others when they are done.
    pub(in crate::engine::lambda) fn replace_environments(&mut self, cx: &mut Cx<'_>, id: FunctionId) {
        let Some(function) = self.functions.get_mut(id) else { return };
        let fleet = &mut function.latest.fleet;
        fleet.generation += 1;
        fleet.returning = Ranked::default();
        let unclaimed = mem::take(&mut fleet.unclaimed);
        let idle = mem::take(&mut fleet.idle).into_serials();
        for serial in idle.chain(unclaimed) {
            self.stop(cx, serial, StopReason::Replaced);
        }
        self.wants_debugger(cx, id);
    }

    /// Stops every environment of a function, or of one of its versions, and ends what runs in them.
    pub(in crate::engine::lambda) fn stop_environments(
        &mut self,
        turn: &mut Turn<'_, '_>,
        id: FunctionId,
        only: Option<VersionId>,
        reason: StopReason,
    ) {
        let Some(function) = self.functions.get(id) else { return };
        let serials: Vec<_> = match only {
            Some(version) => function.version(version).into_iter().flat_map(Version::environments).collect(),
            None => function.environments().collect(),
        };
        for serial in serials {
            let Some(environment) = self.remove(serial) else { continue };
            turn.cx.effects.push(Effect::Stop { id: self.environments.id(serial), reason });
            let error_type = "Runtime.ExitError";
            let failure = Failure::Failed { error_type };
            self.abandon(turn, environment, failure, |job| {
                let message = format!("RequestId: {} Error: the function was deleted while it ran", job.request_id);
                report::document(error_type, &message)
            });
        }
    }

    /// The environment's timer fired at `at`.
    pub(in crate::engine::lambda) fn environment_timer(
        &mut self,
        turn: &mut Turn<'_, '_>,
        serial: Serial,
        at: Timestamp,
    ) {
        let Some(environment) = self.environments.get_mut(serial) else { return };
        if environment.timer != Some(at) {
            return;
        }
        environment.timer = None;
        let kind = environment.kind;
        match &mut environment.state {
            State::Starting { attempt: Attempt::First, .. } => self.start_again(turn.cx, turn.logs, serial),
            State::Starting { attempt: Attempt::Second, .. } | State::Busy(_) | State::Ahead { .. } => {
                self.out_of_time(turn, serial);
            }
            State::Idle { .. } => self.stop(turn.cx, serial, StopReason::Idle),
            State::Returning { deadline, promised, .. } => {
                let (deadline, target) = (*deadline, (environment.function, environment.version));
                let promised = promised.take();
                if deadline > turn.cx.now && promised.is_some() && self.spill_room(target.0, kind).is_err() {
                    return self.promise(turn.cx, serial, promised);
                }
                if deadline <= turn.cx.now {
                    self.stop(turn.cx, serial, StopReason::TimedOut);
                } else {
                    self.arm(turn.cx.now, serial, deadline);
                }
                if let Some(job) = promised {
                    self.launch_instead(turn, target, kind, job);
                }
                self.provide(turn.cx, turn.logs, target.0);
            }
        }
    }

    /// The init phase took too long: once more, now as part of the invocation and under the function's timeout.
    pub(super) fn start_again(&mut self, cx: &mut Cx<'_>, logs: &mut Logs, serial: Serial) {
        let Some(environment) = self.remove(serial) else { return };
        cx.effects.push(Effect::Stop { id: self.environments.id(serial), reason: StopReason::TimedOut });
        let spec = environment.spec;
        say(cx, logs, &spec, &init_report(&spec, INIT_MAX_MS, "init", Failure::TimedOut));
        if let State::Starting { job, .. } = environment.state {
            let state = State::Starting { since: cx.now, attempt: Attempt::Second, job };
            let limit_ms = u64::from(spec.timeout_s) * 1000;
            self.add(
                cx,
                Environment::new((environment.function, environment.version), environment.generation, spec, state),
                limit_ms,
            );
        }
    }

    pub(super) fn out_of_time(&mut self, turn: &mut Turn<'_, '_>, serial: Serial) {
        let Some(environment) = self.remove(serial) else { return };
        turn.cx.effects.push(Effect::Stop { id: self.environments.id(serial), reason: StopReason::TimedOut });
        let timeout_s = environment.timeout_s;
        let init = match &environment.state {
            State::Starting { since, .. } => Some((*since, "invoke")),
            State::Ahead { since } => Some((*since, "init")),
            _ => None,
        };
        if let Some((since, phase)) = init {
            let spec = &environment.spec;
            let event = init_report(spec, turn.cx.now.millis_since(since), phase, Failure::TimedOut);
            say(turn.cx, turn.logs, spec, &event);
        }
        self.abandon(turn, environment, Failure::TimedOut, |job| report::timed_out(&job.request_id, timeout_s));
    }

    /// Sets the environment's one timer.
    pub(in crate::engine::lambda) fn arm(&mut self, now: Timestamp, serial: Serial, at: Timestamp) {
        let Some(environment) = self.environments.by_serial.get_mut(&serial) else { return };
        if let Some(held) = &mut environment.held {
            held.remaining_ms = Some(at.millis_since(now));
            return;
        }
        if environment.timer == Some(at) {
            return;
        }
        if let Some(old) = environment.timer.replace(at) {
            self.timers.clear(old, Timer::Environment(serial));
        }
        self.timers.set(at, Timer::Environment(serial));
    }

    pub(super) fn disarm(&mut self, serial: Serial) {
        self.take_timer(serial);
        if let Some(held) = self.environments.get_mut(serial).and_then(|environment| environment.held.as_mut()) {
            held.remaining_ms = None;
        }
    }

    /// Takes the environment's timer away; when it would have fired.
    pub(in crate::engine::lambda) fn take_timer(&mut self, serial: Serial) -> Option<Timestamp> {
        let at = self.environments.by_serial.get_mut(&serial)?.timer.take()?;
        self.timers.clear(at, Timer::Environment(serial));
        Some(at)
    }

    /// Takes the environment out of those that can be given work.
    pub(super) fn leave(&mut self, serial: Serial) {
        let Some(environment) = self.environments.by_serial.get(&serial) else { return };
        let Some(fleet) = fleet_of(&mut self.functions, environment) else { return };
        match environment.state {
            State::Idle { rank } => fleet.idle.remove(rank),
            State::Returning { rank, .. } => fleet.returning.remove(rank),
            State::Starting { .. } | State::Ahead { .. } | State::Busy(_) => {}
        }
    }

    pub(super) fn fleet_of(&mut self, environment: &Environment) -> Option<&mut Fleet> {
        fleet_of(&mut self.functions, environment)
    }
}
