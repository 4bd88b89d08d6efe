//! `[functions.NAME]`.

use std::path::PathBuf;

use super::{
    Fields, Lowering,
    fields::as_number,
    queue::{json, tags},
    schedule,
    target::default_isolation,
};
use crate::{
    manifest::{
        format::{RESERVED_ENVIRONMENT, ROOT},
        problem::Problem,
        tree::{Node, Value},
    },
    model::{Debugging, FunctionIsolation, FunctionName, limits},
    stack::{
        Architecture, Build, DesiredFunction, FunctionImage, ImageConfig, LogFormat, Pollers, Provisioned, Template,
        TemplatePart, Trigger,
    },
};

impl Lowering<'_> {
    pub(super) fn function(&mut self, key: &str, fields: &Fields<'_>) -> Option<(String, DesiredFunction)> {
        let build = self.build(fields);
        let is_image = fields.node("image").is_some() || matches!(build, Build::Image(_));
        let runtime = if is_image { String::new() } else { self.runtime(key, fields) };
        let concurrency = fields.table("concurrency");
        let default = default_isolation(&Fields::new(Some(self.root), &ROOT).table("targets"));
        let function = DesiredFunction {
            name: FunctionName::parse(key).ok()?,
            description: fields.text("description").unwrap_or_default(),
            handler: self.handler(key, &runtime, fields),
            runtime,
            source: self.source(fields),
            isolation: match fields.text("isolation").and_then(|name| FunctionIsolation::parse(&name)) {
                _ if is_image => FunctionIsolation::Container,
                written => written.unwrap_or(default),
            },
            base_image: fields.text("base_image"),
            image: fields.text("image"),
            image_config: image_config(fields),
            build,
            watch: fields.texts("watch").iter().map(|path| self.path(path)).collect(),
            memory_mb: fields.mib("memory"),
            timeout_s: fields.seconds("timeout"),
            ephemeral_storage_mb: fields.mib("ephemeral_storage"),
            architecture: match fields.text("architecture").as_deref() {
                Some("arm64") => Architecture::Arm64,
                _ => Architecture::X86_64,
            },
            role: fields.text("role"),
            environment: self.environment(key, fields),
            layers: self.layers(fields),
            reserved_concurrency: concurrency.number("reserved"),
            provisioned_concurrency: provisioned(&concurrency),
            depends_on: self.service_keys(fields.node("depends_on")),
            triggers: fields.items("triggers").map(|trigger| self.trigger(&trigger)).collect(),
            url: schedule::url(fields),
            log_format: match fields.text("log_format").as_deref() {
                Some("json") => LogFormat::Json,
                _ => LogFormat::Text,
            },
            debug: debugging(&fields.table("debug")),
            tags: tags(fields),
        };
        Some((key.to_owned(), function))
    }

    fn runtime(&mut self, key: &str, fields: &Fields<'_>) -> String {
        if fields.node("runtime").is_none() {
            let entry = self.root.get("functions").and_then(|functions| functions.entry(key));
            let problem = Problem::mistake("missing_key", format!("`runtime` is missing in `functions.{key}`"))
                .help("`runtime`: AWS's name of the runtime; only an `image` has none");
            let problem = entry
                .map(|entry| entry.key_span)
                .into_iter()
                .fold(problem, |problem, span| problem.at(span, "needs `runtime`"));
            self.problems.push(problem);
        }
        fields.text("runtime").unwrap_or_default()
    }

    fn handler(&mut self, key: &str, runtime: &str, fields: &Fields<'_>) -> String {
        if fields.node("handler").is_some() || runtime.is_empty() {
            return fields.text("handler").unwrap_or_default();
        }
        if !runtime.starts_with("provided") {
            let example = match runtime {
                python if python.starts_with("python") => "app.handler",
                node if node.starts_with("nodejs") => "index.handler",
                "go1.x" => "main",
                _ => "example.Handler::handleRequest",
            };
            let entry = self.root.get("functions").and_then(|functions| functions.entry(key));
            let problem = Problem::mistake("missing_key", format!("`handler` is missing in `functions.{key}`"))
                .help(format!("only `provided.*` runtimes have a default; write it like `handler = \"{example}\"`"));
            let problem = entry
                .map(|entry| entry.key_span)
                .into_iter()
                .fold(problem, |problem, span| problem.at(span, "needs `handler`"));
            self.problems.push(problem);
        }
        "bootstrap".to_owned()
    }

    pub(super) fn source(&self, fields: &Fields<'_>) -> PathBuf {
        self.path(&fields.text("source").unwrap_or_default())
    }

    pub(super) fn build(&self, fields: &Fields<'_>) -> Build {
        let Some(node) = fields.node("build") else { return Build::None };
        let tools = fields.table("build");
        let tool = node.as_text().or_else(|| node.entries().first().map(|entry| entry.key.as_str()));
        match tool {
            Some("go") => {
                let go = tools.table("go");
                Build::Go { package: go.text("package").unwrap_or_default(), flags: go.texts("flags") }
            }
            Some("rust") => {
                let rust = tools.table("rust");
                Build::Rust { bin: rust.text("bin"), profile: rust.text("profile").unwrap_or_default() }
            }
            Some("node") => {
                let node = tools.table("node");
                let bundle = node.node("bundle").map(|_| node.flag("bundle"));
                Build::Node { bundle, external: node.texts("external") }
            }
            Some("python") => Build::Python {
                requirements: tools.table("python").text("requirements").map(|text| self.source(fields).join(text)),
            },
            Some("java") => Build::Java { tool: tools.table("java").text("tool") },
            Some("command") => {
                let command = tools.table("command");
                Build::Command {
                    run: command.text("run").unwrap_or_default(),
                    artifact: command.text("artifact").unwrap_or_default().into(),
                }
            }
            Some("image") => {
                let image = tools.table("image");
                let args = image.node("args").map(Node::entries).unwrap_or_default();
                let args = args.iter().filter_map(|arg| Some((arg.key.clone(), arg.node.as_text()?.to_owned())));
                Build::Image(FunctionImage {
                    dockerfile: image.text("dockerfile").unwrap_or_default(),
                    context: image.text("context").unwrap_or_default().into(),
                    target: image.text("target").unwrap_or_default(),
                    args: args.collect(),
                })
            }
            _ => Build::None,
        }
    }

    fn environment(&mut self, key: &str, fields: &Fields<'_>) -> std::collections::BTreeMap<String, Template> {
        let entries = fields.node("environment").map(Node::entries).unwrap_or_default();
        for entry in entries.iter().filter(|entry| RESERVED_ENVIRONMENT.contains(&entry.key.as_str())) {
            let problem = Problem::mistake("bad_name", format!("Lambda sets `{}` itself", entry.key));
            self.problems.push(problem.at(entry.key_span, "reserved").help("give the variable another name"));
        }
        let environment = self.templates(fields.node("environment"));
        let bytes: usize = environment.iter().map(|(name, value)| name.len() + literal_bytes(value)).sum();
        let entry = fields.node("environment");
        if let (true, Some(node)) = (bytes > limits::ENVIRONMENT_MAX_BYTES, entry) {
            let message = format!(
                "the environment of `functions.{key}` has {bytes} bytes, and AWS allows {}",
                limits::ENVIRONMENT_MAX_BYTES
            );
            self.problems.push(Problem::mistake("out_of_range", message).at(node.span, "too large"));
        }
        environment
    }

    fn trigger(&mut self, fields: &Fields<'_>) -> Trigger {
        Trigger {
            queue: self.queue_key(fields.node("queue"), "the trigger's queue"),
            enabled: fields.flag("enabled"),
            batch_size: fields.number("batch_size").unwrap_or_default(),
            batching_window_s: fields.seconds("batching_window"),
            max_concurrency: fields.number("max_concurrency"),
            provisioned_pollers: pollers(fields),
            report_batch_item_failures: fields.flag("report_batch_item_failures"),
            filters: fields.node("filters").map(Node::items).unwrap_or_default().iter().map(json).collect(),
        }
    }
}

