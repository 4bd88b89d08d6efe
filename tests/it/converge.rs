//! Manifests converged through the genuine SDKs on the engine in this process.

pub(crate) mod failing;
pub(crate) mod whole;

use std::{future, path::Path, sync::Arc};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use stackctl::{
    converge::{Patience, Progress, Provider, apply, wait_ready},
    manifest,
    model::{ArtifactDigest, Scope},
    plan::{ArtifactInfo, Artifacts, Plan, Problem, ServiceFacts, TargetFacts, TargetKind, adoption, plan, teardown},
    provider::{AwsProvider, Endpoint},
    stack::{Address, Desired, Observed, Selection},
};

use crate::support::{
    in_process, trials,
    world::{World, block_on},
};

trials!(
    everything_is_made_changed_and_removed,
    drift_by_hand_is_seen_and_mended,
    provisioned_concurrency_publishes_and_moves_an_alias,
    provisioned_concurrency_follows_the_load,
    what_others_own_is_never_touched,
    what_somebody_else_made_is_taken_over,
    an_engine_that_is_not_there_says_what_to_do,
);

const EVERYTHING: &str = r#"
[stack]
name = "orders"
region = "us-east-1"

[queues.dlq]
redrive_allow = ["work"]

[queues.work]
visibility_timeout = "60s"
delay = "1s"
dead_letter = { queue = "dlq", max_receives = 3 }
policy = { Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = "*", Action = "sqs:SendMessage", Resource = "*" }] }
tags = { team = "a" }

[queues.ordered]
fifo = { content_based_deduplication = true, high_throughput = true }
encryption = false

[functions.worker]
description = "works"
runtime = "provided.al2023"
source = "src"
build = "none"
memory = "256MiB"
timeout = "30s"
environment = { QUEUE_URL = "${queues.work.url}", LEVEL = "info" }
concurrency = { reserved = 10 }
tags = { team = "a" }

[[functions.worker.triggers]]
queue = "work"
batch_size = 100
batching_window = "1s"
max_concurrency = 5
report_batch_item_failures = true
filters = [{ body = { kind = ["order"] } }]

[[functions.worker.triggers]]
queue = "ordered"
"#;

const CHANGED: &str = r#"
[stack]
name = "orders"
region = "us-east-1"

[queues.dlq]

[queues.work]
visibility_timeout = "90s"
tags = { team = "b" }

[queues.ordered]

[functions.worker]
runtime = "provided.al2023"
source = "src"
build = "none"
timeout = "60s"
handler = "main"
environment = { LEVEL = "debug" }

[[functions.worker.triggers]]
queue = "work"

[functions.second]
runtime = "provided.al2023"
source = "src"
build = "none"
concurrency = { reserved = 20 }
"#;

const NOTHING: &str = "[stack]\nname = \"orders\"\nregion = \"us-east-1\"\n";

/// A stack's view of an engine.
struct Stage {
    world: World,
    provider: Arc<AwsProvider>,
    facts: TargetFacts,
    artifact: ArtifactDigest,
}

impl Stage {
    fn new() -> Self {
        Self::through(|http| http)
    }

    /// With a way to the engine that something is done to.
    fn through(wrapped: impl FnOnce(SharedHttpClient) -> SharedHttpClient) -> Self {
        let world = World::new();
        let scope = Scope { account: stackctl::model::AccountId::DEFAULT, region: stackctl::model::Region::default() };
        let endpoint = Endpoint::open("http://127.0.0.1:4566", &scope);
        let http = wrapped(in_process::http_client(Arc::clone(&world.service)));
        let facts = facts(scope, endpoint.url.clone());
        let artifact = world.artifact(&[("bootstrap", "#!/bin/sh\n")]);
        Self { provider: Arc::new(AwsProvider::with_http_client(&endpoint, http)), world, facts, artifact }
    }

    async fn observe(&self, desired: &Desired) -> Observed {
        self.provider.observe(desired).await.unwrap()
    }

    async fn plan(&self, desired: &Desired) -> Result<Plan, Vec<Problem>> {
        self.plan_of(desired, &self.observe(desired).await)
    }

    fn plan_of(&self, desired: &Desired, observed: &Observed) -> Result<Plan, Vec<Problem>> {
        let info = ArtifactInfo::by_reference(self.artifact);
        let artifacts: Artifacts = desired.functions.keys().map(|key| (key.clone(), info.clone())).collect();
        plan(desired, &artifacts, observed, &self.facts)
    }

