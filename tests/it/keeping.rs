//! What a stack keeps between two engines, through the binary.

use std::{fs, path::Path};

use crate::support::{
    binary::{run, stackctl, succeed},
    trials,
};

trials!(
    what_is_kept_is_there_again,
    what_is_not_durable_ends_with_the_engine,
    an_engine_that_was_killed_leaves_its_state,
    another_concurrency_in_the_manifest_restarts_the_engine
);

fn manifest(durability: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "[stack]\nname = \"kept\"\n[queues.jobs]\n[targets.embedded]\nport = \"auto\"\ndurability = \"{durability}\"\n"
    );
    fs::write(dir.path().join("stack.toml"), text).unwrap();
    dir
}

fn received(dir: &Path) -> String {
    succeed(stackctl(dir, &["receive", "jobs", "--json"]))
}

fn what_is_kept_is_there_again() {
    let dir = manifest("disk");
    let dir = dir.path();
    succeed(stackctl(dir, &["up"]));
    succeed(stackctl(dir, &["send", "jobs", "a job"]));
    succeed(stackctl(dir, &["down", "--keep"]));
    succeed(stackctl(dir, &["up"]));
    assert!(received(dir).contains("a job"));
    succeed(stackctl(dir, &["down", "--yes"]));
    succeed(stackctl(dir, &["up"]));
    assert!(!received(dir).contains("a job"), "`down` without `--keep` discards");
    succeed(stackctl(dir, &["down", "--yes"]));
}

fn what_is_not_durable_ends_with_the_engine() {
    let dir = manifest("memory");
    let dir = dir.path();
    succeed(stackctl(dir, &["up"]));
    succeed(stackctl(dir, &["send", "jobs", "a job"]));
    succeed(stackctl(dir, &["down", "--keep"]));
    succeed(stackctl(dir, &["up"]));
    assert!(!received(dir).contains("a job"));
    succeed(stackctl(dir, &["down", "--yes"]));
}

fn an_engine_that_was_killed_leaves_its_state() {
    let dir = manifest("process");
    let dir = dir.path();
    succeed(stackctl(dir, &["up"]));
    succeed(stackctl(dir, &["send", "jobs", "a job"]));
    let engine: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.join(".stackctl/engine.json")).unwrap()).unwrap();
    let mut kill = std::process::Command::new("kill");
    kill.args(["-9", &engine["pid"].to_string()]);
    succeed(kill);
    let again = run(stackctl(dir, &["up"]));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    assert!(received(dir).contains("a job"));
    succeed(stackctl(dir, &["down", "--yes"]));
    assert!(!dir.join(".stackctl").exists());
}

fn another_concurrency_in_the_manifest_restarts_the_engine() {
    let dir = manifest("process");
    let dir = dir.path();
    succeed(stackctl(dir, &["up"]));
    succeed(stackctl(dir, &["send", "jobs", "a job"]));
    let engine = || -> serde_json::Value {
        serde_json::from_slice(&fs::read(dir.join(".stackctl/engine.json")).unwrap()).unwrap()
    };
    let before = engine()["pid"].clone();
    assert_eq!(run(stackctl(dir, &["up"])).code, Some(0));
    assert_eq!(engine()["pid"], before, "nothing changed");
    let file = dir.join("stack.toml");
    let text = fs::read_to_string(&file).unwrap();
    let scaled = "[concurrency]\nlimit = 20\ntime_factor = 5\nfirst_retry_delay = \"2s\"\n";
    fs::write(&file, text + scaled).unwrap();
    let again = run(stackctl(dir, &["up"]));
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let said = [
        "the pool has 20 slots, 1000 on AWS",
        "reservations must leave 2 slots, 100 on AWS",
        "ramps, retries and idle times pass 5 times as fast as on AWS",
        "asynchronous retries begin after 400 ms, 60 s on AWS",
    ];
    assert_ne!(engine()["pid"], before, "{}", again.stderr);
    assert!(said.iter().all(|line| again.stderr.contains(line)), "{}", again.stderr);
    for command in ["status", "top"] {
        let printed = succeed(stackctl(dir, &[command]));
        assert!(said.iter().all(|line| printed.contains(line)), "{command}: {printed}");
        assert!(printed.contains(" of 20 running"), "{command}: {printed}");
    }
    assert!(received(dir).contains("a job"), "what it had is kept");
    succeed(stackctl(dir, &["down", "--yes"]));
}
