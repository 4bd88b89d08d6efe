//! Functions in containers, on a real Docker Engine. Images are made here, of nothing or of this machine's own files: no registry is
//! needed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::services::Registry;
use crate::support::{
    binary::{Printed, eventually, run, stackctl, succeed},
    go_runtime,
    tool::Tool,
    trials,
};

trials!(
    an_image_of_nothing_but_a_program_is_a_function needs [Tool::Docker, Tool::Go],
    code_is_mounted_and_calls_its_queues needs [Tool::Docker, Tool::Python],
    a_container_is_held_to_its_limits needs [Tool::Docker, Tool::Python],
    what_a_kill_leaves_is_cleared needs [Tool::Docker, Tool::Python],
    a_container_is_killed_at_its_timeout needs [Tool::Docker, Tool::Python],
    a_runtime_with_an_extension_of_its_own_is_asked_to_end needs [Tool::Docker, Tool::Python],
    what_is_missing_is_said needs [Tool::Docker, Tool::Python],
    an_image_for_another_machine_is_said_before_it_bites needs [Tool::Docker, Tool::Go],
    what_is_printed_is_logged_with_its_invocation needs [Tool::Docker, Tool::Go],
    a_base_image_of_a_registry_is_locked needs [Tool::Docker, Tool::DockerRegistry, Tool::Go],
    a_zip_file_becomes_an_image_and_back needs [Tool::Docker, Tool::Go],
    provisioned_environments_are_containers_that_run_before_they_are_asked needs [Tool::Docker, Tool::Python]
);

/// A runtime for Python in some lines, which an image starts with the handler's name: what AWS's runtime interface client does.
pub(crate) const PYTHON_RUNTIME: &str = r#"import importlib, json, os, sys, traceback, urllib.request
sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
sys.stdout.reconfigure(line_buffering=True)
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
module, function = sys.argv[1].rsplit(".", 1)
handler = getattr(importlib.import_module(module), function)
def post(path, document):
    urllib.request.urlopen(urllib.request.Request(api + path, json.dumps(document).encode())).read()
while True:
    with urllib.request.urlopen(api + "invocation/next") as response:
        id, event = response.headers["Lambda-Runtime-Aws-Request-Id"], json.load(response)
    try:
        post("invocation/" + id + "/response", handler(event, None))
    except Exception as error:
        post("invocation/" + id + "/error", {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": traceback.format_exc().splitlines()})
"#;

/// Does what its event says, and says what it sees.
const PYTHON_HANDLER: &str = r#"import json, os, time, urllib.request
def writable(path):
    try:
        open(os.path.join(path, "x"), "w").write("x")
        return True
    except OSError:
        return False
def handler(event, context):
    if "Records" in event:
        for record in event["Records"]:
            print("RECEIVED", record["body"])
            send(os.environ["OUT"], record["body"].upper())
        return None
    do = event.get("do")
    if do == "eat":
        eaten = bytearray(512 << 20)
        return len(eaten)
    if do == "sleep":
        time.sleep(60)
    if do == "fill":
        with open("/tmp/full", "wb") as file:
            for _ in range(event["mb"]):
                file.write(b"x" * (1 << 20))
    if do == "exit":
        os._exit(3)
    print("PRINTED", do)
    return {"task": writable("/var/task"), "tmp": writable("/tmp"), "root": writable("/etc"), "pid": os.getpid(), "version": os.environ.get("CODE", VERSION), "variables": dict(os.environ)}
def send(url, body):
    document = json.dumps({"QueueUrl": url, "MessageBody": body}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
    urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], document, headers)).read()
VERSION = "one"
"#;

/// Registers an extension of its own, and says goodbye when it is asked to end.
const POLITE: &str = r#"import os, signal, sys, threading, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
registration = urllib.request.Request(api + "register", b'{"events": ["INVOKE"]}', {"Lambda-Extension-Name": "own"})
with urllib.request.urlopen(registration) as answer:
    identifier = answer.headers["Lambda-Extension-Identifier"]
