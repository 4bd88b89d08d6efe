//! AWS's own runtime clients, unchanged, in front of our Runtime API: the same function in five languages.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use stackctl::engine::{EnvironmentEvent, LaunchSpec, StopReason};

use super::{Launched, Script, outcome, spec};
use crate::support::{tool::Tool, trials, world::block_on};

trials!(
    for_python needs [Tool::PythonClients],
    for_node needs [Tool::Node, Tool::NodeRuntime],
    for_rust needs [Tool::RustClients],
    for_go needs [Tool::GoClients],
    for_java needs [Tool::Java, Tool::JavaClients],
    whom_they_register_hears_of_the_end needs [Tool::PythonClients, Tool::RustClients, Tool::GoClients],
);

/// A file of `tests/clients/runtimes`.
macro_rules! function {
    ($name:literal) => {
        include_str!(concat!("../../clients/runtimes/", $name))
    };
}

/// A package whose bootstrap runs a command.
fn started_by(command: &str, files: &[(&str, u32, &str)]) -> Script {
    let bootstrap = format!("#!/bin/sh\nexec {command}\n");
    Script::new(&[&[("bootstrap", 0o755, bootstrap.as_str())], files].concat())
}

/// What starts a client with the handler's name, as a shell has it, and the file of the function when it is not compiled.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) command: String,
    pub(crate) file: Option<(&'static str, &'static str)>,
    pub(crate) handler: &'static str,
    /// The handler that streams, where a client can.
    pub(crate) streams: Option<&'static str>,
}

impl Client {
    fn script(&self) -> Script {
        let files: Vec<_> = self.file.iter().map(|(name, text)| (*name, 0o644, *text)).collect();
        started_by(&self.command, &files)
    }
}

pub(crate) fn python() -> Client {
    Client {
        name: "awslambdaric",
        command: format!("{} -m awslambdaric \"$_HANDLER\"", Tool::PythonClients.path().unwrap().display()),
        file: Some(("function.py", function!("function.py"))),
        handler: "function.handler",
        streams: None,
    }
}

pub(crate) fn node() -> Client {
    // `PACKAGE/dist/rapid-client.node`
    let package = Tool::NodeRuntime.path().unwrap().ancestors().nth(2).unwrap();
    let node = Tool::Node.path().unwrap().display();
    Client {
        name: "aws-lambda-ric",
        command: format!("{node} {}/bin/index.mjs \"$_HANDLER\"", package.display()),
        file: Some(("function.js", function!("function.js"))),
        handler: "function.handler",
        streams: Some("function.streams"),
    }
}

pub(crate) fn rust() -> Client {
    let command = Tool::RustClients.path().unwrap().join("runtime").display().to_string();
    Client { name: "lambda_runtime", command, file: None, handler: "x", streams: Some("x") }
}

pub(crate) fn go() -> Client {
    let command = Tool::GoClients.path().unwrap().join("function").display().to_string();
    Client { name: "aws-lambda-go", command, file: None, handler: "x", streams: Some("x") }
}

pub(crate) fn java() -> Client {
    let (java, jars) = (Tool::Java.path().unwrap().display(), Tool::JavaClients.path().unwrap());
    let (classes, jars) = (jars.with_file_name("java-function"), jars.display());
    let client = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";
    let command = format!("{java} -cp '{}:{jars}/*' {client} \"$_HANDLER\"", classes.display());
    Client { name: "aws-lambda-java", command, file: None, handler: "Function", streams: None }
}

fn launch(script: &Script, handler: &str) -> Launched {
    script.launch_spec(LaunchSpec { memory_mb: 512, ..spec("provided.al2023", handler) })
}

/// What the function is told of its invocation, as its client gives it: the deadline, the memory and the identity
/// that nobody has are the client's own way to say them.
fn check_context(document: &Value, deadline: &Value, memory: &Value, identity: &Value) {
    let expected = json!({
        "event": { "do": "answer", "a": "\u{fc}" }, "request": "id-1", "deadline": deadline,
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:f", "trace": "Root=1-2-3", "client": { "a": "\u{e4}" },
        "identity": identity, "function": "f", "memory": memory, "version": "$LATEST", "group": "/aws/lambda/f",
    });
    assert_eq!(*document, expected);
}

