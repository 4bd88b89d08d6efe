//! IAM and STS in AWS Query: parameters become JSON by the service model, and the output's JSON becomes XML.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::Value;

use super::{
    Call, Caller, Parsed, Protocol,
    constraints::{self, Given, Table},
    params::Params,
    response, xml,
};
use crate::{
    engine::{
        self, Error, Reply, Response as EngineResponse,
        identity::{Command, IdentityError, IdentityErrorKind, Response as Output},
    },
    model::{AccountId, Region, Scope},
};

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Iam,
    Sts,
}

impl Service {
    /// The service that a request is for: by its signature, or by the version of its API.
    pub(super) fn of(service: Option<&str>, params: &Params<'_>, action: &str) -> Option<Self> {
        match service {
            Some("iam") => Some(Self::Iam),
            Some("sts") => Some(Self::Sts),
            Some(_) => None,
            None => match params.get("Version") {
                Some("2010-05-08") => Some(Self::Iam),
                Some("2011-06-15") => Some(Self::Sts),
                _ => (action == "GetCallerIdentity").then_some(Self::Sts),
            },
        }
    }

    fn table(self) -> &'static Table {
        match self {
            Self::Iam => &constraints::IAM,
            Self::Sts => &constraints::STS,
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Iam => "IAM",
            Self::Sts => "STS",
        }
    }
}

pub(super) fn parse(caller: &Caller<'_>, service: Service, action: &str, params: &Params<'_>) -> Parsed {
    let refuse = |code: &str, message: &str| {
        let status = StatusCode::BAD_REQUEST;
        Parsed::Answered(xml::refusal(service.namespace(), status, code, message, caller.request_id))
    };
    let Some(operation) = service.table().has(action) else {
        let message = format!("`{action}` of {} is not served by this engine", service.name());
        return refuse("InvalidAction", &message);
    };
    let mut input = constraints::from_params(service.table(), operation, params);
    let given = Given { labels: &[], query: "", headers: None, body: &input, region: caller.scope.region.as_str() };
    if let Err(violations) = constraints::check(service.table(), operation, given) {
        return refuse("ValidationError", &violations.message());
    }
    if operation == "GetCallerIdentity" {
        input["AccessKeyId"] = caller.access_key_id.as_deref().unwrap_or_default().into();
    }
    match Command::read(operation, input) {
        Some(Ok(command)) => Parsed::Command {
            call: Call { protocol: Protocol::Identity(service, operation), url_base: None },
            scope: Scope { account: account(caller, &command), region: Region::default() },
            command: engine::Command::Identity(Box::new(command)),
        },
        Some(Err(error)) => {
            refuse("MalformedInput", &format!("the parameters of `{operation}` cannot be read: {error}"))
        }
        None => refuse("InvalidAction", &format!("`{operation}` has no command")),
    }
}

/// The world of a request: the caller's account; to assume a role, the role's. Both services are global.
fn account(caller: &Caller<'_>, command: &Command) -> AccountId {
    let of_role = match command {
        Command::AssumeRole(request) => request.role_arn.split(':').nth(4).and_then(AccountId::parse),
        _ => None,
    };
    of_role.unwrap_or(caller.scope.account)
}

pub(super) fn respond(service: Service, operation: &'static str, reply: Reply, request_id: &str) -> Response<Bytes> {
    let output = match reply {
        Ok(EngineResponse::Identity(output)) => *output,
        Err(Error::Identity(error)) => return refusal(service, &error, request_id),
        Err(Error::Storage(message)) => return failure(service, &message, request_id),
        other => return failure(service, &format!("the engine answered another service: {other:?}"), request_id),
    };
    let members = serde_json::to_value(&output).expect("texts have a JSON form");
    let has_result = output != Output::Done;
    let document = xml::document(operation, service.namespace(), request_id, has_result, |out| {
        if let Value::Object(members) = &members {
            members.iter().for_each(|(name, value)| element(out, name, value));
        }
    });
    response::new(StatusCode::OK, response::XML, document, request_id)
}

/// An element with its content; what is not set has none.
fn element(out: &mut String, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            xml::open(out, name);
            members.iter().for_each(|(name, value)| element(out, name, value));
            xml::close(out, name);
        }
        Value::Array(items) => {
            xml::open(out, name);
            items.iter().for_each(|item| element(out, "member", item));
            xml::close(out, name);
        }
        Value::String(text) => xml::element(out, name, text),
        other => xml::element(out, name, &other.to_string()),
    }
}

fn failure(service: Service, message: &str, request_id: &str) -> Response<Bytes> {
    xml::refusal(service.namespace(), StatusCode::INTERNAL_SERVER_ERROR, "ServiceFailure", message, request_id)
}

