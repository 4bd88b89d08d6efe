"""SQS through boto3, as any program uses it: endpoint, region and credentials come from the environment alone.

Speaks whatever protocol the installed botocore speaks, AWS JSON or AWS Query. Prints `ok NAME` for each check and stops
at the first that fails.
"""

import hashlib
import json
import struct
import threading

import boto3

sqs = boto3.client("sqs")
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def queue(name, **attributes):
    """Creates a queue; `Name=value` arguments are its attributes."""
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def arn_of(url):
    return attributes_of(url, "QueueArn")["QueueArn"]


def attributes_of(url, *names):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(names) or ["All"])["Attributes"]


def receive(url, **more):
    """What one receive gives; it waits, so that a message that is there is not missed."""
    more = {"WaitTimeSeconds": 2, "MaxNumberOfMessages": 10, **more}
    return sqs.receive_message(QueueUrl=url, **more).get("Messages", [])


def bodies(messages):
    return [message["Body"] for message in messages]


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(error_class, code, call, **arguments):
    """Calls and expects a refusal of that class and code; returns its message."""
    try:
        call(**arguments)
    except error_class as error:
        same(error.response["Error"]["Code"], code)
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} {arguments} was not refused with {code}")


def md5_of_attributes(attributes):
    """AWS's own layout (SQS developer guide, "Calculating the MD5 message digest for message attributes")."""

    def sized(data):
        return struct.pack("!I", len(data)) + data

    encoded = b""
    for name in sorted(attributes):
        value = attributes[name]
        encoded += sized(name.encode()) + sized(value["DataType"].encode())
        if "StringValue" in value:
            encoded += b"\x01" + sized(value["StringValue"].encode())
        else:
            encoded += b"\x02" + sized(value["BinaryValue"])
    return hashlib.md5(encoded).hexdigest()


@check
def queues():
    url = sqs.create_queue(QueueName="jobs", Attributes={"DelaySeconds": "0"}, tags={"team": "a"})["QueueUrl"]
    same(url.rsplit("/", 2)[1:], ["000000000000", "jobs"])
    same(sqs.get_queue_url(QueueName="jobs")["QueueUrl"], url)
    same(sqs.get_queue_url(QueueName="jobs", QueueOwnerAWSAccountId="000000000000")["QueueUrl"], url)
    same(queue("jobs", DelaySeconds="0"), url)
    same(sqs.list_queues(QueueNamePrefix="jo")["QueueUrls"], [url])
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="none")
    refused(sqs.exceptions.QueueNameExists, "QueueAlreadyExists", queue, name="jobs", DelaySeconds="7")
    other = queue("short-lived")
    sqs.delete_queue(QueueUrl=other)
    missing = sqs.exceptions.QueueDoesNotExist
    refused(missing, "AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="short-lived")
    refused(
        sqs.exceptions.QueueDeletedRecently, "AWS.SimpleQueueService.QueueDeletedRecently", queue, name="short-lived"
    )


@check
def attributes():
    url = queue("attributes", VisibilityTimeout="45", MaximumMessageSize="2048")
    found = attributes_of(url)
    same((found["VisibilityTimeout"], found["MaximumMessageSize"], found["DelaySeconds"]), ("45", "2048", "0"))
    same(found["QueueArn"].split(":")[3:], [sqs.meta.region_name, "000000000000", "attributes"])
    same((found["ApproximateNumberOfMessages"], found["SqsManagedSseEnabled"]), ("0", "true"))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "46", "MessageRetentionPeriod": "60"})
    found = attributes_of(url, "VisibilityTimeout", "MessageRetentionPeriod")
    same(found, {"VisibilityTimeout": "46", "MessageRetentionPeriod": "60"})
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn_of(url)}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    same(json.loads(attributes_of(url, "Policy")["Policy"])["Statement"][0]["Action"], "sqs:SendMessage")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in attributes_of(url)


