//! The engine's effects on the world: environments as local processes, and lines for those who follow logs.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{
    driver::{Driver, Generation, Outlet},
    environments::{Environment, EnvironmentSink, Host},
    follow::Followers,
    report::Report,
    streams::Streams,
};
use crate::engine::{Effect, EnvironmentEvent, EnvironmentId, Invocation, LaunchSpec, StopReason};

/// Carries out the engine's effects; all clones are one.
#[derive(Clone, Debug)]
pub struct ProcessOutlet {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: Host,
    streams: Arc<Streams>,
    followers: Arc<Followers>,
    driver: Weak<Driver>,
    report: Report,
    environments: Mutex<HashMap<Key, Environment>>,
    /// No further work is handed out.
    draining: AtomicBool,
    /// An environment has come to the end of something.
    ended: Notify,
}

type Key = (Generation, EnvironmentId);

/// The way of one environment's events to the engine.
#[derive(Debug)]
struct EngineSink {
    key: Key,
    outlet: Weak<Inner>,
}

impl ProcessOutlet {
    /// An outlet whose environments tell `driver` what they do.
    pub fn new(host: Host, followers: Arc<Followers>, driver: Weak<Driver>, report: Report) -> Self {
        Self {
            inner: Arc::new(Inner {
                streams: Arc::clone(host.streams()),
                host,
                followers,
                driver,
                report,
                environments: Mutex::default(),
                draining: AtomicBool::new(false),
                ended: Notify::new(),
            }),
        }
    }

    /// Hands out no further work, and returns when none is being done. What is held back stays in the engine.
    pub async fn drain(&self) {
        self.inner.draining.store(true, Ordering::Release);
        loop {
            let ended = self.inner.ended.notified();
            tokio::pin!(ended);
            // Registered before the look, so that an end in between is not missed.
            ended.as_mut().enable();
            if self.busy() == 0 {
                return;
            }
            ended.await;
        }
    }

    /// How many environments have work.
    pub fn busy(&self) -> usize {
        self.inner.environments.lock().values().filter(|environment| environment.is_busy()).count()
    }

    /// Kills all environments and starts no more.
    pub fn close(&self) {
        self.inner.draining.store(true, Ordering::Release);
        self.inner.host.close();
        self.inner.kill_all();
    }
}

impl Outlet for ProcessOutlet {
    fn deliver(&self, generation: Generation, effect: Effect) {
        match effect {
            Effect::Launch { id, spec } => self.inner.launch((generation, id), spec),
            Effect::Invoke { id, invocation } => self.inner.invoke((generation, id), invocation),
            Effect::Stop { id, reason } => self.inner.stop((generation, id), reason),
            Effect::StreamEnded { token, end } => self.inner.streams.end(token, end),
            Effect::StreamUnwanted { token } => self.inner.streams.abandon(token),
            Effect::Logged { scope, line } => self.inner.followers.publish(&scope, &line),
            // The function's log says it, and `activity` counts it.
            Effect::Throttled(_) => {}
            Effect::Record(_) | Effect::Reply { .. } => unreachable!("the driver keeps records and replies"),
        }
    }

    fn prepare(&self, runtime: &str) {
        self.inner.host.prepare(runtime);
    }

    fn discard(&self, why: &str) {
        self.inner.report.say(format!("the engine is restored from its store: {why}"));
        self.inner.kill_all();
        self.inner.streams.break_all();
    }
}

impl Inner {
    fn launch(self: &Arc<Self>, key: Key, spec: Arc<LaunchSpec>) {
        // Locked meanwhile: an environment that ends at once must find itself in here.
        let mut environments = self.environments.lock();
        let sink = Arc::new(EngineSink { key, outlet: Arc::downgrade(self) });
        environments.insert(key, self.host.launch(spec, sink));
    }

    fn invoke(&self, key: Key, invocation: Invocation) {
        if self.draining.load(Ordering::Acquire) {
            return;
        }
        if let Some(environment) = self.environments.lock().get(&key) {
            environment.invoke(invocation);
        }
    }

