//! The images that functions are or run in: built, pulled or found, before anything is planned.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::{
    Session,
    failure::{Failure, Message},
    project::Project,
    surroundings::docker_settings,
    terminal::GREEN,
};
use crate::{
    build::{Artifact, BuildError, BuildEvent, ImageMaker, Making, Progress},
    docker::{self, BuildSpec, Context, Docker, Image, KIND_FUNCTION, Ownership},
    model::{ArtifactDigest, BUILT_IMAGES, FunctionIsolation, StackName},
    serve::containers::base_image,
    stack::{Architecture, Build, DesiredFunction, FunctionImage},
};

/// A file of the state directory that is there when images were built for it: without it nobody looks for Docker.
const MARK: &str = "images";
/// Lines of a build's output that are shown when it fails.
const LINES_MAX: usize = 200;

/// Makes or finds one function's image.
#[derive(Debug)]
struct Maker {
    settings: docker::Settings,
    origin: Origin,
    architecture: Architecture,
}

/// Where an image comes from.
#[derive(Debug)]
enum Origin {
    Named(String),
    Dockerfile { root: PathBuf, build: FunctionImage, repository: String, ownership: Ownership, function: String },
}

/// Who makes the image that `function` is; `None` when it is none.
pub(crate) fn maker(project: &Project, stack: &StackName, function: &DesiredFunction) -> Option<Arc<dyn ImageMaker>> {
    let origin = match (&function.image, &function.build) {
        (Some(name), _) => Origin::Named(name.clone()),
        (None, Build::Image(build)) => Origin::Dockerfile {
            root: function.source.join(&build.context),
            build: build.clone(),
            repository: repository(stack.as_str(), function.name.as_str()),
            ownership: Ownership::new(stack.clone(), &project.state_dir()),
            function: function.name.to_string(),
        },
        (None, _) => return None,
    };
    Some(Arc::new(Maker { settings: docker_settings(), origin, architecture: function.architecture }))
}

/// Pulls the base images that functions will run in and that are not here yet: the engine would, without a word, when the first
/// of them is deployed.
///
/// # Errors
/// There is no Docker, or an image cannot be had.
pub(crate) async fn pull_bases<'a>(
    session: &Session,
    functions: impl Iterator<Item = &'a DesiredFunction>,
) -> Result<(), Failure> {
    let in_containers =
        functions.filter(|function| function.isolation == FunctionIsolation::Container && !function.is_image());
    let bases: BTreeSet<(String, &str)> = in_containers
        .filter_map(|function| {
            let image = function.base_image.clone().or_else(|| base_image(&function.runtime))?;
            Some((image, platform(function.architecture)))
        })
        .collect();
    if bases.is_empty() {
        return Ok(());
    }
    let docker = Docker::connect(&docker_settings()).await.map_err(|error| failed(&error))?;
    for (name, platform) in bases {
        let found = match docker.image(&name).await.map_err(|error| failed(&error))? {
            Some(found) => Some(found),
            None => {
                pull(session, &docker, &name, Some(platform)).await.map_err(|error| failed(&error))?;
                docker.image(&name).await.map_err(|error| failed(&error))?
            }
        };
        if let Some(text) = found.and_then(|found| foreign_machine(&docker, &name, &found)) {
            session.terminal.warn(text);
        }
    }
    Ok(())
}

/// Pulls an image, with its progress in sight.
pub(crate) async fn pull(
    session: &Session,
    docker: &Docker,
    name: &str,
    platform: Option<&str>,
) -> Result<(), docker::Error> {
    session.terminal.passing_or_step("pulling", name);
    docker.pull(name, platform, |line| session.terminal.passing("pulling", &format!("{name}: {line}"))).await?;
    session.terminal.step(GREEN, "pulled", name);
    Ok(())
}

/// What is to be said of an image that is for another machine than Docker's.
pub(crate) fn foreign_machine(docker: &Docker, name: &str, image: &Image) -> Option<String> {
    (!docker.can_run(image)).then(|| {
        let here = &docker.info().architecture;
        format!("`{name}` is for {}, and Docker here is {here}: it runs by emulation or not at all", image.architecture)
    })
}

