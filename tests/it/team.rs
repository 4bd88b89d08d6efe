//! What a team shares: the lock that is checked in, versions that are required, and a clone that is the same stack.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    services::Registry,
    support::{
        binary::{Printed, eventually, run, stackctl, succeed},
        docker::{Sweep, docker},
        tool::Tool,
        trials,
    },
    targets::localstack::alone,
};

trials!(
    what_is_new_is_locked_and_what_is_locked_stays needs [Tool::Python],
    another_version_is_said_and_refused_when_locked needs [Tool::Python],
    what_is_required_is_there_or_nothing_is_built needs [Tool::Python],
    a_lock_that_is_none_says_the_way_out needs [Tool::Python],
    profiles_share_a_lock_and_what_is_local_is_not_in_it needs [Tool::Python],
    functions_that_are_there_become_a_stack needs [Tool::Python, Tool::Node, Tool::Go],
    init_leaves_a_manifest_alone,
    an_image_stays_when_its_tag_moves needs [Tool::Docker, Tool::DockerRegistry],
    a_version_that_wants_a_token_is_refused_at_once,
    localstack_is_started_awaited_and_removed needs [Tool::Docker],
    localstack_is_started_as_it_is_locked needs [Tool::Docker, Tool::DockerRegistry],
    a_second_clone_makes_the_same_artifacts needs [Tool::Python, Tool::Node, Tool::Go],
);

const HANDLER: &str = "def handler(event, context):\n    return event\n";

/// A stack in a folder of its own; taken down when it is dropped.
struct Stack {
    dir: tempfile::TempDir,
}

impl Stack {
    fn new(functions: &str) -> Self {
        let stack = Self { dir: tempfile::tempdir_in("/var/tmp").unwrap() };
        fs::create_dir(stack.path("src")).unwrap();
        fs::write(stack.path("src/app.py"), HANDLER).unwrap();
        stack.write(functions);
        stack
    }

    fn write(&self, rest: &str) {
        let text = format!("[stack]\nname = \"team\"\n{rest}\n[targets.embedded]\nport = \"auto\"\n");
        fs::write(self.path("stack.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Printed {
        run(stackctl(self.dir.path(), arguments))
    }

    fn succeed(&self, arguments: &[&str]) -> Printed {
        let printed = self.run(arguments);
        assert_eq!(printed.code, Some(0), "{arguments:?}\n{}{}", printed.stdout, printed.stderr);
        printed
    }

    #[track_caller]
    fn check_fails(&self, arguments: &[&str], code: i32, expected: &[&str]) {
        let printed = self.run(arguments);
        assert_eq!(printed.code, Some(code), "{arguments:?}\n{}{}", printed.stdout, printed.stderr);
        for text in expected {
            assert!(printed.stderr.contains(text), "no `{text}` in\n{}", printed.stderr);
        }
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("stack.lock")).unwrap()
    }

    /// Writes another version of Python into the lock; returns the one that was there.
    fn relock_python(&self, version: &str) -> String {
        let lock = self.lock();
        let here = lock.lines().find_map(|line| line.strip_prefix("python = ")).unwrap().trim_matches('"').to_owned();
        fs::write(self.path("stack.lock"), lock.replace(&here, version)).unwrap();
        here
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.run(&["down", "--yes"]);
    }
}

fn function(name: &str) -> String {
    format!(
        "[functions.{name}]\nruntime = \"python3.12\"\nhandler = \"app.handler\"\nsource = \"src\"\nbuild = \"python\"\n"
    )
}

fn what_is_new_is_locked_and_what_is_locked_stays() {
    let stack = Stack::new(&function("one"));
    stack.check_fails(&["up", "--locked"], 1, &["there is no `stack.lock`", "`stackctl lock` writes it"]);
    let up = stack.succeed(&["up"]);
    assert!(up.stderr.contains("locked  stack.lock: functions.one with python 3"), "{}", up.stderr);
    let first = stack.lock();
    assert!(first.contains("version = 1\n") && first.contains("\n[functions.one]\npython = \"3"), "{first}");
    let again = stack.succeed(&["up", "--locked"]);
    assert!(again.stderr.contains("nothing to change") && !again.stderr.contains("stack.lock"), "{}", again.stderr);
    stack.succeed(&["lock", "--check"]);
    assert_eq!(stack.lock(), first);

    stack.write(&(function("one") + &function("two")));
    let differs = "functions.two: python is not locked";
    stack.check_fails(&["up", "--locked"], 1, &["this is not what `stack.lock` says", differs, "`stackctl lock`"]);
    stack.check_fails(&["plan", "--locked"], 1, &[differs]);
    stack.check_fails(&["lock", "--check"], 1, &[differs]);
    assert_eq!(stack.lock(), first, "what compares does not write");
    let plan = stack.succeed(&["plan"]);
    assert!(plan.stdout.contains("functions.two"), "nothing was made: {}", plan.stdout);
    stack.succeed(&["lock"]);
    assert!(stack.lock().contains("[functions.two]"));
    stack.succeed(&["up", "--locked"]);

    stack.write(&function("two"));
    stack.check_fails(&["up", "--locked"], 1, &["functions.one is locked, and is no function"]);
    stack.succeed(&["up"]);
    assert!(!stack.lock().contains("[functions.one]"), "{}", stack.lock());
    stack.succeed(&["down"]);
    assert!(stack.path("stack.lock").exists(), "it is the team's, and not the engine's");
}

fn another_version_is_said_and_refused_when_locked() {
    let stack = Stack::new(&function("f"));
    stack.succeed(&["lock"]);
    let here = stack.relock_python("3.0.1");
    let other = stack.lock();
    let difference = format!("functions.f: python is {here} here, and locked at 3.0.1");
    stack.check_fails(&["up", "--locked"], 1, &[&difference, "`stackctl lock --update`"]);
    assert!(!stack.path(".stackctl/engine.json").exists(), "nothing was started");
    let up = stack.succeed(&["up"]);
    assert!(up.stderr.contains(&format!("not as in `stack.lock`: {difference}")), "{}", up.stderr);
    assert_eq!(stack.lock(), other, "what is locked stays until somebody wants it otherwise");
    stack.succeed(&["lock"]);
    assert_eq!(stack.lock(), other);
    let json = stack.run(&["lock", "--check", "--json"]);
    let compared: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, compared["differences"][0].as_str()), (Some(1), Some(&*difference)));
    stack.check_fails(&["lock", "--update", "pyhton"], 4, &["nothing that is locked is called `pyhton`"]);
    stack.succeed(&["lock", "--update", "python"]);
    assert!(stack.lock().contains(&here), "{}", stack.lock());
    stack.succeed(&["up", "--locked"]);
}

