//! The container of an environment: what it may use, what it sees, and how its runtime is started. Pure.

use std::{collections::BTreeMap, path::Path};

use super::{Unavailable, launcher, reach::Reach};
use crate::{
    docker::{ContainerSpec, Image, KIND_FUNCTION, Machine, Mount, Ownership, Ulimit},
    engine::{LaunchSpec, SandboxSpec},
    serve::environments::{ContainerPaths, container_variables},
};

/// Where AWS puts a function's code.
pub(super) const TASK_ROOT: &str = "/var/task";
/// Where it puts layers.
const LAYERS_ROOT: &str = "/opt";
/// The only directory that a function may write to.
const TEMPORARY: &str = "/tmp";
/// Processes of one user, in whichever containers: what kernels number by default, to which Podman holds itself.
const USER_PROCESSES_MAX: u64 = 32_768;
/// Processes and threads together, and open files of each process (Lambda developer guide, "Lambda quotas").
const PIDS_MAX: u32 = 1024;
const FILES_MAX: u64 = 1024;
/// Memory that comes with one CPU of computing time (Lambda developer guide, "Configure Lambda function memory").
const MB_PER_CPU: u64 = 1769;
const NANOS_PER_CPU: u64 = 1_000_000_000;
/// The shares that Docker gives who asks for nothing: those of one CPU.
const SHARES_PER_CPU: u64 = 1024;
/// The fewest shares that Docker takes.
const SHARES_MIN: u64 = 2;
/// The user whom AWS runs functions as, without a name in most images.
const AWS_USER: &str = "993:990";

/// What of the shell and of Docker goes into a container.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) name: String,
    pub(super) ownership: &'a Ownership,
    pub(super) state_dir: &'a Path,
    /// The layers' files, when there are layers.
    pub(super) layers_dir: Option<&'a Path>,
    /// The engine's port on loopback.
    pub(super) port: u16,
    pub(super) runtime_api_port: u16,
    pub(super) reach: &'a Reach,
    pub(super) machine: &'a Machine,
    pub(super) is_podman: bool,
    /// How many processes this process's user may have at most, where that is bounded.
    pub(super) user_processes_max: Option<u64>,
    pub(super) image: &'a Image,
    /// Whether the image is the function's code.
    pub(super) is_code: bool,
    /// The launcher, and where it finds this engine.
    pub(super) launcher: Option<(&'a Path, launcher::Ends<'a>)>,
    /// User and group of this process.
    pub(super) user: (u32, u32),
}

