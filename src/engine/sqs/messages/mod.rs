//! The messages of one queue: which are ready, delayed or in flight, and until when. Pure; it knows nothing of clients,
//! dead-letter queues or records.
//!
//! Nothing here costs more than the logarithm of the backlog. Deadlines live in one ordered set and are removed exactly,
//! so there is no stale timer; only the ready lines of standard queues keep stale numbers, skipped when they come up.

mod fifo;
mod standard;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::{fifo::Fifo, standard::Standard};
use super::records::StoredMessage;
use crate::model::Timestamp;

/// A message and where it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Arc<StoredMessage>,
    place: Place,
    pub(super) receive_count: u32,
    /// Milliseconds from sending to the first receive; of no meaning before that.
    first_received_after_ms: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// `returned` when a lease of this run of the engine has ended.
    Ready {
        returned: bool,
    },
    Delayed {
        until: Timestamp,
    },
    InFlight {
        until: Timestamp,
        received_after_ms: u32,
    },
}

/// What a message waits for, for those who look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    Ready,
    Delayed { until: Timestamp },
    InFlight { until: Timestamp },
}

/// What a receipt's bearer may do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody received it since the engine started.
    Unreceived,
    InFlight,
    /// Its last lease has ended.
    Returned,
}

/// Where taking messages stands: a FIFO queue gives as many of one group as it can before it turns to the next.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    group: Option<Arc<str>>,
    /// Never turn to a second group.
    single_group: bool,
}

impl Cursor {
    /// A walk from the beginning, over one group of a FIFO queue only or over all.
    pub(super) fn new(single_group: bool) -> Self {
        Self { group: None, single_group }
    }
}

#[derive(Debug)]
enum Order {
    Standard(Standard),
    Fifo(Fifo),
}

/// The messages of a queue.
#[derive(Debug)]
pub(super) struct Messages {
    table: BTreeMap<u64, Entry>,
    order: Order,
    /// Ends of delays and leases.
    wakes: BTreeSet<(Timestamp, u64)>,
    /// Messages sent before they came here (dead letters of standard queues); all others were sent in the order of their
    /// numbers, so that the first of the table and the first of these is the oldest.
    aged: BTreeSet<(Timestamp, u64)>,
    delayed: usize,
    in_flight: usize,
}

impl Messages {
    pub(super) fn new(is_fifo: bool) -> Self {
        Self {
            table: BTreeMap::new(),
            order: if is_fifo { Order::Fifo(Fifo::default()) } else { Order::Standard(Standard::default()) },
            wakes: BTreeSet::new(),
            aged: BTreeSet::new(),
            delayed: 0,
            in_flight: 0,
        }
    }

    /// Adds a message, visible from `visible_from` on.
    pub(super) fn insert(&mut self, now: Timestamp, visible_from: Timestamp, message: Arc<StoredMessage>) {
        let number = message.number;
        if self.is_aged(&message) {
            self.aged.insert((message.sent, number));
        }
        let place = if visible_from > now {
            self.wakes.insert((visible_from, number));
            self.delayed += 1;
            Place::Delayed { until: visible_from }
        } else {
            self.order.push(number, message.group());
            Place::Ready { returned: false }
        };
        self.table.insert(number, Entry { message, place, receive_count: 0, first_received_after_ms: 0 });
    }

    /// Takes back what the store knows of earlier receives.
    pub(super) fn restore_receives(&mut self, number: u64, receive_count: u32, first_received: Timestamp) -> bool {
        let Some(entry) = self.table.get_mut(&number) else { return false };
        entry.receive_count = receive_count;
        entry.first_received_after_ms = short_ms(first_received, entry.message.sent);
        true
    }

    /// The next message in order, out of the line: it must be leased, removed or put back at once.
    pub(super) fn pop(&mut self, cursor: &mut Cursor) -> Option<u64> {
        loop {
            let number = match &mut self.order {
                Order::Standard(standard) => standard.pop()?,
                Order::Fifo(fifo) => fifo.pop(cursor)?,
            };
            if self.table.get(&number).is_some_and(|entry| matches!(entry.place, Place::Ready { .. })) {
                return Some(number);
            }
        }
    }

