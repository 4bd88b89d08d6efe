//! What is around services: private registries, functions that wait for them after a pause, Podman, and what a kill leaves.

use super::{
    Child, Command, Path, Podman, Registry, Stack, Stdio, Tool, cache, docker, eventually, free_port, fs, redis_image,
    run, succeed, trials,
};
use crate::support::go_runtime;

trials!(
    a_private_registry_is_asked_with_the_login_of_docker needs [Tool::Docker, Tool::DockerRegistry],
    functions_get_no_message_before_their_services_are_ready needs [Tool::Docker, Tool::Python],
    functions_run_on_podman needs [Tool::Podman, Tool::Go],
    doctor_finds_what_a_kill_has_left needs [Tool::Docker],
    an_up_that_is_killed_at_any_step_is_finished_by_the_next needs [Tool::Docker],
    an_up_that_is_interrupted_at_any_step_is_finished_by_the_next needs [Tool::Docker],
);

/// `somebody` with `secret-word`.
const HTPASSWD: &str = "somebody:$2b$04$abcdefghijklmnopqrstuujV0zJ3tj1V5vPQQ5i8Bd/sbbeTbZTaC\n";

fn a_private_registry_is_asked_with_the_login_of_docker() {
    let registry = Registry::private(HTPASSWD);
    let image = format!("localhost:{}/svc-private:1", registry.port);
    let login = tempfile::tempdir().unwrap();
    let host = format!("localhost:{}", registry.port);
    let auth = "c29tZWJvZHk6c2VjcmV0LXdvcmQ=";
    fs::write(login.path().join("config.json"), format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}"))
        .unwrap();
    let with_login = ["--config", login.path().to_str().unwrap()];
    // A layer of its own: one that Docker has from another image would not be pulled.
    let base = format!("{image}-base");
    succeed(docker(&["build", "-q", "-t", &base, redis_image().to_str().unwrap()]));
    let upon = tempfile::tempdir().unwrap();
    fs::write(upon.path().join("Dockerfile"), format!("FROM {base}\nCOPY Dockerfile /private\n")).unwrap();
    succeed(docker(&["build", "-q", "--no-cache", "-t", &image, upon.path().to_str().unwrap()]));
    succeed(docker(&[&with_login[..], &["push", "-q", &image]].concat()));
    succeed(docker(&["rmi", &image, &base]));
    let manifest = format!("[services.cache]\nimage = \"{image}\"\ncommand = [\"redis-server\", \"--save\", \"\"]\n");
    let stack = Stack::new("svc-login", &manifest);
    let nobody = tempfile::tempdir().unwrap();
    let up = |config: &Path| {
        let mut command = stack.command(&["up"]);
        command.env("DOCKER_CONFIG", config);
        run(command)
    };
    let refused = up(nobody.path());
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("`docker login REGISTRY`"), "{}", refused.stderr);
    let pulled = up(login.path());
    assert_eq!(pulled.code, Some(0), "{}", pulled.stderr);
    assert!(!pulled.stderr.contains("secret-word") && !pulled.stderr.contains(auth));
    stack.down();
    succeed(docker(&["rmi", &image]));

    // What an image is built from may be private as well.
    let web = stack.dir.path().join("web");
    fs::create_dir(&web).unwrap();
    fs::write(web.join("Dockerfile"), format!("FROM {image}\nCOPY Dockerfile /web\n")).unwrap();
    stack.write("svc-login", "[services.web]\nbuild = \"web\"\ncommand = [\"redis-server\", \"--save\", \"\"]\n");
    let built = up(login.path());
    assert_eq!(built.code, Some(0), "{}", built.stderr);
    let images = || succeed(docker(&["image", "ls", "--quiet", "stackctl/svc-login-web"]));
    assert!(!images().trim().is_empty());
    stack.down();
    assert_eq!(images().trim(), "", "what was built is gone");
    succeed(docker(&["rmi", &image]));
}

/// Says whether the cache answered.
pub(super) const READER: &str = "import os, socket\n\
def handler(event, context):\n\
\x20   host, port = os.environ['CACHE'].split(':')\n\
\x20   try:\n\
\x20       with socket.create_connection((host, int(port)), 5) as cache:\n\
\x20           cache.sendall(b'PING\\r\\n')\n\
\x20           print('CACHE', cache.recv(7))\n\
\x20   except OSError as error:\n\
\x20       print('NO CACHE', error)\n";

/// How long a message is held back: longer than it takes to pause the stack.
const DELAY_S: u64 = 6;

