//! `stackctl plan`: what `up` would change.

use std::sync::Arc;

use crate::{
    cli::{
        Session,
        args::Plan as Arguments,
        artifacts,
        converging::{Converging, coloured, plan_from_nothing},
        engine::Engine,
        failure::Failure,
        locking,
        place::Place,
        project::Project,
        remote::Remote,
        selecting,
        services::Services,
    },
    plan::Plan,
    stack::{Desired, Selection},
};

pub(crate) async fn run(session: &Session, args: &Arguments) -> Result<(), Failure> {
    let plan = show(session, &args.only, args.locked).await?;
    if args.exit_code && !plan.is_empty() { Err(Failure::Changes) } else { Ok(()) }
}

/// Prints what `up` would change of what is at `only`, or of everything.
pub(super) async fn show(session: &Session, only: &[String], locked: bool) -> Result<Plan, Failure> {
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    locking::check(session, &project, &desired, locked).await?;
    let selection = Selection::with_needs(&desired, &selecting::addresses(&desired, only)?);
    let selected = (&desired, &selection);
    let plan = match session.elsewhere() {
        Some(_) => elsewhere(session, &project, selected).await?,
        None => here(session, &project, selected).await?,
    };
    if session.terminal.json {
        session.terminal.print_json(&plan)?;
    } else if plan.is_empty() {
        session.terminal.print(&plan)?;
    } else {
        for line in plan.lines() {
            session.terminal.print(coloured(&line))?;
        }
        session.terminal.print(plan.summary())?;
    }
    Ok(plan)
}

async fn here(
    session: &Session,
    project: &Project,
    (desired, selection): (&Desired, &Selection),
) -> Result<Plan, Failure> {
    let artifacts = artifacts::build(session, project, desired, selection).await?;
    let services = Services::open(session, project, desired, selection).await?;
    match Engine::find(project).await? {
        Some(engine) => {
            engine.check_stack(&desired.name)?;
            let place = Place::Engine(Arc::new(engine));
            Converging::on(session, (desired, selection), &place, &services).plan(&artifacts).await
        }
        None => {
            let what = match project.keeps_state() {
                true => "what an earlier one kept is not looked at, and this is the plan without it",
                false => "this is the plan for one that holds nothing",
            };
            session.terminal.say(format_args!("the engine is not running: {what}"));
            plan_from_nothing(session, (desired, selection), &artifacts, &services).await
        }
    }
}

async fn elsewhere(
    session: &Session,
    project: &Project,
    (desired, selection): (&Desired, &Selection),
) -> Result<Plan, Failure> {
    let remote = Remote::reach(session, project, desired).await?;
    remote.show(session);
    let desired = remote.desired.clone();
    let artifacts = artifacts::build(session, project, &desired, selection).await?;
    let artifacts = remote.packaged(session, project, artifacts).await?;
    let services = Services::open(session, project, &desired, selection).await?;
    let place = Place::Remote(Arc::new(remote));
    Converging::on(session, (&desired, selection), &place, &services).plan(&artifacts).await
}
