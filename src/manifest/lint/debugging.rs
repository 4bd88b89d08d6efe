//! What stands in the way of a debugger.

use super::Lint;
use crate::{
    manifest::problem::Problem,
    stack::{DesiredFunction, PortChoice, Target},
};

/// Runtimes whose functions a debugger can attach to, by the beginning of their names.
const DEBUGGED: [&str; 4] = ["python3", "nodejs", "provided", "go1.x"];
/// Where the engine listens by default.
const ENGINE_PORT: u16 = 4566;

impl Lint<'_> {
    pub(super) fn debugging(&mut self) {
        let desired = self.desired;
        let mut ports: Vec<(u16, &str)> = Vec::new();
        for (key, function) in &desired.functions {
            let Some(debugging) = function.debug else { continue };
            self.cannot_be_debugged(key, function);
            let port = self.place(&["functions", key, "debug", "port"]);
            if let Some((_, other)) = ports.iter().find(|(taken, _)| *taken == debugging.port) {
                let message = format!("`{other}` and `{key}` are both debugged on port {}", debugging.port);
                let problem = Problem::mistake("debug_port_taken", message)
                    .at(port, "the same port")
                    .at(self.place(&["functions", other, "debug", "port"]), "by this function")
                    .help("give each function a port of its own");
                self.report(problem);
            } else if debugging.port == self.engine_port() {
                let problem = Problem::mistake("debug_port_taken", "a debugger cannot attach on the engine's own port")
                    .at(port, "the engine's port")
                    .help("choose another, like 5678");
                self.report(problem);
            }
            ports.push((debugging.port, key));
        }
    }

    fn engine_port(&self) -> u16 {
        let embedded = self.desired.targets.get("embedded");
        match embedded {
            Some(Target::Embedded { port: PortChoice::Fixed(port), .. }) => *port,
            _ => ENGINE_PORT,
        }
    }

    fn cannot_be_debugged(&mut self, key: &str, function: &DesiredFunction) {
        let place = self.place(&["functions", key, "debug"]);
        if !DEBUGGED.iter().any(|start| function.runtime.starts_with(start)) {
            let problem =
                Problem::mistake("debug_runtime", format!("`{}` functions cannot be debugged", function.runtime))
                    .at(place, "no debugger for it")
                    .help("Python, Node and Go functions can");
            self.report(problem);
        }
        if function.provisioned_concurrency.is_some() {
            let message = format!("`{key}` is debugged, and its provisioned environments run a published version");
            let problem = Problem::mistake("debug_provisioned", message)
                .at(place, "for `$LATEST` alone")
                .at(self.place(&["functions", key, "concurrency", "provisioned"]), "of a version")
                .help("leave `provisioned` out while you debug");
            self.report(problem);
        }
        let remote = self.desired.targets.iter().find(|(_, target)| !matches!(target, Target::Embedded { .. }));
        if let Some((target, _)) = remote {
            let message = format!("`{key}` is debugged, and cannot be deployed to `{target}` like this");
            let problem = Problem::warning("debug_on_target", message)
                .at(place, "for functions that run here")
                .help("keep `debug` in `stack.local.toml`, or in a profile of your own");
            self.report(problem);
        }
    }
}
