//! What each function and mapping is doing now. For people who look, so it may walk over all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Lambda, counters::Distribution, environments::State, functions::Function};
use crate::{
    engine::{ThrottleLimit, autoscaling::ScalingState, sqs::Sqs},
    model::Timestamp,
};

/// What an account does in a region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    pub account_concurrency: AccountActivity,
    pub functions: Vec<FunctionActivity>,
    pub mappings: Vec<MappingActivity>,
    /// The last throttles, the newest last.
    pub throttles: Vec<ThrottleActivity>,
    /// What follows the load, and how.
    #[serde(default)]
    pub scaling: Vec<ScalingState>,
    /// What of the engine is not as on AWS, a line each.
    #[serde(default)]
    pub differences: Vec<String>,
}

/// The regional pool of concurrent executions, in slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountActivity {
    pub limit: u32,
    /// Reserved or provisioned: nobody but its function uses it.
    pub claimed: u32,
    pub running: u32,
    /// Those of `running` that use what is not claimed.
    pub running_unreserved: u32,
    /// The most that ran at once since the engine started.
    pub peak: u32,
}

/// A function's environments by state, and its counters since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionActivity {
    pub name: String,
    pub starting: u32,
    pub busy: u32,
    pub idle: u32,
    /// Slots that it holds: its invocations in flight.
    pub running: u32,
    /// Slots that it could hold: its reservation, or what it shares with all others.
    pub limit: u32,
    pub reserved: Option<u32>,
    pub invocations: u64,
    pub errors: u64,
    pub throttles: u64,
    /// AWS's reasons do not tell all limits apart.
    pub throttles_by_limit: BTreeMap<ThrottleLimit, u64>,
    pub cold_starts: u64,
    /// Environments that are kept initialised, over all versions, as asked for.
    pub provisioned: u32,
    /// Those of them that are initialised now.
    #[serde(default)]
    pub provisioned_available: u32,
    /// What is provisioned, by version's number or alias.
    #[serde(default)]
    pub provisions: Vec<ProvisionActivity>,
    /// Slots of `running` that are provisioned.
    #[serde(default)]
    pub running_provisioned: u32,
    /// Invocations that ran on provisioned concurrency.
    #[serde(default)]
    pub provisioned_invocations: u64,
    /// Invocations of provisioned versions that ran on demand.
    pub spillovers: u64,
    pub durations: Distribution,
    pub events: EventActivity,
    /// Invocations that were dropped because they would have gone on with a recursive loop.
    #[serde(default)]
    pub recursions_dropped: u64,
    /// The ids of its URLs, the function's own before those of aliases.
    #[serde(default)]
    pub urls: Vec<String>,
}

/// A provisioned version or alias.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisionActivity {
    /// The version's number or the alias.
    pub qualifier: String,
    /// As `GetProvisionedConcurrencyConfig` has them.
    pub status: String,
    pub status_reason: Option<String>,
    pub requested: u32,
    pub available: u32,
}

/// A function's asynchronous invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventActivity {
    /// Accepted and not yet handled or given up.
    pub waiting: u64,
    /// How long ago the first of those was accepted, in milliseconds.
    pub oldest_age_ms: Option<u64>,
    pub received: u64,
    /// Given up after the last attempt, or too old.
    pub dropped: u64,
    /// From acceptance to each attempt.
    pub ages: Distribution,
    /// Dead letters that their queue did not take.
    pub dead_letter_errors: u64,
    #[serde(default)]
    pub destination_delivery_failures: u64,
}

/// A mapping's batches in flight, and its counters since the engine started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingActivity {
    pub uuid: String,
    pub queue: String,
    pub function: String,
    pub state: String,
    pub batches_in_flight: u32,
    /// Batches that may be in flight now; it grows while messages remain.
    pub batches_limit: u32,
    /// Complete batches that wait for a slot.
    pub batches_waiting: u32,
    /// Provisioned pollers that read now; `None` without any.
    #[serde(default)]
    pub pollers: Option<u32>,
    /// Whether a throttle holds it up.
    pub throttled: bool,
    /// Read from the queue, each time.
    #[serde(default)]
    pub messages_polled: u64,
    /// Of invocations that were started.
    #[serde(default)]
    pub messages_invoked: u64,
    pub messages_handled: u64,
    pub messages_failed: u64,
    /// Discarded because no filter let them pass.
    pub messages_filtered: u64,
    /// What keeps it from delivering.
    pub trouble: Option<String>,
}

/// A throttle, or several of one second, as the function's log has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottleActivity {
    /// Milliseconds since the epoch.
    pub at_ms: u64,
    pub function: String,
    pub message: String,
}

impl Lambda {
    pub(in crate::engine) fn activity(&self, now: Timestamp, sqs: &Sqs) -> Activity {
        Activity {
            account_concurrency: self.pool.activity(),
            functions: self.functions.iter().map(|function| self.function_activity(now, function)).collect(),
            mappings: self.mapping_activity(now, sqs),
            throttles: self.told.recent(),
            scaling: Vec::new(),
            differences: Vec::new(),
        }
    }

    fn function_activity(&self, now: Timestamp, function: &Function) -> FunctionActivity {
        let provisions = function.provision_activity();
        let mut activity = FunctionActivity {
            name: function.name().to_owned(),
            running: function.load.running,
            limit: function.reserved.unwrap_or_else(|| self.pool.unreserved()),
            reserved: function.reserved,
            invocations: function.load.invocations,
            errors: function.load.errors,
            throttles: function.load.throttles,
            throttles_by_limit: function.counters.throttles_by_limit.clone(),
            cold_starts: function.load.cold_starts,
            provisioned: function.provisioned_total(),
            provisioned_available: provisions.iter().map(|provision| provision.available).sum(),
            provisions,
            running_provisioned: function.load.running_provisioned,
            provisioned_invocations: function.load.provisioned_invocations,
            spillovers: function.load.spillovers,
            durations: function.counters.durations.clone(),
            events: self.event_activity(now, function),
            recursions_dropped: function.counters.loops_dropped,
            urls: function.urls.values().map(|url| url.id.clone()).collect(),
            ..FunctionActivity::default()
        };
        for environment in function.environments().filter_map(|serial| self.environments.get(serial)) {
            match &environment.state {
                State::Starting { .. } | State::Ahead { .. } => activity.starting += 1,
                State::Idle { .. } => activity.idle += 1,
                State::Busy(_) | State::Returning { .. } => activity.busy += 1,
            }
        }
        activity
    }

    fn event_activity(&self, now: Timestamp, function: &Function) -> EventActivity {
        EventActivity {
            waiting: function.events.len() as u64,
            oldest_age_ms: self.oldest_event(function).map(|received_at| now.millis_since(received_at)),
            received: function.counters.events_received,
            dropped: function.counters.events_dropped,
            ages: function.counters.event_ages.clone(),
            dead_letter_errors: function.counters.dead_letter_errors,
            destination_delivery_failures: function.counters.destination_delivery_failures,
        }
    }
}
