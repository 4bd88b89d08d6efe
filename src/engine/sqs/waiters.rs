//! Receives that wait for messages: oldest first, each until its time is up.

use std::collections::{BTreeMap, BTreeSet};

use super::receive::ReceiveSpec;
use crate::{engine::RequestToken, model::Timestamp};

/// A receive that found nothing yet.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) token: RequestToken,
    pub(super) spec: ReceiveSpec,
    pub(super) until: Timestamp,
}

/// The waiting receives of one queue.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    by_turn: BTreeMap<u64, Waiter>,
    timeouts: BTreeSet<(Timestamp, u64)>,
    next_turn: u64,
}

impl Waiters {
    /// Lines up; the turn names the waiter here.
    pub(super) fn add(&mut self, waiter: Waiter) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.timeouts.insert((waiter.until, turn));
        self.by_turn.insert(turn, waiter);
        turn
    }

    pub(super) fn first(&self) -> Option<(u64, &Waiter)> {
        self.by_turn.first_key_value().map(|(turn, waiter)| (*turn, waiter))
    }

    pub(super) fn remove(&mut self, turn: u64) -> Option<Waiter> {
        let waiter = self.by_turn.remove(&turn)?;
        self.timeouts.remove(&(waiter.until, turn));
        Some(waiter)
    }

    /// Lines up again where it stood.
    pub(super) fn put_back(&mut self, turn: u64, waiter: Waiter) {
        self.timeouts.insert((waiter.until, turn));
        self.by_turn.insert(turn, waiter);
    }

    /// Takes a waiter whose time is up.
    pub(super) fn pop_timed_out(&mut self, now: Timestamp) -> Option<Waiter> {
        let (until, turn) = *self.timeouts.first()?;
        if until > now {
            return None;
        }
        self.remove(turn)
    }

    pub(super) fn next_timeout(&self) -> Option<Timestamp> {
        self.timeouts.first().map(|(until, _)| *until)
    }

    /// Takes every waiter, oldest first.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiter> {
        self.timeouts.clear();
        std::mem::take(&mut self.by_turn).into_values()
    }
}
