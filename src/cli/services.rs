//! The stack's services on this machine's container engine: found, and asked what it has.

use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
};

use super::{
    Session,
    failure::{Failure, Message},
    images,
    project::Project,
    surroundings::docker_settings,
    terminal::Verbosity,
};
use crate::{
    docker::{self, BuildSpec, Context, Docker, Ownership},
    model::{StackName, image_name},
    plan::ServiceFacts,
    provider::{DockerProvider, Said},
    stack::{Address, Desired, ImageBuild, Selection, ServiceImage},
};

/// In the state directory: there once were services, so that leftovers are looked for.
pub(crate) const MARKER: &str = "services";

/// What a plan has to know and what carries it out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Services {
    /// `None` for a stack that has no services and never had any.
    pub(crate) provider: Option<DockerProvider>,
    pub(crate) facts: ServiceFacts,
}

impl Services {
    /// Finds the engine, when services are selected or the stack had some.
    pub(crate) async fn open(
        session: &Session,
        project: &Project,
        desired: &Desired,
        selection: &Selection,
    ) -> Result<Self, Failure> {
        let is_selected = |key: &String| selection.contains(&Address::Service(key.clone()));
        let has_services = desired.services.keys().any(is_selected);
        if *selection != Selection::Everything && !has_services {
            return Ok(Self::default());
        }
        if desired.services.is_empty() && !had_services(project) {
            return Ok(Self::default());
        }
        let docker = match Docker::connect(&docker_settings()).await {
            Ok(docker) => docker,
            Err(error) if desired.services.is_empty() => {
                session.terminal.warn(format_args!("{error}: services that this stack had may be left there"));
                return Ok(Self::default());
            }
            Err(error) => return Err(failure(&error)),
        };
        let mut facts = ServiceFacts { host: docker.endpoint().host().to_owned(), ..ServiceFacts::default() };
        if docker.info().is_podman {
            let machine = docker.machine().await.map_err(|error| failure(&error))?;
            facts.functions_share_network = docker.shares_network(&machine);
        }
        for (key, service) in desired.services.iter().filter(|(key, _)| is_selected(key)) {
            if let ServiceImage::Built(build) = &service.image {
                let digest = digest(key, build.clone()).await?;
                facts.images.insert(key.clone(), image_name(&desired.name, key, &digest));
            }
        }
        for service in desired.services.values() {
            if let ServiceImage::Named(name) = &service.image
                && let Ok(Some(found)) = docker.image(name).await
                && let Some(text) = images::foreign_machine(&docker, name, &found)
            {
                session.terminal.warn(text);
            }
        }
        let ownership = Ownership::new(desired.name.clone(), &project.state_dir());
        let built = facts.images.values().cloned().collect();
        let provider = DockerProvider::new(docker, ownership, built, said(session));
        Ok(Self { provider: Some(provider), facts })
    }

    /// Remembers that there are services, so that they are found when the manifest no longer has any.
    pub(crate) fn remember(&self, project: &Project) -> Result<(), Failure> {
        if self.provider.is_none() {
            return Ok(());
        }
        let marker = project.state_dir().join(MARKER);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(project.state_dir());
        made.and_then(|()| fs::write(&marker, ""))
            .map_err(Failure::while_doing(format_args!("write `{}`", marker.display())))
    }
}

/// The engine that may hold services of a stack which goes; `None` when there never were any.
pub(crate) async fn left(session: &Session, project: &Project) -> Result<Option<DockerProvider>, Failure> {
    let desired = project.read(session).ok().and_then(|reading| reading.desired);
    let has_services = desired.as_ref().is_some_and(|desired| !desired.services.is_empty());
    if !has_services && !had_services(project) {
        return Ok(None);
    }
    let docker = Docker::connect(&docker_settings()).await.map_err(|error| failure(&error))?;
    // Found by the directory's label: the name is whatever it was.
    let name = desired.map(|desired| desired.name).or_else(|| StackName::parse("unnamed").ok());
    let Some(name) = name else { return Ok(None) };
    let ownership = Ownership::new(name, &project.state_dir());
    Ok(Some(DockerProvider::new(docker, ownership, Vec::new(), said(session))))
}

/// How many containers and networks, and how many volumes, a container engine has of the stack in a directory; `None` where
/// there is no engine to ask.
pub(crate) async fn of_directory(project: &Project) -> Option<(usize, usize)> {
    let docker = Docker::connect(&docker_settings()).await.ok()?;
    let filter = Ownership::new(StackName::parse("unnamed").ok()?, &project.state_dir()).directory_filter();
    let (containers, networks, volumes) =
        tokio::try_join!(docker.containers(&filter), docker.networks(&filter), docker.volumes(&filter)).ok()?;
    Some((containers.len() + networks.len(), volumes.len()))
}

pub(crate) fn failure(error: &docker::Error) -> Failure {
    let message = Message::new(error.to_string());
    Failure::World(match error.hint() {
        Some(hint) => message.help(hint),
        None => message,
    })
}

fn had_services(project: &Project) -> bool {
    project.state_dir().join(MARKER).exists()
}

async fn digest(key: &str, build: ImageBuild) -> Result<String, Failure> {
    let read = tokio::task::spawn_blocking(move || {
        let context = Context::read(&build.context, &build.dockerfile)?;
        let spec = BuildSpec { target: build.target, arguments: build.arguments, ..BuildSpec::default() };
        Ok::<_, std::io::Error>(spec.digest(&context))
    });
    let failed = |error: String| {
        Failure::ManifestMessage(Message::new(format!(
            "services.{key}: cannot read what its image is built from: {error}"
        )))
    };
    read.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
}

/// On a terminal the last line of each pull or build; all of them when asked for.
fn said(session: &Session) -> Said {
    let terminal = session.terminal;
    Said::to(move |address: &Address, line: &str| {
        if terminal.verbosity < Verbosity::Verbose {
            terminal.passing("image", &format!("{address}: {line}"));
        } else {
            terminal.detail(format_args!("{address}: {line}"));
        }
    })
}
