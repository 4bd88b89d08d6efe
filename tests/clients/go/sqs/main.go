// SQS through the AWS SDK for Go, which verifies the MD5 of every message itself. Endpoint, region and credentials come
// from the environment alone. Prints `ok NAME` for each check and stops at the first that fails.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

var (
	ctx    = context.Background()
	client *sqs.Client
)

func main() {
	configuration := must(config.LoadDefaultConfig(ctx))
	client = sqs.NewFromConfig(configuration)
	checks := []struct {
		name string
		run  func()
	}{
		{"queues", queues},
		{"attributes", attributes},
		{"tags", tags},
		{"messages", messages},
		{"batches", batches},
		{"long-poll", longPoll},
		{"visibility", visibility},
		{"fifo", fifo},
		{"dead-letters", deadLetters},
		{"move-tasks", moveTasks},
		{"errors", refusals},
		{"purge", purge},
		{"paging", paging},
		{"permissions", permissions},
		{"worlds", func() { worlds(configuration) }},
	}
	for _, check := range checks {
		check.run()
		fmt.Println("ok", check.name)
	}
}

func queues() {
	url := queue("jobs", map[string]string{"DelaySeconds": "0"})
	same(strings.HasSuffix(url, "/000000000000/jobs"), true)
	same(*must(client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("jobs")})).QueueUrl, url)
	same(queue("jobs", nil), url)
	same(must(client.ListQueues(ctx, &sqs.ListQueuesInput{QueueNamePrefix: aws.String("jo")})).QueueUrls, []string{url})
	_, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{
		QueueName: aws.String("jobs"), Attributes: map[string]string{"DelaySeconds": "7"},
	})
	refused[*types.QueueNameExists](err)
	must(client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: aws.String(queue("short-lived", nil))}))
	_, err = client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("short-lived")})
	refused[*types.QueueDoesNotExist](err)
	_, err = client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("short-lived")})
	refused[*types.QueueDeletedRecently](err)
}

func attributes() {
	url := queue("attributes", map[string]string{"VisibilityTimeout": "45"})
	same(attribute(url, "VisibilityTimeout"), "45")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage","Resource":"` +
		attribute(url, "QueueArn") + `"}]}`
	must(client.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &url, Attributes: map[string]string{"VisibilityTimeout": "46", "Policy": policy},
	}))
	same(attribute(url, "VisibilityTimeout"), "46")
	same(json.Valid([]byte(attribute(url, "Policy"))), true)
}

func tags() {
	url := queue("tags", nil)
	must(client.TagQueue(ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"team": "a", "cost centre": "7"}}))
	must(client.UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: []string{"team"}}))
	found := must(client.ListQueueTags(ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})).Tags
	same(found, map[string]string{"cost centre": "7"})
}

func messages() {
	url := queue("messages", nil)
	body := "Grüße, 世界 \U0001f600 <&> \"quoted\"\ttab\r\nlines"
	sent := must(client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: &body,
		MessageAttributes: map[string]types.MessageAttributeValue{
			"kind":   {DataType: aws.String("String"), StringValue: aws.String("order")},
			"amount": {DataType: aws.String("Number.int"), StringValue: aws.String("12")},
			"raw":    {DataType: aws.String("Binary"), BinaryValue: []byte{0, 1, 254, 255}},
		},
	}))
	message := receive(url, func(input *sqs.ReceiveMessageInput) {
		input.MessageAttributeNames = []string{"All"}
		input.MessageSystemAttributeNames = []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}
	})[0]
	same(*message.MessageId, *sent.MessageId)
	same(*message.Body, body)
	same(*message.MD5OfMessageAttributes, *sent.MD5OfMessageAttributes)
	same(*message.MessageAttributes["amount"].StringValue, "12")
	same(bytes.Equal(message.MessageAttributes["raw"].BinaryValue, []byte{0, 1, 254, 255}), true)
	same(message.Attributes["ApproximateReceiveCount"], "1")
	must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: message.ReceiptHandle}))
	same(attribute(url, "ApproximateNumberOfMessagesNotVisible"), "0")
}

