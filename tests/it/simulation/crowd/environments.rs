//! What environments do: they start, or fail to; they work, fail, crash and hang.

use std::sync::Arc;

use bytes::Bytes;
use stackctl::engine::{EnvironmentEvent, EnvironmentId, ExitCause, Input, Invocation, LaunchSpec};

use super::{Crowd, commands};

/// What an environment is doing, as the shell sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Doing {
    Starting,
    Waiting,
    Working { request_id: Arc<str>, bodies: Vec<String> },
    Returning,
}

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) function: usize,
    pub(super) is_ahead: bool,
    version: String,
    pub(super) doing: Doing,
}

impl Crowd {
    fn plan(&mut self, after_ms: u64, id: EnvironmentId, event: EnvironmentEvent) {
        self.sequence += 1;
        self.coming.insert((self.now.plus_millis(after_ms), self.sequence), (id, event));
    }

    pub(super) fn environment_does(&mut self, id: EnvironmentId, event: EnvironmentEvent) {
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
                    let failed = commands::failures(payload);
                    let handled = bodies.len() - failed;
                    self.tally.add_many("messages handled", handled);
                    self.tally.add_many("messages given back", failed);
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

    pub(super) fn forget(&mut self, function: usize, is_ahead: bool, doing: &Doing) {
        let held = matches!(doing, Doing::Working { .. }) || (*doing == Doing::Starting && !is_ahead);
        if held {
            self.ledger.ended(function, is_ahead);
        }
    }

    pub(super) fn launched(&mut self, id: EnvironmentId, spec: &LaunchSpec, is_tick: bool) {
        let function = commands::number_of(spec.function.name.as_str());
        let is_ahead = spec.initialization_type == "provisioned-concurrency";
        self.tally.add(if is_ahead { "started ahead" } else { "started on demand" });
        if !is_ahead {
            self.ledger.launched(function, is_tick || self.ended.contains(&function));
        }
        let doing = Doing::Starting;
        self.environments.insert(id, Environment { function, is_ahead, version: spec.version.clone(), doing });
        let exit = EnvironmentEvent::Exited { cause: ExitCause::Status(1), max_memory_used_bytes: 0 };
        let init_ms = self.rng.u64(2..400);
        let luck = if self.faults { self.rng.u32(..100) } else { 99 };
        match luck {
            0..4 => {
                self.tally.add("starts that crash");
                self.plan(init_ms, id, exit);
            }
            4..7 => {
                self.tally.add("starts that report an error");
                let payload = Bytes::from_static(b"{}");
                self.plan(init_ms, id, EnvironmentEvent::InitError { error_type: None, payload });
            }
            7..9 => {
                self.tally.add("starts that the machine refuses");
                self.plan(init_ms, id, EnvironmentEvent::LaunchFailed { message: "no".into() });
            }
            // It hangs until its time is up.
            9 => self.tally.add("starts that hang"),
            _ => self.plan(init_ms, id, EnvironmentEvent::Next),
        }
    }

    pub(super) fn invoked(&mut self, id: EnvironmentId, invocation: &Invocation) {
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
        self.tally.add(if environment.is_ahead { "invoked where started ahead" } else { "invoked on demand" });
        let bodies = self.queues.delivered(&invocation.payload);
        let is_batch = !bodies.is_empty();
        let count = bodies.len();
        let request_id = Arc::clone(&invocation.request_id);
        environment.doing = Doing::Working { request_id: Arc::clone(&request_id), bodies };
        let luck = if self.faults { self.rng.u32(..100) } else { 99 };
        let work_ms = self.rng.u64(1..if Self::is_quick(function) { 20 } else { 400 });
        let max_memory_used_bytes = 0;
        match luck {
            0..4 => {
                self.tally.add("invocations that fail");
                let payload = Bytes::from_static(b"{}");
                let event = EnvironmentEvent::Error { request_id, error_type: None, payload, max_memory_used_bytes };
                self.plan(work_ms, id, event);
            }
            4..6 => {
                self.tally.add("invocations that crash");
                let cause = ExitCause::Signal(9);
                self.plan(work_ms, id, EnvironmentEvent::Exited { cause, max_memory_used_bytes });
            }
            6 => self.tally.add("invocations that hang"),
            _ => {
                let failed = if luck < 12 && is_batch { self.rng.usize(..=count) } else { 0 };
                let payload = commands::answer(&invocation.payload, failed);
                self.plan(work_ms, id, EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes });
            }
        }
    }
}
