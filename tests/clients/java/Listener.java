// Spring Cloud AWS, unchanged: SqsTemplate sends, a listener container handles, deletes what was handled, and leaves what was
// not to come back.

import io.awspring.cloud.sqs.listener.SqsMessageListenerContainer;
import io.awspring.cloud.sqs.operations.SqsTemplate;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.springframework.messaging.support.MessageBuilder;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.model.QueueAttributeName;

public class Listener {
    static final int MESSAGES = 30;
    static final String FLAKY = "7";

    public static void main(String[] arguments) throws Exception {
        SqsAsyncClient sqs = SqsAsyncClient.create();
        String url = sqs.createQueue(r -> r.queueName("jobs").attributes(Map.of(QueueAttributeName.VISIBILITY_TIMEOUT, "1")))
                .join().queueUrl();
        SqsTemplate template = SqsTemplate.builder().sqsAsyncClient(sqs).build();
        List<org.springframework.messaging.Message<String>> messages = IntStream.range(0, MESSAGES)
                .mapToObj(number -> MessageBuilder.withPayload("" + number).setHeader("kind", "order").build()).toList();
        for (int first = 0; first < MESSAGES; first += 10) {
            same(template.sendMany("jobs", messages.subList(first, first + 10)).failed().size(), 0);
        }
        System.out.println("ok sent");

        Map<String, Integer> handled = new ConcurrentHashMap<>();
        SqsMessageListenerContainer<Object> container = SqsMessageListenerContainer.builder()
                .sqsAsyncClient(sqs)
                .queueNames("jobs")
                .configure(options -> options.pollTimeout(Duration.ofSeconds(20)))
                .messageListener(message -> {
                    same(message.getHeaders().get("kind"), "order");
                    int times = handled.merge((String) message.getPayload(), 1, Integer::sum);
                    if (message.getPayload().equals(FLAKY) && times == 1) {
                        throw new IllegalStateException("this one works the second time");
                    }
                })
                .build();
        container.start();
        while (handled.size() < MESSAGES || handled.get(FLAKY) < 2) {
            Thread.sleep(20);
        }
        System.out.println("ok handled");
        container.stop();
        Map<QueueAttributeName, String> left = sqs.getQueueAttributes(
                r -> r.queueUrl(url).attributeNames(QueueAttributeName.ALL)).join().attributes();
        same(left.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES), "0");
        same(left.get(QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE), "0");
        System.out.println("ok empty");
        System.exit(0);
    }

    static void same(Object found, Object expected) {
        if (!expected.equals(found)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }
}
