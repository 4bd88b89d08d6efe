//! The way of a debugger to a function. The port that the manifest names is listened on here and not by the function: so it is the
//! same for each new version, and it is seen when a debugger comes and goes. What it says is passed on to the debugger's
//! own half: debugpy in a Python function's process, Node's inspector, and Delve around an executable.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{
    environment::Running,
    interpreters::Language,
    program::{NODE_RUNTIME, Program},
};
use crate::{engine::LaunchSpec, model::Debugging, serve::platform};

/// How long the environment before may take to let go of the port.
const PORT_WAIT: Duration = Duration::from_secs(5);
/// How long a debugger waits for the function's process to listen.
const START_WAIT: Duration = Duration::from_secs(30);
/// Between two tries.
const RETRY: Duration = Duration::from_millis(20);
/// What asks Node's inspector for its sessions, and the answer.
const HTTP_MAX_BYTES: usize = 256 * 1024;
const HTTP_WAIT: Duration = Duration::from_secs(5);
/// Where our Python runtime has debugpy listen.
const LISTEN_VARIABLE: &str = "STACKCTL_DEBUG_LISTEN";
/// Set where our runtimes wait for a debugger.
const WAIT_VARIABLE: &str = "STACKCTL_DEBUG_WAIT";

/// Whose debugger it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Python,
    Node,
    Delve,
}

/// The debugger's half of one environment.
#[derive(Debug)]
pub(super) struct Debugger {
    kind: Kind,
    debugging: Debugging,
    outer: TcpListener,
    /// Where the function's half listens.
    inner: SocketAddr,
}

/// A connection to it.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    debugger: Arc<Debugger>,
}

impl Debugger {
    /// Listens on the port that a debugger will connect to.
    ///
    /// # Errors
    /// Somebody else has the port, or there is no debugger for the runtime; a sentence.
    pub(super) async fn open(spec: &LaunchSpec, debugging: Debugging) -> Result<Self, String> {
        let kind = match Language::of_runtime(&spec.runtime) {
            Some((Language::Python, _)) => Kind::Python,
            Some((Language::Node, _)) => Kind::Node,
            Some((Language::Java, _)) => return Err("Java functions cannot be debugged here".to_owned()),
            None => Kind::Delve,
        };
        let outer = listen(spec, debugging.port).await?;
        let no_port = |error: io::Error| format!("no port is free for the debugger: {error}");
        let inner =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_port)?.local_addr().map_err(no_port)?;
        Ok(Self { kind, debugging, outer, inner })
    }

    /// Whether the code has to be at a path that stays: where the editor is told the function's path, and not the source's.
    pub(super) fn wants_one_path(&self) -> bool {
        self.kind != Kind::Delve
    }

    /// The program that is started in the place of `program`.
    pub(super) fn around(&self, program: Program) -> Program {
        let Program { path, mut arguments } = program;
        match self.kind {
            Kind::Python => {}
            Kind::Node => {
                let at = arguments.iter().position(|argument| Path::new(argument).ends_with(NODE_RUNTIME)).unwrap_or(0);
                arguments.insert(at, format!("--inspect={}", self.inner).into());
                arguments.insert(at, "--inspect-publish-uid=http".into());
            }
            Kind::Delve => {
                let listen = format!("--listen={}", self.inner);
                let mut delve = vec!["exec", "--headless", &listen, "--accept-multiclient", "--api-version=2"];
                if !self.debugging.wait {
                    delve.push("--continue");
                }
                let mut delve: Vec<_> = delve.into_iter().map(Into::into).collect();
                delve.push(path.into());
                delve.append(&mut arguments);
                return Program { path: "dlv".into(), arguments: delve };
            }
        }
        Program { path, arguments }
    }

    /// What our runtimes look for.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        if self.kind == Kind::Python {
            variables.insert(LISTEN_VARIABLE.to_owned(), self.inner.to_string());
            // Python's own frozen modules are nothing that anybody debugs; without it, pydevd warns of them in the log.
            variables.insert("PYDEVD_DISABLE_FILE_VALIDATION".to_owned(), "1".to_owned());
        }
        if self.debugging.wait && self.kind != Kind::Delve {
            variables.insert(WAIT_VARIABLE.to_owned(), "1".to_owned());
        }
        variables
    }

    async fn connect(&self) -> Option<TcpStream> {
        let connected = async {
            loop {
                match TcpStream::connect(self.inner).await {
                    Ok(stream) => break stream,
                    Err(_) => sleep(RETRY).await,
                }
            }
        };
        timeout(START_WAIT, connected).await.ok()
    }
}

