//! Real functions, run through the host, with a script in the engine's place.

pub(crate) mod public_extensions;
pub(crate) mod runtime_clients;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;

use stackctl::{
    engine::{
        EnvironmentEvent, ExitCause, Invocation, LaunchSpec, SandboxSpec, StopReason,
        lambda::{LogLevel, Logging},
        logs::LogSource,
    },
    model::{AccountId, ArtifactDigest, FunctionArn, FunctionName, Region, Scope, Timestamp},
    serve::{
        environments::{Environment, EnvironmentSink, Host, HostOptions},
        report::Report,
    },
    task::Tasks,
};

use crate::support::{tool::Tool, trials, world::block_on};

trials!(
    what_was_printed_before_the_response_comes_before_it needs [Tool::Curl],
    calls_in_a_wrong_order_are_refused_and_change_nothing needs [Tool::Curl],
    stopping_kills_the_whole_group_and_leaves_nothing,
    a_crash_is_told_after_all_that_was_printed,
    what_cannot_be_started_says_what_to_do,
    python_handlers needs [Tool::Python],
    python_errors_have_awss_shape needs [Tool::Python],
    python_that_cannot_start_reports_an_init_error needs [Tool::Python],
    node_handlers needs [Tool::Node],
    node_errors_have_awss_shape needs [Tool::Node],
    node_that_cannot_start_reports_an_init_error needs [Tool::Node],
    an_isolated_environment_sees_its_own_and_nothing_of_others needs [Tool::Python, Tool::Namespaces],
    an_isolated_program_that_cannot_start_says_what_to_do needs [Tool::Namespaces],
    layers_are_seen_at_opt needs [Tool::Python, Tool::Namespaces],
    layers_are_found_without_isolation needs [Tool::Python],
    an_extension_hears_of_invocations_and_of_the_end needs [Tool::Curl],
    an_extension_that_does_not_want_to_hear_of_the_end_is_killed_before_those_that_do_are_waited_for needs [Tool::Curl],
    an_isolated_extension_sees_what_its_runtime_sees needs [Tool::Curl, Tool::Namespaces],
    an_extension_that_ends_ends_its_environment needs [Tool::Curl],
    telemetry_goes_to_those_who_subscribe needs [Tool::Curl],
    wrappers_start_the_runtime needs [Tool::Python, Tool::Namespaces],
    extensions_of_a_runtime_itself needs [Tool::Python],
    python_logs_json needs [Tool::Python],
    node_logs_json needs [Tool::Node],
    too_much_memory_ends_an_environment needs [Tool::Python],
    memory_of_processes_below_it_counts_too needs [Tool::Python],
    who_leaves_its_group_ends_with_its_environment,
    who_leaves_its_group_ends_with_its_isolated_environment needs [Tool::Namespaces],
);

/// Waiting longer than this means that something hangs.
const HANGS: Duration = Duration::from_secs(60);

fn spec(runtime: &str, handler: &str) -> LaunchSpec {
    let scope = Scope { account: AccountId::DEFAULT, region: Region::default() };
    LaunchSpec {
        function: FunctionArn { scope, name: FunctionName::parse("f").unwrap(), qualifier: None },
        version: "$LATEST".into(),
        runtime: runtime.into(),
        handler: handler.into(),
        sandbox: SandboxSpec::default(),
        architecture: "x86_64".into(),
        artifact: ArtifactDigest::from_bytes([1; 32]),
        layers: Vec::new(),
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        environment: Arc::default(),
        log: LogSource::new("/aws/lambda/f", "2026/01/01/[$LATEST]0"),
        logging: Logging::default(),
        initialization_type: "on-demand",
        debug: None,
    }
}

/// The engine's place: hears events, and starts and invokes by hand.
struct Script {
    _state: TempDir,
    _tasks: Tasks,
    host: Host,
    state_dir: PathBuf,
}

struct Launched {
    environment: Option<Environment>,
    events: mpsc::UnboundedReceiver<EnvironmentEvent>,
    invoked: u32,
}

#[derive(Debug)]
struct Ear(mpsc::UnboundedSender<EnvironmentEvent>);

impl EnvironmentSink for Ear {
    fn event(&self, event: EnvironmentEvent) {
        let _ = self.0.send(event);
    }
}

/// The interpreters are looked for once, by their real paths, so that each test need not pay for a shim.
fn search_path() -> String {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let ask = |program: &str, arguments: [&str; 2]| {
            let output = Command::new(program).args(arguments).output().ok()?;
            let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
            Some(path.parent()?.display().to_string())
        };
        let python = ask("python3", ["-c", "import sys; print(sys.executable)"]);
        let node = ask("node", ["-p", "process.execPath"]);
        let mut folders: Vec<_> = [python, node].into_iter().flatten().collect();
        folders.extend(["/usr/bin", "/bin"].map(str::to_owned));
        folders.join(":")
    })
    .clone()
}

impl Script {
    /// A host, and a package of these files.
    fn new(files: &[(&str, u32, &str)]) -> Self {
        Self::with(files, None)
    }

    /// The same, with a view of its own for each environment.
    fn isolated(files: &[(&str, u32, &str)]) -> Self {
        Self::with(files, Some(env!("CARGO_BIN_EXE_stackctl").into()))
    }

    fn with(files: &[(&str, u32, &str)], launcher: Option<PathBuf>) -> Self {
        let state = tempfile::tempdir().unwrap();
        let state_dir = state.path().canonicalize().unwrap();
        let code = spec("", "").artifact.dir_in(&state_dir);
        for (name, mode, text) in files {
            let path = code.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let (host, host_tasks) = Host::open(HostOptions {
            containers: None,
            state_dir: state_dir.clone(),
            endpoint: "http://127.0.0.1:4566".into(),
            inherited: BTreeMap::from([("PATH".to_owned(), search_path())]),
            streams: Arc::default(),
            launcher,
            report: Report::silent(),
        })
        .unwrap();
        let mut tasks = Tasks::new();
        tasks.spawn_endless("environments", host_tasks.run());
        Self { _state: state, _tasks: tasks, host, state_dir }
    }

    fn launch(&self, runtime: &str, handler: &str) -> Launched {
        self.launch_spec(spec(runtime, handler))
    }

    fn launch_spec(&self, spec: LaunchSpec) -> Launched {
        let (sender, events) = mpsc::unbounded_channel();
        let environment = self.host.launch(Arc::new(spec), Arc::new(Ear(sender)));
        Launched { environment: Some(environment), events, invoked: 0 }
    }
}

impl Launched {
    async fn next(&mut self) -> Option<EnvironmentEvent> {
        tokio::time::timeout(HANGS, self.events.recv()).await.expect("an event, or the end of events")
    }

