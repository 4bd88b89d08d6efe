//! `[functions.NAME]`.

use super::{
    Others, Presence::Default, Presence::Derived, Presence::Required, Shape, Table, Text, builds::BUILD, key, map,
    queues::TAGS_KEY, rules, schedules::URL, table,
};
use crate::model::{FunctionIsolation, limits};

const MIB: u64 = 1 << 20;
/// `Description` (Lambda API reference, `CreateFunction`).
const DESCRIPTION_MAX: usize = 256;
/// `EphemeralStorage.Size`, smallest and largest (Lambda API reference, `EphemeralStorage`).
const STORAGE_MIN_MB: u64 = 512;
const STORAGE_MAX_MB: u64 = 10_240;
/// `FilterCriteria.Filters` (Lambda developer guide, "Lambda quotas": five, ten on request).
const FILTERS_MAX: usize = 10;
/// More than any region's limit; bounds what a manifest can ask for.
pub(in crate::manifest) const CONCURRENCY_MAX: i64 = 1_000_000;
/// More functions than any stack has; bounds what a manifest can ask for.
const FUNCTIONS_MAX: usize = 1000;
/// More queues than a function is ever mapped to.
const TRIGGERS_MAX: usize = 100;
pub(super) const VARIABLES_MAX: usize = 1000;
/// `ImageConfig.EntryPoint` and `Command` (Lambda service model).
const ARGUMENTS_MAX: usize = 1500;
const WATCHED_MAX: usize = 100;
/// Layers of a function (Lambda developer guide, "Lambda quotas").
const LAYERS_MAX: usize = 5;

pub(super) static FUNCTIONS: Table = map("The stack's functions, by name.", &FUNCTION_KEYS);

static FUNCTION_KEYS: Others =
    Others { noun: "a function", names: &rules::FUNCTION_KEY, max: FUNCTIONS_MAX, shape: Shape::Table(&FUNCTION) };

