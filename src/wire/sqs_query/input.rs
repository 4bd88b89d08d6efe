//! From parameters to the engine's shapes, one operation after the other.

use std::collections::BTreeMap;

use base64::Engine as _;

use crate::engine::sqs::{
    AddPermission, Blob, CancelMessageMoveTask, ChangeMessageVisibility, ChangeMessageVisibilityBatch,
    ChangeMessageVisibilityEntry, Command, CreateQueue, DeleteMessage, DeleteMessageBatch, DeleteMessageEntry,
    GetQueueAttributes, GetQueueUrl, ListDeadLetterSourceQueues, ListMessageMoveTasks, ListQueues,
    MessageAttributeValue, QueueOnly, ReceiveMessage, RemovePermission, SendMessage, SendMessageBatch,
    SendMessageEntry, SetQueueAttributes, SqsError, SqsErrorKind, StartMessageMoveTask, TagQueue, UntagQueue,
};
use crate::wire::params::Params;

type Read<T> = Result<T, SqsError>;

/// The operation's name and input; `None` when SQS has no such operation. `path` is the queue's URL where the parameters
/// have none.
pub(super) fn command(params: &Params<'_>, action: &str, path: &str) -> Option<(&'static str, Read<Command>)> {
    let (operation, read) = OPERATIONS.iter().find(|(name, _)| *name == action)?;
    Some((operation, read(&Input { params, path })))
}

/// The names of all that can be asked for.
#[cfg(test)]
pub(super) fn operations() -> impl Iterator<Item = &'static str> {
    OPERATIONS.iter().map(|(name, _)| *name)
}

type Reader = fn(&Input<'_>) -> Read<Command>;

const OPERATIONS: [(&str, Reader); 23] = [
    ("SendMessage", send_message),
    ("ReceiveMessage", receive_message),
    ("DeleteMessage", |input| {
        Ok(Command::DeleteMessage(DeleteMessage {
            queue_url: input.queue_url(),
            receipt_handle: input.text("ReceiptHandle"),
        }))
    }),
    ("SendMessageBatch", send_message_batch),
    ("DeleteMessageBatch", |input| Ok(delete_message_batch(input))),
    ("ChangeMessageVisibility", change_message_visibility),
    ("ChangeMessageVisibilityBatch", change_message_visibility_batch),
    ("AddPermission", |input| Ok(add_permission(input))),
    ("CancelMessageMoveTask", |input| {
        Ok(Command::CancelMessageMoveTask(CancelMessageMoveTask { task_handle: input.text("TaskHandle") }))
    }),
    ("CreateQueue", |input| Ok(create_queue(input))),
    ("DeleteQueue", |input| Ok(Command::DeleteQueue(input.queue_only()))),
    ("GetQueueAttributes", |input| {
        Ok(Command::GetQueueAttributes(GetQueueAttributes {
            queue_url: input.queue_url(),
            attribute_names: input.texts("AttributeName"),
        }))
    }),
    ("GetQueueUrl", |input| {
        Ok(Command::GetQueueUrl(GetQueueUrl {
            queue_name: input.text("QueueName"),
            queue_owner_aws_account_id: input.text("QueueOwnerAWSAccountId"),
        }))
    }),
    ("ListDeadLetterSourceQueues", list_dead_letter_source_queues),
    ("ListMessageMoveTasks", list_message_move_tasks),
    ("ListQueueTags", |input| Ok(Command::ListQueueTags(input.queue_only()))),
    ("ListQueues", list_queues),
    ("PurgeQueue", |input| Ok(Command::PurgeQueue(input.queue_only()))),
    ("RemovePermission", |input| {
        Ok(Command::RemovePermission(RemovePermission { queue_url: input.queue_url(), label: input.text("Label") }))
    }),
    ("SetQueueAttributes", |input| {
        Ok(Command::SetQueueAttributes(SetQueueAttributes {
            queue_url: input.queue_url(),
            attributes: input.map("Attribute", "Name"),
        }))
    }),
    ("StartMessageMoveTask", start_message_move_task),
    ("TagQueue", |input| {
        Ok(Command::TagQueue(TagQueue { queue_url: input.queue_url(), tags: input.map("Tag", "Key") }))
    }),
    ("UntagQueue", |input| {
        Ok(Command::UntagQueue(UntagQueue { queue_url: input.queue_url(), tag_keys: input.texts("TagKey") }))
    }),
];

/// The parameters of one request and how shapes are read from them.
struct Input<'a> {
    params: &'a Params<'a>,
    path: &'a str,
}

