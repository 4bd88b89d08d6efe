//! SQS against a small model of it, written from the documentation: random commands, time and restarts from a seed that
//! every failure names. The model knows messages by their bodies, which are distinct.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Command, ReceiveMessage, ReceivedMessage, SendMessage,
    harness::{Harness, message, messages, receive},
};
use crate::engine::RequestToken;

/// Short enough to matter; a dead letter of a FIFO queue gets a new one, which the model does not follow.
const RETENTION_S: u64 = 120;
const RETENTION_OF_ORDERED_DEAD_LETTERS_S: u64 = 1_209_600;
const DEDUPLICATION_MS: u64 = 300_000;
const MAX_RECEIVES: u32 = 3;
const STEPS: usize = 1_500;

struct Known {
    group: String,
    visible_from: u64,
    expires: u64,
    /// Until when somebody holds it.
    held_until: u64,
    handle: Option<String>,
    receives: u32,
}

struct Simulation {
    harness: Harness,
    random: fastrand::Rng,
    queue: &'static str,
    dead: Option<&'static str>,
    retention_s: u64,
    known: BTreeMap<String, Known>,
    /// Bodies of each group in the order of sending.
    order: BTreeMap<String, Vec<String>>,
    /// When a deduplication id was accepted last.
    accepted: BTreeMap<String, u64>,
    waiting: BTreeMap<RequestToken, u64>,
    sent: usize,
    seed: u64,
}

impl Simulation {
    fn new(seed: u64, queue: &'static str, dead: Option<&'static str>) -> Self {
        let mut harness = Harness::new();
        let is_fifo = queue.ends_with(".fifo");
        let retention_s = if is_fifo && dead.is_some() { RETENTION_OF_ORDERED_DEAD_LETTERS_S } else { RETENTION_S };
        let retention = retention_s.to_string();
        let mut attributes = vec![("MessageRetentionPeriod", retention.as_str()), ("VisibilityTimeout", "20")];
        if is_fifo {
            attributes.push(("FifoQueue", "true"));
        }
        match dead {
            Some(dead) => {
                harness.create(dead, &attributes).unwrap();
                harness.create_with_dead_letters(queue, dead, MAX_RECEIVES, &attributes);
            }
            None => drop(harness.create(queue, &attributes).unwrap()),
        }
        Self {
            harness,
            random: fastrand::Rng::with_seed(seed),
            queue,
            dead,
            retention_s,
            known: BTreeMap::new(),
            order: BTreeMap::new(),
            accepted: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sent: 0,
            seed,
        }
    }

    fn is_fifo(&self) -> bool {
        self.queue.ends_with(".fifo")
    }

    fn run(mut self) {
        for _ in 0..STEPS {
            match self.random.u32(..100) {
                0..35 => self.send(),
                35..60 => self.receive(),
                60..80 => self.delete(),
                80..87 => self.change_visibility(),
                87..89 => self.abandon_a_wait(),
                89..99 => {
                    let ms = self.random.u64(1..8_000);
                    self.harness.pass_ms(ms);
                }
                _ => self.restart(),
            }
            self.take_answers();
            self.compare();
        }
        self.drain();
    }

    fn send(&mut self) {
        let now = self.harness.now_ms;
        let body = format!("m{}", self.sent);
        self.sent += 1;
        let group = format!("g{}", self.random.u32(..4));
        let mut request = message(self.queue, &body);
        let mut delay_s = 0;
        if self.is_fifo() {
            let id = format!("d{}", self.random.u32(..60));
            request.message_deduplication_id = Some(id.clone());
            request.message_group_id = Some(group.clone());
            let sent = self.harness.send_request(request).unwrap();
            assert!(sent.sequence_number.is_some());
            if self.accepted.get(&id).is_some_and(|accepted| accepted + DEDUPLICATION_MS > now) {
                return;
            }
            self.accepted.insert(id, now);
        } else {
            delay_s = if self.random.bool() { 0 } else { self.random.u32(..10) };
            let is_grouped = self.random.bool();
            self.harness
                .send_request(SendMessage {
                    delay_seconds: Some(i64::from(delay_s)),
                    message_group_id: is_grouped.then(|| group.clone()),
                    ..request
                })
                .unwrap();
        }
        let known = Known {
            group: group.clone(),
            visible_from: now + u64::from(delay_s) * 1000,
            expires: now + self.retention_s * 1000,
            held_until: 0,
            handle: None,
            receives: 0,
        };
        self.known.insert(body.clone(), known);
        self.order.entry(group).or_default().push(body);
    }

