//! A stack as a target has it: what carries the stack's tags, and what stands in the way of its names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    Address, Architecture, FunctionUrl, ImageConfig, LogFormat, ObservedLayerVersion, ObservedServices, Pollers,
    TAG_ADDRESS, Tags,
};
use crate::model::{FunctionName, QueueArn, QueueName};

/// What was found on a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The queues tagged as this stack's.
    pub queues: BTreeMap<QueueName, ObservedQueue>,
    /// The functions tagged as this stack's.
    pub functions: BTreeMap<FunctionName, ObservedFunction>,
    /// The versions of layers whose description says that they are this stack's, by ARN.
    pub layers: BTreeMap<String, ObservedLayerVersion>,
    /// The queue mappings of the functions above, by UUID. Not every endpoint can tag a mapping, so a mapping belongs to
    /// whoever owns its function.
    pub mappings: BTreeMap<String, ObservedMapping>,
    /// Whether the schedule group that is named as the stack is tagged as this stack's.
    pub has_schedule_group: bool,
    /// Its name.
    pub schedule_group: Option<String>,
    /// The schedules in it, by name.
    pub schedules: BTreeMap<String, ScheduleSettings>,
    /// What a container engine has of the stack.
    pub services: ObservedServices,
    /// What has a name of the manifest and is not tagged as this stack's, by the address that wants the name.
    pub foreign: BTreeMap<Address, Foreign>,
}

/// A queue of this stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedQueue {
    pub url: String,
    pub arn: QueueArn,
    /// `GetQueueAttributes`, as the target wrote them.
    pub attributes: BTreeMap<String, String>,
    pub tags: Tags,
    /// Waiting, delayed and in flight together; approximate, as AWS gives them.
    pub approximate_messages: u64,
}

/// A function of this stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedFunction {
    pub arn: String,
    /// Whether `PackageType` is `Image`.
    pub is_image: bool,
    /// Empty for an image.
    pub runtime: String,
    /// Empty for an image.
    pub handler: String,
    pub image_config: ImageConfig,
    pub description: String,
    pub role: String,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub ephemeral_storage_mb: u32,
    pub architecture: Architecture,
    pub log_format: LogFormat,
    pub environment: Variables,
    /// The ARNs of the layers' versions, in order.
    pub layers: Vec<String>,
    /// `CodeSha256`: Base64 of the SHA-256 of the package.
    pub code_sha256: String,
    pub tags: Tags,
    pub reserved_concurrency: Option<u32>,
    /// The alias [`LIVE_ALIAS`](super::LIVE_ALIAS), when there is one.
    pub live: Option<ObservedAlias>,
    pub url: Option<ObservedUrl>,
    pub readiness: Readiness,
}

/// The URL of a function of this stack, or of its alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedUrl {
    pub alias: Option<String>,
    pub url: String,
    pub settings: FunctionUrl,
    /// What its policy lets everybody do of what a URL without signatures needs.
    pub allowed: BTreeSet<UrlPermission>,
}

/// What everybody must be allowed for a URL to answer without a signature (Lambda developer guide, "Control access to Lambda
/// function URLs").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UrlPermission {
    /// `lambda:InvokeFunctionUrl`.
    CallUrl,
    /// `lambda:InvokeFunction`, through the URL alone.
    InvokeThroughUrl,
}

impl UrlPermission {
    /// Both.
    pub const ALL: [Self; 2] = [Self::CallUrl, Self::InvokeThroughUrl];

    /// By which the stack knows its own statement.
    pub fn statement_id(self) -> &'static str {
        match self {
            Self::CallUrl => "stackctl-url",
            Self::InvokeThroughUrl => "stackctl-url-invoke",
        }
    }
}

/// A schedule as a target has it or is told to make it.
#[derive(Clone, PartialEq, Eq)]
pub struct ScheduleSettings {
    pub expression: String,
    pub timezone: String,
    pub description: String,
    /// Its ARN.
    pub target: String,
    pub role: String,
    pub message_group: Option<String>,
    /// May hold secrets: never shown.
    pub input: Option<String>,
    pub window_minutes: Option<u32>,
    /// Its ARN.
    pub dead_letter: Option<String>,
    pub max_retries: u32,
    pub max_age_s: u32,
    pub enabled: bool,
}

impl fmt::Debug for ScheduleSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.expression, self.target)
    }
}

/// An alias of a function of this stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedAlias {
    /// The version that it names.
    pub version: String,
    /// Whether that version is what `$LATEST` is now.
    pub is_current: bool,
    /// The versions that get a share of its invocations beside that one, in order: no plan gives them any.
    pub others: Vec<String>,
    /// Provisioned concurrency, as asked for.
    pub provisioned: Option<u32>,
    /// How that follows the load, when it does.
    pub scaling: Option<ObservedScaling>,
}

/// A scalable target of an alias.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObservedScaling {
    pub min: u32,
    pub max: u32,
    /// By name.
    pub policies: BTreeMap<String, ObservedPolicy>,
}

