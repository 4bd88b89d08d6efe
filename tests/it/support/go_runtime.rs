//! A Lambda function in Go without any library: the Runtime API by hand. It answers with what it was asked and what it sees, and prints that.

use std::{fs, path::Path, process::Command};

use super::{binary::succeed, tool::Tool};

/// `GREETING`, its arguments, its user and its event are in the answer; what it prints begins with `ECHO`.
pub(crate) const SOURCE: &str = r#"package main

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
		fmt.Printf("ECHO %s %s %s\n", event, os.Getenv("GREETING"), os.Args)
		fmt.Fprintln(os.Stderr, "to standard error")
		answer := fmt.Sprintf(`{"greeting":%q,"uid":%d,"event":%s}`, os.Getenv("GREETING"), os.Getuid(), event)
		id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		response, err := http.Post(api+id+"/response", "application/json", bytes.NewReader([]byte(answer)))
		if err != nil {
			return
		}
		response.Body.Close()
	}
}
"#;

/// Builds `source` in `dir` as `program`, which needs no library.
pub(crate) fn build(dir: &Path, source: &str, program: &str) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("main.go"), source).unwrap();
    fs::write(dir.join("go.mod"), "module echo\n\ngo 1.19\n").unwrap();
    let mut go = Command::new(Tool::Go.path().unwrap());
    go.args(["build", "-o", program, "."]).current_dir(dir).env("CGO_ENABLED", "0").env("GOTOOLCHAIN", "local");
    succeed(go);
}