def listen():
    while True:
        urllib.request.urlopen(urllib.request.Request(api + "event/next", headers={"Lambda-Extension-Identifier": identifier})).read()
threading.Thread(target=listen, daemon=True).start()
def goodbye(*_):
    print("goodbye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, goodbye)
def handler(event, context):
    return VERSION
VERSION = "one"
"#;

fn docker(arguments: &[&str]) -> String {
    let output = Command::new(Tool::Docker.path().unwrap()).args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Python and what it needs of this machine, as an image whose entry point is [`PYTHON_RUNTIME`]; made once.
pub(crate) fn python_image() -> &'static str {
    static IMAGE: OnceLock<&str> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let name = "stackctl-test-python:1";
        let root = TempDir::new().unwrap();
        copy_python(root.path());
        fs::create_dir_all(root.path().join("runtime")).unwrap();
        fs::write(root.path().join("runtime/main.py"), PYTHON_RUNTIME).unwrap();
        for dir in ["tmp", "etc", "var/task"] {
            fs::create_dir_all(root.path().join(dir)).unwrap();
        }
        let python = python_executable();
        let entry = json!([python, "/runtime/main.py"]);
        fs::write(root.path().join("Dockerfile"), format!("FROM scratch\nCOPY . /\nENTRYPOINT {entry}\n")).unwrap();
        docker(&["build", "--quiet", "--tag", name, root.path().to_str().unwrap()]);
        name
    })
}

pub(crate) fn python_executable() -> String {
    let line = "import sys; print(sys.executable)";
    let output = Command::new(Tool::Python.path().unwrap()).args(["-c", line]).output().unwrap();
    let path = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    fs::canonicalize(path).unwrap().to_str().unwrap().to_owned()
}

/// Copies the interpreter, its library and the shared libraries that they link to the same paths below `root`.
fn copy_python(root: &Path) {
    let python = python_executable();
    let line = "import sysconfig; print(sysconfig.get_paths()['stdlib'])";
    let library = String::from_utf8(Command::new(&python).args(["-c", line]).output().unwrap().stdout).unwrap();
    let library = Path::new(library.trim());
    let mut files = vec![PathBuf::from(&python)];
    let modules = fs::read_dir(library.join("lib-dynload")).unwrap().map(|entry| entry.unwrap().path());
    files.extend(modules);
    let mut linked: Vec<PathBuf> = files.iter().flat_map(|file| libraries_of(file)).collect();
    linked.sort();
    linked.dedup();
    for file in [PathBuf::from(&python)].iter().chain(&linked) {
        copy(file, root);
    }
    let target = root.join(library.strip_prefix("/").unwrap());
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    let leave = [
        "--exclude=test",
        "--exclude=site-packages",
        "--exclude=dist-packages",
        "--exclude=__pycache__",
        "--exclude=config-*",
    ];
    let tar = format!(
        "tar -C {} {} -chf - {} | tar -C {} -xf -",
        library.parent().unwrap().display(),
        leave.join(" "),
        library.file_name().unwrap().to_str().unwrap(),
        target.parent().unwrap().display()
    );
    assert!(Command::new("sh").args(["-c", &tar]).status().unwrap().success());
}

