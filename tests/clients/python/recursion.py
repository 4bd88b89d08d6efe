"""Recursive loops through boto3: recursion.py. The function sends each message that it gets to its queue again, with the
trace header, as AWS's SDKs do. Endpoint, region and credentials come from the environment alone.
"""

import io
import json
import os
import re
import urllib.request
import zipfile

import boto3

ROLE = "arn:aws:iam::000000000000:role/any"
LOOP = """
import json, os, urllib.request

def handler(event, context):
    for record in event["Records"]:
        body = json.dumps({"QueueUrl": os.environ["QUEUE_URL"], "MessageBody": record["body"]}).encode()
        headers = {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0",
                   "X-Amzn-Trace-Id": os.environ["_X_AMZN_TRACE_ID"],
                   "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/ap-northeast-1/sqs/aws4_request, x"}
        urllib.request.urlopen(urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], body, headers)).read()
"""

functions, sqs = boto3.client("lambda"), boto3.client("sqs")


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def arn(url):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def metric(name):
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/metrics?region=ap-northeast-1") as page:
        return int(re.search(rf'^{name}\{{[^}}]*function="loop"[^}}]*\}} (\d+)', page.read().decode(), re.M)[1])


def configuration():
    same(functions.get_function_recursion_config(FunctionName="loop")["RecursiveLoop"], "Terminate")
    put = functions.put_function_recursion_config(FunctionName="loop", RecursiveLoop="Allow")
    same(put["RecursiveLoop"], "Allow")
    functions.put_function_recursion_config(FunctionName="loop", RecursiveLoop="Terminate")


def loop():
    functions.create_event_source_mapping(FunctionName="loop", EventSourceArn=arn(queue), BatchSize=1)
    sqs.send_message(QueueUrl=queue, MessageBody="round and round")
    found = sqs.receive_message(
        QueueUrl=dead, WaitTimeSeconds=20, MessageSystemAttributeNames=["AWSTraceHeader", "DeadLetterQueueSourceArn"]
    )
    [letter] = found["Messages"]
    same((letter["Body"], letter["Attributes"]["DeadLetterQueueSourceArn"]), ("round and round", arn(queue)))
    assert re.search(r"Lineage=[0-9a-f]{8}:16$", letter["Attributes"]["AWSTraceHeader"]), letter
    same((metric("aws_lambda_invocations_total"), metric("aws_lambda_recursive_invocations_dropped_total")), (16, 1))


dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
policy = json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 3})
queue = sqs.create_queue(QueueName="queue", Attributes={"RedrivePolicy": policy})["QueueUrl"]
zipped = io.BytesIO()
with zipfile.ZipFile(zipped, "w") as archive:
    archive.writestr("app.py", LOOP)
functions.create_function(
    FunctionName="loop",
    Runtime="python3.12",
    Handler="app.handler",
    Role=ROLE,
    Code={"ZipFile": zipped.getvalue()},
    Environment={"Variables": {"QUEUE_URL": queue}},
)
for one in (configuration, loop):
    one()
    print(f"ok {one.__name__}", flush=True)
