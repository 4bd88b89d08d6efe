//! `stackctl watch` as a user runs it: the ways in which editors save, builds that fail and are superseded, manifests that
//! change, and messages that flow meanwhile.

mod languages;
mod limits;
mod saving;
mod seeing;
mod swapping;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{
    binary::{PATIENCE, eventually, run, stackctl, succeed},
    tool::Tool,
    trials,
};

trials!(
    every_way_of_saving_is_served needs [Tool::Python],
    a_source_that_goes_and_comes_again_is_served needs [Tool::Python],
    what_is_ignored_is_no_save needs [Tool::Python],
    a_save_that_changes_nothing_deploys_nothing needs [Tool::Python],
    only_what_a_save_reaches_is_built,
    folders_that_the_manifest_names_count,
    what_a_command_writes_into_its_source_is_no_save,
    a_failed_build_leaves_the_version_before,
    a_change_supersedes_the_build_under_way,
    code_that_does_not_initialise_leaves_the_version_before needs [Tool::Python],
    a_broken_manifest_leaves_the_stack_alone needs [Tool::Python],
    the_manifests_changes_are_converged_and_losses_are_held needs [Tool::Python],
    a_function_that_comes_later_is_watched needs [Tool::Python],
    a_url_that_comes_later_reaches_those_who_name_it needs [Tool::Python],
    ctrl_c_ends_and_the_stack_stays needs [Tool::Python],
    no_message_is_lost_or_handled_twice_while_saves_go_on needs [Tool::Python],
    go_packages_beside_the_source_count needs [Tool::Go],
);

/// This module's tests and those of its parts.
pub(crate) fn every() -> Vec<libtest_mimic::Trial> {
    [all(), languages::all(), limits::all(), saving::all(), seeing::all(), swapping::all()]
        .into_iter()
        .flatten()
        .collect()
}

const PYTHON: &str = r#"
[stack]
name = "watched"

[targets.embedded]
port = "auto"

[queues.jobs]

[functions.f]
runtime = "python3.12"
handler = "app.handler"
source = "src"
build = "python"
"#;

/// A stack under watch; taken down when it is dropped.
struct Watched {
    dir: tempfile::TempDir,
    events: Events,
}

impl Watched {
    /// Writes the files and watches; returns when the stack is up.
    fn start(files: &[(&str, &str)]) -> Self {
        Self::start_with(files, |_| {})
    }

    /// The same with what else `prepare` puts into the folder.
    fn start_with(files: &[(&str, &str)], prepare: impl FnOnce(&Path)) -> Self {
        Self::start_by(files, prepare, |_| {})
    }

    /// The same by a command that `change` has changed.
    fn start_by(files: &[(&str, &str)], prepare: impl FnOnce(&Path), change: impl FnOnce(&mut Command)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        files.iter().for_each(|(path, text)| write(&dir.path().join(path), text));
        prepare(dir.path());
        let mut command = stackctl(dir.path(), &["watch", "--json"]);
        change(&mut command);
        let mut watched = Self { dir, events: Events::of(command) };
        let watching = watched.next("watching");
        assert_eq!(watching["experiments"], serde_json::json!([]), "nothing is scaled: {watching}");
        watched
    }

