//! A stack as its manifest wants it: complete, defaulted, without spans, comparable.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use super::{Condition, DesiredLayer, DesiredService, LayerReference, Target, Toolchain};
use crate::model::{AccountId, Debugging, FunctionIsolation, FunctionName, QueueName, Region, StackName};

/// Everything that a manifest declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    pub name: StackName,
    pub region: Region,
    pub account: AccountId,
    /// Which `stackctl` the manifest needs, as written (`>=0.1`).
    pub requires: Option<String>,
    /// Which versions of the programs that build and run functions it needs, as written.
    pub required_tools: BTreeMap<Toolchain, String>,
    pub pool: Pool,
    /// By key in the manifest. The key is the name on the target, but for the `.fifo` that AWS wants.
    pub queues: BTreeMap<String, DesiredQueue>,
    pub functions: BTreeMap<String, DesiredFunction>,
    pub layers: BTreeMap<String, DesiredLayer>,
    pub schedules: BTreeMap<String, DesiredSchedule>,
    pub services: BTreeMap<String, DesiredService>,
    pub targets: BTreeMap<String, Target>,
}

/// The regional pool of concurrent executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    pub limit: u32,
    pub unreserved_minimum: u32,
    /// How many times as fast as on AWS ramps, retries and idle times pass, for experiments.
    pub time_factor: u32,
    /// Before an asynchronous invocation is first tried again; not as long as on AWS only for experiments.
    pub first_retry_delay_s: u32,
}

/// A queue, with every attribute that the manifest can set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredQueue {
    /// The name on the target, `.fifo` included.
    pub name: QueueName,
    pub fifo: Option<Fifo>,
    pub visibility_timeout_s: u32,
    pub delay_s: u32,
    pub retention_s: u32,
    pub receive_wait_s: u32,
    pub max_message_bytes: u32,
    pub dead_letter: Option<DeadLetter>,
    /// `RedriveAllowPolicy`.
    pub redrive_allow: RedriveAllow,
    /// `SqsManagedSseEnabled`.
    pub managed_encryption: bool,
    /// `Policy`, a JSON document.
    pub policy: Option<String>,
    /// The user's own tags.
    pub tags: BTreeMap<String, String>,
}

/// Attributes of FIFO queues alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fifo {
    pub content_based_deduplication: bool,
    /// High throughput: deduplication scope and throughput limit per message group.
    pub high_throughput: bool,
}

/// `RedrivePolicy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Key of the dead-letter queue in the manifest.
    pub queue: String,
    pub max_receives: u32,
}

/// `RedriveAllowPolicy`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedriveAllow {
    #[default]
    All,
    None,
    /// Keys of the source queues that may use this one as their dead-letter queue.
    ByQueue(Vec<String>),
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredFunction {
    pub name: FunctionName,
    pub description: String,
    /// Empty for an image.
    pub runtime: String,
    /// Empty for an image.
    pub handler: String,
    /// What keeps its environments apart; an image is always in a container.
    pub isolation: FunctionIsolation,
    /// What its code is mounted into, rather than AWS's image of its runtime.
    pub base_image: Option<String>,
    /// The image that it is, by name; `None` for a zip file, or an image that is built.
    pub image: Option<String>,
    pub image_config: ImageConfig,
    /// What is built and watched; absolute.
    pub source: PathBuf,
    pub build: Build,
    /// What else it is made of: files and directories, absolute.
    pub watch: Vec<PathBuf>,
    pub memory_mb: u32,
    pub timeout_s: u32,
    pub ephemeral_storage_mb: u32,
    pub architecture: Architecture,
    /// Role ARN; the embedded engine accepts any.
    pub role: Option<String>,
    pub environment: BTreeMap<String, Template>,
    /// In the order in which they are laid over each other.
    pub layers: Vec<LayerReference>,
    pub reserved_concurrency: Option<u32>,
    pub provisioned_concurrency: Option<Provisioned>,
    pub triggers: Vec<Trigger>,
    pub url: Option<FunctionUrl>,
    /// Services that must be ready before the function is.
    pub depends_on: Vec<String>,
    pub log_format: LogFormat,
    /// On local targets.
    pub debug: Option<Debugging>,
    pub tags: BTreeMap<String, String>,
}

/// `ImageConfig`: what of an image's own settings is overridden; empty lists override nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageConfig {
    pub entry_point: Vec<String>,
    pub command: Vec<String>,
    pub working_directory: Option<String>,
}

impl DesiredFunction {
    /// Whether `PackageType` is `Image`.
    pub fn is_image(&self) -> bool {
        self.image.is_some() || matches!(self.build, Build::Image(_))
    }
}

/// A Dockerfile and what it is built with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionImage {
    /// Relative to the context.
    pub dockerfile: String,
    /// The folder that is sent, relative to the source.
    pub context: PathBuf,
    /// The stage to stop at; empty for the last.
    pub target: String,
    pub args: BTreeMap<String, String>,
}

/// `Architectures`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    Arm64,
}

/// `LoggingConfig.LogFormat`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// How many environments are kept initialised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provisioned {
    Fixed(u32),
    /// Target tracking between bounds; the utilisation in percent.
    Tracked {
        min: u32,
        max: u32,
        target_utilization_percent: u32,
    },
}

