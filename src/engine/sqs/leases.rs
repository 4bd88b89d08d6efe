//! What the holder of a receipt handle may do: delete its message, or change how long it stays invisible.

use super::{
    BatchFailure, BatchResult, ChangeMessageVisibility, ChangeMessageVisibilityBatch, Cx, DeleteMessage,
    DeleteMessageBatch, QueueId, Response, Sqs, SqsError, SqsErrorKind, SqsRecord, does_not_exist, messages::Standing,
    receipt::Receipt, validate,
};
use crate::model::{Timestamp, limits::VISIBILITY_TIMEOUT_MAX_S};

/// How a receipt stands to its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearing {
    /// It holds the message.
    Holds,
    /// Its lease ended, and nobody received the message since.
    Ended,
    /// It is of an earlier run of the engine, and nobody received the message since.
    EarlierRun,
    /// Somebody received the message since.
    Superseded,
    /// There is no such message any more.
    Gone,
}

impl Sqs {
    pub(super) fn delete_message(&mut self, cx: &mut Cx<'_>, request: &DeleteMessage) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        self.delete_by_handle(cx, id, request.receipt_handle.as_deref())?;
        Ok(Response::Done)
    }

    pub(super) fn delete_message_batch(
        &mut self,
        cx: &mut Cx<'_>,
        request: DeleteMessageBatch,
    ) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        validate::batch("DeleteMessageBatchRequestEntry", request.entries.iter().map(|entry| entry.id.as_str()))?;
        let outcomes = request
            .entries
            .into_iter()
            .map(|entry| (entry.id, self.delete_by_handle(cx, id, entry.receipt_handle.as_deref())))
            .collect::<Vec<_>>();
        Ok(Response::DeleteMessageBatch(batch_result(outcomes)))
    }

    pub(super) fn change_visibility(
        &mut self,
        cx: &mut Cx<'_>,
        request: &ChangeMessageVisibility,
    ) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        self.change_by_handle(cx.now, id, request.receipt_handle.as_deref(), request.visibility_timeout)?;
        Ok(Response::Done)
    }

    pub(super) fn change_visibility_batch(
        &mut self,
        cx: &mut Cx<'_>,
        request: ChangeMessageVisibilityBatch,
    ) -> Result<Response, SqsError> {
        let id = self.resolve(cx.scope, &request.queue_url)?;
        let ids = request.entries.iter().map(|entry| entry.id.as_str());
        validate::batch("ChangeMessageVisibilityBatchRequestEntry", ids)?;
        let outcomes = request
            .entries
            .into_iter()
            .map(|entry| {
                let handle = entry.receipt_handle.as_deref();
                (entry.id, self.change_by_handle(cx.now, id, handle, entry.visibility_timeout))
            })
            .collect::<Vec<_>>();
        Ok(Response::ChangeMessageVisibilityBatch(batch_result(outcomes)))
    }

    fn delete_by_handle(&mut self, cx: &mut Cx<'_>, id: QueueId, handle: Option<&str>) -> Result<(), SqsError> {
        let handle = validate::required("ReceiptHandle", handle)?;
        let (number, bearing) = self.bearing(id, handle)?;
        let is_fifo = self.queues.get(&id).ok_or_else(does_not_exist)?.is_fifo();
        match (bearing, is_fifo) {
            (Bearing::Holds | Bearing::EarlierRun, _) | (Bearing::Ended, false) => self.remove_deleted(cx, id, number),
            // Deleting twice is fine, and an older handle of a standard queue may succeed without deleting.
            (Bearing::Gone, _) | (Bearing::Superseded, false) => {}
            (Bearing::Ended | Bearing::Superseded, true) => return Err(expired(handle)),
        }
        Ok(())
    }

    fn change_by_handle(
        &mut self,
        now: Timestamp,
        id: QueueId,
        handle: Option<&str>,
        timeout_s: Option<i64>,
    ) -> Result<(), SqsError> {
        let handle = validate::required("ReceiptHandle", handle)?;
        let range = 0..=VISIBILITY_TIMEOUT_MAX_S;
        let reason = "Must be between 0 and 43200.";
        let timeout_s = validate::in_range("VisibilityTimeout", timeout_s, range, reason)?
            .ok_or_else(|| validate::missing("VisibilityTimeout"))?;
        let (number, bearing) = self.bearing(id, handle)?;
        let queue = self.queues.get(&id).ok_or_else(does_not_exist)?;
        match bearing {
            Bearing::Holds => {}
            Bearing::Gone => {
                let reason = "Message does not exist or is not available for visibility timeout change.";
                return Err(validate::invalid_value("ReceiptHandle", handle, reason));
            }
            Bearing::Ended | Bearing::Superseded if queue.is_fifo() => return Err(expired(handle)),
            Bearing::Ended | Bearing::Superseded | Bearing::EarlierRun => {
                return Err(SqsError::new(SqsErrorKind::MessageNotInflight, "The specified message isn't in flight."));
            }
        }
        let received = queue.messages.get(number).and_then(|entry| entry.leased_at()).unwrap_or(now);
        if now.plus_secs(u64::from(timeout_s)) > received.plus_secs(u64::from(VISIBILITY_TIMEOUT_MAX_S)) {
            let reason = format!(
                "Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_TIMEOUT_MAX_S} seconds]"
            );
            return Err(validate::invalid_value("VisibilityTimeout", timeout_s, reason));
        }
        self.set_visibility(now, id, number, timeout_s);
        Ok(())
    }

    fn bearing(&self, id: QueueId, handle: &str) -> Result<(u64, Bearing), SqsError> {
        let invalid = || {
            let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
            SqsError::new(SqsErrorKind::ReceiptHandleIsInvalid, message)
        };
        let receipt = Receipt::decode(handle).filter(|receipt| receipt.queue == id).ok_or_else(invalid)?;
        let queue = self.queues.get(&id).ok_or_else(does_not_exist)?;
        let entry = queue.messages.get(receipt.message);
        let Some(entry) = entry.filter(|entry| Receipt::tag_of(entry.message.id) == receipt.tag) else {
            return Ok((receipt.message, Bearing::Gone));
        };
        let is_last = receipt.run == self.run && receipt.receive_count == entry.receive_count;
        let bearing = match (entry.standing(), is_last) {
            (Standing::Unreceived, _) => Bearing::EarlierRun,
            (Standing::InFlight, true) => Bearing::Holds,
            (Standing::Returned, true) => Bearing::Ended,
            (Standing::InFlight | Standing::Returned, false) => Bearing::Superseded,
        };
        Ok((receipt.message, bearing))
    }

    /// Lets a message in flight come back after `delay_s` seconds, at once when that is zero.
    pub(super) fn set_visibility(&mut self, now: Timestamp, id: QueueId, number: u64, delay_s: u32) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if delay_s > 0 {
            queue.messages.extend_lease(number, now.plus_secs(u64::from(delay_s)));
            self.touch(id);
        } else if queue.messages.make_ready(number) {
            self.touch_with_news(id);
        }
    }

    /// Takes out a message that its receiver is done with.
    pub(super) fn remove_deleted(&mut self, cx: &mut Cx<'_>, id: QueueId, number: u64) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.deleted.count(cx.now);
        }
        self.remove_message(cx, id, number);
    }

    /// Takes a message out for good.
    pub(super) fn remove_message(&mut self, cx: &mut Cx<'_>, id: QueueId, number: u64) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(entry) = queue.messages.remove(number) else { return };
        cx.record(SqsRecord::MessageRemoved { queue: id, number });
        if entry.has_recorded_receives() {
            cx.record(SqsRecord::ReceivesRemoved { queue: id, number });
        }
        // Its group may give again, or the queue has room in flight again.
        self.touch_with_news(id);
    }
}

fn expired(handle: &str) -> SqsError {
    validate::invalid_value("ReceiptHandle", handle, "The receipt handle has expired.")
}

fn batch_result(outcomes: Vec<(String, Result<(), SqsError>)>) -> BatchResult<String> {
    let mut result = BatchResult { successful: Vec::new(), failed: Vec::new() };
    for (id, outcome) in outcomes {
        match outcome {
            Ok(()) => result.successful.push(id),
            Err(error) => result.failed.push(BatchFailure { id, error }),
        }
    }
    result
}
