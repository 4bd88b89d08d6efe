//! What the mappings of the same account and region use instead of receives.

use super::{
    Cx, QueueId, ReceivedMessage, SendMessage, Sqs, SqsError, does_not_exist,
    receive::{AttributeSelection, SystemSelection, Take},
};
use crate::model::QueueArn;

/// Names one lease of one message: a stale lease's id matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId {
    /// The message's number in its queue.
    pub message: u64,
    /// Which of its leases.
    pub receive_count: u32,
}

/// What a mapping asks a queue for.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseRequest {
    pub max_messages: usize,
    /// Bodies and attributes together.
    pub max_bytes: usize,
}

/// A message leased to a mapping, until its visibility timeout or until it is deleted or released.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    pub id: LeaseId,
    /// As a receive with all attributes would give it.
    pub message: ReceivedMessage,
    /// The FIFO message group.
    pub group: Option<String>,
}

/// For the mappings of the same account and region.
impl Sqs {
    /// The queue of that ARN, when it exists here.
    pub(in crate::engine) fn queue_by_arn(&self, arn: &QueueArn) -> Option<QueueId> {
        let id = *self.by_name.get(&arn.name)?;
        self.queues.get(&id).filter(|queue| queue.arn == *arn).map(|_| id)
    }

    /// The queue's own visibility timeout, in seconds; `None` when it is gone.
    pub(in crate::engine) fn visibility_timeout_s(&self, queue: QueueId) -> Option<u32> {
        self.queues.get(&queue).map(|queue| queue.attributes().visibility_timeout_s)
    }

    /// Says whether some mapping polls the queue: only then does [`Sqs::next_ready`] name it.
    pub(in crate::engine) fn set_polled(&mut self, queue: QueueId, polled: bool) {
        let Some(found) = self.queues.get_mut(&queue) else { return };
        let starts = polled && !found.polled;
        found.polled = polled;
        if starts && found.messages.available() > 0 {
            self.ready.push_back(queue);
        }
    }

    /// Takes one polled queue in which messages became available since it was last named. When the caller leaves
    /// messages there for want of slots, it calls [`Sqs::lease`] again by itself once it has some.
    pub(in crate::engine) fn next_ready(&mut self) -> Option<QueueId> {
        loop {
            let id = self.ready.pop_front()?;
            if self.queues.get(&id).is_some_and(|queue| queue.polled && queue.messages.available() > 0) {
                return Some(id);
            }
        }
    }

    /// How many messages a lease could take now, at most; groups with a message in flight do not count.
    pub(in crate::engine) fn available(&self, queue: QueueId) -> usize {
        self.queues.get(&queue).map_or(0, |queue| queue.messages.available())
    }

    /// Leases up to the requested number of messages, in order, under the queue's own visibility timeout, moving what
    /// was received too often to the dead-letter queue. For FIFO queues one call gives messages of one group only: a
    /// batch holds its group.
    pub(in crate::engine) fn lease(&mut self, cx: &mut Cx<'_>, queue: QueueId, request: &LeaseRequest) -> Vec<Lease> {
        let take = Take {
            max_messages: request.max_messages,
            max_bytes: request.max_bytes,
            visibility_timeout_s: None,
            single_group: true,
        };
        let taken = self.take(cx, queue, &take);
        let leases = self.queues.get(&queue).map_or_else(Vec::new, |found| {
            let (system, attributes) = (SystemSelection::ALL, AttributeSelection::all());
            let lease = |id: &LeaseId| {
                let message = found.render(*id, self.run, system, &attributes)?;
                let group = found.is_fifo().then(|| found.messages.get(id.message)?.message.group().cloned()).flatten();
                Some(Lease { id: *id, message, group: group.map(|group| group.to_string()) })
            };
            taken.iter().filter_map(lease).collect()
        });
        self.settle(cx);
        leases
    }

