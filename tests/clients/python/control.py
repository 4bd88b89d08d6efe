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
    manual = {"FunctionName": "f", "UpdateRuntimeOn": "Manual"}
    refused(functions.exceptions.InvalidParameterValueException, functions.put_runtime_management_config, **manual)
    build = f"arn:aws:lambda:{REGION}::runtime:" + "0" * 64
    functions.put_runtime_management_config(**manual, RuntimeVersionArn=build)
    same(functions.get_runtime_management_config(FunctionName="f")["RuntimeVersionArn"], build)
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


ACCOUNT = "000000000000"
REGION = functions.meta.region_name
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
# The forms in which AWS takes a function's name.
FORMS = ("{}", "function:{}", ACCOUNT + ":{}", ACCOUNT + ":function:{}", ARN + "{}")
PERMISSION = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
# Operations on a function, its versions and its aliases, each of which finds what the one before has left.
OF_ANY = (
    ("get_function", {}), ("get_function_configuration", {}), ("invoke", {"Payload": "{}"}),
    ("invoke_with_response_stream", {"Payload": "{}"}), ("add_permission", PERMISSION), ("get_policy", {}),
    ("remove_permission", {"StatementId": "s"}), ("put_function_event_invoke_config", {"MaximumRetryAttempts": 1}),
    ("get_function_event_invoke_config", {}), ("update_function_event_invoke_config", {"MaximumRetryAttempts": 2}),
    ("delete_function_event_invoke_config", {}), ("create_function_url_config", {"AuthType": "NONE"}),
    ("get_function_url_config", {}), ("update_function_url_config", {"AuthType": "AWS_IAM"}),
    ("delete_function_url_config", {}), ("put_runtime_management_config", {"UpdateRuntimeOn": "Auto"}),
    ("get_runtime_management_config", {}),
)
# The same of operations on a function as a whole.
OF_WHOLE = (
    ("list_versions_by_function", {}), ("list_aliases", {}), ("invoke_async", {"InvokeArgs": b"{}"}),
    ("put_function_concurrency", {"ReservedConcurrentExecutions": 2}), ("get_function_concurrency", {}),
    ("delete_function_concurrency", {}), ("list_function_event_invoke_configs", {}), ("list_function_url_configs", {}),
    ("put_function_recursion_config", {"RecursiveLoop": "Terminate"}), ("get_function_recursion_config", {}),
    ("get_function_code_signing_config", {}), ("delete_function_code_signing_config", {}),
    ("update_function_configuration", {"Timeout": 8}), ("update_function_code", {"ZipFile": ZIP}),
    ("create_alias", {"Name": "other", "FunctionVersion": "1"}), ("get_alias", {"Name": "other"}),
    ("update_alias", {"Name": "other", "Description": "d"}), ("delete_alias", {"Name": "other"}), ("publish_version", {}),
    ("list_provisioned_concurrency_configs", {}),
)


def create(name):
    functions.create_function(
        FunctionName=name, Runtime="python3.12", Handler="app.handler", Role=f"arn:aws:iam::{ACCOUNT}:role/r",
        Code={"ZipFile": ZIP})


