//! Containers, volumes and the network of a stack as a container engine has them.

use std::collections::BTreeMap;

use super::{Condition, Readiness, RestartPolicy};

/// What was found of a stack on a container engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedServices {
    /// The name of the stack's own network, when it is there.
    pub network: Option<String>,
    /// The stack's volumes: name to key.
    pub volumes: BTreeMap<String, String>,
    /// The stack's containers, by name.
    pub containers: BTreeMap<String, ObservedContainer>,
    /// Of the images that the manifest wants, those that are on this machine: reference to id.
    pub images: BTreeMap<String, String>,
}

/// A container of this stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Its key in the manifest that made it.
    pub key: String,
    /// As it was named when the container was made.
    pub image: String,
    pub image_id: String,
    /// The configuration that it was made from, hashed by parts.
    pub parts: BTreeMap<String, String>,
    pub state: ServiceState,
    pub restart: RestartPolicy,
    /// 0 without a limit.
    pub memory_bytes: u64,
    /// Hundredths of a CPU; 0 without a limit.
    pub cpu_percent: u64,
    pub is_in_network: bool,
    /// Volumes that it mounts, by name.
    pub volumes: Vec<String>,
    /// Whether it has to end for others to start.
    pub is_job: bool,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// Made, and never started.
    Created,
    /// It runs and has no health check.
    Running,
    /// It runs, and its health check has not succeeded yet.
    Starting,
    Healthy,
    /// It runs, and its health check fails: what the check said.
    Unhealthy(String),
    Paused,
    /// It ended, and the engine starts it again.
    Restarting,
    Exited {
        code: i64,
        /// Why, when the engine says: `out of memory`.
        reason: String,
    },
    /// The engine cannot remove it.
    Dead,
}

impl ServiceState {
    /// Whether its first process runs, or is about to.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Running | Self::Starting | Self::Healthy | Self::Unhealthy(_) | Self::Restarting)
    }

    /// Whether `condition` holds, may come to hold by itself, or will not.
    pub fn meets(&self, condition: Condition) -> Readiness {
        let pending = |word: &str| Readiness::Pending(word.to_owned());
        let exited = |code: &i64, reason: &String| {
            let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            Readiness::Failed(format!("it ended with exit code {code}{because}"))
        };
        match (self, condition) {
            (Self::Exited { code: 0, .. }, Condition::Completed | Condition::Started) => Readiness::Ready,
            (Self::Exited { code, reason }, _) => exited(code, reason),
            (Self::Created, _) => pending("not started"),
            (Self::Restarting, _) => pending("starts again and again"),
            (Self::Paused, _) => pending("paused"),
            (Self::Dead, _) => Readiness::Failed("the engine cannot remove it".to_owned()),
            (_, Condition::Completed) => pending("runs"),
            (_, Condition::Started) | (Self::Healthy, _) | (Self::Running, Condition::Ready) => Readiness::Ready,
            (Self::Running, Condition::Healthy) => Readiness::Failed("it has no health check".to_owned()),
            (Self::Starting, _) => pending("starting"),
            (Self::Unhealthy(output), _) if output.is_empty() => Readiness::Failed("unhealthy".to_owned()),
            (Self::Unhealthy(output), _) => Readiness::Failed(format!("unhealthy: {output}")),
        }
    }
}

impl ObservedContainer {
    /// Whether it does what it is there for.
    pub fn readiness(&self) -> Readiness {
        self.state.meets(if self.is_job { Condition::Completed } else { Condition::Ready })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_may_hold_or_will_not() {
        let check = |state: &ServiceState, condition, expected: &str| {
            let found = match state.meets(condition) {
                Readiness::Ready => "yes".to_owned(),
                Readiness::Pending(word) => format!("wait: {word}"),
                Readiness::Failed(word) => format!("no: {word}"),
            };
            assert_eq!(found, expected, "{state:?} {condition:?}");
        };
        let exited = |code| ServiceState::Exited { code, reason: String::new() };
        check(&ServiceState::Running, Condition::Ready, "yes");
        check(&ServiceState::Running, Condition::Healthy, "no: it has no health check");
        check(&ServiceState::Starting, Condition::Ready, "wait: starting");
        check(&ServiceState::Starting, Condition::Started, "yes");
        check(&ServiceState::Healthy, Condition::Healthy, "yes");
        check(&ServiceState::Unhealthy("no db".to_owned()), Condition::Ready, "no: unhealthy: no db");
        check(&exited(0), Condition::Completed, "yes");
        check(&exited(0), Condition::Started, "yes");
        check(&exited(0), Condition::Ready, "no: it ended with exit code 0");
        check(&exited(1), Condition::Completed, "no: it ended with exit code 1");
        check(&ServiceState::Running, Condition::Completed, "wait: runs");
        check(&ServiceState::Created, Condition::Started, "wait: not started");
    }
}
