"""The Python runtime of stackctl's local processes: a Runtime API client on one raw socket.

Modules that a plain handler does not need (logging, traceback, asyncio) are loaded when they are wanted: they would
double the time to the first invocation. What a function sees of errors, logs and context is what AWS's runtime shows.
"""

import json
import os
import socket
import sys
import time

_FILE = __file__
_INVOCATION = b"/2018-06-01/runtime/invocation/"
_NEXT = b"GET " + _INVOCATION + b"next HTTP/1.1\r\nhost: runtime\r\n\r\n"
_RECEIVE_BYTES = 65536
_NO_BREAK_SPACE = "\u00a0"

_request_id = ""


class Fault(Exception):
    """An error of the runtime's own kind: its type is a name that AWS gives it."""

    def __init__(self, error_type, message, trace=None):
        super().__init__(message)
        self.error_type = error_type
        self.trace = trace


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self):
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None

    def __repr__(self):
        return _shown(self, self.__slots__)


class Client:
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]

    def __init__(self, fields):
        for name in self.__slots__:
            setattr(self, name, fields.get(name))

    def __repr__(self):
        return _shown(self, self.__slots__)


class ClientContext:
    __slots__ = ["custom", "env", "client"]

    def __init__(self, fields):
        self.custom = fields.get("custom")
        self.env = fields.get("env")
        client = fields.get("client")
        self.client = None if client is None else Client(client)

    def __repr__(self):
        return _shown(self, self.__slots__)


class LambdaContext:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, request_id, headers):
        self.aws_request_id = request_id
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        context = headers.get("lambda-runtime-client-context")
        self.client_context = ClientContext(_client_context(context)) if context else None
        self.identity = CognitoIdentity()
        self.tenant_id = None
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", 0))

    def get_remaining_time_in_millis(self):
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return _shown(self, [name for name in vars(self) if not name.startswith("_")])


def _shown(value, names):
    fields = ",".join(f"{name}={getattr(value, name)}" for name in names)
    return f"{type(value).__name__}([{fields}])"


def _client_context(text):
    try:
        # A header's bytes were read one by one; the client context is UTF-8.
        return json.loads(text.encode("latin-1"))
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse Client Context JSON: {error}") from None


class Connection:
    """A keep-alive HTTP/1.1 connection to the Runtime API. When it ends, so does this process."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, request):
        try:
            self.socket.sendall(request)
        except OSError:
            # The answer may be there although the rest of the request was not wanted.
            pass

    def receive(self):
        """The next response: its headers, by lower-case names, and its body."""
        buffer = self.buffer
        while (end := buffer.find(b"\r\n\r\n")) < 0:
            buffer += self._more()
        headers = {}
        for line in buffer[:end].decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start = end + 4
        length = int(headers.get("content-length", 0))
        if len(buffer) - start < length:
            pieces, have = [buffer[start:]], len(buffer) - start
            while have < length:
                piece = self._more()
                pieces.append(piece)
                have += len(piece)
            buffer, start = b"".join(pieces), 0
        self.buffer = buffer[start + length :]
        return headers, buffer[start : start + length]

    def _more(self):
        try:
            piece = self.socket.recv(_RECEIVE_BYTES)
        except OSError:
            piece = b""
        if not piece:
            os._exit(0)
        return piece


def _post(path, body, error_type=None):
    extra = b"lambda-runtime-function-error-type: %s\r\n" % error_type.encode("latin-1", "replace") if error_type else b""
    head = b"POST %s HTTP/1.1\r\nhost: runtime\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n"
    return head % (path, extra, len(body)) + body


def _dump(value):
    return json.dumps(value, ensure_ascii=False, default=_plain).encode("utf-8", "surrogatepass")


def _plain(value):
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _load_handler(name):
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        message = "not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {message}")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    imported = module_name.replace("/", ".")
    try:
        __import__(imported)
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from None
    try:
        return getattr(sys.modules[imported], function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from None


def _error_document(error, request_id):
    if isinstance(error, Fault):
        error_type, trace = error.error_type, error.trace or []
    else:
        import traceback

        frames = list(traceback.extract_tb(error.__traceback__))
        first = next((index for index, frame in enumerate(frames) if not _is_ours(frame)), 0)
        # Without the columns, which would add marks that AWS's runtime does not show.
        plain = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in frames[first:]]
        error_type, trace = type(error).__name__, traceback.format_list(plain)
    return {"errorMessage": str(error), "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def _is_ours(frame):
    return frame.filename == _FILE or frame.filename.startswith("<frozen importlib")


_LOGS_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"


def _log_error(document):
    if _LOGS_JSON:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = {"timestamp": now, "level": "ERROR"}
        line.update(document)
        sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
        return
    head = "[ERROR] " + document["errorType"]
    if document["errorMessage"]:
        head += ": " + document["errorMessage"]
    lines = [head, "Traceback (most recent call last):"]
    for entry in document["stackTrace"]:
        for line in entry.splitlines():
            text = line.lstrip(" ")
            lines.append(_NO_BREAK_SPACE * (len(line) - len(text)) + text)
    sys.stdout.write("\n".join(lines) + "\n")


def _fail_init(connection, error):
    document = _error_document(error, "")
    _log_error(document)
    _flush()
    connection.send(_post(b"/2018-06-01/runtime/init/error", _dump(document), document["errorType"]))
    connection.receive()
    os._exit(1)


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # The function closed it, and loses what it did not print.
            pass


class LoggingHook:
    """Gives `logging` its handler in AWS's format when, and if, the function imports it."""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        load = spec.loader.exec_module

        def load_and_set_up(module):
            load(module)
            _set_up_logging(module)

        spec.loader.exec_module = load_and_set_up
        return spec


