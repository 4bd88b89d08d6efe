//! `stackctl up`: the stack becomes what the manifest says.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{
    cli::{
        Session,
        args::{Up, Watch},
        artifacts,
        converging::{Converging, coloured, converge_services, experiments, interrupted, plan_from_nothing},
        engine::Engine,
        failure::Failure,
        localstack, lock,
        locking::{self, Tools},
        place::Place,
        project::Project,
        remote::Remote,
        selecting,
        services::Services,
        terminal::{BOLD, CYAN, GREEN, YELLOW},
    },
    plan::{ArtifactInfo, Artifacts, Danger, Plan, Summary, has_url_references},
    serve::{clock::Stopwatch, state_dir::StateLock},
    stack::{Address, Desired, Selection},
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Converged<'a> {
    stack: &'a str,
    endpoint: &'a str,
    account: String,
    region: String,
    took_ms: u128,
    /// Not where a plan is only shown: in CI, on AWS, without `--yes`.
    applied: bool,
    changed: Summary,
    /// What is not as on AWS because the manifest wants it so.
    experiments: Vec<String>,
    /// What each function was deployed from, by its key.
    artifacts: BTreeMap<String, String>,
    /// What `stackctl env` prints.
    variables: BTreeMap<String, String>,
    steps: &'a Plan,
}

pub(crate) async fn run(session: &Session, args: &Up) -> Result<(), Failure> {
    if args.watch {
        return super::watch::run(
            session,
            &Watch { port: args.port, locked: args.locked, yes: args.yes, only: Vec::new() },
        )
        .await;
    }
    if args.dry_run {
        return tokio::select! {
            shown = super::plan::show(session, &args.only, args.locked) => shown.map(drop),
            () = interrupted() => Err(Failure::Interrupted),
        };
    }
    let watch = Stopwatch::start();
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    let prepared = tokio::select! {
        prepared = Box::pin(prepare(session, args, &project, desired)) => prepared?,
        () = interrupted() => return Err(Failure::Interrupted),
    };
    let Prepared { place, desired, selection, services, plan, artifacts, .. } = &prepared;
    if only_plans(place, plan, args) {
        return print_planned(session, &prepared, &watch).await;
    }
    // Stops between two calls, not within one, and so hears Ctrl-C itself.
    let converging = Converging::on(session, (desired, selection), place, services);
    converging.apply(plan).await?;
    let observed = converging.observe_urls().await?;
    if has_url_references(desired) {
        // URLs that the target has just given out reach those who refer to them.
        converging.apply(&converging.plan(artifacts).await?).await?;
    }
    if !args.locked {
        locking::keep(session, &project, desired, &prepared.tools).await?;
    }
    if let Place::Remote(remote) = place
        && !remote.is_aws()
    {
        // AWS itself keeps everything, though it may be a minute until it says so.
        for line in converging.plan(artifacts).await?.lines() {
            let (address, text) = (line.address.trim_end(), &line.text);
            session
                .terminal
                .warn(format_args!("{address}: `{}` took `{text}`, and does not give it back", remote.name));
        }
    }
    let terminal = session.terminal;
    if terminal.json {
        return prepared.print_json(session, true, &watch).await;
    }
    let took = format!("{}.{:02} s", watch.elapsed().as_secs(), watch.elapsed().subsec_millis() / 10);
    terminal.step(GREEN, "ready", format_args!("{}: {}, in {took}", desired.name, done(plan.summary())));
    for difference in experiments(session, desired) {
        terminal.step(YELLOW, "experiment", difference);
    }
    terminal.step(GREEN, "endpoint", format_args!("{BOLD}{}{BOLD:#}", place.endpoint()));
    for (key, url) in observed {
        terminal.step(GREEN, "url", format_args!("{key}  {BOLD}{url}{BOLD:#}"));
    }
    if plan.summary().create > 0 {
        terminal.say(next_commands(desired, session.elsewhere()));
    }
    Ok(())
}

/// A plan that is not carried out.
async fn print_planned(session: &Session, prepared: &Prepared, watch: &Stopwatch) -> Result<(), Failure> {
    session.terminal.step(YELLOW, "planned", "and not applied: CI is set, and `--yes` was not given");
    if session.terminal.json {
        return prepared.print_json(session, false, watch).await;
    }
    let plan = &prepared.plan;
    plan.lines().iter().try_for_each(|line| session.terminal.print(coloured(line)))?;
    session.terminal.print(plan.summary())
}

/// What is known before the first change of the stack.
struct Prepared {
    /// No other command changes the stack meanwhile.
    _lock: StateLock,
    place: Place,
    desired: Desired,
    selection: Selection,
    services: Services,
    plan: Plan,
    artifacts: Artifacts,
    tools: Tools,
}