/// A scaling policy of a scalable target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedPolicy {
    /// The utilisation that it tracks; `None` when it does something else or more than that.
    pub utilization_percent: Option<u32>,
}

/// An event source mapping from a queue to a function of this stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedMapping {
    pub function: FunctionName,
    /// The version or alias that it invokes; `None` for `$LATEST`.
    pub alias: Option<String>,
    pub queue: QueueArn,
    pub enabled: bool,
    pub batch_size: u32,
    pub batching_window_s: u32,
    pub max_concurrency: Option<u32>,
    pub provisioned_pollers: Option<Pollers>,
    pub report_batch_item_failures: bool,
    pub filters: Vec<String>,
    pub readiness: Readiness,
}

/// What has a name that the manifest wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its ARN.
    pub arn: String,
    /// The stack that it belongs to, when it is tagged as one's.
    pub owner: Option<String>,
    /// What it is, when it can be taken over.
    pub resource: Option<ForeignResource>,
}

/// What can be taken over, because tags say whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForeignResource {
    Queue(Box<ObservedQueue>),
    /// A function with its queue mappings, by UUID.
    Function(FunctionName, Box<ObservedFunction>, BTreeMap<String, ObservedMapping>),
}

/// Whether a resource has come to rest as it was asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    /// On its way: the target's word for it (`Pending`, `InProgress`, `Creating`).
    Pending(String),
    /// It will not become ready by itself: the target's reason.
    Failed(String),
}

/// A function's environment variables. `Debug` shows names only: values are often secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(pub BTreeMap<String, String>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl ObservedQueue {
    /// Where the manifest that made this queue had it; the name when the tag is missing.
    pub fn address(&self) -> Address {
        self.tags
            .get(TAG_ADDRESS)
            .and_then(|tag| Address::from_tag(tag))
            .filter(|address| matches!(address, Address::Queue(_)))
            .unwrap_or_else(|| Address::Queue(self.arn.name.to_string()))
    }
}

impl ObservedFunction {
    /// Where the manifest that made this function had it; `name` when the tag is missing.
    pub fn address(&self, name: &FunctionName) -> Address {
        self.tags
            .get(TAG_ADDRESS)
            .and_then(|tag| Address::from_tag(tag))
            .filter(|address| matches!(address, Address::Function(_)))
            .unwrap_or_else(|| Address::Function(name.to_string()))
    }
}

impl Observed {
    /// Whether nothing of the stack is on the target.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
            && self.functions.is_empty()
            && self.mappings.is_empty()
            && self.layers.is_empty()
            && !self.has_schedule_group
            && self.services == ObservedServices { images: self.services.images.clone(), ..ObservedServices::default() }
    }

    /// As it would be if what stands in the way at `address` were the stack's; `None` when nothing that can be taken over does.
    pub fn with_adopted(&self, address: &Address) -> Option<Self> {
        let mut observed = self.clone();
        match observed.foreign.remove(address)?.resource? {
            ForeignResource::Queue(queue) => {
                observed.queues.insert(queue.arn.name.clone(), *queue);
            }
            ForeignResource::Function(name, function, mappings) => {
                observed.functions.insert(name, *function);
                observed.mappings.extend(mappings);
            }
        }
        Some(observed)
    }

    /// What has not come to rest, in the order of addresses.
    pub fn unready(&self) -> Vec<(Address, Readiness)> {
        let functions = self.functions.iter().map(|(name, found)| (found.address(name), &found.readiness));
        let mappings = self.mappings.values().map(|found| (self.mapping_address(found), &found.readiness));
        let containers = self.services.containers.values();
        let services = containers.map(|found| (Address::Service(found.key.clone()), found.readiness()));
        let mut unready: Vec<_> = functions
            .chain(mappings)
            .map(|(address, readiness)| (address, readiness.clone()))
            .chain(services)
            .filter(|(_, readiness)| *readiness != Readiness::Ready)
            .collect();
        unready.sort_by(|(a, _), (b, _)| a.cmp(b));
        unready
    }

    /// Where a manifest has this mapping: under its function, by its queue's key.
    pub fn mapping_address(&self, mapping: &ObservedMapping) -> Address {
        let function = match self.functions.get(&mapping.function).map(|found| found.address(&mapping.function)) {
            Some(Address::Function(key)) => key,
            _ => mapping.function.to_string(),
        };
        let queue = match self.queues.get(&mapping.queue.name).map(ObservedQueue::address) {
            Some(Address::Queue(key)) => key,
            _ => mapping.queue.name.to_string(),
        };
        Address::Trigger { function, queue }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_environment_stay_out_of_debug_output() {
        let variables = Variables(BTreeMap::from([("TOKEN".to_owned(), "hunter2".to_owned())]));
        assert_eq!(format!("{variables:?}"), r#"{"TOKEN"}"#);
    }
}