fn what_is_required_is_there_or_nothing_is_built() {
    let stack = Stack::new(&function("f"));
    let require = |what: &str| {
        let text = format!(
            "[stack]\nname = \"team\"\nrequires = {what}\n{}[targets.embedded]\nport = \"auto\"\n",
            function("f")
        );
        fs::write(stack.path("stack.toml"), text).unwrap();
    };
    require("{ python = \">=99\", go = \">=1\" }");
    stack.succeed(&["check"]);
    for command in [&["up"][..], &["plan"], &["watch"]] {
        let expected = ["`stack.toml` is not for what is installed here", "python `>=99`, and functions.f has 3."];
        stack.check_fails(command, 1, &expected);
    }
    assert!(!stack.path(".stackctl/artifacts").exists(), "nothing was built");
    require("{ stackctl = \">=99\" }");
    stack.check_fails(&["check"], 3, &["the manifest needs stackctl `>=99`"]);
    require("{ stackctl = \">=0.1\", python = \">=3\" }");
    stack.succeed(&["up"]);
}

fn a_lock_that_is_none_says_the_way_out() {
    let stack = Stack::new(&function("f"));
    stack.succeed(&["lock"]);
    let sound = stack.lock();
    let check = |text: &str, expected: &str| {
        fs::write(stack.path("stack.lock"), text).unwrap();
        stack.check_fails(&["plan"], 3, &[expected]);
        stack.check_fails(&["lock"], 3, &[expected]);
        stack.succeed(&["lock", "--update"]);
        assert_eq!(stack.lock(), sound);
    };
    check(&format!("<<<<<<< HEAD\n{sound}"), "`stack.lock` cannot be used: two versions of it");
    check("version = 9\n", "it is of version 9");
    check("version = ", "`stack.lock` cannot be used");
}

