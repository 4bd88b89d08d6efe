"""Application Auto Scaling of provisioned concurrency through boto3: autoscaling.py ZIP, the package of `tests/clients/function`.

The engine's minutes last a second each (`serve --time-factor 60`). Endpoint, region and credentials come from the
environment alone. Prints `ok NAME` for each check and stops at the first that fails.
"""

import json
import sys
import threading
import time

import boto3
from botocore.config import Config

with open(sys.argv[1], "rb") as file:
    ZIP = file.read()
TARGET = {
    "ServiceNamespace": "lambda",
    "ResourceId": "function:hello:live",
    "ScalableDimension": "lambda:function:ProvisionedConcurrency",
}
POLICY = {
    "TargetValue": 0.7,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"},
}
PATIENCE_S = 60

functions = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
scaling = boto3.client("application-autoscaling")
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
        return error.response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} {arguments} was not refused with {error_class.__name__}")


def eventually(what, expected):
    end = time.monotonic() + PATIENCE_S
    while (found := what()) != expected:
        assert time.monotonic() < end, f"found {found!r}, expected {expected!r}"
        time.sleep(0.1)


def provisioned():
    found = functions.get_provisioned_concurrency_config(FunctionName="hello", Qualifier="live")
    return found["Status"], found["RequestedProvisionedConcurrentExecutions"]


@check
def target():
    functions.create_function(
        FunctionName="hello",
        Runtime="python3.12",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": ZIP},
        Publish=True,
    )
    same(
        refused(scaling.exceptions.ValidationException, scaling.register_scalable_target, MinCapacity=1, MaxCapacity=3, **TARGET),
        "Lambda function doesn't exist: function:hello:live",
    )
    functions.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    arn = scaling.register_scalable_target(MinCapacity=2, MaxCapacity=3, Tags={"team": "a"}, **TARGET)["ScalableTargetARN"]
    eventually(provisioned, ("READY", 2))
    scaling.tag_resource(ResourceARN=arn, Tags={"cost": "7"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    same(scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], {"cost": "7"})
    (found,) = scaling.describe_scalable_targets(ServiceNamespace="lambda", ResourceIds=[TARGET["ResourceId"]])["ScalableTargets"]
    same((found["MinCapacity"], found["MaxCapacity"], found["ScalableTargetARN"]), (2, 3, arn))
    assert found["CreationTime"].timestamp() > time.time() - 3600, found
    same(found["SuspendedState"]["DynamicScalingInSuspended"], False)


@check
def policy():
    put = scaling.put_scaling_policy(
        PolicyName="p", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=POLICY, **TARGET
    )
    same(len(put["Alarms"]), 2)
    (found,) = scaling.describe_scaling_policies(**TARGET)["ScalingPolicies"]
    same(found["PolicyARN"], put["PolicyARN"])
    same(found["TargetTrackingScalingPolicyConfiguration"], POLICY)
    same(
        refused(
            scaling.exceptions.ValidationException,
            scaling.put_scaling_policy,
            PolicyName="q",
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=POLICY,
            **TARGET,
        ),
        "Only one TargetTrackingScaling policy for a given metric specification is allowed.",
    )


@check
def load():
    is_over = threading.Event()

    def call():
        client = boto3.client("lambda")
        while not is_over.is_set():
            client.invoke(FunctionName="hello", Qualifier="live", Payload=json.dumps({"sleep": 0.3}))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        eventually(provisioned, ("READY", 3))
    finally:
        is_over.set()
        for caller in callers:
            caller.join()
    activities = scaling.describe_scaling_activities(**TARGET)["ScalingActivities"]
    out = next(activity for activity in activities if "AlarmHigh" in activity["Cause"])
    same((out["StatusCode"], out["Description"]), ("Successful", "Setting provisioned concurrency to 3."))


@check
def schedule():
    scaling.put_scheduled_action(
        ScheduledActionName="later",
        Schedule="cron(0 9 * * ? *)",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 5},
        **TARGET,
    )
    (found,) = scaling.describe_scheduled_actions(ServiceNamespace="lambda")["ScheduledActions"]
    same((found["Schedule"], found["ScalableTargetAction"]), ("cron(0 9 * * ? *)", {"MinCapacity": 1, "MaxCapacity": 5}))
    scaling.delete_scheduled_action(ScheduledActionName="later", **TARGET)
    same(scaling.describe_scheduled_actions(ServiceNamespace="lambda")["ScheduledActions"], [])


@check
def end():
    scaling.delete_scaling_policy(PolicyName="p", **TARGET)
    refused(scaling.exceptions.ObjectNotFoundException, scaling.delete_scaling_policy, PolicyName="p", **TARGET)
    scaling.deregister_scalable_target(**TARGET)
    message = refused(scaling.exceptions.ObjectNotFoundException, scaling.deregister_scalable_target, **TARGET)
    assert message.startswith("No scalable target found for service namespace: lambda"), message
    same(scaling.describe_scalable_targets(ServiceNamespace="lambda")["ScalableTargets"], [])
    same(scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"], [])


for function in CHECKS:
    function()
    print("ok", function.__name__.replace("_", "-"), flush=True)
