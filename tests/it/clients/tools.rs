//! Programs that deploy functions, unchanged: they find the engine by `AWS_ENDPOINT_URL` alone, make a role, and go on as on
//! AWS.

use std::{fs, path::Path, process::Command};

use super::folder;
use crate::support::{
    binary::{Serving, eventually, run, succeed},
    tool::Tool,
    trials,
};

trials!(
    chalice_deploys_updates_and_deletes needs [Tool::DeployTools, Tool::Python],
    lambda_uploader_deploys needs [Tool::DeployTools, Tool::Python],
);

fn program(serving: &Serving, name: &str, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = serving.client(&Tool::DeployTools.path().unwrap().join(name));
    command.args(arguments).current_dir(dir);
    command
}

/// A JSON request without a signature, which is the default account's and region's.
fn boto3(serving: &Serving, code: &str) -> String {
    let mut command = serving.client(&Tool::DeployTools.path().unwrap().join("python"));
    command.arg("-c").arg(format!("import boto3\n{code}"));
    succeed(command)
}

/// An app with a function, and one that a queue invokes.
fn chalice_deploys_updates_and_deletes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join(".chalice")).unwrap();
    fs::copy(folder().join("chalice/app.py"), dir.join("app.py")).unwrap();
    fs::write(dir.join(".chalice/config.json"), r#"{"version": "2.0", "app_name": "greeter", "stages": {"dev": {}}}"#)
        .unwrap();
    fs::write(dir.join("requirements.txt"), "").unwrap();
    let serving = Serving::start();
    boto3(&serving, "boto3.client('sqs').create_queue(QueueName='jobs', Attributes={'VisibilityTimeout': '60'})");
    let chalice = |arguments: &[&str]| succeed(program(&serving, "chalice", dir, arguments));
    let deployed = chalice(&["deploy"]);
    assert!(deployed.contains("Subscribing greeter-dev-job to SQS queue jobs"), "{deployed}");
    let again = chalice(&["deploy"]);
    assert!(again.contains("Updating lambda function: greeter-dev-hello"), "{again}");
    let answer = chalice(&["invoke", "-n", "hello"]);
    assert_eq!(answer.trim(), r#"{"hello": "nobody"}"#);
    boto3(
        &serving,
        "sqs = boto3.client('sqs')\nsqs.send_message(QueueUrl=sqs.get_queue_url(QueueName='jobs')['QueueUrl'], MessageBody='hoge')",
    );
    eventually("the message in the function's log", || {
        run(program(&serving, "chalice", dir, &["logs", "-n", "job"])).stdout.contains("received hoge").then_some(())
    });
    chalice(&["delete"]);
    let left = boto3(
        &serving,
        "print(boto3.client('iam').list_roles()['Roles'], boto3.client('lambda').list_functions()['Functions'])",
    );
    assert_eq!(left.trim(), "[] []");
}

fn lambda_uploader_deploys() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::copy(folder().join("function/app.py"), dir.join("app.py")).unwrap();
    let settings = serde_json::json!({
        "name": "uploaded", "description": "d", "region": "ap-northeast-1", "runtime": "python3.12",
        "handler": "app.handler", "role": "arn:aws:iam::000000000000:role/r", "requirements": [],
        "ignore": ["lambda\\.json$"], "timeout": 30, "memory": 256
    });
    fs::write(dir.join("lambda.json"), settings.to_string()).unwrap();
    let serving = Serving::start();
    for _ in 0..2 {
        succeed(program(&serving, "lambda-uploader", dir, &["--publish", "--alias", "live", "."]));
    }
    let found = boto3(
        &serving,
        "functions = boto3.client('lambda')\n\
         print(functions.get_alias(FunctionName='uploaded', Name='live')['Name'], \
         functions.get_function_configuration(FunctionName='uploaded')['Timeout'])",
    );
    assert_eq!(found.trim(), "live 30");
}
