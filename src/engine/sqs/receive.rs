//! Receiving: which messages, which of their attributes, and what happens when there are none.

use super::{
    Cx, LeaseId, MessageAttributeValue, QueueId, ReceiveMessage, ReceivedMessage, RequestToken, Response, Sqs,
    SqsError, SqsErrorKind, SqsRecord, StoredMessage, StoredReceives, attributes, does_not_exist, md5,
    messages::Cursor,
    queue::{Queue, sequence_number},
    receipt::Receipt,
    respond,
    send::{self, uuid_text},
    validate,
    waiters::Waiter,
};
use crate::model::{
    AccountId,
    limits::{IN_FLIGHT_MAX, VISIBILITY_TIMEOUT_MAX_S, WAIT_TIME_MAX_S},
};

const RECEIVE_MAX: u32 = 10;

/// What a receive asks for, checked.
#[derive(Debug)]
pub(super) struct ReceiveSpec {
    max_messages: usize,
    visibility_timeout_s: Option<u32>,
    system: SystemSelection,
    attributes: AttributeSelection,
    attempt: Option<String>,
}

/// What is taken from a queue at once.
#[derive(Debug)]
pub(super) struct Take {
    pub(super) max_messages: usize,
    pub(super) max_bytes: usize,
    /// The queue's own when `None`.
    pub(super) visibility_timeout_s: Option<u32>,
    /// From a FIFO queue, messages of one group only.
    pub(super) single_group: bool,
}

/// The system attributes of received messages, in the order in which they are shown.
const SYSTEM_ATTRIBUTES: [&str; 9] = [
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
];

/// Which system attributes are asked for: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct SystemSelection(u16);

/// Which message attributes are asked for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct AttributeSelection {
    all: bool,
    names: Vec<String>,
    prefixes: Vec<String>,
}

impl SystemSelection {
    pub(super) const ALL: Self = Self((1 << SYSTEM_ATTRIBUTES.len()) - 1);

    fn parse<'a>(names: impl Iterator<Item = &'a String>) -> Result<Self, SqsError> {
        let mut selection = Self::default();
        for name in names {
            match SYSTEM_ATTRIBUTES.iter().position(|known| known == name) {
                Some(index) => selection.0 |= 1 << index,
                None if name == "All" => selection = Self::ALL,
                None => return Err(attributes::unknown(name)),
            }
        }
        Ok(selection)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        SYSTEM_ATTRIBUTES
            .into_iter()
            .enumerate()
            .filter(move |(index, _)| self.0 & (1 << index) != 0)
            .map(|(_, name)| name)
    }
}

impl AttributeSelection {
    pub(super) fn all() -> Self {
        Self { all: true, names: Vec::new(), prefixes: Vec::new() }
    }

    /// Reads names, `All`, `.*` and `prefix.*`.
    fn parse(names: &[String]) -> Self {
        let mut selection = Self::default();
        for name in names {
            match name.strip_suffix(".*") {
                _ if name == "All" => selection.all = true,
                Some("") => selection.all = true,
                Some(prefix) => selection.prefixes.push(prefix.to_owned()),
                None => selection.names.push(name.clone()),
            }
        }
        selection
    }

    fn contains(&self, name: &str) -> bool {
        self.all
            || self.names.iter().any(|wanted| wanted == name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }
}

impl Sqs {
    /// Answers a receive, or lines it up to be answered later.
    pub(super) fn receive(
        &mut self,
        cx: &mut Cx<'_>,
        token: RequestToken,
        request: &ReceiveMessage,
    ) -> Result<Option<Response>, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let queue = self.queues.get(&id).ok_or_else(does_not_exist)?;
        let spec = parse(queue, request)?;
        let reason = "Must be >= 0 and <= 20, if provided.";
        let wait_s = validate::in_range("WaitTimeSeconds", request.wait_time_seconds, 0..=WAIT_TIME_MAX_S, reason)?
            .unwrap_or(queue.attributes().receive_wait_s);
        let messages = match self.repeat_attempt(cx, id, &spec) {
            Some(again) => again,
            None => self.receive_now(cx, id, &spec),
        };
        if !messages.is_empty() || wait_s == 0 {
            self.check_in_flight(id, messages.is_empty())?;
            if messages.is_empty()
                && let Some(queue) = self.queues.get_mut(&id)
            {
                queue.totals.empty_receives += 1;
            }
            return Ok(Some(Response::ReceiveMessage { messages }));
        }
        let Some(queue) = self.queues.get_mut(&id) else { return Err(does_not_exist()) };
        let until = cx.now.plus_secs(u64::from(wait_s));
        let turn = queue.waiters.add(Waiter { token, spec, until });
        self.waiting.insert(token, (id, turn));
        self.touch(id);
        Ok(None)
    }

