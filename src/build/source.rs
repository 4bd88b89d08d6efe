//! Sources that run as they are: Node's, and anything that the user has built already.

use std::{fs, path::Path, sync::Arc};

use serde::Deserialize;

use super::{
    BuildError, BuildEvent, BuildRequest, adapter::Elsewhere, listing::Directory, node_modules, off_thread,
    pack::Unfinished,
};

/// The source directory itself.
pub(super) async fn fill(
    request: &BuildRequest,
    unfinished: Unfinished,
    listing: Arc<Directory>,
) -> Result<(Unfinished, Elsewhere), BuildError> {
    let unfinished = off_thread(request, move |request| request.earlier.pack(unfinished, &listing)).await?;
    Ok((unfinished, Elsewhere::NOTHING))
}

/// The source directory with its `node_modules`, and with what its workspace has hoisted above it.
pub(super) async fn fill_node(
    request: &BuildRequest,
    unfinished: Unfinished,
    listing: Arc<Directory>,
) -> Result<(Unfinished, Elsewhere), BuildError> {
    let (hoisted, watched) = off_thread(request, node_modules::hoisted).await?;
    if hoisted.is_empty()
        && let Some(warning) = missing_modules(&request.source)
    {
        request.progress.tell(BuildEvent::Warning(&warning));
    }
    if hoisted.is_empty() {
        let (unfinished, _) = fill(request, unfinished, listing).await?;
        return Ok((unfinished, Elsewhere::Known(watched)));
    }
    // What the source has itself comes first.
    let listing = Directory::laid_over(&listing, &Arc::new(Directory::of(hoisted)));
    let (unfinished, _) = fill(request, unfinished, listing).await?;
    Ok((unfinished, Elsewhere::Known(watched)))
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
