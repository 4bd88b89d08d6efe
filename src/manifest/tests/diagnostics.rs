//! Mistakes, and what is said about them.

#![expect(clippy::too_many_lines, reason = "each test is a table")]

mod formats;

mod names;

use super::{check, check_in_stack, check_yaml};

#[test]
fn syntax_errors_are_reported_together() {
    check(
        r#"
[stack
name = "x"
region = eu
[queues.a]
delay =
dealy = 1
"#,
        r#"
error: not valid TOML: unclosed table, expected `]`
  2:7 : here
error: not valid TOML: a value is missing
  6:8 : here
error: unknown key `dealy` in `queues.a`
  7:1 dealy: unknown key
  help: did you mean `delay`?
"#,
    );
    check(
        r#"
[stack]
name = "x"
region = eu
x = "abc
"#,
        r#"
error: not valid TOML: strings have quotes
  4:10 eu: here
  help: write `"eu"`
error: not valid TOML: invalid basic string, expected `"`
  5:9 : here
"#,
    );
    check(
        r#"
[stack]
name = "x"
name = "y"
[queues.a]
[queues.a]
"#,
        r#"
error: the key `name` is there twice
  4:1 name: again here
  3:1 name: first here
  help: keep one, or give the other its own name
error: the key `a` is there twice
  6:9 a: again here
  help: keep one, or give the other its own name
"#,
    );
    check(
        r#"
"#,
        r#"
error: `stack` is missing in the manifest
  1:1 : needs `stack`
  help: `stack`: the stack itself, at least its `name`
"#,
    );
    check(
        r#"
name = "s"
"#,
        r#"
error: `stack` is missing in the manifest
  1:1 : needs `stack`
  help: `stack`: the stack itself, at least its `name`
error: unknown key `name` in the manifest
  2:1 name: unknown key
  help: it is written `name`, inside `stack`
"#,
    );
}

#[test]
fn unknown_keys_are_met_with_the_known_ones() {
    check_in_stack(
        r#"
colour = "red"
[queue.a]
"#,
        r#"
error: unknown key `colour` in `stack`
  4:1 colour: unknown key
  help: the keys here are `name`, `region`, `account` and `requires`
error: unknown key `queue` in the manifest
  5:2 queue: unknown key
  help: did you mean `queues`?
"#,
    );
    check_in_stack(
        r#"
[queues.q]
visibilty_timeout = "30s"
VisibilityTimeout = "30s"
maxReceiveCount = 5
"#,
        r#"
error: unknown key `visibilty_timeout` in `queues.q`
  5:1 visibilty_timeout: unknown key
  help: did you mean `visibility_timeout`?
error: unknown key `VisibilityTimeout` in `queues.q`
  6:1 VisibilityTimeout: unknown key
  help: it is written `visibility_timeout` here
error: unknown key `maxReceiveCount` in `queues.q`
  7:1 maxReceiveCount: unknown key
  help: it is written `max_receives`, inside `dead_letter`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
memory_size = "128MiB"
concurrency = { reserve = 1 }
batch_size = 10
"#,
        r#"
error: unknown key `memory_size` in `functions.f`
  6:1 memory_size: unknown key
  help: it is written `memory` here
error: unknown key `reserve` in `functions.f.concurrency`
  7:17 reserve: unknown key
  help: did you mean `reserved`?
error: unknown key `batch_size` in `functions.f`
  8:1 batch_size: unknown key
  help: it is written `batch_size`, inside `triggers`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
build = { golang = {} }
"#,
        r#"
error: unknown key `golang` in `functions.f.build`
  6:11 golang: unknown key
  help: the keys here are `go`, `rust`, `node`, `python`, `java`, `command`, `image` and `none`
"#,
    );
    check_in_stack(
        r#"
[targets.embeded]
port = 4567
[targets.ci]
endpoint = "http://ci:4566"
[targets.awsome]
endpoint = "x"
"#,
        r#"
error: `embeded` is no target, and has no `endpoint` of its own
  4:10 embeded: unknown
  help: did you mean `embedded`?
error: `endpoint` is `x`, which is not an endpoint
  9:12 "x": not an endpoint
  help: an endpoint is a URL like `http://localhost:4566`
"#,
    );
}

#[test]
fn wrong_types_say_what_to_write() {
    check(
        r#"
stack = "orders"
"#,
        r#"
error: `stack` must be a table, not a string
  2:9 "orders": found a string
"#,
    );
    check(
        r#"
[stack]
name = 5
account = 123456789012
region = true
"#,
        r#"
error: `name` must be a string, not an integer
  3:8 5: found an integer
  help: write `"5"`
error: `account` must be a string, not an integer
  4:11 123456789012: found an integer
  help: write `"123456789012"`
error: `region` must be a string, not a boolean
  5:10 true: found a boolean
  help: write `"true"`
"#,
    );
    check_in_stack(
        r#"
[queues.q]
delay = 30
max_message_size = 262144
encryption = "true"
fifo = "yes"
"#,
        r#"
error: `delay` must be a duration, not an integer
  5:9 30: found an integer
  help: a duration has a unit: write `"30s"`
error: `max_message_size` must be a size, not an integer
  6:20 262144: found an integer
  help: a size has a unit: write `"256KiB"`
error: `encryption` must be a boolean, not a string
  7:14 "true": found a string
  help: write `true`, without quotes
error: `fifo` must be a boolean or a table, not a string
  8:8 "yes": found a string
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
memory = 256
timeout = 1.5
triggers = { queue = "q" }
build = ["go"]
description = 2024-01-01
"#,
        r#"
error: `memory` must be a size, not an integer
  6:10 256: found an integer
  help: a size has a unit: write `"256MiB"`
error: `timeout` must be a duration, not a float
  7:11 1.5: found a float
  help: write it like `"30s"`, `"5m"` or `"1h30m"`
error: `triggers` must be a list, not a table
  8:12 { queue = "q" }: found a table
  help: a list of tables is written `[[...]]` in TOML, and with `-` in YAML
error: `build` must be a string or a table, not a list
  9:9 ["go"]: found a list
error: `description` must be a string, not a date
  10:15 2024-01-01: found a date
  help: write `"2024-01-01"`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
environment = { LEVEL = 3, DEBUG = true }
concurrency = { reserved = "10", provisioned = 0.5 }
"#,
        r#"
error: `LEVEL` must be a string, not an integer
  6:25 3: found an integer
  help: write `"3"`
error: `DEBUG` must be a string, not a boolean
  6:36 true: found a boolean
  help: write `"true"`
error: `reserved` must be an integer, not a string
  7:28 "10": found a string
  help: write `10`, without quotes
error: `provisioned` must be an integer or a table, not a float
  7:48 0.5: found a float
"#,
    );
    check(
        r#"
queues = []
functions = { f = 1 }
[stack]
name = "s"
"#,
        r#"
error: `queues` must be a table, not a list
  2:10 []: found a list
error: `f` must be a table, not an integer
  3:19 1: found an integer
"#,
    );
    check_in_stack(
        r#"
[queues.q]
redrive_allow = 5
policy = 5
[services.db]
image = "db"
command = "serve"
ports = [5432]
"#,
        r#"
error: `redrive_allow` must be a string or a list, not an integer
  5:17 5: found an integer
error: `policy` must be a table or a string of JSON, not an integer
  6:10 5: found an integer
error: `command` must be a list, not a string
  9:11 "serve": found a string
  help: write `["serve"]`
error: `ports[0]` must be a string, not an integer
  10:10 5432: found an integer
  help: write `"5432"`
"#,
    );
}

#[test]
fn ranges_are_those_of_aws() {
    check_in_stack(
        r#"
[queues.q]
visibility_timeout = "13h"
delay = "16m"
retention = "30s"
receive_wait = "21s"
max_message_size = "2MiB"
"#,
        r#"
error: `visibility_timeout` is `13h`, and must be `0s` to `12h`
  5:22 "13h": out of range
  help: it is AWS's limit of `VisibilityTimeout`
error: `delay` is `16m`, and must be `0s` to `15m`
  6:9 "16m": out of range
  help: it is AWS's limit of `DelaySeconds`
error: `retention` is `30s`, and must be `1m` to `14d`
  7:13 "30s": out of range
  help: it is AWS's limit of `MessageRetentionPeriod`
error: `receive_wait` is `21s`, and must be `0s` to `20s`
  8:16 "21s": out of range
  help: it is AWS's limit of `ReceiveMessageWaitTimeSeconds`
error: `max_message_size` is `2MiB`, and must be `1KiB` to `1MiB`
  9:20 "2MiB": out of range
  help: it is AWS's limit of `MaximumMessageSize`
"#,
    );
    check_in_stack(
        r#"
[queues.q]
delay = "1500ms"
retention = "1 day"
receive_wait = "soon"
max_message_size = "256KB"
"#,
        r#"
error: `delay` is `1500ms`, and AWS takes whole seconds
  5:9 "1500ms": not whole seconds
  help: write `"2s"`
error: `retention` is `1 day`, which is not a duration
  6:13 "1 day": not a duration
  help: write `"1d"`; a duration is a number with a unit, like `30s`, `5m`, `1h30m` or `500ms`
error: `receive_wait` is `soon`, which is not a duration
  7:16 "soon": not a duration
  help: a duration is a number with a unit, like `30s`, `5m`, `1h30m` or `500ms`
error: `max_message_size` is `256KB`, which is not a size
  8:20 "256KB": not a size
  help: write `"256KiB"`; a size is a number with a binary unit, like `128MiB`, `256KiB` or `1GiB`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
memory = "100MiB"
timeout = "0s"
ephemeral_storage = "1025KiB"
"#,
        r#"
error: `memory` is `100MiB`, and must be `128MiB` to `10GiB`
  6:10 "100MiB": out of range
  help: it is AWS's limit of `MemorySize`
error: `timeout` is `0s`, and must be `1s` to `15m`
  7:11 "0s": out of range
  help: it is AWS's limit of `Timeout`
error: `ephemeral_storage` is `1025KiB`, and must be `512MiB` to `10GiB`
  8:21 "1025KiB": out of range
  help: it is AWS's limit of `EphemeralStorage`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
memory = "1048577KiB"
concurrency = { reserved = -1, provisioned = { min = 0, max = 99999999999999999999, target_utilization = 1 } }
"#,
        r#"
error: `memory` is `1048577KiB`, and AWS takes multiples of `1MiB`
  6:10 "1048577KiB": no multiple
error: `reserved` is `-1`, and must be `0` to `1000000`
  7:28 -1: out of range
error: `min` is `0`, and must be `1` to `1000000`
  7:54 0: out of range
error: `max` must be an integer, not a huge integer
  7:63 99999999999999999999: found a huge integer
error: `target_utilization` is `1`, and must be `0.1` to `0.9`
  7:106 1: out of range
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
batch_size = 10001
batching_window = "6m"
max_concurrency = 1
"#,
        r#"
error: `batch_size` is `10001`, and must be `1` to `10000`
  11:14 10001: out of range
  help: it is AWS's limit of `BatchSize`
error: `batching_window` is `6m`, and must be `0s` to `5m`
  12:19 "6m": out of range
  help: it is AWS's limit of `MaximumBatchingWindowInSeconds`
error: `max_concurrency` is `1`, and must be `2` to `1000`
  13:19 1: out of range
  help: it is AWS's limit of `ScalingConfig.MaximumConcurrency`
"#,
    );
    check_in_stack(
        r#"
[queues.q]
dead_letter = { queue = "q-dlq", max_receives = 0 }
[queues.q-dlq]
"#,
        r#"
error: `max_receives` is `0`, and must be `1` to `1000`
  5:49 0: out of range
  help: it is AWS's limit of `maxReceiveCount`
"#,
    );
    check_in_stack(
        r#"
[targets.embedded]
port = 0
"#,
        r#"
error: `port` is `0`, and must be `1` to `65535`
  5:8 0: out of range
"#,
    );
    check_in_stack(
        r#"
[targets.embedded]
port = "any"
"#,
        r#"
error: `port` must be `auto`, not `any`
  5:8 "any": unknown
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
architecture = "arm"
log_format = "xml"
build = "cargo"
"#,
        r#"
error: `architecture` must be `x86_64` or `arm64`, not `arm`
  6:16 "arm": unknown
error: `log_format` must be `text` or `json`, not `xml`
  7:14 "xml": unknown
error: `build` must be `go`, `rust`, `node`, `python`, `java`, `image` or `none`, not `cargo`
  8:9 "cargo": unknown
"#,
    );
}
