//! Sources that run as they are: Node's, and anything that the user has built already.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{BuildError, BuildEvent, BuildRequest, adapter::Elsewhere, off_thread, pack::Unfinished, tree::Entry};

/// The source directory itself.
pub(super) async fn fill(
    request: &BuildRequest,
    unfinished: Unfinished,
    listing: Vec<Entry>,
) -> Result<(Unfinished, Elsewhere), BuildError> {
    let unfinished = off_thread(request, move |request| request.earlier.pack(unfinished, listing)).await?;
    Ok((unfinished, Elsewhere::NOTHING))
}

/// The source directory with its `node_modules`.
pub(super) async fn fill_node(
    request: &BuildRequest,
    unfinished: Unfinished,
    listing: Vec<Entry>,
) -> Result<(Unfinished, Elsewhere), BuildError> {
    if let Some(warning) = missing_modules(&request.source) {
        request.progress.tell(BuildEvent::Warning(&warning));
    }
    fill(request, unfinished, listing).await
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
