//! `stack.lock`: read, compared with what is here, and written.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt, stream};

use super::{
    Session, artifacts,
    failure::{Failure, Message},
    project::Project,
    surroundings::docker_settings,
    terminal::{GREEN, YELLOW, count},
};
use crate::{
    build,
    docker::{self, Docker},
    manifest::{Difference, ImageUser, Lock, LockError, Wanted, is_pinned, unpinned},
    model::FunctionIsolation,
    serve::containers::base_image,
    stack::{Desired, ServiceImage, Toolchain},
};

/// Functions whose toolchains are asked at once.
const ASKED_AT_ONCE: usize = 4;
/// Digits of a digest that are shown.
const SHOWN_DIGITS: usize = 12;

/// By the function's key: what it is built and run with.
pub(crate) type Tools = BTreeMap<String, BTreeMap<Toolchain, String>>;

/// The lock beside a manifest.
#[derive(Clone, Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    /// As messages show it.
    pub(crate) shown: PathBuf,
    pub(crate) lock: Lock,
    pub(crate) exists: bool,
}

impl LockFile {
    /// The project's lock; an empty one when there is none yet.
    pub(crate) fn read(project: &Project) -> Result<Self, Failure> {
        let path = project.lock_file();
        let shown = project.shown.with_file_name(path.file_name().unwrap_or_default());
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path, shown, lock: Lock::default(), exists: false });
            }
            Err(error) => return Err(Failure::while_doing(format_args!("read `{}`", shown.display()))(error)),
        };
        let lock = Lock::parse(&text).map_err(|error| unreadable(&shown, &error))?;
        Ok(Self { path, shown, lock, exists: true })
    }

    /// The project's lock for a command that writes it anew, whatever is in it.
    pub(crate) fn read_or_empty(project: &Project) -> Self {
        Self::read(project).unwrap_or_else(|_| {
            let path = project.lock_file();
            let shown = project.shown.with_file_name(path.file_name().unwrap_or_default());
            Self { path, shown, lock: Lock::default(), exists: true }
        })
    }

    /// Writes what has become of it. Returns whether anything had to be written.
    pub(crate) fn write(&self, new: &Lock) -> Result<bool, Failure> {
        let text = new.to_text();
        let is_written = fs::read_to_string(&self.path).is_ok_and(|old| old == text);
        if is_written || (new.is_empty() && !self.exists) {
            return Ok(false);
        }
        let unfinished = self.path.with_extension(format!("lock.{}", std::process::id()));
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &self.path));
        if let Err(error) = written {
            // It may never have been made.
            let _ = fs::remove_file(&unfinished);
            return Err(Failure::while_doing(format_args!("write `{}`", self.shown.display()))(error));
        }
        Ok(true)
    }
}

fn unreadable(shown: &Path, error: &LockError) -> Failure {
    let help = match error {
        LockError::Newer(_) => "install the `stackctl` that wrote it, or a newer one",
        LockError::Conflict | LockError::Wrong(_) => {
            "keep one side of it, or let `stackctl lock --update` write it anew and look at what changed"
        }
    };
    let text = format!("`{}` cannot be used: {error}", shown.display());
    Failure::ManifestMessage(Message::new(text).help(help))
}

/// Makes a stack use what is locked.
pub(crate) fn pin(project: &Project, desired: &mut Desired) -> Result<(), Failure> {
    LockFile::read(project)?.lock.pin(desired, &base_image);
    Ok(())
}

/// Makes functions use the images that their code is mounted into by digest from the first deployment on, as they will when these
/// are locked.
pub(crate) async fn pin_bases(project: &Project, desired: &mut Desired) -> Result<(), Failure> {
    let file = LockFile::read(project)?;
    let used = used(desired, &file.lock);
    let is_base = |users: &[ImageUser]| users.iter().any(|user| matches!(user, ImageUser::Base(_)));
    let bases = used.images.iter().filter(|(image, users)| is_base(users) && !file.lock.images.contains_key(*image));
    let bases: Vec<_> = bases.map(|(image, _)| image.clone()).collect();
    if bases.is_empty() {
        return Ok(());
    }
    let wanted = wanted(project);
    let Ok(docker) = Docker::connect(&docker_settings()).await else { return Ok(()) };
    let mut found = Lock::default();
    for image in bases {
        let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.images.contains_key(&image));
        if let Some(digest) = digest_here(&docker, &image).await.filter(|_| is_wanted) {
            found.images.insert(image, digest);
        }
    }
    found.pin(desired, &base_image);
    Ok(())
}

