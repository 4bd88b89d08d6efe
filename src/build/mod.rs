//! Toolchains and packaging: a function's source becomes a content-hashed artifact in the state directory. Nothing here
//! deploys, watches, or knows a target; the AWS target's cross builds are not made here either: Rust is compiled for the
//! machine it is compiled on.
//!
//! The way of a build: the inputs' fingerprint is compared with the cache's (`cache`: only `stat` calls); when it
//! differs, the adapter of the language fills an unfinished directory, which is hashed and renamed (`pack`).

mod adapter;
mod cache;
mod error;
mod inputs;
mod listing;
mod pack;
mod placed;
mod progress;
mod snapshot;
mod told;
mod tree;

mod command;
mod esbuild;
mod golang;
mod identity;
mod java;
mod kept;
mod node_modules;
mod package;
mod python;
mod requirements;
mod rust;
mod source;
mod toolchain;
mod versions;

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

pub use error::BuildError;
pub use identity::{TOOL_VARIABLES, ToolEnvironment};
pub use inputs::{Added, Inputs};
pub use package::{Package, package, prune_packages};
pub use progress::{BuildEvent, Progress};
pub use snapshot::Earlier;
pub use told::Watcher;
pub use versions::{satisfies, version, versions};

use self::{adapter::Adapter, cache::Fingerprint, pack::Unfinished};
use crate::{
    model::ArtifactDigest,
    stack::{Address, Architecture, Build, DesiredFunction, DesiredLayer},
};

/// How long each command of a build may take.
pub const BUILD_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Builds of [`build_all`] that run at once: toolchains use all cores by themselves.
pub const BUILDS_AT_ONCE: usize = 2;

/// What is built, and where to.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The function's name; of a layer its address, `layers.NAME`, which no function's name can be.
    pub function: String,
    /// Absolute.
    pub source: PathBuf,
    pub build: Build,
    pub runtime: String,
    pub handler: String,
    pub architecture: Architecture,
    /// Whether a debugger will look at it.
    pub debug: bool,
    /// What the toolchain will see of this process's environment.
    pub environment: ToolEnvironment,
    /// Absolute; created when it is missing.
    pub state_dir: PathBuf,
    /// Absolute paths inside the source that are no code: the manifest itself, say.
    pub leave_out: Vec<PathBuf>,
    /// What else it is made of, though no toolchain says so: files and directories, absolute.
    pub watch: Vec<PathBuf>,
    pub timeout: Duration,
    pub progress: Progress,
    /// What builds of this function in this process leave for later ones.
    pub earlier: Earlier,
    /// Who makes the image that the function is, or finds it; `None` for a function that is no image.
    pub image: Option<Arc<dyn ImageMaker>>,
}

/// Makes the image that a function is: Docker's, of whom this layer knows nothing.
pub trait ImageMaker: std::fmt::Debug + Send + Sync {
    /// The image, built or pulled when it is not here as it should be. Dropping the future gives it up.
    fn make<'a>(&'a self, progress: &'a Progress) -> Making<'a>;
}

/// An image on its way.
pub type Making<'a> = Pin<Box<dyn Future<Output = Result<Artifact, BuildError>> + Send + 'a>>;

impl BuildRequest {
    /// The request for a function of a manifest, without progress.
    pub fn of(function: &DesiredFunction, state_dir: &Path) -> Self {
        Self {
            function: function.name.to_string(),
            source: adapter::normal(&function.source),
            build: function.build.clone(),
            runtime: function.runtime.clone(),
            handler: function.handler.clone(),
            architecture: function.architecture,
            debug: function.debug.is_some(),
            environment: ToolEnvironment::default(),
            state_dir: state_dir.to_owned(),
            leave_out: Vec::new(),
            watch: function.watch.clone(),
            timeout: BUILD_TIMEOUT,
            progress: Progress::silent(),
            earlier: Earlier::default(),
            image: None,
        }
    }

