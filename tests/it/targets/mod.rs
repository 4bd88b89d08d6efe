//! The same stack on targets that are not the embedded engine: a second engine as anybody's endpoint, moto's server, and what
//! stands for AWS in a rehearsal.

mod aws;
mod compared;
mod gate;
pub(crate) mod localstack;
mod moto;

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{
    binary::{Printed, Serving, eventually, run, stackctl, succeed},
    tool::Tool,
    trials,
};
use gate::{Answer, Gate};

trials!(
    everything_on_an_endpoint needs [Tool::Python],
    watch_deploys_to_an_endpoint needs [Tool::Python],
    two_developers_do_not_meet,
    what_is_not_known_yet_is_waited_for,
    unknown_targets_and_impossible_commands_are_refused,
);

/// This module's tests and those of its parts.
pub(crate) fn every() -> Vec<libtest_mimic::Trial> {
    [all(), aws::all(), localstack::all(), moto::all()].into_iter().flatten().collect()
}

/// With all that a manifest has, and without targets.
const EVERYTHING: &str = r#"
[stack]
name = "orders"
region = "eu-west-1"

[queues.dlq]
redrive_allow = ["work"]

[queues.work]
visibility_timeout = "60s"
retention = "2d"
receive_wait = "2s"
dead_letter = { queue = "dlq", max_receives = 3 }
policy = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "sqs:SendMessage", Resource = "*" }] }
tags = { team = "a" }

[queues.ordered]
fifo = { content_based_deduplication = true, high_throughput = true }
encryption = false

[layers.shared]
source = "layer"
build = "none"
runtimes = ["python3.13"]

[functions.worker]
description = "works"
runtime = "python3.13"
handler = "app.handler"
source = "src"
build = "python"
memory = "256MiB"
timeout = "10s"
ephemeral_storage = "1GiB"
log_format = "json"
environment = { ORDERED_URL = "${queues.ordered.url}", LEVEL = "info" }
layers = ["shared"]
concurrency = { reserved = 10, provisioned = 1 }
url = { cors = { allow_origins = ["*"] } }
tags = { team = "a" }

[[functions.worker.triggers]]
queue = "work"
batch_size = 5
max_concurrency = 5
report_batch_item_failures = true
filters = [{ body = { kind = ["order"] } }]

[schedules.nightly]
expression = "cron(0 3 * * ? *)"
timezone = "Asia/Tokyo"
function = "worker"
input = "{\"kind\": \"nightly\"}"
"#;

const APP: &str = r#"
import os
def handler(event, context):
    print("handling", [record["body"] for record in event.get("Records", [])])
    return {"answer": "one", "url": os.environ["ORDERED_URL"]}
"#;

