#!/usr/bin/env python3
"""Measures the control plane: how long a call takes with many functions there, and a small stack by its API calls.

    python3 benches/control_plane.py target/release/stackctl

Prints medians and 99th percentiles. One client, one connection, one call after the other: the client's own share, which is
Python's, is in the figures.
"""

import argparse
import json
import pathlib
import statistics
import time
import urllib.parse

from serving import ROLE, Engine, package

FUNCTIONS = 500
ROUNDS = 300
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class Measured(Engine):
    """An engine whose control plane is called."""

    def create_function(self, name, code):
        body = {"FunctionName": name, "Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": code}
        self.ask("POST", "/2015-03-31/functions", json.dumps(body))

    def create_queue(self, name):
        headers = {"X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": "application/x-amz-json-1.0"}
        self.ask("POST", "/", json.dumps({"QueueName": name}), headers)

    def iam(self, **parameters):
        form = urllib.parse.urlencode({"Version": "2010-05-08", **parameters})
        self.ask("POST", "/", form, {"Content-Type": "application/x-www-form-urlencoded"})


def small_stack(program, code):
    with Measured(program) as engine:
        started = time.perf_counter()
        for number in range(100):
            engine.create_queue(f"q{number}")
        for number in range(20):
            engine.create_function(f"f{number}", code)
        return (time.perf_counter() - started) * 1000


def calls(program, code):
    with Measured(program) as engine:
        for number in range(FUNCTIONS):
            engine.create_function(f"f{number:03}", code)
        engine.iam(Action="CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
        count = iter(range(10**9))

        def permit():
            name, statement = f"f{next(count) % FUNCTIONS:03}", f"s{next(count)}"
            body = {"StatementId": statement, "Action": "lambda:InvokeFunction", "Principal": "*"}
            engine.ask("POST", f"/2015-03-31/functions/{name}/policy", json.dumps(body))

        table = {
            "GetFunctionConfiguration": lambda: engine.ask("GET", "/2015-03-31/functions/f250/configuration"),
            "ListFunctions": lambda: engine.ask("GET", "/2015-03-31/functions?Marker=f250"),
            "UpdateFunctionConfiguration": lambda: engine.ask(
                "PUT", "/2015-03-31/functions/f250/configuration", json.dumps({"Timeout": 1 + next(count) % 900})
            ),
            "AddPermission": permit,
            "CreateFunction": lambda: engine.create_function(f"g{next(count)}", code),
            "GetRole": lambda: engine.iam(Action="GetRole", RoleName="r"),
            "CreateQueue": lambda: engine.create_queue(f"q{next(count)}"),
        }
        for name, call in table.items():
            taken = []
            for _ in range(ROUNDS):
                started = time.perf_counter()
                call()
                taken.append((time.perf_counter() - started) * 1000)
            taken.sort()
            print(f"| `{name}` | {statistics.median(taken):.2f} ms | {taken[int(ROUNDS * 0.99)]:.2f} ms |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    program = str(parser.parse_args().program.resolve())
    code = package("app.py", "def handler(event, context):\n    return event\n")
    small = sorted(small_stack(program, code) for _ in range(5))
    print(f"100 queues and 20 functions: {small[2]:.0f} ms, the median of five ({small[0]:.0f} to {small[4]:.0f})\n")
    print(f"| call, with {FUNCTIONS} functions there | median | 99th |\n| --- | --- | --- |")
    calls(program, code)


main()
