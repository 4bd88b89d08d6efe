//! `stackctl`: a checked-in `stack.toml` for SQS + Lambda, converged on an embedded engine, LocalStack or AWS.
//!
//! The layers, from the bottom up, are described in `ARCHITECTURE.md`; `tests/it/layers.rs` holds them.

pub mod build;
pub mod cli;
pub mod converge;
pub mod docker;
pub mod engine;
pub mod manifest;
pub mod model;
pub mod plan;
pub mod provider;
pub mod serve;
pub mod stack;
pub mod task;
pub mod watch;
pub mod wire;