    /// Lines until another event, and that event.
    async fn until_event(&mut self) -> (Vec<String>, EnvironmentEvent) {
        let mut lines = Vec::new();
        loop {
            match self.next().await.expect("the environment to be there") {
                EnvironmentEvent::Output { line, .. } => lines.push(line),
                EnvironmentEvent::Measured { .. } | EnvironmentEvent::MemoryUsed { .. } => {}
                other => return (lines, other),
            }
        }
    }

    fn give(&mut self, payload: &str) {
        self.invoked += 1;
        self.environment.as_ref().unwrap().invoke(Invocation {
            request_id: format!("id-{}", self.invoked).into(),
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            deadline: Timestamp::from_millis(4_000_000_000_000),
            invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
            trace_id: "Root=1-2-3".into(),
            client_context: Some(r#"{"custom":{"a":"ä"}}"#.into()),
            stream_to: None,
        });
    }

    /// Waits until it is free and gives it work: what it printed meanwhile, and what came of it.
    async fn invoke(&mut self, payload: &str) -> (Vec<String>, EnvironmentEvent) {
        let (mut lines, event) = self.until_event().await;
        assert_eq!(event, EnvironmentEvent::Next, "{lines:?}");
        self.give(payload);
        let (more, event) = self.until_event().await;
        lines.extend(more);
        (lines, event)
    }
}

/// The document of a response or an error, with the error's type.
fn outcome(event: &EnvironmentEvent) -> (Option<&str>, Value) {
    let parse = |payload: &Bytes| serde_json::from_slice(payload).unwrap();
    match event {
        EnvironmentEvent::Response { payload, max_memory_used_bytes, .. } => {
            assert!(*max_memory_used_bytes > 100_000);
            (None, parse(payload))
        }
        EnvironmentEvent::Error { error_type, payload, .. } | EnvironmentEvent::InitError { error_type, payload } => {
            (error_type.as_deref(), parse(payload))
        }
        other => panic!("{other:?}"),
    }
}

/// A bootstrap in the shell that speaks HTTP through curl.
const SHELL: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
echo starting
while true; do
  event=$(curl -sS -D "$TMPDIR/head" "$api/invocation/next") || exit 0
  id=$(grep -i lambda-runtime-aws-request-id "$TMPDIR/head" | tr -d '\r' | cut -d' ' -f2)
  echo "got $event"
  echo "on stderr" >&2
  printf 'no line feed'
  curl -sS -o /dev/null -X POST "$api/invocation/wrong/response" -w 'wrong id: %{http_code}\n' -d x
  curl -sS -o /dev/null -X POST "$api/invocation/$id/response" -d "{\"echo\":$event,\"cwd\":\"$PWD\"}"
done
"#;

fn what_was_printed_before_the_response_comes_before_it() {
    block_on(async {
        let script = Script::new(&[("bootstrap", 0o755, SHELL)]);
        let mut launched = script.launch("provided.al2023", "x");
        for round in 1..=3 {
            let (lines, event) = launched.invoke(&format!("{{\"n\":{round}}}")).await;
            let (error, document) = outcome(&event);
            assert_eq!((error, &document["echo"]), (None, &json!({ "n": round })), "{lines:?}");
            assert_eq!(document["cwd"], json!(spec("", "").artifact.dir_in(&script.state_dir)));
            let first = if round == 1 { vec!["starting".to_owned()] } else { vec![] };
            let got = [format!("got {{\"n\":{round}}}"), "on stderr".into(), "no line feedwrong id: 400".into()];
            assert_eq!(lines, [first, got.to_vec()].concat());
        }
    });
}

/// Makes calls in a wrong order, and prints the answers' statuses.
const CONFUSED: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
call() { curl -sS -o "$TMPDIR/body" -w "$1 $2 %{http_code}\n" -X "$1" "$api/$2"; }
call POST invocation/none/response
call GET invocation/next
call GET invocation/next
call POST init/error
call GET invocation/id-1/response
call GET restore/next
curl -sS -o /dev/null -X POST "$api/invocation/id-1/response" -H 'Transfer-Encoding: chunked' -d '"whole"'
call POST invocation/id-1/response
call POST invocation/id-1/error
"#;

fn calls_in_a_wrong_order_are_refused_and_change_nothing() {
    block_on(async {
        let script = Script::new(&[("bootstrap", 0o755, CONFUSED)]);
        let mut launched = script.launch("provided.al2023", "x");
        let (before, event) = launched.invoke("{}").await;
        assert_eq!(outcome(&event), (None, json!("whole")));
        let (after, event) = launched.until_event().await;
        assert!(matches!(event, EnvironmentEvent::Exited { cause: ExitCause::Status(0), .. }), "{event:?}");
        let expected = [
            "POST invocation/none/response 400",
            "GET invocation/next 200",
            "GET invocation/next 403",
            "POST init/error 403",
            "GET invocation/id-1/response 405",
            "GET restore/next 404",
            "POST invocation/id-1/response 400",
            "POST invocation/id-1/error 400",
        ];
        assert_eq!([before, after].concat(), expected);
    });
}

fn stopping_kills_the_whole_group_and_leaves_nothing() {
    block_on(async {
        let text = "#!/bin/sh\nsleep 1000 &\necho $!\necho $$\nwait\n";
        let script = Script::new(&[("bootstrap", 0o755, text)]);
        let mut launched = script.launch("provided.al2023", "x");
        let mut pids = Vec::new();
        while pids.len() < 2 {
            match launched.next().await.unwrap() {
                EnvironmentEvent::Output { line, .. } => pids.push(line.parse::<i32>().unwrap()),
                other => panic!("{other:?}"),
            }
        }
        launched.environment = None;
        assert_eq!(launched.next().await, None, "no event after the stop");
        for pid in pids {
            // A killed orphan may be a zombie until whoever adopts it looks; its state then is `Z`.
            let alive = || {
                fs::read_to_string(format!("/proc/{pid}/stat"))
                    .is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
            };
            while alive() {
                tokio::task::yield_now().await;
            }
        }
        while fs::read_dir(script.state_dir.join("tmp")).unwrap().next().is_some() {
            tokio::task::yield_now().await;
        }
    });
}

fn a_crash_is_told_after_all_that_was_printed() {
    block_on(async {
        let check = async |text: &str, expected_lines: &[&str], expected: ExitCause| {
            let script = Script::new(&[("main", 0o755, text)]);
            let (lines, event) = script.launch("go1.x", "main").until_event().await;
            assert_eq!(lines, expected_lines, "{text}");
            let EnvironmentEvent::Exited { cause, .. } = event else { panic!("{event:?}") };
            assert_eq!(cause, expected, "{text}");
        };
        check("#!/bin/sh\necho one; printf two; exit 3\n", &["one", "two"], ExitCause::Status(3)).await;
        check("#!/bin/sh\necho one; kill -9 $$\n", &["one"], ExitCause::Signal(9)).await;
        // Who is left behind does not keep the pipe, and the environment, open.
        check("#!/bin/sh\nsleep 1000 & echo one\n", &["one"], ExitCause::Status(0)).await;
    });
}

fn what_cannot_be_started_says_what_to_do() {
    block_on(async {
        let check = async |name: &str, text: &str, runtime: &str, expected: &str| {
            let script = Script::new(&[(name, 0o755, text)]);
            let (_, event) = script.launch(runtime, "main").until_event().await;
            let EnvironmentEvent::LaunchFailed { message } = event else { panic!("{event:?}") };
            assert!(message.contains(expected), "{message}");
        };
        check("app", "", "go1.x", "handler `main` is not in the package of `f`; executables found: `app`").await;
        check("bootstrap", "#!/no/such/shell\n", "provided.al2", "its first line asks for `/no/such/shell`").await;
        check("bootstrap", "echo\n", "provided.al2", "neither a program for this system nor a script").await;
        check("bootstrap", "", "ruby3.3", "there is no support for ruby here").await;
    });
}

const PYTHON: &str = r#"
import asyncio, logging, os, sys
logger = logging.getLogger()
logger.setLevel(logging.INFO)

def handler(event, context):
    print("printed")
    logger.info("logged %s", event)
    return {"event": event, "id": context.aws_request_id, "name": context.function_name,
            "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis() > 0,
            "custom": context.client_context.custom, "trace": os.environ["_X_AMZN_TRACE_ID"],
            "identity": context.identity.cognito_identity_id, "root": sys.path[0] == os.getcwd()}

async def later(event, context):
    await asyncio.sleep(0)
    return "later"

class Broken(Exception):
    pass

def deeper():
    raise Broken("it broke")

def fails(event, context):
    deeper()

def unserializable(event, context):
    return object()

def decimal(event, context):
    import decimal
    return decimal.Decimal("1.5")

def exits(event, context):
    sys.exit(7)

def large(event, context):
    return "x" * (6 * 1024 * 1024 + 200)
"#;

fn python_handlers() {
    block_on(async {
        let script = Script::new(&[("app.py", 0o644, PYTHON), ("pkg/deep/mod.py", 0o644, PYTHON)]);
        let mut launched = script.launch("python3.11", "app.handler");
        for round in 1..=2 {
            let (lines, event) = launched.invoke(r#"{"a":"ü"}"#).await;
            let id = format!("id-{round}");
            let expected = json!({ "event": { "a": "ü" }, "id": id, "name": "f", "memory": "128", "left": true,
                "custom": { "a": "ä" }, "trace": "Root=1-2-3", "identity": null, "root": true });
            assert_eq!(outcome(&event), (None, expected), "{lines:?}");
            assert_eq!(lines[0], "printed");
            let fields: Vec<_> = lines[1].split('\t').collect();
            assert_eq!((fields[0], fields[2], fields[3]), ("[INFO]", id.as_str(), "logged {'a': 'ü'}"));
            assert!(fields[1].ends_with('Z') && fields[1].len() == "2026-01-01T00:00:00.000Z".len(), "{}", fields[1]);
        }
        for (handler, expected) in [
            ("app.later", json!("later")),
            ("pkg.deep.mod.later", json!("later")),
            ("pkg/deep/mod.decimal", json!(1.5)),
        ] {
            let (lines, event) = script.launch("python3.11", handler).invoke("null").await;
            assert_eq!(outcome(&event), (None, expected), "{handler} {lines:?}");
        }
    });
}

fn python_errors_have_awss_shape() {
    block_on(async {
        let script = Script::new(&[("app.py", 0o644, PYTHON)]);
        let (lines, event) = script.launch("python3.11", "app.fails").invoke("{}").await;
        let (error_type, document) = outcome(&event);
        assert_eq!(error_type, Some("Broken"));
        let file = spec("", "").artifact.dir_in(&script.state_dir).join("app.py");
        let file = file.display();
        assert_eq!(
            document,
            json!({ "errorMessage": "it broke", "errorType": "Broken", "requestId": "id-1", "stackTrace": [
                format!("  File \"{file}\", line 25, in fails\n    deeper()\n"),
                format!("  File \"{file}\", line 22, in deeper\n    raise Broken(\"it broke\")\n"),
            ] })
        );
        assert_eq!(lines[..2], ["[ERROR] Broken: it broke", "Traceback (most recent call last):"]);
        assert_eq!(lines[2], format!("\u{a0}\u{a0}File \"{file}\", line 25, in fails"));
        let check = async |handler: &str, expected_type: &str, expected: &str| {
            let (_, event) = script.launch("python3.11", handler).invoke("{}").await;
            let (error_type, document) = outcome(&event);
            assert_eq!((error_type, document["errorMessage"].as_str().unwrap()), (Some(expected_type), expected));
        };
        let unserializable = "Unable to marshal response: Object of type object is not JSON serializable";
        check("app.unserializable", "Runtime.MarshalError", unserializable).await;
        let large = "Response payload size (6291658 bytes) exceeded maximum allowed payload size (6291556 bytes).";
        check("app.large", "Function.ResponseSizeTooLarge", large).await;
        let (_, event) = script.launch("python3.11", "app.exits").invoke("{}").await;
        assert!(matches!(event, EnvironmentEvent::Exited { cause: ExitCause::Status(7), .. }), "{event:?}");
    });
}

fn python_that_cannot_start_reports_an_init_error() {
    block_on(async {
        let files = [
            ("app.py", 0o644, PYTHON),
            ("syntax.py", 0o644, "def x(:\n"),
            ("raises.py", 0o644, "raise ValueError('no')\n"),
        ];
        let script = Script::new(&files);
        let check = async |handler: &str, expected_type: &str, expected: &str| {
            let mut launched = script.launch("python3.11", handler);
            let (lines, event) = launched.until_event().await;
            let (error_type, document) = outcome(&event);
            let message = document["errorMessage"].as_str().unwrap();
            assert_eq!((error_type, message), (Some(expected_type), expected));
            assert_eq!(lines[0], format!("[ERROR] {expected_type}: {expected}"));
            let (_, end) = launched.until_event().await;
            assert!(matches!(end, EnvironmentEvent::Exited { cause: ExitCause::Status(1), .. }), "{end:?}");
        };
        check("gone.handler", "Runtime.ImportModuleError", "Unable to import module 'gone': No module named 'gone'")
            .await;
        check("app.gone", "Runtime.HandlerNotFound", "Handler 'gone' missing on module 'app'").await;
        check("raises.x", "ValueError", "no").await;
        let bad = "Bad handler 'app': not enough values to unpack (expected 2, got 1)";
        check("app", "Runtime.MalformedHandlerName", bad).await;
        let builtin = "Cannot use built-in module sys as a handler module";
        check("sys.exit", "Runtime.BuiltInModuleConflict", builtin).await;
        let (_, event) = script.launch("python3.11", "syntax.x").until_event().await;
        assert_eq!(outcome(&event).0, Some("Runtime.UserCodeSyntaxError"));
    });
}

const NODE: &str = r#"
exports.handler = async (event, context) => {
  console.log("logged", event);
  console.error("worse");
  return { event, id: context.awsRequestId, name: context.functionName, custom: context.clientContext.custom,
           left: context.getRemainingTimeInMillis() > 0, waits: context.callbackWaitsForEmptyEventLoop };
};
exports.nothing = async () => {};
exports.callback = (event, context, callback) => { setTimeout(() => callback(null, "called"), 1); };
exports.impatient = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => {}, 100000);
  callback(null, "at once");
};
exports.patient = (event, context, callback) => {
  setTimeout(() => console.log("last"), 5);
  callback(null, "in the end");
};
exports.silent = () => {};
exports.done = (event, context) => context.done(null, "done");
exports.fail = (event, context) => context.fail(new TypeError("failed"));
exports.throws = () => { throw new RangeError("thrown"); };
exports.rejects = async () => { const e = new Error("rejected"); e.code = "E_MINE"; throw e; };
exports.text = async () => { throw "just text"; };
exports.uncaught = () => { setTimeout(() => { throw new Error("late"); }, 1); };
exports.unhandled = (event, context, callback) => { Promise.reject(new Error("nobody cares")); setTimeout(() => {}, 1000); };
exports.circular = async () => { const a = {}; a.a = a; return a; };
exports.nested = { handler: async () => "nested" };
exports.stream = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.setContentType("application/json");
  stream.write('{"half":');
  await new Promise((resolve) => setTimeout(resolve, 1));
  stream.write("true}");
  stream.end();
});
exports.torn = awslambda.streamifyResponse(async (event, stream) => { stream.write("half"); throw new TypeError("torn"); });
"#;

