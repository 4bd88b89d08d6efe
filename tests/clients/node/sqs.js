// SQS through the AWS SDK for JavaScript, which verifies the MD5 of every message itself. Endpoint, region and credentials
// come from the environment alone. Prints `ok NAME` for each check and stops at the first that fails.
"use strict";

const assert = require("node:assert/strict");
const {
  BatchEntryIdsNotDistinct,
  EmptyBatchRequest,
  InvalidMessageContents,
  paginateListQueues,
  PurgeQueueInProgress,
  QueueDeletedRecently,
  QueueDoesNotExist,
  QueueNameExists,
  ReceiptHandleIsInvalid,
  ResourceNotFoundException,
  SQS,
  SQSServiceException,
  TooManyEntriesInBatchRequest,
  UnsupportedOperation,
} = require("@aws-sdk/client-sqs");

const sqs = new SQS({ maxAttempts: 1 });

async function queue(name, attributes = {}) {
  return (await sqs.createQueue({ QueueName: name, Attributes: attributes })).QueueUrl;
}

async function attributesOf(url, ...names) {
  const wanted = names.length > 0 ? names : ["All"];
  return (await sqs.getQueueAttributes({ QueueUrl: url, AttributeNames: wanted })).Attributes ?? {};
}

async function arnOf(url) {
  return (await attributesOf(url, "QueueArn")).QueueArn;
}

async function receive(url, more = {}) {
  const wanted = { QueueUrl: url, WaitTimeSeconds: 2, MaxNumberOfMessages: 10, ...more };
  return (await sqs.receiveMessage(wanted)).Messages ?? [];
}

const bodies = (messages) => messages.map((message) => message.Body);

async function refused(errorClass, call, name) {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof errorClass, `${error.name} is no ${errorClass.name}`);
    if (name) assert.equal(error.name, name);
    return true;
  });
}

