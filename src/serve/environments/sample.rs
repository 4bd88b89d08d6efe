//! A function for tests of how one is launched.

use std::sync::Arc;

use crate::{
    engine::{LaunchSpec, SandboxSpec, lambda::Logging, logs::LogSource},
    model::{AccountId, ArtifactDigest, FunctionArn, FunctionName, Region, Scope},
};

pub(in crate::serve) fn spec(runtime: &str, handler: &str) -> LaunchSpec {
    let scope = Scope { account: AccountId::DEFAULT, region: Region::default() };
    LaunchSpec {
        function: FunctionArn { scope, name: FunctionName::parse("f").unwrap(), qualifier: None },
        version: "$LATEST".into(),
        runtime: runtime.into(),
        handler: handler.into(),
        sandbox: SandboxSpec::default(),
        architecture: "x86_64".into(),
        artifact: ArtifactDigest::from_bytes([1; 32]),
        layers: Vec::new(),
        memory_mb: 128,
        timeout_s: 3,
        ephemeral_storage_mb: 512,
        environment: Arc::default(),
        log: LogSource::new("/aws/lambda/f", "2026/01/01/[$LATEST]0"),
        logging: Logging::default(),
        initialization_type: "on-demand",
        debug: None,
    }
}
