//! What is wrong with the machine's engine, for `doctor`.

use super::{
    endpoint::Settings,
    engine::{Docker, EngineInfo},
    error::Error,
};

/// How an engine was found, or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Diagnosis {
    /// It answers.
    Answers {
        /// `unix:///var/run/docker.sock`.
        endpoint: String,
        /// Who named it: `DOCKER_HOST`, `default socket`.
        source: String,
        engine: EngineInfo,
    },
    /// None answers; the error has a hint.
    Fails(Error),
}

/// Asks the engine that `settings` name what it is. Changes nothing; takes at most a few seconds.
pub async fn diagnose(settings: &Settings) -> Diagnosis {
    match Docker::connect(settings).await {
        Ok(docker) => Diagnosis::Answers {
            endpoint: docker.endpoint().to_string(),
            source: docker.endpoint().source.clone(),
            engine: docker.info().clone(),
        },
        Err(error) => Diagnosis::Fails(error),
    }
}