_PYTHON_LEVELS = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}


def _json_formatter(logging):
    """A formatter that writes a record as one line of JSON, with what `extra` added to it."""
    usual = set(vars(logging.LogRecord("", 0, "", 0, "", (), None)))
    usual |= {"aws_request_id", "tenant_id", "message", "asctime", "taskName"}

    class JsonFormatter(logging.Formatter):
        def format(self, record):
            line = {
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
                "level": record.levelname,
                "message": record.getMessage(),
                "logger": record.name,
            }
            if record.exc_info and record.exc_info[0]:
                import traceback

                kind, error, trace = record.exc_info
                line["stackTrace"] = traceback.format_tb(trace)
                line["errorType"] = kind.__name__
                line["errorMessage"] = str(error)
                line["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
            line["requestId"] = record.aws_request_id
            for name, value in vars(record).items():
                if name not in usual and name not in line:
                    line[name] = value
            return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False, default=str) + "\n"

    return JsonFormatter()


def _set_up_logging(logging):
    class Handler(logging.Handler):
        def emit(self, record):
            sys.stdout.write(self.format(record))

    class RequestId(logging.Filter):
        def filter(self, record):
            record.aws_request_id = _request_id
            record.tenant_id = None
            return True

    logging.Formatter.converter = time.gmtime
    handler = Handler()
    if _LOGS_JSON:
        handler.setFormatter(_json_formatter(logging))
        handler.addFilter(RequestId())
        logging.getLogger().addHandler(handler)
        level = _PYTHON_LEVELS.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL"))
        if level is not None:
            logging.getLogger().setLevel(level)
        return
    line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
    handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(RequestId())
    logging.getLogger().addHandler(handler)


def _run_to_end(coroutine):
    """Runs an `async def` handler; the loop is kept, as clients that a function keeps belong to it."""
    global _loop
    import asyncio

    if _loop is None:
        _loop = asyncio.new_event_loop()
        asyncio.set_event_loop(_loop)
    return _loop.run_until_complete(coroutine)


_loop = None


def _handle(handler, headers, body):
    """Calls the handler; returns the request that tells what came of it."""
    request_id = headers["lambda-runtime-aws-request-id"]
    path = _INVOCATION + request_id.encode("latin-1")
    try:
        context = LambdaContext(request_id, headers)
        try:
            event = json.loads(body)
        except ValueError as error:
            raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None
        result = handler(event, context)
        if hasattr(result, "__await__"):
            result = _run_to_end(result)
        try:
            # Bytes are the response as they are.
            response = result if isinstance(result, bytes) else _dump(result)
        except Exception as error:
            raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None
        return _post(path + b"/response", response)
    except Exception as error:
        document = _error_document(error, request_id)
        _log_error(document)
        return _post(path + b"/error", _dump(document), document["errorType"])


def _set_trace_id(headers):
    trace_id = headers.get("lambda-runtime-trace-id")
    if trace_id is None:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    else:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id


def _open_to_debuggers():
    """Where the manifest says `debug`. The debugger's own half is loaded, and waited for when the function shall wait."""
    address = os.environ.pop("STACKCTL_DEBUG_LISTEN", None)
    wait = os.environ.pop("STACKCTL_DEBUG_WAIT", None)
    if address is None:
        return
    try:
        import debugpy
    except ImportError:
        raise Fault(
            "Runtime.DebuggerMissing",
            f"`debug` needs the package debugpy: `{sys.executable} -m pip install debugpy`, or add it to the requirements",
        ) from None
    host, _, port = address.rpartition(":")
    debugpy.listen((host, int(port)))
    if wait:
        debugpy.wait_for_client()


def _layer_paths(folders):
    version = "python%d.%d" % sys.version_info[:2]
    paths = [path for folder in folders for path in (folder + "/python/lib/" + version + "/site-packages", folder + "/python")]
    return [path for path in paths if os.path.isdir(path)]


def main():
    global _request_id
    connection = Connection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)
    sys.stderr.reconfigure(encoding="utf-8", line_buffering=True)
    if "logging" in sys.modules:
        _set_up_logging(sys.modules["logging"])
    else:
        sys.meta_path.insert(0, LoggingHook())
    # In the place of this file's own directory, so that the function's modules come first.
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[1:1] = _layer_paths(sys.argv[2:])
    sys.argv = [""]
    try:
        _open_to_debuggers()
        handler = _load_handler(os.environ["_HANDLER"])
    except Exception as error:
        _fail_init(connection, error)
    _flush()
    connection.send(_NEXT)
    while True:
        headers, body = connection.receive()
        _request_id = headers["lambda-runtime-aws-request-id"]
        _set_trace_id(headers)
        answer = _handle(handler, headers, body)
        _flush()
        # Both at once: the next invocation is asked for while this one's answer is being taken.
        connection.send(answer + _NEXT)
        connection.receive()
