//! `stackctl logs`: what functions logged, each in its own colour.

use std::{collections::BTreeMap, pin::Pin, time::Duration};

use anstyle::{AnsiColor, Style};
use futures_util::{Stream, StreamExt, stream};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    cli::{
        Session,
        args::Logs,
        engine::Engine,
        failure::{Failure, Message},
        place::Place,
        project::Project,
        remote_logs::RemoteLogs,
        services,
        terminal::{FAINT, RED, YELLOW, count},
    },
    docker::{self, Container},
    engine::logs::{LogLine, LogSource},
    provider::DockerProvider,
    serve::client::{ClientError, LogItem, LogQuery},
};

/// Where a function's log group begins.
pub(crate) const GROUP_PREFIX: &str = "/aws/lambda/";
/// Where the names of streams begin that the engine writes on its own behalf.
const ENGINE_STREAM_PREFIX: &str = "stackctl/";
/// Colours of functions, given out in the order in which they speak.
const COLOURS: [AnsiColor; 6] =
    [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta, AnsiColor::Blue, AnsiColor::BrightCyan];

pub(crate) async fn run(session: &Session, args: &Logs) -> Result<(), Failure> {
    let project = Project::find(session)?;
    let since_ms = args.since.map(|since| earlier(Timestamp::now(), since)).unwrap_or_default();
    if session.elsewhere().is_some() {
        return of_target(session, args, since_ms).await;
    }
    let (services, functions) = told_apart(session, &project, &args.names).await?;
    let mut items = Vec::new();
    for container in &services {
        items.push(of_container(&container.0, &container.1, since_ms, args.follow));
    }
    if !functions.is_empty() || services.is_empty() {
        items.push(of_functions(&project, functions, since_ms, args.follow).await?);
    }
    let mut items = stream::select_all(items);
    let mut view = View::new(TimeZone::system());
    while let Some(item) = items.next().await {
        match item? {
            LogItem::Line(line) => print(session, &mut view, &line)?,
            LogItem::Lost { lost } => {
                session.terminal.warn(format_args!("{} came too fast to be shown", count(lost, "line")));
            }
        }
    }
    if args.follow {
        session.terminal.say(if services.is_empty() { "the engine has ended" } else { "nothing is left to follow" });
    }
    Ok(())
}

fn print(session: &Session, view: &mut View, line: &LogLine) -> Result<(), Failure> {
    if !session.terminal.json {
        return session.terminal.print(view.line(line));
    }
    session.terminal.print(serde_json::to_string(line).map_err(Failure::while_doing("write JSON"))?)
}

/// What functions logged on the target that was named.
async fn of_target(session: &Session, args: &Logs, since_ms: u64) -> Result<(), Failure> {
    let (_, place) = Place::running(session).await?;
    let Place::Remote(remote) = &place else { return Ok(()) };
    let mut functions = Vec::new();
    for name in &args.names {
        functions.push(place.function(name).await?);
    }
    let mut logs = RemoteLogs::new(remote, &functions, since_ms, args.follow);
    let mut view = View::new(TimeZone::system());
    while let Some(line) = logs.next().await? {
        print(session, &mut view, &line)?;
    }
    Ok(())
}

type Items = Pin<Box<dyn Stream<Item = Result<LogItem, Failure>>>>;

/// The containers of the services among the names, and the names that are functions then.
async fn told_apart(
    session: &Session,
    project: &Project,
    names: &[String],
) -> Result<(Vec<(DockerProvider, Container)>, Vec<String>), Failure> {
    let (mut services, mut functions) = (Vec::new(), Vec::new());
    let desired = if names.is_empty() { None } else { project.read(session)?.desired };
    for name in names {
        if !desired.as_ref().is_some_and(|desired| desired.services.contains_key(name)) {
            functions.push(name.clone());
            continue;
        }
        let Some(provider) = services::left(session, project).await? else { continue };
        let found = provider.services().await.map_err(|error| services::failure(&error))?;
        let container = found.into_iter().find(|container| container.key() == Some(name)).ok_or_else(|| {
            Failure::world(format!("the service `{name}` has no container"), "`stackctl up` makes it")
        })?;
        services.push((provider, container));
    }
    Ok((services, functions))
}

async fn of_functions(
    project: &Project,
    functions: Vec<String>,
    since_ms: u64,
    follow: bool,
) -> Result<Items, Failure> {
    let engine = Engine::running(project).await?;
    for name in &functions {
        engine.check_function(name).await?;
    }
    let query = LogQuery { scope: Some(engine.scope.clone()), functions, since_ms, follow };
    let failed = |error: ClientError| Failure::World(Message::new(error.to_string()));
    let items = engine.client.logs(&query).await.map_err(failed)?;
    Ok(Box::pin(stream::unfold(items, move |mut items| async move {
        let item = items.next().await.map_err(failed).transpose()?;
        Some((item, items))
    })))
}

