//! STS, as far as clients ask who they are: `GetCallerIdentity` in AWS Query.

use http::StatusCode;

use super::{Caller, Parsed, response, xml};

/// `Version` of STS's API.
pub(super) const VERSION: &str = "2011-06-15";
/// STS's one operation here.
pub(super) const GET_CALLER_IDENTITY: &str = "GetCallerIdentity";

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Every caller is the root of the account that its access key names.
pub(super) fn parse(caller: &Caller<'_>, action: &str) -> Parsed {
    if action != GET_CALLER_IDENTITY {
        let message = format!("`{action}` of STS is not served by this engine, which serves `{GET_CALLER_IDENTITY}`");
        return Parsed::Answered(xml::refusal(
            NAMESPACE,
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            &message,
            caller.request_id,
        ));
    }
    let account = caller.scope.account.to_string();
    let result = xml::document(GET_CALLER_IDENTITY, NAMESPACE, caller.request_id, true, |out| {
        xml::element(out, "Arn", &format!("arn:aws:iam::{account}:root"));
        xml::element(out, "UserId", &account);
        xml::element(out, "Account", &account);
    });
    Parsed::Answered(response::new(StatusCode::OK, response::XML, result, caller.request_id))
}

#[cfg(test)]
mod tests {
    use crate::wire::testing::check_parse;

    const FORM: &str = "POST /\ncontent-type: application/x-www-form-urlencoded; charset=utf-8\n\
        authorization: AWS4-HMAC-SHA256 Credential=123456789012/20260101/us-east-1/sts/aws4_request, SignedHeaders=host\n\n";

    #[test]
    fn the_caller_is_the_root_of_its_account() {
        check_parse(
            &format!("{FORM}Action=GetCallerIdentity&Version=2011-06-15"),
            "200 text/xml | <?xml version=\"1.0\"?><GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:root</Arn><UserId>123456789012</UserId>\
             <Account>123456789012</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>REQUEST-ID</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
        );
    }

    #[test]
    fn other_operations_are_refused_by_name() {
        check_parse(
            &format!("{FORM}Action=AssumeRole&Version=2011-06-15"),
            "400 text/xml | <?xml version=\"1.0\"?><ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
             <Type>Sender</Type><Code>InvalidAction</Code><Message>`AssumeRole` of STS is not served by this engine, which serves \
             `GetCallerIdentity`</Message><Detail/></Error><RequestId>REQUEST-ID</RequestId></ErrorResponse>",
        );
    }
}
