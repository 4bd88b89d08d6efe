//! Looking at messages without touching them: no lease, no receive counted, no record, no reply that waits. Not an operation
//! of SQS, which has none for this.
//!
//! A look costs in proportion to what it returns and to what it passes over, and both are bounded. What is returned shares
//! its bodies with the queue and is rendered by whoever asked, outside the transition.

use std::sync::Arc;

use super::{
    MessageAttributeValue, ReceivedMessage, Response, Sqs, SqsError, StoredMessage, md5, messages::Spot, queue::Queue,
    receive::system_attribute, send::uuid_text,
};
use crate::{
    engine::Cx,
    model::{AccountId, Timestamp},
};

/// Messages that one look returns at most.
pub const PEEK_MAX_MESSAGES: usize = 1_000;
/// Bytes of bodies and attributes that one look returns at most; a larger first message is returned all the same.
pub const PEEK_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Messages that one look passes over at most because they are in flight or delayed.
const PASSED_OVER_MAX: usize = 20_000;
/// Where a receipt handle would stand. It is none.
const NO_RECEIPT_HANDLE: &str = "SQS/BACKDOOR/ACCESS";
/// The system attributes of a message that was looked at, in the order in which they are shown.
const SHOWN_ATTRIBUTES: [&str; 7] = [
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// Which messages to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeekMessages {
    pub queue_url: String,
    /// [`PEEK_MAX_MESSAGES`] when there is no lower one.
    pub max_messages: Option<usize>,
    /// Those that somebody received, too.
    pub in_flight: bool,
    /// Those whose delay has not ended, too.
    pub delayed: bool,
}

/// What was seen, in the order of sending.
#[derive(Clone, Debug, PartialEq)]
pub struct Peeked {
    pub messages: Vec<PeekedMessage>,
    /// Messages of the wanted kinds that are there and were not returned.
    pub left_out: usize,
}

/// A message where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PeekedMessage {
    pub standing: PeekedStanding,
    pub receive_count: u32,
    /// `None` when it never was.
    pub first_received: Option<Timestamp>,
    message: Arc<StoredMessage>,
    account: AccountId,
    is_fifo: bool,
}

/// What a message waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeekedStanding {
    /// To be received.
    Visible,
    /// The end of its lease, or its deletion.
    InFlight { until: Timestamp },
    /// The end of its delay.
    Delayed { until: Timestamp },
}

impl PeekedMessage {
    /// When it was sent.
    pub fn sent(&self) -> Timestamp {
        self.message.sent
    }

    /// The message as a receive with all attributes would give it, but with a receipt handle that is none.
    pub fn as_received(&self) -> ReceivedMessage {
        let message = &self.message;
        let attributes: Vec<(String, MessageAttributeValue)> =
            message.details.as_ref().map_or_else(Vec::new, |details| {
                details.attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
            });
        let first_received = self.first_received.map_or(0, Timestamp::as_millis);
        let counts = [
            ("ApproximateReceiveCount", self.receive_count.to_string()),
            ("ApproximateFirstReceiveTimestamp", first_received.to_string()),
        ];
        let of_message = SHOWN_ATTRIBUTES.into_iter().filter_map(|name| {
            let value = system_attribute(message, self.account, self.is_fifo, name)?;
            Some((name, value))
        });
        ReceivedMessage {
            message_id: uuid_text(message.id),
            receipt_handle: NO_RECEIPT_HANDLE.to_owned(),
            md5_of_body: md5::hex(message.body_md5),
            body: Arc::clone(&message.body),
            attributes: of_message.chain(counts).collect(),
            md5_of_message_attributes: md5::of_attributes(attributes.iter().map(|(name, value)| (name, value))),
            message_attributes: attributes,
        }
    }
}

impl Sqs {
    pub(super) fn peek(&self, cx: &Cx<'_>, request: &PeekMessages) -> Result<Response, SqsError> {
        let queue = self.resolve_ref(cx.scope, &request.queue_url)?;
        Ok(Response::Peeked(queue.peek(request)))
    }
}

