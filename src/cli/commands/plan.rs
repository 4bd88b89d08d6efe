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
        services::Services,
    },
    plan::Plan,
    stack::Desired,
};

pub(crate) async fn run(session: &Session, args: &Arguments) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    locking::check(session, &project, &desired, args.locked).await?;
    let plan = match session.elsewhere() {
        Some(_) => elsewhere(session, &project, &desired).await?,
        None => here(session, &project, &desired).await?,
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
    if args.exit_code && !plan.is_empty() { Err(Failure::Changes) } else { Ok(()) }
}

async fn here(session: &Session, project: &Project, desired: &Desired) -> Result<Plan, Failure> {
    let artifacts = artifacts::build(session, project, desired).await?;
    let services = Services::open(session, project, desired).await?;
    match Engine::find(project).await? {
        Some(engine) => {
            engine.check_stack(&desired.name)?;
            Converging::on(session, desired, &Place::Engine(Arc::new(engine)), &services).plan(&artifacts).await
        }
        None => {
            session.terminal.say("the engine is not running: this is the plan for one that holds nothing");
            plan_from_nothing(session, desired, &artifacts, &services).await
        }
    }
}

async fn elsewhere(session: &Session, project: &Project, desired: &Desired) -> Result<Plan, Failure> {
    let remote = Remote::reach(session, project, desired).await?;
    remote.show(session);
    let desired = remote.desired.clone();
    let artifacts = artifacts::build(session, project, &desired).await?;
    let artifacts = remote.packaged(session, project, artifacts).await?;
    let services = Services::open(session, project, &desired).await?;
    Converging::on(session, &desired, &Place::Remote(Arc::new(remote)), &services).plan(&artifacts).await
}
