//! One deployment of a watched stack: the code of some functions, or all that the manifest says. The code alone is planned
//! from what was observed before; whenever that turns out not to hold, everything is observed again.

use std::{
    collections::{BTreeMap, BTreeSet},
    future,
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    cli::{
        Session,
        converging::{failure, progress},
        failure::{Failure, Message},
        lock,
        place::Place,
        project::Project,
        services::Services,
    },
    converge::{self, NotReady, Patience, Progress, Provider},
    model::{ArtifactDigest, FunctionName},
    plan::{self, ArtifactInfo, Artifacts, Call, Plan, Step, TargetFacts, has_url_references, layer_artifact},
    provider::WholeProvider,
    stack::{Address, Desired, LayerReference, Observed, ObservedFunction, Readiness, Selection, TAG_BUILD},
};

/// Between two looks at a function that is not ready: the first wait, which doubles, and the longest.
const LOOK_FIRST: Duration = Duration::from_millis(2);
const LOOK_LONGEST: Duration = Duration::from_millis(100);
/// On targets whose calls are counted.
const LOOK_LONGEST_ELSEWHERE: Duration = Duration::from_secs(1);
/// How long new code may take to be ready: the init phase has ten seconds, and a second try.
const READY_MAX: Duration = Duration::from_secs(120);

/// The target as it was found or left.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) endpoint: String,
    place: Place,
    provider: Arc<WholeProvider>,
    facts: TargetFacts,
    observed: Observed,
}

/// What is to be deployed.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) session: Session,
    pub(crate) project: Project,
    pub(crate) desired: Arc<Desired>,
    /// Of all functions that could be built.
    pub(crate) artifacts: Artifacts,
    pub(crate) extent: Extent,
    pub(crate) known: Option<Known>,
    /// Whether steps that lose messages are agreed to.
    pub(crate) may_lose: bool,
}

/// How much of a stack is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Everything,
    /// The code of these functions.
    Code(BTreeSet<String>),
}

/// What came of an [`Order`].
#[derive(Debug)]
pub(crate) struct Deployed {
    pub(crate) extent: Extent,
    /// The engine or another target, when it was looked for.
    pub(crate) place: Option<Place>,
    /// `None` when it is not known any more.
    pub(crate) known: Option<Known>,
    /// What was done, or was to be done when that failed.
    pub(crate) plan: Plan,
    pub(crate) held: Vec<Step>,
    pub(crate) result: Result<(), Failure>,
    pub(crate) took: DeployTimes,
}

/// Where the time of a deployment went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeployTimes {
    pub(crate) deploy: Duration,
    /// Until the new code was ready.
    pub(crate) ready: Duration,
}

impl Known {
    /// Whether the function is on the target, so that its code alone can be changed.
    pub(crate) fn has(&self, function: &FunctionName) -> bool {
        self.observed.functions.contains_key(function)
    }
}

impl Deployed {
    /// Nothing yet.
    fn nothing(extent: Extent) -> Self {
        let (place, known, plan, held) = (None, None, Plan::default(), Vec::new());
        Self { extent, place, known, plan, held, result: Ok(()), took: DeployTimes::default() }
    }
}

/// Carries an order out.
pub(crate) async fn deploy(mut order: Order) -> Deployed {
    let _lock = match lock::take(&order.session, &order.project.state_dir(), "watch").await {
        Ok(lock) => lock,
        Err(failure) => return Deployed { result: Err(failure), ..Deployed::nothing(order.extent) },
    };
    if let (Extent::Code(functions), Some(known)) = (&order.extent, order.known.take()) {
        let functions = functions.clone();
        if let Some(deployed) = deploy_code(&order, &functions, known).await {
            return deployed;
        }
    }
    deploy_everything(order).await
}

