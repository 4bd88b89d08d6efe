"""A function on AWS's own runtime for Python: answers, fails and hangs as its event asks, and says goodbye when its environment ends."""
import os
import signal
import sys
import time


class OutOfStock(Exception):
    pass


def goodbye(*_):
    print("goodbye", flush=True)
    sys.exit(0)


if os.environ.get("GOODBYE"):
    import lambda_sigterm

    lambda_sigterm.register()
    signal.signal(signal.SIGTERM, goodbye)


def handler(event, context):
    if event["do"] == "fail":
        raise OutOfStock("nothing is left")
    if event["do"] == "hang":
        time.sleep(60)
    print("printed")
    return {
        "event": event, "request": context.aws_request_id, "deadline": context.get_remaining_time_in_millis() > 1000,
        "arn": context.invoked_function_arn, "trace": os.environ["_X_AMZN_TRACE_ID"], "client": context.client_context.custom,
        "identity": context.identity.cognito_identity_id, "function": context.function_name,
        "memory": context.memory_limit_in_mb, "version": context.function_version, "group": context.log_group_name,
    }
