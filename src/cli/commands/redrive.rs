//! `stackctl redrive`: a message-move task, watched until it is done.

use std::time::Duration;

use aws_sdk_sqs::types::{ListMessageMoveTasksResultEntry, QueueAttributeName};
use serde::Serialize;

use crate::cli::{
    Session,
    args::Redrive,
    failure::{Failure, Message},
    place::Place,
    sdk,
    terminal::{GREEN, count},
};

/// Between two looks at a task.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What `--json` prints in the end.
#[derive(Debug, Serialize)]
struct Redriven<'a> {
    queue: &'a str,
    status: &'a str,
    messages_moved: i64,
}

pub(crate) async fn run(session: &Session, args: &Redrive) -> Result<(), Failure> {
    let (_, place) = Place::running(session).await?;
    let client = place.sqs();
    let source = place.queue(&client, &args.queue).await?;
    let source_arn = arn_of(&client, &source).await?;
    let destination_arn = match &args.to {
        Some(name) => Some(arn_of(&client, &place.queue(&client, name).await?).await?),
        None => None,
    };
    client
        .start_message_move_task()
        .source_arn(&source_arn)
        .set_destination_arn(destination_arn)
        .set_max_number_of_messages_per_second(args.rate.map(i32::from))
        .send()
        .await
        .map_err(sdk::failed(format_args!("redrive `{}`", source.name)))?;
    let ended = watch(session, &client, &source_arn, &source.name).await?;
    let (status, moved) = (ended.status().unwrap_or_default(), ended.approximate_number_of_messages_moved());
    if session.terminal.json {
        session.terminal.print_json(&Redriven { queue: &source.name, status, messages_moved: moved })?;
    }
    let moved = count(u64::try_from(moved).unwrap_or_default(), "message");
    if status == "COMPLETED" {
        session.terminal.step(GREEN, "moved", format_args!("{moved} of {}", source.name));
        return Ok(());
    }
    let reason = ended.failure_reason().map_or_else(|| status.to_lowercase(), str::to_owned);
    let text = format!("the move ended after {moved} of `{}`: {reason}", source.name);
    let help = "--to QUEUE moves messages whose own queue is unknown or gone";
    Err(Failure::World(Message::new(text).help(help)))
}

async fn arn_of(client: &aws_sdk_sqs::Client, queue: &crate::cli::engine::Queue) -> Result<String, Failure> {
    let name = QueueAttributeName::QueueArn;
    let answer = client
        .get_queue_attributes()
        .queue_url(&queue.url)
        .attribute_names(name.clone())
        .send()
        .await
        .map_err(sdk::failed(format_args!("read the ARN of `{}`", queue.name)))?;
    Ok(answer.attributes().and_then(|attributes| attributes.get(&name)).cloned().unwrap_or_default())
}

/// The task of this source, once it has ended.
async fn watch(
    session: &Session,
    client: &aws_sdk_sqs::Client,
    source_arn: &str,
    name: &str,
) -> Result<ListMessageMoveTasksResultEntry, Failure> {
    loop {
        let tasks = client
            .list_message_move_tasks()
            .source_arn(source_arn)
            .send()
            .await
            .map_err(sdk::failed(format_args!("watch the move of `{name}`")))?;
        let Some(task) = tasks.results().first() else {
            return Err(Failure::World(Message::new(format!("the move of `{name}` is not known any more"))));
        };
        if task.status() != Some("RUNNING") {
            return Ok(task.clone());
        }
        let total = task.approximate_number_of_messages_to_move().unwrap_or_default();
        session.terminal.passing("moving", &format!("{} of {total}", task.approximate_number_of_messages_moved()));
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
