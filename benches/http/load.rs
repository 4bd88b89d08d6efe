//! The load: raw HTTP/1.1 on connections that are kept, AWS JSON, one thread for all of them.

use std::{
    fmt,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// Messages of a full batch.
const BATCH: u64 = 10;
/// Connections that fill a queue.
const FILLING: usize = 8;

/// What a connection does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Send,
    SendBatch,
    /// Receives ten and deletes them, until nothing is there.
    ReceiveDelete,
    /// Sends one, receives one and deletes it.
    Cycle,
    Attributes,
    Echo,
}

/// Where requests go, and what they say.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    port: u16,
    connections: usize,
    name: String,
    requests: Rc<Requests>,
}

#[derive(Debug)]
struct Requests {
    queue_url: String,
    send: Vec<u8>,
    batch: Vec<u8>,
    receive: Vec<u8>,
    receive_one: Vec<u8>,
    attributes: Vec<u8>,
    echo: Vec<u8>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub messages: u64,
    elapsed: Duration,
    latencies_us: Vec<u32>,
}

impl Figures {
    pub(crate) fn per_second(&self) -> f64 {
        self.messages as f64 / self.elapsed.as_secs_f64()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.latencies_us.clone();
        sorted.sort_unstable();
        let p50 = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
        write!(f, "{:.0} ({p50} us)", self.per_second())
    }
}

