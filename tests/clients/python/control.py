"""The control plane through boto3: control.py ZIP, the package of `tests/clients/function`. What a function has beside its
code in Lambda, roles and policies in IAM, credentials of STS, and log groups that clients write to.

Endpoint, region and credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first
that fails.
"""

import json
import sys
import time

import boto3
from botocore.config import Config

with open(sys.argv[1], "rb") as file:
    ZIP = file.read()
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]})
BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"

functions, iam, sts, logs = (boto3.client(service) for service in ("lambda", "iam", "sts", "logs"))
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


@check
def roles():
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "k", "Value": "v"}])["Role"]
    same(role["AssumeRolePolicyDocument"], json.loads(TRUST))
    iam.get_waiter("role_exists").wait(RoleName="r")
    iam.update_role(RoleName="r", Description="d", MaxSessionDuration=7200)
    iam.update_role_description(RoleName="r", Description="e")
    iam.update_assume_role_policy(RoleName="r", PolicyDocument=TRUST)
    iam.tag_role(RoleName="r", Tags=[{"Key": "l", "Value": "w"}])
    iam.untag_role(RoleName="r", TagKeys=["k"])
    same(iam.list_role_tags(RoleName="r")["Tags"], [{"Key": "l", "Value": "w"}])
    iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=BASIC)
    found = iam.get_role(RoleName="r")["Role"]
    same((found["Description"], found["MaxSessionDuration"]), ("e", 7200))
    same(found["PermissionsBoundary"]["PermissionsBoundaryArn"], BASIC)
    iam.delete_role_permissions_boundary(RoleName="r")
    same([role["RoleName"] for role in iam.get_paginator("list_roles").paginate().search("Roles[]")], ["r"])
    same(iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"], [])
    iam.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=ALLOW)
    same(iam.get_role_policy(RoleName="r", PolicyName="inline")["PolicyDocument"], json.loads(ALLOW))
    same(iam.list_role_policies(RoleName="r")["PolicyNames"], ["inline"])
    refused(iam.exceptions.DeleteConflictException, iam.delete_role, RoleName="r")
    iam.delete_role_policy(RoleName="r", PolicyName="inline")
    refused(iam.exceptions.EntityAlreadyExistsException, iam.create_role, RoleName="r", AssumeRolePolicyDocument=TRUST)
    refused(iam.exceptions.MalformedPolicyDocumentException, iam.create_role, RoleName="s", AssumeRolePolicyDocument="{")
    same(iam.get_user()["User"]["Arn"], "arn:aws:iam::000000000000:root")


