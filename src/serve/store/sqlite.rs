//! Records in SQLite: one table, in the order of writing. With its write-ahead log, a commit is one write to the operating
//! system, and what a crash cut off is not there when the file is opened again.
//!
//! Which row a key has is kept in memory, as the file has one user, who reads all of it at the start: a row added at the end
//! takes SQLite half the time of one with an index.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{CachedStatement, Connection, ffi};

use super::{Store, WriteCost, keyed::Keyed};
use crate::{
    engine::{Record, RecordEntry, RecordKey, RestoreError},
    model::Scope,
};

/// The file in the state directory.
pub const FILE: &str = "engine.db";
/// `PRAGMA user_version` of files in this format.
const FORMAT: i32 = 2;
/// The format before, in which the table was an index of keys.
const FORMAT_OF_KEYS: i32 = 1;
/// Pages of the file that are held in memory: little, because the engine itself holds all that is ever read.
const CACHE_KIB: i32 = 2 * 1024;
const TABLE: &str = "CREATE TABLE records (id INTEGER PRIMARY KEY, key BLOB NOT NULL, entry BLOB NOT NULL)";
const ADD: &str = "INSERT INTO records (id, key, entry) VALUES (?1, ?2, ?3)";
const REPLACE: &str = "UPDATE records SET entry = ?2 WHERE id = ?1";
const REMOVE: &str = "DELETE FROM records WHERE id = ?1";

/// Where in the table the records are.
#[derive(Debug, Default)]
struct Rows {
    ids: Keyed<i64>,
    last_id: i64,
}

/// Keeps records in a file of the state directory, which it holds locked.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    synced: bool,
    /// `None` when they are not known: before the first use, and after a write that failed.
    rows: Option<Rows>,
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
        let store = Self { connection, path, synced, rows: None, entry: Vec::new() };
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
            FORMAT_OF_KEYS => self.convert().map_err(failed),
            0 => self.create().map_err(failed),
            _ => Err(io::Error::other(format!(
                "`{}` is of format {found}, and this version reads {FORMAT}: use the version that wrote it, or discard \
                 it with `stackctl down`",
                self.path.display()
            ))),
        }
    }

    fn create(&self) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        transaction.execute(TABLE, ())?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()
    }

    fn convert(&self) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        transaction.execute("ALTER TABLE records RENAME TO by_key", ())?;
        transaction.execute(TABLE, ())?;
        transaction.execute("INSERT INTO records (key, entry) SELECT key, entry FROM by_key ORDER BY key", ())?;
        transaction.execute("DROP TABLE by_key", ())?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()
    }

    fn write_all(&mut self, batch: &[Record]) -> rusqlite::Result<()> {
        let rows = match self.rows.take() {
            Some(rows) => rows,
            None => Rows::of(&self.load_ids()?),
        };
        // A lone statement is a transaction of its own.
        let transaction = if batch.len() > 1 { Some(self.connection.unchecked_transaction()?) } else { None };
        let mut table = Table {
            add: self.connection.prepare_cached(ADD)?,
            replace: self.connection.prepare_cached(REPLACE)?,
            remove: self.connection.prepare_cached(REMOVE)?,
            rows,
        };
        for record in batch {
            table.write(record, &mut self.entry)?;
        }
        let rows = table.rows;
        transaction.map_or(Ok(()), rusqlite::Transaction::commit)?;
        self.rows = Some(rows);
        Ok(())
    }

    fn load_all(&mut self, take: &mut dyn FnMut(Record) -> Result<(), RestoreError>) -> Result<(), LoadError> {
        let mut ids = self.load_ids()?;
        self.rows = Some(Rows::of(&ids));
        ids.sort_unstable();
        let mut select = self.connection.prepare_cached("SELECT entry FROM records WHERE id = ?1")?;
        let mut scope: Option<Arc<Scope>> = None;
        for (key, id) in ids {
            let found = Record::scope_of_key(&key.0).ok_or_else(|| LoadError::broken(&"a key names no scope"))?;
            let scope = match &mut scope {
                Some(known) if **known == found => known,
                other => other.insert(Arc::new(found)),
            };
            let mut rows = select.query((id,))?;
            let row = rows.next()?.ok_or_else(|| LoadError::broken(&"a row is gone"))?;
            let entry = row.get_ref(0)?.as_blob().unwrap_or_default();
            let entry: RecordEntry = rmp_serde::from_slice(entry).map_err(|error| LoadError::broken(&error))?;
            take(Record { scope: Arc::clone(scope), entry }).map_err(|error| LoadError::broken(&error))?;
        }
        Ok(())
    }

    fn load_ids(&self) -> rusqlite::Result<Vec<(RecordKey, i64)>> {
        let mut select = self.connection.prepare_cached("SELECT key, id FROM records")?;
        select.query_map((), |row| Ok((RecordKey(row.get(0)?), row.get(1)?)))?.collect()
    }
}

impl Rows {
    fn of(ids: &[(RecordKey, i64)]) -> Self {
        let mut rows = Self::default();
        for (key, id) in ids {
            rows.ids.insert(key, *id);
            rows.last_id = rows.last_id.max(*id);
        }
        rows
    }
}

/// The table while a batch is written.
struct Table<'a> {
    add: CachedStatement<'a>,
    replace: CachedStatement<'a>,
    remove: CachedStatement<'a>,
    rows: Rows,
}

