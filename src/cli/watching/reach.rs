//! What a watch begins with: the target that it deploys to.

use crate::{
    cli::{
        Session, args,
        failure::{Failure, Message},
        place::Place,
        project::Project,
    },
    stack::Desired,
    watch::WatchError,
};

/// The stack's engine, or another target, on AWS once somebody has agreed to change that account.
pub(super) async fn reach(
    session: &Session,
    args: &args::Watch,
    project: &Project,
    desired: &Desired,
) -> Result<Place, Failure> {
    let place = Place::ensure(session, project, desired).await?;
    match &place {
        Place::Engine(engine) => engine.check_stack(&desired.name)?,
        Place::Remote(remote) => {
            remote.show(session);
            let what = format!("each save would change the stack `{}`", desired.name);
            remote.confirm(session, &what, args.yes).await?;
        }
    }
    Ok(place)
}

/// Why nothing can be watched, and the way out.
pub(super) fn unwatchable(error: &WatchError) -> Failure {
    let message = Message::new(error.to_string());
    Failure::World(match error.help() {
        Some(help) => message.help(help),
        None => message,
    })
}
