//! Services on a real container engine, through the binary: Redis and PostgreSQL in images of this machine's own programs.

pub(crate) mod around;
pub(crate) mod rootless;

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::support::{
    binary::{Printed, eventually, run, stackctl, succeed},
    docker::{Sweep, docker, free_port, postgres_image, redis_image},
    tool::Tool,
    trials,
};

trials!(
    a_service_is_converged_used_and_gone needs [Tool::Docker, Tool::Python],
    only_another_configuration_makes_another_container needs [Tool::Docker],
    a_database_keeps_its_data_and_jobs_run_once needs [Tool::Docker],
    a_service_that_does_not_get_healthy_says_why needs [Tool::Docker],
    leftovers_of_a_crash_are_found needs [Tool::Docker],
    names_of_somebody_else_are_left_alone needs [Tool::Docker],
    images_come_from_a_registry needs [Tool::Docker, Tool::DockerRegistry],
    a_build_that_fails_shows_what_it_said needs [Tool::Docker],
    this_machines_network_is_shared needs [Tool::Docker, Tool::Python],
    two_ups_at_once_end_in_one_stack needs [Tool::Docker],
    podman_will_do needs [Tool::Docker, Tool::Podman],
    without_an_engine_the_error_says_what_to_do
);

/// A directory with a manifest; what it makes on the engine goes with it.
#[derive(Debug)]
pub(crate) struct Stack {
    // Swept before the directory goes.
    sweep: Sweep,
    dir: tempfile::TempDir,
    host: Option<String>,
}

