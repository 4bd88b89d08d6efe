// sqs-consumer, unchanged: it handles batches in parallel, deletes what was handled, and leaves what was not to come back
// and end in the dead-letter queue.
"use strict";

const assert = require("node:assert/strict");
const { SQSClient, CreateQueueCommand, GetQueueAttributesCommand, SendMessageBatchCommand } = require("@aws-sdk/client-sqs");
const { Consumer } = require("sqs-consumer");

const MESSAGES = 30;
const POISON = "7";

const sqs = new SQSClient({});

async function attributesOf(url) {
  return (await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] }))).Attributes;
}

(async () => {
  const { QueueUrl: dead } = await sqs.send(new CreateQueueCommand({ QueueName: "dead" }));
  const redrive = { deadLetterTargetArn: (await attributesOf(dead)).QueueArn, maxReceiveCount: 2 };
  const { QueueUrl: jobs } = await sqs.send(
    new CreateQueueCommand({ QueueName: "jobs", Attributes: { RedrivePolicy: JSON.stringify(redrive) } }),
  );
  for (let first = 0; first < MESSAGES; first += 10) {
    const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: `${index}`, MessageBody: `${first + index}` }));
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: jobs, Entries }));
  }

  const handled = new Map();
  const buried = new Promise((resolve) => {
    Consumer.create({
      queueUrl: dead,
      sqs,
      waitTimeSeconds: 20,
      handleMessage: async (message) => resolve(message.Body),
    }).start();
  });
  const consumer = Consumer.create({
    queueUrl: jobs,
    sqs,
    batchSize: 10,
    waitTimeSeconds: 20,
    terminateVisibilityTimeout: true,
    attributeNames: ["ApproximateReceiveCount"],
    handleMessage: async (message) => {
      handled.set(message.Body, Number(message.Attributes.ApproximateReceiveCount));
      if (message.Body === POISON) throw new Error("this one never works");
      return message;
    },
  });
  // Stopping aborts the poll that waits, and that is told as an error too.
  consumer.on("error", (error) => assert.ok(!consumer.status.isRunning, error));
  consumer.on("processing_error", () => {});
  consumer.start();

  assert.equal(await buried, POISON);
  console.log("ok dead-letter");
  while (handled.size < MESSAGES) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const [body, times] of handled) assert.equal(times, body === POISON ? 2 : 1, `${body} was received ${times} times`);
  console.log("ok handled-once");
  const stopped = new Promise((resolve) => consumer.once("stopped", resolve));
  consumer.stop({ abort: true });
  await stopped;
  const left = await attributesOf(jobs);
  assert.deepEqual([left.ApproximateNumberOfMessages, left.ApproximateNumberOfMessagesNotVisible], ["0", "0"]);
  console.log("ok empty");
  process.exit(0);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
