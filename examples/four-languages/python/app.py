"""Prints each word that it is given."""


def handler(event, context):
    for record in event["Records"]:
        print(f"Python says {record['body']}")
