//! Sending: what is checked, what makes a duplicate, and what is written down.

use std::{collections::BTreeMap, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{
    BatchFailure, BatchResult, Cx, MessageAttributeValue, MessageDetails, QueueId, Response, SendMessage,
    SendMessageBatch, SendMessageEntry, SentMessage, Sqs, SqsError, SqsErrorKind, SqsRecord, StoredDeduplication,
    StoredMessage,
    dedup::Deduplication,
    does_not_exist, md5,
    queue::{Queue, sequence_number},
    validate,
};
use crate::{
    engine::index::Ordered,
    model::limits::{DELAY_MAX_S, MESSAGE_MAX_BYTES},
};

/// A message that passed every check.
struct Draft {
    body: Arc<str>,
    delay_s: u32,
    details: Option<Box<MessageDetails>>,
    md5_of_attributes: Option<String>,
    md5_of_system_attributes: Option<String>,
}

impl From<SendMessage> for SendMessageEntry {
    fn from(request: SendMessage) -> Self {
        Self {
            id: String::new(),
            message_body: request.message_body,
            delay_seconds: request.delay_seconds,
            message_attributes: request.message_attributes,
            message_system_attributes: request.message_system_attributes,
            message_deduplication_id: request.message_deduplication_id,
            message_group_id: request.message_group_id,
            trace_id: request.trace_id,
        }
    }
}

impl Sqs {
    pub(super) fn send_message(&mut self, cx: &mut Cx<'_>, request: SendMessage) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        self.send_to(cx, id, request.into()).map(Response::SendMessage)
    }

    pub(super) fn send_message_batch(
        &mut self,
        cx: &mut Cx<'_>,
        request: SendMessageBatch,
    ) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        validate::batch("SendMessageBatchRequestEntry", request.entries.iter().map(|entry| entry.id.as_str()))?;
        let bytes: usize = request.entries.iter().map(entry_bytes).sum();
        if bytes > MESSAGE_MAX_BYTES {
            let message =
                format!("Batch requests cannot be longer than {MESSAGE_MAX_BYTES} bytes. You have sent {bytes} bytes.");
            return Err(SqsError::new(SqsErrorKind::BatchRequestTooLong, message));
        }
        let mut result = BatchResult { successful: Vec::with_capacity(request.entries.len()), failed: Vec::new() };
        for mut entry in request.entries {
            let entry_id = std::mem::take(&mut entry.id);
            match self.send_to(cx, id, entry) {
                Ok(sent) => result.successful.push((entry_id, sent)),
                Err(error) => result.failed.push(BatchFailure { id: entry_id, error }),
            }
        }
        Ok(Response::SendMessageBatch(result))
    }

    /// Checks one message and accepts it.
    pub(super) fn send_to(
        &mut self,
        cx: &mut Cx<'_>,
        id: QueueId,
        entry: SendMessageEntry,
    ) -> Result<SentMessage, SqsError> {
        let queue = self.queues.get_mut(&id).ok_or_else(does_not_exist)?;
        let draft = draft(queue, entry)?;
        let body_md5 = md5::of_body(&draft.body);
        let (message_id, number) = match earlier_send(cx, queue, &draft) {
            Some(earlier) => {
                queue.totals.deduplicated += 1;
                earlier
            }
            None => {
                let message = message(cx, queue, draft.body, body_md5, draft.delay_s, draft.details);
                let accepted = (message.id, message.number);
                accept(cx, queue, message);
                self.touch_with_news(id);
                accepted
            }
        };
        Ok(SentMessage {
            message_id: uuid_text(message_id),
            md5_of_message_body: md5::hex(body_md5),
            md5_of_message_attributes: draft.md5_of_attributes,
            md5_of_message_system_attributes: draft.md5_of_system_attributes,
            sequence_number: id_is_fifo(&self.queues, id).then(|| sequence_number(number)),
        })
    }
}

fn id_is_fifo(queues: &Ordered<QueueId, Queue>, id: QueueId) -> bool {
    queues.get(&id).is_some_and(Queue::is_fifo)
}

/// The id and number of the message that this one repeats.
fn earlier_send(cx: &Cx<'_>, queue: &Queue, draft: &Draft) -> Option<(u128, u64)> {
    let key = deduplication_key(queue, draft.details.as_deref()?)?;
    queue.deduplication.find(cx.now, &key).map(|earlier| (earlier.message_id, earlier.number))
}

fn deduplication_key(queue: &Queue, details: &MessageDetails) -> Option<Arc<str>> {
    let fifo = queue.attributes().fifo?;
    let group = details.group.as_deref().filter(|_| fifo.deduplicates_in_groups);
    Some(Deduplication::key(group, details.deduplication_id.as_deref()?))
}

/// A new message of `queue`.
pub(super) fn message(
    cx: &mut Cx<'_>,
    queue: &mut Queue,
    body: Arc<str>,
    body_md5: [u8; 16],
    delay_s: u32,
    details: Option<Box<MessageDetails>>,
) -> StoredMessage {
    let id = (u128::from(cx.ids.next_u64()) << 64) | u128::from(cx.ids.next_u64());
    let number = queue.next_number(cx.now);
    StoredMessage { queue: queue.id(), number, id, body, body_md5, sent: cx.now, delay_s, details }
}

