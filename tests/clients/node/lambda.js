// Lambda through the AWS SDK for JavaScript: lambda.js ZIP, the package of `tests/clients/function`. Endpoint, region and
// credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first that fails.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const {
  InvalidParameterValueException,
  Lambda,
  paginateListFunctions,
  ResourceConflictException,
  ResourceNotFoundException,
  TooManyRequestsException,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
} = require("@aws-sdk/client-lambda");
const { SQS } = require("@aws-sdk/client-sqs");

const zip = fs.readFileSync(process.argv[2]);
const name = "hello";
const lambda = new Lambda({ maxAttempts: 1 });
const patience = { client: lambda, maxWaitTime: 60, minDelay: 1 };

const create = (FunctionName) =>
  lambda.createFunction({
    FunctionName,
    Runtime: "python3.12",
    Handler: "app.handler",
    Role: "arn:aws:iam::000000000000:role/any",
    Code: { ZipFile: zip },
    Tags: { team: "a" },
  });

// A mapping that is on its way to a state takes no changes.
async function enabled(UUID) {
  let found;
  do {
    found = await lambda.getEventSourceMapping({ UUID });
  } while (found.State !== "Enabled");
  return found;
}

const json = (payload) => JSON.parse(Buffer.from(payload).toString());

const checks = {
  async lifecycle() {
    const created = await create(name);
    assert.equal(created.CodeSize, zip.length);
    await waitUntilFunctionActiveV2(patience, { FunctionName: name });
    const found = await lambda.getFunction({ FunctionName: name });
    assert.deepEqual(found.Tags, { team: "a" });
    const Resource = created.FunctionArn;
    await lambda.tagResource({ Resource, Tags: { cost: "7" } });
    await lambda.untagResource({ Resource, TagKeys: ["team"] });
    assert.deepEqual((await lambda.listTags({ Resource })).Tags, { cost: "7" });
    await create("other");
    const names = [];
    for await (const page of paginateListFunctions({ client: lambda, pageSize: 1 }, {})) {
      names.push(...page.Functions.map((listed) => listed.FunctionName));
    }
    assert.deepEqual(names, [name, "other"]);
    await lambda.deleteFunction({ FunctionName: "other" });
    await assert.rejects(lambda.getFunction({ FunctionName: "other" }), ResourceNotFoundException);
    await assert.rejects(create(name), ResourceConflictException);
  },

  async invocations() {
    const answer = await lambda.invoke({ FunctionName: name, Payload: '{"name":"Grüße"}', LogType: "Tail" });
    assert.deepEqual(json(answer.Payload), { hello: "Grüße", function: name });
    assert.match(Buffer.from(answer.LogResult, "base64").toString(), /REPORT RequestId: /);
    const failed = await lambda.invoke({ FunctionName: name, Payload: '{"fail":"on purpose"}' });
    assert.equal(failed.FunctionError, "Unhandled");
    assert.equal(json(failed.Payload).errorMessage, "on purpose");
    assert.equal((await lambda.invoke({ FunctionName: name, InvocationType: "Event" })).StatusCode, 202);
  },

  async configuration() {
    const changed = await lambda.updateFunctionConfiguration({
      FunctionName: name,
      Timeout: 7,
      Environment: { Variables: { LEVEL: "debug" } },
    });
    assert.equal(changed.Timeout, 7);
    await waitUntilFunctionUpdatedV2(patience, { FunctionName: name });
    const found = await lambda.getFunctionConfiguration({ FunctionName: name });
    assert.deepEqual(found.Environment.Variables, { LEVEL: "debug" });
    const again = await lambda.updateFunctionCode({ FunctionName: name, ZipFile: zip });
    assert.equal(again.CodeSha256, found.CodeSha256);
    await assert.rejects(
      lambda.updateFunctionCode({ FunctionName: name, ZipFile: Buffer.from("no zip") }),
      InvalidParameterValueException,
    );
  },

  async concurrency() {
    assert.equal((await lambda.getAccountSettings({})).AccountLimit.ConcurrentExecutions, 1000);
    await lambda.putFunctionConcurrency({ FunctionName: name, ReservedConcurrentExecutions: 0 });
    assert.equal((await lambda.getFunctionConcurrency({ FunctionName: name })).ReservedConcurrentExecutions, 0);
    await assert.rejects(lambda.invoke({ FunctionName: name }), (error) => {
      assert.ok(error instanceof TooManyRequestsException);
      assert.equal(error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
      return true;
    });
    await lambda.deleteFunctionConcurrency({ FunctionName: name });
    assert.equal((await lambda.invoke({ FunctionName: name })).StatusCode, 200);
  },

  async mappings() {
    const sqs = new SQS({});
    const { QueueUrl } = await sqs.createQueue({ QueueName: "jobs" });
    const { Attributes } = await sqs.getQueueAttributes({ QueueUrl, AttributeNames: ["QueueArn"] });
    const source = { FunctionName: name, EventSourceArn: Attributes.QueueArn };
    const { UUID } = await lambda.createEventSourceMapping(source);
    await assert.rejects(lambda.createEventSourceMapping(source), ResourceConflictException);
    await enabled(UUID);
    const listed = (await lambda.listEventSourceMappings(source)).EventSourceMappings;
    assert.deepEqual(listed.map((mapping) => mapping.UUID), [UUID]);
    assert.equal((await lambda.updateEventSourceMapping({ UUID, BatchSize: 5 })).BatchSize, 5);
    const found = await enabled(UUID);
    assert.equal(found.BatchSize, 5);
    assert.ok(found.LastModified instanceof Date && !Number.isNaN(found.LastModified.getTime()));
    await lambda.deleteEventSourceMapping({ UUID });
  },
};

(async () => {
  for (const [check, run] of Object.entries(checks)) {
    await run();
    console.log(`ok ${check}`);
  }
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
