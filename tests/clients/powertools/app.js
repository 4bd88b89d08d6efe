// A consumer as Powertools' documentation has it: what fails in a batch comes back, the rest is done.
"use strict";

const {
  BatchProcessor,
  EventType,
  SqsFifoPartialProcessor,
  processPartialResponse,
  processPartialResponseSync,
} = require("@aws-lambda-powertools/batch");

const standard = new BatchProcessor(EventType.SQS);
const ordered = new SqsFifoPartialProcessor();

function handle(record) {
  const isFirstTry = record.attributes.ApproximateReceiveCount === "1";
  if (record.body === "poison" || (record.body.endsWith("flaky") && isFirstTry)) throw new Error(record.body);
  console.log("handled", record.body);
}

exports.handler = async (event, context) =>
  event.Records[0].eventSourceARN.endsWith(".fifo")
    ? processPartialResponseSync(event, handle, ordered, { context })
    : processPartialResponse(event, async (record) => handle(record), standard, { context });
