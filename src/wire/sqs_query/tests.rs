//! Tables of SQS in AWS Query: forms and the commands they become, replies and the XML they become.

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

const HEAD: &str = "POST /\nhost: localhost:4566\ncontent-type: application/x-www-form-urlencoded\n\
    authorization: AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/sqs/aws4_request\n\n";

fn check(form: &str, expected: &str) {
    check_parse(&format!("{HEAD}Version=2012-11-05&{form}"), &format!("123456789012 eu-west-1 Sqs({expected})"));
}

fn check_refused(form: &str, code: &str, message: &str) {
    check_parse(&format!("{HEAD}{form}"), &format!("400 text/xml | {}", error("Sender", code, message)));
}

fn error(fault: &str, code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>{fault}</Type>\
         <Code>{code}</Code><Message>{message}</Message><Detail/></Error><RequestId>REQUEST-ID</RequestId></ErrorResponse>"
    )
}

/// The document of a success of the operation, around the given result.
fn answers(operation: &str, output: Output, result: &str) {
    let call = call_of(&format!("{HEAD}Action={operation}"));
    let expected = format!(
        "200 text/xml | <?xml version=\"1.0\"?><{operation}Response xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">{result}\
         <ResponseMetadata><RequestId>REQUEST-ID</RequestId></ResponseMetadata></{operation}Response>"
    );
    check_response(&call, Ok(Response::Sqs(output)), &expected);
}

#[test]
fn messages_are_sent_received_and_deleted() {
    check(
        "Action=SendMessage&QueueUrl=http%3A%2F%2Flocalhost%3A4566%2F123456789012%2Fq&MessageBody=a+b%26%C3%A9&DelaySeconds=5\
         &MessageAttribute.1.Name=n&MessageAttribute.1.Value.DataType=Number&MessageAttribute.1.Value.StringValue=7\
         &MessageAttribute.2.Name=b&MessageAttribute.2.Value.DataType=Binary&MessageAttribute.2.Value.BinaryValue=%2Fw%3D%3D\
         &MessageSystemAttribute.1.Name=AWSTraceHeader&MessageSystemAttribute.1.Value.DataType=String\
         &MessageSystemAttribute.1.Value.StringValue=t&MessageGroupId=g&MessageDeduplicationId=d",
        r#"SendMessage(SendMessage { queue_url: "http://localhost:4566/123456789012/q", message_body: Some("a b&é"), delay_seconds: Some(5), message_attributes: {"b": MessageAttributeValue { data_type: Some("Binary"), binary_value: Some(Blob(b"\xff")) }, "n": MessageAttributeValue { data_type: Some("Number"), string_value: Some("7") }}, message_system_attributes: {"AWSTraceHeader": MessageAttributeValue { data_type: Some("String"), string_value: Some("t") }}, message_deduplication_id: Some("d"), message_group_id: Some("g") })"#,
    );
    check(
        "Action=ReceiveMessage&QueueUrl=u&MaxNumberOfMessages=10&WaitTimeSeconds=20&VisibilityTimeout=0\
         &AttributeName.2=SenderId&AttributeName.1=All&MessageAttributeName.1=a.*&MessageSystemAttributeName.1=SentTimestamp",
        r#"ReceiveMessage(ReceiveMessage { queue_url: "u", attribute_names: ["All", "SenderId"], message_system_attribute_names: ["SentTimestamp"], message_attribute_names: ["a.*"], max_number_of_messages: Some(10), visibility_timeout: Some(0), wait_time_seconds: Some(20) })"#,
    );
    check(
        "Action=DeleteMessage&QueueUrl=u&ReceiptHandle=h",
        r#"DeleteMessage(DeleteMessage { queue_url: "u", receipt_handle: Some("h") })"#,
    );
}