const checks = {
  async queues() {
    const created = await sqs.createQueue({
      QueueName: "jobs",
      Attributes: { DelaySeconds: "0" },
      tags: { team: "a" },
    });
    const url = created.QueueUrl;
    assert.deepEqual(url.split("/").slice(-2), ["000000000000", "jobs"]);
    assert.equal((await sqs.getQueueUrl({ QueueName: "jobs" })).QueueUrl, url);
    assert.equal(await queue("jobs", { DelaySeconds: "0" }), url);
    assert.deepEqual((await sqs.listQueues({ QueueNamePrefix: "jo" })).QueueUrls, [url]);
    assert.equal((await sqs.listQueues({ QueueNamePrefix: "none" })).QueueUrls, undefined);
    await refused(QueueNameExists, () => queue("jobs", { DelaySeconds: "7" }));
    await sqs.deleteQueue({ QueueUrl: await queue("short-lived") });
    await refused(QueueDoesNotExist, () => sqs.getQueueUrl({ QueueName: "short-lived" }));
    await refused(QueueDeletedRecently, () => queue("short-lived"));
  },

  async attributes() {
    const url = await queue("attributes", { VisibilityTimeout: "45" });
    const all = await attributesOf(url);
    assert.equal(all.VisibilityTimeout, "45");
    assert.equal(all.ApproximateNumberOfMessages, "0");
    const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: "*", Action: "sqs:SendMessage", Resource: all.QueueArn }] };
    await sqs.setQueueAttributes({ QueueUrl: url, Attributes: { VisibilityTimeout: "46", Policy: JSON.stringify(policy) } });
    const some = await attributesOf(url, "VisibilityTimeout", "Policy");
    assert.equal(some.VisibilityTimeout, "46");
    assert.equal(JSON.parse(some.Policy).Statement[0].Action, "sqs:SendMessage");
  },

  async tags() {
    const url = await queue("tags");
    await sqs.tagQueue({ QueueUrl: url, Tags: { team: "a", "cost centre": "7" } });
    await sqs.untagQueue({ QueueUrl: url, TagKeys: ["team"] });
    assert.deepEqual((await sqs.listQueueTags({ QueueUrl: url })).Tags, { "cost centre": "7" });
  },

  async messages() {
    const url = await queue("messages");
    const body = 'Grüße, 世界 😀 <&> "quoted"\ttab\r\nlines';
    const sent = await sqs.sendMessage({
      QueueUrl: url,
      MessageBody: body,
      MessageAttributes: {
        kind: { DataType: "String", StringValue: "order" },
        amount: { DataType: "Number.int", StringValue: "12" },
        raw: { DataType: "Binary", BinaryValue: Uint8Array.from([0, 1, 254, 255]) },
      },
    });
    const [message] = await receive(url, { MessageAttributeNames: ["All"], MessageSystemAttributeNames: ["All"] });
    assert.equal(message.MessageId, sent.MessageId);
    assert.equal(message.Body, body);
    assert.equal(message.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
    assert.equal(message.MessageAttributes.amount.StringValue, "12");
    assert.deepEqual([...message.MessageAttributes.raw.BinaryValue], [0, 1, 254, 255]);
    assert.equal(message.Attributes.ApproximateReceiveCount, "1");
    await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle });
    assert.equal((await attributesOf(url)).ApproximateNumberOfMessagesNotVisible, "0");
  },

  async batches() {
    const url = await queue("batches");
    const sent = await sqs.sendMessageBatch({
      QueueUrl: url,
      Entries: [
        { Id: "good", MessageBody: "fine" },
        { Id: "bad", MessageBody: "delayed", DelaySeconds: 901 },
      ],
    });
    assert.deepEqual(sent.Successful.map((entry) => entry.Id), ["good"]);
    assert.equal(sent.Failed.length, 1);
    assert.equal(sent.Failed[0].Code, "InvalidParameterValue");
    assert.equal(sent.Failed[0].SenderFault, true);
    const [message] = await receive(url);
    const entries = [
      { Id: "good", ReceiptHandle: message.ReceiptHandle },
      { Id: "bad", ReceiptHandle: "no handle" },
    ];
    const changed = await sqs.changeMessageVisibilityBatch({
      QueueUrl: url,
      Entries: entries.map((entry) => ({ ...entry, VisibilityTimeout: 60 })),
    });
    const deleted = await sqs.deleteMessageBatch({ QueueUrl: url, Entries: entries });
    for (const result of [changed, deleted]) {
      assert.deepEqual(result.Successful.map((entry) => entry.Id), ["good"]);
      assert.equal(result.Failed[0].Code, "ReceiptHandleIsInvalid");
    }
  },

  async "long-poll"() {
    const url = await queue("long-poll", { ReceiveMessageWaitTimeSeconds: "20" });
    const received = sqs.receiveMessage({ QueueUrl: url });
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "awaited" });
    assert.deepEqual(bodies((await received).Messages), ["awaited"]);
    // A poll that its client gives up takes no message with it.
    const gone = new AbortController();
    const givenUp = sqs.receiveMessage({ QueueUrl: url }, { abortSignal: gone.signal });
    setTimeout(() => gone.abort(), 200);
    await assert.rejects(givenUp, { name: "AbortError" });
    // That it was given up takes its way to the other end, and a send on another connection might overtake it.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "still there" });
    assert.deepEqual(bodies(await receive(url)), ["still there"]);
  },

  async visibility() {
    const url = await queue("visibility", { VisibilityTimeout: "600" });
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "again" });
    const [first] = await receive(url);
    assert.deepEqual(await receive(url, { WaitTimeSeconds: 0 }), []);
    await sqs.changeMessageVisibility({ QueueUrl: url, ReceiptHandle: first.ReceiptHandle, VisibilityTimeout: 0 });
    const [second] = await receive(url, { MessageSystemAttributeNames: ["ApproximateReceiveCount"] });
    assert.deepEqual(second.Attributes, { ApproximateReceiveCount: "2" });
  },

  async fifo() {
    const url = await queue("ordered.fifo", { FifoQueue: "true", ContentBasedDeduplication: "true" });
    const numbers = [];
    for (const body of ["1", "2", "3"]) {
      const sent = await sqs.sendMessage({ QueueUrl: url, MessageBody: body, MessageGroupId: "a" });
      numbers.push(BigInt(sent.SequenceNumber));
    }
    assert.ok(numbers[0] < numbers[1] && numbers[1] < numbers[2]);
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "1", MessageGroupId: "a" });
    const [first] = await receive(url, { MaxNumberOfMessages: 1 });
    assert.equal(first.Body, "1");
    assert.deepEqual(await receive(url, { WaitTimeSeconds: 0 }), []);
    await sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: first.ReceiptHandle });
    assert.deepEqual(bodies(await receive(url)), ["2", "3"]);
  },

  async "dead-letters"() {
    const dead = await queue("dead");
    const redrive = JSON.stringify({ deadLetterTargetArn: await arnOf(dead), maxReceiveCount: 1 });
    const url = await queue("source", { RedrivePolicy: redrive, VisibilityTimeout: "0" });
    assert.deepEqual((await sqs.listDeadLetterSourceQueues({ QueueUrl: dead })).queueUrls, [url]);
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "poison" });
    assert.deepEqual(bodies(await receive(url)), ["poison"]);
    assert.deepEqual(await receive(url, { WaitTimeSeconds: 0 }), []);
    const [message] = await receive(dead, { MessageSystemAttributeNames: ["All"], VisibilityTimeout: 0 });
    assert.equal(message.Attributes.DeadLetterQueueSourceArn, await arnOf(url));
  },

  // Goes on with what `dead-letters` left.
  async "move-tasks"() {
    const [dead, source] = [await queue("dead"), (await sqs.getQueueUrl({ QueueName: "source" })).QueueUrl];
    const arn = await arnOf(dead);
    const { TaskHandle } = await sqs.startMessageMoveTask({ SourceArn: arn });
    assert.deepEqual(bodies(await receive(source, { WaitTimeSeconds: 20 })), ["poison"]);
    let task;
    do {
      task = (await sqs.listMessageMoveTasks({ SourceArn: arn })).Results[0];
    } while (task.Status === "RUNNING");
    assert.equal(task.Status, "COMPLETED");
    assert.equal(task.ApproximateNumberOfMessagesMoved, 1);
    await refused(UnsupportedOperation, () => sqs.cancelMessageMoveTask({ TaskHandle }));
    await refused(ResourceNotFoundException, () => sqs.listMessageMoveTasks({ SourceArn: `${arn}-not` }));
  },

  async errors() {
    const url = await queue("errors");
    const entry = { Id: "a", MessageBody: "x" };
    const eleven = Array.from({ length: 11 }, (_, index) => ({ Id: `${index}`, MessageBody: "x" }));
    await refused(QueueDoesNotExist, () => sqs.sendMessage({ QueueUrl: `${url}-not`, MessageBody: "x" }));
    await refused(QueueDoesNotExist, () => sqs.receiveMessage({ QueueUrl: `${url}-not` }));
    await refused(EmptyBatchRequest, () => sqs.sendMessageBatch({ QueueUrl: url, Entries: [] }));
    await refused(BatchEntryIdsNotDistinct, () => sqs.sendMessageBatch({ QueueUrl: url, Entries: [entry, entry] }));
    await refused(TooManyEntriesInBatchRequest, () => sqs.sendMessageBatch({ QueueUrl: url, Entries: eleven }));
    await refused(ReceiptHandleIsInvalid, () => sqs.deleteMessage({ QueueUrl: url, ReceiptHandle: "x" }));
    await refused(InvalidMessageContents, () => sqs.sendMessage({ QueueUrl: url, MessageBody: "\u0001" }));
    await refused(
      SQSServiceException,
      () => sqs.receiveMessage({ QueueUrl: url, MaxNumberOfMessages: 11 }),
      "InvalidParameterValue",
    );
  },

  async purge() {
    const url = await queue("purge");
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "gone" });
    await sqs.purgeQueue({ QueueUrl: url });
    assert.deepEqual(await receive(url, { WaitTimeSeconds: 0 }), []);
    await refused(PurgeQueueInProgress, () => sqs.purgeQueue({ QueueUrl: url }));
  },

  async paging() {
    for (let number = 0; number < 5; number++) await queue(`page-${number}`);
    const sizes = [];
    for await (const page of paginateListQueues({ client: sqs, pageSize: 2 }, { QueueNamePrefix: "page-" })) {
      sizes.push(page.QueueUrls.length);
    }
    assert.deepEqual(sizes, [2, 2, 1]);
  },

  async permissions() {
    const url = await queue("permissions");
    await sqs.addPermission({
      QueueUrl: url,
      Label: "friends",
      AWSAccountIds: ["111111111111"],
      Actions: ["SendMessage"],
    });
    assert.equal(JSON.parse((await attributesOf(url, "Policy")).Policy).Statement[0].Sid, "friends");
    await sqs.removePermission({ QueueUrl: url, Label: "friends" });
    assert.equal((await attributesOf(url)).Policy, undefined);
  },

  async worlds() {
    const url = await queue("here");
    await sqs.sendMessage({ QueueUrl: url, MessageBody: "mine" });
    const there = new SQS({ region: "eu-west-1" });
    const other = new SQS({ credentials: { accessKeyId: "111122223333", secretAccessKey: "x" } });
    await refused(QueueDoesNotExist, () => there.getQueueUrl({ QueueName: "here" }));
    const theirs = (await other.createQueue({ QueueName: "here" })).QueueUrl;
    assert.deepEqual(theirs.split("/").slice(-2), ["111122223333", "here"]);
    assert.deepEqual(bodies(await receive(url)), ["mine"]);
  },
};

(async () => {
  for (const [name, check] of Object.entries(checks)) {
    await check();
    console.log(`ok ${name}`);
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
