//! Where the engine's records are kept. One writer at a time, batches in the order of the transitions they come from.

mod memory;
mod sqlite;

use std::{fmt, io, path::Path};

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

use crate::engine::{Record, RestoreError};

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
}

/// What the engine's state survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: it ends with the engine.
    Memory,
    /// A crash of the engine: handed to the operating system before it is acknowledged.
    #[default]
    Process,
    /// A power loss: on the disk before it is acknowledged, many acknowledgements at once.
    Disk,
}

impl Durability {
    /// Its name in manifests and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Process => "process",
            Self::Disk => "disk",
        }
    }

    /// The store in `state_dir` that keeps this promise. A store that is there is opened; `Memory` leaves it untouched.
    ///
    /// # Errors
    /// It cannot be opened, or another version wrote it.
    pub fn open_store(self, state_dir: &Path) -> io::Result<Box<dyn Store>> {
        match self {
            Self::Memory => Ok(Box::new(MemoryStore::new())),
            Self::Process | Self::Disk => Ok(Box::new(SqliteStore::open(state_dir, self == Self::Disk)?)),
        }
    }
}
