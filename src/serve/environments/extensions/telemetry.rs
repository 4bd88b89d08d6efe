//! The Telemetry API's events: made as things happen, kept until the init phase is over for those who subscribe late, and
//! sent to subscribers in their own portions.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Notify, mpsc},
};

use crate::{
    serve::clock::{Clock, Stopwatch},
    wire::extensions::{Destination, Refusal, Stream, Subscription},
};

/// Events that are kept for a subscriber; further ones are dropped, and said to be.
const WAITING_MAX: usize = 10_000;
/// Events that are kept for those who subscribe late.
const EARLY_MAX: usize = 1_000;
const ONE_STREAM: &str = "an extension subscribes to the Telemetry API or to the Logs API, not to both";
/// What a subscriber may take for one portion.
const SEND_MAX: Duration = Duration::from_secs(2);
/// How long a portion that was not taken waits before it is sent again: at first, and at most. Each wait is twice the one
/// before (Lambda developer guide, "Destination protocols": Lambda retries with backoff).
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// What an environment tells its subscribers.
#[derive(Debug, Default)]
pub(in super::super) struct Telemetry {
    state: Mutex<State>,
    subscribed: Notify,
    clock: Clock,
}

#[derive(Debug, Default)]
struct State {
    subscribers: Vec<Subscriber>,
    /// The tasks that are to be started for new ones.
    started: Vec<Sending>,
    /// Until the first invocation.
    early: Option<Vec<(Kind, Value)>>,
    /// What the next `platform.report` says.
    report: Option<Ended>,
    init_us: Option<u64>,
}

#[derive(Debug)]
struct Subscriber {
    name: String,
    subscription: Subscription,
    sender: mpsc::Sender<Value>,
    flush: Arc<Notify>,
    dropped: u64,
    dropped_bytes: usize,
}

/// What sends to one subscriber.
#[derive(Debug)]
struct Sending {
    subscription: Subscription,
    events: mpsc::Receiver<Value>,
    /// What is there shall be sent now.
    flush: Arc<Notify>,
}

#[derive(Debug)]
struct Ended {
    request_id: String,
    status: &'static str,
    elapsed_us: u64,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    Platform,
    Function,
    Extension,
}

impl Telemetry {
    /// Keeps what happens from now on for those who subscribe while the environment initialises.
    pub(in super::super) fn begin(&self, initialization_type: &str, runtime: &str, function: &str, version: &str) {
        self.state.lock().early = Some(Vec::new());
        let record = json!({ "initializationType": initialization_type, "phase": "init", "runtimeVersion": runtime,
            "functionName": function, "functionVersion": version });
        self.say(Kind::Platform, "platform.initStart", || record);
    }

    /// The init phase is over.
    pub(in super::super) fn initialised(&self, initialization_type: &str, elapsed_us: u64) {
        self.state.lock().init_us = Some(elapsed_us);
        let of = |more: Value| {
            let mut record = json!({ "initializationType": initialization_type, "phase": "init", "status": "success" });
            if let (Some(record), Value::Object(more)) = (record.as_object_mut(), more) {
                record.extend(more);
            }
            record
        };
        self.say(Kind::Platform, "platform.initRuntimeDone", || of(json!({})));
        self.say(Kind::Platform, "platform.initReport", || of(json!({ "metrics": { "durationMs": ms(elapsed_us) } })));
    }

    /// An invocation begins.
    pub(in super::super) fn invoked(&self, request_id: &str, version: &str, trace_id: &str) {
        self.say(Kind::Platform, "platform.start", || {
            let tracing = json!({ "type": "X-Amzn-Trace-Id", "value": trace_id });
            json!({ "requestId": request_id, "version": version, "tracing": tracing })
        });
        // Nobody subscribes any more.
        self.state.lock().early = None;
    }

    /// The runtime has answered.
    pub(in super::super) fn answered(&self, request_id: &str, status: &'static str, elapsed_us: u64) {
        if !self.is_wanted() {
            return;
        }
        self.say(
            Kind::Platform,
            "platform.runtimeDone",
            || json!({ "requestId": request_id, "status": status, "metrics": { "durationMs": ms(elapsed_us) } }),
        );
        self.state.lock().report = Some(Ended { request_id: request_id.to_owned(), status, elapsed_us });
    }

