//! `stackctl exec`: a command with the stack's variables. It takes this process's place, so that signals, the terminal and
//! the exit code are its own.

use std::{collections::BTreeMap, io, os::unix::process::CommandExt, process::Command};

use super::env::variables;
use crate::cli::{Session, args::Exec, failure::Failure};

/// Of the user's own AWS settings, what would be taken before ours.
const BESIDE_KEYS: [&str; 4] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_SQS"];
/// Keys in the environment, which would be taken before a profile.
const BESIDE_A_PROFILE: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

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

/// What of the user's own AWS settings does not reach the command. On AWS itself, without a profile, all of it does.
fn removed(variables: &BTreeMap<String, String>) -> &'static [&'static str] {
    if variables.contains_key("AWS_ACCESS_KEY_ID") {
        &BESIDE_KEYS
    } else if variables.contains_key("AWS_PROFILE") {
        &BESIDE_A_PROFILE
    } else {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_would_be_taken_first_are_removed() {
        let check = |names: &[&str], expected: &[&str]| {
            let variables = names.iter().map(|name| ((*name).to_owned(), String::new())).collect();
            assert_eq!(removed(&variables), expected);
        };
        check(&["AWS_REGION", "AWS_ACCESS_KEY_ID"], &BESIDE_KEYS);
        check(&["AWS_REGION", "AWS_PROFILE"], &BESIDE_A_PROFILE);
        check(&["AWS_REGION"], &[]);
    }
}
