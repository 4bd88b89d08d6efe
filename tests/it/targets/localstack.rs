//! LocalStack 4.14 itself, from PyPI, in a container that is made here: its own image cannot be pulled everywhere. Its functions run in
//! an image of this machine's Python. What LocalStack fetches to run in it is a program of `tests/clients/go`.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use super::{
    EVERYTHING,
    compared::{Comparison, Place},
    json, write,
};
use crate::{
    containers::{PYTHON_RUNTIME, python_executable, python_image},
    services::Registry,
    support::{
        binary::{Serving, eventually, run, stackctl, succeed},
        docker::{Sweep, docker},
        tool::Tool,
        trials,
    },
};

trials!(
    localstack_is_started_converged_followed_and_cleared
        needs [Tool::LocalStack, Tool::Docker, Tool::DockerRegistry, Tool::Python],
);

/// LocalStack's ports for services of its own are always the same: one at a time.
static ITS_PORTS: Mutex<()> = Mutex::new(());

/// Runs what publishes LocalStack's ports.
pub(crate) fn alone<T>(run: impl FnOnce() -> T) -> T {
    let _turn = ITS_PORTS.lock().unwrap_or_else(PoisonError::into_inner);
    run()
}

/// LocalStack's account.
const ACCOUNT: &str = "000000000000";

/// The image of what `tests/clients/localstack/install` made; made once, and again when that is another one.
fn image() -> &'static str {
    static IMAGE: OnceLock<()> = OnceLock::new();
    const NAME: &str = "stackctl-test-localstack-itself:4.14";
    IMAGE.get_or_init(|| {
        let stamp_file = Tool::LocalStack.path().unwrap();
        let stamp = fs::read_to_string(stamp_file).unwrap().trim().to_owned();
        let label = docker(&["image", "inspect", "--format", "{{.Config.Labels.stamp}}", NAME]).output().unwrap();
        if String::from_utf8_lossy(&label.stdout).trim() == stamp {
            return;
        }
        let entry = r#"ENTRYPOINT ["/opt/localstack/bin/python", "-m", "localstack.runtime.main"]"#;
        let line = format!(
            "tar -C '{}' -c . | docker import -c 'LABEL stamp={stamp}' -c 'ENV PYTHONUNBUFFERED=1' -c '{entry}' - {NAME}",
            stamp_file.parent().unwrap().display()
        );
        let mut import = Command::new("sh");
        import.args(["-c", &line]);
        succeed(import);
    });
    NAME
}

/// The image that functions of `python3.13` run in, in a registry, because LocalStack pulls it whatever is here.
fn push_runtime(registry: &Registry) -> String {
    let base = python_image();
    let context = tempfile::tempdir().unwrap();
    let start = format!("#!{}\nimport os, sys\nsys.argv.append(os.environ[\"_HANDLER\"])\n", python_executable());
    let bootstrap = context.path().join("bootstrap");
    fs::write(&bootstrap, start + PYTHON_RUNTIME).unwrap();
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).unwrap();
    let dockerfile = format!("FROM {base}\nCOPY bootstrap /var/runtime/bootstrap\nENTRYPOINT []\n");
    fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    let repository = format!("localhost:{}/lambda", registry.port);
    let name = format!("{repository}:python3.13");
    succeed(docker(&["build", "-q", "-t", &name, context.path().to_str().unwrap()]));
    succeed(docker(&["push", "-q", &name]));
    name
}

