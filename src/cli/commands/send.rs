//! `stackctl send`: messages for a queue.

use std::collections::HashMap;

use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use serde::Serialize;

use crate::{
    cli::{
        Session,
        args::Send,
        failure::{Failure, Message},
        input,
        place::Place,
        sdk,
        terminal::{GREEN, count},
    },
    model::limits::{BATCH_MAX_ENTRIES, MESSAGE_MAX_BYTES},
};

#[derive(Debug, Serialize)]
struct Sent {
    queue: String,
    message_ids: Vec<String>,
}

pub(crate) async fn run(session: &Session, args: &Send) -> Result<(), Failure> {
    let body = input::read(&args.body)?;
    let (_, place) = Place::running(session).await?;
    let client = place.sqs();
    let queue = place.queue(&client, &args.queue).await?;
    if args.group.is_none() && queue.name.ends_with(".fifo") {
        return Err(Failure::usage(
            format!("`{}` is a FIFO queue, and its messages belong to groups", queue.name),
            "name one: --group ID",
        ));
    }
    let mut message_ids = Vec::new();
    for batch in batches(args.count, body.len()) {
        let entries = batch.map(|number| entry(args, &body, number)).collect::<Result<Vec<_>, _>>()?;
        let sent = client
            .send_message_batch()
            .queue_url(&queue.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(sdk::failed(format_args!("send to `{}`", queue.name)))?;
        if let Some(failed) = sent.failed().first() {
            let reason = failed.message().unwrap_or_else(|| failed.code());
            let text = format!("cannot send to `{}`: {}: {reason}", queue.name, failed.code());
            return Err(Failure::World(Message::new(text)));
        }
        message_ids.extend(sent.successful().iter().map(|entry| entry.message_id().to_owned()));
    }
    if session.terminal.json {
        return session.terminal.print_json(&Sent { queue: queue.name, message_ids });
    }
    session.terminal.step(
        GREEN,
        "sent",
        format_args!("{} to {}", count(message_ids.len() as u64, "message"), queue.name),
    );
    session.terminal.print(message_ids.join("\n"))
}

/// The messages' numbers in batches, each within AWS's limits of entries and of bytes.
fn batches(count: u32, body_bytes: usize) -> impl Iterator<Item = std::ops::Range<u32>> {
    let fitting = (MESSAGE_MAX_BYTES / body_bytes.max(1)).clamp(1, BATCH_MAX_ENTRIES);
    let size = u32::try_from(fitting).unwrap_or(1);
    (0..count).step_by(fitting).map(move |first| first..first.saturating_add(size).min(count))
}

fn entry(args: &Send, body: &str, number: u32) -> Result<SendMessageBatchRequestEntry, Failure> {
    let dedup = args.dedup.as_ref().map(|id| if args.count > 1 { format!("{id}-{number}") } else { id.clone() });
    let delay_s = args.delay.map(|delay| i32::try_from(delay.as_secs()).unwrap_or(i32::MAX));
    let attributes = args.attributes.iter().map(|(name, value)| {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
        value.map(|value| (name.clone(), value)).map_err(Failure::while_doing(format_args!("set attribute `{name}`")))
    });
    SendMessageBatchRequestEntry::builder()
        .id(number.to_string())
        .message_body(body)
        .set_message_group_id(args.group.clone())
        .set_message_deduplication_id(dedup)
        .set_delay_seconds(delay_s)
        .set_message_attributes(Some(attributes.collect::<Result<HashMap<_, _>, _>>()?).filter(|all| !all.is_empty()))
        .build()
        .map_err(Failure::while_doing("make the message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_awss_limits() {
        let check = |count: u32, bytes: usize, expected: &[(u32, u32)]| {
            let batches: Vec<_> = batches(count, bytes).map(|batch| (batch.start, batch.end)).collect();
            assert_eq!(batches, expected);
        };
        check(1, 5, &[(0, 1)]);
        check(21, 5, &[(0, 10), (10, 20), (20, 21)]);
        check(3, 600_000, &[(0, 1), (1, 2), (2, 3)]);
        check(3, 0, &[(0, 3)]);
    }
}
