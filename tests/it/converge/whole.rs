//! Everything that a manifest can hold, in one, with the engine in this process and a real container engine beside it: each request to
//! either fails in its turn, in one numbering, or is the one at which somebody presses Ctrl-C, and the next convergence finishes.

use std::{future, sync::Arc};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use stackctl::{
    converge::{Patience, Progress, Provider, apply},
    docker::{self, Docker, Ownership},
    model::{AccountId, ArtifactDigest, Region, Scope, StackName},
    plan::{ArtifactInfo, Artifacts, Plan, TargetFacts, layer_artifact, plan},
    provider::{AwsProvider, DockerProvider, Endpoint, Said, WholeProvider},
    stack::{Desired, Observed},
};

use super::{
    EVERYTHING, NOTHING, facts,
    failing::{FAULTS, Faulty, MORE, each},
    read,
};
use crate::support::{
    docker::{Sweep, busybox_image, free_port, image_id},
    faults::{Countdown, Fault, FaultySocket},
    in_process,
    tool::Tool,
    trials,
    world::{World, block_on},
};

trials!(everything_is_made_changed_and_removed_whichever_request_fails needs [Tool::Docker]);

/// Set where each request fails in each way, which takes four times as long.
const EVERY_FAULT: &str = "STACKCTL_EVERY_FAULT";
/// A stack with everything takes more than these.
const REQUESTS_MIN: usize = 60;

/// What [`EVERYTHING`] and [`MORE`] leave out: layers, images, containers, and services with all that is around them.
const CONTAINERS: &str = r#"
[queues.other]
visibility_timeout = "30s"

[layers.shared]
source = "shared"
build = "none"

[functions.layered]
runtime = "provided.al2023"
source = "src"
build = "none"
layers = ["shared"]
isolation = "container"
base_image = "IMAGE"
environment = { DB = "${services.db.host}:${services.db.port}" }

[[functions.layered.triggers]]
queue = "other"

[functions.imaged]
image = "IMAGE"
url = {}
concurrency = { reserved = 3, provisioned = 1 }
depends_on = ["side"]

[[functions.imaged.triggers]]
queue = "other"

[services.db]
image = "IMAGE"
command = ["sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait"]
volumes = ["data:/data"]
ports = ["PORT:80"]
health = { command = ["true"] }

[services.side]
image = "IMAGE"
command = ["sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait"]
network = "host"
depends_on = { db = "healthy" }
"#;

/// A stack's view of both engines.
struct Stage {
    provider: Arc<WholeProvider>,
    facts: TargetFacts,
    artifact: ArtifactDigest,
    _world: World,
    // Before the state directory goes, and while the socket is there.
    sweep: Sweep,
    _socket: FaultySocket,
}

impl Stage {
    async fn new(stack: &StackName, countdown: &Arc<Countdown>) -> Self {
        let socket = FaultySocket::open(countdown);
        let settings = docker::Settings { docker_host: Some(socket.host()), ..docker::Settings::default() };
        let world = World::with_containers(stack, settings.clone());
        let scope = Scope { account: AccountId::DEFAULT, region: Region::default() };
        let endpoint = Endpoint::open("http://127.0.0.1:4566", &scope);
        let http = in_process::http_client(Arc::clone(&world.service));
        let http = SharedHttpClient::new(Faulty { http, countdown: Arc::clone(countdown) });
        let aws = AwsProvider::with_http_client(&endpoint, http);
        let ownership = Ownership::new(stack.clone(), world.state_dir());
        let engine = Docker::connect(&settings).await.unwrap();
        let docker = DockerProvider::new(engine, ownership, Vec::new(), Said::silent());
        Self {
            provider: Arc::new(WholeProvider::new(aws, Some(docker))),
            facts: facts(scope, endpoint.url),
            artifact: world.artifact(&[("bootstrap", "#!/bin/sh\n")]),
            sweep: Sweep::of_state(world.state_dir()),
            _world: world,
            _socket: socket,
        }
    }

