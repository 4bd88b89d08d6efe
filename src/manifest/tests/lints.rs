//! What keys mean together: what AWS refuses, and what goes wrong in production.

#![expect(clippy::too_many_lines, reason = "each test is a table")]

mod functions;
mod triggers;

use super::check_in_stack;

#[test]
fn functions_in_containers() {
    check_in_stack(
        r#"
[functions.a]
image = "registry/a:1"
runtime = "python3.13"
isolation = "process"
build = "go"
[functions.b]
runtime = "provided.al2023"
image_config = { command = ["x"] }
base_image = "registry/base:1"
"#,
        r#"
error: `runtime` of `functions.a`: an image brings it along
  6:11 "python3.13": does not go with it
  help: take it out; an image's command is `image_config.command`
error: `isolation` of `functions.a`: an image runs in a container alone
  7:13 "process": does not go with it
  help: take it out
error: `build` of `functions.a`: `image` names one that is built already
  8:9 "go": does not go with it
  help: take one of the two out
error: `image_config` of `functions.b`: only an image has it
  11:1 image_config: does not go with it
  help: name the image with `image`, or build it
warning: `base_image` of `functions.b` is not used: its environments are processes
  12:14 "registry/base:1": not used
  help: set `isolation = "container"`
"#,
    );
}

#[test]
fn dead_letter_queues() {
    check_in_stack(
        r#"
[queues.a]
fifo = true
dead_letter = { queue = "b" }
[queues.b]
"#,
        r#"
error: the FIFO queue `a` has the standard dead-letter queue `b`
  6:25 "b": is standard
  5:8 true: is FIFO
  help: AWS wants both of one type: add `fifo = true` to `[queues.b]`
"#,
    );
    check_in_stack(
        r#"
[queues.a]
dead_letter = { queue = "b" }
[queues.b]
fifo = true
"#,
        r#"
error: the standard queue `a` has the FIFO dead-letter queue `b`
  5:25 "b": is FIFO
  4:9 a: is standard
  help: AWS wants both of one type: remove `fifo` from `[queues.b]`, or use another dead-letter queue
"#,
    );
    check_in_stack(
        r#"
[queues.a]
dead_letter = { queue = "b" }
[queues.b]
redrive_allow = "none"
[queues.c]
dead_letter = { queue = "d" }
[queues.d]
redrive_allow = ["a"]
"#,
        r#"
error: `b` does not allow `a` to use it
  5:25 "b": not allowed
  7:17 "none": by this
  help: add `a` to `redrive_allow` of `[queues.b]`
error: `d` does not allow `c` to use it
  9:25 "d": not allowed
  11:17 ["a"]: by this
  help: add `c` to `redrive_allow` of `[queues.d]`
"#,
    );
    check_in_stack(
        r#"
[queues.a]
retention = "14d"
dead_letter = { queue = "b" }
[queues.b]
"#,
        r#"
warning: `b` keeps messages for `4d`, less than the `14d` of `a`
  7:9 b: `4d` by default
  5:13 "14d": `14d`
  help: a message keeps its age when it moves, so an old one is gone at once: set `retention` of `[queues.b]` to `"14d"` or more
"#,
    );
    check_in_stack(
        r#"
[queues.a]
dead_letter = { queue = "b" }
[queues.b]
dead_letter = { queue = "c" }
[queues.c]
dead_letter = { queue = "b" }
[queues.d]
dead_letter = { queue = "d" }
"#,
        r#"
error: dead letters go round: `b` -> `c` -> `b`
  7:25 "c": leads back here
  help: a message that fails would never come to rest; give one of them no `dead_letter`
error: dead letters go round: `d` -> `d`
  11:25 "d": leads back here
  help: a message that fails would never come to rest; give one of them no `dead_letter`
"#,
    );
}

#[test]
fn concurrency() {
    check_in_stack(
        r#"
[concurrency]
limit = 100
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 80 }
[functions.g]
runtime = "provided.al2"
concurrency = { provisioned = 20 }
"#,
        r#"
error: the functions take 100 of 100 concurrent executions, which leaves 0 unreserved; 10 must stay
  8:28 80: takes 80
  11:31 20: takes 20
  help: AWS refuses it: take 90 or less, or raise `[concurrency] limit`
"#,
    );
    check_in_stack(
        r#"
[concurrency]
limit = 100
unreserved_minimum = 200
"#,
        r#"
error: `unreserved_minimum` is 200, above the limit of 100
  6:22 200: above `limit`
  5:9 100: `limit`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 1, provisioned = 2 }
[functions.g]
runtime = "provided.al2"
concurrency = { provisioned = { min = 3, max = 2 } }
"#,
        r#"
error: `f` provisions 2 environments, and reserves only 1
  6:45 2: 2
  6:28 1: 1
  help: AWS refuses it: reserve 2 or more
error: `min` is 3, above `max`, which is 2
  9:39 3: above `max`
  9:48 2: `max`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 900 }
"#,
        "",
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 901 }
"#,
        r#"
error: the functions take 901 of 1000 concurrent executions, which leaves 99 unreserved; 100 must stay
  6:28 901: takes 901
  help: AWS refuses it: take 900 or less, or raise `[concurrency] limit`
"#,
    );
}
