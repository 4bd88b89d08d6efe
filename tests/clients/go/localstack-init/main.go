// Runs a function in a container that LocalStack started: the part that LocalStack fetches a program for, which the tests have not.
// It is the least that LocalStack 4 speaks with: it says that it is ready, takes invocations at port 9563, hands them to the
// function over the Lambda Runtime API, and posts logs and answers back. No extensions, no limits, no second invocation at once.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	invokePort = ":9563"
	runtimeAPI = "127.0.0.1:9001"
	// The last lines of the function's output follow its answer through a pipe.
	outputGrace = 50 * time.Millisecond
)

type invocation struct {
	ID      string `json:"invoke-id"`
	ARN     string `json:"invoked-function-arn"`
	Payload string `json:"payload"`
	Trace   string `json:"trace-id"`
}

var (
	endpoint = os.Getenv("LOCALSTACK_RUNTIME_ENDPOINT")
	pending  = make(chan invocation)
	lines    []string
	guard    sync.Mutex
)

func main() {
	go serveRuntimeAPI()
	http.HandleFunc("/invoke", func(w http.ResponseWriter, r *http.Request) {
		var next invocation
		if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		go func() { pending <- next }()
	})
	go func() { fail(http.ListenAndServe(invokePort, nil)) }()
	fail(runFunction())
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "init:", err)
	post("/status/"+os.Getenv("LOCALSTACK_RUNTIME_ID")+"/error", []byte(fmt.Sprintf(`{"errorMessage":%q}`, err)))
	os.Exit(1)
}

func runFunction() error {
	for _, path := range []string{"/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		command := exec.Command(path)
		command.Dir = "/var/task"
		command.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+runtimeAPI)
		output, err := command.StdoutPipe()
		if err != nil {
			return err
		}
		command.Stderr = command.Stdout
		if err := command.Start(); err != nil {
			return err
		}
		scanner := bufio.NewScanner(output)
		for scanner.Scan() {
			say(scanner.Text())
		}
		return fmt.Errorf("the function ended: %v", command.Wait())
	}
	return fmt.Errorf("there is no bootstrap")
}

func say(line string) {
	guard.Lock()
	defer guard.Unlock()
	fmt.Println(line)
	lines = append(lines, line)
}

func serveRuntimeAPI() {
	const prefix = "/2018-06-01/runtime/"
	var ready sync.Once
	mux := http.NewServeMux()
	mux.HandleFunc(prefix+"invocation/next", func(w http.ResponseWriter, r *http.Request) {
		ready.Do(func() { post("/status/"+os.Getenv("LOCALSTACK_RUNTIME_ID")+"/ready", nil) })
		next := <-pending
		say("START RequestId: " + next.ID + " Version: " + os.Getenv("AWS_LAMBDA_FUNCTION_VERSION"))
		header := w.Header()
		header.Set("Lambda-Runtime-Aws-Request-Id", next.ID)
		header.Set("Lambda-Runtime-Invoked-Function-Arn", next.ARN)
		header.Set("Lambda-Runtime-Trace-Id", next.Trace)
		header.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(timeout()).UnixMilli()))
		header.Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, next.Payload)
	})
	mux.HandleFunc(prefix+"init/error", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		post("/status/"+os.Getenv("LOCALSTACK_RUNTIME_ID")+"/error", body)
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc(prefix+"invocation/", func(w http.ResponseWriter, r *http.Request) {
		// ID/response or ID/error.
		path := strings.TrimPrefix(r.URL.Path, prefix+"invocation/")
		body, _ := io.ReadAll(r.Body)
		time.Sleep(outputGrace)
		id, _, _ := strings.Cut(path, "/")
		say("END RequestId: " + id)
		guard.Lock()
		logs, _ := json.Marshal(map[string]string{"logs": strings.Join(lines, "\n") + "\n"})
		lines = nil
		guard.Unlock()
		post("/invocations/"+id+"/logs", logs)
		post("/invocations/"+path, body)
		w.WriteHeader(http.StatusAccepted)
	})
	fail(http.ListenAndServe(runtimeAPI, mux))
}

func timeout() time.Duration {
	seconds, err := time.ParseDuration(os.Getenv("AWS_LAMBDA_FUNCTION_TIMEOUT") + "s")
	if err != nil {
		return 3 * time.Second
	}
	return seconds
}

func post(path string, body []byte) {
	answer, err := http.Post(endpoint+path, "application/json", bytes.NewReader(body))
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		return
	}
	answer.Body.Close()
}
