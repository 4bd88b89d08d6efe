#!/usr/bin/env python3
"""How long convergence takes, and what a container costs a function.

    python3 benches/converging.py PATH/TO/stackctl [--rounds 5] [--containers]

Without `--containers`: 100 queues, 50 functions and 50 mappings on the embedded engine, made and then found unchanged.
With it, on a Docker Engine and with Go: the first invocation in a new container beside `docker create` and `start` of the same
image, and a warm invocation in a container beside one in a process, of a function that prints and of one that does not.

Wall time of whole commands, medians. Nothing else should run meanwhile.
"""

import argparse
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

QUEUES, FUNCTIONS = 100, 50
WARM, WARMING, ROUNDS = 4_000, 200, 20
COLD = 8
HEAD = '[stack]\nname = "measured"\n[targets.embedded]\nport = "auto"\n'
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/lambda/aws4_request, "
    "SignedHeaders=host, Signature=0"
}
IMAGE = "stackctl-measured-base:1"
NETWORK = "stackctl-measured"
ECHO = """package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(api + "next")
		if err != nil {
			return
		}
		event, _ := io.ReadAll(next.Body)
		next.Body.Close()
		if os.Getenv("PRINTS") == "1" {
			fmt.Println("a line from the function")
		}
		answer := api + next.Header.Get("Lambda-Runtime-Aws-Request-Id") + "/response"
		if posted, err := http.Post(answer, "application/json", bytes.NewReader(event)); err == nil {
			io.Copy(io.Discard, posted.Body)
			posted.Body.Close()
		}
	}
}
"""


