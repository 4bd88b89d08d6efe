"""What botocore's service models say, held against the engine.

Each operation is called with the least that its model allows: it is served, with an answer or an error that the model knows of,
or refused by its name, with the reason. And each constraint on each member of its input is violated alone, past the client's
own validation: the refusal is compared with AWS's words, which are put together here.

models.py SERVICE...

Prints `ok SERVICE` for each service, and all that differs.
"""
import copy
import re
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
LONG = "a" * 37
# In this order tried where a pattern wants something.
GOOD = [
    "f", "a", "1", "12", "aa", "lambda", "test-1", "12345678901234567", "2024-01-01", "*", "ANY",
    "x" * 20, "123456", "v1", "lambda:GetLayerVersion",
    ACCOUNT,
    "o-1234567890",
    "us-east-1",
    "subnet-1", "sg-1", "/mnt/a",
    "01234567-89ab-cdef-0123-456789abcdef",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f:1",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:l",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:l:1",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-0123456789abcdef0",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:event-source-mapping:01234567-89ab-cdef-0123-456789abcdef",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:capacity-provider:c",
    f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f:1/durable-execution/e/1",
    "arn:aws:lambda:us-east-1::runtime:" + "0" * 64,
    f"arn:aws:iam::{ACCOUNT}:role/r",
    f"arn:aws:iam::{ACCOUNT}:policy/p",
    f"arn:aws:sqs:us-east-1:{ACCOUNT}:q",
    f"arn:aws:sns:us-east-1:{ACCOUNT}:t",
    f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k",
    f"arn:aws:signer:us-east-1:{ACCOUNT}:/signing-profiles/p/v",
    f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:access-point/fsap-0123456789abcdef0",
    f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:s-123456",
    f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/g",
    f"arn:aws:application-autoscaling:us-east-1:{ACCOUNT}:scalable-target/1",
    f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:g",
    f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/r:t",
    "http://a.b:1", "abc.def:9092", "/",
]
BAD = [" ", "!", "a b", "\u00e9 ", "", "\u2603", "\n", "x" * 3000]
# Their violations are told in other words than a constraint's, or have no words: see `docs/aws.md`.
APART = {
    "lambda": {
        # `... or be a valid ARN`, an InvalidParameterValueException.
        "Runtime",
        # Of a document database, which is no event source here.
        "CollectionName",
        # Of invocations that are refused by name, whatever is in them.
        "DurableExecutionName", "TenantId",
    },
    "scheduler": {
        # Of an EventBridge bus, which is no target here.
        "Source",
    },
    "application-autoscaling": {
        # Told in the words of the service.
        "ScheduledActionName",
    },
}
ERRORS = {
    "lambda": "ValidationException", "scheduler": "ValidationException", "logs": "InvalidParameterException",
    "application-autoscaling": "ValidationException", "iam": "ValidationError", "sts": "ValidationError",
}


def lower_first(name):
    return name[:1].lower() + name[1:]


def matches(pattern, text):
    pattern = pattern.replace(r"\p{L}", "a-zA-Z\u00c0-\u024f").replace(r"\p{Z}", " ").replace(r"\p{N}", "0-9")
    pattern = pattern.replace(r"\p{Print}", "[ -~]")
    # Pairs of surrogates stand for all that is beyond.
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", "\U00010000-\U0010ffff")
    return re.fullmatch(pattern, text) is not None


def bounds(shape):
    return shape.metadata.get("min"), shape.metadata.get("max")


def is_plain(shape):
    return shape.type_name in ("string", "integer", "long", "double", "float")