fn profiles_share_a_lock_and_what_is_local_is_not_in_it() {
    let profile = function("extra").replace("[functions.", "[profiles.more.functions.");
    let stack = Stack::new(&(function("f") + &profile));
    stack.succeed(&["lock", "--profile", "more"]);
    let both = stack.lock();
    assert!(both.contains("[functions.f]") && both.contains("[functions.extra]"), "{both}");
    stack.succeed(&["up", "--locked"]);
    stack.succeed(&["up"]);
    assert_eq!(stack.lock(), both, "what another profile wants stays");
    stack.succeed(&["up", "--locked", "--profile", "more"]);

    fs::write(stack.path("stack.local.toml"), function("mine")).unwrap();
    stack.succeed(&["up"]);
    assert_eq!(stack.lock(), both, "what one person alone has is not for everybody");
}

/// Removes the manifest of the example, and lets `init` write another.
fn functions_that_are_there_become_a_stack() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let shop = dir.path().join("shop");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/four-languages"), &shop);
    fs::remove_file(shop.join("stack.toml")).unwrap();
    let init = run(stackctl(&shop, &["init"]));
    assert_eq!(init.code, Some(0), "{}", init.stderr);
    for found in ["functions.go  go, in go", "functions.node  node", "functions.python  python", "functions.rust  rust"]
    {
        assert!(init.stderr.contains(found), "no `{found}` in\n{}", init.stderr);
    }
    let check = run(stackctl(&shop, &["check"]));
    assert!(check.code == Some(0) && check.stderr.contains("4 functions"), "{}", check.stderr);
    assert!(!check.stderr.contains("remark"), "{}", check.stderr);
    let overlay = "[targets.embedded]\nport = \"auto\"\n[functions.rust.build.rust]\nprofile = \"dev\"\n";
    fs::write(shop.join("stack.local.toml"), overlay).unwrap();
    let clone = Clone { dir: shop };
    succeed(stackctl(&clone.dir, &["up"]));
    for language in ["go", "node", "python"] {
        succeed(stackctl(&clone.dir, &["send", language, "hello"]));
        eventually(language, || {
            let logs = succeed(stackctl(&clone.dir, &["logs", language]));
            logs.contains("says hello").then_some(())
        });
    }
}

fn init_leaves_a_manifest_alone() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("stack.yaml");
    fs::write(&manifest, "stack: { name: s }\n").unwrap();
    let init = run(stackctl(dir.path(), &["init"]));
    assert!(init.code == Some(0) && init.stderr.contains("stays as it is"), "{}", init.stderr);
    assert_eq!(fs::read_to_string(&manifest).unwrap(), "stack: { name: s }\n");
    assert!(!dir.path().join("stack.toml").exists());
    assert_eq!(fs::read_to_string(dir.path().join(".gitignore")).unwrap(), ".stackctl/\n*.local.toml\n");
    assert_eq!(run(stackctl(dir.path(), &["init"])).code, Some(4), "there is nothing left to write");
}

/// Pushes an image of BusyBox that tells its version from others; nothing of it is left here.
fn push(image: &str, version: &str) {
    let context = tempfile::tempdir().unwrap();
    fs::copy("/bin/busybox", context.path().join("busybox")).unwrap();
    let dockerfile =
        format!("FROM scratch\nCOPY busybox /bin/sleep\nLABEL version={version}\nCMD [\"sleep\", \"600\"]\n");
    fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    succeed(docker(&["build", "-q", "-t", image, context.path().to_str().unwrap()]));
    succeed(docker(&["push", "-q", image]));
    succeed(docker(&["rmi", image]));
}

fn an_image_stays_when_its_tag_moves() {
    let registry = Registry::start();
    let image = format!("localhost:{}/team-pinned:1", registry.port);
    push(&image, "one");
    let (first, second) = (Stack::new(""), Stack::new(""));
    let sweeps = [&first, &second].map(|stack| Sweep::of(stack.dir.path()));
    first.write(&format!("[services.sleeper]\nimage = \"{image}\"\n"));
    let version = || {
        let label = "{{.Config.Labels.version}}";
        succeed(docker(&["inspect", "--format", label, "stackctl-team-sleeper"])).trim().to_owned()
    };
    first.succeed(&["up"]);
    assert_eq!(version(), "one");
    let locked = first.lock();
    assert!(locked.contains(&format!("\"{image}\" = \"sha256:")), "{locked}");
    push(&image, "two");
    for arguments in [&["up"][..], &["up", "--locked"]] {
        let again = first.succeed(arguments);
        assert!(again.stderr.contains("nothing to change"), "{}", again.stderr);
    }
    first.succeed(&["down", "--yes"]);

    // A clone, on a machine that has no image of that name.
    let _ = docker(&["rmi", "-f", &image]).output();
    for name in ["stack.toml", "stack.lock"] {
        fs::copy(first.path(name), second.path(name)).unwrap();
    }
    second.succeed(&["up", "--locked"]);
    assert_eq!((version(), second.lock()), ("one".to_owned(), locked.clone()));

    second.succeed(&["lock", "--update", &image]);
    assert_ne!(second.lock(), locked);
    let plan = second.succeed(&["plan"]);
    assert!(plan.stdout.contains("replace"), "{}", plan.stdout);
    second.succeed(&["up", "--locked"]);
    assert_eq!(version(), "two");
    second.succeed(&["down", "--yes"]);

    second.write("[services.sleeper]\nimage = \"localhost:1/team-nothing:1\"\n");
    second.check_fails(
        &["up", "--locked"],
        1,
        &["services.sleeper: the image `localhost:1/team-nothing:1` is not locked"],
    );
    second.check_fails(&["lock"], 1, &["localhost:1/team-nothing:1"]);
    for sweep in sweeps {
        assert_eq!(sweep.left(), Vec::<String>::new());
    }
}

