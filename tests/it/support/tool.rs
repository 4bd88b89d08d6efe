//! Programs that tests need beside `cargo`: found once, by what they answer and not by their name alone.

use std::{
    env,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Set in CI, where a missing tool is a failure.
const REQUIRE_TOOLS: &str = "STACKCTL_REQUIRE_TOOLS";
/// The folder that `tests/clients/install` filled.
const CLIENTS_DIR: &str = "STACKCTL_CLIENTS_DIR";

/// What images are made of.
const IMAGE_PROGRAMS: [&str; 3] = ["/usr/bin/redis-server", "/usr/lib/postgresql", "/bin/busybox"];

/// A program that a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "a tool whose last test went may get another")]
pub(crate) enum Tool {
    /// The `aws` CLI, version 1, from PyPI.
    Aws1,
    /// The `aws` CLI, version 2, from Debian.
    Aws2,
    Curl,
    /// A container engine that answers, and its CLI; with Redis, PostgreSQL and BusyBox to make images of.
    Docker,
    /// Debian's `docker-registry`.
    DockerRegistry,
    /// Python that has debugpy.
    Debugpy,
    Delve,
    Emacs,
    Esbuild,
    Go,
    Gradle,
    Java,
    Maven,
    /// Not a program: the stamp in the root of a container of LocalStack.
    LocalStack,
    /// moto's server.
    Moto,
    Nano,
    Node,
    Podman,
    Python,
    /// Not a program: user namespaces, which containers often forbid.
    UserNamespaces,
    /// From PyPI, beside uv.
    Ruff,
    /// From PyPI; not on the `PATH`, so that no other test runs it unawares.
    Uv,
    Vim,
    Zip,
    /// Python with the current boto3, and Celery on SQS.
    PythonClients,
    /// Not a program: the folder of the programs that deploy functions, from PyPI.
    DeployTools,
    /// Python with the last boto3 that speaks AWS Query to SQS.
    PythonQueryClients,
    /// Not a program: the folder of the packages for Node.
    NodeClients,
    /// Not a program: the folder that is there when Go has what `tests/clients/go` needs in its cache.
    GoClients,
    /// Not a program: the folder of the jars.
    JavaClients,
    /// Not a program: what AWS's runtime client for Node.js was compiled to.
    NodeRuntime,
    /// Not a program: the folder of the programs of `tests/clients/rust`.
    RustClients,
    /// Python with the botocore whose service models the constraints were made of.
    ServiceModels,
    /// AWS's adapter for web servers, an extension.
    WebAdapter,
    /// Not a program: the port that a stack takes which names none.
    Port4566,
    /// Not a program: mount namespaces, which containers often forbid.
    Namespaces,
    /// Not a program: root, who may become another user, and namespaces that any user may make.
    NamespacesOfAnyUser,
}

impl Tool {
    const ALL: &[Self] = &[
        Self::Aws1,
        Self::Aws2,
        Self::Curl,
        Self::Debugpy,
        Self::Delve,
        Self::Docker,
        Self::DockerRegistry,
        Self::Emacs,
        Self::Esbuild,
        Self::Go,
        Self::Gradle,
        Self::Java,
        Self::Maven,
        Self::LocalStack,
        Self::Moto,
        Self::Nano,
        Self::Node,
        Self::Podman,
        Self::Python,
        Self::Ruff,
        Self::UserNamespaces,
        Self::Uv,
        Self::Vim,
        Self::Zip,
        Self::PythonClients,
        Self::PythonQueryClients,
        Self::DeployTools,
        Self::NodeClients,
        Self::GoClients,
        Self::JavaClients,
        Self::NodeRuntime,
        Self::RustClients,
        Self::ServiceModels,
        Self::WebAdapter,
        Self::Port4566,
        Self::Namespaces,
        Self::NamespacesOfAnyUser,
    ];

    /// Where it is; `None` when it is missing.
    pub(crate) fn path(self) -> Option<&'static Path> {
        static FOUND: OnceLock<Vec<(Tool, PathBuf)>> = OnceLock::new();
        let found = FOUND.get_or_init(|| Self::ALL.iter().filter_map(|tool| Some((*tool, tool.find()?))).collect());
        found.iter().find(|(tool, _)| *tool == self).map(|(_, path)| path.as_path())
    }

    /// What to say of a missing one.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Aws1 => "aws 1",
            Self::Aws2 => "aws 2",
            Self::Curl => "curl",
            Self::Emacs => "emacs",
            Self::Nano => "nano",
            Self::Docker => "dockerd, with redis, postgresql and busybox-static",
            Self::DockerRegistry => "docker-registry",
            Self::Podman => "podman",
            Self::Go => "go",
            Self::Gradle => "gradle",
            Self::Java => "java",
            Self::Maven => "mvn",
            Self::Node => "node",
            Self::Python => "python3",
            Self::UserNamespaces => "user namespaces, which this system forbids",
            Self::Vim => "vim",
            Self::Zip => "zip",
            Self::Debugpy
            | Self::Delve
            | Self::Esbuild
            | Self::LocalStack
            | Self::Moto
            | Self::Ruff
            | Self::Uv
            | Self::PythonClients
            | Self::PythonQueryClients
            | Self::DeployTools
            | Self::NodeClients
            | Self::GoClients
            | Self::JavaClients
            | Self::NodeRuntime
            | Self::RustClients
            | Self::ServiceModels
            | Self::WebAdapter => "packages of tests/clients",
            Self::Port4566 => "port 4566, which is taken",
            Self::Namespaces => "mount namespaces, which this system forbids",
            Self::NamespacesOfAnyUser => "namespaces of any user, which this system forbids, or root",
        }
    }

    fn find(self) -> Option<PathBuf> {
        let (program, argument, answer) = match self {
            Self::Aws1 => ("aws", "--version", "aws-cli/1."),
            Self::Aws2 => ("aws", "--version", "aws-cli/2."),
            // The version of a server that does not answer is empty.
            Self::Docker if !IMAGE_PROGRAMS.iter().all(|path| Path::new(path).exists()) => return None,
            Self::Docker => ("docker", "info", "Client"),
            Self::DockerRegistry => {
                ("docker-registry", "--version", "/usr/bin/docker-registry github.com/docker/distribution")
            }
            Self::Podman => ("podman", "--version", "podman version"),
            Self::Curl => ("curl", "--version", "curl "),
            Self::Go => ("go", "version", "go version"),
            // To ask it takes seconds.
            Self::Gradle => return on_path("gradle"),
            Self::Java => ("java", "--version", "openjdk"),
            Self::Maven => ("mvn", "--version", "Apache Maven"),
            Self::Node => ("node", "--version", "v"),
            Self::Python => ("python3", "--version", "Python 3"),
            Self::Vim => ("vim", "--version", "VIM - Vi IMproved"),
            Self::Emacs => ("emacs", "--version", "GNU Emacs"),
            Self::Nano => ("nano", "--version", " GNU nano"),
            Self::Zip => ("zip", "--version", "Copyright"),
            Self::Ruff => return installed("uv/bin/ruff"),
            Self::Uv => return installed("uv/bin/uv"),
            Self::UserNamespaces => {
                let made = Command::new("unshare").args(["--user", "--map-root-user", "true"]).output();
                return made.ok().filter(|output| output.status.success()).map(|_| PathBuf::from("unshare"));
            }
            Self::Debugpy => return installed("debugpy/bin/python"),
            Self::Delve => return installed("bin/dlv"),
            Self::LocalStack => return installed("localstack/stamp"),
            Self::Moto => return installed("moto/bin/moto_server"),
            Self::Esbuild => return installed("node/node_modules/.bin/esbuild"),
            Self::PythonClients => return installed("python/bin/python"),
            Self::PythonQueryClients => return installed("python-query/bin/python"),
            Self::DeployTools => return installed("deploy-tools/bin"),
            Self::NodeClients => return installed("node/node_modules"),
            Self::GoClients => return installed("go"),
            Self::JavaClients => return installed("java"),
            Self::NodeRuntime => {
                return installed("node-runtime/node_modules/aws-lambda-ric/dist/rapid-client.node");
            }
            Self::RustClients => return installed("rust/debug"),
            Self::ServiceModels => return installed("models/bin/python"),
            Self::WebAdapter => return installed("bin/lambda-adapter"),
            Self::Namespaces => {
                let launcher = Path::new(env!("CARGO_BIN_EXE_stackctl"));
                return stackctl::serve::environments::isolation::probe(launcher).ok().map(|()| launcher.to_owned());
            }
            Self::NamespacesOfAnyUser => {
                let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
                let unshare = ["unshare", "--user", "--mount", "--map-root-user", "true"];
                let output = Command::new("setpriv").args(nobody).args(unshare).output();
                return output.is_ok_and(|output| output.status.success()).then(PathBuf::new);
            }
            Self::Port4566 => return TcpListener::bind((Ipv4Addr::LOCALHOST, 4566)).ok().map(|_| PathBuf::new()),
        };
        let path = env::var_os("PATH")?;
        env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| {
            let output = Command::new(candidate).arg(argument).output();
            // Maven prints it in bold.
            let said = |output: &std::process::Output| String::from_utf8_lossy(&output.stdout).into_owned();
            output.is_ok_and(|output| {
                output.status.success() && said(&output).trim_start_matches("\u{1b}[1m").starts_with(answer)
            })
        })
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn installed(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(CLIENTS_DIR)?).join(path);
    path.exists().then_some(path)
}

impl Tool {
    /// Whether it is something that a system forbids, and that nobody can install.
    pub(crate) fn is_of_the_system(self) -> bool {
        matches!(self, Self::Namespaces | Self::UserNamespaces | Self::NamespacesOfAnyUser)
    }
}

/// Whether a missing tool is a failure.
pub(crate) fn are_required() -> bool {
    env::var_os(REQUIRE_TOOLS).is_some()
}