impl Input<'_> {
    fn queue_url(&self) -> String {
        match self.params.get("QueueUrl") {
            Some(url) => url.to_owned(),
            None if self.path.len() > 1 => self.path.to_owned(),
            None => String::new(),
        }
    }

    fn queue_only(&self) -> QueueOnly {
        QueueOnly { queue_url: self.queue_url() }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.params.get(name).map(str::to_owned)
    }

    /// A member of a list's entry.
    fn member(&self, entry: &str, name: &str) -> Option<&str> {
        self.params.get(&format!("{entry}.{name}"))
    }

    fn member_text(&self, entry: &str, name: &str) -> Option<String> {
        self.member(entry, name).map(str::to_owned)
    }

    fn integer(&self, name: &str) -> Read<Option<i64>> {
        self.params.get(name).map(|value| integer(name, value)).transpose()
    }

    fn member_integer(&self, entry: &str, name: &str) -> Read<Option<i64>> {
        self.member(entry, name).map(|value| integer(name, value)).transpose()
    }

    fn texts(&self, prefix: &str) -> Vec<String> {
        self.params.members(prefix).iter().filter_map(|name| self.text(name)).collect()
    }

    /// `PREFIX.N.KEY` and `PREFIX.N.Value`.
    fn map(&self, prefix: &str, key: &str) -> BTreeMap<String, String> {
        let entries = self.params.members(prefix).into_iter();
        let pair = |entry: String| {
            let key = self.member_text(&entry, key)?;
            Some((key, self.member_text(&entry, "Value").unwrap_or_default()))
        };
        entries.filter_map(pair).collect()
    }

    /// `PREFIX.N.Name` and `PREFIX.N.Value.DataType`, `.StringValue`, `.BinaryValue`.
    fn message_attributes(&self, prefix: &str) -> Read<BTreeMap<String, MessageAttributeValue>> {
        let mut attributes = BTreeMap::new();
        for entry in self.params.members(prefix) {
            let Some(name) = self.member_text(&entry, "Name") else { continue };
            let binary_value = self.member(&entry, "Value.BinaryValue").map(|text| blob(&name, text)).transpose()?;
            let value = MessageAttributeValue {
                data_type: self.member_text(&entry, "Value.DataType"),
                string_value: self.member_text(&entry, "Value.StringValue"),
                binary_value,
            };
            attributes.insert(name, value);
        }
        Ok(attributes)
    }
}

fn integer(name: &str, value: &str) -> Read<i64> {
    value.trim().parse().map_err(|_| {
        let message = format!("Value {value} for parameter {name} is invalid. Reason: Must be an integer.");
        SqsError::new(SqsErrorKind::InvalidParameterValue, message)
    })
}

fn blob(name: &str, text: &str) -> Read<Blob> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).map_err(|error| {
        let message = format!("The message attribute '{name}' has a BinaryValue that is not Base64: {error}");
        SqsError::new(SqsErrorKind::InvalidParameterValue, message)
    })?;
    Ok(Blob(bytes.into()))
}

fn send_message(input: &Input<'_>) -> Read<Command> {
    Ok(Command::SendMessage(SendMessage {
        queue_url: input.queue_url(),
        message_body: input.text("MessageBody"),
        delay_seconds: input.integer("DelaySeconds")?,
        message_attributes: input.message_attributes("MessageAttribute")?,
        message_system_attributes: input.message_attributes("MessageSystemAttribute")?,
        message_deduplication_id: input.text("MessageDeduplicationId"),
        message_group_id: input.text("MessageGroupId"),
        trace_id: None,
    }))
}

fn send_message_batch(input: &Input<'_>) -> Read<Command> {
    let entries = input.params.members("SendMessageBatchRequestEntry").into_iter();
    let entries = entries.map(|entry| {
        Ok(SendMessageEntry {
            id: input.member_text(&entry, "Id").unwrap_or_default(),
            message_body: input.member_text(&entry, "MessageBody"),
            delay_seconds: input.member_integer(&entry, "DelaySeconds")?,
            message_attributes: input.message_attributes(&format!("{entry}.MessageAttribute"))?,
            message_system_attributes: input.message_attributes(&format!("{entry}.MessageSystemAttribute"))?,
            message_deduplication_id: input.member_text(&entry, "MessageDeduplicationId"),
            message_group_id: input.member_text(&entry, "MessageGroupId"),
            trace_id: None,
        })
    });
    let entries = entries.collect::<Read<_>>()?;
    Ok(Command::SendMessageBatch(SendMessageBatch { queue_url: input.queue_url(), entries }))
}