    async fn apply(&self, plan: &Plan) {
        let report = apply(plan, &self.provider, &Patience::DEFAULT, &Progress::silent(), future::pending()).await;
        let failed: Vec<String> = report.failed().map(|(_, error)| error.to_string()).collect();
        assert!(report.is_complete(), "{report}: {failed:?}\n{plan}");
    }

    /// Applies the plan; the next one must be empty, and everything ready.
    async fn converge(&self, text: &str) -> Plan {
        let desired = read(text);
        let plan = self.plan(&desired).await.unwrap();
        self.apply(&plan).await;
        assert_eq!(self.plan(&desired).await.unwrap().to_string(), "nothing to change", "after\n{plan}");
        let (patience, progress) = (Patience::DEFAULT, Progress::silent());
        wait_ready((&desired, &Selection::Everything), &*self.provider, &patience, &progress, future::pending())
            .await
            .unwrap();
        plan
    }
}

/// The embedded engine's.
fn facts(scope: Scope, endpoint: String) -> TargetFacts {
    TargetFacts {
        name: "embedded".to_owned(),
        kind: TargetKind::Embedded,
        scope,
        endpoint,
        default_role: Some("arn:aws:iam::000000000000:role/stackctl".to_owned()),
        services: ServiceFacts::default(),
    }
}

fn read(text: &str) -> Desired {
    let source = manifest::Source { path: "stack.toml".into(), text: text.to_owned() };
    let context = manifest::Context {
        base: Path::new("/"),
        env: &|_| None,
        profile: None,
        overlay: None,
        version: env!("CARGO_PKG_VERSION"),
    };
    let reading = manifest::read(&source, &context);
    reading.desired.unwrap_or_else(|| panic!("{:?}", reading.problems))
}

#[track_caller]
fn assert_text(plan: &Plan, expected: &str) {
    let expected: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(plan.to_string().lines().collect::<Vec<_>>(), expected, "{plan}");
}

fn everything_is_made_changed_and_removed() {
    block_on(async {
        let stage = Stage::new();
        assert_text(
            &stage.converge(EVERYTHING).await,
            "+ queues.dlq                         create
             + queues.ordered                     create
             + queues.work                        create
             + functions.worker                   create
             + functions.worker                   concurrency: reserved 10
             + functions.worker.triggers.ordered  create
             + functions.worker.triggers.work     create
             6 to create, 0 to update, 0 to delete",
        );
        assert_text(
            &stage.converge(CHANGED).await,
            "~ queues.dlq                         update: redrive_allow [work] -> all
             + queues.ordered                     replace: `fifo` changed, so `ordered` is made beside `ordered.fifo`
             ~ queues.work                        update: visibility_timeout 60s -> 90s, delay 1s -> 0s, dead_letter dlq \
             after 3 -> none, policy removed
             ~ queues.work                        tag: team changed
             + functions.second                   create
             + functions.second                   concurrency: reserved 20
             ~ functions.worker                   update: handler bootstrap -> main, description works -> ``, memory 256MiB -> 128MiB, \
             timeout 30s -> 60s, environment: LEVEL changed, QUEUE_URL removed
             ~ functions.worker                   untag: team
             ~ functions.worker                   concurrency: reserved 10 -> none
             ~ functions.worker.triggers.work     update: batch_size 100 -> 10, batching_window 1s -> 0s, max_concurrency 5 \
             -> none, report_batch_item_failures true -> false, filters changed
             - queues.ordered                     replace: `ordered.fifo` goes, `ordered` is there
             - functions.worker.triggers.ordered  delete
             1 to create, 4 to update, 1 to replace, 1 to delete",
        );
        let observed = stage.observe(&read(NOTHING)).await;
        stage.apply(&teardown(&observed)).await;
        assert!(stage.observe(&read(CHANGED)).await.is_empty());
        assert!(stage.world.sqs().list_queues().send().await.unwrap().queue_urls().is_empty());
        assert!(stage.world.lambda().list_functions().send().await.unwrap().functions().is_empty());
    });
}

