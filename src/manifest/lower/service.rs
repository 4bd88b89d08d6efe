//! `[services.NAME]`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Fields, Lowering, target};
use crate::{
    manifest::{
        format::{is_path, port_mapping, volume},
        problem::Problem,
        suggest,
        tree::{Node, Value},
    },
    stack::{
        Condition, ContainerNetwork, DesiredService, HealthTest, ImageBuild, MountSource, Reference, RestartPolicy,
        ServiceImage, ServiceMount, ServicePort, Template, TemplatePart,
    },
};

impl Lowering<'_> {
    pub(super) fn service(&mut self, key: &str, fields: &Fields<'_>) -> DesiredService {
        DesiredService {
            image: self.image(key, fields),
            entrypoint: fields.texts("entrypoint"),
            command: fields.texts("command"),
            environment: self.service_environment(fields),
            network: target::network(fields),
            ports: self.ports(fields),
            volumes: fields.texts("volumes").iter().filter_map(|text| self.mount(text)).collect(),
            health: health(fields),
            depends_on: self.dependencies(fields),
            restart: fields.text("restart").and_then(|name| RestartPolicy::parse(&name)).unwrap_or_default(),
            memory_bytes: fields.node("memory").map(|_| fields.bytes("memory")),
            cpu_percent: fields.node("cpus").map(|_| fields.percent("cpus")),
        }
    }

    /// Either a name or a build.
    fn image(&mut self, key: &str, fields: &Fields<'_>) -> ServiceImage {
        let (image, build) = (fields.node("image"), fields.node("build"));
        let span = self.root.get("services").and_then(|services| services.entry(key)).map(|entry| entry.key_span);
        match (image, build, span) {
            (None, None, Some(span)) => {
                let message = format!("`services.{key}` has neither `image` nor `build`");
                let problem = Problem::mistake("missing_key", message).at(span, "needs one of them");
                let help = "write `image = \"postgres:16\"`, or `build = \"DIRECTORY\"` for one with a Dockerfile";
                self.problems.push(problem.help(help));
            }
            (Some(_), Some(build), _) => {
                let message = format!("`services.{key}` has both `image` and `build`");
                let problem = Problem::mistake("conflict", message).at(build.span, "beside `image`");
                self.problems.push(problem.help("leave one of them out"));
            }
            _ => {}
        }
        let Some(node) = build else { return ServiceImage::Named(fields.text("image").unwrap_or_default()) };
        let table = fields.table("build");
        let context = node.as_text().map(str::to_owned).or_else(|| table.text("context")).unwrap_or_default();
        let arguments = table.node("args").map(Node::entries).unwrap_or_default();
        ServiceImage::Built(ImageBuild {
            context: self.path(&context),
            dockerfile: table.text("dockerfile").unwrap_or_default().into(),
            target: table.text("target").unwrap_or_default(),
            arguments: arguments
                .iter()
                .filter_map(|entry| Some((entry.key.clone(), entry.node.as_text()?.to_owned())))
                .collect(),
        })
    }

    /// In this machine's network nothing stands between a port and who listens on it.
    fn ports(&mut self, fields: &Fields<'_>) -> Vec<ServicePort> {
        let is_host = target::network(fields) == ContainerNetwork::Host;
        let mut ports = Vec::new();
        for item in fields.node("ports").map(Node::items).unwrap_or_default() {
            let Some(port) = item.as_text().and_then(port_mapping) else { continue };
            if is_host && (port.host_port != port.container_port || !port.host_ip.is_loopback()) {
                let message = "a service in this machine's network has its ports there, and none that are mapped";
                let problem = Problem::mistake("conflict", message).at(item.span, "beside `network = \"host\"`");
                let help = format!("write `{0}:{0}`, and tell its program where to listen", port.container_port);
                self.problems.push(problem.help(help));
            }
            ports.push(port);
        }
        ports
    }

    /// A container finds this machine's loopback in itself: what is an address there is none here.
    fn service_environment(&mut self, fields: &Fields<'_>) -> BTreeMap<String, Template> {
        let node = fields.node("environment");
        let environment = self.templates(node);
        for entry in node.map(Node::entries).unwrap_or_default() {
            let parts = environment.get(&entry.key).map(|template| template.0.as_slice()).unwrap_or_default();
            let is_unreachable = |part: &TemplatePart| {
                matches!(part, TemplatePart::Reference(Reference::QueueUrl(_) | Reference::StackEndpoint))
            };
            if parts.iter().any(is_unreachable) {
                let message =
                    format!("`{}` refers to the engine's address, which a container does not reach", entry.key);
                let problem =
                    Problem::mistake("bad_reference", message).at(entry.node.span, "on this machine's loopback");
                self.problems.push(problem.help("the engine listens on loopback alone; a function can send for it"));
            }
        }
        environment
    }

    fn mount(&self, text: &str) -> Option<ServiceMount> {
        let (source, target, is_read_only) = volume(text)?;
        let source =
            if is_path(source) { MountSource::Path(self.path(source)) } else { MountSource::Volume(source.to_owned()) };
        Some(ServiceMount { source, target: target.to_owned(), is_read_only })
    }

    fn dependencies(&mut self, fields: &Fields<'_>) -> BTreeMap<String, Condition> {
        let node = fields.node("depends_on");
        let Some(Node { value: Value::Table(entries), .. }) = node else {
            return self.service_keys(node).into_iter().map(|key| (key, Condition::Ready)).collect();
        };
        let mut dependencies = BTreeMap::new();
        for entry in entries {
            if let Some(unknown) = self.unknown_service(&entry.key) {
                self.problems.push(unknown.at(entry.key_span, "no such service"));
            }
            let condition = entry.node.as_text().and_then(Condition::parse).unwrap_or(Condition::Ready);
            dependencies.insert(entry.key.clone(), condition);
        }
        dependencies
    }

    /// A list of services' keys; one that is in no `[services.KEY]` is a mistake.
    pub(super) fn service_keys(&mut self, node: Option<&Node>) -> Vec<String> {
        let mut keys = Vec::new();
        for item in node.map(Node::items).unwrap_or_default() {
            let Some(key) = item.as_text() else { continue };
            if let Some(unknown) = self.unknown_service(key) {
                self.problems.push(unknown.at(item.span, "no such service"));
            }
            keys.push(key.to_owned());
        }
        keys
    }

    fn unknown_service(&self, key: &str) -> Option<Problem> {
        let services = self.root.get("services").map(Node::entries).unwrap_or_default();
        if services.iter().any(|entry| entry.key == key) {
            return None;
        }
        let help = suggest::did_you_mean(key, services.iter().map(|entry| entry.key.as_str()))
            .unwrap_or_else(|| format!("add `[services.{key}]`"));
        Some(Problem::mistake("unknown_reference", format!("`{key}` is no service of this manifest")).help(help))
    }

    /// Services that wait for each other would never start.
    pub(super) fn no_circles(&mut self, services: &BTreeMap<String, DesiredService>) {
        let Some(circle) = circle(services) else { return };
        let entry = self.root.get("services").and_then(|all| all.entry(&circle[0]));
        let place = entry.and_then(|entry| entry.node.get("depends_on").map(|node| node.span).or(Some(entry.key_span)));
        let message = format!("services wait for each other: {}", circle.join(" -> "));
        let problem = Problem::mistake("circle", message).help("leave one of these dependencies out");
        self.problems.push(place.into_iter().fold(problem, |problem, span| problem.at(span, "waits")));
    }
}

