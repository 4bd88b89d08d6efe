"""A consumer as Powertools' documentation has it: what fails in a batch comes back, the rest is done."""

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)

STANDARD = BatchProcessor(event_type=EventType.SQS)
ORDERED = SqsFifoPartialProcessor()


def handle(record):
    if record.body.startswith("poison"):
        raise ValueError(record.body)
    print("handled", record.body)


def handler(event, context):
    is_fifo = event["Records"][0]["eventSourceARN"].endswith(".fifo")
    processor = ORDERED if is_fifo else STANDARD
    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
