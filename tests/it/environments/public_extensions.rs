//! Extensions that others have published, unchanged, in layers: they register, hear of invocations and of the end, and hand on
//! what they have gathered.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use stackctl::{
    engine::{EnvironmentEvent, LaunchSpec, StopReason},
    model::ArtifactDigest,
};

use super::{Launched, SHELL, Script, outcome, spec};
use crate::support::{tool::Tool, trials, world::block_on};

trials!(
    awss_crate_hears_telemetry needs [Tool::RustClients, Tool::Curl, Tool::Namespaces],
    awss_crate_hears_logs needs [Tool::RustClients, Tool::Curl],
    sentry_forwards_what_it_is_given needs [Tool::NodeRuntime, Tool::Node, Tool::Python, Tool::Namespaces],
    awss_web_adapter_runs_a_web_server needs [Tool::WebAdapter, Tool::Python, Tool::Namespaces],
);

/// A layer with these files, copied from where they are.
fn layer(script: &Script, files: &[(&str, &Path)]) -> ArtifactDigest {
    let digest = ArtifactDigest::from_bytes([2; 32]);
    for (name, from) in files {
        let path = digest.dir_in(&script.state_dir).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(from, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    digest
}

fn environment(variables: &[(&str, &str)]) -> std::sync::Arc<BTreeMap<String, String>> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    variables.iter().map(own).collect::<BTreeMap<_, _>>().into()
}

/// For who listens on a port that is set before.
async fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port().to_string()
}

/// Ends an environment as the engine does.
fn ends(launched: &mut Launched, reason: StopReason) {
    let environment = launched.environment.take().unwrap();
    environment.ends_because(reason);
    drop(environment);
}

/// Lines of JSON that extensions hand over, a connection each.
struct Collector(TcpListener);

impl Collector {
    async fn open() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (Self(listener), address)
    }

    /// Everything until something with `last`.
    async fn until(&self, last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut heard: Vec<Value> = Vec::new();
        while !heard.iter().any(&last) {
            let accepted = tokio::time::timeout(super::HANGS, self.0.accept()).await;
            let (mut stream, _) = accepted.unwrap_or_else(|_| panic!("more than {heard:?}")).unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            heard.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        heard
    }
}

/// An invocation and the end, with the extension of AWS's crate listening to one of the two streams.
async fn listened(script: Script, listens: &str, last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let (collector, address) = Collector::open().await;
    let program = Tool::RustClients.path().unwrap().join("extension");
    let layer = layer(&script, &[("extensions/extension", &program)]);
    let port = free_port().await;
    let environment = environment(&[("COLLECTOR", &address), ("LISTENS", listens), ("PORT", &port)]);
    let function = spec("provided.al2023", "x");
    let mut launched = script.launch_spec(LaunchSpec { layers: vec![layer], environment, ..function });
    let (mut lines, event) = launched.invoke("{}").await;
    assert_eq!(outcome(&event).1["echo"], json!({}), "{lines:?}");
    let (more, event) = launched.until_event().await;
    assert_eq!(event, EnvironmentEvent::Next);
    lines.extend(more);
    let ready = "EXTENSION\tName: extension\tState: Ready\tEvents: [INVOKE, SHUTDOWN]";
    assert!(lines.iter().any(|line| line == ready), "{lines:?}");
    let mut heard = collector.until(last).await;
    ends(&mut launched, StopReason::Idle);
    heard.extend(collector.until(|thing| !thing["shutdown"].is_null()).await);
    let invoked = heard.iter().find(|thing| !thing["invoke"].is_null()).unwrap_or_else(|| panic!("{heard:?}"));
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    assert_eq!(
        *invoked,
        json!({ "invoke": "id-1", "arn": arn, "deadline": 4_000_000_000_000_u64, "trace": "Root=1-2-3" })
    );
    assert_eq!(heard.last().unwrap()["shutdown"], "spindown");
    heard
}

fn awss_crate_hears_telemetry() {
    block_on(async {
        let script = Script::isolated(&[("bootstrap", 0o755, SHELL)]);
        let is_report = |thing: &Value| thing["telemetry"]["type"] == "platform.report";
        let heard = listened(script, "telemetry", is_report).await;
        let types: Vec<_> = heard.iter().filter_map(|thing| thing["telemetry"]["type"].as_str()).collect();
        let platform: Vec<_> = types.iter().filter(|name| name.starts_with("platform.")).copied().collect();
        let expected = [
            "platform.initStart",
            "platform.telemetrySubscription",
            "platform.extension",
            "platform.initRuntimeDone",
            "platform.initReport",
            "platform.start",
            "platform.runtimeDone",
            "platform.report",
        ];
        let mut sorted = platform.clone();
        sorted.sort_unstable();
        let mut all = expected.to_vec();
        all.sort_unstable();
        assert_eq!(sorted, all, "{platform:?}");
        assert!(heard.iter().any(|thing| thing["telemetry"] == json!({ "type": "function", "record": "got {}" })));
    });
}

fn awss_crate_hears_logs() {
    block_on(async {
        let script = Script::new(&[("bootstrap", 0o755, SHELL)]);
        let log = |thing: &Value, part: &str| thing["log"].as_str().is_some_and(|log| log.contains(part));
        let heard = listened(script, "logs", |thing| log(thing, "PlatformReport")).await;
        for part in [
            "Function(\"got {}\")",
            "PlatformStart { request_id: \"id-1\" }",
            "PlatformEnd { request_id: \"id-1\" }",
            "PlatformRuntimeDone { request_id: \"id-1\", status: \"success\" }",
            "PlatformReport { request_id: \"id-1\", metrics: LogPlatformReportMetrics { duration_ms: ",
            "PlatformExtension { name: \"extension\", state: \"Ready\", events: [\"INVOKE\", \"SHUTDOWN\"] }",
            "PlatformLogsSubscription { name: \"extension\", state: \"Subscribed\", types: [\"platform\", \"function\"",
        ] {
            assert!(heard.iter().any(|thing| log(thing, part)), "{part}: {heard:?}");
        }
    });
}

