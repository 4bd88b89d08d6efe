//! `stackctl receive`: messages of a queue, as a consumer gets them.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::MessageSystemAttributeName;
use serde::Serialize;

use crate::cli::{
    Session,
    args::Receive,
    failure::Failure,
    place::Place,
    sdk,
    terminal::{FAINT, count},
};

/// A message, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Received {
    message_id: String,
    receipt_handle: String,
    body: String,
    attributes: BTreeMap<String, String>,
    message_attributes: BTreeMap<String, String>,
}

pub(crate) async fn run(session: &Session, args: &Receive) -> Result<(), Failure> {
    let (_, place) = Place::running(session).await?;
    let client = place.sqs();
    let queue = place.queue(&client, &args.queue).await?;
    let answer = client
        .receive_message()
        .queue_url(&queue.url)
        .max_number_of_messages(i32::from(args.max))
        .wait_time_seconds(i32::try_from(args.wait.as_secs()).unwrap_or(i32::MAX))
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
        .send()
        .await
        .map_err(sdk::failed(format_args!("receive from `{}`", queue.name)))?;
    let messages: Vec<_> = answer.messages().iter().map(Received::of).collect();
    print(session, &messages)?;
    if args.delete {
        // Only what has been shown is deleted.
        for message in &messages {
            client
                .delete_message()
                .queue_url(&queue.url)
                .receipt_handle(&message.receipt_handle)
                .send()
                .await
                .map_err(sdk::failed(format_args!("delete message `{}`", message.message_id)))?;
        }
    }
    let what = if args.delete { "received and deleted" } else { "received" };
    session.terminal.say(format_args!("{FAINT}{} {what}{FAINT:#}", count(messages.len() as u64, "message")));
    Ok(())
}

fn print(session: &Session, messages: &[Received]) -> Result<(), Failure> {
    if session.terminal.json {
        return session.terminal.print_json(&messages);
    }
    messages.iter().try_for_each(|message| {
        session.terminal.say(format_args!("{FAINT}{}{FAINT:#}", message.heading()));
        session.terminal.print(&message.body)
    })
}

impl Received {
    fn of(message: &aws_sdk_sqs::types::Message) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let attributes = message.attributes().into_iter().flatten();
        let message_attributes = message.message_attributes().into_iter().flatten();
        Self {
            message_id: text(message.message_id()),
            receipt_handle: text(message.receipt_handle()),
            body: text(message.body()),
            attributes: attributes.map(|(name, value)| (name.as_str().to_owned(), value.clone())).collect(),
            message_attributes: message_attributes
                .map(|(name, value)| (name.clone(), text(value.string_value().or(Some("(binary)")))))
                .collect(),
        }
    }

    /// `id, received 2 times, group g, kind=order`.
    fn heading(&self) -> String {
        let mut heading = self.message_id.clone();
        match self.attributes.get("ApproximateReceiveCount").map(String::as_str) {
            None | Some("1") => {}
            Some(times) => heading.push_str(&format!(", received {times} times")),
        }
        if let Some(group) = self.attributes.get("MessageGroupId") {
            heading.push_str(&format!(", group {group}"));
        }
        for (name, value) in &self.message_attributes {
            heading.push_str(&format!(", {name}={value}"));
        }
        heading
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sqs::types::{Message, MessageAttributeValue};

    use super::*;

    #[test]
    fn headings_say_what_is_out_of_the_ordinary() {
        let value = MessageAttributeValue::builder().data_type("String").string_value("order").build().unwrap();
        let message = Message::builder().message_id("id").body("b");
        assert_eq!(Received::of(&message.clone().build()).heading(), "id");
        let message = message
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "2")
            .attributes(MessageSystemAttributeName::MessageGroupId, "g")
            .message_attributes("kind", value);
        assert_eq!(Received::of(&message.build()).heading(), "id, received 2 times, group g, kind=order");
    }
}
