// Lambda through the AWS SDK for Go: lambda ZIP, the package of `tests/clients/function`. Endpoint, region and credentials
// come from the environment alone. Prints `ok NAME` for each check and stops at the first that fails.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const patience = time.Minute

var (
	ctx    = context.Background()
	name   = aws.String("hello")
	zip    []byte
	queues *sqs.Client
	client *lambda.Client
)

func main() {
	zip = must(os.ReadFile(os.Args[1]))
	configuration := must(config.LoadDefaultConfig(ctx))
	queues = sqs.NewFromConfig(configuration)
	client = lambda.NewFromConfig(configuration, func(options *lambda.Options) { options.RetryMaxAttempts = 1 })
	checks := []struct {
		name string
		run  func()
	}{
		{"lifecycle", lifecycle},
		{"invocations", invocations},
		{"configuration", configurations},
		{"concurrency", concurrency},
		{"mappings", mappings},
	}
	for _, check := range checks {
		check.run()
		fmt.Println("ok", check.name)
	}
}

func create(name *string) (*lambda.CreateFunctionOutput, error) {
	return client.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: name, Runtime: "python3.12", Handler: aws.String("app.handler"),
		Role: aws.String("arn:aws:iam::000000000000:role/any"),
		Code: &types.FunctionCode{ZipFile: zip}, Tags: map[string]string{"team": "a"},
	})
}

func lifecycle() {
	created := must(create(name))
	same(created.CodeSize, int64(len(zip)))
	get := &lambda.GetFunctionInput{FunctionName: name}
	done(lambda.NewFunctionActiveV2Waiter(client).Wait(ctx, get, patience))
	same(must(client.GetFunction(ctx, get)).Tags, map[string]string{"team": "a"})
	arn := created.FunctionArn
	must(client.TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"cost": "7"}}))
	must(client.UntagResource(ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"team"}}))
	same(must(client.ListTags(ctx, &lambda.ListTagsInput{Resource: arn})).Tags, map[string]string{"cost": "7"})
	other := aws.String("other")
	must(create(other))
	names := []string{}
	pages := lambda.NewListFunctionsPaginator(client, &lambda.ListFunctionsInput{MaxItems: aws.Int32(1)})
	for pages.HasMorePages() {
		for _, listed := range must(pages.NextPage(ctx)).Functions {
			names = append(names, *listed.FunctionName)
		}
	}
	same(names, []string{"hello", "other"})
	must(client.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: other}))
	_, err := client.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: other})
	refused[*types.ResourceNotFoundException](err)
	_, err = create(name)
	refused[*types.ResourceConflictException](err)
}

func invocations() {
	answer := must(client.Invoke(ctx, &lambda.InvokeInput{
		FunctionName: name, Payload: []byte(`{"name":"Grüße"}`), LogType: types.LogTypeTail,
	}))
	same(fields(answer.Payload), map[string]any{"hello": "Grüße", "function": "hello"})
	same(strings.Contains(string(must(base64.StdEncoding.DecodeString(*answer.LogResult))), "REPORT RequestId: "), true)
	failed := must(client.Invoke(ctx, &lambda.InvokeInput{FunctionName: name, Payload: []byte(`{"fail":"on purpose"}`)}))
	same(*failed.FunctionError, "Unhandled")
	same(fields(failed.Payload)["errorMessage"], "on purpose")
	event := must(client.Invoke(ctx, &lambda.InvokeInput{FunctionName: name, InvocationType: types.InvocationTypeEvent}))
	same(event.StatusCode, int32(202))
}

func configurations() {
	changed := must(client.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: name, Timeout: aws.Int32(7),
		Environment: &types.Environment{Variables: map[string]string{"LEVEL": "debug"}},
	}))
	same(*changed.Timeout, int32(7))
	get := &lambda.GetFunctionInput{FunctionName: name}
	done(lambda.NewFunctionUpdatedV2Waiter(client).Wait(ctx, get, patience))
	found := must(client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: name}))
	same(found.Environment.Variables, map[string]string{"LEVEL": "debug"})
	again := must(client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: zip}))
	same(*again.CodeSha256, *found.CodeSha256)
	_, err := client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: []byte("no zip")})
	refused[*types.InvalidParameterValueException](err)
}

func concurrency() {
	settings := must(client.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{}))
	same(settings.AccountLimit.ConcurrentExecutions, int32(1000))
	must(client.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{
		FunctionName: name, ReservedConcurrentExecutions: aws.Int32(0),
	}))
	get := &lambda.GetFunctionConcurrencyInput{FunctionName: name}
	same(*must(client.GetFunctionConcurrency(ctx, get)).ReservedConcurrentExecutions, int32(0))
	_, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: name})
	throttled := refused[*types.TooManyRequestsException](err)
	same(throttled.Reason, types.ThrottleReasonReservedFunctionConcurrentInvocationLimitExceeded)
	must(client.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyInput{FunctionName: name}))
	same(must(client.Invoke(ctx, &lambda.InvokeInput{FunctionName: name})).StatusCode, int32(200))
}

func mappings() {
	queue := must(queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("jobs")}))
	attributes := must(queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"QueueArn"},
	})).Attributes
	arn := aws.String(attributes["QueueArn"])
	create := &lambda.CreateEventSourceMappingInput{FunctionName: name, EventSourceArn: arn}
	uuid := must(client.CreateEventSourceMapping(ctx, create)).UUID
	_, err := client.CreateEventSourceMapping(ctx, create)
	refused[*types.ResourceConflictException](err)
	enabled(uuid)
	listed := must(client.ListEventSourceMappings(ctx, &lambda.ListEventSourceMappingsInput{EventSourceArn: arn}))
	same([]any{len(listed.EventSourceMappings), *listed.EventSourceMappings[0].UUID}, []any{1, *uuid})
	updated := must(client.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{
		UUID: uuid, BatchSize: aws.Int32(5),
	}))
	same(*updated.BatchSize, int32(5))
	found := enabled(uuid)
	same([]any{*found.BatchSize, found.LastModified.IsZero()}, []any{int32(5), false})
	must(client.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: uuid}))
}

// enabled waits: a mapping that is on its way to a state takes no changes.
func enabled(uuid *string) *lambda.GetEventSourceMappingOutput {
	for {
		found := must(client.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: uuid}))
		if *found.State == "Enabled" {
			return found
		}
	}
}

func fields(payload []byte) map[string]any {
	found := map[string]any{}
	done(json.Unmarshal(payload, &found))
	return found
}

func must[T any](value T, err error) T {
	done(err)
	return value
}

func done(err error) {
	if err != nil {
		panic(err)
	}
}

func same(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Errorf("found %v, expected %v", found, expected))
	}
}

// refused expects an error of the SDK's type for it.
func refused[E error](err error) E {
	var expected E
	if !errors.As(err, &expected) {
		panic(fmt.Errorf("expected %T, got %w", expected, err))
	}
	return expected
}
