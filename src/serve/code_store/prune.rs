//! Which artifacts are let go: those that no function and no environment uses any more, but for the newest and what was used a
//! moment ago. A build that runs at the same time loses nothing: what it made is fresh, and what it would use again stands
//! in its cache. Blocking.

use std::{
    collections::BTreeSet,
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use super::{CodeStore, UNFINISHED_PREFIX};
use crate::model::{ARTIFACTS_DIR, ArtifactDigest, BUILD_DIR};

/// Artifacts that nobody uses and that are kept all the same: the way back to what was there before is short.
const KEPT: usize = 10;
/// What was made or deployed so short a time ago may be on its way.
const FRESH: Duration = Duration::from_secs(10 * 60);

impl CodeStore {
    /// Removes what is not needed; `used` is what functions and environments have. Returns how many artifacts went.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn prune(&self, used: &BTreeSet<ArtifactDigest>) -> io::Result<usize> {
        let artifacts = self.state_dir.join(ARTIFACTS_DIR);
        let now = file_system_now(&artifacts)?;
        let by_builds = named_by_builds(&self.state_dir.join(BUILD_DIR));
        let mut unused = Vec::new();
        for entry in fs::read_dir(&artifacts)? {
            let digest = ArtifactDigest::from_hex(&entry?.file_name().to_string_lossy());
            let Some(digest) = digest.filter(|digest| !used.contains(digest) && !by_builds.contains(digest)) else {
                continue;
            };
            unused.push((self.used_at(&digest), digest));
        }
        unused.sort_unstable_by(|a, b| b.cmp(a));
        let is_old = |used_at: SystemTime| now.duration_since(used_at).is_ok_and(|age| age > FRESH);
        let stale = unused.into_iter().skip(KEPT).filter(|(used_at, _)| is_old(*used_at));
        let mut removed = 0;
        for (used_at, digest) in stale {
            removed += usize::from(self.remove(&digest, used_at)?);
        }
        Ok(removed)
    }

    /// When it was last made or deployed: whoever does writes its size.
    fn used_at(&self, digest: &ArtifactDigest) -> SystemTime {
        let times = [digest.size_file_in(&self.state_dir), self.dir(digest)]
            .into_iter()
            .filter_map(|path| fs::metadata(path).ok()?.modified().ok());
        times.max().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Takes its name away first, so that it is complete or absent; gives it back when somebody made it again meanwhile.
    fn remove(&self, digest: &ArtifactDigest, used_at: SystemTime) -> io::Result<bool> {
        let number = self.unfinished.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let going = self.state_dir.join(ARTIFACTS_DIR).join(format!("{UNFINISHED_PREFIX}pruned-{number}"));
        fs::rename(self.dir(digest), &going)?;
        if self.used_at(digest) > used_at && fs::rename(&going, self.dir(digest)).is_ok() {
            return Ok(false);
        }
        // A directory that is left over is removed when the engine starts.
        let _ = fs::remove_file(digest.size_file_in(&self.state_dir));
        fs::remove_dir_all(&going)?;
        Ok(true)
    }
}

/// What time it is for the files.
fn file_system_now(dir: &Path) -> io::Result<SystemTime> {
    let file = dir.join(format!("{UNFINISHED_PREFIX}now"));
    fs::write(&file, "")?;
    let now = fs::metadata(&file)?.modified();
    fs::remove_file(file)?;
    now
}

/// What the last build of each function made, or would use again.
fn named_by_builds(dir: &Path) -> BTreeSet<ArtifactDigest> {
    #[derive(serde::Deserialize)]
    struct Cached {
        artifact: ArtifactDigest,
    }
    let files = fs::read_dir(dir).into_iter().flatten().flatten();
    let named = files.filter_map(|file| serde_json::from_slice::<Cached>(&fs::read(file.path()).ok()?).ok());
    named.map(|cached| cached.artifact).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_old_and_unused_and_not_among_the_newest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let store = CodeStore::open(dir.path()).unwrap();
        let digest = |number: u8| ArtifactDigest::from_bytes([number; 32]);
        let now = file_system_now(&dir.path().join(ARTIFACTS_DIR)).unwrap();
        // The first is the oldest; of the last two a moment ago somebody made something.
        for number in 0..20 {
            fs::create_dir(store.dir(&digest(number))).unwrap();
            fs::write(store.dir(&digest(number)).join("code"), "x").unwrap();
            let age = if number < 18 { Duration::from_secs(3600 * (40 - u64::from(number))) } else { Duration::ZERO };
            fs::write(digest(number).size_file_in(dir.path()), "1").unwrap();
            for path in [digest(number).size_file_in(dir.path()), store.dir(&digest(number))] {
                fs::File::open(path).unwrap().set_modified(now - age).unwrap();
            }
        }
        fs::create_dir(dir.path().join(BUILD_DIR)).unwrap();
        let cached = serde_json::json!({ "artifact": digest(3) });
        fs::write(dir.path().join(BUILD_DIR).join("f.json"), cached.to_string()).unwrap();
        let used = BTreeSet::from([digest(1), digest(7)]);
        // 17 are neither used nor named; the ten newest of them stay.
        assert_eq!(store.prune(&used).unwrap(), 7);
        let left = (0..20).filter(|number| store.dir(&digest(*number)).is_dir()).collect::<Vec<_>>();
        assert_eq!(left, [1, 3, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
        assert!(!digest(0).size_file_in(dir.path()).exists());
        assert_eq!(store.prune(&used).unwrap(), 0);
    }
}
