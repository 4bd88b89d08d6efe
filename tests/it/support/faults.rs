//! Requests that fail: the n-th, wherever it goes. A way to the container engine on which one does; the client opens a connection for each
//! request.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use tokio::sync::watch;

/// The engine itself.
const SOCKET: &str = "/var/run/docker.sock";

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused, and nothing is done.
    Refused,
    /// It is carried out, and answered as if it were not.
    DoneAndRefused,
    /// It is carried out and the connection breaks.
    AnswerLost,
    /// It is carried out, and somebody presses Ctrl-C meanwhile.
    Interrupted,
}

/// Counts requests down to the one that fails.
#[derive(Debug)]
pub(crate) struct Countdown {
    fault: Fault,
    /// How many pass before it; below zero when it has failed.
    left: AtomicI64,
    is_interrupted: watch::Sender<bool>,
}

impl Countdown {
    /// None fails until [`Countdown::begin`].
    pub(crate) fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault, left: AtomicI64::new(i64::MAX), is_interrupted: watch::Sender::new(false) })
    }

    /// The request after `passing` others fails.
    pub(crate) fn begin(&self, passing: usize) {
        self.is_interrupted.send_replace(false);
        self.left.store(i64::try_from(passing).unwrap(), Ordering::SeqCst);
    }

    /// No request fails any more; whether one has.
    pub(crate) fn end(&self) -> bool {
        self.left.swap(i64::MAX, Ordering::SeqCst) < 0
    }

    /// What becomes of the request that is about to be made.
    pub(crate) fn next(&self) -> Option<Fault> {
        let fault = (self.left.fetch_sub(1, Ordering::SeqCst) == 0).then_some(self.fault);
        if fault == Some(Fault::Interrupted) {
            self.is_interrupted.send_replace(true);
            return None;
        }
        fault
    }

    /// Waits for Ctrl-C.
    pub(crate) async fn interrupted(&self) {
        // The other end lives as long as this.
        let _ = self.is_interrupted.subscribe().wait_for(|is_interrupted| *is_interrupted).await;
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct FaultySocket(tempfile::TempDir);

impl FaultySocket {
    pub(crate) fn open(countdown: &Arc<Countdown>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("d.sock")).unwrap();
        let countdown = Arc::clone(countdown);
        // Ends with the test's process: a thread that waits for connections costs nothing.
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let fault = countdown.next();
                std::thread::spawn(move || pass_on(client, fault));
            }
        });
        Self(dir)
    }

    /// For `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path().display())
    }

    fn path(&self) -> PathBuf {
        Path::new(self.0.path()).join("d.sock")
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
    if fault.is_some() {
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
