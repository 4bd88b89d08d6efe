//! The machine: what the kernel allows, its limits, and Docker.

use std::fs;

use super::Check;
use crate::{
    cli::surroundings::{docker_settings, own_program},
    docker::{self, Diagnosis},
    serve::environments::isolation,
};

/// Fewer watches than this are soon used up by an editor and a watched source tree.
const WATCHES_MIN: u64 = 65_536;
const INSTANCES_MIN: u64 = 128;

/// Whether environments can have a view of their own.
pub(crate) fn namespaces(is_wanted: bool) -> Check {
    let name = "isolation";
    if !is_wanted {
        return Check::good(name, "switched off in the manifest: functions are plain processes");
    }
    match isolation::probe(&own_program()) {
        Ok(()) => Check::good(name, "functions have a view of their own: /var/task, /opt, /tmp"),
        Err(why) => Check::warning(name, format!("functions run as plain processes: {why}"), namespaces_help()),
    }
}

/// Which of the switches that forbid user namespaces is set.
fn namespaces_help() -> String {
    let is = |file: &str, value: &str| fs::read_to_string(file).is_ok_and(|text| text.trim() == value);
    let sysctl = |setting: &str| format!("allow it with `sudo sysctl -w {setting}`");
    if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        sysctl("kernel.apparmor_restrict_unprivileged_userns=0")
    } else if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        sysctl("kernel.unprivileged_userns_clone=1")
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        sysctl("user.max_user_namespaces=15000")
    } else if cfg!(target_os = "linux") {
        "a container that runs this must be allowed to: `--cap-add SYS_ADMIN --security-opt apparmor=unconfined`"
            .to_owned()
    } else {
        "Linux has it; everything else works without".to_owned()
    }
}

/// Files that may be watched.
pub(crate) fn watches() -> Check {
    limit("watches", "max_user_watches", WATCHES_MIN, "files can be watched")
}

/// Programs that may watch.
pub(crate) fn instances() -> Check {
    limit("watchers", "max_user_instances", INSTANCES_MIN, "programs can watch files")
}

fn limit(name: &str, setting: &str, least: u64, what: &str) -> Check {
    let file = format!("/proc/sys/fs/inotify/{setting}");
    match fs::read_to_string(file).ok().and_then(|text| text.trim().parse::<u64>().ok()) {
        None => Check::good(name, "this system sets no limit"),
        Some(found) if found >= least => Check::good(name, format!("{found} {what}")),
        Some(found) => {
            let help = format!("allow more with `sudo sysctl -w fs.inotify.{setting}={}`", least * 8);
            Check::warning(name, format!("only {found} {what}"), help)
        }
    }
}

/// Whether an engine of containers answers; `is_needed` when the manifest has something that runs in containers.
pub(crate) async fn docker(is_needed: bool) -> Check {
    let error = match docker::diagnose(&docker_settings()).await {
        Diagnosis::Answers { endpoint, source, engine } => {
            let name = if engine.is_podman { "Podman" } else { "Docker" };
            let said =
                format!("{name} {} ({}) answers at `{endpoint}` ({source})", engine.version, engine.architecture);
            return Check::good("docker", said);
        }
        Diagnosis::Fails(error) => error,
    };
    let help = error.hint().unwrap_or_else(|| "`docker info` shows more".to_owned());
    match is_needed {
        true => Check::bad("docker", error.to_string(), help),
        false => Check::warning("docker", error.to_string(), format!("only what runs in containers needs it: {help}")),
    }
}
