//! From a manifest to a plan for the stack's engine, and the plan carried out: what `plan` and `up` share.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::{
    Session,
    failure::{Failure, Message},
    place::Place,
    services::Services,
    terminal::{CYAN, GREEN, RED, Terminal, YELLOW},
};
use crate::{
    converge::{self, ErrorKind, Event, NotReady, Patience, Progress, Provider, ProviderError, Report},
    engine::EngineConfig,
    model::{Durability, Isolation, Scope},
    plan::{self, Action, Artifacts, Call, ContainerCall, Line, Mark, Plan, Step, TargetFacts, TargetKind},
    provider::WholeProvider,
    stack::{
        Address, ContainerNetwork, Desired, DesiredFunction, Observed, PortChoice, Selection, TAG_ADDRESS, TAG_BUILD,
        TAG_STACK, Target,
    },
};

/// The target's key in the manifest.
const TARGET: &str = "embedded";
/// The role of functions that name none: the engine asks no role for permission.
pub(crate) const DEFAULT_ROLE_NAME: &str = "stackctl";
/// Where an engine listens whose manifest does not say.
const DEFAULT_PORT: u16 = 4566;

/// Where the manifest wants its engine.
pub(crate) fn port(desired: &Desired) -> PortChoice {
    match desired.targets.get(TARGET) {
        Some(Target::Embedded { port, .. }) => *port,
        _ => PortChoice::Fixed(DEFAULT_PORT),
    }
}

/// Makes the engine listen at a port of the command line's; 0 is any free one.
pub(crate) fn set_port(desired: &mut Desired, wanted: Option<u16>) {
    if let (Some(wanted), Some(Target::Embedded { port, .. })) = (wanted, desired.targets.get_mut(TARGET)) {
        *port = if wanted == 0 { PortChoice::Auto } else { PortChoice::Fixed(wanted) };
    }
}

/// What the state of a stack's engine survives.
pub(crate) fn durability(desired: &Desired) -> Durability {
    match desired.targets.get(TARGET) {
        Some(Target::Embedded { durability, .. }) => *durability,
        _ => Durability::default(),
    }
}

/// Which network containers of functions are in, as `serve` takes it.
pub(crate) fn network(desired: &Desired) -> &'static str {
    match desired.container_network() {
        ContainerNetwork::Bridge => ContainerNetwork::NAMES[0],
        ContainerNetwork::Host => ContainerNetwork::NAMES[1],
    }
}

/// What environments see.
pub(crate) fn isolation(desired: &Desired) -> Isolation {
    match desired.targets.get("embedded") {
        Some(Target::Embedded { isolation, .. }) => *isolation,
        _ => Isolation::default(),
    }
}

/// The account and region of a stack.
pub(crate) fn scope(desired: &Desired) -> Scope {
    Scope { account: desired.account, region: desired.region.clone() }
}

/// The endpoint that a stack will have before its engine runs.
pub(crate) fn expected_endpoint(desired: &Desired) -> String {
    let port = match port(desired) {
        PortChoice::Fixed(port) => port,
        PortChoice::Auto => DEFAULT_PORT,
    };
    format!("http://127.0.0.1:{port}")
}

/// A stack at a place.
#[derive(Debug)]
pub(crate) struct Converging<'a> {
    session: &'a Session,
    desired: &'a Desired,
    selection: &'a Selection,
    provider: Arc<WholeProvider>,
    facts: TargetFacts,
}

impl<'a> Converging<'a> {
    pub(crate) fn on(
        session: &'a Session,
        (desired, selection): (&'a Desired, &'a Selection),
        place: &Place,
        services: &Services,
    ) -> Self {
        let facts = place.facts(desired, services);
        let provider = Arc::new(place.whole(&facts, services));
        Self { session, desired, selection, provider, facts }
    }

    pub(crate) async fn observe(&self) -> Result<Observed, Failure> {
        self.provider.observe(self.desired).await.map_err(|error| failure(&error))
    }

