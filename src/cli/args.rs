//! The command line. What each command does is in its own file; here is what it is called, and what its help says.

mod queues;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint, builder::Styles};
use clap_complete::Shell;

pub(crate) use queues::{Peek, Purge, Receive, Redrive, Send};

use super::{dashboard::Sort, failure::EXIT_CODES_HELP};
use crate::{
    model::{
        AccountId, Durability, Isolation, Region, StackName,
        limits::{CONCURRENCY_DEFAULT, TIME_FACTOR_MAX},
    },
    stack::ContainerNetwork,
};

const STYLES: Styles = Styles::styled()
    .header(anstyle::Style::new().bold())
    .usage(anstyle::Style::new().bold())
    .literal(anstyle::AnsiColor::Cyan.on_default())
    .placeholder(anstyle::AnsiColor::Green.on_default());

/// The shortest `top --interval`: a look walks over everything.
const REFRESH_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Converges a checked-in stack.toml of SQS queues and Lambda functions on an engine inside this binary.
#[derive(Debug, Parser)]
#[command(
    name = "stackctl",
    version,
    styles = STYLES,
    max_term_width = 100,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = EXIT_CODES_HELP,
)]
pub(crate) struct Cli {
    /// The manifest; without it, the nearest stack.toml or stack.yaml here or in a directory above.
    #[arg(short = 'f', value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file_before: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The same as -f, but also after the command.
    #[arg(long, global = true, value_name = "FILE", env = "STACKCTL_FILE", hide_env_values = true, value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Overlay the manifest with its [profiles.NAME].
    #[arg(long, global = true, value_name = "NAME", env = "STACKCTL_PROFILE", hide_env_values = true)]
    pub(crate) profile: Option<String>,
    /// Work on this target of the manifest instead of the embedded engine.
    #[arg(long, global = true, value_name = "NAME", env = "STACKCTL_TARGET", hide_env_values = true)]
    pub(crate) target: Option<String>,
    /// Print data as JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but errors and what was asked for.
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: what tools print while they build, advice about the manifest.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// No colours; the NO_COLOR variable does the same.
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a stack.toml of the functions that are there, or with a first one.
    #[command(
        after_help = "Examples:\n  stackctl init            here\n  stackctl init orders     in a new directory\n\nFunctions in Go, \
                            Rust, Java, JavaScript, TypeScript and Python are recognised by their handlers; those that read SQS \
                            events get a queue. Where there is a manifest, only .gitignore is written."
    )]
    Init(Init),
    /// Read the manifest and say all that is wrong with it.
    #[command(after_help = "Examples:\n  stackctl check\n  stackctl check --json     for an editor or CI")]
    Check,
    /// Write down, in stack.lock, which images and toolchains the stack is made with.
    #[command(
        after_help = "Examples:\n  stackctl lock                          lock what is new, let go what is unused\n  stackctl lock \
                            --update                 take everything as it is now\n  stackctl lock --update postgres:16 go     an image \
                            and a tool\n  stackctl lock --check                  compare, and end with 1 when something \
                            differs\n\n`up` locks what is new by itself. Check the file in: `stackctl up --locked` refuses \
                            to differ from it."
    )]
    Lock(Lock),
    /// Show what `up` would change.
    #[command(
        after_help = "Examples:\n  stackctl plan\n  stackctl plan --exit-code     0: nothing to change, 2: changes\n  stackctl plan --only functions.worker"
    )]
    Plan(Plan),
    /// Take over a queue or a function that somebody else made under a name of the manifest.
    #[command(
        after_help = "Examples:\n  stackctl adopt queues.jobs\n  stackctl adopt functions.worker --yes     without being \
                            asked\n\nIt shows how the resource differs from the manifest, and asks. Only tags are changed, which say \
                            whose it is; the next `up` makes it what the manifest says. A function's mappings come with it."
    )]
    Adopt(Adopt),
    /// Build, start the engine when it is not running, and make the stack what the manifest says.
    #[command(
        after_help = "Examples:\n  stackctl up\n  stackctl up --yes           lose messages without being asked, if it \
                            comes to that\n  stackctl up --only functions.worker     with what it needs; nothing else changes, nothing else \
                            is deleted\n  stackctl up --dry-run       as `stackctl plan`\n  stackctl -f api.toml up     another manifest\n  stackctl up --locked --port 0 --json     for CI\n\nThe engine goes on in the \
                            background; `stackctl down` ends it."
    )]
    Up(Up),
    /// Bring the stack up, and keep it what the manifest and the code say while they are edited.
    #[command(
        after_help = "Examples:\n  stackctl watch\n  stackctl watch --only consumer     show the log of one function\n  \
                      stackctl watch --json | jq 'select(.event == \"served\")'\n\nEach save ends in a line that says what serves \
                      now. A build that fails leaves the version before in its place.\nCtrl-C ends the watching when a \
                      deployment under way is done, a second one at once; the stack stays up."
    )]
    Watch(Watch),
    /// Stop the engine and, unless told to keep it, remove all that it kept.
    #[command(
        after_help = "Examples:\n  stackctl down\n  stackctl down --yes      even if queues hold messages\n  stackctl down --keep     the next `up` finds what is there now"
    )]
    Down(Down),
    /// Show what runs and what waits.
    #[command(after_help = "Examples:\n  stackctl status\n  stackctl status --json | jq '.queues[].visible'")]
    Status,
    /// Watch what runs and what waits.
    #[command(
        after_help = "Examples:\n  stackctl top\n  stackctl top --sort busy --interval 250ms\n  stackctl top --json --count 1 | \
                            jq .account_concurrency\n\nRUN/CAP are invocations in flight and how many could be; HELD are \
                            batches that wait for a slot. Without a terminal it prints one page."
    )]
    Top(Top),
    /// Show what functions logged.
    #[command(
        after_help = "Examples:\n  stackctl logs\n  stackctl logs -f consumer     follow one function\n  stackctl logs \
                            --since 5m"
    )]
    Logs(Logs),
    /// Invoke a function and print what it returns.
    #[command(
        after_help = "Examples:\n  stackctl invoke hello --payload '{\"name\": \"you\"}'\n  stackctl invoke hello \
                            --payload @event.json --log\n  echo '{}' | stackctl invoke hello --payload -"
    )]
    Invoke(Invoke),
    /// Send a message to a queue.
    #[command(
        after_help = "Examples:\n  stackctl send jobs '{\"id\": 1}'\n  stackctl send jobs hello --count 100\n  stackctl \
                            send orders.fifo hello --group customer-1\n  stackctl send jobs @body.json --attr kind=order"
    )]
    Send(Send),
    /// Receive messages from a queue.
    #[command(after_help = "Examples:\n  stackctl receive jobs\n  stackctl receive jobs --wait 5s --max 10 --delete")]
    Receive(Receive),
    /// Show what each queue holds, and what passes through it.
    #[command(
        after_help = "Examples:\n  stackctl queues\n  stackctl queues --json | jq '.queues[] | select(.visible > \
                            100).name'\n\nOLDEST is how long ago the oldest message was sent; IN/MIN are messages that \
                            came in the last minute, OUT/MIN those that their receivers deleted."
    )]
    Queues,
    /// Look at messages of a queue without receiving them.
    #[command(
        after_help = "Examples:\n  stackctl peek jobs\n  stackctl peek jobs --all --max 100     also those in flight or \
                            delayed\n  stackctl peek jobs-dlq --json | jq -r '.messages[].body'\n\nA message that is \
                            looked at stays where it is, and its receives are not counted."
    )]
    Peek(Peek),
    /// Delete all messages of a queue.
    #[command(after_help = "Examples:\n  stackctl purge jobs\n  stackctl purge jobs --yes     without being asked")]
    Purge(Purge),
    /// Move the messages of a dead-letter queue back to where they came from.
    #[command(
        after_help = "Examples:\n  stackctl redrive jobs-dlq\n  stackctl redrive jobs-dlq --rate 10     ten a second\n  \
                            stackctl redrive jobs-dlq --to repaired-jobs\n\nThe engine moves them; Ctrl-C only ends the \
                            watching."
    )]
    Redrive(Redrive),
    /// Print the variables with which AWS's tools and SDKs find the stack.
    #[command(
        after_help = "Examples:\n  eval \"$(stackctl env)\"\n  stackctl env --format dotenv >.env.local\n  stackctl \
                            env --format fish | source\n  stackctl env --format dotenv >>\"$GITHUB_ENV\"\n\nBeside AWS's own variables it has \
                            STACKCTL_QUEUE_KEY_URL, _ARN and _NAME for each queue, STACKCTL_FUNCTION_KEY_NAME, _ARN and _URL for each \
                            function, and STACKCTL_SERVICE_KEY_HOST and _PORT. What would be taken before them (AWS_PROFILE, \
                            AWS_SESSION_TOKEN, ...) is unset."
    )]
    Env(Env),
    /// Run a command with those variables.
    #[command(
        after_help = "Examples:\n  stackctl exec -- aws sqs list-queues\n  stackctl exec -- npm test\n\nThe exit code \
                            is the command's own."
    )]
    Exec(Exec),
    /// Run the engine alone, in the foreground, without a manifest.
    #[command(
        after_help = "Examples:\n  stackctl serve\n  stackctl serve --port 0     any free port\n\nCtrl-C ends it when \
                            what runs has finished; a second one ends it at once."
    )]
    Serve(Serve),
    /// Say what is wrong with this machine, and what to do about it.
    #[command(
        after_help = "Examples:\n  stackctl doctor\n  stackctl doctor --json | jq '.[] | select(.verdict != \"ok\")'\n\nIt \
                            looks at what the kernel allows, the limits of watching files, Docker, and, with a manifest, at the \
                            port, the toolchains and what an engine that was killed has left. A problem ends it with 1; what only \
                            makes something less good is a warning."
    )]
    Doctor,
    /// Print the JSON Schema of the manifest.
    #[command(
        after_help = "Example:\n  stackctl schema >stack.schema.json\n\nIn the manifest's first line, `#:schema \
                            ./stack.schema.json` makes an editor complete and check."
    )]
    Schema,
    /// Print completions for a shell.
    #[command(
        after_help = "Example:\n  stackctl completions bash >~/.local/share/bash-completion/completions/stackctl"
    )]
    Completions(Completions),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where to; created when it is missing.
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Take anew what is locked: everything, or the images, tools and functions that are named.
    #[arg(long, value_name = "NAME", num_args = 0.., conflicts_with = "check")]
    pub(crate) update: Option<Vec<String>>,
    /// Change nothing; end with 1 when something here differs.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Refuse to differ from stack.lock.
    #[arg(long)]
    pub(crate) locked: bool,
    /// End with 2 when there are changes.
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Only this and what it needs, by its address (functions.worker); may be repeated.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// What to take over, by its address in the manifest: queues.jobs, functions.worker.
    #[arg(required = true, value_name = "ADDRESS")]
    pub(crate) addresses: Vec<String>,
    /// Agree without being asked.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Agree to everything that would be asked.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Stay, and go on as files are saved: `stackctl watch`.
    #[arg(short, long, conflicts_with_all = ["only", "dry_run"])]
    pub(crate) watch: bool,
    /// Refuse to differ from stack.lock: in images, and in what functions are built and run with.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Another port of the engine than the manifest's; 0 takes a free one, and keeps it.
    #[arg(long, env = "STACKCTL_PORT", hide_env_values = true)]
    pub(crate) port: Option<u16>,
    /// Accepted for habit: `up` always waits until all is ready.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Only this and what it needs, by its address (functions.worker); may be repeated. Nothing else is changed or deleted.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) only: Vec<String>,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Another port of the engine than the manifest's; 0 takes a free one, and keeps it.
    #[arg(long, env = "STACKCTL_PORT", hide_env_values = true)]
    pub(crate) port: Option<u16>,
    /// Refuse to differ from stack.lock when it begins.
    #[arg(long)]
    pub(crate) locked: bool,
    /// Lose messages without being asked, if a change of the manifest comes to that.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show the log of this function alone; may be repeated.
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Agree to everything that would be asked.
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Keep queues, messages and functions for the next `up`.
    #[arg(short, long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// How often to look: 250ms, 1s, 5s.
    #[arg(short, long, value_name = "DURATION", default_value = "1s", value_parser = refresh_interval)]
    pub(crate) interval: Duration,
    /// End after so many looks.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Sort::Name)]
    pub(crate) sort: Sort,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Functions; without any, all.
    pub(crate) names: Vec<String>,
    /// Go on as lines come.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only what is younger: 30s, 5m, 2h.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) since: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The function, or its name with a qualifier.
    pub(crate) name: String,
    /// The event: JSON, @FILE, or - for standard input.
    #[arg(short, long, value_name = "JSON", default_value = "{}")]
    pub(crate) payload: String,
    /// Print the end of the invocation's log.
    #[arg(long, conflicts_with = "event")]
    pub(crate) log: bool,
    /// Do not wait for the result: an asynchronous invocation.
    #[arg(long)]
    pub(crate) event: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Env {
    /// `shell` for eval in sh, bash and zsh, `fish` and `powershell` for theirs; `dotenv` for a file of NAME=VALUE lines, as Docker
    /// and GitHub Actions read them.
    #[arg(long, value_enum, default_value = "shell")]
    pub(crate) format: EnvFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    Shell,
    Dotenv,
    Fish,
    Json,
    Powershell,
}

