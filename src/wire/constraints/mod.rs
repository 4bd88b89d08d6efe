//! What AWS's service models demand of an input, checked in one place and told in AWS's words, all violations at once:
//! `2 validation errors detected: Value 'x' at 'functionName' failed to satisfy constraint: Member must ...; ...`.
//!
//! Presence, length, range, pattern and enumeration only. What depends on state, or on two members, is the engine's.

mod check;
mod query;
mod table;

use std::sync::LazyLock;

pub(super) use check::{Given, Violations, check};
pub(super) use query::from_params;
pub(super) use table::Table;

/// Lambda's model, durable executions and capacity providers aside.
pub(super) static LAMBDA: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("lambda.txt")));
/// CloudWatch Logs, as far as it is served.
pub(super) static LOGS: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("logs.txt")));
/// IAM, as far as it is served.
pub(super) static IAM: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("iam.txt")));
/// STS, as far as it is served.
pub(super) static STS: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("sts.txt")));
/// EventBridge Scheduler.
pub(super) static SCHEDULER: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("scheduler.txt")));
/// Application Auto Scaling, as far as it is served.
pub(super) static AUTOSCALING: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("autoscaling.txt")));
