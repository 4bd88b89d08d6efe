//! The README's commands, run as they stand in a copy of the repository; and each example.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    binary::{Printed, eventually, run, stackctl, succeed},
    docker::{docker, own_image},
    tool::Tool,
    trials,
};

trials!(
    the_readmes_commands_work needs [Tool::Python, Tool::Port4566],
    every_example_has_a_test,
    the_concurrency_example_provisions_spills_and_throttles needs [Tool::Python],
    the_hello_example_greets needs [Tool::Python],
    the_four_languages_share_their_queue needs [Tool::Python, Tool::Node, Tool::Go],
    the_go_example_prints_the_message needs [Tool::Go],
    the_recipe_for_ci_works_for_nobody needs [Tool::Python],
    the_recipe_for_ci_works_in_a_container_without_privileges needs [Tool::Docker],
    the_steps_for_github_are_commands_that_there_are needs [Tool::Python],
);

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// An example on a port of its own, so that tests can run side by side; taken down when it is dropped.
struct Example {
    dir: tempfile::TempDir,
}

impl Example {
    fn copy(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy_dir(&repository().join("examples").join(name), dir.path());
        let manifest = dir.path().join("stack.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(manifest, text + "\n[targets.embedded]\nport = \"auto\"\n").unwrap();
        Self { dir }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        stackctl(self.dir.path(), arguments)
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        succeed(self.command(arguments))
    }

