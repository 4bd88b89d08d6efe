//! SQS's answers in the XML of AWS Query: lists are flattened, each member under its own element.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::{
    super::{UrlBase, queue_url, response, sqs_errors, xml},
    NAMESPACE, refusal,
};
use crate::engine::{
    Error, Reply, Response as EngineResponse,
    sqs::{
        BatchResult, MessageAttributeValue, MoveTaskEntry, QueuePage, ReceivedMessage, Response as Output, SentMessage,
    },
};

pub(in crate::wire) fn respond(
    operation: &'static str,
    url_base: Option<&UrlBase>,
    reply: Reply,
    request_id: &str,
) -> Response<Bytes> {
    let output = match reply {
        Ok(EngineResponse::Sqs(output)) => output,
        Err(Error::Sqs(error)) => return refusal(&error, request_id),
        Err(Error::Storage(message)) => return failure(&message, request_id),
        other => return failure(&format!("the engine answered another service: {other:?}"), request_id),
    };
    let has_result = !matches!(output, Output::Done);
    let document =
        xml::document(operation, NAMESPACE, request_id, has_result, |out| result(out, operation, url_base, &output));
    response::new(StatusCode::OK, response::XML, document, request_id)
}

fn failure(message: &str, request_id: &str) -> Response<Bytes> {
    xml::refusal(NAMESPACE, StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", message, request_id)
}

fn result(out: &mut String, operation: &str, url_base: Option<&UrlBase>, output: &Output) {
    match output {
        // The latter answers a question that does not come in AWS's protocols.
        Output::Done | Output::QueueActivity { .. } => {}
        Output::SendMessage(sent) => sent_message(out, sent),
        Output::ReceiveMessage { messages } => messages.iter().for_each(|found| message(out, found)),
        Output::Peeked(peeked) => peeked.messages.iter().for_each(|seen| message(out, &seen.as_received())),
        Output::SendMessageBatch(results) => batch(out, operation, results, |out, (id, sent)| {
            xml::element(out, "Id", id);
            sent_message(out, sent);
        }),
        Output::DeleteMessageBatch(results) | Output::ChangeMessageVisibilityBatch(results) => {
            batch(out, operation, results, |out, id| xml::element(out, "Id", id));
        }
        Output::CreateQueue { queue } => xml::element(out, "QueueUrl", &queue_url::of(url_base, None, queue)),
        Output::GetQueueUrl { queue, account } => {
            xml::element(out, "QueueUrl", &queue_url::of(url_base, Some(*account), queue));
        }
        Output::ListQueues(page) | Output::ListDeadLetterSourceQueues(page) => queue_page(out, url_base, page),
        Output::GetQueueAttributes { attributes } => {
            attributes.iter().for_each(|(name, value)| pair(out, "Attribute", ("Name", name), value));
        }
        Output::ListQueueTags { tags } => tags.iter().for_each(|(key, value)| pair(out, "Tag", ("Key", key), value)),
        Output::CancelMessageMoveTask { approximate_number_of_messages_moved: count } => {
            xml::element(out, "ApproximateNumberOfMessagesMoved", &count.to_string());
        }
        Output::ListMessageMoveTasks { results } => results.iter().for_each(|task| move_task(out, task)),
        Output::StartMessageMoveTask { task_handle } => xml::element(out, "TaskHandle", task_handle),
    }
}

fn pair(out: &mut String, element: &str, (key_element, key): (&str, &str), value: &str) {
    xml::open(out, element);
    xml::element(out, key_element, key);
    xml::element(out, "Value", value);
    xml::close(out, element);
}

fn sent_message(out: &mut String, sent: &SentMessage) {
    xml::element(out, "MessageId", &sent.message_id);
    xml::element(out, "MD5OfMessageBody", &sent.md5_of_message_body);
    xml::optional(out, "MD5OfMessageAttributes", sent.md5_of_message_attributes.as_deref());
    xml::optional(out, "MD5OfMessageSystemAttributes", sent.md5_of_message_system_attributes.as_deref());
    xml::optional(out, "SequenceNumber", sent.sequence_number.as_deref());
}

fn message(out: &mut String, message: &ReceivedMessage) {
    xml::open(out, "Message");
    xml::element(out, "MessageId", &message.message_id);
    xml::element(out, "ReceiptHandle", &message.receipt_handle);
    xml::element(out, "MD5OfBody", &message.md5_of_body);
    xml::element(out, "Body", &message.body);
    for (name, value) in &message.attributes {
        pair(out, "Attribute", ("Name", name), value);
    }
    xml::optional(out, "MD5OfMessageAttributes", message.md5_of_message_attributes.as_deref());
    for (name, value) in &message.message_attributes {
        message_attribute(out, name, value);
    }
    xml::close(out, "Message");
}

fn message_attribute(out: &mut String, name: &str, value: &MessageAttributeValue) {
    use base64::Engine as _;
    xml::open(out, "MessageAttribute");
    xml::element(out, "Name", name);
    xml::open(out, "Value");
    xml::optional(out, "StringValue", value.string_value.as_deref());
    if let Some(bytes) = &value.binary_value {
        xml::element(out, "BinaryValue", &base64::engine::general_purpose::STANDARD.encode(&bytes.0));
    }
    xml::optional(out, "DataType", value.data_type.as_deref());
    xml::close(out, "Value");
    xml::close(out, "MessageAttribute");
}

fn batch<T>(out: &mut String, operation: &str, results: &BatchResult<T>, mut write: impl FnMut(&mut String, &T)) {
    let entry = format!("{operation}ResultEntry");
    for item in &results.successful {
        xml::open(out, &entry);
        write(out, item);
        xml::close(out, &entry);
    }
    for failure in &results.failed {
        xml::open(out, "BatchResultErrorEntry");
        xml::element(out, "Id", &failure.id);
        xml::element(out, "SenderFault", "true");
        xml::element(out, "Code", sqs_errors::code(failure.error.kind).query);
        xml::element(out, "Message", &failure.error.message);
        xml::close(out, "BatchResultErrorEntry");
    }
}

fn queue_page(out: &mut String, url_base: Option<&UrlBase>, page: &QueuePage) {
    for queue in &page.queues {
        xml::element(out, "QueueUrl", &queue_url::of(url_base, None, queue));
    }
    xml::optional(out, "NextToken", page.next_token.as_deref());
}

fn move_task(out: &mut String, task: &MoveTaskEntry) {
    let number = |value: u64| value.to_string();
    xml::open(out, "ListMessageMoveTasksResultEntry");
    xml::optional(out, "TaskHandle", task.task_handle.as_deref());
    xml::element(out, "Status", task.status);
    xml::element(out, "SourceArn", &task.source_arn);
    xml::optional(out, "DestinationArn", task.destination_arn.as_deref());
    let rate = task.max_number_of_messages_per_second.map(|rate| number(rate.into()));
    xml::optional(out, "MaxNumberOfMessagesPerSecond", rate.as_deref());
    xml::element(out, "ApproximateNumberOfMessagesMoved", &number(task.approximate_number_of_messages_moved));
    let to_move = task.approximate_number_of_messages_to_move.map(number);
    xml::optional(out, "ApproximateNumberOfMessagesToMove", to_move.as_deref());
    xml::optional(out, "FailureReason", task.failure_reason.as_deref());
    xml::element(out, "StartedTimestamp", &number(task.started_timestamp_ms));
    xml::close(out, "ListMessageMoveTasksResultEntry");
}
