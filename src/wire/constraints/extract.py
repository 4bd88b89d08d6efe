#!/usr/bin/env python3
"""Writes the constraints of AWS's service models, as botocore has them, into the text files beside this script.

    python3 src/wire/constraints/extract.py

What the lines mean is in `table.rs`. Names, ranges and patterns are kept, nothing else.
"""

import glob
import gzip
import json
import os

import botocore

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.path.dirname(botocore.__file__), "data")

LAMBDA_OUT_OF_SCOPE = ("DurableExecution", "CapacityProvider")
LOGS = """
CreateLogGroup DeleteLogGroup DescribeLogGroups CreateLogStream DeleteLogStream DescribeLogStreams PutLogEvents
GetLogEvents FilterLogEvents StartLiveTail PutRetentionPolicy DeleteRetentionPolicy TagResource UntagResource ListTagsForResource
TagLogGroup UntagLogGroup ListTagsLogGroup
"""
IAM = """
CreateRole GetRole ListRoles UpdateRole UpdateRoleDescription DeleteRole UpdateAssumeRolePolicy TagRole UntagRole
ListRoleTags PutRolePermissionsBoundary DeleteRolePermissionsBoundary CreatePolicy GetPolicy ListPolicies DeletePolicy
CreatePolicyVersion GetPolicyVersion ListPolicyVersions DeletePolicyVersion SetDefaultPolicyVersion TagPolicy
UntagPolicy ListPolicyTags AttachRolePolicy DetachRolePolicy ListAttachedRolePolicies ListEntitiesForPolicy
PutRolePolicy GetRolePolicy ListRolePolicies DeleteRolePolicy GetUser ListInstanceProfilesForRole
"""
AUTOSCALING = """
RegisterScalableTarget DeregisterScalableTarget DescribeScalableTargets PutScalingPolicy DeleteScalingPolicy
DescribeScalingPolicies DescribeScalingActivities PutScheduledAction DeleteScheduledAction DescribeScheduledActions
TagResource UntagResource ListTagsForResource
"""
STS = "AssumeRole GetCallerIdentity GetSessionToken GetAccessKeyInfo"

SCALARS = {"integer": "integer", "long": "integer", "double": "float", "float": "float", "boolean": "boolean",
           "timestamp": "timestamp", "blob": "blob", "string": "string"}


def model(service):
    path = sorted(glob.glob(os.path.join(DATA, service, "*", "service-2.json.gz")))[-1]
    with gzip.open(path) as file:
        return json.load(file)


class Extract:
    def __init__(self, service, operations):
        self.model = model(service)
        self.operations = sorted(operations or self.model["operations"])
        self.lines = {}
        self.seen = set()

    def bounds(self, shape):
        low, high = shape.get("min"), shape.get("max")
        return f" {'' if low is None else low}..{'' if high is None else high}" if (low, high) != (None, None) else ""

    def name(self, name):
        """The shape's name in the file: that of its type when it has no constraints."""
        shape = self.model["shapes"][name]
        kind = shape["type"]
        mark = "*" if shape.get("sensitive") else ""
        if kind == "structure":
            self.add(name, lambda: "structure" + mark + f" {name}" + self.members(shape))
            return name
        if kind == "list":
            self.add(name, lambda: f"list{mark} {name}{self.bounds(shape)} {self.name(shape['member']['shape'])}")
            return name
        if kind == "map":
            key, value = shape["key"]["shape"], shape["value"]["shape"]
            self.add(name, lambda: f"map{mark} {name}{self.bounds(shape)} {self.name(key)} {self.name(value)}")
            return name
        if name == "Runtime":
            return "string"  # refused with another error and the hint that an ARN would do
        if "enum" in shape:
            self.add(name, lambda: f"enum {name} " + " ".join(shape["enum"]))
            return name
        if kind in ("blob", "boolean", "timestamp") or not ({"min", "max", "pattern"} & shape.keys()):
            return SCALARS[kind]
        pattern = shape.get("pattern")
        if pattern and ("(?!(" in pattern or "(?=" in pattern):
            # Of a document database's collections and of event buses, to which nothing leads here; and of names of
            # scheduled actions, which the engine reads by itself.
            pattern = None
        tail = f" /{pattern}" if pattern else ""
        self.add(name, lambda: f"{SCALARS[kind]}{mark} {name}{self.bounds(shape)}{tail}")
        return name

    def add(self, name, line):
        if name not in self.seen:
            self.seen.add(name)
            self.lines[name] = line()

    def members(self, shape):
        text = ""
        for name, member in shape.get("members", {}).items():
            needed = "!" if name in shape.get("required", []) else ""
            place = {"uri": "@uri", "querystring": "@query", "header": "@header"}.get(member.get("location"), "")
            if place in ("@query", "@header"):
                place += ":" + member["locationName"]
            text += f" {name}{needed}{place}={self.name(member['shape'])}"
        return text

    def write(self, file):
        inputs = []
        for operation in self.operations:
            shape = self.model["operations"][operation].get("input")
            members = self.members(self.model["shapes"][shape["shape"]]) if shape else ""
            inputs.append(f"input {operation}{members}")
        with open(os.path.join(HERE, file), "w") as out:
            out.write(f"# Written by extract.py from {self.model['metadata']['uid']}.\n")
            for line in inputs + [self.lines[name] for name in sorted(self.lines)]:
                out.write(line + "\n")


in_scope = [name for name in model("lambda")["operations"] if not any(word in name for word in LAMBDA_OUT_OF_SCOPE)]
Extract("lambda", in_scope).write("lambda.txt")
Extract("logs", LOGS.split()).write("logs.txt")
Extract("iam", IAM.split()).write("iam.txt")
Extract("sts", STS.split()).write("sts.txt")
Extract("scheduler", None).write("scheduler.txt")
Extract("application-autoscaling", AUTOSCALING.split()).write("autoscaling.txt")