/// The container to create.
pub(super) fn container_spec(spec: &LaunchSpec, place: &Place<'_>) -> ContainerSpec {
    let listens = place.launcher.is_some() && place.reach.has_loopback();
    let runtime_api = match listens {
        true => launcher::RUNTIME_API.to_string(),
        false => format!("{}:{}", place.reach.host(), place.runtime_api_port),
    };
    let endpoint = place.reach.endpoint();
    let paths = ContainerPaths { task_root: TASK_ROOT, runtime_api: &runtime_api, endpoint: &endpoint };
    let mut environment = container_variables(spec, place.state_dir, &paths);
    for value in environment.values_mut() {
        reachable(value, place.port, &endpoint);
    }
    let (mut entrypoint, mut command) = program(spec, place.image);
    let mut mounts = Vec::new();
    if let Some((program, ends)) = &place.launcher {
        let launched = launched(entrypoint, command.take(), place.image);
        entrypoint = Some(launcher::words(listens).into_iter().chain(launched).collect());
        mounts.extend(launcher::mounts(program, ends));
    }
    if !place.is_code {
        let source = spec.artifact.dir_in(place.state_dir);
        mounts.push(Mount::Bind { source, target: TASK_ROOT.to_owned(), is_read_only: true });
    }
    if let Some(layers) = place.layers_dir {
        mounts.push(Mount::Bind { source: layers.to_owned(), target: LAYERS_ROOT.to_owned(), is_read_only: true });
    }
    let mut container = ContainerSpec {
        name: place.name.clone(),
        image: place.image.id.clone(),
        entrypoint,
        command,
        environment,
        labels: place.ownership.labels(KIND_FUNCTION, spec.function.name.as_str(), ""),
        mounts,
        // Docker itself would forbid to run what a function writes there, which AWS allows.
        tmpfs: BTreeMap::from([(
            TEMPORARY.to_owned(),
            format!("rw,exec,nosuid,nodev,mode=1777,size={}m", spec.ephemeral_storage_mb),
        )]),
        memory_bytes: Some(mebibytes(spec.memory_mb)),
        nano_cpus: Some(nano_cpus(spec.memory_mb, place.machine.cpus)),
        cpu_shares: Some((u64::from(spec.memory_mb) * SHARES_PER_CPU / MB_PER_CPU).max(SHARES_MIN)),
        pids_limit: Some(PIDS_MAX),
        ulimits: vec![Ulimit { name: "nofile", most: FILES_MAX }],
        user: Some(user(place)),
        working_dir: working_dir(spec),
        is_read_only: true,
        cap_drop: vec!["ALL".to_owned()],
        no_new_privileges: true,
        // Podman's is a package that few have.
        init: !place.is_podman,
        health: Some(crate::docker::HealthCheck::Disabled),
        // The engine has its lines already, and Docker's copy would grow without bound.
        keeps_no_log: true,
        ..ContainerSpec::default()
    };
    // Podman adds a bound of its own, a million, to any that is named: more than it may set where it is not privileged.
    if place.is_podman {
        let most = place.user_processes_max.map_or(USER_PROCESSES_MAX, |most| most.min(USER_PROCESSES_MAX));
        container.ulimits.push(Ulimit { name: "nproc", most });
    }
    place.reach.join(&mut container);
    container
}

/// A base image has to bring what starts the runtime, unless the code does.
///
/// # Errors
/// It has not; with what to do.
pub(super) fn check_base(image: &Image, runtime: &str) -> Result<(), Unavailable> {
    if starts_itself(runtime) || !image.entrypoint.is_empty() {
        return Ok(());
    }
    let name = image.tags.first().map_or(image.id.as_str(), String::as_str);
    Err(Unavailable(format!(
        "the base image `{name}` has no entry point that starts the runtime `{runtime}`; give it one that runs AWS's runtime \
         interface client, like `ENTRYPOINT [\"python3\", \"-m\", \"awslambdaric\"]`"
    )))
}

fn starts_itself(runtime: &str) -> bool {
    runtime.starts_with("provided") || runtime == "go1.x"
}

/// What is run and with which arguments; `None` leaves it to the image.
fn program(spec: &LaunchSpec, image: &Image) -> (Option<Vec<String>>, Option<Vec<String>>) {
    let given = |arguments: &[String]| (!arguments.is_empty()).then(|| arguments.to_vec());
    if let SandboxSpec::Image { config, .. } = &spec.sandbox {
        let entrypoint = given(&config.entry_point);
        // Docker forgets the image's command where its entry point is replaced; AWS does not.
        let kept = if entrypoint.is_some() { given(&image.command) } else { None };
        return (entrypoint, given(&config.command).or(kept));
    }
    match spec.runtime.as_str() {
        "go1.x" => (Some(vec![format!("{TASK_ROOT}/{}", spec.handler)]), None),
        runtime if starts_itself(runtime) => (Some(vec![format!("{TASK_ROOT}/bootstrap")]), None),
        _ => (None, Some(vec![spec.handler.clone()])),
    }
}

/// Whether it is known what is run; Docker says what is wrong with an image of which it is not.
pub(super) fn names_program(spec: &LaunchSpec, image: &Image) -> bool {
    let (entrypoint, command) = program(spec, image);
    entrypoint.or(command).is_some() || !image.entrypoint.is_empty() || !image.command.is_empty()
}

/// The same, whole: Docker forgets the image's command beside an entry point.
fn launched(entrypoint: Option<Vec<String>>, command: Option<Vec<String>>, image: &Image) -> Vec<String> {
    let kept = if entrypoint.is_none() { image.command.clone() } else { Vec::new() };
    let entrypoint = entrypoint.unwrap_or_else(|| image.entrypoint.clone());
    entrypoint.into_iter().chain(command.unwrap_or(kept)).collect()
}

