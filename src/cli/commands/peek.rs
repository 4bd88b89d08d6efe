//! `stackctl peek`: messages of a queue, untouched.

use jiff::Timestamp;

use crate::{
    cli::{
        Session,
        args::Peek,
        engine::Engine,
        failure::{Failure, Message},
        project::Project,
        sdk,
        terminal::{FAINT, age, count},
    },
    serve::own_api::{Seen, Standing},
};

pub(crate) async fn run(session: &Session, args: &Peek) -> Result<(), Failure> {
    let engine = Engine::running(&Project::find(session)?).await?;
    let queue = engine.queue(&sdk::sqs(&engine.endpoint, &engine.scope), &args.queue).await?;
    let report = engine
        .client
        .peek(&engine.scope, &queue.name, args.max, args.all)
        .await
        .map_err(|error| Failure::World(Message::new(error.to_string())))?;
    if session.terminal.json {
        return session.terminal.print_json(&report);
    }
    let now_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    for message in &report.messages {
        session.terminal.say(format_args!("{FAINT}{}{FAINT:#}", heading(message, now_ms)));
        session.terminal.print(&message.body)?;
    }
    session.terminal.say(format_args!("{FAINT}{}{FAINT:#}", summary(report.messages.len(), report.left_out, args.all)));
    Ok(())
}

/// `id, 5s old, in flight for 25s more, received 2 times, group g, kind=order`.
fn heading(message: &Seen, now_ms: u64) -> String {
    let mut parts = vec![message.message_id.clone(), format!("{} old", age(now_ms.saturating_sub(message.sent_ms)))];
    let left = age(message.until_ms.unwrap_or_default().saturating_sub(now_ms));
    match message.standing {
        Standing::Visible => {}
        Standing::InFlight => parts.push(format!("in flight for {left} more")),
        Standing::Delayed => parts.push(format!("delayed for {left} more")),
    }
    if message.receive_count > 0 {
        parts.push(format!("received {}", count(message.receive_count, "time")));
    }
    if let Some(group) = message.attributes.get("MessageGroupId") {
        parts.push(format!("group {group}"));
    }
    if let Some(source) = message.attributes.get("DeadLetterQueueSourceArn") {
        parts.push(format!("from {}", source.rsplit(':').next().unwrap_or(source)));
    }
    parts.extend(message.message_attributes.iter().map(|(name, attribute)| format!("{name}={}", attribute.value)));
    parts.join(", ")
}

fn summary(shown: usize, left_out: u64, all: bool) -> String {
    let kind = if all { "message" } else { "visible message" };
    match (shown, left_out) {
        (0, 0) => format!("no {kind}s"),
        (_, 0) => count(shown as u64, kind),
        (_, left_out) => format!("{shown} of {}; --max shows more", count(shown as u64 + left_out, kind)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::serve::own_api::SeenAttribute;

    #[test]
    fn headings_say_where_a_message_stands() {
        let mut message = Seen {
            message_id: "id".to_owned(),
            standing: Standing::Visible,
            until_ms: None,
            sent_ms: 10_000,
            receive_count: 0,
            body: "body".to_owned(),
            attributes: BTreeMap::new(),
            message_attributes: BTreeMap::new(),
        };
        assert_eq!(heading(&message, 15_000), "id, 5s old");
        message.standing = Standing::InFlight;
        message.until_ms = Some(40_000);
        message.receive_count = 2;
        message.attributes = [("MessageGroupId", "g"), ("DeadLetterQueueSourceArn", "arn:aws:sqs:r:1:jobs")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let kind = SeenAttribute { data_type: "String".to_owned(), value: "order".to_owned() };
        message.message_attributes = [("kind".to_owned(), kind)].into();
        let expected = "id, 5s old, in flight for 25s more, received 2 times, group g, from jobs, kind=order";
        assert_eq!(heading(&message, 15_000), expected);
    }

    #[test]
    fn the_end_says_what_is_not_shown() {
        let check = |shown, left_out, all, expected| assert_eq!(summary(shown, left_out, all), expected);
        check(0, 0, false, "no visible messages");
        check(1, 0, true, "1 message");
        check(10, 5, false, "10 of 15 visible messages; --max shows more");
    }
}