    /// The environment is free again.
    pub(super) fn reported(&self, memory_mb: u32, max_memory_used_bytes: u64) {
        let (ended, init_us) = {
            let mut state = self.state.lock();
            let Some(ended) = state.report.take() else { return };
            (ended, state.init_us.take())
        };
        self.say(Kind::Platform, "platform.report", || {
            let mut metrics = json!({
                "durationMs": ms(ended.elapsed_us),
                "billedDurationMs": (ended.elapsed_us + init_us.unwrap_or_default()).div_ceil(1000),
                "memorySizeMB": memory_mb,
                "maxMemoryUsedMB": max_memory_used_bytes.div_ceil(1024 * 1024).min(memory_mb.into()),
            });
            if let Some(init_us) = init_us {
                metrics["initDurationMs"] = json!(ms(init_us));
            }
            json!({ "requestId": ended.request_id, "status": ended.status, "metrics": metrics })
        });
    }

    /// An extension has registered and asks for events. Returns what subscribers are told.
    pub(super) fn extension_ready(&self, name: &str, events: &[&str]) -> Value {
        let event = self.event("platform.extension", &json!({ "name": name, "state": "Ready", "events": events }));
        self.tell(Kind::Platform, event.clone());
        event
    }

    /// A line was printed.
    pub(in super::super) fn printed(&self, kind: Kind, line: &str) {
        let name = if kind == Kind::Extension { "extension" } else { "function" };
        self.say(kind, name, || json!(line));
    }

    /// Whether anybody listens, or may come to listen.
    fn is_wanted(&self) -> bool {
        let state = self.state.lock();
        state.early.is_some() || !state.subscribers.is_empty()
    }

    fn say(&self, kind: Kind, name: &str, record: impl FnOnce() -> Value) {
        if !self.is_wanted() {
            return;
        }
        self.tell(kind, self.event(name, &record()));
    }

    fn event(&self, name: &str, record: &Value) -> Value {
        let time = jiff::Timestamp::from_millisecond(i64::try_from(self.clock.now().as_millis()).unwrap_or_default());
        let time = time.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        json!({ "time": time, "type": name, "record": record })
    }

    fn tell(&self, kind: Kind, event: Value) {
        let mut state = self.state.lock();
        state.subscribers.iter_mut().for_each(|subscriber| subscriber.take(kind, &event));
        if let Some(early) = state.early.as_mut().filter(|early| early.len() < EARLY_MAX) {
            early.push((kind, event));
        }
    }

    /// One more listener, who hears of what has happened already. A second subscription changes nothing.
    ///
    /// # Errors
    /// Of one who listens to the other API's stream.
    pub(super) fn subscribe(&self, name: &str, subscription: &Subscription) -> Result<(), Refusal> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        {
            let mut state = self.state.lock();
            if let Some(before) = state.subscribers.iter().find(|subscriber| subscriber.name == name) {
                let is_same = before.subscription.stream == subscription.stream;
                return if is_same { Ok(()) } else { Err(Refusal::InvalidState(ONE_STREAM)) };
            }
            let (name, subscription) = (name.to_owned(), subscription.clone());
            let flush = Arc::new(Notify::new());
            state.started.push(Sending {
                subscription: subscription.clone(),
                events: receiver,
                flush: Arc::clone(&flush),
            });
            let mut subscriber = Subscriber { name, subscription, sender, flush, dropped: 0, dropped_bytes: 0 };
            state.early.iter().flatten().for_each(|(kind, event)| subscriber.take(*kind, event));
            state.subscribers.push(subscriber);
        }
        self.subscribed.notify_one();
        let types = [
            ("platform", subscription.platform),
            ("function", subscription.function),
            ("extension", subscription.extension),
        ];
        let types: Vec<_> = types.into_iter().filter_map(|(name, wanted)| wanted.then_some(name)).collect();
        self.say(
            Kind::Platform,
            subscription.stream.subscription_event(),
            || json!({ "name": name, "state": "Subscribed", "types": types }),
        );
        Ok(())
    }

    /// The sending to those who have subscribed since the last call, when there are any; for the environment to run.
    pub(in super::super) async fn started(&self) -> Vec<impl Future<Output = ()> + Send + use<>> {
        self.subscribed.notified().await;
        let started = std::mem::take(&mut self.state.lock().started);
        started.into_iter().map(Sending::send_all).collect()
    }

    /// Portions are not waited for any more: the runtime has ended.
    pub(in super::super) fn flush(&self) {
        self.state.lock().subscribers.iter().for_each(|subscriber| subscriber.flush.notify_one());
    }
}