/// Writes a message down and puts it into its queue.
pub(super) fn accept(cx: &mut Cx<'_>, queue: &mut Queue, message: StoredMessage) {
    let message = Arc::new(message);
    cx.record(SqsRecord::Message(Arc::clone(&message)));
    if let Some(key) = message.details.as_ref().and_then(|details| deduplication_key(queue, details)) {
        let accepted = Arc::new(StoredDeduplication {
            queue: message.queue,
            number: message.number,
            key,
            message_id: message.id,
            accepted: cx.now,
        });
        cx.record(SqsRecord::Deduplication(Arc::clone(&accepted)));
        queue.deduplication.add(accepted);
    }
    queue.arrived.count(cx.now);
    queue.totals.sent += 1;
    queue.totals.sent_bytes += message.bytes() as u64;
    queue.messages.insert(cx.now, cx.now.plus_secs(u64::from(message.delay_s)), message);
}

/// Writes down a message that was moved here, visible at once and no duplicate of anything.
pub(super) fn keep(cx: &mut Cx<'_>, queue: &mut Queue, message: StoredMessage) {
    let message = Arc::new(message);
    cx.record(SqsRecord::Message(Arc::clone(&message)));
    queue.arrived.count(cx.now);
    queue.messages.insert(cx.now, cx.now, message);
}

fn draft(queue: &Queue, entry: SendMessageEntry) -> Result<Draft, SqsError> {
    let body = validate::required("MessageBody", entry.message_body.as_deref())?;
    let bytes = entry_bytes(&entry);
    let limit = queue.attributes().max_message_bytes;
    if bytes > limit as usize {
        return Err(validate::invalid_parameter(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        )));
    }
    validate::message_body(body)?;
    let delay_s = delay(queue, entry.delay_seconds)?;
    validate::message_attributes(&entry.message_attributes)?;
    validate::system_attributes(&entry.message_system_attributes)?;
    let body: Arc<str> = body.into();
    let (group, deduplication_id) = ordering(queue, &body, entry.message_group_id, entry.message_deduplication_id)?;
    let md5_of_attributes = md5::of_attributes(&entry.message_attributes);
    let md5_of_system_attributes = md5::of_system_attributes(&entry.message_system_attributes);
    let details = MessageDetails {
        group,
        deduplication_id,
        attributes: entry.message_attributes,
        trace_header: trace_header(entry.message_system_attributes).or(entry.trace_id),
        dead_letter_source: None,
    };
    let details = (details != MessageDetails::default()).then(|| Box::new(details));
    Ok(Draft { body, delay_s, details, md5_of_attributes, md5_of_system_attributes })
}

/// The delay of a message: its own, on standard queues, or the queue's.
fn delay(queue: &Queue, wanted: Option<i64>) -> Result<u32, SqsError> {
    let reason = "DelaySeconds must be >= 0 and <= 900.";
    let wanted = validate::in_range("DelaySeconds", wanted, 0..=DELAY_MAX_S, reason)?;
    match wanted {
        Some(own @ 1..) if queue.is_fifo() => {
            let reason = "The request include parameter that is not valid for this queue type.";
            Err(validate::invalid_value("DelaySeconds", own, reason))
        }
        Some(own) if !queue.is_fifo() => Ok(own),
        _ => Ok(queue.attributes().delay_s),
    }
}

type Ordering = (Option<Arc<str>>, Option<Arc<str>>);

/// Group and deduplication id, as the type of queue wants them.
fn ordering(
    queue: &Queue,
    body: &str,
    group: Option<String>,
    deduplication_id: Option<String>,
) -> Result<Ordering, SqsError> {
    if let Some(group) = &group {
        validate::id("MessageGroupId", group)?;
    }
    let Some(fifo) = queue.attributes().fifo else {
        if let Some(id) = deduplication_id {
            let reason = "The request include parameter that is not valid for this queue type.";
            return Err(validate::invalid_value("MessageDeduplicationId", id, reason));
        }
        return Ok((group.map(Arc::from), None));
    };
    let group = group.ok_or_else(|| validate::missing("MessageGroupId"))?;
    let id: Arc<str> = match deduplication_id {
        Some(id) => {
            validate::id("MessageDeduplicationId", &id)?;
            id.into()
        }
        None if fifo.content_based_deduplication => sha256_hex(body).into(),
        None => {
            return Err(validate::invalid_parameter(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            ));
        }
    };
    Ok((Some(group.into()), Some(id)))
}

fn trace_header(mut system: BTreeMap<String, MessageAttributeValue>) -> Option<String> {
    system.remove("AWSTraceHeader").and_then(|value| value.string_value)
}

/// Body and attributes; system attributes do not count.
fn entry_bytes(entry: &SendMessageEntry) -> usize {
    entry.message_body.as_ref().map_or(0, String::len) + validate::attributes_bytes(&entry.message_attributes)
}

fn sha256_hex(body: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(body.as_bytes()).into();
    crate::model::ArtifactDigest::from_bytes(digest).to_string()
}

/// A message id as AWS writes it: a version 4 UUID.
pub(super) fn uuid_text(id: u128) -> String {
    let id = (id & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let (a, b, c, d, e) =
        (id >> 96, (id >> 80) & 0xffff, (id >> 64) & 0xffff, (id >> 48) & 0xffff, id & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_4_uuids() {
        assert_eq!(uuid_text(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_text(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
