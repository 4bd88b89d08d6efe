// Streamed responses through the AWS SDK for JavaScript: streams.js ZIP, the package of the functions in
// `tests/clients/streaming`. Endpoint, region and credentials come from the environment alone.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const { Lambda } = require("@aws-sdk/client-lambda");

const lambda = new Lambda({ maxAttempts: 1 });

async function stream(event) {
  const { EventStream } = await lambda.invokeWithResponseStream({
    FunctionName: "stream",
    Payload: JSON.stringify(event),
  });
  const [pieces, ends] = [[], []];
  for await (const part of EventStream) {
    if (part.PayloadChunk) pieces.push(Buffer.from(part.PayloadChunk.Payload).toString());
    if (part.InvokeComplete) ends.push(part.InvokeComplete);
  }
  assert.equal(ends.length, 1);
  return [pieces.join(""), ends[0]];
}

const checks = {
  async pieces() {
    await lambda.createFunction({
      FunctionName: "stream",
      Runtime: "nodejs22.x",
      Handler: "index.stream",
      Role: "arn:aws:iam::000000000000:role/any",
      Code: { ZipFile: fs.readFileSync(process.argv[2]) },
    });
    const [text, end] = await stream({ pauseMs: 20 });
    assert.equal(text, "one two three");
    assert.equal(end.ErrorCode, undefined);
  },
  async errors() {
    const [text, end] = await stream({ fail: "on purpose" });
    assert.equal(text, "one two three");
    assert.equal(end.ErrorCode, "Unhandled");
    assert.equal(JSON.parse(end.ErrorDetails).errorMessage, "on purpose");
  },
};

(async () => {
  for (const [name, run] of Object.entries(checks)) {
    await run();
    console.log(`ok ${name}`);
  }
})();
