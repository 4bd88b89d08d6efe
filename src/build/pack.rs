//! Makes an artifact: a directory is filled under an unfinished name, its content is hashed, and it gets its name by a
//! rename, so that an artifact is complete or absent. Blocking.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use sha2::{Digest, Sha256};

use super::{
    Artifact, BuildError,
    listing::{Directory, Entry, Kind},
    placed::Placed,
    tree::{self, Rules},
};
use crate::model::{ARTIFACTS_DIR, limits::CODE_UNZIPPED_MAX_BYTES};

/// The engine's code store removes what begins like this when it starts.
const UNFINISHED_PREFIX: &str = ".unfinished-build-";
/// Bytes that are hashed at a time.
const CHUNK_BYTES: usize = 128 * 1024;

/// A directory that is not an artifact yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Unfinished {
    state_dir: PathBuf,
    dir: PathBuf,
    /// All that is in it, when whoever filled it knows.
    placed: Option<Arc<Placed>>,
}

impl Unfinished {
    pub(super) fn new(state_dir: &Path) -> Result<Self, BuildError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let artifacts = state_dir.join(ARTIFACTS_DIR);
        create_private_dir(&artifacts)?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = artifacts.join(format!("{UNFINISHED_PREFIX}{}-{number}", std::process::id()));
        // A process that was killed may have had the same id.
        let _ = fs::remove_dir_all(&dir);
        create_dir(&dir)?;
        Ok(Self { state_dir: state_dir.to_owned(), dir, placed: None })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The same, with what is in it.
    pub(super) fn with(mut self, placed: Arc<Placed>) -> Self {
        self.placed = Some(placed);
        self
    }

    /// Hashes what is there and gives it its name; what is in it.
    pub(super) fn finish(mut self) -> Result<(Artifact, Arc<Placed>), BuildError> {
        let placed = match self.placed.take() {
            Some(placed) => placed,
            None => Placed::read(&tree::read(&self.dir, &Rules::default())?)?,
        };
        let listing = placed.listing();
        if listing.entries_count() == 0 {
            return Err(BuildError::unsuitable(
                "the build left nothing to run",
                "check `source`, and for `build.command` its `artifact`",
            ));
        }
        let size_bytes = listing.size_bytes();
        if size_bytes > CODE_UNZIPPED_MAX_BYTES {
            return Err(too_large(listing));
        }
        let digest = placed.digest();
        let target = digest.dir_in(&self.state_dir);
        // Without it, the engine adds the sizes up itself.
        let _ = fs::write(digest.size_file_in(&self.state_dir), size_bytes.to_string());
        match fs::rename(&self.dir, &target) {
            // The same code is there already.
            Err(_) if target.is_dir() => {}
            renamed => renamed.map_err(BuildError::disk("write", &target))?,
        }
        Ok((Artifact { digest, dir: target, image: None, size_bytes, reused: false }, placed))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already when it became an artifact; else the next start of the engine tries again.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Copies entries below `target`, over what is there: modes 0755 and 0644, never a hard link to a file that people edit.
pub(super) fn copy(entries: &[Entry], target: &Path) -> Result<(), BuildError> {
    let mut made = PathBuf::new();
    entries.iter().try_for_each(|entry| {
        let to = target.join(&entry.path);
        make_parent(&to, &mut made)?;
        copy_entry(&entry.kind, &to)
    })
}

/// Copies one, over what is there and is no directory.
pub(super) fn copy_entry(kind: &Kind, to: &Path) -> Result<(), BuildError> {
    match kind {
        Kind::File { dir, executable, .. } => {
            copy_file(&to.file_name().map_or_else(|| dir.to_path_buf(), |name| dir.join(name)), *executable, to)
        }
        Kind::Link { to: text } => replace(to, || symlink(text, to)),
    }
}

fn make_parent(to: &Path, made: &mut PathBuf) -> Result<(), BuildError> {
    if let Some(parent) = to.parent()
        && parent != made
    {
        create_dir(parent)?;
        parent.clone_into(made);
    }
    Ok(())
}

/// Copies one file.
pub(super) fn copy_file(from: &Path, executable: bool, to: &Path) -> Result<(), BuildError> {
    let mut source = File::open(from).map_err(BuildError::disk("read", from))?;
    let mode = if executable { 0o755 } else { 0o644 };
    replace(to, || {
        let mut copy = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(to)?;
        if !reflink(&source, &copy) {
            io::copy(&mut source, &mut copy)?;
        }
        // The umask may have taken some away.
        copy.set_permissions(fs::Permissions::from_mode(mode))
    })
}

/// Makes `to`, removing a file that is there already.
fn replace(to: &Path, mut make: impl FnMut() -> io::Result<()>) -> Result<(), BuildError> {
    match make() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(to).and_then(|()| make()).map_err(BuildError::disk("replace", to))
        }
        made => made.map_err(BuildError::disk("write", to)),
    }
}

/// Shares the blocks of `source`, where the file system can.
#[cfg(target_os = "linux")]
fn reflink(source: &File, copy: &File) -> bool {
    rustix::fs::ioctl_ficlone(copy, source).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn reflink(_source: &File, _copy: &File) -> bool {
    false
}

/// Creates a directory of the state directory, which is the user's alone.
pub(super) fn create_private_dir(dir: &Path) -> Result<(), BuildError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(BuildError::disk("create", dir))
}

