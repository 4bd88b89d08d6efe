//! Holds environments to their memory: while one is at work, its resident memory is looked at again and again, with all the
//! processes below it. One that has too much is killed.
//!
//! Not by a limit of the address space, which breaks Node and Java, and not by a control group, whose limit counts the files
//! in the environment's `/tmp` as well, which AWS does not. What a process takes between two looks its peak shows at the
//! next one, or at its answer.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::environment::Running;
use crate::serve::clock::Stopwatch;

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(10);
/// Looking takes at most one part of so many of the time.
const SHARE: u32 = 20;
/// So many are looked at before others get a turn.
const AT_ONCE: usize = 32;

/// Looks at all environments of an engine, and at nothing when none is at work.
#[derive(Debug, Default)]
pub(super) struct MemoryWatch {
    running: Mutex<Vec<Weak<Running>>>,
    wanted: Notify,
}

impl MemoryWatch {
    /// Looks at this one from now on, until it is gone.
    pub(super) fn add(&self, running: &Arc<Running>) {
        self.running.lock().push(Arc::downgrade(running));
        self.wake();
    }

    /// Something is at work.
    pub(super) fn wake(&self) {
        self.wanted.notify_one();
    }

    /// Looks whenever something is at work.
    pub(super) async fn run(&self) {
        loop {
            self.wanted.notified().await;
            let mut pause = INTERVAL;
            loop {
                tokio::time::sleep(pause).await;
                let looking = Stopwatch::start();
                if !self.look().await {
                    break;
                }
                pause = INTERVAL.max(looking.elapsed() * SHARE);
            }
        }
    }

    /// Whether any was at work.
    async fn look(&self) -> bool {
        let all: Vec<_> = {
            let mut running = self.running.lock();
            running.retain(|one| one.strong_count() > 0);
            running.iter().filter_map(Weak::upgrade).collect()
        };
        let mut any = false;
        for (index, one) in all.iter().enumerate().filter(|(_, one)| one.is_at_work()) {
            any = true;
            one.look_at_memory();
            if index % AT_ONCE == AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
        }
        any
    }
}