def constraints(shape):
    """All constraints of a plain shape, in the words and the order of what is inside a list or a map."""
    least, most = bounds(shape)
    found = []
    if shape.type_name == "string" and shape.enum:
        found.append(f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    elif is_plain(shape):
        what = "length" if shape.type_name == "string" else "value"
        if most is not None:
            found.append(f"Member must have {what} less than or equal to {most}")
        if least is not None:
            found.append(f"Member must have {what} greater than or equal to {least}")
        if shape.metadata.get("pattern"):
            found.append(f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}")
    return found + ["Member must not be null"]


def broken(shape, value):
    """Those of a plain value that it violates, in the order of a member's own."""
    least, most = bounds(shape)
    if shape.type_name == "string":
        if shape.enum:
            return [] if value in shape.enum else [f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"]
        found = []
        pattern = shape.metadata.get("pattern")
        if pattern and not matches(pattern, value):
            found.append(f"Member must satisfy regular expression pattern: {pattern}")
        measure, what = len(value), "length"
    else:
        found, measure, what = [], value, "value"
    if least is not None and measure < least:
        found.append(f"Member must have {what} greater than or equal to {least}")
    if most is not None and measure > most:
        found.append(f"Member must have {what} less than or equal to {most}")
    return found


def shown(value):
    """As Java prints it."""
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}={shown(item)}" for name, item in value.items()) + "}"
    return str(value)


