//! SQS through its genuine SDK, which checks MD5s, parses every shape and names every error itself.

use aws_sdk_sqs::{
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
        MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
    },
};

use crate::support::{
    trials,
    world::{World, block_on},
};

trials!(
    a_message_goes_through,
    every_kind_of_attribute_comes_back,
    a_batch_tells_its_failures_apart,
    a_long_poll_is_woken_by_a_send,
    visibility_decides_who_sees_a_message,
    a_fifo_queue_keeps_order_and_drops_duplicates,
    what_is_received_too_often_goes_to_the_dead_letter_queue,
    queues_are_listed_described_and_deleted,
    errors_have_the_names_that_the_sdk_knows,
    accounts_and_regions_are_worlds_of_their_own,
    a_queue_url_is_accepted_in_every_form,
);

async fn queue(client: &aws_sdk_sqs::Client, name: &str) -> String {
    client.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

fn a_message_goes_through() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let url = queue(&sqs, "example-queue").await;
        assert_eq!(url, "http://localhost:4566/000000000000/example-queue");
        let sent = sqs.send_message().queue_url(&url).message_body("hoge \u{1F600} <&>").send().await.unwrap();
        let received = sqs
            .receive_message()
            .queue_url(&url)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .unwrap();
        let message = &received.messages()[0];
        assert_eq!(message.body(), Some("hoge \u{1F600} <&>"));
        assert_eq!(message.message_id(), sent.message_id());
        let attributes = message.attributes().unwrap();
        assert_eq!(attributes[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
        assert!(attributes.contains_key(&MessageSystemAttributeName::SentTimestamp));
        sqs.delete_message().queue_url(&url).receipt_handle(message.receipt_handle().unwrap()).send().await.unwrap();
        assert!(sqs.receive_message().queue_url(&url).send().await.unwrap().messages().is_empty());
    });
}

fn every_kind_of_attribute_comes_back() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let url = queue(&sqs, "q").await;
        let text = |kind: &str, value: &str| {
            MessageAttributeValue::builder().data_type(kind).string_value(value).build().unwrap()
        };
        let binary = MessageAttributeValue::builder().data_type("Binary.png").binary_value(Blob::new([0, 255, 7]));
        let sending = sqs.send_message().queue_url(&url).message_body("b");
        let sending = sending
            .message_attributes("a.text", text("String", "x"))
            .message_attributes("a.number", text("Number.int", "12"))
            .message_attributes("raw", binary.build().unwrap());
        assert!(sending.send().await.unwrap().md5_of_message_attributes().is_some());
        let receive = |selection: &'static str| {
            let receiving = sqs.receive_message().queue_url(&url).message_attribute_names(selection);
            async move { receiving.visibility_timeout(0).send().await.unwrap().messages()[0].clone() }
        };
        let all = receive("All").await.message_attributes.unwrap();
        assert_eq!(all["raw"].binary_value().unwrap().as_ref(), [0, 255, 7]);
        assert_eq!((all["a.number"].data_type(), all["a.number"].string_value()), ("Number.int", Some("12")));
        let some = receive("a.*").await.message_attributes.unwrap();
        assert_eq!(some.len(), 2);
    });
}

fn a_batch_tells_its_failures_apart() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let url = queue(&sqs, "q").await;
        let entry =
            |id: &str, body: &str| SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap();
        let sent = sqs
            .send_message_batch()
            .queue_url(&url)
            .entries(entry("good", "1"))
            .entries(entry("bad", "\u{0}"))
            .entries(entry("also-good", "2"))
            .send()
            .await
            .unwrap();
        let ids: Vec<_> = sent.successful().iter().map(|entry| entry.id()).collect();
        assert_eq!(ids, ["good", "also-good"]);
        assert_eq!((sent.failed()[0].id(), sent.failed()[0].sender_fault()), ("bad", true));
        let received =
            sqs.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap().messages.unwrap();
        assert_eq!(received.len(), 2);
        let mut changing = sqs.change_message_visibility_batch().queue_url(&url);
        let mut deleting = sqs.delete_message_batch().queue_url(&url);
        for (index, message) in received.iter().enumerate() {
            let handle = message.receipt_handle().unwrap();
            let change = ChangeMessageVisibilityBatchRequestEntry::builder().id(index.to_string());
            changing = changing.entries(change.receipt_handle(handle).visibility_timeout(60).build().unwrap());
            let delete = DeleteMessageBatchRequestEntry::builder().id(index.to_string());
            deleting = deleting.entries(delete.receipt_handle(handle).build().unwrap());
        }
        assert_eq!(changing.send().await.unwrap().successful().len(), 2);
        let deleted = deleting
            .entries(DeleteMessageBatchRequestEntry::builder().id("x").receipt_handle("nonsense").build().unwrap())
            .send()
            .await
            .unwrap();
        assert_eq!((deleted.successful().len(), deleted.failed()[0].code()), (2, "ReceiptHandleIsInvalid"));
    });
}

