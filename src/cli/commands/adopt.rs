//! `stackctl adopt`: what somebody else made under a name of the manifest becomes the stack's.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    cli::{
        Session,
        args::Adopt,
        artifacts,
        converging::{Converging, coloured, is_bookkeeping},
        engine::Engine,
        failure::Failure,
        lock,
        place::Place,
        project::Project,
        remote::Remote,
        selecting,
        services::Services,
        terminal::{BOLD, GREEN},
    },
    plan::{Line, Plan, adoption},
    stack::{Address, Desired, Observed, Selection},
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Adopted<'a> {
    adopted: Vec<String>,
    /// What `up` will change of it.
    differences: &'a Plan,
}

pub(crate) async fn run(session: &Session, args: &Adopt) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    let addresses = selecting::addresses(&desired, &args.addresses)?;
    addresses.iter().try_for_each(refuse_what_has_no_tags)?;
    let _lock = lock::take(session, &project.state_dir(), "adopt").await?;
    let place = match session.elsewhere() {
        Some(_) => Place::Remote(Arc::new(Remote::reach(session, &project, &desired).await?)),
        None => Place::Engine(Arc::new(Engine::running(&project).await?)),
    };
    if let Place::Engine(engine) = &place {
        engine.check_stack(&desired.name)?;
    }
    let selection = Selection::only(addresses.iter().cloned());
    let mut artifacts = artifacts::build(session, &project, &desired, &selection).await?;
    if let Place::Remote(remote) = &place {
        remote.show(session);
        artifacts = remote.packaged(session, &project, artifacts).await?;
    }
    let converging = Converging::on(session, (&desired, &selection), &place, &Services::default());
    let observed = converging.observe().await?;
    let mut adopted = observed.clone();
    for address in &addresses {
        adopted = match adopted.with_adopted(address) {
            Some(adopted) => adopted,
            None => return Err(nothing_there(&desired, &observed, address)),
        };
    }
    let tagging = adoption(&desired, &observed, &addresses);
    let differences = converging.plan_from(&artifacts, &adopted)?.only(|step| !is_bookkeeping(&step.call));
    show(session, &tagging, &differences);
    let names: Vec<_> = addresses.iter().map(|address| format!("`{address}`")).collect();
    let question = format!("the stack `{}` takes over {}", desired.name, names.join(", "));
    session.terminal.confirm(&question, args.yes).await?;
    converging.make(&tagging).await?;
    if session.terminal.json {
        let adopted = addresses.iter().map(ToString::to_string).collect();
        return session.terminal.print_json(&Adopted { adopted, differences: &differences });
    }
    session.terminal.step(GREEN, "adopted", names.join(", "));
    if !differences.is_empty() {
        session.terminal.say("`stackctl up` makes it what the manifest says");
    }
    Ok(())
}

fn refuse_what_has_no_tags(address: &Address) -> Result<(), Failure> {
    match address {
        Address::Queue(_) | Address::Function(_) => Ok(()),
        Address::Trigger { function, .. } => Err(Failure::usage(
            format!("`{address}` is whose its function is"),
            format!(
                "adopt `functions.{function}`; when that is the stack's already, `stackctl up` changes the mapping that is there"
            ),
        )),
        _ => Err(Failure::usage(
            format!("`{address}` cannot be taken over: only queues and functions can"),
            "remove it, or give it another name in the manifest",
        )),
    }
}

fn nothing_there(desired: &Desired, observed: &Observed, address: &Address) -> Failure {
    let is_owned = match address {
        Address::Queue(key) => desired.queues.get(key).is_some_and(|queue| observed.queues.contains_key(&queue.name)),
        Address::Function(key) => {
            desired.functions.get(key).is_some_and(|function| observed.functions.contains_key(&function.name))
        }
        _ => false,
    };
    if is_owned {
        let help = "`stackctl plan` shows how it differs from the manifest";
        Failure::world(format!("`{address}` is the stack's already"), help)
    } else {
        let text = format!("there is nothing under the name of `{address}` that could be taken over");
        Failure::world(text, "`stackctl up` makes it")
    }
}

/// What is taken from whom, and how it differs from the manifest.
fn show(session: &Session, tagging: &Plan, differences: &Plan) {
    for Line { address, text, .. } in tagging.lines() {
        let text = text.strip_prefix("tag: ").unwrap_or(&text).to_owned();
        session.terminal.say(format_args!("{BOLD}{address}{BOLD:#}  {text}"));
    }
    if differences.is_empty() {
        session.terminal.say("it is as the manifest says");
    } else {
        session.terminal.say("it stays as it is now; the next `stackctl up` would change it:");
        differences.lines().iter().for_each(|line| session.terminal.say(coloured(line)));
    }
}
