//! Why files cannot be watched, and what to do about it.

use std::{fmt, path::PathBuf};

/// Where Linux keeps the limits of inotify; elsewhere there is no such folder.
const LIMITS_DIR: &str = "/proc/sys/fs/inotify";
/// Where it keeps those of the user namespace that a process is in: rootless containers have one.
const NAMESPACE_LIMITS_DIR: &str = "/proc/sys/user";

/// Watching failed.
#[derive(Debug)]
pub enum WatchError {
    /// The kernel gives no more watches to this user.
    TooManyWatches { wanted: usize },
    /// The kernel gives no more watchers to this user.
    TooManyWatchers,
    /// The system refused.
    System { path: Option<PathBuf>, reason: String },
}

impl WatchError {
    pub(super) fn of(error: &notify::Error, wanted: usize) -> Self {
        let path = error.paths.first().cloned();
        match &error.kind {
            notify::ErrorKind::MaxFilesWatch => Self::TooManyWatches { wanted },
            notify::ErrorKind::Io(io) if io.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => {
                Self::TooManyWatchers
            }
            _ => Self::System { path, reason: error.to_string() },
        }
    }

    /// The way out.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::TooManyWatches { wanted } => Some(raise("watches", *wanted)),
            Self::TooManyWatchers => Some(raise("instances", 1)),
            Self::System { .. } => None,
        }
    }
}

/// Twice what there is, and enough for what was wanted.
fn raise(limit: &str, wanted: usize) -> String {
    let global = format!("fs.inotify.max_user_{limit}");
    let (setting, now) = lower((global, LIMITS_DIR), (format!("user.max_inotify_{limit}"), NAMESPACE_LIMITS_DIR));
    let to = (now.unwrap_or(8192) * 2).max((wanted * 2).next_power_of_two());
    let now = now.map_or_else(String::new, |now| format!("; it is {now} now"));
    format!(
        "raise the limit: `sudo sysctl {setting}={to}`{now}. Folders that hold no code need no watch: name them in \
         `.gitignore` or `.stackctlignore`"
    )
}

/// Of the machine's limit and that of the user namespace which this process is in, the one that was reached.
fn lower(machine: (String, &str), namespace: (String, &str)) -> (String, Option<usize>) {
    let [(machine, its), (namespace, own)] = [machine, namespace].map(|(name, dir)| {
        let file = name.rsplit('.').next().unwrap_or(&name);
        let limit = limit_now(dir, file);
        (name, limit)
    });
    match (its, own) {
        (Some(its), Some(own)) if own < its => (namespace, Some(own)),
        _ => (machine, its),
    }
}

fn limit_now(dir: &str, file: &str) -> Option<usize> {
    std::fs::read_to_string(format!("{dir}/{file}")).ok()?.trim().parse().ok()
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyWatches { wanted } => {
                write!(f, "{wanted} directories cannot be watched: the limit of inotify watches is reached")
            }
            Self::TooManyWatchers => f.write_str("files cannot be watched: the limit of inotify instances is reached"),
            Self::System { path: Some(path), reason } => write!(f, "cannot watch `{}`: {reason}", path.display()),
            Self::System { path: None, reason } => write!(f, "cannot watch files: {reason}"),
        }
    }
}

impl std::error::Error for WatchError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_with_the_way_to_raise_it() {
        let error = WatchError::of(&notify::Error::new(notify::ErrorKind::MaxFilesWatch), 300_000);
        assert_eq!(error.to_string(), "300000 directories cannot be watched: the limit of inotify watches is reached");
        let help = error.help().unwrap();
        assert!(help.starts_with("raise the limit: `sudo sysctl fs.inotify.max_user_watches="), "{help}");
        let too_many = notify::Error::io(std::io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()));
        assert!(WatchError::of(&too_many, 0).help().unwrap().contains("fs.inotify.max_user_instances="));
    }

    #[test]
    fn the_limit_that_was_reached_is_named() {
        let check = |machine: &str, namespace: &str, expected: (&str, Option<usize>)| {
            let dirs = [machine, namespace].map(|limit| {
                let dir = tempfile::tempdir().unwrap();
                std::fs::write(dir.path().join("limit"), limit).unwrap();
                dir
            });
            let [machine, namespace] = dirs.each_ref().map(|dir| dir.path().to_str().unwrap());
            let (setting, now) =
                lower(("machine.limit".to_owned(), machine), ("namespace.limit".to_owned(), namespace));
            assert_eq!((setting.as_str(), now), expected);
        };
        check("8192\n", "2147483647\n", ("machine.limit", Some(8192)));
        check("8192\n", "8192\n", ("machine.limit", Some(8192)));
        check("8192\n", "10\n", ("namespace.limit", Some(10)));
        check("", "10\n", ("machine.limit", None));
    }
}
