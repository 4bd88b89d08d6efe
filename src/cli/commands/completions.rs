//! `stackctl completions`: what a shell needs to complete the command line.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::cli::{
    args::{Cli, Completions},
    failure::Failure,
};

pub(crate) fn run(args: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "stackctl", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(())
}
