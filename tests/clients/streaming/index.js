// Functions that stream their responses, as those of AWS's guide do.
"use strict";

const { setTimeout: pause } = require("node:timers/promises");

// Writes `pieces` pieces of `bytes` bytes with a pause of `pauseMs`, then ends or fails.
exports.stream = awslambda.streamifyResponse(async (event, stream, context) => {
  const { pieces = ["one ", "two ", "three"], pauseMs = 0, fail, hang, exit, bytes } = event;
  console.log(`streams for ${context.awsRequestId}`);
  for (const piece of pieces) {
    stream.write(bytes ? piece.repeat(bytes) : piece);
    if (pauseMs) await pause(pauseMs);
  }
  if (fail) throw new TypeError(fail);
  if (hang) await pause(60_000);
  if (exit) process.exit(3);
  stream.end();
  await new Promise((resolve) => stream.on("finish", resolve));
});

exports.page = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, {
    statusCode: 201,
    headers: { "content-type": "text/html", "x-path": event.rawPath },
    cookies: ["a=1; Secure", "b=2"],
  });
  stream.write("<p>first</p>");
  await pause(50);
  stream.write("<p>second</p>");
  stream.end();
});

exports.plain = async (event) => {
  if (event.fail) throw new Error(event.fail);
  return { event };
};

// What a function URL's caller asks for in `?answer=JSON`, else the event itself.
exports.web = async (event) => {
  const answer = event.queryStringParameters?.answer;
  if (answer === "throw") throw new Error("on purpose");
  return answer ? JSON.parse(answer) : event;
};
