//! The README's commands, run as they stand in a copy of the repository; and each example.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    binary::{eventually, run, stackctl, succeed},
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
