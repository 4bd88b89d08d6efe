//! What names a built artifact: the SHA-256 of its content, and where a state directory keeps it. No IO.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The folder of AWS's runtime for Java, in [`RUNTIME_DIR`].
pub const JAVA_RUNTIME_DIR: &str = "java";
/// The folder of a state directory with the runtimes of languages that need one.
pub const RUNTIME_DIR: &str = "runtime";
/// The folder of a state directory that holds the artifacts.
pub const ARTIFACTS_DIR: &str = "artifacts";
/// The folder of a state directory that holds the artifacts' zip files.
pub const PACKAGES_DIR: &str = "packages";
/// The folder of a state directory with what builds know of earlier ones: `FUNCTION.json`, whose `artifact` is the last.
pub const BUILD_DIR: &str = "build";
/// `S3Bucket` of a function whose code is already in the engine's store; `S3Key` is the digest in hexadecimal.
pub const ARTIFACTS_BUCKET: &str = "stackctl-artifacts";

/// SHA-256 of an artifact's content, the name under which the store keeps it.
///
/// Displays as 64 lower-case hexadecimal digits; AWS's `CodeSha256` is the same bytes in Base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ArtifactDigest([u8; 32]);

impl ArtifactDigest {
    /// Wraps the 32 bytes of a SHA-256.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Where the engine of `state_dir` has this artifact: `<state>/artifacts/<64 hex digits>/`, a directory with the code
    /// exactly as it stands at `/var/task`. Who writes one writes it under another name beside it and renames it, so that
    /// a directory of this name is always complete; it is never changed afterwards.
    pub fn dir_in(&self, state_dir: &Path) -> PathBuf {
        state_dir.join(ARTIFACTS_DIR).join(self.to_string())
    }

    /// Beside the directory: how many bytes are in it, in digits. It need not exist; whoever writes a directory may write it.
    pub fn size_file_in(&self, state_dir: &Path) -> PathBuf {
        state_dir.join(ARTIFACTS_DIR).join(format!("{self}.size"))
    }

    /// Where its zip file is, when a target needs one: `<state>/packages/<64 hex digits>.zip`, written under another name and
    /// renamed. Disposable.
    pub fn package_file_in(&self, state_dir: &Path) -> PathBuf {
        state_dir.join(PACKAGES_DIR).join(format!("{self}.zip"))
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ArtifactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ArtifactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArtifactDigest({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_both_ways() {
        let digest = ArtifactDigest::from_bytes([0xa5; 32]);
        assert_eq!(ArtifactDigest::from_hex(&digest.to_string()), Some(digest));
        assert_eq!(digest.dir_in(Path::new(".stackctl")), PathBuf::from(format!(".stackctl/artifacts/{digest}")));
        assert_eq!(ArtifactDigest::from_hex("a5"), None);
        assert_eq!(ArtifactDigest::from_hex(&"zz".repeat(32)), None);
    }
}
