//! Sources that run as they are: Node's, and anything that the user has built already.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{
    BuildError, BuildEvent, BuildRequest,
    adapter::{Elsewhere, rules},
    off_thread, pack, tree,
};

/// The source directory itself.
pub(super) async fn fill(request: &BuildRequest, dir: &Path) -> Result<Elsewhere, BuildError> {
    let dir = dir.to_owned();
    off_thread(request, move |request| pack::copy(&tree::list(&request.source, &rules(request))?, &dir)).await?;
    Ok(Elsewhere::NOTHING)
}

/// The source directory with its `node_modules`.
pub(super) async fn fill_node(request: &BuildRequest, dir: &Path) -> Result<Elsewhere, BuildError> {
    if let Some(warning) = missing_modules(&request.source) {
        request.progress.tell(BuildEvent::Warning(&warning));
    }
    fill(request, dir).await
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
}

/// A package that depends on others, none of which are installed, fails at its first `import`.
fn missing_modules(source: &Path) -> Option<String> {
    let package: Package = serde_json::from_slice(&fs::read(source.join("package.json")).ok()?).ok()?;
    (!package.dependencies.is_empty() && !source.join("node_modules").exists()).then(|| {
        format!(
            "`package.json` has dependencies, but there is no `node_modules`: run `npm ci` in `{}`",
            source.display()
        )
    })
}