def timed(command, directory):
    started = time.perf_counter()
    subprocess.run(command, cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1e3


def median(times):
    return f"{statistics.median(times):7.1f} ms (of {len(times)}, {min(times):.1f} to {max(times):.1f})"


def converge(stackctl, rounds):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        directory = pathlib.Path(directory)
        (directory / "src").mkdir()
        (directory / "src/bootstrap").write_text("#!/bin/sh\nexec sleep 60\n")
        manifest = HEAD + "".join(f"[queues.q{n:03}]\n" for n in range(QUEUES))
        for n in range(FUNCTIONS):
            manifest += f'[functions.f{n:02}]\nruntime = "provided.al2023"\nsource = "src"\nbuild = "none"\n'
            manifest += f'[[functions.f{n:02}.triggers]]\nqueue = "q{n:03}"\n'
        (directory / "stack.toml").write_text(manifest)
        made, unchanged = [], []
        for _ in range(rounds):
            made.append(timed([stackctl, "up"], directory))
            unchanged += [timed([stackctl, "up"], directory) for _ in range(3)]
            timed([stackctl, "down", "--yes"], directory)
    print(f"{QUEUES} queues, {FUNCTIONS} functions, {FUNCTIONS} mappings")
    print(f"  made, the engine's start and the builds included  {median(made)}")
    print(f"  nothing to change                                 {median(unchanged)}")


def containers(stackctl):
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        directory = pathlib.Path(directory)
        build(directory)
        manifest = HEAD
        for isolation in ["process", "container"]:
            for prints in [0, 1]:
                manifest += f'[functions.{isolation}-{prints}]\nruntime = "provided.al2023"\nsource = "out"\n'
                manifest += f'build = "none"\nisolation = "{isolation}"\nenvironment = {{ PRINTS = "{prints}" }}\n'
                manifest += f'base_image = "{IMAGE}"\n' if isolation == "container" else ""
        (directory / "stack.toml").write_text(manifest)
        subprocess.run([stackctl, "-q", "up"], cwd=directory, check=True)
        try:
            engine = http.client.HTTPConnection("127.0.0.1", json.loads((directory / ".stackctl/engine.json").read_text())["port"])
            cold(engine, directory)
            warm(engine)
        finally:
            subprocess.run([stackctl, "-q", "down", "--yes"], cwd=directory, check=True)
            subprocess.run(["docker", "image", "rm", "-f", IMAGE], check=True, stdout=subprocess.DEVNULL)


def build(directory):
    """The function, and an image that has nothing in it."""
    (directory / "code").mkdir()
    (directory / "code/main.go").write_text(ECHO)
    (directory / "code/go.mod").write_text("module echo\n\ngo 1.19\n")
    environment = dict(os.environ, CGO_ENABLED="0", GOTOOLCHAIN="local")
    subprocess.run(["go", "build", "-o", "../out/bootstrap", "."], cwd=directory / "code", env=environment, check=True)
    (directory / "base").mkdir()
    (directory / "base/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /nothing\n")
    subprocess.run(["docker", "build", "-q", "-t", IMAGE, "base"], cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def invoke(engine, function):
    started = time.perf_counter()
    engine.request("POST", f"/2015-03-31/functions/{function}/invocations", b'{"n":1}', SIGNED)
    answer = engine.getresponse()
    body = answer.read()
    assert (answer.status, body) == (200, b'{"n":1}'), body
    return (time.perf_counter() - started) * 1e3


def cold(engine, directory):
    """Interleaved, so that both meet the same machine."""
    ours, plain = [], []
    # The network is made by the first.
    invoke(engine, "container-0")
    for n in range(COLD):
        engine.request("PUT", "/2015-03-31/functions/container-0/configuration", json.dumps({"Description": str(n)}), SIGNED)
        engine.getresponse().read()
        time.sleep(1)
        ours.append(invoke(engine, "container-0"))
        plain.append(create_and_start(directory))
    print(f"first invocation in a new container      {median(ours)}")
    print(f"`docker create` and `start` of the same  {median(plain)}")


def create_and_start(directory):
    """As the function's container is, through Docker's API as the engine uses it."""
    request = {
        "Image": IMAGE,
        "Entrypoint": ["/var/task/bootstrap"],
        "Env": ["AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"],
        "HostConfig": {
            "Binds": [f"{directory}/out:/var/task:ro"],
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": "rw,exec,size=512m"},
            "CapDrop": ["ALL"],
            "Memory": 128 << 20,
            "MemorySwap": 128 << 20,
            "NetworkMode": NETWORK,
            "Init": True,
            "LogConfig": {"Type": "none"},
        },
    }
    docker = Docker()
    started = time.perf_counter()
    container = docker.call("POST", "/containers/create", request)["Id"]
    docker.call("POST", f"/containers/{container}/start")
    took = (time.perf_counter() - started) * 1e3
    docker.call("DELETE", f"/containers/{container}?force=1")
    return took


class Docker:
    """Docker's API."""

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("docker")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect("/var/run/docker.sock")
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status < 300, text
        connection.close()
        return json.loads(text) if text else None


def warm(engine):
    """In rounds, so that all meet the same machine."""
    functions = ["process-0", "container-0", "process-1", "container-1"]
    rounds = {function: [] for function in functions}
    for function in functions:
        for _ in range(WARMING):
            invoke(engine, function)
    for _ in range(ROUNDS):
        for function in functions:
            rounds[function].append(statistics.median(invoke(engine, function) for _ in range(WARM // ROUNDS)))
    times = {function: statistics.median(medians) for function, medians in rounds.items()}
    for prints, what in [(0, "prints nothing"), (1, "prints a line")]:
        process, container = times[f"process-{prints}"], times[f"container-{prints}"]
        print(f"warm, {what}: process {process:.3f} ms, container {container:.3f} ms, {container / process:.2f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stackctl")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--containers", action="store_true")
    arguments = parser.parse_args()
    stackctl = str(pathlib.Path(shutil.which(arguments.stackctl) or arguments.stackctl).resolve())
    if arguments.containers:
        containers(stackctl)
    else:
        converge(stackctl, arguments.rounds)


if __name__ == "__main__":
    main()