    /// Puts a popped message back to the front of its line.
    pub(super) fn put_back(&mut self, number: u64) {
        let Some(entry) = self.table.get(&number) else { return };
        match &mut self.order {
            Order::Standard(standard) => standard.push_front(number, entry.message.group()),
            Order::Fifo(fifo) => fifo.push(number, entry.message.group()),
        }
    }

    /// Ends a run of [`Messages::pop`]s.
    pub(super) fn finish(&mut self, cursor: &Cursor) {
        if let (Order::Fifo(fifo), Some(group)) = (&mut self.order, &cursor.group) {
            fifo.requeue(group);
        }
    }

    /// Leases a popped message until `until`.
    pub(super) fn lease(&mut self, now: Timestamp, until: Timestamp, number: u64) -> Option<&Entry> {
        let entry = self.table.get_mut(&number)?;
        let received_after_ms = short_ms(now, entry.message.sent);
        if entry.receive_count == 0 {
            entry.first_received_after_ms = received_after_ms;
        }
        entry.receive_count = entry.receive_count.saturating_add(1);
        entry.place = Place::InFlight { until, received_after_ms };
        self.in_flight += 1;
        self.wakes.insert((until, number));
        self.order.lease_started(entry.message.group());
        Some(entry)
    }

    /// Ends the delay or lease of a message: it is ready again. Whether it was not before.
    pub(super) fn make_ready(&mut self, number: u64) -> bool {
        let Some(entry) = self.table.get_mut(&number) else { return false };
        match entry.place {
            Place::Ready { .. } => return false,
            Place::Delayed { until } => {
                self.wakes.remove(&(until, number));
                self.delayed -= 1;
                entry.place = Place::Ready { returned: false };
                self.order.push(number, entry.message.group());
            }
            Place::InFlight { until, .. } => {
                self.wakes.remove(&(until, number));
                self.in_flight -= 1;
                entry.place = Place::Ready { returned: true };
                self.order.push(number, entry.message.group());
                self.order.lease_ended(entry.message.group());
            }
        }
        true
    }

    /// Moves the end of a lease; nothing happens to a message that is not in flight.
    pub(super) fn extend_lease(&mut self, number: u64, until: Timestamp) {
        let Some(entry) = self.table.get_mut(&number) else { return };
        if let Place::InFlight { until: end, .. } = &mut entry.place {
            self.wakes.remove(&(*end, number));
            self.wakes.insert((until, number));
            *end = until;
        }
    }

    /// Takes a message out, wherever it stands.
    pub(super) fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.table.remove(&number)?;
        let group = entry.message.group();
        match entry.place {
            Place::Ready { .. } => {
                let table = &self.table;
                let ready = table.len() - self.delayed - self.in_flight;
                self.order.remove(number, group, ready, |number| {
                    table.get(&number).is_some_and(|entry| matches!(entry.place, Place::Ready { .. }))
                });
            }
            Place::Delayed { until } => {
                self.wakes.remove(&(until, number));
                self.delayed -= 1;
            }
            Place::InFlight { until, .. } => {
                self.wakes.remove(&(until, number));
                self.in_flight -= 1;
                self.order.lease_ended(group);
            }
        }
        if self.is_aged(&entry.message) {
            self.aged.remove(&(entry.message.sent, number));
        }
        Some(entry)
    }

    /// Takes a popped message out.
    pub(super) fn remove_popped(&mut self, number: u64) -> Option<Entry> {
        let entry = self.table.remove(&number)?;
        if self.is_aged(&entry.message) {
            self.aged.remove(&(entry.message.sent, number));
        }
        Some(entry)
    }

    /// Ends the next delay or lease that is due, if there is one.
    pub(super) fn wake_one(&mut self, now: Timestamp) -> bool {
        match self.wakes.first() {
            Some((until, number)) if *until <= now => {
                let number = *number;
                self.make_ready(number)
            }
            _ => false,
        }
    }

    /// Applies another delay to the messages that still wait for theirs, as FIFO queues do.
    pub(super) fn change_delay(&mut self, now: Timestamp, delay_s: u32) {
        let waiting: Vec<u64> = self.wakes.iter().map(|(_, number)| *number).collect();
        for number in waiting {
            let Some(entry) = self.table.get_mut(&number) else { continue };
            let Place::Delayed { until } = &mut entry.place else { continue };
            let visible_from = entry.message.sent.plus_secs(u64::from(delay_s));
            self.wakes.remove(&(*until, number));
            *until = visible_from;
            self.wakes.insert((visible_from, number));
        }
        while self.wake_one(now) {}
    }

    pub(super) fn get(&self, number: u64) -> Option<&Entry> {
        self.table.get(&number)
    }

    /// The oldest message by its time of sending.
    pub(super) fn oldest(&self) -> Option<(Timestamp, u64)> {
        let first = self.table.first_key_value().map(|(number, entry)| (entry.message.sent, *number));
        [first, self.aged.first().copied()].into_iter().flatten().min()
    }

    /// When the next delay or lease ends.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(until, _)| *until)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = (u64, &Entry)> {
        self.table.iter().map(|(number, entry)| (*number, entry))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn delayed(&self) -> usize {
        self.delayed
    }

    /// Messages that are neither delayed nor in flight.
    pub(super) fn visible(&self) -> usize {
        self.table.len() - self.delayed - self.in_flight
    }

    /// Messages that a receive could take: visible, and not behind one in flight of their FIFO group.
    pub(super) fn available(&self) -> usize {
        match &self.order {
            Order::Standard(_) => self.visible(),
            Order::Fifo(fifo) => fifo.free(),
        }
    }

    /// Groups of a FIFO queue with a message in flight.
    pub(super) fn groups_in_flight(&self) -> usize {
        match &self.order {
            Order::Standard(_) => 0,
            Order::Fifo(fifo) => fifo.busy_groups(),
        }
    }

    /// Only dead letters of standard queues keep the time of their first sending.
    fn is_aged(&self, message: &StoredMessage) -> bool {
        matches!(self.order, Order::Standard(_))
            && message.details.as_ref().is_some_and(|details| details.dead_letter_source.is_some())
    }
}