impl Queue {
    fn peek(&self, request: &PeekMessages) -> Peeked {
        let max_messages = request.max_messages.unwrap_or(PEEK_MAX_MESSAGES).min(PEEK_MAX_MESSAGES);
        let mut there = self.messages.visible();
        if request.in_flight {
            there += self.messages.in_flight();
        }
        if request.delayed {
            there += self.messages.delayed();
        }
        let (mut messages, mut bytes, mut passed_over) = (Vec::new(), 0, 0);
        for (_, entry) in self.messages.numbers() {
            // The counts say when there is nothing more to find.
            if messages.len() == max_messages.min(there) || passed_over == PASSED_OVER_MAX {
                break;
            }
            let standing = match entry.spot() {
                Spot::Ready => PeekedStanding::Visible,
                Spot::InFlight { until } if request.in_flight => PeekedStanding::InFlight { until },
                Spot::Delayed { until } if request.delayed => PeekedStanding::Delayed { until },
                Spot::InFlight { .. } | Spot::Delayed { .. } => {
                    passed_over += 1;
                    continue;
                }
            };
            bytes += entry.message.bytes();
            if bytes > PEEK_MAX_BYTES && !messages.is_empty() {
                break;
            }
            messages.push(PeekedMessage {
                standing,
                receive_count: entry.receive_count,
                first_received: (entry.receive_count > 0).then(|| entry.first_received()),
                message: Arc::clone(&entry.message),
                account: self.arn.scope.account,
                is_fifo: self.is_fifo(),
            });
        }
        Peeked { left_out: there - messages.len(), messages }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Command, SendMessage,
            harness::{Harness, message, url},
        },
        *,
    };

    fn peek(harness: &mut Harness, change: impl FnOnce(&mut PeekMessages)) -> Peeked {
        let mut request = PeekMessages { queue_url: url("q"), ..PeekMessages::default() };
        change(&mut request);
        match harness.call(Command::PeekMessages(request)) {
            Ok(Response::Peeked(peeked)) => peeked,
            other => panic!("{other:?}"),
        }
    }

    fn check(harness: &mut Harness, change: impl FnOnce(&mut PeekMessages), expected: &str) {
        let peeked = peek(harness, change);
        let shown = peeked.messages.iter().map(|message| {
            let standing = match message.standing {
                PeekedStanding::Visible => "",
                PeekedStanding::InFlight { .. } => " in flight",
                PeekedStanding::Delayed { .. } => " delayed",
            };
            format!("{}{standing} x{}", message.message.body, message.receive_count)
        });
        let shown = shown.collect::<Vec<_>>().join(", ");
        assert_eq!(format!("{shown}; {} left out", peeked.left_out), expected);
    }

    fn queue_of_three() -> Harness {
        let mut harness = Harness::new();
        harness.create("q", &[]).unwrap();
        for body in ["first", "second"] {
            harness.call(Command::SendMessage(message("q", body))).unwrap();
        }
        let delayed = SendMessage { delay_seconds: Some(60), ..message("q", "third") };
        harness.call(Command::SendMessage(delayed)).unwrap();
        harness
    }

    #[test]
    fn what_is_wanted_is_shown_where_it_stands() {
        let mut harness = queue_of_three();
        check(&mut harness, |_| {}, "first x0, second x0; 0 left out");
        check(&mut harness, |request| request.max_messages = Some(1), "first x0; 1 left out");
        assert_eq!(harness.bodies("q", 1), ["first"]);
        check(&mut harness, |_| {}, "second x0; 0 left out");
        check(&mut harness, |request| request.in_flight = true, "first in flight x1, second x0; 0 left out");
        check(&mut harness, |request| request.delayed = true, "second x0, third delayed x0; 0 left out");
    }

    #[test]
    fn a_look_changes_nothing() {
        let mut harness = queue_of_three();
        let (written, before) = (harness.records_written, format!("{:?}", harness.engine));
        peek(&mut harness, |request| (request.in_flight, request.delayed) = (true, true));
        assert_eq!(harness.records_written, written);
        assert_eq!(format!("{:?}", harness.engine), before);
    }

    #[test]
    fn a_look_is_bounded() {
        let mut harness = Harness::new();
        harness.create("q", &[]).unwrap();
        let body = "x".repeat(1024 * 1024);
        for _ in 0..10 {
            harness.call(Command::SendMessage(message("q", &body))).unwrap();
        }
        let peeked = peek(&mut harness, |_| {});
        assert_eq!((peeked.messages.len(), peeked.left_out), (8, 2));
        let peeked = peek(&mut harness, |request| request.max_messages = Some(usize::MAX));
        assert_eq!((peeked.messages.len(), peeked.left_out), (8, 2));
    }

    #[test]
    fn a_seen_message_has_all_attributes_and_no_handle() {
        let mut harness = Harness::new();
        harness.create("q.fifo", &[("FifoQueue", "true"), ("ContentBasedDeduplication", "true")]).unwrap();
        let sent = SendMessage { message_group_id: Some("g".into()), ..message("q.fifo", "body") };
        harness.call(Command::SendMessage(sent)).unwrap();
        let peeked = peek(&mut harness, |request| request.queue_url = url("q.fifo"));
        let shown = peeked.messages[0].as_received();
        let names: Vec<_> = shown.attributes.iter().map(|(name, _)| *name).collect();
        #[rustfmt::skip]
        assert_eq!(names, [
            "SenderId", "SentTimestamp", "SequenceNumber", "MessageDeduplicationId", "MessageGroupId",
            "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
        ]);
        assert_eq!((&*shown.body, shown.md5_of_body.as_str()), ("body", "841a2d689ad86bd1611447453c22c6fc"));
        assert!(harness.delete("q.fifo", &shown.receipt_handle).is_err());
    }

    #[test]
    fn a_queue_that_is_not_there() {
        let mut harness = Harness::new();
        let refused = harness.call(Command::PeekMessages(PeekMessages { queue_url: url("q"), ..Default::default() }));
        assert_eq!(refused.unwrap_err().to_string(), super::super::does_not_exist().to_string());
    }
}
