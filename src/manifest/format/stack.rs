//! The root of a manifest, and its small tables: stack, concurrency, services, targets, profiles.

use super::{
    Key, Others,
    Presence::Default,
    Presence::Derived,
    Presence::Required,
    Presence::RequiredWithout,
    Shape, Table, Text,
    functions::{CONCURRENCY_MAX, FUNCTIONS},
    key,
    layers::LAYERS,
    map,
    queues::QUEUES,
    rules,
    schedules::SCHEDULES,
    services::SERVICES,
    table,
};
use crate::{
    model::{Durability, Isolation, limits},
    stack::{ContainerNetwork, Toolchain},
};

/// More than any stack has; bounds what a manifest can ask for.
const TARGETS_MAX: usize = 20;
const PROFILES_MAX: usize = 100;

/// A whole manifest.
pub(in crate::manifest) static ROOT: Table = table(
    "A stack of SQS queues and Lambda functions: https://stackctl.dev",
    &[
        STACK_KEY,
        CONCURRENCY_KEY,
        QUEUES_KEY,
        FUNCTIONS_KEY,
        LAYERS_KEY,
        SCHEDULES_KEY,
        SERVICES_KEY,
        TARGETS_KEY,
        PROFILES_KEY,
    ],
);

/// What a profile or a local overlay can set.
pub(in crate::manifest) static OVERLAY: Table = table(
    "What this profile changes. Tables are merged, everything else is replaced.",
    &[STACK_KEY, CONCURRENCY_KEY, QUEUES_KEY, FUNCTIONS_KEY, LAYERS_KEY, SCHEDULES_KEY, SERVICES_KEY, TARGETS_KEY],
);

const STACK_KEY: Key = key("stack", Shape::Table(&STACK), Required, "", "The stack itself, at least its `name`.");
const CONCURRENCY_KEY: Key = key(
    "concurrency",
    Shape::Table(&POOL),
    Derived("AWS's defaults"),
    "",
    "The pool of concurrent executions that all functions of an account and region share.",
);
const QUEUES_KEY: Key = key("queues", Shape::Table(&QUEUES), Derived("no queues"), "", "The queues, by name.");
const FUNCTIONS_KEY: Key =
    key("functions", Shape::Table(&FUNCTIONS), Derived("no functions"), "", "The functions, by name.");
const LAYERS_KEY: Key =
    key("layers", Shape::Table(&LAYERS), Derived("no layers"), "", "What functions share at `/opt`, by name.");
const SCHEDULES_KEY: Key =
    key("schedules", Shape::Table(&SCHEDULES), Derived("no schedules"), "", "The schedules, by name.");
const SERVICES_KEY: Key = key(
    "services",
    Shape::Table(&SERVICES),
    Derived("no containers"),
    "",
    "Containers that run beside the stack, by name.",
);
const TARGETS_KEY: Key = key(
    "targets",
    Shape::Table(&TARGETS),
    Derived("the embedded engine"),
    "",
    "Where the stack can be converged. A name of your own is any AWS-compatible endpoint.",
);
const PROFILES_KEY: Key =
    key("profiles", Shape::Table(&PROFILES), Derived("no profiles"), "", "Overlays, chosen with `--profile NAME`.");

static STACK: Table = table(
    "The stack itself.",
    &[
        key(
            "name",
            Shape::Text(Text::Rule(&rules::STACK_NAME)),
            Required,
            "",
            "The stack's name. It marks what the stack owns, so a new name is a new stack.",
        ),
        key("region", Shape::Text(Text::Rule(&rules::REGION)), Default("\"us-east-1\""), "", "The AWS region."),
        key(
            "account",
            Shape::Text(Text::Rule(&rules::ACCOUNT)),
            Default("\"000000000000\""),
            "",
            "The AWS account that local targets show.",
        ),
        key(
            "requires",
            Shape::Either(&[VERSION, Shape::Table(&REQUIRES)]),
            Derived("any version"),
            "",
            "The stackctl that the manifest needs, like `\">=0.1\"`, or a table of what else it needs.",
        ),
    ],
);

