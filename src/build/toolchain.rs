//! Runs a toolchain: its output line by line, its end in time, and nothing of it left when nobody waits any longer.

use std::{ffi::OsStr, io, path::Path, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

use super::{BuildError, BuildEvent, Progress};

/// A line of output longer than this is cut in two.
const LINE_MAX_BYTES: usize = 1024 * 1024;
/// Lines of a failed command that the error repeats: the first ones, where compilers say what is wrong.
const OUTPUT_KEPT_LINES_MAX: usize = 200;
/// How long the output may stay open after the command itself has ended: a daemon that it started holds it.
const OUTPUT_DRAIN: Duration = Duration::from_secs(1);
/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// One run of a tool.
#[derive(Debug)]
pub(super) struct Tool<'a> {
    pub(super) name: &'static str,
    /// Where it is, when it is not the one on the `PATH`.
    pub(super) program: Option<&'a Path>,
    /// What to do when `name` is not installed.
    pub(super) install: &'static str,
    pub(super) dir: &'a Path,
    pub(super) progress: &'a Progress,
    pub(super) timeout: Duration,
}

/// What a run left.
#[derive(Debug)]
pub(super) struct Output {
    /// Standard output, in lines. Not shown to anybody when the caller reads it.
    pub(super) stdout: Vec<String>,
}

/// Who reads a command's standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stdout {
    /// People: it is progress, as standard error is.
    Shown,
    /// The adapter.
    Read,
}

impl Tool<'_> {
    /// Runs the tool to its end. Dropping the future kills its process group.
    pub(super) async fn run<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        environment: &[(&str, &str)],
        stdout: Stdout,
    ) -> Result<Output, BuildError> {
        let command = self.typed(arguments, environment);
        let mut child = Command::new(self.program.map_or(OsStr::new(self.name), Path::as_os_str))
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| self.not_started(error))?;
        let mut group = Group::of(&child);
        self.progress.tell(BuildEvent::Started(&command));
        let mut lines = Lines { progress: self.progress, stdout, kept: Vec::new(), read: Vec::new() };
        let ended = timeout(self.timeout, lines.until_end(&mut child)).await;
        self.progress.tell(BuildEvent::Ended(&command));
        match ended {
            Ok(Ok(status)) => {
                group.disarm();
                let output = lines.kept.join("\n");
                if status.success() {
                    Ok(Output { stdout: lines.read })
                } else {
                    Err(BuildError::Failed { command, status: ending(status), output })
                }
            }
            Ok(Err(error)) => Err(BuildError::Disk { action: "run", path: self.name.into(), error }),
            Err(_elapsed) => {
                Err(BuildError::TimedOut { command, timeout: self.timeout, output: lines.kept.join("\n") })
            }
        }
    }

    fn not_started(&self, error: io::Error) -> BuildError {
        if error.kind() == io::ErrorKind::NotFound {
            BuildError::ToolMissing { tool: self.name, install: self.install }
        } else {
            BuildError::Disk { action: "run", path: self.name.into(), error }
        }
    }

    /// The command as somebody would type it.
    fn typed<S: AsRef<OsStr>>(&self, arguments: &[S], environment: &[(&str, &str)]) -> String {
        let variables = environment.iter().map(|(name, value)| format!("{name}={}", quoted(value)));
        let arguments = arguments.iter().map(|argument| quoted(&argument.as_ref().to_string_lossy()));
        variables.chain([self.name.to_owned()]).chain(arguments).collect::<Vec<_>>().join(" ")
    }
}

fn ending(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The process group of a running command; killed when it is dropped before the command was seen to end.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())))
    }

    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended in this very moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Takes a command's two outputs apart into lines.
struct Lines<'a> {
    progress: &'a Progress,
    stdout: Stdout,
    kept: Vec<String>,
    read: Vec<String>,
}

impl Lines<'_> {
    async fn until_end(&mut self, child: &mut Child) -> io::Result<std::process::ExitStatus> {
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return child.wait().await;
        };
        let mut status = None;
        {
            let reading = self.all(stdout, stderr);
            tokio::pin!(reading);
            tokio::select! {
                read = &mut reading => read?,
                ended = child.wait() => {
                    status = Some(ended?);
                    // What is still open after this belongs to somebody else.
                    timeout(OUTPUT_DRAIN, reading).await.unwrap_or(Ok(()))?;
                }
            }
        }
        match status {
            Some(status) => Ok(status),
            None => child.wait().await,
        }
    }

    async fn all(&mut self, stdout: impl AsyncRead + Unpin, stderr: impl AsyncRead + Unpin) -> io::Result<()> {
        let (mut stdout, mut stderr) = (Splitter::new(stdout), Splitter::new(stderr));
        while stdout.open || stderr.open {
            // Both reads are cancel safe: the one that is not taken has read nothing.
            tokio::select! {
                lines = stdout.next(), if stdout.open => lines?.into_iter().for_each(|line| self.take_stdout(line)),
                lines = stderr.next(), if stderr.open => lines?.into_iter().for_each(|line| self.show(line)),
            }
        }
        Ok(())
    }

    fn take_stdout(&mut self, line: String) {
        match self.stdout {
            Stdout::Shown => self.show(line),
            Stdout::Read => self.read.push(line),
        }
    }

    fn show(&mut self, line: String) {
        self.progress.tell(BuildEvent::Line(&line));
        if self.kept.len() < OUTPUT_KEPT_LINES_MAX {
            self.kept.push(line);
        }
    }
}

