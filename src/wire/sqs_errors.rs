//! The codes of SQS's errors in both protocols. The service model is query-compatible: each error keeps the code that it had
//! in the Query protocol, which JSON clients read from `x-amzn-query-error` (SQS developer guide, "AWS JSON protocol").

use http::StatusCode;

use crate::engine::sqs::SqsErrorKind;

/// How an error is named, and the status of the Query protocol; the JSON protocol's is always 400.
#[derive(Debug)]
pub(super) struct Code {
    /// `__type` of the JSON protocol.
    pub(super) json: &'static str,
    /// `Code` of the Query protocol and of failed batch entries.
    pub(super) query: &'static str,
    /// `x-amzn-query-error`.
    pub(super) query_header: &'static str,
    pub(super) query_status: StatusCode,
}

macro_rules! code {
    ($json:literal, $query:literal) => {
        code!($json, $query, StatusCode::BAD_REQUEST)
    };
    ($json:literal, $query:literal, $status:expr) => {
        Code { json: $json, query: $query, query_header: concat!($query, ";Sender"), query_status: $status }
    };
}

/// The codes of an error.
pub(super) fn code(kind: SqsErrorKind) -> Code {
    use SqsErrorKind as Kind;
    match kind {
        Kind::BatchEntryIdsNotDistinct => {
            code!("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
        }
        Kind::BatchRequestTooLong => {
            code!("com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong")
        }
        Kind::EmptyBatchRequest => {
            code!("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest")
        }
        Kind::InvalidAddress => code!("com.amazonaws.sqs#InvalidAddress", "InvalidAddress", StatusCode::NOT_FOUND),
        Kind::InvalidAttributeName => code!("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName"),
        Kind::InvalidAttributeValue => code!("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue"),
        Kind::InvalidBatchEntryId => {
            code!("com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId")
        }
        Kind::InvalidIdFormat => code!("com.amazonaws.sqs#InvalidIdFormat", "InvalidIdFormat"),
        Kind::InvalidMessageContents => code!("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents"),
        Kind::InvalidParameterValue => {
            code!("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue")
        }
        Kind::InvalidSecurity => code!("com.amazonaws.sqs#InvalidSecurity", "InvalidSecurity", StatusCode::FORBIDDEN),
        Kind::MessageNotInflight => {
            code!("com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight")
        }
        Kind::MissingParameter => {
            code!("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter")
        }
        Kind::OverLimit => code!("com.amazonaws.sqs#OverLimit", "OverLimit", StatusCode::FORBIDDEN),
        Kind::PurgeQueueInProgress => code!(
            "com.amazonaws.sqs#PurgeQueueInProgress",
            "AWS.SimpleQueueService.PurgeQueueInProgress",
            StatusCode::FORBIDDEN
        ),
        Kind::QueueDeletedRecently => {
            code!("com.amazonaws.sqs#QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently")
        }
        Kind::QueueDoesNotExist => {
            code!("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
        }
        Kind::QueueNameExists => code!("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists"),
        Kind::ReceiptHandleIsInvalid => {
            code!("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", StatusCode::NOT_FOUND)
        }
        Kind::ResourceNotFound => {
            code!("com.amazonaws.sqs#ResourceNotFoundException", "ResourceNotFoundException", StatusCode::NOT_FOUND)
        }
        Kind::TooManyEntriesInBatchRequest => code!(
            "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
        ),
        Kind::UnsupportedOperation => {
            code!("com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation")
        }
    }
}
