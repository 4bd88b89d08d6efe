//! SQS's answers in AWS JSON 1.0, written by hand into one buffer. Operations without output have an empty body (API
//! reference, for example `DeleteMessage`), and lists without members are left out where the service leaves them out.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};

use super::super::{
    UrlBase,
    json::{self, Object},
    queue_url, response, sqs_errors,
};
use crate::engine::{
    Error, Reply, Response as EngineResponse,
    sqs::{
        BatchFailure, BatchResult, MessageAttributeValue, MoveTaskEntry, QueuePage, ReceivedMessage,
        Response as Output, SentMessage, SqsError,
    },
};

/// A message's answer without its body: ids, digests, names.
const MESSAGE_OVERHEAD_BYTES: usize = 512;
/// Room for a queue URL in a list of them.
const QUEUE_URL_BYTES: usize = 96;

pub(in crate::wire) fn respond(url_base: Option<&UrlBase>, reply: Reply, request_id: &str) -> Response<Bytes> {
    match reply {
        Ok(EngineResponse::Sqs(output)) => success(output_bytes(url_base, &output), request_id),
        Err(Error::Sqs(error)) => refusal(&error, request_id),
        Err(Error::Storage(message)) => failure(&message, request_id),
        other => failure(&format!("the engine answered another service: {other:?}"), request_id),
    }
}

fn success(body: Vec<u8>, request_id: &str) -> Response<Bytes> {
    response::new(StatusCode::OK, response::JSON_1_0, body, request_id)
}

fn refusal(error: &SqsError, request_id: &str) -> Response<Bytes> {
    let code = sqs_errors::code(error.kind);
    let mut refusal =
        response::json_refusal(StatusCode::BAD_REQUEST, response::JSON_1_0, code.json, &error.message, request_id);
    refusal.headers_mut().insert(response::QUERY_ERROR, HeaderValue::from_static(code.query_header));
    refusal
}

fn failure(message: &str, request_id: &str) -> Response<Bytes> {
    let error_type = "com.amazon.coral.service#InternalFailure";
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    let mut failure = response::json_refusal(status, response::JSON_1_0, error_type, message, request_id);
    failure.headers_mut().insert(response::QUERY_ERROR, HeaderValue::from_static("InternalFailure;Receiver"));
    failure
}

