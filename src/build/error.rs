//! Why a build gave no artifact, and what to do next.

use std::{fmt, io, path::PathBuf, time::Duration};

/// A build that failed. [`fmt::Display`] is the reason in one line; [`BuildError::output`] comes before it, because the
/// compiler's own message says most; [`BuildError::help`] comes after it.
#[derive(Debug)]
pub enum BuildError {
    /// The source is not there, or is no directory.
    SourceMissing { source: PathBuf },
    /// The toolchain is not installed.
    ToolMissing { tool: &'static str, install: &'static str },
    /// The toolchain ran and failed.
    Failed { command: String, status: String, output: String },
    /// The toolchain ran for too long and was killed with everything that it had started.
    TimedOut { command: String, timeout: Duration, output: String },
    /// What was asked for cannot be built like this.
    Unsuitable { message: String, help: Option<String> },
    /// The file system failed.
    Disk { action: &'static str, path: PathBuf, error: io::Error },
}

impl BuildError {
    /// What the toolchain said before it failed.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Failed { output, .. } | Self::TimedOut { output, .. } if !output.is_empty() => Some(output),
            _ => None,
        }
    }

    /// The way out, where there is one to name.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::SourceMissing { .. } => Some("`source` is relative to the manifest's own directory".to_owned()),
            Self::ToolMissing { install, .. } => Some((*install).to_owned()),
            Self::TimedOut { .. } => Some("run the command by hand to see what it waits for".to_owned()),
            Self::Unsuitable { help, .. } => help.clone(),
            Self::Failed { .. } | Self::Disk { .. } => None,
        }
    }

    pub(super) fn unsuitable(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Unsuitable { message: message.into(), help: Some(help.into()) }
    }

    /// For `map_err`: what was being done to which path.
    pub(super) fn disk(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Disk { action, path, error }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceMissing { source } => write!(f, "the source `{}` is no directory", source.display()),
            Self::ToolMissing { tool, .. } => write!(f, "`{tool}` is not installed, or not on the PATH"),
            Self::Failed { command, status, .. } => write!(f, "`{command}` failed with {status}"),
            Self::TimedOut { command, timeout, .. } => {
                write!(f, "`{command}` was still running after {} s and was stopped", timeout.as_secs())
            }
            Self::Unsuitable { message, .. } => f.write_str(message),
            Self::Disk { action, path, error } => write!(f, "cannot {action} `{}`: {error}", path.display()),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Disk { error, .. } => Some(error),
            _ => None,
        }
    }
}
