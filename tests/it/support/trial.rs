//! Lists a module's tests for the harness.

use libtest_mimic::{Failed, Trial};

use super::tool::{self, Tool};

/// Makes `all()`, which lists the tests that are named; `name needs [Tool::Go]` skips where the tool is missing.
macro_rules! trials {
    ($($name:ident $(needs [$($tool:expr),+])?),+ $(,)?) => {
        /// This module's tests.
        pub(crate) fn all() -> Vec<libtest_mimic::Trial> {
            vec![$($crate::support::trial::trial(module_path!(), stringify!($name), &[$($($tool),+)?], $name)),+]
        }
    };
}
pub(crate) use trials;

/// One test: ignored when a tool is missing, or failed where all tools have to be there.
pub(crate) fn trial(module: &str, name: &str, tools: &[Tool], test: fn()) -> Trial {
    let missing = tools.iter().find(|tool| tool.path().is_none());
    let name = format!("{}::{name}", module.trim_start_matches("it::"));
    match missing {
        None => Trial::test(name, move || {
            test();
            Ok(())
        }),
        // What the system forbids cannot be installed.
        Some(missing) if tool::are_required() && !missing.is_of_the_system() => {
            let message = format!("`{}` is missing, and all tools are required here", missing.name());
            Trial::test(name, move || Err(Failed::from(message)))
        }
        Some(missing) => {
            Trial::test(name, || Ok(())).with_kind(format!("skipped, no `{}`", missing.name())).with_ignored_flag(true)
        }
    }
}
