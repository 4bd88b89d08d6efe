//! The right to change a stack: one command at a time has it, and says who it is. The kernel takes it back from whoever dies,
//! so that nobody is ever locked out by a process that is no more.

use std::{fmt, fs, path::Path};

use serde::{Deserialize, Serialize};

use super::state_dir::{LockError, StateDir, StateLock};
use crate::model::Timestamp;

/// Held by who changes the stack; holds who that is, as JSON.
pub const STACK_LOCK_FILE: &str = "converge.lock";

/// Who changes a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    pub user: String,
    pub host: String,
    /// `stackctl up`.
    pub command: String,
    /// Milliseconds since the epoch.
    pub since_ms: u64,
}

/// Why the stack cannot be changed now.
#[derive(Debug)]
pub enum StackLockError {
    /// Somebody else changes it; who that is when that could be read.
    Held(Option<Holder>),
    /// The lock cannot be taken at all.
    Failed(LockError),
}

/// Takes the lock of a stack, whose state directory is made when it is missing.
///
/// # Errors
/// Somebody else has it, or the directory cannot be written.
pub fn take(state_dir: &Path, holder: &Holder) -> Result<StateLock, StackLockError> {
    let failed = |error| StackLockError::Failed(LockError::Failed(error));
    let state = StateDir::create(state_dir).map_err(failed)?;
    let words = serde_json::to_string(holder).map_err(|error| failed(error.into()))?;
    match state.lock_as(STACK_LOCK_FILE, &words) {
        Ok(lock) => Ok(lock),
        Err(LockError::Held { .. }) => Err(StackLockError::Held(holder_in(state.path()))),
        // `down` has taken the directory away meanwhile.
        Err(LockError::Failed(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(StackLockError::Held(None))
        }
        Err(error) => Err(StackLockError::Failed(error)),
    }
}

fn holder_in(state_dir: &Path) -> Option<Holder> {
    serde_json::from_slice(&fs::read(state_dir.join(STACK_LOCK_FILE)).ok()?).ok()
}

impl Holder {
    /// For how long it has had the lock, in milliseconds.
    pub fn held_for_ms(&self, now: Timestamp) -> u64 {
        now.as_millis().saturating_sub(self.since_ms)
    }
}

/// `stackctl up` of user@host, process 12.
impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` of {}@{} (pid {})", self.command, self.user, self.host, self.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: u32) -> Holder {
        let (user, host, command) = ("user".to_owned(), "host".to_owned(), "stackctl up".to_owned());
        Holder { pid, user, host, command, since_ms: 1_000 }
    }

    #[test]
    fn the_second_hears_who_the_first_is_and_a_dead_one_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let first = take(&path, &holder(1)).unwrap();
        let Err(StackLockError::Held(Some(held))) = take(&path, &holder(2)) else { panic!("two have the lock") };
        assert_eq!(held, holder(1));
        assert_eq!(held.to_string(), "`stackctl up` of user@host (pid 1)");
        assert_eq!(held.held_for_ms(Timestamp::from_millis(4_000)), 3_000);
        drop(first);
        // What somebody who was killed leaves: the file, and nobody who holds it.
        fs::write(path.join(STACK_LOCK_FILE), serde_json::to_vec(&holder(1)).unwrap()).unwrap();
        let second = take(&path, &holder(2)).unwrap();
        assert_eq!(holder_in(&path), Some(holder(2)));
        drop(second);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }
}