fn drift_by_hand_is_seen_and_mended() {
    block_on(async {
        let stage = Stage::new();
        stage.converge(EVERYTHING).await;
        let (sqs, lambda) = (stage.world.sqs(), stage.world.lambda());
        let url = sqs.get_queue_url().queue_name("work").send().await.unwrap().queue_url.unwrap();
        let delay = aws_sdk_sqs::types::QueueAttributeName::DelaySeconds;
        sqs.set_queue_attributes().queue_url(&url).attributes(delay, "7").send().await.unwrap();
        sqs.send_message().queue_url(&url).message_body("hoge").send().await.unwrap();
        lambda.update_function_configuration().function_name("worker").memory_size(512).send().await.unwrap();
        lambda.delete_function_concurrency().function_name("worker").send().await.unwrap();
        let other = stage.world.artifact(&[("bootstrap", "#!/bin/sh\nexit 1\n")]).to_string();
        let update = lambda.update_function_code().function_name("worker");
        update.s3_bucket(stackctl::model::ARTIFACTS_BUCKET).s3_key(other).send().await.unwrap();
        let mappings = lambda.list_event_source_mappings().function_name("worker").send().await.unwrap();
        for mapping in mappings.event_source_mappings() {
            if mapping.event_source_arn().unwrap().ends_with("ordered.fifo") {
                lambda.delete_event_source_mapping().uuid(mapping.uuid().unwrap()).send().await.unwrap();
            }
        }
        let plan = stage.converge(EVERYTHING).await;
        let causes: Vec<String> = plan.lines().iter().map(|line| line.text.clone()).collect();
        let artifact = &stage.artifact.to_string()[..8];
        assert_eq!(
            causes,
            [
                "update: delay 7s -> 1s",
                "update: memory 512MiB -> 256MiB",
                &format!("update code: artifact {artifact}, other code was deployed over it"),
                "concurrency: reserved none -> 10",
                "create",
            ]
        );
        let down = teardown(&stage.observe(&read(NOTHING)).await);
        let dangers: Vec<String> = down.dangers().map(|(step, danger)| format!("{}: {danger}", step.address)).collect();
        assert_eq!(dangers, ["queues.work: 1 message would be lost"]);
    });
}

fn provisioned_concurrency_publishes_and_moves_an_alias() {
    block_on(async {
        let stage = Stage::new();
        let provisioned = EVERYTHING.replace("{ reserved = 10 }", "{ reserved = 10, provisioned = 2 }");
        let made = stage.plan(&read(&provisioned)).await.unwrap();
        stage.apply(&made).await;
        assert_eq!(stage.plan(&read(&provisioned)).await.unwrap().to_string(), "nothing to change", "after\n{made}");
        let lambda = stage.world.lambda();
        let alias = lambda.get_alias().function_name("worker").name("live").send().await.unwrap();
        assert_eq!(alias.function_version(), Some("1"));
        let mappings = lambda.list_event_source_mappings().function_name("worker:live").send().await.unwrap();
        assert_eq!(mappings.event_source_mappings().len(), 2);
        let config = lambda.get_provisioned_concurrency_config().function_name("worker").qualifier("live");
        assert_eq!(config.send().await.unwrap().requested_provisioned_concurrent_executions(), Some(2));
        let changed = provisioned.replace("LEVEL = \"info\"", "LEVEL = \"debug\"");
        let plan = stage.plan(&read(&changed)).await.unwrap();
        assert_text(
            &plan,
            "~ functions.worker  update: environment: LEVEL changed
             ~ functions.worker  version: publish
             ~ functions.worker  version: alias live: version 1 -> the new one
             0 to create, 1 to update, 0 to delete",
        );
        stage.apply(&plan).await;
        let alias = lambda.get_alias().function_name("worker").name("live").send().await.unwrap();
        assert_eq!(alias.function_version(), Some("2"));
        let without = stage.plan(&read(EVERYTHING)).await.unwrap();
        stage.apply(&without).await;
        assert_eq!(stage.plan(&read(EVERYTHING)).await.unwrap().to_string(), "nothing to change", "after\n{without}");
        lambda.get_alias().function_name("worker").name("live").send().await.unwrap_err();
    });
}

fn provisioned_concurrency_follows_the_load() {
    block_on(async {
        let stage = Stage::new();
        let between = |min, max, utilization| {
            let tracked = format!("provisioned = {{ min = {min}, max = {max}, target_utilization = {utilization} }}");
            EVERYTHING.replace("{ reserved = 10 }", &format!("{{ reserved = 10, {tracked} }}"))
        };
        let lambda = stage.world.lambda();
        let provisioned = async || {
            let config = lambda.get_provisioned_concurrency_config().function_name("worker").qualifier("live");
            config.send().await.unwrap().requested_provisioned_concurrent_executions()
        };
        for (manifest, expected) in [
            (between(2, 6, 0.7), 2),
            (between(3, 6, 0.5), 3),
            (between(1, 2, 0.5), 2),
            (EVERYTHING.replace("{ reserved = 10 }", "{ reserved = 10, provisioned = 4 }"), 4),
            (between(5, 9, 0.8), 5),
        ] {
            let plan = stage.plan(&read(&manifest)).await.unwrap();
            stage.apply(&plan).await;
            assert_eq!(stage.plan(&read(&manifest)).await.unwrap().to_string(), "nothing to change", "after\n{plan}");
            assert_eq!(provisioned().await, Some(expected), "after\n{plan}");
        }
        let gone = teardown(&stage.observe(&read(NOTHING)).await);
        stage.apply(&gone).await;
        let again = between(1, 2, 0.7);
        let plan = stage.plan(&read(&again)).await.unwrap().to_string();
        assert!(plan.contains("provisioned between none -> 1 and 2"), "nothing is left of the earlier target: {plan}");
    });
}

