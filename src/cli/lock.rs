//! One command at a time changes a stack. A second one says who is at work, and waits for a while.

use std::{path::Path, time::Duration};

use super::{
    Session,
    failure::Failure,
    surroundings::variable,
    terminal::{YELLOW, age},
};
use crate::serve::{
    clock::Clock,
    stack_lock::{self, Holder, StackLockError},
    state_dir::StateLock,
};

/// How long a command waits for the one before it.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits for the right to change a stack.
pub(crate) async fn take(session: &Session, state_dir: &Path, command: &str) -> Result<StateLock, Failure> {
    let clock = Clock::new();
    let own = holder(command, &clock);
    let (mut waited, mut told) = (Duration::ZERO, false);
    loop {
        let found = match stack_lock::take(state_dir, &own) {
            Ok(lock) => return Ok(lock),
            Err(StackLockError::Held(found)) => found,
            Err(StackLockError::Failed(error)) => {
                return Err(Failure::while_doing(format_args!("lock `{}`", state_dir.display()))(error));
            }
        };
        if waited >= WAIT_MAX {
            let help = found.map_or_else(
                || "wait until it has ended".to_owned(),
                |found| format!("wait until it has ended, or end it: `kill {}`", found.pid),
            );
            return Err(Failure::world(
                format!("another command is still changing this stack after {} s", WAIT_MAX.as_secs()),
                help,
            ));
        }
        if !told && let Some(found) = &found {
            let since = age(found.held_for_ms(clock.now()));
            session.terminal.step(YELLOW, "waiting", format_args!("{found} has been changing this stack for {since}"));
            told = true;
        }
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
}

fn holder(command: &str, clock: &Clock) -> Holder {
    let user = variable("USER").or_else(|| variable("LOGNAME"));
    Holder {
        pid: std::process::id(),
        user: user.unwrap_or_else(|| rustix::process::getuid().as_raw().to_string()),
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        command: format!("stackctl {command}"),
        since_ms: clock.now().as_millis(),
    }
}
