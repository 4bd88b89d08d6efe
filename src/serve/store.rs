//! Where the engine's records are kept. One writer at a time, batches in the order of the transitions they come from.

use std::{collections::BTreeMap, fmt, io};

use crate::engine::{Record, RecordKey};

/// A place for records. The driver never calls it from two threads at once, and never while it holds the engine.
pub trait Store: fmt::Debug + Send {
    /// Keeps the records, all or none, and empties `batch`, whose room the driver uses again: a later record of the same
    /// key replaces the earlier, a removal removes it. After the return they are as durable as this store makes anything.
    ///
    /// # Errors
    /// The batch was not kept; the driver then discards the engine and loads again.
    fn write(&mut self, batch: &mut Vec<Record>) -> io::Result<()>;

    /// Everything that is kept, one record a key, in the order of the keys.
    ///
    /// # Errors
    /// The store cannot be read.
    fn load(&mut self) -> io::Result<Vec<Record>>;
}

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

    fn load(&mut self) -> io::Result<Vec<Record>> {
        Ok(self.records.values().cloned().collect())
    }
}
