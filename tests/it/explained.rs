//! A throttle as people and scrapers see it, through the binary as a user runs it: in the log, in `top` and in `/metrics`.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use crate::support::{
    binary::{run, stackctl, succeed},
    trials,
};

trials!(a_throttle_is_in_the_log_in_top_and_in_the_metrics);

/// A function that may not run at all, so that the first invocation meets a limit.
const MANIFEST: &str = r#"
[stack]
name = "explained"

[functions.f]
runtime = "provided.al2023"
source = "f"
concurrency = { reserved = 0 }

[targets.embedded]
port = "auto"
"#;
const LINE: &str = "reserved concurrency of 0 lets nothing run";

fn a_throttle_is_in_the_log_in_top_and_in_the_metrics() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("f")).unwrap();
    std::fs::write(dir.path().join("f/bootstrap"), "#!/bin/sh\n").unwrap();
    std::fs::write(dir.path().join("stack.toml"), MANIFEST).unwrap();
    succeed(stackctl(dir.path(), &["up"]));
    let invoked = run(stackctl(dir.path(), &["invoke", "f"]));
    let logged = succeed(stackctl(dir.path(), &["logs", "f"]));
    let page = succeed(stackctl(dir.path(), &["top"]));
    let health = succeed(stackctl(dir.path(), &["env"]));
    let at = health.find("127.0.0.1:").unwrap();
    let address: String = health[at..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    let (metrics, refused) = (get(&address, ""), get(&address, "origin: http://example.com\r\n"));
    run(stackctl(dir.path(), &["down", "--yes"]));
    assert_ne!(invoked.code, Some(0));
    assert!(logged.contains(&format!("throttled: {LINE}")), "{logged}");
    assert!(page.contains("RUN/CAP") && page.contains(LINE), "{page}");
    assert!(metrics.contains("aws_lambda_throttles_total{function=\"f\",limit=\"reserved\"} 1\n"), "{metrics}");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
}

fn get(address: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
