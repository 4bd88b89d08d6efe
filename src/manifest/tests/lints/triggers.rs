//! Triggers: what they mean beside their queue, and beside what their function reserves.

use super::check_in_stack;

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
