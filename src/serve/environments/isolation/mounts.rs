//! Mounts, as `/proc/self/mountinfo` lists them.
//!
//! <https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html>

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use rustix::mount::MountFlags;

/// One mount: where, and with which flags of its own, all of which a remount must repeat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) path: PathBuf,
    pub(super) flags: MountFlags,
}

/// Those of the table that are at `root` or below it.
pub(super) fn below(table: &[u8], root: &Path) -> Vec<Mount> {
    table.split(|byte| *byte == b'\n').filter_map(parse).filter(|mount| mount.path.starts_with(root)).collect()
}

fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').skip(4);
    let path = PathBuf::from(OsString::from_vec(unescaped(fields.next()?)));
    let options = str::from_utf8(fields.next()?).ok()?;
    let flags = options.split(',').map(flag).fold(MountFlags::empty(), MountFlags::union);
    Some(Mount { path, flags })
}

fn flag(option: &str) -> MountFlags {
    match option {
        "ro" => MountFlags::RDONLY,
        "nosuid" => MountFlags::NOSUID,
        "nodev" => MountFlags::NODEV,
        "noexec" => MountFlags::NOEXEC,
        "noatime" => MountFlags::NOATIME,
        "nodiratime" => MountFlags::NODIRATIME,
        "relatime" => MountFlags::RELATIME,
        _ => MountFlags::empty(),
    }
}

/// Spaces, tabs, line feeds and backslashes are three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| byte == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[3..] } else { after };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_below_a_root_with_their_flags() {
        let table = b"22 28 0:21 / /new/sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n\
            23 28 0:22 / /newer rw - tmpfs t rw\n\
            24 28 8:1 / /new/a\\040b ro,noatime - ext4 /dev/sda rw\n";
        let flags = |flags: &[MountFlags]| flags.iter().copied().fold(MountFlags::empty(), MountFlags::union);
        let of = |path: &str, own: &[MountFlags]| Mount { path: path.into(), flags: flags(own) };
        assert_eq!(
            below(table, Path::new("/new")),
            [
                of("/new/sys", &[MountFlags::NOSUID, MountFlags::NODEV, MountFlags::NOEXEC, MountFlags::RELATIME]),
                of("/new/a b", &[MountFlags::RDONLY, MountFlags::NOATIME]),
            ]
        );
    }
}
