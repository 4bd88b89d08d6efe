//! EventBridge Scheduler's REST API, all of its service model (`scheduler/2021-06-30`).

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Call, Caller, Parsed, Protocol, json, response};
use crate::engine::{
    self, Error, Reply, Response as EngineResponse,
    scheduler::{
        Command, ListScheduleGroups, ListSchedules, Response as Output, ScheduleRequest, SchedulerError,
        SchedulerErrorKind, Tag,
    },
};

const SCHEDULES: &str = "/schedules";
const GROUPS: &str = "/schedule-groups";
const TAGS: &str = "/tags";

/// Whether a request is for EventBridge Scheduler: by its path, unless the signature says another service.
pub(super) fn is_request(path: &str, service: Option<&str>) -> bool {
    let is_below = |base: &str| path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match service {
        Some("scheduler") => is_below(SCHEDULES) || is_below(GROUPS) || is_below(TAGS),
        Some(_) => false,
        None => is_below(SCHEDULES) || is_below(GROUPS),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct GroupRequest {
    tags: Vec<Tag>,
    client_token: Option<String>,
}

pub(super) fn parse(caller: &Caller<'_>, body: &[u8]) -> Parsed {
    match command(caller, body) {
        Some(Ok(command)) => Parsed::Command {
            call: Call { protocol: Protocol::Scheduler, url_base: None },
            scope: caller.scope.clone(),
            command: engine::Command::Scheduler(Box::new(command)),
        },
        Some(Err(error)) => {
            let message = format!("the request cannot be read: {error}");
            Parsed::Answered(document(StatusCode::BAD_REQUEST, "ValidationException", &message, caller.request_id))
        }
        None => {
            let message =
                format!("`{} {}` is no operation of EventBridge Scheduler", caller.head.method, caller.head.uri.path());
            Parsed::Answered(document(StatusCode::NOT_FOUND, "UnknownOperationException", &message, caller.request_id))
        }
    }
}

fn command(caller: &Caller<'_>, body: &[u8]) -> Option<Result<Command, String>> {
    let query = Query { text: caller.head.uri.query().unwrap_or_default() };
    let path = caller.head.uri.path();
    let (base, rest) = [GROUPS, SCHEDULES, TAGS].into_iter().find_map(|base| {
        let rest = path.strip_prefix(base)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((base, rest))
    })?;
    let label = rest.strip_prefix('/').map(|label| label.strip_suffix('/').unwrap_or(label)).unwrap_or_default();
    if base != TAGS && label.contains('/') {
        return None;
    }
    let name = decoded(label);
    let group_name = || query.get("groupName");
    Some(match (caller.head.method.as_str(), base, name.is_empty()) {
        ("POST", SCHEDULES, false) => {
            read(body).map(|schedule: ScheduleRequest| Command::CreateSchedule { name, schedule })
        }
        ("PUT", SCHEDULES, false) => read(body).map(|schedule| Command::UpdateSchedule { name, schedule }),
        ("GET", SCHEDULES, false) => Ok(Command::GetSchedule { name, group_name: group_name() }),
        ("DELETE", SCHEDULES, false) => Ok(Command::DeleteSchedule { name, group_name: group_name() }),
        ("GET", SCHEDULES, true) => query.number("MaxResults").map(|max_results| {
            Command::ListSchedules(ListSchedules {
                schedule_group: query.get("ScheduleGroup"),
                name_prefix: query.get("NamePrefix"),
                state: query.get("State"),
                next_token: query.get("NextToken"),
                max_results,
            })
        }),
        ("POST", GROUPS, false) => read(body).map(|GroupRequest { tags, client_token }| Command::CreateScheduleGroup {
            name,
            tags,
            client_token,
        }),
        ("GET", GROUPS, false) => Ok(Command::GetScheduleGroup { name }),
        ("DELETE", GROUPS, false) => Ok(Command::DeleteScheduleGroup { name }),
        ("GET", GROUPS, true) => query.number("MaxResults").map(|max_results| {
            Command::ListScheduleGroups(ListScheduleGroups {
                name_prefix: query.get("NamePrefix"),
                next_token: query.get("NextToken"),
                max_results,
            })
        }),
        ("POST", TAGS, false) => read(body).map(|GroupRequest { tags, .. }| Command::TagResource { arn: name, tags }),
        ("DELETE", TAGS, false) => Ok(Command::UntagResource { arn: name, tag_keys: query.all("TagKeys") }),
        ("GET", TAGS, false) => Ok(Command::ListTagsForResource { arn: name }),
        _ => return None,
    })
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    json::read(body).map_err(|error| error.to_string())
}

/// Percent-decodes a label, which may hold encoded slashes; a plus is a plus in a path.
fn decoded(label: &str) -> String {
    let label = label.replace('+', "%2B");
    let pair = format!("={label}");
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    pairs.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

struct Query<'a> {
    text: &'a str,
}

impl Query<'_> {
    fn get(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.text.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| Cow::into_owned(value))
    }

    fn all(&self, name: &str) -> Vec<String> {
        let pairs = form_urlencoded::parse(self.text.as_bytes());
        pairs.filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
    }

    fn number(&self, name: &str) -> Result<Option<i64>, String> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| format!("`{name}` is `{text}`, which is no number")))
            .transpose()
    }
}