#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// The command and its arguments.
    #[arg(required = true, trailing_var_arg = true, value_hint = ValueHint::CommandWithArguments, action = ArgAction::Append)]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The port on 127.0.0.1 and ::1; 0 takes any free one.
    #[arg(short, long, default_value_t = 4566)]
    pub(crate) port: u16,
    /// Keep queues, messages and functions in this directory; without it they end with the engine.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) state: Option<PathBuf>,
    /// What the state in that directory survives: `memory` nothing, `process` a crash of the engine, `disk` a power loss.
    #[arg(long, value_name = "PROMISE", default_value = "process", value_parser = durability, requires = "state")]
    pub(crate) durability: Durability,
    /// What a function's process sees: `namespace` its code at /var/task, layers at /opt, a /tmp of its own and the rest
    /// read-only, where the system allows it; `process` what you see. `container`: functions that say nothing run in containers.
    #[arg(long, value_name = "KIND", default_value = "namespace", value_parser = isolation)]
    pub(crate) isolation: Isolation,
    /// The account of requests that name none.
    #[arg(long, value_name = "ID", default_value = "000000000000", value_parser = account)]
    pub(crate) account: AccountId,
    /// The region of requests that name none.
    #[arg(long, value_name = "NAME", default_value = Region::DEFAULT_NAME, value_parser = region)]
    pub(crate) region: Region,
    /// The regional pool of concurrent executions.
    #[arg(long, value_name = "LIMIT", alias = "concurrency", default_value_t = CONCURRENCY_DEFAULT)]
    pub(crate) concurrency_limit: u32,
    /// What reservations must leave of the pool [default: a tenth of it, at most 100].
    #[arg(long, value_name = "COUNT")]
    pub(crate) unreserved_minimum: Option<u32>,
    /// Let ramps, retries and idle times pass so many times as fast as on AWS.
    #[arg(long, value_name = "FACTOR", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(TIME_FACTOR_MAX)))]
    pub(crate) time_factor: u32,
    /// The wait before an asynchronous invocation is first tried again; the second retry waits twice as long.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration)]
    pub(crate) first_retry_delay: Duration,
    /// Which network containers of functions are in: `bridge` one of their own, `host` this machine's.
    #[arg(long, value_name = "NETWORK", default_value = "bridge", value_parser = ContainerNetwork::NAMES)]
    pub(crate) network: String,
    /// How `up` starts the engine of a stack: in the background, saying on standard output when it is ready.
    #[arg(long, hide = true, value_name = "STACK", requires = "state", value_parser = stack_name)]
    pub(crate) detached_for: Option<StackName>,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    pub(crate) shell: Shell,
}