const VERSION: Shape = Shape::Text(Text::Rule(&rules::REQUIRES));

/// A tool that `requires` may name.
const fn required(toolchain: Toolchain, doc: &'static str) -> Key {
    key(toolchain.as_str(), VERSION, Derived("any version"), "", doc)
}

static REQUIRES: Table = table(
    "The versions that the stack needs: `\">=1.24\"`, `\"3.12\"` for 3.12 and what is compatible with it, `\"=3.12\"` for \
     any 3.12.",
    &[
        key("stackctl", VERSION, Derived("any version"), "", "Of stackctl itself."),
        required(Toolchain::Esbuild, "Of the esbuild that bundles a function."),
        required(Toolchain::Go, "Of the Go that a function is built with, as its `go.mod` chooses it."),
        required(Toolchain::Gradle, "Of the Gradle that a function is built with."),
        required(Toolchain::Java, "Of the JDK that a function is built with."),
        required(Toolchain::Maven, "Of the Maven that a function is built with."),
        required(Toolchain::Node, "Of the Node.js that runs a function here."),
        required(Toolchain::Pip, "Of the pip that installs requirements."),
        required(Toolchain::Python, "Of the Python that runs a function here, and installs its requirements."),
        required(
            Toolchain::Rust,
            "Of the rustc that a function is built with, as its `rust-toolchain.toml` chooses it.",
        ),
        required(Toolchain::Uv, "Of the uv that installs requirements."),
    ],
);

static POOL: Table = table(
    "The pool of concurrent executions of the account and region.",
    &[
        key(
            "limit",
            Shape::Integer { min: 1, max: CONCURRENCY_MAX },
            Default("1000"),
            "ConcurrentExecutions",
            "Concurrent executions of all functions together.",
        ),
        key(
            "unreserved_minimum",
            Shape::Integer { min: 0, max: CONCURRENCY_MAX },
            Derived("a tenth of `limit`, at most 100"),
            "UnreservedConcurrentExecutions",
            "What reservations must leave of it; 100 on AWS.",
        ),
        key(
            "time_factor",
            Shape::Integer { min: 1, max: limits::TIME_FACTOR_MAX as i64 },
            Default("1"),
            "",
            "How many times as fast as on AWS ramps, retries and idle times pass on the embedded engine, for experiments.",
        ),
        key(
            "first_retry_delay",
            Shape::Seconds { min: 0, max: limits::FIRST_RETRY_DELAY_MAX_S as u64 },
            Default("\"1m\""),
            "",
            "How long the embedded engine waits before an asynchronous invocation is first tried again; 1m on AWS.",
        ),
    ],
);

static TARGETS: Table = Table {
    doc: "Where the stack can be converged.",
    keys: &[
        key(
            "embedded",
            Shape::Table(&EMBEDDED),
            Derived("port 4566"),
            "",
            "The engine inside the binary; the default target.",
        ),
        key("localstack", Shape::Table(&LOCALSTACK), Derived("not a target"), "", "LocalStack in a container."),
        key("aws", Shape::Table(&AWS), Derived("not a target"), "", "AWS itself."),
    ],
    others: Some(&Others { noun: "a target", names: &rules::WORD, max: TARGETS_MAX, shape: Shape::Table(&ENDPOINT) }),
};

const PORT: Shape = Shape::Integer { min: 1, max: u16::MAX as i64 };