impl Prepared {
    async fn print_json(&self, session: &Session, applied: bool, watch: &Stopwatch) -> Result<(), Failure> {
        let digest = |(key, artifact): (&String, &ArtifactInfo)| (key.clone(), artifact.digest.to_string());
        session.terminal.print_json(&Converged {
            stack: self.desired.name.as_str(),
            endpoint: self.place.endpoint(),
            account: self.place.scope().account.to_string(),
            region: self.place.scope().region.to_string(),
            took_ms: watch.elapsed().as_millis(),
            applied,
            changed: self.plan.summary(),
            experiments: experiments(session, &self.desired),
            artifacts: self.artifacts.iter().map(digest).collect(),
            variables: if applied { super::env::variables(session).await? } else { BTreeMap::new() },
            steps: &self.plan,
        })
    }
}

/// Everything before the first change of the stack.
async fn prepare(session: &Session, args: &Up, project: &Project, desired: Desired) -> Result<Prepared, Failure> {
    let lock = lock::take(session, &project.state_dir(), "up").await?;
    // Who we are elsewhere is known in a moment, and builds are not: nobody waits for them in vain.
    let reached = match session.elsewhere() {
        Some(_) => {
            localstack::check_locked(session, project, &desired, args.locked).await?;
            localstack::ensure(session, project, &desired).await?;
            Some(Remote::reach(session, project, &desired).await?)
        }
        None => None,
    };
    let mut desired = reached.as_ref().map_or(desired, |remote| remote.desired.clone());
    let selection = Selection::with_needs(&desired, &selecting::addresses(&desired, &args.only)?);
    let tools = locking::check(session, project, &desired, args.locked).await?;
    let mut artifacts = artifacts::build(session, project, &desired, &selection).await?;
    match &reached {
        None => locking::pin_bases(project, &mut desired).await?,
        Some(remote) => {
            remote.show(session);
            artifacts = remote.packaged(session, project, artifacts).await?;
            remote.prune(project, &artifacts);
        }
    }
    let services = Services::open(session, project, &desired, &selection).await?;
    let place = match reached {
        Some(remote) => Place::Remote(Arc::new(remote)),
        None => {
            ready_services_first(session, project, (&desired, &selection), &services).await?;
            Place::ensure(session, project, &desired).await?
        }
    };
    services.remember(project)?;
    let plan = Converging::on(session, (&desired, &selection), &place, &services).plan(&artifacts).await?;
    if !only_plans(&place, &plan, args) {
        ask(session, args, &place, &plan).await?;
    }
    Ok(Prepared { _lock: lock, place, desired, selection, services, plan, artifacts, tools })
}

/// Whether nobody looks and nobody has agreed to anything.
fn only_plans(place: &Place, plan: &Plan, args: &Up) -> bool {
    match place {
        Place::Remote(remote) => remote.only_plans(args.yes) && !plan.is_empty(),
        Place::Engine(_) => false,
    }
}

/// An engine that starts with what it kept hands messages to functions at once: the services come up before it does.
async fn ready_services_first(
    session: &Session,
    project: &Project,
    (desired, selection): (&Desired, &Selection),
    services: &Services,
) -> Result<(), Failure> {
    if services.provider.is_none() || !project.keeps_state() || Engine::find(project).await?.is_some() {
        return Ok(());
    }
    let is_ahead = |address: &Address| matches!(address, Address::Service(_) | Address::Volume(_) | Address::Network);
    let addresses = desired.addresses().into_iter().filter(|address| is_ahead(address) && selection.contains(address));
    let ahead = Selection::with_needs(desired, &addresses.collect::<Vec<_>>());
    if ahead == Selection::Everything {
        return Ok(());
    }
    // What loses something is asked about later, with the rest of the plan.
    let (plan, _) = plan_from_nothing(session, (desired, &ahead), &Artifacts::new(), services).await?.hold_dangers();
    converge_services(session, (desired, &ahead), services, &plan).await
}

/// `4 created, 1 deleted`.
fn done(summary: Summary) -> String {
    let Summary { create, update, replace, delete } = summary;
    let counts = [(create, "created"), (update, "updated"), (replace, "replaced"), (delete, "deleted")];
    let parts: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, verb)| format!("{count} {verb}")).collect();
    if parts.is_empty() { "nothing to change".to_owned() } else { parts.join(", ") }
}