    /// A short poll of a standard queue that found nothing because too much is in flight is told so.
    fn check_in_flight(&self, id: QueueId, found_nothing: bool) -> Result<(), SqsError> {
        let is_over = |queue: &Queue| !queue.is_fifo() && queue.messages.in_flight() >= IN_FLIGHT_MAX;
        if found_nothing && self.queues.get(&id).is_some_and(is_over) {
            return Err(SqsError::new(
                SqsErrorKind::OverLimit,
                format!(
                    "The queue has reached its limit of {IN_FLIGHT_MAX} messages in flight; delete messages first."
                ),
            ));
        }
        Ok(())
    }

    /// Gives messages to the receives that wait at a queue, oldest first, as long as there are both.
    pub(super) fn serve_waiters(&mut self, cx: &mut Cx<'_>, id: QueueId) {
        loop {
            let Some(queue) = self.queues.get_mut(&id) else { return };
            // Without room in flight nothing can be given: taking would only mark the queue as touched again.
            if queue.messages.available() == 0 || queue.messages.in_flight() >= IN_FLIGHT_MAX {
                return;
            }
            let Some((turn, _)) = queue.waiters.first() else { return };
            let Some(waiter) = queue.waiters.remove(turn) else { return };
            let messages = self.receive_now(cx, id, &waiter.spec);
            if messages.is_empty() {
                // All of them were dead letters: it goes on waiting, still the oldest.
                if let Some(queue) = self.queues.get_mut(&id) {
                    queue.waiters.put_back(turn, waiter);
                }
                return;
            }
            self.waiting.remove(&waiter.token);
            respond(cx, waiter.token, Ok(Response::ReceiveMessage { messages }));
        }
    }

    fn receive_now(&mut self, cx: &mut Cx<'_>, id: QueueId, spec: &ReceiveSpec) -> Vec<ReceivedMessage> {
        let take = Take {
            max_messages: spec.max_messages,
            max_bytes: usize::MAX,
            visibility_timeout_s: spec.visibility_timeout_s,
            single_group: false,
        };
        let leases = self.take(cx, id, &take);
        let run = self.run;
        let Some(queue) = self.queues.get_mut(&id) else { return Vec::new() };
        let render = |lease: &LeaseId| queue.render(*lease, run, spec.system, &spec.attributes);
        let messages = leases.iter().filter_map(render).collect();
        if let Some(attempt) = spec.attempt.as_deref().filter(|_| !leases.is_empty()) {
            queue.attempts.add(cx.now, attempt, leases.clone());
        }
        let timeout_s = spec.visibility_timeout_s.unwrap_or(queue.attributes().visibility_timeout_s);
        if timeout_s == 0 {
            for lease in &leases {
                self.set_visibility(cx.now, id, lease.message, 0);
            }
        }
        messages
    }

    /// The messages of an earlier receive with the same attempt id, when nothing happened to them since.
    fn repeat_attempt(&mut self, cx: &Cx<'_>, id: QueueId, spec: &ReceiveSpec) -> Option<Vec<ReceivedMessage>> {
        let run = self.run;
        let queue = self.queues.get_mut(&id)?;
        let leases = queue.attempts.find(cx.now, spec.attempt.as_deref()?)?.to_vec();
        let is_current = |lease: &LeaseId| {
            let entry = queue.messages.get(lease.message);
            entry.is_some_and(|entry| entry.leased_at().is_some() && entry.receive_count == lease.receive_count)
        };
        if leases.is_empty() || !leases.iter().all(is_current) {
            return None;
        }
        let timeout_s = spec.visibility_timeout_s.unwrap_or(queue.attributes().visibility_timeout_s);
        for lease in &leases {
            queue.messages.extend_lease(lease.message, cx.now.plus_secs(u64::from(timeout_s)));
        }
        let render = |lease: &LeaseId| queue.render(*lease, run, spec.system, &spec.attributes);
        let messages = leases.iter().filter_map(render).collect();
        self.touch(id);
        Some(messages)
    }

