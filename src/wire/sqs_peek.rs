//! `GET /_aws/sqs/messages`: LocalStack's way of looking at the messages of a queue without receiving them, for those whose
//! tests and tools use it (LocalStack, "SQS: developer endpoints").
//!
//! | request | |
//! | --- | --- |
//! | `/_aws/sqs/messages?QueueUrl=URL` | any form of queue URL |
//! | `/_aws/sqs/messages/REGION/ACCOUNT/NAME` | |
//! | `ShowInvisible=true` | messages in flight too, and an attribute `IsVisible` |
//! | `ShowDelayed=true` | delayed messages too, and an attribute `IsDelayed` |
//!
//! The answer to GET is that of `ReceiveMessage` in XML; with `Accept: application/json` it is the same document in JSON, in which
//! one element is itself, several are a list, and none is `null`. What is left out of a long answer is counted in a header.
//!
//! A client of SQS whose endpoint is `http://HOST/_aws/sqs/messages` looks with its own `ReceiveMessage`, in its own protocol.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

use super::{
    Call, Caller, Parsed, Protocol, guard, json::Object, queue_url, response, sqs_errors, sqs_json, sqs_query,
};
use crate::engine::{
    self, Error, Reply, Response as EngineResponse,
    sqs::{
        Command, MessageAttributeValue, PeekMessages, PeekedStanding, ReceivedMessage, Response as Output, SqsError,
    },
};

const PATH: &str = "/_aws/sqs/messages";
/// How many messages are there and not in the answer.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-stackctl-left-out");

/// What of a look its answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    is_json: bool,
    says_visible: bool,
    says_delayed: bool,
}

