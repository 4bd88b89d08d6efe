//! `stackctl watch`: the stack stays what the manifest and the code say, while people edit them.

use crate::cli::{Session, args::Watch, failure::Failure, project::Project, watching::Watching};

pub(crate) async fn run(session: &Session, args: &Watch) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let desired = project.desired(session)?;
    Box::pin(Watching::begin(session, args, project, desired).await?.run()).await
}