@check
def tags():
    url = queue("tags")
    sqs.tag_queue(QueueUrl=url, Tags={"team": "a", "cost centre": "7"})
    same(sqs.list_queue_tags(QueueUrl=url)["Tags"], {"team": "a", "cost centre": "7"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["team", "never there"])
    same(sqs.list_queue_tags(QueueUrl=url)["Tags"], {"cost centre": "7"})


@check
def messages():
    url = queue("messages")
    body = 'Grüße, 世界 \U0001f600 <&> "quoted"\ttab\r\nlines'
    sent_attributes = {
        "kind": {"DataType": "String", "StringValue": "order"},
        "amount": {"DataType": "Number.int", "StringValue": "12"},
        "raw": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=sent_attributes)
    same(sent["MD5OfMessageBody"], hashlib.md5(body.encode()).hexdigest())
    same(sent["MD5OfMessageAttributes"], md5_of_attributes(sent_attributes))
    [message] = receive(url, MessageAttributeNames=["All"], AttributeNames=["All"])
    same((message["MessageId"], message["Body"]), (sent["MessageId"], body))
    same((message["MD5OfBody"], message["MD5OfMessageAttributes"]), (sent["MD5OfMessageBody"], sent["MD5OfMessageAttributes"]))
    same(message["MessageAttributes"], sent_attributes)
    same(message["Attributes"]["ApproximateReceiveCount"], "1")
    assert int(message["Attributes"]["SentTimestamp"]) <= int(message["Attributes"]["ApproximateFirstReceiveTimestamp"])
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    [some] = receive(url, MessageAttributeNames=["a.*", "amount"])
    same(list(some["MessageAttributes"]), ["amount"])
    same(some["MD5OfMessageAttributes"], md5_of_attributes({"amount": sent_attributes["amount"]}))
    assert "Attributes" not in some
    sqs.delete_message(QueueUrl=url, ReceiptHandle=some["ReceiptHandle"])
    same(attributes_of(url, "ApproximateNumberOfMessages")["ApproximateNumberOfMessages"], "0")


@check
def batches():
    url = queue("batches")
    entries = [{"Id": "good", "MessageBody": "fine"}, {"Id": "bad", "MessageBody": "delayed", "DelaySeconds": 901}]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    same([entry["Id"] for entry in sent["Successful"]], ["good"])
    [failed] = sent["Failed"]
    same((failed["Id"], failed["SenderFault"], failed["Code"]), ("bad", True, "InvalidParameterValue"))
    same(sent["Successful"][0]["MD5OfMessageBody"], hashlib.md5(b"fine").hexdigest())
    assert "Failed" not in sqs.send_message_batch(QueueUrl=url, Entries=entries[:1])
    found = receive(url) + receive(url, WaitTimeSeconds=0)
    same(bodies(found), ["fine", "fine"])
    handles = [{"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(found)]
    changed = [{**entry, "VisibilityTimeout": 60} for entry in handles] + [
        {"Id": "bad", "ReceiptHandle": "no handle", "VisibilityTimeout": 60}
    ]
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=changed)
    same(([entry["Id"] for entry in changed["Successful"]], changed["Failed"][0]["Code"]), (["0", "1"], "ReceiptHandleIsInvalid"))
    handles.append({"Id": "bad", "ReceiptHandle": "no handle"})
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=handles)
    same(([entry["Id"] for entry in deleted["Successful"]], deleted["Failed"][0]["Code"]), (["0", "1"], "ReceiptHandleIsInvalid"))


@check
def long_poll():
    url = queue("long-poll", ReceiveMessageWaitTimeSeconds="20")
    send = threading.Timer(0.3, lambda: sqs.send_message(QueueUrl=url, MessageBody="awaited"))
    send.start()
    same(bodies(sqs.receive_message(QueueUrl=url)["Messages"]), ["awaited"])
    send.join()


@check
def visibility():
    url = queue("visibility", VisibilityTimeout="600")
    sqs.send_message(QueueUrl=url, MessageBody="again")
    [first] = receive(url)
    same(receive(url, WaitTimeSeconds=0), [])
    same(attributes_of(url, "All")["ApproximateNumberOfMessagesNotVisible"], "1")
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    [second] = receive(url, AttributeNames=["ApproximateReceiveCount"])
    same(second["Attributes"], {"ApproximateReceiveCount": "2"})
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=1)
    same(bodies(receive(url, WaitTimeSeconds=20)), ["again"])
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    same(attributes_of(url, "All")["ApproximateNumberOfMessagesDelayed"], "1")
    same(bodies(receive(url, WaitTimeSeconds=20)), ["later"])


