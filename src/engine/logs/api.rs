//! CloudWatch Logs' operations in the shapes of its service model (`logs/2014-03-28`), without protocol; what the model
//! says of an input is true of it, because `wire::constraints` has seen to it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::LiveTail;

/// A request to CloudWatch Logs.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    DescribeLogGroups(DescribeLogGroups),
    DescribeLogStreams(DescribeLogStreams),
    FilterLogEvents(FilterLogEvents),
    GetLogEvents(GetLogEvents),
    StartLiveTail(StartLiveTail),
    DeleteLogGroup { log_group_name: String },
    CreateLogGroup(CreateLogGroup),
    CreateLogStream(StreamRef),
    DeleteLogStream(StreamRef),
    PutLogEvents(PutLogEvents),
    PutRetentionPolicy(PutRetentionPolicy),
    DeleteRetentionPolicy { log_group_name: String },
    TagResource { group: TaggedGroup, tags: BTreeMap<String, String> },
    UntagResource { group: TaggedGroup, tag_keys: Vec<String> },
    ListTags { group: TaggedGroup },
}

/// The group whose tags a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaggedGroup {
    Named(String),
    /// By ARN, with or without `:*` at its end.
    Arn(String),
}

/// CloudWatch Logs' answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    Done,
    DescribeLogGroups(DescribeLogGroupsOutput),
    DescribeLogStreams(DescribeLogStreamsOutput),
    FilterLogEvents(FilterLogEventsOutput),
    GetLogEvents(GetLogEventsOutput),
    PutLogEvents(PutLogEventsOutput),
    Tags(BTreeMap<String, String>),
    /// A session may begin.
    LiveTail(Arc<LiveTail>),
}

/// Where a line stands; shared by all lines of its writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSource {
    pub group: Arc<str>,
    pub stream: Arc<str>,
}

impl LogSource {
    pub fn new(group: impl Into<Arc<str>>, stream: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self { group: group.into(), stream: stream.into() })
    }
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    #[serde(flatten)]
    pub source: Arc<LogSource>,
    /// Grows by one with each line of an account and region.
    pub id: u64,
    pub timestamp_ms: u64,
    /// When it came; not told to those who follow a log.
    #[serde(skip)]
    pub ingested_ms: u64,
    /// Without a line feed at its end.
    pub message: String,
}

macro_rules! shape {
    ($name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        #[doc = concat!("`", stringify!($name), "` of the service model.")]
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
    };
}

shape!(CreateLogGroup {
    log_group_name: String,
    tags: BTreeMap<String, String>,
    kms_key_id: Option<String>,
    log_group_class: Option<String>,
});
shape!(StreamRef { log_group_name: String, log_stream_name: String });
shape!(PutLogEvents { log_group_name: String, log_stream_name: String, log_events: Vec<InputLogEvent> });
shape!(InputLogEvent { timestamp: i64, message: String });
shape!(PutLogEventsOutput {
    /// Of no meaning any more, and returned still.
    next_sequence_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_log_events_info: Option<RejectedLogEventsInfo>,
});
shape!(RejectedLogEventsInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    too_new_log_event_start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    too_old_log_event_end_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_log_event_end_index: Option<usize>,
});
shape!(PutRetentionPolicy { log_group_name: String, retention_in_days: i64 });
shape!(DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
});
shape!(DescribeLogStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    next_token: Option<String>,
    limit: Option<usize>,
});
shape!(FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<u64>,
    end_time: Option<u64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
    interleaved: Option<bool>,
});
shape!(GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<u64>,
    end_time: Option<u64>,
    next_token: Option<String>,
    limit: Option<usize>,
    start_from_head: Option<bool>,
});
shape!(StartLiveTail {
    log_group_identifiers: Vec<String>,
    log_stream_names: Vec<String>,
    log_stream_name_prefixes: Vec<String>,
    log_event_filter_pattern: Option<String>,
});
shape!(DescribeLogGroupsOutput {
    log_groups: Vec<LogGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
});
shape!(LogGroup {
    log_group_name: String,
    creation_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<u32>,
    metric_filter_count: u32,
    arn: String,
    log_group_arn: String,
    log_group_class: String,
    stored_bytes: u64
});
shape!(DescribeLogStreamsOutput {
    log_streams: Vec<LogStream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
});
shape!(LogStream {
    log_stream_name: String,
    creation_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ingestion_time: Option<u64>,
    arn: String,
});
shape!(FilterLogEventsOutput {
    events: Vec<FilteredLogEvent>,
    searched_log_streams: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
});
shape!(FilteredLogEvent {
    log_stream_name: String,
    timestamp: u64,
    message: String,
    ingestion_time: u64,
    event_id: String,
});
shape!(GetLogEventsOutput {
    events: Vec<OutputLogEvent>,
    next_forward_token: String,
    next_backward_token: String,
});
shape!(OutputLogEvent { timestamp: u64, message: String, ingestion_time: u64 });

/// A refusal of CloudWatch Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogsError {
    pub kind: LogsErrorKind,
    pub message: String,
}

/// The kinds of [`LogsError`] in the service model's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogsErrorKind {
    InvalidParameter,
    ResourceAlreadyExists,
    ResourceNotFound,
}

impl fmt::Display for LogsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)
    }
}

impl std::error::Error for LogsError {}