@check
def policies():
    arn = iam.create_policy(PolicyName="p", PolicyDocument=ALLOW)["Policy"]["Arn"]
    same(arn, "arn:aws:iam::000000000000:policy/p")
    version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW, SetAsDefault=True)["PolicyVersion"]
    same(iam.get_policy_version(PolicyArn=arn, VersionId=version["VersionId"])["PolicyVersion"]["Document"], json.loads(ALLOW))
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    same([one["VersionId"] for one in iam.list_policy_versions(PolicyArn=arn)["Versions"]], ["v1"])
    iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    same(iam.list_policy_tags(PolicyArn=arn)["Tags"], [{"Key": "k", "Value": "v"}])
    iam.untag_policy(PolicyArn=arn, TagKeys=["k"])
    for attached in (arn, BASIC):
        iam.attach_role_policy(RoleName="r", PolicyArn=attached)
    same(len(iam.list_attached_role_policies(RoleName="r")["AttachedPolicies"]), 2)
    same(iam.list_entities_for_policy(PolicyArn=arn)["PolicyRoles"][0]["RoleName"], "r")
    same(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
    same([policy["Arn"] for policy in iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"]], [arn])
    refused(iam.exceptions.DeleteConflictException, iam.delete_policy, PolicyArn=arn)
    for attached in (arn, BASIC):
        iam.detach_role_policy(RoleName="r", PolicyArn=attached)
    iam.delete_policy(PolicyArn=arn)
    refused(iam.exceptions.NoSuchEntityException, iam.get_policy, PolicyArn=arn)


@check
def credentials():
    same(sts.get_caller_identity()["Arn"], "arn:aws:iam::000000000000:root")
    assumed = sts.assume_role(RoleArn="arn:aws:iam::210987654321:role/other", RoleSessionName="me")["Credentials"]
    session = boto3.Session(assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
    caller = session.client("sts").get_caller_identity()
    same((caller["Account"], caller["Arn"]), ("210987654321", "arn:aws:sts::210987654321:assumed-role/other/me"))
    url = session.client("sqs").create_queue(QueueName="theirs")["QueueUrl"]
    assert "/210987654321/" in url, url
    same(sts.get_access_key_info(AccessKeyId=assumed["AccessKeyId"])["Account"], "210987654321")
    assert sts.get_session_token()["Credentials"]["AccessKeyId"].startswith("ASIA")


@check
def permissions():
    role = iam.get_role(RoleName="r")["Role"]["Arn"]
    created = functions.create_function(
        FunctionName="f", Runtime="python3.12", Handler="app.handler", Role=role, Code={"ZipFile": ZIP}
    )
    same((created["State"], created["StateReasonCode"]), ("Pending", "Creating"))
    functions.get_waiter("function_active_v2").wait(FunctionName="f")
    updated = functions.update_function_configuration(FunctionName="f", Timeout=9)
    same(updated["LastUpdateStatus"], "InProgress")
    functions.get_waiter("function_updated_v2").wait(FunctionName="f")
    statement = functions.add_permission(
        FunctionName="f",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::bucket",
    )["Statement"]
    same(json.loads(statement)["Condition"], {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}})
    policy = functions.get_policy(FunctionName="f")
    same(json.loads(policy["Policy"])["Statement"], [json.loads(statement)])
    same(policy["RevisionId"], functions.get_function_configuration(FunctionName="f")["RevisionId"])
    refused(
        functions.exceptions.PreconditionFailedException,
        functions.remove_permission,
        FunctionName="f",
        StatementId="s3",
        RevisionId="other",
    )
    functions.remove_permission(FunctionName="f", StatementId="s3", RevisionId=policy["RevisionId"])
    refused(functions.exceptions.ResourceNotFoundException, functions.get_policy, FunctionName="f")


@check
def code_signing():
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v"
    config = functions.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )["CodeSigningConfig"]
    arn = config["CodeSigningConfigArn"]
    same(functions.get_code_signing_config(CodeSigningConfigArn=arn)["CodeSigningConfig"], config)
    assert "CodeSigningConfigArn" not in functions.get_function_code_signing_config(FunctionName="f")
    functions.put_function_code_signing_config(FunctionName="f", CodeSigningConfigArn=arn)
    same(functions.get_function_code_signing_config(FunctionName="f")["CodeSigningConfigArn"], arn)
    same(len(functions.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"]), 1)
    refused(
        functions.exceptions.CodeVerificationFailedException,
        functions.update_function_code,
        FunctionName="f",
        ZipFile=ZIP,
    )
    warn = {"UntrustedArtifactOnDeployment": "Warn"}
    functions.update_code_signing_config(CodeSigningConfigArn=arn, CodeSigningPolicies=warn)
    functions.update_function_code(FunctionName="f", ZipFile=ZIP)
    same(len(functions.list_code_signing_configs()["CodeSigningConfigs"]), 1)
    functions.tag_resource(Resource=arn, Tags={"k": "v"})
    same(functions.list_tags(Resource=arn)["Tags"], {"k": "v"})
    functions.untag_resource(Resource=arn, TagKeys=["k"])
    functions.delete_function_code_signing_config(FunctionName="f")
    functions.delete_code_signing_config(CodeSigningConfigArn=arn)


@check
def configurations():
    same(functions.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"], "Auto")
    functions.put_runtime_management_config(FunctionName="f", UpdateRuntimeOn="FunctionUpdate")
    same(functions.get_runtime_management_config(FunctionName="f")["UpdateRuntimeOn"], "FunctionUpdate")
    functions.publish_version(FunctionName="f")
    assert functions.get_function_scaling_config(FunctionName="f", Qualifier="1")["FunctionArn"].endswith(":f:1")
    refused(
        functions.exceptions.InvalidParameterValueException,
        functions.put_function_scaling_config,
        FunctionName="f",
        Qualifier="1",
        FunctionScalingConfig={"MinExecutionEnvironments": 1},
    )
    listed = functions.list_functions(FunctionVersion="ALL")["Functions"]
    same([one["Version"] for one in listed], ["$LATEST", "1"])
    same(functions.invoke_async(FunctionName="f", InvokeArgs=b"{}")["Status"], 202)
    # Which asks without looking first.
    unchecked = boto3.client("lambda", config=Config(parameter_validation=False))
    message = refused(
        functions.exceptions.ClientError,
        unchecked.update_function_configuration,
        FunctionName="f",
        Timeout=0,
        Handler="a b",
    )
    assert message.startswith("2 validation errors detected: Value 'a b' at 'handler'"), message
    for call in (functions.list_capacity_providers,):
        assert "is not served by this engine" in refused(functions.exceptions.ClientError, call)


@check
def written_logs():
    logs.create_log_group(logGroupName="app", tags={"k": "v"})
    logs.create_log_stream(logGroupName="app", logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now - 1000, "message": "first"}, {"timestamp": now, "message": '{"level": "error", "n": 7}'}]
    put = logs.put_log_events(logGroupName="app", logStreamName="s", logEvents=events)
    assert "rejectedLogEventsInfo" not in put
    found = logs.get_log_events(logGroupName="app", logStreamName="s", startFromHead=True)["events"]
    same([event["message"] for event in found], [event["message"] for event in events])
    for pattern, count in (("first", 1), ("-first", 1), ("?first ?error", 2), ('{ $.level = "error" && $.n > 6 }', 1)):
        same(len(logs.filter_log_events(logGroupName="app", filterPattern=pattern)["events"]), count)
    old = [{"timestamp": now - 15 * 86_400_000, "message": "old"}]
    put = logs.put_log_events(logGroupName="app", logStreamName="s", logEvents=old)
    same(put["rejectedLogEventsInfo"], {"tooOldLogEventEndIndex": 1})
    logs.put_retention_policy(logGroupName="app", retentionInDays=7)
    group = logs.describe_log_groups(logGroupNamePrefix="app")["logGroups"][0]
    same(group["retentionInDays"], 7)
    logs.delete_retention_policy(logGroupName="app")
    arn = group["logGroupArn"]
    logs.tag_resource(resourceArn=arn, tags={"l": "w"})
    logs.untag_resource(resourceArn=arn, tagKeys=["k"])
    same(logs.list_tags_for_resource(resourceArn=arn)["tags"], {"l": "w"})
    logs.tag_log_group(logGroupName="app", tags={"m": "x"})
    logs.untag_log_group(logGroupName="app", tags=["m"])
    same(logs.list_tags_log_group(logGroupName="app")["tags"], {"l": "w"})
    same(logs.describe_log_streams(logGroupName="app")["logStreams"][0]["logStreamName"], "s")
    logs.delete_log_stream(logGroupName="app", logStreamName="s")
    refused(
        logs.exceptions.ResourceNotFoundException, logs.get_log_events, logGroupName="app", logStreamName="s"
    )
    logs.delete_log_group(logGroupName="app")


@check
def names():
    """A name, a partial ARN and an ARN are the same function, everywhere."""
    functions.publish_version(FunctionName="f")
    functions.create_alias(FunctionName="000000000000:function:f", Name="live", FunctionVersion="1")
    arn = functions.get_function_configuration(FunctionName="f")["FunctionArn"]
    read = [
        "get_function", "get_function_configuration", "list_versions_by_function", "list_aliases", "get_function_concurrency",
        "list_provisioned_concurrency_configs", "list_function_event_invoke_configs", "get_function_code_signing_config",
        "get_function_recursion_config", "get_runtime_management_config", "list_function_url_configs",
    ]
    write = {
        "update_function_configuration": {"Timeout": 8}, "update_function_code": {"ZipFile": ZIP},
        "put_function_concurrency": {"ReservedConcurrentExecutions": 1}, "delete_function_concurrency": {},
        "put_function_event_invoke_config": {"MaximumRetryAttempts": 1}, "update_alias": {"Name": "live", "Description": "d"},
        "put_function_recursion_config": {"RecursiveLoop": "Terminate"}, "get_alias": {"Name": "live"},
    }
    for call in read:
        answers = []
        for name in ("f", "000000000000:function:f", arn):
            answer = getattr(functions, call)(FunctionName=name)
            del answer["ResponseMetadata"]
            answer.get("Code", {}).pop("Location", None)
            answers.append(answer)
        same(answers[1:], [answers[0]] * 2)
    for call, arguments in write.items():
        for name in ("f", "000000000000:function:f", arn):
            getattr(functions, call)(FunctionName=name, **arguments)
    for qualified in ({"FunctionName": "f:live"}, {"FunctionName": f"{arn}:live"}, {"FunctionName": "f", "Qualifier": "live"}):
        same(functions.get_function(**qualified)["Configuration"]["Version"], "1")
    elsewhere = arn.replace("000000000000", "210987654321")
    for call in (functions.get_function, functions.invoke):
        refused(functions.exceptions.ClientError, call, FunctionName=elsewhere)


@check
def the_end():
    functions.delete_function(FunctionName="f")
    iam.delete_role(RoleName="r")
    refused(iam.exceptions.NoSuchEntityException, iam.get_role, RoleName="r")


for run in CHECKS:
    run()
    print("ok", run.__name__.replace("_", "-"), flush=True)