fn refusal(service: Service, error: &IdentityError, request_id: &str) -> Response<Bytes> {
    use IdentityErrorKind as Kind;
    let (code, status) = match error.kind {
        Kind::DeleteConflict => ("DeleteConflict", StatusCode::CONFLICT),
        Kind::EntityAlreadyExists => ("EntityAlreadyExists", StatusCode::CONFLICT),
        Kind::ExpiredToken => ("ExpiredToken", StatusCode::FORBIDDEN),
        Kind::InvalidInput => ("InvalidInput", StatusCode::BAD_REQUEST),
        Kind::LimitExceeded => ("LimitExceeded", StatusCode::CONFLICT),
        Kind::MalformedPolicyDocument => ("MalformedPolicyDocument", StatusCode::BAD_REQUEST),
        Kind::NoSuchEntity => ("NoSuchEntity", StatusCode::NOT_FOUND),
        Kind::Validation => ("ValidationError", StatusCode::BAD_REQUEST),
    };
    xml::refusal(service.namespace(), status, code, &error.message, request_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::identity::{Role, Tag},
        wire::testing::{call_of, check_parse, check_response},
    };

    fn form(service: &str, key: &str, body: &str) -> String {
        format!(
            "POST /\ncontent-type: application/x-www-form-urlencoded; charset=utf-8\n\
             authorization: AWS4-HMAC-SHA256 Credential={key}/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host\n\n{body}"
        )
    }

    #[test]
    fn requests_go_to_the_account_in_the_one_region() {
        check_parse(
            &form("sts", "123456789012", "Action=GetCallerIdentity&Version=2011-06-15"),
            r#"123456789012 us-east-1 Identity(GetCallerIdentity(AccessKey { access_key_id: "123456789012" }))"#,
        );
        check_parse(
            &form("sts", "test", "Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=me"),
            r#"123456789012 us-east-1 Identity(AssumeRole(AssumeRole { role_arn: "arn:aws:iam::123456789012:role/r", role_session_name: "me" }))"#,
        );
        check_parse(
            &form("iam", "test", "Action=TagRole&RoleName=r&Tags.member.1.Key=k&Tags.member.1.Value=v"),
            r#"000000000000 us-east-1 Identity(TagRole(TagRole { role_name: "r", tags: [Tag { key: "k", value: "v" }] }))"#,
        );
        check_parse(
            "POST /\n\nAction=GetRole&RoleName=r&Version=2010-05-08",
            r#"000000000000 us-east-1 Identity(GetRole(OfRole { role_name: "r" }))"#,
        );
    }

    #[test]
    fn what_is_wrong_or_not_served_is_refused() {
        check_parse(
            &form("iam", "test", "Action=GetRole&RoleName=a%20b"),
            "400 text/xml | <?xml version=\"1.0\"?><ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error>\
             <Type>Sender</Type><Code>ValidationError</Code><Message>1 validation error detected: Value 'a b' at 'roleName' \
             failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+</Message><Detail/>\
             </Error><RequestId>REQUEST-ID</RequestId></ErrorResponse>",
        );
        check_parse(
            &form("iam", "test", "Action=CreateUser&UserName=u"),
            "400 text/xml | <?xml version=\"1.0\"?><ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error>\
             <Type>Sender</Type><Code>InvalidAction</Code><Message>`CreateUser` of IAM is not served by this engine</Message>\
             <Detail/></Error><RequestId>REQUEST-ID</RequestId></ErrorResponse>",
        );
    }

    #[test]
    fn outputs_become_xml() {
        let call = call_of(&form("iam", "test", "Action=GetRole&RoleName=r"));
        let role =
            Role { role_name: "r".into(), tags: vec![Tag { key: "k".into(), value: "<v>".into() }], ..Role::default() };
        check_response(
            &call,
            Ok(EngineResponse::Identity(Box::new(Output::Role { role }))),
            "200 text/xml | <?xml version=\"1.0\"?><GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <GetRoleResult><Role><Arn></Arn><AssumeRolePolicyDocument></AssumeRolePolicyDocument><CreateDate></CreateDate>\
             <MaxSessionDuration>0</MaxSessionDuration><Path></Path><RoleId></RoleId><RoleName>r</RoleName>\
             <Tags><member><Key>k</Key><Value>&lt;v&gt;</Value></member></Tags></Role></GetRoleResult>\
             <ResponseMetadata><RequestId>REQUEST-ID</RequestId></ResponseMetadata></GetRoleResponse>",
        );
        let call = call_of(&form("iam", "test", "Action=DeleteRole&RoleName=r"));
        check_response(
            &call,
            Ok(EngineResponse::Identity(Box::new(Output::Done))),
            "200 text/xml | <?xml version=\"1.0\"?><DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <ResponseMetadata><RequestId>REQUEST-ID</RequestId></ResponseMetadata></DeleteRoleResponse>",
        );
    }

    #[test]
    fn every_operation_of_the_tables_has_its_command() {
        for service in [Service::Iam, Service::Sts] {
            for operation in service.table().operations() {
                assert!(Command::read(operation, serde_json::json!({})).is_some(), "{operation}");
            }
        }
    }
}
