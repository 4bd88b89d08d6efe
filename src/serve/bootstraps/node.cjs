// The Node.js runtime of stackctl's local processes: a Runtime API client on one raw socket. What a function sees of
// errors, logs and context is what AWS's runtime shows. CommonJS, because that starts faster; handlers may be either.
"use strict";

const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const util = require("node:util");

const INVOCATION = "/2018-06-01/runtime/invocation/";
const NEXT = `GET ${INVOCATION}next HTTP/1.1\r\nhost: runtime\r\n\r\n`;
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";
const PRELUDE_END = new Uint8Array(8);

let requestId;

// ---- errors ----

function runtimeError(name, cause) {
  const error = new Error(cause);
  error.name = `Runtime.${name}`;
  error.stack = `${error.name}: ${error.message}\n${error.stack.split("\n").slice(1).join("\n")}`;
  // Only what the document shows is enumerable.
  Object.defineProperty(error, "name", { enumerable: false });
  return error;
}

function isError(value) {
  return (
    util.types.isNativeError(value) ||
    (value && typeof value.name === "string" && typeof value.message === "string" && typeof value.stack === "string")
  );
}

/** The document that the Runtime API gets. */
function errorDocument(error) {
  try {
    if (!isError(error)) {
      return { errorType: typeof error, errorMessage: error.toString(), trace: [] };
    }
    const plain = (text) => text?.replace(/\x7F/g, "%7F");
    return { errorType: plain(error.name), errorMessage: plain(error.message), trace: plain(error.stack).split("\n") };
  } catch {
    const errorMessage =
      "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack";
    return { errorType: "handled", errorMessage };
  }
}

/** The document that the log gets: with the error's own properties, and those of errors in them. */
function loggedError(error) {
  const shown = (value) => {
    if (!(value instanceof Error)) return value;
    const fields = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
    if (typeof value.stack === "string") fields.stack = value.stack.split("\n");
    return fields;
  };
  try {
    return "\t" + JSON.stringify(error, (_key, value) => shown(value));
  } catch {
    return "\t" + JSON.stringify(errorDocument(error));
  }
}

// ---- logs ----

function writeAll(text) {
  let bytes = Buffer.from(text, "utf8");
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes));
    } catch (error) {
      if (error.code !== "EAGAIN") return;
    }
  }
}

function patchConsole() {
  const asJson = (level) => (message, ...rest) => {
    const line = { timestamp: new Date().toISOString(), level, requestId };
    if (rest.length > 0) line.message = util.format(message, ...rest);
    else if (message instanceof Error) Object.assign(line, errorDocument(message), { message: message.message });
    else line.message = message;
    const shown = (_key, value) => (value instanceof Error ? errorDocument(value) : value);
    let text;
    try {
      text = JSON.stringify(line, shown);
    } catch {
      text = JSON.stringify({ ...line, message: util.format(message) });
    }
    writeAll(text + "\n");
  };
  const asText = (level) => (message, ...rest) =>
    writeAll(`${new Date().toISOString()}\t${requestId}\t${level}\t${util.format(message, ...rest)}\n`);
  const log = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON" ? asJson : asText;
  console.trace = log("TRACE");
  console.debug = log("DEBUG");
  console.info = log("INFO");
  console.log = console.info;
  console.warn = log("WARN");
  console.error = log("ERROR");
  console.fatal = log("FATAL");
}

function logError(what, error) {
  if (process.env.AWS_LAMBDA_LOG_FORMAT === "JSON") {
    console.error(error instanceof Error ? error : new Error(error));
    return;
  }
  console.error(what, loggedError(error instanceof Error ? error : new Error(error)));
}

// ---- the Runtime API ----

