//! The command line: the only user of terminal, environment and working directory. Each command is in a file of its own
//! below `commands`; what they share is here.

mod args;
mod artifacts;
mod commands;
mod converging;
mod dashboard;
mod doctor;
mod engine;
mod failure;
mod images;
mod input;
mod localstack;
mod lock;
mod locking;
mod place;
mod project;
mod recognised;
mod remote;
mod remote_logs;
mod remote_queues;
mod remote_status;
mod sdk;
mod selecting;
mod services;
mod surroundings;
mod terminal;
mod watching;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::serve::environments::isolation;

use self::{
    args::{Cli, Command},
    converging::interrupted,
    failure::{Failure, Message},
    terminal::{Terminal, Verbosity},
};

/// What the options of every command come to.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) terminal: Terminal,
    /// The manifest that was named.
    pub(crate) file: Option<PathBuf>,
    pub(crate) profile: Option<String>,
    /// Where the engine listens instead of where the manifest says; 0 is any free port.
    pub(crate) port: Option<u16>,
    /// The target that was named.
    pub(crate) target: Option<String>,
}

impl Session {
    fn of(cli: &Cli) -> Self {
        let verbosity = match (cli.global.quiet, cli.global.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, true) => Verbosity::Verbose,
            (false, false) => Verbosity::Normal,
        };
        let terminal = Terminal { verbosity, json: cli.global.json };
        let (profile, target) = (cli.global.profile.clone(), cli.global.target.clone());
        Self { terminal, file: cli.file(), profile, port: cli.port(), target }
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if let Some(request) = surroundings::environment_request() {
        return isolation::enter(&request);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_parsed(&error),
    };
    if cli.global.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let session = Session::of(&cli);
    match run(&session, cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match failure.message() {
                Some(message) => session.terminal.error(message),
                None if matches!(failure, Failure::Interrupted) => session.terminal.say("interrupted"),
                None => {}
            }
            failure.exit_code()
        }
    }
}

/// Help and version are data; anything else is a mistake in the command line.
fn not_parsed(error: &clap::Error) -> ExitCode {
    // When nobody reads it there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() { Failure::Usage(Message::new("")).exit_code() } else { ExitCode::SUCCESS }
}

fn run(session: &Session, command: Command) -> Result<(), Failure> {
    place::refuse_elsewhere(session, &command)?;
    match command {
        Command::Init(args) => commands::init::run(session, &args),
        Command::Check => commands::check::run(session),
        Command::Doctor => wait_for(commands::doctor::run(session)),
        Command::Schema => commands::schema::run(session),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Lock(args) => wait_for(commands::lock::run(session, &args)),
        Command::Plan(args) => wait_for(commands::plan::run(session, &args)),
        Command::Up(args) => block_on(commands::up::run(session, &args)),
        Command::Adopt(args) => wait_for(commands::adopt::run(session, &args)),
        Command::Watch(args) => block_on(commands::watch::run(session, &args)),
        Command::Down(args) => wait_for(commands::down::run(session, &args)),
        Command::Status => wait_for(commands::status::run(session)),
        Command::Top(args) => wait_for(commands::top::run(session, &args)),
        Command::Logs(args) => wait_for(commands::logs::run(session, &args)),
        Command::Invoke(args) => wait_for(commands::invoke::run(session, &args)),
        Command::Send(args) => wait_for(commands::send::run(session, &args)),
        Command::Receive(args) => wait_for(commands::receive::run(session, &args)),
        Command::Queues => wait_for(commands::queues::run(session)),
        Command::Peek(args) => wait_for(commands::peek::run(session, &args)),
        Command::Purge(args) => wait_for(commands::purge::run(session, &args)),
        Command::Redrive(args) => wait_for(commands::redrive::run(session, &args)),
        Command::Env(args) => wait_for(commands::env::run(session, &args)),
        Command::Exec(args) => wait_for(commands::exec::run(session, &args)),
        Command::Serve(args) => commands::serve::run(session, &args),
    }
}

/// Runs a command that may be dropped at any of its waits, which Ctrl-C does.
fn wait_for(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    block_on(async {
        tokio::select! {
            ended = command => ended,
            () = interrupted() => Err(Failure::Interrupted),
        }
    })
}

/// One thread is enough for a client.
fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::while_doing("start the runtime"))?;
    let ended = runtime.block_on(command);
    // Somebody may still be asked a question, whose answer does not matter any more.
    runtime.shutdown_background();
    ended
}
