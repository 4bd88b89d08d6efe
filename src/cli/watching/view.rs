//! What people and programs see of a watched stack: lines, or with `--json` one object a line on standard output, whose
//! fields `docs/watch.md` describes.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anstyle::Style;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    choosing::Choosing,
    keys::KEYS_HELP,
    logs::LogNews,
    saves::{NewSave, Outcome, Save},
};
use crate::{
    build::{BuildError, BuildEvent, Progress},
    cli::{
        Session,
        artifacts::address_of,
        commands::logs::{self, GROUP_PREFIX},
        converging::experiments,
        failure::{Failure, Message},
        project::{Project, as_json, print_problems},
        terminal::{BOLD, FAINT, GREEN, RED, Terminal, Verbosity, YELLOW, count},
    },
    manifest::Problem,
    plan::{Plan, Step},
    stack::Desired,
    watch::WatchError,
};

/// Functions that a line names; of more it has the number.
const NAMES_MAX: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct View {
    session: Session,
    terminal: Terminal,
    logs: logs::View,
    project: Project,
}

/// A line of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Event<'a> {
    Watching {
        stack: &'a str,
        endpoint: Option<&'a str>,
        experiments: Vec<String>,
        functions: Vec<&'a str>,
        directories: usize,
        took_ms: f64,
    },
    Noticed {
        save: u64,
        manifest: bool,
        functions: Vec<&'a str>,
        paths: Vec<String>,
        paths_count: usize,
    },
    Output {
        function: &'a str,
        line: &'a str,
    },
    BuildFailed {
        save: Option<u64>,
        function: &'a str,
        message: String,
        output: Option<&'a str>,
        help: Option<String>,
    },
    ManifestBroken {
        problems: Vec<serde_json::Value>,
    },
    DeployFailed {
        message: &'a str,
        help: Option<&'a str>,
    },
    Held {
        steps: &'a [Step],
    },
    Served(Served<'a>),
    Log {
        function: &'a str,
        stream: &'a str,
        timestamp_ms: u64,
        message: &'a str,
    },
    LogsLost {
        lines: u64,
    },
    EngineGone,
    Warning {
        message: String,
        help: Option<String>,
    },
    Stopped,
}

/// What came of a save.
#[derive(Debug, Serialize)]
struct Served<'a> {
    save: u64,
    manifest: bool,
    served: Vec<&'a str>,
    unchanged: Vec<&'a str>,
    failed: Vec<&'a str>,
    plan: Option<&'a Plan>,
    phases_ms: Phases,
    total_ms: f64,
}

#[derive(Debug, Serialize)]
struct Phases {
    noticed: f64,
    build: f64,
    package: f64,
    deploy: f64,
    ready: f64,
}

impl View {
    pub(super) fn new(session: &Session, project: &Project) -> Self {
        Self {
            session: session.clone(),
            terminal: session.terminal,
            logs: logs::View::new(TimeZone::system()),
            project: project.clone(),
        }
    }

    /// Where a build's output goes when it is not for people at a terminal.
    pub(super) fn build_progress(&self, function: &str) -> Option<Progress> {
        let (terminal, function) = (self.terminal, function.to_owned());
        if !terminal.json {
            // A terminal has one line for it, whose place the next takes.
            let has_lines = !terminal.is_live() && terminal.verbosity == Verbosity::Normal;
            return has_lines.then(|| in_lines(terminal, address_of(&function)));
        }
        Some(Progress::new(move |event| {
            let event = match event {
                BuildEvent::Line(line) => Event::Output { function: &function, line },
                BuildEvent::Warning(text) => {
                    Event::Warning { message: format!("{}: {text}", address_of(&function)), help: None }
                }
                BuildEvent::Started(_) | BuildEvent::Ended(_) => return,
            };
            // When nobody reads any more, the next event of the loop says so.
            let _ = print(terminal, &event);
        }))
    }

