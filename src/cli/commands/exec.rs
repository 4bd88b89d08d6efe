//! `stackctl exec`: a command with the stack's variables. It takes this process's place, so that signals, the terminal and
//! the exit code are its own.

use std::{io, os::unix::process::CommandExt, process::Command};

use super::env::{removed, variables};
use crate::cli::{Session, args::Exec, failure::Failure};

pub(crate) async fn run(session: &Session, args: &Exec) -> Result<(), Failure> {
    let variables = variables(session).await?;
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(Failure::usage("there is no command to run", "stackctl exec -- COMMAND"));
    };
    let mut command = Command::new(program);
    for name in removed(&variables) {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables);
    let error = command.exec();
    let program = program.to_string_lossy();
    Err(match error.kind() {
        io::ErrorKind::NotFound => Failure::world(format!("there is no command `{program}`"), "is it on the PATH?"),
        _ => Failure::while_doing(format_args!("run `{program}`"))(error),
    })
}
