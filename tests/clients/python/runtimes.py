"""Functions on AWS's own runtime clients through boto3: runtimes.py CLIENTS, a JSON array of `name`, `bootstrap`, `file`, `handler`
and `streams`.

Each streams its pieces to InvokeWithResponseStream as they come, where it can stream; each is cut off at its timeout, and
the next invocation is answered. Prints `ok NAME` for each client and stops at the first that differs.
"""

import base64
import concurrent.futures
import io
import json
import sys
import time
import zipfile

import boto3

PAUSE_MS = 300
# Enough for Java to begin and to answer, on a machine that does much else.
TIMEOUT_S = 20
PIECES = b"piece 0\npiece 1\npiece 2\n"
CONTEXT = base64.b64encode(b'{"custom": {"a": "b"}}').decode()

functions = boto3.client("lambda")


def package(client):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, text, mode in [("bootstrap", client["bootstrap"], 0o755), *([(*client["file"], 0o644)] if client["file"] else [])]:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, text)
    return written.getvalue()


def create(client, suffix, handler, timeout):
    name = f"{client['name']}-{suffix}"
    functions.create_function(
        FunctionName=name, Runtime="provided.al2023", Handler=handler, Role="arn:aws:iam::000000000000:role/any",
        Code={"ZipFile": package(client)}, MemorySize=512, Timeout=timeout)
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    return name


def check_pieces(client):
    name = create(client, "streams", client["streams"], 30)
    event = {"do": "stream", "pieces": 3, "pauseMs": PAUSE_MS}
    answer = functions.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(event))
    text, times, complete = b"", {}, None
    for part in answer["EventStream"]:
        if "PayloadChunk" in part:
            text += part["PayloadChunk"]["Payload"]
            for piece in PIECES.splitlines():
                if piece in text:
                    times.setdefault(piece, time.monotonic())
        else:
            complete = part["InvokeComplete"]
    # What stands before them is for a function URL.
    assert text.endswith(PIECES), text
    assert complete is not None and "ErrorCode" not in complete, complete
    first, second, third = times.values()
    # Two pauses lie between, and not all at the end.
    assert third - first > PAUSE_MS / 1000 and second - first > PAUSE_MS / 2000, times


def check_timeout(client):
    name = create(client, "hangs", client["handler"], TIMEOUT_S)

    def invoke(event):
        return functions.invoke(FunctionName=name, Payload=json.dumps(event), ClientContext=CONTEXT)

    for event, expected in (("answer", None), ("hang", "Unhandled"), ("answer", None)):
        answer = invoke({"do": event})
        document = json.load(answer["Payload"])
        assert answer.get("FunctionError") == expected, document
        if expected:
            assert document["errorType"] == "Sandbox.Timedout", document
            request = answer["ResponseMetadata"]["RequestId"]
            assert document["errorMessage"] == f"RequestId: {request} Error: Task timed out after {TIMEOUT_S}.00 seconds", document
        else:
            assert document["event"] == {"do": "answer"}, document


clients = json.loads(sys.argv[1])
for client in clients:
    if client["streams"]:
        check_pieces(client)
# Together, because they are waited for.
with concurrent.futures.ThreadPoolExecutor(len(clients)) as threads:
    for client, _ in zip(clients, threads.map(check_timeout, clients)):
        print("ok", client["name"], flush=True)
