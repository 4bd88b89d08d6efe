//! The content-addressed store of functions' code in the state directory. Blocking: callers run it where that is allowed.
//!
//! The layout is [`ArtifactDigest::dir_in`]'s, shared with the build, which writes its artifacts there directly. An
//! artifact never changes once its directory has its name.

mod prune;
mod unzip;
mod zipped;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::{
    engine::lambda::{CodeRef, LambdaError, LambdaErrorKind},
    model::{
        ARTIFACTS_BUCKET, ARTIFACTS_DIR, ArtifactDigest,
        limits::{CODE_UNZIPPED_MAX_BYTES, CODE_ZIP_MAX_BYTES},
    },
};

/// Directories that are still being written; what a crash leaves of them is removed at the next start.
const UNFINISHED_PREFIX: &str = ".unfinished-";

/// The store of one state directory.
#[derive(Debug)]
pub struct CodeStore {
    state_dir: PathBuf,
    unfinished: AtomicU64,
}

impl CodeStore {
    /// Opens the store, creating it when it is missing and removing what an earlier engine did not finish.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub fn open(state_dir: &Path) -> io::Result<Self> {
        let artifacts = state_dir.join(ARTIFACTS_DIR);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&artifacts)?;
        for entry in fs::read_dir(&artifacts)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { state_dir: state_dir.to_owned(), unfinished: AtomicU64::new(0) })
    }

    /// Where an artifact's code is.
    pub fn dir(&self, digest: &ArtifactDigest) -> PathBuf {
        digest.dir_in(&self.state_dir)
    }

    /// Unpacks a deployment package, unless it is here already.
    ///
    /// # Errors
    /// In AWS's words: it is no zip, it is empty, or it is too large. A failing disk is a `Service` error.
    pub fn put_zip(&self, zip: &[u8]) -> Result<CodeRef, LambdaError> {
        if zip.len() > CODE_ZIP_MAX_BYTES {
            let text = format!("Request must be smaller than {CODE_ZIP_MAX_BYTES} bytes for the zip file");
            return Err(LambdaError::new(LambdaErrorKind::RequestTooLarge, text));
        }
        let digest = ArtifactDigest::from_bytes(Sha256::digest(zip).into());
        let dir = self.dir(&digest);
        if !dir.is_dir() {
            self.unpack(zip, &dir)?;
        }
        let unzipped_bytes = dir_size_bytes(&dir).map_err(|error| unreadable(&error))?;
        Ok(code_ref(digest, zip.len() as u64, unzipped_bytes))
    }

    /// An artifact that is here already, by what `S3Bucket` and `S3Key` say.
    ///
    /// # Errors
    /// As AWS answers for an object that does not exist, with what does.
    pub fn stored(&self, bucket: &str, key: &str) -> Result<CodeRef, LambdaError> {
        if bucket != ARTIFACTS_BUCKET {
            return Err(no_object(
                "NoSuchBucket",
                &format!("The specified bucket does not exist: the only one here is {ARTIFACTS_BUCKET}; use ZipFile"),
            ));
        }
        let digest = ArtifactDigest::from_hex(key).filter(|digest| self.dir(digest).is_dir());
        let digest = digest.ok_or_else(|| no_object("NoSuchKey", "The specified key does not exist."))?;
        let written = fs::read_to_string(digest.size_file_in(&self.state_dir)).ok().and_then(|text| text.parse().ok());
        let size_bytes = match written {
            Some(size_bytes) => size_bytes,
            None => dir_size_bytes(&self.dir(&digest)).map_err(|error| unreadable(&error))?,
        };
        // It is used now: so it is fresh.
        let _ = fs::write(digest.size_file_in(&self.state_dir), size_bytes.to_string());
        // What was packed here was never a zip: the size that was written down is the unpacked one.
        Ok(code_ref(digest, size_bytes, size_bytes))
    }

    /// The artifact as a zip file: the same bytes for the same artifact. `None` when it is not here.
    ///
    /// # Errors
    /// The artifact cannot be read.
    pub fn zip(&self, digest: &ArtifactDigest) -> io::Result<Option<Vec<u8>>> {
        let dir = self.dir(digest);
        if dir.is_dir() { zipped::zip_dir(&dir).map(Some) } else { Ok(None) }
    }

    fn unpack(&self, zip: &[u8], dir: &Path) -> Result<(), LambdaError> {
        let number = self.unfinished.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.state_dir.join(ARTIFACTS_DIR).join(format!("{UNFINISHED_PREFIX}{number}"));
        let unpacked = unzip::unzip(zip, &unfinished).and_then(|()| match fs::rename(&unfinished, dir) {
            // Somebody else unpacked the same code in the meantime: theirs is as good.
            Err(_) if dir.is_dir() => Ok(()),
            renamed => renamed.map_err(unzip::UnzipError::Disk),
        });
        // Gone already unless something went wrong before the rename.
        let _ = fs::remove_dir_all(&unfinished);
        unpacked.map_err(refusal)
    }
}

