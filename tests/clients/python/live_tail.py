"""A Live Tail session of CloudWatch Logs, with boto3, unchanged but for `AWS_DISABLE_HOST_PREFIX_INJECTION` in its environment:
few machines resolve `stream-localhost`."""

import os
import time

import boto3

logs = boto3.client("logs")


def done(name):
    print("ok", name, flush=True)


def put(stream, *messages):
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    logs.put_log_events(logGroupName="app", logStreamName=stream, logEvents=events)


def updates(session):
    for event in session["responseStream"]:
        if "sessionUpdate" in event:
            yield event["sessionUpdate"]


logs.create_log_group(logGroupName="app")
for stream in ("a", "b"):
    logs.create_log_stream(logGroupName="app", logStreamName=stream)
arn = logs.describe_log_groups()["logGroups"][0]["logGroupArn"]

for wrong, error in (
    ({"logGroupIdentifiers": [arn + ":*"]}, logs.exceptions.InvalidParameterException),
    ({"logGroupIdentifiers": [arn + "x"]}, logs.exceptions.ResourceNotFoundException),
    ({"logGroupIdentifiers": [arn], "logEventFilterPattern": "%a!%"}, logs.exceptions.InvalidParameterException),
    (
        {"logGroupIdentifiers": [arn], "logStreamNames": ["a"], "logStreamNamePrefixes": ["b"]},
        logs.exceptions.InvalidParameterException,
    ),
):
    try:
        logs.start_live_tail(**wrong)
        raise AssertionError(wrong)
    except error:
        pass
done("refusals")

session = logs.start_live_tail(logGroupIdentifiers=[arn], logStreamNames=["a"], logEventFilterPattern="[level = ERROR, ...]")
start = next(iter(session["responseStream"]))["sessionStart"]
assert start["logGroupIdentifiers"] == [arn] and start["logStreamNames"] == ["a"], start
assert start["sessionId"] and start["logEventFilterPattern"] == "[level = ERROR, ...]", start
done("start")

put("a", "ERROR one", "INFO two")
put("b", "ERROR three")
found = []
empty = 0
for update in updates(session):
    assert update["sessionMetadata"] == {"sampled": False}, update
    found += update["sessionResults"]
    empty += not update["sessionResults"]
    if found and empty:
        break
    if empty > 20:
        raise AssertionError("nothing came")
assert [event["message"] for event in found] == ["ERROR one"], found
assert found[0]["logStreamName"] == "a" and found[0]["logGroupIdentifier"] == arn, found
session["responseStream"].close()
done("updates")

session = logs.start_live_tail(logGroupIdentifiers=[arn])
assert "sessionStart" in next(iter(session["responseStream"]))
put("a", *(str(number) for number in range(1200)))
for update in updates(session):
    if update["sessionResults"]:
        break
assert update["sessionMetadata"] == {"sampled": True} and len(update["sessionResults"]) == 500, update["sessionMetadata"]
session["responseStream"].close()
done("sampling")
