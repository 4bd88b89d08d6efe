//! An engine in this process, without processes for its functions, and clients for it.

use std::{io, path::Path, sync::Arc};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use sha2::{Digest, Sha256};
use stackctl::{
    docker,
    engine::{Effect, EngineConfig},
    model::{AccountId, ArtifactDigest, FunctionIsolation, RUNTIME_DIR, Region as ModelRegion, Scope, StackName},
    serve::{
        clock::Clock,
        code_store::CodeStore,
        containers::{Containers, ContainersOptions, GatewaySocket, NetworkChoice},
        driver::{Driver, Generation, Outlet},
        follow::Followers,
        report::Report,
        service::{EngineInfo, Service},
        shutdown::Shutdown,
        store::{MemoryStore, Store},
    },
};
use tempfile::TempDir;

use super::in_process;

/// The engine and its HTTP service. Runs its timers as long as it lives.
pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    timers: tokio::task::JoinHandle<()>,
    state: TempDir,
    /// Nobody comes through them.
    _doors: Option<tokio::sync::mpsc::Receiver<GatewaySocket>>,
}

/// Launches nothing: what a function does is not the point here.
#[derive(Debug)]
struct NoProcesses;

impl Outlet for NoProcesses {
    fn deliver(&self, _: Generation, _: Effect) {}

    fn discard(&self, _: &str) {}
}

impl World {
    /// An engine with an empty store in memory.
    pub(crate) fn new() -> Self {
        Self::on(Box::new(MemoryStore::new())).unwrap()
    }

    /// An engine whose functions may be images and run in containers of an engine of Docker; none is started. With its own state directory.
    pub(crate) fn with_containers(stack: &StackName, docker: docker::Settings) -> Self {
        Self::made(Box::new(MemoryStore::new()), Some((stack.clone(), docker))).unwrap()
    }

    /// Where it keeps what it is told.
    pub(crate) fn state_dir(&self) -> &Path {
        self.state.path()
    }

    /// An engine of what `store` holds.
    pub(crate) fn on(store: Box<dyn Store>) -> io::Result<Self> {
        Self::made(store, None)
    }

    fn made(store: Box<dyn Store>, containers: Option<(StackName, docker::Settings)>) -> io::Result<Self> {
        let state = tempfile::tempdir()?;
        let clock = Arc::new(Clock::new());
        let started_at = clock.now();
        let driver = Driver::open(EngineConfig::default(), clock, store, |_| Box::new(NoProcesses))?;
        let info = EngineInfo {
            stack: None,
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            state_dir: state.path().to_owned(),
            started_at,
            endpoint: "http://localhost:4566".to_owned(),
            port: 4566,
            scope: Scope { account: AccountId::DEFAULT, region: ModelRegion::default() },
            allowed_hosts: Vec::new(),
        };
        let code = Arc::new(CodeStore::open(state.path())?);
        let (followers, shutdown) = (Arc::new(Followers::default()), Shutdown::new());
        let follows = (followers, Arc::default());
        let service = Service::new(Arc::clone(&driver), code, follows, Arc::new(info), shutdown, 1);
        let (service, _doors) = match containers {
            None => (service, None),
            Some((stack, docker)) => {
                std::fs::create_dir(state.path().join(RUNTIME_DIR))?;
                let (containers, doors) = Containers::new(ContainersOptions {
                    docker,
                    stack,
                    state_dir: state.path().to_owned(),
                    port: 4566,
                    network: NetworkChoice::Auto,
                    default: FunctionIsolation::Process,
                    report: Report::silent(),
                });
                (service.with_containers(containers), Some(doors))
            }
        };
        let timers = tokio::spawn(async move { driver.run_timers().await });
        Ok(Self { service: Arc::new(service), timers, state, _doors })
    }

    /// Puts an artifact of these files where a build would.
    pub(crate) fn artifact(&self, files: &[(&str, &str)]) -> ArtifactDigest {
        let mut hash = Sha256::new();
        files.iter().for_each(|(name, text)| hash.update(format!("{name}\0{text}\0")));
        let digest = ArtifactDigest::from_bytes(hash.finalize().into());
        let dir = digest.dir_in(self.state.path());
        std::fs::create_dir_all(&dir).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(dir.join(name), text).unwrap());
        digest
    }

    /// The genuine SQS client.
    pub(crate) fn sqs(&self) -> aws_sdk_sqs::Client {
        self.sqs_as("test", "us-east-1")
    }

    /// The genuine SQS client, with an access key id in a region.
    pub(crate) fn sqs_as(&self, access_key_id: &str, region: &'static str) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url("http://localhost:4566")
            .region(Region::new(region))
            .credentials_provider(Credentials::new(access_key_id, "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(in_process::http_client(Arc::clone(&self.service)))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// The genuine Lambda client.
    pub(crate) fn lambda(&self) -> aws_sdk_lambda::Client {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url("http://localhost:4566")
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(in_process::http_client(Arc::clone(&self.service)))
            .build();
        aws_sdk_lambda::Client::from_conf(config)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.timers.abort();
    }
}

/// Runs a test's future.
pub(crate) fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}