struct Splitter<R> {
    source: R,
    chunk: Box<[u8]>,
    pending: Vec<u8>,
    open: bool,
}

impl<R: AsyncRead + Unpin> Splitter<R> {
    fn new(source: R) -> Self {
        Self { source, chunk: vec![0; CHUNK_BYTES].into(), pending: Vec::new(), open: true }
    }

    /// The lines that the next piece of output completes.
    async fn next(&mut self) -> io::Result<Vec<String>> {
        let count = self.source.read(&mut self.chunk).await?;
        self.pending.extend_from_slice(&self.chunk[..count]);
        let mut lines = Vec::new();
        while let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.pending.drain(..=end).collect();
            lines.push(text(&line));
        }
        if self.pending.len() > LINE_MAX_BYTES || (count == 0 && !self.pending.is_empty()) {
            lines.push(text(&std::mem::take(&mut self.pending)));
        }
        self.open = count > 0;
        Ok(lines)
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).trim_end_matches(['\n', '\r']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn sh<'a>(progress: &'a Progress, dir: &'a Path) -> Tool<'a> {
        Tool { name: "sh", program: None, install: "install a shell", dir, progress, timeout: Duration::from_secs(60) }
    }

    fn recording() -> (Progress, Arc<Mutex<Vec<String>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&seen);
        (Progress::new(move |event| lines.lock().unwrap().push(event.to_string())), seen)
    }

    #[tokio::test]
    async fn output_comes_in_lines() {
        let (progress, seen) = recording();
        let script = "echo one; printf two; echo >&2; printf 'three' >&2";
        sh(&progress, Path::new("/")).run(&["-c", script], &[("A", "b c")], Stdout::Shown).await.unwrap();
        let mut seen = seen.lock().unwrap().clone();
        let command = format!("A='b c' sh -c '{}'", script.replace('\'', r"'\''"));
        assert_eq!((seen.remove(0), seen.pop()), (format!("$ {command}"), Some(format!("ended: {command}"))));
        seen.sort();
        assert_eq!(seen, ["", "one", "three", "two"]);
    }

    #[tokio::test]
    async fn failures_say_what_the_tool_said() {
        let progress = Progress::silent();
        let error = sh(&progress, Path::new("/"))
            .run(&["-c", "echo broken >&2; exit 3"], &[], Stdout::Shown)
            .await
            .unwrap_err();
        assert_eq!(error.output(), Some("broken"));
        assert_eq!(error.to_string(), "`sh -c 'echo broken >&2; exit 3'` failed with exit code 3");
        let missing = Tool { name: "no-such-tool", ..sh(&progress, Path::new("/")) };
        let error = missing.run::<&str>(&[], &[], Stdout::Shown).await.unwrap_err();
        assert_eq!(error.to_string(), "`no-such-tool` is not installed, or not on the PATH");
        assert_eq!(error.help().unwrap(), "install a shell");
    }

    #[tokio::test]
    async fn a_command_that_nobody_waits_for_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let (started, mut told) = tokio::sync::mpsc::unbounded_channel();
        let progress = Progress::new(move |event| {
            let _ = started.send(event.to_string());
        });
        let tool = sh(&progress, dir.path());
        {
            let run = tool.run(&["-c", "sleep 600 & echo ready; wait"], &[], Stdout::Shown);
            tokio::pin!(run);
            loop {
                tokio::select! {
                    ended = &mut run => panic!("the command ended by itself: {ended:?}"),
                    line = told.recv() => if line.as_deref() == Some("ready") { break },
                }
            }
        }
        let works_here = |process: std::fs::DirEntry| {
            std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == dir.path())
        };
        // A killed process is gone when the kernel says so, not when it was killed.
        while std::fs::read_dir("/proc").unwrap().flatten().any(works_here) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_daemon_that_holds_the_output_does_not_hold_the_build() {
        let progress = Progress::silent();
        let tool = sh(&progress, Path::new("/"));
        let output = tool.run(&["-c", "sleep 5 & echo done"], &[], Stdout::Read).await.unwrap();
        assert_eq!(output.stdout, ["done"]);
    }

    #[tokio::test]
    async fn a_command_has_its_time() {
        let progress = Progress::silent();
        let tool = Tool { timeout: Duration::from_millis(50), ..sh(&progress, Path::new("/")) };
        let error = tool.run(&["-c", "sleep 600"], &[], Stdout::Shown).await.unwrap_err();
        assert!(matches!(error, BuildError::TimedOut { .. }), "{error}");
    }
}