/// Agreement to what would be lost, and on AWS to any change, account and region in sight.
async fn ask(session: &Session, args: &Up, place: &Place, plan: &Plan) -> Result<(), Failure> {
    let account = if let Place::Remote(remote) = place { Some(remote).filter(|remote| remote.is_aws()) } else { None };
    let has_dangers = plan.dangers().next().is_some();
    if plan.is_empty() || !(has_dangers || account.is_some()) {
        return Ok(());
    }
    plan.lines().iter().for_each(|line| session.terminal.say(coloured(line)));
    match account {
        Some(remote) => {
            let losses = if has_dangers { format!(", and {},", losses(plan)) } else { String::new() };
            remote.confirm(session, &format!("{}{losses}", plan.summary()), args.yes).await
        }
        None => session.terminal.confirm(&losses(plan), args.yes).await,
    }
}

/// What a plan's dangers are, in a few words.
fn losses(plan: &Plan) -> String {
    let addresses = |wanted: Danger| {
        let steps = plan.dangers().filter(|(_, danger)| *danger == wanted);
        let names: Vec<_> = steps.map(|(step, _)| format!("`{}`", step.address)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut lost = Vec::new();
    let is_messages = |danger| matches!(danger, Danger::LosesMessages { .. } | Danger::ExpiresMessages { .. });
    if plan.dangers().any(|(_, danger)| is_messages(danger)) {
        lost.push("messages".to_owned());
    }
    lost.extend(addresses(Danger::LosesVolume).map(|names| format!("the data of {names}")));
    let events = |names| format!("waiting events and versions of {names}");
    lost.extend(addresses(Danger::ReplacesFunction).map(events));
    format!("{} would be lost", lost.join(" and "))
}

/// What somebody would do next, with the names of this stack.
fn next_commands(desired: &Desired, target: Option<&str>) -> String {
    let triggered = desired.functions.iter().find_map(|(key, function)| Some((key, function.triggers.first()?)));
    let mut commands = Vec::new();
    if let Some((function, trigger)) = triggered {
        let is_fifo = desired.queues.get(&trigger.queue).is_some_and(|queue| queue.fifo.is_some());
        let group = if is_fifo { " --group g1" } else { "" };
        commands.push(format!("stackctl send {} '{{\"hello\": \"world\"}}'{group}", trigger.queue));
        commands.push(format!("stackctl logs -f {function}"));
    } else if let Some(function) = desired.functions.keys().next() {
        commands.push(format!("stackctl invoke {function}"));
        commands.push(format!("stackctl logs {function}"));
    } else if let Some(queue) = desired.queues.keys().next() {
        commands.push(format!("stackctl send {queue} hello"));
    }
    commands.push("stackctl status".to_owned());
    let target = target.map_or_else(String::new, |name| format!(" --target {name}"));
    let lines: Vec<_> = commands
        .iter()
        .map(|command| command.replacen("stackctl", &format!("stackctl{target}"), 1))
        .map(|command| format!("  {CYAN}{command}{CYAN:#}"))
        .collect();
    format!("next:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    #[test]
    fn what_was_done_in_a_few_words() {
        let check = |summary: Summary, expected: &str| assert_eq!(done(summary), expected);
        check(Summary::default(), "nothing to change");
        check(Summary { create: 4, delete: 1, ..Summary::default() }, "4 created, 1 deleted");
        check(Summary { update: 1, replace: 2, ..Summary::default() }, "1 updated, 2 replaced");
    }

    #[test]
    fn the_next_commands_use_the_stacks_own_names() {
        let check = |text: &str, expected: &[&str]| {
            let source = manifest::Source { path: "stack.toml".into(), text: format!("[stack]\nname = \"s\"\n{text}") };
            let context = manifest::Context {
                base: std::path::Path::new("/"),
                env: &|_| None,
                profile: None,
                overlay: None,
                version: "0.1.0",
            };
            let desired = manifest::read(&source, &context).desired.unwrap();
            let text = anstream::adapter::strip_str(&next_commands(&desired, None)).to_string();
            let commands: Vec<_> = text.lines().skip(1).map(str::trim).collect();
            assert_eq!(commands, expected);
        };
        let function = "[functions.f]\nruntime = \"provided.al2023\"\nsource = \".\"\nbuild = { none = {} }\n";
        let trigger = "[[functions.f.triggers]]\nqueue = \"jobs\"\n";
        check("", &["stackctl status"]);
        check("[queues.jobs]\n", &["stackctl send jobs hello", "stackctl status"]);
        check(function, &["stackctl invoke f", "stackctl logs f", "stackctl status"]);
        check(
            &format!("[queues.jobs]\n{function}{trigger}"),
            &["stackctl send jobs '{\"hello\": \"world\"}'", "stackctl logs -f f", "stackctl status"],
        );
        check(
            &format!("[queues.jobs]\nfifo = true\n{function}{trigger}"),
            &["stackctl send jobs '{\"hello\": \"world\"}' --group g1", "stackctl logs -f f", "stackctl status"],
        );
    }
}
