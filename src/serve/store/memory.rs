//! Records that live as long as the process: enough to restore an engine that broke.

use std::io;

use super::{Store, WriteCost, keyed::Keyed};
use crate::engine::{Record, RestoreError};

/// Keeps records as long as the process lives. Payloads are shared with the engine: a kept message costs its number and a
/// few pointers.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Keyed<Record>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn write(&mut self, batch: &mut Vec<Record>) -> io::Result<()> {
        for record in batch.drain(..) {
            if record.is_removal() {
                self.records.remove(&record.key());
            } else {
                self.records.insert(&record.key(), record);
            }
        }
        Ok(())
    }

    fn load(&mut self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> io::Result<()> {
        let mut records: Vec<&Record> = self.records.values().collect();
        records.sort_by_cached_key(|record| record.key());
        records.into_iter().cloned().try_for_each(take).map_err(io::Error::other)
    }

    fn write_cost(&self) -> WriteCost {
        WriteCost::None
    }
}
