//! URLs and schedules of a manifest, through the binary.

use std::fs;

use crate::support::{
    binary::{Stack, eventually, stackctl, succeed},
    tool::Tool,
    trials,
};

trials!(urls_and_schedules_converge needs [Tool::Node]);

const MANIFEST: &str = r#"
[stack]
name = "ways-in"

[queues.ticks]

[functions.web]
runtime = "nodejs22.x"
handler = "index.handler"
url = {}

[functions.caller]
runtime = "nodejs22.x"
handler = "index.handler"
environment = { WEB_URL = "${functions.web.url}" }

[schedules.often]
expression = "rate(1 minute)"
queue = "ticks"
input = "tick"

[targets.embedded]
port = "auto"
"#;

/// Calls the function whose URL it is told.
const CODE: &str = "exports.handler = async (event) =>
  process.env.WEB_URL ? (await fetch(process.env.WEB_URL + event.path)).text() : event.rawPath;
";

fn urls_and_schedules_converge() {
    let stack = Stack::new(MANIFEST);
    let dir = stack.dir();
    fs::write(dir.join("index.js"), CODE).unwrap();
    succeed(stackctl(dir, &["up"]));
    succeed(stackctl(dir, &["plan", "--exit-code"]));
    let said = succeed(stackctl(dir, &["invoke", "caller", "--payload", r#"{"path": "a/path"}"#]));
    assert!(said.contains("/a/path"), "{said}");
    assert!(succeed(stackctl(dir, &["env"])).contains("STACKCTL_FUNCTION_WEB_URL=http://127.0.0.1:"));
    eventually("a tick", || succeed(stackctl(dir, &["receive", "ticks"])).contains("tick").then_some(()));
    let status = succeed(stackctl(dir, &["status"]));
    assert!(status.contains("often") && status.contains("rate(1 minute)"), "{status}");
    let (without, _) = MANIFEST.split_once("[schedules.often]").unwrap();
    let without = without.replace("url = {}\n", "").replace("${functions.web.url}", "");
    fs::write(dir.join("stack.toml"), without + "[targets.embedded]\nport = \"auto\"\n").unwrap();
    let plan = succeed(stackctl(dir, &["plan"]));
    assert!(plan.contains("- schedules.often") && plan.contains("functions.web"), "{plan}");
    succeed(stackctl(dir, &["up"]));
    succeed(stackctl(dir, &["plan", "--exit-code"]));
}
