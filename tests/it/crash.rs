//! `kill -9` of the engine at random moments under load, and an audit of every acknowledged message.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_sdk_sqs::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
};

use crate::support::{
    binary::{PATIENCE, Serving},
    trials,
    world::block_on,
};

trials!(nothing_acknowledged_is_lost_or_comes_back);

/// Kills in one run, unless `STACKCTL_CRASHES` says how many.
const CRASHES: u64 = 12;
const SENDERS: u64 = 4;
const RECEIVERS: u64 = 3;
/// The longest that an engine lives before it is killed.
const LIFE_MAX_MS: u64 = 120;

/// What clients were told.
#[derive(Debug, Default)]
struct Told {
    sent: BTreeSet<String>,
    /// Asked to be deleted, with or without an answer.
    deleting: BTreeSet<String>,
    deleted: BTreeSet<String>,
    /// Received after its deletion, with the latest handle, was acknowledged.
    came_back: Vec<String>,
}

#[derive(Debug, Default)]
struct Audit {
    told: Mutex<Told>,
    ends: AtomicBool,
    next: AtomicU64,
    /// Grows before each kill and after it, so that two equal looks have no kill between them.
    killed: AtomicU64,
}

fn nothing_acknowledged_is_lost_or_comes_back() {
    let crashes = std::env::var("STACKCTL_CRASHES").map_or(CRASHES, |text| text.parse().unwrap());
    let seed = fastrand::u64(..);
    eprintln!("crashes: {crashes}, seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut serving = Serving::start();
    let endpoint = serving.endpoint.clone();
    block_on(async move {
        let sqs = client(&endpoint);
        let url = sqs.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
        let audit = Arc::new(Audit::default());
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..SENDERS {
            clients.spawn(send(sqs.clone(), url.clone(), Arc::clone(&audit)));
        }
        for _ in 0..RECEIVERS {
            clients.spawn(receive(sqs.clone(), url.clone(), Arc::clone(&audit)));
        }
        for _ in 0..crashes {
            tokio::time::sleep(Duration::from_millis(rng.u64(5..LIFE_MAX_MS))).await;
            audit.killed.fetch_add(1, Ordering::SeqCst);
            serving = tokio::task::spawn_blocking(move || {
                serving.crash_and_restart();
                serving
            })
            .await
            .unwrap();
            audit.killed.fetch_add(1, Ordering::SeqCst);
            assert_eq!(serving.endpoint, endpoint, "an engine keeps its port");
        }
        audit.ends.store(true, Ordering::SeqCst);
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
        }
        drain(&sqs, &url, &audit).await;
        check(&audit.told.lock().unwrap());
    });
}

fn check(told: &Told) {
    assert!(told.sent.len() > 50, "only {} messages were acknowledged", told.sent.len());
    let gone: Vec<_> = told.sent.difference(&told.deleting).collect();
    assert!(gone.is_empty(), "{} of {} acknowledged messages are gone: {gone:?}", gone.len(), told.sent.len());
    assert!(told.came_back.is_empty(), "deleted, and came back: {:?}", told.came_back);
}

/// Quick to notice that the engine is gone; what is asked twice is asked by the test.
fn client(endpoint: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

async fn send(sqs: Client, url: String, audit: Arc<Audit>) {
    while !audit.ends.load(Ordering::SeqCst) {
        let body = format!("message {}", audit.next.fetch_add(1, Ordering::SeqCst));
        if sqs.send_message().queue_url(&url).message_body(&body).send().await.is_ok() {
            audit.told.lock().unwrap().sent.insert(body);
        } else {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn receive(sqs: Client, url: String, audit: Arc<Audit>) {
    while !audit.ends.load(Ordering::SeqCst) {
        if take(&sqs, &url, &audit).await == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Receives and deletes once; returns how many came.
async fn take(sqs: &Client, url: &str, audit: &Audit) -> usize {
    let killed = audit.killed.load(Ordering::SeqCst);
    let Ok(received) = sqs.receive_message().queue_url(url).max_number_of_messages(3).send().await else { return 0 };
    for message in received.messages() {
        let body = message.body().unwrap().to_owned();
        {
            let mut told = audit.told.lock().unwrap();
            if told.deleted.contains(&body) {
                told.came_back.push(body.clone());
            }
            told.deleting.insert(body.clone());
        }
        let handle = message.receipt_handle().unwrap();
        let deleting = sqs.delete_message().queue_url(url).receipt_handle(handle).send().await;
        // A lease that a crash ended may have been given to somebody else since. Then the handle is an older one, and its
        // deletion may succeed and delete nothing.
        if deleting.is_ok() && audit.killed.load(Ordering::SeqCst) == killed {
            audit.told.lock().unwrap().deleted.insert(body);
        }
    }
    received.messages().len()
}

/// Takes what is left. Leases did not survive the crashes, but those of the last engine's clients did.
async fn drain(sqs: &Client, url: &str, audit: &Audit) {
    let missing = || {
        let told = audit.told.lock().unwrap();
        told.sent.difference(&told.deleting).count()
    };
    let mut tries = 0;
    while missing() > 0 && tries < 200 {
        if take(sqs, url, audit).await == 0 {
            tries += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}