fn a_long_poll_is_woken_by_a_send() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let url = queue(&sqs, "q").await;
        let waiting = sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
        let sending = async {
            tokio::task::yield_now().await;
            sqs.send_message().queue_url(&url).message_body("late").send().await.unwrap();
        };
        let (received, ()) = tokio::join!(waiting, sending);
        assert_eq!(received.unwrap().messages()[0].body(), Some("late"));
    });
}

fn visibility_decides_who_sees_a_message() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let url = queue(&sqs, "q").await;
        sqs.send_message().queue_url(&url).message_body("b").send().await.unwrap();
        let first = sqs.receive_message().queue_url(&url).send().await.unwrap().messages.unwrap().remove(0);
        assert!(sqs.receive_message().queue_url(&url).send().await.unwrap().messages().is_empty());
        let change = sqs.change_message_visibility().queue_url(&url);
        let handle = first.receipt_handle().unwrap();
        change.receipt_handle(handle).visibility_timeout(0).send().await.unwrap();
        let second = sqs.receive_message().queue_url(&url).send().await.unwrap().messages.unwrap().remove(0);
        assert_eq!(first.message_id(), second.message_id());
        assert_ne!(first.receipt_handle(), second.receipt_handle());
    });
}

fn a_fifo_queue_keeps_order_and_drops_duplicates() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let creating = sqs.create_queue().queue_name("q.fifo").attributes(QueueAttributeName::FifoQueue, "true");
        let url = creating.send().await.unwrap().queue_url.unwrap();
        let send = |group: &'static str, id: &'static str| {
            let sending = sqs.send_message().queue_url(&url).message_body(id).message_group_id(group);
            async move { sending.message_deduplication_id(id).send().await.unwrap() }
        };
        let first = send("g", "1").await;
        let second = send("g", "2").await;
        assert!(first.sequence_number() < second.sequence_number());
        assert_eq!(send("g", "1").await.message_id(), first.message_id());
        send("h", "3").await;
        let receive = || async {
            let received = sqs.receive_message().queue_url(&url).max_number_of_messages(1).send().await.unwrap();
            received.messages().iter().map(|message| message.body().unwrap().to_owned()).collect::<Vec<_>>()
        };
        // The group's head is held, so its next message is not to be had, and the other group is.
        assert_eq!((receive().await, receive().await, receive().await), (vec!["1".into()], vec!["3".into()], vec![]));
    });
}

fn what_is_received_too_often_goes_to_the_dead_letter_queue() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let dead = queue(&sqs, "dead").await;
        let policy = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:dead","maxReceiveCount":2}"#;
        let creating = sqs.create_queue().queue_name("q").attributes(QueueAttributeName::RedrivePolicy, policy);
        let url = creating.send().await.unwrap().queue_url.unwrap();
        sqs.send_message().queue_url(&url).message_body("poison").send().await.unwrap();
        let receive = |url: &str| sqs.receive_message().queue_url(url).visibility_timeout(0).send();
        assert_eq!(receive(&url).await.unwrap().messages().len(), 1);
        assert_eq!(receive(&url).await.unwrap().messages().len(), 1);
        assert_eq!(receive(&url).await.unwrap().messages().len(), 0);
        assert_eq!(receive(&dead).await.unwrap().messages()[0].body(), Some("poison"));
        let sources = sqs.list_dead_letter_source_queues().queue_url(&dead).send().await.unwrap();
        assert_eq!(sources.queue_urls(), [url]);
    });
}

