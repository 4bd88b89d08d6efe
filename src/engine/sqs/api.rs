//! SQS's operations in the shapes of its service model (`sqs/2012-11-05`), without protocol: both wire protocols read
//! into these. Missing values stay missing; what is required is checked where the operation is carried out.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::{AccountId, QueueName};

/// A request to SQS.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    AddPermission(AddPermission),
    CancelMessageMoveTask(CancelMessageMoveTask),
    ChangeMessageVisibility(ChangeMessageVisibility),
    ChangeMessageVisibilityBatch(ChangeMessageVisibilityBatch),
    CreateQueue(CreateQueue),
    DeleteMessage(DeleteMessage),
    DeleteMessageBatch(DeleteMessageBatch),
    DeleteQueue(QueueOnly),
    GetQueueAttributes(GetQueueAttributes),
    GetQueueUrl(GetQueueUrl),
    ListDeadLetterSourceQueues(ListDeadLetterSourceQueues),
    ListMessageMoveTasks(ListMessageMoveTasks),
    ListQueueTags(QueueOnly),
    ListQueues(ListQueues),
    PurgeQueue(QueueOnly),
    ReceiveMessage(ReceiveMessage),
    RemovePermission(RemovePermission),
    SendMessage(SendMessage),
    SendMessageBatch(SendMessageBatch),
    SetQueueAttributes(SetQueueAttributes),
    StartMessageMoveTask(StartMessageMoveTask),
    TagQueue(TagQueue),
    UntagQueue(UntagQueue),
    /// Not an operation of SQS: for people who look.
    DescribeQueues(super::DescribeQueues),
    /// Not an operation of SQS: for people who look.
    PeekMessages(super::PeekMessages),
}

impl Command {
    /// Whether a queue may come or go with it.
    pub(in crate::engine) fn changes_queues(&self) -> bool {
        matches!(self, Self::CreateQueue(_) | Self::DeleteQueue(_))
    }
}

/// SQS's answer. Queue URLs are names here: only the wire knows on which host the caller reached us.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// Operations without output.
    Done,
    CancelMessageMoveTask {
        approximate_number_of_messages_moved: u64,
    },
    ChangeMessageVisibilityBatch(BatchResult<String>),
    CreateQueue {
        queue: QueueName,
    },
    DeleteMessageBatch(BatchResult<String>),
    GetQueueAttributes {
        attributes: BTreeMap<&'static str, String>,
    },
    GetQueueUrl {
        queue: QueueName,
        account: AccountId,
    },
    ListDeadLetterSourceQueues(QueuePage),
    ListMessageMoveTasks {
        results: Vec<MoveTaskEntry>,
    },
    ListQueueTags {
        tags: BTreeMap<String, String>,
    },
    ListQueues(QueuePage),
    ReceiveMessage {
        messages: Vec<ReceivedMessage>,
    },
    SendMessage(SentMessage),
    SendMessageBatch(BatchResult<(String, SentMessage)>),
    StartMessageMoveTask {
        task_handle: String,
    },
    QueueActivity {
        queues: Vec<super::QueueActivity>,
        /// Whether there are no further queues.
        is_last: bool,
    },
    Peeked(super::Peeked),
}

/// A queue as a request names it: by URL. Only the URL's path counts (`/ACCOUNT/NAME`, or `/queue/...` forms); the wire
/// resolves host forms to the request's scope.
pub type QueueUrl = String;

macro_rules! shape {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
    };
}

