//! What has to hold, kept beside the engine and told of every acknowledgement and delivery.

use std::collections::{BTreeMap, BTreeSet};

use stackctl::model::Timestamp;

/// Which of the three queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Queue {
    /// Standard, with a function that reports partial failures, and a dead-letter queue.
    Worked,
    /// FIFO, with a function, and without a dead-letter queue.
    Ordered,
    /// Standard, received by clients.
    Pulled,
}

/// A message by its body, which is unique.
pub(crate) type Body = String;

/// The audit.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    sent: BTreeMap<Body, Queue>,
    done: BTreeSet<Body>,
    dead: BTreeSet<Body>,
    /// Who holds a message: an invocation, or a client until a time.
    held: BTreeMap<Body, Hold>,
    deliveries: BTreeMap<Body, u32>,
    /// Per group of the FIFO queue, what was sent and is not done, in order.
    groups: BTreeMap<String, Vec<Body>>,
    /// Tokens of requests that were not answered yet.
    unanswered: BTreeSet<u64>,
    answered: BTreeSet<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hold {
    Invocation(String),
    Client { until: Timestamp },
}

impl Audit {
    pub(crate) fn sent(&mut self, queue: Queue, group: Option<&str>, body: &str) {
        self.sent.insert(body.to_owned(), queue);
        if let Some(group) = group {
            self.groups.entry(group.to_owned()).or_default().push(body.to_owned());
        }
    }

    pub(crate) fn invoked(&mut self, now: Timestamp, request_id: &str, group: Option<&str>, body: &str) {
        self.delivered(now, body, Hold::Invocation(request_id.to_owned()));
        if let Some(group) = group {
            let waiting = &self.groups[group];
            let ahead: Vec<_> = waiting.iter().take_while(|waiting| *waiting != body).collect();
            // What stands before it is in the same batch, which is given in order.
            for before in ahead {
                let same = self.held.get(before) == Some(&Hold::Invocation(request_id.to_owned()));
                assert!(same, "`{body}` of group `{group}` overtook `{before}`");
            }
        }
    }

    pub(crate) fn received(&mut self, now: Timestamp, until: Timestamp, body: &str) {
        self.delivered(now, body, Hold::Client { until });
    }

    fn delivered(&mut self, now: Timestamp, body: &str, hold: Hold) {
        assert!(self.sent.contains_key(body), "`{body}` was never acknowledged, and is delivered");
        assert!(!self.done.contains(body), "`{body}` was acknowledged as deleted, and comes again");
        if let Some(holder) = self.held.get(body) {
            let is_over = matches!(holder, Hold::Client { until } if *until <= now);
            assert!(is_over, "`{body}` is given to {hold:?} at {now:?} while {holder:?} has it");
        }
        self.held.insert(body.to_owned(), hold);
        *self.deliveries.entry(body.to_owned()).or_default() += 1;
    }

    /// The holder is done with it, whatever came of it.
    pub(crate) fn released(&mut self, body: &str) {
        self.held.remove(body);
    }

    /// It was handled or deleted, and that was acknowledged.
    pub(crate) fn done(&mut self, body: &str) {
        self.held.remove(body);
        self.done.insert(body.to_owned());
        for waiting in self.groups.values_mut() {
            waiting.retain(|waiting| waiting != body);
        }
    }

    pub(crate) fn is_done(&self, body: &str) -> bool {
        self.done.contains(body)
    }

    pub(crate) fn dead(&mut self, body: &str) {
        assert_eq!(self.sent[body], Queue::Worked, "`{body}` has no dead-letter queue");
        assert!(!self.done.contains(body), "`{body}` was handled, and is in the dead-letter queue");
        assert!(self.dead.insert(body.to_owned()), "`{body}` is in the dead-letter queue twice");
    }

    pub(crate) fn asked(&mut self, token: u64) {
        self.unanswered.insert(token);
    }

    pub(crate) fn answered(&mut self, token: u64) {
        assert!(self.unanswered.remove(&token), "request {token} is answered, and nobody waits for it");
        assert!(self.answered.insert(token), "request {token} is answered twice");
    }

    /// The engine died: nobody holds anything, and nobody is answered any more.
    pub(crate) fn crashed(&mut self) {
        self.held.clear();
        self.unanswered.clear();
    }

    pub(crate) fn forget(&mut self, token: u64) {
        self.unanswered.remove(&token);
    }

    /// Everything that was acknowledged and has neither been handled nor is dead.
    pub(crate) fn missing(&self) -> Vec<&Body> {
        self.sent.keys().filter(|body| !self.done.contains(*body) && !self.dead.contains(*body)).collect()
    }

    pub(crate) fn assert_complete(&self) {
        let missing = self.missing();
        assert!(missing.is_empty(), "{} messages were acknowledged and are gone: {missing:?}", missing.len());
        assert!(self.unanswered.is_empty(), "requests without an answer: {:?}", self.unanswered);
    }

    pub(crate) fn assert_nothing_came_twice(&self) {
        // What clients pull and leave comes again by itself.
        let by_functions = |body: &str| self.sent[body] != Queue::Pulled;
        let deliveries = self.deliveries.iter().filter(|(body, _)| by_functions(body));
        let twice: Vec<_> = deliveries.filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "delivered more than once, without a fault: {twice:?}");
        assert!(self.dead.is_empty());
    }
}
