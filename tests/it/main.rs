//! The one integration-test binary: linking the AWS SDKs once keeps `cargo test` quick.
//!
//! Each module lists its tests in `trials!`; a test that is not listed is dead code, which CI refuses. A test that needs a
//! tool names it there: without the tool it counts as ignored, and says so.

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]
#![allow(clippy::disallowed_methods, reason = "tests have the environment and tasks of their own")]
#![allow(clippy::print_stderr, reason = "a test says its seed")]

mod at_rest;
mod blog;
mod building;
mod clients;
mod containers;
mod converge;
mod converging;
mod crash;
mod debugging;
mod documents;
mod drift;
mod durability;
mod environments;
mod explained;
mod keeping;
mod layers;
mod looking;
mod manifest_layers;
mod screen;
mod sdk_control;
mod sdk_sqs;
mod services;
mod simulation;
mod support;
mod targets;
mod team;
mod unprivileged;
mod urls;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = libtest_mimic::Arguments::from_args();
    libtest_mimic::run(
        &arguments,
        [
            at_rest::all(),
            blog::all(),
            building::all(),
            clients::all(),
            containers::all(),
            converge::all(),
            converge::failing::all(),
            converge::whole::all(),
            converging::all(),
            crash::all(),
            debugging::all(),
            documents::all(),
            drift::every(),
            durability::all(),
            environments::all(),
            environments::public_extensions::all(),
            environments::runtime_clients::all(),
            keeping::all(),
            layers::all(),
            explained::all(),
            looking::all(),
            manifest_layers::all(),
            sdk_control::all(),
            screen::all(),
            sdk_sqs::all(),
            services::all(),
            services::around::all(),
            services::rootless::all(),
            simulation::all(),
            team::all(),
            targets::every(),
            unprivileged::all(),
            urls::all(),
            watch::every(),
        ]
        .into_iter()
        .flatten()
        .collect(),
    )
    .exit_code()
}
