"""Function URLs through boto3, urllib and curl: urls.py FOLDER, the folder of the functions in `tests/clients/streaming`.

Endpoint, region and credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first
that fails.
"""

import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

ROLE = "arn:aws:iam::000000000000:role/any"
PORT = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"]).port
functions = boto3.client("lambda")
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def create(name):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(f"{sys.argv[1]}/index.js", "index.js")
    code = {"ZipFile": zipped.getvalue()}
    functions.create_function(FunctionName=name, Runtime="nodejs22.x", Handler=f"index.{name}", Role=ROLE, Code=code)


def get(url, method="GET", body=None, **headers):
    request = urllib.request.Request(url, data=body, method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read()


def answering(url, **answer):
    return get(f"{url}?answer={urllib.parse.quote(json.dumps(answer))}")


@check
def configurations():
    create("web")
    url = functions.create_function_url_config(FunctionName="web", AuthType="NONE")
    same((url["AuthType"], url["InvokeMode"]), ("NONE", "BUFFERED"))
    assert url["FunctionUrl"].startswith(f"http://127.0.0.1:{PORT}/_stackctl/url/"), url
    found = functions.get_function_url_config(FunctionName=url["FunctionArn"])
    same((found["FunctionUrl"], found["LastModifiedTime"]), (url["FunctionUrl"], url["CreationTime"]))
    pages = functions.get_paginator("list_function_url_configs").paginate(FunctionName="web")
    same([one["FunctionUrl"] for page in pages for one in page["FunctionUrlConfigs"]], [url["FunctionUrl"]])


@check
def events_and_answers():
    url = functions.get_function_url_config(FunctionName="web")["FunctionUrl"]
    status, headers, body = get(f"{url}a/b?x=1&x=2", "POST", b"text", Content_Type="text/plain", Cookie="a=1; b=2")
    event = json.loads(body)
    same((status, headers["content-type"]), (200, "application/json"))
    same([event[key] for key in ("rawPath", "rawQueryString", "body", "isBase64Encoded", "cookies")],
         ["/a/b", "x=1&x=2", "text", False, ["a=1", "b=2"]])
    same((event["requestContext"]["http"]["method"], event["queryStringParameters"]), ("POST", {"x": "1,2"}))
    status, headers, body = answering(url, statusCode=418, headers={"X-Own": "yes"}, cookies=["c=1", "d=2"], body="tea")
    same((status, headers["x-own"], headers.get_all("set-cookie"), body), (418, "yes", ["c=1", "d=2"], b"tea"))
    same(get(f"{url}?answer=throw")[::2], (502, b"Internal Server Error"))
    same(get(f"{url}x".replace("/url/", "/url/0"))[0], 404)


@check
def hosts_of_their_own():
    url = functions.get_function_url_config(FunctionName="web")["FunctionUrl"]
    host = f"{url.split('/')[-2]}.lambda-url.ap-northeast-1.localhost"
    resolve = f"{host}:{PORT}:127.0.0.1"
    said = subprocess.check_output(["curl", "-s", "--resolve", resolve, f"http://{host}:{PORT}/by/host?q"])
    event = json.loads(said)
    same((event["rawPath"], event["requestContext"]["domainName"]), ("/by/host", host))
    same(event["requestContext"]["apiId"], url.split("/")[-2])
    forged = get(f"http://127.0.0.1:{PORT}/", Host=host.replace("localhost", "evil.example"))
    same(forged[0], 403)


@check
def cross_origin_requests():
    cors = {"AllowOrigins": ["https://app.example"], "AllowMethods": ["GET"], "AllowHeaders": ["x-a"], "MaxAge": 5}
    url = functions.update_function_url_config(FunctionName="web", Cors=cors)["FunctionUrl"]
    preflight = {"Origin": "https://app.example", "Access_Control_Request_Method": "GET"}
    status, headers, _ = get(url, "OPTIONS", **preflight)
    same((status, headers["access-control-allow-origin"]), (200, "https://app.example"))
    same((headers["access-control-allow-methods"], headers["access-control-max-age"]), ("GET", "5"))
    same(get(url, Origin="https://app.example")[1]["access-control-allow-origin"], "https://app.example")
    same(get(url, Origin="https://other.example")[1]["access-control-allow-origin"], None)
    same(get(f"http://127.0.0.1:{PORT}/2015-03-31/functions", Origin="https://app.example")[0], 403)


@check
def signed_requests():
    url = functions.update_function_url_config(FunctionName="web", AuthType="AWS_IAM", Cors={})["FunctionUrl"]
    status, _, body = get(url)
    assert status == 403 and b"Forbidden" in body, (status, body)
    request = AWSRequest("GET", url)
    SigV4Auth(boto3.Session().get_credentials(), "lambda", "ap-northeast-1").add_auth(request)
    prepared = request.prepare()
    status, _, body = get(url, **{name.replace("-", "_"): value for name, value in prepared.headers.items()})
    same((status, json.loads(body)["requestContext"]["authorizer"]["iam"]["accessKey"]), (200, "test"))


@check
def aliases():
    functions.publish_version(FunctionName="web")
    functions.create_alias(FunctionName="web", Name="live", FunctionVersion="1")
    url = functions.create_function_url_config(FunctionName="web", Qualifier="live", AuthType="NONE")
    assert url["FunctionArn"].endswith(":web:live"), url
    same(get(url["FunctionUrl"])[0], 200)
    functions.delete_alias(FunctionName="web", Name="live")
    same(get(url["FunctionUrl"])[0], 404)


@check
def streamed_answers():
    for name in ("page", "stream", "plain"):
        create(name)
        functions.create_function_url_config(FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    page, stream, plain = (
        functions.get_function_url_config(FunctionName=name)["FunctionUrl"] for name in ("page", "stream", "plain")
    )
    status, headers, body = get(f"{page}here")
    same((status, headers["content-type"], headers["x-path"]), (201, "text/html", "/here"))
    same(headers.get_all("set-cookie"), ["a=1; Secure", "b=2"])
    same((body, headers["transfer-encoding"]), (b"<p>first</p><p>second</p>", "chunked"))
    status, headers, body = get(stream)
    same((status, headers["content-type"], body), (200, "application/octet-stream", b"one two three"))
    assert "event" in json.loads(get(plain)[2]), "a result that was not streamed comes as it is"


for one in CHECKS:
    one()
    print(f"ok {one.__name__.replace('_', '-')}", flush=True)