impl Subscriber {
    fn take(&mut self, kind: Kind, event: &Value) {
        let wanted = match kind {
            Kind::Platform => self.subscription.platform,
            Kind::Function => self.subscription.function,
            Kind::Extension => self.subscription.extension,
        };
        if !wanted {
            return;
        }
        match self.subscription.stream {
            Stream::Telemetry => self.send(event.clone()),
            Stream::Logs => {
                as_logs(event, self.subscription.wants_runtime_done).into_iter().for_each(|log| self.send(log));
            }
        }
    }

    fn send(&mut self, event: Value) {
        if self.dropped > 0 && self.sender.capacity() > 1 {
            let record = json!({ "reason": "the subscriber was too slow", "droppedRecords": self.dropped,
                "droppedBytes": self.dropped_bytes });
            let dropped = json!({ "time": event["time"], "type": "platform.logsDropped", "record": record });
            if self.sender.try_send(dropped).is_ok() {
                (self.dropped, self.dropped_bytes) = (0, 0);
            }
        }
        if let Err(lost) = self.sender.try_send(event) {
            self.dropped += 1;
            self.dropped_bytes += lost.into_inner().to_string().len();
        }
    }
}

/// What the Logs API says of an event: less than the Telemetry API, and an invocation's end by itself.
fn as_logs(event: &Value, wants_runtime_done: bool) -> Vec<Value> {
    let only = |name: &str, members: &[&str]| {
        let record: serde_json::Map<_, _> =
            members.iter().map(|member| ((*member).to_owned(), event["record"][member].clone())).collect();
        json!({ "time": event["time"], "type": name, "record": record })
    };
    match event["type"].as_str().unwrap_or_default() {
        name @ "platform.start" => vec![only(name, &["requestId", "version"])],
        name @ "platform.runtimeDone" if wants_runtime_done => vec![only(name, &["requestId", "status"])],
        name @ "platform.report" => {
            vec![only("platform.end", &["requestId"]), only(name, &["requestId", "metrics"])]
        }
        "function" | "extension" | "platform.extension" | "platform.logsSubscription" | "platform.logsDropped" => {
            vec![event.clone()]
        }
        _ => Vec::new(),
    }
}

impl Sending {
    /// Sends portions until nothing more comes.
    async fn send_all(mut self) {
        while let Some(portion) = self.portion().await {
            let mut wait = RETRY_FIRST;
            // What comes meanwhile is kept as long as there is room, and the rest counted: `platform.logsDropped` tells.
            while !self.is_taken(&portion).await {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
            }
        }
    }

    /// As many events as the subscriber wants at once, or as came in the time that it gives them.
    async fn portion(&mut self) -> Option<Vec<Value>> {
        let Self { subscription, events, flush } = self;
        let first = events.recv().await?;
        let (mut bytes, waiting) = (first.to_string().len(), Stopwatch::start());
        let mut portion = vec![first];
        let limit = Duration::from_millis(subscription.timeout_ms);
        while portion.len() < subscription.max_items && bytes < subscription.max_bytes {
            let left = limit.saturating_sub(waiting.elapsed());
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                () = flush.notified() => None,
                () = tokio::time::sleep(left) => None,
            };
            let Some(event) = event else { break };
            bytes += event.to_string().len();
            portion.push(event);
        }
        Some(portion)
    }

    /// Sends a portion once.
    async fn is_taken(&self, portion: &[Value]) -> bool {
        matches!(tokio::time::timeout(SEND_MAX, send(&self.subscription.to, portion)).await, Ok(Ok(())))
    }
}

