//! `[layers.NAME]`.

use super::{
    Others,
    Presence::Default,
    Presence::Derived,
    Shape, Table, Text,
    builds::{COMMAND, NOTHING},
    key, map, rules, table,
};

/// More than any stack has; bounds what a manifest can ask for.
const LAYERS_MAX: usize = 100;
/// `CompatibleRuntimes` (Lambda service model).
const RUNTIMES_MAX: usize = 15;

pub(super) static LAYERS: Table = map("Layers: what functions find at `/opt`, by name.", &LAYER_KEYS);

static LAYER_KEYS: Others =
    Others { noun: "a layer", names: &rules::LAYER_KEY, max: LAYERS_MAX, shape: Shape::Table(&LAYER) };

static LAYER: Table = table(
    "A layer. Its name on the target is the stack's, a hyphen and its key.",
    &[
        key(
            "source",
            Shape::Text(Text::Path),
            Default("\".\""),
            "Content",
            "The directory that is built and watched, relative to the manifest. What it has stands at `/opt`: packages for Python in `python`, for Node in `nodejs/node_modules`, extensions in `extensions`.",
        ),
        key(
            "build",
            Shape::Either(&[Shape::OneOf(&["none"]), Shape::Choice(&LAYER_BUILD)]),
            Default("\"none\""),
            "",
            "How the source becomes the layer: the directory as it is, or what a command of your own leaves.",
        ),
        key(
            "runtimes",
            Shape::List { item: &Shape::Text(Text::Rule(&rules::RUNTIME)), max: RUNTIMES_MAX },
            Derived("any"),
            "CompatibleRuntimes",
            "The runtimes that the layer is made for.",
        ),
    ],
);

static LAYER_BUILD: Table = table(
    "How the source becomes the layer.",
    &[
        key("command", Shape::Table(&COMMAND), Derived(""), "", "A command of your own."),
        key("none", Shape::Table(&NOTHING), Derived(""), "", "The source directory as it is."),
    ],
);