fn node_handlers() {
    block_on(async {
        let files = [
            ("app.js", 0o644, NODE),
            ("esm.mjs", 0o644, "export const handler = async () => 'esm';"),
            ("typed/package.json", 0o644, r#"{"type":"module"}"#),
            ("typed/app.js", 0o644, "export const handler = async () => import.meta.url.endsWith('app.js');"),
        ];
        let script = Script::new(&files);
        let mut launched = script.launch("nodejs20.x", "app.handler");
        for round in 1..=2 {
            let (lines, event) = launched.invoke(r#"{"a":"ü"}"#).await;
            let id = format!("id-{round}");
            let expected = json!({ "event": { "a": "ü" }, "id": id, "name": "f", "custom": { "a": "ä" }, "left": true, "waits": true });
            assert_eq!(outcome(&event), (None, expected), "{lines:?}");
            let shown: Vec<_> = lines.iter().map(|line| line.split_once('\t').unwrap().1.to_owned()).collect();
            assert_eq!(shown, [format!("{id}\tINFO\tlogged {{ a: 'ü' }}"), format!("{id}\tERROR\tworse")]);
        }
        let check = async |handler: &str, expected: Value| {
            let mut launched = script.launch("nodejs20.x", handler);
            for _ in 0..2 {
                let (lines, event) = launched.invoke("{}").await;
                assert_eq!(outcome(&event), (None, expected.clone()), "{handler} {lines:?}");
            }
        };
        check("app.nothing", json!(null)).await;
        check("app.callback", json!("called")).await;
        check("app.impatient", json!("at once")).await;
        check("app.patient", json!("in the end")).await;
        check("app.silent", json!(null)).await;
        check("app.done", json!("done")).await;
        check("app.nested.handler", json!("nested")).await;
        check("app.stream", json!({ "half": true })).await;
        check("esm.handler", json!("esm")).await;
        check("typed/app.handler", json!(true)).await;
    });
}

fn node_errors_have_awss_shape() {
    block_on(async {
        let script = Script::new(&[("app.js", 0o644, NODE)]);
        let check = async |handler: &str, expected: (&str, &str), log: &str| {
            let (lines, event) = script.launch("nodejs20.x", handler).invoke("{}").await;
            let (error_type, document) = outcome(&event);
            assert_eq!((error_type, document["errorType"].as_str()), (Some(expected.0), Some(expected.0)), "{handler}");
            assert_eq!(document["errorMessage"], expected.1, "{handler}");
            assert!(document["trace"].is_array(), "{document}");
            assert!(lines.iter().any(|line| line.contains(log)), "{handler}: {lines:?}");
        };
        check("app.fail", ("TypeError", "failed"), "\tid-1\tERROR\tInvoke Error \t{\"errorType\":\"TypeError\",").await;
        check(
            "app.throws",
            ("RangeError", "thrown"),
            "Invoke Error \t{\"errorType\":\"RangeError\",\"errorMessage\":\"thrown\",\"stack\":[",
        )
        .await;
        check("app.rejects", ("Error", "rejected"), "\"code\":\"E_MINE\"").await;
        check(
            "app.text",
            ("string", "just text"),
            "Invoke Error \t{\"errorType\":\"Error\",\"errorMessage\":\"just text\"",
        )
        .await;
        check("app.circular", ("Error", "Unable to stringify response body"), "Invoke Error").await;
        check(
            "app.uncaught",
            ("Error", "late"),
            "Uncaught Exception \t{\"errorType\":\"Error\",\"errorMessage\":\"late\"",
        )
        .await;
        let unhandled = ("Runtime.UnhandledPromiseRejection", "Error: nobody cares");
        check(
            "app.unhandled",
            unhandled,
            "Unhandled Promise Rejection \t{\"errorType\":\"Runtime.UnhandledPromiseRejection\"",
        )
        .await;
        check("app.torn", ("TypeError", "torn"), "Invoke Error").await;
    });
}

fn node_that_cannot_start_reports_an_init_error() {
    block_on(async {
        let files = [
            ("app.js", 0o644, NODE),
            ("syntax.js", 0o644, "exports.x = ("),
            ("raises.mjs", 0o644, "throw new TypeError('no')"),
        ];
        let script = Script::new(&files);
        let check = async |handler: &str, expected_type: &str, expected: &str| {
            let mut launched = script.launch("nodejs20.x", handler);
            let (lines, event) = launched.until_event().await;
            let (error_type, document) = outcome(&event);
            assert_eq!(error_type, Some(expected_type), "{document}");
            assert!(document["errorMessage"].as_str().unwrap().contains(expected), "{document}");
            assert!(
                lines[0]
                    .contains(&format!("\tundefined\tERROR\tUncaught Exception \t{{\"errorType\":\"{expected_type}\"")),
                "{lines:?}"
            );
            let (_, end) = launched.until_event().await;
            assert!(matches!(end, EnvironmentEvent::Exited { cause: ExitCause::Status(129), .. }), "{end:?}");
        };
        check("gone.handler", "Runtime.ImportModuleError", "Cannot find module 'gone'").await;
        check("app.gone", "Runtime.HandlerNotFound", "app.gone is undefined or not exported").await;
        check("app.nested", "Runtime.HandlerNotFound", "app.nested is not a function").await;
        check("../app.x", "Runtime.MalformedHandlerName", "'../app.x' is not a valid handler name").await;
        check("syntax.x", "Runtime.UserCodeSyntaxError", "SyntaxError").await;
        check("raises.x", "TypeError", "no").await;
    });
}

const LOOKS: &str = r#"
import errno, json, os, sys

def writing_to(path):
    try:
        open(path, "w").close()
        return "written"
    except OSError as error:
        return errno.errorcode[error.errno]

def handler(event, context):
    before = os.listdir("/tmp")
    filled = 0
    try:
        with open("/tmp/large", "wb", buffering=0) as file:
            while filled < 100:
                filled += file.write(b"x" * 1024 * 1024) // (1024 * 1024)
    except OSError as error:
        filled = errno.errorcode[error.errno], filled
    os.remove("/tmp/large")
    return {"cwd": os.getcwd(), "root": os.environ["LAMBDA_TASK_ROOT"], "tmpdir": os.environ["TMPDIR"], "before": before,
            "code": os.listdir("/var/task"), "file": __file__, "filled": filled, "writes": [writing_to(path) for path in event["paths"]],
            "hidden": [os.path.exists(path) for path in event["hidden"]], "libraries": os.environ["LD_LIBRARY_PATH"]}
"#;

fn an_isolated_environment_sees_its_own_and_nothing_of_others() {
    block_on(async {
        let script = Script::isolated(&[("app.py", 0o644, LOOKS)]);
        let other = script.state_dir.join("tmp").join("other");
        fs::create_dir_all(&other).unwrap();
        let hidden = json!([other, spec("", "").artifact.dir_in(&script.state_dir)]);
        let outside = env!("CARGO_MANIFEST_DIR").to_owned() + "/target/written-by-a-function";
        // What is below `/tmp` is not there at all.
        let no_way = if outside.starts_with("/tmp/") { "ENOENT" } else { "EROFS" };
        let paths = json!(["/var/task/x", "/usr/x", "/var/x", outside, "/tmp/x", "/dev/null"]);
        let small = LaunchSpec { ephemeral_storage_mb: 16, ..spec("python3.11", "app.handler") };
        for _ in 0..2 {
            let payload = json!({ "paths": paths, "hidden": hidden }).to_string();
            let (lines, event) = script.launch_spec(small.clone()).invoke(&payload).await;
            let expected = json!({
                "cwd": "/var/task", "root": "/var/task", "tmpdir": "/tmp", "before": [], "code": ["app.py"], "file": "/var/task/app.py",
                "filled": ["ENOSPC", 16], "writes": ["EROFS", "EROFS", "EROFS", no_way, "written", "written"],
                "hidden": [false, false], "libraries": "/var/task:/var/task/lib:/opt/lib",
            });
            assert_eq!(outcome(&event), (None, expected), "{lines:?}");
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(script.state_dir.to_str().unwrap()), "nothing is mounted outside: {mounts}");
    });
}

fn an_isolated_program_that_cannot_start_says_what_to_do() {
    block_on(async {
        let script = Script::isolated(&[("bootstrap", 0o755, "#!/no/such/shell\n")]);
        let (_, event) = script.launch("provided.al2", "main").until_event().await;
        let EnvironmentEvent::LaunchFailed { message } = event else { panic!("{event:?}") };
        assert!(message.contains("its first line asks for `/no/such/shell`"), "{message}");
    });
}

/// A module of a layer, a later layer's module in its place, and a program of a layer.
async fn use_layers(script: &Script) -> Value {
    let digest = |byte| ArtifactDigest::from_bytes([byte; 32]);
    for (byte, file, text) in [
        (2, "python/tools.py", "NAME = 'first'"),
        (3, "python/tools.py", "NAME = 'second'"),
        (3, "bin/of-layer", "#!/bin/sh\necho $0"),
    ] {
        let path = digest(byte).dir_in(&script.state_dir).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let layered = LaunchSpec { layers: vec![digest(2), digest(3)], ..spec("python3.11", "app.handler") };
    let (lines, event) = script.launch_spec(layered).invoke("{}").await;
    let (error, document) = outcome(&event);
    assert_eq!(error, None, "{lines:?} {document}");
    document
}

const USES_LAYERS: &str = r#"
import subprocess
import tools

def handler(event, context):
    return [tools.NAME, tools.__file__, subprocess.check_output(["of-layer"], text=True).strip()]
"#;

fn layers_are_seen_at_opt() {
    block_on(async {
        let script = Script::isolated(&[("app.py", 0o644, USES_LAYERS)]);
        assert_eq!(use_layers(&script).await, json!(["second", "/opt/python/tools.py", "/opt/bin/of-layer"]));
    });
}

fn layers_are_found_without_isolation() {
    block_on(async {
        let script = Script::new(&[("app.py", 0o644, USES_LAYERS)]);
        assert_eq!(use_layers(&script).await[0], "second");
    });
}

const TAKES_MEMORY: &str = r#"
import os, time

def take(event):
    taken = bytearray(event["mb"] * 1024 * 1024)
    for at in range(0, len(taken), 4096):
        taken[at] = 1
    if event["keep"]:
        time.sleep(1000)

def handler(event, context):
    take(event)
    return "fine"

def below(event, context):
    child = os.fork()
    if child == 0:
        take(event)
        os._exit(0)
    os.waitpid(child, 0)
    return "fine"
"#;

async fn takes_memory(handler: &str, mb: u32, keep: bool) -> EnvironmentEvent {
    let script = Script::new(&[("app.py", 0o644, TAKES_MEMORY)]);
    let payload = json!({ "mb": mb, "keep": keep }).to_string();
    script.launch("python3.11", handler).invoke(&payload).await.1
}

fn too_much_memory_ends_an_environment() {
    block_on(async {
        assert_eq!(outcome(&takes_memory("app.handler", 60, false).await), (None, json!("fine")));
        // Seen while it has it, and afterwards by what it had.
        for keep in [true, false] {
            let event = takes_memory("app.handler", 200, keep).await;
            assert!(matches!(event, EnvironmentEvent::Exited { cause: ExitCause::OutOfMemory, .. }), "{event:?}");
        }
    });
}

fn memory_of_processes_below_it_counts_too() {
    block_on(async {
        assert_eq!(outcome(&takes_memory("app.below", 60, false).await), (None, json!("fine")));
        let event = takes_memory("app.below", 200, true).await;
        assert!(matches!(event, EnvironmentEvent::Exited { cause: ExitCause::OutOfMemory, .. }), "{event:?}");
    });
}

fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
}

async fn leaves_its_group(script: Script) {
    let mut launched = script.launch("provided.al2023", "x");
    let pid = loop {
        match launched.next().await.expect("the daemon to say its id") {
            EnvironmentEvent::Output { line, .. } => break line,
            EnvironmentEvent::MemoryUsed { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(is_alive(&pid), "{pid}");
    launched.environment = None;
    while is_alive(&pid) {
        tokio::task::yield_now().await;
    }
}

/// A daemon with a session of its own.
const LEAVES: [(&str, u32, &str); 1] =
    [("bootstrap", 0o755, "#!/bin/sh\nsetsid sh -c 'echo $$; exec sleep 1000' &\nwait\nsleep 1000\n")];

fn who_leaves_its_group_ends_with_its_environment() {
    block_on(async { leaves_its_group(Script::new(&LEAVES)).await });
}

fn who_leaves_its_group_ends_with_its_isolated_environment() {
    block_on(async { leaves_its_group(Script::isolated(&LEAVES)).await });
}

fn logging_json(runtime: &str, handler: &str) -> LaunchSpec {
    let logging = Logging::Json { application: LogLevel::Info, system: LogLevel::Info };
    LaunchSpec { logging, ..spec(runtime, handler) }
}

/// What of each line is told: its level, its request and what `names` names.
fn told(lines: &[String], names: [&str; 2]) -> Vec<Value> {
    let line =
        |line: &String| -> Value { serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")) };
    let shown = |line: Value| json!([line["level"], line["requestId"], line[names[0]], line[names[1]]]);
    lines.iter().map(line).map(shown).collect()
}

fn python_logs_json() {
    block_on(async {
        let text = "import logging, os\nlog = logging.getLogger('orders')\ndef handler(event, context):\n    log.debug('quiet')\n    \
                    log.warning('taken %s', 7, extra={'order': 1})\n    assert os.environ['AWS_LAMBDA_LOG_FORMAT'] == 'JSON'\n    \
                    raise KeyError('x')\n";
        let script = Script::new(&[("app.py", 0o644, text)]);
        let (lines, event) = script.launch_spec(logging_json("python3.11", "app.handler")).invoke("{}").await;
        assert_eq!(outcome(&event).0, Some("KeyError"));
        let found = told(&lines, ["message", "order"]);
        assert_eq!(
            found,
            [json!(["WARNING", "id-1", "taken 7", 1]), json!(["ERROR", "id-1", null, null])],
            "{lines:?}"
        );
    });
}

fn node_logs_json() {
    block_on(async {
        let text = "exports.handler = async () => { console.warn('taken', 7); console.info({ order: 1 }); throw new RangeError('x'); };";
        let script = Script::new(&[("index.js", 0o644, text)]);
        let (lines, event) = script.launch_spec(logging_json("nodejs22.x", "index.handler")).invoke("{}").await;
        assert_eq!(outcome(&event).0, Some("RangeError"));
        let expected = [
            json!(["WARN", "id-1", "taken 7", null]),
            json!(["INFO", "id-1", { "order": 1 }, null]),
            json!(["ERROR", "id-1", "x", "RangeError"]),
        ];
        assert_eq!(told(&lines, ["message", "errorType"]), expected, "{lines:?}");
    });
}

/// An extension in the shell: says what it hears, and writes the last of it to `$OUT`.
const EXTENSION: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API"
head=$(curl -sS -D - -o "$TMPDIR/registered" -X POST "$api/2020-01-01/extension/register" -H 'Lambda-Extension-Name: ext' -d '{"events":["INVOKE","SHUTDOWN"]}')
id=$(echo "$head" | grep -i lambda-extension-identifier | tr -d '\r' | cut -d' ' -f2)
echo "registered for $(cat "$TMPDIR/registered")"
if [ -n "$PORT" ]; then
  curl -sS -X PUT "$api/2022-07-01/telemetry" -H "Lambda-Extension-Identifier: $id" -d '{"schemaVersion":"2022-12-13",
    "types":["platform","function"],"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":25},
    "destination":{"protocol":"TCP","port":'"$PORT"'}}'
fi
while event=$(curl -sS "$api/2020-01-01/extension/event/next" -H "Lambda-Extension-Identifier: $id"); do
  case $event in
    *SHUTDOWN*)
      while [ -n "$AFTER" ] && kill -0 "$(cat "$AFTER")" 2>&1; do :; done
      echo "$event" >"$OUT"
      exit 0 ;;
    *) echo "extension heard $event"; [ -z "$ENDS" ] || exit 7 ;;
  esac
done
"#;

/// An extension that wants to hear of invocations alone, and never ends.
const DEAF: &str = r#"#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API"
id=$(curl -sS -D - -o "$AFTER.registered" -X POST "$api/2020-01-01/extension/register" -H 'Lambda-Extension-Name: deaf' \
  -d '{"events":["INVOKE"]}' | grep -i lambda-extension-identifier | tr -d '\r' | cut -d' ' -f2)
echo $$ >"$AFTER"
while curl -sS "$api/2020-01-01/extension/event/next" -H "Lambda-Extension-Identifier: $id"; do :; done
"#;

/// A function with that extension in a layer.
fn with_extension(script: &Script, variables: &[(&str, &str)]) -> LaunchSpec {
    let layer = ArtifactDigest::from_bytes([2; 32]);
    let path = layer.dir_in(&script.state_dir).join("extensions/ext");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, EXTENSION).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let environment: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    LaunchSpec { layers: vec![layer], environment: environment.into(), ..spec("provided.al2023", "main") }
}

/// Lines until one that has `part`; what else happens is nothing.
async fn line_with(launched: &mut Launched, part: &str) -> String {
    loop {
        match launched.next().await.expect("the environment to be there") {
            EnvironmentEvent::Output { line, .. } if line.contains(part) => return line,
            EnvironmentEvent::Exited { cause, .. } => panic!("{cause:?} before `{part}`"),
            _ => {}
        }
    }
}

fn an_extension_hears_of_invocations_and_of_the_end() {
    block_on(async {
        let script = Script::new(&[("bootstrap", 0o755, SHELL)]);
        let out = script.state_dir.join("out");
        let mut launched = script.launch_spec(with_extension(&script, &[("OUT", out.to_str().unwrap())]));
        let (lines, event) = launched.invoke("{}").await;
        assert_eq!(outcome(&event).1["echo"], json!({}), "{lines:?}");
        let registered = r#"registered for {"functionName":"f","functionVersion":"$LATEST","handler":"main"}"#;
        assert!(lines.iter().any(|line| line == registered), "{lines:?}");
        let heard = match lines.iter().find(|line| line.contains("extension heard")) {
            Some(line) => line.clone(),
            None => line_with(&mut launched, "extension heard").await,
        };
        assert!(heard.contains(r#""eventType":"INVOKE""#) && heard.contains(r#""requestId":"id-1""#), "{heard}");
        // Free once more, when both have asked.
        let (lines, event) = launched.invoke("[1]").await;
        assert_eq!(outcome(&event).1["echo"], json!([1]), "{lines:?}");
        let environment = launched.environment.take().unwrap();
        environment.ends_because(StopReason::Idle);
        drop(environment);
        while !fs::read_to_string(&out).is_ok_and(|text| text.contains(r#""shutdownReason":"spindown""#)) {
            tokio::task::yield_now().await;
        }
    });
}

fn an_extension_that_does_not_want_to_hear_of_the_end_is_killed_before_those_that_do_are_waited_for() {
    block_on(async {
        let script = Script::new(&[("bootstrap", 0o755, SHELL)]);
        let [out, after] = ["out", "after"].map(|name| script.state_dir.join(name));
        let variables = [("OUT", out.to_str().unwrap()), ("AFTER", after.to_str().unwrap())];
        let spec = with_extension(&script, &variables);
        let deaf = spec.layers[0].dir_in(&script.state_dir).join("extensions/deaf");
        fs::write(&deaf, DEAF).unwrap();
        fs::set_permissions(&deaf, fs::Permissions::from_mode(0o755)).unwrap();
        let mut launched = script.launch_spec(spec);
        let (lines, event) = launched.invoke("{}").await;
        assert_eq!(outcome(&event).1["echo"], json!({}), "{lines:?}");
        launched.environment = None;
        while launched.next().await.is_some() {}
        let heard =
            fs::read_to_string(&out).expect("one ended when the other was gone, and before it was killed itself");
        assert!(heard.contains("SHUTDOWN"), "{heard}");
    });
}

fn an_isolated_extension_sees_what_its_runtime_sees() {
    block_on(async {
        // The runtime finds what the extension has written to their `/tmp`.
        let text = SHELL.replace("echo \"got $event\"", "echo \"got $(cut -c1-13 </tmp/registered)\"");
        let script = Script::isolated(&[("bootstrap", 0o755, &text)]);
        let mut launched = script.launch_spec(with_extension(&script, &[("OUT", "/tmp/out")]));
        let (lines, event) = launched.invoke("{}").await;
        assert_eq!(outcome(&event).1["cwd"], json!("/var/task"), "{lines:?}");
        assert!(lines.iter().any(|line| line == "got {\"functionNam"), "{lines:?}");
    });
}

fn an_extension_that_ends_ends_its_environment() {
    block_on(async {
        let script = Script::new(&[("bootstrap", 0o755, SHELL)]);
        let mut launched = script.launch_spec(with_extension(&script, &[("OUT", "/dev/null"), ("ENDS", "1")]));
        let (_, event) = launched.until_event().await;
        assert_eq!(event, EnvironmentEvent::Next);
        launched.give("{}");
        loop {
            match launched.until_event().await.1 {
                EnvironmentEvent::Response { .. } => {}
                EnvironmentEvent::Exited { cause, .. } => return assert_eq!(cause, ExitCause::ExtensionGone),
                other => panic!("{other:?}"),
            }
        }
    });
}

fn telemetry_goes_to_those_who_subscribe() {
    block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        let script = Script::new(&[("bootstrap", 0o755, SHELL)]);
        let mut launched = script.launch_spec(with_extension(&script, &[("OUT", "/dev/null"), ("PORT", &port)]));
        launched.invoke("{}").await;
        let mut heard: Vec<Value> = Vec::new();
        while !heard.iter().any(|event| event["type"] == "platform.report") {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut text).await.unwrap();
            heard.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        let of = |kind: &str| {
            heard.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{kind}: {heard:?}"))
        };
        assert_eq!(of("platform.initStart")["record"]["initializationType"], "on-demand");
        assert_eq!(of("platform.initRuntimeDone")["record"]["status"], "success");
        assert_eq!(of("platform.start")["record"]["requestId"], "id-1");
        assert_eq!(of("platform.runtimeDone")["record"]["status"], "success");
        assert_eq!(of("platform.report")["record"]["metrics"]["memorySizeMB"], 128);
        assert!(heard.iter().any(|event| event["type"] == "function" && event["record"] == "got {}"), "{heard:?}");
        assert!(heard.iter().all(|event| event["type"] != "extension"), "{heard:?}");
    });
}

/// Starts the runtime with a variable more, and says with what.
const WRAPPER: &str = "#!/bin/sh\necho \"wraps $(basename \"$1\")\"\nexport WRAPPED=yes\nexec \"$@\"\n";

fn wrappers_start_the_runtime() {
    block_on(async {
        let text = "import os\ndef handler(event, context):\n    return os.environ.get('WRAPPED')\n";
        let files = [("app.py", 0o644, text), ("bootstrap", 0o755, SHELL), ("wrapper.sh", 0o755, WRAPPER)];
        let check = async |script: &Script, path: &str, expected: (&str, Value)| {
            let environment = BTreeMap::from([("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), path.to_owned())]).into();
            let launch = LaunchSpec { environment, ..spec("python3.11", "app.handler") };
            let (lines, event) = script.launch_spec(launch).invoke("{}").await;
            assert!(lines.iter().any(|line| line.starts_with(expected.0)), "{path} {lines:?}");
            assert_eq!(outcome(&event), (None, expected.1), "{path} {lines:?}");
        };
        for script in [Script::new(&files), Script::isolated(&files)] {
            check(&script, "/var/task/wrapper.sh", ("wraps python3", json!("yes"))).await;
            let environment =
                BTreeMap::from([("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/var/task/gone".to_owned())]).into();
            let launch = LaunchSpec { environment, ..spec("python3.11", "app.handler") };
            let (_, event) = script.launch_spec(launch).until_event().await;
            let EnvironmentEvent::LaunchFailed { message } = event else { panic!("{event:?}") };
            assert!(message.contains("/gone`: No such file"), "{message}");
        }
        // An operating system alone starts its bootstrap itself.
        let script = Script::new(&files);
        let environment =
            BTreeMap::from([("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/var/task/wrapper.sh".to_owned())]).into();
        let launch = LaunchSpec { environment, ..spec("provided.al2023", "x") };
        let (lines, _) = script.launch_spec(launch).invoke("{}").await;
        assert_eq!(lines[0], "starting");
    });
}

/// Registers an extension of its own, asks for its events in a thread, and says what it hears; says goodbye at the end.
const REGISTERS: &str = r#"
import json, os, signal, sys, threading, time, urllib.error, urllib.request

def call(path, identifier=None, name=None, body=None):
    request = urllib.request.Request(f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2020-01-01/extension/{path}", data=body)
    for header, value in (("Lambda-Extension-Identifier", identifier), ("Lambda-Extension-Name", name),
                          ("Lambda-Extension-Accept-Feature", "accountId")):
        if value:
            request.add_header(header, value)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.headers.get("Lambda-Extension-Identifier"), json.load(answer)
    except urllib.error.HTTPError as error:
        return None, json.load(error)

refused = call("register", name="ends", body=b'{"events": ["SHUTDOWN"]}')[1]
identifier, registered = call("register", name="own", body=b'{"events": ["INVOKE"]}')
heard = []

def listen():
    while True:
        event = call("event/next", identifier)[1]
        heard.append(event["requestId"])

threading.Thread(target=listen, daemon=True).start()

def goodbye(*_):
    print("goodbye", flush=True)
    if os.environ.get("STAYS"):
        time.sleep(1000)
    sys.exit(0)

signal.signal(signal.SIGTERM, goodbye)

def handler(event, context):
    return [refused, registered, len(heard) <= 1]
"#;

fn extensions_of_a_runtime_itself() {
    block_on(async {
        let script = Script::new(&[("app.py", 0o644, REGISTERS)]);
        for stays in ["", "yes"] {
            let environment = BTreeMap::from([("STAYS".to_owned(), stays.to_owned())]).into();
            let mut launched = script.launch_spec(LaunchSpec { environment, ..spec("python3.11", "app.handler") });
            let (mut lines, event) = launched.invoke("{}").await;
            let refused = json!({ "errorType": "Extension.InvalidEventType", "errorMessage":
                "SHUTDOWN: event not supported for internal extension" });
            let registered = json!({ "functionName": "f", "functionVersion": "$LATEST", "handler": "app.handler",
                "accountId": "000000000000" });
            assert_eq!(outcome(&event), (None, json!([refused, registered, true])), "{lines:?}");
            // Free when its extension has asked for more, too.
            let (more, event) = launched.until_event().await;
            assert_eq!(event, EnvironmentEvent::Next);
            lines.extend(more);
            assert!(
                lines.iter().any(|line| line == "EXTENSION\tName: own\tState: Ready\tEvents: [INVOKE]"),
                "{lines:?}"
            );
            launched.environment = None;
            // Whether it ends or stays: one that stays is killed.
            let last = launched.next().await;
            assert!(matches!(&last, Some(EnvironmentEvent::LastWords { line, .. }) if line == "goodbye"), "{last:?}");
            assert_eq!(launched.next().await, None);
        }
    });
}
