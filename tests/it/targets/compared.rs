//! What two targets have of the same stack, setting by setting, beside the differences that `docs/targets.md` knows.

use std::{collections::BTreeMap, path::Path};

use stackctl::{
    converge::Provider,
    manifest,
    model::{AccountId, Region, Scope},
    provider::{AwsProvider, Connection, Packages, Trust},
    stack::{Access, Observed},
};

use crate::support::world::block_on;

/// One of two targets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) url: &'a str,
    /// The same in texts that functions get.
    pub(crate) of_functions: &'a str,
}

/// See the module. The stack is on both already.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) manifest: &'a str,
    pub(crate) account: &'a str,
    pub(crate) here: Place<'a>,
    pub(crate) there: Place<'a>,
    /// The heading of the documentation whose table is of `there`.
    pub(crate) name: &'a str,
}

pub(crate) fn connection(endpoint: &str, account: &str) -> Connection {
    let scope = Scope { account: AccountId::parse(account).unwrap(), region: Region::parse("eu-west-1").unwrap() };
    Connection::open(endpoint, &scope, &Trust::default())
}

impl Comparison<'_> {
    /// Holds the table to what is found: no difference is missing, and none is in it that is none.
    pub(crate) fn hold(&self) {
        let (here, there) = (self.observe(self.here), self.observe(self.there));
        assert!(here.len() > 50, "{here:#?}");
        let keys = here.keys().chain(there.keys().filter(|key| !here.contains_key(*key)));
        let value = |lines: &BTreeMap<String, String>, key: &str| lines.get(key).cloned().unwrap_or("-".to_owned());
        let differences: BTreeMap<&str, String> = keys
            .filter(|key| here.get(*key) != there.get(*key))
            .map(|key| (key.as_str(), format!("{} | {}", value(&here, key), value(&there, key))))
            .collect();
        let known = self.known();
        let unknown: Vec<_> = differences.iter().filter(|(key, _)| !known.contains(key)).collect();
        assert!(
            unknown.is_empty(),
            "docs/targets.md does not know of these differences on {}: {unknown:#?}",
            self.name
        );
        for key in known {
            assert!(differences.contains_key(key), "docs/targets.md knows of a difference at `{key}` that is none");
        }
    }

    /// The settings of the table below the heading.
    fn known(&self) -> Vec<&'static str> {
        let documentation = include_str!("../../../docs/targets.md");
        let sections = documentation.split("\n## ");
        let section = sections.into_iter().find(|section| section.starts_with(&format!("{}\n", self.name))).unwrap();
        let is_setting = |line: &&str| {
            ["queues.", "functions.", "schedules.", "layers."]
                .iter()
                .any(|kind| line.starts_with(&format!("| `{kind}")))
        };
        section.lines().filter(is_setting).map(|line| line.split('`').nth(1).unwrap()).collect()
    }

    fn observe(&self, place: Place<'_>) -> BTreeMap<String, String> {
        let connection = connection(place.url, self.account);
        let provider = AwsProvider::connected(&connection, Packages::new(self.dir.to_owned(), &connection));
        let source = manifest::Source { path: "stack.toml".into(), text: self.manifest.to_owned() };
        let context = manifest::Context {
            base: self.dir,
            env: &|_| None,
            profile: None,
            overlay: None,
            version: env!("CARGO_PKG_VERSION"),
        };
        let desired = manifest::read(&source, &context).desired.unwrap().on(&Access::default()).unwrap();
        let lines = lines(&block_on(provider.observe(&desired)).unwrap());
        let plain = |text: String| text.replace(place.of_functions, "ENDPOINT").replace(place.url, "ENDPOINT");
        lines.into_iter().map(|(key, value)| (key, plain(value))).collect()
    }
}

/// Everything that was observed, a line for each setting; without what is another one at each creation.
fn lines(observed: &Observed) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let mut add = |key: String, value: String| drop(lines.insert(key, value));
    for (name, queue) in &observed.queues {
        for (attribute, value) in queue.attributes.iter().filter(|(name, _)| !name.ends_with("Timestamp")) {
            // A policy in other words is the same policy.
            let value = serde_json::from_str::<serde_json::Value>(value).map_or(value.clone(), |json| json.to_string());
            add(format!("queues.{name}.{attribute}"), value);
        }
        for (tag, value) in &queue.tags {
            add(format!("queues.{name}.tags.{tag}"), value.clone());
        }
        add(format!("queues.{name}.url"), queue.url.clone());
    }
    for (name, function) in &observed.functions {
        let mut field = |key: &str, value: String| add(format!("functions.{name}.{key}"), value);
        field("arn", function.arn.clone());
        field("runtime", function.runtime.clone());
        field("handler", function.handler.clone());
        field("description", function.description.clone());
        field("role", function.role.clone());
        field("memory", function.memory_mb.to_string());
        field("timeout", function.timeout_s.to_string());
        field("ephemeral_storage", function.ephemeral_storage_mb.to_string());
        field("architecture", format!("{:?}", function.architecture));
        field("log_format", format!("{:?}", function.log_format));
        field("environment", format!("{:?}", function.environment.0));
        field("code_sha256", function.code_sha256.clone());
        field("reserved", format!("{:?}", function.reserved_concurrency));
        field("provisioned", format!("{:?}", function.live.as_ref().map(|live| (&live.version, live.provisioned))));
        field("url", format!("{:?}", function.url.as_ref().map(|url| (&url.alias, &url.settings))));
        field("layers", format!("{:?}", function.layers));
        field("readiness", format!("{:?}", function.readiness));
        for (tag, value) in &function.tags {
            field(&format!("tags.{tag}"), value.clone());
        }
    }
    for mapping in observed.mappings.values() {
        let mut field = |key: &str, value: String| {
            add(format!("functions.{}.triggers.{}.{key}", mapping.function, mapping.queue.name), value);
        };
        field("alias", format!("{:?}", mapping.alias));
        field("enabled", mapping.enabled.to_string());
        field("batch_size", mapping.batch_size.to_string());
        field("batching_window", mapping.batching_window_s.to_string());
        field("max_concurrency", format!("{:?}", mapping.max_concurrency));
        field("report_batch_item_failures", mapping.report_batch_item_failures.to_string());
        field("filters", mapping.filters.join(" "));
    }
    for (name, schedule) in &observed.schedules {
        let mut field = |key: &str, value: String| add(format!("schedules.{name}.{key}"), value);
        field("expression", schedule.expression.clone());
        field("timezone", schedule.timezone.clone());
        field("target", schedule.target.clone());
        field("role", schedule.role.clone());
        field("input", format!("{:?}", schedule.input));
        field("retries", format!("{} {}", schedule.max_retries, schedule.max_age_s));
        field("window", format!("{:?}", schedule.window_minutes));
        field("enabled", schedule.enabled.to_string());
    }
    for (arn, layer) in &observed.layers {
        let mut field = |key: &str, value: String| add(format!("layers.{}.{key}", layer.mark.key), value);
        field("arn", arn.clone());
        field("name", layer.name.clone());
        field("version", layer.version.to_string());
        field("runtimes", layer.runtimes.join(" "));
        field("artifact", layer.mark.digest.to_string());
    }
    lines
}
