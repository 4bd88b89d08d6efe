//! Queues come and go: create, find, list, purge, delete, and the names that must rest for a minute.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Bound,
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    CreateQueue, Cx, GetQueueUrl, ListDeadLetterSourceQueues, ListQueues, QueueAttributes, QueueId, QueueOnly,
    QueuePage, Response, Sqs, SqsError, SqsErrorKind, SqsRecord, StoredQueue, attributes, does_not_exist, queue::Queue,
    respond, validate,
};
use crate::model::{AccountId, QueueName, Timestamp};

/// How long a deleted name rests, and how long after a purge the next is refused, in seconds.
const REST_S: u64 = 60;
const PAGE_MAX: u32 = 1000;

/// Deleted names that cannot be used again yet.
#[derive(Debug, Default)]
pub(super) struct Graves {
    by_name: BTreeMap<QueueName, QueueId>,
    by_age: VecDeque<(Timestamp, QueueName, QueueId)>,
}

impl Graves {
    pub(super) fn add(&mut self, deleted: Timestamp, name: QueueName, id: QueueId) {
        self.by_name.insert(name.clone(), id);
        let expiry = deleted.plus_secs(REST_S);
        let place = self.by_age.partition_point(|(earlier, ..)| *earlier <= expiry);
        self.by_age.insert(place, (expiry, name, id));
    }

    pub(super) fn pop_expired(&mut self, now: Timestamp) -> Option<QueueId> {
        if self.next_expiry()? > now {
            return None;
        }
        let (_, name, id) = self.by_age.pop_front()?;
        self.by_name.remove(&name);
        Some(id)
    }

    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.by_age.front().map(|(expiry, ..)| *expiry)
    }
}

impl Sqs {
    pub(super) fn create_queue(&mut self, cx: &mut Cx<'_>, request: CreateQueue) -> Result<Response, SqsError> {
        let text = validate::required("QueueName", request.queue_name.as_deref())?;
        let is_fifo = request.attributes.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let name = validate::new_queue_name(text, is_fifo)?;
        if let Some(existing) = self.by_name.get(&name).and_then(|id| self.queues.get(id)) {
            return compare_with_existing(existing, &request.attributes);
        }
        if self.graves.by_name.contains_key(&name) {
            return Err(SqsError::new(
                SqsErrorKind::QueueDeletedRecently,
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ));
        }
        validate::tags(text, &request.tags)?;
        let attributes = QueueAttributes::new(is_fifo).with(request.attributes.iter())?;
        let id = QueueId((self.last_id + 1).max(cx.now.as_millis()));
        let stored = Arc::new(StoredQueue {
            id,
            name: name.clone(),
            created: cx.now,
            modified: cx.now,
            deleted: None,
            purged: None,
            attributes,
            tags: request.tags,
        });
        let queue = Queue::new(Arc::clone(&stored), cx.scope);
        if request.attributes.contains_key("RedrivePolicy") {
            self.check_dead_letter_target(&queue.arn, &stored.attributes, request.attributes.get("RedrivePolicy"))?;
        }
        self.last_id = id.0;
        self.by_name.insert(name.clone(), id);
        self.queues.insert(id, queue);
        cx.record(SqsRecord::Queue(stored));
        Ok(Response::CreateQueue { queue: name })
    }

    pub(super) fn get_queue_url(&self, cx: &Cx<'_>, request: &GetQueueUrl) -> Result<Response, SqsError> {
        let name = validate::required("QueueName", request.queue_name.as_deref())?;
        let owner = match request.queue_owner_aws_account_id.as_deref().filter(|text| !text.is_empty()) {
            None => cx.scope.account,
            Some(text) => AccountId::parse(text).ok_or_else(does_not_exist)?,
        };
        match self.by_name.get(name).and_then(|id| self.queues.get(id)) {
            Some(queue) if owner == cx.scope.account => {
                Ok(Response::GetQueueUrl { queue: queue.stored.name.clone(), account: owner })
            }
            _ => Err(does_not_exist()),
        }
    }

    pub(super) fn list_queues(&self, request: &ListQueues) -> Result<Response, SqsError> {
        let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
        let after = page_start(request.next_token.as_deref())?;
        let start = match &after {
            // A token of another listing may lie before the prefix.
            Some(name) if name.as_str() >= prefix => Bound::Excluded(name.as_str()),
            _ => Bound::Included(prefix),
        };
        let names = self
            .by_name
            .range::<str, _>((start, Bound::Unbounded))
            .map(|(name, _)| name)
            .take_while(|name| name.as_str().starts_with(prefix));
        Ok(Response::ListQueues(page(names, request.max_results)?))
    }

