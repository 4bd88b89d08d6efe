//! What was acknowledged is there again: after the n-th write that fails, for every n, and after the store is opened anew.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Waker},
};

use aws_sdk_sqs::{error::SdkError, types::QueueAttributeName};
use stackctl::{
    engine::{Record, RestoreError},
    model::Durability,
    serve::store::{self, MemoryStore, Store, WriteCost},
};

use crate::support::{
    trials,
    world::{World, block_on},
};

trials!(
    every_failing_write_is_a_5xx_and_loses_nothing,
    a_store_that_is_opened_again_has_what_was_acknowledged,
    a_store_of_another_format_is_refused,
    requests_that_come_together_are_written_together,
    a_leader_that_goes_away_leaves_nobody_waiting
);

/// Fails its `fails_at`-th write, once.
#[derive(Debug)]
struct FailingStore {
    kept: MemoryStore,
    writes: Arc<AtomicU64>,
    fails_at: u64,
}

impl Store for FailingStore {
    fn write(&mut self, batch: &mut Vec<Record>) -> io::Result<()> {
        let count = self.writes.fetch_add(1, Ordering::SeqCst) + 1;
        if count == self.fails_at { Err(io::Error::other("no space left on device")) } else { self.kept.write(batch) }
    }

    fn load(&mut self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> io::Result<()> {
        self.kept.load(take)
    }

    fn write_cost(&self) -> WriteCost {
        WriteCost::Calls
    }
}

/// How many requests met a failing store.
#[derive(Debug, Default)]
struct Refused(u64);

impl Refused {
    /// The request's answer, asked again as long as the store fails.
    async fn retried<T, E, F>(&mut self, mut request: impl FnMut() -> F) -> T
    where
        E: std::fmt::Debug,
        F: Future<Output = Result<T, SdkError<E, aws_smithy_runtime_api::http::Response>>>,
    {
        for _ in 0..3 {
            match request().await {
                Ok(answer) => return answer,
                Err(error) => {
                    let status = error.raw_response().map(|response| response.status().as_u16());
                    assert_eq!(status, Some(500), "{error:?}");
                    self.0 += 1;
                }
            }
        }
        panic!("the store fails once, and three requests failed");
    }
}

/// Sends, receives, deletes and reconfigures; returns the bodies that have to be there afterwards.
async fn script(sqs: &aws_sdk_sqs::Client, refused: &mut Refused) -> BTreeSet<String> {
    let created = refused.retried(|| sqs.create_queue().queue_name("q").send()).await;
    let url = created.queue_url.unwrap();
    let fifo = || sqs.create_queue().queue_name("f.fifo").attributes(QueueAttributeName::FifoQueue, "true").send();
    let fifo = refused.retried(fifo).await.queue_url.unwrap();
    let mut kept = BTreeSet::new();
    for number in 0..6 {
        let body = format!("standard {number}");
        refused.retried(|| sqs.send_message().queue_url(&url).message_body(&body).send()).await;
        kept.insert(body);
        let body = format!("fifo {number}");
        let send = || {
            let sending = sqs.send_message().queue_url(&fifo).message_body(&body).message_group_id("g");
            sending.message_deduplication_id(number.to_string()).send()
        };
        refused.retried(send).await;
        kept.insert(body);
    }
    for url in [&url, &fifo] {
        let received = refused.retried(|| sqs.receive_message().queue_url(url).visibility_timeout(0).send()).await;
        let message = &received.messages()[0];
        let handle = message.receipt_handle().unwrap();
        let received_again = refused.retried(|| sqs.receive_message().queue_url(url).send()).await;
        let handle = received_again.messages().first().map_or(handle, |message| message.receipt_handle().unwrap());
        let message = received_again.messages().first().unwrap_or(message);
        refused.retried(|| sqs.delete_message().queue_url(url).receipt_handle(handle).send()).await;
        kept.remove(message.body().unwrap());
    }
    let set =
        || sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::VisibilityTimeout, "7").send();
    refused.retried(set).await;
    kept
}

/// What is there, group heads first; empties the queues.
async fn drain(sqs: &aws_sdk_sqs::Client) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in ["q", "f.fifo"] {
        let url = sqs.get_queue_url().queue_name(name).send().await.unwrap().queue_url.unwrap();
        loop {
            let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send().await.unwrap();
            if received.messages().is_empty() {
                break;
            }
            for message in received.messages() {
                assert!(found.insert(message.body().unwrap().to_owned()), "twice: {message:?}");
                let handle = message.receipt_handle().unwrap();
                sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
            }
        }
    }
    found
}

