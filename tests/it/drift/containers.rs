//! What the `docker` CLI changes by hand.

use std::fs;

use crate::{
    services::{Stack, cache},
    support::{
        binary::{eventually, succeed},
        docker::{docker, free_port},
        go_runtime,
        tool::Tool,
        trials,
    },
};

trials!(
    services_changed_by_docker needs [Tool::Docker],
    environments_removed_by_docker needs [Tool::Docker, Tool::Go],
);

const NAME: &str = "stackctl-svc-drift-cache";
const NETWORK: &str = "stackctl-svc-drift";
const VOLUME: &str = "stackctl-svc-drift-data";

/// What `docker` is told, and a part of what the plan says of it.
const SERVICES: &[(&[&[&str]], &str)] = &[
    (&[&["stop", NAME]], "~ services.cache  start: it ended with exit code 0"),
    (&[&["kill", NAME]], "~ services.cache  start: it ended with exit code 137"),
    (&[&["pause", NAME]], "~ services.cache  start: it was paused"),
    (&[&["rm", "-f", NAME]], "+ services.cache  create"),
    (&[&["rename", NAME, "stackctl-svc-drift-hidden"]], "delete: it was renamed to stackctl-svc-drift-hidden"),
    (&[&["update", "--restart", "always", NAME]], "replace: restart always -> no"),
    (&[&["network", "disconnect", "-f", NETWORK, NAME]], "replace: it was taken out of the network"),
    (&[&["network", "disconnect", "-f", NETWORK, NAME], &["network", "rm", NETWORK]], "+ network         create"),
    (&[&["rm", "-f", NAME], &["volume", "rm", VOLUME]], "+ volumes.data    create"),
    (&[&["rm", "-f", NAME], &["volume", "rm", VOLUME], &["network", "rm", NETWORK]], "+ network         create"),
];

fn services_changed_by_docker() {
    let stack = Stack::new("svc-drift", &format!("{}volumes = [\"data:/data\"]\n", cache(free_port())));
    for (by_hand, expected) in SERVICES {
        stack.up();
        by_hand.iter().for_each(|command| _ = succeed(docker(command)));
        let plan = stack.run(&["plan", "--exit-code"]);
        assert!(plan.code == Some(2) && plan.stdout.contains(expected), "{by_hand:?}: {}{}", plan.stdout, plan.stderr);
        stack.up();
        stack.check_plan_is_empty();
    }
    stack.down();
}

/// Nothing of them stands in the manifest: the engine itself goes on without.
fn environments_removed_by_docker() {
    let manifest = "[queues.jobs]\nvisibility_timeout = \"2m\"\n\
                    [functions.echo]\nsource = \"echo\"\ntimeout = \"20s\"\nbuild = { image = {} }\nconcurrency = { provisioned = 1 }\n\
                    [[functions.echo.triggers]]\nqueue = \"jobs\"\n";
    let stack = Stack::new("svc-drift-f", manifest);
    let source = stack.dir().join("echo");
    go_runtime::build(&source, go_runtime::SOURCE, "echo");
    fs::write(source.join("Dockerfile"), "FROM scratch\nCOPY echo /echo\nENTRYPOINT [\"/echo\"]\n").unwrap();
    stack.up();
    let containers = || {
        let label = "label=dev.stackctl.stack=svc-drift-f";
        let listed = succeed(docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", label]));
        listed.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let answers = |number: usize| {
        let payload = format!("{{\"n\":{number}}}");
        stack.run(&["invoke", "echo:live", "--payload", &payload]).stdout.contains(&payload)
    };
    let others = |before: &[String]| {
        eventually("others", || {
            let now = containers();
            (!now.is_empty() && now.iter().all(|container| !before.contains(container))).then_some(())
        });
        // What is ended while it initialises has failed, and is not begun again, as on AWS.
        stack.up();
    };
    for (number, by_hand) in [&["rm", "-f"][..], &["stop"], &["kill"]].iter().enumerate() {
        let before = containers();
        before.iter().for_each(|container| _ = succeed(docker(&[by_hand, &[container.as_str()][..]].concat())));
        others(&before);
        assert!(answers(number), "{}", stack.succeed(&["logs", "echo"]));
    }
    // With the network goes the way to the engine's AWS API; what runs has its Runtime API on its own loopback.
    let (network, before) = ("stackctl-svc-drift-f", containers());
    before.iter().for_each(|container| _ = succeed(docker(&["network", "disconnect", "-f", network, container])));
    succeed(docker(&["network", "rm", network]));
    assert!(answers(8), "{}", stack.succeed(&["logs", "echo"]));
    before.iter().for_each(|container| _ = succeed(docker(&["rm", "-f", container])));
    others(&before);
    assert!(answers(9), "{}", stack.succeed(&["logs", "echo"]));
    stack.succeed(&["send", "jobs", "after-it-all"]);
    eventually("the queue's message", || stack.succeed(&["logs", "echo"]).contains("after-it-all").then_some(()));
    stack.check_plan_is_empty();
    stack.down();
}