pub(super) fn create_dir(dir: &Path) -> Result<(), BuildError> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(BuildError::disk("create", dir))
}

/// SHA-256 of a file's contents.
pub(super) fn file_digest(path: &Path) -> Result<[u8; 32], BuildError> {
    let mut file = File::open(path).map_err(BuildError::disk("read", path))?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
    loop {
        match file.read(&mut chunk).map_err(BuildError::disk("read", path))? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&chunk[..count]),
        }
    }
}

fn too_large(listing: &Directory) -> BuildError {
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let largest = listing.entries().into_iter().max_by_key(|entry| entry.kind.len());
    let largest = largest
        .map_or(String::new(), |entry| format!(": `{}` has {} MiB", entry.path.display(), mib(entry.kind.len())));
    BuildError::unsuitable(
        format!(
            "the artifact has {} MiB, and Lambda takes {} MiB",
            mib(listing.size_bytes()),
            mib(CODE_UNZIPPED_MAX_BYTES)
        ),
        format!("leave out what the function does not need with `{}`{largest}", tree::IGNORE_FILE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ArtifactDigest;

    fn artifact_of(state: &Path, files: &[(&str, bool, &str)], links: &[(&str, &str)]) -> Artifact {
        let source = tempfile::tempdir().unwrap();
        for (path, executable, text) in files {
            let path = source.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(if *executable { 0o775 } else { 0o600 })).unwrap();
        }
        for (path, to) in links {
            symlink(to, source.path().join(path)).unwrap();
        }
        let unfinished = Unfinished::new(state).unwrap();
        copy(&tree::list(source.path(), &Rules::default()).unwrap(), unfinished.dir()).unwrap();
        unfinished.finish().unwrap().0
    }

    #[test]
    fn the_same_content_is_the_same_artifact_wherever_it_stood() {
        let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = [("b", false, "text"), ("a/run", true, "#!/bin/sh\n")];
        let artifact = artifact_of(state.path(), &files, &[("l", "b")]);
        assert_eq!(artifact.digest, artifact_of(other.path(), &files, &[("l", "b")]).digest);
        assert_eq!(artifact.digest, artifact_of(state.path(), &files, &[("l", "b")]).digest);
        assert_eq!(artifact.dir, artifact.digest.dir_in(state.path()));
        let mode = |path: &str| fs::metadata(artifact.dir.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a/run"), mode("b"), artifact.size_bytes), (0o755, 0o644, 14));
        assert_eq!(fs::read_link(artifact.dir.join("l")).unwrap(), Path::new("b"));
        assert_eq!(fs::read_to_string(artifact.digest.size_file_in(state.path())).unwrap(), "14");
        let entries = fs::read_dir(state.path().join(ARTIFACTS_DIR)).unwrap();
        assert_eq!(entries.flatten().filter(|entry| entry.path().is_dir()).count(), 1, "nothing unfinished is left");
    }

    #[test]
    fn the_digest_stays_what_it_was() {
        let state = tempfile::tempdir().unwrap();
        let artifact = artifact_of(state.path(), &[("a/b", false, "x"), ("bootstrap", true, "#!/bin/sh\n")], &[]);
        assert_eq!(artifact.digest.to_string(), expected_digest());
    }

    /// Computed from the format as described, without the code above.
    fn expected_digest() -> String {
        const HEADER: &[u8] = b"stackctl artifact 2\n";
        let sha256 = |parts: &[&[u8]]| -> [u8; 32] { Sha256::digest(parts.concat()).into() };
        let below = sha256(&[HEADER, b"644 ", &sha256(&[b"x"]), b"b\0"]);
        let program = sha256(&[b"#!/bin/sh\n"]);
        let whole = sha256(&[HEADER, b"tree ", &below, b"a\0", b"755 ", &program, b"bootstrap\0"]);
        ArtifactDigest::from_bytes(whole).to_string()
    }

    #[test]
    fn every_difference_tells() {
        let state = tempfile::tempdir().unwrap();
        type Tree<'a> = (&'a [(&'a str, bool, &'a str)], &'a [(&'a str, &'a str)]);
        let trees: [Tree<'_>; 6] = [
            (&[("a", false, "x")], &[]),
            (&[("a", true, "x")], &[]),
            (&[("a", false, "y")], &[]),
            (&[("b", false, "x")], &[]),
            (&[("a", false, "x")], &[("b", "a")]),
            (&[("a", false, "x"), ("b", false, "a")], &[]),
        ];
        let digests: std::collections::BTreeSet<_> =
            trees.iter().map(|(files, links)| artifact_of(state.path(), files, links).digest).collect();
        assert_eq!(digests.len(), trees.len());
    }

    #[test]
    fn a_copy_is_not_the_file_that_people_edit() {
        let state = tempfile::tempdir().unwrap();
        let source = state.path().join("edited");
        fs::write(&source, "before").unwrap();
        let copied = state.path().join("copied");
        copy_file(&source, false, &copied).unwrap();
        fs::OpenOptions::new()
            .write(true)
            .open(&source)
            .and_then(|mut file| io::Write::write_all(&mut file, b"AFTER!"))
            .unwrap();
        assert_eq!(fs::read_to_string(copied).unwrap(), "before");
    }
}
