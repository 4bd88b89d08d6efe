//! Values by the keys of records. What begins a queue's keys is kept once for the queue: a message costs its number.

use std::collections::BTreeMap;

use crate::engine::RecordKey;

/// The end of a key, in which the messages of a queue differ.
const TAIL_BYTES: usize = 8;

/// A map from records' keys.
#[derive(Debug)]
pub(super) struct Keyed<T> {
    by_head: BTreeMap<Box<[u8]>, BTreeMap<[u8; TAIL_BYTES], T>>,
}

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self { by_head: BTreeMap::new() }
    }
}

impl<T> Keyed<T> {
    pub(super) fn get(&self, key: &RecordKey) -> Option<&T> {
        let (head, tail) = split(key);
        self.by_head.get(head)?.get(&tail)
    }

    pub(super) fn insert(&mut self, key: &RecordKey, value: T) {
        let (head, tail) = split(key);
        match self.by_head.get_mut(head) {
            Some(values) => values.insert(tail, value),
            None => self.by_head.entry(head.into()).or_default().insert(tail, value),
        };
    }

    pub(super) fn remove(&mut self, key: &RecordKey) -> Option<T> {
        let (head, tail) = split(key);
        let values = self.by_head.get_mut(head)?;
        let removed = values.remove(&tail);
        if values.is_empty() {
            self.by_head.remove(head);
        }
        removed
    }

    /// All values, not in the order of their keys.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.by_head.values().flat_map(BTreeMap::values)
    }
}

fn split(key: &RecordKey) -> (&[u8], [u8; TAIL_BYTES]) {
    match key.0.split_last_chunk() {
        Some((head, tail)) => (head, *tail),
        None => unreachable!("a key names its account at least, which is longer"),
    }
}
