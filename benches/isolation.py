#!/usr/bin/env python3
"""Measures what a view of the machine of its own adds to the start of an environment.

    python3 benches/isolation.py target/release/stackctl

Two engines, one with isolation and one without, take turns with the first invocation of a new function; its package is there
before. On a machine that does something else as well, the processor's time tells more than the clock. The function is a program that answers at once: `--program FILE` names a static one, else it is a shell script with curl.
"""

import argparse
import base64
import http.client
import io
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time
import urllib.parse
import zipfile

ROLE = "arn:aws:iam::000000000000:role/r"
SHELL = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while curl -sS -o /dev/null -D "$TMPDIR/head" "$api/invocation/next"; do
  id=$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: \\(.*\\)\\r/\\1/p' "$TMPDIR/head")
  curl -sS -o /dev/null -X POST "$api/invocation/$id/response" -d 1
done
"""


class Engine:
    """An engine in the foreground, and one connection to it."""

    def __init__(self, program, isolation):
        self.folder = tempfile.TemporaryDirectory(dir="/var/tmp")
        command = [program, "serve", "--port", "0", "--isolation", isolation, "--state", self.folder.name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if "http://" in line:
                endpoint = "http://" + line.split("http://")[1].split()[0].strip("`")
                self.connection = http.client.HTTPConnection(urllib.parse.urlparse(endpoint).netloc)
                return
        raise SystemExit("the engine did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def ask(self, method, path, body):
        self.connection.request(method, path, body)
        response = self.connection.getresponse()
        answer = response.read()
        assert response.status < 300, (method, path, response.status, answer)
        return answer

    def cold(self, name, code):
        """Milliseconds from the request to the answer of a function that has never run."""
        body = {"FunctionName": name, "Runtime": "provided.al2023", "Handler": "x", "Role": ROLE, "Timeout": 60, "Code": code}
        self.ask("POST", "/2015-03-31/functions", json.dumps(body))
        started = time.perf_counter()
        self.ask("POST", f"/2015-03-31/functions/{name}/invocations", "{}")
        taken = (time.perf_counter() - started) * 1000
        self.ask_deleted(name)
        return taken

    def ask_deleted(self, name):
        self.ask("DELETE", f"/2015-03-31/functions/{name}", "")

    def worked(self):
        """Milliseconds of a processor's time that the engine and what it started have taken, as far as that has ended."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return sum(map(int, fields[11:15])) * 1000 / os.sysconf("SC_CLK_TCK")


def package(program):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        file.writestr(info, program.read_bytes() if program else SHELL)
    return {"ZipFile": base64.b64encode(out.getvalue()).decode()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    code, binary = package(arguments.program), str(arguments.binary.resolve())
    with Engine(binary, "namespace") as isolated, Engine(binary, "process") as plain:
        taken = {"isolated": [], "plain": []}
        for number in range(arguments.rounds):
            pair = [("isolated", isolated), ("plain", plain)]
            for name, engine in pair if number % 2 else pair[::-1]:
                taken[name].append(engine.cold(f"f{number}", code))
        worked = (isolated.worked() - plain.worked()) / arguments.rounds
    added = [isolated - plain for isolated, plain in zip(taken["isolated"], taken["plain"])]
    print("| first invocation | median | 90th |\n| --- | --- | --- |")
    for name, of in taken.items():
        print(f"| {name} | {statistics.median(of):.1f} ms | {sorted(of)[int(len(of) * 0.9)]:.1f} ms |")
    print(f"\nadded: {statistics.median(added):.1f} ms, the median of {len(added)} pairs; a processor's time: {worked:.1f} ms each")


main()
