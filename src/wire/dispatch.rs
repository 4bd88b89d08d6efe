//! Which service and protocol a request speaks: by `X-Amz-Target`, by Lambda's dated paths, or by `Action`.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};

use super::{Caller, Parsed, autoscaling, lambda, logs, response, scheduler, sqs_json, sqs_peek, sqs_query, xml};

/// What a browser sees.
const GREETING: &str = "This is stackctl's engine: SQS, Lambda, Application Auto Scaling, EventBridge Scheduler, CloudWatch Logs, IAM and STS on this machine.\n\
    Point a client at this address, for example `aws --endpoint-url http://localhost:4566 sqs list-queues`.\n";

const TARGET: &str = "x-amz-target";

pub(super) fn parse(caller: &Caller<'_>, body: Bytes) -> Parsed {
    if sqs_peek::is_path(caller.head.uri.path()) {
        return sqs_peek::parse(caller, &body);
    }
    if let Some(target) = caller.head.headers.get(TARGET) {
        let target = target.to_str().unwrap_or_default();
        return match target.split_once('.') {
            Some((sqs_json::TARGET, operation)) => sqs_json::parse(caller, operation, &body),
            Some((logs::TARGET, operation)) => logs::parse(caller, operation, &body),
            Some((autoscaling::TARGET, operation)) => autoscaling::parse(caller, operation, &body),
            _ => unknown_target(caller, target),
        };
    }
    let path = caller.head.uri.path();
    if lambda::is_path(path) && matches!(caller.service.as_deref(), None | Some("lambda")) {
        return lambda::parse(caller, body);
    }
    if scheduler::is_request(path, caller.service.as_deref()) {
        return scheduler::parse(caller, &body);
    }
    if is_form(caller, &body) {
        return sqs_query::parse(caller, &body);
    }
    if matches!(caller.head.method, Method::GET | Method::HEAD) && path == "/" && caller.service.is_none() {
        return Parsed::Answered(response::new(StatusCode::OK, response::TEXT, GREETING, caller.request_id));
    }
    unknown_request(caller)
}

/// AWS Query comes as a form or, with GET, in the query.
fn is_form(caller: &Caller<'_>, body: &[u8]) -> bool {
    let is_action = |text: &str| text.starts_with("Action=") || text.contains("&Action=");
    let has_form_type = |headers: &HeaderMap| {
        headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
    };
    caller.head.uri.query().is_some_and(is_action)
        || (has_form_type(&caller.head.headers) && !body.is_empty())
        || body.starts_with(b"Action=")
}

fn unknown_target(caller: &Caller<'_>, target: &str) -> Parsed {
    let message = format!(
        "`{target}` is no operation of this engine, which serves SQS (`AmazonSQS`), Lambda, CloudWatch Logs \
         (`Logs_20140328`), Application Auto Scaling (`AnyScaleFrontendService`), EventBridge Scheduler, IAM and STS"
    );
    refuse(caller, &message)
}

fn not_served(service: &str) -> String {
    format!(
        "`{service}` is not served by this engine, which serves SQS, Lambda, Application Auto Scaling, EventBridge Scheduler, CloudWatch Logs, IAM and STS; point its client \
         elsewhere"
    )
}

fn unknown_request(caller: &Caller<'_>) -> Parsed {
    if caller.service.as_deref() == Some("s3") {
        // S3's clients read XML alone.
        return Parsed::Answered(xml::bare_refusal("NotImplemented", &not_served("s3"), caller.request_id));
    }
    let (method, path) = (&caller.head.method, caller.head.uri.path());
    let message = match caller.service.as_deref() {
        Some("sqs") => format!(
            "`{method} {path}` names no operation; a request to SQS has `X-Amz-Target: AmazonSQS.OPERATION` or `Action`"
        ),
        Some(service @ ("lambda" | "logs" | "iam" | "sts" | "application-autoscaling" | "scheduler")) => {
            format!("`{method} {path}` is no operation of `{service}` that this engine knows")
        }
        Some(service) => not_served(service),
        None => format!(
            "`{method} {path}` is no request to SQS, Lambda, Application Auto Scaling, EventBridge Scheduler, CloudWatch Logs, IAM or STS"
        ),
    };
    refuse(caller, &message)
}

fn refuse(caller: &Caller<'_>, message: &str) -> Parsed {
    Parsed::Answered(response::json_refusal(
        StatusCode::BAD_REQUEST,
        response::JSON,
        "UnknownOperationException",
        message,
        caller.request_id,
    ))
}

#[cfg(test)]
mod tests {
    use crate::wire::testing::check_parse;

    #[test]
    fn a_person_is_greeted() {
        check_parse(
            "GET /\nhost: localhost:4566\n\n",
            "200 text/plain; charset=utf-8 | This is stackctl's engine: SQS, Lambda, Application Auto Scaling, EventBridge Scheduler, CloudWatch Logs, IAM and STS on this machine.\nPoint a client at this address, for example `aws --endpoint-url http://localhost:4566 sqs list-queues`.\n",
        );
    }

    #[test]
    fn what_is_not_served_is_refused_by_name() {
        check_parse(
            "POST /\nx-amz-target: DynamoDB_20120810.ListTables\n\n{}",
            r#"400 application/json x-amzn-errortype=UnknownOperationException | {"__type":"UnknownOperationException","message":"`DynamoDB_20120810.ListTables` is no operation of this engine, which serves SQS (`AmazonSQS`), Lambda, CloudWatch Logs (`Logs_20140328`), Application Auto Scaling (`AnyScaleFrontendService`), EventBridge Scheduler, IAM and STS"}"#,
        );
        check_parse(
            "GET /bucket/key\nauthorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request\n\n",
            r#"400 text/xml | <?xml version="1.0"?><Error><Code>NotImplemented</Code><Message>`s3` is not served by this engine, which serves SQS, Lambda, Application Auto Scaling, EventBridge Scheduler, CloudWatch Logs, IAM and STS; point its client elsewhere</Message><RequestId>REQUEST-ID</RequestId></Error>"#,
        );
        check_parse(
            "GET /2013-04-01/hostedzone\nauthorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/route53/aws4_request\n\n",
            r#"400 application/json x-amzn-errortype=UnknownOperationException | {"__type":"UnknownOperationException","message":"`route53` is not served by this engine, which serves SQS, Lambda, Application Auto Scaling, EventBridge Scheduler, CloudWatch Logs, IAM and STS; point its client elsewhere"}"#,
        );
        check_parse(
            "DELETE /x\n\n",
            r#"400 application/json x-amzn-errortype=UnknownOperationException | {"__type":"UnknownOperationException","message":"`DELETE /x` is no request to SQS, Lambda, Application Auto Scaling, EventBridge Scheduler, CloudWatch Logs, IAM or STS"}"#,
        );
    }
}
