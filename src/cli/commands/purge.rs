//! `stackctl purge`: deletes all messages of a queue.

use crate::cli::{
    Session,
    args::Purge,
    failure::Failure,
    place::Place,
    remote_queues::depth,
    sdk,
    terminal::{GREEN, count},
};

pub(crate) async fn run(session: &Session, args: &Purge) -> Result<(), Failure> {
    let (_, place) = Place::running(session).await?;
    let client = place.sqs();
    let queue = place.queue(&client, &args.queue).await?;
    let held = depth(&client, &queue).await?;
    let held = held.visible + held.in_flight + held.delayed;
    if held == 0 {
        session.terminal.say(format_args!("`{}` is empty already", queue.name));
        return Ok(());
    }
    let what = count(held, "message");
    let question = format!("{what} of `{}` would be lost; go on?", queue.name);
    session.terminal.confirm(&question, args.yes).await?;
    client
        .purge_queue()
        .queue_url(&queue.url)
        .send()
        .await
        .map_err(sdk::failed(format_args!("purge `{}`", queue.name)))?;
    session.terminal.step(GREEN, "purged", format_args!("{what} of {}", queue.name));
    Ok(())
}
