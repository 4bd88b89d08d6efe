//! What somebody changes by hand, with the genuine `aws` and `docker` CLIs: the plan names it, `up` mends it, and after that there is nothing to do.

mod containers;

use std::{fs, path::Path};

use crate::support::{
    binary::{Printed, Stack, run, stackctl},
    tool::Tool,
    trials,
};

trials!(
    queues_changed_by_the_first_cli needs [Tool::Aws1],
    queues_changed_by_the_second_cli needs [Tool::Aws2],
    functions_changed_by_the_first_cli needs [Tool::Aws1, Tool::Python],
    functions_changed_by_the_second_cli needs [Tool::Aws2, Tool::Python],
);

/// The trials of this folder.
pub(crate) fn every() -> Vec<libtest_mimic::Trial> {
    [all(), containers::all()].into_iter().flatten().collect()
}

/// A script, in which `aws` is the CLI against the stack's engine and `uuid QUEUE` is of a mapping; and what the plan says of it, by parts of lines.
type Case = (&'static str, &'static [&'static str]);

const MANIFEST: &str = r#"
[stack]
name = "drift"

[targets.embedded]
port = "auto"

[queues.dead]
redrive_allow = ["jobs"]

[queues.jobs]
visibility_timeout = "60s"
dead_letter = { queue = "dead", max_receives = 3 }
tags = { team = "a" }

[queues.ordered]
fifo = true
visibility_timeout = "60s"

[layers.shared]
source = "src"
build = "none"

[functions.worker]
description = "works"
runtime = "python3.13"
handler = "app.handler"
source = "src"
environment = { LEVEL = "info" }
layers = ["shared"]
concurrency = { reserved = 5 }
url = {}
tags = { team = "a" }

[[functions.worker.triggers]]
queue = "jobs"
batch_size = 5
report_batch_item_failures = true

[[functions.worker.triggers]]
queue = "ordered"

[functions.ready]
runtime = "python3.13"
handler = "app.handler"
source = "src"
concurrency = { provisioned = 1 }

[functions.tracked]
runtime = "python3.13"
handler = "app.handler"
source = "src"
concurrency = { provisioned = { min = 1, max = 3 } }

[schedules.nightly]
expression = "rate(1 day)"
function = "worker"
"#;

const QUEUES: &[Case] = &[
    (
        "aws sqs set-queue-attributes --queue-url $STACKCTL_QUEUE_JOBS_URL --attributes DelaySeconds=7,VisibilityTimeout=61",
        &["~ queues.jobs  update: visibility_timeout 61s -> 60s, delay 7s -> 0s"],
    ),
    (
        "aws sqs set-queue-attributes --queue-url $STACKCTL_QUEUE_DEAD_URL --attributes \
         MessageRetentionPeriod=120,ReceiveMessageWaitTimeSeconds=3,MaximumMessageSize=2048,SqsManagedSseEnabled=false",
        &[
            "~ queues.dead  update: retention 2m -> 4d, receive_wait 3s -> 0s, max_message_size 2KiB -> 1MiB, encryption false -> true",
        ],
    ),
    (
        r#"aws sqs set-queue-attributes --queue-url $STACKCTL_QUEUE_JOBS_URL --attributes '{"RedrivePolicy": ""}'
           aws sqs set-queue-attributes --queue-url $STACKCTL_QUEUE_DEAD_URL --attributes '{"RedriveAllowPolicy": ""}'"#,
        &[
            "~ queues.dead  update: redrive_allow all -> [jobs]",
            "~ queues.jobs  update: dead_letter none -> dead after 3",
        ],
    ),
    (
        "aws sqs set-queue-attributes --queue-url $STACKCTL_QUEUE_ORDERED_URL --attributes ContentBasedDeduplication=true",
        &["~ queues.ordered  update: content_based_deduplication true -> false"],
    ),
    (
        "aws sqs add-permission --queue-url $STACKCTL_QUEUE_JOBS_URL --label friends --aws-account-ids 111111111111 --actions SendMessage",
        &["~ queues.jobs  update: policy removed"],
    ),
    (
        "aws sqs tag-queue --queue-url $STACKCTL_QUEUE_JOBS_URL --tags team=b,cost=7",
        &["~ queues.jobs  tag: team changed"],
    ),
    ("aws sqs untag-queue --queue-url $STACKCTL_QUEUE_JOBS_URL --tag-keys team", &["~ queues.jobs  tag: team"]),
    // Its name comes free after a minute, which `up` waits for.
    ("aws sqs delete-queue --queue-url $STACKCTL_QUEUE_JOBS_URL", &["+ queues.jobs  create"]),
];

const FUNCTIONS: &[Case] = &[
    (
        "aws lambda update-function-configuration --function-name worker --memory-size 512 --timeout 9 --description other \
         --handler other.handler --environment Variables={LEVEL=debug,MORE=1}",
        &["~ functions.worker  update: handler other.handler -> app.handler, description other -> works, \
           memory 512MiB -> 128MiB, timeout 9s -> 3s, environment: LEVEL changed, MORE removed"],
    ),
    (
        "aws lambda update-function-configuration --function-name worker --layers []",
        &["~ functions.worker  update: layers"],
    ),
    (
        "echo 'def handler(event, context): return 2' >app.py; python3 -m zipfile -c other.zip app.py
         aws lambda update-function-code --function-name worker --zip-file fileb://other.zip",
        &["~ functions.worker  update code: artifact", "other code was deployed over it"],
    ),
    (
        "aws lambda put-function-concurrency --function-name worker --reserved-concurrent-executions 7",
        &["~ functions.worker  concurrency: reserved 7 -> 5"],
    ),
    (
        "aws lambda delete-function-concurrency --function-name worker",
        &["~ functions.worker  concurrency: reserved none -> 5"],
    ),
    (
        "aws lambda update-event-source-mapping --uuid $(uuid jobs) --batch-size 3 --no-enabled --function-response-types []",
        &[
            "~ functions.worker.triggers.jobs  update: enabled false -> true, batch_size 3 -> 5, report_batch_item_failures false -> true",
        ],
    ),
    (
        "aws lambda update-event-source-mapping --uuid $(uuid ordered.fifo) --scaling-config MaximumConcurrency=2 \
         --filter-criteria '{\"Filters\": [{\"Pattern\": \"{\\\"body\\\": [\\\"a\\\"]}\"}]}'",
        &["~ functions.worker.triggers.ordered  update: max_concurrency 2 -> none, filters changed"],
    ),
    ("aws lambda delete-event-source-mapping --uuid $(uuid jobs)", &["+ functions.worker.triggers.jobs  create"]),
    // Version 2 of it, and then 3 when that is mended.
    (
        "aws lambda update-function-configuration --function-name ready --timeout 5
         aws lambda wait function-updated --function-name ready
         version=$(aws lambda publish-version --function-name ready --query Version --output text)
         aws lambda update-alias --function-name ready --name live --function-version $version",
        &[
            "~ functions.ready  update: timeout 5s -> 3s",
            "~ functions.ready  version: alias live: version 2 -> the new one",
        ],
    ),
    (
        "aws lambda update-alias --function-name ready --name live --function-version 2",
        &["~ functions.ready  version: alias live: version 2 -> the new one"],
    ),
    (
        "aws lambda update-alias --function-name ready --name live --routing-config AdditionalVersionWeights={2=0.5}",
        &["~ functions.ready  version: alias live: versions 3 and 2 -> the new one"],
    ),
    (
        "aws lambda delete-provisioned-concurrency-config --function-name ready --qualifier live",
        &["~ functions.ready  concurrency: provisioned none -> 1"],
    ),
    (
        "aws lambda delete-provisioned-concurrency-config --function-name ready --qualifier live
         aws lambda delete-alias --function-name ready --name live",
        &["~ functions.ready  version: alias live", "concurrency: provisioned none -> 1"],
    ),
    (
        "aws application-autoscaling deregister-scalable-target --service-namespace lambda \
         --resource-id function:tracked:live --scalable-dimension lambda:function:ProvisionedConcurrency",
        &["~ functions.tracked  concurrency: provisioned between none -> 1 and 3"],
    ),
    (
        "aws lambda update-function-url-config --function-name worker --auth-type AWS_IAM",
        &["~ functions.worker  update: url.auth iam -> none"],
    ),
    ("aws lambda delete-function-url-config --function-name worker", &["~ functions.worker  create: url"]),
    (
        "arn=$(aws lambda get-function --function-name worker --query Configuration.FunctionArn --output text)
         aws lambda untag-resource --resource $arn --tag-keys team",
        &["~ functions.worker  tag: team"],
    ),
    (
        "aws scheduler update-schedule --name nightly --group-name drift --schedule-expression 'rate(2 days)' --state DISABLED \
         --flexible-time-window Mode=OFF --target \"$(aws scheduler get-schedule --name nightly --group-name drift --query Target)\"",
        &["~ schedules.nightly  update", "rate(2 days) -> rate(1 day)"],
    ),
    ("aws scheduler delete-schedule --name nightly --group-name drift", &["+ schedules.nightly  create"]),
    // Its mappings outlive it, and go on.
    ("aws lambda delete-function --function-name worker", &["+ functions.worker  create", "reserved 5"]),
];

/// A stack that is up, and a CLI.
struct Stage {
    stack: Stack,
    aws: Tool,
}

impl Stage {
    fn up(aws: Tool) -> Self {
        let stack = Stack::new(MANIFEST);
        fs::create_dir(stack.dir().join("src")).unwrap();
        fs::write(stack.dir().join("src/app.py"), "def handler(event, context): return 1\n").unwrap();
        let stage = Self { stack, aws };
        stage.mend("at first");
        stage
    }

    fn run(&self, arguments: &[&str]) -> Printed {
        run(stackctl(self.stack.dir(), arguments))
    }

    /// As somebody would, with what `stackctl exec` knows.
    fn by_hand(&self, script: &str) -> Printed {
        let functions = "set -e\n\
            aws() { command \"$AWS\" --endpoint-url \"$AWS_ENDPOINT_URL\" \"$@\"; }\n\
            uuid() { aws lambda list-event-source-mappings --function-name worker --output text \
            --query \"EventSourceMappings[?ends_with(EventSourceArn, ':$1')].UUID\"; }\n";
        let other = tempfile::tempdir_in("/var/tmp").unwrap();
        let manifest = self.stack.dir().join("stack.toml");
        let script = format!("{functions}{script}");
        let mut shell = stackctl(other.path(), &["-f", path(&manifest), "exec", "--", "sh", "-c", &script]);
        shell.env("AWS", self.aws.path().unwrap()).env("AWS_PAGER", "").env("AWS_EC2_METADATA_DISABLED", "true");
        run(shell)
    }

    #[track_caller]
    fn check(&self, (script, planned): &Case) {
        let printed = self.by_hand(script);
        assert_eq!(printed.code, Some(0), "{script}\n{}{}", printed.stdout, printed.stderr);
        let plan = self.run(&["plan", "--exit-code"]);
        assert_eq!(plan.code, Some(2), "{script}\n{}{}", plan.stdout, plan.stderr);
        // Of one space, whatever the column.
        let lines: Vec<String> = plan.stdout.lines().map(single_spaced).collect();
        for part in *planned {
            let part = single_spaced(part);
            assert!(lines.iter().any(|line| line.contains(&part)), "{script}\nno `{part}` in\n{}", plan.stdout);
        }
        self.mend(script);
    }

    fn mend(&self, about: &str) {
        let up = self.run(&["up"]);
        assert_eq!(up.code, Some(0), "{about}\n{}", up.stderr);
        let plan = self.run(&["plan", "--exit-code"]);
        assert_eq!(plan.code, Some(0), "{about}\n{}there is still\n{}{}", up.stderr, plan.stdout, plan.stderr);
    }

    /// What is taken away is the tag that says whose it is.
    fn check_disowned(&self, script: &str, address: &str) {
        let printed = self.by_hand(script);
        assert_eq!(printed.code, Some(0), "{script}\n{}{}", printed.stdout, printed.stderr);
        let up = self.run(&["up"]);
        assert_eq!(up.code, Some(3), "{script}\n{}", up.stderr);
        assert!(up.stderr.contains("exists and is not of this stack"), "{}", up.stderr);
        assert!(up.stderr.contains(&format!("`stackctl adopt {address}` takes it over")), "{}", up.stderr);
        let adopted = self.run(&["adopt", address, "--yes"]);
        assert_eq!(adopted.code, Some(0), "{}", adopted.stderr);
        self.mend(script);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn single_spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn queues_changed_by_the_first_cli() {
    queues(Tool::Aws1);
}

fn queues_changed_by_the_second_cli() {
    queues(Tool::Aws2);
}

fn queues(aws: Tool) {
    let stage = Stage::up(aws);
    let disown = "aws sqs untag-queue --queue-url $STACKCTL_QUEUE_JOBS_URL --tag-keys stackctl:stack";
    stage.check_disowned(disown, "queues.jobs");
    QUEUES.iter().for_each(|case| stage.check(case));
}

fn functions_changed_by_the_first_cli() {
    functions(Tool::Aws1);
}

fn functions_changed_by_the_second_cli() {
    functions(Tool::Aws2);
}

fn functions(aws: Tool) {
    let stage = Stage::up(aws);
    let disown = "aws lambda untag-resource --resource $STACKCTL_FUNCTION_WORKER_ARN --tag-keys stackctl:stack";
    stage.check_disowned(disown, "functions.worker");
    FUNCTIONS.iter().for_each(|case| stage.check(case));
}