/// Answers and fails, and is warm after both.
async fn check(script: &Script, handler: &str, context: [Value; 3], error_type: &str) {
    let mut launched = launch(script, handler);
    let (lines, event) = launched.invoke(r#"{"do":"answer","a":"\u00fc"}"#).await;
    let (error, document) = outcome(&event);
    assert_eq!(error, None, "{lines:?} {document}");
    let [deadline, memory, identity] = context;
    // Java leaves out what is not there.
    let mut document = document;
    document.as_object_mut().unwrap().entry("identity").or_insert(Value::Null);
    check_context(&document, &deadline, &memory, &identity);
    assert!(lines.iter().any(|line| line.contains("printed")), "{lines:?}");
    let (lines, event) = launched.invoke(r#"{"do":"fail"}"#).await;
    let (_, document) = outcome(&event);
    assert!(matches!(event, EnvironmentEvent::Error { .. }), "{event:?}");
    assert_eq!(
        (&document["errorType"], &document["errorMessage"]),
        (&json!(error_type), &json!("nothing is left")),
        "{lines:?}"
    );
    let (lines, event) = launched.invoke(r#"{"do":"answer","a":1}"#).await;
    assert_eq!(outcome(&event).1["request"], "id-3", "{lines:?}");
}

/// Pieces, however they come, are one response for who does not want them as they come.
async fn streams(script: &Script, handler: &str) {
    let (lines, event) = launch(script, handler).invoke(r#"{"do":"stream","pieces":3}"#).await;
    let EnvironmentEvent::Response { payload, .. } = event else { panic!("{event:?} {lines:?}") };
    // What stands before them is for a function URL.
    assert!(payload.ends_with(b"piece 0\npiece 1\npiece 2\n"), "{payload:?}");
}

/// What [`Launched::give`] says.
const DEADLINE_MS: u64 = 4_000_000_000_000;

fn for_python() {
    block_on(async {
        check(&python().script(), "function.handler", [json!(true), json!("512"), json!(null)], "OutOfStock").await;
    });
}

fn for_node() {
    block_on(async {
        let script = node().script();
        check(&script, "function.handler", [json!(true), json!("512"), json!(null)], "OutOfStock").await;
        streams(&script, "function.streams").await;
    });
}

fn for_rust() {
    block_on(async {
        let script = rust().script();
        check(&script, "x", [json!(DEADLINE_MS), json!(512), json!(null)], "Orders.OutOfStock").await;
        streams(&script, "x").await;
        let (_, event) = launch(&script, "x").invoke(r#"{"do":"panic"}"#).await;
        assert!(outcome(&event).1["errorMessage"].as_str().unwrap().contains("it panicked"), "{event:?}");
    });
}

fn for_go() {
    block_on(async {
        let script = go().script();
        check(&script, "x", [json!(DEADLINE_MS), json!(512), json!("")], "OutOfStock").await;
        streams(&script, "x").await;
        let (_, event) = launch(&script, "x").invoke(r#"{"do":"tear"}"#).await;
        assert_eq!(outcome(&event).1["errorMessage"], "it tore", "{event:?}");
        let mut launched = launch(&script, "x");
        let (_, event) = launched.invoke(r#"{"do":"panic"}"#).await;
        assert_eq!(outcome(&event).1["errorMessage"], "it panicked");
        let (_, end) = launched.until_event().await;
        assert!(matches!(end, EnvironmentEvent::Exited { .. }), "{end:?}");
    });
}

fn for_java() {
    let handler = "Function::handleRequest";
    block_on(async {
        check(&java().script(), handler, [json!(true), json!(512), json!(null)], "Function$OutOfStock").await;
    });
}

/// What AWS's clients register of themselves, and for Python a package, so that they are asked to end: an internal extension.
fn whom_they_register_hears_of_the_end() {
    block_on(async {
        let packages = Tool::PythonClients.path().unwrap().ancestors().nth(2).unwrap().join("lib");
        // `lib/python3.11/site-packages`
        let packages = fs::read_dir(&packages).unwrap().next().unwrap().unwrap().path().join("site-packages");
        // AWS's client for Python waits for work where Python hears no signals.
        for (script, runtime) in [
            (python().script(), "python3.11"),
            (rust().script(), "provided.al2023"),
            (go().script(), "provided.al2023"),
        ] {
            let variables = [("GOODBYE", "1"), ("PYTHONPATH", packages.to_str().unwrap())];
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let environment = BTreeMap::from(variables).into();
            let function = LaunchSpec { environment, memory_mb: 512, ..spec(runtime, "function.handler") };
            let mut launched = script.launch_spec(function);
            let (lines, event) = launched.invoke(r#"{"do":"answer"}"#).await;
            assert_eq!(outcome(&event).0, None, "{runtime} {lines:?} {event:?}");
            let (lines, event) = launched.until_event().await;
            assert_eq!(event, EnvironmentEvent::Next, "{runtime} {lines:?}");
            let environment = launched.environment.take().unwrap();
            environment.ends_because(StopReason::Idle);
            drop(environment);
            let mut last = Vec::new();
            while let Some(event) = launched.next().await {
                let EnvironmentEvent::LastWords { line, .. } = event else { panic!("{event:?}") };
                last.push(line);
            }
            assert!(last.iter().any(|line| line == "goodbye"), "{} {last:?}", script.state_dir.display());
            assert_eq!(fs::read_dir(script.state_dir.join("tmp")).unwrap().count(), 0);
        }
    });
}