/// How the source becomes an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Build {
    /// `go build`; `package` relative to the source.
    Go {
        package: String,
        flags: Vec<String>,
    },
    /// `cargo build`; `bin` when the package has several.
    Rust {
        bin: Option<String>,
        profile: String,
    },
    /// JavaScript as it is, with its `node_modules`; or bundled, as TypeScript is when nothing is said.
    Node {
        bundle: Option<bool>,
        /// Packages that are left out of the bundle, and put beside it.
        external: Vec<String>,
    },
    /// Python as it is, with its requirements installed beside it.
    Python {
        requirements: Option<PathBuf>,
    },
    Java {
        tool: Option<String>,
    },
    /// Any command, run by the shell in the source; its output is the directory or file `artifact`.
    Command {
        run: String,
        artifact: PathBuf,
    },
    /// A container image, from a Dockerfile.
    Image(FunctionImage),
    /// The source directory itself.
    None,
}

/// A queue's event source mapping, from the function's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Key of the queue in the manifest.
    pub queue: String,
    pub enabled: bool,
    pub batch_size: u32,
    pub batching_window_s: u32,
    pub max_concurrency: Option<u32>,
    /// Excludes `max_concurrency`.
    pub provisioned_pollers: Option<Pollers>,
    /// `ReportBatchItemFailures`.
    pub report_batch_item_failures: bool,
    /// Filter patterns, each a JSON document.
    pub filters: Vec<String>,
}

/// A function's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionUrl {
    /// `AuthType` is `AWS_IAM`.
    pub needs_signature: bool,
    /// `InvokeMode` is `RESPONSE_STREAM`.
    pub streams: bool,
    pub cors: Option<UrlCors>,
}

/// `Cors` of a function's URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlCors {
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    pub allow_credentials: bool,
    pub max_age_s: Option<u32>,
}

/// A schedule, in the group that is named as the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredSchedule {
    /// `rate(...)`, `cron(...)` or `at(...)`.
    pub expression: String,
    /// IANA name.
    pub timezone: String,
    pub description: String,
    pub target: ScheduleTarget,
    pub input: Option<Template>,
    /// `FlexibleTimeWindow`.
    pub window_minutes: Option<u32>,
    /// Key of the dead-letter queue in the manifest.
    pub dead_letter: Option<String>,
    pub max_retries: u32,
    pub max_age_s: u32,
    /// Role ARN; the embedded engine accepts any.
    pub role: Option<String>,
    pub enabled: bool,
}

/// What a schedule invokes, by key in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleTarget {
    Function(String),
    Queue { queue: String, group: Option<String> },
}

/// `ProvisionedPollerConfig`: pollers that a trigger has always, and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pollers {
    pub min: u32,
    pub max: u32,
}

/// Which network containers are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContainerNetwork {
    /// The stack's own.
    #[default]
    Bridge,
    /// This machine's.
    Host,
}

impl ContainerNetwork {
    /// The names in the manifest.
    pub const NAMES: [&'static str; 2] = ["bridge", "host"];
}

impl Desired {
    /// Which network containers of functions are in, on the embedded engine.
    pub fn container_network(&self) -> ContainerNetwork {
        self.targets
            .values()
            .find_map(|target| match target {
                Target::Embedded { network, .. } => Some(*network),
                _ => None,
            })
            .unwrap_or_default()
    }
}

/// The embedded engine's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortChoice {
    Fixed(u16),
    /// Any free port, kept from then on.
    Auto,
}

/// A text with references to what only the target knows. `${env:NAME}` is already resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub Vec<TemplatePart>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    Text(String),
    Reference(Reference),
}

/// What a `${...}` names; queues and functions by their keys in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    QueueUrl(String),
    QueueArn(String),
    QueueName(String),
    FunctionArn(String),
    FunctionName(String),
    FunctionUrl(String),
    /// Where this machine, or another container, finds a service.
    ServiceHost(String),
    /// The first of a service's ports.
    ServicePort(String),
    StackName,
    StackRegion,
    StackAccount,
    StackEndpoint,
}

impl Desired {
    /// Whether a service has to end for others to start.
    pub fn is_job(&self, key: &str) -> bool {
        self.services.values().any(|service| service.depends_on.get(key) == Some(&Condition::Completed))
    }
}

impl Template {
    /// The text with each reference replaced by what `resolve` gives for it.
    ///
    /// # Errors
    /// The first error of `resolve`.
    pub fn render<E>(&self, mut resolve: impl FnMut(&Reference) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                TemplatePart::Text(part) => text.push_str(part),
                TemplatePart::Reference(reference) => text.push_str(&resolve(reference)?),
            }
        }
        Ok(text)
    }
}

/// Where a resource stands in the manifest: `queues.example-queue`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    Queue(String),
    Function(String),
    Layer(String),
    /// A function's trigger, by the queue's key.
    Trigger {
        function: String,
        queue: String,
    },
    Service(String),
    Schedule(String),
    /// What all schedules of a stack are in.
    Schedules,
    /// A named volume of the services.
    Volume(String),
    /// The network of the stack's containers.
    Network,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue(key) => write!(f, "queues.{key}"),
            Self::Function(key) => write!(f, "functions.{key}"),
            Self::Layer(key) => write!(f, "layers.{key}"),
            Self::Trigger { function, queue } => write!(f, "functions.{function}.triggers.{queue}"),
            Self::Service(key) => write!(f, "services.{key}"),
            Self::Schedule(key) => write!(f, "schedules.{key}"),
            Self::Schedules => f.write_str("schedules"),
            Self::Volume(key) => write!(f, "volumes.{key}"),
            Self::Network => f.write_str("network"),
        }
    }
}