    fn receive(&mut self) {
        let visibility_s = self.random.u64(1..30);
        let request = ReceiveMessage {
            visibility_timeout: i64::try_from(visibility_s).ok(),
            wait_time_seconds: Some(if self.random.bool() { 0 } else { self.random.i64(1..=20) }),
            ..receive(self.queue, self.random.i64(1..=10))
        };
        let token = self.harness.issue(Command::ReceiveMessage(request));
        self.waiting.insert(token, visibility_s);
    }

    fn take_answers(&mut self) {
        for (at, token) in std::mem::take(&mut self.harness.answered) {
            let Some(visibility_s) = self.waiting.remove(&token) else { continue };
            let received = messages(self.harness.reply(token).unwrap().unwrap());
            self.check_received(at, &received);
            for message in received {
                let known = self.known.get_mut(&*message.body).unwrap();
                known.held_until = at + visibility_s * 1000;
                known.handle = Some(message.receipt_handle);
                known.receives += 1;
            }
        }
    }

    fn check_received(&self, at: u64, received: &[ReceivedMessage]) {
        let seed = self.seed;
        let mut in_this_receive = BTreeSet::new();
        for message in received {
            let body: &str = &message.body;
            let known = self.known.get(body).unwrap_or_else(|| panic!("seed {seed}: `{body}` is not there any more"));
            assert!(known.held_until <= at, "seed {seed}: `{body}` has two holders");
            assert!(known.visible_from <= at, "seed {seed}: `{body}` came before its delay");
            assert!(known.expires > at, "seed {seed}: `{body}` came after its retention");
            assert!(self.dead.is_none() || known.receives < MAX_RECEIVES, "seed {seed}: `{body}` came once more");
            if self.is_fifo() {
                for earlier in self.order[&known.group].iter().take_while(|earlier| *earlier != body) {
                    let blocks = self.known.get(earlier).is_some_and(|earlier| earlier.expires > at);
                    let is_dead = || self.known[earlier].receives >= MAX_RECEIVES && self.dead.is_some();
                    assert!(
                        !blocks || in_this_receive.contains(earlier.as_str()) || is_dead(),
                        "seed {seed}: `{body}` overtook `{earlier}`"
                    );
                }
            }
            in_this_receive.insert(body);
        }
    }

    /// Some message that somebody holds, or held last.
    fn pick_received(&mut self) -> Option<(String, String)> {
        let received: Vec<_> =
            self.known.iter().filter_map(|(body, known)| Some((body.clone(), known.handle.clone()?))).collect();
        (!received.is_empty()).then(|| received[self.random.usize(..received.len())].clone())
    }

    fn delete(&mut self) {
        let Some((body, handle)) = self.pick_received() else { return };
        let now = self.harness.now_ms;
        self.forget_expired();
        let Some(known) = self.known.get(&body) else { return };
        let (holds, is_fifo) = (known.held_until > now, self.is_fifo());
        let may_be_dead = self.dead.is_some() && known.receives >= MAX_RECEIVES && !holds;
        let result = self.harness.delete(self.queue, &handle);
        if holds {
            result.unwrap();
        } else if result.is_err() {
            assert!(is_fifo, "seed {}: a late delete of a standard queue fails", self.seed);
            return;
        } else if may_be_dead {
            // It has moved, or it is gone: only the engine's count says which.
            let still = self.total();
            let expected = self.known.len();
            assert!(still == expected || still + 1 == expected, "seed {}", self.seed);
            if still == expected {
                return;
            }
        }
        self.known.remove(&body);
    }

    fn change_visibility(&mut self) {
        let Some((body, handle)) = self.pick_received() else { return };
        let now = self.harness.now_ms;
        let timeout_s = self.random.i64(0..20);
        let holds = self.known[&body].held_until > now && self.known[&body].expires > now;
        let result = self.harness.change_visibility(self.queue, &handle, timeout_s);
        assert_eq!(result.is_ok(), holds, "seed {}: {result:?}", self.seed);
        if holds {
            self.known.get_mut(&body).unwrap().held_until = now + u64::try_from(timeout_s).unwrap() * 1000;
        }
    }

    fn abandon_a_wait(&mut self) {
        if let Some((token, _)) = self.waiting.pop_first() {
            self.harness.client_gone(token);
        }
    }

    /// A crash between two commands: who waits is gone, leases end, and of receive counts the first is forgotten.
    fn restart(&mut self) {
        self.waiting.clear();
        self.harness.restart();
        for known in self.known.values_mut() {
            known.held_until = known.held_until.min(self.harness.now_ms);
            if known.receives == 1 {
                known.receives = 0;
            }
            known.handle = None;
        }
    }

