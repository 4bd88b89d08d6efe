"""Streamed responses through boto3: streams.py FOLDER, the folder of the functions in `tests/clients/streaming`.

Endpoint, region and credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first
that fails.
"""

import base64
import io
import json
import sys
import time
import zipfile

import boto3

ROLE = "arn:aws:iam::000000000000:role/any"
functions = boto3.client("lambda")
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def create(name):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(f"{sys.argv[1]}/index.js", "index.js")
    functions.create_function(
        FunctionName=name,
        Runtime="nodejs22.x",
        Handler=f"index.{name}",
        Role=ROLE,
        Timeout=3,
        Code={"ZipFile": zipped.getvalue()},
    )


def stream(name, event, **more):
    answer = functions.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event), **more)
    same((answer["StatusCode"], answer["ExecutedVersion"]), (200, "$LATEST"))
    same(answer["ResponseStreamContentType"], "application/vnd.amazon.eventstream")
    pieces, end = [], None
    for part in answer["EventStream"]:
        assert end is None, "nothing comes after the end"
        if "PayloadChunk" in part:
            pieces.append((part["PayloadChunk"]["Payload"], time.monotonic()))
        else:
            end = part["InvokeComplete"]
    return pieces, end


def text(pieces):
    return b"".join(piece for piece, _ in pieces).decode()


@check
def pieces_as_they_come():
    create("stream")
    pieces, end = stream("stream", {"pauseMs": 300}, LogType="Tail")
    same(text(pieces), "one two three")
    same(len(pieces), 3)
    assert pieces[2][1] - pieces[0][1] > 0.3, "the first was passed on before the last was written"
    log = base64.b64decode(end.pop("LogResult")).decode()
    assert "streams for" in log and "REPORT RequestId" in log, log
    same(end, {})


@check
def errors_in_the_middle():
    pieces, end = stream("stream", {"fail": "on purpose"})
    same((text(pieces), end["ErrorCode"]), ("one two three", "Unhandled"))
    same({key: json.loads(end["ErrorDetails"])[key] for key in ("errorType", "errorMessage")},
         {"errorType": "TypeError", "errorMessage": "on purpose"})
    pieces, end = stream("stream", {"hang": True})
    same(text(pieces), "one two three")
    assert "Task timed out after 3.00 seconds" in end["ErrorDetails"], end
    pieces, end = stream("stream", {"exit": True, "pauseMs": 10})
    same(text(pieces), "one two three")
    assert "Runtime.ExitError" in end["ErrorDetails"], end
    same(text(stream("stream", {})[0]), "one two three")


@check
def larger_than_a_buffered_response():
    pieces, end = stream("stream", {"pieces": ["x"] * 7, "bytes": 1_000_000})
    same((len(text(pieces)), end), (7_000_000, {}))
    whole = functions.invoke(FunctionName="stream", Payload=json.dumps({"pieces": ["x"] * 7, "bytes": 1_000_000}))
    same(whole["FunctionError"], "Unhandled")
    assert b"Function.ResponseSizeTooLarge" in whole["Payload"].read()


@check
def whole_responses():
    create("plain")
    pieces, end = stream("plain", {"n": 1})
    same((json.loads(text(pieces)), end), ({"event": {"n": 1}}, {}))
    pieces, end = stream("plain", {"fail": "on purpose"})
    same((pieces, end["ErrorCode"]), ([], "Unhandled"))
    answer = functions.invoke(FunctionName="stream", Payload=b"{}")
    same(answer["Payload"].read(), b"one two three")
    same(functions.invoke_with_response_stream(FunctionName="plain", InvocationType="DryRun")["StatusCode"], 204)
    try:
        functions.invoke_with_response_stream(FunctionName="missing")
    except functions.exceptions.ResourceNotFoundException as error:
        same(error.response["ResponseMetadata"]["HTTPStatusCode"], 404)
    else:
        raise AssertionError("an unknown function was not refused")


for one in CHECKS:
    one()
    print(f"ok {one.__name__.replace('_', '-')}", flush=True)