pub(super) fn respond(reply: Reply, request_id: &str) -> Response<Bytes> {
    let output = match reply {
        Ok(EngineResponse::Scheduler(output)) => output,
        Err(Error::Scheduler(error)) => return refusal(&error, request_id),
        Err(Error::Storage(message)) => return failure(&message, request_id),
        other => return failure(&format!("the engine answered another service: {other:?}"), request_id),
    };
    let body = match output {
        Output::Done => b"{}".to_vec(),
        Output::ScheduleArn(arn) => bytes_of(&json!({ "ScheduleArn": arn })),
        Output::Schedule(schedule) => bytes_of(&schedule),
        Output::Schedules { schedules, next_token } => listed("Schedules", &schedules, next_token),
        Output::ScheduleGroupArn(arn) => bytes_of(&json!({ "ScheduleGroupArn": arn })),
        Output::ScheduleGroup(group) => bytes_of(&group),
        Output::ScheduleGroups { schedule_groups, next_token } => {
            listed("ScheduleGroups", &schedule_groups, next_token)
        }
        Output::Tags(tags) => bytes_of(&json!({ "Tags": tags })),
        Output::Activity(activity) => bytes_of(&activity),
    };
    response::new(StatusCode::OK, response::JSON, body, request_id)
}

fn listed(name: &str, items: &impl Serialize, next_token: Option<String>) -> Vec<u8> {
    let mut object = json!({ name: items });
    if let Some(token) = next_token {
        object["NextToken"] = token.into();
    }
    bytes_of(&object)
}

fn bytes_of(output: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(output).expect("plain values have a JSON form")
}

fn refusal(error: &SchedulerError, request_id: &str) -> Response<Bytes> {
    let (status, name) = match error.kind {
        SchedulerErrorKind::Conflict => (StatusCode::CONFLICT, "ConflictException"),
        SchedulerErrorKind::ResourceNotFound => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
        SchedulerErrorKind::ServiceQuotaExceeded => (StatusCode::PAYMENT_REQUIRED, "ServiceQuotaExceededException"),
        SchedulerErrorKind::Validation => (StatusCode::BAD_REQUEST, "ValidationException"),
    };
    document(status, name, &error.message, request_id)
}

fn failure(message: &str, request_id: &str) -> Response<Bytes> {
    document(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerException", message, request_id)
}

fn document(status: StatusCode, name: &'static str, message: &str, request_id: &str) -> Response<Bytes> {
    let body = json!({ "Message": message }).to_string();
    let mut response = response::new(status, response::JSON, body, request_id);
    response.headers_mut().insert(response::ERROR_TYPE, HeaderValue::from_static(name));
    response
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_parse;

    const SIGNED: &str =
        "authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/scheduler/aws4_request, Signature=0";

    #[test]
    fn requests_are_read() {
        let check = |line: &str, body: &str, expected: &str| {
            check_parse(&format!("{line}\n{SIGNED}\n\n{body}"), &format!("000000000000 us-east-1 {expected}"));
        };
        check("GET /schedules/a.b?groupName=g", "", r#"Scheduler(GetSchedule { name: "a.b", group_name: Some("g") })"#);
        check("DELETE /schedules/a", "", r#"Scheduler(DeleteSchedule { name: "a" })"#);
        check(
            "GET /schedules?ScheduleGroup=g&NamePrefix=p&MaxResults=5&State=ENABLED&NextToken=g%20n",
            "",
            r#"Scheduler(ListSchedules(ListSchedules { schedule_group: Some("g"), name_prefix: Some("p"), state: Some("ENABLED"), next_token: Some("g n"), max_results: Some(5) }))"#,
        );
        check(
            "POST /schedule-groups/g",
            r#"{"Tags":[{"Key":"a","Value":"b"}],"ClientToken":"t"}"#,
            r#"Scheduler(CreateScheduleGroup { name: "g", tags: [Tag { key: "a", value: "b" }], client_token: Some("t") })"#,
        );
        check("GET /schedule-groups/", "", r#"Scheduler(ListScheduleGroups(ListScheduleGroups))"#);
        check(
            "DELETE /tags/arn%3Aaws%3Ascheduler%3Ax%3A0%3Aschedule-group%2Fg?TagKeys=a&TagKeys=b",
            "",
            r#"Scheduler(UntagResource { arn: "arn:aws:scheduler:x:0:schedule-group/g", tag_keys: ["a", "b"] })"#,
        );
        check_parse(
            &format!("GET /schedules?MaxResults=x\n{SIGNED}\n\n"),
            r#"400 application/json x-amzn-errortype=ValidationException | {"Message":"the request cannot be read: `MaxResults` is `x`, which is no number"}"#,
        );
        check_parse(
            &format!("PATCH /schedules/a\n{SIGNED}\n\n"),
            r#"404 application/json x-amzn-errortype=UnknownOperationException | {"Message":"`PATCH /schedules/a` is no operation of EventBridge Scheduler"}"#,
        );
    }
}