fn what_others_own_is_never_touched() {
    block_on(async {
        let stage = Stage::new();
        let sqs = stage.world.sqs();
        sqs.create_queue().queue_name("work").send().await.unwrap();
        sqs.create_queue().queue_name("unrelated").send().await.unwrap();
        let problems = stage.plan(&read(EVERYTHING)).await.unwrap_err();
        let addresses: Vec<String> = problems.iter().map(|problem| problem.address.to_string()).collect();
        assert_eq!(addresses, ["queues.work"]);
        assert!(teardown(&stage.observe(&read(EVERYTHING)).await).is_empty());
        let other = EVERYTHING.replace("orders", "payments").replace("work", "pay").replace("dlq", "pay-dlq");
        let other = other.replace("payer", "payer-f").replace("ordered", "pay-ordered");
        stage.converge(&other).await;
        assert!(stage.observe(&read(NOTHING)).await.is_empty());
    });
}

fn what_somebody_else_made_is_taken_over() {
    block_on(async {
        let stage = Stage::new();
        let (sqs, lambda) = (stage.world.sqs(), stage.world.lambda());
        let delay = aws_sdk_sqs::types::QueueAttributeName::DelaySeconds;
        let made = sqs.create_queue().queue_name("work").attributes(delay, "9").send().await.unwrap();
        sqs.send_message().queue_url(made.queue_url().unwrap()).message_body("kept").send().await.unwrap();
        let code = aws_sdk_lambda::types::FunctionCode::builder();
        let code = code.s3_bucket(stackctl::model::ARTIFACTS_BUCKET).s3_key(stage.artifact.to_string()).build();
        let create =
            lambda.create_function().function_name("worker").role("arn:aws:iam::000000000000:role/r").code(code);
        create.runtime("provided.al2023".into()).handler("bootstrap").send().await.unwrap();
        let mapping = lambda.create_event_source_mapping().function_name("worker").batch_size(1);
        mapping.event_source_arn("arn:aws:sqs:us-east-1:000000000000:work").send().await.unwrap();
        let desired = read(EVERYTHING);
        let problems: Vec<String> = stage.plan(&desired).await.unwrap_err().iter().map(ToString::to_string).collect();
        assert!(
            problems.iter().any(|text| text.contains("`stackctl adopt queues.work` takes it over")),
            "{problems:?}"
        );
        assert!(problems.iter().any(|text| text.contains("`stackctl adopt functions.worker`")), "{problems:?}");
        let observed = stage.observe(&desired).await;
        let addresses = [Address::Queue("work".to_owned()), Address::Function("worker".to_owned())];
        stage.apply(&adoption(&desired, &observed, &addresses)).await;
        let plan = stage.converge(EVERYTHING).await.to_string();
        for expected in [
            "~ queues.work                        update: ",
            "delay 9s -> 1s",
            "~ functions.worker.triggers.work     update: batch_size 1 -> 100",
        ] {
            assert!(plan.contains(expected), "{expected}: {plan}");
        }
        assert_eq!(
            stage.observe(&desired).await.queues.values().map(|queue| queue.approximate_messages).sum::<u64>(),
            1
        );
    });
}

fn an_engine_that_is_not_there_says_what_to_do() {
    block_on(async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let scope = Scope { account: stackctl::model::AccountId::DEFAULT, region: stackctl::model::Region::default() };
        let provider = AwsProvider::new(&Endpoint::open(format!("http://{free}"), &scope));
        let error = provider.observe(&read(NOTHING)).await.unwrap_err();
        assert_eq!(error.kind, stackctl::converge::ErrorKind::Unreachable);
        let hint = format!("nothing answers at `http://{free}`: is the engine running? `stackctl up` starts it");
        assert_eq!(error.hint, Some(hint));
        assert!(error.message.contains("refused"), "{error}");
    });
}
