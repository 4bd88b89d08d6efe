// A function on AWS's own runtime for Go: answers, fails, panics, hangs and streams as its event asks, and says goodbye
// when its environment ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// OutOfStock is told as the error's type.
type OutOfStock struct{}

func (OutOfStock) Error() string { return "nothing is left" }

func handler(ctx context.Context, event map[string]any) (any, error) {
	switch event["do"] {
	case "fail":
		return nil, OutOfStock{}
	case "panic":
		panic("it panicked")
	case "stream":
		pauseMs, _ := event["pauseMs"].(float64)
		return pieces(int(event["pieces"].(float64)), time.Duration(pauseMs)*time.Millisecond, nil), nil
	case "hang":
		time.Sleep(time.Minute)
	case "tear":
		return pieces(1, 0, errors.New("it tore")), nil
	}
	fmt.Println("printed")
	call, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"event": event, "request": call.AwsRequestID, "deadline": deadline.UnixMilli(), "arn": call.InvokedFunctionArn,
		"trace": ctx.Value("x-amzn-trace-id"), "client": call.ClientContext.Custom, "identity": call.Identity.CognitoIdentityID,
		"function": lambdacontext.FunctionName, "memory": lambdacontext.MemoryLimitInMB,
		"version": lambdacontext.FunctionVersion, "group": lambdacontext.LogGroupName,
	}, nil
}

func pieces(count int, pause time.Duration, end error) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		for number := range count {
			fmt.Fprintf(writer, "piece %d\n", number)
			time.Sleep(pause)
		}
		writer.CloseWithError(end)
	}()
	return reader
}

func main() {
	if os.Getenv("GOODBYE") != "" {
		lambda.StartWithOptions(handler, lambda.WithEnableSIGTERM(func() { fmt.Println("goodbye"); os.Exit(0) }))
	}
	lambda.Start(handler)
}
