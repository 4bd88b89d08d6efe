#!/usr/bin/env python3
"""Measures the inner loop: from a save to the first invocation that new code serves.

    python3 benches/inner_loop.py target/release/stackctl [--saves 15] [--only Go]
    python3 benches/inner_loop.py target/release/stackctl --idle 50000

The second form watches a tree of so many files while nothing happens, and prints what that costs. The first
prints the table of docs/performance.md: medians over the saves. `total` is what a developer waits, from the write to the
answer; `toolchain` is the compiler's part of it and `runtime` the new process's own start, from INIT_START to the first START;
`overhead` is the rest, which is ours, the quiet period included.
"""

import argparse
import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

PYTHON = """
def handler(event, context):
    return {marker}
"""

NODE = """
exports.handler = async () => {marker};
"""

GO = """package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
)

func main() {{
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {{
		next, err := http.Get(api + "next")
		if err != nil {{
			panic(err)
		}}
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		http.Post(api+id+"/response", "application/json", strings.NewReader(fmt.Sprint({marker})))
	}}
}}
"""

RUST = """use std::io::{{BufRead, BufReader, Read, Write}};

fn call(api: &str, head: &str, body: &str) -> (String, Vec<u8>) {{
    let mut stream = std::net::TcpStream::connect(api).unwrap();
    write!(stream, "{{head}} HTTP/1.1\\r\\nhost: {{api}}\\r\\ncontent-length: {{}}\\r\\n\\r\\n{{body}}", body.len()).unwrap();
    let (mut reader, mut id, mut length) = (BufReader::new(stream), String::new(), 0);
    loop {{
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let (name, value) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
        match name.to_ascii_lowercase().as_str() {{
            "lambda-runtime-aws-request-id" => id = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap(),
            "" => break,
            _ => {{}}
        }}
    }}
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (id, body)
}}

fn main() {{
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    loop {{
        let (id, _) = call(&api, "GET /2018-06-01/runtime/invocation/next", "");
        call(&api, &format!("POST /2018-06-01/runtime/invocation/{{id}}/response"), "{marker}");
    }}
}}
"""

LANGUAGES = {
    "python": ("python3.12", "app.handler", "app.py", PYTHON),
    "node": ("nodejs20.x", "index.handler", "index.js", NODE),
    "go": ("provided.al2023", "bootstrap", "main.go", GO),
    "rust": ("provided.al2023", "bootstrap", "src/main.rs", RUST),
}


# As people develop: without optimisation.
BUILDS = {"rust": '{ rust = { profile = "dev" } }'}


def function(name, language, source):
    runtime, handler, _, _ = LANGUAGES[language]
    return (
        f'\n[functions.{name}]\nruntime = "{runtime}"\nhandler = "{handler}"\n'
        f'source = "{source}"\nbuild = {BUILDS.get(language, json.dumps(language))}\ntimeout = "30s"\n'
    )


def write_function(folder, language, marker):
    _, _, file, text = LANGUAGES[language]
    folder.mkdir(parents=True, exist_ok=True)
    if language == "go":
        (folder / "go.mod").write_text("module f\n\ngo 1.21\n")
    if language == "rust":
        (folder / "src").mkdir(exist_ok=True)
        (folder / "Cargo.toml").write_text('[package]\nname = "f"\nedition = "2021"\n')
        (folder / ".gitignore").write_text("target\n")
    path = folder / file
    path.write_text(text.format(marker=marker))
    return path