/// Until the environment before has let go of the port.
async fn listen(spec: &LaunchSpec, port: u16) -> Result<TcpListener, String> {
    let listening = async {
        loop {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => sleep(RETRY).await,
                bound => break bound,
            }
        }
    };
    match timeout(PORT_WAIT, listening).await {
        Ok(Ok(listener)) => Ok(listener),
        Ok(Err(error)) => Err(format!("cannot listen on the port {port} for a debugger: {error}")),
        Err(_elapsed) => {
            let holder = platform::port_holder(port);
            let by = holder.map_or_else(String::new, |holder| format!(" by {} (pid {})", holder.command, holder.pid));
            Err(format!(
                "the port {port}, on which `{}` is debugged, is taken{by}: end that, or choose another `debug.port`",
                spec.function.name
            ))
        }
    }
}

/// The next connection of a debugger; never, without one.
pub(super) async fn accepted(debugger: Option<&Arc<Debugger>>) -> Option<Client> {
    let Some(debugger) = debugger else { return std::future::pending().await };
    // One that went while it came is none.
    let (stream, _) = debugger.outer.accept().await.ok()?;
    Some(Client { stream, debugger: Arc::clone(debugger) })
}

impl Client {
    /// Passes on what is said until one side ends it.
    pub(super) async fn relay(self, running: Arc<Running>) {
        let Self { mut stream, debugger } = self;
        let Some(mut inner) = debugger.connect().await else { return };
        // Without it, each step in the editor takes a moment longer.
        let _ = (stream.set_nodelay(true), inner.set_nodelay(true));
        if debugger.kind == Kind::Node {
            let asked = timeout(HTTP_WAIT, node_session(&mut stream, &mut inner, &debugger)).await;
            if !matches!(asked, Ok(Ok(true))) {
                return;
            }
        }
        let _attached = running.attach();
        // However it ends, it ends.
        let _ = copy_bidirectional(&mut stream, &mut inner).await;
    }
}

/// Whether the client begins a session. Node's inspector is asked by HTTP first where its sessions are; the answer names its
/// own address, and the client is told ours.
async fn node_session(client: &mut TcpStream, inner: &mut TcpStream, debugger: &Debugger) -> io::Result<bool> {
    let request = read_head(client).await?;
    let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
    inner.write_all(&request).await?;
    if text.contains("upgrade: websocket") {
        return Ok(true);
    }
    let answer = read_head(inner).await?;
    let head_len = find(&answer, b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&answer[..head_len]).into_owned();
    let length = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    };
    let length = head.lines().find_map(length).unwrap_or_default().min(HTTP_MAX_BYTES);
    let mut body = answer[head_len..].to_vec();
    while body.len() < length {
        let count = inner.read_buf(&mut body).await?;
        if count == 0 {
            break;
        }
    }
    let ours = debugger.outer.local_addr()?.to_string();
    let body = String::from_utf8_lossy(&body).replace(&debugger.inner.to_string(), &ours);
    let status = head.lines().next().unwrap_or("HTTP/1.0 200 OK");
    let answer = format!(
        "{status}\r\ncontent-type: application/json\r\ncache-control: no-cache\r\ncontent-length: {}\r\nconnection: \
         close\r\n\r\n{body}",
        body.len()
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await?;
    Ok(false)
}

/// Reads to the end of an HTTP head, and what comes with it.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while find(&bytes, b"\r\n\r\n").is_none() && bytes.len() < HTTP_MAX_BYTES {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(bytes)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Debuggers start processes that leave the function's group: debugpy's adapter, and what Delve runs. They are known by the
/// address of the Runtime API, which no other process has.
pub(super) async fn kill_helpers(runtime_api: io::Result<SocketAddr>) {
    let Ok(address) = runtime_api else { return };
    let marker = format!("AWS_LAMBDA_RUNTIME_API={address}");
    // What is left of them is found by the next start of the engine.
    let _ = tokio::task::spawn_blocking(move || platform::kill_marked(&marker)).await;
}

/// Copies code to where an earlier version of it was. Blocking.
pub(super) fn copy_code(from: &Path, to: &Path) -> io::Result<()> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    copy_dir(from, to)
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target, kind) = (entry.path(), to.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            copy_dir(&source, &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&source)?, target)?;
        } else {
            fs::copy(&source, target)?;
        }
    }
    Ok(())
}
