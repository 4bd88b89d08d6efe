//! Kills the functions' processes when the engine ends without having done so itself, by a `kill -9` or a crash: a function
//! may well go on for ever, or ask in a loop for a Runtime API that is gone.
//!
//! The kernel's own way, a signal at the parent's death, would have to be set between fork and exec, which makes each start
//! of a process slower by milliseconds (see [`super::process`]). So a shell waits at the end of a pipe: it is told of each
//! group that starts and ends, and the end of the pipe is the end of the engine.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    process::Stdio,
};

use parking_lot::Mutex;
use rustix::fs::{OFlags, fcntl_setfl};
use tokio::process::{Child, Command};

/// Reads `+ GROUP` and `- GROUP`; at the end of its input it kills the groups that are left.
const SCRIPT: &str = r#"trap '' HUP INT TERM
groups=' '
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) groups="${groups%% "$group" *} ${groups#* "$group" }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null
"#;

/// The way to the keeper.
#[derive(Debug)]
pub(super) struct Keeper {
    /// `None` once it is closed.
    pipe: Mutex<Option<OwnedFd>>,
}

impl Keeper {
    /// Starts the keeper, with `marker` (`NAME=VALUE`) in its environment. Its process is for the caller to reap.
    ///
    /// # Errors
    /// There is no shell to run it.
    pub(super) fn start((name, value): (&str, &std::path::Path)) -> io::Result<(Self, Child)> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .env_clear()
            .env(name, value)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = child.stdin.take().ok_or_else(|| io::Error::other("the keeper has no pipe"))?.into_owned_fd()?;
        // A keeper that does not read must not hold up the engine.
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        Ok((Self { pipe: Mutex::new(Some(pipe)) }, child))
    }

    /// This group is to be killed when the engine ends.
    pub(super) fn add(&self, group: u32) {
        self.tell('+', group);
    }

    /// This group is gone.
    pub(super) fn remove(&self, group: u32) {
        self.tell('-', group);
    }

    /// Kills what is left, and ends the keeper.
    pub(super) fn close(&self) {
        *self.pipe.lock() = None;
    }

    fn tell(&self, change: char, group: u32) {
        if let Some(pipe) = &*self.pipe.lock() {
            // It fails when somebody has killed the keeper: then the next engine finds what is left by its marker.
            let _ = rustix::io::write(pipe.as_fd(), format!("{change} {group}\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_groups_that_are_left_are_killed() {
        let sleeper = || Command::new("sleep").arg("1000").process_group(0).kill_on_drop(true).spawn().unwrap();
        let (mut first, mut second, mut third) = (sleeper(), sleeper(), sleeper());
        let id = |child: &Child| child.id().unwrap();
        let (keeper, mut process) = Keeper::start(("MARKER", std::path::Path::new("/"))).unwrap();
        for child in [&first, &second, &third] {
            keeper.add(id(child));
        }
        keeper.remove(id(&second));
        keeper.close();
        process.wait().await.unwrap();
        assert!(!first.wait().await.unwrap().success());
        assert!(!third.wait().await.unwrap().success());
        assert_eq!(second.try_wait().unwrap(), None);
    }
}
