//! How fast the engine is over HTTP, beside a floor in the same run: `cargo bench --bench http -- [SECTION] [OPTIONS]`.
//!
//! | section | what it prints |
//! | --- | --- |
//! | `table` (the default) | send, batch, receive and delete at each durability, beside a bare HTTP echo |
//! | `flat` | the same with 1,000 and 100,000 messages waiting and with 1,000 queues; memory for each message that waits |
//! | `restart` | from exec to the first answer with a million stored messages, after a kill |
//! | `soak` | memory and store, minute by minute, under send, receive and delete |
//!
//! Options: `--secs N` a measurement (2), `--rounds N` interleaved rounds, of which the median counts (3), `--minutes N` of
//! `soak` (60). Load and engine share the machine; the load is one thread.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and ends its process")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot measure has nothing else to do")]

mod load;
mod server;

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use load::{Figures, Load, Work};
use server::{Echo, Engine};

/// The size of a body.
const BODY_BYTES: usize = 256;
const DURABILITIES: [&str; 3] = ["memory", "process", "disk"];
/// Messages that wait before they are received and deleted.
const PRELOADED: u64 = 60_000;
const FEW_WAITING: u64 = 1_000;
const MANY_WAITING: u64 = 100_000;
const MANY_QUEUES: u64 = 1_000;
const STORED: u64 = 1_000_000;

#[derive(Clone, Copy, Debug)]
struct Options {
    secs: f64,
    rounds: usize,
    minutes: u64,
}

fn main() {
    let mut options = Options { secs: 2.0, rounds: 3, minutes: 60 };
    let mut section = "table".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<f64>().ok()).unwrap_or_else(|| usage());
        match argument.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--secs" => options.secs = number(),
            "--rounds" => options.rounds = whole(number()).max(1),
            "--minutes" => options.minutes = whole(number()) as u64,
            "--echo" => return server::echo(),
            word if !word.starts_with('-') => section = word.to_owned(),
            _ => usage(),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        match section.as_str() {
            "table" => table(options).await,
            "flat" => flat(options).await,
            "restart" => restart().await,
            "soak" => soak(options).await,
            _ => usage(),
        }
    });
}

