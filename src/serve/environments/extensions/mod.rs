//! The extensions of one environment: those in `/opt/extensions`, each a process, and those that a runtime registers itself.
//! An environment is free when its runtime and all its extensions have asked for more.

mod api;
mod telemetry;

use std::{collections::BTreeMap, sync::Arc, task::Waker, time::Duration};

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    engine::Invocation,
    wire::extensions::{Refusal, Registration},
};
pub(super) use api::answer;
pub(super) use telemetry::Kind;
use telemetry::Telemetry;

/// Extensions of one function, as AWS limits them.
const EXTENSIONS_MAX: usize = 10;

const TOO_MANY: &str = "Extension limit (10) reached";
const TOO_LATE: &str = "Extensions register before the function is initialised";
/// What a runtime that has extensions may take to end before it is killed; with extensions of its own it may take longer
/// (Lambda developer guide, "Shutdown phase").
const RUNTIME_SHUTDOWN_MAX: Duration = Duration::from_millis(300);
const RUNTIME_WITH_INTERNAL_SHUTDOWN_MAX: Duration = Duration::from_millis(500);

/// What is known of an environment's extensions.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    state: Mutex<State>,
    /// An external extension reported that it cannot go on.
    pub(super) failed: Notify,
    pub(super) telemetry: Telemetry,
}

#[derive(Debug, Default)]
struct State {
    by_id: BTreeMap<String, Extension>,
    /// Names of external ones that were started and have not registered.
    expected: Vec<String>,
    /// The runtime has asked for more, and the engine was not told: extensions have not.
    runtime_waits: bool,
    /// The runtime has asked for work once: nobody registers any more.
    is_initialised: bool,
    events: u64,
}

#[derive(Debug)]
struct Extension {
    registration: Registration,
    /// A process of its own, which ends after the runtime.
    is_external: bool,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// It has registered and not asked for events yet.
    Registered,
    /// It waits for an event; the waker is its call's.
    Waiting(Option<Waker>),
    /// There is one, which it has not fetched.
    Given(Arc<Value>),
    /// It does what the event asks for.
    Working,
}

impl Extensions {
    /// These were started.
    pub(super) fn expect(&self, names: Vec<String>) {
        self.state.lock().expected = names;
    }

    /// The runtime asks for more. Whether the environment is free now; when it is not, [`Self::has_asked`] says when.
    pub(super) fn runtime_asks(&self) -> bool {
        let mut state = self.state.lock();
        state.is_initialised = true;
        let free = state.all_wait();
        state.runtime_waits = !free;
        free
    }

    /// The runtime got an invocation, and so do those that want to know.
    pub(super) fn invoked(&self, invocation: &Invocation) {
        let mut state = self.state.lock();
        if state.by_id.is_empty() {
            return;
        }
        let event = Arc::new(json!({
            "eventType": "INVOKE",
            "deadlineMs": invocation.deadline.as_millis(),
            "requestId": invocation.request_id,
            "invokedFunctionArn": invocation.invoked_function_arn,
            "tracing": { "type": "X-Amzn-Trace-Id", "value": invocation.trace_id },
        }));
        state.give(&event, |registration| registration.wants_invoke);
    }

