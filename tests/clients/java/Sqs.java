// SQS through the AWS SDK for Java 2, which verifies the MD5 of every message itself. Endpoint, region and credentials come
// from the environment alone. Prints `ok NAME` for each check and stops at the first that fails.

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.*;
import software.amazon.awssdk.services.sqs.model.UnsupportedOperationException;

public class Sqs {
    static final SqsClient sqs = SqsClient.create();

    public static void main(String[] arguments) throws Exception {
        Map<String, Check> checks = new LinkedHashMap<>();
        checks.put("queues", Sqs::queues);
        checks.put("attributes", Sqs::attributes);
        checks.put("tags", Sqs::tags);
        checks.put("messages", Sqs::messages);
        checks.put("batches", Sqs::batches);
        checks.put("long-poll", Sqs::longPoll);
        checks.put("visibility", Sqs::visibility);
        checks.put("fifo", Sqs::fifo);
        checks.put("dead-letters", Sqs::deadLetters);
        checks.put("move-tasks", Sqs::moveTasks);
        checks.put("errors", Sqs::errors);
        checks.put("purge", Sqs::purge);
        checks.put("paging", Sqs::paging);
        checks.put("permissions", Sqs::permissions);
        checks.put("worlds", Sqs::worlds);
        for (Map.Entry<String, Check> check : checks.entrySet()) {
            check.getValue().run();
            System.out.println("ok " + check.getKey());
        }
    }

    interface Check {
        void run() throws Exception;
    }

    static void queues() {
        String url = queue("jobs", Map.of(QueueAttributeName.DELAY_SECONDS, "0"));
        same(url.endsWith("/000000000000/jobs"), true);
        same(sqs.getQueueUrl(r -> r.queueName("jobs")).queueUrl(), url);
        same(queue("jobs", Map.of()), url);
        same(sqs.listQueues(r -> r.queueNamePrefix("jo")).queueUrls(), List.of(url));
        same(sqs.listQueues(r -> r.queueNamePrefix("none")).hasQueueUrls(), false);
        refused(QueueNameExistsException.class, () -> queue("jobs", Map.of(QueueAttributeName.DELAY_SECONDS, "7")));
        String gone = queue("short-lived", Map.of());
        sqs.deleteQueue(r -> r.queueUrl(gone));
        refused(QueueDoesNotExistException.class, () -> sqs.getQueueUrl(r -> r.queueName("short-lived")));
        refused(QueueDeletedRecentlyException.class, () -> queue("short-lived", Map.of()));
    }

