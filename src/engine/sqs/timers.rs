//! What happens by itself: delays and leases end, messages grow too old, waits run out.

use super::{Cx, QueueId, Response, Sqs, SqsRecord, respond};
use crate::model::Timestamp;

impl Sqs {
    pub(in crate::engine) fn next_deadline(&self) -> Option<Timestamp> {
        let queues = self.deadlines.first().map(|(at, _)| *at);
        [queues, self.graves.next_expiry(), self.move_tasks.next_due()].into_iter().flatten().min()
    }

    pub(in crate::engine) fn fire_timers(&mut self, cx: &mut Cx<'_>) {
        while let Some((at, id)) = self.deadlines.first().copied()
            && at <= cx.now
        {
            self.deadlines.remove(&(at, id));
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.registered = None;
            }
            self.fire_queue(cx, id);
        }
        while let Some(queue) = self.graves.pop_expired(cx.now) {
            cx.record(SqsRecord::QueueRemoved { queue });
        }
        self.run_due_move_tasks(cx);
        self.settle(cx);
    }

    fn fire_queue(&mut self, cx: &mut Cx<'_>, id: QueueId) {
        let now = cx.now;
        while let Some(number) = self.expired_message(now, id) {
            self.remove_message(cx, id, number);
        }
        let Some(queue) = self.queues.get_mut(&id) else { return };
        while queue.messages.wake_one(now) {
            queue.has_news = true;
        }
        while let Some((queue, number)) = queue.deduplication.forget_expired(now) {
            cx.record(SqsRecord::DeduplicationRemoved { queue, number });
        }
        queue.attempts.forget_expired(now);
        self.touch(id);
        // What arrived in this very moment goes to those who wait before their waits run out.
        self.serve_waiters(cx, id);
        self.end_waits(cx, id);
    }

    fn expired_message(&self, now: Timestamp, id: QueueId) -> Option<u64> {
        let (expiry, number) = self.queues.get(&id)?.next_expiry()?;
        (expiry <= now).then_some(number)
    }

    fn end_waits(&mut self, cx: &mut Cx<'_>, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        while let Some(waiter) = queue.waiters.pop_timed_out(cx.now) {
            self.waiting.remove(&waiter.token);
            queue.totals.empty_receives += 1;
            respond(cx, waiter.token, Ok(Response::ReceiveMessage { messages: Vec::new() }));
        }
    }

    /// Registers the queue's next deadline unless one is registered that is early enough.
    pub(super) fn register_deadline(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let next = queue.next_deadline();
        let is_early_enough = match (queue.registered, next) {
            (Some(registered), Some(next)) => registered <= next,
            (None, None) => true,
            _ => false,
        };
        if is_early_enough {
            return;
        }
        if let Some(registered) = queue.registered {
            self.deadlines.remove(&(registered, id));
        }
        queue.registered = next;
        if let Some(next) = next {
            self.deadlines.insert((next, id));
        }
    }
}
