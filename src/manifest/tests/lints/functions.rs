//! What functions say of themselves.

use super::*;

#[test]
fn runtimes_and_secrets() {
    check_in_stack(
        r#"
[functions.f]
runtime = "go1.x"
handler = "main"
"#,
        r#"
advice: AWS no longer supports `go1.x`
  5:11 "go1.x": deprecated
  help: it runs here, but AWS may refuse to create or update it: use `provided.al2023`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
environment = { DB_PASSWORD = "correct horse", API_TOKEN = "${env:LEVEL}", SECRET_ARN = "arn:aws:secretsmanager", KEY = "AKIAIOSFODNN7EXAMPLE", TOKEN = "test" }
"#,
        r#"
warning: the value of `DB_PASSWORD` looks like a secret
  6:17 DB_PASSWORD: has a literal value
  help: take it from the environment: `"${env:DB_PASSWORD}"`
warning: the value of `KEY` looks like a secret
  6:115 KEY: has a literal value
  help: take it from the environment: `"${env:KEY}"`
"#,
    );
}

#[test]
fn debuggers() {
    check_in_stack(
        r#"
[targets.embedded]
port = 4600
[functions.a]
runtime = "python3.13"
handler = "a.b"
debug = { port = 5678 }
concurrency = { provisioned = 2 }
[functions.b]
runtime = "nodejs22.x"
handler = "a.b"
debug = { port = 5678, wait = true }
[functions.c]
runtime = "java21"
handler = "a.B::c"
debug = { port = 4600 }
"#,
        r#"
error: `a` is debugged, and its provisioned environments run a published version
  9:1 debug: for `$LATEST` alone
  10:31 2: of a version
  help: leave `provisioned` out while you debug
error: `a` and `b` are both debugged on port 5678
  14:18 5678: the same port
  9:18 5678: by this function
  help: give each function a port of its own
error: `java21` functions cannot be debugged
  18:1 debug: no debugger for it
  help: Python, Node and Go functions can
error: a debugger cannot attach on the engine's own port
  18:18 4600: the engine's port
  help: choose another, like 5678
"#,
    );
    check_in_stack(
        r#"
[functions.a]
runtime = "python3.13"
handler = "a.b"
debug = { port = 5678 }
[targets.remote]
endpoint = "http://127.0.0.1:9"
"#,
        r#"
warning: `a` is debugged, and cannot be deployed to `remote` like this
  7:1 debug: for functions that run here
  help: keep `debug` in `stack.local.toml`, or in a profile of your own
"#,
    );
}

#[test]
fn pollers_and_their_bounds() {
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
[[functions.f.triggers]]
queue = "q"
max_concurrency = 5
provisioned_pollers = { min = 2, max = 3 }
"#,
        "
error: `max_concurrency` and `provisioned_pollers` exclude each other
  12:1 provisioned_pollers: pollers
  11:19 5: and a cap
  help: AWS refuses both: each poller has ten batches in flight at most, so `max` is a cap already
",
    );
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
[[functions.f.triggers]]
queue = "q"
provisioned_pollers = { min = 5, max = 3 }
"#,
        "
error: `min` is 5, above `max`, which is 3
  11:31 5: above `max`
  11:40 3: `max`
",
    );
}
