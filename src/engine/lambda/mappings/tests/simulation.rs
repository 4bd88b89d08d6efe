//! Random worlds: queues, functions, mappings and faults from a seed. When the faults stop, everything comes to rest.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use serde_json::{Value, json};

use super::{Answer, Delivery, Flow, fail, ok, respond};
use crate::engine::EngineConfig;

const QUEUES: u64 = 4;
const STEPS: usize = 400;

/// How a message fared.
#[derive(Default)]
struct Fates {
    /// Deliveries whose handler said that all was well.
    handled: BTreeMap<String, u32>,
    /// The last body handled of each FIFO group.
    last: BTreeMap<String, u64>,
    faults: bool,
}

struct Dice(fastrand::Rng);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound)
    }
}

fn queue(index: u64) -> String {
    if index.is_multiple_of(2) { format!("q{index}") } else { format!("q{index}.fifo") }
}

/// Each handler answers at random, and remembers what it said.
fn handler(seed: u64, fates: Rc<RefCell<Fates>>) -> impl FnMut(&Delivery) -> Answer {
    let mut dice = Dice(fastrand::Rng::with_seed(seed));
    move |delivery| {
        let mut fates = fates.borrow_mut();
        let (bodies, ids) = (delivery.bodies(), delivery.texts("messageId"));
        let after_ms = dice.below(400);
        let luck = if fates.faults { dice.below(10) } else { 9 };
        match luck {
            0 => fail(after_ms),
            1 => {
                // As AWS wants it of FIFO: everything from the first failure on.
                let from = usize::try_from(dice.below(bodies.len() as u64)).unwrap();
                bodies[..from].iter().for_each(|body| fates.handle(delivery, body));
                let failures: Vec<_> = ids[from..].iter().map(|id| json!({"itemIdentifier": id})).collect();
                respond(after_ms, &json!({"batchItemFailures": failures}).to_string())
            }
            _ => {
                bodies.iter().for_each(|body| fates.handle(delivery, body));
                ok(after_ms)
            }
        }
    }
}

impl Fates {
    fn handle(&mut self, delivery: &Delivery, body: &str) {
        *self.handled.entry(body.to_owned()).or_default() += 1;
        if delivery.event["Records"][0]["attributes"]["MessageGroupId"].is_string() {
            let number: u64 = body.rsplit('-').next().unwrap().parse().unwrap();
            let key = format!("{} {}", delivery.event["Records"][0]["eventSourceARN"], delivery.group());
            let last = self.last.insert(key.clone(), number);
            assert!(last.is_none_or(|last| last < number), "{key}: {number} after {last:?}");
        }
    }
}

fn settings(dice: &mut Dice, fifo: bool) -> Value {
    let mut settings = json!({
        "BatchSize": 1 + dice.below(10),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": if dice.below(2) == 0 { json!({}) } else { json!({"MaximumConcurrency": 2 + dice.below(4)}) },
    });
    if !fifo {
        settings["MaximumBatchingWindowInSeconds"] = dice.below(3).into();
    }
    settings
}

/// Visibility outlives every handler here, and a function is never off so long that a lease runs out: then each message is
/// handled exactly once, whatever else happens.
fn run(seed: u64) {
    println!("seed {seed}");
    let fates = Rc::new(RefCell::new(Fates { faults: true, ..Fates::default() }));
    let config = EngineConfig { seed, concurrency_limit: 9, unreserved_minimum: 0, ..EngineConfig::default() };
    let mut flow = Flow::with(config, handler(seed, Rc::clone(&fates)));
    let mut dice = Dice(fastrand::Rng::with_seed(seed.wrapping_mul(31)));
    let mut uuids = Vec::new();
    for index in 0..QUEUES {
        let (name, function) = (queue(index), format!("f{index}"));
        let fifo = name.ends_with(".fifo");
        flow.queue(&name, if fifo { &[("FifoQueue", "true")] } else { &[] });
        flow.function(&function, 3);
        let settings = settings(&mut dice, fifo);
        uuids.push(flow.map(&name, &function, settings));
    }
    let mut sent = 0;
    for _ in 0..STEPS {
        let index = dice.below(QUEUES);
        let name = queue(index);
        match dice.below(20) {
            0 => {
                let settings = settings(&mut dice, name.ends_with(".fifo"));
                // Refused while the last change has not settled.
                let _ = flow.update(&uuids[usize::try_from(index).unwrap()], settings);
            }
            1 => drop(flow.update(&uuids[usize::try_from(index).unwrap()], json!({"Enabled": false}))),
            2 => drop(flow.update(&uuids[usize::try_from(index).unwrap()], json!({"Enabled": true}))),
            3 => flow.wait(dice.below(3_000)),
            4 => flow.reserve(&format!("f{index}"), 1 + u32::try_from(dice.below(2)).unwrap()),
            _ => {
                for _ in 0..=dice.below(15) {
                    let group = name.ends_with(".fifo").then(|| format!("g{}", dice.below(3)));
                    flow.send_as(&name, &format!("{name}-{sent}"), group.as_deref());
                    sent += 1;
                }
                flow.wait(dice.below(100));
            }
        }
        assert!(flow.running <= 9, "the pool is kept");
    }
    fates.borrow_mut().faults = false;
    flow.wait(1_000);
    for uuid in &uuids {
        flow.update(uuid, json!({"Enabled": true})).unwrap();
    }
    flow.wait(600_000);
    let fates = fates.borrow();
    for index in 0..QUEUES {
        assert_eq!(flow.depth(&queue(index)), (0, 0), "{} comes to rest", queue(index));
    }
    assert_eq!(fates.handled.len(), sent, "no message is lost");
    let twice: Vec<_> = fates.handled.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "handled twice: {twice:?}");
    assert!(flow.activity().iter().all(|mapping| mapping.batches_in_flight == 0));
}

#[test]
fn random_worlds_lose_and_double_nothing() {
    for seed in 0..10 {
        run(seed);
    }
}