    fn forget_expired(&mut self) {
        let now = self.harness.now_ms;
        self.known.retain(|_, known| known.expires > now);
    }

    fn total(&mut self) -> usize {
        let queues = [Some(self.queue), self.dead];
        let counts = queues.into_iter().flatten().map(|queue| self.harness.counts(queue));
        counts.map(|(visible, in_flight, delayed)| visible + in_flight + delayed).sum()
    }

    /// What the queue says of itself is exactly what the model says.
    fn compare(&mut self) {
        self.forget_expired();
        let now = self.harness.now_ms;
        let in_flight = self.known.values().filter(|known| known.held_until > now).count();
        let delayed = self.known.values().filter(|known| known.visible_from > now).count();
        let visible = self.known.len() - in_flight - delayed;
        let dead = self.dead.map_or(0, |dead| self.harness.counts(dead).0);
        let (found_visible, found_in_flight, found_delayed) = self.harness.counts(self.queue);
        assert_eq!(
            (found_visible + dead, found_in_flight, found_delayed),
            (visible, in_flight, delayed),
            "seed {}",
            self.seed
        );
    }

    /// Without further faults everything that was accepted comes, once.
    fn drain(mut self) {
        self.restart();
        self.harness.pass_s(10);
        self.compare();
        for queue in [Some(self.queue), self.dead].into_iter().flatten() {
            loop {
                let received = self.harness.receive(queue, 10);
                for message in &received {
                    assert!(self.known.remove(&*message.body).is_some(), "seed {}: came twice", self.seed);
                    self.harness.delete(queue, &message.receipt_handle).unwrap();
                }
                if received.is_empty() {
                    break;
                }
            }
        }
        assert_eq!(self.known.len(), 0, "seed {}: lost", self.seed);
        self.harness.pass_s(600);
        let queues = 1 + usize::from(self.dead.is_some());
        assert_eq!(self.harness.store.len(), queues, "seed {}: the store keeps what is gone", self.seed);
        assert_eq!(self.harness.engine.next_deadline(), None, "seed {}: nothing is left to wait for", self.seed);
    }
}

fn simulate(queue: &'static str, dead: Option<&'static str>) {
    for round in 0..20 {
        let seed = fastrand::u64(..);
        println!("round {round}: seed {seed}");
        Simulation::new(seed, queue, dead).run();
    }
}

#[test]
fn standard() {
    simulate("q", None);
}

#[test]
fn standard_with_dead_letters() {
    simulate("q", Some("dead"));
}

#[test]
fn ordered() {
    simulate("q.fifo", None);
}

#[test]
fn ordered_with_dead_letters() {
    simulate("q.fifo", Some("dead.fifo"));
}

/// One tenant sends a hundred times as much as each of nine others; the consumers can handle half of it. The quiet ones
/// must not notice.
#[test]
fn a_noisy_group_does_not_starve_the_quiet_ones() {
    let mut harness = Harness::new();
    harness.create("q", &[]).unwrap();
    let mut working: Vec<(u64, String)> = Vec::new();
    let mut longest_wait_ms: BTreeMap<bool, u64> = BTreeMap::new();
    for tick in 0..2_000_u64 {
        let now = harness.now_ms;
        for _ in 0..10 {
            send_from(&mut harness, "noisy", now);
        }
        if tick % 10 == 0 {
            send_from(&mut harness, &format!("quiet-{}", tick / 10 % 9), now);
        }
        working.retain(|(until, handle)| {
            let is_done = *until <= now;
            if is_done {
                harness.delete("q", handle).unwrap();
            }
            !is_done
        });
        while working.len() < 50 {
            let request = ReceiveMessage { attribute_names: vec!["MessageGroupId".into()], ..receive("q", 1) };
            let Some(message) = harness.receive_request(request).unwrap().pop() else { break };
            let sent: u64 = message.body.parse().unwrap();
            let is_quiet = message.attributes[0].1 != "noisy";
            let longest = longest_wait_ms.entry(is_quiet).or_default();
            *longest = (*longest).max(now - sent);
            working.push((now + 100, message.receipt_handle));
        }
        harness.pass_ms(10);
    }
    assert!(longest_wait_ms[&true] <= 100, "{longest_wait_ms:?}");
    assert!(longest_wait_ms[&false] >= 5_000, "the noisy one has to wait: {longest_wait_ms:?}");
}

fn send_from(harness: &mut Harness, group: &str, now: u64) {
    let request = SendMessage { message_group_id: Some(group.into()), ..message("q", &now.to_string()) };
    harness.send_request(request).unwrap();
}
