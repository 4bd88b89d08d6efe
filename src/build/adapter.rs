//! Which language's way a function is built in, and what of its source counts.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    BuildError, BuildRequest, command, esbuild, golang, java,
    pack::Unfinished,
    python, rust, source,
    tree::{CACHE_MARK, Directory, Rules, VIRTUAL_ENVIRONMENT_MARK},
};
use crate::stack::Build;

/// Inputs of a build that are not below the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// All of them: files, and directories with all that is below them.
    Known(Vec<PathBuf>),
    /// They cannot be told, so the toolchain has to be asked each time.
    Unknown,
}

impl Elsewhere {
    pub(super) const NOTHING: Self = Self::Known(Vec::new());
}

/// A request and the adapter that serves it.
#[derive(Debug)]
pub(super) struct Adapter<'a> {
    request: &'a BuildRequest,
}

impl<'a> Adapter<'a> {
    pub(super) fn of(request: &'a BuildRequest) -> Self {
        Self { request }
    }

    /// Puts the function's code into its directory; returns what else it was made of. `listing` is the source's.
    pub(super) async fn fill(
        &self,
        unfinished: Unfinished,
        listing: Arc<Directory>,
    ) -> Result<(Unfinished, Elsewhere), BuildError> {
        let request = self.request;
        let dir = unfinished.dir();
        let elsewhere = match &request.build {
            Build::Go { package, flags } => golang::fill(request, package, flags, dir).await?,
            Build::Rust { bin, profile } => rust::fill(request, bin.as_deref(), profile, dir).await?,
            Build::Command { run, artifact } => command::fill(request, run, artifact, dir).await?,
            Build::Python { requirements } => {
                return python::fill(request, requirements.as_deref(), unfinished, listing).await;
            }
            Build::Java { tool } => java::fill(request, tool.as_deref(), dir).await?,
            Build::Node { bundle, external } if bundle.unwrap_or_else(|| esbuild::is_needed(request)) => {
                esbuild::fill(request, external, dir).await?
            }
            Build::Node { .. } => return source::fill_node(request, unfinished, listing).await,
            Build::None | Build::Image(_) => return source::fill(request, unfinished, listing).await,
        };
        Ok((unfinished, elsewhere))
    }
}

/// What of a source is looked at: copied, or only compared.
pub(super) fn rules(request: &BuildRequest) -> Rules {
    let mut paths = request.leave_out.clone();
    paths.push(request.state_dir.clone());
    let rules = Rules { paths, ..Rules::default() };
    match &request.build {
        Build::Rust { .. } => Rules { marks: &[CACHE_MARK], ..rules },
        Build::Python { .. } => Rules {
            names: &["__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox"],
            endings: &[".pyc", ".pyo"],
            marks: &[VIRTUAL_ENVIRONMENT_MARK],
            ..rules
        },
        Build::Node { .. } => Rules { names: &[".cache", ".npm"], ..rules },
        Build::Command { artifact, .. } => {
            let mut paths = rules.paths;
            paths.push(normal(&request.source.join(artifact)));
            Rules { marks: &[CACHE_MARK], paths, ..rules }
        }
        Build::Java { .. } => {
            let mut paths = rules.paths;
            paths.extend(java::outputs(&request.source));
            Rules { names: &[".gradle"], marks: java::OUTPUT_MARKS, paths, ..rules }
        }
        Build::Go { .. } | Build::Image(_) | Build::None => rules,
    }
}

/// The executable's name in the artifact: what the runtime will start.
pub(super) fn executable_name(request: &BuildRequest) -> &str {
    if request.runtime == "go1.x" { &request.handler } else { "bootstrap" }
}

/// A path without `.` and `..`, by its text alone.
pub(super) fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}