@check
def fifo():
    url = queue("ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    numbers = []
    for body in ["1", "2", "3"]:
        numbers.append(int(sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="a")["SequenceNumber"]))
    assert numbers == sorted(set(numbers)), numbers
    twice = sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="a")
    same(int(twice["SequenceNumber"]), numbers[0])
    sqs.send_message(QueueUrl=url, MessageBody="other", MessageGroupId="b", MessageDeduplicationId="x")
    [first] = receive(url, MaxNumberOfMessages=1, AttributeNames=["All"])
    same((first["Body"], first["Attributes"]["MessageGroupId"]), ("1", "a"))
    same(first["Attributes"]["SequenceNumber"], str(twice["SequenceNumber"]))
    [other] = receive(url)
    same(other["Body"], "other")
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    same(bodies(receive(url)), ["2", "3"])
    refused(sqs.exceptions.ClientError, "MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="no group")


@check
def dead_letters():
    dead = queue("dead")
    policy = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 1})
    url = queue("source", RedrivePolicy=policy, VisibilityTimeout="0")
    same(sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"], [url])
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison")
    same(bodies(receive(url)), ["poison"])
    same(receive(url, WaitTimeSeconds=0), [])
    [message] = receive(dead, AttributeNames=["All"])
    same((message["MessageId"], message["Body"]), (sent["MessageId"], "poison"))
    same(message["Attributes"]["DeadLetterQueueSourceArn"], arn_of(url))
    sqs.change_message_visibility(QueueUrl=dead, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    allow = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn_of(url)]})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": allow})
    refused(sqs.exceptions.ClientError, "InvalidParameterValue", queue, name="not-allowed", RedrivePolicy=policy)


