//! An artifact as a zip file, for targets that take nothing else: its bytes depend on the artifact's content alone, so that
//! whoever builds the same code knows the `CodeSha256` that a target will give it. Blocking.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{
    BuildError,
    pack::{create_private_dir, file_digest},
    tree::{self, Kind, Rules},
};
use crate::model::{ArtifactDigest, PACKAGES_DIR};

/// A zip file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    pub sha256: [u8; 32],
    pub size_bytes: u64,
}

/// Packs an artifact of `state_dir`, unless that was done before: [`ArtifactDigest::package_file_in`].
///
/// # Errors
/// The artifact cannot be read, or the package not be written.
pub fn package(digest: &ArtifactDigest, state_dir: &Path) -> Result<Package, BuildError> {
    let file = digest.package_file_in(state_dir);
    if !file.is_file() {
        let dir = state_dir.join(PACKAGES_DIR);
        create_private_dir(&dir)?;
        let unfinished = dir.join(format!(".{digest}-{}", std::process::id()));
        let written = write(&digest.dir_in(state_dir), &unfinished)
            .and_then(|()| fs::rename(&unfinished, &file).map_err(BuildError::disk("write", &file)));
        if written.is_err() {
            // What is left of it is in nobody's way.
            let _ = fs::remove_file(&unfinished);
        }
        written?;
    }
    let failed = |error| BuildError::disk("read", &file)(error);
    let size_bytes = fs::metadata(&file).map_err(failed)?.len();
    Ok(Package { sha256: file_digest(&file)?, size_bytes })
}

/// Removes the packages of other artifacts. Fails silently: what is left takes room and nothing else.
pub fn prune_packages(state_dir: &Path, used: &BTreeSet<ArtifactDigest>) {
    let used: BTreeSet<PathBuf> = used.iter().map(|digest| digest.package_file_in(state_dir)).collect();
    for entry in fs::read_dir(state_dir.join(PACKAGES_DIR)).into_iter().flatten().flatten() {
        let is_package = entry.file_name().to_string_lossy().ends_with(".zip");
        if is_package && !used.contains(&entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write(from: &Path, to: &Path) -> Result<(), BuildError> {
    let entries = tree::list(from, &Rules::default())?;
    let failed = |error: io::Error| BuildError::disk("write", to)(error);
    let mut writer = ZipWriter::new(BufWriter::new(File::create(to).map_err(failed)?));
    for entry in entries {
        let path = from.join(&entry.path);
        let name = entry.path.to_str().ok_or_else(|| {
            BuildError::unsuitable(format!("`{}` is not UTF-8", entry.path.display()), "rename the file")
        })?;
        let metadata = fs::symlink_metadata(&path).map_err(BuildError::disk("read", &path))?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(metadata.permissions().mode() & 0o777);
        let added = match &entry.kind {
            Kind::Link { to } => writer.add_symlink(name, to.to_string_lossy(), options).map_err(io::Error::other),
            Kind::File { .. } => writer.start_file(name, options).map_err(io::Error::other).and_then(|()| {
                let mut file = File::open(&path)?;
                io::copy(&mut file, &mut writer).map(drop)
            }),
        };
        added.map_err(failed)?;
    }
    writer.finish().map_err(io::Error::other).and_then(|mut file| file.flush()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, time::SystemTime};

    use super::*;

    fn artifact(state_dir: &Path, byte: u8) -> ArtifactDigest {
        let digest = ArtifactDigest::from_bytes([byte; 32]);
        let dir = digest.dir_in(state_dir);
        fs::create_dir_all(dir.join("lib")).unwrap();
        fs::write(dir.join("lib/b.py"), "b").unwrap();
        fs::write(dir.join("bootstrap"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(dir.join("bootstrap"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("lib/b.py", dir.join("link")).unwrap();
        digest
    }

    #[test]
    fn the_same_code_is_the_same_package() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (artifact(here.path(), 1), artifact(there.path(), 1));
        let old = File::open(second.dir_in(there.path()).join("bootstrap")).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let packed = package(&first, here.path()).unwrap();
        assert_eq!(package(&second, there.path()).unwrap(), packed);
        assert_eq!(package(&first, here.path()).unwrap(), packed, "the one that is there");
        let file = File::open(first.package_file_in(here.path())).unwrap();
        let mut zip = zip::ZipArchive::new(file).unwrap();
        assert_eq!(zip.file_names().map(Result::unwrap).collect::<Vec<_>>(), ["bootstrap", "lib/b.py", "link"]);
        assert_eq!(zip.by_name("bootstrap").unwrap().unix_mode().unwrap() & 0o777, 0o755);
        assert!(zip.by_name("link").unwrap().is_symlink());
    }

    #[test]
    fn packages_that_are_not_used_go() {
        let state = tempfile::tempdir().unwrap();
        let [one, two] = [1, 2].map(|byte| artifact(state.path(), byte));
        for digest in [&one, &two] {
            package(digest, state.path()).unwrap();
        }
        prune_packages(state.path(), &BTreeSet::from([two]));
        assert!(!one.package_file_in(state.path()).exists() && two.package_file_in(state.path()).exists());
    }
}
