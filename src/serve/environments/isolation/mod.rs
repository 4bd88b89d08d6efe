//! A view of the machine of its own for each environment: its code at `/var/task`, layers at `/opt`, our runtimes at
//! `/var/runtime`, a `/tmp` of its own size, and nothing of the engine or of other environments. The rest of the machine is
//! as it is, read-only, so that interpreters, debuggers and the network work as outside.
//!
//! It is no wall against hostile code: a function runs as the user who runs the engine.
//!
//! Namespaces cannot be entered in the engine, which has threads, and a hook between fork and exec would make each start
//! slower. So the engine starts its own program once more ([`SUBCOMMAND`]); that has one thread, makes the view, and becomes
//! the function's program: the process, its group and its end are those of a plain start.

#[cfg(target_os = "linux")]
mod enter;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod view;

use std::{collections::BTreeMap, ffi::OsString, io, path::PathBuf};

use serde::{Deserialize, Serialize};

#[cfg(target_os = "linux")]
pub use enter::{enter, probe};

/// The hidden command of this program that enters a view; not for people.
pub const SUBCOMMAND: &str = "__environment";
/// The variable that holds a [`Request`] as JSON: unlike arguments, others cannot read it.
pub const REQUEST_VARIABLE: &str = "STACKCTL_ENVIRONMENT_REQUEST";

/// Where AWS has the function's code.
pub(super) const TASK_DIR: &str = "/var/task";
/// Where AWS has the runtime.
pub(super) const RUNTIME_DIR: &str = "/var/runtime";
/// Where AWS has the layers.
pub(super) const LAYERS_DIR: &str = "/opt";
/// Where AWS lets functions write.
pub(super) const TEMPORARY_DIR: &str = "/tmp";

/// What the process is to see and to become.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub view: View,
    pub program: Target,
}

/// What the process sees. Paths are the machine's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    /// An empty directory, to build the view on.
    pub root: PathBuf,
    /// Hidden.
    pub state_dir: PathBuf,
    pub code_dir: PathBuf,
    pub runtime_dir: PathBuf,
    /// The merged layers.
    pub layers_dir: Option<PathBuf>,
    /// Directories that may be written, and where they are seen: below the others.
    pub writable: Vec<(PathBuf, PathBuf)>,
    /// What must stay visible although it is below `/tmp` or `/opt`: an interpreter's installation.
    pub kept: Vec<PathBuf>,
    pub temporary_mb: u32,
}

/// What the process becomes. Paths are the view's.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Target {
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
    pub variables: BTreeMap<String, String>,
}

/// Why it did not become it; on the pipe that is its standard input.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refusal {
    /// The system does not allow it, or lacks it.
    View { doing: String, errno: i32 },
    /// The view is there, and the program cannot be started.
    Program { errno: i32 },
}

impl Refusal {
    /// What the engine reports.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::View { doing, errno } => write!(f, "cannot {doing}: {}", io::Error::from_raw_os_error(*errno)),
            Self::Program { errno } => io::Error::from_raw_os_error(*errno).fmt(f),
        }
    }
}

/// There are no namespaces on this system.
#[cfg(not(target_os = "linux"))]
pub fn enter(_request: &str) -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}

/// There are no namespaces on this system.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn probe(_launcher: &std::path::Path) -> Result<(), String> {
    Err("this system has no mount namespaces".to_owned())
}
