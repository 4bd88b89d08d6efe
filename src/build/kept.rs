//! What builds keep for later ones in directories of their own, and how it is let go: each has a file beside it that is written
//! when it is used. Blocking.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use super::cache::BUILD_DIR;

/// Directories of one language that are kept however old they are.
const KEPT: usize = 10;
/// What was used within that time is kept however many there are: a build may use it now.
const FRESH: Duration = Duration::from_secs(24 * 3600);
/// The ending of the file beside a directory.
const MARK: &str = "used";
/// The languages that keep something.
const LANGUAGES: [&str; 2] = ["java", "python"];

/// A build uses that directory.
pub(super) fn mark_used(dir: &Path) {
    // Without it, the directory is as old as it looks.
    let _ = fs::write(dir.with_extension(MARK), "");
}

/// Removes what no build has used for long. Fails silently: what is left takes room and nothing else.
pub(super) fn prune(state_dir: &Path) {
    for language in LANGUAGES {
        let dir = state_dir.join(BUILD_DIR).join(language);
        if dir.is_dir() {
            let _ = prune_language(&dir);
        }
    }
}

fn prune_language(dir: &Path) -> io::Result<()> {
    // The time as the files know it.
    let clock = dir.join(".now");
    fs::write(&clock, "")?;
    let now = fs::metadata(&clock)?.modified()?;
    fs::remove_file(clock)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
            let used_at = modified(&path.with_extension(MARK)).or_else(|_| modified(&path))?;
            found.push((used_at, path));
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    let is_old = |used_at: SystemTime| now.duration_since(used_at).is_ok_and(|age| age > FRESH);
    for (_, path) in found.into_iter().skip(KEPT).filter(|(used_at, _)| is_old(*used_at)) {
        let _ = fs::remove_file(path.with_extension(MARK));
        fs::remove_dir_all(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_long_goes() {
        let dir = tempfile::tempdir().unwrap();
        let python = dir.path().join(BUILD_DIR).join("python");
        for number in 0..14 {
            let kept = python.join(format!("{number:02}"));
            fs::create_dir_all(&kept).unwrap();
            mark_used(&kept);
            let now = fs::metadata(&kept).unwrap().modified().unwrap();
            let hours = if number == 2 { 0 } else { 24 * (20 - number) };
            fs::File::open(kept.with_extension(MARK))
                .unwrap()
                .set_modified(now - Duration::from_secs(3600 * hours))
                .unwrap();
        }
        prune(dir.path());
        let mut left: Vec<_> = fs::read_dir(&python).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.retain(|name| !name.to_string_lossy().ends_with(MARK));
        left.sort();
        assert_eq!(left, ["02", "05", "06", "07", "08", "09", "10", "11", "12", "13"]);
        assert!(!python.join("00.used").exists() && python.join("05.used").exists());
    }
}
