//! `[services.NAME]`.

use super::{
    Key, Others, Presence::Default, Presence::Derived, Presence::Required, Shape, Table, Text, key, map, rules, table,
};
use crate::stack::{Condition, ContainerNetwork, RestartPolicy};

/// More than any stack has; bounds what a manifest can ask for.
const SERVICES_MAX: usize = 100;
const LIST_MAX: usize = 100;
/// Longer than any service takes to start.
const TIME_MAX_S: u64 = 3600;
const MEMORY_MIN_BYTES: u64 = 6 << 20;
const MEMORY_MAX_BYTES: u64 = 1 << 50;
const CPU_MAX_PERCENT: u32 = 102_400;

pub(super) static SERVICES: Table = map("Containers beside the stack.", &SERVICE_KEYS);

static SERVICE_KEYS: Others =
    Others { noun: "a service", names: &rules::WORD, max: SERVICES_MAX, shape: Shape::Table(&SERVICE) };

static ARGUMENT: Shape = Shape::Text(Text::Free { max: 4096 });

static SERVICE: Table = table(
    "A container that runs beside the stack.",
    &[
        IMAGE,
        BUILD,
        ENTRYPOINT,
        COMMAND,
        ENVIRONMENT,
        key(
            "network",
            Shape::OneOf(&ContainerNetwork::NAMES),
            Default("\"bridge\""),
            "",
            "Which network it is in: `\"bridge\"` the stack's own, `\"host\"` this machine's, where `ports` says what it listens on.",
        ),
        key(
            "ports",
            Shape::List { item: &Shape::Text(Text::Rule(&rules::PORT_MAPPING)), max: LIST_MAX },
            Default("[]"),
            "",
            "Ports on this machine, as `HOST:CONTAINER`; on loopback alone, unless an address stands before.",
        ),
        key(
            "volumes",
            Shape::List { item: &Shape::Text(Text::Rule(&rules::VOLUME)), max: LIST_MAX },
            Default("[]"),
            "",
            "What is mounted, as `SOURCE:PATH`: a name is a volume of the stack, a path is relative to the manifest. `:ro` at the end for reading only.",
        ),
        HEALTH,
        DEPENDS_ON,
        RESTART,
        key(
            "memory",
            Shape::Bytes { min: MEMORY_MIN_BYTES, max: MEMORY_MAX_BYTES, step: 1 },
            Derived("no limit"),
            "",
            "The most memory that it gets.",
        ),
        key(
            "cpus",
            Shape::Fraction { min_percent: 1, max_percent: CPU_MAX_PERCENT },
            Derived("no limit"),
            "",
            "The most CPUs that it gets.",
        ),
    ],
);

const IMAGE: Key = key(
    "image",
    Shape::Text(Text::Rule(&rules::IMAGE)),
    Derived("what `build` makes"),
    "",
    "The image; pulled when it is not on this machine.",
);

const BUILD: Key = key(
    "build",
    Shape::Either(&BUILD_SHAPES),
    Derived("the image is pulled"),
    "",
    "A directory with a Dockerfile, instead of `image`. Built again when a file of it changes.",
);

static BUILD_SHAPES: [Shape; 2] = [Shape::Text(Text::Path), Shape::Table(&IMAGE_BUILD)];

static IMAGE_BUILD: Table = table(
    "How an image is built.",
    &[
        key("context", Shape::Text(Text::Path), Required, "", "The directory that is sent to the engine."),
        key(
            "dockerfile",
            Shape::Text(Text::Path),
            Default("\"Dockerfile\""),
            "",
            "The Dockerfile, relative to the context.",
        ),
        key(
            "target",
            Shape::Text(Text::Free { max: 256 }),
            Default("\"\""),
            "",
            "The stage to stop at; the last, when empty.",
        ),
        key("args", Shape::Table(&BUILD_ARGUMENTS), Derived("no arguments"), "", "Values of the Dockerfile's `ARG`s."),
    ],
);

