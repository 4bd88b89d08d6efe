//! Records in SQLite: one table from key to value. With its write-ahead log, a commit is one write to the operating
//! system, and what a crash cut off is not there when the file is opened again.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{CachedStatement, Connection, ffi};

use super::{Store, WriteCost};
use crate::{
    engine::{Record, RecordEntry, RestoreError},
    model::Scope,
};

/// The file in the state directory.
pub const FILE: &str = "engine.db";
/// `PRAGMA user_version` of files in this format.
const FORMAT: i32 = 1;
/// Pages of the file that are held in memory: little, because the engine itself holds all that is ever read.
const CACHE_KIB: i32 = 2 * 1024;
/// Statements: put and remove.
const PUT: &str = "INSERT OR REPLACE INTO records (key, entry) VALUES (?1, ?2)";
const REMOVE: &str = "DELETE FROM records WHERE key = ?1";

/// Keeps records in a file of the state directory, which it holds locked.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    synced: bool,
    /// An entry's bytes while they are written; its room is used again.
    entry: Vec<u8>,
}

impl SqliteStore {
    /// Opens the store of `state_dir`, creating it when it is missing; `synced` makes each batch survive a power loss.
    ///
    /// # Errors
    /// It cannot be opened, somebody else has it open, or another version wrote it.
    pub fn open(state_dir: &Path, synced: bool) -> io::Result<Self> {
        let path = state_dir.join(FILE);
        // SQLite gives its other files the mode of this one.
        fs::OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let connection = Connection::open(&path).map_err(|error| failure(&path, &error))?;
        let store = Self { connection, path, synced, entry: Vec::new() };
        store.prepare().map_err(|error| failure(&store.path, &error))?;
        store.check_format()?;
        Ok(store)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        let connection = &self.connection;
        // Exclusive: this process alone has it, so that no commit has to ask for a lock.
        connection.pragma_update(None, "locking_mode", "exclusive")?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", if self.synced { "full" } else { "off" })?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)
    }

    fn check_format(&self) -> io::Result<()> {
        let failed = |error| failure(&self.path, &error);
        let found: i32 = self.connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
        match found {
            FORMAT => Ok(()),
            0 => self.create().map_err(failed),
            _ => Err(io::Error::other(format!(
                "`{}` is of format {found}, and this version reads {FORMAT}: use the version that wrote it, or discard \
                 it with `stackctl down`",
                self.path.display()
            ))),
        }
    }

    fn create(&self) -> rusqlite::Result<()> {
        let schema = "CREATE TABLE records (key BLOB PRIMARY KEY, entry BLOB NOT NULL) WITHOUT ROWID";
        let connection = &self.connection;
        let transaction = connection.unchecked_transaction()?;
        transaction.execute(schema, ())?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()
    }

    fn write_all(&mut self, batch: &[Record]) -> rusqlite::Result<()> {
        // A lone statement is a transaction of its own.
        let transaction = if batch.len() > 1 { Some(self.connection.unchecked_transaction()?) } else { None };
        let mut put = self.connection.prepare_cached(PUT)?;
        let mut remove = self.connection.prepare_cached(REMOVE)?;
        for record in batch {
            write_one(&mut put, &mut remove, record, &mut self.entry)?;
        }
        transaction.map_or(Ok(()), rusqlite::Transaction::commit)
    }

    fn load_all(&self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> Result<(), LoadError> {
        let mut select = self.connection.prepare_cached("SELECT key, entry FROM records ORDER BY key")?;
        let mut rows = select.query(())?;
        let mut scope: Option<Arc<Scope>> = None;
        while let Some(row) = rows.next()? {
            let (key, entry) = (row.get_ref(0)?, row.get_ref(1)?);
            let (key, entry) = (key.as_blob().unwrap_or_default(), entry.as_blob().unwrap_or_default());
            let found = Record::scope_of_key(key).ok_or_else(|| LoadError::broken(&"a key names no scope"))?;
            let scope = match &mut scope {
                Some(known) if **known == found => known,
                other => other.insert(Arc::new(found)),
            };
            let entry: RecordEntry = rmp_serde::from_slice(entry).map_err(|error| LoadError::broken(&error))?;
            take(Record { scope: Arc::clone(scope), entry }).map_err(|error| LoadError::broken(&error))?;
        }
        Ok(())
    }
}

fn write_one(
    put: &mut CachedStatement<'_>,
    remove: &mut CachedStatement<'_>,
    record: &Record,
    entry: &mut Vec<u8>,
) -> rusqlite::Result<()> {
    let key = record.key().0;
    if record.is_removal() {
        return remove.execute((key,)).map(|_| ());
    }
    entry.clear();
    // Struct fields by name: a later version may add one.
    let mut serializer = rmp_serde::Serializer::new(&mut *entry).with_struct_map();
    serde::Serialize::serialize(&record.entry, &mut serializer)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    put.execute((key, entry.as_slice())).map(|_| ())
}

impl Store for SqliteStore {
    fn write(&mut self, batch: &mut Vec<Record>) -> io::Result<()> {
        self.write_all(batch).map_err(|error| failure(&self.path, &error))?;
        batch.clear();
        Ok(())
    }

    fn load(&mut self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> io::Result<()> {
        self.load_all(take).map_err(|error| match error {
            LoadError::Sqlite(error) => failure(&self.path, &error),
            LoadError::Broken(message) => io::Error::other(format!("`{}` is damaged: {message}", self.path.display())),
        })
    }

    fn write_cost(&self) -> WriteCost {
        if self.synced { WriteCost::Disk } else { WriteCost::Calls }
    }
}

enum LoadError {
    Sqlite(rusqlite::Error),
    Broken(String),
}

impl LoadError {
    fn broken(error: &impl ToString) -> Self {
        Self::Broken(error.to_string())
    }
}

impl From<rusqlite::Error> for LoadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// What to do about it, where that is known.
fn failure(path: &Path, error: &rusqlite::Error) -> io::Error {
    let path = path.display();
    let text = match error.sqlite_error_code() {
        Some(ffi::ErrorCode::DiskFull) => format!("the disk of `{path}` is full: free some space"),
        Some(ffi::ErrorCode::DatabaseBusy | ffi::ErrorCode::DatabaseLocked) => {
            format!("`{path}` is in use by another process")
        }
        Some(ffi::ErrorCode::NotADatabase | ffi::ErrorCode::DatabaseCorrupt) => {
            format!("`{path}` is damaged: {error}; `stackctl down` discards it")
        }
        _ => format!("`{path}`: {error}"),
    };
    io::Error::other(text)
}