fn libraries_of(file: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(file).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

fn copy(file: &Path, root: &Path) {
    let target = root.join(file.strip_prefix("/").unwrap());
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(file, target).unwrap();
}

/// A stack in a folder, which is taken down when it is dropped.
struct Stack {
    dir: TempDir,
    name: String,
}

impl Stack {
    /// A stack whose name is its own, so that tests do not meet in Docker.
    fn new(kind: &str, manifest: &str) -> Self {
        let name = format!("ct-{kind}-{}", std::process::id());
        let dir = TempDir::new().unwrap();
        let text = format!("[stack]\nname = \"{name}\"\n\n[targets.embedded]\nport = \"auto\"\n\n{manifest}");
        fs::write(dir.path().join("stack.toml"), text).unwrap();
        Self { dir, name }
    }

    fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn command(&self, arguments: &[&str]) -> Command {
        stackctl(self.dir.path(), arguments)
    }

    fn up(&self) -> String {
        let printed = run(self.command(&["up", "--yes"]));
        assert_eq!(printed.code, Some(0), "{}\n{}", printed.stderr, self.log());
        printed.stderr
    }

    fn invoke(&self, function: &str, event: &Value) -> Printed {
        run(self.command(&["invoke", function, "--payload", &event.to_string()]))
    }

    fn answer(&self, function: &str, event: &Value) -> Value {
        let printed = self.invoke(function, event);
        assert_eq!(printed.code, Some(0), "{}{}\n{}", printed.stdout, printed.stderr, self.log());
        serde_json::from_str(&printed.stdout).unwrap()
    }

    fn logs(&self, function: &str) -> String {
        succeed(self.command(&["logs", function]))
    }

    /// What the engine itself says.
    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join(".stackctl/engine.log")).unwrap_or_default()
    }

    fn containers(&self) -> Vec<String> {
        let filter = format!("label=dev.stackctl.stack={}", self.name);
        docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]).lines().map(str::to_owned).collect()
    }

    fn networks(&self) -> String {
        docker(&["network", "ls", "--quiet", "--filter", &format!("label=dev.stackctl.stack={}", self.name)])
    }

    fn images(&self) -> String {
        docker(&["image", "ls", "--quiet", "--filter", &format!("label=dev.stackctl.stack={}", self.name)])
    }

    fn down(&self) {
        succeed(self.command(&["down", "--yes"]));
        assert_eq!(self.containers(), Vec::<String>::new());
        assert_eq!((self.networks().as_str(), self.images().as_str()), ("", ""));
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // Has been done already by a test that came to its end.
        let _ = self.command(&["down", "--yes"]).output();
    }
}

fn python(name: &str, more: &str) -> String {
    format!(
        "[functions.{name}]\nruntime = \"python3.11\"\nhandler = \"app.handler\"\nsource = \"code\"\n\
         isolation = \"container\"\nbase_image = \"{}\"\n{more}\n",
        python_image()
    )
}

fn an_image_of_nothing_but_a_program_is_a_function() {
    let manifest = "[functions.greeter]\nsource = \"greeter\"\nmemory = \"256MiB\"\ntimeout = \"20s\"\n\
                    build = { image = { args = { FILE = \"greeter\" } } }\n\
                    image_config = { command = [\"one\", \"two\"] }\nenvironment = { GREETING = \"hello\" }\n";
    let stack = Stack::new("image", manifest);
    stack.write("greeter/Dockerfile", "FROM scratch\nARG FILE\nCOPY ${FILE} /greeter\nENTRYPOINT [\"/greeter\"]\n");
    let build = |source: &str| go_runtime::build(&stack.dir.path().join("greeter"), source, "greeter");
    build(go_runtime::SOURCE);
    let first = stack.up();
    assert!(first.contains("functions.greeter  stackctl.localhost/"), "{first}");
    let answer = stack.answer("greeter", &json!({"n": 1}));
    assert_eq!((&answer["greeting"], &answer["event"]["n"]), (&json!("hello"), &json!(1)));
    assert_eq!(answer["uid"], 993, "as AWS, an image runs as somebody who is not root");
    let log = stack.logs("greeter");
    assert!(log.contains("ECHO {\"n\":1} hello [/greeter one two]"), "{log}");
    let again = stack.up();
    assert!(!again.contains("built") && !again.contains("updated"), "the second time there is nothing to do: {again}");
    // New code beside the old.
    build(&go_runtime::SOURCE.replace("%q,\"uid\"", "%q,\"v\":2,\"uid\""));
    stack.up();
    assert_eq!(stack.answer("greeter", &json!({}))["v"], 2);
    stack.down();
}

