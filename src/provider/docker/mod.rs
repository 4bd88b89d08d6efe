//! A container engine: the stack's services with their images, volumes and network. What is the stack's is known by its
//! labels, which name the stack and its state directory; what lacks them is never touched.

mod calls;
mod error;
mod found;
mod observe;

use std::{fmt, sync::Arc};

use crate::{
    converge::{Provider, ProviderError},
    docker::{self, Container, Docker, KIND_SERVICE, LABEL_KIND, Ownership},
    plan::{Call, Step},
    stack::{Address, Desired, Observed},
};

/// Hears what a pull or a build says, a line each. Must not block.
#[derive(Clone)]
pub struct Said(Arc<Sink>);

type Sink = dyn Fn(&Address, &str) + Send + Sync;

impl Said {
    /// Lines go to `sink`.
    pub fn to(sink: impl Fn(&Address, &str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Nobody listens.
    pub fn silent() -> Self {
        Self::to(|_, _| {})
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Said")
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct DockerProvider {
    docker: Docker,
    ownership: Ownership,
    /// The names of the images that the plan will build.
    built: Vec<String>,
    said: Said,
}

impl DockerProvider {
    /// What `ownership` owns on an engine; `built` are the names of the images that a plan would build.
    pub fn new(docker: Docker, ownership: Ownership, built: Vec<String>, said: Said) -> Self {
        Self { docker, ownership, built, said }
    }

    /// The engine.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The containers of the stack's services.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn services(&self) -> Result<Vec<Container>, docker::Error> {
        let mut filter = self.ownership.directory_filter();
        filter.push(format!("{LABEL_KIND}={KIND_SERVICE}"));
        self.docker.containers(&filter).await
    }

    /// Removes the images that were built for the stack's services; how many names there were.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn remove_built_images(&self) -> Result<usize, docker::Error> {
        let mut filter = self.ownership.directory_filter();
        filter.push(format!("{LABEL_KIND}={KIND_SERVICE}"));
        let mut removed = 0;
        for name in self.docker.images_labelled(&filter).await? {
            removed += usize::from(self.docker.untag(&name).await.is_ok());
        }
        Ok(removed)
    }

    /// All that is the stack's, whatever the manifest says now.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn observe_all(&self) -> Result<Observed, ProviderError> {
        self.owned(None).await
    }
}

impl Provider for DockerProvider {
    async fn observe(&self, desired: &Desired) -> Result<Observed, ProviderError> {
        let mut observed = self.owned(Some(desired)).await?;
        self.find_images(desired, &mut observed).await?;
        self.find_foreign(desired, &mut observed).await?;
        Ok(observed)
    }

    async fn apply(&self, step: &Step) -> Result<(), ProviderError> {
        match &step.call {
            Call::Container(call) => self.make(&step.address, call).await,
            other => Err(error::not_ours(other.operation(), &step.address)),
        }
    }
}
