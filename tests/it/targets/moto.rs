//! moto's server: AWS's control planes as another project understands them. Its functions run nowhere, so that nothing is
//! invoked.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

use stackctl::{
    converge::Provider,
    manifest,
    model::{AccountId, Region, Scope},
    provider::{AwsProvider, Connection, Packages},
    stack::{Access, Observed},
};

use super::{EVERYTHING, write};
use crate::support::{
    binary::{Serving, eventually, run, stackctl, succeed},
    tool::Tool,
    trials,
    world::block_on,
};

trials!(the_same_stack_on_the_engine_and_on_moto needs [Tool::Moto, Tool::Python]);

/// moto's own.
const ACCOUNT: &str = "123456789012";

/// A server; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Moto {
    child: Child,
    pub(crate) endpoint: String,
}

impl Moto {
    pub(crate) fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = Command::new(Tool::Moto.path().unwrap());
        let command = command.args(["-H", "127.0.0.1", "-p", &port]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let moto = Self { child, endpoint: format!("http://127.0.0.1:{port}") };
        eventually("moto listens", || TcpStream::connect(moto.address()).ok());
        moto
    }

    fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    fn config(&self) -> aws_types::SdkConfig {
        connection(&self.endpoint, ACCOUNT).config().clone()
    }

    /// Makes a role that Lambda may assume; its ARN.
    pub(crate) fn role(&self, name: &str) -> String {
        let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22\
                      %3A%7B%22Service%22%3A%22lambda.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
        let body = format!("Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument={policy}");
        let credential = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
        let request = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\nauthorization: {credential}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address(),
            body.len()
        );
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    pub(crate) async fn queues(&self) -> Vec<String> {
        let client = aws_sdk_sqs::Client::new(&self.config());
        client.list_queues().send().await.unwrap().queue_urls.unwrap_or_default()
    }

    pub(crate) async fn code_size(&self, function: &str) -> i64 {
        let client = aws_sdk_lambda::Client::new(&self.config());
        client.get_function().function_name(function).send().await.unwrap().configuration.unwrap().code_size
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&self.config()).force_path_style(true).build())
    }

    pub(crate) async fn make_bucket(&self, name: &str) {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let region =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::EuWest1).build();
        self.s3().create_bucket().bucket(name).create_bucket_configuration(region).send().await.unwrap();
    }

    pub(crate) async fn objects(&self, bucket: &str) -> Vec<String> {
        let found = self.s3().list_objects_v2().bucket(bucket).send().await.unwrap();
        found.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connection(endpoint: &str, account: &str) -> Connection {
    let scope = Scope { account: AccountId::parse(account).unwrap(), region: Region::parse("eu-west-1").unwrap() };
    Connection::open(endpoint, &scope)
}

fn the_same_stack_on_the_engine_and_on_moto() {
    let (moto, engine, dir) = (Moto::start(), Serving::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    moto.role("stackctl");
    let text = format!(
        "{EVERYTHING}\n[targets.moto]\nendpoint = \"{}\"\n[targets.engine]\nendpoint = \"{}\"\naccount = \"{ACCOUNT}\"\n",
        moto.endpoint, engine.endpoint
    );
    write(dir, &text);
    succeed(stackctl(dir, &["up", "--target", "engine"]));
    let up = run(stackctl(dir, &["up", "--target", "moto"]));
    assert_eq!(up.code, Some(0), "{}", up.stderr);
    assert!(up.stderr.contains("functions.worker: the target `moto` has no provisioned concurrency"), "{}", up.stderr);
    assert!(up.stderr.contains("does not give it back"), "{}", up.stderr);

    let observe = |endpoint: &str| {
        let connection = connection(endpoint, ACCOUNT);
        let provider = AwsProvider::connected(&connection, Packages::new(dir.to_owned(), &connection));
        let source = manifest::Source { path: "stack.toml".into(), text: text.clone() };
        let context = manifest::Context {
            base: dir,
            env: &|_| None,
            profile: None,
            overlay: None,
            version: env!("CARGO_PKG_VERSION"),
        };
        let desired = manifest::read(&source, &context).desired.unwrap().on(&Access::default()).unwrap();
        let lines = lines(&block_on(provider.observe(&desired)).unwrap());
        let plain = |text: String| text.replace(endpoint, "ENDPOINT");
        lines.into_iter().map(|(key, value)| (key, plain(value))).collect::<BTreeMap<_, _>>()
    };
    let (here, there) = (observe(&engine.endpoint), observe(&moto.endpoint));
    assert!(here.len() > 50, "{here:#?}");
    let keys = here.keys().chain(there.keys().filter(|key| !here.contains_key(*key)));
    let value = |lines: &BTreeMap<String, String>, key: &str| lines.get(key).cloned().unwrap_or_else(|| "-".to_owned());
    let differences: Vec<String> = keys
        .filter(|key| here.get(*key) != there.get(*key))
        .map(|key| format!("{key}: {} | {}", value(&here, key), value(&there, key)))
        .collect();
    let known = include_str!("../../../docs/targets.md");
    let unknown: Vec<_> = differences
        .iter()
        .filter(|difference| !known.contains(&format!("| `{}` |", difference.split(": ").next().unwrap_or_default())))
        .collect();
    assert!(unknown.is_empty(), "docs/targets.md does not know of these differences: {unknown:#?}");
    for row in known.lines().filter(|line| line.starts_with("| `queues.") || line.starts_with("| `functions.")) {
        let key = row.split('`').nth(1).unwrap();
        let is_there = differences.iter().any(|difference| difference.starts_with(&format!("{key}: ")));
        assert!(is_there, "docs/targets.md knows of a difference at `{key}` that is none");
    }
    // Found by the tag alone: the manifest names none of it any more.
    let moto_alone = format!("[targets.moto]\nendpoint = \"{}\"\n", moto.endpoint);
    write(dir, &format!("[stack]\nname = \"orders\"\nregion = \"eu-west-1\"\n{moto_alone}"));
    let plan = succeed(stackctl(dir, &["plan", "--target", "moto"]));
    assert!(plan.contains("- queues.dlq") && plan.contains("- functions.worker"), "{plan}");
    write(dir, &text);
    succeed(stackctl(dir, &["down", "--target", "moto", "--yes"]));
    succeed(stackctl(dir, &["down", "--target", "engine", "--yes"]));
    assert_eq!(block_on(moto.queues()), Vec::<String>::new());
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
    lines
}