static FUNCTION: Table = table(
    "A function. Its name on the target is its key.",
    &[
        key(
            "description",
            Shape::Text(Text::Free { max: DESCRIPTION_MAX }),
            Default("\"\""),
            "Description",
            "What the function does.",
        ),
        key(
            "runtime",
            Shape::Text(Text::Rule(&rules::RUNTIME)),
            Derived("required, but for an image"),
            "Runtime",
            "AWS's name of the runtime.",
        ),
        key(
            "handler",
            Shape::Text(Text::Rule(&rules::HANDLER)),
            Derived("`bootstrap` on `provided.*`; required elsewhere"),
            "Handler",
            "What the runtime calls: `module.function`, or the executable on `go1.x`.",
        ),
        key(
            "isolation",
            Shape::OneOf(&FunctionIsolation::NAMES),
            Derived("that of `targets.embedded`"),
            "",
            "What keeps its environments apart: local processes, or containers. An image is always in containers.",
        ),
        key(
            "base_image",
            Shape::Text(Text::Rule(&rules::IMAGE)),
            Derived("AWS's image of the runtime"),
            "",
            "With `isolation = \"container\"`: the image that its code is mounted into, at `/var/task`.",
        ),
        key(
            "image",
            Shape::Text(Text::Rule(&rules::IMAGE)),
            Derived("a zip file, or what `build` makes"),
            "Code.ImageUri",
            "The container image that the function is.",
        ),
        key(
            "image_config",
            Shape::Table(&IMAGE_CONFIG),
            Derived("the image's own settings"),
            "ImageConfig",
            "What of an image's settings is overridden.",
        ),
        key(
            "source",
            Shape::Text(Text::Path),
            Default("\".\""),
            "",
            "The directory that is built and watched, relative to the manifest.",
        ),
        key(
            "build",
            Shape::Either(&[
                Shape::OneOf(&["go", "rust", "node", "python", "java", "image", "none"]),
                Shape::Choice(&BUILD),
            ]),
            Default("\"none\""),
            "",
            "How the source becomes what is deployed. Nothing is inferred: `\"none\"` deploys the directory as it is.",
        ),
        key(
            "watch",
            Shape::List { item: &WATCHED, max: WATCHED_MAX },
            Default("[]"),
            "",
            "Further folders and files that the function is made of, relative to the manifest: a change there builds it again.",
        ),
        key(
            "memory",
            Shape::Bytes {
                min: limits::MEMORY_MIN_MB as u64 * MIB,
                max: limits::MEMORY_MAX_MB as u64 * MIB,
                step: MIB,
            },
            Default("\"128MiB\""),
            "MemorySize",
            "The memory of an environment.",
        ),
        key(
            "timeout",
            Shape::Seconds { min: 1, max: limits::FUNCTION_TIMEOUT_MAX_S as u64 },
            Default("\"3s\""),
            "Timeout",
            "How long an invocation may take.",
        ),
        key(
            "ephemeral_storage",
            Shape::Bytes { min: STORAGE_MIN_MB * MIB, max: STORAGE_MAX_MB * MIB, step: MIB },
            Default("\"512MiB\""),
            "EphemeralStorage",
            "The size of `/tmp`.",
        ),
        key(
            "architecture",
            Shape::OneOf(&["x86_64", "arm64"]),
            Default("\"x86_64\""),
            "Architectures",
            "The instruction set.",
        ),
        key(
            "role",
            Shape::Text(Text::Rule(&rules::ROLE)),
            Derived("a placeholder on local targets; needed on AWS"),
            "Role",
            "The ARN of the execution role.",
        ),
        key(
            "environment",
            Shape::Table(&ENVIRONMENT),
            Derived("no variables of your own"),
            "Environment",
            "Environment variables. Values may refer to the stack: `${queues.NAME.url}`.",
        ),
        key(
            "layers",
            Shape::List { item: &Shape::Text(Text::Layer), max: LAYERS_MAX },
            Default("[]"),
            "Layers",
            "What else is in `/opt`: layers of this manifest by name, or versions of others by ARN. Later ones are laid over earlier ones.",
        ),
        key(
            "concurrency",
            Shape::Table(&CONCURRENCY),
            Derived("the function shares the unreserved pool"),
            "",
            "How many environments the function has.",
        ),
        key(
            "depends_on",
            Shape::List { item: &Shape::Text(Text::Free { max: 64 }), max: TRIGGERS_MAX },
            Default("[]"),
            "",
            "Services that have to be ready first; those that `environment` refers to are waited for anyway.",
        ),
        key(
            "triggers",
            Shape::List { item: &Shape::Table(&TRIGGER), max: TRIGGERS_MAX },
            Derived("nothing but direct invocations"),
            "CreateEventSourceMapping",
            "The queues whose messages the function gets.",
        ),
        key(
            "url",
            Shape::Table(&URL),
            Derived("the function has none"),
            "CreateFunctionUrlConfig",
            "An HTTP endpoint of the function's own, `{}` for one that anybody may call.",
        ),
        key(
            "log_format",
            Shape::OneOf(&["text", "json"]),
            Default("\"text\""),
            "LoggingConfig.LogFormat",
            "The form of the log lines that the platform writes.",
        ),
        key(
            "debug",
            Shape::Table(&DEBUG),
            Derived("no debugger"),
            "",
            "Where a debugger attaches to the function, which then has one environment. For your own `stack.local.toml`.",
        ),
        TAGS_KEY,
    ],
);

static ENVIRONMENT: Table = map("Environment variables of a function.", &ENVIRONMENT_KEYS);

static ENVIRONMENT_KEYS: Others = Others {
    noun: "an environment variable",
    names: &rules::ENVIRONMENT_NAMES,
    max: VARIABLES_MAX,
    shape: Shape::Text(Text::Template),
};

static CONCURRENCY: Table = table(
    "How many environments a function has.",
    &[
        key(
            "reserved",
            Shape::Integer { min: 0, max: CONCURRENCY_MAX },
            Derived("no guarantee and no cap of its own"),
            "PutFunctionConcurrency",
            "Concurrent executions that only this function can use, and more than which it never has. `0` stops it.",
        ),
        key(
            "provisioned",
            Shape::Either(&[Shape::Integer { min: 1, max: CONCURRENCY_MAX }, Shape::Table(&PROVISIONED)]),
            Derived("environments start on demand"),
            "PutProvisionedConcurrencyConfig",
            "Environments that are kept initialised: a number, or bounds between which it follows the load.",
        ),
    ],
);

static PROVISIONED: Table = table(
    "Provisioned concurrency that follows the load.",
    &[
        key("min", Shape::Integer { min: 1, max: CONCURRENCY_MAX }, Required, "MinCapacity", "The lower bound."),
        key("max", Shape::Integer { min: 1, max: CONCURRENCY_MAX }, Required, "MaxCapacity", "The upper bound."),
        key(
            "target_utilization",
            Shape::Fraction { min_percent: 10, max_percent: 90 },
            Default("0.7"),
            "TargetValue",
            "The share of the provisioned environments that shall be busy.",
        ),
    ],
);