@check
def names():
    """A name, a partial ARN and an ARN are the same function, everywhere."""
    functions.publish_version(FunctionName="f")
    queue = boto3.client("sqs").create_queue(QueueName="named")["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:named"
    for form in FORMS:
        for call, arguments in OF_ANY + OF_WHOLE:
            answer = getattr(functions, call)(FunctionName=form.format("f"), **arguments)
            same(answer.get("FunctionArn", ARN + "f").removeprefix(ARN).split(":")[0], "f")
        mapping = functions.create_event_source_mapping(EventSourceArn=queue_arn, FunctionName=form.format("f"))
        same(mapping["FunctionArn"], ARN + "f")
        [found] = functions.list_event_source_mappings(FunctionName=form.format("f"))["EventSourceMappings"]
        while functions.get_event_source_mapping(UUID=found["UUID"])["State"] != "Enabled":
            pass
        functions.delete_event_source_mapping(UUID=found["UUID"])
        while functions.list_event_source_mappings(FunctionName="f")["EventSourceMappings"]:
            pass
        create(form.format("made"))
        functions.delete_function(FunctionName=form.format("made"))
        refused(functions.exceptions.ResourceNotFoundException, functions.get_function, FunctionName="made")
    boto3.client("sqs").delete_queue(QueueUrl=queue)
    elsewhere = ARN.replace(ACCOUNT, "210987654321") + "f"
    for call in (functions.get_function, functions.invoke):
        refused(functions.exceptions.ClientError, call, FunctionName=elsewhere)
    for call, arguments in OF_WHOLE:
        # What a list is of may be named with a qualifier, which the others refuse.
        if not call.startswith(("list_", "invoke_")):
            qualified = {"FunctionName": ARN + "f:1", **arguments}
            refused(functions.exceptions.ClientError, getattr(functions, call), **qualified)


@check
def qualified_names():
    """A qualifier stands in the name, in `Qualifier`, or in both when it is the same."""
    functions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for form in FORMS:
        name = form.format("f")
        for named in (
            {"FunctionName": f"{name}:live"},
            {"FunctionName": name, "Qualifier": "live"},
            {"FunctionName": f"{name}:live", "Qualifier": "live"},
        ):
            for call, arguments in OF_ANY:
                answer = getattr(functions, call)(**named, **arguments)
                assert answer.get("FunctionArn", ":live").endswith(":live"), answer
            same(functions.get_function(**named)["Configuration"]["Version"], "1")
        for call, arguments in (
            ("put_provisioned_concurrency_config", {"ProvisionedConcurrentExecutions": 1}),
            ("get_provisioned_concurrency_config", {}), ("delete_provisioned_concurrency_config", {}),
        ):
            getattr(functions, call)(FunctionName=name, Qualifier="live", **arguments)
    for call, arguments in OF_ANY:
        message = refused(
            functions.exceptions.InvalidParameterValueException, getattr(functions, call), FunctionName="f:live",
            Qualifier="other", **arguments)
        assert message.startswith("The derived qualifier from the function name does not match"), message


@check
def pages():
    """Each list comes whole in pages of one, by botocore's own paginators."""
    for number in range(3):
        create(f"page{number}")
        functions.get_waiter("function_active_v2").wait(FunctionName=f"page{number}")
    profile = f"arn:aws:signer:{REGION}:{ACCOUNT}:/signing-profiles/p/v"
    publishers = {"SigningProfileVersionArns": [profile]}
    signing = [
        functions.create_code_signing_config(AllowedPublishers=publishers)["CodeSigningConfig"]["CodeSigningConfigArn"]
        for _ in range(3)
    ]
    of = {"FunctionName": "page0"}
    mappings = []
    for number in range(3):
        functions.update_function_configuration(**of, Description=str(number))
        version = functions.publish_version(**of)["Version"]
        alias = {**of, "Qualifier": f"a{number}"}
        functions.create_alias(**of, Name=f"a{number}", FunctionVersion=version)
        functions.put_function_event_invoke_config(**alias, MaximumRetryAttempts=1)
        functions.put_provisioned_concurrency_config(**alias, ProvisionedConcurrentExecutions=1)
        functions.create_function_url_config(**alias, AuthType="NONE")
        functions.put_function_code_signing_config(FunctionName=f"page{number}", CodeSigningConfigArn=signing[0])
        for layer in (f"layer{number}", "layer"):
            functions.publish_layer_version(LayerName=layer, Content={"ZipFile": ZIP})
        boto3.client("sqs").create_queue(QueueName=f"page{number}")
        source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:page{number}"
        mappings.append(functions.create_event_source_mapping(EventSourceArn=source, **of)["UUID"])
    for operation, arguments, key, count in (
        ("list_functions", {}, "Functions[].FunctionName", None),
        ("list_functions", {"FunctionVersion": "ALL"}, "Functions[].FunctionArn", None),
        ("list_versions_by_function", of, "Versions[].Version", 4),
        ("list_aliases", of, "Aliases[].Name", 3),
        ("list_aliases", {**of, "FunctionVersion": "2"}, "Aliases[].Name", 1),
        ("list_layers", {}, "Layers[].LayerName", 4),
        ("list_layer_versions", {"LayerName": "layer"}, "LayerVersions[].Version", 3),
        ("list_event_source_mappings", of, "EventSourceMappings[].UUID", 3),
        ("list_function_event_invoke_configs", of, "FunctionEventInvokeConfigs[].FunctionArn", 3),
        ("list_provisioned_concurrency_configs", of, "ProvisionedConcurrencyConfigs[].FunctionArn", 3),
        ("list_function_url_configs", of, "FunctionUrlConfigs[].FunctionArn", 3),
        ("list_code_signing_configs", {}, "CodeSigningConfigs[].CodeSigningConfigId", 3),
        ("list_functions_by_code_signing_config", {"CodeSigningConfigArn": signing[0]}, "FunctionArns[]", 3),
    ):
        paginator = functions.get_paginator(operation)
        pieces = list(paginator.paginate(**arguments, PaginationConfig={"PageSize": 1}))
        found = [item for piece in pieces for item in paginator.result_keys[0].search(piece)]
        same(len(found), len(pieces))
        whole = list(paginator.paginate(**arguments).search(key))
        same(list(paginator.paginate(**arguments, PaginationConfig={"PageSize": 1}).search(key)), whole)
        same(len(set(whole)), count or len(whole))
        assert len(whole) >= 3 or count, (operation, whole)


@check
def revisions():
    """Each operation that takes a revision is refused for another one."""
    stale = "01234567-89ab-cdef-0123-456789abcdef"
    create("revised")
    waiter = functions.get_waiter("function_updated_v2")
    for call, arguments in (
        ("update_function_configuration", {"Description": "d"}), ("update_function_code", {"ZipFile": ZIP}),
        ("publish_version", {}), ("add_permission", PERMISSION), ("remove_permission", {"StatementId": "s"}),
    ):
        waiter.wait(FunctionName="revised")
        call, arguments = getattr(functions, call), {"FunctionName": "revised", **arguments}
        refused(functions.exceptions.PreconditionFailedException, call, RevisionId=stale, **arguments)
        current = functions.get_function_configuration(FunctionName="revised")["RevisionId"]
        call(RevisionId=current, **arguments)
    alias = {"FunctionName": "revised", "Name": "live"}
    current = functions.create_alias(**alias, FunctionVersion="1")["RevisionId"]
    refused(functions.exceptions.PreconditionFailedException, functions.update_alias, **alias, RevisionId=stale)
    assert functions.update_alias(**alias, RevisionId=current, Description="d")["RevisionId"] != current
    layer = {"LayerName": "layer", "VersionNumber": 1}
    permission = {**layer, "StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": ACCOUNT}
    current = functions.add_layer_version_permission(**permission)["RevisionId"]
    for call, arguments in (
        (functions.add_layer_version_permission, {**permission, "StatementId": "t"}),
        (functions.remove_layer_version_permission, {**layer, "StatementId": "s"}),
    ):
        refused(functions.exceptions.PreconditionFailedException, call, **arguments, RevisionId=stale)
    functions.remove_layer_version_permission(**layer, StatementId="s", RevisionId=current)


@check
def the_end():
    functions.delete_function(FunctionName="f")
    iam.delete_role(RoleName="r")
    refused(iam.exceptions.NoSuchEntityException, iam.get_role, RoleName="r")


for run in CHECKS:
    run()
    print("ok", run.__name__.replace("_", "-"), flush=True)
