//! Functions in containers: what the engine knows of Docker for all of them together. Which container an environment gets is
//! decided here; its life is [`super::environments`]'.
//!
//! Nothing of this happens before the first function wants a container: a stack without any never looks for Docker.

mod images;
mod launcher;
mod reach;
mod settings;
mod sweep;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::{OnceCell, Semaphore, mpsc};

pub use images::base_image;
pub(super) use launcher::{Ends, WORDS as LAUNCHER_WORDS, refusal};
pub(super) use reach::Admits;
pub use reach::{Gateway, NetworkChoice, Subnet};
pub use sweep::{Swept, sweep};

use self::{
    images::Images,
    reach::Reach,
    settings::{Place, container_spec},
};
use super::report::Report;
use crate::{
    docker::{self, ContainerSpec, Docker, Image, Machine, Ownership},
    engine::{CodeImage, LaunchSpec, SandboxSpec, lambda::CodeRef},
    model::{ArtifactDigest, FunctionIsolation, RUNTIME_DIR, StackName},
};

/// Containers that are created and started at one time: more only wait for each other inside the engine.
const STARTING_MAX: usize = 8;
/// Sockets on their way to the listener; there is one for each engine of Docker that is found, and one is found.
const DOORS_MAX: usize = 4;

/// What functions in containers need to be told.
#[derive(Clone, Debug)]
pub struct ContainersOptions {
    /// Where Docker may be.
    pub docker: docker::Settings,
    /// The stack's name, or what stands for it.
    pub stack: StackName,
    /// Absolute. Holds the code.
    pub state_dir: PathBuf,
    /// The engine's port on loopback.
    pub port: u16,
    pub network: NetworkChoice,
    /// What functions run in that say nothing themselves.
    pub default: FunctionIsolation,
    pub report: Report,
}

/// A socket on the gateway of the stack's network, for the listener to serve.
#[derive(Debug)]
pub struct GatewaySocket {
    pub socket: tokio::net::TcpListener,
    pub gateway: Arc<Gateway>,
}

/// The containers of one engine's functions; all clones are one.
#[derive(Clone, Debug)]
pub struct Containers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: ContainersOptions,
    doors: mpsc::Sender<GatewaySocket>,
    connected: OnceCell<Connected>,
    starting: Semaphore,
    told_emulation: AtomicBool,
}

/// An engine that was found, and the way between its containers and this process.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) docker: Docker,
    pub(super) machine: Machine,
    pub(super) reach: Reach,
    /// The file of what lets functions print straight to this engine, where there is one.
    launcher: Option<PathBuf>,
    images: Images,
    pub(super) ownership: Ownership,
}

/// What a container of a function will be made of.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    pub(super) connected: &'a Connected,
    image: Image,
    /// Whether the image itself is the function's code.
    is_code: bool,
}

/// What an environment brings for its container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    /// The layers' files, when there are layers.
    pub(super) layers_dir: Option<&'a Path>,
    /// The port of its Runtime API.
    pub(super) runtime_api_port: u16,
    /// No other environment's.
    pub(super) serial: u64,
    /// Where the launcher finds this engine; `None` leaves it out. Only where there is one.
    pub(super) ends: Option<Ends<'a>>,
}

/// Why there is no container, in words for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<docker::Error> for Unavailable {
    fn from(error: docker::Error) -> Self {
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        Self(format!("{error}{hint}"))
    }
}

impl Prepared<'_> {
    /// Whether its program can be started by the launcher.
    pub(super) fn has_launcher(&self, spec: &LaunchSpec) -> bool {
        self.connected.launcher.is_some() && settings::names_program(spec, &self.image)
    }
}

impl Containers {
    /// Containers for the functions of one engine. The receiver gets the sockets that its listener is to serve as well.
    pub fn new(options: ContainersOptions) -> (Self, mpsc::Receiver<GatewaySocket>) {
        let (doors, receiver) = mpsc::channel(DOORS_MAX);
        let inner = Inner {
            options,
            doors,
            connected: OnceCell::new(),
            starting: Semaphore::new(STARTING_MAX),
            told_emulation: AtomicBool::new(false),
        };
        (Self { inner: Arc::new(inner) }, receiver)
    }

    /// Whether a function that asks for `sandbox` runs in a container.
    pub(super) fn wants(&self, sandbox: &SandboxSpec) -> bool {
        match sandbox {
            SandboxSpec::Process => false,
            SandboxSpec::Unsaid => self.inner.options.default == FunctionIsolation::Container,
            SandboxSpec::Container { .. } | SandboxSpec::Image { .. } => true,
        }
    }

    /// Whether any function has had a container.
    pub fn is_used(&self) -> bool {
        self.inner.connected.initialized()
    }

    /// The image that is a function's code, pulled when it is not here.
    ///
    /// # Errors
    /// There is no Docker, no such image, or it is for another architecture.
    pub async fn resolve(&self, uri: &str, architecture: &str) -> Result<CodeRef, Unavailable> {
        let connected = self.connected().await?;
        let image = self.image(connected, uri, architecture).await?;
        let digest = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
        let artifact = ArtifactDigest::from_hex(digest)
            .ok_or_else(|| Unavailable(format!("the image `{uri}` has no id that is a digest: `{}`", image.id)))?;
        let resolved_uri =
            image.digests.first().cloned().unwrap_or_else(|| format!("{}@{}", repository(uri), image.id));
        let code = CodeImage { uri: uri.to_owned(), id: image.id, resolved_uri };
        // AWS gives hexadecimal here, unlike for zip files, and no size.
        Ok(CodeRef { artifact, sha256: artifact.to_string(), size_bytes: 0, unzipped_bytes: 0, image: Some(code) })
    }

