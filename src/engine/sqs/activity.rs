//! What each queue holds and what passes through it. For people who look, so it walks over queues, a bounded number at a
//! time; nothing in it costs in proportion to what they hold.

use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::{Response, Sqs, queue::Queue};
use crate::{
    engine::Cx,
    model::{QueueName, Timestamp},
};

/// Queues that one answer describes at most.
const QUEUES_MAX: usize = 1_000;

/// A part of the queues of an account and region, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeQueues {
    /// Begin after this one.
    pub after: Option<QueueName>,
}

/// What happened in a queue in this run of the engine, as CloudWatch's metrics of SQS count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// By clients; not what was moved here.
    pub sent: u64,
    /// By clients and mappings, each time.
    pub received: u64,
    pub deleted: u64,
    /// Receives that got nothing.
    #[serde(default)]
    pub empty_receives: u64,
    /// Bodies and attributes of what was sent.
    #[serde(default)]
    pub sent_bytes: u64,
    /// Sends to a FIFO queue that repeated an earlier one.
    #[serde(default)]
    pub deduplicated: u64,
}

/// What a queue holds, and what passed through it in the last minute of this run of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueActivity {
    pub name: QueueName,
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
    /// Message groups of a FIFO queue with a message in flight.
    pub groups_in_flight: usize,
    /// How long ago the oldest message was sent, in milliseconds.
    pub oldest_age_ms: Option<u64>,
    /// Messages that were sent to it or moved here.
    pub arrived_per_minute: u64,
    /// Messages that were deleted by their receivers.
    pub deleted_per_minute: u64,
    pub totals: Totals,
}

impl Sqs {
    pub(super) fn describe_queues(&self, cx: &Cx<'_>, request: &DescribeQueues) -> Response {
        let start = request.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut queues =
            self.by_name.range::<QueueName, _>((start, Bound::Unbounded)).filter_map(|(_, id)| self.queues.get(id));
        let described = queues.by_ref().take(QUEUES_MAX).map(|queue| queue.activity(cx.now)).collect();
        Response::QueueActivity { queues: described, is_last: queues.next().is_none() }
    }
}

impl Queue {
    fn activity(&self, now: Timestamp) -> QueueActivity {
        QueueActivity {
            name: self.stored.name.clone(),
            visible: self.messages.visible(),
            in_flight: self.messages.in_flight(),
            delayed: self.messages.delayed(),
            groups_in_flight: self.messages.groups_in_flight(),
            oldest_age_ms: self.messages.oldest().map(|(sent, _)| now.millis_since(sent)),
            arrived_per_minute: self.arrived.per_minute(now),
            deleted_per_minute: self.deleted.per_minute(now),
            totals: self.totals,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Command, SendMessage,
            harness::{Harness, message},
        },
        *,
    };

    fn describe(harness: &mut Harness, after: Option<&str>) -> (Vec<QueueActivity>, bool) {
        let after = after.map(|name| QueueName::parse(name).unwrap());
        match harness.call(Command::DescribeQueues(DescribeQueues { after })) {
            Ok(Response::QueueActivity { queues, is_last }) => (queues, is_last),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn depth_age_and_rates() {
        let mut harness = Harness::new();
        harness.create("q", &[]).unwrap();
        for body in ["a", "b", "c"] {
            harness.call(Command::SendMessage(message("q", body))).unwrap();
            harness.now_ms += 1000;
        }
        let handle = harness.receive("q", 1)[0].receipt_handle.clone();
        harness.delete("q", &handle).unwrap();
        harness.receive("q", 1);
        let (queues, is_last) = describe(&mut harness, None);
        assert!(is_last);
        let expected = QueueActivity {
            name: QueueName::parse("q").unwrap(),
            visible: 1,
            in_flight: 1,
            delayed: 0,
            groups_in_flight: 0,
            oldest_age_ms: Some(2000),
            arrived_per_minute: 3,
            deleted_per_minute: 1,
            totals: Totals { sent: 3, received: 2, deleted: 1, empty_receives: 0, sent_bytes: 3, deduplicated: 0 },
        };
        assert_eq!(queues, [expected]);
    }

    #[test]
    fn groups_in_flight_and_repeated_sends_of_a_fifo_queue() {
        let mut harness = Harness::new();
        harness.create("q.fifo", &[("FifoQueue", "true")]).unwrap();
        let send = |harness: &mut Harness, group: &str, id: &str| {
            let message = message("q.fifo", id);
            harness
                .call(Command::SendMessage(SendMessage {
                    message_group_id: Some(group.to_owned()),
                    message_deduplication_id: Some(id.to_owned()),
                    ..message
                }))
                .unwrap();
        };
        for (group, id) in [("a", "1"), ("a", "2"), ("b", "3"), ("c", "4"), ("a", "1")] {
            send(&mut harness, group, id);
        }
        let seen = |harness: &mut Harness| {
            let (queues, _) = describe(harness, None);
            (queues[0].groups_in_flight, queues[0].totals.deduplicated, queues[0].totals.sent)
        };
        assert_eq!(seen(&mut harness), (0, 1, 4));
        let received = harness.receive("q.fifo", 3);
        assert_eq!((received.len(), seen(&mut harness).0), (3, 2), "two of group a, and one of b");
        for message in &received[..2] {
            harness.delete("q.fifo", &message.receipt_handle).unwrap();
        }
        assert_eq!(seen(&mut harness).0, 1);
        harness.now_ms += 30_000;
        assert_eq!(harness.receive("q.fifo", 10).len(), 2, "its visibility timeout is over");
        assert_eq!(seen(&mut harness).0, 2);
    }

    #[test]
    fn a_thousand_at_a_time() {
        let mut harness = Harness::new();
        for number in 0..=QUEUES_MAX {
            harness.create(&format!("q{number:04}"), &[]).unwrap();
        }
        let (first, is_last) = describe(&mut harness, None);
        assert_eq!((first.len(), is_last), (QUEUES_MAX, false));
        let (rest, is_last) = describe(&mut harness, Some(first.last().unwrap().name.as_str()));
        assert_eq!((rest.len(), rest[0].name.as_str(), is_last), (1, "q1000", true));
    }
}