fn write(dir: &Path, manifest: &str) {
    for folder in ["src", "layer"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    fs::write(dir.join("layer/shared.txt"), "shared").unwrap();
    fs::write(dir.join("stack.toml"), manifest).unwrap();
    fs::write(dir.join("src/app.py"), APP).unwrap();
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[track_caller]
fn refused(printed: &Printed, expected: &[&str]) {
    assert_ne!(printed.code, Some(0), "{}{}", printed.stdout, printed.stderr);
    for text in expected {
        assert!(printed.stderr.contains(text), "`{text}` is not in:\n{}", printed.stderr);
    }
}

fn everything_on_an_endpoint() {
    let (other, dir) = (Serving::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let manifest = format!("{EVERYTHING}\n[targets.other]\nendpoint = \"{}\"\n", other.endpoint);
    write(dir, &manifest);
    let on = |arguments: &[&str]| stackctl(dir, &[&["--target", "other"], arguments].concat());
    assert_eq!(run(on(&["plan", "--exit-code"])).code, Some(2));
    let up = json(&succeed(on(&["up", "--json"])));
    assert_eq!((&up["endpoint"], &up["changed"]["create"]), (&Value::from(other.endpoint.as_str()), &Value::from(8)));
    succeed(on(&["plan", "--exit-code"]));
    assert_eq!(json(&succeed(on(&["up", "--json"])))["steps"]["steps"].as_array().map_or(0, Vec::len), 0);
    let answer = json(&succeed(on(&["invoke", "worker"])));
    assert_eq!(answer["url"], format!("{}/000000000000/ordered.fifo", other.endpoint));
    succeed(on(&["send", "work", r#"{"kind": "order"}"#]));
    eventually("the message is handled", || succeed(on(&["logs", "worker"])).contains("handling").then_some(()));
    let status = json(&succeed(on(&["status", "--json"])));
    assert_eq!(
        (&status["functions"][0]["state"], &status["functions"][0]["provisioned"]),
        (&"ready".into(), &1.into())
    );
    assert_eq!(status["schedules"][0]["expression"], "cron(0 3 * * ? *)");
    let env = succeed(on(&["env"]));
    assert!(env.contains(&format!("STACKCTL_QUEUE_ORDERED_FIFO_URL={}", other.endpoint)), "{env}");
    succeed(on(&["send", "dlq", "left"]));
    assert!(succeed(on(&["receive", "dlq"])).contains("left"));

    // Drift is seen and mended, what is no longer declared goes, and losses are asked about.
    let smaller =
        manifest.split_once("[schedules.nightly]").unwrap().0.replace("timeout = \"10s\"", "timeout = \"9s\"");
    write(dir, &format!("{smaller}\n[targets.other]\nendpoint = \"{}\"\n", other.endpoint));
    let plan = succeed(on(&["plan"]));
    assert!(plan.contains("timeout 10s -> 9s") && plan.contains("- schedules.nightly"), "{plan}");
    succeed(on(&["up"]));
    succeed(on(&["plan", "--exit-code"]));
    refused(&run(on(&["down"])), &["messages would be lost", "--yes"]);
    succeed(on(&["down", "--yes"]));
    let left = json(&succeed(on(&["status", "--json"])));
    assert_eq!((left["functions"].as_array().unwrap().len(), left["queues"].as_array().unwrap().len()), (0, 0));
    assert!(!dir.join(".stackctl/engine.db").exists(), "no engine was started here");
}

fn watch_deploys_to_an_endpoint() {
    let (other, dir) = (Serving::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    write(dir, &format!("{EVERYTHING}\n[targets.other]\nendpoint = \"{}\"\n", other.endpoint));
    let on = |arguments: &[&str]| stackctl(dir, &[&["--target", "other"], arguments].concat());
    let mut watching = crate::watch::Events::of(on(&["watch", "--json"]));
    watching.next("watching");
    assert_eq!(json(&succeed(on(&["invoke", "worker"])))["answer"], "one");
    fs::write(dir.join("src/app.py"), APP.replace("\"one\"", "\"two\"")).unwrap();
    let served = watching.next("served");
    assert_eq!(served["served"], serde_json::json!(["worker"]), "{served}");
    assert_eq!(json(&succeed(on(&["invoke", "worker"])))["answer"], "two");
    assert_eq!(watching.next("log")["function"], "worker");
    let manifest = fs::read_to_string(dir.join("stack.toml")).unwrap();
    fs::write(dir.join("stack.toml"), manifest.replace("LEVEL = \"info\"", "LEVEL = \"debug\"")).unwrap();
    assert_eq!(watching.next("served")["manifest"], true);
    succeed(on(&["plan", "--exit-code"]));
    assert_eq!(watching.end(), Some(0));
    succeed(on(&["down", "--yes"]));
}

fn two_developers_do_not_meet() {
    let (other, dir) = (Serving::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let target =
        |name: &str| format!("[targets.{name}]\nendpoint = \"{}\"\nname_prefix = \"{name}-\"\n", other.endpoint);
    let manifest = format!("[stack]\nname = \"s\"\n[queues.jobs]\n{}{}", target("ann"), target("bob"));
    write(dir, &manifest);
    let on = |who: &str, arguments: &[&str]| stackctl(dir, &[&["--target", who], arguments].concat());
    succeed(on("ann", &["up"]));
    succeed(on("bob", &["up"]));
    succeed(on("ann", &["send", "jobs", "of ann"]));
    let held = |who: &str| json(&succeed(on(who, &["queues", "--json"])))["queues"][0].clone();
    assert_eq!((&held("ann")["name"], &held("ann")["visible"]), (&"ann-jobs".into(), &1.into()));
    assert_eq!((&held("bob")["name"], &held("bob")["visible"]), (&"bob-jobs".into(), &0.into()));
    succeed(on("ann", &["down", "--yes"]));
    succeed(on("bob", &["plan", "--exit-code"]));
    succeed(on("bob", &["down"]));
    let long = manifest
        .replace("\"ann-\"", &format!("\"{}\"", "a".repeat(32)))
        .replace("\"s\"", &format!("\"{}\"", "s".repeat(40)));
    write(dir, &long);
    refused(&run(on("ann", &["plan"])), &["a stack name is 1 to 64", "shorten `name_prefix`"]);
}

/// A name that is still taken, a role that nobody can assume yet, and a call that is throttled: each ends by itself.
fn what_is_not_known_yet_is_waited_for() {
    let other = Serving::start();
    let answer = |operation, error_type, message: &str, times| Answer {
        operation,
        times,
        status: 400,
        content_type: "application/json",
        error_type,
        body: format!(r#"{{"__type": "{error_type}", "message": "{message}", "Message": "{message}"}}"#),
    };
    let role = "The role defined for the function cannot be assumed by Lambda.";
    let gate = Gate::start(
        Some(&other.endpoint),
        vec![
            answer("CreateQueue", "com.amazonaws.sqs#QueueDeletedRecently", "wait 60 seconds", 1),
            answer("CreateFunction", "InvalidParameterValueException", role, 2),
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let manifest = format!(
        "[stack]\nname = \"s\"\n[queues.jobs]\n[functions.f]\nruntime = \"provided.al2023\"\nsource = \"src\"\nbuild = \"none\"\n\
         [targets.other]\nendpoint = \"{}\"\n",
        gate.endpoint
    );
    write(dir.path(), &manifest);
    let printed = run(stackctl(dir.path(), &["up", "--target", "other"]));
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    assert!(printed.stderr.contains("queues.jobs: its name is still taken"), "{}", printed.stderr);
    assert!(printed.stderr.contains("functions.f: not known everywhere yet"), "{}", printed.stderr);
    let seen = gate.seen();
    assert_eq!((seen["CreateQueue"], seen["CreateFunction"]), (2, 3), "{seen:?}");
    succeed(stackctl(dir.path(), &["down", "--target", "other"]));
}

fn unknown_targets_and_impossible_commands_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "[stack]\nname = \"s\"\n[targets.other]\nendpoint = \"http://127.0.0.1:1\"\n");
    let on = |target: &str, arguments: &[&str]| run(stackctl(dir.path(), &[&["--target", target], arguments].concat()));
    refused(&on("otter", &["up"]), &["the manifest has no target `otter`", "`other`"]);
    refused(&on("otter", &["check"]), &["no target `otter`"]);
    refused(&on("aws", &["plan"]), &["no target `aws`", "`[targets.aws]`"]);
    refused(
        &on("other", &["peek", "jobs"]),
        &["`peek` cannot work on the target `other`", "only to those who receive"],
    );
    refused(&on("other", &["top"]), &["`top` cannot work", "stackctl status"]);
    refused(&on("other", &["down", "--keep"]), &["no target keeps one"]);
    refused(&on("other", &["up"]), &["nothing answers at `http://127.0.0.1:1`"]);
}
