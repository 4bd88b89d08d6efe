//! Profiles and `stack.local.toml`.

use super::{context, show, toml};
use crate::manifest::{Context, Source, read};

const BASE: &str = r#"
[stack]
name = "s"

[queues.q]
delay = "1s"
retention = "1d"

[functions.f]
runtime = "provided.al2"
build = { go = { flags = ["-v"] } }
environment = { LEVEL = "info", KEEP = "1" }

[profiles.debug.functions.f]
memory = "1GiB"
environment = { LEVEL = "debug" }

[profiles.rust.functions.f]
build = { rust = {} }
"#;

fn local(text: &str) -> Source {
    Source { path: "stack.local.toml".into(), text: text.to_owned() }
}

#[track_caller]
fn check(profile: Option<&str>, overlay: &str, expected: &str) {
    let overlay = local(overlay);
    let reading = read(&toml(BASE), &Context { profile, overlay: Some(&overlay), ..context() });
    let shown = reading.desired.as_ref().map(|stack| {
        let function = &stack.functions["f"];
        let environment: Vec<String> = function
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={}", value.render(|_| Err(())).unwrap()))
            .collect();
        let queue = &stack.queues["q"];
        let build = format!("{:?}", function.build);
        let build = build.split_whitespace().next().unwrap_or_default();
        format!("{}s {}s {}MB {build} {}", queue.delay_s, queue.retention_s, function.memory_mb, environment.join(" "))
    });
    assert_eq!(shown.unwrap_or_else(|| show(&reading)), expected.trim());
}

#[test]
fn tables_are_merged_and_all_else_is_replaced() {
    check(None, "", "1s 86400s 128MB Go KEEP=1 LEVEL=info");
    check(None, "[queues.q]\ndelay = \"2s\"\n", "2s 86400s 128MB Go KEEP=1 LEVEL=info");
    check(Some("debug"), "", "1s 86400s 1024MB Go KEEP=1 LEVEL=debug");
    check(Some("rust"), "", "1s 86400s 128MB Rust KEEP=1 LEVEL=info");
}

#[test]
fn the_profile_is_laid_over_the_local_file() {
    let overlay = "[functions.f]\nmemory = \"512MiB\"\nenvironment = { LEVEL = \"warn\", MORE = \"2\" }\n";
    check(None, overlay, "1s 86400s 512MB Go KEEP=1 LEVEL=warn MORE=2");
    check(Some("debug"), overlay, "1s 86400s 1024MB Go KEEP=1 LEVEL=debug MORE=2");
    check(Some("mine"), "[profiles.mine.queues.q]\ndelay = \"3s\"\n", "3s 86400s 128MB Go KEEP=1 LEVEL=info");
}

#[test]
fn a_problem_shows_the_file_that_it_is_in() {
    let overlay = local("[functions.f]\ntimeout = \"10s\"\n[[functions.f.triggers]]\nqueue = \"q\"\n");
    let text = "[stack]\nname = \"s\"\n[queues.q-dlq]\n[queues.q]\nvisibility_timeout = \"5s\"\n\
                dead_letter = { queue = \"q-dlq\" }\n[functions.f]\nruntime = \"provided.al2\"\n";
    let reading = read(&toml(text), &Context { overlay: Some(&overlay), ..context() });
    let expected = "error: the visibility timeout of `q`, `5s`, is below the timeout of `f`, `10s`\n  \
                    5:22 \"5s\": `5s`\n  \
                    help: AWS refuses the trigger: set `visibility_timeout = \"1m\"`\n\
                    stack.local.toml:2:11: `10s`";
    assert_eq!(show(&reading), expected);
    let overlay = local("[queues.q]\ndealy = \"2s\"\n");
    let reading = read(&toml(BASE), &Context { overlay: Some(&overlay), ..context() });
    assert!(show(&reading).starts_with("error: unknown key `dealy` in `queues.q`\n  2:1 dealy: unknown key"));
    let shown = format!("{:?}", miette::Report::new(reading.problems[0].clone()));
    assert!(shown.contains("stack.local.toml:2:1"), "{shown}");
}

#[test]
fn an_unknown_profile_is_a_mistake() {
    check(
        Some("debgu"),
        "",
        "error: the manifest has no profile `debgu`\n  14:2 profiles: it has `debug` and `rust`\n  help: did you mean `debug`?",
    );
    let reading = read(&toml("[stack]\nname = \"s\"\n"), &Context { profile: Some("ci"), ..context() });
    assert_eq!(show(&reading), "error: the manifest has no profile `ci`\n  help: add `[profiles.ci]`");
}

#[test]
fn a_profile_that_is_not_chosen_is_checked_but_needs_no_variables() {
    let text = "[stack]\nname = \"s\"\n[profiles.ci]\nqueue = {}\n[profiles.ci.queues.q]\ndelay = 5\n\
                [profiles.ci.functions.f]\nmemory = \"1GiB\"\nrole = \"${env:ROLE}\"\n";
    let expected = "error: unknown key `queue` in `profiles.ci`\n  4:1 queue: unknown key\n  \
                    help: did you mean `queues`?\n\
                    error: `delay` must be a duration, not an integer\n  6:9 5: found an integer\n  \
                    help: a duration has a unit: write `\"5s\"`";
    assert_eq!(show(&read(&toml(text), &context())), expected);
    let chosen = show(&read(&toml(text), &Context { profile: Some("ci"), ..context() }));
    assert!(chosen.contains("the environment variable `ROLE` is not set"), "{chosen}");
    assert!(chosen.contains("`runtime` is missing in `functions.f`"), "{chosen}");
    assert_eq!(chosen.matches("must be a duration").count(), 1, "{chosen}");
    assert_eq!(chosen.matches("unknown key").count(), 2, "once as the message, once as the label: {chosen}");
}