/// `stackctl logs -f`, a line at a time; ended when it is dropped.
struct Followed {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Followed {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Nobody wants the lines after the last that was waited for.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    fn wait_for(&self, text: &str) {
        eventually(text, || self.lines.try_iter().any(|line| line.contains(text)).then_some(()));
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The containers that LocalStack started for functions.
fn functions() -> Vec<String> {
    let of_stack = "name=stackctl-orders-localstack-lambda-";
    let listed = succeed(docker(&["ps", "-a", "--filter", of_stack, "--format", "{{.Names}}"]));
    listed.lines().map(str::to_owned).collect()
}

/// Removes them after a failure too: LocalStack does so only when it is stopped in peace.
struct FunctionsRemoved;

impl Drop for FunctionsRemoved {
    fn drop(&mut self) {
        for name in functions() {
            let _ = docker(&["rm", "-f", &name]).output();
        }
    }
}

/// With what LocalStack needs to know of this machine.
fn on_localstack(dir: &Path, runtime: &str, arguments: &[&str]) -> Command {
    let mut command = stackctl(dir, &[&["--target", "localstack"], arguments].concat());
    let repository = runtime.rsplit_once(':').unwrap().0;
    command.env("LAMBDA_RUNTIME_IMAGE_MAPPING", format!("{repository}:<runtime>"));
    command.env("LAMBDA_IGNORE_ARCHITECTURE", "1").env("SKIP_SSL_CERT_DOWNLOAD", "1").env("DISABLE_EVENTS", "1");
    command
}

fn localstack_is_started_converged_followed_and_cleared() {
    let (registry, engine) = (Registry::start(), Serving::start());
    let (runtime, image) = (push_runtime(&registry), image());
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let dir = dir.path();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "{EVERYTHING}\n[targets.localstack]\nimage = \"{image}\"\nport = {port}\n\
         [targets.engine]\nendpoint = \"{}\"\naccount = \"{ACCOUNT}\"\n",
        engine.endpoint
    );
    write(dir, &text);
    let (sweep, _removed) = (Sweep::of(dir), FunctionsRemoved);
    alone(|| {
        started_and_used(dir, &runtime, port);
        succeed(stackctl(dir, &["up", "--target", "engine"]));
        let here = Place { url: &engine.endpoint, of_functions: &engine.endpoint };
        let there = ["127.0.0.1", "localhost.localstack.cloud"].map(|host| format!("http://{host}:{port}"));
        let there = Place { url: &there[0], of_functions: &there[1] };
        Comparison { dir, manifest: &text, account: ACCOUNT, here, there, name: "LocalStack" }.hold();
        succeed(on_localstack(dir, &runtime, &["down", "--yes"]));
        assert_eq!(sweep.left(), Vec::<String>::new());
        assert_eq!(functions(), Vec::<String>::new(), "LocalStack's functions went with it");
        attached(dir, image, port);
    });
    succeed(docker(&["rmi", "-f", &runtime]));
}

/// Up, an invocation, a message, a schedule's target and the logs of all that.
fn started_and_used(dir: &Path, runtime: &str, port: u16) {
    let on = |arguments: &[&str]| on_localstack(dir, runtime, arguments);
    let up = run(on(&["up"]));
    assert_eq!(up.code, Some(0), "{}", up.stderr);
    assert!(up.stderr.contains(&format!("at http://127.0.0.1:{port}")), "{}", up.stderr);
    let inspected = succeed(docker(&["inspect", "stackctl-orders-localstack"]));
    for part in ["/var/lib/localstack", "4559/tcp", "/var/run/docker.sock", "LAMBDA_IGNORE_ARCHITECTURE=1"] {
        assert!(inspected.contains(part), "no `{part}` in {inspected}");
    }
    let followed = Followed::start(on(&["logs", "-f"]));
    let answer = json(&succeed(on(&["invoke", "worker", "--payload", "{}"])));
    assert_eq!(answer["answer"], "one");
    let url = answer["url"].as_str().unwrap();
    assert!(url.ends_with(&format!(":{port}/{ACCOUNT}/ordered.fifo")), "{url}");
    succeed(on(&["send", "work", "{\"kind\": \"order\"}"]));
    followed.wait_for("handling ['{\"kind\": \"order\"}']");
    eventually("the message is deleted", || {
        let queues = json(&succeed(on(&["queues", "--json"])));
        let queues = queues["queues"].as_array().unwrap();
        let work = queues.iter().find(|queue| queue["name"] == "work").unwrap();
        (work["visible"] == 0 && work["in_flight"] == 0).then_some(())
    });
}

/// One that runs already is taken as it is, and left.
fn attached(dir: &Path, image: &str, port: u16) {
    const NAME: &str = "stackctl-test-localstack-of-somebody";
    struct Removed;
    impl Drop for Removed {
        fn drop(&mut self) {
            let _ = docker(&["rm", "-f", "-v", NAME]).output();
        }
    }
    let publish = format!("127.0.0.1:{port}:4566");
    let _removed = Removed;
    succeed(docker(&["run", "-d", "--name", NAME, "-p", &publish, "-e", "SKIP_SSL_CERT_DOWNLOAD=1", image]));
    let target = format!("[targets.localstack]\nport = {port}\n");
    write(dir, &format!("[stack]\nname = \"orders\"\nregion = \"eu-west-1\"\n[queues.jobs]\n{target}"));
    let on = |arguments: &[&str]| stackctl(dir, &[&["--target", "localstack"], arguments].concat());
    eventually("LocalStack answers", || (run(on(&["status"])).code == Some(0)).then_some(()));
    let up = run(on(&["up"]));
    assert!(up.code == Some(0) && !up.stderr.contains("started"), "{}", up.stderr);
    succeed(on(&["plan", "--exit-code"]));
    succeed(on(&["down", "--yes"]));
    assert_eq!(succeed(docker(&["inspect", "--format", "{{.State.Running}}", NAME])).trim(), "true");
}