fn working_dir(spec: &LaunchSpec) -> Option<String> {
    match &spec.sandbox {
        SandboxSpec::Image { config, .. } => config.working_directory.clone(),
        _ => Some(TASK_ROOT.to_owned()),
    }
}

/// Code that is mounted belongs to the user of this process, who alone may be able to read it. An image's code is for
/// everybody, as AWS wants it.
fn user(place: &Place<'_>) -> String {
    match (place.is_code, place.machine.is_rootless) {
        (true, _) => AWS_USER.to_owned(),
        // There the root of the container is this user.
        (false, true) => "0:0".to_owned(),
        (false, false) => format!("{}:{}", place.user.0, place.user.1),
    }
}

/// What AWS gives for the memory, but never less than one CPU: with the fourteenth of one that 128 MB come with, every start would
/// take seconds, which AWS's do not, because the init phase is not held to it. Never more than there are.
fn nano_cpus(memory_mb: u32, cpus: u32) -> u64 {
    let share = u64::from(memory_mb) * NANOS_PER_CPU / MB_PER_CPU;
    share.clamp(NANOS_PER_CPU, u64::from(cpus.max(1)) * NANOS_PER_CPU)
}

fn mebibytes(count: u32) -> u64 {
    u64::from(count) << 20
}

/// Lets a value that names the engine on this machine's loopback, a queue's URL above all, name it as it is reached from
/// inside.
fn reachable(value: &mut String, port: u16, endpoint: &str) {
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let outside = format!("http://{host}:{port}");
        if !value.contains(&outside) {
            continue;
        }
        let mut changed = String::with_capacity(value.len());
        let mut rest = value.as_str();
        while let Some(at) = rest.find(&outside) {
            let after = &rest[at + outside.len()..];
            // Not a longer port.
            let is_whole = !after.starts_with(|next: char| next.is_ascii_digit());
            changed.push_str(&rest[..at]);
            changed.push_str(if is_whole { endpoint } else { &outside });
            rest = after;
        }
        changed.push_str(rest);
        *value = changed;
    }
}