fn receive_message(input: &Input<'_>) -> Read<Command> {
    Ok(Command::ReceiveMessage(ReceiveMessage {
        queue_url: input.queue_url(),
        attribute_names: input.texts("AttributeName"),
        message_system_attribute_names: input.texts("MessageSystemAttributeName"),
        message_attribute_names: input.texts("MessageAttributeName"),
        max_number_of_messages: input.integer("MaxNumberOfMessages")?,
        visibility_timeout: input.integer("VisibilityTimeout")?,
        wait_time_seconds: input.integer("WaitTimeSeconds")?,
        receive_request_attempt_id: input.text("ReceiveRequestAttemptId"),
    }))
}

fn delete_message_batch(input: &Input<'_>) -> Command {
    let entries = input.params.members("DeleteMessageBatchRequestEntry").into_iter();
    let entries = entries.map(|entry| DeleteMessageEntry {
        id: input.member_text(&entry, "Id").unwrap_or_default(),
        receipt_handle: input.member_text(&entry, "ReceiptHandle"),
    });
    Command::DeleteMessageBatch(DeleteMessageBatch { queue_url: input.queue_url(), entries: entries.collect() })
}

fn change_message_visibility(input: &Input<'_>) -> Read<Command> {
    Ok(Command::ChangeMessageVisibility(ChangeMessageVisibility {
        queue_url: input.queue_url(),
        receipt_handle: input.text("ReceiptHandle"),
        visibility_timeout: input.integer("VisibilityTimeout")?,
    }))
}

fn change_message_visibility_batch(input: &Input<'_>) -> Read<Command> {
    let entries = input.params.members("ChangeMessageVisibilityBatchRequestEntry").into_iter();
    let entries = entries.map(|entry| {
        Ok(ChangeMessageVisibilityEntry {
            id: input.member_text(&entry, "Id").unwrap_or_default(),
            receipt_handle: input.member_text(&entry, "ReceiptHandle"),
            visibility_timeout: input.member_integer(&entry, "VisibilityTimeout")?,
        })
    });
    let entries = entries.collect::<Read<_>>()?;
    Ok(Command::ChangeMessageVisibilityBatch(ChangeMessageVisibilityBatch { queue_url: input.queue_url(), entries }))
}

fn add_permission(input: &Input<'_>) -> Command {
    Command::AddPermission(AddPermission {
        queue_url: input.queue_url(),
        label: input.text("Label"),
        aws_account_ids: input.texts("AWSAccountId"),
        actions: input.texts("ActionName"),
    })
}

fn create_queue(input: &Input<'_>) -> Command {
    Command::CreateQueue(CreateQueue {
        queue_name: input.text("QueueName"),
        attributes: input.map("Attribute", "Name"),
        tags: input.map("Tag", "Key"),
    })
}

fn list_queues(input: &Input<'_>) -> Read<Command> {
    Ok(Command::ListQueues(ListQueues {
        queue_name_prefix: input.text("QueueNamePrefix"),
        next_token: input.text("NextToken"),
        max_results: input.integer("MaxResults")?,
    }))
}

fn list_dead_letter_source_queues(input: &Input<'_>) -> Read<Command> {
    Ok(Command::ListDeadLetterSourceQueues(ListDeadLetterSourceQueues {
        queue_url: input.queue_url(),
        next_token: input.text("NextToken"),
        max_results: input.integer("MaxResults")?,
    }))
}

fn list_message_move_tasks(input: &Input<'_>) -> Read<Command> {
    Ok(Command::ListMessageMoveTasks(ListMessageMoveTasks {
        source_arn: input.text("SourceArn"),
        max_results: input.integer("MaxResults")?,
    }))
}

fn start_message_move_task(input: &Input<'_>) -> Read<Command> {
    Ok(Command::StartMessageMoveTask(StartMessageMoveTask {
        source_arn: input.text("SourceArn"),
        destination_arn: input.text("DestinationArn"),
        max_number_of_messages_per_second: input.integer("MaxNumberOfMessagesPerSecond")?,
    }))
}
