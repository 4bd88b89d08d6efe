//! Functions in containers: settings that belong to one kind of function and stand at another.

use super::Lint;
use crate::{
    manifest::{problem::Problem, tree::Node},
    model::FunctionIsolation,
    stack::{Build, DesiredFunction},
};

impl Lint<'_> {
    pub(super) fn containers(&mut self) {
        let desired = self.desired;
        for (key, function) in &desired.functions {
            self.image_function(key, function);
            self.zip_function(key, function);
        }
    }

    /// An image brings its own runtime, and is in a container whatever is said.
    fn image_function(&mut self, key: &str, function: &DesiredFunction) {
        if !function.is_image() {
            return;
        }
        for name in ["runtime", "handler", "base_image"] {
            self.refuse(
                key,
                name,
                "an image brings it along",
                "take it out; an image's command is `image_config.command`",
            );
        }
        if !function.layers.is_empty() {
            self.refuse(key, "layers", "an image has no layers", "put into the image what they have");
        }
        if self.written(key, "isolation").and_then(Node::as_text) == Some(FunctionIsolation::Process.as_str()) {
            self.refuse(key, "isolation", "an image runs in a container alone", "take it out");
        }
        if function.image.is_some() && function.build != Build::None {
            self.refuse(key, "build", "`image` names one that is built already", "take one of the two out");
        }
    }

    fn zip_function(&mut self, key: &str, function: &DesiredFunction) {
        if function.is_image() {
            return;
        }
        self.refuse(key, "image_config", "only an image has it", "name the image with `image`, or build it");
        if function.base_image.is_some() && function.isolation == FunctionIsolation::Process {
            let message = format!("`base_image` of `functions.{key}` is not used: its environments are processes");
            let problem = Problem::warning("unused_base_image", message)
                .at(self.place(&["functions", key, "base_image"]), "not used")
                .help("set `isolation = \"container\"`");
            self.report(problem);
        }
    }

    fn refuse(&mut self, key: &str, name: &str, why: &str, help: &str) {
        if self.is_written(key, name) {
            let problem = Problem::mistake("wrong_package", format!("`{name}` of `functions.{key}`: {why}"))
                .at(self.place(&["functions", key, name]), "does not go with it")
                .help(help);
            self.report(problem);
        }
    }

    fn is_written(&self, key: &str, name: &str) -> bool {
        self.written(key, name).is_some()
    }

    fn written(&self, key: &str, name: &str) -> Option<&Node> {
        self.root.get("functions")?.get(key)?.get(name)
    }
}
