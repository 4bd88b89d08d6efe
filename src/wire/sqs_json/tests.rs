//! Tables of SQS in AWS JSON 1.0: requests and the commands they become, replies and the bytes they become.

use std::collections::BTreeMap;

use crate::{
    engine::{
        Error, Response,
        sqs::{
            BatchFailure, BatchResult, Blob, MessageAttributeValue, MoveTaskEntry, QueuePage, ReceivedMessage,
            Response as Output, SentMessage, SqsError, SqsErrorKind,
        },
    },
    model::{AccountId, QueueName},
    wire::testing::{call_of, check_parse, check_response},
};

const SIGNED: &str =
    "authorization: AWS4-HMAC-SHA256 Credential=test/20260101/ap-northeast-1/sqs/aws4_request, SignedHeaders=host";

fn check(operation: &str, body: &str, expected: &str) {
    check_parse(
        &format!("POST /\nhost: localhost:4566\nx-amz-target: AmazonSQS.{operation}\n{SIGNED}\n\n{body}"),
        expected,
    );
}

/// The response to a call of the operation on `localhost:4566`, by an account of its own.
fn answers(operation: &str, output: Output, expected: &str) {
    let call = call_of(&format!(
        "POST /\nhost: localhost:4566\nx-amz-target: AmazonSQS.{operation}\n\
         authorization: AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/sqs/aws4_request\n\n{{}}"
    ));
    check_response(&call, Ok(Response::Sqs(output)), expected);
}

fn refused(kind: SqsErrorKind, expected: &str) {
    let call = call_of("POST /\nx-amz-target: AmazonSQS.ListQueues\n\n{}");
    check_response(&call, Err(Error::Sqs(SqsError::new(kind, "why"))), expected);
}

fn sent() -> SentMessage {
    SentMessage {
        message_id: "m-1".into(),
        md5_of_message_body: "d41d".into(),
        md5_of_message_attributes: None,
        md5_of_message_system_attributes: None,
        sequence_number: None,
    }
}

#[test]
fn messages_are_sent_received_and_deleted() {
    check(
        "SendMessage",
        r#"{"QueueUrl":"http://localhost:4566/000000000000/q","MessageBody":"hoge \"\u00e9"}"#,
        r#"000000000000 ap-northeast-1 Sqs(SendMessage(SendMessage { queue_url: "http://localhost:4566/000000000000/q", message_body: Some("hoge \"é") }))"#,
    );
    check(
        "SendMessage",
        r#"{"QueueUrl":"http://localhost:4566/123456789012/q.fifo","MessageBody":"b","DelaySeconds":5,"MessageGroupId":"g","MessageDeduplicationId":"d","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"/w=="}},"MessageSystemAttributes":{"AWSTraceHeader":{"DataType":"String","StringValue":"t"}}}"#,
        r#"123456789012 ap-northeast-1 Sqs(SendMessage(SendMessage { queue_url: "http://localhost:4566/123456789012/q.fifo", message_body: Some("b"), delay_seconds: Some(5), message_attributes: {"a": MessageAttributeValue { data_type: Some("Binary"), binary_value: Some(Blob(b"\xff")) }}, message_system_attributes: {"AWSTraceHeader": MessageAttributeValue { data_type: Some("String"), string_value: Some("t") }}, message_deduplication_id: Some("d"), message_group_id: Some("g") }))"#,
    );
    check(
        "ReceiveMessage",
        r#"{"QueueUrl":"u","MaxNumberOfMessages":10,"WaitTimeSeconds":20,"AttributeNames":["All"],"MessageAttributeNames":["a.*"],"MessageSystemAttributeNames":["SenderId"],"VisibilityTimeout":0,"ReceiveRequestAttemptId":"r"}"#,
        r#"000000000000 ap-northeast-1 Sqs(ReceiveMessage(ReceiveMessage { queue_url: "u", attribute_names: ["All"], message_system_attribute_names: ["SenderId"], message_attribute_names: ["a.*"], max_number_of_messages: Some(10), visibility_timeout: Some(0), wait_time_seconds: Some(20), receive_request_attempt_id: Some("r") }))"#,
    );
    check(
        "DeleteMessage",
        r#"{"QueueUrl":"http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/q","ReceiptHandle":"h"}"#,
        r#"000000000000 eu-west-1 Sqs(DeleteMessage(DeleteMessage { queue_url: "http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/q", receipt_handle: Some("h") }))"#,
    );
}

