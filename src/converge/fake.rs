//! A provider in memory for tests, which fails when it is told to and lets calls overtake each other.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{ErrorKind, Provider, ProviderError};
use crate::{
    model::IdSource,
    plan::{Step, fake_target::FakeTarget},
    stack::{Desired, Observed, Readiness},
};

/// See the module.
#[derive(Debug)]
pub(super) struct Fake {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    target: FakeTarget,
    ids: IdSource,
    calls: usize,
    failure: Option<Failure>,
    /// What each operation is refused with before it works.
    refusals: BTreeMap<&'static str, VecDeque<ErrorKind>>,
    /// Observations for which nothing is ready.
    unready: u32,
    running: usize,
    most_running: usize,
}

/// A call that fails for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The number of the call, from zero.
    pub(super) at: usize,
    pub(super) how: How,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// The call does nothing.
    Refused,
    /// The call works, and the answer is lost.
    AnswerLost,
    /// The provider panics.
    Panics,
}

impl Fake {
    /// A provider of an empty target.
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Self::of(FakeTarget::default(), seed)
    }

    /// Another provider, whose target is as this one's is now.
    pub(super) fn again(&self, seed: u64) -> Arc<Self> {
        Self::of(self.state.lock().target.clone(), seed)
    }

    fn of(target: FakeTarget, seed: u64) -> Arc<Self> {
        let state = State {
            target,
            ids: IdSource::new(seed),
            calls: 0,
            failure: None,
            refusals: BTreeMap::new(),
            unready: 0,
            running: 0,
            most_running: 0,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// The next calls, counted from zero again, fail like this; `None` ends it.
    pub(super) fn fail(&self, failure: Option<Failure>) {
        let mut state = self.state.lock();
        state.calls = 0;
        state.failure = failure;
    }

    /// The next `times` calls of `operation` are refused with `kind`.
    pub(super) fn refuse(&self, operation: &'static str, kind: ErrorKind, times: usize) {
        self.state.lock().refusals.entry(operation).or_default().extend(std::iter::repeat_n(kind, times));
    }

    /// The next observations find all functions on their way.
    pub(super) fn unready_for(&self, observations: u32) {
        self.state.lock().unready = observations;
    }

    /// Calls so far, since the last [`Fake::fail`].
    pub(super) fn calls(&self) -> usize {
        self.state.lock().calls
    }

    /// Calls that were under way at once, at most.
    pub(super) fn most_running(&self) -> usize {
        self.state.lock().most_running
    }

    fn enter(&self) -> u64 {
        let mut state = self.state.lock();
        state.running += 1;
        state.most_running = state.most_running.max(state.running);
        1 + state.ids.below(3)
    }

    fn carry_out(&self, step: &Step) -> Result<(), ProviderError> {
        let mut state = self.state.lock();
        state.running -= 1;
        let number = state.calls;
        state.calls += 1;
        if let Some(kind) = state.refusals.get_mut(step.call.operation()).and_then(VecDeque::pop_front) {
            return Err(error(step, kind, "come again"));
        }
        let how = state.failure.filter(|failure| failure.at == number).map(|failure| failure.how);
        assert_ne!(how, Some(How::Panics), "the provider is broken");
        if how != Some(How::Refused) {
            let result = state.target.apply(&step.call);
            result.map_err(|message| error(step, ErrorKind::Refused, &message))?;
        }
        if how.is_some() { Err(error(step, ErrorKind::Refused, "told to fail")) } else { Ok(()) }
    }
}

impl Provider for Fake {
    async fn observe(&self, desired: &Desired) -> Result<Observed, ProviderError> {
        let mut state = self.state.lock();
        let mut observed = state.target.observe(desired);
        if state.unready > 0 {
            state.unready -= 1;
            for function in observed.functions.values_mut() {
                function.readiness = Readiness::Pending("Pending".to_owned());
            }
        }
        Ok(observed)
    }

    async fn apply(&self, step: &Step) -> Result<(), ProviderError> {
        for _ in 0..self.enter() {
            tokio::task::yield_now().await;
        }
        self.carry_out(step)
    }
}

fn error(step: &Step, kind: ErrorKind, message: &str) -> ProviderError {
    ProviderError {
        operation: step.call.operation(),
        resource: step.address.to_string(),
        code: None,
        message: message.to_owned(),
        hint: None,
        kind,
    }
}
