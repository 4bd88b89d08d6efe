//! The toolchains and interpreters that a manifest's functions need.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use super::Check;
use crate::{
    model::FunctionIsolation,
    stack::{Build, Desired},
};

/// A program, how it is asked for its version, and why it is needed.
type Tool = (&'static str, &'static [&'static str]);

const GO: Tool = ("go", &["version"]);
const CARGO: Tool = ("cargo", &["--version"]);
const NODE: Tool = ("node", &["--version"]);
const PYTHON: Tool = ("python3", &["--version"]);
const JAVA: Tool = ("java", &["--version"]);
const MAVEN: Tool = ("mvn", &["--version"]);
const GRADLE: Tool = ("gradle", &["--version"]);

/// One check for each tool that a function is built or run with.
pub(crate) fn of_manifest(desired: &Desired) -> Vec<Check> {
    let mut wanted: BTreeMap<&str, (Tool, Vec<&str>)> = BTreeMap::new();
    for (key, function) in &desired.functions {
        let build = match &function.build {
            Build::Go { .. } => Some(GO),
            Build::Rust { .. } => Some(CARGO),
            Build::Python { .. } => Some(PYTHON),
            Build::Java { tool: Some(tool) } if tool == "gradle" => Some(GRADLE),
            Build::Java { .. } => Some(MAVEN),
            Build::Node { .. } | Build::Command { .. } | Build::Image(_) | Build::None => None,
        };
        let run = match function.runtime.as_str() {
            // A container brings its own.
            _ if function.isolation == FunctionIsolation::Container => None,
            runtime if runtime.starts_with("python") => Some(PYTHON),
            runtime if runtime.starts_with("nodejs") => Some(NODE),
            runtime if runtime.starts_with("java") => Some(JAVA),
            _ => None,
        };
        for tool in [build, run].into_iter().flatten() {
            let (_, functions) = wanted.entry(tool.0).or_insert((tool, Vec::new()));
            if functions.last() != Some(&key.as_str()) {
                functions.push(key);
            }
        }
    }
    wanted.into_values().map(|(tool, functions)| check(tool, &functions)).collect()
}

fn check((program, arguments): Tool, functions: &[&str]) -> Check {
    let asked = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let needed =
        format!("needed by {}", functions.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
    match asked {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Check::good(program, format!("{}, {needed}", text.lines().next().unwrap_or_default().trim()))
        }
        Ok(output) => {
            Check::bad(program, format!("`{program}` ends with {}, {needed}", output.status), "repair or install it")
        }
        Err(_) => Check::bad(program, format!("not on the path, {needed}"), format!("install `{program}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::samples;

    #[test]
    fn each_tool_is_looked_at_once_and_says_who_needs_it() {
        let missing = check(("no-such-program", &[]), &["a", "b"]);
        assert_eq!(missing.text, "not on the path, needed by `a`, `b`");
        assert!(missing.is_bad());
        let mut desired = samples::stack();
        for name in ["one", "two"] {
            let function = crate::stack::DesiredFunction {
                build: Build::Go { package: ".".into(), flags: Vec::new() },
                ..samples::function(name)
            };
            desired.functions.insert(name.to_owned(), function);
        }
        let checks = of_manifest(&desired);
        let go: Vec<_> = checks.iter().filter(|check| check.name == "go").collect();
        assert_eq!(go.len(), 1);
        assert!(go[0].text.ends_with("needed by `one`, `two`"), "{}", go[0].text);
    }
}