impl Table<'_> {
    fn write(&mut self, record: &Record, entry: &mut Vec<u8>) -> rusqlite::Result<()> {
        let key = record.key();
        if record.is_removal() {
            let id = self.rows.ids.remove(&key);
            return id.map_or(Ok(()), |id| self.remove.execute((id,)).map(|_| ()));
        }
        encode(record, entry)?;
        if let Some(id) = self.rows.ids.get(&key) {
            return self.replace.execute((*id, entry.as_slice())).map(|_| ());
        }
        let id = self.rows.last_id + 1;
        self.add.execute((id, key.0.as_slice(), entry.as_slice()))?;
        self.rows.last_id = id;
        self.rows.ids.insert(&key, id);
        Ok(())
    }
}

/// Puts the record's entry in the place of what is in `entry`. Struct fields by name: a later version may add one.
fn encode(record: &Record, entry: &mut Vec<u8>) -> rusqlite::Result<()> {
    entry.clear();
    let mut serializer = rmp_serde::Serializer::new(entry).with_struct_map();
    serde::Serialize::serialize(&record.entry, &mut serializer)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::sqs::{QueueId, SqsRecord, StoredMessage},
        model::{AccountId, Region, Timestamp},
    };

    fn record(entry: SqsRecord) -> Record {
        let scope = Arc::new(Scope { account: AccountId::DEFAULT, region: Region::default() });
        Record { scope, entry: entry.into() }
    }

    fn message(queue: u64, number: u64, body: &str) -> Record {
        let stored = StoredMessage {
            queue: QueueId(queue),
            number,
            id: 1,
            body: body.into(),
            body_md5: [0; 16],
            sent: Timestamp::from_millis(1),
            delay_s: 0,
            details: None,
        };
        record(SqsRecord::Message(Arc::new(stored)))
    }

    fn removal(queue: u64, number: u64) -> Record {
        record(SqsRecord::MessageRemoved { queue: QueueId(queue), number })
    }

    fn loaded(store: &mut SqliteStore) -> Vec<Record> {
        let mut records = Vec::new();
        let take = &mut |record| {
            records.push(record);
            Ok(())
        };
        store.load(take).unwrap();
        records
    }

    fn check(batches: &[&[Record]], expected: &[Record]) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(dir.path(), false).unwrap();
        for batch in batches {
            store.write(&mut batch.to_vec()).unwrap();
        }
        drop(store);
        let mut again = SqliteStore::open(dir.path(), false).unwrap();
        assert_eq!(loaded(&mut again), expected);
    }

    #[test]
    fn a_key_has_what_was_written_last() {
        check(
            &[&[message(1, 7, "a"), message(1, 8, "b")], &[message(1, 7, "c")]],
            &[message(1, 7, "c"), message(1, 8, "b")],
        );
        check(&[&[message(1, 7, "a"), message(1, 8, "b")], &[removal(1, 7)]], &[message(1, 8, "b")]);
        check(&[&[message(1, 7, "a"), removal(1, 7)], &[removal(1, 7)]], &[]);
        check(&[&[message(1, 7, "a"), removal(1, 7), message(1, 7, "d")]], &[message(1, 7, "d")]);
    }

    #[test]
    fn records_come_in_the_order_of_their_keys() {
        let ordered = [message(1, 300, "a"), message(1, 301, "b"), message(2, 1, "c"), message(256, 2, "d")];
        let mut written = ordered.clone();
        written.reverse();
        check(&[&written], &ordered);
    }

    #[test]
    fn a_store_writes_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        SqliteStore::open(dir.path(), false).unwrap().write(&mut vec![message(1, 7, "a"), message(1, 8, "b")]).unwrap();
        let mut again = SqliteStore::open(dir.path(), false).unwrap();
        again.write(&mut vec![removal(1, 7), message(1, 9, "c")]).unwrap();
        assert_eq!(loaded(&mut again), [message(1, 8, "b"), message(1, 9, "c")]);
    }

    #[test]
    fn a_full_disk_keeps_a_batch_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(dir.path(), false).unwrap();
        store.connection.pragma_update(None, "max_page_count", 20).unwrap();
        let body = "x".repeat(1_000);
        let mut kept = Vec::new();
        let error = loop {
            let number = kept.len() as u64;
            let mut batch = vec![message(1, number, &body), message(1, number + 1, &body), removal(1, number + 9)];
            match store.write(&mut batch.clone()) {
                Ok(()) => kept.extend(batch.drain(..2)),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("is full: free some space"), "{error}");
        assert!(kept.len() > 10);
        store.connection.pragma_update(None, "max_page_count", 1_000_000).unwrap();
        // Without a load between, too.
        let more = message(1, kept.len() as u64, "more");
        store.write(&mut vec![more.clone(), removal(1, 0)]).unwrap();
        kept.push(more);
        kept.remove(0);
        assert_eq!(loaded(&mut store), kept);
    }

    #[test]
    fn a_file_of_the_format_before_is_converted() {
        let dir = tempfile::tempdir().unwrap();
        let old = Connection::open(dir.path().join(FILE)).unwrap();
        old.execute("CREATE TABLE records (key BLOB PRIMARY KEY, entry BLOB NOT NULL) WITHOUT ROWID", ()).unwrap();
        old.pragma_update(None, "user_version", FORMAT_OF_KEYS).unwrap();
        let records = [message(1, 7, "a"), message(2, 1, "b")];
        for record in &records {
            let mut entry = Vec::new();
            encode(record, &mut entry).unwrap();
            old.execute("INSERT INTO records (key, entry) VALUES (?1, ?2)", (record.key().0, entry)).unwrap();
        }
        drop(old);
        for _ in 0..2 {
            assert_eq!(loaded(&mut SqliteStore::open(dir.path(), false).unwrap()), records);
        }
    }
}
