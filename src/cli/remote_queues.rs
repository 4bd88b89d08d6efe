//! What queues hold, as SQS itself says: approximately, and without what only the engine knows.

use aws_sdk_sqs::{client::Client, types::QueueAttributeName};
use serde::Serialize;

use super::{engine::Queue, failure::Failure, place::Place, sdk};
use crate::{serve::own_api::QueueDepth, stack::Desired};

/// What `--json` prints of a queue on a target, which knows no more.
#[derive(Debug, Serialize)]
pub(crate) struct Approximate {
    pub(crate) name: String,
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    pub(crate) delayed: u64,
}

impl Approximate {
    pub(crate) fn of(depth: &QueueDepth) -> Self {
        let QueueDepth { name, visible, in_flight, delayed, .. } = depth;
        Self { name: name.clone(), visible: *visible, in_flight: *in_flight, delayed: *delayed }
    }
}

/// What a queue holds.
pub(crate) async fn depth(client: &Client, queue: &Queue) -> Result<QueueDepth, Failure> {
    let [visible, in_flight, delayed] = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let names = vec![visible.clone(), in_flight.clone(), delayed.clone()];
    let request = client.get_queue_attributes().queue_url(&queue.url).set_attribute_names(Some(names));
    let answer = request.send().await.map_err(sdk::failed(format_args!("look at `{}`", queue.name)))?;
    let found = answer.attributes();
    let number = |name| found.and_then(|found| found.get(&name)?.parse().ok()).unwrap_or_default();
    Ok(QueueDepth {
        name: queue.name.clone(),
        visible: number(visible),
        in_flight: number(in_flight),
        delayed: number(delayed),
        ..QueueDepth::default()
    })
}

/// What the queues of a stack hold, those that are there.
pub(crate) async fn depths(place: &Place, desired: &Desired) -> Result<Vec<QueueDepth>, Failure> {
    let client = place.sqs();
    let mut depths = Vec::new();
    for queue in desired.queues.values() {
        let name = queue.name.to_string();
        let url = match client.get_queue_url().queue_name(&name).send().await {
            Ok(found) => found.queue_url().unwrap_or_default().to_owned(),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_queue_does_not_exist()) => continue,
            Err(error) => return Err(sdk::failed(format_args!("look for queue `{name}`"))(error)),
        };
        depths.push(depth(&client, &Queue { name, url }).await?);
    }
    Ok(depths)
}
