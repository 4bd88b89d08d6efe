//! Mistakes, and what is said about them.

#![expect(clippy::too_many_lines, reason = "each test is a table")]

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

#[test]
fn names_and_forms() {
    check(
        r#"
[stack]
name = "my stack"
region = "EU"
account = "1"
requires = "new"
"#,
        r#"
error: `name` is `my stack`, which is not a stack name
  3:8 "my stack": not a stack name
  help: a stack name is 1 to 64 letters, digits, hyphens and underscores
error: `region` is `EU`, which is not a region
  4:10 "EU": not a region
  help: a region is a name like `eu-central-1`
error: `account` is `1`, which is not an account id
  5:11 "1": not an account id
  help: an account id is a string of 12 digits, like `"000000000000"`
error: `requires` is `new`, which is not a version requirement
  6:12 "new": not a version requirement
  help: a version requirement is a comparison like `>=0.1`, several are separated by commas
"#,
    );
    check_in_stack(
        r#"
[queues."a.fifo"]
[queues."a b"]
[functions."a:b"]
runtime = "provided.al2"
"#,
        r#"
error: `a.fifo` cannot be the name of a queue
  4:9 "a.fifo": bad name
  help: a queue name is 1 to 80 letters, digits, hyphens and underscores; `fifo = true` appends `.fifo`
error: `a b` cannot be the name of a queue
  5:9 "a b": bad name
  help: a queue name is 1 to 80 letters, digits, hyphens and underscores; `fifo = true` appends `.fifo`
error: `a:b` cannot be the name of a function
  6:12 "a:b": bad name
  help: a function name is 1 to 64 letters, digits, hyphens and underscores
"#,
    );
    check_in_stack(
        r#"
[queues.qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq]
fifo = true
"#,
        r#"
error: `qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq.fifo` is too long for a queue
  4:9 qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq: with `.fifo`, over 80 characters
  help: a queue name is 1 to 80 letters, digits, hyphens and underscores, and a FIFO queue's ends in `.fifo`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "python3.31"
handler = "app handler"
role = "admin"
[queues.q.tags]
"aws:x" = "1"
"#,
        r#"
error: `runtime` is `python3.31`, which is not a runtime
  5:11 "python3.31": not a runtime
  help: did you mean `python3.13`?
error: `handler` is `app handler`, which is not a handler
  6:11 "app handler": not a handler
  help: a handler is 1 to 128 characters without spaces, like `app.handler` or `bootstrap`
error: `role` is `admin`, which is not a role ARN
  7:8 "admin": not a role ARN
  help: a role is an ARN like `arn:aws:iam::123456789012:role/consumer`
error: `aws:x` cannot be the name of a tag
  9:1 "aws:x": bad name
  help: a tag key is 1 to 128 characters and starts neither with `aws:` nor with `stackctl:`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
environment = { A = "1", "B-C" = "2", AWS_REGION = "x" }
"#,
        r#"
error: `A` cannot be the name of an environment variable
  6:17 A: bad name
  help: its name is a letter, then letters, digits and underscores, at least two characters
error: `B-C` cannot be the name of an environment variable
  6:26 "B-C": bad name
  help: its name is a letter, then letters, digits and underscores, at least two characters
error: Lambda sets `AWS_REGION` itself
  6:39 AWS_REGION: reserved
  help: give the variable another name
"#,
    );
    check_in_stack(
        r#"
[services.db]
image = ""
ports = ["web:80"]
volumes = ["data"]
"#,
        r#"
error: `image` is empty
  5:9 "": not an image
  help: an image is a reference like `postgres:16`
error: `ports[0]` is `web:80`, which is not a port mapping
  6:10 "web:80": not a port mapping
  help: a port mapping is `HOST:CONTAINER`, like `5432:5432`, or `ADDRESS:HOST:CONTAINER`
error: `volumes[0]` is `data`, which is not a volume
  7:12 "data": not a volume
  help: a volume is `SOURCE:PATH` or `SOURCE:PATH:ro`, like `data:/var/lib/postgresql/data` or `./init.sql:/init.sql:ro`
"#,
    );
}

