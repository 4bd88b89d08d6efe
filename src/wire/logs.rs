//! CloudWatch Logs in AWS JSON 1.1, as far as the engine has logs.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::json;

use super::{
    Call, Caller, Parsed, Protocol,
    constraints::{self, Given},
    eventstream, json, response,
};
use crate::engine::{
    self, Error, Reply, Response as EngineResponse,
    logs::{Command, LogsError, LogsErrorKind, Response as Output, TaggedGroup},
};

/// `X-Amz-Target` before the dot.
pub(super) const TARGET: &str = "Logs_20140328";

/// Input of the operations on a group as a whole.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupOnly {
    log_group_name: String,
}

/// Input of the operations on tags.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Tags<T: Default> {
    log_group_name: Option<String>,
    resource_arn: Option<String>,
    tags: T,
    tag_keys: Vec<String>,
}

impl<T: Default> Tags<T> {
    fn group(&mut self) -> TaggedGroup {
        match self.resource_arn.take() {
            Some(arn) => TaggedGroup::Arn(arn),
            None => TaggedGroup::Named(self.log_group_name.take().unwrap_or_default()),
        }
    }
}

/// `body` as the input of `operation`.
pub(super) fn parse(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Parsed {
    let input = serde_json::from_slice(body).unwrap_or_default();
    let given = Given { labels: &[], query: "", headers: None, body: &input, region: caller.scope.region.as_str() };
    if let Err(violations) = constraints::check(&constraints::LOGS, operation, given) {
        return refuse(caller, "InvalidParameterException", &violations.message());
    }
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
        "StartLiveTail" => json::read(body).map(Command::StartLiveTail),
        "CreateLogGroup" => json::read(body).map(Command::CreateLogGroup),
        "CreateLogStream" => json::read(body).map(Command::CreateLogStream),
        "DeleteLogStream" => json::read(body).map(Command::DeleteLogStream),
        "PutLogEvents" => json::read(body).map(Command::PutLogEvents),
        "PutRetentionPolicy" => json::read(body).map(Command::PutRetentionPolicy),
        "DeleteRetentionPolicy" => {
            json::read(body).map(|GroupOnly { log_group_name }| Command::DeleteRetentionPolicy { log_group_name })
        }
        "TagResource" | "TagLogGroup" => json::read(body).map(|mut input: Tags<BTreeMap<String, String>>| {
            Command::TagResource { group: input.group(), tags: input.tags }
        }),
        "UntagResource" => json::read(body).map(|mut input: Tags<IgnoredAny>| Command::UntagResource {
            group: input.group(),
            tag_keys: input.tag_keys,
        }),
        "UntagLogGroup" => json::read(body)
            .map(|mut input: Tags<Vec<String>>| Command::UntagResource { group: input.group(), tag_keys: input.tags }),
        "ListTagsForResource" | "ListTagsLogGroup" => {
            json::read(body).map(|mut input: Tags<IgnoredAny>| Command::ListTags { group: input.group() })
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
        Output::PutLogEvents(output) => success(bytes_of(&output), request_id),
        // Its session is another kind of body.
        Output::LiveTail(_) => begin_live_tail(request_id).map(|()| Bytes::new()),
        Output::Tags(tags) => success(bytes_of(&json!({ "tags": tags })), request_id),
    }
}

/// The head of a session's answer.
pub(super) fn begin_live_tail(request_id: &str) -> Response<()> {
    let frames = HeaderValue::from_static(eventstream::CONTENT_TYPE);
    response::new(StatusCode::OK, frames, Vec::new(), request_id).map(drop)
}

/// `LimitExceededException`, as AWS says it of too many sessions.
pub(super) fn too_many_live_tails(request_id: &str) -> Response<Bytes> {
    let message = "Too many Live Tail sessions, or others who follow the logs, are open at the same time.";
    response::json_refusal(StatusCode::BAD_REQUEST, response::JSON_1_1, "LimitExceededException", message, request_id)
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
            r#"GetLogEvents(GetLogEvents { log_group_name: Some("g"), log_stream_name: "s", start_from_head: Some(true) })"#,
        );
        check("DescribeLogGroups", "{}", "DescribeLogGroups(DescribeLogGroups)");
        check(
            "DescribeLogStreams",
            r#"{"logGroupName":"g","orderBy":"LastEventTime","descending":true}"#,
            r#"DescribeLogStreams(DescribeLogStreams { log_group_name: Some("g"), order_by: Some("LastEventTime"), descending: Some(true) })"#,
        );
        check(
            "CreateLogGroup",
            r#"{"logGroupName":"g","tags":{"k":"v"}}"#,
            r#"CreateLogGroup(CreateLogGroup { log_group_name: "g", tags: {"k": "v"} })"#,
        );
        check("DeleteLogGroup", r#"{"logGroupName":"g"}"#, r#"DeleteLogGroup { log_group_name: "g" }"#);
        check(
            "UntagLogGroup",
            r#"{"logGroupName":"g","tags":["k"]}"#,
            r#"UntagResource { group: Named("g"), tag_keys: ["k"] }"#,
        );
        check(
            "ListTagsForResource",
            r#"{"resourceArn":"arn:aws:logs:us-east-1:000000000000:log-group:g"}"#,
            r#"ListTags { group: Arn("arn:aws:logs:us-east-1:000000000000:log-group:g") }"#,
        );
        check(
            "PutLogEvents",
            r#"{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":5,"message":"m"}]}"#,
            r#"PutLogEvents(PutLogEvents { log_group_name: "g", log_stream_name: "s", log_events: [InputLogEvent { timestamp: 5, message: "m" }] })"#,
        );
    }

    #[test]
    fn every_operation_of_the_table_is_read() {
        for name in constraints::LOGS.operations() {
            assert!(command(name, b"{}").is_some(), "{name}");
        }
    }

    #[test]
    fn violations_are_told_together() {
        check_parse(
            &request("PutLogEvents", r#"{"logStreamName":"a:b","logEvents":[]}"#),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=InvalidParameterException | {"__type":"InvalidParameterException","message":"3 validation errors detected: Value null at 'logGroupName' failed to satisfy constraint: Member must not be null; Value 'a:b' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*; Value '[]' at 'logEvents' failed to satisfy constraint: Member must have length greater than or equal to 1"}"#,
        );
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        check_parse(
            &request("PutMetricFilter", "{}"),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=UnknownOperationException | {"__type":"UnknownOperationException","message":"`PutMetricFilter` of CloudWatch Logs is not served by this engine"}"#,
        );
        check_parse(
            &request("GetLogEvents", r#"{"limit":"x","logStreamName":"s"}"#),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=SerializationException | {"__type":"SerializationException","message":"the body of `GetLogEvents` cannot be read: invalid type: string \"x\", expected usize at line 1 column 12"}"#,
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
