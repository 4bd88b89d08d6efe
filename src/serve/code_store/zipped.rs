//! An artifact as a zip file whose bytes depend on its content alone: sorted paths, one fixed date.

use std::{
    fs, io,
    io::{Cursor, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

/// Packs everything below `dir`.
pub(super) fn zip_dir(dir: &Path) -> io::Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    add_dir(&mut writer, dir, "")?;
    Ok(writer.finish().map_err(io::Error::other)?.into_inner())
}

fn add_dir(writer: &mut ZipWriter<Cursor<Vec<u8>>>, dir: &Path, prefix: &str) -> io::Result<()> {
    let mut entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let metadata = entry.metadata()?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|name| io::Error::other(format!("`{}` is not UTF-8", name.display())))?;
        let path = format!("{prefix}{name}");
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(metadata.permissions().mode() & 0o777);
        if metadata.is_dir() {
            add_dir(writer, &entry.path(), &format!("{path}/"))?;
        } else if metadata.is_symlink() {
            let to = fs::read_link(entry.path())?;
            writer.add_symlink(path, to.to_string_lossy(), options).map_err(io::Error::other)?;
        } else {
            writer.start_file(path, options).map_err(io::Error::other)?;
            writer.write_all(&fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
