"""Works for as long as its event says, and says in which kind of environment it did."""

import json
import os
import time


def handler(event, context):
    for job in jobs(event):
        time.sleep(job.get("seconds", 1))
    kind = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
    print(f"done in an environment of the kind {kind}, version {context.function_version}")
    return {"kind": kind, "version": context.function_version}


def jobs(event):
    if "Records" not in event:
        return [event]
    return [json.loads(record["body"]) for record in event["Records"]]
