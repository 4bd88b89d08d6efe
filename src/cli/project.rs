//! The manifest that a command works on, and the state directory beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, JSONReportHandler, Severity};

use super::{
    Session,
    converging::set_port,
    failure::{Failure, Message},
    locking,
    remote::no_target,
    surroundings::{variable, working_directory},
    terminal::count,
};
use crate::{
    manifest::{self, Context, Problem, Source},
    serve::store::STORE_FILE,
    stack::{Desired, Target},
};

/// Names that are looked for, in this order.
pub(crate) const MANIFEST_NAMES: [&str; 3] = ["stack.toml", "stack.yaml", "stack.yml"];
/// The state directory's name, beside the manifest.
pub(crate) const STATE_DIR: &str = ".stackctl";
/// What a lock's name ends in, beside the manifest of the same stem.
const LOCK_EXTENSION: &str = "lock";
/// Width of diagnostics.
const DIAGNOSTIC_WIDTH: usize = 100;

/// Where a manifest is; it need not be sound.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    /// Absolute.
    pub(crate) file: PathBuf,
    /// The file as messages show it.
    pub(crate) shown: PathBuf,
    /// Absolute; relative paths of the manifest start here.
    pub(crate) dir: PathBuf,
}

impl Project {
    /// The manifest that was named, or the nearest one.
    pub(crate) fn find(session: &Session) -> Result<Self, Failure> {
        let here = working_directory()?;
        match &session.file {
            Some(named) => {
                let file = here.join(named);
                if !file.is_file() {
                    return Err(Failure::ManifestMessage(Message::new(format!("there is no `{}`", named.display()))));
                }
                Ok(Self::at(file, named.clone(), &here))
            }
            None => {
                let file = nearest(&here).ok_or_else(|| {
                    let text = format!("there is no `{}` here or in a directory above", MANIFEST_NAMES[0]);
                    let help = "`stackctl init` writes one; `-f FILE` names another";
                    Failure::ManifestMessage(Message::new(text).help(help))
                })?;
                let shown = file.strip_prefix(&here).unwrap_or(&file).to_owned();
                Ok(Self::at(file, shown, &here))
            }
        }
    }

    fn at(file: PathBuf, shown: PathBuf, here: &Path) -> Self {
        let dir = file.parent().unwrap_or(here).to_owned();
        let dir = dir.canonicalize().unwrap_or(dir);
        Self { file, shown, dir }
    }

    /// Absolute.
    pub(crate) fn state_dir(&self) -> PathBuf {
        self.dir.join(STATE_DIR)
    }

    /// Whether an engine left something that the next one starts with.
    pub(crate) fn keeps_state(&self) -> bool {
        self.state_dir().join(STORE_FILE).exists()
    }

    /// `stack.local.toml` beside `stack.toml`; it need not exist.
    pub(crate) fn overlay_file(&self) -> PathBuf {
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let ending = self.file.extension().unwrap_or_default().to_string_lossy();
        self.dir.join(format!("{stem}.local.{ending}"))
    }

    /// `stack.lock` beside `stack.toml`; it need not exist.
    pub(crate) fn lock_file(&self) -> PathBuf {
        self.dir.join(self.file.file_stem().unwrap_or_default()).with_extension(LOCK_EXTENSION)
    }

    /// The names of the manifest's own profiles.
    pub(crate) fn profiles(&self) -> Vec<String> {
        read_file(&self.file).map(|text| manifest::profiles(&self.source(text))).unwrap_or_default()
    }

    /// The stack as the checked-in files alone say it, with one of their profiles; `None` when it cannot be understood here.
    pub(crate) fn shared(&self, profile: Option<&str>) -> Option<Desired> {
        let source = self.source(read_file(&self.file).ok()?);
        manifest::read(&source, &self.context(profile, None)).desired
    }

    fn source(&self, text: String) -> Source {
        Source { path: self.shown.clone(), text }
    }

    fn context<'a>(&'a self, profile: Option<&'a str>, overlay: Option<&'a Source>) -> Context<'a> {
        Context { base: &self.dir, env: &variable, profile, overlay, version: env!("CARGO_PKG_VERSION") }
    }

    /// The manifest's text with everything that overlays it, understood, and held to what is locked.
    pub(crate) fn read(&self, session: &Session) -> Result<manifest::Reading, Failure> {
        let mut reading = self.read_unpinned(session)?;
        if let Some(desired) = &mut reading.desired {
            set_port(desired, session.port);
            locking::pin(self, desired)?;
        }
        Ok(reading)
    }

    fn read_unpinned(&self, session: &Session) -> Result<manifest::Reading, Failure> {
        let source = self.source(read_file(&self.file)?);
        let overlay_file = self.overlay_file();
        let overlay = match fs::read_to_string(&overlay_file) {
            Ok(text) => {
                Some(Source { path: self.shown.with_file_name(overlay_file.file_name().unwrap_or_default()), text })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&overlay_file, &error)),
        };
        Ok(manifest::read(&source, &self.context(session.profile.as_deref(), overlay.as_ref())))
    }

    /// The stack as it is on the target that was named, for a command that is about something else than the manifest: mistakes
    /// in full, all else in a line.
    pub(crate) fn desired(&self, session: &Session) -> Result<Desired, Failure> {
        let reading = self.read(session)?;
        let desired = reading.desired.clone().map(|desired| on_target(session, desired)).transpose()?;
        sound(session, manifest::Reading { desired, ..reading })
    }

    /// The same with images as the manifest names them.
    pub(crate) fn desired_unpinned(&self, session: &Session) -> Result<Desired, Failure> {
        sound(session, self.read_unpinned(session)?)
    }

    /// The same without a word about a sound manifest.
    pub(crate) fn desired_quietly(&self, session: &Session) -> Result<Desired, Failure> {
        let reading = self.read(session)?;
        match reading.desired {
            Some(desired) => on_target(session, desired),
            None => Err(print_problems(session, &reading.problems)),
        }
    }
}