async fn send(to: &Destination, portion: &[Value]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match to {
        Destination::Tcp { port } => {
            let mut stream = TcpStream::connect(("127.0.0.1", *port)).await?;
            let lines: String = portion.iter().map(|event| format!("{event}\n")).collect();
            stream.write_all(lines.as_bytes()).await?;
        }
        Destination::Http { port, path, is_put } => {
            let stream = TcpStream::connect(("127.0.0.1", *port)).await?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            let body = Bytes::from(serde_json::to_vec(portion)?);
            let request = if *is_put { Request::put(path.as_str()) } else { Request::post(path.as_str()) };
            let request = request
                .header(header::HOST, format!("sandbox.localdomain:{port}"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(Full::new(body))?;
            let mut answer = std::pin::pin!(sender.send_request(request));
            let answered = tokio::select! {
                answered = &mut answer => answered?,
                // The answer may have come with the end.
                _ended = connection => answer.await?,
            };
            let answered = answered.status();
            if !answered.is_success() {
                return Err(format!("it was answered with {answered}").into());
            }
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a duration of 285 years")]
fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::task::Tasks;

    fn subscription(port: u16) -> Subscription {
        Subscription {
            stream: Stream::Telemetry,
            to: Destination::Http { port, path: "/".into(), is_put: false },
            platform: false,
            function: true,
            extension: false,
            wants_runtime_done: false,
            max_items: 1_000,
            max_bytes: 256 * 1024,
            timeout_ms: 25,
        }
    }

    /// The events' records of the next request, whose connection is still open.
    async fn received(listener: &TcpListener) -> (TcpStream, Vec<Value>) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        loop {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.unwrap();
            read.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&read);
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
            if let Ok(events) = serde_json::from_str::<Vec<Value>>(body) {
                return (stream, events.into_iter().map(|event| event["record"].clone()).collect());
            }
        }
    }

    async fn answer(mut stream: TcpStream, status: &str) {
        let text = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn a_portion_that_is_not_taken_is_sent_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let telemetry = Telemetry::default();
        telemetry.begin("on-demand", "provided", "f", "1");
        telemetry.subscribe("e", &subscription(listener.local_addr().unwrap().port())).unwrap();
        let mut sending = Tasks::new();
        sending.spawn_endless("telemetry", telemetry.started().await.remove(0));
        telemetry.printed(Kind::Function, "first");
        // It cannot be reached, it fails, it takes it.
        drop(listener.accept().await.unwrap());
        let (stream, events) = received(&listener).await;
        assert_eq!(events, [json!("first")]);
        answer(stream, "500 Internal Server Error").await;
        let (stream, events) = received(&listener).await;
        assert_eq!(events, [json!("first")]);
        telemetry.printed(Kind::Function, "second");
        answer(stream, "200 OK").await;
        let (stream, events) = received(&listener).await;
        assert_eq!(events, [json!("second")], "the first was taken");
        answer(stream, "200 OK").await;
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_told() {
        let telemetry = Telemetry::default();
        telemetry.begin("on-demand", "provided", "f", "1");
        telemetry.subscribe("e", &subscription(1)).unwrap();
        for number in 0..WAITING_MAX + 3 {
            telemetry.printed(Kind::Function, &number.to_string());
        }
        let mut sending = telemetry.state.lock().started.remove(0);
        for _ in 0..4 {
            sending.events.try_recv().unwrap();
        }
        telemetry.printed(Kind::Function, "last");
        let mut rest = Vec::new();
        while let Ok(event) = sending.events.try_recv() {
            rest.push(event);
        }
        let [.., told, last] = &rest[..] else { panic!("{rest:?}") };
        assert_eq!((&told["type"], &told["record"]["droppedRecords"]), (&json!("platform.logsDropped"), &json!(3)));
        assert!(told["record"]["droppedBytes"].as_u64() > Some(0), "{told}");
        assert_eq!(last["record"], "last");
    }

    #[tokio::test]
    async fn a_portion_is_full_or_as_old_as_it_may_be_or_the_runtime_has_ended() {
        let telemetry = Telemetry::default();
        telemetry.begin("on-demand", "provided", "f", "1");
        let patient = Subscription { timeout_ms: 3_600_000, max_items: 2, ..subscription(1) };
        telemetry.subscribe("e", &patient).unwrap();
        let mut sending = telemetry.state.lock().started.remove(0);
        for line in ["1", "2", "3"] {
            telemetry.printed(Kind::Function, line);
        }
        let mut check = async |expected: usize| assert_eq!(sending.portion().await.unwrap().len(), expected);
        check(2).await;
        telemetry.flush();
        check(1).await;
    }
}