fn refusal(error: unzip::UnzipError) -> LambdaError {
    let invalid = |text: &str| LambdaError::new(LambdaErrorKind::InvalidParameterValue, text);
    match error {
        unzip::UnzipError::NotAZip => {
            invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
        }
        unzip::UnzipError::Empty => invalid("Uploaded file must be a non-empty zip"),
        unzip::UnzipError::TooLarge => {
            invalid(&format!("Unzipped size must be smaller than {CODE_UNZIPPED_MAX_BYTES} bytes"))
        }
        unzip::UnzipError::Disk(error) => unreadable(&error),
    }
}

fn unreadable(error: &io::Error) -> LambdaError {
    LambdaError::new(LambdaErrorKind::Service, format!("the engine's code store failed: {error}"))
}

fn code_ref(artifact: ArtifactDigest, size_bytes: u64, unzipped_bytes: u64) -> CodeRef {
    CodeRef { artifact, sha256: BASE64_STANDARD.encode(artifact.as_bytes()), size_bytes, unzipped_bytes, image: None }
}

fn no_object(code: &str, message: &str) -> LambdaError {
    let text = format!("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}");
    LambdaError::new(LambdaErrorKind::InvalidParameterValue, text)
}

fn dir_size_bytes(dir: &Path) -> io::Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() { dir_size_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn store() -> (tempfile::TempDir, CodeStore) {
        let state = tempfile::tempdir().unwrap();
        let store = CodeStore::open(state.path()).unwrap();
        (state, store)
    }

    #[test]
    fn a_zip_is_kept_by_its_digest_with_its_modes() {
        let (_state, store) = store();
        let zip = unzip::tests::zip_of(&[("bootstrap", 0o755, "#!/bin/sh\n"), ("lib/a.txt", 0o640, "a")]);
        let code = store.put_zip(&zip).unwrap();
        assert_eq!(code.size_bytes, zip.len() as u64);
        assert_eq!(code, store.put_zip(&zip).unwrap());
        let dir = store.dir(&code.artifact);
        let mode = |path: &str| fs::metadata(dir.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("bootstrap"), mode("lib/a.txt")), (0o755, 0o640));
        assert_eq!(fs::read_to_string(dir.join("lib/a.txt")).unwrap(), "a");
        let stored = store.stored(ARTIFACTS_BUCKET, &code.artifact.to_string()).unwrap();
        assert_eq!((stored.artifact, stored.size_bytes), (code.artifact, 11));
    }

    #[test]
    fn the_artifact_comes_out_as_the_same_zip_each_time() {
        let (_state, store) = store();
        let code = store.put_zip(&unzip::tests::zip_of(&[("b/c", 0o644, "x"), ("a", 0o755, "y")])).unwrap();
        let zip = store.zip(&code.artifact).unwrap().unwrap();
        assert_eq!(store.zip(&code.artifact).unwrap().unwrap(), zip);
        let again = store.put_zip(&zip).unwrap();
        assert_eq!(fs::read_to_string(store.dir(&again.artifact).join("b/c")).unwrap(), "x");
        assert!(store.zip(&ArtifactDigest::from_bytes([0; 32])).unwrap().is_none());
    }

    #[test]
    fn refusals_are_in_awss_words() {
        let (_state, store) = store();
        let check = |zip: &[u8], expected: &str| {
            let error = store.put_zip(zip).unwrap_err();
            assert_eq!((error.kind, error.message.as_str()), (LambdaErrorKind::InvalidParameterValue, expected));
        };
        let not_a_zip = "Could not unzip uploaded file. Please check your file, then try to upload again.";
        check(b"hello", not_a_zip);
        check(b"", not_a_zip);
        check(&unzip::tests::zip_of(&[]), "Uploaded file must be a non-empty zip");
        check(&unzip::tests::zip_of(&[("../evil", 0o644, "x")]), not_a_zip);
        let missing = store.stored(ARTIFACTS_BUCKET, &"0".repeat(64)).unwrap_err();
        assert!(missing.message.contains("NoSuchKey"), "{missing}");
        assert!(store.stored("other", "key").unwrap_err().message.contains("NoSuchBucket"));
    }

    #[test]
    fn what_a_crash_left_is_removed() {
        let (state, store) = store();
        let left = state.path().join(ARTIFACTS_DIR).join(".unfinished-7");
        fs::create_dir(&left).unwrap();
        drop(store);
        CodeStore::open(state.path()).unwrap();
        assert!(!left.exists());
    }
}
