//! `stackctl watch`: the stack stays what the manifest and the code say, while people edit them.

use crate::cli::{Session, args::Watch, failure::Failure, localstack, locking, project::Project, watching::Watching};

pub(crate) async fn run(session: &Session, args: &Watch) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    let tools = locking::check(session, &project, &desired, args.locked).await?;
    localstack::check_locked(session, &project, &desired, args.locked).await?;
    if !args.locked {
        locking::keep(session, &project, &desired, &tools).await?;
    }
    Box::pin(Watching::begin(session, args, project, desired).await?.run()).await
}