    fn eventually_logs(&self, text: &str) -> String {
        eventually(text, || {
            let logs = self.succeed(&["logs"]);
            (logs.contains(text) && logs.contains("REPORT")).then_some(logs)
        })
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = run(self.command(&["down", "--yes"]));
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_name().to_str() {
            Some(".stackctl" | ".git" | "target") => {}
            _ if entry.file_type().unwrap().is_dir() => copy_dir(&entry.path(), &target),
            _ => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn every_example_has_a_test() {
    let tested = ["concurrency", "four-languages", "go-sqs-consumer", "hello"];
    let mut found: Vec<_> = fs::read_dir(repository().join("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, tested);
}

/// Of three reserved environments one is kept initialised: of five calls at once it takes one, two start on demand, and the
/// rest is throttled.
fn the_concurrency_example_provisions_spills_and_throttles() {
    let example = Example::copy("concurrency");
    example.succeed(&["check"]);
    let up = run(example.command(&["up"]));
    assert!(up.stderr.contains("the pool has 10 slots, 1000 on AWS"), "{}", up.stderr);
    assert!(up.stderr.contains("10 times as fast as on AWS"), "{}", up.stderr);
    // What is not as on AWS is said wherever somebody looks.
    let log = fs::read_to_string(example.dir.path().join(".stackctl/engine.log")).unwrap();
    for (place, text) in [("status", example.succeed(&["status"])), ("top", example.succeed(&["top"])), ("log", log)] {
        for difference in ["the pool has 10 slots, 1000 on AWS", "10 times as fast as on AWS"] {
            assert!(text.contains(difference), "{place}\n{text}");
        }
    }
    let first = example.succeed(&["invoke", "work:live", "--payload", r#"{"seconds": 0}"#]);
    assert!(first.contains("provisioned-concurrency"), "{first}");
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let mut call = example.command(&["invoke", "work:live", "--payload", r#"{"seconds": 8}"#]);
            std::thread::spawn(move || call.output().unwrap())
        })
        .collect();
    let outputs: Vec<_> = calls.into_iter().map(|call| call.join().unwrap()).collect();
    let answers: String = outputs.iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect();
    assert_eq!(answers.matches("provisioned-concurrency").count(), 1, "{answers}");
    assert_eq!(answers.matches("on-demand").count(), 2, "{answers}");
    let refusals = outputs.iter().filter(|output| String::from_utf8_lossy(&output.stderr).contains("Rate Exceeded"));
    assert_eq!(refusals.count(), 2);
    let shown = example.succeed(&["status"]);
    let row = shown.lines().find(|line| line.starts_with("work ")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["work", "0", "3", "0", "3", "0/1", "4", "0", "2", "2", "2"], "as its README shows it\n{shown}");
    assert!(shown.contains("throttled  work: 2 by its reserved concurrency"), "{shown}");
    let status = example.succeed(&["status", "--json"]);
    assert!(status.contains("\"spillovers\": 2") || status.contains("\"spillovers\":2"), "{status}");
}

fn the_hello_example_greets() {
    let example = Example::copy("hello");
    example.succeed(&["check"]);
    example.succeed(&["up"]);
    let again = run(example.command(&["up"]));
    assert!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    assert_eq!(run(example.command(&["plan", "--exit-code"])).code, Some(0));
    example.succeed(&["send", "greetings", r#"{"name": "you"}"#]);
    example.eventually_logs("Hello, you!");
    let status = example.succeed(&["status", "--json"]);
    assert!(status.contains("greetings-dlq"), "{status}");
    let state = example.dir.path().join(".stackctl");
    assert!(state.exists());
    example.succeed(&["down", "--yes"]);
    assert!(!state.exists(), "`down` leaves {:?}", fs::read_dir(state).map(Iterator::count));
}

fn the_go_example_prints_the_message() {
    let example = Example::copy("go-sqs-consumer");
    example.succeed(&["up"]);
    let sent = example.succeed(&["send", "example-queue", "hoge"]);
    let logs = example.eventually_logs(": hoge");
    let id = logs.lines().find_map(|line| line.split("message ").nth(1)?.strip_suffix(": hoge")).unwrap();
    assert!(sent.contains(id), "{sent}\n{logs}");
}

fn the_four_languages_share_their_queue() {
    let example = Example::copy("four-languages");
    example.succeed(&["up"]);
    eventually("a word from each", || {
        example.succeed(&["send", "words", "hello", "--count", "20"]);
        let logs = example.succeed(&["logs"]);
        ["Python", "Node", "Go", "Rust"].iter().all(|name| logs.contains(&format!("{name} says hello"))).then_some(())
    });
}

/// Each `sh` block is a script; `cargo run` stands for the binary that is tested, and what only builds is passed over.
fn the_readmes_commands_work() {
    let copy = tempfile::tempdir().unwrap();
    let root = copy.path().join("stackctl");
    copy_dir(&repository().join("examples"), &root.join("examples"));
    copy_dir(&repository().join("schema"), &root.join("schema"));
    let path = tools_that_stand_in(copy.path());
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let blocks = sh_blocks(&readme);
    assert!(blocks.len() >= 3, "the README has {} blocks", blocks.len());
    for block in &blocks {
        let mut script = Command::new("sh");
        script.args(["-euc", block]).current_dir(&root).env("PATH", &path).env("NO_COLOR", "1");
        let printed = run(script);
        assert_eq!(printed.code, Some(0), "{block}\n{}{}", printed.stdout, printed.stderr);
    }
}

/// A checkout with the first block of `docs/ci.md` as `ci.sh`, which anybody may write to.
fn checkout_for_ci() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let recipe = fs::read_to_string(repository().join("docs/ci.md")).unwrap();
    fs::write(dir.path().join("ci.sh"), format!("set -eu\n{}", sh_blocks(&recipe)[0])).unwrap();
    fs::create_dir(dir.path().join("tests")).unwrap();
    let test = "test -n \"$STACKCTL_QUEUE_JOBS_URL\"\ntest \"$STACKCTL_FUNCTION_HELLO_NAME\" = hello\n\
                stackctl invoke hello --payload '{\"name\": \"ci\"}' >answer.json\n";
    fs::write(dir.path().join("tests/end-to-end.sh"), test).unwrap();
    dir
}

/// Makes everything below writable for everybody.
fn open_to_all(dir: &Path) {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777)).unwrap();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            open_to_all(&entry.path());
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o777)).unwrap();
        }
    }
}

/// What the recipe leaves: a report, logs, an answer, and nothing that runs.
fn check_ci(dir: &Path, printed: &Printed, answer: &str) {
    assert_eq!(printed.code, Some(0), "{}{}", printed.stdout, printed.stderr);
    let text = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text("report.json")).unwrap();
    assert!(report["endpoint"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{report}");
    assert_ne!(report["endpoint"], "http://127.0.0.1:4566", "a free port was asked for");
    assert_eq!(report["changed"]["create"], 4, "{report}");
    assert_eq!(report["artifacts"]["hello"].as_str().map(str::len), Some(64), "{report}");
    assert_eq!(report["variables"]["STACKCTL_FUNCTION_HELLO_NAME"], "hello", "{report}");
    assert!(text("answer.json").contains(answer), "{}", text("answer.json"));
    assert!(text("functions.log").contains("REPORT RequestId"), "{}", text("functions.log"));
    assert!(!dir.join(".stackctl").exists(), "`down` leaves nothing");
}

/// As a user without rights, home, or a way to get any.
fn the_recipe_for_ci_works_for_nobody() {
    let dir = checkout_for_ci();
    succeed(stackctl(dir.path(), &["init", "--quiet"]));
    succeed(stackctl(dir.path(), &["lock"]));
    fs::remove_dir_all(dir.path().join(".stackctl")).unwrap();
    open_to_all(dir.path());
    let bin = tempfile::tempdir_in("/var/tmp").unwrap();
    let path = tools_that_stand_in(bin.path());
    open_to_all(bin.path());
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--inh-caps=-all"]);
        command.args(["--bounding-set=-all", "sh", "ci.sh"]);
        command
    } else {
        let mut command = Command::new("sh");
        command.arg("ci.sh");
        command
    };
    // Where everybody finds them: version managers are often in root's own home.
    let path = path.split(':').filter(|folder| !folder.starts_with("/root")).collect::<Vec<_>>().join(":");
    command.current_dir(dir.path()).env_clear().env("PATH", path).env("HOME", "/nonexistent");
    if is_root {
        // What was locked is root's Python.
        let script = fs::read_to_string(dir.path().join("ci.sh")).unwrap();
        fs::write(dir.path().join("ci.sh"), format!("stackctl lock --update\n{script}")).unwrap();
    }
    check_ci(dir.path(), &run(command), "ci");
}

/// A program that speaks the Runtime API with BusyBox alone.
const BOOTSTRAP: &str = r#"#!/bin/sh
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while :; do
  event=$(wget -q -S -O - $api/next 2>/tmp/headers) || exit 1
  id=$(sed -n 's/^ *[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *//p' /tmp/headers | tr -d '\r')
  wget -q -O /dev/null --post-data "$event" $api/$id/response || exit 1
done
"#;
const CI_STACK: &str = "[stack]\nname = \"ci\"\n[queues.jobs-dlq]\n[queues.jobs]\nvisibility_timeout = \"60s\"\n\
                        dead_letter = { queue = \"jobs-dlq\" }\n[functions.hello]\nruntime = \"provided.al2023\"\n\
                        source = \"hello\"\nbuild = \"none\"\ntimeout = \"10s\"\n[[functions.hello.triggers]]\nqueue = \"jobs\"\n";

/// A container in which nothing may be written but the checkout and /tmp, and whose user is nobody.
fn the_recipe_for_ci_works_in_a_container_without_privileges() {
    let dir = checkout_for_ci();
    fs::create_dir(dir.path().join("hello")).unwrap();
    fs::write(dir.path().join("hello/bootstrap"), BOOTSTRAP).unwrap();
    fs::write(dir.path().join("stack.toml"), CI_STACK).unwrap();
    fs::write(dir.path().join("stack.lock"), "version = 1\n").unwrap();
    open_to_all(dir.path());
    let image = "stackctl-test-ci";
    succeed(docker(&["build", "-q", "-t", image, own_image().path().to_str().unwrap()]));
    let volume = format!("{}:/work", dir.path().display());
    let mut command = docker(&["run", "--rm", "--network", "none", "--user", "65534:65534", "--read-only"]);
    command.args(["--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
    command.args(["--volume", &volume, "--workdir", "/work", "--env", "HOME=/nonexistent", image, "sh", "ci.sh"]);
    let printed = run(command);
    succeed(docker(&["rmi", image]));
    check_ci(dir.path(), &printed, "ci");
}

/// Each `run` of the workflow, one after the other, as the runner does it.
fn the_steps_for_github_are_commands_that_there_are() {
    let dir = checkout_for_ci();
    succeed(stackctl(dir.path(), &["init", "--quiet"]));
    succeed(stackctl(dir.path(), &["lock"]));
    let recipe = fs::read_to_string(repository().join("docs/ci.md")).unwrap();
    let workflow = recipe.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let steps: Vec<_> = workflow.lines().filter_map(|line| line.trim().strip_prefix("- run: ")).collect();
    assert!(steps.len() >= 5, "{steps:?}");
    let bin = tempfile::tempdir().unwrap();
    let (path, variables) = (tools_that_stand_in(bin.path()), bin.path().join("github-env"));
    fs::write(&variables, "").unwrap();
    for step in steps {
        let mut script = Command::new("bash");
        script.args(["-eo", "pipefail", "-c", step]).current_dir(dir.path()).env("PATH", &path);
        script.env("STACKCTL_PORT", "0").env("GITHUB_ENV", &variables);
        for line in fs::read_to_string(&variables).unwrap().lines() {
            let (name, value) = line.split_once('=').unwrap();
            script.env(name, value);
        }
        let printed = run(script);
        assert_eq!(printed.code, Some(0), "{step}\n{}{}", printed.stdout, printed.stderr);
    }
    assert!(fs::read_to_string(dir.path().join("answer.json")).unwrap().contains("ci"));
}

fn sh_blocks(text: &str) -> Vec<String> {
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

fn tools_that_stand_in(dir: &Path) -> String {
    let bin: PathBuf = dir.join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_stackctl"), bin.join("stackctl")).unwrap();
    let cargo = bin.join("cargo");
    let script = "#!/bin/sh\nwhile [ $# -gt 0 ] && [ \"$1\" != -- ]; do last=$1; shift; done\n\
                  case $last in install|test|.) exit 0;; esac\nshift\nexec stackctl \"$@\"\n";
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}