impl Entry {
    pub(super) fn standing(&self) -> Standing {
        match self.place {
            Place::Ready { returned: false } | Place::Delayed { .. } => Standing::Unreceived,
            Place::Ready { returned: true } => Standing::Returned,
            Place::InFlight { .. } => Standing::InFlight,
        }
    }

    pub(super) fn spot(&self) -> Spot {
        match self.place {
            Place::Ready { .. } => Spot::Ready,
            Place::Delayed { until } => Spot::Delayed { until },
            Place::InFlight { until, .. } => Spot::InFlight { until },
        }
    }

    /// Whether its receives are written down: from the second on.
    pub(super) fn has_recorded_receives(&self) -> bool {
        self.receive_count >= 2
    }

    /// When it was received first; the time of sending when it never was.
    pub(super) fn first_received(&self) -> Timestamp {
        self.message.sent.plus_millis(u64::from(self.first_received_after_ms))
    }

    /// When the present lease began.
    pub(super) fn leased_at(&self) -> Option<Timestamp> {
        match self.place {
            Place::InFlight { received_after_ms, .. } => {
                Some(self.message.sent.plus_millis(u64::from(received_after_ms)))
            }
            Place::Ready { .. } | Place::Delayed { .. } => None,
        }
    }
}

impl Order {
    fn push(&mut self, number: u64, group: Option<&Arc<str>>) {
        match self {
            Self::Standard(standard) => standard.push(number, group),
            Self::Fifo(fifo) => fifo.push(number, group),
        }
    }

    fn remove(&mut self, number: u64, group: Option<&Arc<str>>, ready: usize, is_ready: impl Fn(u64) -> bool) {
        match self {
            Self::Standard(standard) => standard.left_line(ready, is_ready),
            Self::Fifo(fifo) => fifo.remove(number, group),
        }
    }

    fn lease_started(&mut self, group: Option<&Arc<str>>) {
        match self {
            Self::Standard(standard) => standard.lease_started(group),
            Self::Fifo(fifo) => fifo.lease_started(group),
        }
    }

    fn lease_ended(&mut self, group: Option<&Arc<str>>) {
        match self {
            Self::Standard(standard) => standard.lease_ended(group),
            Self::Fifo(fifo) => fifo.lease_ended(group),
        }
    }
}

/// Milliseconds between two instants of one message's life; retention bounds it far below 2^32.
fn short_ms(later: Timestamp, earlier: Timestamp) -> u32 {
    u32::try_from(later.millis_since(earlier)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stays_small() {
        assert!(size_of::<Entry>() <= 32, "{}", size_of::<Entry>());
    }
}
