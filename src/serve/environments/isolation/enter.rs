//! The hidden command: enters namespaces, makes the view, and becomes the function's program. One thread, no runtime.

use std::{
    fs,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use rustix::{
    process::{Gid, Uid, getegid, geteuid},
    thread::{UnshareFlags, unshare_unsafe},
};

use super::{REQUEST_VARIABLE, Refusal, Request, SUBCOMMAND, TASK_DIR, Target, View, view::make_view};

/// A program that was written a moment ago may still be open in a process that is just being started.
const BUSY_TRIES: u32 = 20;
const BUSY_RETRY: Duration = Duration::from_millis(2);

/// What could not be done.
pub(super) type Failed = (String, io::Error);

/// Runs the hidden command with a request's text. It returns only when it has failed, having told why on the pipe that is
/// its standard input; a probe, which has no program, returns as well.
pub fn enter(request: &str) -> ExitCode {
    // Closed when another program takes this process over, which is how the engine knows that it did.
    let Ok(mut pipe) = io::stdin().as_fd().try_clone_to_owned().map(fs::File::from) else { return ExitCode::FAILURE };
    let refusal = match serde_json::from_str::<Request>(request) {
        Ok(request) => match isolate(&request.view) {
            Ok(()) if request.program.path.as_os_str().is_empty() => return ExitCode::SUCCESS,
            Ok(()) => Refusal::Program { errno: errno(&become_program(&request.program)) },
            Err((doing, error)) => Refusal::View { doing, errno: errno(&error) },
        },
        Err(error) => Refusal::View { doing: format!("read the request ({error})"), errno: 0 },
    };
    // Without a reader there is nobody to tell.
    let _ = serde_json::to_writer(&mut pipe, &refusal).map(|()| pipe.flush());
    ExitCode::FAILURE
}

/// Whether this system lets an environment have a view of its own, tried with `launcher`, which is this program.
///
/// # Errors
/// It does not; the message says what failed.
pub fn probe(launcher: &Path) -> Result<(), String> {
    let folder = ProbeDir::create().map_err(|error| format!("cannot make a directory to try it in: {error}"))?;
    let view = View {
        root: folder.0.join("root"),
        state_dir: folder.0.clone(),
        code_dir: folder.0.join("code"),
        runtime_dir: folder.0.join("runtime"),
        layers_dir: None,
        writable: Vec::new(),
        kept: Vec::new(),
        temporary_mb: 1,
    };
    let request = Request { view, program: Target::default() };
    let text = serde_json::to_string(&request).map_err(|error| error.to_string())?;
    let (reading, writing) = io::pipe().map_err(|error| error.to_string())?;
    let mut command = Command::new(launcher);
    command.arg(SUBCOMMAND).env_clear().env(REQUEST_VARIABLE, text).stdin(OwnedFd::from(writing));
    let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    // It holds the pipe's other end.
    drop(command);
    let mut child = spawned.map_err(|error| format!("cannot start `{}`: {error}", launcher.display()))?;
    let mut answer = Vec::new();
    let read = io::Read::read_to_end(&mut { reading }, &mut answer);
    let status = child.wait().and_then(|status| read.map(|_| status)).map_err(|error| error.to_string())?;
    match Refusal::read(&answer) {
        None if status.success() => Ok(()),
        None => Err(format!("the program that tried it ended with {status}")),
        Some(refusal) => Err(refusal.to_string()),
    }
}

/// Where [`probe`] tries; removed with what is in it.
struct ProbeDir(std::path::PathBuf);

impl ProbeDir {
    fn create() -> io::Result<Self> {
        let folder = Self(std::env::temp_dir().join(format!("stackctl-probe-{}", std::process::id())));
        for name in ["root", "code", "runtime"] {
            fs::create_dir_all(folder.0.join(name))?;
        }
        Ok(folder)
    }
}

impl Drop for ProbeDir {
    fn drop(&mut self) {
        // It is in the directory for what may be lost.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn isolate(view: &View) -> Result<(), Failed> {
    enter_namespaces()?;
    make_view(view)
}

/// Privileged processes need a mount namespace alone; others get it with a user namespace in which they are who they were.
fn enter_namespaces() -> Result<(), Failed> {
    if unshare(UnshareFlags::NEWNS).is_ok() {
        return Ok(());
    }
    let (user, group) = (geteuid(), getegid());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)
        .map_err(|error| ("make a user namespace".to_owned(), error))?;
    map_identity(user, group).map_err(|error| ("map the user into its namespace".to_owned(), error))
}

#[expect(unsafe_code, reason = "only sharing file descriptors anew could be unsafe, and this process has one thread")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: `flags` never has `FILES`: the namespaces alone change, and no other thread is there to see another table.
    unsafe { unshare_unsafe(flags) }.map_err(io::Error::from)
}

fn map_identity(user: Uid, group: Gid) -> io::Result<()> {
    fs::write("/proc/self/uid_map", format!("{0} {0} 1\n", user.as_raw()))?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/gid_map", format!("{0} {0} 1\n", group.as_raw()))
}

/// Returns only when it could not.
fn become_program(target: &Target) -> io::Error {
    let mut command = Command::new(&target.path);
    command
        .args(&target.arguments)
        .env_clear()
        .envs(&target.variables)
        .current_dir(TASK_DIR)
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    let mut tries = 0;
    loop {
        tries += 1;
        let error = command.exec();
        if error.kind() != io::ErrorKind::ExecutableFileBusy || tries == BUSY_TRIES {
            return error;
        }
        std::thread::sleep(BUSY_RETRY);
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or_default()
}
