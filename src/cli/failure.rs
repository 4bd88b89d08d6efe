//! Why a command did not do what it was asked, whose fault that is, and the exit code that follows: the only place that
//! knows them.

use std::{fmt::Display, io, process::ExitCode};

use crate::{build::BuildError, plan};

/// At the end of `stackctl --help`. [`Failure::exit_code`] does what it says.
pub(crate) const EXIT_CODES_HELP: &str = "\
Exit codes:
  0    done
  1    something in the world failed: a build, the engine, a function, a refusal
  2    `plan --exit-code`: there are changes
  3    the manifest has mistakes
  4    the command line has mistakes
  130  interrupted
`exec` ends as its command does.

First steps: stackctl init hello && cd hello && stackctl up";

/// The end of a command that is no success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something outside failed.
    World(Message),
    /// The manifest has mistakes, and they have been printed.
    Manifest,
    /// The manifest cannot be had, or cannot be planned for.
    ManifestMessage(Message),
    /// The command line asks for something that cannot be.
    Usage(Message),
    /// `plan --exit-code` found changes, and they have been printed.
    Changes,
    /// Nobody reads the output any longer.
    OutputClosed,
    /// Ctrl-C.
    Interrupted,
}

/// What is printed after `error:`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Printed before it all: a tool's own words.
    pub(crate) output: Option<String>,
    pub(crate) text: String,
    pub(crate) help: Option<String>,
}

impl Message {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { output: None, text: text.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Failure {
    /// Something outside failed, and this is the way out.
    pub(crate) fn world(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self::World(Message::new(text).help(help))
    }

    /// For `map_err`: what was being done when something outside failed.
    pub(crate) fn while_doing<E: Display>(what: impl Display) -> impl FnOnce(E) -> Self {
        move |error| Self::World(Message::new(format!("cannot {what}: {error}")))
    }

    pub(crate) fn usage(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage(Message::new(text).help(help))
    }

    /// What is to be printed.
    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Self::World(message) | Self::ManifestMessage(message) | Self::Usage(message) => Some(message),
            Self::Manifest | Self::Changes | Self::OutputClosed | Self::Interrupted => None,
        }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::World(_) => 1,
            Self::Changes => 2,
            Self::Manifest | Self::ManifestMessage(_) => 3,
            Self::Usage(_) => 4,
            Self::Interrupted => 130,
        })
    }
}

/// Of writing what a command prints.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::World(Message::new(format!("cannot write the output: {error}")))
        }
    }
}

impl Message {
    /// Of a function that could not be built.
    pub(crate) fn of_build(function: &str, error: &BuildError) -> Self {
        Self {
            output: error.output().map(str::to_owned),
            text: format!("{}: {error}", super::artifacts::address_of(function)),
            help: error.help(),
        }
    }

    /// Of something that cannot be planned.
    pub(crate) fn of_plan(problem: &plan::Problem) -> Self {
        Self::new(format!("{}: {}", problem.address, problem.message)).help(problem.help.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_help() {
        let message = || Message::new("x");
        let codes: [(Failure, u8); 5] = [
            (Failure::World(message()), 1),
            (Failure::Changes, 2),
            (Failure::Manifest, 3),
            (Failure::Usage(message()), 4),
            (Failure::Interrupted, 130),
        ];
        for (failure, code) in codes {
            assert_eq!(failure.exit_code(), ExitCode::from(code));
            assert!(EXIT_CODES_HELP.contains(&format!("\n  {code} ")), "{code}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit_code(), failure.message()), (ExitCode::SUCCESS, None));
    }
}
