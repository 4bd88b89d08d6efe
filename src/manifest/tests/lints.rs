//! What keys mean together: what AWS refuses, and what goes wrong in production.

#![expect(clippy::too_many_lines, reason = "each test is a table")]

mod functions;

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
fn triggers() {
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
timeout = "31s"
[[functions.f.triggers]]
queue = "q"
"#,
        r#"
error: the visibility timeout of `q`, `30s`, is below the timeout of `f`, `31s`
  5:9 q: `30s` by default
  9:11 "31s": `31s`
  help: AWS refuses the trigger: set `visibility_timeout = "3m6s"`
"#,
    );
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
visibility_timeout = "40s"
[functions.f]
runtime = "provided.al2023"
timeout = "10s"
[[functions.f.triggers]]
queue = "q"
"#,
        r#"
warning: the visibility timeout of `q`, `40s`, is below 6 times the timeout of `f`, `10s`
  7:22 "40s": `40s`
  10:11 "10s": `10s`
  help: a slow or throttled batch is delivered twice: set `visibility_timeout = "1m"`
"#,
    );
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq", max_receives = 4 }
visibility_timeout = "60s"
[functions.f]
runtime = "provided.al2023"
timeout = "10s"
[[functions.f.triggers]]
queue = "q"
batching_window = "5s"
"#,
        r#"
warning: the visibility timeout of `q`, `1m`, is below 6 times the timeout of `f`, `10s`, and the window of `5s`
  7:22 "60s": `1m`
  10:11 "10s": `10s`
  13:19 "5s": `5s`
  help: a slow or throttled batch is delivered twice: set `visibility_timeout = "1m5s"`
advice: a message of `q` is a dead letter after 4 receives, and throttles count as receives
  6:49 4: below 5
  help: AWS recommends 5 or more for a queue that triggers a function: set `max_receives = 5`
"#,
    );
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
timeout = 31
[[functions.f.triggers]]
queue = "q"
"#,
        r#"
error: `timeout` must be a duration, not an integer
  9:11 31: found an integer
  help: a duration has a unit: write `"31s"`
"#,
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
batch_size = 100
"#,
        r#"
error: a batch of 100 messages needs a batching window
  11:14 100: above 10
  help: AWS refuses it; add `batching_window = "1s"` or longer
"#,
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
batch_size = 100
batching_window = "1s"
"#,
        "",
    );
    check_in_stack(
        r#"
[queues.q-dlq]
fifo = true
[queues.q]
fifo = true
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
[[functions.f.triggers]]
queue = "q"
batch_size = 11
batching_window = "1s"
"#,
        r#"
error: `q` is a FIFO queue, whose batches have at most 10 messages
  13:14 11: `11`
  help: set `batch_size = 10` or less
error: `q` is a FIFO queue, which has no batching window
  14:19 "1s": not on a FIFO queue
  help: AWS refuses it; remove `batching_window`
"#,
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
[[functions.f.triggers]]
queue = "q"
"#,
        r#"
error: `f` is triggered by `q` twice
  12:9 "q": again here
  help: AWS refuses a second mapping of the same queue and function; remove one
"#,
    );
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 4 }
[[functions.f.triggers]]
queue = "q"
max_concurrency = 5
"#,
        r#"
warning: `max_concurrency` is 5, and `f` reserves only 4
  12:19 5: more than the function may have
  9:28 4: its cap
  help: what is above is throttled, and each throttle counts as a receive: set `max_concurrency` to 4 or less
"#,
    );
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[queues.p]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 9 }
[[functions.f.triggers]]
queue = "q"
max_concurrency = 5
[[functions.f.triggers]]
queue = "p"
max_concurrency = 6
"#,
        r#"
warning: the triggers of `f` run up to 11 at once, and it reserves only 9
  14:19 5: up to 5
  17:19 6: up to 6
  11:28 9: its cap
  help: what is above is throttled, and each throttle counts as a receive: reserve 11, or lower `max_concurrency`
"#,
    );
    for (reserved, cap) in [(3, ", or set `max_concurrency = 3`"), (1, "")] {
        check_in_stack(
            &format!(
                r#"
[queues.q-dlq]
[queues.q]
dead_letter = {{ queue = "q-dlq" }}
[functions.f]
runtime = "provided.al2023"
concurrency = {{ reserved = {reserved} }}
[[functions.f.triggers]]
queue = "q"
"#
            ),
            &format!(
                r#"
advice: `f` reserves {reserved}, and a trigger begins with 5 batches at once
  9:28 {reserved}: its cap
  11:9 "q": `q` waits for it
  help: what is above is throttled, and each throttle counts as a receive: reserve 5 or more{cap}
"#
            ),
        );
    }
    for (reserved, fewer) in [(25, ", or set `max = 2` or less"), (15, "")] {
        check_in_stack(
            &format!(
                r#"
[queues.q-dlq]
[queues.q]
dead_letter = {{ queue = "q-dlq" }}
[functions.f]
runtime = "provided.al2023"
concurrency = {{ reserved = {reserved} }}
[[functions.f.triggers]]
queue = "q"
provisioned_pollers = {{ min = 2, max = 3 }}
"#
            ),
            &format!(
                r#"
warning: 3 pollers have up to 30 batches in flight, and `f` reserves only {reserved}
  12:40 3: ten batches for each
  9:28 {reserved}: its cap
  help: what is above is throttled, and each throttle counts as a receive: reserve 30{fewer}
"#
            ),
        );
    }
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 0 }
[[functions.f.triggers]]
queue = "q"
"#,
        r#"
warning: `f` reserves 0, so it never runs
  9:28 0: stops the function
  10:1 [[functions.f.triggers]]: while `q` waits for it
  help: messages go to the dead-letter queue or expire; set `enabled = false` to pause the trigger
"#,
    );
    check_in_stack(
        r#"
[queues.q-dlq]
[queues.q]
dead_letter = { queue = "q-dlq" }
[functions.f]
runtime = "provided.al2023"
concurrency = { reserved = 0 }
[[functions.f.triggers]]
queue = "q"
enabled = false
"#,
        "",
    );
    check_in_stack(
        r#"
[queues.q]
[functions.f]
runtime = "provided.al2023"
[[functions.f.triggers]]
queue = "q"
"#,
        r#"
warning: `q` triggers `f` without a dead-letter queue
  4:9 q: has no `dead_letter`
  help: a message that always fails comes back until its retention ends: add `[queues.q-dlq]` and `dead_letter = { queue = "q-dlq" }`
"#,
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
[functions.g]
runtime = "provided.al2"
[[functions.g.triggers]]
queue = "q"
[[functions.g.triggers]]
queue = "q-dlq"
"#,
        r#"
advice: `q` triggers 2 functions: `f` and `g`
  5:9 q: each of its messages goes to one of them
  help: for a copy to each, give each a queue of its own
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
