//! The binary as a user runs it.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    time::Duration,
};

use super::tool::Tool;

/// How long a started engine may take to say where it listens, and anything that is waited for to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at what is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A command of the binary, in `dir`, with nothing of the caller's AWS configuration.
pub(crate) fn stackctl(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackctl"));
    command.args(arguments).current_dir(dir).env("NO_COLOR", "1").stdin(Stdio::null());
    without_aws_configuration(&mut command);
    command
}

fn without_aws_configuration(command: &mut Command) {
    for (name, _) in std::env::vars() {
        if name.starts_with("AWS_") || name.starts_with("STACKCTL_") {
            command.env_remove(name);
        }
    }
}

/// What a command printed.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
}

impl From<Output> for Printed {
    fn from(output: Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Printed {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")).into()
}

/// Runs a command that has to succeed; returns what it printed to standard output.
pub(crate) fn succeed(command: Command) -> String {
    let shown = format!("{command:?}");
    let printed = run(command);
    assert_eq!(printed.code, Some(0), "{shown}\n{}{}", printed.stdout, printed.stderr);
    printed.stdout
}

/// Looks until `found` gives something.
pub(crate) fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let tries = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..tries {
        if let Some(found) = found() {
            return found;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("{what} did not happen within {PATIENCE:?}");
}

/// A folder with a `stack.toml`, whose engine goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Stack(tempfile::TempDir);

impl Stack {
    /// Nothing runs yet.
    pub(crate) fn new(manifest: &str) -> Self {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        std::fs::write(dir.path().join("stack.toml"), manifest).unwrap();
        Self(dir)
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = stackctl(self.dir(), &["down", "--yes"]).output();
    }
}

/// `stackctl serve` on a free port; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Serving {
    child: Child,
    pub(crate) endpoint: String,
    state: tempfile::TempDir,
}

impl Serving {
    /// Starts it with a state directory of its own.
    pub(crate) fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let (child, endpoint) = serve_in(state.path());
        Self { child, endpoint, state }
    }

    /// Starts it with a command of the caller's, which chooses port and state.
    pub(crate) fn of(command: Command) -> Self {
        let (child, endpoint) = started(command);
        Self { child, endpoint, state: tempfile::tempdir().unwrap() }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the engine as a crash would, and starts another on what it left.
    pub(crate) fn crash_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.endpoint) = serve_in(self.state.path());
    }

    /// A program that finds it as any program finds AWS: by its environment.
    pub(crate) fn client(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        without_aws_configuration(&mut command);
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "ap-northeast-1")
            .env("AWS_DEFAULT_REGION", "ap-northeast-1")
            .env("AWS_PAGER", "")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }

    /// The `aws` CLI against it. Debian's second version does not know the variable of the endpoint.
    pub(crate) fn aws(&self, tool: Tool, arguments: &[&str]) -> Command {
        let mut command = self.client(tool.path().unwrap());
        command.args(["--endpoint-url", &self.endpoint]).args(arguments);
        command
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve_in(state: &Path) -> (Child, String) {
    let mut command = stackctl(state, &["serve", "--port", "0", "--state"]);
    command.arg(state);
    started(command)
}

fn started(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let endpoint = endpoint_of(&mut child);
    if endpoint.is_err() {
        let _ = child.kill();
    }
    match endpoint {
        Ok(endpoint) => (child, endpoint),
        Err(said) => panic!("no endpoint from an engine that ended with {:?}: {said}", child.wait()),
    }
}

/// The first thing that it says on standard output; else what it said instead.
fn endpoint_of(child: &mut Child) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    pass_on(child.stdout.take().unwrap(), sender.clone());
    pass_on(child.stderr.take().unwrap(), sender);
    let mut said = String::new();
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(line) if line.starts_with("http://127.0.0.1:") => return Ok(line.trim().to_owned()),
            Ok(line) => said += &(line + "\n"),
            Err(error) => return Err(format!("{said}{error}")),
        }
    }
}

/// Reads to the end, so that the engine never waits for a reader.
fn pass_on(stream: impl Read + Send + 'static, lines: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody wants the lines after the endpoint.
            let _ = lines.send(line);
        }
    });
}