fn code_is_mounted_and_calls_its_queues() {
    let manifest = python(
        "consumer",
        "timeout = \"20s\"\nenvironment = { OUT = \"${queues.out.url}\" }\n\n[[functions.consumer.triggers]]\nqueue = \"in\"\n\n\
         [queues.in]\nvisibility_timeout = \"2m\"\n[queues.out]\n",
    );
    let stack = Stack::new("queue", &manifest);
    stack.write("code/app.py", PYTHON_HANDLER).up();
    succeed(stack.command(&["send", "in", "hello"]));
    let received = eventually("the message came back", || {
        let printed = succeed(stack.command(&["receive", "out"]));
        (!printed.trim().is_empty()).then_some(printed)
    });
    assert!(received.contains("HELLO"), "{received}");
    assert!(stack.logs("consumer").contains("RECEIVED hello"));
    let answer = stack.answer("consumer", &json!({"do": "look"}));
    let variables = &answer["variables"];
    let endpoint = variables["AWS_ENDPOINT_URL"].as_str().unwrap();
    assert!(variables["OUT"].as_str().unwrap().starts_with(endpoint), "{variables}");
    assert_eq!(variables["LAMBDA_TASK_ROOT"], "/var/task");
    // The swap: new code is in a container beside the old.
    stack.write("code/app.py", &PYTHON_HANDLER.replace("VERSION = \"one\"", "VERSION = \"two\""));
    stack.up();
    assert_eq!(stack.answer("consumer", &json!({"do": "look"}))["version"], "two");
    stack.down();
}

fn a_container_is_held_to_its_limits() {
    let manifest = python("limited", "timeout = \"30s\"\nmemory = \"256MiB\"\nephemeral_storage = \"512MiB\"\n");
    let stack = Stack::new("limits", &manifest);
    stack.write("code/app.py", PYTHON_HANDLER).up();
    let answer = stack.answer("limited", &json!({"do": "look"}));
    assert_eq!(
        (&answer["task"], &answer["tmp"], &answer["root"]),
        (&json!(false), &json!(true), &json!(false)),
        "{answer}"
    );
    let seen: Value = serde_json::from_str(&docker(&["inspect", &stack.containers()[0]])).unwrap();
    let host = &seen[0]["HostConfig"];
    assert_eq!((&host["Memory"], &host["MemorySwap"]), (&json!(256 << 20), &json!(256 << 20)));
    assert_eq!(
        (&host["ReadonlyRootfs"], &host["CapDrop"], &host["Privileged"]),
        (&json!(true), &json!(["ALL"]), &json!(false))
    );
    assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]));
    assert_eq!(host["PidsLimit"], 1024);
    let eaten = stack.invoke("limited", &json!({"do": "eat"}));
    assert!(
        eaten.stdout.contains("Runtime.OutOfMemory"),
        "{}{}\n{}",
        eaten.stdout,
        eaten.stderr,
        stack.logs("limited")
    );
    let left = stack.invoke("limited", &json!({"do": "exit"}));
    assert!(left.stdout.contains("Runtime exited with error: exit status 3"), "{}", left.stdout);
    stack.down();
}

fn provisioned_environments_are_containers_that_run_before_they_are_asked() {
    let manifest = python("ready", "timeout = \"20s\"\nconcurrency = { reserved = 4, provisioned = 2 }\n");
    let stack = Stack::new("provisioned", &manifest);
    stack.write("code/app.py", PYTHON_HANDLER).up();
    let before = stack.containers();
    assert_eq!(before.len(), 2, "{before:?}");
    stack.answer("ready:live", &json!({}));
    assert_eq!(stack.containers(), before, "one of them answered");
    stack.down();
}

fn a_container_is_killed_at_its_timeout() {
    let stack = Stack::new("timeout", &python("slow", "timeout = \"1s\"\n"));
    stack.write("code/app.py", PYTHON_HANDLER).up();
    assert_eq!(stack.answer("slow", &json!({"do": "look"}))["tmp"], true);
    let before = stack.containers();
    let slept = stack.invoke("slow", &json!({"do": "sleep"}));
    assert!(slept.stdout.contains("Task timed out after 1.00 seconds"), "{}", slept.stdout);
    eventually("the container is gone", || stack.containers().iter().all(|id| !before.contains(id)).then_some(()));
    assert_eq!(stack.answer("slow", &json!({"do": "look"}))["tmp"], true, "the next one is a new one");
    stack.down();
}