    /// A Python function that returns "one".
    fn python() -> Self {
        Self::start(&[("stack.toml", PYTHON), ("src/app.py", &python("one"))])
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// The next event of a kind; those before it are passed over.
    #[track_caller]
    fn next(&mut self, kind: &str) -> Value {
        self.events.next(kind)
    }

    /// The end of the save in which `function` gets new code.
    #[track_caller]
    fn served(&mut self, function: &str) -> Value {
        loop {
            let event = self.next("served");
            if event["served"].as_array().unwrap().iter().any(|served| served == function) {
                return event;
            }
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        stackctl(self.dir.path(), arguments)
    }

    fn invoke(&self, function: &str) -> String {
        succeed(self.command(&["invoke", function])).trim().trim_matches('"').to_owned()
    }

    /// Saves by `how`, after which the function returns `expected`.
    #[track_caller]
    fn after(&mut self, expected: &str, how: impl FnOnce(&Path)) {
        how(self.dir.path());
        self.served("f");
        // A way of saving that takes several steps may be seen as two saves.
        eventually(expected, || (self.invoke("f") == expected).then_some(()));
    }

    /// Sends the signal, and waits for the end.
    fn end(&mut self) -> Option<i32> {
        self.events.end()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Two at once would wait for each other.
        let _ = (self.events.child.0.kill(), self.events.child.0.wait());
        let _ = run(self.command(&["down", "--yes"]));
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn python(returns: &str) -> String {
    format!("def handler(event, context):\n    return \"{returns}\"\n")
}

fn every_way_of_saving_is_served() {
    let mut watched = Watched::python();
    assert_eq!(watched.invoke("f"), "one");
    watched.after("in place", |dir| write(&dir.join("src/app.py"), &python("in place")));
    watched.after("renamed over", |dir| {
        write(&dir.join("src/.app.py.tmp"), &python("renamed over"));
        fs::rename(dir.join("src/.app.py.tmp"), dir.join("src/app.py")).unwrap();
    });
    watched.after("vim", |dir| {
        let (file, backup, trial) = (dir.join("src/app.py"), dir.join("src/app.py~"), dir.join("src/4913"));
        write(&trial, "");
        fs::remove_file(trial).unwrap();
        fs::rename(&file, &backup).unwrap();
        write(&file, &python("vim"));
        fs::remove_file(backup).unwrap();
    });
    watched.after("deleted and created", |dir| {
        fs::remove_file(dir.join("src/app.py")).unwrap();
        write(&dir.join("src/app.py"), &python("deleted and created"));
    });
    watched.after("from elsewhere", |dir| {
        write(&dir.join("elsewhere/app.py"), &python("from elsewhere"));
        fs::rename(dir.join("elsewhere/app.py"), dir.join("src/app.py")).unwrap();
    });
    watched.after("truncated and written", |dir| {
        let file = dir.join("src/app.py");
        fs::write(&file, "").unwrap();
        fs::write(&file, python("truncated and written")).unwrap();
    });
    watched.after("formatted", |dir| {
        write(&dir.join("src/app.py"), "def handler(event,context): return 'unformatted'\n");
        write(&dir.join("src/app.py"), &python("formatted"));
    });
}

fn a_source_that_goes_and_comes_again_is_served() {
    let mut watched = Watched::python();
    watched.after("a package", |dir| {
        write(&dir.join("src/app.py"), "from lib.inner import text\ndef handler(event, context):\n    return text\n");
        write(&dir.join("src/lib/inner.py"), "text = 'a package'\n");
    });
    watched.after("in the new folder", |dir| write(&dir.join("src/lib/inner.py"), "text = 'in the new folder'\n"));
    watched.after("folder deleted", |dir| {
        fs::remove_dir_all(dir.join("src/lib")).unwrap();
        write(&dir.join("src/lib/inner.py"), "text = 'folder deleted'\n");
    });
    watched.after("folder replaced", |dir| {
        write(&dir.join("new/inner.py"), "text = 'folder replaced'\n");
        fs::rename(dir.join("src/lib"), dir.join("old")).unwrap();
        fs::rename(dir.join("new"), dir.join("src/lib")).unwrap();
    });
    watched.after("after that", |dir| write(&dir.join("src/lib/inner.py"), "text = 'after that'\n"));
    watched.after("source replaced", |dir| {
        write(&dir.join("src2/app.py"), &python("source replaced"));
        fs::rename(dir.join("src"), dir.join("src.old")).unwrap();
        fs::rename(dir.join("src2"), dir.join("src")).unwrap();
    });
    fs::remove_dir_all(watched.path("src")).unwrap();
    watched.next("build_failed");
    watched.after("source recreated", |dir| write(&dir.join("src/app.py"), &python("source recreated")));
    watched.after("the end", |dir| write(&dir.join("src/app.py"), &python("the end")));
}

fn what_is_ignored_is_no_save() {
    let mut watched = Watched::start(&[
        ("stack.toml", PYTHON),
        ("src/app.py", &python("one")),
        ("src/.gitignore", "*.log\nbuild/\n"),
        ("src/build/out.py", ""),
    ]);
    for path in [
        "src/__pycache__/app.cpython-312.pyc",
        "src/app.py~",
        "src/.app.py.swp",
        "src/.git/index",
        "src/app.log",
        "src/build/out.py",
        "notes.md",
        ".stackctl/anything",
    ] {
        write(&watched.path(path), "something");
    }
    watched.after("two", |dir| write(&dir.join("src/app.py"), &python("two")));
    let noticed: Vec<_> = watched.events.seen.iter().filter(|event| event["event"] == "noticed").collect();
    assert!(noticed.iter().all(|event| event["paths"] == serde_json::json!(["src/app.py"])), "{noticed:#?}");
}

fn a_save_that_changes_nothing_deploys_nothing() {
    let mut watched = Watched::python();
    write(&watched.path("src/app.py"), &python("one"));
    let served = watched.next("served");
    assert_eq!((&served["unchanged"], &served["served"]), (&serde_json::json!(["f"]), &serde_json::json!([])));
    let text = fs::read_to_string(watched.path("stack.toml")).unwrap();
    write(&watched.path("stack.toml"), &format!("# a comment\n{text}"));
    let served = watched.next("served");
    assert_eq!((&served["manifest"], &served["plan"]["steps"]), (&Value::Bool(true), &serde_json::json!([])));
}

/// A function whose code is what a shell command leaves; `sh` runs it.
fn command_function(name: &str, run: &str) -> String {
    format!(
        "\n[functions.{name}]\nruntime = \"provided.al2023\"\nsource = \"{name}\"\n\
         build = {{ command = {{ run = \"\"\"{run}\"\"\", artifact = \"out/bootstrap\" }} }}\n"
    )
}

const STACK: &str = "[stack]\nname = \"watched\"\n[targets.embedded]\nport = \"auto\"\n";

/// Answers every event with the text after its first line.
const SHELL_BOOTSTRAP: &str = r#"#!/bin/sh
while :; do
  curl -sD "$0.$$" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next" -o /dev/null
  id=$(tr -d '\r' <"$0.$$" | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')
  curl -s -X POST -d "\"$TEXT\"" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -o /dev/null
done
"#;

fn only_what_a_save_reaches_is_built() {
    let run = "mkdir -p out && cat main >out/bootstrap";
    let manifest = format!("{STACK}{}{}", command_function("a", run), command_function("b", run));
    let mut watched =
        Watched::start(&[("stack.toml", &manifest), ("a/main", SHELL_BOOTSTRAP), ("b/main", SHELL_BOOTSTRAP)]);
    write(&watched.path("a/main"), &format!("{SHELL_BOOTSTRAP}# edited\n"));
    let noticed = watched.next("noticed");
    assert_eq!(noticed["functions"], serde_json::json!(["a"]));
    let served = watched.next("served");
    assert_eq!(served["served"], serde_json::json!(["a"]));
    assert!(served["phases_ms"]["build"].as_f64().unwrap() > 0.0, "{served}");
}

fn folders_that_the_manifest_names_count() {
    let function = command_function("a", "mkdir -p out && cat main ../shared/text >out/bootstrap");
    let manifest = format!("{STACK}{function}watch = [\"shared\"]\n");
    let mut watched =
        Watched::start(&[("stack.toml", &manifest), ("a/main", SHELL_BOOTSTRAP), ("shared/text", "# one\n")]);
    write(&watched.path("shared/text"), "# two\n");
    let noticed = watched.next("noticed");
    assert_eq!(
        (&noticed["functions"], &noticed["paths"]),
        (&serde_json::json!(["a"]), &serde_json::json!(["shared/text"]))
    );
    watched.served("a");
}

fn what_a_command_writes_into_its_source_is_no_save() {
    let run = "sleep 0.2; cp main generated; date +%s%N >stamp; mkdir -p out && cat main >out/bootstrap";
    let manifest = format!("{STACK}{}", command_function("a", run));
    let mut watched = Watched::start(&[("stack.toml", &manifest), ("a/main", SHELL_BOOTSTRAP)]);
    write(&watched.path("a/main"), &format!("{SHELL_BOOTSTRAP}# edited\n"));
    watched.served("a");
    write(&watched.path("a/main"), &format!("{SHELL_BOOTSTRAP}# edited again\n"));
    watched.served("a");
}

fn a_failed_build_leaves_the_version_before() {
    let run =
        "mkdir -p out && if grep -q BROKEN main; then echo 'main:3: broken' >&2; exit 1; fi; cat main >out/bootstrap";
    let manifest = format!("{STACK}{}", command_function("a", run));
    let mut watched = Watched::start(&[("stack.toml", &manifest), ("a/main", SHELL_BOOTSTRAP)]);
    write(&watched.path("a/main"), "BROKEN");
    let failed = watched.next("build_failed");
    assert_eq!((&failed["function"], &failed["output"]), (&"a".into(), &"main:3: broken".into()));
    let served = watched.next("served");
    assert_eq!((&served["failed"], &served["served"]), (&serde_json::json!(["a"]), &serde_json::json!([])));
    write(&watched.path("a/main"), &format!("{SHELL_BOOTSTRAP}# mended\n"));
    watched.served("a");
}

fn a_change_supersedes_the_build_under_way() {
    // The first build of each text waits for ever; it says that it has begun, and goes when it is killed.
    let run = "if grep -q SLOW main; then echo begun; sleep 600; fi; mkdir -p out && cat main >out/bootstrap";
    let manifest = format!("{STACK}{}", command_function("a", run));
    let mut watched = Watched::start(&[("stack.toml", &manifest), ("a/main", SHELL_BOOTSTRAP)]);
    write(&watched.path("a/main"), "SLOW");
    assert_eq!(watched.next("output")["line"], "begun");
    write(&watched.path("a/main"), &format!("{SHELL_BOOTSTRAP}# after all\n"));
    let served = watched.served("a");
    assert_eq!(served["save"], 2);
    let source = watched.path("a").canonicalize().unwrap();
    let works_there = |process: fs::DirEntry| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == source);
    eventually("the end of the superseded build", || {
        (!fs::read_dir("/proc").unwrap().flatten().any(works_there)).then_some(())
    });
}

fn code_that_does_not_initialise_leaves_the_version_before() {
    let mut watched = Watched::python();
    assert_eq!(watched.invoke("f"), "one");
    write(&watched.path("src/app.py"), "import nowhere\n");
    let failed = watched.next("deploy_failed");
    assert!(failed["message"].as_str().unwrap().contains("No module named 'nowhere'"), "{failed}");
    assert_eq!(watched.next("served")["failed"], serde_json::json!(["f"]));
    assert_eq!(watched.invoke("f"), "one");
    watched.after("two", |dir| write(&dir.join("src/app.py"), &python("two")));
}

fn a_broken_manifest_leaves_the_stack_alone() {
    let mut watched = Watched::python();
    write(&watched.path("stack.toml"), &PYTHON.replace("handler =", "handlr ="));
    let broken = watched.next("manifest_broken");
    assert!(broken["problems"].to_string().contains("handlr"), "{broken}");
    assert_eq!(watched.invoke("f"), "one");
    // The code goes on to be watched as the last sound manifest has it.
    watched.after("two", |dir| write(&dir.join("src/app.py"), &python("two")));
    write(&watched.path("stack.toml"), PYTHON);
    assert_eq!(watched.next("served")["manifest"], true);
}

fn the_manifests_changes_are_converged_and_losses_are_held() {
    let mut watched = Watched::python();
    write(&watched.path("stack.toml"), &format!("{PYTHON}\n[queues.more]\n"));
    assert_eq!(watched.next("served")["plan"]["summary"]["create"], 1);
    succeed(watched.command(&["send", "more", "precious"]));
    write(&watched.path("stack.toml"), &format!("{PYTHON}\n[queues.other]\n"));
    let held = watched.next("held");
    assert_eq!((&held["steps"][0]["address"], held["steps"].as_array().unwrap().len()), (&"queues.more".into(), 1));
    assert_eq!(watched.next("served")["plan"]["summary"]["create"], 1);
    // What is held does not hold the code.
    watched.after("two", |dir| write(&dir.join("src/app.py"), &python("two")));
    assert_eq!(succeed(watched.command(&["receive", "more", "--delete"])).trim(), "precious");
    write(&watched.path("stack.toml"), &format!("{PYTHON}\n[queues.last]\n"));
    let summary = watched.next("served")["plan"]["summary"].clone();
    assert_eq!((&summary["create"], &summary["delete"]), (&1.into(), &2.into()));
}

fn a_function_that_comes_later_is_watched() {
    let mut watched = Watched::python();
    write(&watched.path("g/app.py"), &python("g one"));
    let g =
        "\n[functions.g]\nruntime = \"python3.12\"\nhandler = \"app.handler\"\nsource = \"g\"\nbuild = \"python\"\n";
    write(&watched.path("stack.toml"), &format!("{PYTHON}{g}"));
    watched.served("g");
    assert_eq!(watched.invoke("g"), "g one");
    write(&watched.path("g/app.py"), &python("g two"));
    watched.served("g");
    assert_eq!(watched.invoke("g"), "g two");
    write(&watched.path("stack.toml"), PYTHON);
    assert_eq!(watched.next("served")["plan"]["summary"]["delete"], 1);
    watched.after("two", |dir| write(&dir.join("src/app.py"), &python("two")));
}

fn a_url_that_comes_later_reaches_those_who_name_it() {
    let returns_url = "import os\ndef handler(event, context):\n    return os.environ.get('WEB', 'none')\n";
    let mut watched =
        Watched::start(&[("stack.toml", PYTHON), ("src/app.py", returns_url), ("web/app.py", &python("web"))]);
    assert_eq!(watched.invoke("f"), "none");
    // `f` comes before `web`, whose URL it names, in every order.
    let web = "\n[functions.web]\nruntime = \"python3.12\"\nhandler = \"app.handler\"\nsource = \"web\"\nbuild = \"python\"\nurl = {}\n";
    let names = "environment = { WEB = \"${functions.web.url}\" }\n";
    write(&watched.path("stack.toml"), &format!("{PYTHON}{names}{web}"));
    watched.served("web");
    eventually("the URL", || watched.invoke("f").starts_with("http://127.0.0.1:").then_some(()));
    let plan = run(watched.command(&["plan", "--exit-code"]));
    assert_eq!(plan.code, Some(0), "{}", plan.stdout);
}

fn ctrl_c_ends_and_the_stack_stays() {
    let mut watched = Watched::python();
    assert_eq!(watched.end(), Some(0));
    watched.next("stopped");
    assert_eq!(watched.invoke("f"), "one");
}

/// Notes each message that it handles, and says which version it is.
const AUDITED: &str = r#"
import os

VERSION = 0

def handler(event, context):
    for record in event.get("Records", []):
        line = f"{record['body']} {VERSION}\n".encode()
        file = os.open(os.environ["AUDIT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, line)
        os.close(file)
    return VERSION
"#;

/// Saves in one run, unless `STACKCTL_SAVES` says how many: 600 take a minute.
const SAVES: usize = 60;

/// Ten saves a second under a hundred messages a second.
fn no_message_is_lost_or_handled_twice_while_saves_go_on() {
    let saves = std::env::var("STACKCTL_SAVES").map_or(SAVES, |text| text.parse().unwrap());
    const MESSAGES_A_SAVE: usize = 10;
    let audit = tempfile::tempdir().unwrap();
    let noted = audit.path().join("noted");
    // A machine that has no time for a function is not what is tested.
    let environment = format!("timeout = \"30s\"\nenvironment = {{ AUDIT = \"{}\" }}\n", noted.display());
    // Where each environment has a `/tmp` of its own, the audit would be nobody's.
    let python = PYTHON.replace("port = \"auto\"", "port = \"auto\"\nisolation = \"process\"");
    let manifest = format!("{python}{environment}\n[[functions.f.triggers]]\nqueue = \"jobs\"\nmax_concurrency = 2\n");
    let watched = Watched::start(&[("stack.toml", &manifest), ("src/app.py", AUDITED)]);
    let endpoint = watched.events.seen.iter().find_map(|event| event["endpoint"].as_str()).unwrap();
    let address = endpoint.strip_prefix("http://").unwrap().to_owned();
    let mut sent = Vec::new();
    for save in 1..=saves {
        let text = AUDITED.replace("VERSION = 0", &format!("VERSION = {save}"));
        write(&watched.path("src/.new"), &text);
        fs::rename(watched.path("src/.new"), watched.path("src/app.py")).unwrap();
        for message in 0..MESSAGES_A_SAVE {
            let body = format!("{save}.{message}");
            send(&address, "jobs", &body);
            sent.push(body);
            std::thread::sleep(Duration::from_millis(8));
        }
    }
    let times_handled = || -> BTreeMap<String, usize> {
        let mut times: BTreeMap<_, _> = sent.iter().map(|body| (body.clone(), 0)).collect();
        for (body, _) in fs::read_to_string(&noted).unwrap_or_default().lines().filter_map(|line| line.split_once(' '))
        {
            *times.entry(body.to_owned()).or_default() += 1;
        }
        times
    };
    eventually("all messages handled", || times_handled().values().all(|times| *times > 0).then_some(()));
    eventually("the last save serves", || (watched.invoke("f") == saves.to_string()).then_some(()));
    let events: Vec<Value> = std::iter::from_fn(|| watched.events.events.try_recv().ok()).collect();
    let twice: Vec<_> = times_handled().into_iter().filter(|(_, times)| *times != 1).collect();
    let failures = failures(&events);
    assert!(twice.is_empty() && failures.is_empty(), "{twice:?}\n{failures}");
    let twice_or_never = twice.len();
    let served = events.iter().filter(|event| event["event"] == "served").count();
    eprintln!(
        "{} messages under {saves} saves, {served} of which were served; {twice_or_never} not handled once",
        sent.len()
    );
    assert!(served > saves / 4, "{served} of {saves} saves were served");
}

/// What the log says of invocations that failed. An initialisation that ran out of time is begun again, and is none.
fn failures(events: &[Value]) -> String {
    let lines = events.iter().filter_map(|event| Some((event["timestamp_ms"].as_u64()?, event["message"].as_str()?)));
    let is_failure = |line: &(u64, &str)| ["rror", "timed out"].iter().any(|word| line.1.contains(word));
    lines.filter(is_failure).map(|(at, message)| format!("{at} {message}\n")).collect()
}

/// Sends a message as any client does.
fn send(address: &str, queue: &str, body: &str) {
    let json = serde_json::json!({ "QueueUrl": format!("http://{address}/000000000000/{queue}"), "MessageBody": body });
    let json = json.to_string();
    let headers = format!(
        "X-Amz-Target: AmazonSQS.SendMessage\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n",
        json.len()
    );
    ask(address, "POST /", &headers, &json);
}

/// What is at a path.
fn get(address: &str, path: &str) -> String {
    ask(address, &format!("GET {path}"), "", "")
}

fn ask(address: &str, what: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{what} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

const GO_MAIN: &str = r#"package main

import (
	"bytes"
	"net/http"
	"os"

	"example.com/shared"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			panic(err)
		}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		http.Post(api+id+"/response", "application/json", bytes.NewReader([]byte(`"`+shared.Text+`"`)))
	}
}
"#;

fn go_packages_beside_the_source_count() {
    let manifest = format!("{STACK}\n[functions.f]\nruntime = \"provided.al2023\"\nsource = \"f\"\nbuild = \"go\"\n");
    let shared = |text: &str| format!("package shared\n\nconst Text = \"{text}\"\n");
    let mut watched = Watched::start(&[
        ("stack.toml", &manifest),
        (
            "f/go.mod",
            "module f\n\ngo 1.21\n\nrequire example.com/shared v0.0.0\n\nreplace example.com/shared => ../shared\n",
        ),
        ("f/main.go", GO_MAIN),
        ("shared/go.mod", "module example.com/shared\n\ngo 1.21\n"),
        ("shared/shared.go", &shared("one")),
    ]);
    assert_eq!(watched.invoke("f"), "one");
    watched.after("two", |dir| write(&dir.join("shared/shared.go"), &shared("two")));
    write(&watched.path("shared/shared.go"), "package shared\n\nconst Text = broken\n");
    let failed = watched.next("build_failed");
    assert!(failed["output"].as_str().unwrap().contains("shared.go:3:14: undefined: broken"), "{failed}");
    assert_eq!(watched.invoke("f"), "two");
    watched.after("three", |dir| write(&dir.join("shared/shared.go"), &shared("three")));
}

/// A program that is killed when it is dropped: a test that fails half way leaves nothing that runs.
pub(crate) struct Guarded(pub(crate) Child);

impl Guarded {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a `watch --json` of anybody's says; ended when it is dropped.
pub(crate) struct Events {
    child: Guarded,
    events: mpsc::Receiver<Value>,
    seen: Vec<Value>,
}

impl Events {
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = Guarded::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let stdout = child.0.stdout.take().unwrap();
        let (sender, events) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody listens any more at the end of a test.
                let _ = sender.send(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
            }
        });
        Self { child, events, seen: Vec::new() }
    }

    /// The next event of a kind; those before it are passed over.
    #[track_caller]
    pub(crate) fn next(&mut self, kind: &str) -> Value {
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if event["event"] == kind {
                        return event;
                    }
                }
                Err(error) => panic!("no event `{kind}` ({error}) after {:#?}", self.seen),
            }
        }
    }

    /// Ends it as Ctrl-C does; its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child.0), Signal::INT).unwrap();
        self.child.0.wait().unwrap().code()
    }
}
