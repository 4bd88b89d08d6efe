//! Attributes and tags of queues, read and written.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Cx, GetQueueAttributes, QueueAttributes, QueueId, QueueOnly, Response, SetQueueAttributes, Sqs, SqsError,
    StoredQueue, TagQueue, UntagQueue, attributes, does_not_exist, queue::Queue, records::SqsRecord, validate,
};
use crate::model::QueueArn;

impl Sqs {
    pub(super) fn get_queue_attributes(&self, cx: &Cx<'_>, request: &GetQueueAttributes) -> Result<Response, SqsError> {
        let queue = self.resolve_ref(cx.scope, &request.queue_url)?;
        let mut found = BTreeMap::new();
        let mut add = |name: &'static str| {
            if let Some(value) = read(queue, name) {
                found.insert(name, value);
            }
        };
        for name in &request.attribute_names {
            match name.as_str() {
                "All" => attributes::all().for_each(&mut add),
                name => add(attributes::known(name).ok_or_else(|| attributes::unknown(name))?),
            }
        }
        Ok(Response::GetQueueAttributes { attributes: found })
    }

    pub(super) fn set_queue_attributes(
        &mut self,
        cx: &mut Cx<'_>,
        request: &SetQueueAttributes,
    ) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let queue = self.queues.get(&id).ok_or_else(does_not_exist)?;
        if request.attributes.is_empty() {
            return Err(validate::missing("Attribute.Name"));
        }
        let changed = queue.attributes().with(request.attributes.iter())?;
        if let Some(text) = request.attributes.get("RedrivePolicy") {
            self.check_dead_letter_target(&queue.arn, &changed, Some(text))?;
        }
        self.change_queue(cx, id, |stored| stored.attributes = changed)?;
        Ok(Response::Done)
    }

    pub(super) fn list_queue_tags(&self, cx: &Cx<'_>, request: &QueueOnly) -> Result<Response, SqsError> {
        let queue = self.resolve_ref(cx.scope, &request.queue_url)?;
        Ok(Response::ListQueueTags { tags: queue.stored.tags.clone() })
    }

    pub(super) fn tag_queue(&mut self, cx: &mut Cx<'_>, request: TagQueue) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let queue = self.queues.get(&id).ok_or_else(does_not_exist)?;
        if request.tags.is_empty() {
            return Err(validate::missing("Tags"));
        }
        let mut tags = queue.stored.tags.clone();
        tags.extend(request.tags);
        validate::tags(queue.stored.name.as_str(), &tags)?;
        self.change_queue(cx, id, |stored| stored.tags = tags)?;
        Ok(Response::Done)
    }

    pub(super) fn untag_queue(&mut self, cx: &mut Cx<'_>, request: &UntagQueue) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        if request.tag_keys.is_empty() {
            return Err(validate::missing("TagKeys"));
        }
        self.change_queue(cx, id, |stored| stored.tags.retain(|key, _| !request.tag_keys.contains(key)))?;
        Ok(Response::Done)
    }

    /// Changes the settings of a queue and writes them down.
    pub(super) fn change_queue(
        &mut self,
        cx: &mut Cx<'_>,
        id: QueueId,
        change: impl FnOnce(&mut StoredQueue),
    ) -> Result<(), SqsError> {
        let queue = self.queues.get_mut(&id).ok_or_else(does_not_exist)?;
        let mut stored = (*queue.stored).clone();
        let delay_before = stored.attributes.delay_s;
        change(&mut stored);
        let delay_s = stored.attributes.delay_s;
        if stored.attributes != queue.stored.attributes {
            stored.modified = cx.now;
        }
        queue.stored = Arc::new(stored);
        // On a FIFO queue a new delay holds for the messages that still wait, on a standard queue it does not.
        if queue.is_fifo() && delay_s != delay_before {
            queue.messages.change_delay(cx.now, delay_s);
        }
        cx.record(SqsRecord::Queue(Arc::clone(&queue.stored)));
        self.touch_with_news(id);
        Ok(())
    }

    /// Checks that the queue of a redrive policy exists, is of the same type and lets the source use it.
    pub(super) fn check_dead_letter_target(
        &self,
        source: &QueueArn,
        wanted: &QueueAttributes,
        text: Option<&String>,
    ) -> Result<(), SqsError> {
        let Some(redrive) = &wanted.redrive else { return Ok(()) };
        let refuse =
            |reason: &str| Err(validate::invalid_value("RedrivePolicy", text.map_or("", String::as_str), reason));
        if redrive.target.scope != source.scope {
            return refuse("Dead letter target owner should be same as the source.");
        }
        let Some(target) = self.queue_by_arn(&redrive.target).and_then(|id| self.queues.get(&id)) else {
            return refuse("Dead letter target does not exist.");
        };
        if target.is_fifo() != source.name.is_fifo() {
            return refuse("Dead-letter queue must be same type of queue as the source.");
        }
        if target.attributes().redrive_allow.as_ref().is_some_and(|allow| !allow.allows(source)) {
            return refuse("Queue does not have permission to use the dead letter queue.");
        }
        Ok(())
    }
}

/// An attribute as it is now.
fn read(queue: &Queue, name: &str) -> Option<String> {
    let messages = &queue.messages;
    match name {
        "QueueArn" => Some(queue.arn.to_string()),
        "ApproximateNumberOfMessages" => Some(messages.visible().to_string()),
        "ApproximateNumberOfMessagesNotVisible" => Some(messages.in_flight().to_string()),
        "ApproximateNumberOfMessagesDelayed" => Some(messages.delayed().to_string()),
        "CreatedTimestamp" => Some(queue.stored.created.as_secs().to_string()),
        "LastModifiedTimestamp" => Some(queue.stored.modified.as_secs().to_string()),
        settable => queue.attributes().read(settable),
    }
}