class Connection {
  constructor(address) {
    const colon = address.lastIndexOf(":");
    this.socket = net.connect(Number(address.slice(colon + 1)), address.slice(0, colon));
    this.socket.setNoDelay(true);
    this.pieces = [];
    this.size = 0;
    this.wanted = 0;
    this.head = undefined;
    this.waiting = [];
    this.socket.on("data", (piece) => this.#take(piece));
    // The engine is gone, or does not want this environment any more.
    this.socket.on("error", () => process.exit(0));
    this.socket.on("close", () => process.exit(0));
  }

  /** Sends a request, or several, each of which gets a response. */
  send(bytes) {
    this.socket.ref();
    this.socket.write(bytes);
  }

  response() {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  #take(piece) {
    this.pieces.push(piece);
    this.size += piece.length;
    while (this.size > 0 && this.size >= this.wanted) {
      let buffer = this.pieces.length === 1 ? this.pieces[0] : Buffer.concat(this.pieces);
      if (this.head === undefined) {
        const end = buffer.indexOf("\r\n\r\n");
        if (end < 0) {
          this.#keep(buffer);
          this.wanted = this.size + 1;
          return;
        }
        this.head = parseHead(buffer.latin1Slice(0, end));
        buffer = buffer.subarray(end + 4);
        this.wanted = Number(this.head["content-length"] ?? 0);
      }
      if (buffer.length < this.wanted) {
        this.#keep(buffer);
        return;
      }
      const [headers, body] = [this.head, buffer.subarray(0, this.wanted)];
      this.#keep(buffer.subarray(this.wanted));
      this.head = undefined;
      this.wanted = 0;
      this.waiting.shift()?.({ headers, body });
    }
  }

  #keep(buffer) {
    this.pieces = buffer.length > 0 ? [buffer] : [];
    this.size = buffer.length;
  }
}