fn a_version_that_wants_a_token_is_refused_at_once() {
    let stack = Stack::new("[queues.jobs]\n[targets.localstack]\nimage = \"localstack/localstack:2026.3\"\nport = 1\n");
    let expected =
        ["runs only with an account's token", "`LOCALSTACK_AUTH_TOKEN` is not set", "localstack/localstack:4.14"];
    stack.check_fails(&["up", "--target", "localstack"], 1, &expected);
    stack.check_fails(
        &["status", "--target", "localstack"],
        1,
        &["no LocalStack answers", "`stackctl up --target localstack`"],
    );
}

/// A stand-in that answers the question for its health and nothing else: what is converged is not the point here.
fn localstack_image(image: &str) {
    let context = tempfile::tempdir().unwrap();
    fs::copy("/bin/busybox", context.path().join("busybox")).unwrap();
    fs::write(context.path().join("health"), "{\"services\": {\"sqs\": \"available\"}}").unwrap();
    let dockerfile = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY health /www/_localstack/health\n\
                      CMD [\"/bin/busybox\", \"sh\", \"-c\", \"exec /bin/busybox httpd -f -p $GATEWAY_LISTEN -h /www\"]\n";
    fs::write(context.path().join("Dockerfile"), dockerfile).unwrap();
    succeed(docker(&["build", "-q", "-t", image, context.path().to_str().unwrap()]));
}

fn localstack_is_started_awaited_and_removed() {
    let image = "stackctl-test-localstack";
    localstack_image(image);
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let stack = Stack::new(&format!("[queues.jobs]\n[targets.localstack]\nimage = \"{image}\"\nport = {port}\n"));
    let sweep = Sweep::of(stack.dir.path());
    let mut up = stackctl(stack.dir.path(), &["up", "--target", "localstack"]);
    up.env("LOCALSTACK_AUTH_TOKEN", "hunter2").env("SERVICES", "sqs,lambda");
    let up = alone(|| run(up));
    assert!(up.stderr.contains(&format!("started  localstack  {image}, at http://127.0.0.1:{port}")), "{}", up.stderr);
    assert!(!up.stderr.contains("hunter2"), "{}", up.stderr);
    let inspected = succeed(docker(&["inspect", "stackctl-team-localstack"]));
    for part in [
        "SERVICES=sqs,lambda",
        "LOCALSTACK_AUTH_TOKEN=hunter2",
        "/var/lib/localstack",
        "4559/tcp",
        "/var/run/docker.sock",
    ] {
        assert!(inspected.contains(part), "no `{part}` in {inspected}");
    }
    succeed(docker(&["kill", "stackctl-team-localstack"]));
    stack.succeed(&["down", "--target", "localstack", "--yes"]);
    assert_eq!(sweep.left(), Vec::<String>::new());
    succeed(docker(&["rmi", image]));
}

fn localstack_is_started_as_it_is_locked() {
    let registry = Registry::start();
    let image = format!("localhost:{}/team-localstack:4.14", registry.port);
    localstack_image(&image);
    succeed(docker(&["push", "-q", &image]));
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let stack = Stack::new(&format!("[queues.jobs]\n[targets.localstack]\nimage = \"{image}\"\nport = {port}\n"));
    let sweep = Sweep::of(stack.dir.path());
    let not_locked = format!("targets.localstack: the image `{image}` is not locked");
    stack.check_fails(&["up", "--target", "localstack", "--locked"], 1, &[&not_locked, "`stackctl lock`"]);
    assert_eq!(sweep.left(), Vec::<String>::new(), "it was refused before anything was started");
    // What a stack on its own engine does not need is not missed there.
    stack.succeed(&["up", "--locked"]);
    stack.succeed(&["down", "--yes"]);
    stack.succeed(&["lock"]);
    let locked = stack.lock();
    let digest = locked.lines().find_map(|line| line.strip_prefix(&format!("\"{image}\" = \""))).unwrap();
    let digest = digest.trim_end_matches('"').to_owned();
    // The tag moves, and the digest stays.
    succeed(docker(&["rmi", &image]));
    push(&image, "other");
    alone(|| {
        let up = stack.run(&["up", "--target", "localstack", "--locked"]);
        assert!(up.stderr.contains(&format!("started  localstack  {image}, at")), "{}", up.stderr);
        let started = succeed(docker(&["inspect", "--format", "{{.Config.Image}}", "stackctl-team-localstack"]));
        assert_eq!(started.trim(), format!("{}@{digest}", image.trim_end_matches(":4.14")));
        succeed(docker(&["kill", "stackctl-team-localstack"]));
        stack.succeed(&["down", "--target", "localstack", "--yes"]);
    });
    assert_eq!(stack.lock(), locked);
    assert_eq!(sweep.left(), Vec::<String>::new());
    succeed(docker(&["rmi", "-f", &format!("{}@{digest}", image.trim_end_matches(":4.14"))]));
}

/// The four languages of the example, in two clones at paths of different lengths, the second from checked-in files alone.
fn a_second_clone_makes_the_same_artifacts() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let origin = dir.path().join("origin");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/four-languages");
    succeed(git(dir.path(), &["init", "--quiet", "origin"]));
    succeed(git(dir.path(), &["-C", "origin", "config", "user.email", "ci@example.com"]));
    succeed(git(dir.path(), &["-C", "origin", "config", "user.name", "ci"]));
    copy(&example, &origin);
    let manifest = origin.join("stack.toml");
    // What `dev` compiles has debug information, and so the path of its checkout.
    let text = fs::read_to_string(&manifest).unwrap().replace("profile = \"dev\"", "profile = \"release\"");
    fs::write(&manifest, text + "\n[targets.embedded]\nport = \"auto\"\n").unwrap();
    succeed(stackctl(&origin, &["lock"]));
    assert!(fs::read_to_string(origin.join("stack.lock")).unwrap().contains("rust = "), "a toolchain is locked");
    fs::write(origin.join(".gitignore"), ".stackctl/\ntarget/\n*.local.toml\n").unwrap();
    succeed(git(&origin, &["add", "."]));
    succeed(git(&origin, &["commit", "--quiet", "-m", "A stack"]));
    let clones = ["one", "a/much/longer/path/two"].map(|name| {
        let clone = dir.path().join(name);
        succeed(git(dir.path(), &["clone", "--quiet", "origin", clone.to_str().unwrap()]));
        Clone { dir: clone }
    });
    let artifacts = clones.each_ref().map(Clone::up);
    assert_eq!(artifacts[0].len(), 4, "{artifacts:?}");
    assert_eq!(artifacts[0], artifacts[1]);
    let endpoints = clones.each_ref().map(|clone| succeed(stackctl(&clone.dir, &["env"])));
    assert_ne!(endpoints[0], endpoints[1], "each has a port of its own");
}

struct Clone {
    dir: PathBuf,
}

impl Clone {
    /// The digests of what was built.
    fn up(&self) -> Vec<String> {
        succeed(stackctl(&self.dir, &["up", "--locked"]));
        assert_eq!(succeed(git(&self.dir, &["status", "--porcelain"])), "", "`up` leaves the checkout as it is");
        let artifacts = fs::read_dir(self.dir.join(".stackctl/artifacts")).unwrap();
        let names = artifacts.map(|artifact| artifact.unwrap().file_name().into_string().unwrap());
        let mut digests: Vec<_> = names.filter(|name| !name.contains('.')).collect();
        digests.sort();
        digests
    }
}

impl Drop for Clone {
    fn drop(&mut self) {
        let _ = run(stackctl(&self.dir, &["down", "--yes"]));
    }
}

fn git(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(dir).env("GIT_CONFIG_NOSYSTEM", "1");
    command
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_name().to_str() {
            Some(".stackctl" | "target" | "stack.lock") => {}
            _ if entry.file_type().unwrap().is_dir() => copy(&entry.path(), &target),
            _ => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