    fn plan(&self, desired: &Desired, observed: &Observed) -> Plan {
        let id = ArtifactDigest::from_hex(image_id(busybox_image()).trim_start_matches("sha256:")).unwrap();
        let functions = desired.functions.iter().map(|(key, function)| match &function.image {
            Some(image) => (key.clone(), ArtifactInfo::image(image.clone(), id)),
            None => (key.clone(), ArtifactInfo::by_reference(self.artifact)),
        });
        let layers = desired.layers.keys().map(|key| (layer_artifact(key), ArtifactInfo::by_reference(self.artifact)));
        let artifacts: Artifacts = functions.chain(layers).collect();
        plan(desired, &artifacts, observed, &self.facts).unwrap()
    }

    /// Converges; the next plan must be empty.
    async fn finish(&self, text: &str, about: &str) {
        let desired = read(text);
        let plan = self.plan(&desired, &self.provider.observe(&desired).await.unwrap());
        let progress = Progress::silent();
        let report = apply(&plan, &self.provider, &Patience::DEFAULT, &progress, future::pending()).await;
        let failed: Vec<String> = report.failed().map(|(_, error)| error.to_string()).collect();
        assert!(report.is_complete(), "{about}: {report}: {failed:?}\n{plan}");
        let next = self.plan(&desired, &self.provider.observe(&desired).await.unwrap());
        assert!(next.is_empty(), "{about}: after\n{plan}\nthere is still\n{next}");
    }
}

/// What the manifest becomes, from nothing to nothing.
fn manifests() -> [String; 4] {
    let everything = [EVERYTHING, MORE, CONTAINERS].concat();
    let changed = everything
        .replace("image = \"IMAGE\"\nurl = {}", "runtime = \"provided.al2023\"\nsource = \"src\"\nbuild = \"none\"")
        .replace("network = \"host\"", "environment = { LEVEL = \"debug\" }")
        .replace("isolation = \"container\"\nbase_image = \"IMAGE\"\n", "memory = \"256MiB\"\n")
        .replace("volumes = [\"data:/data\"]", "volumes = [\"others:/data\"]")
        .replace("layers = [\"shared\"]\n", "")
        .replace("rate(1 hour)", "rate(2 hours)");
    [NOTHING.to_owned(), everything, changed, NOTHING.to_owned()]
}

/// On the way between two manifests the request of this number fails, in each of the ways, or in one of them in turn; what was interrupted is then
/// finished.
fn everything_is_made_changed_and_removed_whichever_request_fails() {
    let ways = if std::env::var_os(EVERY_FAULT).is_some() { FAULTS.len() } else { 1 };
    for way in 0..ways {
        let failed = each(|at| {
            let failed = one(&format!("nth-{}-{way}-{at}", std::process::id()), at, FAULTS[(at + way) % FAULTS.len()]);
            failed.iter().any(|failed| *failed)
        });
        assert!(failed > REQUESTS_MIN, "only {failed} requests");
    }
}

/// On which ways a request failed.
fn one(name: &str, at: usize, fault: Fault) -> Vec<bool> {
    let port = free_port().to_string();
    let manifests = manifests().map(|text| {
        let text = text.replacen("\"orders\"", &format!("\"{name}\""), 1);
        text.replace("IMAGE", busybox_image()).replace("PORT", &port)
    });
    let stack = StackName::parse(name).unwrap();
    // A service may take its time: what comes after it is to fail as well.
    let patience = Patience { awaiting: Patience::DEFAULT.awaiting, ..Patience::WITHOUT_WAITS };
    block_on(async {
        let countdown = Countdown::new(fault);
        let stage = Stage::new(&stack, &countdown).await;
        let mut failed = Vec::new();
        for manifest in &manifests[1..] {
            let desired = read(manifest);
            countdown.begin(at);
            if let Ok(observed) = stage.provider.observe(&desired).await {
                let plan = stage.plan(&desired, &observed);
                let (progress, interrupted) = (Progress::silent(), countdown.interrupted());
                let _ = apply(&plan, &stage.provider, &patience, &progress, interrupted).await;
            }
            failed.push(countdown.end());
            stage.finish(manifest, &format!("request {at}, {fault:?}")).await;
        }
        assert_eq!(stage.sweep.left(), Vec::<String>::new());
        failed
    })
}
