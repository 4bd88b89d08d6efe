//! Application Auto Scaling in AWS JSON 1.1.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::{
    Call, Caller, Parsed, Protocol,
    constraints::{self, Given},
    json, response,
};
use crate::engine::{
    self, Error, Reply, Response as EngineResponse,
    autoscaling::{Alarm, AutoscalingError, AutoscalingErrorKind, Command, Page, Response as Output},
};

/// `X-Amz-Target` before the dot.
pub(super) const TARGET: &str = "AnyScaleFrontendService";

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Input of the operations about tags.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Tagging {
    #[serde(rename = "ResourceARN")]
    resource_arn: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    tag_keys: Option<Vec<String>>,
}

/// Output with a list, under the name that the operation gives it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct List<'a> {
    #[serde(flatten)]
    items: BTreeMap<&'static str, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<&'a str>,
}

/// `body` as the input of `operation`.
pub(super) fn parse(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Parsed {
    let input = serde_json::from_slice(body).unwrap_or_default();
    let given = Given { labels: &[], query: "", headers: None, body: &input, region: caller.scope.region.as_str() };
    if let Err(violations) = constraints::check(&constraints::AUTOSCALING, operation, given) {
        let message = violations.message();
        return Parsed::Answered(refuse(StatusCode::BAD_REQUEST, "ValidationException", &message, caller.request_id));
    }
    match command(operation, body) {
        Some(Ok(command)) => Parsed::Command {
            call: Call { protocol: Protocol::Autoscaling, url_base: None },
            scope: caller.scope.clone(),
            command: engine::Command::Autoscaling(Box::new(command)),
        },
        Some(Err(error)) => {
            let message = format!("the body of `{operation}` cannot be read: {error}");
            Parsed::Answered(refuse(StatusCode::BAD_REQUEST, "SerializationException", &message, caller.request_id))
        }
        None => {
            let message = format!("`{operation}` of Application Auto Scaling is not served by this engine");
            Parsed::Answered(refuse(StatusCode::BAD_REQUEST, "UnknownOperationException", &message, caller.request_id))
        }
    }
}

fn command(operation: &str, body: &[u8]) -> Option<serde_json::Result<Command>> {
    Some(match operation {
        "RegisterScalableTarget" => json::read(body).map(Command::RegisterScalableTarget),
        "DeregisterScalableTarget" => json::read(body).map(Command::DeregisterScalableTarget),
        "DescribeScalableTargets" => json::read(body).map(Command::DescribeScalableTargets),
        "PutScalingPolicy" => json::read(body).map(|put| Command::PutScalingPolicy(Box::new(put))),
        "DeleteScalingPolicy" => json::read(body).map(Command::DeleteScalingPolicy),
        "DescribeScalingPolicies" => json::read(body).map(Command::DescribeScalingPolicies),
        "DescribeScalingActivities" => json::read(body).map(Command::DescribeScalingActivities),
        "PutScheduledAction" => json::read(body).map(Command::PutScheduledAction),
        "DeleteScheduledAction" => json::read(body).map(Command::DeleteScheduledAction),
        "DescribeScheduledActions" => json::read(body).map(Command::DescribeScheduledActions),
        "TagResource" => {
            json::read(body).map(|Tagging { resource_arn, tags, .. }| Command::TagResource { resource_arn, tags })
        }
        "UntagResource" => json::read(body)
            .map(|Tagging { resource_arn, tag_keys, .. }| Command::UntagResource { resource_arn, tag_keys }),
        "ListTagsForResource" => {
            json::read(body).map(|Tagging { resource_arn, .. }| Command::ListTagsForResource { resource_arn })
        }
        _ => return None,
    })
}

pub(super) fn respond(reply: Reply, request_id: &str) -> Response<Bytes> {
    let output = match reply {
        Ok(EngineResponse::Autoscaling(output)) => output,
        Err(Error::Autoscaling(error)) => return refusal(&error, request_id),
        Err(Error::Storage(message)) => return failure(&message, request_id),
        other => return failure(&format!("the engine answered another service: {other:?}"), request_id),
    };
    match output {
        Output::Done => success(b"{}".to_vec(), request_id),
        Output::Registered { scalable_target_arn } => {
            object(&BTreeMap::from([("ScalableTargetARN", scalable_target_arn)]), request_id)
        }
        Output::PolicyPut { policy_arn, alarms } => {
            #[derive(Serialize)]
            #[serde(rename_all = "PascalCase")]
            struct Put {
                #[serde(rename = "PolicyARN")]
                policy_arn: String,
                alarms: Vec<Alarm>,
            }
            object(&Put { policy_arn, alarms }, request_id)
        }
        Output::Targets(page) => list("ScalableTargets", &page, request_id),
        Output::Policies(page) => list("ScalingPolicies", &page, request_id),
        Output::Activities(page) => list("ScalingActivities", &page, request_id),
        Output::ScheduledActions(page) => list("ScheduledActions", &page, request_id),
        Output::Tags(tags) => object(&BTreeMap::from([("Tags", tags)]), request_id),
    }
}

fn list<T: Serialize>(name: &'static str, page: &Page<T>, request_id: &str) -> Response<Bytes> {
    let items = serde_json::to_value(&page.items).expect("plain values have a JSON form");
    object(&List { items: BTreeMap::from([(name, items)]), next_token: page.next_token.as_deref() }, request_id)
}

fn object(output: &impl Serialize, request_id: &str) -> Response<Bytes> {
    success(serde_json::to_vec(output).expect("plain values have a JSON form"), request_id)
}

fn success(body: Vec<u8>, request_id: &str) -> Response<Bytes> {
    response::new(StatusCode::OK, response::JSON_1_1, body, request_id)
}

fn refusal(error: &AutoscalingError, request_id: &str) -> Response<Bytes> {
    let error_type = match error.kind {
        AutoscalingErrorKind::Validation => "ValidationException",
        AutoscalingErrorKind::ObjectNotFound => "ObjectNotFoundException",
        AutoscalingErrorKind::ResourceNotFound => "ResourceNotFoundException",
        AutoscalingErrorKind::LimitExceeded => "LimitExceededException",
        AutoscalingErrorKind::InvalidNextToken => "InvalidNextTokenException",
        AutoscalingErrorKind::TooManyTags => "TooManyTagsException",
    };
    refuse(StatusCode::BAD_REQUEST, error_type, &error.message, request_id)
}

fn failure(message: &str, request_id: &str) -> Response<Bytes> {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceException", message, request_id)
}

/// The service's errors have their message under `Message`, unlike those of its neighbours.
fn refuse(status: StatusCode, error_type: &'static str, message: &str, request_id: &str) -> Response<Bytes> {
    let body = serde_json::json!({ "__type": error_type, "Message": message }).to_string();
    let mut response = response::new(status, response::JSON_1_1, body.into_bytes(), request_id);
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(error_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::autoscaling::NotScaledReason,
        wire::testing::{call_of, check_parse, check_response},
    };

    fn request(operation: &str, body: &str) -> String {
        format!("POST /\nx-amz-target: AnyScaleFrontendService.{operation}\n\n{body}")
    }

    #[test]
    fn operations_are_read() {
        let check = |operation: &str, body: &str, expected: &str| {
            check_parse(&request(operation, body), &format!("000000000000 us-east-1 Autoscaling({expected})"));
        };
        check(
            "RegisterScalableTarget",
            r#"{"ServiceNamespace":"lambda","ResourceId":"function:f:live","ScalableDimension":"lambda:function:ProvisionedConcurrency","MinCapacity":1,"MaxCapacity":3}"#,
            "RegisterScalableTarget(RegisterScalableTarget { service_namespace: Some(\"lambda\"), resource_id: \
             Some(\"function:f:live\"), scalable_dimension: Some(\"lambda:function:ProvisionedConcurrency\"), min_capacity: Some(1), \
             max_capacity: Some(3) })",
        );
        check(
            "ListTagsForResource",
            r#"{"ResourceARN":"arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/1"}"#,
            "ListTagsForResource { resource_arn: Some(\"arn:aws:application-autoscaling:us-east-1:000000000000:scalable-target/1\") }",
        );
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        check_parse(
            &request("GetPredictiveScalingForecast", "{}"),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=UnknownOperationException | {"Message":"`GetPredictiveScalingForecast` of Application Auto Scaling is not served by this engine","__type":"UnknownOperationException"}"#,
        );
    }

    #[test]
    fn answers_are_written() {
        let call = call_of(&request("DescribeScalingActivities", r#"{"ServiceNamespace":"lambda"}"#));
        let page = Page {
            items: vec![NotScaledReason {
                code: "AlreadyAtMaxCapacity".into(),
                max_capacity: Some(3),
                ..Default::default()
            }],
            next_token: Some("after".into()),
        };
        assert_eq!(
            list("Items", &page, "REQUEST-ID").body(),
            r#"{"Items":[{"Code":"AlreadyAtMaxCapacity","MaxCapacity":3}],"NextToken":"after"}"#
        );
        let error =
            AutoscalingError { kind: AutoscalingErrorKind::ObjectNotFound, message: "No scalable target found".into() };
        check_response(
            &call,
            Err(Error::Autoscaling(error)),
            r#"400 application/x-amz-json-1.1 x-amzn-errortype=ObjectNotFoundException | {"Message":"No scalable target found","__type":"ObjectNotFoundException"}"#,
        );
    }
}