function parseHead(text) {
  const headers = {};
  for (const line of text.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

function post(target, body, errorType) {
  const bytes = Buffer.from(body, "utf8");
  const legal = errorType?.replace(/[^\x20-\x7E]/g, "?");
  const extra = legal ? `lambda-runtime-function-error-type: ${legal}\r\n` : "";
  const head = `POST ${target} HTTP/1.1\r\nhost: runtime\r\ncontent-type: application/json\r\n${extra}content-length: ${bytes.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head, "latin1"), bytes]);
}

function postError(target, error) {
  const document = errorDocument(error);
  return post(target, JSON.stringify(document), document.errorType);
}

// ---- handlers ----

class HttpResponseStream {
  static from(stream, prelude) {
    stream.setContentType(PRELUDE_TYPE);
    stream._prelude = Buffer.concat([Buffer.from(JSON.stringify(prelude)), PRELUDE_END]);
    return stream;
  }
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[STREAMING] = "response";
    return handler;
  },
  HttpResponseStream,
};

async function loadHandler(root, name) {
  if (name.includes("..")) {
    throw runtimeError(
      "MalformedHandlerName",
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const match = /^([^.]*)\.(.*)$/.exec(path.basename(name));
  if (!match) throw runtimeError("MalformedHandlerName", "Bad handler");
  const [, module, property] = match;
  const loaded = await loadModule(root, path.dirname(name), module);
  const handler = property.split(".").reduce((object, key) => object && object[key], loaded);
  if (!handler) throw runtimeError("HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof handler !== "function") throw runtimeError("HandlerNotFound", `${name} is not a function`);
  return handler;
}

async function loadModule(root, folder, module) {
  try {
    const base = path.resolve(root, folder, module);
    if (fs.existsSync(base) && fs.statSync(base).isFile()) return require(base);
    if (fs.existsSync(`${base}.js`)) {
      return isModuleFolder(path.dirname(base)) ? await import(`${base}.js`) : require(`${base}.js`);
    }
    if (fs.existsSync(`${base}.mjs`)) return await import(`${base}.mjs`);
    if (fs.existsSync(`${base}.cjs`)) return require(`${base}.cjs`);
    return require(require.resolve(module, { paths: [root, path.resolve(root, folder)] }));
  } catch (error) {
    if (error instanceof SyntaxError) throw runtimeError("UserCodeSyntaxError", error);
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw runtimeError("ImportModuleError", error);
    }
    throw error;
  }
}

/** Whether the nearest `package.json` says that `.js` files are ES modules. */
function isModuleFolder(folder) {
  for (let at = folder; !at.endsWith("/node_modules"); at = path.dirname(at)) {
    const file = path.join(at, "package.json");
    if (fs.existsSync(file)) {
      try {
        return JSON.parse(fs.readFileSync(file, "utf8"))?.type === "module";
      } catch (error) {
        console.warn(`${file} cannot be read, it will be ignored for ES module detection purposes.`, error);
        return false;
      }
    }
    if (at === path.dirname(at)) return false;
  }
  return false;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf(headers) {
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  const clientContext = headers["lambda-runtime-client-context"];
  return {
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    // A header's bytes were read one by one; the client context is UTF-8.
    clientContext: clientContext ? JSON.parse(Buffer.from(clientContext, "latin1").toString("utf8")) : undefined,
    identity: undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}

// ---- the loop ----

/** Called when the event loop is empty: what an invocation that has not ended by itself comes to. */
let whenEmpty = () => {};
/** Called with an error that nobody caught. */
let whenUncaught;

class Runtime {
  constructor(connection, handler) {
    this.connection = connection;
    this.handler = handler;
    this.isStreaming = handler[STREAMING] === "response";
  }

  start() {
    this.connection.send(NEXT);
    this.#serve();
  }

  #serve() {
    this.connection.response().then(({ headers, body }) => {
      requestId = headers["lambda-runtime-aws-request-id"];
      const traceId = headers["lambda-runtime-trace-id"];
      if (traceId === undefined) delete process.env._X_AMZN_TRACE_ID;
      else process.env._X_AMZN_TRACE_ID = traceId;
      // While the function runs, only its own doings keep the event loop going.
      this.connection.socket.unref();
      const target = INVOCATION + requestId;
      whenUncaught = (error, status) => this.#end(postError(`${target}/error`, error), () => process.exit(status));
      if (this.isStreaming) this.#stream(target, headers, body);
      else this.#invoke(target, headers, body);
    });
  }

  /** Sends an invocation's end, and asks for the next at once unless the process ends with it. */
  #end(request, after) {
    whenEmpty = () => {};
    if (after) {
      this.connection.send(request);
      this.connection.response().then(after);
    } else {
      this.connection.send(Buffer.concat([request, Buffer.from(NEXT)]));
      this.connection.response();
      this.#serve();
    }
  }

  #invoke(target, headers, body) {
    let ended = false;
    let calledBack = false;
    let waitsForEmptyLoop = true;
    const once = (act) => (...values) => {
      if (!ended) {
        ended = true;
        act(...values);
      }
    };
    const fail = (error) => {
      logError("Invoke Error", error);
      this.#end(postError(`${target}/error`, error));
    };
    const succeed = (result) => {
      let text;
      try {
        text = JSON.stringify(result === undefined ? null : result) ?? "null";
      } catch {
        return fail(new Error("Unable to stringify response body"));
      }
      this.#end(post(`${target}/response`, text));
    };
    const done = once((error, result) => (error === undefined || error === null ? succeed(result) : fail(error)));
    const callback = (error, result) => {
      if (calledBack) return;
      calledBack = true;
      if ((error !== undefined && error !== null) || !waitsForEmptyLoop) done(error, result);
      else if (!ended) whenEmpty = () => setImmediate(() => done(null, result));
    };
    // A handler that neither calls back nor returns a promise has ended when nothing is left to do.
    whenEmpty = () => done(null, null);
    try {
      const context = Object.defineProperty(contextOf(headers), "callbackWaitsForEmptyEventLoop", {
        enumerable: true,
        get: () => waitsForEmptyLoop,
        set: (value) => (waitsForEmptyLoop = value),
      });
      context.done = done;
      context.succeed = (result) => done(null, result);
      context.fail = (error) => done(error ?? "handled");
      const result = this.handler(JSON.parse(body.toString("utf8")), context, callback);
      if (typeof result?.then === "function") {
        result.then(context.succeed, context.fail);
      }
    } catch (error) {
      done(error);
    }
  }

  #stream(target, headers, body) {
    const ResponseStream = streamClass();
    const stream = new ResponseStream(this.connection, `${target}/response`);
    whenEmpty = () => {};
    let isLast = false;
    const next = () => {
      if (isLast) return;
      this.connection.send(NEXT);
      this.#serve();
    };
    const fail = (error) => {
      logError("Invoke Error", error);
      stream.fail(error);
    };
    whenUncaught = (error, status) => {
      isLast = true;
      stream.answered.then(() => process.exit(status));
      stream.fail(error);
    };
    stream.answered.then(next);
    try {
      const result = this.handler(JSON.parse(body.toString("utf8")), stream, contextOf(headers));
      if (typeof result?.then !== "function") {
        fail(new Error("Streaming does not support non-async handlers."));
        return;
      }
      result.then((value) => {
        if (value !== undefined) console.warn("Streaming handlers ignore return values.");
      }, fail);
    } catch (error) {
      fail(error);
    }
  }
}

let ResponseStreamClass;

/** Made when a streaming handler first runs: the others do without streams. */
function streamClass() {
  if (ResponseStreamClass) return ResponseStreamClass;
  const { Writable } = require("node:stream");

  class ResponseStream extends Writable {
    #connection;
    #target;
    #type = "application/octet-stream";
    #begun = false;
    #ended = false;
    #trailers;

    constructor(connection, target) {
      super();
      this.#connection = connection;
      this.#target = target;
      this.answered = connection.response();
      this.on("error", () => {});
    }

    setContentType(type) {
      if (this.#begun) {
        throw runtimeError("InvalidStreamingOperation", "Cannot set content-type, too late.");
      }
      this.#type = type;
    }

    _write(chunk, _encoding, done) {
      this.#begin();
      this.#chunk(Buffer.from(chunk), done);
    }

    _final(done) {
      this.#begin();
      this.#end(this.#trailers ?? "", done);
    }

    fail(error) {
      if (this.#ended || this.#trailers) return;
      const document = errorDocument(error);
      const type = String(document.errorType).replace(/[^\x20-\x7E]/g, "?");
      const text = Buffer.from(JSON.stringify(document)).toString("base64");
      this.#trailers = `lambda-runtime-function-error-type: ${type}\r\nlambda-runtime-function-error-body: ${text}\r\n`;
      // What was written before the error is still sent, and the trailers after it.
      if (!this.destroyed) this.end();
      else this._final(() => {});
    }

    #begin() {
      if (this.#begun) return;
      this.#begun = true;
      this.#connection.send(
        `POST ${this.#target} HTTP/1.1\r\nhost: runtime\r\ncontent-type: ${this.#type}\r\n` +
          "lambda-runtime-function-response-mode: streaming\r\ntransfer-encoding: chunked\r\n" +
          "trailer: lambda-runtime-function-error-type, lambda-runtime-function-error-body\r\n\r\n",
      );
      if (this._prelude) this.#chunk(this._prelude);
    }

    #chunk(bytes, done = () => {}) {
      if (bytes.length === 0) return done();
      const head = Buffer.from(`${bytes.length.toString(16)}\r\n`);
      this.#connection.socket.write(Buffer.concat([head, bytes, Buffer.from("\r\n")]), done);
    }

    #end(trailers, done = () => {}) {
      this.#ended = true;
      this.#connection.socket.write(`0\r\n${trailers}\r\n`, done);
    }
  }

  ResponseStreamClass = ResponseStream;
  return ResponseStream;
}

function main() {
  patchConsole();
  const connection = new Connection(process.env.AWS_LAMBDA_RUNTIME_API);
  whenUncaught = (error, status) => {
    connection.send(postError("/2018-06-01/runtime/init/error", error));
    connection.response().then(() => process.exit(status));
  };
  process.on("uncaughtException", (error) => {
    logError("Uncaught Exception", error);
    whenUncaught(error, 129);
  });
  process.on("unhandledRejection", (reason, promise) => {
    const error = runtimeError("UnhandledPromiseRejection", reason);
    Object.assign(error, { reason, promise });
    logError("Unhandled Promise Rejection", error);
    whenUncaught(error, 128);
  });
  process.on("beforeExit", () => whenEmpty());
  if (process.env.STACKCTL_DEBUG_WAIT) {
    delete process.env.STACKCTL_DEBUG_WAIT;
    require("node:inspector").waitForDebugger();
  }
  loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER).then(
    (handler) => new Runtime(connection, handler).start(),
    (error) => {
      logError("Uncaught Exception", error);
      whenUncaught(error, 129);
    },
  );
}

main();
