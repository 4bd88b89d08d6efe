//! What the platform says of an environment in its log.

use super::super::{logging::PlatformEvent, report::Failure};
use crate::engine::{Cx, LaunchSpec, logs::Logs};

/// With what an environment of a managed runtime begins; an image brings a runtime of its own.
pub(super) fn init_started(cx: &mut Cx<'_>, logs: &mut Logs, spec: &LaunchSpec) {
    if !spec.runtime.is_empty() {
        say(cx, logs, spec, &init_start(spec));
    }
}

fn init_start(spec: &LaunchSpec) -> PlatformEvent<'_> {
    PlatformEvent::InitStart { runtime: &spec.runtime, initialization_type: spec.initialization_type }
}

pub(in crate::engine::lambda) fn init_report<'a>(
    spec: &'a LaunchSpec,
    init_ms: u64,
    phase: &'a str,
    failure: Failure<'a>,
) -> PlatformEvent<'a> {
    PlatformEvent::InitReport { init_ms, phase, initialization_type: spec.initialization_type, failure }
}

/// Adds what the platform says to an environment's log.
pub(in crate::engine::lambda) fn say(cx: &mut Cx<'_>, logs: &mut Logs, spec: &LaunchSpec, event: &PlatformEvent<'_>) {
    if let Some(line) = spec.logging.line(cx.now, event) {
        logs.append(cx, &spec.log, line);
    }
}
