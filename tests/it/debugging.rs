//! Functions that are debugged, with the genuine debuggers: debugpy and Delve over the Debug Adapter Protocol, Node's inspector
//! over its WebSocket. Each is held at a breakpoint for longer than the function's timeout and its message's visibility.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    binary::{PATIENCE, eventually, run, stackctl, succeed},
    tool::Tool,
    trials,
};

trials!(
    python_waits_for_debugpy_and_is_held_by_it needs [Tool::Debugpy],
    node_is_held_by_its_inspector needs [Tool::Node],
    node_waits_for_its_inspector needs [Tool::Node],
    go_is_held_by_delve needs [Tool::Go, Tool::Delve],
    new_code_is_found_on_the_same_port needs [Tool::Debugpy],
    python_without_debugpy_says_what_to_install needs [Tool::Python],
);

/// Of the functions, and the visibility timeout of their queue.
const TIMEOUT: &str = "1s";
/// How long each is held: three times that.
const AT_THE_BREAKPOINT: Duration = Duration::from_secs(3);

/// A stack with one function that is debugged, which notes each message that it handles; taken down when it is dropped.
struct Debugged {
    dir: tempfile::TempDir,
    port: u16,
    /// What comes first on the engine's `PATH`.
    tools: PathBuf,
}

impl Debugged {
    fn up(function: &str, wait: bool, files: &[(&str, &str)], tools: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let manifest = format!(
            "[stack]\nname = \"debugged\"\n[targets.embedded]\nport = \"auto\"\n\n[queues.jobs]\nvisibility_timeout = \
             \"{TIMEOUT}\"\n\n[functions.f]\nsource = \"src\"\ntimeout = \"{TIMEOUT}\"\nenvironment = {{ NOTED = \"{}\" }}\n\
             debug = {{ port = {port}, wait = {wait} }}\n{function}\n[[functions.f.triggers]]\nqueue = \"jobs\"\n",
            dir.path().join("noted").display()
        );
        fs::write(dir.path().join("stack.toml"), manifest).unwrap();
        let debugged = Self { dir, port, tools };
        files.iter().for_each(|(path, text)| debugged.write(path, text));
        succeed(debugged.command(&["up"]));
        debugged
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = stackctl(self.dir.path(), arguments);
        let path = std::env::var_os("PATH").unwrap();
        let path = [self.tools.clone()].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(path).unwrap());
        command
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    fn send(&self, body: &str) {
        succeed(self.command(&["send", "jobs", body]));
    }

    fn connect(&self) -> TcpStream {
        let connected = || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok();
        let stream = eventually("a debugger connects", connected);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Each message was handled once, and none is left.
    fn check_handled(&self, expected: &[&str]) {
        let noted = || fs::read_to_string(self.path("noted")).unwrap_or_default();
        eventually("all messages are handled", || (noted().lines().count() >= expected.len()).then_some(()));
        eventually("the queue is empty", || {
            let status: Value = serde_json::from_str(&succeed(self.command(&["status", "--json"]))).unwrap();
            status.to_string().contains("\"in_flight\":0").then_some(())
        });
        assert_eq!(noted().lines().collect::<Vec<_>>(), expected);
    }
}

impl Drop for Debugged {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = run(self.command(&["logs", "f"]));
            eprintln!("{}{}", logs.stdout, logs.stderr);
        }
        let _ = run(self.command(&["down", "--yes"]));
    }
}

/// A client of the Debug Adapter Protocol.
struct Dap {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    seq: u64,
    /// What came while something else was waited for.
    unread: VecDeque<Value>,
}

impl Dap {
    /// Attaches as an editor does, with a breakpoint.
    fn attach(debugged: &Debugged, arguments: &Value, file: &Path, line: u64) -> Self {
        let stream = debugged.connect();
        let reader = BufReader::new(stream.try_clone().unwrap());
        let mut dap = Self { stream, reader, seq: 0, unread: VecDeque::new() };
        dap.ask("initialize", &json!({ "adapterID": "test", "linesStartAt1": true, "pathFormat": "path" }));
        dap.send("attach", arguments);
        dap.wait(|message| message["event"] == "initialized");
        let breakpoints = json!({ "source": { "path": file }, "breakpoints": [{ "line": line }] });
        dap.ask("setBreakpoints", &breakpoints);
        dap.ask("configurationDone", &json!({}));
        dap
    }

