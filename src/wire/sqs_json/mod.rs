//! SQS in AWS JSON 1.0: requests straight from the bytes into the engine's shapes. This is the protocol of every current
//! SDK, and its sends, receives and deletes are the hot path.

mod respond;

use http::StatusCode;
use serde::de::DeserializeOwned;

use super::{Call, Caller, Parsed, Protocol, guard, json, queue_url, response};
use crate::engine::{self, sqs::Command};

pub(super) use respond::respond;

/// `X-Amz-Target` before the dot.
pub(super) const TARGET: &str = "AmazonSQS";

/// `body` as the input of `operation`.
pub(super) fn parse(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Parsed {
    match command(operation, body) {
        Some(Ok(command)) => accept(caller, Protocol::SqsJson, command),
        Some(Err(error)) => refuse(
            caller,
            "com.amazon.coral.service#SerializationException",
            &format!("the body of `{operation}` cannot be read: {error}"),
        ),
        None => refuse(
            caller,
            "com.amazon.coral.service#UnknownOperationException",
            &format!("`{operation}` is no operation of SQS"),
        ),
    }
}

/// A command of SQS for the engine, in the world of the queue that it addresses.
pub(super) fn accept(caller: &Caller<'_>, protocol: Protocol, command: Command) -> Parsed {
    let mut scope = caller.scope.clone();
    let command = traced(caller, command);
    queue_url::resolve(&command, guard::host(caller.head), &mut scope);
    let answers_with_urls = matches!(
        command,
        Command::CreateQueue(_)
            | Command::GetQueueUrl(_)
            | Command::ListDeadLetterSourceQueues(_)
            | Command::ListQueues(_)
    );
    let url_base = answers_with_urls.then(|| caller.url_base(scope.account));
    Parsed::Command { call: Call { protocol, url_base }, scope, command: engine::Command::Sqs(command) }
}

/// The request's trace goes on with its messages.
fn traced(caller: &Caller<'_>, mut command: Command) -> Command {
    let Some(trace) = caller.head.headers.get("x-amzn-trace-id").and_then(|trace| trace.to_str().ok()) else {
        return command;
    };
    match &mut command {
        Command::SendMessage(send) => send.trace_id = Some(trace.to_owned()),
        Command::SendMessageBatch(batch) => {
            batch.entries.iter_mut().for_each(|entry| entry.trace_id = Some(trace.to_owned()));
        }
        _ => {}
    }
    command
}

fn command(operation: &str, body: &[u8]) -> Option<serde_json::Result<Command>> {
    fn read<T: DeserializeOwned>(body: &[u8], command: fn(T) -> Command) -> Option<serde_json::Result<Command>> {
        Some(json::read(body).map(command))
    }
    match operation {
        "SendMessage" => read(body, Command::SendMessage),
        "ReceiveMessage" => read(body, Command::ReceiveMessage),
        "DeleteMessage" => read(body, Command::DeleteMessage),
        "SendMessageBatch" => read(body, Command::SendMessageBatch),
        "DeleteMessageBatch" => read(body, Command::DeleteMessageBatch),
        "ChangeMessageVisibility" => read(body, Command::ChangeMessageVisibility),
        "ChangeMessageVisibilityBatch" => read(body, Command::ChangeMessageVisibilityBatch),
        "AddPermission" => read(body, Command::AddPermission),
        "CancelMessageMoveTask" => read(body, Command::CancelMessageMoveTask),
        "CreateQueue" => read(body, Command::CreateQueue),
        "DeleteQueue" => read(body, Command::DeleteQueue),
        "GetQueueAttributes" => read(body, Command::GetQueueAttributes),
        "GetQueueUrl" => read(body, Command::GetQueueUrl),
        "ListDeadLetterSourceQueues" => read(body, Command::ListDeadLetterSourceQueues),
        "ListMessageMoveTasks" => read(body, Command::ListMessageMoveTasks),
        "ListQueueTags" => read(body, Command::ListQueueTags),
        "ListQueues" => read(body, Command::ListQueues),
        "PurgeQueue" => read(body, Command::PurgeQueue),
        "RemovePermission" => read(body, Command::RemovePermission),
        "SetQueueAttributes" => read(body, Command::SetQueueAttributes),
        "StartMessageMoveTask" => read(body, Command::StartMessageMoveTask),
        "TagQueue" => read(body, Command::TagQueue),
        "UntagQueue" => read(body, Command::UntagQueue),
        _ => None,
    }
}

fn refuse(caller: &Caller<'_>, error_type: &'static str, message: &str) -> Parsed {
    let status = StatusCode::BAD_REQUEST;
    Parsed::Answered(response::json_refusal(status, response::JSON_1_0, error_type, message, caller.request_id))
}

#[cfg(test)]
mod tests;
