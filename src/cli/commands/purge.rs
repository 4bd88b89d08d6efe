//! `stackctl purge`: deletes all messages of a queue.

use crate::cli::{
    Session,
    args::Purge,
    engine::Engine,
    failure::Failure,
    project::Project,
    sdk,
    terminal::{GREEN, count},
};

pub(crate) async fn run(session: &Session, args: &Purge) -> Result<(), Failure> {
    let engine = Engine::running(&Project::find(session)?).await?;
    let client = sdk::sqs(&engine.endpoint, &engine.scope);
    let queue = engine.queue(&client, &args.queue).await?;
    let report = engine.activity().await?;
    let held = report.queues.iter().find(|depth| depth.name == queue.name);
    // With very many queues the report may lack this one; then the number is not known, and it is asked all the same.
    let held = held.map(|depth| depth.visible + depth.in_flight + depth.delayed);
    if held == Some(0) {
        session.terminal.say(format_args!("`{}` is empty already", queue.name));
        return Ok(());
    }
    let what = held.map_or_else(|| "all messages".to_owned(), |held| count(held, "message"));
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
