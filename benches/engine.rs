//! How fast the pure engine is, and whether what one event costs stays the same however much there is of everything else.
//!
//! `cargo bench --bench engine` prints, for each kind of work and each size of the world, turns a second and what one costs.
//! A turn is all of a request: an invocation from the request to the answer and the next `next`, a message from sending
//! to deleting. Time is that of the one thread on its core, so that other work on the machine counts as little as can be.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark may fail")]

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use stackctl::{
    engine::{
        self, Command, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, Input, RequestToken,
        lambda::{self, CodeRef, CreateEventSourceMapping, CreateFunction, FunctionRef, InvocationType, Invoke},
        sqs::{self, CreateQueue, DeleteMessage, ReceiveMessage, SendMessage},
    },
    model::{AccountId, ArtifactDigest, Region, Scope, Timestamp},
};

/// Turns of one round.
const TURNS: u64 = 100_000;
/// The best round counts: what disturbs one only ever makes it slower.
const ROUNDS: u32 = 3;
/// A number that has no factor in common with the sizes: each thing gets its turn, none in order.
const STRIDE: u64 = 7_919;
/// Bytes of a message.
const BODY_BYTES: usize = 256;

struct Bench {
    engine: Engine,
    scope: Arc<Scope>,
    now: Timestamp,
    tokens: u64,
    effects: Vec<Effect>,
}

impl Bench {
    fn new() -> Self {
        let config = EngineConfig { concurrency_limit: 100_000, ..EngineConfig::default() };
        let scope = Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() });
        let now = Timestamp::from_millis(1_795_517_633_000);
        Self { engine: Engine::new(config), scope, now, tokens: 0, effects: Vec::new() }
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.plus_millis(ms);
    }

    fn lambda(&mut self, command: lambda::Command) {
        self.request(Command::Lambda(Box::new(command)));
    }

    fn request(&mut self, command: Command) {
        self.tokens += 1;
        let (token, scope) = (RequestToken(self.tokens), Arc::clone(&self.scope));
        self.handle(Input::Request { token, scope, command });
    }

    fn handle(&mut self, input: Input) {
        self.effects.clear();
        self.engine.handle(self.now, input, &mut self.effects);
    }

    fn event(&mut self, id: EnvironmentId, event: EnvironmentEvent) {
        self.handle(Input::Environment { id, event });
    }

    fn create_function(&mut self, number: u64, timeout_s: u32) {
        let function = CreateFunction {
            function_name: function_name(number),
            runtime: Some("provided.al2023".into()),
            handler: Some("bootstrap".into()),
            role: "arn:aws:iam::000000000000:role/r".into(),
            timeout: Some(timeout_s),
            ..CreateFunction::default()
        };
        let code = CodeRef {
            artifact: ArtifactDigest::from_bytes([1; 32]),
            sha256: "sha".into(),
            size_bytes: 1,
            unzipped_bytes: 1,
            image: None,
        };
        self.lambda(lambda::Command::CreateFunction { function, code });
    }

    /// Begins an invocation of a function, in a new environment when there is no other.
    fn begin(&mut self, number: u64) -> (EnvironmentId, Arc<str>) {
        self.lambda(lambda::Command::Invoke(Invoke {
            function: FunctionRef { name: function_name(number), qualifier: None },
            invocation_type: InvocationType::RequestResponse,
            log_tail: false,
            client_context: None,
            payload: Bytes::from_static(b"{}"),
            trace_id: None,
            streams: false,
        }));
        self.given()
    }

    /// What the last input gave to an environment, which is made ready when it was launched for it.
    fn given(&mut self) -> (EnvironmentId, Arc<str>) {
        let launched = self.effects.iter().find_map(|effect| match effect {
            Effect::Launch { id, .. } => Some(*id),
            _ => None,
        });
        if let Some(id) = launched {
            self.event(id, EnvironmentEvent::Next);
        }
        let given = self.effects.iter().find_map(|effect| match effect {
            Effect::Invoke { id, invocation } => Some((*id, Arc::clone(&invocation.request_id))),
            _ => None,
        });
        given.unwrap()
    }

    /// Ends it, and the environment is at rest.
    fn end(&mut self, (id, request_id): (EnvironmentId, Arc<str>)) {
        let payload = Bytes::from_static(b"null");
        self.event(id, EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes: 0 });
        self.event(id, EnvironmentEvent::Next);
    }

    fn create_queue(&mut self, number: u64) {
        let request = CreateQueue { queue_name: Some(queue_name(number)), ..CreateQueue::default() };
        self.request(Command::Sqs(sqs::Command::CreateQueue(request)));
    }

    fn send(&mut self, number: u64) {
        let message_body = Some("x".repeat(BODY_BYTES));
        let request = SendMessage { queue_url: queue_url(number), message_body, ..SendMessage::default() };
        self.request(Command::Sqs(sqs::Command::SendMessage(request)));
    }

    /// Receives a message and deletes it.
    fn take(&mut self, number: u64) {
        let request = ReceiveMessage { queue_url: queue_url(number), ..ReceiveMessage::default() };
        self.request(Command::Sqs(sqs::Command::ReceiveMessage(request)));
        let received = self.effects.iter_mut().find_map(|effect| match effect {
            Effect::Reply { reply: Ok(engine::Response::Sqs(sqs::Response::ReceiveMessage { messages })), .. } => {
                messages.pop()
            }
            _ => None,
        });
        let receipt_handle = Some(received.unwrap().receipt_handle);
        let request = DeleteMessage { queue_url: queue_url(number), receipt_handle };
        self.request(Command::Sqs(sqs::Command::DeleteMessage(request)));
    }
}

