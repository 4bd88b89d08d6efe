//! `stackctl up`: the stack becomes what the manifest says.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    cli::{
        Session,
        args::{Up, Watch},
        artifacts,
        converging::{Converging, coloured, interrupted},
        engine::Engine,
        failure::Failure,
        locking::{self, Tools},
        project::Project,
        services::Services,
        terminal::{BOLD, CYAN, GREEN, YELLOW},
    },
    engine::EngineConfig,
    plan::{ArtifactInfo, Artifacts, Danger, Plan, Summary, has_url_references},
    serve::clock::Stopwatch,
    stack::Desired,
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Converged<'a> {
    stack: &'a str,
    endpoint: &'a str,
    account: String,
    region: String,
    took_ms: u128,
    changed: Summary,
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
    let watch = Stopwatch::start();
    let project = Project::find(session)?;
    let mut desired = project.desired(session)?;
    let (engine, services, plan, artifacts, tools) = tokio::select! {
        prepared = Box::pin(prepare(session, args, &project, &mut desired)) => prepared?,
        () = interrupted() => return Err(Failure::Interrupted),
    };
    // Stops between two calls, not within one, and so hears Ctrl-C itself.
    let converging = Converging::on(session, &desired, &engine, &services);
    converging.apply(&plan).await?;
    let observed = converging.observe_urls().await?;
    if has_url_references(&desired) {
        // URLs that the target has just given out reach those who refer to them.
        converging.apply(&converging.plan(&artifacts).await?).await?;
    }
    if !args.locked {
        locking::keep(session, &project, &desired, &tools).await?;
    }
    let terminal = session.terminal;
    if terminal.json {
        let digest = |(key, artifact): (&String, &ArtifactInfo)| (key.clone(), artifact.digest.to_string());
        return terminal.print_json(&Converged {
            stack: desired.name.as_str(),
            endpoint: &engine.endpoint,
            account: engine.scope.account.to_string(),
            region: engine.scope.region.to_string(),
            took_ms: watch.elapsed().as_millis(),
            changed: plan.summary(),
            artifacts: artifacts.iter().map(digest).collect(),
            variables: super::env::variables(session).await?,
            steps: &plan,
        });
    }
    let took = format!("{}.{:02} s", watch.elapsed().as_secs(), watch.elapsed().subsec_millis() / 10);
    terminal.step(GREEN, "ready", format_args!("{}: {}, in {took}", desired.name, done(plan.summary())));
    let engine_config = EngineConfig {
        concurrency_limit: desired.pool.limit,
        unreserved_minimum: desired.pool.unreserved_minimum,
        time_factor: desired.pool.time_factor,
        first_retry_delay_ms: u64::from(desired.pool.first_retry_delay_s) * 1_000,
        ..EngineConfig::default()
    };
    for difference in engine_config.differences() {
        terminal.step(YELLOW, "experiment", difference);
    }
    terminal.step(GREEN, "endpoint", format_args!("{BOLD}{}{BOLD:#}", engine.endpoint));
    for (key, url) in observed {
        terminal.step(GREEN, "url", format_args!("{key}  {BOLD}{url}{BOLD:#}"));
    }
    if plan.summary().create > 0 {
        terminal.say(next_commands(&desired));
    }
    Ok(())
}

/// Everything before the first change of the stack.
async fn prepare(
    session: &Session,
    args: &Up,
    project: &Project,
    desired: &mut Desired,
) -> Result<(Engine, Services, Plan, Artifacts, Tools), Failure> {
    let tools = locking::check(session, project, desired, args.locked).await?;
    let artifacts = artifacts::build(session, project, desired).await?;
    locking::pin_bases(project, desired).await?;
    let desired = &*desired;
    let services = Services::open(session, project, desired).await?;
    let engine = Engine::ensure(session, project, desired).await?;
    services.remember(project)?;
    let plan = Converging::on(session, desired, &engine, &services).plan(&artifacts).await?;
    ask(session, args, &plan).await?;
    Ok((engine, services, plan, artifacts, tools))
}

/// `4 created, 1 deleted`.
fn done(summary: Summary) -> String {
    let Summary { create, update, replace, delete } = summary;
    let counts = [(create, "created"), (update, "updated"), (replace, "replaced"), (delete, "deleted")];
    let parts: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, verb)| format!("{count} {verb}")).collect();
    if parts.is_empty() { "nothing to change".to_owned() } else { parts.join(", ") }
}

async fn ask(session: &Session, args: &Up, plan: &Plan) -> Result<(), Failure> {
    if plan.dangers().next().is_none() {
        return Ok(());
    }
    plan.lines().iter().for_each(|line| session.terminal.say(coloured(line)));
    session.terminal.confirm(&losses(plan), args.yes).await
}

/// What a plan's dangers are, in a few words.
fn losses(plan: &Plan) -> String {
    let (volumes, messages): (Vec<_>, Vec<_>) = plan.dangers().partition(|(_, danger)| *danger == Danger::LosesVolume);
    let names: Vec<_> = volumes.iter().map(|(step, _)| format!("`{}`", step.address)).collect();
    match (messages.is_empty(), names.is_empty()) {
        (_, true) => "messages would be lost".to_owned(),
        (true, false) => format!("the data of {} would be lost", names.join(", ")),
        (false, false) => format!("messages and the data of {} would be lost", names.join(", ")),
    }
}

/// What somebody would do next, with the names of this stack.
fn next_commands(desired: &Desired) -> String {
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
    let lines: Vec<_> = commands.iter().map(|command| format!("  {CYAN}{command}{CYAN:#}")).collect();
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
            let text = anstream::adapter::strip_str(&next_commands(&desired)).to_string();
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
