//! What an earlier build was made of, so that nothing is done when nothing changed. Disposable: without it, or with a
//! damaged one, everything is simply built again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Artifact, BuildError, BuildRequest,
    adapter::{Elsewhere, rules},
    identity::identity,
    pack::create_private_dir,
    tree::{self, Directory},
};
pub(super) use crate::model::BUILD_DIR;
use crate::{model::ArtifactDigest, stack::Build};

/// Raised when fingerprints come to mean something else.
const FINGERPRINT_HEADER: &[u8] = b"stackctl fingerprint 2\n";

/// What a build was made of, as `stat` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    source: String,
    elsewhere: String,
}

impl Fingerprint {
    /// Looks at `elsewhere`; at the source somebody has looked already.
    pub(super) fn take(request: &BuildRequest, listing: &Directory, elsewhere: &[PathBuf]) -> Self {
        let mut source = Sha256::new_with_prefix(FINGERPRINT_HEADER);
        source.update(settings(request));
        source.update(listing.stamp());
        Self { source: hex(source), elsewhere: elsewhere_fingerprint(request, elsewhere) }
    }
}

/// What the cache knows about a function's last build.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Cached {
    source: String,
    /// Inputs that are not below the source.
    pub(super) elsewhere: Vec<PathBuf>,
    elsewhere_fingerprint: String,
    artifact: ArtifactDigest,
    size_bytes: u64,
}

impl Cached {
    /// The artifact, when it is still what a build would give.
    pub(super) fn artifact(&self, request: &BuildRequest, now: &Fingerprint) -> Option<Artifact> {
        let dir = self.artifact.dir_in(&request.state_dir);
        let same = self.source == now.source && self.elsewhere_fingerprint == now.elsewhere;
        (same && dir.is_dir()).then_some(Artifact {
            image: None,
            digest: self.artifact,
            dir,
            size_bytes: self.size_bytes,
            reused: true,
        })
    }
}

/// The function's entry, when there is a sound one.
pub(super) fn load(request: &BuildRequest) -> Option<Cached> {
    serde_json::from_slice(&fs::read(path(request)).ok()?).ok()
}

/// Remembers a build whose inputs were looked at before it began; an edit while it ran is thus seen by the next. Inputs
/// that only the build found are looked at now. Failing to write costs the next build its time and nothing else.
pub(super) fn store(
    request: &BuildRequest,
    before: &Fingerprint,
    known: Option<&[PathBuf]>,
    elsewhere: &Elsewhere,
    artifact: &Artifact,
) {
    let path = path(request);
    let Elsewhere::Known(elsewhere) = elsewhere else {
        let _ = fs::remove_file(path);
        return;
    };
    let elsewhere_fingerprint = if known.unwrap_or_default() == elsewhere {
        before.elsewhere.clone()
    } else {
        elsewhere_fingerprint(request, elsewhere)
    };
    let cached = Cached {
        source: before.source.clone(),
        elsewhere: elsewhere.clone(),
        elsewhere_fingerprint,
        artifact: artifact.digest,
        size_bytes: artifact.size_bytes,
    };
    let _ = write(&path, &cached);
}

/// Remembers what a build that failed would have been made of, so that a change there is seen.
pub(super) fn store_inputs(request: &BuildRequest, elsewhere: &Elsewhere) {
    let Elsewhere::Known(elsewhere) = elsewhere else { return };
    let cached = Cached {
        // No fingerprint is empty: nothing is used again.
        source: String::new(),
        elsewhere: elsewhere.clone(),
        elsewhere_fingerprint: String::new(),
        artifact: ArtifactDigest::from_bytes([0; 32]),
        size_bytes: 0,
    };
    let _ = write(&path(request), &cached);
}

/// Forgets a function's last build: the next one runs the toolchain.
pub(super) fn forget(request: &BuildRequest) {
    // One that is not there is forgotten already.
    let _ = fs::remove_file(path(request));
}

fn write(path: &Path, cached: &Cached) -> Result<(), BuildError> {
    create_private_dir(path.parent().unwrap_or(path))?;
    let text = serde_json::to_vec(cached).map_err(|error| BuildError::Disk {
        action: "write",
        path: path.to_owned(),
        error: error.into(),
    })?;
    let new = path.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(BuildError::disk("write", path))
}

fn path(request: &BuildRequest) -> PathBuf {
    request.state_dir.join(BUILD_DIR).join(format!("{}.json", request.function))
}

/// Everything of the request that can change the artifact, besides files.
fn settings(request: &BuildRequest) -> String {
    let BuildRequest { source, build, runtime, handler, architecture, debug, leave_out, watch, .. } = request;
    // The artifact is named after the handler on go1.x, and begins with it where it is bundled.
    let is_named = runtime == "go1.x" || matches!(build, Build::Node { .. });
    let (handler, toolchain) = (if is_named { handler.as_str() } else { "" }, identity(request));
    format!(
        "{build:?} {runtime:?} {handler:?} {architecture:?} {debug:?} {source:?} {leave_out:?} {watch:?} {toolchain}\n"
    )
}

fn elsewhere_fingerprint(request: &BuildRequest, elsewhere: &[PathBuf]) -> String {
    let mut hash = Sha256::new_with_prefix(FINGERPRINT_HEADER);
    for path in elsewhere.iter().chain(&request.watch) {
        hash.update(path.as_os_str().as_encoded_bytes());
        // One that is gone is a difference, and finding out what it means is the toolchain's business.
        if path.is_dir() {
            match tree::read(path, &rules(request)) {
                Ok(listing) => hash.update(listing.stamp()),
                Err(_) => hash.update("\0unreadable"),
            }
        } else {
            hash.update(fs::metadata(path).map_or_else(|_| "\0gone".to_owned(), |metadata| stamp(&metadata)));
        }
    }
    hex(hash)
}

fn stamp(metadata: &fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("\0{} {} {} {}\n", metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino())
}

fn hex(hash: Sha256) -> String {
    ArtifactDigest::from_bytes(hash.finalize().into()).to_string()
}