def add_node_modules(folder, packages=150, files=33, size=10_000):
    for package in range(packages):
        where = folder / "node_modules" / f"package{package}"
        where.mkdir(parents=True)
        for number in range(files):
            (where / f"file{number}.js").write_bytes(os.urandom(size // 2).hex().encode())


class Watch:
    """`stackctl watch --json` on a folder."""

    def __init__(self, stackctl, folder):
        self.stackctl, self.folder, self.events = stackctl, folder, []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [stackctl, "watch", "--json"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        threading.Thread(target=self.read, daemon=True).start()
        watching = self.wait(lambda event: event["event"] == "watching")
        self.endpoint = urllib.parse.urlparse(watching["endpoint"])
        self.http = http.client.HTTPConnection(self.endpoint.hostname, self.endpoint.port)

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()

    def wait(self, wanted, since=0):
        with self.changed:
            while True:
                for event in self.events[since:]:
                    if wanted(event):
                        return event
                if not self.changed.wait(timeout=60):
                    raise TimeoutError(self.events[since:])

    def invoke(self):
        self.http.request("POST", "/2015-03-31/functions/f/invocations", body="{}")
        return self.http.getresponse().read().decode()

    def end(self):
        self.process.terminate()
        self.process.wait()
        subprocess.run([self.stackctl, "down", "--yes"], cwd=self.folder, capture_output=True)


def measure(stackctl, language, saves, others=0, node_modules=False):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="inner-loop-"))
    manifest = '[stack]\nname = "bench"\n[targets.embedded]\nport = "auto"\n' + function("f", language, "f")
    source = write_function(folder / "f", language, 0)
    for number in range(others):
        manifest += function(f"other{number}", "python", f"other{number}")
        write_function(folder / f"other{number}", "python", number)
    if node_modules:
        add_node_modules(folder / "f")
    (folder / "stack.toml").write_text(manifest)
    watch = Watch(stackctl, folder)
    samples = []
    try:
        watch.invoke()
        for marker in range(1, saves + 1):
            time.sleep(0.3)
            since = len(watch.events)
            text = LANGUAGES[language][3].format(marker=marker)
            start = time.perf_counter()
            source.write_text(text)
            while watch.invoke() != str(marker):
                pass
            total = (time.perf_counter() - start) * 1000
            served = watch.wait(lambda event: event["event"] == "served", since)
            samples.append({"total": total, **served["phases_ms"], "runtime": runtime_ms(watch, since)})
    finally:
        watch.end()
        shutil.rmtree(folder)
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def runtime_ms(watch, since):
    """The new process's own start: in its log stream, from INIT_START to the first START."""
    began = {}
    started = lambda event: event["event"] == "log" and event["stream"] in began and event["message"].startswith("START ")
    with watch.changed:
        logs = [event for event in watch.events[since:] if event["event"] == "log"]
    for event in logs:
        if event["message"].startswith("INIT_START"):
            began[event["stream"]] = event["timestamp_ms"]
    event = watch.wait(started, since)
    return event["timestamp_ms"] - began[event["stream"]]


def idle(stackctl, files, seconds=20):
    """What a watched tree costs while nothing happens: CPU time of the watching process, and its memory."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="inner-loop-"))
    source = write_function(folder / "f", "node", 0)
    for number in range(files):
        where = folder / "f" / "lib" / f"package{number // 20}"
        where.mkdir(parents=True, exist_ok=True)
        (where / f"file{number}.js").write_text(f"exports.number = {number};\n")
    manifest = '[stack]\nname = "bench"\n[targets.embedded]\nport = "auto"\n' + function("f", "node", "f")
    (folder / "stack.toml").write_text(manifest)
    watch = Watch(stackctl, folder)
    process = pathlib.Path("/proc") / str(watch.process.pid)

    def ticks():
        fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def memory():
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        return {name: int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")}

    try:
        directories = next(event for event in watch.events if event["event"] == "watching")["directories"]
        # What is laid ready for the next save is no idling.
        time.sleep(10)
        before = ticks()
        time.sleep(seconds)
        spent = (ticks() - before) * 1000 / os.sysconf("SC_CLK_TCK") / seconds
        after_start = memory()
        since = len(watch.events)
        source.write_text(LANGUAGES["node"][3].format(marker=1))
        watch.wait(lambda event: event["event"] == "served", since)
        time.sleep(10)
        after_save = memory()
        print(f"{files} files in {directories} watched directories, {seconds} s without a change:")
        print(f"CPU {spent:.2f} ms a second; memory {after_start['VmRSS']:.0f} MB, after a save {after_save['VmRSS']:.0f} MB, "
              f"at most {after_save['VmHWM']:.0f} MB")
    finally:
        watch.end()
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stackctl", type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--saves", type=int, default=15)
    parser.add_argument("--only")
    parser.add_argument("--idle", type=int, metavar="FILES")
    arguments = parser.parse_args()
    if arguments.idle:
        return idle(arguments.stackctl, arguments.idle)
    beside = {"others": 99}
    cases = [
        ("Python", "python", {}),
        ("Python, beside 99 other functions", "python", beside),
        ("Node", "node", {}),
        ("Node, beside 99 other functions", "node", beside),
        ("Node, with 50 MB of `node_modules`", "node", {"node_modules": True}),
        ("Go", "go", {}),
        ("Go, beside 99 other functions", "go", beside),
        ("Rust", "rust", {}),
        ("Rust, beside 99 other functions", "rust", beside),
    ]
    print("| | total | noticed | toolchain | package | deploy | ready | runtime | overhead |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, language, options in cases:
        if arguments.only and arguments.only not in name:
            continue
        if not shutil.which({"python": "python3", "rust": "cargo"}.get(language, language)):
            continue
        m = measure(arguments.stackctl, language, arguments.saves, **options)
        overhead = m["total"] - m["build"] - m["runtime"]
        row = [m["total"], m["noticed"], m["build"], m["package"], m["deploy"], m["ready"], m["runtime"], overhead]
        print(f"| {name} | " + " | ".join(f"{value:.0f} ms" for value in row) + " |", flush=True)


if __name__ == "__main__":
    main()
