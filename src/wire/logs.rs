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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::logs::{FilterLogEventsOutput, FilteredLogEvent},
        wire::testing::{call_of, check_parse, check_response},
    };

    fn request(operation: &str, body: &str) -> String {
        format!("POST /\nx-amz-target: Logs_20140328.{operation}\n\n{body}")
    }

    #[test]
    fn operations_are_read() {
        let check = |operation: &str, body: &str, expected: &str| {
            check_parse(&request(operation, body), &format!("000000000000 us-east-1 Logs({expected})"));
        };
        check(
            "FilterLogEvents",
            r#"{"logGroupName":"/aws/lambda/f","startTime":5,"interleaved":true,"limit":100,"logStreamNames":["s"]}"#,
            r#"FilterLogEvents(FilterLogEvents { log_group_name: Some("/aws/lambda/f"), log_stream_names: ["s"], start_time: Some(5), limit: Some(100), interleaved: Some(true) })"#,
        );
        check(
            "GetLogEvents",
            r#"{"logGroupName":"g","logStreamName":"s","startFromHead":true}"#,
            r#"GetLogEvents(GetLogEvents { log_group_name: Some("g"), log_stream_name: Some("s"), start_from_head: Some(true) })"#,
        );
        check("DescribeLogGroups", "{}", "DescribeLogGroups(DescribeLogGroups)");
        check(
            "DescribeLogStreams",
            r#"{"logGroupName":"g","orderBy":"LastEventTime","descending":true}"#,
            r#"DescribeLogStreams(DescribeLogStreams { log_group_name: Some("g"), order_by: Some("LastEventTime"), descending: Some(true) })"#,
        );
        check("CreateLogGroup", r#"{"logGroupName":"g"}"#, r#"CreateLogGroup { log_group_name: Some("g") }"#);
        check("DeleteLogGroup", "{}", "DeleteLogGroup");
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        check_parse(
            &request("PutMetricFilter", "{}"),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=UnknownOperationException | {"__type":"UnknownOperationException","message":"`PutMetricFilter` of CloudWatch Logs is not served by this engine"}"#,
        );
        check_parse(
            &request("GetLogEvents", r#"{"limit":"x"}"#),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=SerializationException | {"__type":"SerializationException","message":"the body of `GetLogEvents` cannot be read: invalid type: string \"x\", expected i64 at line 1 column 12"}"#,
        );
    }

    #[test]
    fn replies_are_written() {
        let call = call_of(&request("FilterLogEvents", "{}"));
        let event = FilteredLogEvent {
            log_stream_name: "s".into(),
            timestamp: 5,
            message: "m".into(),
            ingestion_time: 6,
            event_id: "7".into(),
        };
        let output = FilterLogEventsOutput { events: vec![event], ..FilterLogEventsOutput::default() };
        check_response(
            &call,
            Ok(EngineResponse::Logs(Output::FilterLogEvents(output))),
            r#"200 application/x-amz-json-1.1 | {"events":[{"logStreamName":"s","timestamp":5,"message":"m","ingestionTime":6,"eventId":"7"}],"searchedLogStreams":[]}"#,
        );
        check_response(&call, Ok(EngineResponse::Logs(Output::Done)), "200 application/x-amz-json-1.1 | ");
        let error = LogsError { kind: LogsErrorKind::ResourceNotFound, message: "why".into() };
        check_response(
            &call,
            Err(Error::Logs(error)),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=ResourceNotFoundException | {"__type":"ResourceNotFoundException","message":"why"}"#,
        );
    }
}