shape!(
    /// Operations that take nothing but a queue.
    QueueOnly { queue_url: QueueUrl }
);
shape!(AddPermission {
    queue_url: QueueUrl,
    label: Option<String>,
    #[serde(rename = "AWSAccountIds")]
    aws_account_ids: Vec<String>,
    actions: Vec<String>,
});
shape!(RemovePermission { queue_url: QueueUrl, label: Option<String> });
shape!(CancelMessageMoveTask { task_handle: Option<String> });
shape!(StartMessageMoveTask {
    source_arn: Option<String>,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
});
shape!(ListMessageMoveTasks { source_arn: Option<String>, max_results: Option<i64> });
shape!(ChangeMessageVisibility {
    queue_url: QueueUrl,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
});
shape!(ChangeMessageVisibilityBatch { queue_url: QueueUrl, entries: Vec<ChangeMessageVisibilityEntry> });
shape!(ChangeMessageVisibilityEntry {
    id: String,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
});
shape!(CreateQueue {
    queue_name: Option<String>,
    attributes: BTreeMap<String, String>,
    #[serde(rename = "tags")]
    tags: BTreeMap<String, String>,
});
shape!(DeleteMessage { queue_url: QueueUrl, receipt_handle: Option<String> });
shape!(DeleteMessageBatch { queue_url: QueueUrl, entries: Vec<DeleteMessageEntry> });
shape!(DeleteMessageEntry { id: String, receipt_handle: Option<String> });
shape!(GetQueueAttributes { queue_url: QueueUrl, attribute_names: Vec<String> });
shape!(GetQueueUrl {
    queue_name: Option<String>,
    #[serde(rename = "QueueOwnerAWSAccountId")]
    queue_owner_aws_account_id: Option<String>,
});
shape!(ListDeadLetterSourceQueues { queue_url: QueueUrl, next_token: Option<String>, max_results: Option<i64> });
shape!(ListQueues { queue_name_prefix: Option<String>, next_token: Option<String>, max_results: Option<i64> });
shape!(ReceiveMessage {
    queue_url: QueueUrl,
    /// The older name of `message_system_attribute_names`; both count.
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    receive_request_attempt_id: Option<String>,
});
shape!(SendMessage {
    queue_url: QueueUrl,
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    message_attributes: BTreeMap<String, MessageAttributeValue>,
    message_system_attributes: BTreeMap<String, MessageAttributeValue>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
    /// `X-Amzn-Trace-Id` of the request.
    #[serde(skip)]
    trace_id: Option<String>,
});
shape!(SendMessageBatch { queue_url: QueueUrl, entries: Vec<SendMessageEntry> });
shape!(SendMessageEntry {
    id: String,
    message_body: Option<String>,
    delay_seconds: Option<i64>,
    message_attributes: BTreeMap<String, MessageAttributeValue>,
    message_system_attributes: BTreeMap<String, MessageAttributeValue>,
    message_deduplication_id: Option<String>,
    message_group_id: Option<String>,
    /// `X-Amzn-Trace-Id` of the request.
    #[serde(skip)]
    trace_id: Option<String>,
});
shape!(SetQueueAttributes { queue_url: QueueUrl, attributes: BTreeMap<String, String> });
shape!(TagQueue { queue_url: QueueUrl, tags: BTreeMap<String, String> });
shape!(UntagQueue { queue_url: QueueUrl, tag_keys: Vec<String> });
shape!(
    /// A message attribute; `data_type` may carry a custom suffix (`Number.int`).
    MessageAttributeValue {
        data_type: Option<String>,
        string_value: Option<String>,
        binary_value: Option<Blob>,
    }
);

/// Bytes that both protocols write in Base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blob(pub Bytes);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = String::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes.into()))
    }
}

/// Outcome of a batch: what worked, in request order, and what did not.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchResult<T> {
    pub successful: Vec<T>,
    pub failed: Vec<BatchFailure>,
}

/// One failed entry of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchFailure {
    pub id: String,
    pub error: super::SqsError,
}

/// A page of queue names.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePage {
    pub queues: Vec<QueueName>,
    pub next_token: Option<String>,
}

/// What a send returns.
#[derive(Clone, Debug, PartialEq)]
pub struct SentMessage {
    pub message_id: String,
    /// Lower-case hexadecimal.
    pub md5_of_message_body: String,
    pub md5_of_message_attributes: Option<String>,
    pub md5_of_message_system_attributes: Option<String>,
    pub sequence_number: Option<String>,
}

/// A message as a receive returns it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedMessage {
    pub message_id: String,
    pub receipt_handle: String,
    pub md5_of_body: String,
    pub body: Arc<str>,
    /// System attributes, those that were asked for.
    pub attributes: Vec<(&'static str, String)>,
    pub md5_of_message_attributes: Option<String>,
    /// Message attributes, those that were asked for.
    pub message_attributes: Vec<(String, MessageAttributeValue)>,
}

/// An entry of `ListMessageMoveTasks`.
#[derive(Clone, Debug, PartialEq)]
pub struct MoveTaskEntry {
    pub task_handle: Option<String>,
    pub status: &'static str,
    pub source_arn: String,
    pub destination_arn: Option<String>,
    pub max_number_of_messages_per_second: Option<u32>,
    pub approximate_number_of_messages_moved: u64,
    pub approximate_number_of_messages_to_move: Option<u64>,
    pub failure_reason: Option<String>,
    pub started_timestamp_ms: u64,
}