#[test]
fn what_is_missing() {
    check(
        r#"
[queues.q]
"#,
        r#"
error: `stack` is missing in the manifest
  1:1 : needs `stack`
  help: `stack`: the stack itself, at least its `name`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
[[functions.f.triggers]]
batch_size = 5
[queues.q]
dead_letter = {}
"#,
        r#"
error: `runtime` is missing in `functions.f`
  4:12 f: needs `runtime`
  help: `runtime`: AWS's name of the runtime; only an `image` has none
error: `queue` is missing in `functions.f.triggers[0]`
  5:1 [[functions.f.triggers]]: needs `queue`
  help: `queue`: the queue, by its key
error: `queue` is missing in `queues.q.dead_letter`
  8:1 dead_letter: needs `queue`
  help: `queue`: the dead-letter queue, of the same type: a FIFO queue's is FIFO
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "python3.13"
[functions.g]
runtime = "nodejs22.x"
handler = "index.handler"
"#,
        r#"
error: `handler` is missing in `functions.f`
  4:12 f: needs `handler`
  help: only `provided.*` runtimes have a default; write it like `handler = "app.handler"`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
build = { command = { run = "make" } }
[functions.g]
runtime = "provided.al2"
build = {}
"#,
        r#"
error: `artifact` is missing in `functions.f.build.command`
  6:11 command: needs `artifact`
  help: `artifact`: the directory, zip or executable that it leaves, relative to the source
error: `build` names nothing
  9:9 {}: empty
  help: write `go`, `rust`, `node`, `python`, `java`, `command`, `image` or `none`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
build = { go = {}, rust = {} }
"#,
        r#"
error: `build` must be one of `go`, `rust`, `node`, `python`, `java`, `command`, `image` or `none`, not several
  6:20 rust: `rust`
  6:11 go: and `go`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
concurrency = { provisioned = { min = 1 } }
[services.db]
[targets.ci]
"#,
        r#"
error: `max` is missing in `functions.f.concurrency.provisioned`
  6:17 provisioned: needs `max`
  help: `max`: the upper bound
error: `services.db` has neither `image` nor `build`
  7:11 db: needs one of them
  help: write `image = "postgres:16"`, or `build = "DIRECTORY"` for one with a Dockerfile
error: `endpoint` is missing in `targets.ci`
  8:10 ci: needs `endpoint`
  help: `endpoint`: its URL
"#,
    );
}

