//! The programs in `tests/clients`: one a client, each with an engine of its own. They print `ok NAME` for each check and
//! fail at the first that does not hold.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use super::{folder, package, zipped};
use crate::{
    environments::runtime_clients,
    support::{
        binary::{Serving, stackctl, succeed},
        tool::Tool,
        trials,
    },
};

trials!(
    python_in_json needs [Tool::PythonClients],
    python_in_query needs [Tool::PythonQueryClients],
    javascript needs [Tool::Node, Tool::NodeClients],
    sqs_consumer needs [Tool::Node, Tool::NodeClients],
    go needs [Tool::Go, Tool::GoClients],
    java needs [Tool::Java, Tool::JavaClients],
    lambda_in_python needs [Tool::PythonClients, Tool::Python],
    autoscaling_in_python needs [Tool::PythonClients, Tool::Python],
    lambda_in_javascript needs [Tool::Node, Tool::NodeClients, Tool::Python],
    control_in_python needs [Tool::PythonClients],
    control_in_go needs [Tool::Go, Tool::GoClients],
    control_in_java needs [Tool::Java, Tool::JavaClients],
    control_in_javascript needs [Tool::Node, Tool::NodeClients],
    lambda_in_go needs [Tool::Go, Tool::GoClients, Tool::Python],
    streams_in_python needs [Tool::PythonClients, Tool::Node],
    streams_in_javascript needs [Tool::Node, Tool::NodeClients],
    function_urls needs [Tool::PythonClients, Tool::Node],
    live_tail needs [Tool::PythonClients],
    schedules needs [Tool::PythonClients, Tool::Python],
    recursion needs [Tool::PythonClients, Tool::Python],
    service_models needs [Tool::ServiceModels],
    runtime_clients needs [
        Tool::PythonClients, Tool::Node, Tool::NodeRuntime, Tool::RustClients, Tool::GoClients, Tool::Java, Tool::JavaClients
    ],
    powertools_in_python needs [Tool::PythonClients, Tool::Python],
    powertools_in_typescript needs [Tool::PythonClients, Tool::Node, Tool::NodeClients],
    celery needs [Tool::PythonClients],
    spring needs [Tool::Java, Tool::JavaClients],
);

/// What the programs of all SDKs check, in this order.
const SQS_CHECKS: [&str; 15] = [
    "queues",
    "attributes",
    "tags",
    "messages",
    "batches",
    "long-poll",
    "visibility",
    "fifo",
    "dead-letters",
    "move-tasks",
    "errors",
    "purge",
    "paging",
    "permissions",
    "worlds",
];

/// What the programs of all SDKs check of Lambda.
const LAMBDA_CHECKS: [&str; 5] = ["lifecycle", "invocations", "configuration", "concurrency", "mappings"];

/// What the programs check of the control plane beside that.
const CONTROL_CHECKS: [&str; 8] =
    ["roles", "policies", "credentials", "permissions", "code-signing", "configurations", "written-logs", "the-end"];

fn python_in_json() {
    check(python(Tool::PythonClients, "sqs.py"), &SQS_CHECKS);
}

fn python_in_query() {
    check(python(Tool::PythonQueryClients, "sqs.py"), &SQS_CHECKS);
}

fn javascript() {
    check(node("sqs.js"), &SQS_CHECKS);
}

fn go() {
    check(go_program("./sqs"), &SQS_CHECKS);
}

fn java() {
    check(java_program("Sqs.java"), &SQS_CHECKS);
}

fn lambda_in_python() {
    let more = [LAMBDA_CHECKS.as_slice(), &["weights", "log-groups"]].concat();
    check_lambda(python(Tool::PythonClients, "aws_lambda.py"), &more);
}

fn autoscaling_in_python() {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let program = python(Tool::PythonClients, "autoscaling.py");
    let with_package = |serving: &Serving| {
        let mut command = program(serving);
        command.arg(&package);
        command
    };
    // A minute lasts a second.
    let mut serve = stackctl(dir.path(), &["serve", "--port", "0", "--time-factor", "60", "--state"]);
    serve.arg(dir.path().join("state"));
    check_on(&Serving::of(serve), with_package, &["target", "policy", "load", "schedule", "end"]);
}

fn live_tail() {
    let with_our_variable = |serving: &Serving| {
        let mut command = python(Tool::PythonClients, "live_tail.py")(serving);
        // As `stackctl env` and `exec` have it.
        command.env("AWS_DISABLE_HOST_PREFIX_INJECTION", "true");
        command
    };
    check(with_our_variable, &["refusals", "start", "updates", "sampling"]);
}

fn control_in_python() {
    let (last, checks) = CONTROL_CHECKS.split_last().unwrap();
    let more = [checks, &["names", "qualified-names", "pages", "revisions", last]].concat();
    check_lambda(python(Tool::PythonClients, "control.py"), &more);
}

fn control_in_go() {
    check_lambda(go_program("./control"), &CONTROL_CHECKS);
}

fn control_in_java() {
    check_lambda(java_program("Control.java"), &CONTROL_CHECKS);
}

fn control_in_javascript() {
    check_lambda(node("control.js"), &CONTROL_CHECKS);
}

fn lambda_in_javascript() {
    check_lambda(node("lambda.js"), &LAMBDA_CHECKS);
}

fn lambda_in_go() {
    check_lambda(go_program("./lambda"), &LAMBDA_CHECKS);
}

fn streams_in_python() {
    let expected =
        ["pieces-as-they-come", "errors-in-the-middle", "larger-than-a-buffered-response", "whole-responses"];
    check(with_functions("streams.py"), &expected);
}