func batches() {
	url := queue("batches", nil)
	sent := must(client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{
		QueueUrl: &url,
		Entries: []types.SendMessageBatchRequestEntry{
			{Id: aws.String("good"), MessageBody: aws.String("fine")},
			{Id: aws.String("bad"), MessageBody: aws.String("delayed"), DelaySeconds: 901},
		},
	}))
	same(*sent.Successful[0].Id, "good")
	same([]any{len(sent.Failed), *sent.Failed[0].Code, sent.Failed[0].SenderFault}, []any{1, "InvalidParameterValue", true})
	handle, bad := receive(url)[0].ReceiptHandle, aws.String("no handle")
	changed := must(client.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &url,
		Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: handle, VisibilityTimeout: 60},
			{Id: aws.String("bad"), ReceiptHandle: bad, VisibilityTimeout: 60},
		},
	}))
	same([]string{*changed.Successful[0].Id, *changed.Failed[0].Code}, []string{"good", "ReceiptHandleIsInvalid"})
	deleted := must(client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{
		QueueUrl: &url,
		Entries: []types.DeleteMessageBatchRequestEntry{
			{Id: aws.String("good"), ReceiptHandle: handle},
			{Id: aws.String("bad"), ReceiptHandle: bad},
		},
	}))
	same([]string{*deleted.Successful[0].Id, *deleted.Failed[0].Code}, []string{"good", "ReceiptHandleIsInvalid"})
}

func longPoll() {
	url := queue("long-poll", map[string]string{"ReceiveMessageWaitTimeSeconds": "20"})
	received := make(chan []string)
	go func() {
		received <- bodies(must(client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})).Messages)
	}()
	send(url, "awaited")
	same(<-received, []string{"awaited"})
}

func visibility() {
	url := queue("visibility", map[string]string{"VisibilityTimeout": "600"})
	send(url, "again")
	first := receive(url)[0]
	same(len(receive(url, atOnce)), 0)
	must(client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: first.ReceiptHandle, VisibilityTimeout: 0,
	}))
	second := receive(url, func(input *sqs.ReceiveMessageInput) {
		input.MessageSystemAttributeNames = []types.MessageSystemAttributeName{"ApproximateReceiveCount"}
	})[0]
	same(second.Attributes, map[string]string{"ApproximateReceiveCount": "2"})
}

func fifo() {
	url := queue("ordered.fifo", map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"})
	numbers := []string{}
	for _, body := range []string{"1", "2", "3", "1"} {
		sent := must(client.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: &url, MessageBody: &body, MessageGroupId: aws.String("a"),
		}))
		numbers = append(numbers, *sent.SequenceNumber)
	}
	same([]bool{numbers[0] < numbers[1], numbers[1] < numbers[2], numbers[3] == numbers[0]}, []bool{true, true, true})
	first := receive(url, func(input *sqs.ReceiveMessageInput) { input.MaxNumberOfMessages = 1 })[0]
	same(*first.Body, "1")
	same(len(receive(url, atOnce)), 0)
	must(client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: first.ReceiptHandle}))
	same(bodies(receive(url)), []string{"2", "3"})
}

func deadLetters() {
	dead := queue("dead", nil)
	redrive := `{"deadLetterTargetArn":"` + attribute(dead, "QueueArn") + `","maxReceiveCount":1}`
	url := queue("source", map[string]string{"RedrivePolicy": redrive, "VisibilityTimeout": "0"})
	sources := must(client.ListDeadLetterSourceQueues(ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &dead}))
	same(sources.QueueUrls, []string{url})
	send(url, "poison")
	same(bodies(receive(url)), []string{"poison"})
	same(len(receive(url, atOnce)), 0)
	message := receive(dead, func(input *sqs.ReceiveMessageInput) {
		input.MessageSystemAttributeNames = []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll}
	})[0]
	same(message.Attributes["DeadLetterQueueSourceArn"], attribute(url, "QueueArn"))
	must(client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &dead, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0,
	}))
}

// Goes on with what deadLetters left.
func moveTasks() {
	source := *must(client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("source")})).QueueUrl
	arn := attribute(queue("dead", nil), "QueueArn")
	started := must(client.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &arn}))
	same(bodies(receive(source, func(input *sqs.ReceiveMessageInput) { input.WaitTimeSeconds = 20 })), []string{"poison"})
	status := "RUNNING"
	for status == "RUNNING" {
		tasks := must(client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &arn})).Results
		status = *tasks[0].Status
		same(tasks[0].ApproximateNumberOfMessagesMoved, int64(1))
	}
	same(status, "COMPLETED")
	_, err := client.CancelMessageMoveTask(ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: started.TaskHandle})
	refused[*types.UnsupportedOperation](err)
	_, err = client.ListMessageMoveTasks(ctx, &sqs.ListMessageMoveTasksInput{SourceArn: aws.String(arn + "-not")})
	refused[*types.ResourceNotFoundException](err)
}