pub(super) fn is_path(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn parse(caller: &Caller<'_>, body: &[u8]) -> Parsed {
    if caller.head.method != Method::GET {
        return parse_call(caller, body);
    }
    let query = caller.head.uri.query().unwrap_or_default();
    let value_of = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let is_set = |name: &str| value_of(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
    let in_path = caller.head.uri.path()[PATH.len()..].trim_matches('/');
    let queue_url = if in_path.is_empty() { value_of("QueueUrl") } else { Some(format!("/queue/{in_path}")) };
    let (in_flight, delayed) = (is_set("ShowInvisible"), is_set("ShowDelayed"));
    let look = Look { is_json: wants_json(caller), says_visible: in_flight, says_delayed: delayed };
    let command = Command::PeekMessages(PeekMessages {
        queue_url: queue_url.unwrap_or_default(),
        max_messages: None,
        in_flight,
        delayed,
    });
    let mut scope = caller.scope.clone();
    queue_url::resolve(&command, guard::host(caller.head), &mut scope);
    let call = Call { protocol: Protocol::SqsPeek(look), url_base: None };
    Parsed::Command { call, scope, command: engine::Command::Sqs(command) }
}

/// A `ReceiveMessage` in one of SQS's protocols, which takes nothing here.
fn parse_call(caller: &Caller<'_>, body: &[u8]) -> Parsed {
    let target = caller.head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let parsed = match target.and_then(|target| target.split_once('.')) {
        Some((sqs_json::TARGET, operation)) => sqs_json::parse(caller, operation, body),
        _ => sqs_query::parse(caller, body),
    };
    match parsed {
        Parsed::Command { call, scope, command: engine::Command::Sqs(Command::ReceiveMessage(receive)) } => {
            let peek = PeekMessages { queue_url: receive.queue_url, ..PeekMessages::default() };
            Parsed::Command { call, scope, command: engine::Command::Sqs(Command::PeekMessages(peek)) }
        }
        Parsed::Command { .. } | Parsed::WithCode { .. } => Parsed::Answered(response::json_refusal(
            StatusCode::BAD_REQUEST,
            response::JSON,
            "UnsupportedOperationException",
            "messages are looked at here, by GET or with `ReceiveMessage`; for all else call SQS at `/`",
            caller.request_id,
        )),
        answered @ Parsed::Answered(_) => answered,
    }
}

fn wants_json(caller: &Caller<'_>) -> bool {
    let accept = caller.head.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

pub(super) fn respond(look: Look, reply: Reply, request_id: &str) -> Response<Bytes> {
    let (messages, left_out) = match reply {
        Ok(EngineResponse::Sqs(Output::Peeked(peeked))) => {
            let seen = peeked.messages.iter().map(|message| {
                let mut shown = message.as_received();
                let says = |is_so: bool| is_so.to_string();
                if look.says_visible {
                    let is_visible = !matches!(message.standing, PeekedStanding::InFlight { .. });
                    shown.attributes.push(("IsVisible", says(is_visible)));
                }
                if look.says_delayed {
                    let is_delayed = matches!(message.standing, PeekedStanding::Delayed { .. });
                    shown.attributes.push(("IsDelayed", says(is_delayed)));
                }
                shown
            });
            (seen.collect::<Vec<_>>(), peeked.left_out)
        }
        Err(Error::Sqs(error)) if look.is_json => return refusal(&error, request_id),
        other => return sqs_query::respond("ReceiveMessage", None, other, request_id),
    };
    let mut response = if look.is_json {
        response::new(StatusCode::OK, response::JSON, document(&messages, request_id), request_id)
    } else {
        let output = EngineResponse::Sqs(Output::ReceiveMessage { messages });
        sqs_query::respond("ReceiveMessage", None, Ok(output), request_id)
    };
    if left_out > 0 {
        response.headers_mut().insert(LEFT_OUT, HeaderValue::from(left_out));
    }
    response
}

fn refusal(error: &SqsError, request_id: &str) -> Response<Bytes> {
    let code = sqs_errors::code(error.kind);
    let mut body = Vec::with_capacity(192 + error.message.len());
    let mut outer = Object::open(&mut body);
    let mut response_object = Object::open(outer.member("ErrorResponse"));
    let mut object = Object::open(response_object.member("Error"));
    object.text("Type", "Sender");
    object.text("Code", code.query);
    object.text("Message", &error.message);
    object.close();
    response_object.text("RequestId", request_id);
    response_object.close();
    outer.close();
    response::new(code.query_status, response::JSON, body, request_id)
}

fn document(messages: &[ReceivedMessage], request_id: &str) -> Vec<u8> {
    let mut body = Vec::with_capacity(256 + messages.iter().map(|message| message.body.len() + 512).sum::<usize>());
    let mut outer = Object::open(&mut body);
    let mut answer = Object::open(outer.member("ReceiveMessageResponse"));
    let result = answer.member("ReceiveMessageResult");
    if messages.is_empty() {
        result.extend_from_slice(b"null");
    } else {
        let mut object = Object::open(result);
        elements(object.member("Message"), messages, message);
        object.close();
    }
    let mut metadata = Object::open(answer.member("ResponseMetadata"));
    metadata.text("RequestId", request_id);
    metadata.close();
    answer.close();
    outer.close();
    body
}

/// Elements of one name: one is itself, several are a list.
fn elements<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    if let [only] = items {
        return write(out, only);
    }
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(b']');
}

fn message(out: &mut Vec<u8>, message: &ReceivedMessage) {
    let mut object = Object::open(out);
    object.text("MessageId", &message.message_id);
    object.text("ReceiptHandle", &message.receipt_handle);
    object.text("MD5OfBody", &message.md5_of_body);
    object.text("Body", &message.body);
    elements(object.member("Attribute"), &message.attributes, |out, (name, value)| {
        let mut pair = Object::open(out);
        pair.text("Name", name);
        pair.text("Value", value);
        pair.close();
    });
    object.optional_text("MD5OfMessageAttributes", message.md5_of_message_attributes.as_deref());
    if !message.message_attributes.is_empty() {
        elements(object.member("MessageAttribute"), &message.message_attributes, message_attribute);
    }
    object.close();
}

fn message_attribute(out: &mut Vec<u8>, (name, value): &(String, MessageAttributeValue)) {
    let mut object = Object::open(out);
    object.text("Name", name);
    let mut inner = Object::open(object.member("Value"));
    inner.optional_text("StringValue", value.string_value.as_deref());
    if let Some(bytes) = &value.binary_value {
        inner.bytes("BinaryValue", &bytes.0);
    }
    inner.optional_text("DataType", value.data_type.as_deref());
    inner.close();
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{
            Effect, Engine, EngineConfig, Input, RequestToken,
            sqs::{CreateQueue, SendMessage},
        },
        model::{AccountId, Region, Scope, Timestamp},
        wire::testing::{call_of, check_parse, check_response, parse_text, response_text},
    };

    #[test]
    fn both_forms_name_a_queue_and_its_world() {
        check_parse(
            "GET /_aws/sqs/messages?QueueUrl=http%3A%2F%2Flocalhost%3A4566%2F123456789012%2Fq&ShowDelayed=true\n\n",
            r#"123456789012 us-east-1 Sqs(PeekMessages(PeekMessages { queue_url: "http://localhost:4566/123456789012/q", in_flight: false, delayed: true }))"#,
        );
        check_parse(
            "GET /_aws/sqs/messages/eu-west-1/123456789012/q?ShowInvisible=TRUE\n\n",
            r#"123456789012 eu-west-1 Sqs(PeekMessages(PeekMessages { queue_url: "/queue/eu-west-1/123456789012/q", in_flight: true, delayed: false }))"#,
        );
    }

    #[test]
    fn a_client_looks_with_its_own_receive() {
        let expected = r#"000000000000 us-east-1 Sqs(PeekMessages(PeekMessages { queue_url: "q", in_flight: false, delayed: false }))"#;
        check_parse(
            "POST /_aws/sqs/messages/\nx-amz-target: AmazonSQS.ReceiveMessage\n\n{\"QueueUrl\":\"q\"}",
            expected,
        );
        check_parse("POST /_aws/sqs/messages/\n\nAction=ReceiveMessage&QueueUrl=q", expected);
        check_parse(
            "POST /_aws/sqs/messages/\nx-amz-target: AmazonSQS.PurgeQueue\n\n{\"QueueUrl\":\"q\"}",
            r#"400 application/json x-amzn-errortype=UnsupportedOperationException | {"__type":"UnsupportedOperationException","message":"messages are looked at here, by GET or with `ReceiveMessage`; for all else call SQS at `/`"}"#,
        );
        let call = call_of("POST /_aws/sqs/messages/\nx-amz-target: AmazonSQS.ReceiveMessage\n\n{}");
        let empty = look_at(&[], &format!("{GET}\n\n"));
        check_response(&call, empty, "200 application/x-amz-json-1.0 | {}");
    }

    /// The replies to looks at a queue of the bodies, which are sent one a second.
    fn look_at(bodies: &[&str], request: &str) -> Reply {
        let mut engine = Engine::new(EngineConfig::default());
        let scope = std::sync::Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() });
        let mut ask = |at_s: usize, command: Command| {
            let mut effects = Vec::new();
            let command = engine::Command::Sqs(command);
            let input = Input::Request { token: RequestToken(1), scope: scope.clone(), command };
            engine.handle(Timestamp::from_millis(at_s as u64 * 1000), input, &mut effects);
            effects.into_iter().find_map(|effect| match effect {
                Effect::Reply { reply, .. } => Some(reply),
                _ => None,
            })
        };
        ask(0, Command::CreateQueue(CreateQueue { queue_name: Some("q".into()), ..CreateQueue::default() }));
        for (at_s, body) in bodies.iter().enumerate() {
            let send = SendMessage {
                queue_url: "/000000000000/q".into(),
                message_body: Some((*body).into()),
                ..SendMessage::default()
            };
            ask(at_s + 1, Command::SendMessage(send));
        }
        match parse_text(request) {
            Parsed::Command { command: engine::Command::Sqs(command), .. } => ask(60, command).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    const GET: &str = "GET /_aws/sqs/messages?QueueUrl=/000000000000/q";
    const JSON: &str = "\naccept: application/json\n\n";

    /// What the ids of the messages are is not of interest here.
    fn check(bodies: &[&str], request: &str, expected: &str) {
        let reply = look_at(bodies, request);
        let Ok(EngineResponse::Sqs(Output::Peeked(peeked))) = &reply else { panic!("{reply:?}") };
        let ids: Vec<_> = peeked.messages.iter().map(|message| message.as_received().message_id).collect();
        let response = crate::wire::respond(&call_of(request), reply, "REQUEST-ID");
        let shown = ids.iter().fold(response_text(&response), |text, id| text.replace(id, "ID"));
        assert_eq!(shown, expected);
    }

    #[test]
    fn one_element_is_itself_several_are_a_list_and_none_is_null() {
        let message = |body: &str, md5: &str, sent: u64| {
            format!(
                r#"{{"MessageId":"ID","ReceiptHandle":"SQS/BACKDOOR/ACCESS","MD5OfBody":"{md5}","Body":"{body}","Attribute":[{{"Name":"SenderId","Value":"000000000000"}},{{"Name":"SentTimestamp","Value":"{sent}"}},{{"Name":"ApproximateReceiveCount","Value":"0"}},{{"Name":"ApproximateFirstReceiveTimestamp","Value":"0"}}]}}"#
            )
        };
        let (a, b) = (
            message("a", "0cc175b9c0f1b6a831c399e269772661", 1000),
            message("b", "92eb5ffee6ae2fec3ad71c777531578f", 2000),
        );
        let answer = |result: &str| {
            format!(
                r#"200 application/json | {{"ReceiveMessageResponse":{{"ReceiveMessageResult":{result},"ResponseMetadata":{{"RequestId":"REQUEST-ID"}}}}}}"#
            )
        };
        check(&[], &format!("{GET}{JSON}"), &answer("null"));
        check(&["a"], &format!("{GET}{JSON}"), &answer(&format!(r#"{{"Message":{a}}}"#)));
        check(&["a", "b"], &format!("{GET}{JSON}"), &answer(&format!(r#"{{"Message":[{a},{b}]}}"#)));
    }

    #[test]
    fn xml_is_what_receive_message_answers() {
        let request = format!("{GET}&ShowInvisible=true\n\n");
        check(
            &["a"],
            &request,
            "200 text/xml | <?xml version=\"1.0\"?><ReceiveMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><ReceiveMessageResult><Message><MessageId>ID</MessageId><ReceiptHandle>SQS/BACKDOOR/ACCESS</ReceiptHandle><MD5OfBody>0cc175b9c0f1b6a831c399e269772661</MD5OfBody><Body>a</Body><Attribute><Name>SenderId</Name><Value>000000000000</Value></Attribute><Attribute><Name>SentTimestamp</Name><Value>1000</Value></Attribute><Attribute><Name>ApproximateReceiveCount</Name><Value>0</Value></Attribute><Attribute><Name>ApproximateFirstReceiveTimestamp</Name><Value>0</Value></Attribute><Attribute><Name>IsVisible</Name><Value>true</Value></Attribute></Message></ReceiveMessageResult><ResponseMetadata><RequestId>REQUEST-ID</RequestId></ResponseMetadata></ReceiveMessageResponse>",
        );
    }

    #[test]
    fn refusals_come_in_the_form_that_is_read() {
        let missing = look_at(&[], "GET /_aws/sqs/messages?QueueUrl=/000000000000/other\n\n");
        check_response(
            &call_of(&format!("{GET}{JSON}")),
            missing.clone(),
            r#"400 application/json | {"ErrorResponse":{"Error":{"Type":"Sender","Code":"AWS.SimpleQueueService.NonExistentQueue","Message":"The specified queue does not exist."},"RequestId":"REQUEST-ID"}}"#,
        );
        check_response(
            &call_of(&format!("{GET}\n\n")),
            missing,
            "400 text/xml | <?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does not exist.</Message><Detail/></Error><RequestId>REQUEST-ID</RequestId></ErrorResponse>",
        );
    }
}