/// The digest of an image that is on this machine and came from a registry.
async fn digest_here(docker: &Docker, image: &str) -> Option<String> {
    docker.image(image).await.ok().flatten()?.digest_of(image).map(str::to_owned)
}

/// What the checked-in files want, with each profile and without; `None` when one of them cannot be read here.
pub(crate) fn wanted(project: &Project) -> Option<Wanted> {
    let mut wanted = Wanted::of(&project.shared(None)?, &base_image);
    for profile in project.profiles() {
        wanted = wanted.and(Wanted::of(&project.shared(Some(&profile))?, &base_image));
    }
    Some(wanted)
}

/// What [`pin_bases`] has pinned ahead has the name again by which it will be locked.
fn without_new_pins(desired: &Desired, wanted: Option<&Wanted>) -> Desired {
    let mut plain = desired.clone();
    for base in plain.functions.values_mut().filter_map(|function| function.base_image.as_mut()) {
        let name = unpinned(base);
        if wanted.is_some_and(|wanted| wanted.images.contains_key(name)) {
            *base = name.to_owned();
        }
    }
    plain
}

/// What a stack is made of now, pinned or not; the target that it is on is another matter.
fn used(desired: &Desired, lock: &Lock) -> Wanted {
    let mut plain = Desired { targets: BTreeMap::new(), ..desired.clone() };
    let unpin = |name: &mut String| {
        if lock.images.contains_key(unpinned(name)) {
            *name = unpinned(name).to_owned();
        }
    };
    for service in plain.services.values_mut() {
        if let ServiceImage::Named(name) = &mut service.image {
            unpin(name);
        }
    }
    for function in plain.functions.values_mut() {
        function.image.as_mut().map(unpin);
        function.base_image.as_mut().map(unpin);
    }
    Wanted::of(&plain, &base_image)
}

/// The versions of all toolchains that the stack's functions are built and run with.
pub(crate) async fn tools(session: &Session, project: &Project, desired: &Desired) -> Tools {
    let asked = desired.functions.iter().map(async |(key, function)| {
        let request = artifacts::request(session, project, &desired.name, function);
        let runs_here = function.isolation != FunctionIsolation::Container && !function.is_image();
        (key.clone(), build::versions(&request, runs_here).await)
    });
    stream::iter(asked).buffered(ASKED_AT_ONCE).collect().await
}

/// Before anything is built: what the manifest requires is there, and, when it has to be, everything is as locked. What differs
/// otherwise is said in a line.
pub(crate) async fn check(
    session: &Session,
    project: &Project,
    desired: &Desired,
    must_be_locked: bool,
) -> Result<Tools, Failure> {
    let tools = tools(session, project, desired).await;
    require(session, project, desired, &tools).await?;
    let file = LockFile::read(project)?;
    if must_be_locked {
        refuse_differences(project, desired, &file, &tools).await?;
    } else {
        warn_of_differences(session, &file, &tools);
    }
    Ok(tools)
}

async fn refuse_differences(
    project: &Project,
    desired: &Desired,
    file: &LockFile,
    tools: &Tools,
) -> Result<(), Failure> {
    let mut differences = differences(project, desired, file, tools);
    // What has no digest anywhere cannot be locked.
    if differences.iter().any(|difference| matches!(difference, Difference::NewImage { .. })) {
        let docker = Docker::connect(&docker_settings()).await.ok();
        let mut lockable = Vec::new();
        for difference in differences {
            match (&difference, &docker) {
                (Difference::NewImage { image, .. }, Some(docker)) if is_only_here(docker, image).await => {}
                _ => lockable.push(difference),
            }
        }
        differences = lockable;
    }
    if differences.is_empty() {
        return Ok(());
    }
    if !file.exists {
        let text = format!("there is no `{}`, and `--locked` asks for what it says", file.shown.display());
        return Err(Failure::world(text, "`stackctl lock` writes it; check it in"));
    }
    Err(Failure::World(differs(&file.shown, &differences)))
}

