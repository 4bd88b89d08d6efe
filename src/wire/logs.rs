//! CloudWatch Logs in AWS JSON 1.1, as far as the engine has logs.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Call, Caller, Parsed, Protocol, json, response};
use crate::engine::{
    self, Error, Reply, Response as EngineResponse,
    logs::{Command, LogsError, LogsErrorKind, Response as Output},
};

/// `X-Amz-Target` before the dot.
pub(super) const TARGET: &str = "Logs_20140328";

/// Input of `CreateLogGroup` and `DeleteLogGroup`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupOnly {
    log_group_name: Option<String>,
}

/// `body` as the input of `operation`.
pub(super) fn parse(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Parsed {
    match command(operation, body) {
        Some(Ok(command)) => Parsed::Command {
            call: Call { protocol: Protocol::Logs, url_base: None },
            scope: caller.scope.clone(),
            command: engine::Command::Logs(command),
        },
        Some(Err(error)) => {
            let message = format!("the body of `{operation}` cannot be read: {error}");
            refuse(caller, "SerializationException", &message)
        }
        None => {
            let message = format!("`{operation}` of CloudWatch Logs is not served by this engine");
            refuse(caller, "UnknownOperationException", &message)
        }
    }
}

fn command(operation: &str, body: &[u8]) -> Option<serde_json::Result<Command>> {
    Some(match operation {
        "DescribeLogGroups" => json::read(body).map(Command::DescribeLogGroups),
        "DescribeLogStreams" => json::read(body).map(Command::DescribeLogStreams),
        "FilterLogEvents" => json::read(body).map(Command::FilterLogEvents),
        "GetLogEvents" => json::read(body).map(Command::GetLogEvents),
        "CreateLogGroup" => {
            json::read(body).map(|GroupOnly { log_group_name }| Command::CreateLogGroup { log_group_name })
        }
        "DeleteLogGroup" => {
            json::read(body).map(|GroupOnly { log_group_name }| Command::DeleteLogGroup { log_group_name })
        }
        _ => return None,
    })
}

fn refuse(caller: &Caller<'_>, error_type: &'static str, message: &str) -> Parsed {
    let status = StatusCode::BAD_REQUEST;
    Parsed::Answered(response::json_refusal(status, response::JSON_1_1, error_type, message, caller.request_id))
}

pub(super) fn respond(reply: Reply, request_id: &str) -> Response<Bytes> {
    let output = match reply {
        Ok(EngineResponse::Logs(output)) => output,
        Err(Error::Logs(error)) => return refusal(&error, request_id),
        Err(Error::Storage(message)) => return failure(&message, request_id),
        other => return failure(&format!("the engine answered another service: {other:?}"), request_id),
    };
    match output {
        Output::Done => success(Vec::new(), request_id),
        Output::DescribeLogGroups(output) => success(bytes_of(&output), request_id),
        Output::DescribeLogStreams(output) => success(bytes_of(&output), request_id),
        Output::FilterLogEvents(output) => success(bytes_of(&output), request_id),
        Output::GetLogEvents(output) => success(bytes_of(&output), request_id),
    }
}

fn bytes_of(output: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(output).expect("plain values have a JSON form")
}

fn success(body: Vec<u8>, request_id: &str) -> Response<Bytes> {
    response::new(StatusCode::OK, response::JSON_1_1, body, request_id)
}

fn refusal(error: &LogsError, request_id: &str) -> Response<Bytes> {
    let error_type = match error.kind {
        LogsErrorKind::InvalidParameter => "InvalidParameterException",
        LogsErrorKind::ResourceAlreadyExists => "ResourceAlreadyExistsException",
        LogsErrorKind::ResourceNotFound => "ResourceNotFoundException",
    };
    response::json_refusal(StatusCode::BAD_REQUEST, response::JSON_1_1, error_type, &error.message, request_id)
}

fn failure(message: &str, request_id: &str) -> Response<Bytes> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    response::json_refusal(status, response::JSON_1_1, "ServiceUnavailableException", message, request_id)
}
