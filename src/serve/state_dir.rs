//! The state directory of an engine: who has it, and what is known of the engine that runs in it.

use std::{
    fmt, fs, io,
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::own_api::Health;

/// Held by the engine as long as it runs; holds its process id.
const LOCK_FILE: &str = "engine.lock";
/// Held by who starts or stops the engine.
const START_LOCK_FILE: &str = "start.lock";
/// What the running engine says of itself.
const ENGINE_FILE: &str = "engine.json";
/// How the engine in the background was started.
const START_FILE: &str = "start.json";
/// The port that was used last.
const PORT_FILE: &str = "port";
/// What an engine in the background says.
const LOG_FILE: &str = "engine.log";
/// A lock file may be removed by its holder between our opening and our locking it: it is tried again.
const LOCK_TRIES: u32 = 16;

/// A state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

/// How an engine in the background was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedWith {
    pub pid: u32,
    pub arguments: Vec<String>,
}

/// The exclusive right to a state directory. Dropped, it is given back and its file is gone.
#[derive(Debug)]
pub struct StateLock {
    path: PathBuf,
    _file: fs::File,
}

/// Why there is no lock.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    Held { pid: Option<u32> },
    /// Anything else.
    Failed(io::Error),
}

impl StateDir {
    /// Makes the directory, for this user alone, when it is missing; its path becomes absolute.
    ///
    /// # Errors
    /// It cannot be made, or something else has its name.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let path = path.canonicalize()?;
        if fs::metadata(&path)?.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self { path })
    }

    /// The directory, when it is there.
    pub fn existing(path: &Path) -> Option<Self> {
        path.canonicalize().ok().filter(|path| path.is_dir()).map(|path| Self { path })
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where an engine in the background writes what it says.
    pub fn log_file(&self) -> PathBuf {
        self.path.join(LOG_FILE)
    }

    /// Takes the engine's lock.
    ///
    /// # Errors
    /// Another engine has it.
    pub fn lock(&self) -> Result<StateLock, LockError> {
        StateLock::take(self.path.join(LOCK_FILE), &own_pid())
    }

    /// Takes the lock of those who start and stop the engine.
    ///
    /// # Errors
    /// Another process has it.
    pub fn lock_start(&self) -> Result<StateLock, LockError> {
        StateLock::take(self.path.join(START_LOCK_FILE), &own_pid())
    }

    /// Takes a lock of another name, whose file says `words` of who holds it.
    ///
    /// # Errors
    /// Another process has it.
    pub(super) fn lock_as(&self, name: &str, words: &str) -> Result<StateLock, LockError> {
        StateLock::take(self.path.join(name), words)
    }

    /// The process that holds the engine's lock, `Some(None)` when it has not said which it is.
    pub fn holder(&self) -> Option<Option<u32>> {
        let file = fs::File::open(self.path.join(LOCK_FILE)).ok()?;
        match file.try_lock_shared() {
            Ok(()) => None,
            Err(_) => Some(pid_in(&file)),
        }
    }

    /// What the engine wrote about itself, whether or not it still runs.
    pub fn engine(&self) -> Option<Health> {
        serde_json::from_slice(&fs::read(self.path.join(ENGINE_FILE)).ok()?).ok()
    }

    /// Writes down what the engine says of itself.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_engine(&self, health: &Health) -> io::Result<()> {
        self.write(ENGINE_FILE, &serde_json::to_vec(health).map_err(io::Error::other)?)
    }

    /// Forgets the engine.
    pub fn remove_engine(&self) {
        for name in [ENGINE_FILE, START_FILE] {
            // Missing is as good.
            let _ = fs::remove_file(self.path.join(name));
        }
    }

    /// How the engine was started that was last started in the background.
    pub fn started_with(&self) -> Option<StartedWith> {
        serde_json::from_slice(&fs::read(self.path.join(START_FILE)).ok()?).ok()
    }

    /// Writes down how an engine was started.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_started_with(&self, started: &StartedWith) -> io::Result<()> {
        self.write(START_FILE, &serde_json::to_vec(started).map_err(io::Error::other)?)
    }

    /// The port that was used last.
    pub fn port(&self) -> Option<u16> {
        fs::read_to_string(self.path.join(PORT_FILE)).ok()?.trim().parse().ok()
    }

    /// Keeps the port for the next time.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_port(&self, port: u16) -> io::Result<()> {
        self.write(PORT_FILE, format!("{port}\n").as_bytes())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let unfinished = self.path.join(format!(".{name}"));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        fs::rename(unfinished, self.path.join(name))
    }
}

impl StateLock {
    fn take(path: PathBuf, words: &str) -> Result<Self, LockError> {
        for _ in 0..LOCK_TRIES {
            let mut file = fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(LockError::Failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Err(LockError::Held { pid: pid_in(&file) }),
                Err(fs::TryLockError::Error(error)) => return Err(LockError::Failed(error)),
            }
            if is_at(&file, &path) {
                write_words(&mut file, words).map_err(LockError::Failed)?;
                return Ok(Self { path, _file: file });
            }
        }
        Err(LockError::Held { pid: None })
    }
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // Still locked: whoever opened it meanwhile finds after locking that it is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_at(file: &fs::File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let found = fs::metadata(path).map(identity);
    found.is_ok_and(|found| file.metadata().map(identity).is_ok_and(|own| own == found))
}

fn write_words(file: &mut fs::File, words: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{words}\n").as_bytes())
}

fn own_pid() -> String {
    std::process::id().to_string()
}

fn pid_in(mut file: &fs::File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { pid: Some(pid) } => write!(f, "process {pid} holds it"),
            Self::Held { pid: None } => f.write_str("another process holds it"),
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for LockError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_the_lock_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::create(&folder.path().join("a/b")).unwrap();
        assert_eq!(state.holder(), None);
        let lock = state.lock().unwrap();
        let own = Some(std::process::id());
        assert!(matches!(state.lock(), Err(LockError::Held { pid }) if pid == own));
        assert_eq!(state.holder(), Some(own));
        let other = state.lock_start().unwrap();
        drop((lock, other));
        assert_eq!(state.holder(), None);
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
        drop(state.lock().unwrap());
    }

    #[test]
    fn it_is_for_this_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let state = StateDir::create(&path).unwrap();
        assert_eq!(fs::metadata(state.path()).unwrap().permissions().mode() & 0o777, 0o700);
        state.write_port(4566).unwrap();
        assert_eq!(state.port(), Some(4566));
    }
}