#[test]
fn batches_are_read_in_the_order_of_their_numbers() {
    check(
        "Action=SendMessageBatch&QueueUrl=u&SendMessageBatchRequestEntry.2.Id=two&SendMessageBatchRequestEntry.2.MessageBody=b2\
         &SendMessageBatchRequestEntry.10.Id=ten&SendMessageBatchRequestEntry.10.MessageBody=b10\
         &SendMessageBatchRequestEntry.1.Id=one&SendMessageBatchRequestEntry.1.MessageBody=b1\
         &SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n\
         &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.DataType=String\
         &SendMessageBatchRequestEntry.1.MessageAttribute.1.Value.StringValue=v&SendMessageBatchRequestEntry.2.DelaySeconds=3",
        r#"SendMessageBatch(SendMessageBatch { queue_url: "u", entries: [SendMessageEntry { id: "one", message_body: Some("b1"), message_attributes: {"n": MessageAttributeValue { data_type: Some("String"), string_value: Some("v") }} }, SendMessageEntry { id: "two", message_body: Some("b2"), delay_seconds: Some(3) }, SendMessageEntry { id: "ten", message_body: Some("b10") }] })"#,
    );
    check(
        "Action=DeleteMessageBatch&QueueUrl=u&DeleteMessageBatchRequestEntry.1.Id=1&DeleteMessageBatchRequestEntry.1.ReceiptHandle=h",
        r#"DeleteMessageBatch(DeleteMessageBatch { queue_url: "u", entries: [DeleteMessageEntry { id: "1", receipt_handle: Some("h") }] })"#,
    );
    check(
        "Action=ChangeMessageVisibilityBatch&QueueUrl=u&ChangeMessageVisibilityBatchRequestEntry.1.Id=1\
         &ChangeMessageVisibilityBatchRequestEntry.1.ReceiptHandle=h&ChangeMessageVisibilityBatchRequestEntry.1.VisibilityTimeout=9",
        r#"ChangeMessageVisibilityBatch(ChangeMessageVisibilityBatch { queue_url: "u", entries: [ChangeMessageVisibilityEntry { id: "1", receipt_handle: Some("h"), visibility_timeout: Some(9) }] })"#,
    );
}

