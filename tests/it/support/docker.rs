//! A container engine for tests, and images that are made of this machine's own programs, because none can be pulled.

use std::{
    collections::BTreeSet,
    fs, io,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
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

/// What the engine lists with a label: `what` is `ps -a`, `network ls` or `volume ls`.
fn listed(what: &[&str], label: &str) -> Vec<String> {
    let (filter, format) = (format!("label={label}"), if what[0] == "ps" { "{{.Names}}" } else { "{{.Name}}" });
    let listed = succeed(docker(&[what, &["--filter", &filter, "--format", format]].concat()));
    listed.lines().map(str::to_owned).collect()
}

/// All that an engine has with a label.
fn left_with(label: &str) -> Vec<String> {
    [vec!["ps", "-a"], vec!["network", "ls"], vec!["volume", "ls"]]
        .iter()
        .flat_map(|what| listed(what, label))
        .collect()
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

    /// The same of an engine in this process, by its state directory.
    pub(crate) fn of_state(state_dir: &Path) -> Self {
        Self(format!("dev.stackctl.directory={}", state_dir.display()))
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

/// An image with nothing but BusyBox and its shell; made once.
pub(crate) fn busybox_image() -> &'static str {
    const NAME: &str = "stackctl-test-busybox:1";
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let context = image(&[], &[], "ENV PATH=/bin\nENTRYPOINT []");
        succeed(docker(&["build", "--quiet", "--tag", NAME, context.path().to_str().unwrap()]));
    });
    NAME
}

/// A port that nobody has now, and that nobody is given: each once, below those that the system gives out.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The id of an image: `sha256:...`.
pub(crate) fn image_id(image: &str) -> String {
    succeed(docker(&["image", "inspect", "--format", "{{.Id}}", image])).trim().to_owned()
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
                "#!/bin/sh\nset -e\nPATH=$PATH:{}\nif ! test -e /data/db/PG_VERSION; then\n  \
                 initdb -D /data/db -U postgres --locale=C -A trust\n  echo 'host all all all trust' >>/data/db/pg_hba.conf\nfi\n\
                 exec postgres -D /data/db -k /tmp -h '*' -c fsync=off\n",
                version.join("bin").display()
            );
            let path = made.path().join("root/start");
            fs::write(&path, start).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            made
        })
        .path()
}

/// A build context with a Dockerfile of the binary that is tested, with a shell and what scripts need, and nothing else.
pub(crate) fn own_image() -> tempfile::TempDir {
    let made = image(&[env!("CARGO_BIN_EXE_stackctl")], &[], "ENV PATH=/bin:/usr/bin\nENTRYPOINT []");
    let root = made.path().join("root");
    let binary = root.join(Path::new(env!("CARGO_BIN_EXE_stackctl")).strip_prefix("/").unwrap());
    fs::rename(binary, root.join("bin/stackctl")).unwrap();
    for applet in ["wget", "sed", "tr"] {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    made
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
    for (folder, mode) in [("data", 0o777), ("tmp", 0o1777)] {
        fs::create_dir(root.join(folder)).unwrap();
        fs::set_permissions(root.join(folder), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::write(made.path().join("Dockerfile"), format!("FROM scratch\nCOPY root /\n{last}\n")).unwrap();
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
