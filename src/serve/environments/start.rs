//! Starts an environment's process: with a view of its own where the system lets it, plainly elsewhere.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use parking_lot::Mutex;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::{io::AsyncReadExt, net::unix::pipe, process::Command};

use super::{
    Shared,
    debugger::Debugger,
    interpreters::explain,
    isolation::{
        LAYERS_DIR, REQUEST_VARIABLE, RUNTIME_DIR, Refusal, Request, SUBCOMMAND, TASK_DIR, TEMPORARY_DIR, Target, View,
    },
    output::Output,
    process::Process,
    program::Program,
    variables::{ENVIRONMENT_MARKER, MARKER, Place, marker, variables},
};
use crate::{
    engine::LaunchSpec,
    serve::platform::{Member, MountNamespace},
};

/// Names a script that is started with the command of the runtime.
const WRAPPER_VARIABLE: &str = "AWS_LAMBDA_EXEC_WRAPPER";
/// The extensions in the layers.
const EXTENSIONS_DIR: &str = "extensions";
/// A refusal's length at most.
const REFUSAL_MAX_BYTES: u64 = 4096;
/// What Python compiles, in the runtime directory: of the interpreter's own library.
const PYTHON_CACHE: &str = "pycache";
/// The same of functions' code and layers. Seen at the same path by each environment, so that each has its own.
const PYTHON_CACHE_OF_CODE: &str = "pycache-of-code";

/// The program that gives environments a view of their own, until it turns out that it cannot.
#[derive(Debug)]
pub(super) struct Launcher {
    path: Mutex<Option<PathBuf>>,
}

impl Launcher {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path: Mutex::new(path) }
    }

    fn path(&self) -> Option<PathBuf> {
        self.path.lock().clone()
    }

    /// Whether this was the first to give it up.
    fn give_up(&self) -> bool {
        self.path.lock().take().is_some()
    }
}

/// What is to be started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) spec: &'a LaunchSpec,
    pub(super) program: &'a Program,
    pub(super) code_dir: &'a Path,
    pub(super) layers_dir: Option<&'a Path>,
    /// The environment's own directory.
    pub(super) folder: &'a Path,
    pub(super) number: u64,
    pub(super) runtime_api: &'a str,
    /// With one, the process is started plainly: an editor looks for the code where it is.
    pub(super) debugger: Option<&'a Debugger>,
    /// Whether it is the function's runtime, and no extension.
    pub(super) is_runtime: bool,
}

