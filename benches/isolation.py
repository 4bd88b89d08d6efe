#!/usr/bin/env python3
"""Measures what a view of the machine of its own adds to the start of an environment.

    python3 benches/isolation.py target/release/stackctl

Two engines, one with isolation and one without, take turns with the first invocation of a new function; its package is there
before. On a machine that does something else as well, the processor's time tells more than the clock. The function is a program that answers at once: `--program FILE` names a static one, else it is a shell script with curl.
"""

import argparse
import json
import os
import pathlib
import statistics
import time

from serving import ROLE, Engine, package

SHELL = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while curl -sS -o /dev/null -D "$TMPDIR/head" "$api/invocation/next"; do
  id=$(sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: \\(.*\\)\\r/\\1/p' "$TMPDIR/head")
  curl -sS -o /dev/null -X POST "$api/invocation/$id/response" -d 1
done
"""


class Measured(Engine):
    """An engine whose functions begin."""

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    content = arguments.program.read_bytes() if arguments.program else SHELL
    code, binary = package("bootstrap", content, 0o755), str(arguments.binary.resolve())
    with Measured(binary, "--isolation", "namespace") as isolated, Measured(binary, "--isolation", "process") as plain:
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