fn queues_are_listed_described_and_deleted() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let (a, _b) = (queue(&sqs, "a-1").await, queue(&sqs, "b-1").await);
        let listed = sqs.list_queues().queue_name_prefix("a").send().await.unwrap();
        assert_eq!(listed.queue_urls(), std::slice::from_ref(&a));
        let set = sqs.set_queue_attributes().queue_url(&a);
        set.attributes(QueueAttributeName::VisibilityTimeout, "77").send().await.unwrap();
        sqs.tag_queue().queue_url(&a).tags("team", "x").send().await.unwrap();
        let got = sqs.get_queue_attributes().queue_url(&a).attribute_names(QueueAttributeName::All);
        let attributes = got.send().await.unwrap().attributes.unwrap();
        assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], "77");
        assert_eq!(attributes[&QueueAttributeName::QueueArn], "arn:aws:sqs:us-east-1:000000000000:a-1");
        assert_eq!(sqs.list_queue_tags().queue_url(&a).send().await.unwrap().tags.unwrap()["team"], "x");
        assert_eq!(sqs.get_queue_url().queue_name("a-1").send().await.unwrap().queue_url.unwrap(), a);
        sqs.purge_queue().queue_url(&a).send().await.unwrap();
        sqs.delete_queue().queue_url(&a).send().await.unwrap();
        assert!(sqs.list_queues().queue_name_prefix("a").send().await.unwrap().queue_urls().is_empty());
        let again = sqs.create_queue().queue_name("a-1").send().await.unwrap_err().into_service_error();
        assert!(again.is_queue_deleted_recently(), "{again:?}");
    });
}

fn errors_have_the_names_that_the_sdk_knows() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        let url = queue(&sqs, "q").await;
        let missing = sqs.get_queue_url().queue_name("nope").send().await.unwrap_err().into_service_error();
        assert!(missing.is_queue_does_not_exist(), "{missing:?}");
        // The older code, which clients of both protocols look for.
        assert_eq!(missing.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
        let conflict = sqs.create_queue().queue_name("q").attributes(QueueAttributeName::DelaySeconds, "9");
        let conflict = conflict.send().await.unwrap_err().into_service_error();
        assert!(conflict.is_queue_name_exists(), "{conflict:?}");
        let handle = sqs.delete_message().queue_url(&url).receipt_handle("x").send().await.unwrap_err();
        assert!(handle.into_service_error().is_receipt_handle_is_invalid());
        let empty = sqs.send_message().queue_url(&url).message_body("").send().await.unwrap_err().into_service_error();
        assert_eq!(empty.code(), Some("MissingParameter"), "{empty:?}");
    });
}

fn accounts_and_regions_are_worlds_of_their_own() {
    block_on(async {
        let world = World::new();
        let (here, there) = (world.sqs_as("test", "us-east-1"), world.sqs_as("123456789012", "eu-west-1"));
        queue(&here, "q").await;
        let url = queue(&there, "q").await;
        assert!(url.ends_with("/123456789012/q"), "{url}");
        there.send_message().queue_url(&url).message_body("b").send().await.unwrap();
        let there_count = there.receive_message().queue_url(&url).send().await.unwrap().messages().len();
        let here_url = here.list_queues().send().await.unwrap().queue_urls.unwrap().remove(0);
        let here_count = here.receive_message().queue_url(here_url).send().await.unwrap().messages().len();
        assert_eq!((there_count, here_count), (1, 0));
    });
}

fn a_queue_url_is_accepted_in_every_form() {
    block_on(async {
        let world = World::new();
        let sqs = world.sqs();
        queue(&sqs, "q").await;
        for url in [
            "http://localhost:4566/000000000000/q",
            "http://127.0.0.1:9999/000000000000/q",
            "http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/q",
            "https://sqs.us-east-1.amazonaws.com/000000000000/q",
            "http://localhost:4566/queue/us-east-1/000000000000/q",
        ] {
            let sent = sqs.send_message().queue_url(url).message_body("b").send().await;
            assert!(sent.is_ok(), "{url}: {sent:?}");
        }
    });
}