func refusals() {
	url := queue("errors", nil)
	missing, x := aws.String(url+"-not"), aws.String("x")
	_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: missing, MessageBody: x})
	refused[*types.QueueDoesNotExist](err)
	_, err = client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: missing})
	refused[*types.QueueDoesNotExist](err)
	entry := types.SendMessageBatchRequestEntry{Id: x, MessageBody: x}
	batch := func(entries ...types.SendMessageBatchRequestEntry) error {
		_, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: entries})
		return err
	}
	refused[*types.EmptyBatchRequest](batch([]types.SendMessageBatchRequestEntry{}...))
	refused[*types.BatchEntryIdsNotDistinct](batch(entry, entry))
	refused[*types.TooManyEntriesInBatchRequest](batch(slices.Repeat([]types.SendMessageBatchRequestEntry{entry}, 11)...))
	_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: x})
	refused[*types.ReceiptHandleIsInvalid](err)
	_, err = client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("\x01")})
	refused[*types.InvalidMessageContents](err)
	_, err = client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 11})
	var refusal smithy.APIError
	same(errors.As(err, &refusal), true)
	same(refusal.ErrorCode(), "InvalidParameterValue")
}

func purge() {
	url := queue("purge", nil)
	send(url, "gone")
	must(client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &url}))
	same(len(receive(url, atOnce)), 0)
	_, err := client.PurgeQueue(ctx, &sqs.PurgeQueueInput{QueueUrl: &url})
	refused[*types.PurgeQueueInProgress](err)
}

func paging() {
	for number := range 5 {
		queue(fmt.Sprintf("page-%d", number), nil)
	}
	sizes := []int{}
	pages := sqs.NewListQueuesPaginator(client, &sqs.ListQueuesInput{
		QueueNamePrefix: aws.String("page-"), MaxResults: aws.Int32(2),
	})
	for pages.HasMorePages() {
		sizes = append(sizes, len(must(pages.NextPage(ctx)).QueueUrls))
	}
	same(sizes, []int{2, 2, 1})
}

func permissions() {
	url, label := queue("permissions", nil), aws.String("friends")
	must(client.AddPermission(ctx, &sqs.AddPermissionInput{
		QueueUrl: &url, Label: label, AWSAccountIds: []string{"111111111111"}, Actions: []string{"SendMessage"},
	}))
	same(strings.Contains(attribute(url, "Policy"), "friends"), true)
	must(client.RemovePermission(ctx, &sqs.RemovePermissionInput{QueueUrl: &url, Label: label}))
	same(attribute(url, "Policy"), "")
}

func worlds(configuration aws.Config) {
	queue("here", nil)
	there := sqs.NewFromConfig(configuration, func(options *sqs.Options) { options.Region = "eu-west-1" })
	_, err := there.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: aws.String("here")})
	refused[*types.QueueDoesNotExist](err)
	other := sqs.NewFromConfig(configuration, func(options *sqs.Options) {
		options.Credentials = credentials.NewStaticCredentialsProvider("111122223333", "x", "")
	})
	theirs := must(other.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("here")})).QueueUrl
	same(strings.HasSuffix(*theirs, "/111122223333/here"), true)
}

func queue(name string, attributes map[string]string) string {
	return *must(client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})).QueueUrl
}

func attribute(url string, name types.QueueAttributeName) string {
	found := must(client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	}))
	return found.Attributes[string(name)]
}

func send(url, body string) {
	must(client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: &body}))
}

func receive(url string, changes ...func(*sqs.ReceiveMessageInput)) []types.Message {
	input := &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 2}
	for _, change := range changes {
		change(input)
	}
	return must(client.ReceiveMessage(ctx, input)).Messages
}

func atOnce(input *sqs.ReceiveMessageInput) { input.WaitTimeSeconds = 0 }

func bodies(messages []types.Message) []string {
	found := []string{}
	for _, message := range messages {
		found = append(found, *message.Body)
	}
	return found
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func same(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Errorf("found %v, expected %v", found, expected))
	}
}

// refused expects an error of the SDK's type for it.
func refused[E error](err error) {
	var expected E
	if !errors.As(err, &expected) {
		panic(fmt.Errorf("expected %T, got %w", expected, err))
	}
}
