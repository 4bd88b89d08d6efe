//! `GET /_stackctl/peek`: the messages of a queue, untouched.

use std::{collections::BTreeMap, sync::Arc};

use base64::Engine as _;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Query, activity::unexpected, json_response};
use crate::{
    engine::{
        Command, Error, Response as Answer,
        sqs::{self, MessageAttributeValue, PeekMessages, PeekedMessage, PeekedStanding},
    },
    model::Scope,
    serve::{body::ResponseBody, driver::Driver, service::text_response},
};

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeekReport {
    /// In the order of sending.
    pub messages: Vec<Seen>,
    /// Messages of the wanted kinds that are there and are not in the answer.
    pub left_out: u64,
}

/// A message where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub message_id: String,
    pub standing: Standing,
    /// When that ends by itself, in milliseconds since the epoch.
    pub until_ms: Option<u64>,
    pub sent_ms: u64,
    pub receive_count: u32,
    pub body: String,
    /// SQS's own, by their names there.
    pub attributes: BTreeMap<String, String>,
    pub message_attributes: BTreeMap<String, SeenAttribute>,
}

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Visible,
    InFlight,
    Delayed,
}

/// A message attribute; bytes are in Base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenAttribute {
    pub data_type: String,
    pub value: String,
}

/// Which messages are wanted.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    scope: Scope,
    peek: PeekMessages,
}

impl Request {
    pub(super) fn parse(query: &Query<'_>, default: &Scope) -> Result<Self, String> {
        let scope = query.scope(default)?;
        let queue = query.first("queue").ok_or("`queue` is missing: the name of the queue")?;
        let max_messages = query.first("max").map(|text| {
            text.parse().map_err(|_| format!("`max` is how many messages at most, and `{text}` is no number"))
        });
        let all = query.first("all") == Some("1");
        let peek = PeekMessages {
            queue_url: format!("/{}/{queue}", scope.account),
            max_messages: max_messages.transpose()?,
            in_flight: all,
            delayed: all,
        };
        Ok(Self { scope, peek })
    }
}

pub(super) async fn peek(driver: &Driver, request: Request) -> Response<ResponseBody> {
    let command = Command::Sqs(sqs::Command::PeekMessages(request.peek));
    match driver.request(Arc::new(request.scope), command).await {
        Ok(Answer::Sqs(sqs::Response::Peeked(peeked))) => json_response(&PeekReport {
            messages: peeked.messages.iter().map(Seen::of).collect(),
            left_out: peeked.left_out as u64,
        }),
        Err(Error::Sqs(error)) => text_response(StatusCode::NOT_FOUND, error.to_string()),
        other => unexpected(&other),
    }
}

impl Seen {
    fn of(message: &PeekedMessage) -> Self {
        let (standing, until) = match message.standing {
            PeekedStanding::Visible => (Standing::Visible, None),
            PeekedStanding::InFlight { until } => (Standing::InFlight, Some(until)),
            PeekedStanding::Delayed { until } => (Standing::Delayed, Some(until)),
        };
        let shown = message.as_received();
        Self {
            message_id: shown.message_id,
            standing,
            until_ms: until.map(crate::model::Timestamp::as_millis),
            sent_ms: message.sent().as_millis(),
            receive_count: message.receive_count,
            body: shown.body.to_string(),
            attributes: shown.attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            message_attributes: shown
                .message_attributes
                .into_iter()
                .map(|(name, value)| (name, SeenAttribute::of(value)))
                .collect(),
        }
    }
}

impl SeenAttribute {
    fn of(attribute: MessageAttributeValue) -> Self {
        let in_base64 = |bytes: sqs::Blob| base64::engine::general_purpose::STANDARD.encode(bytes.0);
        let value = attribute.string_value.or_else(|| attribute.binary_value.map(in_base64));
        Self { data_type: attribute.data_type.unwrap_or_default(), value: value.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, Region};

    #[test]
    fn the_query_says_which_messages() {
        let default = Scope { account: AccountId::DEFAULT, region: Region::default() };
        let check = |uri: &str, expected: Result<(&str, Option<usize>, bool), &str>| {
            let head = http::Request::builder().uri(uri).body(()).unwrap().into_parts().0;
            let found = Request::parse(&Query::of(&head), &default);
            let found = found.as_ref().map(|request| {
                let peek = &request.peek;
                assert_eq!(peek.in_flight, peek.delayed);
                (peek.queue_url.as_str(), peek.max_messages, peek.delayed)
            });
            assert_eq!(found.map_err(String::as_str), expected, "{uri}");
        };
        check("/x?queue=q", Ok(("/000000000000/q", None, false)));
        check("/x?queue=q&max=5&all=1&account=123456789012", Ok(("/123456789012/q", Some(5), true)));
        check("/x?queue=q&max=-1", Err("`max` is how many messages at most, and `-1` is no number"));
        check("/x", Err("`queue` is missing: the name of the queue"));
    }
}
