// Prints each word that it is given.
package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func handler(_ context.Context, event events.SQSEvent) error {
	for _, message := range event.Records {
		fmt.Printf("Go says %s\n", message.Body)
	}
	return nil
}

func main() {
	lambda.Start(handler)
}