fn health(fields: &Fields<'_>) -> Option<HealthTest> {
    let node = fields.node("health")?;
    if node.as_text().is_some() {
        return Some(HealthTest::Disabled);
    }
    let table = fields.table("health");
    let command = table.node("command")?;
    let test = match command.as_text() {
        Some(line) => vec!["CMD-SHELL".to_owned(), line.to_owned()],
        None => ["CMD".to_owned()].into_iter().chain(table.texts("command")).collect(),
    };
    Some(HealthTest::Command {
        test,
        interval_s: table.seconds("interval"),
        timeout_s: table.seconds("timeout"),
        retries: table.number("retries").unwrap_or_default(),
        start_period_s: table.seconds("start_period"),
    })
}

/// The first circle of dependencies, its first service again at the end.
fn circle(services: &BTreeMap<String, DesiredService>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    services.keys().find_map(|key| follow(key, services, &mut Vec::new(), &mut done))
}

fn follow(
    key: &str,
    services: &BTreeMap<String, DesiredService>,
    path: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(at) = path.iter().position(|on_path| on_path == key) {
        return Some(path[at..].iter().cloned().chain([key.to_owned()]).collect());
    }
    if done.contains(key) {
        return None;
    }
    path.push(key.to_owned());
    let found = services.get(key).into_iter().flat_map(|service| service.depends_on.keys());
    let circle = found.into_iter().find_map(|next| follow(next, services, path, done));
    path.pop();
    done.insert(key.to_owned());
    circle
}
