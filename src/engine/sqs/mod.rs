//! SQS: queues and their messages. Pure.
//!
//! A command changes queues and marks them as touched; `Sqs::settle` then serves the receives that wait at them, tells
//! the mappings, and registers the next deadline of each. Nothing looks at a queue that nothing happened to.

mod activity;
mod api;
mod attempts;
mod attributes;
mod dedup;
mod error;
mod leases;
mod mapping;
mod md5;
mod messages;
mod meter;
mod move_tasks;
mod peek;
mod permissions;
mod policy;
mod queue;
mod queues;
mod receipt;
mod receive;
mod records;
mod redrive;
mod restore;
mod send;
mod settings;
mod timers;
mod validate;
mod waiters;

#[cfg(test)]
mod harness;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use activity::{DescribeQueues, QueueActivity, Totals};
pub use api::*;
pub use attributes::{Encryption, FifoAttributes, QueueAttributes};
pub use error::{SqsError, SqsErrorKind};
pub use mapping::{Lease, LeaseId, LeaseRequest};
pub use move_tasks::MoveTaskStatus;
pub use peek::{PEEK_MAX_BYTES, PEEK_MAX_MESSAGES, PeekMessages, Peeked, PeekedMessage, PeekedStanding};
pub use records::{
    MessageDetails, SqsRecord, StoredDeduplication, StoredMessage, StoredMoveTask, StoredQueue, StoredReceives,
};
pub use redrive::{RedriveAllowPolicy, RedrivePolicy};

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use self::{move_tasks::MoveTasks, queue::Queue, queues::Graves};
use super::{
    Cx, RequestToken,
    index::{Index, Ordered},
};
use crate::model::{AccountId, QueueName, Scope, Timestamp};

/// Names a queue inside its account and region; not reused when a queue of the same name is created again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueueId(pub u64);

/// The queues of one account and region.
#[derive(Debug, Default)]
pub struct Sqs {
    queues: Ordered<QueueId, Queue>,
    by_name: Ordered<QueueName, QueueId>,
    graves: Graves,
    last_id: u64,
    /// At most one entry a queue, never later than its next deadline: a fired one that comes too early is a no-op.
    deadlines: BTreeSet<(Timestamp, QueueId)>,
    /// Queues to settle before the turn ends.
    touched: VecDeque<QueueId>,
    /// Polled queues with news.
    ready: VecDeque<QueueId>,
    /// Where each waiting receive stands.
    waiting: Index<RequestToken, (QueueId, u64)>,
    move_tasks: MoveTasks,
    /// Which run of the engine this is: when it was restored, in milliseconds, and zero before the first restore.
    run: u64,
}

/// For clients.
impl Sqs {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn request(&mut self, cx: &mut Cx<'_>, token: RequestToken, command: Command) {
        let reply = match command {
            Command::ReceiveMessage(request) => self.receive(cx, token, &request).transpose(),
            other => Some(self.answer(cx, other)),
        };
        if let Some(reply) = reply {
            respond(cx, token, reply);
        }
        self.settle(cx);
    }

    /// Carries out everything but receives, which may wait.
    fn answer(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, SqsError> {
        match command {
            Command::AddPermission(request) => self.add_permission(cx, &request),
            Command::CancelMessageMoveTask(request) => self.cancel_move_task(cx, &request),
            Command::ChangeMessageVisibility(request) => self.change_visibility(cx, &request),
            Command::ChangeMessageVisibilityBatch(request) => self.change_visibility_batch(cx, request),
            Command::CreateQueue(request) => self.create_queue(cx, request),
            Command::DeleteMessage(request) => self.delete_message(cx, &request),
            Command::DeleteMessageBatch(request) => self.delete_message_batch(cx, request),
            Command::DeleteQueue(request) => self.delete_queue(cx, &request),
            Command::DescribeQueues(request) => Ok(self.describe_queues(cx, &request)),
            Command::GetQueueAttributes(request) => self.get_queue_attributes(cx, &request),
            Command::GetQueueUrl(request) => self.get_queue_url(cx, &request),
            Command::ListDeadLetterSourceQueues(request) => self.list_dead_letter_source_queues(cx, &request),
            Command::ListMessageMoveTasks(request) => self.list_move_tasks(cx, &request),
            Command::ListQueueTags(request) => self.list_queue_tags(cx, &request),
            Command::ListQueues(request) => self.list_queues(&request),
            Command::PeekMessages(request) => self.peek(cx, &request),
            Command::PurgeQueue(request) => self.purge_queue(cx, &request),
            Command::ReceiveMessage(_) => unreachable!("receives are carried out by `receive`"),
            Command::RemovePermission(request) => self.remove_permission(cx, &request),
            Command::SendMessage(request) => self.send_message(cx, request),
            Command::SendMessageBatch(request) => self.send_message_batch(cx, request),
            Command::SetQueueAttributes(request) => self.set_queue_attributes(cx, &request),
            Command::StartMessageMoveTask(request) => self.start_move_task(cx, &request),
            Command::TagQueue(request) => self.tag_queue(cx, request),
            Command::UntagQueue(request) => self.untag_queue(cx, &request),
        }
    }

    pub(super) fn client_gone(&mut self, cx: &mut Cx<'_>, token: RequestToken) {
        let Some((id, turn)) = self.waiting.remove(&token) else { return };
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.waiters.remove(turn);
            self.touch(id);
        }
        self.settle(cx);
    }
}

impl Sqs {
    /// The queue that a URL names.
    fn resolve(&self, scope: &Scope, url: &str) -> Result<QueueId, SqsError> {
        if url.is_empty() {
            return Err(validate::missing("QueueUrl"));
        }
        let mut segments = url.trim_end_matches('/').rsplit('/');
        let name = segments.next().unwrap_or_default();
        let account = segments.next().and_then(AccountId::parse);
        if account.is_some_and(|account| account != scope.account) {
            return Err(does_not_exist());
        }
        self.by_name.get(name).copied().ok_or_else(does_not_exist)
    }

    fn resolve_ref(&self, scope: &Scope, url: &str) -> Result<&Queue, SqsError> {
        let id = self.resolve(scope, url)?;
        self.queues.get(&id).ok_or_else(does_not_exist)
    }

    /// Marks a queue to be settled.
    fn touch(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id)
            && !queue.is_touched
        {
            queue.is_touched = true;
            self.touched.push_back(id);
        }
    }

    /// Marks a queue in which messages may have become available.
    fn touch_with_news(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.has_news = true;
        }
        self.touch(id);
    }

    /// Serves the receives that wait at touched queues, then tells the mappings; serving may touch further queues.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        while let Some(id) = self.touched.pop_front() {
            if let Some(queue) = self.queues.get_mut(&id) {
                queue.is_touched = false;
            }
            self.serve_waiters(cx, id);
            self.announce(id);
            self.register_deadline(id);
        }
    }

    fn announce(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if std::mem::take(&mut queue.has_news) && queue.polled && queue.messages.available() > 0 {
            self.ready.push_back(id);
        }
    }
}

fn respond(cx: &mut Cx<'_>, token: RequestToken, reply: Result<Response, SqsError>) {
    cx.reply(token, reply.map(super::Response::Sqs).map_err(super::Error::Sqs));
}

fn does_not_exist() -> SqsError {
    SqsError::new(SqsErrorKind::QueueDoesNotExist, "The specified queue does not exist.")
}