    pub(super) fn list_dead_letter_source_queues(
        &self,
        cx: &Cx<'_>,
        request: &ListDeadLetterSourceQueues,
    ) -> Result<Response, SqsError> {
        let target = &self.resolve_ref(cx.scope, &request.queue_url)?.arn;
        let after = page_start(request.next_token.as_deref())?;
        let start = after.as_ref().map_or(Bound::Unbounded, |name| Bound::Excluded(name.as_str()));
        let names = self
            .by_name
            .range::<str, _>((start, Bound::Unbounded))
            .filter(|(_, id)| {
                let redrive = self.queues.get(id).and_then(|queue| queue.attributes().redrive.as_ref());
                redrive.is_some_and(|redrive| redrive.target == *target)
            })
            .map(|(name, _)| name);
        Ok(Response::ListDeadLetterSourceQueues(page(names, request.max_results)?))
    }

    pub(super) fn purge_queue(&mut self, cx: &mut Cx<'_>, request: &QueueOnly) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let queue = self.queues.get_mut(&id).ok_or_else(does_not_exist)?;
        if queue.stored.purged.is_some_and(|purged| purged.plus_secs(REST_S) > cx.now) {
            let name = &queue.stored.name;
            return Err(SqsError::new(
                SqsErrorKind::PurgeQueueInProgress,
                format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds."),
            ));
        }
        remove_all_messages(cx, queue);
        queue.stored = Arc::new(StoredQueue { purged: Some(cx.now), ..(*queue.stored).clone() });
        cx.record(SqsRecord::Queue(Arc::clone(&queue.stored)));
        self.touch(id);
        Ok(Response::Done)
    }

    pub(super) fn delete_queue(&mut self, cx: &mut Cx<'_>, request: &QueueOnly) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let mut queue = self.queues.remove(&id).ok_or_else(does_not_exist)?;
        self.by_name.remove(&queue.stored.name);
        if let Some(registered) = queue.registered {
            self.deadlines.remove(&(registered, id));
        }
        remove_all_messages(cx, &mut queue);
        for number in queue.deduplication.numbers() {
            cx.record(SqsRecord::DeduplicationRemoved { queue: id, number });
        }
        self.move_tasks.forget_source(cx, &queue.arn);
        self.graves.add(cx.now, queue.stored.name.clone(), id);
        cx.record(SqsRecord::Queue(Arc::new(StoredQueue { deleted: Some(cx.now), ..(*queue.stored).clone() })));
        for waiter in queue.waiters.drain() {
            self.waiting.remove(&waiter.token);
            respond(cx, waiter.token, Err(does_not_exist()));
        }
        Ok(Response::Done)
    }
}

/// Creating a queue that exists with the same attributes finds it; attributes that are not given do not count.
fn compare_with_existing(existing: &Queue, wanted: &BTreeMap<String, String>) -> Result<Response, SqsError> {
    let same = existing.attributes().with(wanted.iter())?;
    let differing = wanted.keys().find(|name| same.read(name) != existing.attributes().read(name));
    match differing {
        None => Ok(Response::CreateQueue { queue: existing.stored.name.clone() }),
        Some(name) => {
            let name = attributes::known(name).unwrap_or_default();
            let message =
                format!("A queue already exists with the same name and a different value for attribute {name}");
            Err(SqsError::new(SqsErrorKind::QueueNameExists, message))
        }
    }
}

/// Removes every message, with its records. What was asked for costs in proportion to what it removes.
fn remove_all_messages(cx: &mut Cx<'_>, queue: &mut Queue) {
    let id = queue.id();
    for (number, entry) in queue.messages.numbers() {
        cx.record(SqsRecord::MessageRemoved { queue: id, number });
        if entry.has_recorded_receives() {
            cx.record(SqsRecord::ReceivesRemoved { queue: id, number });
        }
    }
    queue.messages = super::messages::Messages::new(queue.is_fifo());
}

/// Reads the token of a further page: the last name of the page before.
fn page_start(token: Option<&str>) -> Result<Option<String>, SqsError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let name = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match name.filter(|name| QueueName::parse(name).is_ok()) {
        Some(name) => Ok(Some(name)),
        None => Err(validate::invalid_parameter("Invalid or expired next token.")),
    }
}

/// A page of names; there is a further one only for those who ask for pages.
fn page<'a>(mut names: impl Iterator<Item = &'a QueueName>, max: Option<i64>) -> Result<QueuePage, SqsError> {
    let legal =
        validate::in_range("MaxResults", max, 1..=PAGE_MAX, "MaxResults must be an integer between 1 and 1000.")?;
    let size = legal.unwrap_or(PAGE_MAX) as usize;
    let queues: Vec<QueueName> = names.by_ref().take(size).cloned().collect();
    let has_more = legal.is_some() && names.next().is_some();
    let next_token = queues.last().filter(|_| has_more).map(|last| STANDARD.encode(last.as_str()));
    Ok(QueuePage { queues, next_token })
}
