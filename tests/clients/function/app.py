"""What the clients of Lambda deploy: answers, waits or fails when asked to, and prints what a queue sends."""

import time


def handler(event, context):
    for record in event.get("Records", []):
        print("received", record["body"])
    time.sleep(event.get("sleep", 0))
    if "fail" in event:
        raise ValueError(event["fail"])
    return {"hello": event.get("name"), "function": context.function_name}