static BUILD_ARGUMENTS: Table = map("Arguments of a build.", &BUILD_ARGUMENT_KEYS);

static BUILD_ARGUMENT_KEYS: Others = Others {
    noun: "an argument",
    names: &rules::SERVICE_ENVIRONMENT_NAMES,
    max: LIST_MAX,
    shape: Shape::Text(Text::Free { max: 4096 }),
};

const ENTRYPOINT: Key = key(
    "entrypoint",
    Shape::List { item: &ARGUMENT, max: LIST_MAX },
    Default("[]"),
    "",
    "The program and its first arguments, instead of the image's own.",
);

const COMMAND: Key = key(
    "command",
    Shape::List { item: &ARGUMENT, max: LIST_MAX },
    Default("[]"),
    "",
    "The command and its arguments, instead of the image's own.",
);

const ENVIRONMENT: Key = key(
    "environment",
    Shape::Table(&SERVICE_ENVIRONMENT),
    Derived("the image's own"),
    "",
    "Environment variables. Values may refer to the stack.",
);

static SERVICE_ENVIRONMENT: Table = map("Environment variables of a container.", &SERVICE_ENVIRONMENT_KEYS);

static SERVICE_ENVIRONMENT_KEYS: Others = Others {
    noun: "an environment variable",
    names: &rules::SERVICE_ENVIRONMENT_NAMES,
    max: LIST_MAX,
    shape: Shape::Text(Text::Template),
};

const HEALTH: Key = key(
    "health",
    Shape::Either(&HEALTH_SHAPES),
    Derived("the image's own"),
    "",
    "How the engine finds out whether it does its work; `\"none\"` switches the image's check off.",
);

static HEALTH_SHAPES: [Shape; 2] = [Shape::OneOf(&["none"]), Shape::Table(&HEALTH_TABLE)];

static HEALTH_TABLE: Table = table(
    "A health check.",
    &[
        key(
            "command",
            Shape::Either(&[
                Shape::Text(Text::Rule(&rules::NOT_EMPTY)),
                Shape::List { item: &ARGUMENT, max: LIST_MAX },
            ]),
            Required,
            "",
            "Run in the container; exit code 0 is healthy. A string is run by its shell.",
        ),
        key("interval", Shape::Seconds { min: 1, max: TIME_MAX_S }, Default("\"1s\""), "", "Time between two checks."),
        key("timeout", Shape::Seconds { min: 1, max: TIME_MAX_S }, Default("\"5s\""), "", "How long a check may take."),
        key(
            "retries",
            Shape::Integer { min: 1, max: 1000 },
            Default("30"),
            "",
            "So many failures in a row make it unhealthy.",
        ),
        key(
            "start_period",
            Shape::Seconds { min: 0, max: TIME_MAX_S },
            Default("\"0s\""),
            "",
            "Failures so soon after the start do not count.",
        ),
    ],
);

const DEPENDS_ON: Key = key(
    "depends_on",
    Shape::Either(&DEPENDS_ON_SHAPES),
    Derived("it starts at once"),
    "",
    "Services that come first: a list waits until they are ready, a table says for what (`db = \"healthy\"`).",
);

static DEPENDS_ON_SHAPES: [Shape; 2] =
    [Shape::List { item: &Shape::Text(Text::Free { max: 64 }), max: LIST_MAX }, Shape::Table(&DEPENDENCIES)];

static DEPENDENCIES: Table = map("Services that come first, and what of them is waited for.", &DEPENDENCY_KEYS);

static DEPENDENCY_KEYS: Others =
    Others { noun: "a service", names: &rules::WORD, max: LIST_MAX, shape: Shape::OneOf(&Condition::NAMES) };

const RESTART: Key = key(
    "restart",
    Shape::OneOf(&RestartPolicy::NAMES),
    Default("\"no\""),
    "",
    "What the engine does when the container ends.",
);