/// In what a stack differs from its lock, with the way out.
pub(crate) fn differs(shown: &Path, differences: &[Difference]) -> Message {
    let lines: Vec<_> = differences.iter().map(|difference| format!("  {difference}")).collect();
    let text = format!("this is not what `{}` says:\n{}", shown.display(), lines.join("\n"));
    let is_version =
        |difference: &Difference| matches!(difference, Difference::Tool { .. } | Difference::NoTool { .. });
    Message::new(text).help(if differences.iter().any(is_version) {
        "install what is locked; or take what is here with `stackctl lock --update`, and check the change in"
    } else {
        "`stackctl lock` brings it up to date; check the change in"
    })
}

/// In what a stack differs from its lock.
pub(crate) fn differences(project: &Project, desired: &Desired, file: &LockFile, tools: &Tools) -> Vec<Difference> {
    file.lock.differences(&used(desired, &file.lock), tools, wanted(project).as_ref())
}

fn warn_of_differences(session: &Session, file: &LockFile, tools: &Tools) {
    let nothing = Wanted::default();
    let differences = file.lock.differences(&nothing, tools, None);
    let others: Vec<_> = differences
        .iter()
        .filter(|difference| matches!(difference, Difference::Tool { .. } | Difference::NoTool { .. }))
        .map(ToString::to_string)
        .collect();
    if !others.is_empty() {
        session.terminal.warn(format_args!("not as in `{}`: {}", file.shown.display(), others.join("; ")));
    }
}

/// Refuses the image of a target that is to be started when it is not locked and could be.
pub(crate) async fn refuse_unlocked_target(
    project: &Project,
    docker: &Docker,
    target: &str,
    image: &str,
) -> Result<(), Failure> {
    if is_pinned(image) || is_only_here(docker, image).await {
        return Ok(());
    }
    let (image, users) = (image.to_owned(), vec![ImageUser::Target(target.to_owned())]);
    Err(Failure::World(differs(&LockFile::read(project)?.shown, &[Difference::NewImage { image, users }])))
}

/// Whether an image is on this machine and came from no registry.
async fn is_only_here(docker: &Docker, image: &str) -> bool {
    docker.image(image).await.is_ok_and(|found| found.is_some_and(|found| found.digests.is_empty()))
}

/// What `requires` asks of the programs that build and run functions.
async fn require(session: &Session, project: &Project, desired: &Desired, tools: &Tools) -> Result<(), Failure> {
    let mut unmet = Vec::new();
    for (tool, requirement) in &desired.required_tools {
        let mut users: Vec<_> = tools
            .iter()
            .filter_map(|(key, tools)| Some((format!("functions.{key}"), tools.get(tool)?.clone())))
            .collect();
        if users.is_empty() {
            match here(session, project, desired, *tool).await {
                Some(version) => users.push(("this machine".to_owned(), version)),
                None => unmet.push(format!("it needs {tool} `{requirement}`, and there is none on the PATH")),
            }
        }
        for (user, version) in users {
            if build::satisfies(&version, requirement) == Some(false) {
                unmet.push(format!("it needs {tool} `{requirement}`, and {user} has {version}"));
            }
        }
    }
    if unmet.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = unmet.iter().map(|line| format!("  {line}")).collect();
    let text = format!("`{}` is not for what is installed here:\n{}", project.shown.display(), lines.join("\n"));
    Err(Failure::world(text, "install a version that it asks for, put it first on the PATH, or change `requires`"))
}

/// The version of a program that no function uses, as it is found from the manifest's directory.
async fn here(session: &Session, project: &Project, desired: &Desired, tool: Toolchain) -> Option<String> {
    let any = desired.functions.values().next()?;
    let mut request = artifacts::request(session, project, &desired.name, any);
    request.source.clone_from(&project.dir);
    request.runtime = String::new();
    build::version(&request, tool).await
}