fn functions_get_no_message_before_their_services_are_ready() {
    let slow = "[\"sh\", \"-c\", \"sleep 2; exec redis-server --save '' --protected-mode no\"]";
    let port = free_port();
    let cache = cache(port).replace("[\"redis-server\", \"--save\", \"\", \"--protected-mode\", \"no\"]", slow);
    let manifest = format!(
        "{cache}[queues.jobs]\n[functions.reader]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\nsource = \"reader\"\n\
         environment = {{ CACHE = \"${{services.cache.host}}:${{services.cache.port}}\" }}\n\
         [[functions.reader.triggers]]\nqueue = \"jobs\"\n"
    );
    let stack = Stack::new("svc-paused", &manifest);
    fs::create_dir(stack.dir.path().join("reader")).unwrap();
    fs::write(stack.dir.path().join("reader/app.py"), READER).unwrap();
    stack.up();
    stack.succeed(&["send", "jobs", "later", "--delay", &format!("{DELAY_S}s")]);
    stack.succeed(&["down", "--keep"]);
    assert!(run(docker(&["inspect", "stackctl-svc-paused-cache"])).code != Some(0), "the cache is gone");
    // The message is due when the engine starts again.
    std::thread::sleep(std::time::Duration::from_secs(DELAY_S));
    stack.up();
    let log = eventually("the message was handled", || {
        let log = stack.succeed(&["logs", "reader"]);
        log.contains("CACHE").then_some(log)
    });
    assert!(log.contains("CACHE b'+PONG\\r\\n'") && !log.contains("NO CACHE"), "{log}");
    stack.check_plan_is_empty();
    stack.down();
}

fn functions_run_on_podman() {
    let podman = Podman::start();
    let manifest = "[functions.echo]\nsource = \"echo\"\nbuild = { image = {} }\ntimeout = \"20s\"\n";
    let mut stack = Stack::new("svc-podman-f", manifest);
    stack.host = Some(format!("unix://{}", podman.path().display()));
    let source = stack.dir.path().join("echo");
    go_runtime::build(&source, go_runtime::SOURCE, "echo");
    fs::write(source.join("Dockerfile"), "FROM scratch\nCOPY echo /echo\nENTRYPOINT [\"/echo\"]\n").unwrap();
    stack.up();
    for number in 0..3 {
        let printed = stack.run(&["invoke", "echo", "--payload", &format!("{{\"n\":{number}}}")]);
        let log = fs::read_to_string(stack.dir.path().join(".stackctl/engine.log")).unwrap_or_default();
        assert_eq!(printed.code, Some(0), "{}{}\n{log}", printed.stdout, printed.stderr);
        assert!(printed.stdout.contains(&format!("\"event\":{{\"n\":{number}}}")), "{}", printed.stdout);
    }
    let log = stack.succeed(&["logs", "echo"]);
    let words = ["START", "ECHO {\"n\":0}", "END", "REPORT", "START", "ECHO {\"n\":1}", "END"];
    let mut rest = log.as_str();
    for word in words {
        let at = rest.find(word).unwrap_or_else(|| panic!("`{word}` is not where it belongs:\n{log}"));
        rest = &rest[at + word.len()..];
    }
    stack.check_plan_is_empty();
    stack.succeed(&["down", "--yes"]);
    assert!(!stack.dir.path().join(".stackctl").exists());
}

fn doctor_finds_what_a_kill_has_left() {
    let stack = Stack::new("svc-doctor", &cache(free_port()));
    stack.up();
    let state = stack.dir.path().join(".stackctl");
    let engine: serde_json::Value = serde_json::from_slice(&fs::read(state.join("engine.json")).unwrap()).unwrap();
    let mut kill = Command::new("kill");
    kill.args(["-9", &engine["pid"].to_string()]);
    succeed(kill);
    let said = stack.run(&["doctor"]).stdout;
    let line = said.lines().find(|line| line.contains("containers")).unwrap_or_default();
    assert!(
        line.contains("2 of this stack, networks included, and no engine runs"),
        "a container and a network: {said}"
    );
    stack.down();
    let said = stack.run(&["doctor"]).stdout;
    let line = said.lines().find(|line| line.contains("containers")).unwrap_or_default();
    assert!(line.contains("none"), "{said}");
}

fn an_up_that_is_killed_at_any_step_is_finished_by_the_next() {
    stopped_at_any_step("svc-killed", "-KILL");
}

fn an_up_that_is_interrupted_at_any_step_is_finished_by_the_next() {
    stopped_at_any_step("svc-ctrl-c", "-INT");
}

fn stopped_at_any_step(name: &str, signal: &str) {
    let manifest = format!("{}volumes = [\"data:/data\"]\n[queues.jobs]\n", cache(free_port()));
    let stack = Stack::new(name, &manifest);
    // The image is there.
    stack.up();
    stack.succeed(&["down", "--keep", "--yes"]);
    for lines in 1.. {
        drop(crate::support::docker::Sweep::of(stack.dir.path()));
        let mut up = stack.command(&["-v", "up", "--yes"]);
        let mut up: Child = up.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let said = std::io::BufRead::lines(std::io::BufReader::new(up.stderr.take().unwrap()));
        let mut said = said.map_while(Result::ok);
        let read = said.by_ref().take(lines).count();
        // It may have ended by itself.
        let _ = Command::new("kill").args([signal, &up.id().to_string()]).output();
        said.for_each(drop);
        up.wait().unwrap();
        stack.up();
        stack.check_plan_is_empty();
        if read < lines {
            assert!(lines > 5, "it was stopped in the middle, at each of {lines} lines");
            break;
        }
    }
    stack.down();
}
