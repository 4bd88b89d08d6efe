"""Lambda and its logs through boto3: aws_lambda.py ZIP, the package of `tests/clients/function`.

Endpoint, region and credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first
that fails.
"""

import base64
import json
import sys

import boto3

with open(sys.argv[1], "rb") as file:
    ZIP = file.read()
NAME = "hello"
ROLE = "arn:aws:iam::000000000000:role/any"

functions, sqs, logs = (boto3.client(service) for service in ("lambda", "sqs", "logs"))
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(error_class, call, **arguments):
    try:
        call(**arguments)
    except error_class as error:
        return error.response
    raise AssertionError(f"{call.__name__} {arguments} was not refused with {error_class.__name__}")


def create(name):
    return functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=ROLE,
        Code={"ZipFile": ZIP},
        Tags={"team": "a"},
    )


@check
def lifecycle():
    created = create(NAME)
    same((created["FunctionName"], created["CodeSize"]), (NAME, len(ZIP)))
    functions.get_waiter("function_active_v2").wait(FunctionName=NAME)
    found = functions.get_function(FunctionName=created["FunctionArn"])
    same((found["Configuration"]["Runtime"], found["Tags"]), ("python3.12", {"team": "a"}))
    arn = created["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"cost": "7"})
    functions.untag_resource(Resource=arn, TagKeys=["team"])
    same(functions.list_tags(Resource=arn)["Tags"], {"cost": "7"})
    others = [f"other-{number}" for number in range(3)]
    for name in others:
        create(name)
    pages = list(functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    same([function["FunctionName"] for page in pages for function in page["Functions"]], [NAME, *others])
    for name in others:
        functions.delete_function(FunctionName=name)
    missing = refused(functions.exceptions.ResourceNotFoundException, functions.get_function, FunctionName=others[0])
    same(missing["ResponseMetadata"]["HTTPStatusCode"], 404)
    refused(functions.exceptions.ResourceConflictException, create, name=NAME)


@check
def invocations():
    answer = functions.invoke(FunctionName=NAME, Payload=json.dumps({"name": "Grüße"}), LogType="Tail")
    same((answer["StatusCode"], answer["ExecutedVersion"]), (200, "$LATEST"))
    same(json.load(answer["Payload"]), {"hello": "Grüße", "function": NAME})
    assert b"REPORT RequestId: " in base64.b64decode(answer["LogResult"])
    failed = functions.invoke(FunctionName=NAME, Payload=json.dumps({"fail": "on purpose"}))
    same((failed["StatusCode"], failed["FunctionError"]), (200, "Unhandled"))
    error = json.load(failed["Payload"])
    same((error["errorType"], error["errorMessage"]), ("ValueError", "on purpose"))
    same(functions.invoke(FunctionName=NAME, InvocationType="Event", Payload=b"{}")["StatusCode"], 202)
    same(functions.invoke(FunctionName=NAME, InvocationType="DryRun", Payload=b"{}")["StatusCode"], 204)
    refused(functions.exceptions.InvalidRequestContentException, functions.invoke, FunctionName=NAME, Payload=b"{")


@check
def configuration():
    changed = functions.update_function_configuration(
        FunctionName=NAME, Timeout=7, MemorySize=256, Environment={"Variables": {"LEVEL": "debug"}}
    )
    same((changed["Timeout"], changed["MemorySize"]), (7, 256))
    functions.get_waiter("function_updated_v2").wait(FunctionName=NAME)
    found = functions.get_function_configuration(FunctionName=NAME)
    same((found["Environment"]["Variables"], found["LastUpdateStatus"]), ({"LEVEL": "debug"}, "Successful"))
    again = functions.update_function_code(FunctionName=NAME, ZipFile=ZIP)
    same(again["CodeSha256"], found["CodeSha256"])
    refused(
        functions.exceptions.InvalidParameterValueException,
        functions.update_function_code,
        FunctionName=NAME,
        ZipFile=b"no zip",
    )


@check
def concurrency():
    same(functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"], 1000)
    functions.put_function_concurrency(FunctionName=NAME, ReservedConcurrentExecutions=0)
    same(functions.get_function_concurrency(FunctionName=NAME)["ReservedConcurrentExecutions"], 0)
    throttled = boto3.client("lambda", config=boto3.session.Config(retries={"max_attempts": 1}))
    refusal = refused(throttled.exceptions.TooManyRequestsException, throttled.invoke, FunctionName=NAME)
    same(refusal["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
    same(refusal["ResponseMetadata"]["HTTPStatusCode"], 429)
    functions.delete_function_concurrency(FunctionName=NAME)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=NAME)
    refused(
        functions.exceptions.InvalidParameterValueException,
        functions.put_function_concurrency,
        FunctionName=NAME,
        ReservedConcurrentExecutions=901,
    )


@check
def mappings():
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = functions.create_event_source_mapping(FunctionName=NAME, EventSourceArn=arn, BatchSize=1)
    same(mapping["EventSourceArn"], arn)
    more = {"FunctionName": NAME, "EventSourceArn": arn}
    refused(functions.exceptions.ResourceConflictException, functions.create_event_source_mapping, **more)
    sqs.send_message(QueueUrl=url, MessageBody="hoge")
    wait_for_log("received hoge")
    uuid = mapping["UUID"]
    wait_until_enabled(uuid)
    same([one["UUID"] for one in functions.list_event_source_mappings(**more)["EventSourceMappings"]], [uuid])
    same(functions.update_event_source_mapping(UUID=uuid, BatchSize=5)["BatchSize"], 5)
    same(wait_until_enabled(uuid)["BatchSize"], 5)
    functions.delete_event_source_mapping(UUID=uuid)


def wait_until_enabled(uuid):
    """A mapping that is on its way to a state takes no changes."""
    while (found := functions.get_event_source_mapping(UUID=uuid))["State"] != "Enabled":
        pass
    return found


def wait_for_log(text):
    while not logs.filter_log_events(logGroupName=f"/aws/lambda/{NAME}", filterPattern=f'"{text}"')["events"]:
        pass


@check
def weights():
    name = "weighted"
    create(name)
    waiter = functions.get_waiter("function_updated_v2")
    for number in (1, 2):
        functions.update_function_configuration(FunctionName=name, Description=str(number))
        waiter.wait(FunctionName=name)
        same(functions.publish_version(FunctionName=name)["Version"], str(number))

    def executed(count):
        answers = [functions.invoke(FunctionName=name, Qualifier="live", Payload="{}") for _ in range(count)]
        return [answer["ExecutedVersion"] for answer in answers]

    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    same(set(executed(5)), {"1"})
    for weight, least, most in ((0.3, 25, 95), (0.0, 0, 0), (1.0, 200, 200)):
        routing = {"AdditionalVersionWeights": {"2": weight}}
        alias = functions.update_alias(FunctionName=name, Name="live", RoutingConfig=routing)
        same((alias["FunctionVersion"], alias["RoutingConfig"]), ("1", routing))
        found = executed(200)
        same(set(found) - {"1", "2"}, set())
        # More than five standard deviations to each side.
        assert least <= found.count("2") <= most, (weight, found.count("2"))
    cleared = functions.update_alias(FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in cleared, cleared
    same(set(executed(5)), {"1"})


@check
def log_groups():
    group = f"/aws/lambda/{NAME}"
    [found] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    same(found["logGroupName"], group)
    streams = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    # What was throttled has a stream of its own.
    events = [
        event
        for stream in streams
        for event in logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
        )["events"]
    ]
    assert any(event["message"].startswith("START RequestId: ") for event in events), events
    paginator = logs.get_paginator("filter_log_events")
    reports = [
        event
        for page in paginator.paginate(logGroupName=group, filterPattern="REPORT", PaginationConfig={"PageSize": 1})
        for event in page["events"]
    ]
    assert len(reports) >= 3, reports
    logs.create_log_group(logGroupName="mine")
    refused(logs.exceptions.ResourceAlreadyExistsException, logs.create_log_group, logGroupName="mine")
    logs.delete_log_group(logGroupName="mine")
    refused(logs.exceptions.ResourceNotFoundException, logs.delete_log_group, logGroupName="mine")


for one in CHECKS:
    one()
    print("ok", one.__name__.replace("_", "-"), flush=True)