/// `expected` is the operation's input.
fn check_named(operation: &str, body: &str, expected: &str) {
    check(operation, body, &format!("000000000000 ap-northeast-1 Sqs({operation}({expected}))"));
}

#[test]
fn every_operation_is_read() {
    check_named(
        "AddPermission",
        r#"{"QueueUrl":"u","Label":"l","AWSAccountIds":["1"],"Actions":["*"]}"#,
        r#"AddPermission { queue_url: "u", label: Some("l"), aws_account_ids: ["1"], actions: ["*"] }"#,
    );
    check_named(
        "CancelMessageMoveTask",
        r#"{"TaskHandle":"t"}"#,
        r#"CancelMessageMoveTask { task_handle: Some("t") }"#,
    );
    check_named(
        "ChangeMessageVisibility",
        r#"{"QueueUrl":"u","ReceiptHandle":"h","VisibilityTimeout":0}"#,
        r#"ChangeMessageVisibility { queue_url: "u", receipt_handle: Some("h"), visibility_timeout: Some(0) }"#,
    );
    check_named(
        "ChangeMessageVisibilityBatch",
        r#"{"QueueUrl":"u","Entries":[{"Id":"1","ReceiptHandle":"h","VisibilityTimeout":3}]}"#,
        r#"ChangeMessageVisibilityBatch { queue_url: "u", entries: [ChangeMessageVisibilityEntry { id: "1", receipt_handle: Some("h"), visibility_timeout: Some(3) }] }"#,
    );
    check_named(
        "CreateQueue",
        r#"{"QueueName":"q","Attributes":{"FifoQueue":"true"},"tags":{"k":"v"}}"#,
        r#"CreateQueue { queue_name: Some("q"), attributes: {"FifoQueue": "true"}, tags: {"k": "v"} }"#,
    );
    check_named(
        "DeleteMessageBatch",
        r#"{"QueueUrl":"u","Entries":[{"Id":"1","ReceiptHandle":"h"}]}"#,
        r#"DeleteMessageBatch { queue_url: "u", entries: [DeleteMessageEntry { id: "1", receipt_handle: Some("h") }] }"#,
    );
    check_named("DeleteQueue", r#"{"QueueUrl":"u"}"#, r#"QueueOnly { queue_url: "u" }"#);
    check_named(
        "GetQueueAttributes",
        r#"{"QueueUrl":"u","AttributeNames":["All"]}"#,
        r#"GetQueueAttributes { queue_url: "u", attribute_names: ["All"] }"#,
    );
    check_named("GetQueueUrl", r#"{"QueueName":"q"}"#, r#"GetQueueUrl { queue_name: Some("q") }"#);
    check_named(
        "ListDeadLetterSourceQueues",
        r#"{"QueueUrl":"u","NextToken":"n","MaxResults":1}"#,
        r#"ListDeadLetterSourceQueues { queue_url: "u", next_token: Some("n"), max_results: Some(1) }"#,
    );
    check_named(
        "ListMessageMoveTasks",
        r#"{"SourceArn":"a","MaxResults":2}"#,
        r#"ListMessageMoveTasks { source_arn: Some("a"), max_results: Some(2) }"#,
    );
}

#[test]
fn every_other_operation_is_read() {
    check_named("ListQueueTags", r#"{"QueueUrl":"u"}"#, r#"QueueOnly { queue_url: "u" }"#);
    check_named("ListQueues", r#"{"QueueNamePrefix":"p"}"#, r#"ListQueues { queue_name_prefix: Some("p") }"#);
    check_named("ListQueues", "", "ListQueues");
    check_named("PurgeQueue", r#"{"QueueUrl":"u"}"#, r#"QueueOnly { queue_url: "u" }"#);
    check_named(
        "RemovePermission",
        r#"{"QueueUrl":"u","Label":"l"}"#,
        r#"RemovePermission { queue_url: "u", label: Some("l") }"#,
    );
    check_named(
        "SendMessageBatch",
        r#"{"QueueUrl":"u","Entries":[{"Id":"1","MessageBody":"b"}]}"#,
        r#"SendMessageBatch { queue_url: "u", entries: [SendMessageEntry { id: "1", message_body: Some("b") }] }"#,
    );
    check_named(
        "SetQueueAttributes",
        r#"{"QueueUrl":"u","Attributes":{"DelaySeconds":"1"}}"#,
        r#"SetQueueAttributes { queue_url: "u", attributes: {"DelaySeconds": "1"} }"#,
    );
    check_named(
        "StartMessageMoveTask",
        r#"{"SourceArn":"a","DestinationArn":"b","MaxNumberOfMessagesPerSecond":5}"#,
        r#"StartMessageMoveTask { source_arn: Some("a"), destination_arn: Some("b"), max_number_of_messages_per_second: Some(5) }"#,
    );
    check_named("TagQueue", r#"{"QueueUrl":"u","Tags":{"k":"v"}}"#, r#"TagQueue { queue_url: "u", tags: {"k": "v"} }"#);
    check_named(
        "UntagQueue",
        r#"{"QueueUrl":"u","TagKeys":["k"]}"#,
        r#"UntagQueue { queue_url: "u", tag_keys: ["k"] }"#,
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    check(
        "SendMessage",
        r#"{"MessageBody":5}"#,
        r#"400 application/x-amz-json-1.0 x-amzn-errortype=SerializationException | {"__type":"com.amazon.coral.service#SerializationException","message":"the body of `SendMessage` cannot be read: invalid type: integer `5`, expected a string at line 1 column 16"}"#,
    );
    check(
        "SendMessage",
        "{",
        r#"400 application/x-amz-json-1.0 x-amzn-errortype=SerializationException | {"__type":"com.amazon.coral.service#SerializationException","message":"the body of `SendMessage` cannot be read: EOF while parsing an object at line 1 column 1"}"#,
    );
    check(
        "SendMessages",
        "{}",
        r#"400 application/x-amz-json-1.0 x-amzn-errortype=UnknownOperationException | {"__type":"com.amazon.coral.service#UnknownOperationException","message":"`SendMessages` is no operation of SQS"}"#,
    );
}

#[test]
fn sends_and_batches_are_answered() {
    answers(
        "SendMessage",
        Output::SendMessage(sent()),
        r#"200 application/x-amz-json-1.0 | {"MessageId":"m-1","MD5OfMessageBody":"d41d"}"#,
    );
    let all = SentMessage {
        md5_of_message_attributes: Some("a".into()),
        md5_of_message_system_attributes: Some("s".into()),
        sequence_number: Some("18".into()),
        ..sent()
    };
    let failed = BatchFailure { id: "2".into(), error: SqsError::new(SqsErrorKind::InvalidMessageContents, "why") };
    answers(
        "SendMessageBatch",
        Output::SendMessageBatch(BatchResult { successful: vec![("1".into(), all)], failed: vec![failed] }),
        r#"200 application/x-amz-json-1.0 | {"Successful":[{"Id":"1","MessageId":"m-1","MD5OfMessageBody":"d41d","MD5OfMessageAttributes":"a","MD5OfMessageSystemAttributes":"s","SequenceNumber":"18"}],"Failed":[{"Id":"2","SenderFault":true,"Code":"InvalidMessageContents","Message":"why"}]}"#,
    );
    answers(
        "DeleteMessageBatch",
        Output::DeleteMessageBatch(BatchResult { successful: vec!["1".into(), "2".into()], failed: vec![] }),
        r#"200 application/x-amz-json-1.0 | {"Successful":[{"Id":"1"},{"Id":"2"}]}"#,
    );
    answers("DeleteMessage", Output::Done, "200 application/x-amz-json-1.0 | ");
}

#[test]
fn receives_are_answered() {
    let plain = ReceivedMessage {
        message_id: "m-1".into(),
        receipt_handle: "h".into(),
        md5_of_body: "d41d".into(),
        body: "a\n\"b\"".into(),
        attributes: vec![],
        md5_of_message_attributes: None,
        message_attributes: vec![],
    };
    let value = |text: Option<&str>, bytes: Option<&'static [u8]>, data_type: &str| MessageAttributeValue {
        data_type: Some(data_type.into()),
        string_value: text.map(str::to_owned),
        binary_value: bytes.map(|bytes| Blob(bytes.into())),
    };
    let full = ReceivedMessage {
        attributes: vec![("SenderId", "test".into()), ("ApproximateReceiveCount", "1".into())],
        md5_of_message_attributes: Some("a1".into()),
        message_attributes: vec![
            ("n".into(), value(Some("7"), None, "Number.int")),
            ("b".into(), value(None, Some(b"\xff"), "Binary")),
        ],
        ..plain.clone()
    };
    answers("ReceiveMessage", Output::ReceiveMessage { messages: vec![] }, "200 application/x-amz-json-1.0 | {}");
    answers(
        "ReceiveMessage",
        Output::ReceiveMessage { messages: vec![plain, full] },
        r#"200 application/x-amz-json-1.0 | {"Messages":[{"MessageId":"m-1","ReceiptHandle":"h","MD5OfBody":"d41d","Body":"a\n\"b\""},{"MessageId":"m-1","ReceiptHandle":"h","MD5OfBody":"d41d","Body":"a\n\"b\"","Attributes":{"SenderId":"test","ApproximateReceiveCount":"1"},"MD5OfMessageAttributes":"a1","MessageAttributes":{"n":{"StringValue":"7","DataType":"Number.int"},"b":{"BinaryValue":"/w==","DataType":"Binary"}}}]}"#,
    );
}

#[test]
fn queues_have_urls_on_the_callers_host() {
    let queue = || QueueName::parse("q.fifo").unwrap();
    let page = |queues, next_token: Option<&str>| QueuePage { queues, next_token: next_token.map(str::to_owned) };
    answers(
        "CreateQueue",
        Output::CreateQueue { queue: queue() },
        r#"200 application/x-amz-json-1.0 | {"QueueUrl":"http://localhost:4566/123456789012/q.fifo"}"#,
    );
    answers(
        "GetQueueUrl",
        Output::GetQueueUrl { queue: queue(), account: AccountId::DEFAULT },
        r#"200 application/x-amz-json-1.0 | {"QueueUrl":"http://localhost:4566/000000000000/q.fifo"}"#,
    );
    answers("ListQueues", Output::ListQueues(page(vec![], None)), "200 application/x-amz-json-1.0 | {}");
    answers(
        "ListQueues",
        Output::ListQueues(page(vec![queue()], Some("n"))),
        r#"200 application/x-amz-json-1.0 | {"QueueUrls":["http://localhost:4566/123456789012/q.fifo"],"NextToken":"n"}"#,
    );
    answers(
        "ListDeadLetterSourceQueues",
        Output::ListDeadLetterSourceQueues(page(vec![], None)),
        r#"200 application/x-amz-json-1.0 | {"queueUrls":[]}"#,
    );
}

#[test]
fn attributes_tags_and_move_tasks_are_answered() {
    answers(
        "GetQueueAttributes",
        Output::GetQueueAttributes { attributes: BTreeMap::from([("DelaySeconds", "0".into())]) },
        r#"200 application/x-amz-json-1.0 | {"Attributes":{"DelaySeconds":"0"}}"#,
    );
    answers(
        "GetQueueAttributes",
        Output::GetQueueAttributes { attributes: BTreeMap::new() },
        "200 application/x-amz-json-1.0 | {}",
    );
    answers(
        "ListQueueTags",
        Output::ListQueueTags { tags: BTreeMap::from([("k".into(), "v".into())]) },
        r#"200 application/x-amz-json-1.0 | {"Tags":{"k":"v"}}"#,
    );
    answers(
        "CancelMessageMoveTask",
        Output::CancelMessageMoveTask { approximate_number_of_messages_moved: 3 },
        r#"200 application/x-amz-json-1.0 | {"ApproximateNumberOfMessagesMoved":3}"#,
    );
    answers(
        "StartMessageMoveTask",
        Output::StartMessageMoveTask { task_handle: "t".into() },
        r#"200 application/x-amz-json-1.0 | {"TaskHandle":"t"}"#,
    );
    let task = MoveTaskEntry {
        task_handle: Some("t".into()),
        status: "RUNNING",
        source_arn: "a".into(),
        destination_arn: None,
        max_number_of_messages_per_second: Some(5),
        approximate_number_of_messages_moved: 1,
        approximate_number_of_messages_to_move: Some(2),
        failure_reason: None,
        started_timestamp_ms: 1_700_000_000_000,
    };
    answers(
        "ListMessageMoveTasks",
        Output::ListMessageMoveTasks { results: vec![task] },
        r#"200 application/x-amz-json-1.0 | {"Results":[{"TaskHandle":"t","Status":"RUNNING","SourceArn":"a","MaxNumberOfMessagesPerSecond":5,"ApproximateNumberOfMessagesMoved":1,"ApproximateNumberOfMessagesToMove":2,"StartedTimestamp":1700000000000}]}"#,
    );
}

#[test]
fn errors_carry_both_codes() {
    refused(
        SqsErrorKind::QueueDoesNotExist,
        r#"400 application/x-amz-json-1.0 x-amzn-errortype=QueueDoesNotExist x-amzn-query-error=AWS.SimpleQueueService.NonExistentQueue;Sender | {"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"why"}"#,
    );
    refused(
        SqsErrorKind::QueueNameExists,
        r#"400 application/x-amz-json-1.0 x-amzn-errortype=QueueNameExists x-amzn-query-error=QueueAlreadyExists;Sender | {"__type":"com.amazonaws.sqs#QueueNameExists","message":"why"}"#,
    );
    refused(
        SqsErrorKind::MissingParameter,
        r#"400 application/x-amz-json-1.0 x-amzn-errortype=MissingRequiredParameterException x-amzn-query-error=MissingParameter;Sender | {"__type":"com.amazon.coral.service#MissingRequiredParameterException","message":"why"}"#,
    );
    refused(
        SqsErrorKind::OverLimit,
        r#"400 application/x-amz-json-1.0 x-amzn-errortype=OverLimit x-amzn-query-error=OverLimit;Sender | {"__type":"com.amazonaws.sqs#OverLimit","message":"why"}"#,
    );
}

#[test]
fn a_store_that_fails_is_a_5xx() {
    let call = call_of("POST /\nx-amz-target: AmazonSQS.SendMessage\n\n{}");
    check_response(
        &call,
        Err(Error::Storage("the disk is full".into())),
        r#"500 application/x-amz-json-1.0 x-amzn-errortype=InternalFailure x-amzn-query-error=InternalFailure;Receiver | {"__type":"com.amazon.coral.service#InternalFailure","message":"the disk is full"}"#,
    );
}

/// `sqs_operations.txt` is the service model's list; whoever takes an arm away, or misspells one, fails here.
#[test]
fn every_operation_of_the_service_model_is_served() {
    let names: Vec<&str> = include_str!("../sqs_operations.txt").lines().collect();
    for name in &names {
        // Whatever it misses is said by the engine, as AWS says it, or by the reader; it is never unknown.
        assert!(super::command(name, b"{}").is_some(), "{name} is not served");
    }
    assert_eq!(names.len(), 23);
    assert!(super::command("DescribeQueue", b"{}").is_none());
}
