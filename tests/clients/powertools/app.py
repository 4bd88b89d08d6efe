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
    is_first_try = record.attributes.approximate_receive_count == "1"
    if record.body == "poison" or (record.body.endswith("flaky") and is_first_try):
        raise ValueError(record.body)
    print("handled", record.body)


def handler(event, context):
    is_fifo = event["Records"][0]["eventSourceARN"].endswith(".fifo")
    processor = ORDERED if is_fifo else STANDARD
    return process_partial_response(event=event, record_handler=handle, processor=processor, context=context)