class Table:
    def __init__(self, service):
        self.service = service
        self.client = boto3.client(
            service, region_name="us-east-1", aws_access_key_id=ACCOUNT, aws_secret_access_key="x",
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}))
        self.model = self.client.meta.service_model
        self.count, self.differ, self.above = 0, [], []

    def good(self, shape, depth=0):
        """The least that the model allows."""
        least = bounds(shape)[0] or 0
        kind = shape.type_name
        if kind == "structure":
            members = shape.required_members
            return {name: self.good(shape.members[name], depth + 1) for name in members}
        if kind == "list":
            # An empty structure is nothing at all in the Query protocol.
            first = self.good(shape.member, depth + 1)
            if first == {}:
                name, member = next(iter(shape.member.members.items()))
                first = {name: self.good(member, depth + 1)}
            return [first] * max(least, 1)
        if kind == "map":
            return {self.good(shape.key, depth + 1): self.good(shape.value, depth + 1)}
        if kind == "string":
            if shape.enum:
                return shape.enum[0]
            candidates = GOOD + ["a" * least]
            found = next((text for text in candidates if not broken(shape, text)), None)
            assert found is not None, f"nothing of GOOD is a {shape.name}: {shape.metadata}"
            return found
        if kind in ("integer", "long", "double", "float"):
            return max(least, 1)
        return {"boolean": True, "blob": b"{}", "timestamp": 1700000000}[kind]

    def bad(self, shape):
        """Values that violate one constraint each, where that can be."""
        kind = shape.type_name
        least, most = bounds(shape)
        if kind == "structure":
            for name, member in shape.members.items():
                whole = self.good(shape)
                if name in shape.required_members:
                    yield {other: value for other, value in whole.items() if other != name}
                if member.type_name == "structure" and member.name in self.above:
                    continue
                self.above.append(member.name)
                for value in self.bad(member):
                    yield {**whole, name: value}
                self.above.pop()
        elif kind == "list":
            item = self.good(shape)[0]
            if most is not None and most < 2000:
                yield [item] * (most + 1)
            if least:
                yield [item] * (least - 1)
            for value in self.bad(shape.member):
                yield [value] + [item] * (max(least or 1, 1) - 1)
        elif kind == "map":
            key, value = self.good(shape.key), self.good(shape.value)
            for other in self.bad(shape.key):
                yield {other: value}
            for other in self.bad(shape.value):
                yield {key: other}
            if least:
                yield {}
        elif kind == "string" and shape.name not in APART.get(self.service, ()):
            if shape.enum:
                yield "NoneOfThem"
                return
            sample = self.good(shape) or "a"
            if least:
                yield sample[:least - 1]
            if most is not None and most < 100_000:
                long = sample + sample[-1] * (most + 1 - len(sample))
                yield long
            pattern = shape.metadata.get("pattern")
            if pattern:
                yield from [text for text in BAD if not matches(pattern, text)][:1]
        elif kind in ("integer", "long", "double", "float"):
            if least is not None:
                yield least - 1
            if most is not None and most < 2**31 - 1:
                yield most + 1

    def violations(self, shape, value, path):
        kind = shape.type_name
        found = []

        def violated(constraint):
            text = "" if shape.metadata.get("sensitive") else f" '{shown(value)}'"
            found.append(f"Value{text} at '{path}' failed to satisfy constraint: {constraint}")

        if kind == "structure":
            for name, member in shape.members.items():
                below = f"{path}.{lower_first(name)}" if path else lower_first(name)
                if name not in value:
                    if name in shape.required_members:
                        found.append(f"Value null at '{below}' failed to satisfy constraint: Member must not be null")
                else:
                    found += self.violations(member, value[name], below)
        elif kind in ("list", "map"):
            least, most = bounds(shape)
            if least is not None and len(value) < least:
                violated(f"Member must have length greater than or equal to {least}")
            if most is not None and len(value) > most:
                violated(f"Member must have length less than or equal to {most}")
            if kind == "list" and shape.member.type_name == "structure":
                for index, item in enumerate(value):
                    found += self.violations(shape.member, item, f"{path}.{index + 1}.member")
            elif kind == "list":
                if is_plain(shape.member) and any(broken(shape.member, item) for item in value):
                    violated(f"Member must satisfy constraint: [{', '.join(constraints(shape.member))}]")
            else:
                if any(broken(shape.key, key) for key in value):
                    violated(f"Map keys must satisfy constraint: [{', '.join(constraints(shape.key))}]")
                if is_plain(shape.value) and any(broken(shape.value, item) for item in value.values()):
                    violated(f"Map value must satisfy constraint: [{', '.join(constraints(shape.value))}]")
        elif is_plain(shape):
            for constraint in broken(shape, value):
                violated(constraint)
        return found

    def check(self, operation, given):
        shape = self.model.operation_model(operation).input_shape
        expected = self.violations(shape, given, "")
        if not expected:
            return
        self.count += 1
        plural = "" if len(expected) == 1 else "s"
        message = f"{len(expected)} validation error{plural} detected: {'; '.join(expected)}"
        code, text = self.call(operation, given)
        found = f"{code}: {text}" if code else "accepted"
        wanted = f"{ERRORS[self.service]}: {message}"
        if found != wanted:
            self.differ.append(f"{operation} {shown(given)[:300]}\n  found  {found[:600]}\n  wanted {wanted[:600]}")

    def inputs(self, operation):
        """Bad inputs that reach the engine: what stands in the path must be there, what is empty in a query is not, and
        a body that is a blob has no members."""
        shape = self.model.operation_model(operation).input_shape
        if shape is None:
            return
        members = shape.members.items()
        in_url = [name for name, member in members if member.serialization.get("location") in ("uri", "querystring")]
        in_path = [name for name, member in members if member.serialization.get("location") == "uri"]
        payload = shape.serialization.get("payload")
        for given in self.bad(shape):
            empty = any(given.get(name) in ("", [""]) for name in in_url)
            is_sent = all(name in given for name in in_path) and not empty
            if is_sent and (payload is None or payload in given or payload not in shape.required_members):
                yield given

    def call(self, operation, given):
        method = {name: python for python, name in self.client.meta.method_to_api_mapping.items()}[operation]
        try:
            getattr(self.client, method)(**copy.deepcopy(given))
            return None, ""
        except ClientError as error:
            return error.response["Error"]["Code"], error.response["Error"].get("Message", "")

    def check_served(self, operation, reasons):
        """An answer or an error of the model; or a refusal with the operation's name and the reason."""
        model = self.model.operation_model(operation)
        code, message = self.call(operation, self.good(model.input_shape) if model.input_shape else {})
        reason = next((reason for part, reason in reasons.items() if part in operation), None)
        if reason is not None:
            fits = code == "UnsupportedOperationException" and f"`{operation}`" in message and reason in message
        else:
            known = {name for shape in model.error_shapes for name in (shape.name, shape.error_code)}
            known |= {OLDER_CODES[name] for name in known & OLDER_CODES.keys()}
            fits = code is None or code in known | COMMON_ERRORS or (operation, code) in MORE_ERRORS
        if not fits:
            self.differ.append(f"{operation} {code}: {message[:300]}")

    def check_missing(self, operation):
        """SQS, whose model has no other constraints, names what is missing in words of its own."""
        shape = self.model.operation_model(operation).input_shape
        url = self.client.create_queue(QueueName="there")["QueueUrl"]
        for name in shape.required_members:
            self.count += 1
            given = {other: value for other, value in self.good(shape).items() if other != name}
            given |= {member: value for member, value in (("QueueUrl", url), ("AWSAccountIds", [ACCOUNT])) if member in given}
            found = self.call(operation, given)
            # A batch without entries is an empty one.
            if name == "Entries" and found[0] == "AWS.SimpleQueueService.EmptyBatchRequest":
                continue
            if found != ("MissingParameter", f"The request must contain the parameter {QUERY_NAMES.get(name, name)}."):
                self.differ.append(f"{operation} without {name}: {found}")

    def run(self, operations, reasons):
        for operation in operations:
            self.check_served(operation, reasons)
            if self.service == "sqs":
                self.check_missing(operation)
        for operation in operations:
            if self.service in ERRORS and not any(part in operation for part in reasons):
                for given in self.inputs(operation):
                    self.check(operation, given)


