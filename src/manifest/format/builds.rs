//! `build` of a function.

use super::{
    Others,
    Presence::Default,
    Presence::Derived,
    Presence::Required,
    Shape, Table, Text,
    functions::{ARGUMENT, VARIABLES_MAX},
    key, map, rules, table,
};

const FLAGS_MAX: usize = 100;

pub(super) static BUILD: Table = table(
    "How the source becomes what is deployed.",
    &[
        key("go", Shape::Table(&GO), Derived(""), "", "`go build` for the function's architecture."),
        key("rust", Shape::Table(&RUST), Derived(""), "", "`cargo build` for the function's architecture."),
        key("node", Shape::Table(&NODE), Derived(""), "", "The source with its `node_modules`, or a bundle of it."),
        key("python", Shape::Table(&PYTHON), Derived(""), "", "The source with its requirements installed beside it."),
        key("java", Shape::Table(&JAVA), Derived(""), "", "Maven or Gradle, whichever the source has."),
        key("command", Shape::Table(&COMMAND), Derived(""), "", "A command of your own."),
        key("image", Shape::Table(&IMAGE), Derived(""), "", "A container image, from a Dockerfile."),
        key("none", Shape::Table(&NOTHING), Derived(""), "", "The source directory as it is."),
    ],
);

static IMAGE: Table = table(
    "A container image, from a Dockerfile.",
    &[
        key(
            "dockerfile",
            Shape::Text(Text::Rule(&rules::NOT_EMPTY)),
            Default("\"Dockerfile\""),
            "",
            "The Dockerfile, relative to the context.",
        ),
        key(
            "context",
            Shape::Text(Text::Path),
            Default("\".\""),
            "",
            "The folder that is sent, relative to the source.",
        ),
        key(
            "target",
            Shape::Text(Text::Free { max: 256 }),
            Default("\"\""),
            "",
            "The stage to stop at; empty for the last.",
        ),
        key("args", Shape::Table(&IMAGE_ARGS), Derived("none"), "", "Values of the Dockerfile's `ARG`s."),
    ],
);

static IMAGE_ARGS: Table = map("Values of a Dockerfile's `ARG`s.", &IMAGE_ARG_KEYS);

static IMAGE_ARG_KEYS: Others = Others {
    noun: "an argument of a build",
    names: &rules::SERVICE_ENVIRONMENT_NAMES,
    max: VARIABLES_MAX,
    shape: Shape::Text(Text::Free { max: 4096 }),
};

pub(super) static NOTHING: Table = table("Nothing to say.", &[]);

static GO: Table = table(
    "`go build`.",
    &[
        key(
            "package",
            Shape::Text(Text::Free { max: 4096 }),
            Default("\".\""),
            "",
            "The main package, relative to the source.",
        ),
        key(
            "flags",
            Shape::List { item: &ARGUMENT, max: FLAGS_MAX },
            Default("[]"),
            "",
            "Further flags of `go build`, like `[\"-tags\", \"local\"]`.",
        ),
    ],
);

static RUST: Table = table(
    "`cargo build`.",
    &[
        key(
            "bin",
            Shape::Text(Text::Free { max: 256 }),
            Derived("the package's only binary"),
            "",
            "The binary, when the package has several.",
        ),
        key("profile", Shape::Text(Text::Free { max: 256 }), Default("\"release\""), "", "The cargo profile."),
    ],
);

static NODE: Table = table(
    "JavaScript as it is, or bundled by esbuild.",
    &[
        key(
            "bundle",
            Shape::Bool,
            Derived("whether the handler's module is TypeScript"),
            "",
            "Whether esbuild makes one file of the handler's module and all that it imports, with a source map.",
        ),
        key(
            "external",
            Shape::List { item: &ARGUMENT, max: FLAGS_MAX },
            Default("[]"),
            "",
            "Packages that the bundle leaves out; they are put beside it where they are installed.",
        ),
    ],
);

static PYTHON: Table = table(
    "Python as it is, with its requirements.",
    &[key(
        "requirements",
        Shape::Text(Text::Path),
        Derived("`requirements.txt`, `uv.lock` or `pyproject.toml` of the source"),
        "",
        "The requirements file, relative to the source.",
    )],
);

static JAVA: Table = table(
    "A build tool of the JVM.",
    &[key(
        "tool",
        Shape::OneOf(&["maven", "gradle"]),
        Derived("what the source has a build file of"),
        "",
        "Which one, when the source has both.",
    )],
);

pub(super) static COMMAND: Table = table(
    "A command of your own.",
    &[
        key(
            "run",
            Shape::Text(Text::Rule(&rules::NOT_EMPTY)),
            Required,
            "",
            "The command, run by `sh -c` in the source directory.",
        ),
        key(
            "artifact",
            Shape::Text(Text::Rule(&rules::NOT_EMPTY)),
            Required,
            "",
            "The directory, zip or executable that it leaves, relative to the source.",
        ),
    ],
);
