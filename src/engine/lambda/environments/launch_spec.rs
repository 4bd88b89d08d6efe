//! What an environment is launched with.

use super::super::{functions::Function, report, sandbox::sandbox, versions::VersionId};
use crate::engine::{Cx, LaunchSpec, logs::LogSource};

impl Function {
    /// What a new environment of a version is launched with, and its generation.
    pub(super) fn spec(
        &self,
        cx: &mut Cx<'_>,
        id: VersionId,
        initialization_type: &'static str,
    ) -> Option<(LaunchSpec, u64)> {
        let version = self.version(id)?;
        let (settings, name) = (&version.settings, id.to_string());
        let spec = LaunchSpec {
            function: self.arn.clone(),
            log: LogSource::new(settings.log_group_of(self.name()), report::log_stream(cx.now, &name, &cx.ids.hex(32))),
            version: name,
            runtime: settings.runtime.clone(),
            handler: settings.handler.clone(),
            sandbox: sandbox(settings, &version.code, &self.tags),
            architecture: settings.architecture.clone(),
            artifact: version.code.artifact,
            layers: settings.layers.iter().map(|layer| layer.artifact).collect(),
            memory_mb: settings.memory_mb,
            timeout_s: settings.timeout_s,
            ephemeral_storage_mb: settings.ephemeral_storage_mb,
            environment: settings.variables.clone().unwrap_or_default(),
            logging: settings.logging,
            initialization_type,
            debug: if id == VersionId::Latest { version.settings.debug() } else { None },
        };
        Some((spec, version.fleet.generation))
    }
}
