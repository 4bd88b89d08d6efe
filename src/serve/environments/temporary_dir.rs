//! A directory for the temporary files of one environment.

use std::{fs, io, os::unix::fs::DirBuilderExt as _, path::PathBuf, sync::atomic::Ordering};

use super::Shared;

/// The environment's own directory for temporary files, removed at its end.
#[derive(Debug)]
pub(super) struct TemporaryDir {
    pub(super) path: PathBuf,
    /// No other environment of this engine has it.
    pub(super) number: u64,
}

impl TemporaryDir {
    pub(super) fn create(shared: &Shared) -> io::Result<Self> {
        let number = shared.launched.fetch_add(1, Ordering::Relaxed);
        let path = shared.temporary_dir.join(number.to_string());
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, number })
    }

    pub(super) async fn remove(self) {
        // Most functions leave nothing in it.
        if fs::remove_dir(&self.path).is_err() {
            let _ = tokio::task::spawn_blocking(move || fs::remove_dir_all(&self.path)).await;
        }
    }
}
