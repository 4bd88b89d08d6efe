//! What people do by hand today, word for word, through both versions of the real `aws` CLI: a queue, a Go consumer that
//! is built, zipped, created and mapped, and a message whose id and body are in the function's log.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::support::{
    binary::{Serving, eventually, succeed},
    tool::Tool,
    trials,
};

trials!(
    with_the_first_aws_cli needs [Tool::Aws1, Tool::Go, Tool::Zip],
    with_the_second_aws_cli needs [Tool::Aws2, Tool::Go, Tool::Zip],
);

const FUNCTION: &str = "example-sqs-consumer";
const GROUP: &str = "/aws/lambda/example-sqs-consumer";

fn with_the_first_aws_cli() {
    let serving = Serving::start();
    let id = deploy_and_send(&serving, Tool::Aws1);
    let lines = eventually("the invocation's REPORT", || {
        let events = succeed(serving.aws(Tool::Aws1, &["logs", "filter-log-events", "--log-group-name", GROUP]));
        let events: Value = serde_json::from_str(&events).unwrap();
        let messages = events["events"].as_array().unwrap().iter();
        let lines: Vec<String> = messages.map(|event| event["message"].as_str().unwrap().to_owned()).collect();
        lines.iter().any(|line| line.starts_with("REPORT")).then_some(lines)
    });
    check_log(&lines, &id);
}

fn with_the_second_aws_cli() {
    let serving = Serving::start();
    let id = deploy_and_send(&serving, Tool::Aws2);
    let lines = eventually("the invocation's REPORT", || {
        let tail = succeed(serving.aws(Tool::Aws2, &["logs", "tail", GROUP, "--format", "short", "--since", "5m"]));
        // Each line begins with its time.
        let lines: Vec<String> =
            tail.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim().to_owned())).collect();
        lines.iter().any(|line| line.starts_with("REPORT")).then_some(lines)
    });
    check_log(&lines, &id);
}

/// Everything up to the message; returns its id.
fn deploy_and_send(serving: &Serving, aws: Tool) -> String {
    let built = tempfile::tempdir().unwrap();
    build(built.path());
    let zip = format!("fileb://{}", built.path().join("main.zip").display());
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&succeed(serving.aws(aws, arguments))).unwrap_or(Value::Null)
    };
    let port = serving.endpoint.rsplit(':').next().unwrap();
    let queue_url = json(&["sqs", "create-queue", "--queue-name", "example-queue"])["QueueUrl"].clone();
    assert_eq!(queue_url, format!("http://127.0.0.1:{port}/000000000000/example-queue"));
    #[rustfmt::skip]
    let created = json(&[
        "lambda", "create-function", "--function-name", FUNCTION, "--runtime", "go1.x", "--handler", "main",
        "--zip-file", &zip, "--role", "arn:aws:iam::123456789012:role/sampleRole", "--architectures", "x86_64",
    ]);
    assert_eq!(created["Runtime"], "go1.x");
    #[rustfmt::skip]
    let updated = json(&[
        "lambda", "update-function-configuration", "--function-name", FUNCTION, "--timeout", "5",
        "--environment", "Variables={LEVEL=debug}",
    ]);
    assert_eq!((&updated["Timeout"], &updated["Environment"]["Variables"]["LEVEL"]), (&5.into(), &"debug".into()));
    #[rustfmt::skip]
    let mapping = json(&[
        "lambda", "create-event-source-mapping", "--function-name", FUNCTION,
        "--event-source-arn", "arn:aws:sqs:ap-northeast-1:000000000000:example-queue",
    ]);
    assert_eq!(mapping["BatchSize"], 10);
    let listed = json(&["lambda", "list-functions"]);
    check_listed(&listed["Functions"][0]);
    let sent = json(&["sqs", "send-message", "--queue-url", queue_url.as_str().unwrap(), "--message-body", "hoge"]);
    assert_eq!(sent["MD5OfMessageBody"], "ea703e7aa1efda0064eaa507d9e8ab7e");
    sent["MessageId"].as_str().unwrap().to_owned()
}

fn build(to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/go-sqs-consumer/get_message");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(to.join("main")).arg(".").current_dir(source);
    succeed(go);
    let mut zip = Command::new("zip");
    zip.args(["-q", "main.zip", "main"]).current_dir(to);
    succeed(zip);
}

/// The fields that AWS gives.
fn check_listed(function: &Value) {
    let expected = [
        ("FunctionName", Value::from(FUNCTION)),
        ("FunctionArn", Value::from("arn:aws:lambda:ap-northeast-1:000000000000:function:example-sqs-consumer")),
        ("Runtime", Value::from("go1.x")),
        ("Role", Value::from("arn:aws:iam::123456789012:role/sampleRole")),
        ("Handler", Value::from("main")),
        ("Timeout", Value::from(5)),
        ("MemorySize", Value::from(128)),
        ("Version", Value::from("$LATEST")),
        ("PackageType", Value::from("Zip")),
        ("Architectures", Value::from(vec!["x86_64"])),
    ];
    for (field, value) in expected {
        assert_eq!(function[field], value, "{field}");
    }
    for field in [
        "CodeSize",
        "Description",
        "LastModified",
        "CodeSha256",
        "TracingConfig",
        "RevisionId",
        "EphemeralStorage",
        "SnapStart",
    ] {
        assert!(!function[field].is_null(), "{field} is missing in {function}");
    }
}

/// The message's id and body stand between START and REPORT, and REPORT has what AWS's has.
fn check_log(lines: &[String], message_id: &str) {
    let position = |start: &str| {
        lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {lines:#?}"))
    };
    let (start, end, report) =
        (position("START RequestId: "), position("END RequestId: "), position("REPORT RequestId: "));
    let printed = lines.iter().position(|line| *line == format!("message {message_id}: hoge"));
    let printed = printed.unwrap_or_else(|| panic!("the message is not in {lines:#?}"));
    assert!(start < printed && printed < end && end < report, "{lines:#?}");
    for part in ["Duration: ", "Billed Duration: ", "Memory Size: 128 MB", "Max Memory Used: ", "Init Duration: "] {
        assert!(lines[report].contains(part), "no `{part}` in {}", lines[report]);
    }
    let used = lines[report].split("Max Memory Used: ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(used.parse::<u32>().unwrap() > 0, "{}", lines[report]);
}