fn function_urls() {
    let expected = [
        "configurations",
        "events-and-answers",
        "hosts-of-their-own",
        "cross-origin-requests",
        "signed-requests",
        "aliases",
        "streamed-answers",
    ];
    check(with_functions("urls.py"), &expected);
}

fn schedules() {
    let expected = ["groups", "schedules", "queues-as-targets", "functions-as-targets", "dead-letters"];
    check_lambda(python(Tool::PythonClients, "schedules.py"), &expected);
}

fn recursion() {
    check(python(Tool::PythonClients, "recursion.py"), &["configuration", "loop"]);
}

/// Each operation and each constraint of the models that the tables of constraints were made of.
fn service_models() {
    let services = ["sqs", "lambda", "scheduler", "logs", "iam", "sts", "application-autoscaling"];
    let with_services = |serving: &Serving| {
        let mut command = python(Tool::ServiceModels, "models.py")(serving);
        command.args(services);
        command
    };
    check(with_services, &services);
}

/// AWS's runtime clients behind Lambda's API: pieces as they come, and timeouts.
fn runtime_clients() {
    let clients = [
        runtime_clients::python(),
        runtime_clients::node(),
        runtime_clients::rust(),
        runtime_clients::go(),
        runtime_clients::java(),
    ];
    let expected: Vec<_> = clients.iter().map(|client| client.name).collect();
    let described = clients.iter().map(|client| {
        json!({
            "name": client.name, "bootstrap": format!("#!/bin/sh\nexec {}\n", client.command), "file": client.file,
            "handler": client.handler, "streams": client.streams,
        })
    });
    let described = Value::from_iter(described).to_string();
    let with_clients = |serving: &Serving| {
        let mut command = python(Tool::PythonClients, "runtimes.py")(serving);
        command.arg(&described);
        command
    };
    check(with_clients, &expected);
}

/// A program in Python with the folder of the functions that stream.
fn with_functions(program: &str) -> impl Fn(&Serving) -> Command {
    move |serving| {
        let mut command = python(Tool::PythonClients, program)(serving);
        command.arg(folder().join("streaming"));
        command
    }
}

fn streams_in_javascript() {
    let dir = tempfile::tempdir().unwrap();
    let package = zipped(dir.path(), "streaming", "index.js");
    let with_package = |serving: &Serving| {
        let mut command = node("streams.js")(serving);
        command.arg(&package);
        command
    };
    check(with_package, &["pieces", "errors"]);
}

fn powertools_in_python() {
    let packages = Path::new(Tool::PythonClients.path().unwrap()).parent().unwrap().parent().unwrap().join("lib");
    // `lib/python3.11/site-packages`
    let version = fs::read_dir(&packages).unwrap().next().unwrap().unwrap().path();
    check_powertools(["python3.12", "app.py", "PYTHONPATH"], &version.join("site-packages"));
}

fn powertools_in_typescript() {
    check_powertools(["nodejs22.x", "app.js", "NODE_PATH"], Tool::NodeClients.path().unwrap());
}

/// A function of that runtime and file, which finds its packages by that variable.
fn check_powertools([runtime, file, variable]: [&str; 3], packages: &Path) {
    let program = python(Tool::PythonClients, "powertools.py");
    let with_function = |serving: &Serving| {
        let mut command = program(serving);
        command.arg(runtime).arg(folder().join("powertools").join(file)).arg(variable).arg(packages);
        command
    };
    check(with_function, &["standard", "ordered"]);
}

fn celery() {
    check(python(Tool::PythonClients, "celery_worker.py"), &["tasks", "retry", "countdown", "empty"]);
}

fn spring() {
    check(java_program("Listener.java"), &["sent", "handled", "empty"]);
}

fn sqs_consumer() {
    check(node("consumer.js"), &["dead-letter", "handled-once", "empty"]);
}

fn python(tool: Tool, program: &str) -> impl Fn(&Serving) -> Command {
    move |serving| {
        let mut command = serving.client(tool.path().unwrap());
        command.arg(folder().join("python").join(program));
        command
    }
}

fn node(program: &str) -> impl Fn(&Serving) -> Command {
    move |serving| {
        let mut command = serving.client(Tool::Node.path().unwrap());
        command.arg(folder().join("node").join(program)).env("NODE_PATH", Tool::NodeClients.path().unwrap());
        command
    }
}

fn go_program(package: &str) -> impl Fn(&Serving) -> Command {
    move |serving| {
        let mut command = serving.client(Tool::Go.path().unwrap());
        command.args(["run", package]).current_dir(folder().join("go"));
        command
    }
}

fn java_program(file: &str) -> impl Fn(&Serving) -> Command {
    move |serving| {
        let mut command = serving.client(Tool::Java.path().unwrap());
        command.arg("-cp").arg(Tool::JavaClients.path().unwrap().join("*")).arg(folder().join("java").join(file));
        command
    }
}

/// Runs a program with the package of the function that it deploys.
fn check_lambda(program: impl Fn(&Serving) -> Command, expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let package = package(dir.path());
    let with_package = |serving: &Serving| {
        let mut command = program(serving);
        command.arg(&package);
        command
    };
    check(with_package, expected);
}

/// Runs a program against an engine of its own. A check that it does not make is missed too.
fn check(program: impl Fn(&Serving) -> Command, expected: &[&str]) {
    check_on(&Serving::start(), program, expected);
}

fn check_on(serving: &Serving, program: impl Fn(&Serving) -> Command, expected: &[&str]) {
    let printed = succeed(program(serving));
    let checks: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix("ok ")).collect();
    assert_eq!(checks, expected);
}
