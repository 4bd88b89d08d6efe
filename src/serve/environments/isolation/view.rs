//! Makes the view: a new root of mounts of the machine's directories, with AWS's own among them.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use rustix::{
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
        mount_remount, unmount,
    },
    process::pivot_root,
};

use super::{
    LAYERS_DIR, RUNTIME_DIR, TASK_DIR, TEMPORARY_DIR, View,
    enter::Failed,
    mounts::{self, Mount},
};

/// The root holds directories and links alone.
const ROOT_OPTIONS: &str = "size=1m,mode=755";
/// What hides the state directory holds nothing.
const NOTHING_OPTIONS: &str = "size=4k,mode=755";
/// In these the machine's mounts stay as they are: devices, and what the kernel shows.
const SYSTEM_DIRS: [&str; 3] = ["dev", "proc", "sys"];
/// Names in `/opt` that are layers' alone: what the machine has there under them would be taken for a layer's.
const LAYER_NAMES: [&str; 7] = ["bin", "lib", "extensions", "java", "nodejs", "python", "ruby"];

/// Makes the view and enters it.
pub(super) fn make_view(view: &View) -> Result<(), Failed> {
    let root = &view.root;
    // What is mounted here must not appear outside; what is unmounted outside must not be held here.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .map_err(failed("keep mounts to itself"))?;
    mount_tmpfs(root, ROOT_OPTIONS).map_err(failed("mount a new root"))?;
    bind_children(Path::new("/"), root, &["var", "opt", "tmp"])
        .map_err(failed("list the directories of the machine"))?;
    make_var(view)?;
    make_opt(view)?;
    fs::create_dir(inside(root, TEMPORARY_DIR)).map_err(failed("make /tmp"))?;
    make_read_only(root)?;
    // After that, because these may be written.
    for (source, seen) in &view.writable {
        mount_bind(source, inside(root, seen)).map_err(failed("mount a directory to write to"))?;
    }
    make_tmp(view)?;
    hide(root, &view.state_dir)?;
    change_root(root).map_err(failed("change the root"))
}

fn failed<E: Into<io::Error>>(doing: &str) -> impl FnOnce(E) -> Failed + '_ {
    move |error| (doing.to_owned(), error.into())
}

/// An absolute path of the view, as it is before the root has changed.
fn inside(root: &Path, path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn mount_tmpfs(at: &Path, options: &str) -> rustix::io::Result<()> {
    let options = std::ffi::CString::new(options).map_err(|_| rustix::io::Errno::INVAL)?;
    mount("tmpfs", at, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some(options.as_c_str()))
}

/// Shows what is in `from`, except these names, in `to`.
fn bind_children(from: &Path, to: &Path, except: &[&str]) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !except.iter().any(|excepted| OsStr::new(excepted) == name) {
            // A file system that hangs or may not be entered is missing, and nothing else is.
            let _ = bind_child(&entry.path(), &to.join(name), entry.file_type()?);
        }
    }
    Ok(())
}

fn bind_child(from: &Path, to: &Path, kind: fs::FileType) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Ok(());
    }
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_dir() {
        fs::create_dir(to)?;
    } else {
        fs::File::create(to)?;
    }
    mount_bind_recursive(from, to).map_err(io::Error::from)
}

/// `/var` with the function's code and its runtime.
fn make_var(view: &View) -> Result<(), Failed> {
    let var = view.root.join("var");
    fs::create_dir(&var).map_err(failed("make /var"))?;
    if Path::new("/var").is_dir() {
        bind_children(Path::new("/var"), &var, &["task", "runtime"]).map_err(failed("list /var"))?;
    }
    for (source, seen, doing) in [
        (&view.code_dir, TASK_DIR, "mount the code at /var/task"),
        (&view.runtime_dir, RUNTIME_DIR, "mount the runtimes at /var/runtime"),
    ] {
        let target = inside(&view.root, seen);
        fs::create_dir(&target).map_err(failed(doing))?;
        mount_bind(source, target).map_err(failed(doing))?;
    }
    Ok(())
}

/// `/opt` with the layers first, and what else the machine has there.
fn make_opt(view: &View) -> Result<(), Failed> {
    let opt = inside(&view.root, LAYERS_DIR);
    fs::create_dir(&opt).map_err(failed("make /opt"))?;
    if let Some(layers) = &view.layers_dir {
        bind_children(layers, &opt, &[]).map_err(failed("mount the layers at /opt"))?;
    }
    if Path::new(LAYERS_DIR).is_dir() {
        let kept = |name: &str| view.kept.iter().any(|kept| kept.starts_with(Path::new(LAYERS_DIR).join(name)));
        let hidden: Vec<_> = LAYER_NAMES.into_iter().filter(|name| !kept(name)).collect();
        bind_children(Path::new(LAYERS_DIR), &opt, &hidden).map_err(failed("list /opt"))?;
    }
    Ok(())
}

/// Everything but devices and what the kernel shows.
fn make_read_only(root: &Path) -> Result<(), Failed> {
    let table = fs::read("/proc/self/mountinfo").map_err(failed("list the mounts"))?;
    let system = SYSTEM_DIRS.map(|name| root.join(name));
    let task = inside(root, TASK_DIR);
    for Mount { path, flags } in mounts::below(&table, root) {
        if flags.contains(MountFlags::RDONLY) || system.iter().any(|dir| path.starts_with(dir)) {
            continue;
        }
        let remounted = mount_remount(&path, MountFlags::BIND | MountFlags::RDONLY | flags, "");
        // Some of the machine's file systems may not be changed; the function's own can.
        if path == *root || path == task {
            remounted.map_err(failed("make the code read-only"))?;
        }
    }
    Ok(())
}

/// `/tmp` of the environment alone, with what must stay visible of the machine's.
fn make_tmp(view: &View) -> Result<(), Failed> {
    let tmp = inside(&view.root, TEMPORARY_DIR);
    mount_tmpfs(&tmp, &format!("size={}m,mode=1777", view.temporary_mb)).map_err(failed("mount /tmp"))?;
    for kept in view.kept.iter().filter(|kept| kept.starts_with(TEMPORARY_DIR)) {
        let target = inside(&view.root, kept);
        fs::create_dir_all(&target).map_err(failed("keep an interpreter that is below /tmp"))?;
        mount_bind_recursive(kept, &target).map_err(failed("keep an interpreter that is below /tmp"))?;
    }
    Ok(())
}

/// Puts nothing over a directory, unless it is out of sight already.
fn hide(root: &Path, dir: &Path) -> Result<(), Failed> {
    let target = inside(root, dir);
    if dir.starts_with(TEMPORARY_DIR) || !target.is_dir() {
        return Ok(());
    }
    mount_tmpfs(&target, NOTHING_OPTIONS).map_err(failed("hide the state directory"))
}

/// The old root is put over the new one and taken away from there.
fn change_root(root: &Path) -> io::Result<()> {
    rustix::process::chdir(root)?;
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Ok(())
}
