//! What is measured: `stackctl serve`, and a bare HTTP echo for the floor, each a process of its own that ends with this one.

use std::{
    convert::Infallible,
    fs, io,
    io::BufRead as _,
    net::TcpListener as StdListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

/// Between two looks whether a port is answered.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// Looks, until a process that does not answer is given up.
const LOOKS: u32 = 60_000;

/// A running engine. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Engine {
    pub port: u16,
    process: Killed,
    state: TempDir,
}

#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Engine {
    pub(crate) async fn start(durability: &str) -> Self {
        Self::start_upon(durability, tempfile::tempdir().unwrap()).await
    }

    /// Starts upon what an earlier engine left in `state`; returns when it has answered.
    pub(crate) async fn start_upon(durability: &str, state: TempDir) -> Self {
        let port = free_port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackctl"));
        command.args(["-q", "serve", "--port", &port.to_string()]);
        if durability != "memory" {
            command.args(["--durability", durability, "--state"]).arg(state.path());
        }
        // What goes wrong is said on standard error.
        let mut process = Killed(command.stdout(Stdio::null()).spawn().unwrap());
        answers(port, &mut process).await;
        Self { port, process, state }
    }

    /// Kills it as a crash would. Returns its state.
    pub(crate) async fn kill(self) -> TempDir {
        let Self { process, state, .. } = self;
        drop(process);
        state
    }

    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1_024
    }

    pub(crate) fn stored_bytes(&self) -> u64 {
        size_of(self.state.path()).unwrap_or_default()
    }
}

fn size_of(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path: PathBuf = entry.path();
        bytes += if entry.file_type()?.is_dir() { size_of(&path)? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    StdListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

async fn answers(port: u16, process: &mut Killed) {
    for _ in 0..LOOKS {
        assert!(process.0.try_wait().unwrap().is_none(), "what was to answer at port {port} has ended");
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
            let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await;
            if asked.is_ok() && matches!(stream.read(&mut [0; 16]).await, Ok(read) if read > 0) {
                return;
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    panic!("nothing answers at port {port}");
}

/// The floor: this program again, as an echo.
#[derive(Debug)]
pub(crate) struct Echo {
    pub port: u16,
    _process: Killed,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut process = Killed(command.arg("--echo").stdout(Stdio::piped()).spawn().unwrap());
        let mut line = String::new();
        io::BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        answers(port, &mut process).await;
        Self { port, _process: process }
    }
}

/// Answers each request with its own body, on as many threads as the engine has. Prints its port first.
pub(crate) fn echo() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echoed));
            connections.spawn(connection);
        }
    });
}

async fn echoed(request: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    Ok(Response::new(Full::new(body)))
}