/// After a stack came up: what is new in it is locked, what nobody wants any more is not.
pub(crate) async fn keep(
    session: &Session,
    project: &Project,
    desired: &Desired,
    tools: &Tools,
) -> Result<(), Failure> {
    let file = LockFile::read(project)?;
    let wanted = wanted(project);
    let is_wanted = |image: &str| wanted.as_ref().is_none_or(|wanted| wanted.images.contains_key(image));
    let mut found = Lock { functions: tools.clone(), ..Lock::default() };
    let used = used(&without_new_pins(desired, wanted.as_ref()), &file.lock);
    let target = session.elsewhere().and_then(|name| desired.targets.get(name)?.image());
    let of_target = target.map(|image| unpinned(image).to_owned());
    let new: Vec<_> = used
        .images
        .keys()
        .chain(&of_target)
        .filter(|image| !file.lock.images.contains_key(*image) && is_wanted(image))
        .collect();
    if !new.is_empty()
        && let Ok(docker) = Docker::connect(&docker_settings()).await
    {
        for image in new {
            let digest = digest_here(&docker, image).await;
            found.images.extend(digest.map(|digest| (image.clone(), digest)));
        }
    }
    let renewed = file.lock.renewed(&found, wanted.as_ref());
    match file.write(&renewed) {
        Ok(true) => say_locked(session, &file, &renewed),
        Ok(false) => {}
        // The stack is up all the same.
        Err(failure) => {
            let reason = failure.message().map(|message| message.text.clone()).unwrap_or_default();
            session.terminal.warn(reason);
        }
    }
    Ok(())
}

/// Says what is new, or that something went.
pub(crate) fn say_locked(session: &Session, file: &LockFile, new: &Lock) {
    let mut changed = Vec::new();
    for (image, digest) in new.images.iter().filter(|(image, digest)| file.lock.images.get(*image) != Some(digest)) {
        changed.push(format!("{image} at {}", short(digest)));
    }
    let none = BTreeMap::new();
    for (function, tools) in &new.functions {
        let old = file.lock.functions.get(function).unwrap_or(&none);
        let tools: Vec<_> = tools
            .iter()
            .filter(|(tool, version)| old.get(tool) != Some(version))
            .map(|(tool, version)| format!("{tool} {version}"))
            .collect();
        if !tools.is_empty() {
            changed.push(format!("functions.{function} with {}", tools.join(", ")));
        }
    }
    let (style, verb) = if file.exists { (YELLOW, "relocked") } else { (GREEN, "locked") };
    match changed.len() {
        0 => session.terminal.step(style, verb, format_args!("{}: what is not used went", file.shown.display())),
        1..=3 => session.terminal.step(style, verb, format_args!("{}: {}", file.shown.display(), changed.join("; "))),
        many => session.terminal.step(
            style,
            verb,
            format_args!("{}: {}", file.shown.display(), count(many as u64, "entry").replace("entrys", "entries")),
        ),
    }
    changed
        .iter()
        .filter(|_| changed.len() > 3)
        .for_each(|line| session.terminal.detail(format_args!("locked: {line}")));
}

fn short(digest: &str) -> &str {
    let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
    digits.get(..SHOWN_DIGITS).unwrap_or(digits)
}

/// The digests of images that are not locked yet: as the registry has them now, else as they are here. Nothing is pulled. The
/// image of a target that a stack can do without is left out where it cannot be asked for, and that is said.
pub(crate) async fn look_up(
    session: &Session,
    images: impl Iterator<Item = &String>,
    wanted: &Wanted,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    let mut docker = None;
    for image in images {
        session.terminal.passing("looking", image);
        match digest_of(&mut docker, image).await {
            Ok(Some(digest)) => drop(found.insert(image.clone(), digest)),
            Ok(None) => session.terminal.warn(format_args!(
                "the image `{image}` is known to no registry: it cannot be locked, and others will not have it"
            )),
            Err(error) if wanted.is_of_targets_alone(image) => {
                session.terminal.warn(format_args!("the image `{image}` of a target is not locked: {error}"));
            }
            Err(error) => return Err(super::services::failure(&error)),
        }
    }
    Ok(found)
}

/// As the registry has it, else as it is here; `docker` is connected when it is needed.
async fn digest_of(docker: &mut Option<Docker>, image: &str) -> Result<Option<String>, docker::Error> {
    let docker = match docker {
        Some(docker) => docker,
        None => docker.insert(Docker::connect(&docker_settings()).await?),
    };
    let local = docker.image(image).await?;
    match (docker.registry_digest(image).await, local) {
        (Ok(digest), _) => Ok(digest),
        (Err(_), Some(local)) => Ok(local.digest_of(image).map(str::to_owned)),
        (Err(error), None) => Err(error),
    }
}