/// The stack of a sound manifest, and what is to be said of it.
fn sound(session: &Session, reading: manifest::Reading) -> Result<Desired, Failure> {
    match reading.desired {
        Some(desired) => {
            reading.problems.iter().for_each(|problem| say_shortly(session, problem));
            if reading.problems.iter().any(|problem| problem.severity() == Some(Severity::Warning)) {
                session.terminal.say("`stackctl check` says where, and what to do");
            }
            Ok(desired)
        }
        None => Err(print_problems(session, &reading.problems)),
    }
}

/// A stack under the names that it has on the target that was named.
pub(crate) fn on_target(session: &Session, desired: Desired) -> Result<Desired, Failure> {
    let Some(name) = session.elsewhere() else { return Ok(desired) };
    let access = match desired.targets.get(name) {
        Some(Target::Aws(aws)) => aws.access.clone(),
        Some(Target::Endpoint(endpoint)) => endpoint.access.clone(),
        Some(Target::Embedded { .. } | Target::LocalStack { .. }) => return Ok(desired),
        None => return Err(no_target(name, &desired)),
    };
    desired.on(&access).map_err(|(wanted, error)| {
        let text = format!("the target `{name}` makes the name `{wanted}`, and {error}");
        Failure::ManifestMessage(Message::new(text).help(format!("shorten `name_prefix` under `[targets.{name}]`")))
    })
}

fn say_shortly(session: &Session, problem: &Problem) {
    match problem.severity() {
        Some(Severity::Warning) => session.terminal.warn(problem),
        _ => session.terminal.detail(format_args!("advice: {problem}")),
    }
}

/// Prints all problems in full; what a command that needs the stack then ends with.
pub(crate) fn print_problems(session: &Session, problems: &[Problem]) -> Failure {
    problems.iter().for_each(|problem| session.terminal.error_text(&rendered(problem)));
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    session.terminal.error(&Message::new(format!("the manifest has {}", count(errors as u64, "mistake"))));
    Failure::Manifest
}

/// A diagnostic with its place in the file, coloured; what writes it strips the colours where they are not wanted.
pub(crate) fn rendered(problem: &dyn Diagnostic) -> String {
    let handler =
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_links(false).with_width(DIAGNOSTIC_WIDTH);
    let mut text = String::new();
    match handler.render_report(&mut text, problem) {
        Ok(()) => text,
        Err(_) => problem.to_string(),
    }
}

/// A diagnostic as JSON, in miette's form.
pub(crate) fn as_json(problem: &dyn Diagnostic) -> serde_json::Value {
    let mut text = String::new();
    let rendered = JSONReportHandler::new().render_report(&mut text, problem).is_ok();
    let value = if rendered { serde_json::from_str(&text).ok() } else { None };
    value.unwrap_or_else(|| serde_json::json!({ "message": problem.to_string() }))
}

fn nearest(here: &Path) -> Option<PathBuf> {
    here.ancestors().flat_map(|dir| MANIFEST_NAMES.map(|name| dir.join(name))).find(|file| file.is_file())
}

fn read_file(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::ManifestMessage(Message::new(format!("cannot read `{}`: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_manifest_is_found_from_below() {
        let dir = tempfile::tempdir().unwrap();
        let below = dir.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        fs::write(dir.path().join("stack.yaml"), "").unwrap();
        assert_eq!(nearest(&below), Some(dir.path().join("stack.yaml")));
        fs::write(dir.path().join("a/stack.toml"), "").unwrap();
        assert_eq!(nearest(&below), Some(dir.path().join("a/stack.toml")));
    }

    #[test]
    fn what_stands_beside_a_manifest() {
        let check = |file: &str, overlay: &str| {
            let project = Project::at(PathBuf::from(file), PathBuf::from(file), Path::new("/"));
            assert_eq!(project.overlay_file(), PathBuf::from(overlay));
            assert_eq!(
                project.lock_file(),
                PathBuf::from(overlay.split(".local").next().unwrap()).with_extension("lock")
            );
            assert_eq!(project.state_dir(), PathBuf::from("/nowhere/.stackctl"));
        };
        check("/nowhere/stack.toml", "/nowhere/stack.local.toml");
        check("/nowhere/api.yaml", "/nowhere/api.local.yaml");
    }
}
