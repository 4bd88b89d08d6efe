//! What was sent and not yet handled, and the order of what has one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A queue and one of its groups.
type Group = (usize, u64);

pub(super) struct Queues {
    count: usize,
    sent: BTreeMap<Group, u64>,
    /// By group: those of standard queues have an order nobody has to keep.
    unhandled: BTreeMap<Group, BTreeSet<u64>>,
}

/// Whether the queue of that number is FIFO.
pub(super) fn is_fifo(queue: usize) -> bool {
    queue.is_multiple_of(3)
}

impl Queues {
    pub(super) fn new(count: usize) -> Self {
        Self { count, sent: BTreeMap::new(), unhandled: BTreeMap::new() }
    }

    /// The body of the next message, and its group in a FIFO queue.
    pub(super) fn sent(&mut self, queue: usize, group: u64) -> (String, Option<String>) {
        assert!(queue < self.count);
        let number = self.sent.entry((queue, group)).or_default();
        *number += 1;
        self.unhandled.entry((queue, group)).or_default().insert(*number);
        (format!("{queue} {group} {number}"), is_fifo(queue).then(|| group.to_string()))
    }

    /// The bodies of an event's records; none when it is no queue's. Those of a FIFO group go on where the last handled one
    /// ended: nothing is left out and nothing comes early.
    pub(super) fn delivered(&mut self, payload: &[u8]) -> Vec<String> {
        let event: Value = serde_json::from_slice(payload).unwrap();
        let Some(records) = event["Records"].as_array() else { return Vec::new() };
        let bodies: Vec<String> = records.iter().map(|record| record["body"].as_str().unwrap().to_owned()).collect();
        let mut next: BTreeMap<Group, u64> = BTreeMap::new();
        for body in &bodies {
            let (group, number) = parse(body);
            if is_fifo(group.0) {
                let first = self.unhandled.get(&group).and_then(|numbers| numbers.first()).copied();
                let latest = next.get(&group).copied().or(first).unwrap_or(number);
                assert!(number <= latest, "{body} came before {latest} of its group");
                next.insert(group, number + 1);
            }
        }
        bodies
    }

    pub(super) fn handled(&mut self, bodies: &[String]) {
        for body in bodies {
            let (group, number) = parse(body);
            if let Some(numbers) = self.unhandled.get_mut(&group) {
                numbers.remove(&number);
            }
        }
    }

    pub(super) fn assert_all_handled(&self) {
        let lost: Vec<_> = self.unhandled.iter().filter(|(_, numbers)| !numbers.is_empty()).collect();
        assert!(lost.is_empty(), "never handled: {lost:?}");
    }
}

fn parse(body: &str) -> (Group, u64) {
    let mut parts = body.split(' ').map(|part| part.parse::<u64>().unwrap());
    let mut next = || parts.next().unwrap();
    ((usize::try_from(next()).unwrap(), next()), next())
}
