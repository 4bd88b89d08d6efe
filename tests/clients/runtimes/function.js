// A function on AWS's own runtime for Node.js: answers, fails, hangs and streams as its event asks.
class OutOfStock extends Error {
  constructor() {
    super("nothing is left");
    this.name = "OutOfStock";
  }
}

exports.handler = async (event, context) => {
  if (event.do === "fail") throw new OutOfStock();
  if (event.do === "hang") await new Promise((resolve) => setTimeout(resolve, 60_000));
  console.log("printed");
  return {
    event, request: context.awsRequestId, deadline: context.getRemainingTimeInMillis() > 1000,
    arn: context.invokedFunctionArn, trace: process.env._X_AMZN_TRACE_ID, client: context.clientContext.custom,
    identity: context.identity ?? null, function: context.functionName, memory: context.memoryLimitInMB,
    version: context.functionVersion, group: context.logGroupName,
  };
};

exports.streams = awslambda.streamifyResponse(async (event, stream) => {
  for (let number = 0; number < event.pieces; number++) {
    stream.write(`piece ${number}\n`);
    if (event.pauseMs) await new Promise((resolve) => setTimeout(resolve, event.pauseMs));
  }
  stream.end();
});