/// Removes the images that were built for the stack that is kept in `state_dir`. Returns how many names there were. Looks
/// for Docker only when something was built.
///
/// # Errors
/// Docker does not answer.
pub(crate) async fn remove_built(state_dir: &Path) -> Result<usize, docker::Error> {
    let stack = fs::read_to_string(state_dir.join(MARK)).ok().and_then(|stack| StackName::parse(&stack).ok());
    let Some(stack) = stack else { return Ok(0) };
    let docker = Docker::connect(&docker_settings()).await?;
    let ownership = Ownership::new(stack, state_dir);
    let mut removed = 0;
    for name in docker.images_labelled(&ownership.filter(Some(KIND_FUNCTION))).await? {
        if docker.untag(&name).await.is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

fn failed(error: &docker::Error) -> Failure {
    let message = Message::new(error.to_string());
    Failure::World(match error.hint() {
        Some(hint) => message.help(hint),
        None => message,
    })
}

impl ImageMaker for Maker {
    fn make<'a>(&'a self, progress: &'a Progress) -> Making<'a> {
        Box::pin(async move {
            let docker = Docker::connect(&self.settings).await.map_err(of_docker)?;
            let (name, reused) = match &self.origin {
                Origin::Named(name) => (name.clone(), self.find(&docker, name, progress).await?),
                Origin::Dockerfile { .. } => self.build(&docker, progress).await?,
            };
            self.artifact(&docker, name, reused, progress).await
        })
    }
}

impl Maker {
    /// Whether it was here already.
    async fn find(&self, docker: &Docker, name: &str, progress: &Progress) -> Result<bool, BuildError> {
        if docker.image(name).await.map_err(of_docker)?.is_some() {
            return Ok(true);
        }
        let command = format!("docker pull {name}");
        progress.tell(BuildEvent::Started(&command));
        let pulled = docker.pull(name, Some(platform(self.architecture)), |line| progress.tell(BuildEvent::Line(line)));
        let pulled = pulled.await;
        progress.tell(BuildEvent::Ended(&command));
        pulled.map_err(of_docker)?;
        Ok(false)
    }

    /// The image's name, which tells all that it is made of, and whether it was here already.
    async fn build(&self, docker: &Docker, progress: &Progress) -> Result<(String, bool), BuildError> {
        let Origin::Dockerfile { root, build, repository, ownership, function } = &self.origin else {
            return Err(unsuitable("an image that is named is not built"));
        };
        let context = {
            let (folder, dockerfile) = (root.clone(), PathBuf::from(&build.dockerfile));
            let read = tokio::task::spawn_blocking(move || Context::read(&folder, &dockerfile)).await;
            let read = read.map_err(io::Error::other).and_then(|read| read);
            read.map_err(|error| BuildError::Disk { action: "read", path: root.clone(), error })?
        };
        let name = format!("{repository}:{}", inputs(&context, build, self.architecture));
        if docker.image(&name).await.map_err(of_docker)?.is_some() {
            return Ok((name, true));
        }
        let spec = BuildSpec {
            tag: name.clone(),
            dockerfile: build.dockerfile.clone(),
            target: build.target.clone(),
            arguments: build.args.clone(),
            labels: ownership.labels(KIND_FUNCTION, function, ""),
            platform: if is_native(docker, self.architecture) {
                String::new()
            } else {
                platform(self.architecture).into()
            },
        };
        let command = format!("docker build --file {} {}", build.dockerfile, root.display());
        let printed = Mutex::new(Vec::new());
        mark(ownership).map_err(|error| BuildError::Disk { action: "write", path: PathBuf::from(MARK), error })?;
        progress.tell(BuildEvent::Started(&command));
        let built = docker.build(&context, &spec, |line| {
            let mut printed = printed.lock().unwrap_or_else(PoisonError::into_inner);
            if printed.len() < LINES_MAX {
                printed.push(line.to_owned());
            }
            progress.tell(BuildEvent::Line(line));
        });
        let built = Box::pin(built).await;
        progress.tell(BuildEvent::Ended(&command));
        match built {
            Ok(()) => Ok((name, false)),
            Err(error) if matches!(error.kind, docker::ErrorKind::Refused) => {
                let output = printed.into_inner().unwrap_or_else(PoisonError::into_inner).join("\n");
                Err(BuildError::Failed { command, status: error.message, output })
            }
            Err(error) => Err(of_docker(error)),
        }
    }

    async fn artifact(
        &self,
        docker: &Docker,
        name: String,
        reused: bool,
        progress: &Progress,
    ) -> Result<Artifact, BuildError> {
        let image = docker.image(&name).await.map_err(of_docker)?;
        let image = image.ok_or_else(|| unsuitable(format!("the image `{name}` is not there")))?;
        let wanted = platform(self.architecture).trim_start_matches("linux/");
        if !image.architecture.is_empty() && image.architecture != wanted {
            return Err(BuildError::Unsuitable {
                message: format!("the image `{name}` is for {}, and the function is for {wanted}", image.architecture),
                help: Some("set `architecture` to what the image is for, or name or build another".to_owned()),
            });
        }
        if !docker.can_run(&image) {
            let here = &docker.info().architecture;
            let text =
                format!("its image is for {}, and Docker here is {here}: it runs by emulation or not at all", wanted);
            progress.tell(BuildEvent::Warning(&text));
        }
        let digest = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        let digest = ArtifactDigest::from_hex(digest)
            .ok_or_else(|| unsuitable(format!("the id of the image `{name}` is no digest: `{}`", image.id)))?;
        Ok(Artifact { digest, dir: PathBuf::new(), image: Some(name), size_bytes: 0, reused })
    }
}

/// Notes that there may be something to remove from now on.
fn mark(ownership: &Ownership) -> io::Result<()> {
    let state_dir = Path::new(&ownership.directory);
    fs::create_dir_all(state_dir)?;
    fs::write(state_dir.join(MARK), ownership.stack.as_str())
}

fn is_native(docker: &Docker, architecture: Architecture) -> bool {
    platform(architecture).trim_start_matches("linux/") == docker.info().architecture
}

fn platform(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "linux/amd64",
        Architecture::Arm64 => "linux/arm64",
    }
}

/// Digits that change with anything that the image is made of here. What a base image's tag names is not looked at.
fn inputs(context: &Context, build: &FunctionImage, architecture: Architecture) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    [context.digest(), &build.dockerfile, &build.target, platform(architecture)].into_iter().for_each(&mut part);
    build.args.iter().for_each(|(name, value)| [name, value].into_iter().for_each(|text| part(text)));
    ArtifactDigest::from_bytes(hash.finalize().into()).to_string()
}