impl Start<'_> {
    /// What the program is started with; paths as the process sees them.
    fn arguments(self, seen: impl Fn(&Path) -> PathBuf, place: Place<'_>) -> Vec<OsString> {
        let seen_all = |argument: &OsString| {
            // A class path is a list.
            let parts: Vec<_> = std::env::split_paths(argument).map(|part| seen(&part)).collect();
            std::env::join_paths(parts).unwrap_or_else(|_| argument.clone())
        };
        let mut arguments: Vec<_> = self.program.arguments.iter().map(seen_all).collect();
        if self.spec.runtime.starts_with("python") {
            arguments.extend(place.layers_dir.map(OsString::from));
        } else if self.spec.runtime.starts_with("java") {
            // Where AWS's runtime unpacks its native library: Java knows no `TMPDIR`.
            arguments.insert(0, format!("-Djava.io.tmpdir={}", place.temporary_dir.display()).into());
        }
        arguments
    }

    /// The wrapper script that the function names. On AWS the runtimes that are an operating system only know none.
    fn wrapper(&self) -> Option<&Path> {
        let is_wrapped = self.is_runtime && !self.spec.runtime.starts_with("provided");
        self.spec.environment.get(WRAPPER_VARIABLE).filter(|path| is_wrapped && !path.is_empty()).map(Path::new)
    }

    /// What is started first: the program, or the function's wrapper script, which starts it.
    ///
    /// <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper>
    fn wrapped(self, path: PathBuf, mut arguments: Vec<OsString>, place: Place<'_>) -> Program {
        let Some(wrapper) = self.wrapper() else { return Program { path, arguments } };
        arguments.insert(0, path.into());
        let below = |seen: &str, dir: &Path| Some(dir.join(wrapper.strip_prefix(seen).ok()?));
        let path = below(TASK_DIR, place.code_dir).or_else(|| below(LAYERS_DIR, place.layers_dir?));
        Program { path: path.unwrap_or_else(|| wrapper.to_owned()), arguments }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// It cannot be started; the message says what to do.
    pub(super) async fn start(self) -> Result<(Process, Output), String> {
        if let Some(launcher) = self.shared.launcher.path().filter(|_| self.debugger.is_none()) {
            match self.isolated(&launcher).await {
                Ok(started) => return Ok(started),
                Err(Refused::View(why)) => {
                    if self.shared.launcher.give_up() {
                        self.shared.report.say(format!(
                            "functions run without isolation: {why}; `stackctl doctor` says what is missing"
                        ));
                    }
                }
                Err(Refused::Start(message)) => return Err(message),
            }
        }
        self.plain().await
    }

    async fn plain(self) -> Result<(Process, Output), String> {
        let number = self.number.to_string();
        let place = self.place(self.code_dir, &self.shared.runtime_dir, self.folder, &number);
        let mut variables = variables(self.spec, place);
        variables.extend(self.debugger.iter().flat_map(|debugger| debugger.variables()));
        let (output, ends) = Output::open().map_err(|error| no_pipe(&error))?;
        let program = self.wrapped(self.program.path.clone(), self.arguments(Path::to_owned, place), place);
        let mut process = Process::start(&program, &variables, self.code_dir, ends, self.shared)
            .await
            .map_err(|error| explain(&program.path, &error))?;
        process.owns(self.member(None));
        Ok((process, output))
    }

    fn place<'a>(
        &'a self,
        code_dir: &'a Path,
        runtime_dir: &'a Path,
        temporary: &'a Path,
        marker: &'a str,
    ) -> Place<'a> {
        Place {
            state_dir: &self.shared.state_dir,
            code_dir,
            runtime_dir,
            temporary_dir: temporary,
            layers_dir: self.layers_dir,
            marker,
            runtime_api: self.runtime_api,
            endpoint: &self.shared.endpoint,
            inherited: &self.shared.inherited,
        }
    }

    fn member(self, mount_namespace: Option<MountNamespace>) -> Member {
        let own = format!("{ENVIRONMENT_MARKER}={}", self.number);
        Member { markers: [own, marker(&self.shared.state_dir)], mount_namespace }
    }

    async fn isolated(self, launcher: &Path) -> Result<(Process, Output), Refused> {
        let request = self.request().map_err(|error| Refused::View(error.to_string()))?;
        self.launched(launcher, &request).await
    }

    /// Starts an extension, which sees what the environment's `runtime` sees.
    ///
    /// # Errors
    /// It cannot be started; the message says what to do.
    pub(super) async fn extension(self, name: &OsStr, runtime: &Process) -> Result<(Process, Output), String> {
        let file = self.layers_dir.unwrap_or(Path::new(LAYERS_DIR)).join(EXTENSIONS_DIR).join(name);
        let program = Program { path: file, arguments: Vec::new() };
        let start = Start { program: &program, is_runtime: false, ..self };
        let launcher = self.shared.launcher.path().filter(|_| runtime.is_isolated());
        let Some(launcher) = launcher else { return start.plain().await };
        let mut request = start.request().map_err(|error| error.to_string())?;
        request.join = Some(runtime.id());
        request.program.path = Path::new(LAYERS_DIR).join(EXTENSIONS_DIR).join(name);
        start.launched(&launcher, &request).await.map_err(|refused| match refused {
            Refused::View(message) | Refused::Start(message) => message,
        })
    }

    /// The files that are started beside the runtime.
    pub(super) fn extensions(self) -> Vec<OsString> {
        let entries = self.layers_dir.and_then(|dir| fs::read_dir(dir.join(EXTENSIONS_DIR)).ok());
        let is_program = |entry: &fs::DirEntry| {
            fs::metadata(entry.path()).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        };
        let programs = entries.into_iter().flatten().flatten().filter(is_program);
        let mut names: Vec<_> = programs.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    async fn launched(self, launcher: &Path, request: &Request) -> Result<(Process, Output), Refused> {
        let view = |error: io::Error| Refused::View(error.to_string());
        let text = serde_json::to_string(request).map_err(|error| Refused::View(error.to_string()))?;
        let (output, ends) = Output::open().map_err(|error| Refused::Start(no_pipe(&error)))?;
        let (reading, writing) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| view(error.into()))?;
        let mut command = Command::new(launcher);
        command
            .arg(SUBCOMMAND)
            .env_clear()
            .env(REQUEST_VARIABLE, text)
            .env(MARKER, &self.shared.state_dir)
            .current_dir("/")
            .stdin(Stdio::from(writing));
        let mut process = Process::spawn(command, ends, self.shared).await.map_err(view)?;
        let refusal = read_refusal(reading).await.map_err(view)?;
        match refusal {
            None => {
                process.owns(self.member(MountNamespace::of(process.id())));
                Ok((process, output))
            }
            Some(refusal) => {
                // It ends by itself: only reaped.
                let _ = process.ended().await;
                Err(match refusal {
                    refusal @ Refusal::View { .. } => Refused::View(refusal.to_string()),
                    Refusal::Program { errno } => {
                        let path = if self.wrapper().is_some() { &request.program.path } else { &self.program.path };
                        Refused::Start(explain(path, &io::Error::from_raw_os_error(errno)))
                    }
                })
            }
        }
    }

    fn request(self) -> io::Result<Request> {
        let runtime_dir = &self.shared.runtime_dir;
        let seen = |path: &Path| match (path.strip_prefix(self.code_dir), path.strip_prefix(runtime_dir)) {
            (Ok(rest), _) => Path::new(TASK_DIR).join(rest),
            (_, Ok(rest)) => Path::new(RUNTIME_DIR).join(rest),
            _ => path.to_owned(),
        };
        let number = self.number.to_string();
        let place = self.place(Path::new(TASK_DIR), Path::new(RUNTIME_DIR), Path::new(TEMPORARY_DIR), &number);
        let place = Place { layers_dir: Some(Path::new(LAYERS_DIR)), ..place };
        let program = self.wrapped(seen(&self.program.path), self.arguments(seen, place), place);
        Ok(Request {
            join: None,
            program: Target {
                path: program.path,
                arguments: program.arguments,
                variables: variables(self.spec, place),
            },
            view: View {
                root: self.folder.to_owned(),
                state_dir: self.shared.state_dir.clone(),
                code_dir: self.code_dir.to_owned(),
                runtime_dir: runtime_dir.clone(),
                layers_dir: self.layers_dir.map(Path::to_owned),
                writable: self.writable()?,
                kept: installations(&self.program.path, &self.shared.state_dir),
                temporary_mb: self.spec.ephemeral_storage_mb,
            },
        })
    }

    /// Where Python keeps what it compiles.
    fn writable(self) -> io::Result<Vec<(PathBuf, PathBuf)>> {
        if !self.spec.runtime.starts_with("python") {
            return Ok(Vec::new());
        }
        let (cache, seen) = (self.shared.runtime_dir.join(PYTHON_CACHE), Path::new(RUNTIME_DIR).join(PYTHON_CACHE));
        let code = self.shared.runtime_dir.join(PYTHON_CACHE_OF_CODE).join(self.spec.artifact.to_string());
        let mut writable = vec![(cache.clone(), seen.clone())];
        make_dir(&cache.join(&TASK_DIR[1..]))?;
        make_dir(&code)?;
        writable.push((code, seen.join(&TASK_DIR[1..])));
        if let Some(name) = self.layers_dir.and_then(Path::file_name) {
            let layers = self.shared.runtime_dir.join(PYTHON_CACHE_OF_CODE).join(name);
            make_dir(&cache.join(&LAYERS_DIR[1..]))?;
            make_dir(&layers)?;
            writable.push((layers, seen.join(&LAYERS_DIR[1..])));
        }
        Ok(writable)
    }
}