    static void attributes() {
        String url = queue("attributes", Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "45"));
        same(attribute(url, QueueAttributeName.VISIBILITY_TIMEOUT), "45");
        String policy = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\","
                + "\"Action\":\"sqs:SendMessage\",\"Resource\":\"" + arn(url) + "\"}]}";
        sqs.setQueueAttributes(r -> r.queueUrl(url)
                .attributes(Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "46", QueueAttributeName.POLICY, policy)));
        same(attribute(url, QueueAttributeName.VISIBILITY_TIMEOUT), "46");
        same(attribute(url, QueueAttributeName.POLICY).contains("sqs:SendMessage"), true);
    }

    static void tags() {
        String url = queue("tags", Map.of());
        sqs.tagQueue(r -> r.queueUrl(url).tags(Map.of("team", "a", "cost centre", "7")));
        sqs.untagQueue(r -> r.queueUrl(url).tagKeys("team"));
        same(sqs.listQueueTags(r -> r.queueUrl(url)).tags(), Map.of("cost centre", "7"));
    }

    static void messages() {
        String url = queue("messages", Map.of());
        String body = "Grüße, 世界 \uD83D\uDE00 <&> \"quoted\"\ttab\r\nlines";
        SdkBytes raw = SdkBytes.fromByteArray(new byte[] {0, 1, -2, -1});
        SendMessageResponse sent = sqs.sendMessage(r -> r.queueUrl(url).messageBody(body).messageAttributes(Map.of(
                "kind", MessageAttributeValue.builder().dataType("String").stringValue("order").build(),
                "amount", MessageAttributeValue.builder().dataType("Number.int").stringValue("12").build(),
                "raw", MessageAttributeValue.builder().dataType("Binary").binaryValue(raw).build())));
        Message message = receive(url, r -> r.messageAttributeNames("All")
                .messageSystemAttributeNames(MessageSystemAttributeName.ALL)).get(0);
        same(message.messageId(), sent.messageId());
        same(message.body(), body);
        same(message.md5OfMessageAttributes(), sent.md5OfMessageAttributes());
        same(message.messageAttributes().get("amount").stringValue(), "12");
        same(message.messageAttributes().get("raw").binaryValue(), raw);
        same(message.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT), "1");
        sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle(message.receiptHandle()));
        same(attribute(url, QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE), "0");
    }

    static void batches() {
        String url = queue("batches", Map.of());
        SendMessageBatchResponse sent = sqs.sendMessageBatch(r -> r.queueUrl(url).entries(
                SendMessageBatchRequestEntry.builder().id("good").messageBody("fine").build(),
                SendMessageBatchRequestEntry.builder().id("bad").messageBody("delayed").delaySeconds(901).build()));
        same(sent.successful().get(0).id(), "good");
        same(sent.failed().size(), 1);
        same(sent.failed().get(0).code(), "InvalidParameterValue");
        same(sent.failed().get(0).senderFault(), true);
        String handle = receive(url, r -> {}).get(0).receiptHandle();
        ChangeMessageVisibilityBatchResponse changed = sqs.changeMessageVisibilityBatch(r -> r.queueUrl(url).entries(
                ChangeMessageVisibilityBatchRequestEntry.builder()
                        .id("good").receiptHandle(handle).visibilityTimeout(60).build(),
                ChangeMessageVisibilityBatchRequestEntry.builder()
                        .id("bad").receiptHandle("no handle").visibilityTimeout(60).build()));
        same(changed.successful().get(0).id(), "good");
        same(changed.failed().get(0).code(), "ReceiptHandleIsInvalid");
        DeleteMessageBatchResponse deleted = sqs.deleteMessageBatch(r -> r.queueUrl(url)
                .entries(DeleteMessageBatchRequestEntry.builder().id("good").receiptHandle(handle).build()));
        same(deleted.successful().get(0).id(), "good");
        same(deleted.hasFailed(), false);
    }

    static void longPoll() {
        String url = queue("long-poll", Map.of(QueueAttributeName.RECEIVE_MESSAGE_WAIT_TIME_SECONDS, "20"));
        CompletableFuture<List<Message>> received =
                CompletableFuture.supplyAsync(() -> sqs.receiveMessage(r -> r.queueUrl(url)).messages());
        send(url, "awaited");
        same(bodies(received.join()), List.of("awaited"));
    }

    static void visibility() {
        String url = queue("visibility", Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "600"));
        send(url, "again");
        Message first = receive(url, r -> {}).get(0);
        same(receive(url, r -> r.waitTimeSeconds(0)), List.of());
        sqs.changeMessageVisibility(r -> r.queueUrl(url).receiptHandle(first.receiptHandle()).visibilityTimeout(0));
        MessageSystemAttributeName count = MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT;
        same(receive(url, r -> r.messageSystemAttributeNames(count)).get(0).attributes(), Map.of(count, "2"));
    }

    static void fifo() {
        String url = queue("ordered.fifo", Map.of(
                QueueAttributeName.FIFO_QUEUE, "true", QueueAttributeName.CONTENT_BASED_DEDUPLICATION, "true"));
        List<String> numbers = new ArrayList<>();
        for (String body : List.of("1", "2", "3", "1")) {
            numbers.add(sqs.sendMessage(r -> r.queueUrl(url).messageBody(body).messageGroupId("a")).sequenceNumber());
        }
        same(numbers.get(0).compareTo(numbers.get(1)) < 0 && numbers.get(1).compareTo(numbers.get(2)) < 0, true);
        same(numbers.get(3), numbers.get(0));
        Message first = receive(url, r -> r.maxNumberOfMessages(1)).get(0);
        same(first.body(), "1");
        same(receive(url, r -> r.waitTimeSeconds(0)), List.of());
        sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle(first.receiptHandle()));
        same(bodies(receive(url, r -> {})), List.of("2", "3"));
    }

    static void deadLetters() {
        String dead = queue("dead", Map.of());
        String redrive = "{\"deadLetterTargetArn\":\"" + arn(dead) + "\",\"maxReceiveCount\":1}";
        String url = queue("source", Map.of(
                QueueAttributeName.REDRIVE_POLICY, redrive, QueueAttributeName.VISIBILITY_TIMEOUT, "0"));
        same(sqs.listDeadLetterSourceQueues(r -> r.queueUrl(dead)).queueUrls(), List.of(url));
        send(url, "poison");
        same(bodies(receive(url, r -> {})), List.of("poison"));
        same(receive(url, r -> r.waitTimeSeconds(0)), List.of());
        Message message = receive(dead, r -> r.messageSystemAttributeNames(MessageSystemAttributeName.ALL)).get(0);
        same(message.attributes().get(MessageSystemAttributeName.DEAD_LETTER_QUEUE_SOURCE_ARN), arn(url));
        sqs.changeMessageVisibility(r -> r.queueUrl(dead).receiptHandle(message.receiptHandle()).visibilityTimeout(0));
    }

    // Goes on with what `deadLetters` left.
    static void moveTasks() {
        String source = sqs.getQueueUrl(r -> r.queueName("source")).queueUrl();
        String arn = arn(queue("dead", Map.of()));
        String handle = sqs.startMessageMoveTask(r -> r.sourceArn(arn)).taskHandle();
        same(bodies(receive(source, r -> r.waitTimeSeconds(20))), List.of("poison"));
        ListMessageMoveTasksResultEntry task;
        do {
            task = sqs.listMessageMoveTasks(r -> r.sourceArn(arn)).results().get(0);
        } while (task.status().equals("RUNNING"));
        same(task.status(), "COMPLETED");
        same(task.approximateNumberOfMessagesMoved(), 1L);
        refused(UnsupportedOperationException.class, () -> sqs.cancelMessageMoveTask(r -> r.taskHandle(handle)));
        refused(ResourceNotFoundException.class, () -> sqs.listMessageMoveTasks(r -> r.sourceArn(arn + "-not")));
    }

    static void errors() {
        String url = queue("errors", Map.of());
        SendMessageBatchRequestEntry entry = SendMessageBatchRequestEntry.builder().id("a").messageBody("x").build();
        refused(QueueDoesNotExistException.class, () -> send(url + "-not", "x"));
        refused(QueueDoesNotExistException.class, () -> sqs.receiveMessage(r -> r.queueUrl(url + "-not")));
        refused(EmptyBatchRequestException.class, () -> sendBatch(url, List.of()));
        refused(BatchEntryIdsNotDistinctException.class, () -> sendBatch(url, List.of(entry, entry)));
        refused(TooManyEntriesInBatchRequestException.class, () -> sendBatch(url, Collections.nCopies(11, entry)));
        refused(ReceiptHandleIsInvalidException.class, () -> sqs.deleteMessage(r -> r.queueUrl(url).receiptHandle("x")));
        refused(InvalidMessageContentsException.class, () -> send(url, "\u0001"));
        SqsException refusal =
                refused(SqsException.class, () -> sqs.receiveMessage(r -> r.queueUrl(url).maxNumberOfMessages(11)));
        same(refusal.awsErrorDetails().errorCode(), "InvalidParameterValue");
    }

    static void purge() {
        String url = queue("purge", Map.of());
        send(url, "gone");
        sqs.purgeQueue(r -> r.queueUrl(url));
        same(receive(url, r -> r.waitTimeSeconds(0)), List.of());
        refused(PurgeQueueInProgressException.class, () -> sqs.purgeQueue(r -> r.queueUrl(url)));
    }

    static void paging() {
        for (int number = 0; number < 5; number++) {
            queue("page-" + number, Map.of());
        }
        List<Integer> sizes = new ArrayList<>();
        sqs.listQueuesPaginator(r -> r.queueNamePrefix("page-").maxResults(2))
                .forEach(page -> sizes.add(page.queueUrls().size()));
        same(sizes, List.of(2, 2, 1));
    }

    static void permissions() {
        String url = queue("permissions", Map.of());
        sqs.addPermission(r -> r.queueUrl(url).label("friends").awsAccountIds("111111111111").actions("SendMessage"));
        same(attribute(url, QueueAttributeName.POLICY).contains("friends"), true);
        sqs.removePermission(r -> r.queueUrl(url).label("friends"));
        same(attribute(url, QueueAttributeName.POLICY), null);
    }

    static void worlds() {
        queue("here", Map.of());
        SqsClient there = SqsClient.builder().region(Region.EU_WEST_1).build();
        refused(QueueDoesNotExistException.class, () -> there.getQueueUrl(r -> r.queueName("here")));
        AwsBasicCredentials account = AwsBasicCredentials.create("111122223333", "x");
        SqsClient other = SqsClient.builder().credentialsProvider(StaticCredentialsProvider.create(account)).build();
        String theirs = other.createQueue(r -> r.queueName("here")).queueUrl();
        same(theirs.endsWith("/111122223333/here"), true);
    }

    static String queue(String name, Map<QueueAttributeName, String> attributes) {
        return sqs.createQueue(r -> r.queueName(name).attributes(attributes)).queueUrl();
    }

    static String attribute(String url, QueueAttributeName name) {
        return sqs.getQueueAttributes(r -> r.queueUrl(url).attributeNames(QueueAttributeName.ALL)).attributes().get(name);
    }

    static String arn(String url) {
        return attribute(url, QueueAttributeName.QUEUE_ARN);
    }

    static void send(String url, String body) {
        sqs.sendMessage(r -> r.queueUrl(url).messageBody(body));
    }

    static void sendBatch(String url, List<SendMessageBatchRequestEntry> entries) {
        sqs.sendMessageBatch(r -> r.queueUrl(url).entries(entries));
    }

    static List<Message> receive(String url, Consumer<ReceiveMessageRequest.Builder> change) {
        return sqs.receiveMessage(r -> change.accept(r.queueUrl(url).maxNumberOfMessages(10).waitTimeSeconds(2))).messages();
    }

    static List<String> bodies(List<Message> messages) {
        return messages.stream().map(Message::body).toList();
    }

    static void same(Object found, Object expected) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }

    static <E extends Exception> E refused(Class<E> expected, Check call) {
        try {
            call.run();
        } catch (Exception error) {
            if (expected.isInstance(error)) {
                return expected.cast(error);
            }
            throw new AssertionError("expected " + expected.getSimpleName(), error);
        }
        throw new AssertionError("expected " + expected.getSimpleName() + ", and nothing was refused");
    }
}