#[test]
fn every_other_operation_is_read() {
    check(
        "Action=AddPermission&QueueUrl=u&Label=l&AWSAccountId.1=1&ActionName.1=SendMessage",
        r#"AddPermission(AddPermission { queue_url: "u", label: Some("l"), aws_account_ids: ["1"], actions: ["SendMessage"] })"#,
    );
    check(
        "Action=CancelMessageMoveTask&TaskHandle=t",
        r#"CancelMessageMoveTask(CancelMessageMoveTask { task_handle: Some("t") })"#,
    );
    check(
        "Action=ChangeMessageVisibility&QueueUrl=u&ReceiptHandle=h&VisibilityTimeout=0",
        r#"ChangeMessageVisibility(ChangeMessageVisibility { queue_url: "u", receipt_handle: Some("h"), visibility_timeout: Some(0) })"#,
    );
    check(
        "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=1&Tag.1.Key=k&Tag.1.Value=v",
        r#"CreateQueue(CreateQueue { queue_name: Some("q"), attributes: {"DelaySeconds": "1"}, tags: {"k": "v"} })"#,
    );
    check("Action=DeleteQueue&QueueUrl=u", r#"DeleteQueue(QueueOnly { queue_url: "u" })"#);
    check(
        "Action=GetQueueAttributes&QueueUrl=u&AttributeName.1=All",
        r#"GetQueueAttributes(GetQueueAttributes { queue_url: "u", attribute_names: ["All"] })"#,
    );
    check("Action=GetQueueUrl&QueueName=q", r#"GetQueueUrl(GetQueueUrl { queue_name: Some("q") })"#);
    check(
        "Action=ListDeadLetterSourceQueues&QueueUrl=u&MaxResults=3",
        r#"ListDeadLetterSourceQueues(ListDeadLetterSourceQueues { queue_url: "u", max_results: Some(3) })"#,
    );
    check(
        "Action=ListMessageMoveTasks&SourceArn=a",
        r#"ListMessageMoveTasks(ListMessageMoveTasks { source_arn: Some("a") })"#,
    );
    check("Action=ListQueueTags&QueueUrl=u", r#"ListQueueTags(QueueOnly { queue_url: "u" })"#);
    check("Action=ListQueues&QueueNamePrefix=p", r#"ListQueues(ListQueues { queue_name_prefix: Some("p") })"#);
    check("Action=PurgeQueue&QueueUrl=u", r#"PurgeQueue(QueueOnly { queue_url: "u" })"#);
    check(
        "Action=RemovePermission&QueueUrl=u&Label=l",
        r#"RemovePermission(RemovePermission { queue_url: "u", label: Some("l") })"#,
    );
    check(
        "Action=SetQueueAttributes&QueueUrl=u&Attribute.Name=DelaySeconds&Attribute.Value=1",
        r#"SetQueueAttributes(SetQueueAttributes { queue_url: "u", attributes: {"DelaySeconds": "1"} })"#,
    );
    check(
        "Action=StartMessageMoveTask&SourceArn=a&MaxNumberOfMessagesPerSecond=2",
        r#"StartMessageMoveTask(StartMessageMoveTask { source_arn: Some("a"), max_number_of_messages_per_second: Some(2) })"#,
    );
    check(
        "Action=TagQueue&QueueUrl=u&Tag.1.Key=k&Tag.1.Value=v&Tag.2.Key=l",
        r#"TagQueue(TagQueue { queue_url: "u", tags: {"k": "v", "l": ""} })"#,
    );
    check(
        "Action=UntagQueue&QueueUrl=u&TagKey.1=k&TagKey.2=l",
        r#"UntagQueue(UntagQueue { queue_url: "u", tag_keys: ["k", "l"] })"#,
    );
}

#[test]
fn the_path_may_be_the_queue_and_the_query_the_form() {
    check_parse(
        "GET /123456789012/q?Action=SendMessage&MessageBody=b\n\n",
        r#"123456789012 us-east-1 Sqs(SendMessage(SendMessage { queue_url: "/123456789012/q", message_body: Some("b") }))"#,
    );
    check_parse(
        "POST /queue/eu-west-2/123456789012/q\ncontent-type: application/x-www-form-urlencoded; charset=utf-8\n\nAction=PurgeQueue",
        r#"123456789012 eu-west-2 Sqs(PurgeQueue(QueueOnly { queue_url: "/queue/eu-west-2/123456789012/q" }))"#,
    );
}

#[test]
fn what_cannot_be_read_is_refused() {
    check_refused("Action=SendMessages", "InvalidAction", "`SendMessages` is no operation of SQS");
    check_refused("Version=2012-11-05", "MissingAction", "the request has no `Action`, which names the operation");
    check_refused(
        "Action=SendMessage&DelaySeconds=soon",
        "InvalidParameterValue",
        "Value soon for parameter DelaySeconds is invalid. Reason: Must be an integer.",
    );
    check_refused(
        "Action=SendMessage&MessageAttribute.1.Name=b&MessageAttribute.1.Value.BinaryValue=%25",
        "InvalidParameterValue",
        "The message attribute 'b' has a BinaryValue that is not Base64: Invalid symbol 37, offset 0.",
    );
    check_parse(
        "POST /\ncontent-type: application/x-www-form-urlencoded\n\
         authorization: AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/sns/aws4_request\n\nAction=Publish",
        &format!(
            "400 text/xml | {}",
            error(
                "Sender",
                "InvalidAction",
                "`Publish` of `sns` is not served by this engine; point its client elsewhere"
            )
        ),
    );
}

#[test]
fn messages_are_answered() {
    let sent = SentMessage {
        message_id: "m-1".into(),
        md5_of_message_body: "d41d".into(),
        md5_of_message_attributes: Some("a1".into()),
        md5_of_message_system_attributes: None,
        sequence_number: Some("18".into()),
    };
    let fields = "<MessageId>m-1</MessageId><MD5OfMessageBody>d41d</MD5OfMessageBody>\
        <MD5OfMessageAttributes>a1</MD5OfMessageAttributes><SequenceNumber>18</SequenceNumber>";
    answers(
        "SendMessage",
        Output::SendMessage(sent.clone()),
        &format!("<SendMessageResult>{fields}</SendMessageResult>"),
    );
    let failed = BatchFailure { id: "2".into(), error: SqsError::new(SqsErrorKind::ReceiptHandleIsInvalid, "why") };
    answers(
        "SendMessageBatch",
        Output::SendMessageBatch(BatchResult { successful: vec![("1".into(), sent)], failed: vec![failed.clone()] }),
        &format!(
            "<SendMessageBatchResult><SendMessageBatchResultEntry><Id>1</Id>{fields}</SendMessageBatchResultEntry>\
             <BatchResultErrorEntry><Id>2</Id><SenderFault>true</SenderFault><Code>ReceiptHandleIsInvalid</Code>\
             <Message>why</Message></BatchResultErrorEntry></SendMessageBatchResult>"
        ),
    );
    answers(
        "DeleteMessageBatch",
        Output::DeleteMessageBatch(BatchResult { successful: vec!["1".into()], failed: vec![] }),
        "<DeleteMessageBatchResult><DeleteMessageBatchResultEntry><Id>1</Id></DeleteMessageBatchResultEntry></DeleteMessageBatchResult>",
    );
    let message = ReceivedMessage {
        message_id: "m-1".into(),
        receipt_handle: "h".into(),
        md5_of_body: "d41d".into(),
        body: "<a>\r\n".into(),
        attributes: vec![("SenderId", "test".into())],
        md5_of_message_attributes: Some("a1".into()),
        message_attributes: vec![(
            "b".into(),
            MessageAttributeValue {
                data_type: Some("Binary".into()),
                string_value: None,
                binary_value: Some(Blob(b"\xff"[..].into())),
            },
        )],
    };
    answers(
        "ReceiveMessage",
        Output::ReceiveMessage { messages: vec![message] },
        "<ReceiveMessageResult><Message><MessageId>m-1</MessageId><ReceiptHandle>h</ReceiptHandle><MD5OfBody>d41d</MD5OfBody>\
         <Body>&lt;a&gt;&#xD;\n</Body><Attribute><Name>SenderId</Name><Value>test</Value></Attribute>\
         <MD5OfMessageAttributes>a1</MD5OfMessageAttributes><MessageAttribute><Name>b</Name><Value>\
         <BinaryValue>/w==</BinaryValue><DataType>Binary</DataType></Value></MessageAttribute></Message></ReceiveMessageResult>",
    );
    answers(
        "ReceiveMessage",
        Output::ReceiveMessage { messages: vec![] },
        "<ReceiveMessageResult></ReceiveMessageResult>",
    );
    answers("DeleteMessage", Output::Done, "");
}

#[test]
fn queues_are_answered() {
    let queue = || QueueName::parse("q").unwrap();
    let url = "<QueueUrl>http://localhost:4566/123456789012/q</QueueUrl>";
    answers(
        "CreateQueue",
        Output::CreateQueue { queue: queue() },
        &format!("<CreateQueueResult>{url}</CreateQueueResult>"),
    );
    answers(
        "GetQueueUrl",
        Output::GetQueueUrl { queue: queue(), account: AccountId::DEFAULT },
        "<GetQueueUrlResult><QueueUrl>http://localhost:4566/000000000000/q</QueueUrl></GetQueueUrlResult>",
    );
    answers(
        "ListQueues",
        Output::ListQueues(QueuePage { queues: vec![queue(), queue()], next_token: Some("n".into()) }),
        &format!("<ListQueuesResult>{url}{url}<NextToken>n</NextToken></ListQueuesResult>"),
    );
    answers(
        "GetQueueAttributes",
        Output::GetQueueAttributes { attributes: BTreeMap::from([("DelaySeconds", "0".into())]) },
        "<GetQueueAttributesResult><Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute></GetQueueAttributesResult>",
    );
    answers(
        "ListQueueTags",
        Output::ListQueueTags { tags: BTreeMap::from([("k".into(), "v".into())]) },
        "<ListQueueTagsResult><Tag><Key>k</Key><Value>v</Value></Tag></ListQueueTagsResult>",
    );
    let task = MoveTaskEntry {
        task_handle: None,
        status: "FAILED",
        source_arn: "a".into(),
        destination_arn: Some("b".into()),
        max_number_of_messages_per_second: None,
        approximate_number_of_messages_moved: 1,
        approximate_number_of_messages_to_move: None,
        failure_reason: Some("gone".into()),
        started_timestamp_ms: 5,
    };
    answers(
        "ListMessageMoveTasks",
        Output::ListMessageMoveTasks { results: vec![task] },
        "<ListMessageMoveTasksResult><ListMessageMoveTasksResultEntry><Status>FAILED</Status><SourceArn>a</SourceArn>\
         <DestinationArn>b</DestinationArn><ApproximateNumberOfMessagesMoved>1</ApproximateNumberOfMessagesMoved>\
         <FailureReason>gone</FailureReason><StartedTimestamp>5</StartedTimestamp></ListMessageMoveTasksResultEntry></ListMessageMoveTasksResult>",
    );
}

#[test]
fn errors_have_statuses_of_their_own() {
    let call = call_of(&format!("{HEAD}Action=ListQueues"));
    let check = |refusal: Error, expected: String| check_response(&call, Err(refusal), &expected);
    let sqs = |kind| Error::Sqs(SqsError::new(kind, "why"));
    check(
        sqs(SqsErrorKind::QueueDoesNotExist),
        format!("400 text/xml | {}", error("Sender", "AWS.SimpleQueueService.NonExistentQueue", "why")),
    );
    check(
        sqs(SqsErrorKind::ReceiptHandleIsInvalid),
        format!("404 text/xml | {}", error("Sender", "ReceiptHandleIsInvalid", "why")),
    );
    check(sqs(SqsErrorKind::OverLimit), format!("403 text/xml | {}", error("Sender", "OverLimit", "why")));
    check(
        Error::Storage("the disk is full".into()),
        format!("500 text/xml | {}", error("Receiver", "InternalFailure", "the disk is full")),
    );
}

#[test]
fn every_operation_of_the_service_model_is_served() {
    let mut served: Vec<&str> = super::input::operations().collect();
    served.sort_unstable();
    assert_eq!(served, include_str!("../sqs_operations.txt").lines().collect::<Vec<_>>());
}