/// What a service's container printed, as lines of a log group that has the service's name.
fn of_container(provider: &DockerProvider, container: &Container, since_ms: u64, follow: bool) -> Items {
    let query =
        docker::LogQuery { follow, tail: None, since_s: i32::try_from(since_ms / 1000).ok().filter(|s| *s > 0) };
    let name: std::sync::Arc<str> = container.key().unwrap_or(&container.name).into();
    let lines = provider.docker().logs(&container.id, &query);
    Box::pin(lines.map(move |line| {
        let line = line.map_err(|error| services::failure(&error))?;
        let stream = if line.stream == docker::LogStream::Stderr { "stderr" } else { "stdout" };
        Ok(LogItem::Line(LogLine {
            source: LogSource::new(name.clone(), stream),
            id: 0,
            timestamp_ms: u64::try_from(line.at_ms).unwrap_or_default(),
            ingested_ms: u64::try_from(line.at_ms).unwrap_or_default(),
            message: line.text,
        }))
    }))
}

/// Milliseconds since the epoch.
fn earlier(now: Timestamp, since: Duration) -> u64 {
    let since_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    u64::try_from(now.as_millisecond().saturating_sub(since_ms)).unwrap_or(0)
}

/// How lines are shown.
#[derive(Debug)]
pub(crate) struct View {
    zone: TimeZone,
    colours: BTreeMap<String, Style>,
    column: usize,
}

impl View {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self { zone, colours: BTreeMap::new(), column: 0 }
    }

    /// `12:03:04.567 consumer  the message`.
    pub(crate) fn line(&mut self, line: &LogLine) -> String {
        let name = line.source.group.strip_prefix(GROUP_PREFIX).unwrap_or(&line.source.group);
        self.column = self.column.max(name.chars().count());
        let next = COLOURS[self.colours.len() % COLOURS.len()].on_default();
        let style = *self.colours.entry(name.to_owned()).or_insert(next);
        let (time, column) = (self.time(line.timestamp_ms), self.column);
        let message = toned(&line.source.stream, &line.message);
        format!("{FAINT}{time}{FAINT:#} {style}{name:column$}{style:#}  {message}")
    }

    fn time(&self, timestamp_ms: u64) -> String {
        let timestamp = i64::try_from(timestamp_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let zoned = timestamp.map(|timestamp| timestamp.to_zoned_datetime(self.zone.clone()));
        zoned.map_or_else(|| timestamp_ms.to_string(), |zoned| zoned.strftime("%H:%M:%S%.3f").to_string())
    }
}

/// What the platform says is paler than what the function says; failures, and what the engine itself says, stand out.
fn toned(stream: &str, message: &str) -> String {
    let message = message.trim_end();
    let is_platform = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START "]
        .iter()
        .any(|start| message.starts_with(start));
    let is_failure = message.starts_with("[ERROR]") || message.contains("Task timed out after");
    let style = match (is_failure, is_platform) {
        _ if stream.starts_with(ENGINE_STREAM_PREFIX) => YELLOW,
        (true, _) => RED,
        (false, true) => FAINT,
        (false, false) => Style::new(),
    };
    format!("{style}{message}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(function: &str, timestamp_ms: u64, message: &str) -> LogLine {
        LogLine {
            source: LogSource::new(format!("{GROUP_PREFIX}{function}"), "s"),
            id: 1,
            timestamp_ms,
            ingested_ms: timestamp_ms,
            message: message.to_owned(),
        }
    }

    #[test]
    fn lines_have_time_and_name() {
        let mut view = View::new(TimeZone::UTC);
        let mut check = |line: LogLine, expected: &str| {
            assert_eq!(anstream::adapter::strip_str(&view.line(&line)).to_string(), expected);
        };
        check(line("consumer", 45_296_007, "hoge\n"), "12:34:56.007 consumer  hoge");
        check(line("b", 0, "two\nlines"), "00:00:00.000 b         two\nlines");
    }

    #[test]
    fn each_function_has_its_colour() {
        let mut view = View::new(TimeZone::UTC);
        let (one, two, again) =
            (view.line(&line("a", 0, "x")), view.line(&line("b", 0, "x")), view.line(&line("a", 0, "x")));
        assert_eq!(one, again);
        assert_ne!(one.replace('a', "b"), two);
    }

    #[test]
    fn since_counts_back_from_now() {
        let now = Timestamp::from_millisecond(10_000).unwrap();
        assert_eq!(earlier(now, Duration::from_secs(3)), 7_000);
        assert_eq!(earlier(now, Duration::from_secs(3_000)), 0);
    }
}
