//! Looking at queues without touching them, and the commands beside it, through the binary as a user runs it.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::Value;

use crate::support::{
    binary::{Printed, Serving, run, stackctl, succeed},
    trials,
};

trials!(
    messages_are_looked_at_purged_and_moved_back,
    a_look_over_http_is_guarded,
    a_second_engine_at_a_port_leaves_the_first_its_state,
);

const MANIFEST: &str = r#"
[stack]
name = "looking"

[queues.jobs]
visibility_timeout = "0s"
dead_letter = { queue = "jobs-dlq", max_receives = 1 }

[queues.jobs-dlq]

[targets.embedded]
port = "auto"
"#;

/// A stack that is up; taken down when it is dropped.
struct Stack(tempfile::TempDir);

impl Stack {
    fn up() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("stack.toml"), MANIFEST).unwrap();
        let stack = Self(dir);
        stack.run(&["up"]);
        stack
    }

    fn run(&self, arguments: &[&str]) -> Printed {
        let printed = run(stackctl(self.0.path(), arguments));
        assert_eq!(printed.code, Some(0), "{arguments:?}\n{}{}", printed.stdout, printed.stderr);
        printed
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let printed = succeed(stackctl(self.0.path(), &[arguments, &["--json"]].concat()));
        serde_json::from_str(&printed).unwrap()
    }

    /// Waiting, in flight and delayed messages of each queue.
    fn depths(&self) -> Vec<[u64; 3]> {
        let report = self.json(&["queues"]);
        let depth = |queue: &Value| ["visible", "in_flight", "delayed"].map(|kind| queue[kind].as_u64().unwrap());
        report["queues"].as_array().unwrap().iter().map(depth).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        run(stackctl(self.0.path(), &["down", "--yes"]));
    }
}

fn messages_are_looked_at_purged_and_moved_back() {
    let stack = Stack::up();
    stack.run(&["send", "jobs", "poison", "--attr", "kind=order"]);
    stack.run(&["send", "jobs", "later", "--delay", "15m"]);
    let table = stack.run(&["queues"]).stdout;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1][..4], ["jobs", "1", "0", "1"], "{table}");

    let seen = stack.run(&["peek", "jobs"]);
    assert_eq!(seen.stdout, "poison\n");
    assert!(seen.stderr.contains("kind=order") && seen.stderr.contains("1 visible message"), "{}", seen.stderr);
    assert_eq!(stack.run(&["peek", "jobs", "--all"]).stdout, "poison\nlater\n");
    assert_eq!(stack.json(&["peek", "jobs", "--all", "--max", "1"])["left_out"], 1);
    assert_eq!(stack.json(&["peek", "jobs"])["messages"][0]["receive_count"], 0);

    stack.run(&["receive", "jobs"]);
    // The second receive finds that it was received too often.
    assert_eq!(stack.run(&["receive", "jobs"]).stdout, "");
    let dead = stack.run(&["peek", "jobs-dlq"]);
    assert!(dead.stderr.contains("old, from jobs, kind=order"), "{}", dead.stderr);
    assert_eq!(stack.depths(), [[0, 0, 1], [1, 0, 0]]);
    let moved = stack.json(&["redrive", "jobs-dlq"]);
    assert_eq!((&moved["status"], &moved["messages_moved"]), (&"COMPLETED".into(), &1.into()));
    assert_eq!(stack.depths(), [[1, 0, 1], [0, 0, 0]]);

    let refused = run(stackctl(stack.0.path(), &["purge", "jobs"]));
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("2 messages of `jobs` would be lost"), "{}", refused.stderr);
    stack.run(&["purge", "jobs", "--yes"]);
    assert_eq!(stack.depths(), [[0, 0, 0], [0, 0, 0]]);
    let empty = stack.run(&["purge", "jobs"]);
    assert!(empty.stderr.contains("`jobs` is empty already"), "{}", empty.stderr);
    let unknown = run(stackctl(stack.0.path(), &["peek", "jbos"]));
    assert!(unknown.code == Some(1) && unknown.stderr.contains("did you mean `jobs`?"), "{}", unknown.stderr);
}

/// The head and body of the answer to a GET.
fn get(address: &str, target: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn a_look_over_http_is_guarded() {
    let serving = Serving::start();
    let address = serving.endpoint.trim_start_matches("http://");
    let created = get(address, "/?Action=CreateQueue&QueueName=jobs", "");
    assert!(created.contains("/000000000000/jobs</QueueUrl>"), "{created}");
    get(address, "/000000000000/jobs?Action=SendMessage&MessageBody=hello", "");
    let look = "/_aws/sqs/messages?QueueUrl=http://localhost:4566/000000000000/jobs";
    for _ in 0..2 {
        let seen = get(address, look, "accept: application/json\r\n");
        assert!(seen.contains(r#""Body":"hello""#) && seen.contains(r#"Count","Value":"0""#), "{seen}");
    }
    let seen = get(address, "/_aws/sqs/messages/us-east-1/000000000000/jobs", "");
    assert!(seen.contains("<Body>hello</Body>"), "{seen}");
    for own in [look, "/_stackctl/peek?queue=jobs"] {
        let refused = get(address, own, "origin: http://localhost\r\n");
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    }
}

fn a_second_engine_at_a_port_leaves_the_first_its_state() {
    let runtime_dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let serve = || {
        let mut command = stackctl(runtime_dir.path(), &["serve", "--port", &port]);
        command.env("XDG_RUNTIME_DIR", runtime_dir.path());
        command
    };
    let first = Serving::of(serve());
    let states = || -> Vec<_> {
        let user = std::fs::read_dir(runtime_dir.path()).unwrap().next().unwrap().unwrap().path();
        std::fs::read_dir(user).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(states(), [format!("port-{port}")]);
    let second = run(serve());
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert_eq!(states(), [format!("port-{port}")]);
    drop(first);
}
