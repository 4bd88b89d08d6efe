"""Greets whoever a message names. A message without a name fails alone: the others of its batch are done."""

import json
import os


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            print(greeting(record["body"]))
        except (ValueError, KeyError) as error:
            print(f"cannot greet {record['messageId']}: {error!r}")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def greeting(body):
    return f"{os.environ['GREETING']}, {json.loads(body)['name']}!"