/// `None` when the target is not what it was taken for.
async fn deploy_code(order: &Order, functions: &BTreeSet<String>, mut known: Known) -> Option<Deployed> {
    let started = Instant::now();
    let desired = &order.desired;
    let mut built = order.artifacts.clone();
    if let Place::Remote(remote) = &known.place {
        built.retain(|key, _| functions.contains(key));
        built = remote.packaged(&order.session, &order.project, built).await.ok()?;
    }
    let (artifacts, _) = artifacts_of_all(desired, &built, &known.observed);
    let plan = plan::plan(desired, &artifacts, &known.observed, &known.facts).ok()?;
    let plan = plan.only(|step| match (&step.address, &step.call) {
        (
            Address::Function(key),
            Call::UpdateFunctionCode { .. }
            | Call::PublishVersion { .. }
            | Call::UpdateAlias { .. }
            | Call::TagFunction { .. }
            | Call::UploadPackage { .. }
            | Call::DeletePackage { .. },
        ) => functions.contains(key),
        _ => false,
    });
    let report =
        converge::apply(&plan, &known.provider, &Patience::DEFAULT, &Progress::silent(), future::pending()).await;
    if !report.is_complete() {
        return None;
    }
    let deploy = started.elapsed();
    let changed: BTreeSet<_> = plan.steps.iter().map(|step| step.address.to_string()).collect();
    let names =
        desired.functions.iter().filter(|(key, _)| changed.contains(&Address::Function((*key).clone()).to_string()));
    let names: Vec<FunctionName> = names.map(|(_, function)| function.name.clone()).collect();
    let (known, result) = match until_ready(&known, desired, &names).await {
        Ok(functions) => {
            let failed = functions.iter().find_map(|(name, found)| failed(name, found));
            known.observed.functions.extend(functions);
            (Some(known), failed.map_or(Ok(()), Err))
        }
        Err(failure) => (None, Err(failure)),
    };
    let took = DeployTimes { deploy, ready: started.elapsed() - deploy };
    Some(Deployed { extent: order.extent.clone(), place: None, known, plan, held: Vec::new(), result, took })
}

/// New code that the function did not take.
fn failed(name: &FunctionName, found: &ObservedFunction) -> Option<Failure> {
    match &found.readiness {
        Readiness::Failed(reason) => Some(Failure::World(Message::new(format!("functions.{name}: {reason}")))),
        Readiness::Ready | Readiness::Pending(_) => None,
    }
}

/// How the functions are when none of them is on its way any more.
async fn until_ready(
    known: &Known,
    desired: &Desired,
    names: &[FunctionName],
) -> Result<BTreeMap<FunctionName, ObservedFunction>, Failure> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (started, mut wait) = (Instant::now(), LOOK_FIRST);
    let longest = if matches!(known.place, Place::Engine(_)) { LOOK_LONGEST } else { LOOK_LONGEST_ELSEWHERE };
    loop {
        let functions = known.provider.look_at(desired, names).await.map_err(|error| failure(&error))?;
        if !functions.values().any(|found| matches!(found.readiness, Readiness::Pending(_))) {
            return Ok(functions);
        }
        if started.elapsed() > READY_MAX {
            let text = format!("the new code was not ready after {} s", READY_MAX.as_secs());
            return Err(Failure::World(Message::new(text)));
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(longest);
    }
}

async fn deploy_everything(order: Order) -> Deployed {
    let started = Instant::now();
    let mut deployed = Deployed::nothing(Extent::Everything);
    deployed.result = everything(&order, &mut deployed, started).await;
    if deployed.took.deploy.is_zero() {
        deployed.took.deploy = started.elapsed();
    }
    deployed.took.ready = started.elapsed() - deployed.took.deploy;
    deployed
}

async fn everything(order: &Order, deployed: &mut Deployed, started: Instant) -> Result<(), Failure> {
    let session = &order.session;
    let place = Place::ensure(session, &order.project, &order.desired).await?;
    deployed.place = Some(place.clone());
    let (desired, built) = match &place {
        Place::Engine(_) => (&*order.desired, order.artifacts.clone()),
        Place::Remote(remote) => {
            let built = remote.packaged(session, &order.project, order.artifacts.clone()).await?;
            remote.prune(&order.project, &built);
            (&remote.desired, built)
        }
    };
    let services = Services::open(session, &order.project, desired, &Selection::Everything).await?;
    services.remember(&order.project)?;
    let facts = place.facts(desired, &services);
    let provider = Arc::new(place.whole(&facts, &services));
    let endpoint = place.endpoint().to_owned();
    let round = Round { order, desired, built: &built, facts: &facts, provider: &provider };
    let mut observed = provider.observe(desired).await.map_err(|error| failure(&error))?;
    let (plan, held) = round.plan(&observed)?;
    (deployed.plan, deployed.held) = (plan, held);
    round.apply(&deployed.plan).await?;
    deployed.took.deploy = started.elapsed();
    observed = round.until_ready().await?;
    if has_url_references(desired) {
        // URLs that the target has just given out reach those who refer to them.
        let (plan, _) = round.plan(&observed)?;
        if !plan.is_empty() {
            round.apply(&plan).await?;
            observed = round.until_ready().await?;
        }
    }
    deployed.known = Some(Known { endpoint, place: place.clone(), provider, facts, observed });
    Ok(())
}