    /// Leases messages, and moves those that were received too often to the dead-letter queue instead.
    pub(super) fn take(&mut self, cx: &mut Cx<'_>, id: QueueId, take: &Take) -> Vec<LeaseId> {
        let dead_letters = self.dead_letter_queue(id);
        let Some(queue) = self.queues.get_mut(&id) else { return Vec::new() };
        let timeout_s = take.visibility_timeout_s.unwrap_or(queue.attributes().visibility_timeout_s);
        let until = cx.now.plus_secs(u64::from(timeout_s));
        let mut cursor = Cursor::new(take.single_group);
        let (mut leases, mut dead, mut bytes) = (Vec::new(), Vec::new(), 0);
        while leases.len() < take.max_messages && queue.messages.in_flight() < IN_FLIGHT_MAX {
            let Some(number) = queue.messages.pop(&mut cursor) else { break };
            let Some(entry) = queue.messages.get(number) else { continue };
            if dead_letters.is_some_and(|(_, max_receives)| entry.receive_count >= max_receives) {
                dead.extend(queue.messages.remove_popped(number));
                continue;
            }
            bytes += if take.max_bytes == usize::MAX { 0 } else { entry.message.bytes() };
            if bytes > take.max_bytes && !leases.is_empty() {
                queue.messages.put_back(number);
                break;
            }
            let Some(entry) = queue.messages.lease(cx.now, until, number) else { continue };
            let receive_count = entry.receive_count;
            if entry.has_recorded_receives() {
                let first_received = entry.first_received();
                let receives = StoredReceives { queue: id, number, receive_count, first_received };
                cx.record(SqsRecord::Receives(Box::new(receives)));
            }
            leases.push(LeaseId { message: number, receive_count });
        }
        queue.messages.finish(&cursor);
        queue.totals.received += leases.len() as u64;
        if let Some((target, _)) = dead_letters {
            for entry in dead {
                if entry.has_recorded_receives() {
                    cx.record(SqsRecord::ReceivesRemoved { queue: id, number: entry.message.number });
                }
                self.bury(cx, id, target, &entry.message);
            }
        }
        self.touch(id);
        leases
    }

    /// The queue's dead-letter queue, when there is one now, and the receives that a message gets before.
    pub(super) fn dead_letter_queue(&self, id: QueueId) -> Option<(QueueId, u32)> {
        let redrive = self.queues.get(&id)?.attributes().redrive.as_ref()?;
        Some((self.queue_by_arn(&redrive.target)?, redrive.max_receives))
    }

    /// Moves a message, taken out already, to the dead-letter queue. Both records belong to one turn, so that a crash
    /// finds it in exactly one of them.
    pub(super) fn bury(&mut self, cx: &mut Cx<'_>, source: QueueId, target: QueueId, message: &StoredMessage) {
        cx.record(SqsRecord::MessageRemoved { queue: source, number: message.number });
        let Some(source_arn) = self.queues.get(&source).map(|queue| queue.arn.clone()) else { return };
        let Some(queue) = self.queues.get_mut(&target) else { return };
        let mut details = message.details.clone().unwrap_or_default();
        details.dead_letter_source = Some(source_arn);
        let number = queue.next_number(cx.now);
        // A standard queue's dead letter keeps its age, a FIFO queue's starts anew.
        let sent = if queue.is_fifo() { cx.now } else { message.sent };
        let moved = StoredMessage {
            queue: target,
            number,
            id: message.id,
            body: message.body.clone(),
            body_md5: message.body_md5,
            sent,
            delay_s: 0,
            details: Some(details),
        };
        send::keep(cx, queue, moved);
        self.touch_with_news(target);
    }
}

