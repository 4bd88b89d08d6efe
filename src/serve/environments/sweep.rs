//! Kills what environments that have ended leave behind outside their process groups: a function may well start a daemon
//! with a session of its own, and the end of its environment is the daemon's end too. One look at the machine's processes
//! serves all environments that ended meanwhile.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::serve::platform::{Member, kill_members};

/// Who is killed may have started others a moment ago: it is looked again until nobody is found, but not for ever.
const LOOKS_MAX: u32 = 5;
/// What ends within this time is swept together.
const GATHER: Duration = Duration::from_millis(5);

/// Environments that have ended and were not looked for yet.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    ended: Mutex<Vec<Member>>,
    wanted: Notify,
}

impl Sweep {
    /// This environment has ended.
    pub(super) fn add(&self, member: Member) {
        self.ended.lock().push(member);
        self.wanted.notify_one();
    }

    /// Kills what is left of those that end, as they do.
    pub(super) async fn run(&self) {
        loop {
            self.wanted.notified().await;
            tokio::time::sleep(GATHER).await;
            self.now().await;
        }
    }

    /// Kills what is left of all that have ended.
    pub(super) async fn now(&self) {
        let ended = std::mem::take(&mut *self.ended.lock());
        if ended.is_empty() {
            return;
        }
        let look = move || (0..LOOKS_MAX).any(|_| kill_members(&ended) == 0);
        // It does not panic; and what it leaves, the next start of an engine finds.
        let _ = tokio::task::spawn_blocking(look).await;
    }
}