    pub(super) fn watching(
        &self,
        desired: &Desired,
        endpoint: Option<&str>,
        directories: usize,
        start: &Save,
        has_keys: bool,
    ) -> Result<(), Failure> {
        let (took, experiments) = (total(start), experiments(&self.session, desired));
        if self.terminal.json {
            self.saved(start)?;
            return self.tell(&Event::Watching {
                stack: desired.name.as_str(),
                endpoint,
                experiments,
                functions: desired.functions.keys().map(String::as_str).collect(),
                directories,
                took_ms: ms(took),
            });
        }
        let functions = count(desired.functions.len() as u64, "function");
        let failed = start.with(Outcome::Failed);
        let state = if failed.is_empty() {
            format!("up in {}", short(took))
        } else {
            format!("{} not deployed yet: the next save tries again", names(&failed))
        };
        if let Some(endpoint) = endpoint {
            self.terminal.step(GREEN, "endpoint", format_args!("{BOLD}{endpoint}{BOLD:#}"));
        }
        experiments.iter().for_each(|difference| self.terminal.step(YELLOW, "experiment", difference));
        let style = if failed.is_empty() { GREEN } else { YELLOW };
        let watched = count(directories as u64, "folder");
        self.terminal.step(style, "watching", format_args!("{}: {functions} in {watched}, {state}", desired.name));
        let keys = if has_keys { KEYS_HELP } else { "Ctrl-C ends the watching" };
        self.terminal.say(format_args!("{FAINT}{keys}; the stack stays up{FAINT:#}"));
        Ok(())
    }

    pub(super) fn noticed(&self, number: u64, save: &NewSave) -> Result<(), Failure> {
        let paths: Vec<String> = save.paths.iter().map(|path| self.relative(path)).collect();
        if self.terminal.json {
            let functions = save.functions.iter().map(String::as_str).collect();
            let (manifest, paths_count) = (save.manifest, save.paths_count);
            return self.tell(&Event::Noticed { save: number, manifest, functions, paths, paths_count });
        }
        self.terminal.step(FAINT, "changed", changed(&paths, save.paths_count));
        Ok(())
    }

    pub(super) fn build_failed(
        &self,
        save: Option<u64>,
        function: &str,
        error: &BuildError,
        serves: bool,
    ) -> Result<(), Failure> {
        if self.terminal.json {
            let (message, help) = (error.to_string(), error.help());
            return self.tell(&Event::BuildFailed { save, function, message, output: error.output(), help });
        }
        self.terminal.error(&Message::of_build(function, error));
        if !serves {
            self.terminal.step(YELLOW, "waiting", format_args!("{function}: nothing of it is deployed yet"));
        }
        Ok(())
    }

    pub(super) fn manifest_broken(&self, problems: &[Problem]) -> Result<(), Failure> {
        if self.terminal.json {
            let problems = problems.iter().map(|problem| as_json(problem)).collect();
            return self.tell(&Event::ManifestBroken { problems });
        }
        let _ = print_problems(&self.session, problems);
        self.terminal.step(YELLOW, "waiting", "the stack stays as it was until the manifest is mended");
        Ok(())
    }

    pub(super) fn manifest_unread(&self, failure: &Failure) -> Result<(), Failure> {
        self.deploy_failed(failure)
    }

    pub(super) fn deploy_failed(&self, failure: &Failure) -> Result<(), Failure> {
        let Some(message) = failure.message() else { return Ok(()) };
        if self.terminal.json {
            return self.tell(&Event::DeployFailed { message: &message.text, help: message.help.as_deref() });
        }
        self.terminal.error(message);
        Ok(())
    }

    pub(super) fn held(&self, steps: &[Step]) -> Result<(), Failure> {
        if self.terminal.json {
            return self.tell(&Event::Held { steps });
        }
        for step in steps {
            let danger = step.danger.map_or_else(|| "waits for the one above".to_owned(), |danger| danger.to_string());
            let text = step.text();
            self.terminal.step(YELLOW, "held", format_args!("{}  {text} {RED}({danger}){RED:#}", step.address));
        }
        if !steps.is_empty() {
            self.terminal.say("`y` agrees on a terminal, and `stackctl up` asks; or take the change back");
        }
        Ok(())
    }

