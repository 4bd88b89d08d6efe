//! No request makes the wire panic, and every request has an answer. The inputs are drawn from what requests are made of,
//! so that they come past the first check.

use bytes::Bytes;
use http::{Request, request};
use proptest::prelude::*;

use super::{Parsed, guard, parse, respond};
use crate::{
    engine::{Error, Response, lambda, sqs},
    model::{AccountId, Region, Scope},
};

const TARGETS: [&str; 6] = [
    "AmazonSQS.SendMessage",
    "AmazonSQS.ReceiveMessage",
    "AmazonSQS.CreateQueue",
    "Logs_20140328.FilterLogEvents",
    "AmazonSQS",
    ".",
];
const PATHS: [&str; 10] = [
    "/",
    "/000000000000/q",
    "/queue/eu-west-1/000000000000/q?Action=SendMessage&MessageBody=a",
    "/2015-03-31/functions",
    "/2015-03-31/functions/%E9%/invocations?Qualifier=%",
    "/2015-03-31/functions/f/code",
    "/2015-03-31/event-source-mappings/?MaxItems=99999999999",
    "/2017-03-31/tags/%61rn?tagKeys=a&tagKeys",
    "/2015-03-31//",
    "http://localhost/?Action=X&X-Amz-Credential=a%2Fb%2Fc%2Fd%2Fe",
];
/// Pieces of bodies in every protocol; random strings of them are nearly requests.
const PIECES: [&str; 22] = [
    "Action=",
    "SendMessageBatch",
    "&",
    "SendMessageBatchRequestEntry.1",
    ".4294967296",
    ".member",
    "=",
    "%",
    "%zz",
    ".Name",
    "{",
    "}",
    "[",
    "]",
    "\"QueueUrl\":",
    "\"MessageBody\"",
    ":",
    ",",
    "null",
    "\"\\ud800\"",
    "1e999",
    "\"Code\":{\"ZipFile\":\"=\"}",
];

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let pieces =
        prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..24).prop_map(|p| p.concat().into_bytes());
    prop_oneof![prop::collection::vec(any::<u8>(), 0..256), pieces]
}

fn heads() -> impl Strategy<Value = request::Parts> {
    let header = |name: &'static str, values: &[&'static str]| {
        let known = prop::sample::select(values.to_vec()).prop_map(|value| value.as_bytes().to_vec());
        let value = prop_oneof![2 => known, 1 => prop::collection::vec(32_u8..=255, 0..24)];
        prop::option::of(value.prop_map(move |value| (name, value)))
    };
    let headers = (
        header("x-amz-target", &TARGETS),
        header("content-type", &["application/x-www-form-urlencoded", "application/json"]),
        header(
            "authorization",
            &["AWS4-HMAC-SHA256 Credential=a/b/us-east-1/sts/aws4_request", "AWS4-HMAC-SHA256 Credential="],
        ),
        header("host", &["localhost:4566", "sqs.eu-west-1.localhost", "[", "@:", "..", ""]),
        header("x-amz-client-context", &["e30=", "=", "/w=="]),
        header("x-amz-invocation-type", &["Event", "DryRun"]),
    );
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]);
    (method, prop::sample::select(PATHS.to_vec()), headers).prop_map(|(method, path, (a, b, c, d, e, f))| {
        let mut builder = Request::builder().method(method).uri(path);
        for (name, value) in [a, b, c, d, e, f].into_iter().flatten().filter(|(_, value)| !value.contains(&127)) {
            builder = builder.header(name, value);
        }
        builder.body(()).unwrap().into_parts().0
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_request_has_an_answer(head in heads(), body in bodies()) {
        let _ = guard(&head, &[]);
        let default = Scope { account: AccountId::DEFAULT, region: Region::default() };
        match parse(&head, Bytes::from(body), &default, "id") {
            Parsed::Answered(response) => prop_assert!(response.status().is_success() || response.status().is_client_error()),
            Parsed::Command { call, .. } | Parsed::WithCode { call, .. } => {
                for reply in [
                    Ok(Response::Sqs(sqs::Response::Done)),
                    Ok(Response::Lambda(lambda::Response::Done)),
                    Err(Error::Storage("full".into())),
                ] {
                    let _ = respond(&call, reply, "id");
                }
            }
        }
    }
}
