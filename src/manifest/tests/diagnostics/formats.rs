//! The other formats, and what a manifest says of itself.

use super::*;

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
requires = { stackctl = "<0.1", go = "new", gopher = "1" }
"#,
        r#"
error: the manifest needs stackctl `<0.1`, and this is `0.1.0`
  4:25 "<0.1": not met
  help: install a version that the manifest asks for, or change `requires`
error: `go` is `new`, which is not a version requirement
  4:38 "new": not a version requirement
  help: a version requirement is a comparison like `>=0.1`, several are separated by commas
error: unknown key `gopher` in `stack.requires`
  4:45 gopher: unknown key
  help: the keys here are `stackctl`, `esbuild`, `go`, `gradle`, `java`, `maven`, `node`, `pip`, `python`, `rust` and `uv`
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

#[test]
fn layers_are_declared_or_versions_of_others() {
    let function = |layers: &str| {
        format!("[functions.f]\nruntime = \"provided.al2023\"\nlayers = {layers}\n[layers.shared]\nsource = \"shared\"")
    };
    check_in_stack(&function(r#"["shared", "arn:aws:lambda:us-east-1:123456789012:layer:theirs:4"]"#), "");
    check_in_stack(
        &function(r#"["shard"]"#),
        "error: `shard` is no layer of this manifest
  5:11 \"shard\": no such layer
  help: did you mean `shared`?",
    );
    check_in_stack(
        &function(r#"["arn:aws:lambda:us-east-1:123456789012:layer:theirs"]"#),
        "error: `arn:aws:lambda:us-east-1:123456789012:layer:theirs` is not the ARN of a layer's version
  5:11 \"arn:aws:lambda:us-east-1:123456789012:layer:theirs\": bad ARN
  help: it looks like `arn:aws:lambda:us-east-1:123456789012:layer:NAME:1`",
    );
    check_in_stack(
        "[functions.f]\nimage = \"shop:1\"\nlayers = [\"shared\"]\n[layers.shared]",
        "error: `layers` of `functions.f`: an image has no layers
  5:10 [\"shared\"]: does not go with it
  help: put into the image what they have",
    );
    check_in_stack(
        "[layers.shared]\nbuild = \"python\"",
        "error: `build` must be `none`, not `python`
  4:9 \"python\": unknown",
    );
}
