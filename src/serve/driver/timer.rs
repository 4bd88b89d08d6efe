//! The one timer: sleeps until the engine's next deadline, rearmed when a turn brings an earlier one. Nothing polls.

use std::time::Duration;

use super::{Core, Driver};
use crate::engine::Input;

/// A deadline that is still due after its tick waits this long, so that a mistake of the engine cannot burn a core.
const TICK_MIN_MS: u64 = 1;

impl Driver {
    /// Ticks the engine at its deadlines, for ever.
    pub async fn run_timers(&self) {
        let mut ticked_at = None;
        loop {
            let deadline = {
                let mut core = self.core.lock();
                core.armed = core.next_deadline();
                core.armed
            };
            let Some(deadline) = deadline else {
                self.timer.notified().await;
                continue;
            };
            let least_ms = if ticked_at == Some(deadline) { TICK_MIN_MS } else { 0 };
            let wait_ms = deadline.millis_since(self.clock.now()).max(least_ms);
            tokio::select! {
                () = sleep_ms(wait_ms) => {
                    ticked_at = Some(deadline);
                    self.turn(Input::Tick, None);
                }
                () = self.timer.notified() => {}
            }
        }
    }

    /// Wakes the timer task up when the engine's next deadline is earlier than what it sleeps until.
    pub(super) fn arm(&self, core: &mut Core) {
        let Some(deadline) = core.next_deadline() else { return };
        if core.armed.is_none_or(|armed| deadline < armed) {
            core.armed = Some(deadline);
            self.timer.notify_one();
        }
    }
}

async fn sleep_ms(ms: u64) {
    if ms > 0 {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