fn output_bytes(url_base: Option<&UrlBase>, output: &Output) -> Vec<u8> {
    let mut out = Vec::with_capacity(size_hint(output));
    if matches!(output, Output::Done) {
        return out;
    }
    let mut object = Object::open(&mut out);
    match output {
        // The latter answers a question that does not come in AWS's protocols.
        Output::Done | Output::QueueActivity { .. } => {}
        Output::SendMessage(sent) => sent_message(&mut object, sent),
        Output::ReceiveMessage { messages } if messages.is_empty() => {}
        Output::ReceiveMessage { messages } => object.list("Messages", messages, message),
        Output::Peeked(peeked) if peeked.messages.is_empty() => {}
        Output::Peeked(peeked) => {
            object.list("Messages", &peeked.messages, |out, seen| message(out, &seen.as_received()));
        }
        Output::SendMessageBatch(result) => batch(&mut object, result, |entry, (id, sent)| {
            entry.text("Id", id);
            sent_message(entry, sent);
        }),
        Output::DeleteMessageBatch(result) | Output::ChangeMessageVisibilityBatch(result) => {
            batch(&mut object, result, |entry, id| entry.text("Id", id));
        }
        Output::CreateQueue { queue } => {
            object.text("QueueUrl", &queue_url::of(url_base, None, queue));
        }
        Output::GetQueueUrl { queue, account } => {
            object.text("QueueUrl", &queue_url::of(url_base, Some(*account), queue));
        }
        Output::ListQueues(page) if page.queues.is_empty() => {}
        Output::ListQueues(page) => queue_page(&mut object, "QueueUrls", url_base, page),
        Output::ListDeadLetterSourceQueues(page) => queue_page(&mut object, "queueUrls", url_base, page),
        Output::GetQueueAttributes { attributes } if attributes.is_empty() => {}
        Output::GetQueueAttributes { attributes } => {
            object.texts("Attributes", attributes.iter().map(|(name, value)| (*name, value.as_str())));
        }
        Output::ListQueueTags { tags } if tags.is_empty() => {}
        Output::ListQueueTags { tags } => {
            object.texts("Tags", tags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        }
        Output::CancelMessageMoveTask { approximate_number_of_messages_moved } => {
            object.number("ApproximateNumberOfMessagesMoved", *approximate_number_of_messages_moved);
        }
        Output::ListMessageMoveTasks { results } => object.list("Results", results, move_task),
        Output::StartMessageMoveTask { task_handle } => object.text("TaskHandle", task_handle),
    }
    object.close();
    out
}

fn size_hint(output: &Output) -> usize {
    match output {
        Output::Done => 0,
        Output::ReceiveMessage { messages } => {
            messages.iter().map(|message| message.body.len() + message.body.len() / 8 + MESSAGE_OVERHEAD_BYTES).sum()
        }
        Output::ListQueues(page) | Output::ListDeadLetterSourceQueues(page) => {
            QUEUE_URL_BYTES * page.queues.len() + 256
        }
        Output::SendMessageBatch(result) => 256 * (result.successful.len() + result.failed.len() + 1),
        _ => 256,
    }
}

fn sent_message(object: &mut Object<'_>, sent: &SentMessage) {
    object.text("MessageId", &sent.message_id);
    object.text("MD5OfMessageBody", &sent.md5_of_message_body);
    object.optional_text("MD5OfMessageAttributes", sent.md5_of_message_attributes.as_deref());
    object.optional_text("MD5OfMessageSystemAttributes", sent.md5_of_message_system_attributes.as_deref());
    object.optional_text("SequenceNumber", sent.sequence_number.as_deref());
}

fn message(out: &mut Vec<u8>, message: &ReceivedMessage) {
    let mut object = Object::open(out);
    object.text("MessageId", &message.message_id);
    object.text("ReceiptHandle", &message.receipt_handle);
    object.text("MD5OfBody", &message.md5_of_body);
    object.text("Body", &message.body);
    if !message.attributes.is_empty() {
        object.texts("Attributes", message.attributes.iter().map(|(name, value)| (*name, value.as_str())));
    }
    object.optional_text("MD5OfMessageAttributes", message.md5_of_message_attributes.as_deref());
    if !message.message_attributes.is_empty() {
        message_attributes(object.member("MessageAttributes"), &message.message_attributes);
    }
    object.close();
}

fn message_attributes(out: &mut Vec<u8>, attributes: &[(String, MessageAttributeValue)]) {
    out.push(b'{');
    for (index, (name, value)) in attributes.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::text(out, name);
        out.push(b':');
        let mut object = Object::open(out);
        object.optional_text("StringValue", value.string_value.as_deref());
        if let Some(bytes) = &value.binary_value {
            object.bytes("BinaryValue", &bytes.0);
        }
        object.optional_text("DataType", value.data_type.as_deref());
        object.close();
    }
    out.push(b'}');
}

/// An empty list is left out: SQS does so although its model requires both, and clients ask whether there is one (Java's
/// `hasFailed`).
fn batch<T>(object: &mut Object<'_>, result: &BatchResult<T>, mut write: impl FnMut(&mut Object<'_>, &T)) {
    if !result.successful.is_empty() {
        object.list("Successful", &result.successful, |out, item| {
            let mut entry = Object::open(out);
            write(&mut entry, item);
            entry.close();
        });
    }
    if !result.failed.is_empty() {
        object.list("Failed", &result.failed, batch_failure);
    }
}

fn batch_failure(out: &mut Vec<u8>, failure: &BatchFailure) {
    let mut entry = Object::open(out);
    entry.text("Id", &failure.id);
    entry.bool("SenderFault", true);
    entry.text("Code", sqs_errors::code(failure.error.kind).query);
    entry.text("Message", &failure.error.message);
    entry.close();
}

fn queue_page(object: &mut Object<'_>, name: &str, url_base: Option<&UrlBase>, page: &QueuePage) {
    let mut url = queue_url::stem(url_base, None);
    let stem_bytes = url.len();
    object.list(name, &page.queues, |out, queue| {
        url.truncate(stem_bytes);
        url.push_str(queue.as_str());
        json::text(out, &url);
    });
    object.optional_text("NextToken", page.next_token.as_deref());
}

fn move_task(out: &mut Vec<u8>, task: &MoveTaskEntry) {
    let mut object = Object::open(out);
    object.optional_text("TaskHandle", task.task_handle.as_deref());
    object.text("Status", task.status);
    object.text("SourceArn", &task.source_arn);
    object.optional_text("DestinationArn", task.destination_arn.as_deref());
    if let Some(rate) = task.max_number_of_messages_per_second {
        object.number("MaxNumberOfMessagesPerSecond", rate.into());
    }
    object.number("ApproximateNumberOfMessagesMoved", task.approximate_number_of_messages_moved);
    if let Some(count) = task.approximate_number_of_messages_to_move {
        object.number("ApproximateNumberOfMessagesToMove", count);
    }
    object.optional_text("FailureReason", task.failure_reason.as_deref());
    object.number("StartedTimestamp", task.started_timestamp_ms);
    object.close();
}