    /// Deletes leased messages: they were handled.
    pub(in crate::engine) fn delete_leases(&mut self, cx: &mut Cx<'_>, queue: QueueId, leases: &[LeaseId]) {
        for lease in leases {
            if self.is_current(queue, *lease) {
                self.remove_deleted(cx, queue, lease.message);
            }
        }
        self.settle(cx);
    }

    /// Moves leased messages to their queue's dead-letter queue; without one they are gone.
    pub(in crate::engine) fn bury_leases(&mut self, cx: &mut Cx<'_>, queue: QueueId, leases: &[LeaseId]) {
        let target = self.dead_letter_queue(queue).map(|(target, _)| target);
        for lease in leases.iter().filter(|lease| self.is_current(queue, **lease)).copied().collect::<Vec<_>>() {
            let entry = self.queues.get(&queue).and_then(|queue| queue.messages.get(lease.message));
            let message = entry.map(|entry| std::sync::Arc::clone(&entry.message));
            self.remove_deleted(cx, queue, lease.message);
            if let (Some(target), Some(message)) = (target, message) {
                self.bury(cx, queue, target, &message);
            }
        }
        self.settle(cx);
    }

    /// Gives leased messages back: visible again after `delay_s` seconds from now.
    pub(in crate::engine) fn release_leases(
        &mut self,
        cx: &mut Cx<'_>,
        queue: QueueId,
        leases: &[LeaseId],
        delay_s: u32,
    ) {
        for lease in leases {
            if self.is_current(queue, *lease) {
                self.set_visibility(cx.now, queue, lease.message, delay_s);
            }
        }
        self.settle(cx);
    }

    /// Sends a message on the engine's own behalf: destinations and dead letters of functions.
    ///
    /// # Errors
    /// As `SendMessage`; the queue may be gone.
    pub(in crate::engine) fn send(
        &mut self,
        cx: &mut Cx<'_>,
        arn: &QueueArn,
        message: SendMessage,
    ) -> Result<(), SqsError> {
        let id = self.queue_by_arn(arn).ok_or_else(does_not_exist)?;
        let sent = self.send_to(cx, id, message.into());
        self.settle(cx);
        sent.map(|_| ())
    }

    /// Whether the lease still holds its message.
    fn is_current(&self, queue: QueueId, lease: LeaseId) -> bool {
        self.queues
            .get(&queue)
            .and_then(|queue| queue.messages.get(lease.message))
            .is_some_and(|entry| entry.leased_at().is_some() && entry.receive_count == lease.receive_count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        engine::{
            Effect, EngineConfig,
            sqs::{CreateQueue, SendMessage},
        },
        model::{AccountId, IdSource, Region, Scope, Timestamp},
    };

    /// A queue of the world, used as the mappings use it.
    struct World {
        sqs: Sqs,
        scope: Arc<Scope>,
        now_ms: u64,
        ids: IdSource,
        arn: QueueArn,
        id: QueueId,
    }

    impl World {
        fn new(name: &str) -> Self {
            let scope = Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() });
            let arn = QueueArn::parse(&format!("arn:aws:sqs:us-east-1:000000000000:{name}")).unwrap();
            let mut world =
                Self { sqs: Sqs::new(), scope, now_ms: 1000, ids: IdSource::new(1), arn: arn.clone(), id: QueueId(0) };
            let mut request = CreateQueue { queue_name: Some(name.to_owned()), ..CreateQueue::default() };
            if arn.name.is_fifo() {
                request.attributes.insert("FifoQueue".to_owned(), "true".to_owned());
            }
            world.act(|sqs, cx| sqs.create_queue(cx, request)).unwrap();
            world.id = world.sqs.queue_by_arn(&arn).unwrap();
            world.sqs.set_polled(world.id, true);
            world
        }

