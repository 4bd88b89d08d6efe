//! SQS's refusals. Wire codes and statuses of each kind are in `wire`.

use std::fmt;

/// An SQS error: its kind in the service model's words, and AWS's message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqsError {
    pub kind: SqsErrorKind,
    pub message: String,
}

/// The errors of the service model, and the common ones that SQS documents beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqsErrorKind {
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InvalidAddress,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidIdFormat,
    InvalidMessageContents,
    InvalidParameterValue,
    InvalidSecurity,
    MessageNotInflight,
    MissingParameter,
    OverLimit,
    PurgeQueueInProgress,
    QueueDeletedRecently,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
    ResourceNotFound,
    TooManyEntriesInBatchRequest,
    UnsupportedOperation,
}

impl SqsError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: SqsErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for SqsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for SqsError {}