static EMBEDDED: Table = table(
    "The engine inside the binary.",
    &[
        key(
            "port",
            Shape::Either(&[PORT, Shape::OneOf(&["auto"])]),
            Default("4566"),
            "",
            "The port on loopback; `\"auto\"` picks a free one and keeps it.",
        ),
        key(
            "durability",
            Shape::OneOf(&Durability::NAMES),
            Default("\"process\""),
            "",
            "What queues, messages and functions survive: `\"memory\"` nothing, `\"process\"` a crash of the engine, `\"disk\"` a power loss.",
        ),
        key(
            "isolation",
            Shape::OneOf(&Isolation::NAMES),
            Default("\"namespace\""),
            "",
            "What keeps environments apart: `\"namespace\"` processes with their code at `/var/task`, layers at `/opt`, a `/tmp` of \
             their own and the rest of the machine read-only, where the system allows it; `\"process\"` processes that see what \
             you see; `\"container\"` containers.",
        ),
        key(
            "network",
            Shape::OneOf(&ContainerNetwork::NAMES),
            Default("\"bridge\""),
            "",
            "Which network containers of functions are in: `\"bridge\"` the stack's own, `\"host\"` this machine's.",
        ),
    ],
);

static LOCALSTACK: Table = table(
    "LocalStack in a container.",
    &[
        key(
            "image",
            Shape::Text(Text::Rule(&rules::IMAGE)),
            Derived("the version that stackctl is tested with"),
            "",
            "The image.",
        ),
        key("port", PORT, Default("4566"), "", "The port on loopback."),
    ],
);

static AWS: Table = table("AWS itself.", &[PROFILE, ACCOUNT, TARGET_REGION, AWS_ENDPOINT, ROLE, BUCKET, NAME_PREFIX]);

static ENDPOINT: Table = table(
    "Any AWS-compatible endpoint, or AWS itself once more.",
    &[
        key(
            "kind",
            Shape::OneOf(&["aws"]),
            Derived("an endpoint"),
            "",
            "`\"aws\"` is AWS itself: for a second account or region.",
        ),
        key("endpoint", Shape::Text(Text::Rule(&rules::ENDPOINT)), RequiredWithout("kind"), "", "Its URL."),
        TARGET_REGION,
        ACCOUNT,
        PROFILE,
        ROLE,
        BUCKET,
        NAME_PREFIX,
    ],
);

const PROFILE: Key = key(
    "profile",
    Shape::Text(Text::Free { max: 256 }),
    Derived("AWS's default chain of credentials; nobody's, at an endpoint"),
    "",
    "The profile of the AWS configuration.",
);
const ACCOUNT: Key = key(
    "account",
    Shape::Text(Text::Rule(&rules::ACCOUNT)),
    Derived("whichever the credentials are of"),
    "",
    "The account that it has to be: with credentials of another one nothing is changed.",
);
const TARGET_REGION: Key =
    key("region", Shape::Text(Text::Rule(&rules::REGION)), Derived("that of `[stack]`"), "", "The region there.");
const AWS_ENDPOINT: Key = key(
    "endpoint",
    Shape::Text(Text::Rule(&rules::ENDPOINT)),
    Derived("AWS's own"),
    "",
    "Something that stands for AWS in a rehearsal.",
);
const ROLE: Key = key(
    "role",
    Shape::Text(Text::Rule(&rules::ROLE)),
    Derived("each function's own `role`; a placeholder at an endpoint"),
    "Role",
    "The execution role of functions and schedules that name none.",
);
const BUCKET: Key = key(
    "bucket",
    Shape::Text(Text::Free { max: 63 }),
    Derived("packages are at most 50 MiB"),
    "Code.S3Bucket",
    "The bucket through which packages go that are over the limit of a direct upload.",
);
const NAME_PREFIX: Key = key(
    "name_prefix",
    Shape::Text(Text::Rule(&rules::NAME_PREFIX)),
    Default("\"\""),
    "",
    "What precedes each name, the stack's included, so that two developers do not meet: `\"${env:USER}-\"`.",
);

static PROFILES: Table = map("Overlays, chosen with `--profile NAME`.", &PROFILE_KEYS);

static PROFILE_KEYS: Others =
    Others { noun: "a profile", names: &rules::WORD, max: PROFILES_MAX, shape: Shape::Partial(&OVERLAY) };
