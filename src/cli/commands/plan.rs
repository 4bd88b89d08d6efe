//! `stackctl plan`: what `up` would change.

use crate::cli::{
    Session,
    args::Plan as Arguments,
    artifacts,
    converging::{Converging, coloured, plan_from_nothing},
    engine::Engine,
    failure::Failure,
    locking,
    project::Project,
    services::Services,
};

pub(crate) async fn run(session: &Session, args: &Arguments) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    locking::check(session, &project, &desired, args.locked).await?;
    let artifacts = artifacts::build(session, &project, &desired).await?;
    let services = Services::open(session, &project, &desired).await?;
    let plan = match Engine::find(&project).await? {
        Some(engine) => {
            engine.check_stack(&desired.name)?;
            Converging::on(session, &desired, &engine, &services).plan(&artifacts).await?
        }
        None => {
            session.terminal.say("the engine is not running: this is the plan for one that holds nothing");
            plan_from_nothing(session, &desired, &artifacts, &services).await?
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
    if args.exit_code && !plan.is_empty() { Err(Failure::Changes) } else { Ok(()) }
}
