//! A container as the engine has it, in the words of a stack.

use crate::{
    docker::{Container, ContainerState, Exit, Health, Restart},
    stack::{ObservedContainer, RestartPolicy, ServiceState},
};

/// The hashes of the configuration that a container was made from, as JSON.
pub(super) const LABEL_PARTS: &str = "dev.stackctl.parts";
/// Billionths of a CPU in a hundredth.
const NANO_CPUS_OF_PERCENT: u64 = 10_000_000;

/// In the stack's words. `key` is its label's.
pub(super) fn container(found: &Container, key: &str, network: &str, is_job: bool) -> ObservedContainer {
    let parts = found.labels.get(LABEL_PARTS).and_then(|text| serde_json::from_str(text).ok());
    ObservedContainer {
        key: key.to_owned(),
        image: found.image.clone(),
        image_id: found.image_id.clone(),
        // Without the label, all of it is another one.
        parts: parts.unwrap_or_default(),
        state: state(&found.state),
        restart: restart(found.restart),
        memory_bytes: found.memory_bytes,
        cpu_percent: found.nano_cpus / NANO_CPUS_OF_PERCENT,
        is_in_network: found.networks.contains_key(network),
        volumes: found.volumes.clone(),
        is_job,
    }
}

/// A limit of hundredths of a CPU, in the engine's unit.
pub(super) fn nano_cpus(percent: u32) -> u64 {
    u64::from(percent) * NANO_CPUS_OF_PERCENT
}

pub(super) fn state(state: &ContainerState) -> ServiceState {
    match state {
        ContainerState::Created => ServiceState::Created,
        ContainerState::Running(Health::Unchecked) => ServiceState::Running,
        ContainerState::Running(Health::Starting) => ServiceState::Starting,
        ContainerState::Running(Health::Healthy) => ServiceState::Healthy,
        ContainerState::Running(Health::Unhealthy { output }) => ServiceState::Unhealthy(output.clone()),
        ContainerState::Paused => ServiceState::Paused,
        ContainerState::Restarting(_) => ServiceState::Restarting,
        ContainerState::Exited(exit) => ServiceState::Exited { code: exit.code, reason: reason(exit) },
        ContainerState::Dead => ServiceState::Dead,
    }
}

fn reason(exit: &Exit) -> String {
    if exit.is_out_of_memory { "out of memory".to_owned() } else { exit.error.clone() }
}

fn restart(restart: Restart) -> RestartPolicy {
    match restart {
        Restart::No => RestartPolicy::No,
        Restart::Always => RestartPolicy::Always,
        Restart::UnlessStopped => RestartPolicy::UnlessStopped,
        Restart::OnFailure { .. } => RestartPolicy::OnFailure,
    }
}

/// A manifest's policy for the engine.
pub(super) fn to_restart(policy: RestartPolicy) -> Restart {
    match policy {
        RestartPolicy::No => Restart::No,
        RestartPolicy::Always => Restart::Always,
        RestartPolicy::UnlessStopped => Restart::UnlessStopped,
        RestartPolicy::OnFailure => Restart::OnFailure { retries_max: None },
    }
}
