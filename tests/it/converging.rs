//! Convergence through the binary: parts of a stack, plans, what others made, two commands at once, and commands that die.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};

use crate::support::{
    binary::{Printed, eventually, run, stackctl, succeed},
    trials,
};

trials!(
    a_part_is_converged_with_what_it_needs,
    a_plan_says_whether_there_is_something_to_do,
    what_somebody_else_made_is_adopted,
    the_second_up_waits_for_the_first,
    an_up_that_is_interrupted_is_in_nobodys_way,
    after_a_kill_at_any_step_the_next_up_finishes,
    after_ctrl_c_at_any_step_the_next_up_finishes,
);

const MANIFEST: &str = r#"
[queues.jobs]
dead_letter = { queue = "jobs-dlq", max_receives = 3 }

[queues.jobs-dlq]

[queues.other]

[functions.worker]
runtime = "provided.al2023"
source = "src"
build = "none"
concurrency = { reserved = 2 }

[[functions.worker.triggers]]
queue = "jobs"

[schedules.hourly]
expression = "rate(1 hour)"
function = "worker"
"#;

/// A directory with a manifest, and the engine that may run there.
struct Stack(tempfile::TempDir);

impl Stack {
    fn new(manifest: &str) -> Self {
        let stack = Self(tempfile::tempdir().unwrap());
        fs::create_dir(stack.dir().join("src")).unwrap();
        fs::write(stack.dir().join("src/bootstrap"), "#!/bin/sh\nexec sleep 60\n").unwrap();
        stack.write(manifest);
        stack
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, manifest: &str) {
        let head = "[stack]\nname = \"parts\"\n[targets.embedded]\nport = \"auto\"\n";
        fs::write(self.dir().join("stack.toml"), format!("{head}{manifest}")).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Printed {
        run(stackctl(self.dir(), arguments))
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        succeed(stackctl(self.dir(), arguments))
    }

    /// Starts a command whose standard error is read elsewhere.
    fn start(&self, arguments: &[&str]) -> Child {
        stackctl(self.dir(), arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn queues(&self) -> Vec<String> {
        let report: serde_json::Value = serde_json::from_str(&self.succeed(&["queues", "--json"])).unwrap();
        let queues = report["queues"].as_array().unwrap().iter();
        queues.map(|queue| queue["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Makes a queue as anybody could.
    fn create_queue(&self, name: &str) {
        let variables = self.succeed(&["env", "--format", "dotenv"]);
        let variable = |name: &str| {
            let line = variables.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.unwrap().trim_matches(['"', '\'']).to_owned()
        };
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(variable("AWS_ENDPOINT_URL"))
            .region(Region::new(variable("AWS_REGION")))
            .credentials_provider(Credentials::new(variable("AWS_ACCESS_KEY_ID"), "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let client = aws_sdk_sqs::Client::from_conf(config);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(client.create_queue().queue_name(name).send()).unwrap();
    }

    fn check_plan_is_empty(&self, about: &str) {
        let plan = self.run(&["plan", "--exit-code"]);
        assert_eq!(plan.code, Some(0), "{about}: {}{}", plan.stdout, plan.stderr);
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = stackctl(self.dir(), &["down", "--yes"]).output();
    }
}

fn a_part_is_converged_with_what_it_needs() {
    let stack = Stack::new(MANIFEST);
    stack.succeed(&["up", "--only", "queues.jobs"]);
    assert_eq!(stack.queues(), ["jobs", "jobs-dlq"]);
    stack.succeed(&["up", "--only", "functions.worker", "--only", "queues.other"]);
    assert_eq!(stack.queues(), ["jobs", "jobs-dlq", "other"]);
    let left = stack.succeed(&["plan"]);
    assert!(left.contains("2 to create, 0 to update, 0 to delete"), "the schedule and its group: {left}");
    stack.write("[queues.new]\n");
    stack.succeed(&["up", "--only", "queues.new"]);
    assert_eq!(stack.queues(), ["jobs", "jobs-dlq", "new", "other"], "nothing else is deleted");
    let unknown = stack.run(&["up", "--only", "new"]);
    assert_eq!(unknown.code, Some(4));
    assert!(unknown.stderr.contains("did you mean `queues.new`?"), "{}", unknown.stderr);
}

fn a_plan_says_whether_there_is_something_to_do() {
    let stack = Stack::new(MANIFEST);
    assert_eq!(stack.run(&["plan", "--exit-code"]).code, Some(2));
    assert_eq!(stack.run(&["plan"]).code, Some(0));
    let dry = stack.run(&["up", "--dry-run"]);
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(dry.stdout.contains("+ queues.jobs"), "{}", dry.stdout);
    assert!(!stack.dir().join(".stackctl/engine.json").exists(), "nothing was started");
    stack.succeed(&["up"]);
    stack.check_plan_is_empty("after `up`");
    stack.succeed(&["send", "other", "a message"]);
    stack.write(&MANIFEST.replace("[queues.other]", ""));
    let plan = stack.run(&["plan", "--exit-code"]);
    assert_eq!(plan.code, Some(2));
    assert!(plan.stdout.contains("- queues.other  delete (1 message would be lost)"), "{}", plan.stdout);
    let refused = stack.run(&["up"]);
    assert_eq!(refused.code, Some(1), "nobody can be asked: {}", refused.stderr);
    assert!(refused.stderr.contains("`--yes` agrees"), "{}", refused.stderr);
    let dry = stack.succeed(&["up", "--dry-run", "--json"]);
    let dry: serde_json::Value = serde_json::from_str(&dry).unwrap();
    assert_eq!(dry["summary"]["delete"], 1);
    stack.write(&MANIFEST.replace("[queues.other]", "[queues.other]\nfifo = true"));
    let plan = stack.succeed(&["plan"]);
    assert!(plan.contains("replace: `other` goes, `other.fifo` is there (1 message would be lost)"), "{plan}");
    stack.succeed(&["up", "--yes"]);
    stack.check_plan_is_empty("after a replacement");
}

fn what_somebody_else_made_is_adopted() {
    let stack = Stack::new("[queues.other]\n");
    stack.succeed(&["up"]);
    stack.write("[queues.other]\n[queues.mine]\ndelay = \"5s\"\n");
    stack.create_queue("mine");
    let refused = stack.run(&["up"]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("exists and is not of this stack"), "{}", refused.stderr);
    assert!(refused.stderr.contains("`stackctl adopt queues.mine` takes it over"), "{}", refused.stderr);
    let asked = stack.run(&["adopt", "queues.mine"]);
    assert_eq!(asked.code, Some(1), "nobody can be asked: {}", asked.stderr);
    assert!(asked.stderr.contains("delay 0s -> 5s"), "the difference is shown: {}", asked.stderr);
    assert_eq!(stack.run(&["up"]).code, Some(3), "nothing was changed");
    let adopted = stack.run(&["adopt", "queues.mine", "--yes"]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.stderr);
    assert!(stack.succeed(&["plan"]).contains("~ queues.mine  update: delay 0s -> 5s"));
    stack.succeed(&["up"]);
    stack.check_plan_is_empty("after the adoption");
    for (address, code, expected) in
        [("queues.mine", 1, "is the stack's already"), ("queues.nothing", 4, "the manifest has no `queues.nothing`")]
    {
        let refused = stack.run(&["adopt", address, "--yes"]);
        assert_eq!(refused.code, Some(code), "{}", refused.stderr);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

/// A stack whose build goes on until a file is there.
fn slow() -> Stack {
    let command = "touch begun; until [ -e go ]; do sleep 0.05; done; mkdir -p out; cp bootstrap out/";
    Stack::new(
        &MANIFEST.replace(
            "build = \"none\"",
            &format!("build = {{ command = {{ run = \"{command}\", artifact = \"out\" }} }}"),
        ),
    )
}

fn the_second_up_waits_for_the_first() {
    let stack = slow();
    let mut first = stack.start(&["up"]);
    eventually("the build", || stack.dir().join("src/begun").exists().then_some(()));
    let mut second = stack.start(&["up"]);
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines().map_while(Result::ok);
    let waits = said.find(|line| line.contains("waiting")).unwrap_or_default();
    assert!(waits.contains("`stackctl up` of ") && waits.contains(&format!("(pid {})", first.id())), "{waits}");
    assert!(waits.contains("has been changing this stack for "), "{waits}");
    fs::write(stack.dir().join("src/go"), "").unwrap();
    assert!(first.wait().unwrap().success());
    let rest: Vec<String> = said.collect();
    assert!(second.wait().unwrap().success(), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("nothing to change")), "{rest:?}");
    stack.check_plan_is_empty("after two at once");
}

fn an_up_that_is_interrupted_is_in_nobodys_way() {
    for (signal, code) in [("-INT", Some(130)), ("-KILL", None)] {
        let stack = slow();
        let mut first = stack.start(&["up"]);
        eventually("the build", || stack.dir().join("src/begun").exists().then_some(()));
        let mut kill = Command::new("kill");
        kill.args([signal, &first.id().to_string()]);
        succeed(kill);
        assert_eq!(first.wait().unwrap().code(), code);
        fs::write(stack.dir().join("src/go"), "").unwrap();
        let next = stack.run(&["up"]);
        assert_eq!(next.code, Some(0), "{}", next.stderr);
        assert!(!next.stderr.contains("waiting"), "{}", next.stderr);
        stack.check_plan_is_empty(signal);
    }
}

fn after_a_kill_at_any_step_the_next_up_finishes() {
    stopped_at_any_step("-KILL");
}

fn after_ctrl_c_at_any_step_the_next_up_finishes() {
    stopped_at_any_step("-INT");
}

fn stopped_at_any_step(signal: &str) {
    for lines in 1.. {
        let stack = Stack::new(MANIFEST);
        let mut stopped = stack.start(&["up"]);
        let mut said = BufReader::new(stopped.stderr.take().unwrap()).lines().map_while(Result::ok);
        let read = said.by_ref().take(lines).count();
        // It may have ended by itself.
        let _ = Command::new("kill").args([signal, &stopped.id().to_string()]).output();
        // Read to the end: who says why it ends waits for nobody.
        let rest = said.count();
        let code = stopped.wait().unwrap().code();
        assert!(signal == "-KILL" || [Some(0), Some(130)].contains(&code), "after {lines} lines and {rest}: {code:?}");
        let next = stack.run(&["up"]);
        assert_eq!(next.code, Some(0), "after {lines} lines: {}", next.stderr);
        stack.check_plan_is_empty(&format!("after {lines} lines"));
        stack.succeed(&["down", "--yes"]);
        assert!(!stack.dir().join(".stackctl").exists());
        if read < lines {
            assert!(lines > 6, "it was killed in the middle, at each of {lines} lines");
            return;
        }
    }
}
