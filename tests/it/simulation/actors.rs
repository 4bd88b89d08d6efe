//! Requests as clients make them, and what a function's environment does with an invocation.

use std::collections::BTreeMap;

use serde::Deserialize;
use stackctl::engine::{
    Command,
    lambda::{self, CodeRef, CreateEventSourceMapping, CreateFunction, FunctionRef, InvocationType, Invoke},
    sqs::{self, CreateQueue, DeleteMessage, ReceiveMessage, SendMessage},
};
use stackctl::model::ArtifactDigest;

/// The account's part of a queue's URL.
const ACCOUNT: &str = "000000000000";

/// A record of an SQS event, as far as the audit needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventRecord {
    pub(crate) message_id: String,
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

/// What an SQS mapping invokes a function with.
#[derive(Debug, Deserialize)]
pub(crate) struct SqsEvent {
    #[serde(rename = "Records")]
    pub(crate) records: Vec<EventRecord>,
}

pub(crate) fn url(queue: &str) -> String {
    format!("http://localhost:4566/{ACCOUNT}/{queue}")
}

pub(crate) fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}")
}

pub(crate) fn create_queue(name: &str, attributes: &[(&str, &str)]) -> Command {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Command::Sqs(sqs::Command::CreateQueue(CreateQueue {
        queue_name: Some(name.to_owned()),
        attributes,
        ..CreateQueue::default()
    }))
}

pub(crate) fn send(queue: &str, body: &str, group: Option<&str>, delay_s: Option<i64>) -> Command {
    Command::Sqs(sqs::Command::SendMessage(SendMessage {
        queue_url: url(queue),
        message_body: Some(body.to_owned()),
        delay_seconds: delay_s,
        message_group_id: group.map(ToOwned::to_owned),
        message_deduplication_id: group.map(|_| body.replace(' ', "-")),
        ..SendMessage::default()
    }))
}

pub(crate) fn receive(queue: &str, max: i64, wait_s: i64, visibility_s: i64) -> Command {
    Command::Sqs(sqs::Command::ReceiveMessage(ReceiveMessage {
        queue_url: url(queue),
        max_number_of_messages: Some(max),
        wait_time_seconds: Some(wait_s),
        visibility_timeout: Some(visibility_s),
        ..ReceiveMessage::default()
    }))
}

pub(crate) fn delete(queue: &str, receipt_handle: &str) -> Command {
    Command::Sqs(sqs::Command::DeleteMessage(DeleteMessage {
        queue_url: url(queue),
        receipt_handle: Some(receipt_handle.to_owned()),
    }))
}

pub(crate) fn create_function(name: &str, timeout_s: u32) -> Command {
    Command::Lambda(Box::new(lambda::Command::CreateFunction {
        function: CreateFunction {
            function_name: name.to_owned(),
            runtime: Some("provided.al2023".to_owned()),
            role: "arn:aws:iam::000000000000:role/any".to_owned(),
            handler: Some("bootstrap".to_owned()),
            timeout: Some(timeout_s),
            ..CreateFunction::default()
        },
        code: CodeRef {
            artifact: ArtifactDigest::from_bytes([1; 32]),
            sha256: "AQ==".to_owned(),
            size_bytes: 1,
            image: None,
            unzipped_bytes: 1,
        },
    }))
}

pub(crate) fn map(queue: &str, function: &str, batch_size: u32, partial: bool) -> Command {
    Command::Lambda(Box::new(lambda::Command::CreateEventSourceMapping(CreateEventSourceMapping {
        event_source_arn: Some(arn(queue)),
        function_name: function.to_owned(),
        batch_size: Some(batch_size),
        function_response_types: if partial { vec!["ReportBatchItemFailures".to_owned()] } else { Vec::new() },
        ..CreateEventSourceMapping::default()
    })))
}

pub(crate) fn invoke(function: &str) -> Command {
    Command::Lambda(Box::new(lambda::Command::Invoke(Invoke {
        function: FunctionRef { name: function.to_owned(), qualifier: None },
        invocation_type: InvocationType::RequestResponse,
        log_tail: false,
        client_context: None,
        streams: false,
        payload: bytes::Bytes::from_static(b"{}"),
        trace_id: None,
    })))
}
