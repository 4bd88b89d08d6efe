//! Records that live as long as the process: enough to restore an engine that broke.

use std::{collections::BTreeMap, io};

use super::Store;
use crate::engine::{Record, RecordKey, RestoreError};

/// Keeps records as long as the process lives. Payloads are shared with the engine, so a kept message costs its key and
/// a few pointers.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: BTreeMap<RecordKey, Record>,
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
                self.records.insert(record.key(), record);
            }
        }
        Ok(())
    }

    fn load(&mut self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> io::Result<()> {
        self.records.values().cloned().try_for_each(take).map_err(io::Error::other)
    }
}