impl Load {
    pub(crate) fn sqs(port: u16, name: &str, body_bytes: usize, connections: usize) -> Self {
        let queue_url = format!("http://127.0.0.1:{port}/000000000000/{name}");
        let text = "m".repeat(body_bytes);
        let entries: Vec<String> = (0..BATCH).map(|id| format!(r#"{{"Id":"{id}","MessageBody":"{text}"}}"#)).collect();
        let about = format!(r#""QueueUrl":"{queue_url}""#);
        let requests = Requests {
            send: request(port, "SendMessage", &format!(r#"{{{about},"MessageBody":"{text}"}}"#)),
            batch: request(port, "SendMessageBatch", &format!(r#"{{{about},"Entries":[{}]}}"#, entries.join(","))),
            receive: request(port, "ReceiveMessage", &format!(r#"{{{about},"MaxNumberOfMessages":{BATCH}}}"#)),
            receive_one: request(port, "ReceiveMessage", &format!(r#"{{{about},"MaxNumberOfMessages":1}}"#)),
            attributes: request(port, "GetQueueAttributes", &format!(r#"{{{about},"AttributeNames":["All"]}}"#)),
            echo: Vec::new(),
            queue_url,
        };
        Self { port, connections, name: name.to_owned(), requests: Rc::new(requests) }
    }

    /// Posts as many bytes as a send of `body_bytes` has, and expects them back.
    pub(crate) fn echo(port: u16, body_bytes: usize, connections: usize) -> Self {
        let mut load = Self::sqs(port, "bench", body_bytes, connections);
        let echo = load.requests.send.clone();
        Rc::get_mut(&mut load.requests).unwrap().echo = echo;
        load
    }

    pub(crate) async fn run(&self, duration: Duration) -> Figures {
        self.work(Work::Echo, duration).await
    }

    pub(crate) async fn create_queue(&self) {
        let body = format!(r#"{{"QueueName":"{}"}}"#, self.name);
        Connection::open(self.port).await.post(&request(self.port, "CreateQueue", &body)).await;
    }

    /// Lets `messages` wait in the queue.
    pub(crate) async fn fill(&self, messages: u64) {
        let mut filling = JoinSet::new();
        for share in 0..FILLING as u64 {
            let batches = messages.div_ceil(BATCH);
            let own = batches / FILLING as u64 + u64::from(share < batches % FILLING as u64);
            let (port, requests) = (self.port, Rc::clone(&self.requests));
            filling.spawn_local(async move {
                let mut connection = Connection::open(port).await;
                for _ in 0..own {
                    connection.post(&requests.batch).await;
                }
            });
        }
        filling.join_all().await;
    }

    /// Messages that wait, by the queue's own count.
    pub(crate) async fn waiting(&self) -> u64 {
        let mut connection = Connection::open(self.port).await;
        let found = connection.post(&self.requests.attributes).await;
        let found = String::from_utf8_lossy(found).into_owned();
        let after = found.split_once(r#""ApproximateNumberOfMessages":""#).map_or("", |(_, after)| after);
        after.split('"').next().and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// Lets all connections work for `duration`, or until there is nothing left to receive.
    pub(crate) async fn work(&self, work: Work, duration: Duration) -> Figures {
        let mut working = JoinSet::new();
        let started = Instant::now();
        for _ in 0..self.connections {
            let (port, requests) = (self.port, Rc::clone(&self.requests));
            working.spawn_local(one_connection(port, requests, work, started + duration));
        }
        let mut figures = Figures::default();
        let mut last = started;
        while let Some(done) = working.join_next().await {
            let (own, ended) = done.unwrap();
            figures.messages += own.messages;
            figures.latencies_us.extend(own.latencies_us);
            last = last.max(ended);
        }
        figures.elapsed = last - started;
        figures
    }
}

/// Returns what one connection did, and when it did the last of it.
async fn one_connection(port: u16, requests: Rc<Requests>, work: Work, until: Instant) -> (Figures, Instant) {
    let mut connection = Connection::open(port).await;
    let (mut figures, mut last) = (Figures::default(), Instant::now());
    while last < until {
        let messages = match work {
            Work::Send => connection.timed(&requests.send, &mut figures).await.map(|_| 1),
            Work::SendBatch => connection.timed(&requests.batch, &mut figures).await.map(|_| BATCH),
            Work::Attributes => connection.timed(&requests.attributes, &mut figures).await.map(|_| 1),
            Work::Echo => connection.timed(&requests.echo, &mut figures).await.map(|_| 1),
            Work::ReceiveDelete => connection.receive_delete(port, &requests, &requests.receive, &mut figures).await,
            Work::Cycle => {
                connection.timed(&requests.send, &mut figures).await;
                let received = &requests.receive_one;
                connection.receive_delete(port, &requests, received, &mut figures).await.or(Some(0))
            }
        };
        let Some(messages) = messages else { break };
        figures.messages += messages;
        last = Instant::now();
    }
    (figures, last)
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    response: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, response: Vec::with_capacity(64 * 1024) }
    }

    async fn timed(&mut self, request: &[u8], figures: &mut Figures) -> Option<&[u8]> {
        let started = Instant::now();
        let length = self.post(request).await.len();
        figures.latencies_us.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
        Some(&self.response[self.response.len() - length..])
    }

    /// How many messages were received and deleted, when there was one.
    async fn receive_delete(
        &mut self,
        port: u16,
        requests: &Requests,
        receive: &[u8],
        figures: &mut Figures,
    ) -> Option<u64> {
        let received = self.timed(receive, figures).await?;
        let received = String::from_utf8_lossy(received);
        let handles = received.split(r#""ReceiptHandle":""#).skip(1).filter_map(|rest| rest.split('"').next());
        let entries: Vec<String> =
            handles.enumerate().map(|(id, handle)| format!(r#"{{"Id":"{id}","ReceiptHandle":"{handle}"}}"#)).collect();
        if entries.is_empty() {
            return None;
        }
        let body = format!(r#"{{"QueueUrl":"{}","Entries":[{}]}}"#, requests.queue_url, entries.join(","));
        self.timed(&request(port, "DeleteMessageBatch", &body), figures).await?;
        Some(entries.len() as u64)
    }

    /// The body of the response to `request`.
    async fn post(&mut self, request: &[u8]) -> &[u8] {
        self.stream.write_all(request).await.unwrap();
        self.response.clear();
        let mut body_starts = None;
        loop {
            assert!(self.stream.read_buf(&mut self.response).await.unwrap() > 0, "the engine closed the connection");
            let (starts, length) = match body_starts {
                Some(known) => known,
                None => match head(&self.response) {
                    Some(found) => *body_starts.insert(found),
                    None => continue,
                },
            };
            if self.response.len() >= starts + length {
                return &self.response[starts..];
            }
        }
    }
}

/// Where the body starts and how long it is.
fn head(response: &[u8]) -> Option<(usize, usize)> {
    let starts = response.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&response[..starts]).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(response));
    let length = head.split_once("content-length: ").and_then(|(_, after)| after.split("\r\n").next()?.parse().ok());
    Some((starts, length.unwrap_or_default()))
}

fn request(port: u16, operation: &str, body: &str) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Amz-Target: AmazonSQS.{operation}\r\nContent-Type: \
         application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