static DEBUG: Table = table(
    "How a debugger attaches: debugpy to Python, the inspector to Node, Delve to Go.",
    &[
        key(
            "port",
            Shape::Integer { min: 1, max: u16::MAX as i64 },
            Required,
            "",
            "The port on loopback that the editor's debugger connects to.",
        ),
        key(
            "wait",
            Shape::Bool,
            Default("false"),
            "",
            "Whether the function's code is not begun before a debugger is there.",
        ),
    ],
);

static TRIGGER: Table = table(
    "A queue whose messages the function gets.",
    &[
        key("queue", Shape::Text(Text::QueueKey), Required, "EventSourceArn", "The queue, by its key."),
        key(
            "batch_size",
            Shape::Integer { min: 1, max: limits::MAPPING_BATCH_MAX as i64 },
            Default("10"),
            "BatchSize",
            "Messages of an invocation, at most. Above 10 needs a `batching_window`; a FIFO queue has at most 10.",
        ),
        key(
            "batching_window",
            Shape::Seconds { min: 0, max: limits::MAPPING_WINDOW_MAX_S as u64 },
            Default("\"0s\""),
            "MaximumBatchingWindowInSeconds",
            "How long a batch waits to become full. Standard queues only. It goes earlier when the function, given its whole timeout, could outlive the visibility timeout of the first message.",
        ),
        key(
            "max_concurrency",
            Shape::Integer { min: limits::MAPPING_CONCURRENCY_MIN as i64, max: limits::MAPPING_CONCURRENCY_MAX as i64 },
            Derived("as many as the function may have"),
            "ScalingConfig.MaximumConcurrency",
            "Batches of this trigger that are in flight together, at most.",
        ),
        key(
            "provisioned_pollers",
            Shape::Table(&POLLERS),
            Derived("pollers come and go with the load"),
            "ProvisionedPollerConfig",
            "Pollers that are kept for this trigger, each for ten batches in flight. Excludes `max_concurrency`.",
        ),
        key(
            "report_batch_item_failures",
            Shape::Bool,
            Default("false"),
            "FunctionResponseTypes",
            "Whether the function's response names the messages that failed, so that only they return.",
        ),
        key(
            "filters",
            Shape::List { item: &Shape::Json, max: FILTERS_MAX },
            Derived("every message is delivered"),
            "FilterCriteria",
            "Patterns, one of which a message must match; others are deleted. Tables, or strings of JSON.",
        ),
        key("enabled", Shape::Bool, Default("true"), "Enabled", "Whether the trigger polls."),
    ],
);

static POLLERS: Table = table(
    "Pollers of one trigger: each reads ten times and a megabyte a second at most.",
    &[
        key(
            "min",
            Shape::Integer { min: limits::POLLERS_MIN as i64, max: limits::MINIMUM_POLLERS_MAX as i64 },
            Required,
            "MinimumPollers",
            "Pollers that are always there.",
        ),
        key(
            "max",
            Shape::Integer { min: limits::POLLERS_MIN as i64, max: limits::MAXIMUM_POLLERS_MAX as i64 },
            Required,
            "MaximumPollers",
            "Pollers at most.",
        ),
    ],
);

static IMAGE_CONFIG: Table = table(
    "What of an image's settings is overridden.",
    &[
        key(
            "entry_point",
            Shape::List { item: &ARGUMENT, max: ARGUMENTS_MAX },
            Default("[]"),
            "EntryPoint",
            "The program and its first arguments, instead of `ENTRYPOINT`.",
        ),
        key(
            "command",
            Shape::List { item: &ARGUMENT, max: ARGUMENTS_MAX },
            Default("[]"),
            "Command",
            "Further arguments, instead of `CMD`.",
        ),
        key(
            "working_directory",
            Shape::Text(Text::Free { max: 1000 }),
            Derived("the image's `WORKDIR`"),
            "WorkingDirectory",
            "Where the program starts.",
        ),
    ],
);

static WATCHED: Shape = Shape::Text(Text::Path);
pub(super) static ARGUMENT: Shape = Shape::Text(Text::Free { max: 4096 });
