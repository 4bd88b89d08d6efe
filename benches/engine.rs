//! How fast the pure engine is: warm invocations from request to reply, in virtual time, with few functions and with many.
//!
//! `cargo bench --bench engine` prints invocations a second for each number of functions. The cost of one must not grow
//! with their number; what still grows are cache misses.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{hint::black_box, sync::Arc, time::Instant};

use bytes::Bytes;
use stackctl::{
    engine::{
        Command, Effect, Engine, EngineConfig, EnvironmentEvent, EnvironmentId, Input, RequestToken,
        lambda::{self, CodeRef, CreateFunction, FunctionRef, InvocationType, Invoke},
    },
    model::{AccountId, ArtifactDigest, Region, Scope, Timestamp},
};

const FUNCTIONS: [u64; 4] = [10, 100, 1_000, 10_000];
const INVOCATIONS: u64 = 300_000;
/// Numbers that have no factor in common with those of functions: each function gets its turn, none in order.
const STRIDE: u64 = 7_919;

struct Bench {
    engine: Engine,
    scope: Arc<Scope>,
    now: Timestamp,
    tokens: u64,
    effects: Vec<Effect>,
}

impl Bench {
    fn new(functions: u64) -> Self {
        let config = EngineConfig { concurrency_limit: 100_000, ..EngineConfig::default() };
        let scope = Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() });
        let now = Timestamp::from_millis(1_795_517_633_000);
        let mut bench = Self { engine: Engine::new(config), scope, now, tokens: 0, effects: Vec::new() };
        for number in 0..functions {
            let function = CreateFunction {
                function_name: Some(name(number)),
                runtime: Some("provided.al2023".into()),
                handler: Some("bootstrap".into()),
                role: Some("arn:aws:iam::000000000000:role/r".into()),
                ..CreateFunction::default()
            };
            let artifact = ArtifactDigest::from_bytes([1; 32]);
            let code = CodeRef { artifact, sha256: "sha".into(), size_bytes: 1, unzipped_bytes: 1, image: None };
            bench.request(lambda::Command::CreateFunction { function, code });
            bench.invoke(number);
        }
        bench
    }

    fn request(&mut self, command: lambda::Command) {
        self.tokens += 1;
        let (token, scope) = (RequestToken(self.tokens), Arc::clone(&self.scope));
        self.handle(Input::Request { token, scope, command: Command::Lambda(Box::new(command)) });
    }

    fn handle(&mut self, input: Input) {
        self.effects.clear();
        self.engine.handle(self.now, input, &mut self.effects);
    }

    /// One invocation from the request to the reply, and back to rest.
    fn invoke(&mut self, number: u64) {
        self.now = self.now.plus_millis(1);
        self.request(lambda::Command::Invoke(Invoke {
            function: FunctionRef { name: name(number), qualifier: None },
            invocation_type: InvocationType::RequestResponse,
            log_tail: false,
            client_context: None,
            payload: Bytes::from_static(b"{}"),
            trace_id: None,
            streams: false,
        }));
        let launched = self.effects.iter().find_map(|effect| match effect {
            Effect::Launch { id, .. } => Some(*id),
            _ => None,
        });
        if let Some(id) = launched {
            self.event(id, EnvironmentEvent::Next);
        }
        let (id, request_id) = self
            .effects
            .iter()
            .find_map(|effect| match effect {
                Effect::Invoke { id, invocation } => Some((*id, invocation.request_id.clone())),
                _ => None,
            })
            .unwrap();
        let payload = Bytes::from_static(b"null");
        self.event(id, EnvironmentEvent::Response { request_id, payload, max_memory_used_bytes: 0 });
        self.event(id, EnvironmentEvent::Next);
    }

    fn event(&mut self, id: EnvironmentId, event: EnvironmentEvent) {
        self.handle(Input::Environment { id, event });
    }
}

fn name(number: u64) -> String {
    format!("function-{number}")
}

fn main() {
    for functions in FUNCTIONS {
        let mut bench = Bench::new(functions);
        let watch = Instant::now();
        for turn in 0..INVOCATIONS {
            bench.invoke(turn * STRIDE % functions);
        }
        let seconds = watch.elapsed().as_secs_f64();
        black_box(&bench.effects);
        #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
        let (rate, each_us) = (INVOCATIONS as f64 / seconds, seconds * 1e6 / INVOCATIONS as f64);
        println!("{functions:>6} functions: {rate:>9.0} invocations/s, {each_us:.2} us each");
    }
}