fn a_runtime_with_an_extension_of_its_own_is_asked_to_end() {
    let stack = Stack::new("polite", &python("polite", "timeout = \"20s\"\n"));
    stack.write("code/app.py", POLITE).up();
    assert_eq!(stack.answer("polite", &json!({})), "one");
    assert!(!stack.logs("polite").contains("goodbye"));
    stack.write("code/app.py", &POLITE.replace("\"one\"", "\"two\"")).up();
    assert_eq!(stack.answer("polite", &json!({})), "two");
    eventually("it said goodbye", || stack.logs("polite").contains("goodbye").then_some(()));
    stack.down();
}

fn what_a_kill_leaves_is_cleared() {
    let stack = Stack::new("kill", &python("left", "timeout = \"20s\"\n"));
    stack.write("code/app.py", PYTHON_HANDLER).up();
    stack.answer("left", &json!({}));
    // Where its start took longer than AWS lets it, its place was taken by another, and it is on its way out.
    let one = || eventually("one container", || (stack.containers().len() == 1).then_some(()));
    one();
    let kill = || {
        let known = fs::read_to_string(stack.dir.path().join(".stackctl/engine.json")).unwrap();
        let known: Value = serde_json::from_str(&known).unwrap();
        assert!(Command::new("kill").args(["-9", &known["pid"].to_string()]).status().unwrap().success());
    };
    kill();
    // The next engine has its own.
    stack.up();
    let answer = stack.answer("left", &json!({"do": "look"}));
    assert_eq!(answer["tmp"], true, "{}", stack.log());
    one();
    kill();
    stack.down();
}

fn what_is_missing_is_said() {
    let manifest = "[functions.f]\nimage = \"127.0.0.1:1/nothing:1\"\n";
    let stack = Stack::new("missing", manifest);
    let printed = run(stack.command(&["up", "--yes"]));
    assert_ne!(printed.code, Some(0));
    assert!(printed.stderr.contains("cannot pull the image `127.0.0.1:1/nothing:1`"), "{}", printed.stderr);
    let manifest = python("f", "architecture = \"arm64\"\n");
    let other = Stack::new("machine", &manifest);
    other.write("code/app.py", PYTHON_HANDLER);
    let printed = run(other.command(&["up", "--yes"]));
    let native = std::env::consts::ARCH == "aarch64";
    assert!(native || printed.stderr.contains("the function's architecture is arm64"), "{}", printed.stderr);
    let mut none = other.command(&["up", "--yes"]);
    none.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let printed = run(none);
    assert!(printed.stderr.contains("cannot reach the Docker engine"), "{}", printed.stderr);
    assert!(printed.stderr.contains("start Docker"), "{}", printed.stderr);
}

/// A function whose program is built into an image of nothing else.
fn echo_image() -> &'static str {
    "[functions.echo]\nsource = \"echo\"\ntimeout = \"20s\"\nbuild = { image = {} }\nenvironment = { GREETING = \"hello\" }\n"
}

const ECHO_DOCKERFILE: &str = "FROM scratch\nCOPY bootstrap /bootstrap\nENTRYPOINT [\"/bootstrap\"]\n";