    /// The one line that each save ends in.
    pub(super) fn saved(&self, save: &Save) -> Result<(), Failure> {
        if self.terminal.json {
            return self.tell(&Event::Served(served(save)));
        }
        let Some((style, verb, text)) = sentence(save) else { return Ok(()) };
        self.terminal.step(style, verb, text);
        Ok(())
    }

    pub(super) fn logged(&mut self, news: &LogNews) -> Result<(), Failure> {
        match news {
            LogNews::Line(line) if self.terminal.json => self.tell(&Event::Log {
                function: line.source.group.strip_prefix(GROUP_PREFIX).unwrap_or(&line.source.group),
                stream: &line.source.stream,
                timestamp_ms: line.timestamp_ms,
                message: &line.message,
            }),
            LogNews::Line(line) => self.terminal.print(self.logs.line(line)),
            LogNews::Lost(lines) if self.terminal.json => self.tell(&Event::LogsLost { lines: *lines }),
            LogNews::Lost(lines) => {
                self.terminal.warn(format_args!("{} came too fast to be shown", count(*lines, "line")));
                Ok(())
            }
            LogNews::EngineGone if self.terminal.json => self.tell(&Event::EngineGone),
            LogNews::EngineGone => {
                self.terminal.warn("the engine has ended; the next save starts it again");
                Ok(())
            }
            LogNews::Unread(why) => {
                self.warn(format!("{why}; logs are not followed"), None);
                Ok(())
            }
        }
    }

    pub(super) fn not_watched(&self, error: &WatchError) {
        self.warn(error.to_string(), error.help());
    }

    /// A command's build writes what is watched.
    pub(super) fn writes_itself(&self, function: &str, paths: &[PathBuf]) {
        let paths: Vec<_> = paths.iter().map(|path| format!("`{}`", self.relative(path))).collect();
        let message = format!("{}: its build writes {} at every run", address_of(function), paths.join(", "));
        let help = "it is taken for an output from now on; name it in `.gitignore`, and it never counts".to_owned();
        self.warn(message, Some(help));
    }

    pub(super) fn paused(&self, is_paused: bool) {
        if is_paused {
            self.terminal.step(YELLOW, "paused", "changes are remembered until `p` is pressed again");
        } else {
            self.terminal.step(GREEN, "watching", "again");
        }
    }

    /// Asks which function is to be built again.
    pub(super) fn which(&self, choosing: &Choosing) {
        self.terminal.step(
            YELLOW,
            "which",
            format_args!("{}  {FAINT}the number; Esc for none{FAINT:#}", choosing.shown()),
        );
    }

    pub(super) fn nothing_chosen(&self) {
        self.terminal.step(FAINT, "none", "nothing is built again");
    }

    pub(super) fn rebuilding(&self, function: &str) {
        self.terminal.step(FAINT, "rebuild", address_of(function));
    }

    pub(super) fn clear(&self) {
        self.terminal.clear();
    }

    pub(super) fn empty_line(&self) {
        self.terminal.say("");
    }

    fn warn(&self, message: String, help: Option<String>) {
        if self.terminal.json {
            // When nobody reads any more, the next event of the loop says so.
            let _ = self.tell(&Event::Warning { message, help });
            return;
        }
        self.terminal.warn(message);
        if let Some(help) = help {
            self.terminal.say(help);
        }
    }

    /// A deployment is under way when somebody ends the watching.
    pub(super) fn ending(&self) {
        self.terminal.say("ending when what is being deployed is done; Ctrl-C again ends at once");
    }

    pub(super) fn stopped(&self) -> Result<(), Failure> {
        if self.terminal.json {
            return self.tell(&Event::Stopped);
        }
        self.terminal.step(Style::new(), "stopped", "the stack stays up; `stackctl down` ends it");
        Ok(())
    }

    fn tell(&self, event: &Event<'_>) -> Result<(), Failure> {
        print(self.terminal, event)
    }

    fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.project.dir).unwrap_or(path).display().to_string()
    }
}

