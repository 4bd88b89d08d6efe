//! A function's process and everything it starts: one process group, killed and reaped as one.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::{Shared, output::Ends, program::Program};
use crate::{engine::ExitCause, serve::platform::Member};

/// A program that was written a moment ago may still be open in a process that is just being started: it is tried again.
const BUSY_TRIES: u32 = 20;
const BUSY_RETRY: Duration = Duration::from_millis(2);

/// A running process group. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    gone: bool,
    member: Option<Member>,
    shared: Arc<Shared>,
}

impl Process {
    /// Starts a program as the leader of a group of its own, with these variables and no others.
    ///
    /// Without a hook between fork and exec: with one, the standard library forks, which copies the engine's page tables
    /// and costs milliseconds where `posix_spawn` takes 70 us.
    pub(super) async fn start(
        program: &Program,
        variables: &BTreeMap<String, String>,
        code_dir: &Path,
        ends: Ends,
        shared: &Arc<Shared>,
    ) -> io::Result<Self> {
        let mut command = Command::new(&program.path);
        command.args(&program.arguments).env_clear().envs(variables).current_dir(code_dir).stdin(Stdio::null());
        Self::spawn(command, ends, shared).await
    }

    /// Starts what a command describes, its output and its group aside.
    pub(super) async fn spawn(mut command: Command, ends: Ends, shared: &Arc<Shared>) -> io::Result<Self> {
        command.process_group(0).stdout(ends.stdout).stderr(ends.stderr);
        let mut tries = 0;
        let child = loop {
            tries += 1;
            match command.spawn() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                    tokio::time::sleep(BUSY_RETRY).await;
                }
                spawned => break spawned?,
            }
        };
        let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let group = pid.ok_or_else(|| io::Error::other("the process ended before it was seen"))?;
        let process = Self { child, group, gone: false, member: None, shared: Arc::clone(shared) };
        shared.keeper.add(process.id());
        Ok(process)
    }

    pub(super) fn id(&self) -> u32 {
        self.group.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether it has a view of its own.
    pub(super) fn is_isolated(&self) -> bool {
        self.member.as_ref().is_some_and(|member| member.mount_namespace.is_some())
    }

    /// From now on these are known to be its own, whatever group they are in.
    pub(super) fn owns(&mut self, member: Member) {
        self.member = Some(member);
    }

    /// Waits until the process itself is gone, and kills what it leaves behind.
    pub(super) async fn ended(&mut self) -> io::Result<ExitCause> {
        let status = self.child.wait().await?;
        self.kill();
        self.gone = true;
        self.shared.keeper.remove(self.id());
        // Those that have left the group.
        if let Some(member) = self.member.take() {
            self.shared.sweep.add(member);
        }
        Ok(cause(status))
    }

    /// Asks the whole group to end. Whether anybody is left in it.
    pub(super) fn terminate(&self) -> bool {
        !self.gone && kill_process_group(self.group, Signal::TERM).is_ok()
    }

    /// Kills the whole group.
    pub(super) fn kill(&mut self) {
        if !self.gone {
            // It fails only when nobody is left in the group.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn cause(status: ExitStatus) -> ExitCause {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map_or_else(|| ExitCause::Status(status.code().unwrap_or_default()), ExitCause::Signal)
}
