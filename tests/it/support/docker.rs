//! A container engine for tests, and images that are made of this machine's own programs, because none can be pulled.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::{binary::succeed, tool::Tool};

/// Debian's PostgreSQL.
const POSTGRES: &str = "/usr/lib/postgresql";
/// Links of BusyBox that scripts need.
const APPLETS: [&str; 8] = ["sh", "sleep", "cat", "echo", "mkdir", "test", "id", "true"];

/// The `docker` CLI.
pub(crate) fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new(Tool::Docker.path().unwrap());
    command.args(arguments);
    command
}

/// What the engine lists, a line each: `names("ps", "-a", ...)`.
pub(crate) fn listed(what: &[&str], label: &str) -> Vec<String> {
    let filter = format!("label={label}");
    let arguments = [what, &["--filter", &filter, "--format", "{{.Name}}{{.Names}}"]].concat();
    // A volume and a network have a `Name`, a container has `Names`; a template with the wrong one fails.
    let format = if what[0] == "ps" { "{{.Names}}" } else { "{{.Name}}" };
    let last = arguments.len() - 1;
    let arguments = [&arguments[..last], &[format]].concat();
    succeed(docker(&arguments)).lines().map(str::to_owned).collect()
}

/// All that an engine has with a label.
pub(crate) fn left_with(label: &str) -> Vec<String> {
    [vec!["ps", "-a"], vec!["network", "ls"], vec!["volume", "ls"]].iter().flat_map(|what| listed(what, label)).collect()
}

/// Removes at its end, also after a failure, what a test made from a directory.
#[derive(Debug)]
pub(crate) struct Sweep(String);

impl Sweep {
    /// `dir` is the stack's.
    pub(crate) fn of(dir: &Path) -> Self {
        let dir = dir.canonicalize().unwrap();
        Self(format!("dev.stackctl.directory={}", dir.join(".stackctl").display()))
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Vec<String> {
        left_with(&self.0)
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        for (what, remove) in [
            (vec!["ps", "-a"], vec!["rm", "-f", "-v"]),
            (vec!["network", "ls"], vec!["network", "rm"]),
            (vec!["volume", "ls"], vec!["volume", "rm"]),
        ] {
            for name in listed(&what, &self.0) {
                let _ = docker(&[remove.as_slice(), &[&name]].concat()).output();
            }
        }
    }
}

/// A build context with a Dockerfile of Redis, from this machine's packages.
pub(crate) fn redis_image() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    FOLDER.get_or_init(|| image(&["/usr/bin/redis-server", "/usr/bin/redis-cli"], &[], "USER 10001")).path()
}

/// A build context with a Dockerfile of PostgreSQL; `start` makes a database in `/data` where there is none.
pub(crate) fn postgres_image() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let version = fs::read_dir(POSTGRES).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let programs = ["initdb", "postgres", "psql", "pg_isready"].map(|program| version.join("bin").join(program));
    let programs: Vec<&str> = programs.iter().map(|path| path.to_str().unwrap()).collect();
    let share = format!("/usr/share/postgresql/{}", version.file_name().unwrap().to_str().unwrap());
    let folders = [version.join("lib"), PathBuf::from(share)];
    FOLDER
        .get_or_init(|| {
            let made = image(&programs, &folders, "USER 10001\nENTRYPOINT [\"/start\"]");
            let start = format!(
                "#!/bin/sh\nset -e\nPATH=$PATH:{bin}\ntest -e /data/PG_VERSION || initdb -D /data -U postgres --locale=C -A trust\n\
                 exec postgres -D /data -k /tmp -h 0.0.0.0\n",
                bin = version.join("bin").display()
            );
            let path = made.path().join("root/start");
            fs::write(&path, start.replace("-h 0.0.0.0", "-h '*' -c fsync=off").as_bytes()).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let hba = made.path().join("root/hba");
            fs::write(hba, "").unwrap();
            made
        })
        .path()
}

fn image(programs: &[&str], folders: &[PathBuf], last: &str) -> tempfile::TempDir {
    let made = tempfile::tempdir().unwrap();
    let root = made.path().join("root");
    let mut files: BTreeSet<PathBuf> = ["/bin/busybox"].map(PathBuf::from).into();
    files.extend(programs.iter().map(PathBuf::from));
    for folder in folders {
        files.extend(below(folder));
    }
    let of_elf: Vec<PathBuf> = files.iter().filter(|path| is_elf(path)).cloned().collect();
    for file in of_elf {
        files.extend(libraries(&file));
    }
    for file in &files {
        let target = root.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(file, &target).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    for applet in APPLETS {
        let path = root.join("bin").join(applet);
        if !path.exists() {
            symlink("busybox", path).unwrap();
        }
    }
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nservice:x:10001:10001::/:/bin/sh\n").unwrap();
    let volumes = "RUN [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox mkdir -p /data /tmp && /bin/busybox chown 10001 /data && \
                   /bin/busybox chmod 1777 /tmp\"]";
    fs::write(made.path().join("Dockerfile"), format!("FROM scratch\nCOPY root /\n{volumes}\n{last}\n")).unwrap();
    made
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match fs::metadata(&path) {
            // The compiler's half of the just-in-time compilation is large, and not needed.
            Ok(_) if path.ends_with("bitcode") || path.ends_with("llvmjit.so") => {}
            Ok(found) if found.is_dir() => files.extend(below(&path)),
            Ok(_) => files.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => panic!("{}: {error}", path.display()),
        }
    }
    files
}

fn is_elf(path: &Path) -> bool {
    fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x7fELF"))
}

/// What `ldd` says that a program loads.
fn libraries(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':')).map(PathBuf::from).collect()
}
