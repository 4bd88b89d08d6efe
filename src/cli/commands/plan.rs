//! `stackctl plan`: what `up` would change.

use crate::{
    cli::{
        Session,
        args::Plan as Arguments,
        artifacts,
        converging::{Converging, coloured, plan_from_nothing},
        engine::Engine,
        failure::Failure,
        project::Project,
        selecting,
        services::Services,
    },
    plan::Plan,
    stack::Selection,
};

pub(crate) async fn run(session: &Session, args: &Arguments) -> Result<(), Failure> {
    let plan = show(session, &args.only).await?;
    if args.exit_code && !plan.is_empty() { Err(Failure::Changes) } else { Ok(()) }
}

/// Prints what `up` would change of what is at `only`, or of everything.
pub(super) async fn show(session: &Session, only: &[String]) -> Result<Plan, Failure> {
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    let selection = Selection::with_needs(&desired, &selecting::addresses(&desired, only)?);
    let artifacts = artifacts::build(session, &project, &desired, &selection).await?;
    let services = Services::open(session, &project, &desired, &selection).await?;
    let plan = match Engine::find(&project).await? {
        Some(engine) => {
            engine.check_stack(&desired.name)?;
            Converging::on(session, (&desired, &selection), &engine, &services).plan(&artifacts).await?
        }
        None => {
            let what = match project.keeps_state() {
                true => "what an earlier one kept is not looked at, and this is the plan without it",
                false => "this is the plan for one that holds nothing",
            };
            session.terminal.say(format_args!("the engine is not running: {what}"));
            plan_from_nothing(session, (&desired, &selection), &artifacts, &services).await?
        }
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
