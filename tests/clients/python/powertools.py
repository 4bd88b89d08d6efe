"""Powertools' batch processing on SQS mappings with partial batch responses: powertools.py RUNTIME FILE VARIABLE PACKAGES,
the function's code, and the variable by which its runtime finds the packages.

Endpoint, region and credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first
that fails.
"""

import io
import json
import os
import sys
import zipfile

import boto3

RUNTIME, FILE, VARIABLE, PACKAGES = sys.argv[1:]
NAME = "consumer"
GROUP = f"/aws/lambda/{NAME}"
VISIBILITY_S = "5"

functions, sqs, logs = (boto3.client(service) for service in ("lambda", "sqs", "logs"))


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def create_function():
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as package:
        package.write(FILE, os.path.basename(FILE))
    functions.create_function(
        FunctionName=NAME,
        Runtime=RUNTIME,
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {VARIABLE: PACKAGES, "POWERTOOLS_SERVICE_NAME": NAME}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=NAME)
    # Not what it takes, but it is warm: its packages may take longer to load than messages stay invisible.
    functions.invoke(FunctionName=NAME, Payload=b'{"Records": []}')


def arn_of(url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def create_queues(name, suffix="", **attributes):
    dead = sqs.create_queue(QueueName=f"{name}-dead{suffix}", Attributes=attributes)["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arn_of(dead), "maxReceiveCount": 2})
    attributes = {**attributes, "RedrivePolicy": redrive, "VisibilityTimeout": VISIBILITY_S}
    return sqs.create_queue(QueueName=f"{name}{suffix}", Attributes=attributes)["QueueUrl"], dead


def consume(url):
    functions.create_event_source_mapping(
        FunctionName=NAME,
        EventSourceArn=arn_of(url),
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


def handled(prefix):
    """The bodies that the handler told of, in the order in which it did."""
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, filterPattern=f'"handled {prefix}"')
    lines = [event["message"] for page in pages for event in page["events"]]
    return [line.split("handled ", 1)[1].strip() for line in lines]


def buried(url):
    """Waits for the one message of a dead-letter queue."""
    while True:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return message["Body"]


def wait_until_empty(url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while any(int(n) for n in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()):
        pass


def standard():
    url, dead = create_queues("jobs")
    bodies = [f"job-{number}" for number in range(9)]
    entries = [{"Id": str(place), "MessageBody": body} for place, body in enumerate([*bodies, "poison"])]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    consume(url)
    same(buried(dead), "poison")
    wait_until_empty(url)
    # Each once: only what failed came back.
    same(sorted(handled("job-")), bodies)


def ordered():
    url, _ = create_queues("steps", ".fifo", FifoQueue="true")
    bodies = ["step-1", "step-2", "step-flaky", "step-3", "step-4"]
    entries = [
        {"Id": str(place), "MessageBody": body, "MessageGroupId": "g", "MessageDeduplicationId": body}
        for place, body in enumerate(bodies)
    ]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    consume(url)
    wait_until_empty(url)
    # What came after the one that failed came back with it.
    same(handled("step-"), bodies)


create_function()
for one in (standard, ordered):
    one()
    print("ok", one.__name__, flush=True)
