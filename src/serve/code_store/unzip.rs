//! Unpacks a deployment package safely: nothing is written outside the target, nothing grows past the limit.

use std::{
    fs, io,
    io::{Cursor, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Component, Path, PathBuf},
};

use zip::{ZipArchive, read::ZipFile, result::ZipError};

use crate::model::limits::CODE_UNZIPPED_MAX_BYTES;

/// Entries of a package; far above real ones, far below what would exhaust a file system.
const ENTRIES_MAX: usize = 200_000;
/// The text of a symbolic link.
const LINK_MAX_BYTES: u64 = 4096;

/// Why a package could not be unpacked.
#[derive(Debug)]
pub(super) enum UnzipError {
    /// Not a zip file, a damaged one, or one whose paths lead outside.
    NotAZip,
    /// No entry.
    Empty,
    /// More than [`CODE_UNZIPPED_MAX_BYTES`] unpacked.
    TooLarge,
    /// The target cannot be written.
    Disk(io::Error),
}

impl From<ZipError> for UnzipError {
    fn from(_: ZipError) -> Self {
        Self::NotAZip
    }
}

/// Unpacks `zip` into the new directory `target`.
pub(super) fn unzip(zip: &[u8], target: &Path) -> Result<(), UnzipError> {
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    match archive.len() {
        0 => return Err(UnzipError::Empty),
        1..=ENTRIES_MAX => {}
        _ => return Err(UnzipError::TooLarge),
    }
    create_dir(target)?;
    let mut left_bytes = CODE_UNZIPPED_MAX_BYTES;
    // Links come last, so that no file is written through one.
    let mut links = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let path = entry.enclosed_name().filter(|path| is_inside(path)).ok_or(UnzipError::NotAZip)?;
        if entry.is_dir() {
            create_dir(&target.join(path))?;
        } else if entry.is_symlink() {
            links.push((path, read_link(&mut entry)?));
        } else {
            write_file(&mut entry, &target.join(path), &mut left_bytes)?;
        }
    }
    for (path, to) in links {
        link(target, &path, &to)?;
    }
    Ok(())
}

fn write_file<R: Read>(entry: &mut ZipFile<'_, R>, path: &Path, left_bytes: &mut u64) -> Result<(), UnzipError> {
    create_parent(path)?;
    // What the archive was made on may know no modes; whatever it says, the engine itself must be able to read it.
    let mode = entry.unix_mode().map_or(0o644, |mode| mode & 0o777 | 0o400);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(UnzipError::Disk)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = entry.read(&mut buffer).map_err(|_| UnzipError::NotAZip)?;
        if count == 0 {
            break;
        }
        *left_bytes = left_bytes.checked_sub(count as u64).ok_or(UnzipError::TooLarge)?;
        file.write_all(&buffer[..count]).map_err(UnzipError::Disk)?;
    }
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(UnzipError::Disk)
}

fn read_link<R: Read>(entry: &mut ZipFile<'_, R>) -> Result<PathBuf, UnzipError> {
    let mut text = String::new();
    entry.take(LINK_MAX_BYTES).read_to_string(&mut text).map_err(|_| UnzipError::NotAZip)?;
    Ok(PathBuf::from(text))
}

/// Makes the link when it stays inside the package: relative, and not climbing above the root.
fn link(target: &Path, path: &Path, to: &Path) -> Result<(), UnzipError> {
    let from_root = path.parent().unwrap_or(Path::new("")).join(to);
    if !to.is_relative() || !is_inside(&from_root) {
        return Err(UnzipError::NotAZip);
    }
    let path = target.join(path);
    create_parent(&path)?;
    symlink(to, path).map_err(UnzipError::Disk)
}

fn is_inside(path: &Path) -> bool {
    let mut depth = 0_i32;
    for component in path.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => depth -= 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return false,
        }
        if depth < 0 {
            return false;
        }
    }
    depth > 0
}

fn create_parent(path: &Path) -> Result<(), UnzipError> {
    path.parent().map_or(Ok(()), create_dir)
}

fn create_dir(path: &Path) -> Result<(), UnzipError> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(UnzipError::Disk)
}

#[cfg(test)]
pub(super) mod tests {
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    pub(in super::super) fn zip_of(files: &[(&str, u32, &str)]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode, text) in files {
            writer.start_file(*name, SimpleFileOptions::default().unix_permissions(*mode)).unwrap();
            writer.write_all(text.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn zip_with_link(path: &str, to: &str) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.add_symlink(path, to, SimpleFileOptions::default()).unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn links_inside_are_kept_and_others_are_refused() {
        let check = |path: &str, to: &str, legal: bool| {
            let folder = tempfile::tempdir().unwrap();
            let result = unzip(&zip_with_link(path, to), &folder.path().join("code"));
            assert_eq!(result.is_ok(), legal, "{path} -> {to}: {result:?}");
        };
        check("current", "versions/1", true);
        check("bin/tool", "../lib/tool", true);
        check("evil", "/etc/passwd", false);
        check("evil", "..", false);
        check("bin/evil", "../../outside", false);
    }

    #[test]
    fn more_than_the_limit_is_refused_while_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let zip = zip_of(&[("a", 0o644, &"x".repeat(1000))]);
        let mut archive = ZipArchive::new(Cursor::new(zip.as_slice())).unwrap();
        let mut left_bytes = 999;
        let result = write_file(&mut archive.by_index(0).unwrap(), &folder.path().join("a"), &mut left_bytes);
        assert!(matches!(result, Err(UnzipError::TooLarge)), "{result:?}");
    }
}
