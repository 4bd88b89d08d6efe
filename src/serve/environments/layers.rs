//! The layers of a function as one directory: what AWS has at `/opt`. Blocking.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use sha2::{Digest, Sha256};

use crate::model::ArtifactDigest;

/// Merged layers, in the state directory.
pub(super) const MERGED_DIR: &str = "layers";

static UNFINISHED: AtomicU64 = AtomicU64::new(0);

/// The directory of these layers, in which a later one's file stands in the place of an earlier one's; `None` for none. It
/// is made once for each list of layers, of links to the artifacts' files, which never change.
///
/// # Errors
/// A layer's artifact is gone, or the state directory cannot be written.
pub(super) fn merged(state_dir: &Path, layers: &[ArtifactDigest]) -> io::Result<Option<PathBuf>> {
    match layers {
        [] => return Ok(None),
        [only] => return existing(only.dir_in(state_dir)).map(Some),
        _ => {}
    }
    let mut hash = Sha256::new();
    for layer in layers {
        hash.update(layer.as_bytes());
    }
    let name = ArtifactDigest::from_bytes(hash.finalize().into()).to_string();
    let target = state_dir.join(MERGED_DIR).join(&name);
    if target.is_dir() {
        return Ok(Some(target));
    }
    let number = UNFINISHED.fetch_add(1, Ordering::Relaxed);
    let unfinished = state_dir.join(MERGED_DIR).join(format!(".{name}-{number}"));
    let made = make_dir(&unfinished)
        .and_then(|()| layers.iter().try_for_each(|layer| add(&existing(layer.dir_in(state_dir))?, &unfinished)))
        .and_then(|()| match fs::rename(&unfinished, &target) {
            // Another environment made it in the meantime.
            Err(_) if target.is_dir() => Ok(()),
            renamed => renamed,
        });
    // Gone already unless something went wrong before the rename.
    let _ = fs::remove_dir_all(&unfinished);
    made.map(|()| Some(target))
}

fn existing(dir: PathBuf) -> io::Result<PathBuf> {
    if dir.is_dir() {
        return Ok(dir);
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("`{}` is gone; publish the layer again", dir.display())))
}

fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path)
}

fn add(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        let before = fs::symlink_metadata(&target).ok();
        if kind.is_dir() {
            if before.as_ref().is_some_and(|before| !before.is_dir()) {
                fs::remove_file(&target)?;
            }
            make_dir(&target)?;
            add(&source, &target)?;
            continue;
        }
        match before {
            Some(before) if before.is_dir() => fs::remove_dir_all(&target)?,
            Some(_) => fs::remove_file(&target)?,
            None => {}
        }
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if fs::hard_link(&source, &target).is_err() {
            // Some file systems have no links.
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_layer_stands_in_the_place_of_an_earlier_one() {
        let state = tempfile::tempdir().unwrap();
        let digest = |byte| ArtifactDigest::from_bytes([byte; 32]);
        for (byte, files) in [(1, &["python/a.py", "bin/tool", "x"][..]), (2, &["python/a.py", "python/b.py", "x/y"])] {
            for file in files {
                let path = digest(byte).dir_in(state.path()).join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, byte.to_string()).unwrap();
            }
        }
        assert_eq!(merged(state.path(), &[]).unwrap(), None);
        assert_eq!(merged(state.path(), &[digest(1)]).unwrap(), Some(digest(1).dir_in(state.path())));
        let check = |layers: [u8; 2], expected: &[(&str, Option<&str>)]| {
            let dir = merged(state.path(), &layers.map(digest)).unwrap().unwrap();
            assert_eq!(merged(state.path(), &layers.map(digest)).unwrap(), Some(dir.clone()), "it is made once");
            for (file, text) in expected {
                assert_eq!(fs::read_to_string(dir.join(file)).ok().as_deref(), *text, "{file} of {layers:?}");
            }
        };
        check(
            [1, 2],
            &[("python/a.py", Some("2")), ("python/b.py", Some("2")), ("bin/tool", Some("1")), ("x/y", Some("2"))],
        );
        check([2, 1], &[("python/a.py", Some("1")), ("python/b.py", Some("2")), ("x", Some("1")), ("x/y", None)]);
        let missing = merged(state.path(), &[digest(1), digest(9)]).unwrap_err().to_string();
        assert!(missing.contains("publish the layer again"), "{missing}");
        let left: Vec<_> =
            fs::read_dir(state.path().join(MERGED_DIR)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.len() == 2 && left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");
    }
}