/// A name that no registry has; an image's may have fewer characters than a function's.
fn repository(stack: &str, function: &str) -> String {
    let legal = |name: &str| {
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
        match plain.trim_matches('-') {
            "" => "f".to_owned(),
            plain => plain.to_owned(),
        }
    };
    format!("{BUILT_IMAGES}{}/{}", legal(stack), legal(function))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn of_docker(error: docker::Error) -> BuildError {
    BuildError::Unsuitable { help: error.hint(), message: error.to_string() }
}

fn unsuitable(message: impl Into<String>) -> BuildError {
    BuildError::Unsuitable { message: message.into(), help: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_images_have_names_that_docker_takes() {
        let check = |function, expected: &str| {
            assert_eq!(repository("orders", function), format!("stackctl.localhost/orders/{expected}"));
        };
        check("consumer", "consumer");
        check("GetOrder_v2", "getorder-v2");
        check("_", "f");
    }

    #[test]
    fn an_image_is_known_by_all_that_it_is_made_of() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("Dockerfile"), "FROM scratch").unwrap();
        let context = Context::read(dir.path(), Path::new("Dockerfile")).unwrap();
        let build = FunctionImage { dockerfile: "Dockerfile".into(), ..FunctionImage::default() };
        let digits = |build: &FunctionImage, architecture| inputs(&context, build, architecture);
        let first = digits(&build, Architecture::X86_64);
        assert_eq!(first, digits(&build.clone(), Architecture::X86_64));
        assert_ne!(first, digits(&build, Architecture::Arm64));
        assert_ne!(first, digits(&FunctionImage { target: "t".into(), ..build.clone() }, Architecture::X86_64));
        let args = [("A".to_owned(), "1".to_owned())].into();
        assert_ne!(first, digits(&FunctionImage { args, ..build }, Architecture::X86_64));
    }
}