    /// Asks those that want to know to end. Their names.
    pub(super) fn shut_down(&self, reason: &str, deadline_ms: u64) -> Vec<String> {
        let event = Arc::new(json!({ "eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline_ms }));
        let mut state = self.state.lock();
        state.give(&event, |registration| registration.wants_shutdown);
        let told = state.by_id.values().map(|extension| &extension.registration).filter(|told| told.wants_shutdown);
        told.map(|registration| registration.name.clone()).collect()
    }

    /// How long the runtime may take to end once it is asked to; `None` when it is killed at once, as one without
    /// extensions is.
    pub(super) fn runtime_shutdown_max(&self) -> Option<Duration> {
        let state = self.state.lock();
        let has_internal = state.by_id.values().any(|extension| !extension.is_external);
        let limit = if has_internal { RUNTIME_WITH_INTERNAL_SHUTDOWN_MAX } else { RUNTIME_SHUTDOWN_MAX };
        (!state.by_id.is_empty()).then_some(limit)
    }

    /// A new extension, with its identifier.
    fn register(&self, identifier: String, registration: Registration) -> Result<String, Refusal> {
        let mut state = self.state.lock();
        let external = state.expected.iter().position(|name| *name == registration.name);
        if state.by_id.len() == EXTENSIONS_MAX {
            return Err(Refusal::InvalidState(TOO_MANY));
        }
        match external {
            Some(index) => drop(state.expected.remove(index)),
            None if registration.wants_shutdown => return Err(Refusal::InternalShutdown),
            None if state.is_initialised => return Err(Refusal::InvalidState(TOO_LATE)),
            None => {}
        }
        let is_external = external.is_some();
        state.by_id.insert(identifier.clone(), Extension { registration, is_external, phase: Phase::Registered });
        Ok(identifier)
    }

    /// Its name and its events, when it asks for the first of them.
    fn becomes_ready(&self, identifier: &str) -> Option<(String, Vec<&'static str>)> {
        let state = self.state.lock();
        let extension = state.by_id.get(identifier).filter(|extension| matches!(extension.phase, Phase::Registered))?;
        Some((extension.registration.name.clone(), extension.registration.events()))
    }

    fn is_known(&self, identifier: &str) -> bool {
        self.state.lock().by_id.contains_key(identifier)
    }

    fn name_of(&self, identifier: &str) -> String {
        let state = self.state.lock();
        state.by_id.get(identifier).map(|extension| extension.registration.name.clone()).unwrap_or_default()
    }

    /// The extension asks for an event. Whether that makes the environment free.
    fn has_asked(&self, identifier: &str) -> bool {
        let mut state = self.state.lock();
        let Some(extension) = state.by_id.get_mut(identifier) else { return false };
        if matches!(extension.phase, Phase::Registered | Phase::Working) {
            extension.phase = Phase::Waiting(None);
        }
        let free = state.runtime_waits && state.all_wait();
        state.runtime_waits &= !free;
        free
    }

    /// The event that is there, with its number; without one, `waker` is told of it.
    fn fetch(&self, identifier: &str, waker: &Waker) -> Option<(Arc<Value>, u64)> {
        let mut state = self.state.lock();
        state.events += 1;
        let number = state.events;
        let extension = state.by_id.get_mut(identifier)?;
        match std::mem::replace(&mut extension.phase, Phase::Working) {
            Phase::Given(event) => Some((event, number)),
            other => {
                extension.phase = match other {
                    Phase::Working | Phase::Given(_) => Phase::Working,
                    Phase::Registered | Phase::Waiting(_) => Phase::Waiting(Some(waker.clone())),
                };
                None
            }
        }
    }
}

impl State {
    fn all_wait(&self) -> bool {
        self.expected.is_empty() && self.by_id.values().all(|extension| matches!(extension.phase, Phase::Waiting(_)))
    }

    /// Those that want it get it.
    fn give(&mut self, event: &Arc<Value>, wants: impl Fn(&Registration) -> bool) {
        for extension in self.by_id.values_mut().filter(|extension| wants(&extension.registration)) {
            let before = std::mem::replace(&mut extension.phase, Phase::Given(Arc::clone(event)));
            if let Phase::Waiting(Some(waker)) = before {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(name: &str, wants_invoke: bool) -> Registration {
        Registration { name: name.into(), wants_invoke, wants_shutdown: true, wants_account: false }
    }

    #[test]
    fn an_environment_is_free_when_all_have_asked_for_more() {
        let extensions = Extensions::default();
        assert!(extensions.runtime_asks(), "without extensions at once");
        let extensions = Extensions::default();
        extensions.expect(vec!["a".into()]);
        assert!(!extensions.runtime_asks(), "it has not registered");
        assert_eq!(extensions.runtime_shutdown_max(), None);
        assert_eq!(extensions.register("1".into(), registration("a", true)), Ok("1".into()));
        assert_eq!(extensions.runtime_shutdown_max(), Some(RUNTIME_SHUTDOWN_MAX));
        let late = Registration { wants_shutdown: false, ..registration("late", true) };
        assert_eq!(extensions.register("2".into(), late), Err(Refusal::InvalidState(TOO_LATE)));
        assert!(extensions.has_asked("1"));
        assert!(!extensions.has_asked("1"), "it is told once");
        assert!(!extensions.has_asked("unknown") && !extensions.is_known("unknown"));
    }

    #[test]
    fn an_event_is_fetched_once_by_those_that_want_it() {
        let extensions = Extensions::default();
        extensions.expect(vec!["a".into(), "b".into()]);
        extensions.register("1".into(), registration("a", true)).unwrap();
        extensions.register("2".into(), registration("b", false)).unwrap();
        let waker = Waker::noop();
        assert!(!extensions.has_asked("1") && !extensions.has_asked("2"));
        assert!(extensions.fetch("1", waker).is_none());
        extensions.state.lock().give(&Arc::new(json!(1)), |registration| registration.wants_invoke);
        assert_eq!(extensions.fetch("1", waker).map(|(event, _)| (*event).clone()), Some(json!(1)));
        assert!(extensions.fetch("2", waker).is_none());
        assert!(!extensions.runtime_asks(), "the first has not asked again");
        assert!(extensions.has_asked("1"));
        extensions.expect(vec!["c".into()]);
        let deaf = Registration { wants_shutdown: false, ..registration("c", true) };
        extensions.register("3".into(), deaf).unwrap();
        assert_eq!(extensions.shut_down("spindown", 7), ["a", "b"]);
        assert_eq!(extensions.fetch("2", waker).unwrap().0["shutdownReason"], "spindown");
        assert!(extensions.fetch("3", waker).is_none(), "it does not hear of it");
    }

    #[test]
    fn those_of_a_runtime_itself_hear_of_invocations_alone() {
        let extensions = Extensions::default();
        assert_eq!(extensions.register("1".into(), registration("own", true)), Err(Refusal::InternalShutdown));
        let own = Registration { wants_shutdown: false, ..registration("own", true) };
        extensions.register("1".into(), own).unwrap();
        assert_eq!(extensions.runtime_shutdown_max(), Some(RUNTIME_WITH_INTERNAL_SHUTDOWN_MAX));
        assert_eq!(extensions.becomes_ready("1"), Some(("own".into(), vec!["INVOKE"])));
        extensions.has_asked("1");
        assert_eq!(extensions.becomes_ready("1"), None, "it is said once");
        assert!(extensions.shut_down("spindown", 7).is_empty(), "it ends with its runtime");
    }
}
