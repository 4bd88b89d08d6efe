"""EventBridge Scheduler through boto3: schedules.py ZIP, the package of `tests/clients/function`.

Endpoint, region and credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first
that fails.
"""

import datetime
import json
import sys

import boto3

with open(sys.argv[1], "rb") as file:
    ZIP = file.read()
ROLE = "arn:aws:iam::000000000000:role/any"
OFF = {"Mode": "OFF"}

scheduler, functions, sqs = (boto3.client(service) for service in ("scheduler", "lambda", "sqs"))
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def queue(name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(url):
    answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"])
    assert "Messages" in answer, "nothing came within 20 s"
    return answer["Messages"][0]


def soon():
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S")


@check
def groups():
    arn = scheduler.create_schedule_group(Name="team", Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
    same(scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "b", "Value": "2"}])
    same(scheduler.get_schedule_group(Name="team")["State"], "ACTIVE")
    pages = scheduler.get_paginator("list_schedule_groups").paginate(PaginationConfig={"PageSize": 1})
    same([group["Name"] for page in pages for group in page["ScheduleGroups"]], ["default", "team"])
    try:
        scheduler.create_schedule_group(Name="team")
    except scheduler.exceptions.ConflictException as error:
        same(error.response["ResponseMetadata"]["HTTPStatusCode"], 409)
    else:
        raise AssertionError("a second group of the same name was not refused")


@check
def schedules():
    target = {"Arn": queue("q")[1], "RoleArn": ROLE, "Input": "x"}
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}
    created = scheduler.create_schedule(
        Name="nightly",
        GroupName="team",
        ScheduleExpression="cron(0 3 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        EndDate=datetime.datetime(2099, 1, 1, tzinfo=datetime.timezone.utc),
        FlexibleTimeWindow=window,
        Target=target,
    )
    found = scheduler.get_schedule(Name="nightly", GroupName="team")
    same((found["Arn"], found["State"], found["EndDate"].year), (created["ScheduleArn"], "ENABLED", 2099))
    same((found["FlexibleTimeWindow"], found["ActionAfterCompletion"]), (window, "NONE"))
    same(found["Target"]["RetryPolicy"], {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185})
    scheduler.update_schedule(
        Name="nightly",
        GroupName="team",
        State="DISABLED",
        ScheduleExpression="rate(5 minutes)",
        FlexibleTimeWindow=OFF,
        Target=target,
    )
    [listed] = scheduler.list_schedules(GroupName="team", State="DISABLED")["Schedules"]
    same((listed["Name"], listed["Target"]["Arn"]), ("nightly", target["Arn"]))
    scheduler.delete_schedule_group(Name="team")
    same(scheduler.list_schedules()["Schedules"], [])
    for wrong in ("rate(0 minutes)", "cron(* * * * * *)", "at(soon)"):
        try:
            scheduler.create_schedule(Name="s", ScheduleExpression=wrong, FlexibleTimeWindow=OFF, Target=target)
        except scheduler.exceptions.ValidationException as error:
            assert wrong in error.response["Message"], error
        else:
            raise AssertionError(f"{wrong} was not refused")


@check
def queues_as_targets():
    url, arn = queue("ticks")
    target = {"Arn": arn, "RoleArn": ROLE, "Input": json.dumps({"at": "<aws.scheduler.scheduled-time>"})}
    at = soon()
    scheduler.create_schedule(
        Name="once",
        ScheduleExpression=f"at({at})",
        FlexibleTimeWindow=OFF,
        ActionAfterCompletion="DELETE",
        Target=target,
    )
    same(json.loads(received(url)["Body"]), {"at": f"{at}Z"})
    same(scheduler.list_schedules()["Schedules"], [])


@check
def functions_as_targets():
    url, done = queue("done")
    arn = functions.create_function(
        FunctionName="hello", Runtime="python3.12", Handler="app.handler", Role=ROLE, Code={"ZipFile": ZIP}
    )["FunctionArn"]
    functions.put_function_event_invoke_config(
        FunctionName="hello", DestinationConfig={"OnSuccess": {"Destination": done}}
    )
    target = {"Arn": arn, "RoleArn": ROLE, "Input": json.dumps({"name": "schedule"})}
    scheduler.create_schedule(
        Name="often", ScheduleExpression="rate(1 minute)", FlexibleTimeWindow=OFF, Target=target
    )
    record = json.loads(received(url)["Body"])
    same(record["responsePayload"], {"hello": "schedule", "function": "hello"})
    scheduler.delete_schedule(Name="often")


@check
def dead_letters():
    url, dead = queue("dead")
    target = {
        "Arn": "arn:aws:lambda:ap-northeast-1:000000000000:function:gone",
        "RoleArn": ROLE,
        "Input": "{}",
        "DeadLetterConfig": {"Arn": dead},
    }
    scheduler.create_schedule(
        Name="lost", ScheduleExpression=f"at({soon()})", FlexibleTimeWindow=OFF, Target=target
    )
    letter = received(url)
    same(letter["MessageAttributes"]["ERROR_CODE"]["StringValue"], "ResourceNotFoundException")
    same(letter["MessageAttributes"]["TARGET_ARN"]["StringValue"], target["Arn"])


for one in CHECKS:
    one()
    print(f"ok {one.__name__.replace('_', '-')}", flush=True)
