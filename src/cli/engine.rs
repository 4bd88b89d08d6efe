//! The engine of a stack, found through the state directory beside its manifest.

use std::env;

use super::{
    Session,
    converging::{durability, isolation, network, port, scope},
    failure::{Failure, Message},
    project::Project,
    sdk,
    surroundings::docker_settings,
    terminal::{GREEN, YELLOW},
};
use crate::{
    model::{AccountId, Region, Scope, StackName},
    serve::{
        background::{self, BackgroundEngine, BackgroundError, Ensured, Stopped, Unfit},
        client::EngineClient,
        containers::{Swept, sweep},
        own_api::{ActivityReport, Health, QueueDepth},
    },
    stack::{Desired, PortChoice},
};

/// What a name that was typed must share with one that exists, to be suggested instead (Jaro-Winkler, 0 to 1).
const SIMILAR_MIN: f64 = 0.75;

/// How [`super::terminal::Terminal::error`] begins what it says, in a log.
const ERROR_PREFIX: &str = "error: ";

/// An engine that answers.
#[derive(Debug)]
pub(crate) struct Engine {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    /// The stack's account and region.
    pub(crate) scope: Scope,
    pub(crate) client: EngineClient,
    stack: Option<String>,
}

/// A queue that exists.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) url: String,
}

impl Engine {
    /// The engine of the project, which has to be running.
    pub(crate) async fn running(project: &Project) -> Result<Self, Failure> {
        match Self::find(project).await? {
            Some(engine) => Ok(engine),
            None => Err(Failure::world(
                format!("the engine of `{}` is not running", project.shown.display()),
                "`stackctl up` starts it",
            )),
        }
    }

    /// The engine of the project, when it is running.
    pub(crate) async fn find(project: &Project) -> Result<Option<Self>, Failure> {
        background::find(&project.state_dir()).await.map(Self::of).transpose()
    }