/// All variables that a test wants to see.
#[cfg(test)]
fn shown(environment: &BTreeMap<String, String>, names: &[&str]) -> String {
    let shown = names.iter().map(|name| format!("{name}={}", environment.get(*name).map_or("-", String::as_str)));
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use super::*;
    use crate::{
        engine::{CodeImage, lambda::ImageConfig},
        model::StackName,
        serve::{
            containers::{Gateway, Subnet},
            environments::sample::spec,
        },
    };

    fn image(entrypoint: &[&str], command: &[&str]) -> Image {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Image {
            id: "sha256:aa".into(),
            architecture: "amd64".into(),
            os: "linux".into(),
            tags: vec!["base:1".into()],
            digests: Vec::new(),
            labels: BTreeMap::new(),
            entrypoint: texts(entrypoint),
            command: texts(command),
            working_dir: String::new(),
            exposed_ports: Vec::new(),
            has_health_check: false,
        }
    }

    fn reach() -> Reach {
        let gateway =
            Gateway { address: Ipv4Addr::new(172, 18, 0, 1), subnet: Subnet::parse("172.18.0.0/16").unwrap() };
        Reach::Gateway { network: "stackctl-orders".into(), gateway: Arc::new(gateway), port: 4566 }
    }

    fn made(spec: &LaunchSpec, image: &Image, is_code: bool) -> ContainerSpec {
        made_with(spec, image, is_code, &reach(), None)
    }

    fn made_with(
        spec: &LaunchSpec,
        image: &Image,
        is_code: bool,
        reach: &Reach,
        launcher: Option<(&Path, launcher::Ends<'_>)>,
    ) -> ContainerSpec {
        let place = Place {
            name: "n".into(),
            ownership: &Ownership::new(StackName::parse("orders").unwrap(), Path::new("/s")),
            state_dir: Path::new("/s"),
            layers_dir: None,
            port: 4566,
            runtime_api_port: 9001,
            reach,
            machine: &Machine { cpus: 2, ..Machine::default() },
            is_podman: false,
            user_processes_max: Some(100),
            image,
            is_code,
            launcher,
            user: (1000, 100),
        };
        container_spec(spec, &place)
    }

    #[test]
    fn a_zip_function_is_mounted_and_held_to_its_limits() {
        let mut function = spec("python3.12", "app.handler");
        let own = [("QUEUE_URL", "http://127.0.0.1:4566/000000000000/q"), ("LEVEL", "info")];
        function.environment =
            Arc::new(own.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect());
        let container = made(&function, &image(&["/lambda-entrypoint.sh"], &[]), false);
        assert_eq!((&container.entrypoint, &container.command), (&None, &Some(vec!["app.handler".to_owned()])));
        let code = function.artifact.dir_in(Path::new("/s"));
        assert_eq!(container.mounts, [Mount::Bind { source: code, target: "/var/task".into(), is_read_only: true }]);
        assert_eq!(container.tmpfs["/tmp"], "rw,exec,nosuid,nodev,mode=1777,size=512m");
        assert_eq!((container.memory_bytes, container.nano_cpus), (Some(128 << 20), Some(1_000_000_000)));
        assert_eq!((container.user.as_deref(), container.pids_limit), (Some("1000:100"), Some(1024)));
        assert!(container.is_read_only && container.no_new_privileges && container.init);
        assert_eq!(container.cap_drop, ["ALL"]);
        assert_eq!(container.network.as_ref().map(|join| join.network.as_str()), Some("stackctl-orders"));
        assert_eq!(
            shown(
                &container.environment,
                &[
                    "AWS_LAMBDA_RUNTIME_API",
                    "AWS_ENDPOINT_URL",
                    "QUEUE_URL",
                    "LEVEL",
                    "_HANDLER",
                    "PATH",
                    "LAMBDA_TASK_ROOT"
                ]
            ),
            "AWS_LAMBDA_RUNTIME_API=172.18.0.1:9001 AWS_ENDPOINT_URL=http://172.18.0.1:4566 \
             QUEUE_URL=http://172.18.0.1:4566/000000000000/q LEVEL=info _HANDLER=app.handler PATH=- \
             LAMBDA_TASK_ROOT=/var/task"
        );
    }

    #[test]
    fn code_that_is_its_own_runtime_is_started_directly() {
        let check = |runtime: &str, handler: &str, expected: &str| {
            let container = made(&spec(runtime, handler), &image(&["/lambda-entrypoint.sh"], &["x"]), false);
            assert_eq!((container.entrypoint, container.command), (Some(vec![expected.to_owned()]), None), "{runtime}");
        };
        check("provided.al2023", "h", "/var/task/bootstrap");
        check("go1.x", "main", "/var/task/main");
    }

    #[test]
    fn a_launcher_starts_what_docker_would() {
        let check = |entrypoint: Option<&[&str]>, command: Option<&[&str]>, expected: &str| {
            let texts = |texts: Option<&[&str]>| texts.map(|texts| texts.iter().map(|t| (*t).to_owned()).collect());
            let found = launched(texts(entrypoint), texts(command), &image(&["/entry"], &["a", "b"]));
            assert_eq!(found.join(" "), expected, "{entrypoint:?} {command:?}");
        };
        check(None, None, "/entry a b");
        check(None, Some(&["c"]), "/entry c");
        check(Some(&["/own"]), None, "/own");
        check(Some(&["/own", "x"]), Some(&["c"]), "/own x c");
    }

    #[test]
    fn the_runtime_api_is_as_near_as_it_can_be() {
        let check = |reach: &Reach, has_launcher: bool, words: &str, runtime_api: &str| {
            let ends = launcher::Ends { pipe: Path::new("/s/p"), socket: Path::new("/s/e") };
            let launcher = has_launcher.then_some((Path::new("/s/launch"), ends));
            let container = made_with(&spec("python3.12", "a.b"), &image(&["/e"], &[]), false, reach, launcher);
            let found = shown(&container.environment, &["AWS_LAMBDA_RUNTIME_API"]);
            assert_eq!(found, format!("AWS_LAMBDA_RUNTIME_API={runtime_api}"));
            assert_eq!(container.entrypoint.unwrap_or_default().join(" "), words);
            assert_eq!(container.mounts.len(), if has_launcher { 4 } else { 1 });
        };
        let launch = "/var/stackctl/launch /var/stackctl/printed /var/stackctl/engine";
        check(&reach(), true, &format!("{launch} 9001 /e a.b"), "127.0.0.1:9001");
        check(&Reach::Shared { port: 4566 }, true, &format!("{launch} 0 /e a.b"), "127.0.0.1:9001");
        check(&reach(), false, "", "172.18.0.1:9001");
    }

    #[test]
    fn an_image_keeps_what_is_not_overridden() {
        let check = |config: ImageConfig, entrypoint: Option<&[&str]>, command: Option<&[&str]>| {
            let mut function = spec("", "");
            let code = CodeImage { uri: "i".into(), id: "sha256:aa".into(), resolved_uri: "i@sha256:aa".into() };
            function.sandbox = SandboxSpec::Image { image: code, config: config.clone() };
            let container = made(&function, &image(&["/entry"], &["command"]), true);
            let texts = |texts: Option<&[&str]>| texts.map(|texts| texts.iter().map(|t| (*t).to_owned()).collect());
            assert_eq!((container.entrypoint, container.command), (texts(entrypoint), texts(command)), "{config:?}");
            assert_eq!(container.working_dir, config.working_directory);
            assert_eq!((container.mounts.len(), container.user.as_deref()), (0, Some(AWS_USER)));
            assert_eq!(
                shown(&container.environment, &["AWS_EXECUTION_ENV", "_HANDLER"]),
                "AWS_EXECUTION_ENV=AWS_Lambda_Image _HANDLER=-"
            );
        };
        let list = |text: &str| vec![text.to_owned()];
        check(ImageConfig::default(), None, None);
        check(ImageConfig { command: list("c"), ..ImageConfig::default() }, None, Some(&["c"]));
        check(ImageConfig { entry_point: list("e"), ..ImageConfig::default() }, Some(&["e"]), Some(&["command"]));
        let directory = Some("/srv".to_owned());
        check(ImageConfig { working_directory: directory, ..ImageConfig::default() }, None, None);
    }

    #[test]
    fn computing_time_follows_memory_between_one_cpu_and_all() {
        let check = |memory_mb, cpus, expected| assert_eq!(nano_cpus(memory_mb, cpus), expected, "{memory_mb} {cpus}");
        check(128, 8, 1_000_000_000);
        check(1769, 8, 1_000_000_000);
        check(3538, 8, 2_000_000_000);
        check(10_240, 4, 4_000_000_000);
        check(10_240, 0, 1_000_000_000);
    }

    #[test]
    fn a_base_image_has_to_start_its_runtime() {
        assert!(check_base(&image(&[], &["sh"]), "python3.12").unwrap_err().0.contains("`base:1` has no entry point"));
        assert_eq!(check_base(&image(&["e"], &[]), "python3.12"), Ok(()));
        assert_eq!(check_base(&image(&[], &[]), "provided.al2023"), Ok(()));
    }

    #[test]
    fn urls_of_the_engine_are_reached_from_inside() {
        let check = |value: &str, expected: &str| {
            let mut changed = value.to_owned();
            reachable(&mut changed, 4566, "http://g:1");
            assert_eq!(changed, expected);
        };
        check("http://127.0.0.1:4566/q http://localhost:4566", "http://g:1/q http://g:1");
        check("http://[::1]:4566/q", "http://g:1/q");
        check("http://127.0.0.1:45661/q", "http://127.0.0.1:45661/q");
        check("http://127.0.0.1:80", "http://127.0.0.1:80");
    }
}