#[test]
fn references_are_pointed_at() {
    check_in_stack(
        r#"
[queues.orders]
dead_letter = { queue = "order-dlq" }
[queues.orders-dlq]
redrive_allow = ["order"]
"#,
        r#"
error: the dead-letter queue `order-dlq` is no queue of this manifest
  5:25 "order-dlq": no such queue
  help: did you mean `orders-dlq`?
error: the source queue `order` is no queue of this manifest
  7:18 "order": no such queue
  help: did you mean `orders`?
"#,
    );
    check_in_stack(
        r#"
[queues.orders]
fifo = true
[functions.f]
runtime = "provided.al2023"
[[functions.f.triggers]]
queue = "orders.fifo"
[[functions.f.triggers]]
queue = "other"
"#,
        r#"
error: the trigger's queue `orders.fifo` is no queue of this manifest
  9:9 "orders.fifo": no such queue
  help: write `"orders"`: a queue is known by its key, without `.fifo`
error: the trigger's queue `other` is no queue of this manifest
  11:9 "other": no such queue
  help: add `[queues.other]`
"#,
    );
    check_in_stack(
        r#"
[queues.orders]
[functions.f]
runtime = "provided.al2023"
environment = { URL = "a ${queues.ordes.url} b ${queues.ordes.url}", ARN = "${queues.orders.urn}", NAME = "${queues.orders}" }
"#,
        r#"
error: `queues.ordes` is not in this manifest
  7:35 ordes: no such name
  help: did you mean `orders`?
error: `queues.ordes` is not in this manifest
  7:57 ordes: no such name
  help: did you mean `orders`?
error: `queues.orders.urn` names no attribute that can be referred to
  7:93 urn: refers to nothing
  help: did you mean `url`?
error: `queues.orders` is no complete reference
  7:110 queues.orders: refers to nothing
  help: write `${queues.NAME.url}`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
environment = { AA = "${function.f.arn}", BB = "${functions.g.arn}", CC = "${HOME}", DD = "${stack.nam}", EE = "${services.db.host}", FF = "${", GG = "$${HOME}" }
"#,
        r#"
error: `${function.f.arn}` is no reference
  6:25 function.f.arn: refers to nothing
  help: did you mean `functions`?
error: `functions.g` is not in this manifest
  6:61 g: no such name
  help: did you mean `f`?
error: `${HOME}` is no reference
  6:78 HOME: refers to nothing
  help: an environment variable is written `${env:HOME}`; `$${` is a literal `${`
error: `stack.nam` names no attribute that can be referred to
  6:100 nam: refers to nothing
  help: did you mean `name`?
error: `services.db` is not in this manifest
  6:124 db: no such name
  help: add `[services.db]`
error: a `${` without its `}`
  6:141 ${: starts here
  help: close it; `$${` is a literal `${`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
environment = { AA = "\"${queues.x.url}", BB = '''
${queues.y.url}''' }
"#,
        r#"
error: `queues.x` is not in this manifest
  6:34 x: no such name
  help: add `[queues.x]`
error: `queues.y` is not in this manifest
  7:10 y: no such name
  help: add `[queues.y]`
"#,
    );
    check_in_stack(
        r#"
[functions.f]
runtime = "provided.al2023"
environment = { AA = "${env:NOPE}", BB = "${env:NOPE:-x}", CC = "${env:LEVEL}", DD = "${env:}", EE = "${env:EMPTY}" }
"#,
        r#"
error: the environment variable `NOPE` is not set
  6:23 ${env:NOPE}: not set, and without a default
  help: set it, or give a default: `${env:NOPE:-value}`
error: `${env:}` names no variable
  6:87 ${env:}: no name
  help: write `${env:NAME}` or `${env:NAME:-default}`
"#,
    );
    check_in_stack(
        r#"
[targets.aws]
name_prefix = "${env:USER}-"
bucket = "${stack.name}"
profile = "${env:NOPE}"
[queues.q]
tags = { who = "${env:WHO" }
"#,
        r#"
error: `bucket` cannot refer to `stack.name`
  6:11 ${stack.name}: only `${env:NAME}` is known here
  help: the values of `environment` can refer to the stack; `$${` is a literal `${`
error: the environment variable `NOPE` is not set
  7:12 ${env:NOPE}: not set, and without a default
  help: set it, or give a default: `${env:NOPE:-value}`
error: a `${` without its `}`
  9:17 ${env:WHO: starts here
  help: close it; `$${` is a literal `${`
"#,
    );
}

#[test]
fn the_manifest_says_which_stackctl_it_needs() {
    check_in_stack(
        r#"
requires = ">=0.2"
"#,
        r#"
error: the manifest needs stackctl `>=0.2`, and this is `0.1.0`
  4:12 ">=0.2": not met
  help: install a version that the manifest asks for, or change `requires`
"#,
    );
    check_in_stack(
        r#"
requires = ">=0.1, <1"
"#,
        "",
    );
}

#[test]
fn json_documents() {
    check_in_stack(
        r#"
[queues.q]
policy = "{\"Version\": }"
"#,
        r#"
error: `policy` is not valid JSON: expected value at line 1 column 13
  5:10 "{\"Version\": }": not JSON
  help: it can also be written as a table
"#,
    );
    check_in_stack(
        r#"
[queues.q]
policy = { Version = "2012-10-17", Statement = [] }
"#,
        "",
    );
}

#[test]
fn yaml_mistakes_are_pointed_at_too() {
    check_yaml(
        r#"
- a
"#,
        r#"
error: a manifest is a table of keys, not a list
  2:1 - a: here
"#,
    );
    check_yaml(
        r#"
a: [b
c: d
"#,
        r#"
error: not valid YAML: illegal placement of ':' indicator
  3:2 : here
"#,
    );
    check_yaml(
        r#"
stack:
  name: s
  account: 000000000000
queues:
  q-dlq:
  é: {}
  q:
    delay: 5
    delay: 5s
    tags: {é: "ü", dealy: !!str 5}
"#,
        r#"
error: `account` must be a string, not an integer
  4:12 000000000000: found an integer
  help: write `"000000000000"`
error: `é` cannot be the name of a queue
  7:3 é: bad name
  help: a queue name is 1 to 80 letters, digits, hyphens and underscores; `fifo = true` appends `.fifo`
error: `delay` must be a duration, not an integer
  9:12 5: found an integer
  help: a duration has a unit: write `"5s"`
error: the key `delay` is there twice
  10:5 delay: again here
  9:5 delay: first here
  help: keep one, or give the other its own name
error: the YAML tag `!!str` means nothing in a manifest
  11:29 !!str 5: tagged
  help: remove the tag; quote the value to make it a string
"#,
    );
    check_yaml(
        r#"
stack: {name: s}
functions:
  f:
    runtime: provided.al2
    environment:
      XX: |
        one ${queues.b.url}
      YY: "ü ${env:NO}"
    timeout:
"#,
        r#"
error: `queues.b` is not in this manifest
  8:22 b: no such name
  help: add `[queues.b]`
error: the environment variable `NO` is not set
  9:15 ${env:NO}: not set, and without a default
  help: set it, or give a default: `${env:NO:-value}`
error: `timeout` has no value
  10:5 timeout: found nothing
  help: write it like `"30s"`, `"5m"` or `"1h30m"`
"#,
    );
    check_yaml(
        r#"
stack: {name: s}
---
stack: {name: t}
"#,
        r#"
error: a manifest is one YAML document
  3:1 ---: a second document starts here
  help: remove it, or move it to a file of its own
"#,
    );
    check_yaml(
        r#"
stack: &a {name: s}
queues: *a
"#,
        r#"
error: `name` must be a table, not a string
  2:18 s: found a string
"#,
    );
    check_yaml(
        r#"
stack: &a {name: *a}
"#,
        r#"
error: an alias inside its own anchor
  2:18 *a: here
"#,
    );
    check_yaml(
        r#"
? [a]
: b
stack: {name: s}
"#,
        r#"
error: a key is a string, not a list
  2:3 [a]: this is no key
"#,
    );
}

#[test]
fn schedules_have_one_target() {
    check_in_stack(
        "[schedules.s]\nexpression = \"rate(1 day)\"",
        "error: `schedules.s` has neither a `function` nor a `queue`
  3:12 s: needs one target
  help: a schedule has one target: give one of the two",
    );
    check_in_stack(
        "[schedules.s]\nexpression = \"rate(1 day)\"\nfunction = \"g\"",
        "error: the schedule's function `g` is no function of this manifest
  5:12 \"g\": no such function
  help: add `[functions.g]`",
    );
}
