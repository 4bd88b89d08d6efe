"""What the clients of Lambda deploy: answers, fails when asked to, and prints what a queue sends."""


def handler(event, context):
    for record in event.get("Records", []):
        print("received", record["body"])
    if "fail" in event:
        raise ValueError(event["fail"])
    return {"hello": event.get("name"), "function": context.function_name}