fn image_config(fields: &Fields<'_>) -> ImageConfig {
    let config = fields.table("image_config");
    ImageConfig {
        entry_point: config.texts("entry_point"),
        command: config.texts("command"),
        working_directory: config.text("working_directory"),
    }
}

fn debugging(fields: &Fields<'_>) -> Option<Debugging> {
    let port = fields.number("port").and_then(|port| u16::try_from(port).ok())?;
    Some(Debugging { port, wait: fields.flag("wait") })
}

fn pollers(fields: &Fields<'_>) -> Option<Pollers> {
    fields.node("provisioned_pollers")?;
    let table = fields.table("provisioned_pollers");
    Some(Pollers { min: table.number("min").unwrap_or_default(), max: table.number("max").unwrap_or_default() })
}

fn provisioned(fields: &Fields<'_>) -> Option<Provisioned> {
    let node = fields.node("provisioned")?;
    if let Value::Table(_) = node.value {
        let tracked = fields.table("provisioned");
        return Some(Provisioned::Tracked {
            min: tracked.number("min").unwrap_or_default(),
            max: tracked.number("max").unwrap_or_default(),
            target_utilization_percent: tracked.percent("target_utilization"),
        });
    }
    as_number(node).map(Provisioned::Fixed)
}

fn literal_bytes(template: &Template) -> usize {
    let bytes = |part: &TemplatePart| if let TemplatePart::Text(text) = part { text.len() } else { 0 };
    template.0.iter().map(bytes).sum()
}