fn function_name(number: u64) -> String {
    format!("function-{number}")
}

fn queue_name(number: u64) -> String {
    format!("queue-{number}")
}

fn queue_url(number: u64) -> String {
    format!("http://localhost:4566/000000000000/queue-{number}")
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a benchmark takes less than an hour")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

/// Times `turn` in worlds of each of `sizes`, after one round that is not counted. Words of the command line choose what is
/// measured, numbers choose sizes.
fn measure<T>(what: &str, sizes: &[u64], make: impl Fn(u64) -> T, turn: impl Fn(&mut T, u64)) {
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let (numbers, words): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.parse::<u64>().is_ok());
    let is_chosen = |chosen: &[&String], name: &str| chosen.is_empty() || chosen.iter().any(|word| *word == name);
    if !is_chosen(&words, what) {
        return;
    }
    let mut smallest_us = None;
    for size in sizes.iter().filter(|size| is_chosen(&numbers, &size.to_string())) {
        let mut world = make(*size);
        let mut best = f64::MAX;
        let mut number = 0;
        for round in 0..=ROUNDS {
            let start = cpu_seconds();
            for _ in 0..TURNS {
                number += 1;
                turn(&mut world, number * STRIDE % size);
            }
            if round > 0 {
                best = best.min(cpu_seconds() - start);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a hundred thousand")]
        let (rate, each_us) = (TURNS as f64 / best, best * 1e6 / TURNS as f64);
        let growth = each_us / *smallest_us.get_or_insert(each_us);
        println!("{size:>8} {what:<14} {rate:>9.0} a second, {each_us:>5.2} us each, {growth:>4.2} times the smallest");
    }
}

/// Warm invocations, each of another function.
fn functions(size: u64) -> Bench {
    let mut bench = Bench::new();
    for number in 0..size {
        bench.create_function(number, 3);
        let given = bench.begin(number);
        bench.end(given);
    }
    bench
}

/// One function whose environments are all busy: the oldest invocation ends, and another begins.
fn environments(size: u64) -> (Bench, VecDeque<(EnvironmentId, Arc<str>)>) {
    let mut bench = Bench::new();
    bench.create_function(0, 900);
    let mut busy = VecDeque::new();
    for _ in 0..size {
        // A function gets a thousand environments every ten seconds.
        bench.wait(10);
        let given = bench.begin(0);
        busy.push_back(given);
    }
    (bench, busy)
}

fn queues(size: u64) -> Bench {
    let mut bench = Bench::new();
    (0..size).for_each(|number| bench.create_queue(number));
    bench
}

fn backlog(size: u64) -> Bench {
    let mut bench = queues(1);
    (0..size).for_each(|_| bench.send(0));
    bench
}

fn mappings(size: u64) -> Bench {
    let mut bench = queues(size);
    for number in 0..size {
        bench.create_function(number, 3);
        bench.lambda(lambda::Command::CreateEventSourceMapping(CreateEventSourceMapping {
            event_source_arn: Some(format!("arn:aws:sqs:us-east-1:000000000000:queue-{number}")),
            function_name: function_name(number),
            ..CreateEventSourceMapping::default()
        }));
    }
    // Until they are enabled.
    while let Some(deadline) = bench.engine.next_deadline() {
        bench.now = deadline;
        bench.handle(Input::Tick);
    }
    bench
}

fn main() {
    measure("functions", &[10, 100, 1_000, 10_000], functions, |bench, number| {
        bench.wait(1);
        let given = bench.begin(number);
        bench.end(given);
    });
    measure("environments", &[10, 100, 1_000, 10_000], environments, |(bench, busy), number| {
        bench.wait(u64::from(number == 0));
        let oldest = busy.pop_front().unwrap();
        bench.end(oldest);
        let given = bench.begin(0);
        busy.push_back(given);
    });
    measure("mappings", &[10, 100, 1_000], mappings, |bench, number| {
        bench.wait(1);
        bench.send(number);
        let given = bench.given();
        bench.end(given);
    });
    measure("queues", &[10, 100, 1_000, 10_000], queues, |bench, number| {
        bench.wait(1);
        bench.send(number);
        bench.take(number);
    });
    measure("waiting", &[1_000, 10_000, 100_000], backlog, |bench, _| {
        bench.send(0);
        bench.take(0);
    });
}