# Those that each operation of a service may answer with.
COMMON_ERRORS = {"ValidationException", "ValidationError", "InvalidParameterValueException", "InvalidParameterValue"}
# SQS says what is missing with the names of the Query protocol.
QUERY_NAMES = {"AWSAccountIds": "AWSAccountId", "Attributes": "Attribute.Name"}
# As the Query protocol has them, by which clients go on to call them.
OLDER_CODES = {"QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue"}
# What the model forgot.
MORE_ERRORS = {("DeleteAlias", "ResourceNotFoundException")}
# What is refused by name, and why.
REFUSED = {
    "lambda": {
        "DurableExecution": "durable executions need a service of checkpoints",
        "CapacityProvider": "capacity providers are EC2 instances",
        "ResourcePolicy": "AddPermission",
    },
}
# All of a service, unless it is said here.
SERVED = {
    "logs": """CreateLogGroup DeleteLogGroup DescribeLogGroups CreateLogStream DeleteLogStream DescribeLogStreams PutLogEvents
        GetLogEvents FilterLogEvents PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource ListTagsForResource
        TagLogGroup UntagLogGroup ListTagsLogGroup""",
    "iam": """CreateRole GetRole ListRoles UpdateRole UpdateRoleDescription DeleteRole UpdateAssumeRolePolicy TagRole UntagRole
        ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary CreatePolicy GetPolicy ListPolicies DeletePolicy
        CreatePolicyVersion GetPolicyVersion ListPolicyVersions DeletePolicyVersion SetDefaultPolicyVersion TagPolicy
        UntagPolicy ListPolicyTags AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies ListEntitiesForPolicy
        PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy GetUser ListInstanceProfilesForRole""",
    "sts": "AssumeRole GetCallerIdentity GetSessionToken GetAccessKeyInfo",
    "application-autoscaling": """DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget DescribeScalableTargets
        DescribeScalingActivities DescribeScalingPolicies DescribeScheduledActions ListTagsForResource PutScalingPolicy
        PutScheduledAction RegisterScalableTarget TagResource UntagResource""",
}


def main():
    differ = []
    for service in sys.argv[1:]:
        table = Table(service)
        served = SERVED.get(service, " ".join(table.model.operation_names)).split()
        table.run(served, REFUSED.get(service, {}))
        print(f"{service}: {len(served)} operations, {table.count} bad inputs", file=sys.stderr)
        differ += table.differ
        if not table.differ:
            print("ok", service)
    print("\n".join(differ))
    sys.exit(bool(differ))


main()