impl Cli {
    /// The manifest that was named, in either way.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.file_before.clone().or_else(|| self.global.file.clone())
    }

    /// The port of a stack's engine, of those commands that may start it.
    pub(crate) fn port(&self) -> Option<u16> {
        match &self.command {
            Command::Up(up) => up.port,
            Command::Watch(watch) => watch.port,
            _ => None,
        }
    }
}

/// `500ms`, `30s`, `5m`, `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    parsed.ok_or_else(|| "a duration has a number and a unit: 500ms, 30s, 5m, 2h".to_owned())
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).ok_or_else(|| "an account has twelve digits".to_owned())
}

fn isolation(text: &str) -> Result<Isolation, String> {
    Isolation::parse(text).ok_or_else(|| format!("it is one of {}", Isolation::NAMES.join(", ")))
}

fn durability(text: &str) -> Result<Durability, String> {
    Durability::parse(text).ok_or_else(|| format!("a promise is one of {}", Durability::NAMES.join(", ")))
}

fn region(text: &str) -> Result<Region, String> {
    Region::parse(text).ok_or_else(|| "a region looks like us-east-1".to_owned())
}

fn stack_name(text: &str) -> Result<StackName, String> {
    StackName::parse(text).map_err(|error| error.to_string())
}

fn refresh_interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < REFRESH_INTERVAL_MIN {
        return Err(format!("an interval is at least {REFRESH_INTERVAL_MIN:?}"));
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    fn check(line: &str, expected: impl Fn(&Cli) -> bool) {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(expected(&cli), "{line}: {cli:?}");
    }

    #[test]
    fn habits_hold() {
        let file = |cli: &Cli| cli.file() == Some(PathBuf::from("a.toml"));
        check("stackctl -f a.toml up", file);
        check("stackctl up --file a.toml", file);
        check("stackctl --file a.toml logs -f one two", |cli| {
            file(cli) && matches!(&cli.command, Command::Logs(logs) if logs.follow && logs.names == ["one", "two"])
        });
        check(
            "stackctl logs --since 1h30m",
            |cli| matches!(&cli.command, Command::Logs(logs) if logs.since == Some(Duration::from_secs(5400))),
        );
        check("stackctl plan --exit-code --json --no-color -v --profile ci", |cli| {
            matches!(&cli.command, Command::Plan(plan) if plan.exit_code)
                && cli.global.json
                && cli.global.no_color
                && cli.global.verbose
                && cli.global.profile.as_deref() == Some("ci")
        });
        check("stackctl exec -- aws sqs list-queues --json", |cli| {
            matches!(&cli.command, Command::Exec(exec) if exec.command == ["aws", "sqs", "list-queues", "--json"])
                && !cli.global.json
        });
        check(
            "stackctl exec aws --version",
            |cli| matches!(&cli.command, Command::Exec(exec) if exec.command == ["aws", "--version"]),
        );
        check("stackctl send q body --attr a=b=c --attr d= --delay 5s", |cli| {
            matches!(&cli.command, Command::Send(send) if send.attributes
                == [("a".to_owned(), "b=c".to_owned()), ("d".to_owned(), String::new())])
        });
    }

    #[test]
    fn mistakes_are_refused() {
        let check = |line: &str, expected: &str| {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err().to_string();
            assert!(error.contains(expected), "{line}: {error}");
        };
        check("stackctl receive q --wait 21s", "waits 20 s at most");
        check("stackctl receive q --max 11", "11 is not in 1..=10");
        check("stackctl logs --since soon", "500ms, 30s, 5m, 2h");
        check("stackctl send q b --attr x", "NAME=VALUE");
        check("stackctl -q -v up", "cannot be used with");
        check("stackctl frobnicate", "unrecognized subcommand");
        check("stackctl exec", "required");
    }
}