/// Why an isolated start came to nothing.
enum Refused {
    /// A plain one may do.
    View(String),
    /// No other start would do better.
    Start(String),
}

fn no_pipe(error: &io::Error) -> String {
    format!("cannot make pipes for its output: {error}")
}

fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What the launcher says until it has become the function's program, which says nothing.
async fn read_refusal(reading: OwnedFd) -> io::Result<Option<Refusal>> {
    let mut bytes = Vec::new();
    pipe::Receiver::from_owned_fd(reading)?.take(REFUSAL_MAX_BYTES).read_to_end(&mut bytes).await?;
    Ok(Refusal::read(&bytes))
}

/// Where a program is installed, unless the function brings it: of `PREFIX/bin/NAME` the prefix, as it is called and as
/// it really is.
fn installations(program: &Path, state_dir: &Path) -> Vec<PathBuf> {
    let of = |path: &Path| {
        let dir = path.parent()?;
        if dir.ends_with("bin") { dir.parent().map(Path::to_owned) } else { Some(dir.to_owned()) }
    };
    let real = fs::canonicalize(program).ok();
    let found = [of(program), real.as_deref().and_then(of)];
    found.into_iter().flatten().filter(|dir| !dir.starts_with(state_dir) && dir != Path::new(TEMPORARY_DIR)).collect()
}