    /// The request for the layer of this key, without progress.
    pub fn of_layer(key: &str, layer: &DesiredLayer, state_dir: &Path) -> Self {
        Self {
            function: Address::Layer(key.to_owned()).to_string(),
            source: adapter::normal(&layer.source),
            build: layer.build.clone(),
            runtime: String::new(),
            handler: String::new(),
            // A layer may be for either; a command finds out what it needs.
            architecture: Architecture::X86_64,
            debug: false,
            environment: ToolEnvironment::default(),
            state_dir: state_dir.to_owned(),
            leave_out: Vec::new(),
            watch: Vec::new(),
            timeout: BUILD_TIMEOUT,
            progress: Progress::silent(),
            earlier: Earlier::default(),
            image: None,
        }
    }
}

/// A function's code in the state directory, as it will stand at `/var/task`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    pub digest: ArtifactDigest,
    /// [`ArtifactDigest::dir_in`] the state directory; empty for an image.
    pub dir: PathBuf,
    /// The name of an image, of which the digest is the id's.
    pub image: Option<String>,
    pub size_bytes: u64,
    /// Whether no input had changed since an earlier build, so that nothing was run or copied.
    pub reused: bool,
}

/// Builds one function. Dropping the future kills what it runs; an artifact is then complete or absent.
///
/// # Errors
/// The reason, with the toolchain's own words and the way out.
pub async fn build(request: &BuildRequest) -> Result<Artifact, BuildError> {
    if let Some(image) = &request.image {
        return image.make(&request.progress).await;
    }
    let (cached, listing, fingerprint) = off_thread(request, |request| {
        if !request.source.is_dir() {
            return Err(BuildError::SourceMissing { source: request.source.clone() });
        }
        let cached = cache::load(request);
        let listing = request.earlier.list(&request.source, adapter::rules(request))?;
        let elsewhere = cached.as_ref().map_or(&[][..], |cached| &cached.elsewhere);
        let fingerprint = Fingerprint::take(request, &listing, elsewhere);
        Ok((cached, listing, fingerprint))
    })
    .await?;
    if let Some(artifact) = cached.as_ref().and_then(|cached| cached.artifact(request, &fingerprint)) {
        return Ok(artifact);
    }
    let adapter = Adapter::of(request);
    let unfinished = off_thread(request, |request| Unfinished::new(&request.state_dir)).await?;
    let (unfinished, elsewhere) = adapter.fill(unfinished, listing).await?;
    off_thread(request, move |request| {
        let artifact = request.earlier.finish(unfinished)?;
        let known = cached.map(|cached| cached.elsewhere);
        cache::store(request, &fingerprint, known.as_deref(), &elsewhere, &artifact);
        Ok(artifact)
    })
    .await
}

/// Gets ready for the next build of a function whose source is deployed as it is, so that its time is that of what
/// changes. Blocking.
pub fn prepare(request: &BuildRequest) {
    if request.image.is_some() {
        return;
    }
    request.earlier.prepare(&request.state_dir);
}

/// Lets go what builds have kept of dependencies that no build has used for long. Blocking.
pub fn prune(state_dir: &Path) {
    kept::prune(state_dir);
}

/// Forgets what is known of a function's last build, so that the next one looks at everything and runs the toolchain. Blocking.
pub fn forget(request: &BuildRequest) {
    request.earlier.tell_everything();
    cache::forget(request);
}

/// Builds many functions, [`BUILDS_AT_ONCE`] at a time; the results are in the order of the requests. One that fails
/// does not end the others, so that all mistakes are seen at once.
pub async fn build_all(requests: &[BuildRequest]) -> Vec<Result<Artifact, BuildError>> {
    let waiting = Mutex::new(requests.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let worker = async || {
        loop {
            let next = locked(&waiting).next();
            let Some((index, request)) = next else { break };
            let result = Box::pin(build(request)).await;
            locked(&done).push((index, result));
        }
    };
    // As many as `BUILDS_AT_ONCE` says.
    let _: [(); BUILDS_AT_ONCE] = <[(); 2]>::from(tokio::join!(worker(), worker()));
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs what blocks on the file system where that is allowed.
async fn off_thread<T: Send + 'static>(
    request: &BuildRequest,
    work: impl FnOnce(&BuildRequest) -> Result<T, BuildError> + Send + 'static,
) -> Result<T, BuildError> {
    let request = request.clone();
    let source = request.source.clone();
    match tokio::task::spawn_blocking(move || work(&request)).await {
        Ok(result) => result,
        Err(error) => Err(BuildError::Disk { action: "build", path: source, error: std::io::Error::other(error) }),
    }
}
