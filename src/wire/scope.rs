//! Account and region of a request, from the credential scope of its signature (AWS General Reference, "Elements of an
//! AWS API request signature"). The signature itself is not looked at.

use std::borrow::Cow;

use http::{header, request};

use crate::model::{AccountId, Region, Scope, account_of_access_key_id};

/// The service that the signature names, and the account and region: of the signature when there is one, else `default`.
///
/// An access key id of twelve digits is the account; one that STS issued says which it is.
pub(super) fn of<'a>(head: &'a request::Parts, default: &Scope) -> Signature<'a> {
    if let Some(credential) = from_header(head).and_then(Credential::parse) {
        return Signature {
            service: Some(Cow::Borrowed(credential.service)),
            access_key_id: Some(Cow::Borrowed(credential.access_key_id)),
            scope: credential.scope(default),
        };
    }
    let presigned = head.uri.query().and_then(from_query);
    match presigned.as_deref().and_then(Credential::parse) {
        Some(credential) => Signature {
            service: Some(Cow::Owned(credential.service.to_owned())),
            access_key_id: Some(Cow::Owned(credential.access_key_id.to_owned())),
            scope: credential.scope(default),
        },
        None => Signature { service: None, access_key_id: None, scope: default.clone() },
    }
}

/// What a request's signature says.
pub(super) struct Signature<'a> {
    pub(super) service: Option<Cow<'a, str>>,
    pub(super) access_key_id: Option<Cow<'a, str>>,
    pub(super) scope: Scope,
}

/// `ACCESS_KEY/DATE/REGION/SERVICE/aws4_request`.
struct Credential<'a> {
    access_key_id: &'a str,
    region: &'a str,
    service: &'a str,
}

impl<'a> Credential<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        let (_terminator, service, region, _date) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(Self { access_key_id: parts.next()?, region, service })
    }

    fn scope(&self, default: &Scope) -> Scope {
        Scope {
            account: AccountId::parse(self.access_key_id)
                .or_else(|| account_of_access_key_id(self.access_key_id))
                .unwrap_or(AccountId::DEFAULT),
            region: Region::parse(self.region).unwrap_or_else(|| default.region.clone()),
        }
    }
}

fn from_header(head: &request::Parts) -> Option<&str> {
    let authorization = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
    let (_, credential) = fields.split_once("Credential=")?;
    credential.split([',', ' ']).next()
}

fn from_query(query: &str) -> Option<Cow<'_, str>> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "X-Amz-Credential").map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::head_of;

    #[test]
    fn a_signature_chooses_the_world() {
        let default =
            Scope { account: AccountId::parse("111111111111").unwrap(), region: Region::parse("eu-x-1").unwrap() };
        let check = |uri: &str, authorization: &str, expected: &str| {
            let headers =
                if authorization.is_empty() { String::new() } else { format!("authorization: {authorization}") };
            let head = head_of(&format!("POST {uri}\n{headers}"));
            let Signature { service, scope, .. } = of(&head, &default);
            let found = format!("{} {} {}", service.as_deref().unwrap_or("-"), scope.account, scope.region);
            assert_eq!(found, expected, "{uri} {authorization}");
        };
        let signed =
            |credential: &str| format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=00");
        check("/", "", "- 111111111111 eu-x-1");
        check("/", "Bearer x", "- 111111111111 eu-x-1");
        check("/", &signed("test/20260101/us-west-2/sqs/aws4_request"), "sqs 000000000000 us-west-2");
        check("/", &signed("123456789012/20260101/us-west-2/lambda/aws4_request"), "lambda 123456789012 us-west-2");
        check("/", &signed("a/b/20260101/us-west-2/logs/aws4_request"), "logs 000000000000 us-west-2");
        check("/", &signed("test/20260101/NO WHERE/sqs/aws4_request"), "- 111111111111 eu-x-1");
        check("/", &signed("test/20260101/NOWHERE/sqs/aws4_request"), "sqs 000000000000 eu-x-1");
        check("/", &signed("test/sqs"), "- 111111111111 eu-x-1");
        check(
            "/?X-Amz-Credential=123456789012%2F20260101%2Fap-northeast-1%2Fsqs%2Faws4_request",
            "",
            "sqs 123456789012 ap-northeast-1",
        );
    }
}