impl Stack {
    pub(crate) fn new(name: &str, manifest: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let stack = Self { sweep: Sweep::of(dir.path()), dir, host: None };
        stack.write(name, manifest);
        stack
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, manifest: &str) {
        let head = format!("[stack]\nname = \"{name}\"\n[targets.embedded]\nport = \"auto\"\n");
        let text = manifest
            .replace("REDIS", &redis_image().display().to_string())
            .replace("POSTGRES", &postgres_image().display().to_string());
        fs::write(self.dir.path().join("stack.toml"), head + &text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = stackctl(self.dir.path(), arguments);
        if let Some(host) = &self.host {
            command.env("DOCKER_HOST", host);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Printed {
        run(self.command(arguments))
    }

    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        succeed(self.command(arguments))
    }

    pub(crate) fn up(&self) -> String {
        let printed = self.run(&["up", "--yes"]);
        assert_eq!(printed.code, Some(0), "{}", printed.stderr);
        printed.stderr
    }

    pub(crate) fn check_plan_is_empty(&self) {
        let plan = self.run(&["plan", "--exit-code"]);
        assert_eq!(plan.code, Some(0), "{}{}", plan.stdout, plan.stderr);
    }

    pub(crate) fn down(&self) {
        self.succeed(&["down", "--yes"]);
        assert_eq!(self.sweep.left(), Vec::<String>::new());
        assert!(!self.dir.path().join(".stackctl").exists());
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.command(&["down", "--yes"]).output();
    }
}

/// The id of a container.
fn id(name: &str) -> String {
    succeed(docker(&["inspect", "--format", "{{.Id}}", name])).trim().to_owned()
}

/// A cache on a port of its own.
pub(crate) fn cache(port: u16) -> String {
    format!(
        "[services.cache]\nbuild = \"REDIS\"\ncommand = [\"redis-server\", \"--save\", \"\", \"--protected-mode\", \"no\"]\n\
         ports = [\"{port}:6379\"]\nhealth = {{ command = [\"redis-cli\", \"ping\"] }}\n"
    )
}

fn a_service_is_converged_used_and_gone() {
    let port = free_port();
    let stack = Stack::new(
        "svc-used",
        &format!(
            "{}environment = {{ NOTE = \"a-value-that-stays-unsaid\" }}\n\
             [services.other]\nbuild = \"REDIS\"\ndepends_on = [\"cache\"]\n\
             command = [\"sh\", \"-c\", \"redis-cli -h $HOST -p $PORT set greeting hello; exec redis-server --save ''\"]\n\
             environment = {{ HOST = \"${{services.cache.host}}\", PORT = \"${{services.cache.port}}\" }}\n\
             [functions.reader]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\nsource = \"reader\"\n\
             environment = {{ CACHE = \"${{services.cache.host}}:${{services.cache.port}}\" }}\n",
            cache(port)
        ),
    );
    let code = "import os, socket\ndef handler(event, context):\n    host, port = os.environ['CACHE'].split(':')\n    \
                with socket.create_connection((host, int(port))) as redis:\n        \
                redis.sendall(b'GET greeting\\r\\n')\n        return redis.recv(100).decode()\n";
    fs::create_dir(stack.dir.path().join("reader")).unwrap();
    fs::write(stack.dir.path().join("reader/app.py"), code).unwrap();

    let plan = stack.run(&["plan"]);
    assert!(plan.stdout.contains("+ services.cache    create"), "{}", plan.stdout);
    let said = stack.up();
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("no `{text}` in\n{said}"));
    assert!(at("ready  services.cache") < at("created  functions.reader"), "{said}");
    assert!(at("ready  services.cache") < at("started  services.other"), "{said}");
    assert!(stack.up().contains("nothing to change"));
    stack.check_plan_is_empty();

    eventually("a greeting", || {
        let answer = stack.succeed(&["invoke", "reader"]);
        (answer.trim() == r#""$5\r\nhello\r\n""#).then_some(())
    });
    let status = stack.succeed(&["status"]);
    assert!(
        status.contains("cache    healthy") && status.contains(&format!("127.0.0.1:{port} -> 6379/tcp")),
        "{status}"
    );
    let status: serde_json::Value = serde_json::from_str(&stack.succeed(&["status", "--json"])).unwrap();
    assert_eq!(status["services"][0]["state"], "healthy");
    assert!(stack.succeed(&["logs", "cache"]).contains("Ready to accept connections"));
    let environment = stack.succeed(&["env"]);
    assert!(environment.contains(&format!("export STACKCTL_SERVICE_CACHE_PORT={port}")), "{environment}");

    let unsaid = [stack.succeed(&["plan", "--json"]), said, plan.stdout].concat();
    assert!(!unsaid.contains("a-value-that-stays-unsaid"), "{unsaid}");
    stack.down();
}

fn only_another_configuration_makes_another_container() {
    let port = free_port();
    let stack = Stack::new("svc-hash", &format!("{}environment = {{ LEVEL = \"a\" }}\n", cache(port)));
    stack.up();
    let first = id("stackctl-svc-hash-cache");
    stack.write("svc-hash", &format!("[queues.q]\n{}environment = {{ LEVEL = \"a\" }}\n", cache(port)));
    stack.up();
    assert_eq!(id("stackctl-svc-hash-cache"), first, "the same configuration is the same container");
    stack.write("svc-hash", &format!("[queues.q]\n{}environment = {{ LEVEL = \"b\" }}\n", cache(port)));
    let plan = stack.run(&["plan", "--exit-code"]);
    assert_eq!(plan.code, Some(2));
    assert!(plan.stdout.contains("+ services.cache  replace: environment.LEVEL changed"), "{}", plan.stdout);
    stack.up();
    assert_ne!(id("stackctl-svc-hash-cache"), first);
    stack.check_plan_is_empty();
    stack.write("svc-hash", "[queues.q]\n");
    assert!(stack.up().contains("deleted  services.cache"));
    assert_eq!(stack.sweep.left(), Vec::<String>::new());
    stack.down();
}

/// A database, a table made once, and what needs both.
fn database(port: u16, port_of_app: u16) -> String {
    format!(
        "[services.db]\nbuild = \"POSTGRES\"\nports = [\"{port}:5432\"]\nvolumes = [\"data:/data\"]\n\
         health = {{ command = \"$(echo /usr/lib/postgresql/*/bin/pg_isready) -h 127.0.0.1\" }}\n\
         [services.migrate]\nbuild = \"POSTGRES\"\nentrypoint = [\"/bin/sh\", \"-c\"]\ndepends_on = {{ db = \"healthy\" }}\n\
         command = [\"exec /usr/lib/postgresql/*/bin/psql -h db -U postgres -c 'create table runs (n int)'\"]\n\
         {}depends_on = {{ migrate = \"completed\" }}\n",
        cache(port_of_app)
    )
}

fn query(port: u16, sql: &str) -> Printed {
    let mut psql = Command::new("psql");
    psql.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres", "-At", "-c", sql]);
    run(psql)
}

fn a_database_keeps_its_data_and_jobs_run_once() {
    let (port, port_of_app) = (free_port(), free_port());
    let stack = Stack::new("svc-db", &database(port, port_of_app));
    let said = stack.up();
    assert!(said.find("ready  services.migrate") < said.find("started  services.cache"), "{said}");
    assert_eq!(query(port, "insert into runs values (7); select n from runs").stdout, "INSERT 0 1\n7\n");
    // A job that ran a second time would fail: the table is there.
    assert!(stack.up().contains("nothing to change"));
    stack.check_plan_is_empty();

    stack.succeed(&["down", "--keep"]);
    assert_eq!(stack.sweep.left(), ["stackctl-svc-db-data"]);
    stack.write("svc-db", &database(port, port_of_app).replace("create table runs", "create table if not exists runs"));
    stack.up();
    assert_eq!(query(port, "select n from runs").stdout, "7\n");

    let refused = stack.run(&["down"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("the data of the volume `data` would be lost"), "{}", refused.stderr);
    stack.write("svc-db", "[queues.q]\n");
    let refused = stack.run(&["up"]);
    assert!(refused.stderr.contains("the data of `volumes.data` would be lost"), "{}", refused.stderr);
    assert_eq!(query(port, "select n from runs").stdout, "7\n", "nothing was touched");
    stack.down();
}

fn a_service_that_does_not_get_healthy_says_why() {
    let port = free_port();
    let broken = cache(port).replace("\"ping\"] }", "\"-p\", \"1\", \"ping\"], retries = 1 }");
    let function = "[functions.f]\nruntime = \"provided.al2023\"\ndepends_on = [\"cache\"]\n";
    let stack = Stack::new("svc-sick", &(broken + function));
    fs::write(stack.dir.path().join("bootstrap"), "#!/bin/sh\n").unwrap();
    let printed = stack.run(&["up"]);
    assert_eq!(printed.code, Some(1), "{}", printed.stderr);
    assert!(printed.stderr.contains("unhealthy: Could not connect to Redis"), "{}", printed.stderr);
    assert!(printed.stderr.contains("`stackctl logs cache`"), "{}", printed.stderr);
    assert!(!stack.succeed(&["status"]).contains("FUNCTION"), "a function does not come before what it needs");
    stack.write("svc-sick", &(cache(port) + function));
    stack.up();
    stack.check_plan_is_empty();
    stack.down();
}

fn leftovers_of_a_crash_are_found() {
    let stack = Stack::new("svc-crash", &(cache(free_port()) + "volumes = [\"data:/data\"]\n"));
    stack.up();
    let state = stack.dir.path().join(".stackctl");
    let engine: serde_json::Value = serde_json::from_slice(&fs::read(state.join("engine.json")).unwrap()).unwrap();
    let mut kill = Command::new("kill");
    kill.args(["-9", &engine["pid"].to_string()]);
    succeed(kill);
    fs::remove_dir_all(&state).unwrap();
    assert_eq!(stack.sweep.left().len(), 3, "{:?}", stack.sweep.left());
    stack.down();

    // The next `up` takes over what is still what the manifest says, and clears the rest.
    stack.up();
    let kept = id("stackctl-svc-crash-cache");
    succeed(docker(&["kill", "stackctl-svc-crash-cache"]));
    stack.up();
    assert_eq!(id("stackctl-svc-crash-cache"), kept);
    stack.down();
}

fn names_of_somebody_else_are_left_alone() {
    let port = free_port();
    let first = Stack::new("svc-twice", &cache(port));
    first.up();
    let second = Stack::new("svc-twice", &cache(free_port()));
    let refused = second.run(&["up"]);
    assert_ne!(refused.code, Some(0));
    let owner = first.dir.path().canonicalize().unwrap();
    let expected =
        format!("`container stackctl-svc-twice-cache` belongs to the stack `svc-twice in {}`", owner.display());
    assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
    second.succeed(&["down", "--yes"]);
    first.check_plan_is_empty();
    first.down();
}

/// Debian's registry on a free port; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Registry {
    child: Child,
    pub(crate) port: u16,
    _dir: tempfile::TempDir,
}

impl Registry {
    pub(crate) fn start() -> Self {
        Self::with(None)
    }

    /// One that wants to know who asks.
    fn private(htpasswd: &str) -> Self {
        Self::with(Some(htpasswd))
    }

    fn with(htpasswd: Option<&str>) -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            dir.path().join("images").display()
        );
        if let Some(htpasswd) = htpasswd {
            let file = dir.path().join("htpasswd");
            fs::write(&file, htpasswd).unwrap();
            config += &format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file.display());
        }
        let file = dir.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(Tool::DockerRegistry.path().unwrap());
        command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        eventually("a registry", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, port, _dir: dir }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn images_come_from_a_registry() {
    let registry = Registry::start();
    let image = format!("localhost:{}/svc-pulled:1", registry.port);
    let base = format!("{image}-base");
    succeed(docker(&["build", "-q", "-t", &base, redis_image().to_str().unwrap()]));
    // A layer of its own: one that Docker has from another image would not be pulled.
    let upon = tempfile::tempdir().unwrap();
    fs::write(upon.path().join("Dockerfile"), format!("FROM {base}\nCOPY Dockerfile /pulled\n")).unwrap();
    succeed(docker(&["build", "-q", "--no-cache", "-t", &image, upon.path().to_str().unwrap()]));
    succeed(docker(&["push", "-q", &image]));
    succeed(docker(&["rmi", &image, &base]));
    let manifest = |image: &str| {
        format!("[services.cache]\nimage = \"{image}\"\ncommand = [\"redis-server\", \"--save\", \"\"]\n")
    };
    let stack = Stack::new("svc-pull", &manifest(&image));
    let plan = stack.succeed(&["plan"]);
    assert!(plan.contains(&format!("pull the image: {image}")), "{plan}");
    let printed = stack.run(&["-v", "up"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    for said in ["Pulling from svc-pulled", "Pull complete", "pulled  services.cache"] {
        assert!(printed.stderr.contains(said), "no `{said}` in\n{}", printed.stderr);
    }
    stack.check_plan_is_empty();
    let lock = fs::read_to_string(stack.dir.path().join("stack.lock")).unwrap();
    assert!(lock.contains(&format!("\"{image}\" = \"sha256:")), "{lock}");

    stack.write("svc-pull", &manifest(&format!("localhost:{}/svc-nothing:1", registry.port)));
    let absent = stack.run(&["up"]);
    assert_eq!(absent.code, Some(1));
    assert!(
        absent.stderr.contains("PullImage") && absent.stderr.contains("look at the image's name"),
        "{}",
        absent.stderr
    );
    assert!(
        succeed(docker(&["ps", "--format", "{{.Names}}"])).contains("stackctl-svc-pull-cache"),
        "the old one runs on"
    );

    stack.write("svc-pull", &manifest(&format!("localhost:{}/svc-other:1", free_port())));
    let unreachable = stack.run(&["up"]);
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.stderr.contains("the registry cannot be reached"), "{}", unreachable.stderr);
    stack.down();
    succeed(docker(&["rmi", &image]));
}

fn a_build_that_fails_shows_what_it_said() {
    let stack = Stack::new("svc-build", "[services.web]\nbuild = \"web\"\n");
    let web = stack.dir.path().join("web");
    fs::create_dir(&web).unwrap();
    let printed = stack.run(&["up"]);
    assert_eq!(printed.code, Some(3), "{}", printed.stderr);
    assert!(printed.stderr.contains("there is no `Dockerfile` in"), "{}", printed.stderr);
    fs::copy("/bin/busybox", web.join("busybox")).unwrap();
    let dockerfile = "FROM scratch\nCOPY busybox /bin/sh\nRUN echo about to fail && exit 3\n";
    fs::write(web.join("Dockerfile"), dockerfile).unwrap();
    let printed = stack.run(&["up"]);
    assert_eq!(printed.code, Some(1), "{}", printed.stderr);
    assert!(
        printed.stderr.contains("about to fail") && printed.stderr.contains("returned a non-zero code: 3"),
        "{}",
        printed.stderr
    );
    stack.down();
}

fn this_machines_network_is_shared() {
    let port = free_port();
    let listening =
        format!("[\"redis-server\", \"--save\", \"\", \"--protected-mode\", \"no\", \"--port\", \"{port}\"]");
    let manifest = format!(
        "[services.cache]\nbuild = \"REDIS\"\nnetwork = \"host\"\nports = [\"{port}\"]\ncommand = {listening}\n\
         health = {{ command = [\"redis-cli\", \"-p\", \"{port}\", \"ping\"] }}\n\
         [services.other]\nbuild = \"REDIS\"\ndepends_on = [\"cache\"]\n\
         environment = {{ HOST = \"${{services.cache.host}}\", PORT = \"${{services.cache.port}}\" }}\n\
         command = [\"sh\", \"-c\", \"redis-cli -h $HOST -p $PORT ping; exec redis-server --save ''\"]\n\
         [functions.reader]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\nsource = \"reader\"\n\
         environment = {{ CACHE = \"${{services.cache.host}}:${{services.cache.port}}\" }}\n"
    );
    let stack = Stack::new("svc-host", &manifest);
    fs::create_dir(stack.dir.path().join("reader")).unwrap();
    fs::write(stack.dir.path().join("reader/app.py"), around::READER).unwrap();
    stack.up();
    stack.check_plan_is_empty();
    let mode = ["inspect", "--format", "{{.HostConfig.NetworkMode}}", "stackctl-svc-host-cache"];
    assert_eq!(succeed(docker(&mode)).trim(), "host");
    stack.succeed(&["invoke", "reader"]);
    assert!(stack.succeed(&["logs", "reader"]).contains("CACHE b'+PONG"), "from a process");
    eventually("a pong, from another service", || stack.succeed(&["logs", "other"]).contains("PONG").then_some(()));
    // Back into the stack's own network: another container.
    let back = manifest.replace("network = \"host\"\n", "");
    stack.write("svc-host", &back);
    assert!(stack.succeed(&["plan"]).contains("+ services.cache  replace: network changed"));
    stack.up();
    stack.check_plan_is_empty();
    assert!(stack.succeed(&["invoke", "reader"]).contains("null"));
    stack.down();
}

fn two_ups_at_once_end_in_one_stack() {
    let stack = Stack::new("svc-race", &(cache(free_port()) + "volumes = [\"data:/data\"]\n"));
    stack.up();
    for _ in 0..5 {
        drop(Sweep::of(stack.dir.path()));
        let ups: Vec<Child> = (0..2)
            .map(|_| stack.command(&["up", "--yes"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
            .collect();
        for mut up in ups {
            up.wait().unwrap();
        }
        stack.up();
        stack.check_plan_is_empty();
        assert_eq!(stack.sweep.left().len(), 3, "{:?}", stack.sweep.left());
    }
    stack.down();
}

/// `podman system service`, which ends with the test.
#[derive(Debug)]
struct Podman {
    child: Child,
    dir: tempfile::TempDir,
}

impl Podman {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // What works as root in a container and on a machine with both kinds of control groups.
        let settings = "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n\
                        [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n[network]\nnetwork_backend = \"netavark\"\n";
        fs::write(dir.path().join("containers.conf"), settings).unwrap();
        let mut command = Command::new(Tool::Podman.path().unwrap());
        let socket = format!("unix://{}", dir.path().join("podman.sock").display());
        command.args(["system", "service", "--time", "0", &socket]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.env("CONTAINERS_CONF", dir.path().join("containers.conf")).spawn().unwrap();
        let podman = Self { child, dir };
        eventually("a socket", || podman.path().exists().then_some(()));
        podman
    }

    fn path(&self) -> std::path::PathBuf {
        Path::new(self.dir.path()).join("podman.sock")
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn podman_will_do() {
    let podman = Podman::start();
    // Podman has systemd run its health checks, which is not everywhere.
    let cache = cache(free_port()).replace("health = { command = [\"redis-cli\", \"ping\"] }\n", "");
    let other = "[services.other]\nbuild = \"REDIS\"\ndepends_on = [\"cache\"]\n\
                 command = [\"sh\", \"-c\", \"redis-cli -h cache ping; exec redis-server --save ''\"]\n";
    let mut stack = Stack::new("svc-podman", &format!("{cache}volumes = [\"data:/data\"]\n{other}"));
    stack.host = Some(format!("unix://{}", podman.path().display()));
    stack.up();
    stack.check_plan_is_empty();
    assert!(stack.succeed(&["logs", "cache"]).contains("Ready to accept connections"));
    eventually("a pong", || stack.succeed(&["logs", "other"]).contains("PONG").then_some(()));
    assert!(stack.succeed(&["status"]).contains("cache    running"));
    stack.succeed(&["down", "--yes"]);
    let plan = stack.succeed(&["plan"]);
    assert!(plan.contains("+ network") && plan.contains("+ volumes.data"), "nothing is left: {plan}");
}

fn without_an_engine_the_error_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let manifest =
        "[stack]\nname = \"svc-none\"\n[targets.embedded]\nport = \"auto\"\n[services.cache]\nimage = \"redis:7\"\n";
    fs::write(dir.path().join("stack.toml"), manifest).unwrap();
    let mut command = stackctl(dir.path(), &["up"]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let printed = run(command);
    assert_eq!(printed.code, Some(1), "{}", printed.stderr);
    assert!(printed.stderr.contains("there is no `/nowhere/docker.sock`"), "{}", printed.stderr);
    assert!(printed.stderr.contains("start Docker"), "{}", printed.stderr);
    assert!(!dir.path().join(".stackctl/engine.json").exists(), "nothing was started");
}