    /// The engine of the project, started when it is not running, and started again when its settings have changed.
    pub(crate) async fn ensure(session: &Session, project: &Project, desired: &Desired) -> Result<Self, Failure> {
        let state_dir = project.state_dir();
        let wanted = BackgroundEngine {
            program: env::current_exe().map_err(Failure::while_doing("find this program"))?,
            arguments: arguments(project, desired)?,
            state_dir: state_dir.clone(),
            stack: Some(desired.name.to_string()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        if let Some(engine) = Self::find(project).await? {
            engine.check_stack(&desired.name)?;
        }
        session.terminal.passing("engine", "starting");
        let health = match background::ensure(&wanted).await.map_err(|error| not_started(&error))? {
            Ensured::Found(health) => health,
            Ensured::Started(health) => {
                session.terminal.step(GREEN, "engine", format_args!("started, pid {}", health.pid));
                health
            }
            Ensured::Replaced { why, health } => {
                let why = match why {
                    Unfit::Version(version) => format!("version {version} is now {}", health.version),
                    Unfit::Arguments => "its settings have changed".to_owned(),
                };
                session.terminal.step(YELLOW, "engine", format_args!("started again, pid {}: {why}", health.pid));
                health
            }
        };
        Self::of(health)
    }

    /// Ends the engine of a state directory and what an earlier one left.
    pub(crate) async fn end(state_dir: &std::path::Path) -> Result<Stopped, Failure> {
        background::stop(state_dir).await.map_err(|error| Failure::World(Message::new(error.to_string())))
    }

    /// Removes the containers of functions that an engine which was killed has left; one that ends does so itself.
    pub(crate) async fn sweep(state_dir: &std::path::Path) -> Result<Swept, Failure> {
        sweep(&docker_settings(), state_dir).await.map_err(|error| {
            let message = Message::new(format!("containers of functions may be left: {error}"));
            Failure::World(match error.hint() {
                Some(hint) => message.help(hint),
                None => message,
            })
        })
    }

    /// Refuses to work on another stack's engine.
    pub(crate) fn check_stack(&self, name: &StackName) -> Result<(), Failure> {
        match &self.stack {
            Some(stack) if stack == name.as_str() => Ok(()),
            other => {
                let other = other.as_ref().map_or_else(|| "no stack".to_owned(), |name| format!("stack `{name}`"));
                Err(Failure::world(
                    format!("the engine that runs here serves {other}, and the manifest says `{name}`"),
                    "`stackctl down` ends it; two stacks side by side need a directory each",
                ))
            }
        }
    }

    fn of(health: Health) -> Result<Self, Failure> {
        let account = AccountId::parse(&health.account);
        let (Some(account), Some(region)) = (account, Region::parse(&health.region)) else {
            return Err(Failure::world("the engine names no account and region", "`stackctl down` ends it"));
        };
        Ok(Self {
            client: EngineClient::new(health.port),
            endpoint: health.endpoint,
            scope: Scope { account, region },
            stack: health.stack,
        })
    }

    /// What runs and what waits.
    pub(crate) async fn activity(&self) -> Result<ActivityReport, Failure> {
        self.client.activity(&self.scope).await.map_err(|error| Failure::World(Message::new(error.to_string())))
    }

    /// The queue of a name; of a FIFO queue, its key in the manifest will do.
    pub(crate) async fn queue(&self, client: &aws_sdk_sqs::Client, name: &str) -> Result<Queue, Failure> {
        for name in [name.to_owned(), format!("{name}.fifo")] {
            match client.get_queue_url().queue_name(&name).send().await {
                Ok(answer) => return Ok(Queue { name, url: answer.queue_url().unwrap_or_default().to_owned() }),
                Err(error) if error.as_service_error().is_some() => {}
                Err(error) => return Err(sdk::failed(format_args!("look for queue `{name}`"))(error)),
            }
        }
        let activity = self.activity().await?;
        let names: Vec<_> = activity.queues.iter().map(|queue: &QueueDepth| queue.name.as_str()).collect();
        Err(unknown("queue", name, &names))
    }

    /// Whether a function of that name exists; a qualifier after it is not looked at.
    pub(crate) async fn check_function(&self, name: &str) -> Result<(), Failure> {
        let activity = self.activity().await?.activity;
        let names: Vec<_> = activity.functions.iter().map(|function| function.name.as_str()).collect();
        let plain = name.split(':').next().unwrap_or_default();
        if names.contains(&plain) { Ok(()) } else { Err(unknown("function", plain, &names)) }
    }
}

/// The engine's own words when it says why it ended; else that it did, and the end of its log.
fn not_started(error: &BackgroundError) -> Failure {
    let reason = match error {
        BackgroundError::NotReady { last_lines, .. } => {
            last_lines.iter().rev().find_map(|line| line.strip_prefix(ERROR_PREFIX))
        }
        _ => None,
    };
    Failure::World(Message::new(reason.map_or_else(|| error.to_string(), str::to_owned)))
}

/// The command line of [`super::commands::serve`] that serves this stack in the background.
fn arguments(project: &Project, desired: &Desired) -> Result<Vec<String>, Failure> {
    let scope = scope(desired);
    let port = match port(desired) {
        PortChoice::Fixed(port) => port.to_string(),
        PortChoice::Auto => "0".to_owned(),
    };
    let state_dir = project.state_dir().into_os_string().into_string().map_err(|path| {
        let text = format!("the path `{}` is not UTF-8", path.to_string_lossy());
        Failure::world(text, "give the stack a directory whose path is")
    })?;
    let mut arguments = vec!["serve".to_owned()];
    for (flag, value) in [
        ("--state", state_dir),
        ("--port", port),
        ("--detached-for", desired.name.to_string()),
        ("--account", scope.account.to_string()),
        ("--region", scope.region.to_string()),
        ("--durability", durability(desired).as_str().to_owned()),
        ("--isolation", isolation(desired).as_str().to_owned()),
        ("--concurrency-limit", desired.pool.limit.to_string()),
        ("--unreserved-minimum", desired.pool.unreserved_minimum.to_string()),
        ("--time-factor", desired.pool.time_factor.to_string()),
        ("--network", network(desired).to_owned()),
        ("--first-retry-delay", format!("{}s", desired.pool.first_retry_delay_s)),
    ] {
        // In one word: a stack's name may begin with a hyphen.
        arguments.push(format!("{flag}={value}"));
    }
    Ok(arguments)
}

/// An error that names what there is instead.
pub(crate) fn unknown(kind: &str, name: &str, names: &[&str]) -> Failure {
    let text = format!("there is no {kind} `{name}`");
    let similar = names
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= SIMILAR_MIN)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    let message = Message::new(text);
    Failure::World(match similar {
        Some((_, known)) => message.help(format!("did you mean `{known}`?")),
        None if names.is_empty() => message.help(format!("the stack has no {kind}s: `stackctl up` makes them")),
        None => message.help(format!("there are: {}", names.join(", "))),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{
        args::{Cli, Command},
        terminal::{Terminal, Verbosity},
    };

    #[test]
    fn unknown_names_come_with_what_there_is() {
        let check = |name: &str, names: &[&str], expected: &str| {
            let failure = unknown("queue", name, names);
            assert_eq!(failure.message().unwrap().help.as_deref(), Some(expected));
        };
        check("exmaple-queue", &["example-queue", "other"], "did you mean `example-queue`?");
        check("zzz", &["a", "b"], "there are: a, b");
        check("zzz", &[], "the stack has no queues: `stackctl up` makes them");
    }

    #[test]
    fn an_engine_that_says_why_it_ended_is_quoted() {
        let check = |lines: &[&str], expected: &str| {
            let error = BackgroundError::NotReady {
                status: None,
                log: "engine.log".into(),
                last_lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            };
            assert_eq!(not_started(&error).message().unwrap().text, expected);
        };
        check(&["2026-01-01 00:00:00.000 starts", "error: port 4566 is taken"], "port 4566 is taken");
        check(&["strange"], "the engine was not ready within 30 s; the end of `engine.log`:\n  strange");
    }

    #[test]
    fn the_engine_of_a_stack_is_started_with_what_the_manifest_says() {
        let text = "[stack]\nname = \"-orders\"\nregion = \"eu-west-1\"\n[concurrency]\nlimit = 50\ntime_factor = 3\nfirst_retry_delay = \"2s\"\n[targets.embedded]\nport = 4600\n";
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("stack.toml");
        std::fs::write(&file, text).unwrap();
        let terminal = Terminal { verbosity: Verbosity::Quiet, json: false };
        let session = Session { terminal, file: Some(file), profile: None, port: None, target: None };
        let project = Project::find(&session).unwrap();
        let arguments = arguments(&project, &project.desired(&session).unwrap()).unwrap();
        let line = ["stackctl".to_owned()].into_iter().chain(arguments);
        let Command::Serve(serve) = Cli::try_parse_from(line).unwrap().command else { panic!("another command") };
        assert_eq!(serve.state, Some(project.state_dir()));
        assert_eq!(
            (serve.port, serve.detached_for.unwrap().as_str(), serve.region.as_str(), serve.concurrency_limit),
            (4600, "-orders", "eu-west-1", 50)
        );
        let delay = std::time::Duration::from_secs(2);
        assert_eq!((serve.unreserved_minimum.unwrap(), serve.time_factor, serve.first_retry_delay), (5, 3, delay));
    }
}