    fn send(&mut self, command: &str, arguments: &Value) -> u64 {
        self.seq += 1;
        let message = json!({ "seq": self.seq, "type": "request", "command": command, "arguments": arguments });
        let text = message.to_string();
        write!(self.stream, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.seq
    }

    fn ask(&mut self, command: &str, arguments: &Value) -> Value {
        let seq = self.send(command, arguments);
        let answer = self.wait(|message| message["type"] == "response" && message["request_seq"] == seq);
        assert_eq!(answer["success"], true, "{answer}");
        answer
    }

    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unread.iter().position(&wanted) {
            return self.unread.remove(at).unwrap();
        }
        loop {
            let message = self.read();
            if wanted(&message) {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            let count = self.reader.read_line(&mut line).unwrap_or_else(|error| panic!("{error}: {:?}", self.unread));
            assert!(count > 0, "the debugger has gone: {:?}", self.unread);
            match line.trim().strip_prefix("Content-Length: ") {
                Some(text) => length = text.parse().unwrap(),
                None if line.trim().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Is held at a breakpoint, for longer than the function may run, and goes on.
    fn hold(&mut self) {
        let stopped = self.wait(|message| message["event"] == "stopped");
        assert_eq!(stopped["body"]["reason"], "breakpoint", "{stopped}");
        std::thread::sleep(AT_THE_BREAKPOINT);
        self.ask("continue", &json!({ "threadId": stopped["body"]["threadId"] }));
    }
}

const PYTHON: &str = "import os\n\ndef handler(event, context):\n    for record in event['Records']:\n        with \
                      open(os.environ['NOTED'], 'a') as noted:\n            noted.write(record['body'] + '\\n')\n";
const PYTHON_LINE: u64 = 5;

fn python_function() -> String {
    let python = Tool::Debugpy.path().or(Tool::Python.path()).unwrap();
    let version = succeed({
        let mut command = Command::new(python);
        command.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
        command
    });
    format!("runtime = \"python{}\"\nhandler = \"app.handler\"\nbuild = \"python\"\n", version.trim())
}

fn debugpy() -> PathBuf {
    Tool::Debugpy.path().unwrap().parent().unwrap().to_owned()
}

/// As the snippet of `docs/watch.md` says it.
fn mappings(debugged: &Debugged) -> Value {
    let mapping = json!({ "localRoot": debugged.path("src"), "remoteRoot": debugged.path(".stackctl/debug/f") });
    json!({ "justMyCode": false, "pathMappings": [mapping] })
}

fn python_waits_for_debugpy_and_is_held_by_it() {
    let debugged = Debugged::up(&python_function(), true, &[("src/app.py", PYTHON)], debugpy());
    debugged.send("first");
    let (arguments, file) = (mappings(&debugged), debugged.path("src/app.py"));
    let mut dap = Dap::attach(&debugged, &arguments, &file, PYTHON_LINE);
    dap.hold();
    debugged.send("second");
    dap.hold();
    dap.ask("disconnect", &json!({ "terminateDebuggee": false }));
    debugged.check_handled(&["first", "second"]);
    debugged.send("third");
    debugged.check_handled(&["first", "second", "third"]);
}

fn new_code_is_found_on_the_same_port() {
    let debugged = Debugged::up(&python_function(), false, &[("src/app.py", PYTHON)], debugpy());
    let (arguments, file) = (mappings(&debugged), debugged.path("src/app.py"));
    let first = Dap::attach(&debugged, &arguments, &file, PYTHON_LINE);
    debugged.write("src/app.py", &format!("{PYTHON}\n# edited\n"));
    succeed(debugged.command(&["up"]));
    drop(first);
    let mut second = Dap::attach(&debugged, &arguments, &file, PYTHON_LINE);
    debugged.send("new");
    second.hold();
    drop(second);
    debugged.check_handled(&["new"]);
}

fn python_without_debugpy_says_what_to_install() {
    let without = tempfile::tempdir().unwrap();
    let python = Command::new(Tool::Python.path().unwrap()).args(["-c", "import sys; print(sys.executable)"]).output();
    let python = String::from_utf8(python.unwrap().stdout).unwrap();
    // One that finds no packages but its own.
    let script = format!("#!/bin/sh\nexec {} -I -S \"$@\"\n", python.trim());
    for name in ["python3", "python3.12"] {
        fs::write(without.path().join(name), &script).unwrap();
        let mut permissions = fs::metadata(without.path().join(name)).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        fs::set_permissions(without.path().join(name), permissions).unwrap();
    }
    let files = [("src/app.py", PYTHON), ("src/debugpy.py", "raise ImportError('none')\n")];
    let debugged = Debugged::up(&python_function(), false, &files, without.path().to_owned());
    eventually("the log says it", || {
        let logs = succeed(debugged.command(&["logs", "f"]));
        logs.contains("`debug` needs the package debugpy").then_some(())
    });
}

const GO: &str = r#"package main

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
)

type event struct{ Records []struct{ Body string } }

func note(body string) {
	noted, _ := os.OpenFile(os.Getenv("NOTED"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	noted.WriteString(body + "\n")
	noted.Close()
}

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			panic(err)
		}
		var got event
		json.NewDecoder(next.Body).Decode(&got)
		for _, record := range got.Records {
			note(record.Body)
		}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		http.Post(api+id+"/response", "application/json", strings.NewReader("null"))
	}
}
"#;
const GO_LINE: u64 = 14;

fn go_is_held_by_delve() {
    let function = "runtime = \"provided.al2023\"\nbuild = \"go\"\n";
    let files = [("src/main.go", GO), ("src/go.mod", "module f\n\ngo 1.21\n")];
    let tools = Tool::Delve.path().unwrap().parent().unwrap().to_owned();
    let debugged = Debugged::up(function, false, &files, tools);
    debugged.send("before");
    debugged.check_handled(&["before"]);
    let file = debugged.path("src/main.go");
    let mut dap = Dap::attach(&debugged, &json!({ "mode": "remote" }), &file, GO_LINE);
    debugged.send("held");
    dap.hold();
    dap.ask("disconnect", &json!({ "terminateDebuggee": false }));
    drop(dap);
    debugged.check_handled(&["before", "held"]);
    debugged.send("after");
    debugged.check_handled(&["before", "held", "after"]);
}

const NODE: &str = "const fs = require('fs');\nexports.handler = async (event) => {\n  for (const record of \
                    event.Records) {\n    fs.appendFileSync(process.env.NOTED, record.body + '\\n');\n  }\n};\n";
/// Counted from 0, as the inspector does.
const NODE_LINE: u64 = 3;
const NODE_FUNCTION: &str = "runtime = \"nodejs20.x\"\nhandler = \"index.handler\"\nbuild = \"node\"\n";

/// A client of Node's inspector: a WebSocket with one JSON document a frame.
struct Inspector {
    stream: TcpStream,
    id: u64,
    unread: VecDeque<Value>,
}

impl Inspector {
    fn attach(debugged: &Debugged) -> Self {
        let sessions = eventually("the inspector says where its session is", || {
            let mut asking = debugged.connect();
            write!(asking, "GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", debugged.port).unwrap();
            let mut answer = String::new();
            asking.read_to_string(&mut answer).ok()?;
            serde_json::from_str::<Value>(answer.split_once("\r\n\r\n")?.1).ok()
        });
        let url = sessions[0]["webSocketDebuggerUrl"].as_str().unwrap().to_owned();
        let start = format!("ws://127.0.0.1:{}/", debugged.port);
        let path = url.strip_prefix(&start).unwrap_or_else(|| panic!("{url} is not on our port: {start}"));
        let mut stream = debugged.connect();
        write!(
            stream,
            "GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            debugged.port
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self { stream, id: 0, unread: VecDeque::new() }
    }

    fn ask(&mut self, method: &str, parameters: &Value) {
        self.id += 1;
        let text = json!({ "id": self.id, "method": method, "params": parameters }).to_string();
        // Masked, as a client's frames have to be, with nothing.
        let mut frame = vec![0x81, 0xfe];
        frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.bytes());
        self.stream.write_all(&frame).unwrap();
        let id = self.id;
        let answer = self.wait(|message| message["id"] == id);
        assert!(answer["error"].is_null(), "{answer}");
    }

    fn wait(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.unread.iter().position(&wanted) {
            return self.unread.remove(at).unwrap();
        }
        loop {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).unwrap();
            let length = match head[1] {
                126 => u64::from(u16::from_be_bytes(self.bytes())),
                127 => u64::from_be_bytes(self.bytes()),
                short => u64::from(short),
            };
            let mut text = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut text).unwrap();
            let message: Value = serde_json::from_slice(&text).unwrap();
            if wanted(&message) {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    fn bytes<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn break_in(&mut self, debugged: &Debugged) {
        let url = format!("file://{}", debugged.path(".stackctl/debug/f/index.js").display());
        self.ask("Runtime.enable", &json!({}));
        self.ask("Debugger.enable", &json!({}));
        self.ask("Debugger.setBreakpointByUrl", &json!({ "url": url, "lineNumber": NODE_LINE }));
        self.ask("Runtime.runIfWaitingForDebugger", &json!({}));
    }

    fn hold(&mut self) {
        let paused = self.wait(|message| message["method"] == "Debugger.paused");
        assert_eq!(paused["params"]["hitBreakpoints"].as_array().map(Vec::len), Some(1), "{paused}");
        std::thread::sleep(AT_THE_BREAKPOINT);
        self.ask("Debugger.resume", &json!({}));
    }
}

fn node_is_held_by_its_inspector() {
    let debugged = Debugged::up(NODE_FUNCTION, false, &[("src/index.js", NODE)], PathBuf::from("/nowhere"));
    debugged.send("before");
    debugged.check_handled(&["before"]);
    let mut inspector = Inspector::attach(&debugged);
    inspector.break_in(&debugged);
    debugged.send("held");
    inspector.hold();
    drop(inspector);
    debugged.check_handled(&["before", "held"]);
}

fn node_waits_for_its_inspector() {
    let debugged = Debugged::up(NODE_FUNCTION, true, &[("src/index.js", NODE)], PathBuf::from("/nowhere"));
    debugged.send("held");
    let mut inspector = Inspector::attach(&debugged);
    inspector.break_in(&debugged);
    inspector.hold();
    drop(inspector);
    debugged.check_handled(&["held"]);
}
