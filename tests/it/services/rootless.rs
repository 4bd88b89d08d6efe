//! Podman without privileges: the engine, the functions and the services are an ordinary user's, who has no range of further users.

use std::{
    fs,
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::support::{
    binary::{eventually, run, succeed},
    docker::free_port,
    go_runtime,
    tool::Tool,
    trials,
};

trials!(a_stack_runs_on_rootless_podman needs [Tool::Podman, Tool::Go, Tool::NamespacesOfAnyUser]);

const AS_NOBODY: [&str; 4] = ["--reuid=65534", "--regid=65534", "--clear-groups", "env"];
/// Without the kernel's overlays, and without owners other than the one user.
const STORAGE: &str = "[storage]\ndriver = \"vfs\"\n[storage.options.vfs]\nignore_chown_errors = \"true\"\n";
/// What works without systemd and on a machine with both kinds of control groups.
const SETTINGS: &str = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
    [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n[network]\nnetwork_backend = \"netavark\"\n";
/// Asks the service as well.
const ASKS: &str = "side, err := http.Get(\"http://\" + os.Getenv(\"SIDE\") + \"/\"); if err == nil { fmt.Println(\"SIDE\", side.StatusCode) } else \
    { fmt.Println(\"NO SIDE\", err) }; fmt.Fprintln(os.Stderr";

/// A home of nobody's, with Podman's service.
struct Home {
    dir: TempDir,
    program: PathBuf,
    podman: Option<Child>,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let settings = dir.path().join(".config/containers");
        fs::create_dir_all(&settings).unwrap();
        fs::create_dir(dir.path().join("run")).unwrap();
        fs::write(settings.join("storage.conf"), STORAGE).unwrap();
        fs::write(settings.join("containers.conf"), SETTINGS).unwrap();
        let (built, program) = (env!("CARGO_BIN_EXE_stackctl"), dir.path().join("stackctl"));
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
        Self { dir, program, podman: None }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn socket(&self) -> PathBuf {
        self.path().join("run/podman.sock")
    }

    /// A program as nobody.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(AS_NOBODY).args(["-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR=1"]);
        command.arg(format!("HOME={}", self.path().display()));
        command.arg(format!("XDG_RUNTIME_DIR={}", self.path().join("run").display()));
        command.arg(format!("DOCKER_HOST=unix://{}", self.socket().display()));
        command.arg(program).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn stackctl(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&self.program);
        command.args(arguments);
        command
    }

    /// Gives all of it to nobody, and starts Podman.
    fn settle(&mut self) {
        let mut own = Command::new("chown");
        own.args(["-R", "--no-dereference", "65534:65534"]).arg(self.path());
        succeed(own);
        let mut service = self.command(Tool::Podman.path().unwrap());
        service.args(["system", "service", "--time", "0"]).arg(format!("unix://{}", self.socket().display()));
        // Podman goes on in a child, inside its user namespace.
        service.process_group(0);
        self.podman = Some(service.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        eventually("Podman's socket", || self.socket().exists().then_some(()));
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.stackctl(&["down", "--yes"]).output();
        if let Some(mut podman) = self.podman.take() {
            let _ = Command::new("kill").args(["-9", "--", &format!("-{}", podman.id())]).status();
            let _ = podman.wait();
        }
        // What keeps its user namespace for other commands.
        let pause = fs::read_to_string(self.path().join("run/libpod/tmp/pause.pid"));
        if let Ok(pid) = pause {
            let _ = Command::new("kill").args(["-9", pid.trim()]).status();
        }
    }
}

fn a_stack_runs_on_rootless_podman() {
    let mut home = Home::new();
    let port = free_port();
    let manifest = format!(
        "[stack]\nname = \"rootless\"\n[targets.embedded]\nport = \"auto\"\n\
         [queues.jobs]\nvisibility_timeout = \"2m\"\n\
         [functions.echo]\nruntime = \"provided.al2023\"\nsource = \"echo\"\nbuild = \"none\"\nisolation = \"container\"\n\
         base_image = \"localhost/rootless-base:1\"\ntimeout = \"20s\"\n\
         environment = {{ SIDE = \"${{services.side.host}}:${{services.side.port}}\", GREETING = \"${{services.side.host}}\" }}\n\
         [[functions.echo.triggers]]\nqueue = \"jobs\"\n\
         [services.side]\nbuild = \"side\"\nnetwork = \"host\"\nports = [\"{port}\"]\ncommand = [\"httpd\", \"-f\", \"-p\", \"127.0.0.1:{port}\", \"-h\", \"/\"]\n"
    );
    fs::write(home.path().join("stack.toml"), manifest).unwrap();
    go_runtime::build(
        &home.path().join("echo"),
        &go_runtime::SOURCE.replace("fmt.Fprintln(os.Stderr", ASKS),
        "bootstrap",
    );
    for (folder, from) in [
        ("side", "FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT [\"/bin/busybox\"]\n"),
        ("base", "FROM scratch\nCOPY busybox /bin/sh\n"),
    ] {
        let folder = home.path().join(folder);
        fs::create_dir(&folder).unwrap();
        fs::copy("/bin/busybox", folder.join("busybox")).unwrap();
        fs::write(folder.join("Dockerfile"), from).unwrap();
    }
    home.settle();
    let mut base = home.command(Tool::Podman.path().unwrap());
    base.args(["build", "-q", "-t", "rootless-base:1", "base"]);
    succeed(base);

    let up = run(home.stackctl(&["up", "--yes"]));
    assert_eq!(up.code, Some(0), "{}", up.stderr);
    let plan = run(home.stackctl(&["plan", "--exit-code"]));
    assert_eq!(plan.code, Some(0), "{}{}", plan.stdout, plan.stderr);
    TcpStream::connect(("127.0.0.1", port)).unwrap();
    let answer = succeed(home.stackctl(&["invoke", "echo", "--payload", "{\"n\":1}"]));
    assert!(answer.contains("\"greeting\":\"127.0.0.1\",\"uid\":0,\"event\":{\"n\":1}"), "{answer}");
    succeed(home.stackctl(&["send", "jobs", "by-the-queue"]));
    let log = eventually("the queue's message", || {
        let log = succeed(home.stackctl(&["logs", "echo"]));
        log.contains("by-the-queue").then_some(log)
    });
    assert!(log.contains("SIDE 404") && !log.contains("NO SIDE"), "the service is where it was said: {log}");
    succeed(home.stackctl(&["down", "--yes"]));
    assert!(!home.path().join(".stackctl").exists());
    let mut left = home.command(Tool::Podman.path().unwrap());
    left.args(["ps", "-a", "-q"]);
    assert_eq!(succeed(left), "");
}