        fn act<T>(&mut self, act: impl FnOnce(&mut Sqs, &mut Cx<'_>) -> T) -> T {
            let (config, mut effects) = (EngineConfig::default(), Vec::<Effect>::new());
            let now = Timestamp::from_millis(self.now_ms);
            let mut cx = Cx { now, scope: &self.scope, config: &config, ids: &mut self.ids, effects: &mut effects };
            act(&mut self.sqs, &mut cx)
        }

        fn send(&mut self, group: Option<&str>, body: &str) {
            let message = SendMessage {
                message_body: Some(body.to_owned()),
                message_group_id: group.map(str::to_owned),
                message_deduplication_id: group.map(|_| body.to_owned()),
                ..SendMessage::default()
            };
            let arn = self.arn.clone();
            self.act(|sqs, cx| sqs.send(cx, &arn, message)).unwrap();
        }

        fn lease(&mut self, max_messages: usize, max_bytes: usize) -> Vec<Lease> {
            let id = self.id;
            self.act(|sqs, cx| sqs.lease(cx, id, &LeaseRequest { max_messages, max_bytes }))
        }
    }

    fn bodies(leases: &[Lease]) -> Vec<&str> {
        leases.iter().map(|lease| &*lease.message.body).collect()
    }

    fn ids(leases: &[Lease]) -> Vec<LeaseId> {
        leases.iter().map(|lease| lease.id).collect()
    }

    #[test]
    fn news_name_a_queue_once() {
        let mut world = World::new("q");
        assert_eq!(world.sqs.next_ready(), None);
        world.send(None, "a");
        assert_eq!(world.sqs.next_ready(), Some(world.id));
        assert_eq!(world.sqs.next_ready(), None, "it is for the mapping to come again");
        let held = world.lease(10, usize::MAX);
        assert_eq!((bodies(&held), world.sqs.available(world.id)), (vec!["a"], 0));
        let id = world.id;
        world.act(|sqs, cx| sqs.release_leases(cx, id, &ids(&held), 5));
        assert_eq!(world.sqs.next_ready(), None);
        world.now_ms += 5000;
        world.act(|sqs, cx| sqs.fire_timers(cx));
        assert_eq!(world.sqs.next_ready(), Some(id));
        world.act(|sqs, cx| sqs.delete_leases(cx, id, &ids(&held)));
        assert_eq!(world.sqs.available(id), 1, "a lease that ended deletes nothing");
        let held = world.lease(10, usize::MAX);
        world.act(|sqs, cx| sqs.delete_leases(cx, id, &ids(&held)));
        world.now_ms += 60_000;
        world.act(|sqs, cx| sqs.fire_timers(cx));
        assert_eq!(world.sqs.available(id), 0);
    }

    #[test]
    fn a_queue_that_nobody_polls_is_not_named() {
        let mut world = World::new("q");
        world.sqs.set_polled(world.id, false);
        world.send(None, "a");
        assert_eq!(world.sqs.next_ready(), None);
        world.sqs.set_polled(world.id, true);
        assert_eq!(world.sqs.next_ready(), Some(world.id), "what waited already is news to a new mapping");
    }

    #[test]
    fn bytes_bound_a_batch_but_one_message_always_goes() {
        let mut world = World::new("q");
        for body in ["aaaa", "bbbb", "cccc"] {
            world.send(None, body);
        }
        assert_eq!(bodies(&world.lease(10, 8)), ["aaaa", "bbbb"]);
        assert_eq!(bodies(&world.lease(10, 1)), ["cccc"]);
    }

    #[test]
    fn a_batch_of_a_fifo_queue_is_of_one_group() {
        let mut world = World::new("q.fifo");
        for body in ["a1", "b1", "a2"] {
            world.send(Some(&body[..1]), body);
        }
        let first = world.lease(10, usize::MAX);
        assert_eq!((bodies(&first), first[0].group.as_deref()), (vec!["a1", "a2"], Some("a")));
        assert_eq!(world.sqs.available(world.id), 1);
        assert_eq!(bodies(&world.lease(10, usize::MAX)), ["b1"]);
        assert_eq!(world.lease(10, usize::MAX), []);
        let id = world.id;
        world.act(|sqs, cx| sqs.release_leases(cx, id, &ids(&first), 0));
        assert_eq!(bodies(&world.lease(1, usize::MAX)), ["a1"], "in order again");
    }
}