fn an_image_for_another_machine_is_said_before_it_bites() {
    let (other, platform) = if std::env::consts::ARCH == "aarch64" { ("x86_64", "amd64") } else { ("arm64", "arm64") };
    let image = format!("stackctl-test-{platform}:1");
    let context = TempDir::new().unwrap();
    go_runtime::build(context.path(), go_runtime::SOURCE, "bootstrap");
    // Its configuration says another machine, and so does the second program's header.
    let mut foreign = fs::read(context.path().join("bootstrap")).unwrap();
    foreign[18] = if platform == "arm64" { 0xb7 } else { 0x3e };
    fs::write(context.path().join("foreign"), foreign).unwrap();
    let dockerfile =
        "FROM scratch\nCOPY bootstrap /bootstrap\nCOPY --chmod=0755 foreign /foreign\nENTRYPOINT [\"/bootstrap\"]\n";
    fs::write(context.path().join("Dockerfile"), dockerfile.replace(" --chmod=0755", "")).unwrap();
    fs::set_permissions(context.path().join("foreign"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = context.path().to_str().unwrap();
    docker(&["build", "--quiet", "--platform", &format!("linux/{platform}"), "--tag", &image, path]);
    assert_eq!(docker(&["image", "inspect", "--format", "{{.Architecture}}", &image]), platform);

    // A function that says it is for this machine is refused, with the way out; nothing was made.
    let stack = Stack::new("foreign", &format!("[functions.f]\nimage = \"{image}\"\ntimeout = \"20s\"\n"));
    let printed = run(stack.command(&["up", "--yes"]));
    assert_ne!(printed.code, Some(0));
    assert!(
        printed.stderr.contains(&format!("`{image}` is for {platform}, and the function is for")),
        "{}",
        printed.stderr
    );
    assert!(printed.stderr.contains("set `architecture` to what the image is for"), "{}", printed.stderr);

    // One that says so itself is warned of, and so is a service.
    let functions = format!(
        "[functions.f]\nimage = \"{image}\"\narchitecture = \"{other}\"\ntimeout = \"20s\"\n\
         [functions.g]\nimage = \"{image}\"\narchitecture = \"{other}\"\nimage_config = {{ entry_point = [\"/foreign\"] }}\n"
    );
    let with_service = Stack::new("foreign-s", &format!("[services.s]\nimage = \"{image}\"\n"));
    let said = run(with_service.command(&["plan"])).stderr;
    assert!(said.contains(&format!("`{image}` is for {platform}, and Docker here is ")), "of a service: {said}");
    let stack = Stack::new("foreign-f", &functions);
    let said = stack.up();
    assert!(said.contains(&format!("functions.f: its image is for {platform}, and Docker here is ")), "{said}");
    // What it really is runs; what it really is not says why.
    assert_eq!(stack.answer("f", &json!({}))["uid"], 993);
    let failed = stack.invoke("g", &json!({}));
    assert!(failed.stdout.contains("exec format error; it may be for another architecture"), "{}", failed.stdout);
    stack.down();
    docker(&["image", "rm", &image]);
}

fn what_is_printed_is_logged_with_its_invocation() {
    let stack = Stack::new("prints", echo_image());
    stack.write("echo/Dockerfile", ECHO_DOCKERFILE);
    go_runtime::build(&stack.dir.path().join("echo"), go_runtime::SOURCE, "bootstrap");
    stack.up();
    for number in 0..40 {
        stack.answer("echo", &json!({ "n": number }));
    }
    let log = stack.logs("echo");
    let words: Vec<&str> = log.lines().map(|line| line.split_whitespace().nth(2).unwrap()).collect();
    // Nothing is before its START, behind its END or out of order, whichever of the two it was printed to.
    let invocation = ["START", "ECHO", "to", "END", "REPORT"];
    let invocations: Vec<&str> = words.into_iter().filter(|word| invocation.contains(word)).collect();
    assert_eq!(invocations, invocation.repeat(40), "{log}");
    let pipes = fs::read_dir(stack.dir.path().join(".stackctl/tmp")).unwrap();
    assert_eq!(pipes.count(), 0, "the names of pipe and socket are gone");
    stack.down();

    // A function's own exit code is its own, also when it never called.
    let stack = Stack::new("prints", echo_image());
    stack.write("echo/Dockerfile", ECHO_DOCKERFILE);
    go_runtime::build(
        &stack.dir.path().join("echo"),
        "package main\n\nimport \"os\"\n\nfunc main() { os.Exit(212) }\n",
        "bootstrap",
    );
    stack.up();
    let failed = stack.invoke("echo", &json!({}));
    assert!(failed.stdout.contains("Runtime exited with error: exit status 212"), "{}", failed.stdout);
    stack.down();

    // What is not there is named.
    let text = echo_image().to_owned() + "image_config = { entry_point = [\"/nothing\"] }\n";
    let stack = Stack::new("prints", &text);
    stack.write("echo/Dockerfile", ECHO_DOCKERFILE);
    go_runtime::build(&stack.dir.path().join("echo"), go_runtime::SOURCE, "bootstrap");
    stack.up();
    let failed = stack.invoke("echo", &json!({}));
    assert!(failed.stdout.contains("Runtime.InvalidEntrypoint"), "{}", failed.stdout);
    assert!(failed.stdout.contains("cannot start `/nothing`: no such file or directory"), "{}", failed.stdout);
    stack.down();
}

fn a_base_image_of_a_registry_is_locked() {
    let registry = Registry::start();
    let image = format!("localhost:{}/ct-base:1", registry.port);
    let context = TempDir::new().unwrap();
    fs::write(context.path().join("Dockerfile"), "FROM scratch\nCOPY Dockerfile /base\n").unwrap();
    docker(&["build", "--quiet", "--no-cache", "--tag", &image, context.path().to_str().unwrap()]);
    docker(&["push", "--quiet", &image]);
    docker(&["rmi", &image]);
    let manifest = format!(
        "[functions.echo]\nruntime = \"provided.al2023\"\nsource = \"echo\"\nbuild = \"none\"\ntimeout = \"20s\"\n\
         isolation = \"container\"\nbase_image = \"{image}\"\n"
    );
    let stack = Stack::new("locked", &manifest);
    go_runtime::build(&stack.dir.path().join("echo"), go_runtime::SOURCE, "bootstrap");
    let said = stack.up();
    assert!(said.contains(&format!("stack.lock: {image} at ")), "{said}");
    let lock = fs::read_to_string(stack.dir.path().join("stack.lock")).unwrap();
    assert!(lock.contains(&format!("\"{image}\" = \"sha256:")), "{lock}");
    let plan = run(stack.command(&["plan", "--exit-code"]));
    assert_eq!(plan.code, Some(0), "{}", plan.stdout);
    assert_eq!(stack.answer("echo", &json!({"n": 1}))["event"]["n"], 1);
    stack.down();
    docker(&["rmi", &docker(&["image", "ls", "--quiet", &image.replace(":1", "")])]);
}

fn a_zip_file_becomes_an_image_and_back() {
    let around = "url = {}\nconcurrency = { reserved = 4, provisioned = 1 }\n\
                  [[functions.echo.triggers]]\nqueue = \"jobs\"\n[queues.jobs]\nvisibility_timeout = \"2m\"\n";
    let as_image = echo_image().to_owned() + around;
    let as_zip = as_image.replace("build = { image = {} }", "runtime = \"provided.al2023\"\nbuild = \"none\"");
    let stack = Stack::new("kinds", &as_zip);
    stack.write("echo/Dockerfile", ECHO_DOCKERFILE);
    go_runtime::build(&stack.dir.path().join("echo"), go_runtime::SOURCE, "bootstrap");
    stack.up();
    let head = fs::read_to_string(stack.dir.path().join("stack.toml")).unwrap().replace(&as_zip, "");
    for (text, kinds, containers) in
        [(&as_image, "zip file -> image", 1), (&as_zip, "image -> zip file", 0), (&as_image, "zip file -> image", 1)]
    {
        stack.write("stack.toml", &(head.clone() + text));
        let plan = succeed(stack.command(&["plan"]));
        let reason = format!(
            "- functions.echo                replace: {kinds}, which AWS does not change in place (calls would fail"
        );
        assert!(plan.contains(&reason), "{plan}");
        let refused = run(stack.command(&["up"]));
        assert_eq!(refused.code, Some(1), "nobody can be asked: {}", refused.stderr);
        assert!(
            refused.stderr.contains("waiting events and versions of `functions.echo` would be lost"),
            "{}",
            refused.stderr
        );
        stack.up();
        assert_eq!(run(stack.command(&["plan", "--exit-code"])).code, Some(0));
        assert_eq!(stack.answer("echo:live", &json!({}))["greeting"], "hello");
        assert_eq!(stack.containers().len(), containers, "{kinds}");
        succeed(stack.command(&["send", "jobs", kinds]));
        eventually("the queue's message", || stack.logs("echo").contains(kinds).then_some(()));
    }
    stack.down();
}
