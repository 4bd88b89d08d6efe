//! `[queues.NAME]`.

use super::{
    Key, Others, Presence::Default, Presence::Derived, Presence::Required, Shape, Table, Text, key, map, rules, table,
};
use crate::model::limits;

/// `MaximumMessageSize`, smallest (SQS API reference, `SetQueueAttributes`).
const MESSAGE_SIZE_MIN_BYTES: u64 = 1024;
/// `maxReceiveCount`, largest (SQS API reference, `SetQueueAttributes`).
const MAX_RECEIVES_MAX: i64 = 1000;
/// Source queues of a `RedriveAllowPolicy` (SQS API reference, `SetQueueAttributes`).
const REDRIVE_SOURCES_MAX: usize = 10;
/// Tags of a queue or function.
pub(super) const TAGS_MAX: usize = 50;
/// A tag's value.
const TAG_VALUE_MAX: usize = 256;
/// More queues than any stack has; bounds what a manifest can ask for.
const QUEUES_MAX: usize = 1000;

pub(super) static QUEUES: Table = map("The stack's queues, by name.", &QUEUE_KEYS);

static QUEUE_KEYS: Others =
    Others { noun: "a queue", names: &rules::QUEUE_KEY, max: QUEUES_MAX, shape: Shape::Table(&QUEUE) };

static QUEUE: Table = table(
    "A queue. Its name on the target is its key, with `.fifo` appended to a FIFO queue's.",
    &[
        key(
            "fifo",
            Shape::Either(&[Shape::Bool, Shape::Table(&FIFO)]),
            Default("false"),
            "FifoQueue",
            "Whether the queue keeps order inside message groups. A table makes it FIFO and says more.",
        ),
        key(
            "visibility_timeout",
            Shape::Seconds { min: 0, max: limits::VISIBILITY_TIMEOUT_MAX_S as u64 },
            Default("\"30s\""),
            "VisibilityTimeout",
            "How long a received message is hidden from others. At least the timeout of each function that the queue \
             triggers, better six times that.",
        ),
        key(
            "delay",
            Shape::Seconds { min: 0, max: limits::DELAY_MAX_S as u64 },
            Default("\"0s\""),
            "DelaySeconds",
            "How long a new message is hidden before its first delivery.",
        ),
        key(
            "retention",
            Shape::Seconds { min: limits::RETENTION_MIN_S as u64, max: limits::RETENTION_MAX_S as u64 },
            Default("\"4d\""),
            "MessageRetentionPeriod",
            "How long a message is kept.",
        ),
        key(
            "receive_wait",
            Shape::Seconds { min: 0, max: limits::WAIT_TIME_MAX_S as u64 },
            Default("\"0s\""),
            "ReceiveMessageWaitTimeSeconds",
            "How long a receive waits for a message when it does not say so itself.",
        ),
        key(
            "max_message_size",
            Shape::Bytes { min: MESSAGE_SIZE_MIN_BYTES, max: limits::MESSAGE_MAX_BYTES as u64, step: 1 },
            Default("\"1MiB\""),
            "MaximumMessageSize",
            "The largest message, body and attributes together.",
        ),
        key(
            "dead_letter",
            Shape::Table(&DEAD_LETTER),
            Derived("messages are received again until their retention ends"),
            "RedrivePolicy",
            "Where a message goes that was received too often.",
        ),
        key(
            "redrive_allow",
            Shape::Either(&[
                Shape::OneOf(&["all", "none"]),
                Shape::List { item: &QUEUE_REF, max: REDRIVE_SOURCES_MAX },
            ]),
            Default("\"all\""),
            "RedriveAllowPolicy",
            "Which queues may use this one as their dead-letter queue: `\"all\"`, `\"none\"`, or a list of queues.",
        ),
        key(
            "encryption",
            Shape::Bool,
            Default("true"),
            "SqsManagedSseEnabled",
            "Whether SQS encrypts the messages with a key of its own.",
        ),
        key(
            "policy",
            Shape::Json,
            Derived("only the account itself may use the queue"),
            "Policy",
            "The access policy, as a table or as a string of JSON.",
        ),
        TAGS_KEY,
    ],
);

static QUEUE_REF: Shape = Shape::Text(Text::QueueKey);

static FIFO: Table = table(
    "A FIFO queue.",
    &[
        key(
            "content_based_deduplication",
            Shape::Bool,
            Default("false"),
            "ContentBasedDeduplication",
            "Whether messages without a deduplication id get the SHA-256 of their body as one.",
        ),
        key(
            "high_throughput",
            Shape::Bool,
            Default("false"),
            "DeduplicationScope, FifoThroughputLimit",
            "Whether deduplication and the throughput quota are per message group. The embedded engine has no quota: nothing is throttled there.",
        ),
    ],
);

static DEAD_LETTER: Table = table(
    "A dead-letter queue and when it is used.",
    &[
        key(
            "queue",
            Shape::Text(Text::QueueKey),
            Required,
            "deadLetterTargetArn",
            "The dead-letter queue, of the same type: a FIFO queue's is FIFO.",
        ),
        key(
            "max_receives",
            Shape::Integer { min: 1, max: MAX_RECEIVES_MAX },
            Default("10"),
            "maxReceiveCount",
            "How often a message is received before it goes there.",
        ),
    ],
);

pub(super) const TAGS_KEY: Key = Key {
    name: "tags",
    shape: Shape::Table(&TAGS),
    presence: Derived("no tags but the stack's own"),
    aws: "Tags",
    doc: "Tags of your own, beside those by which the stack knows what it owns.",
};

static TAGS: Table = map("Tags of your own.", &TAG_KEYS);

static TAG_KEYS: Others = Others {
    noun: "a tag",
    names: &rules::TAG_KEY,
    max: TAGS_MAX,
    shape: Shape::Text(Text::Free { max: TAG_VALUE_MAX }),
};