async fn visibility_timeout(sqs: &aws_sdk_sqs::Client) -> String {
    let url = sqs.get_queue_url().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let get = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::VisibilityTimeout);
    get.send().await.unwrap().attributes.unwrap()[&QueueAttributeName::VisibilityTimeout].clone()
}

fn every_failing_write_is_a_5xx_and_loses_nothing() {
    let mut script_writes = u64::MAX;
    let mut fails_at = 1;
    while fails_at <= script_writes {
        let writes = Arc::new(AtomicU64::new(0));
        let store = FailingStore { kept: MemoryStore::new(), writes: Arc::clone(&writes), fails_at };
        block_on(async {
            let world = World::on(Box::new(store)).unwrap();
            let mut refused = Refused::default();
            let kept = script(&world.sqs(), &mut refused).await;
            let made = writes.load(Ordering::SeqCst);
            if made < fails_at {
                // Every write of the script has had its turn.
                script_writes = made;
                return;
            }
            assert_eq!(refused.0, 1, "write {fails_at}");
            assert_eq!(visibility_timeout(&world.sqs()).await, "7", "write {fails_at}");
            assert_eq!(drain(&world.sqs()).await, kept, "write {fails_at}");
        });
        fails_at += 1;
    }
    assert!(fails_at > 15, "each send, delete and change is a write of its own, and {fails_at} were made to fail");
}

fn a_store_that_is_opened_again_has_what_was_acknowledged() {
    for durability in [Durability::Process, Durability::Disk] {
        let state = tempfile::tempdir().unwrap();
        block_on(async {
            let kept = {
                let world = World::on(store::open(durability, state.path()).unwrap()).unwrap();
                script(&world.sqs(), &mut Refused::default()).await
            };
            let world = World::on(store::open(durability, state.path()).unwrap()).unwrap();
            assert_eq!(visibility_timeout(&world.sqs()).await, "7");
            assert_eq!(drain(&world.sqs()).await, kept);
        });
    }
}

fn a_store_of_another_format_is_refused() {
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("engine.db"), b"what another program keeps here, and long enough to be read")
        .unwrap();
    let error = store::open(Durability::Process, state.path()).unwrap_err().to_string();
    assert!(error.contains("is damaged") && error.contains("stackctl down"), "{error}");
}

/// A queue `q` on a store that counts its writes, where requests have been seen to come together.
async fn busy_world() -> (World, Arc<AtomicU64>) {
    let writes = Arc::new(AtomicU64::new(0));
    let store = FailingStore { kept: MemoryStore::new(), writes: Arc::clone(&writes), fails_at: u64::MAX };
    let world = World::on(Box::new(store)).unwrap();
    world.sqs().create_queue().queue_name("q").send().await.unwrap();
    for _ in 0..10 {
        send_together(&world).await;
    }
    (world, writes)
}

/// Requests of one round.
const TOGETHER: u64 = 32;

async fn send_together(world: &World) {
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..TOGETHER {
        sends.spawn(send(world, "hello"));
    }
    for status in sends.join_all().await {
        assert_eq!(status, 200);
    }
}

/// Sends over the service alone, so that the future is the request's own; returns the status.
fn send(world: &World, body: &str) -> impl Future<Output = u16> + Send + 'static {
    let body = format!(r#"{{"QueueUrl":"http://localhost:4566/000000000000/q","MessageBody":"{body}"}}"#);
    let request = http::Request::post("/")
        .header("host", "localhost:4566")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.SendMessage");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let service = Arc::clone(&world.service);
    async move { service.call(head, body.into()).await.status().as_u16() }
}

fn on_one_thread(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

fn requests_that_come_together_are_written_together() {
    on_one_thread(async {
        let (world, writes) = busy_world().await;
        let before = writes.load(Ordering::SeqCst);
        for _ in 0..10 {
            send_together(&world).await;
        }
        let made = writes.load(Ordering::SeqCst) - before;
        assert!(made <= TOGETHER * 10 / 4, "{made} writes of {} sends", TOGETHER * 10);
    });
}

fn a_leader_that_goes_away_leaves_nobody_waiting() {
    on_one_thread(async {
        let (world, writes) = busy_world().await;
        let before = writes.load(Ordering::SeqCst);
        let mut context = Context::from_waker(Waker::noop());
        let (mut leader, mut follower) = (Box::pin(send(&world, "leads")), Box::pin(send(&world, "follows")));
        assert!(leader.as_mut().poll(&mut context).is_pending() && follower.as_mut().poll(&mut context).is_pending());
        assert_eq!(writes.load(Ordering::SeqCst), before, "the leader lets the other have its turn");
        drop(leader);
        assert_eq!(follower.await, 200);
        assert_eq!(writes.load(Ordering::SeqCst), before + 1);
    });
}
