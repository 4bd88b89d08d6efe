//! SQS in AWS Query, the protocol of older SDKs and of plain HTTP: parameters in, XML out.

mod input;
mod respond;

use http::StatusCode;

use super::{Caller, Parsed, Protocol, identity, params::Params, sqs_errors, sqs_json, xml};
use crate::engine::sqs::SqsError;

pub(super) use respond::respond;

/// XML namespace of SQS's answers.
const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

/// A form, or a query, with an `Action`; of SQS unless the signature or the version say IAM or STS.
pub(super) fn parse(caller: &Caller<'_>, form: &[u8]) -> Parsed {
    let Some(params) = Params::read(caller.head.uri.query().unwrap_or_default(), form) else {
        return refuse(caller, "MalformedInput", "the request has more parameters than any operation of SQS");
    };
    let Some(action) = params.get("Action") else {
        return refuse(caller, "MissingAction", "the request has no `Action`, which names the operation");
    };
    if let Some(service) = identity::Service::of(caller.service.as_deref(), &params, action) {
        return identity::parse(caller, service, action, &params);
    }
    match caller.service.as_deref() {
        Some("sqs") | None => {}
        Some(service) => {
            let message = format!("`{action}` of `{service}` is not served by this engine; point its client elsewhere");
            return refuse(caller, "InvalidAction", &message);
        }
    }
    match input::command(&params, action, caller.head.uri.path()) {
        Some((operation, Ok(command))) => sqs_json::accept(caller, Protocol::SqsQuery(operation), command),
        Some((_, Err(error))) => Parsed::Answered(refusal(&error, caller.request_id)),
        None => refuse(caller, "InvalidAction", &format!("`{action}` is no operation of SQS")),
    }
}

fn refuse(caller: &Caller<'_>, code: &str, message: &str) -> Parsed {
    Parsed::Answered(xml::refusal(NAMESPACE, StatusCode::BAD_REQUEST, code, message, caller.request_id))
}

fn refusal(error: &SqsError, request_id: &str) -> http::Response<bytes::Bytes> {
    let code = sqs_errors::code(error.kind);
    xml::refusal(NAMESPACE, code.query_status, code.query, &error.message, request_id)
}

#[cfg(test)]
mod tests;
