//! Where the engine's records are kept. One writer at a time, batches in the order of the transitions they come from.

mod keyed;
mod memory;
mod sqlite;

use std::{fmt, io, path::Path};

pub use memory::MemoryStore;
pub use sqlite::{FILE as STORE_FILE, SqliteStore};

use crate::{
    engine::{Record, RestoreError},
    model::Durability,
};

/// A place for records. The driver never calls it from two threads at once, and never while it holds the engine.
pub trait Store: fmt::Debug + Send {
    /// Keeps the records, all or none, and empties `batch`, whose room the driver uses again: a later record of the same
    /// key replaces the earlier, a removal removes it. After the return they are as durable as this store makes anything.
    ///
    /// # Errors
    /// The batch was not kept; the driver then discards the engine and loads again.
    fn write(&mut self, batch: &mut Vec<Record>) -> io::Result<()>;

    /// Hands over everything that is kept, one record a key, in the order of the keys.
    ///
    /// # Errors
    /// The store cannot be read, or `take` refuses a record.
    fn load(&mut self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> io::Result<()>;

    /// What a write takes.
    fn write_cost(&self) -> WriteCost;
}

/// What a write takes, however many records it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteCost {
    /// Next to nothing.
    None,
    /// Calls of the operating system: one for many requests is cheaper than one for each.
    Calls,
    /// A wait for the disk, beside which other work should go on.
    Disk,
}

/// The store in `state_dir` that keeps the promise. One that is there is opened; `Memory` leaves it untouched.
///
/// # Errors
/// It cannot be opened, or another version wrote it.
pub fn open(durability: Durability, state_dir: &Path) -> io::Result<Box<dyn Store>> {
    match durability {
        Durability::Memory => Ok(Box::new(MemoryStore::new())),
        Durability::Process | Durability::Disk => {
            Ok(Box::new(SqliteStore::open(state_dir, durability == Durability::Disk)?))
        }
    }
}
