//! A way to the container engine on which one connection fails. The client opens one for each request.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The engine itself.
const SOCKET: &str = "/var/run/docker.sock";

/// What happens to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never arrives.
    Refused,
    /// It is carried out, and the answer is lost.
    AnswerLost,
}

/// See the module; `at` counts connections from zero.
#[derive(Debug)]
pub(crate) struct Faulty {
    dir: tempfile::TempDir,
    seen: Arc<AtomicUsize>,
}

impl Faulty {
    pub(crate) fn start(at: usize, fault: Fault) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("d.sock")).unwrap();
        let seen = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&seen);
        // Ends with the test's process: a thread that waits for connections costs nothing.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let fault = (number == at).then_some(fault);
                std::thread::spawn(move || pass_on(client, fault));
            }
        });
        Self { dir, seen }
    }

    /// For `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    /// Connections so far.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    fn path(&self) -> PathBuf {
        Path::new(self.dir.path()).join("d.sock")
    }
}

fn pass_on(client: UnixStream, fault: Option<Fault>) {
    if fault == Some(Fault::Refused) {
        return;
    }
    let server = UnixStream::connect(SOCKET).unwrap();
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || {
        copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    if fault == Some(Fault::AnswerLost) {
        // The answer's beginning says that the call has been carried out.
        let _ = from_server.read(&mut [0; 1024]);
    } else {
        copy(&mut from_server, &mut to_client);
    }
    let _ = to_client.shutdown(Shutdown::Both);
    let _ = from_server.shutdown(Shutdown::Both);
}

fn copy(from: &mut UnixStream, to: &mut UnixStream) {
    let mut block = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut block) {
        if to.write_all(&block[..length]).is_err() {
            return;
        }
    }
}