/// A build's output where there is no terminal: each line with the name of what is built.
fn in_lines(terminal: Terminal, name: String) -> Progress {
    Progress::new(move |event| match event {
        BuildEvent::Started(_) => terminal.step(Style::new(), "building", &name),
        BuildEvent::Line(line) => terminal.step(Style::new(), "building", format_args!("{name}: {line}")),
        BuildEvent::Warning(text) => terminal.warn(format_args!("{name}: {text}")),
        BuildEvent::Ended(_) => {}
    })
}

fn print(terminal: Terminal, event: &Event<'_>) -> Result<(), Failure> {
    terminal.print(serde_json::to_string(event).map_err(Failure::while_doing("write JSON"))?)
}

fn served(save: &Save) -> Served<'_> {
    let mut unchanged = save.with(Outcome::Unchanged);
    unchanged.extend(save.with(Outcome::Untouched));
    Served {
        save: save.number,
        manifest: save.manifest,
        served: save.with(Outcome::Served),
        unchanged,
        failed: save.with(Outcome::Failed),
        plan: save.plan.as_ref(),
        phases_ms: Phases {
            noticed: ms(save.noticed),
            build: ms(save.build.tools),
            package: ms(save.build.packaging),
            deploy: ms(save.deploy.deploy),
            ready: ms(save.deploy.ready),
        },
        total_ms: ms(total(save)),
    }
}

/// What serves now, in the fewest words; nothing where nothing had changed.
fn sentence(save: &Save) -> Option<(Style, &'static str, String)> {
    let [new, same, failed] = [Outcome::Served, Outcome::Unchanged, Outcome::Failed].map(|outcome| save.with(outcome));
    let took = format!("in {} {FAINT}({}){FAINT:#}", short(total(save)), phases(save));
    let also = if failed.is_empty() { String::new() } else { format!("; {} as before", names(&failed)) };
    let changed = save.plan.as_ref().filter(|plan| save.manifest && !plan.is_empty());
    if save.manifest && !save.is_converged {
        return Some((RED, "failed", "the manifest could not be converged; the next save tries again".to_owned()));
    }
    if let Some(plan) = changed {
        return Some((GREEN, "served", format!("the manifest: {}{also}, {took}", plan.summary())));
    }
    if !new.is_empty() {
        return Some((GREEN, "served", format!("{}: the new code{also}, {took}", names(&new))));
    }
    if !failed.is_empty() {
        let text = format!("{}: the code before goes on; the next save tries again", names(&failed));
        return Some((RED, "failed", text));
    }
    if save.manifest {
        return Some((FAINT, "unchanged", format!("the stack is what the manifest says, {took}")));
    }
    if !same.is_empty() {
        return Some((FAINT, "unchanged", format!("{}: the same code, {took}", names(&same))));
    }
    None
}

/// The first of the paths, and how many more there are.
fn changed(paths: &[String], count: usize) -> String {
    let shown = &paths[..paths.len().min(NAMES_MAX)];
    match count.saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn phases(save: &Save) -> String {
    let all = [
        ("noticed", save.noticed),
        ("build", save.build.tools),
        ("package", save.build.packaging),
        ("deploy", save.deploy.deploy),
        ("ready", save.deploy.ready),
    ];
    let shown = all.iter().filter(|(_, took)| !took.is_zero());
    shown.map(|(name, took)| format!("{name} {}", short(*took))).collect::<Vec<_>>().join(", ")
}

fn total(save: &Save) -> Duration {
    save.noticed + save.build.tools + save.build.packaging + save.deploy.deploy + save.deploy.ready
}

fn names(keys: &[&str]) -> String {
    if keys.len() > NAMES_MAX { count(keys.len() as u64, "function") } else { keys.join(", ") }
}

fn short(took: Duration) -> String {
    match took.as_millis() {
        0..1_000 => format!("{} ms", took.as_millis()),
        _ => format!("{}.{} s", took.as_secs(), took.subsec_millis() / 100),
    }
}

fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e4).round() / 10.0
}