    /// What would make the target hold what the manifest says.
    pub(crate) async fn plan(&self, artifacts: &Artifacts) -> Result<Plan, Failure> {
        self.plan_from(artifacts, &self.observe().await?)
    }

    /// The same, when the engine holds what was observed.
    pub(crate) fn plan_from(&self, artifacts: &Artifacts, observed: &Observed) -> Result<Plan, Failure> {
        make_plan(self.session, (self.desired, self.selection), artifacts, observed, &self.facts)
    }

    /// The URL of each function that has one, by the function's key.
    pub(crate) async fn observe_urls(&self) -> Result<Vec<(String, String)>, Failure> {
        if self.desired.functions.values().all(|function| function.url.is_none()) {
            return Ok(Vec::new());
        }
        let observed = self.observe().await?;
        let of = |(key, function): (&String, &DesiredFunction)| {
            let found = observed.functions.get(&function.name)?.url.as_ref()?;
            Some((key.clone(), found.url.clone()))
        };
        Ok(self.desired.functions.iter().filter_map(of).collect())
    }

    /// Carries the plan out and waits until all that is selected is ready.
    pub(crate) async fn apply(&self, plan: &Plan) -> Result<(), Failure> {
        self.make(plan).await?;
        let (patience, progress) = (Patience::DEFAULT, progress(self.session));
        let selected = (self.desired, self.selection);
        ready(converge::wait_ready(selected, &*self.provider, &patience, &progress, interrupted()).await)
    }

    /// Carries the plan out.
    pub(crate) async fn make(&self, plan: &Plan) -> Result<(), Failure> {
        let progress = progress(self.session);
        let report = converge::apply(plan, &self.provider, &Patience::DEFAULT, &progress, interrupted()).await;
        finished(self.session, &report)
    }
}

/// What came of a plan, as a command ends with it.
fn finished(session: &Session, report: &Report) -> Result<(), Failure> {
    let mut failed = report.failed();
    if let Some((_, error)) = failed.next() {
        for (_, further) in failed {
            session.terminal.error(&message(further));
        }
        return Err(failure(error));
    }
    if report.cancelled {
        let left = report.steps.len() - report.done().count();
        session.terminal.say(format_args!("stopped with {left} steps left; `stackctl up` goes on"));
        return Err(Failure::Interrupted);
    }
    Ok(())
}

fn ready(waited: Result<Observed, NotReady>) -> Result<(), Failure> {
    match waited {
        Ok(_) => Ok(()),
        Err(NotReady::Cancelled) => Err(Failure::Interrupted),
        Err(NotReady::Unobserved(error)) => Err(failure(&error)),
        Err(not_ready) => Err(Failure::World(Message::new(not_ready.to_string()).help("`stackctl logs` shows why"))),
    }
}

/// What a plan has to know of the embedded engine.
pub(crate) fn facts(desired: &Desired, endpoint: String, services: &Services) -> TargetFacts {
    let scope = scope(desired);
    let default_role = Some(format!("arn:aws:iam::{}:role/{DEFAULT_ROLE_NAME}", scope.account));
    TargetFacts {
        name: TARGET.to_owned(),
        kind: TargetKind::Embedded,
        scope,
        endpoint,
        default_role,
        services: services.facts.clone(),
    }
}

/// The plan for an engine that does not run yet, and so holds nothing; services may be there all the same.
pub(crate) async fn plan_from_nothing(
    session: &Session,
    (desired, selection): (&Desired, &Selection),
    artifacts: &Artifacts,
    services: &Services,
) -> Result<Plan, Failure> {
    let observed = match &services.provider {
        Some(docker) => docker.observe(desired).await.map_err(|error| failure(&error))?,
        None => Observed::default(),
    };
    let facts = facts(desired, expected_endpoint(desired), services);
    make_plan(session, (desired, selection), artifacts, &observed, &facts)
}