    fn stop(&self, key: Key, reason: StopReason) {
        if let Some(environment) = self.environments.lock().get(&key) {
            environment.ends_because(reason);
        }
        self.forget(key);
    }

    fn forget(&self, key: Key) {
        let environment = self.environments.lock().remove(&key);
        drop(environment);
        self.ended.notify_waiters();
    }

    fn kill_all(&self) {
        let environments = std::mem::take(&mut *self.environments.lock());
        drop(environments);
        self.ended.notify_waiters();
    }
}

impl EnvironmentSink for EngineSink {
    fn event(&self, event: EnvironmentEvent) {
        let Some(outlet) = self.outlet.upgrade() else { return };
        let ends_work = !matches!(
            event,
            EnvironmentEvent::Next
                | EnvironmentEvent::Debugger { .. }
                | EnvironmentEvent::Output { .. }
                | EnvironmentEvent::LastWords { .. }
                | EnvironmentEvent::Measured { .. }
                | EnvironmentEvent::MemoryUsed { .. }
        );
        if matches!(event, EnvironmentEvent::Exited { .. } | EnvironmentEvent::LaunchFailed { .. }) {
            outlet.forget(self.key);
        }
        if let Some(driver) = outlet.driver.upgrade() {
            let (generation, id) = self.key;
            driver.environment(generation, id, event);
        }
        if ends_work {
            outlet.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

    use bytes::Bytes;

    use super::*;
    use crate::{
        model::Timestamp,
        serve::environments::{HostOptions, HostTasks, sample::spec},
        task::Tasks,
    };

    fn outlet(state_dir: &std::path::Path) -> (ProcessOutlet, HostTasks) {
        let options = HostOptions {
            containers: None,
            state_dir: state_dir.to_owned(),
            endpoint: String::new(),
            inherited: BTreeMap::new(),
            streams: Arc::default(),
            launcher: None,
            report: Report::silent(),
        };
        let (host, tasks) = Host::open(options).unwrap();
        (ProcessOutlet::new(host, Arc::default(), Weak::new(), Report::silent()), tasks)
    }

    #[tokio::test]
    async fn draining_waits_for_what_runs_and_hands_out_nothing_new() {
        let folder = tempfile::tempdir().unwrap();
        let code = spec("", "").artifact.dir_in(folder.path());
        fs::create_dir_all(&code).unwrap();
        fs::write(code.join("bootstrap"), "#!/bin/sh\nsleep 1000\n").unwrap();
        fs::set_permissions(code.join("bootstrap"), fs::Permissions::from_mode(0o755)).unwrap();
        let (outlet, host_tasks) = outlet(folder.path());
        let mut tasks = Tasks::new();
        tasks.spawn_endless("environments", host_tasks.run());
        let (first, second) = (EnvironmentId::new(0, 1), EnvironmentId::new(0, 2));
        let deliver = |effect| outlet.deliver(Generation::FIRST, effect);
        for id in [first, second] {
            deliver(Effect::Launch { id, spec: Arc::new(spec("provided.al2023", "x")) });
        }
        let invocation = Invocation {
            request_id: "1".into(),
            payload: Bytes::new(),
            deadline: Timestamp::from_millis(0),
            invoked_function_arn: "".into(),
            trace_id: "".into(),
            client_context: None,
            stream_to: None,
        };
        deliver(Effect::Invoke { id: first, invocation: invocation.clone() });
        assert_eq!(outlet.busy(), 1);
        let draining = outlet.drain();
        tokio::pin!(draining);
        tokio::select! {
            biased;
            () = &mut draining => panic!("an environment has work"),
            () = tokio::task::yield_now() => {}
        }
        deliver(Effect::Invoke { id: second, invocation });
        assert_eq!(outlet.busy(), 1);
        deliver(Effect::Stop { id: first, reason: StopReason::TimedOut });
        draining.await;
        outlet.close();
        assert_eq!(tasks.next_end().await, Some(("environments", crate::task::End::Finished)));
    }
}