@check
def move_tasks():
    # Goes on with what `dead_letters` left.
    dead, source = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("dead", "source"))
    handle = sqs.start_message_move_task(SourceArn=arn_of(dead))["TaskHandle"]
    same(bodies(receive(source, WaitTimeSeconds=20)), ["poison"])
    while (task := sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"][0])["Status"] == "RUNNING":
        pass
    same((task["Status"], task["ApproximateNumberOfMessagesMoved"]), ("COMPLETED", 1))
    refused(
        sqs.exceptions.UnsupportedOperation,
        "AWS.SimpleQueueService.UnsupportedOperation",
        sqs.cancel_message_move_task,
        TaskHandle=handle,
    )
    refused(
        sqs.exceptions.ResourceNotFoundException,
        "ResourceNotFoundException",
        sqs.list_message_move_tasks,
        SourceArn=arn_of(dead) + "-not",
    )


@check
def errors():
    url = queue("errors")
    missing = url + "-not"
    for call, more in [
        (sqs.send_message, {"MessageBody": "x"}),
        (sqs.receive_message, {}),
        (sqs.purge_queue, {}),
        (sqs.get_queue_attributes, {"AttributeNames": ["All"]}),
    ]:
        code = "AWS.SimpleQueueService.NonExistentQueue"
        refused(sqs.exceptions.QueueDoesNotExist, code, call, QueueUrl=missing, **more)
    service = "AWS.SimpleQueueService."
    entry = {"Id": "a", "MessageBody": "x"}
    exceptions = sqs.exceptions
    for error_class, code, call, more in [
        (exceptions.EmptyBatchRequest, service + "EmptyBatchRequest", sqs.send_message_batch, {"Entries": []}),
        (
            exceptions.BatchEntryIdsNotDistinct,
            service + "BatchEntryIdsNotDistinct",
            sqs.send_message_batch,
            {"Entries": [entry, entry]},
        ),
        (
            exceptions.TooManyEntriesInBatchRequest,
            service + "TooManyEntriesInBatchRequest",
            sqs.send_message_batch,
            {"Entries": [{**entry, "Id": str(number)} for number in range(11)]},
        ),
        (
            exceptions.InvalidBatchEntryId,
            service + "InvalidBatchEntryId",
            sqs.send_message_batch,
            {"Entries": [{**entry, "Id": "not an id"}]},
        ),
        (
            exceptions.BatchRequestTooLong,
            service + "BatchRequestTooLong",
            sqs.send_message_batch,
            {"Entries": [{"Id": str(number), "MessageBody": "x" * 600_000} for number in range(2)]},
        ),
        (exceptions.ReceiptHandleIsInvalid, "ReceiptHandleIsInvalid", sqs.delete_message, {"ReceiptHandle": "x"}),
        (exceptions.InvalidMessageContents, "InvalidMessageContents", sqs.send_message, {"MessageBody": "\x01"}),
        (
            exceptions.InvalidAttributeName,
            "InvalidAttributeName",
            sqs.set_queue_attributes,
            {"Attributes": {"Colour": "red"}},
        ),
        (
            exceptions.ClientError,
            "InvalidAttributeValue",
            sqs.set_queue_attributes,
            {"Attributes": {"VisibilityTimeout": "-1"}},
        ),
        (exceptions.ClientError, "InvalidParameterValue", sqs.receive_message, {"MaxNumberOfMessages": 11}),
    ]:
        refused(error_class, code, call, QueueUrl=url, **more)


@check
def purge():
    url = queue("purge")
    sqs.send_message(QueueUrl=url, MessageBody="gone")
    sqs.purge_queue(QueueUrl=url)
    same(receive(url, WaitTimeSeconds=0), [])
    refused(
        sqs.exceptions.PurgeQueueInProgress,
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        sqs.purge_queue,
        QueueUrl=url,
    )


@check
def paging():
    urls = [queue(f"page-{number}") for number in range(5)]
    pages = list(sqs.get_paginator("list_queues").paginate(QueueNamePrefix="page-", PaginationConfig={"PageSize": 2}))
    same([len(page["QueueUrls"]) for page in pages], [2, 2, 1])
    same(sorted(url for page in pages for url in page["QueueUrls"]), urls)


@check
def permissions():
    url = queue("permissions")
    sqs.add_permission(QueueUrl=url, Label="friends", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    [statement] = json.loads(attributes_of(url, "Policy")["Policy"])["Statement"]
    same((statement["Sid"], statement["Effect"]), ("friends", "Allow"))
    sqs.remove_permission(QueueUrl=url, Label="friends")
    assert "Policy" not in attributes_of(url)


@check
def worlds():
    url = queue("here")
    sqs.send_message(QueueUrl=url, MessageBody="mine")
    there = boto3.client("sqs", region_name="eu-west-1")
    other = boto3.client("sqs", aws_access_key_id="111122223333", aws_secret_access_key="x")
    for client in (there, other):
        code = "AWS.SimpleQueueService.NonExistentQueue"
        refused(client.exceptions.QueueDoesNotExist, code, client.get_queue_url, QueueName="here")
    theirs = other.create_queue(QueueName="here")["QueueUrl"]
    same(theirs.rsplit("/", 2)[1:], ["111122223333", "here"])
    other.send_message(QueueUrl=theirs, MessageBody="theirs")
    same(bodies(other.receive_message(QueueUrl=theirs, WaitTimeSeconds=2)["Messages"]), ["theirs"])
    same(bodies(receive(url)), ["mine"])


for one in CHECKS:
    one()
    print("ok", one.__name__.replace("_", "-"), flush=True)