fn usage() -> ! {
    eprintln!("usage: cargo bench --bench http -- [table|flat|restart|soak] [--secs N] [--rounds N] [--minutes N]");
    std::process::exit(2)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts that a person types")]
fn whole(number: f64) -> usize {
    number as usize
}

/// A line of the table: what is done, on how many connections, and whether messages have to wait for it.
struct Row {
    name: &'static str,
    work: Work,
    connections: usize,
    preloaded: u64,
    /// The echo has a body of this many sends.
    echoed: usize,
}

const ROWS: [Row; 5] = [
    Row { name: "send, 1 connection", work: Work::Send, connections: 1, preloaded: 0, echoed: 1 },
    Row { name: "send, 32", work: Work::Send, connections: 32, preloaded: 0, echoed: 1 },
    Row { name: "batch of 10, 32", work: Work::SendBatch, connections: 32, preloaded: 0, echoed: 10 },
    Row {
        name: "receive 10, delete 10, 1",
        work: Work::ReceiveDelete,
        connections: 1,
        preloaded: PRELOADED,
        echoed: 1,
    },
    Row { name: "the same, 16", work: Work::ReceiveDelete, connections: 16, preloaded: PRELOADED, echoed: 1 },
];

async fn table(options: Options) {
    let echo = Echo::start().await;
    println!("messages a second (p50 of a request); floor: requests a second of an echo of the same bytes");
    println!("| | floor | {} |\n| --- | --- | --- | --- | --- |", DURABILITIES.join(" | "));
    for row in ROWS {
        let mut cells = vec![Vec::new(); DURABILITIES.len() + 1];
        for _ in 0..options.rounds {
            let echoed = Load::echo(echo.port, row.echoed * BODY_BYTES, row.connections);
            cells[0].push(echoed.run(seconds(options)).await);
            for (durability, cell) in DURABILITIES.iter().zip(&mut cells[1..]) {
                // A fresh engine each time: what an earlier line left behind is no part of this one.
                let engine = Engine::start(durability).await;
                let load = Load::sqs(engine.port, "bench", BODY_BYTES, row.connections);
                load.create_queue().await;
                load.fill(row.preloaded).await;
                cell.push(load.work(row.work, seconds(options)).await);
            }
        }
        let cells: Vec<String> = cells.into_iter().map(|rounds| median(rounds).to_string()).collect();
        println!("| {} | {} |", row.name, cells.join(" | "));
    }
}

async fn flat(options: Options) {
    println!("messages a second (p50 of a request)");
    println!("| | durability | {FEW_WAITING} waiting | {MANY_WAITING} waiting | {MANY_QUEUES} queues |");
    println!("| --- | --- | --- | --- | --- |");
    for durability in ["memory", "process"] {
        let waiting = [prepared(durability, FEW_WAITING, 1).await, prepared(durability, MANY_WAITING, 1).await];
        let crowded = prepared(durability, FEW_WAITING, MANY_QUEUES).await;
        for (name, work) in [
            ("send", Work::Send),
            ("send one, receive it, delete it", Work::Cycle),
            ("GetQueueAttributes", Work::Attributes),
        ] {
            let mut cells = vec![Vec::new(); 3];
            for _ in 0..options.rounds {
                for ((engine, _), cell) in [&waiting[0], &waiting[1], &crowded].iter().zip(&mut cells) {
                    let load = Load::sqs(engine.port, "bench", BODY_BYTES, 1);
                    cell.push(load.work(work, seconds(options)).await);
                }
            }
            let cells: Vec<String> = cells.into_iter().map(|rounds| median(rounds).to_string()).collect();
            println!("| {name} | {durability} | {} |", cells.join(" | "));
        }
        println!("{durability}: {} bytes of memory for each message that waits", waiting[1].1);
    }
}

/// An engine with that many waiting messages in one queue, those queues in all, and what a message took of its memory.
async fn prepared(durability: &str, waiting: u64, queues: u64) -> (Engine, u64) {
    let engine = Engine::start(durability).await;
    for number in 1..queues {
        Load::sqs(engine.port, &format!("other-{number}"), BODY_BYTES, 1).create_queue().await;
    }
    let load = Load::sqs(engine.port, "bench", BODY_BYTES, 4);
    load.create_queue().await;
    // What the first messages fault in for good is not theirs.
    load.fill(FEW_WAITING).await;
    let before = engine.resident_bytes();
    load.fill(waiting.saturating_sub(FEW_WAITING)).await;
    let grown = engine.resident_bytes().saturating_sub(before);
    (engine, grown / waiting.saturating_sub(FEW_WAITING).max(1))
}

async fn restart() {
    let engine = Engine::start("process").await;
    let load = Load::sqs(engine.port, "bench", BODY_BYTES, 32);
    load.create_queue().await;
    load.fill(STORED).await;
    let state = engine.kill().await;
    let started = Instant::now();
    let engine = Engine::start_upon("process", state).await;
    let elapsed = started.elapsed();
    let load = Load::sqs(engine.port, "bench", BODY_BYTES, 1);
    let waiting = load.waiting().await;
    println!(
        "killed with {STORED} messages stored, {waiting} found again: {} ms from exec to the first answer, {} MB resident",
        elapsed.as_millis(),
        engine.resident_bytes() / 1_000_000
    );
}

async fn soak(options: Options) {
    let engine = Engine::start("process").await;
    let load = Load::sqs(engine.port, "bench", BODY_BYTES, 4);
    load.create_queue().await;
    println!("| minute | messages | resident | state directory |\n| --- | --- | --- | --- |");
    let messages = Cell::new(0);
    for minute in 1..=options.minutes {
        let figures = load.work(Work::Cycle, Duration::from_secs(60)).await;
        messages.set(messages.get() + figures.messages);
        let (resident, stored) = (engine.resident_bytes(), engine.stored_bytes());
        println!("| {minute} | {} | {} kB | {} kB |", messages.get(), resident / 1_000, stored / 1_000);
    }
}

fn seconds(options: Options) -> Duration {
    Duration::from_secs_f64(options.secs)
}

fn median(mut rounds: Vec<Figures>) -> Figures {
    rounds.sort_by(|one, other| one.per_second().total_cmp(&other.per_second()));
    rounds.swap_remove(rounds.len() / 2)
}