/// Gives its extension an envelope for the server of `$SENTRY_DSN`, as Sentry's SDK does.
const GIVES: &str = r#"
import json, os, urllib.request

def handler(event, context):
    envelope = json.dumps({"dsn": os.environ["SENTRY_DSN"]}) + "\n" + json.dumps({"type": "event"}) + "\n" + event["text"]
    with urllib.request.urlopen("http://127.0.0.1:9000/envelope", data=envelope.encode()) as answer:
        return answer.status
"#;

fn sentry_forwards_what_it_is_given() {
    block_on(async {
        let script = Script::isolated(&[("app.py", 0o644, GIVES)]);
        let modules = Tool::NodeRuntime.path().unwrap().ancestors().nth(3).unwrap();
        let package = modules.join("@sentry/aws-serverless/build/lambda-extension");
        let files = [("extensions/sentry-extension", "sentry-extension"), ("sentry-extension/index.mjs", "index.mjs")];
        let files = files.map(|(name, file)| (name, package.join(file)));
        let layer = layer(&script, &files.each_ref().map(|(name, path)| (*name, path.as_path())));
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dsn = format!("http://key@127.0.0.1:{}/7", server.local_addr().unwrap().port());
        let environment = environment(&[("SENTRY_DSN", &dsn)]);
        let function =
            LaunchSpec { layers: vec![layer], environment, memory_mb: 512, ..spec("python3.11", "app.handler") };
        let mut launched = script.launch_spec(function);
        for text in ["one", "two"] {
            let (lines, event) = launched.invoke(&json!({ "text": text }).to_string()).await;
            assert_eq!(outcome(&event), (None, json!(200)), "{lines:?}");
            let (mut stream, _) = tokio::time::timeout(super::HANGS, server.accept()).await.unwrap().unwrap();
            let forwarded = request(&mut stream).await;
            assert!(
                forwarded.starts_with("POST /api/7/envelope/?sentry_version=7&sentry_key=key HTTP/1.1"),
                "{forwarded}"
            );
            assert!(forwarded.ends_with(text), "{forwarded}");
        }
        // It listens for the end and goes on; then it is killed.
        ends(&mut launched, StopReason::Idle);
        while let Some(event) = launched.next().await {
            assert!(matches!(event, EnvironmentEvent::LastWords { .. } | EnvironmentEvent::Next), "{event:?}");
        }
    });
}

/// A request with a body whose length is told, answered with nothing.
async fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).await.unwrap();
        text += str::from_utf8(&piece[..read]).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if length.is_some_and(|length: usize| body.len() >= length) || read == 0 {
                break;
            }
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
    text
}

/// A web server that knows nothing of Lambda.
const SERVER: &str = r#"#!/bin/sh
exec python3 -c '
import http.server, json, os, signal, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"path": self.path, "context": "x-amzn-lambda-context" in self.headers}).encode()
        self.send_response(201)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

def goodbye(*_):
    print("goodbye", flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, goodbye)
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(os.environ["AWS_LWA_PORT"])), Handler).serve_forever()
'
"#;

/// An extension that calls the Runtime API in the place of the runtime, which is a web server.
fn awss_web_adapter_runs_a_web_server() {
    block_on(async {
        let script = Script::isolated(&[("bootstrap", 0o755, SERVER)]);
        let layer = layer(&script, &[("extensions/lambda-adapter", Tool::WebAdapter.path().unwrap())]);
        let port = free_port().await;
        let environment = environment(&[("AWS_LWA_PORT", &port), ("AWS_LWA_READINESS_CHECK_PATH", "/ready")]);
        let function = LaunchSpec { layers: vec![layer], environment, memory_mb: 512, ..spec("provided.al2023", "x") };
        let mut launched = script.launch_spec(function);
        let event = json!({ "version": "2.0", "routeKey": "$default", "rawPath": "/orders/7", "rawQueryString": "a=b",
            "headers": { "host": "localhost" }, "isBase64Encoded": false, "requestContext": { "accountId": "anonymous",
            "apiId": "x", "domainName": "localhost", "domainPrefix": "x", "requestId": "r", "routeKey": "$default", "stage":
            "$default", "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1, "http": { "method": "GET", "path": "/orders/7",
            "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "x" } } });
        for _ in 0..2 {
            let (lines, answer) = launched.invoke(&event.to_string()).await;
            let (error, answer) = outcome(&answer);
            assert_eq!((error, &answer["statusCode"]), (None, &json!(201)), "{lines:?} {answer}");
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(body, json!({ "path": "/orders/7?a=b", "context": true }));
        }
        // The web server is asked to end.
        let (_, event) = launched.until_event().await;
        assert_eq!(event, EnvironmentEvent::Next);
        ends(&mut launched, StopReason::Idle);
        let mut last = Vec::new();
        while let Some(event) = launched.next().await {
            let EnvironmentEvent::LastWords { line, .. } = event else { panic!("{event:?}") };
            last.push(line);
        }
        assert!(last.iter().any(|line| line == "goodbye"), "{last:?}");
    });
}
