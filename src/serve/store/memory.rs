//! Records that live as long as the process: enough to restore an engine that broke.

use std::{collections::BTreeMap, io};

use super::{Store, WriteCost};
use crate::engine::{Record, RecordKey, RestoreError};

/// The end of a key, in which the messages of a queue differ.
const TAIL_BYTES: usize = 8;

/// Keeps records as long as the process lives. Payloads are shared with the engine, and what begins a queue's keys is kept
/// once for the queue: a kept message costs its number and a few pointers.
#[derive(Debug, Default)]
pub struct MemoryStore {
    by_head: BTreeMap<Box<[u8]>, BTreeMap<[u8; TAIL_BYTES], Record>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn insert(&mut self, key: &RecordKey, record: Record) {
        let (head, tail) = split(key);
        match self.by_head.get_mut(head) {
            Some(records) => records.insert(tail, record),
            None => self.by_head.entry(head.into()).or_default().insert(tail, record),
        };
    }

    fn remove(&mut self, key: &RecordKey) {
        let (head, tail) = split(key);
        let Some(records) = self.by_head.get_mut(head) else { return };
        records.remove(&tail);
        if records.is_empty() {
            self.by_head.remove(head);
        }
    }
}

fn split(key: &RecordKey) -> (&[u8], [u8; TAIL_BYTES]) {
    match key.0.split_last_chunk() {
        Some((head, tail)) => (head, *tail),
        None => unreachable!("a key names its account at least, which is longer"),
    }
}

impl Store for MemoryStore {
    fn write(&mut self, batch: &mut Vec<Record>) -> io::Result<()> {
        for record in batch.drain(..) {
            if record.is_removal() {
                self.remove(&record.key());
            } else {
                self.insert(&record.key(), record);
            }
        }
        Ok(())
    }

    fn load(&mut self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> io::Result<()> {
        let mut records: Vec<&Record> = self.by_head.values().flat_map(BTreeMap::values).collect();
        // Heads of different lengths are not in the order of the whole keys.
        records.sort_by_cached_key(|record| record.key());
        records.into_iter().cloned().try_for_each(take).map_err(io::Error::other)
    }

    fn write_cost(&self) -> WriteCost {
        WriteCost::None
    }
}