impl Queue {
    /// A leased message as its receiver sees it.
    pub(super) fn render(
        &self,
        lease: LeaseId,
        run: u64,
        system: SystemSelection,
        attributes: &AttributeSelection,
    ) -> Option<ReceivedMessage> {
        let entry = self.messages.get(lease.message)?;
        let message = &entry.message;
        let receipt = Receipt {
            queue: self.id(),
            message: lease.message,
            receive_count: lease.receive_count,
            run,
            tag: Receipt::tag_of(message.id),
        };
        let all = message.details.iter().flat_map(|details| &details.attributes);
        let chosen: Vec<_> = all.filter(|(name, _)| attributes.contains(name)).collect();
        let system = system.names().filter_map(|name| {
            let value = match name {
                "ApproximateReceiveCount" => Some(lease.receive_count.to_string()),
                "ApproximateFirstReceiveTimestamp" => Some(entry.first_received().as_millis().to_string()),
                name => system_attribute(message, self.arn.scope.account, self.is_fifo(), name),
            };
            Some((name, value?))
        });
        Some(ReceivedMessage {
            message_id: uuid_text(message.id),
            receipt_handle: receipt.encode(),
            md5_of_body: md5::hex(message.body_md5),
            body: message.body.clone(),
            attributes: system.collect(),
            md5_of_message_attributes: md5::of_attributes(chosen.iter().copied()),
            message_attributes: chosen.into_iter().map(own).collect(),
        })
    }
}

/// A system attribute that depends on the message alone, not on who received it.
pub(super) fn system_attribute(
    message: &StoredMessage,
    account: AccountId,
    is_fifo: bool,
    name: &str,
) -> Option<String> {
    let details = message.details.as_deref();
    match name {
        "SenderId" => Some(account.to_string()),
        "SentTimestamp" => Some(message.sent.as_millis().to_string()),
        "SequenceNumber" => is_fifo.then(|| sequence_number(message.number)),
        "MessageDeduplicationId" => details?.deduplication_id.as_ref().map(ToString::to_string),
        "MessageGroupId" => details?.group.as_ref().map(ToString::to_string),
        "AWSTraceHeader" => details?.trace_header.clone(),
        "DeadLetterQueueSourceArn" => details?.dead_letter_source.as_ref().map(ToString::to_string),
        _ => None,
    }
}

fn own((name, value): (&String, &MessageAttributeValue)) -> (String, MessageAttributeValue) {
    (name.clone(), value.clone())
}

fn parse(queue: &Queue, request: &ReceiveMessage) -> Result<ReceiveSpec, SqsError> {
    let reason = "Must be between 1 and 10, if provided.";
    let max_messages =
        validate::in_range("MaxNumberOfMessages", request.max_number_of_messages, 1..=RECEIVE_MAX, reason)?
            .unwrap_or(1);
    let reason = "Must be between 0 and 43200, if provided.";
    let range = 0..=VISIBILITY_TIMEOUT_MAX_S;
    let visibility_timeout_s = validate::in_range("VisibilityTimeout", request.visibility_timeout, range, reason)?;
    if let Some(attempt) = &request.receive_request_attempt_id {
        if !queue.is_fifo() {
            let reason = "The request include parameter that is not valid for this queue type.";
            return Err(validate::invalid_value("ReceiveRequestAttemptId", attempt, reason));
        }
        validate::id("ReceiveRequestAttemptId", attempt)?;
    }
    let names = request.attribute_names.iter().chain(&request.message_system_attribute_names);
    Ok(ReceiveSpec {
        max_messages: max_messages as usize,
        visibility_timeout_s,
        system: SystemSelection::parse(names)?,
        attributes: AttributeSelection::parse(&request.message_attribute_names),
        attempt: request.receive_request_attempt_id.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_selection() {
        let select = |names: &[&str]| {
            AttributeSelection::parse(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        let table: [(&[&str], &str, bool); 8] = [
            (&[], "a", false),
            (&["a"], "a", true),
            (&["a"], "ab", false),
            (&["All"], "a", true),
            (&[".*"], "a", true),
            (&["foo.*"], "foo.bar", true),
            (&["foo.*"], "foo", true),
            (&["foo.*"], "fo", false),
        ];
        for (names, name, expected) in table {
            assert_eq!(select(names).contains(name), expected, "{names:?} {name}");
        }
    }

    #[test]
    fn system_selection() {
        let names: Vec<String> = vec!["MessageGroupId".into(), "SenderId".into()];
        let selection = SystemSelection::parse(names.iter()).unwrap();
        assert_eq!(selection.names().collect::<Vec<_>>(), ["SenderId", "MessageGroupId"]);
        assert_eq!(SystemSelection::ALL.names().count(), 9);
        let unknown = SystemSelection::parse(["Colour".to_owned()].iter()).unwrap_err();
        assert_eq!(unknown.message, "Unknown Attribute Colour.");
    }
}
