//! EventBridge Scheduler's REST API, all of its service model (`scheduler/2021-06-30`).

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Call, Caller, Parsed, Protocol,
    constraints::{self, Given, Violations},
    json, response,
};
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

/// Why a request is not for the engine.
enum Refusal {
    Unknown,
    Illegal(Violations),
    Unreadable(String),
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::Unreadable(message)
    }
}

pub(super) fn parse(caller: &Caller<'_>, body: &[u8]) -> Parsed {
    let refuse = |status, name, message: &str| Parsed::Answered(document(status, name, message, caller.request_id));
    match command(caller, body) {
        Ok(command) => Parsed::Command {
            call: Call { protocol: Protocol::Scheduler, url_base: None },
            scope: caller.scope.clone(),
            command: engine::Command::Scheduler(Box::new(command)),
        },
        Err(Refusal::Illegal(violations)) => {
            refuse(StatusCode::BAD_REQUEST, "ValidationException", &violations.message())
        }
        Err(Refusal::Unreadable(error)) => {
            let message = format!("the request cannot be read: {error}");
            refuse(StatusCode::BAD_REQUEST, "ValidationException", &message)
        }
        Err(Refusal::Unknown) => {
            let message =
                format!("`{} {}` is no operation of EventBridge Scheduler", caller.head.method, caller.head.uri.path());
            refuse(StatusCode::NOT_FOUND, "UnknownOperationException", &message)
        }
    }
}

/// The operation and the decoded label of its path, empty where it has none.
fn operation(method: &str, path: &str) -> Option<(&'static str, String)> {
    let (base, rest) = [GROUPS, SCHEDULES, TAGS].into_iter().find_map(|base| {
        let rest = path.strip_prefix(base)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((base, rest))
    })?;
    let label = rest.strip_prefix('/').map(|label| label.strip_suffix('/').unwrap_or(label)).unwrap_or_default();
    if base != TAGS && label.contains('/') {
        return None;
    }
    let name = match (method, base, label.is_empty()) {
        ("POST", SCHEDULES, false) => "CreateSchedule",
        ("PUT", SCHEDULES, false) => "UpdateSchedule",
        ("GET", SCHEDULES, false) => "GetSchedule",
        ("DELETE", SCHEDULES, false) => "DeleteSchedule",
        ("GET", SCHEDULES, true) => "ListSchedules",
        ("POST", GROUPS, false) => "CreateScheduleGroup",
        ("GET", GROUPS, false) => "GetScheduleGroup",
        ("DELETE", GROUPS, false) => "DeleteScheduleGroup",
        ("GET", GROUPS, true) => "ListScheduleGroups",
        ("POST", TAGS, false) => "TagResource",
        ("DELETE", TAGS, false) => "UntagResource",
        ("GET", TAGS, false) => "ListTagsForResource",
        _ => return None,
    };
    Some((name, decoded(label)))
}

fn command(caller: &Caller<'_>, body: &[u8]) -> Result<Command, Refusal> {
    let uri = &caller.head.uri;
    let (operation, name) = operation(caller.head.method.as_str(), uri.path()).ok_or(Refusal::Unknown)?;
    let query = Query { text: uri.query().unwrap_or_default() };
    check(caller, operation, &name, body)?;
    let group_name = || query.get("groupName");
    Ok(match operation {
        "CreateSchedule" => Command::CreateSchedule { name, schedule: read::<ScheduleRequest>(body)? },
        "UpdateSchedule" => Command::UpdateSchedule { name, schedule: read(body)? },
        "GetSchedule" => Command::GetSchedule { name, group_name: group_name() },
        "DeleteSchedule" => Command::DeleteSchedule { name, group_name: group_name() },
        "ListSchedules" => Command::ListSchedules(ListSchedules {
            schedule_group: query.get("ScheduleGroup"),
            name_prefix: query.get("NamePrefix"),
            state: query.get("State"),
            next_token: query.get("NextToken"),
            max_results: query.number("MaxResults")?,
        }),
        "CreateScheduleGroup" => {
            let GroupRequest { tags, client_token } = read(body)?;
            Command::CreateScheduleGroup { name, tags, client_token }
        }
        "GetScheduleGroup" => Command::GetScheduleGroup { name },
        "DeleteScheduleGroup" => Command::DeleteScheduleGroup { name },
        "ListScheduleGroups" => Command::ListScheduleGroups(ListScheduleGroups {
            name_prefix: query.get("NamePrefix"),
            next_token: query.get("NextToken"),
            max_results: query.number("MaxResults")?,
        }),
        "TagResource" => Command::TagResource { arn: name, tags: read::<GroupRequest>(body)?.tags },
        "UntagResource" => Command::UntagResource { arn: name, tag_keys: query.all("TagKeys") },
        _ => Command::ListTagsForResource { arn: name },
    })
}

/// Checks a request against the service model. A body that cannot be read has no members, and is refused where it is read.
fn check(caller: &Caller<'_>, operation: &str, label: &str, body: &[u8]) -> Result<(), Refusal> {
    let body = serde_json::from_slice(body).unwrap_or_default();
    let (labels, query) = ([label], caller.head.uri.query().unwrap_or_default());
    let labels = if label.is_empty() { &[][..] } else { &labels[..] };
    let given = Given { labels, query, headers: None, body: &body, region: caller.scope.region.as_str() };
    constraints::check(&constraints::SCHEDULER, operation, given).map_err(Refusal::Illegal)
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

    fn number(&self, name: &str) -> Result<Option<usize>, String> {
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
            "DELETE /tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A000000000000%3Aschedule-group%2Fg?TagKeys=a&TagKeys=b",
            "",
            r#"Scheduler(UntagResource { arn: "arn:aws:scheduler:us-east-1:000000000000:schedule-group/g", tag_keys: ["a", "b"] })"#,
        );
        check_parse(
            &format!("GET /schedules?MaxResults=x\n{SIGNED}\n\n"),
            r#"400 application/json x-amzn-errortype=ValidationException | {"Message":"the request cannot be read: `MaxResults` is `x`, which is no number"}"#,
        );
        check_parse(
            &format!("GET /schedules/a%20b?groupName=!\n{SIGNED}\n\n"),
            r#"400 application/json x-amzn-errortype=ValidationException | {"Message":"2 validation errors detected: Value '!' at 'groupName' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$; Value 'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$"}"#,
        );
        check_parse(
            &format!("PATCH /schedules/a\n{SIGNED}\n\n"),
            r#"404 application/json x-amzn-errortype=UnknownOperationException | {"Message":"`PATCH /schedules/a` is no operation of EventBridge Scheduler"}"#,
        );
    }
}