    /// Looks ahead at what a function with this runtime will need, so that what is missing is told when it is deployed.
    ///
    /// # Errors
    /// As [`Containers::resolve`].
    pub async fn look_ahead(
        &self,
        sandbox: &SandboxSpec,
        runtime: &str,
        architecture: &str,
    ) -> Result<(), Unavailable> {
        if !self.wants(sandbox) || matches!(sandbox, SandboxSpec::Image { .. }) {
            return Ok(());
        }
        let connected = self.connected().await?;
        let image = self.image(connected, &base_image_of(sandbox, runtime)?, architecture).await?;
        settings::check_base(&image, runtime)
    }

    /// What a container of this function will be made of.
    pub(super) async fn prepare(&self, spec: &LaunchSpec) -> Result<Prepared<'_>, Unavailable> {
        let connected = self.connected().await?;
        let (name, is_code) = match &spec.sandbox {
            SandboxSpec::Image { image, .. } => (image.id.clone(), true),
            other => (base_image_of(other, &spec.runtime)?, false),
        };
        let image = self.image(connected, &name, &spec.architecture).await?;
        if !is_code {
            settings::check_base(&image, &spec.runtime)?;
        }
        Ok(Prepared { connected, image, is_code })
    }

    /// The container to create for an environment.
    pub(super) fn spec(&self, prepared: &Prepared<'_>, spec: &LaunchSpec, around: Around<'_>) -> ContainerSpec {
        let options = &self.inner.options;
        let connected = prepared.connected;
        let Around { layers_dir, runtime_api_port, serial, ends } = around;
        container_spec(
            spec,
            &Place {
                name: format!("stackctl-{}-{}-{}-{serial}", options.stack, spec.function.name, std::process::id()),
                ownership: &connected.ownership,
                state_dir: &options.state_dir,
                layers_dir,
                port: options.port,
                runtime_api_port,
                reach: &connected.reach,
                machine: &connected.machine,
                is_podman: connected.docker.info().is_podman,
                user_processes_max: rustix::process::getrlimit(rustix::process::Resource::Nproc).maximum,
                image: &prepared.image,
                is_code: prepared.is_code,
                launcher: connected.launcher.as_deref().zip(ends),
                user: (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()),
            },
        )
    }

    /// Waits for its turn to create and start a container.
    pub(super) async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.inner.starting.acquire().await.ok()
    }

    async fn image(&self, connected: &Connected, name: &str, architecture: &str) -> Result<Image, Unavailable> {
        let image = connected.images.get(&connected.docker, name, architecture, &self.inner.options.report).await?;
        if !connected.docker.can_run(&image) && !self.inner.told_emulation.swap(true, Ordering::Relaxed) {
            self.inner.options.report.say(format!(
                "`{name}` is for {}, and this machine's Docker is {}: it runs slowly, or not at all, by emulation",
                image.architecture,
                connected.docker.info().architecture
            ));
        }
        Ok(image)
    }

    /// Finds Docker, clears what an earlier engine left, and opens the way from containers to this engine; once.
    async fn connected(&self) -> Result<&Connected, Unavailable> {
        let inner = &self.inner;
        inner.connected.get_or_try_init(|| Box::pin(self.connect())).await
    }

    async fn connect(&self) -> Result<Connected, Unavailable> {
        let options = &self.inner.options;
        let docker = Docker::connect(&options.docker).await?;
        let ownership = Ownership::new(options.stack.clone(), &options.state_dir);
        sweep::mark(&options.stack, &options.state_dir)
            .map_err(|error| Unavailable(format!("cannot write `{}`: {error}", options.state_dir.display())))?;
        let swept = sweep::containers(&docker, &ownership).await?;
        if swept.containers > 0 {
            options.report.say(format!("removed {swept} that an earlier engine left behind"));
        }
        let machine = docker.machine().await?;
        let runtime_dir = options.state_dir.join(RUNTIME_DIR);
        let launcher = launcher::install(&docker, &machine, &runtime_dir)
            .map_err(|error| Unavailable(format!("cannot write `{}`: {error}", runtime_dir.display())))?;
        let (reach, socket) = Reach::open(&docker, &machine, &ownership, options.network, options.port).await?;
        if let Some(door) = socket {
            // Refused only when the listener is gone, and the engine with it.
            let _ = self.inner.doors.send(door).await;
        }
        Ok(Connected { docker, machine, reach, launcher, images: Images::default(), ownership })
    }
}

fn base_image_of(sandbox: &SandboxSpec, runtime: &str) -> Result<String, Unavailable> {
    match sandbox {
        SandboxSpec::Container { base_image: Some(image) } => Ok(image.clone()),
        _ => base_image(runtime).ok_or_else(|| {
            Unavailable(format!(
                "AWS publishes no image of the runtime `{runtime}`; name one that has it with `base_image = \"...\"`"
            ))
        }),
    }
}

/// A name without its tag and digest.
fn repository(uri: &str) -> &str {
    let name = uri.split('@').next().unwrap_or(uri);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_no_tags() {
        let check = |uri, expected| assert_eq!(repository(uri), expected, "{uri}");
        check("a/b", "a/b");
        check("a/b:1", "a/b");
        check("localhost:5000/b", "localhost:5000/b");
        check("localhost:5000/b:1", "localhost:5000/b");
        check("b:1@sha256:00", "b");
    }
}
