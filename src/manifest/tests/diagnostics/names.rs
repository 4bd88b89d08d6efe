//! Names, forms, what is missing, and references.

use super::*;

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