/// Carries out a plan of services alone, and waits until they are ready.
pub(crate) async fn converge_services(
    session: &Session,
    selected: (&Desired, &Selection),
    services: &Services,
    plan: &Plan,
) -> Result<(), Failure> {
    let Some(docker) = services.provider.clone().map(Arc::new) else { return Ok(()) };
    let (patience, progress) = (Patience::DEFAULT, progress(session));
    let report = converge::apply(plan, &docker, &patience, &progress, interrupted()).await;
    finished(session, &report)?;
    ready(converge::wait_ready(selected, &*docker, &patience, &progress, interrupted()).await)
}

fn make_plan(
    session: &Session,
    (desired, selection): (&Desired, &Selection),
    artifacts: &Artifacts,
    observed: &Observed,
    facts: &TargetFacts,
) -> Result<Plan, Failure> {
    plan::plan_selected(desired, artifacts, observed, facts, selection).map_err(|mut problems| {
        let last = problems.pop();
        problems.iter().for_each(|problem| session.terminal.error(&Message::of_plan(problem)));
        last.map_or(Failure::Manifest, |problem| Failure::ManifestMessage(Message::of_plan(&problem)))
    })
}

/// Completes at Ctrl-C, at a polite kill, and when the terminal goes away.
pub(crate) async fn interrupted() {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
        // Then these signals end the process as they always do.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// What is not as on AWS because the manifest wants it so; of the embedded engine alone.
pub(crate) fn experiments(session: &Session, desired: &Desired) -> Vec<String> {
    if session.elsewhere().is_some() {
        return Vec::new();
    }
    let engine_config = EngineConfig {
        concurrency_limit: desired.pool.limit,
        unreserved_minimum: desired.pool.unreserved_minimum,
        time_factor: desired.pool.time_factor,
        first_retry_delay_ms: u64::from(desired.pool.first_retry_delay_s) * 1_000,
        ..EngineConfig::default()
    };
    engine_config.differences()
}

pub(crate) fn progress(session: &Session) -> Progress {
    let terminal = session.terminal;
    Progress::new(move |event| match event {
        Event::StepDone { step: Step { call: Call::Container(call), action, address, cause, .. }, .. } => {
            container_done(terminal, call, *action, address, cause);
        }
        Event::StepDone { step: Step { call: Call::UploadPackage { .. }, address, cause, .. }, .. } => {
            terminal.step(GREEN, "uploaded", format_args!("{address}  {cause}"));
        }
        Event::StepDone { step, .. } if is_bookkeeping(&step.call) => {
            terminal.detail(format_args!("{}: {}", step.address, step.text()));
        }
        Event::StepDone { step, .. } => {
            let (style, verb) = match step.action {
                Action::Create => (GREEN, "created"),
                Action::Update => (YELLOW, "updated"),
                Action::Replace => (YELLOW, "replaced"),
                Action::Delete => (RED, "deleted"),
            };
            let cause = if step.cause.is_empty() { String::new() } else { format!("  {}", step.cause) };
            terminal.step(style, verb, format_args!("{}{cause}", step.address));
        }
        Event::Retrying { step, error, .. } if error.kind == ErrorKind::Awaiting => {
            terminal.passing("waiting", &format!("{}: {}", step.address, error.message));
        }
        Event::Retrying { step, error, wait, .. } => {
            let why = match error.kind {
                ErrorKind::NameStillTaken => "its name is still taken",
                ErrorKind::Busy => "another change is under way",
                _ => "not known everywhere yet",
            };
            terminal.step(YELLOW, "waiting", format_args!("{}: {why}; again in {} ms", step.address, wait.as_millis()));
        }
        Event::StepStarted { .. } | Event::StepFailed { .. } => {}
        Event::Waiting { pending } => {
            let names: Vec<_> = pending.iter().map(|(address, state)| format!("{address} ({state})")).collect();
            terminal.detail(format_args!("waiting for {}", names.join(", ")));
        }
    })
}

/// What a call to the container engine did; several make one service, and only what ends with it is told.
fn container_done(terminal: Terminal, call: &ContainerCall, action: Action, address: &Address, cause: &str) {
    let told = match (call, action) {
        (ContainerCall::PullImage { .. }, _) => Some((GREEN, "pulled")),
        (ContainerCall::BuildImage { .. }, _) => Some((GREEN, "built")),
        (ContainerCall::CreateNetwork { .. } | ContainerCall::CreateVolume { .. }, _) => Some((GREEN, "created")),
        (ContainerCall::DeleteNetwork { .. } | ContainerCall::DeleteVolume { .. }, _) => Some((RED, "deleted")),
        (ContainerCall::DeleteContainer { .. }, Action::Delete) => Some((RED, "deleted")),
        (ContainerCall::CreateContainer(_), Action::Replace) => Some((YELLOW, "replaced")),
        (ContainerCall::StartContainer { .. }, _) => Some((GREEN, "started")),
        (ContainerCall::AwaitContainer { .. }, _) => Some((GREEN, "ready")),
        _ => None,
    };
    let cause = if cause.is_empty() { String::new() } else { format!("  {cause}") };
    match told {
        Some((style, verb)) => terminal.step(style, verb, format_args!("{address}{cause}")),
        None => terminal.detail(format_args!("{address}: {}", call.operation())),
    }
}

/// Whether a call only writes down what another one did, in the tags that are stackctl's own, or tidies up after it.
pub(crate) fn is_bookkeeping(call: &Call) -> bool {
    match call {
        Call::DeletePackage { .. } => true,
        Call::TagQueue { tags, .. } | Call::TagFunction { tags, .. } => {
            tags.keys().all(|tag| [TAG_STACK, TAG_ADDRESS, TAG_BUILD].contains(&tag.as_str()))
        }
        _ => false,
    }
}

fn message(error: &ProviderError) -> Message {
    let message = Message::new(error.to_string());
    match &error.hint {
        Some(hint) => message.help(hint.clone()),
        None => message,
    }
}

pub(crate) fn failure(error: &ProviderError) -> Failure {
    Failure::World(message(error))
}

/// A plan's line in its colour.
pub(crate) fn coloured(line: &Line) -> String {
    let style = match line.mark {
        Mark::Add => GREEN,
        Mark::Change => YELLOW,
        Mark::Remove => RED,
    };
    let danger = line.danger.as_ref().map_or(String::new(), |danger| format!(" {RED}({danger}){RED:#}"));
    format!("{style}{}{style:#} {}  {CYAN}{}{CYAN:#}{danger}", line.mark, line.address, line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plans_lines_keep_their_text_in_colour() {
        let check = |mark: Mark, danger: Option<&str>, expected: &str| {
            let line = Line {
                mark,
                address: "queues.a ".to_owned(),
                text: "create".to_owned(),
                danger: danger.map(str::to_owned),
            };
            assert_eq!(anstream::adapter::strip_str(&coloured(&line)).to_string(), expected);
            assert_eq!(line.to_string(), expected, "as the plan itself shows it");
        };
        check(Mark::Add, None, "+ queues.a   create");
        check(Mark::Remove, Some("1 message would be lost"), "- queues.a   create (1 message would be lost)");
    }

    #[test]
    fn only_our_own_tags_are_bookkeeping() {
        let check = |tags: &[&str], expected: bool| {
            let tags = tags.iter().map(|tag| ((*tag).to_owned(), String::new())).collect();
            assert_eq!(is_bookkeeping(&Call::TagFunction { arn: "arn".to_owned(), tags }), expected);
        };
        check(&[TAG_BUILD], true);
        check(&[TAG_BUILD, "team"], false);
        assert!(!is_bookkeeping(&Call::DeleteQueue { url: String::new() }));
    }

    #[test]
    fn errors_of_a_target_keep_their_way_out() {
        let error = ProviderError {
            operation: "CreateQueue",
            resource: "a".to_owned(),
            code: Some("X".to_owned()),
            message: "no".to_owned(),
            hint: Some("do that".to_owned()),
            kind: ErrorKind::Refused,
        };
        assert_eq!(message(&error), Message::new("CreateQueue of `a`: X: no").help("do that"));
    }
}