/// What a deployment of everything plans with and applies to.
struct Round<'a> {
    order: &'a Order,
    desired: &'a Desired,
    built: &'a Artifacts,
    facts: &'a TargetFacts,
    provider: &'a Arc<WholeProvider>,
}

impl Round<'_> {
    /// What is done, and what is held back because it loses something.
    fn plan(&self, observed: &Observed) -> Result<(Plan, Vec<Step>), Failure> {
        let (artifacts, unbuilt) = artifacts_of_all(self.desired, self.built, observed);
        let plan = plan::plan(self.desired, &artifacts, observed, self.facts)
            .map_err(|problems| unplanned(&self.order.session, problems))?;
        let plan = plan.only(|step| match &step.address {
            Address::Function(key) | Address::Trigger { function: key, .. } => !unbuilt.contains(key),
            Address::Layer(key) => !unbuilt.contains(&layer_artifact(key)),
            _ => true,
        });
        Ok(if self.order.may_lose { (plan, Vec::new()) } else { plan.hold_dangers() })
    }

    async fn apply(&self, plan: &Plan) -> Result<(), Failure> {
        let progress = progress(&self.order.session);
        let report = converge::apply(plan, self.provider, &Patience::DEFAULT, &progress, future::pending()).await;
        report.failed().next().map_or(Ok(()), |(_, error)| Err(failure(error)))
    }

    async fn until_ready(&self) -> Result<Observed, Failure> {
        let (whole, progress) = ((self.desired, &Selection::Everything), progress(&self.order.session));
        let waited =
            converge::wait_ready(whole, &**self.provider, &Patience::DEFAULT, &progress, future::pending()).await;
        waited.map_err(|not_ready| match not_ready {
            NotReady::Unobserved(error) => failure(&error),
            other => Failure::World(Message::new(other.to_string())),
        })
    }
}

/// The last of the reasons; the others are printed.
fn unplanned(session: &Session, mut problems: Vec<plan::Problem>) -> Failure {
    let last = problems.pop();
    problems.iter().for_each(|problem| session.terminal.error(&Message::of_plan(problem)));
    last.map_or(Failure::Manifest, |problem| Failure::ManifestMessage(Message::of_plan(&problem)))
}

/// What each function is deployed from: what was built, or what is deployed already where nothing could be built; and the
/// functions of which there is neither, whose steps have to be left out.
fn artifacts_of_all(desired: &Desired, built: &Artifacts, observed: &Observed) -> (Artifacts, BTreeSet<String>) {
    let (mut artifacts, mut unbuilt) = (built.clone(), BTreeSet::new());
    unbuilt_layers(desired, observed, &mut artifacts, &mut unbuilt);
    for (key, function) in &desired.functions {
        if artifacts.contains_key(key) {
            continue;
        }
        let serving = observed.functions.get(&function.name).and_then(|found| found.tags.get(TAG_BUILD));
        let digest = serving.and_then(|tag| ArtifactDigest::from_hex(tag)).unwrap_or_else(|| {
            unbuilt.insert(key.clone());
            ArtifactDigest::from_bytes([0; 32])
        });
        artifacts.insert(key.clone(), ArtifactInfo { digest, image: None, code_sha256: None, object: None });
    }
    (artifacts, unbuilt)
}

/// The same for layers: functions of a layer that is nowhere are left out with it.
fn unbuilt_layers(desired: &Desired, observed: &Observed, artifacts: &mut Artifacts, unbuilt: &mut BTreeSet<String>) {
    for key in desired.layers.keys() {
        if artifacts.contains_key(&layer_artifact(key)) {
            continue;
        }
        let versions = observed.layers.values().filter(|found| found.mark.key == *key);
        let newest = versions.max_by_key(|found| found.version).map(|found| found.mark.digest);
        let digest = newest.unwrap_or_else(|| {
            unbuilt.insert(layer_artifact(key));
            let has_it = |layer: &LayerReference| *layer == LayerReference::Declared(key.clone());
            let users = desired.functions.iter().filter(|(_, function)| function.layers.iter().any(has_it));
            unbuilt.extend(users.map(|(key, _)| key.clone()));
            ArtifactDigest::from_bytes([0; 32])
        });
        artifacts.insert(layer_artifact(key), ArtifactInfo { digest, image: None, object: None, code_sha256: None });
    }
}
