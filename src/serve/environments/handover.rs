//! What the program in front of a function's own in a container, `launcher/main.rs`, hands over to this engine: the socket of the Runtime API, which
//! listens on the container's own loopback, and afterwards whether it became the function's program.

use std::{
    fs, io,
    os::{
        fd::AsRawFd,
        unix::fs::{OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use tokio::{
    io::Interest,
    net::{TcpListener, UnixListener, UnixStream},
};

use crate::serve::platform;

/// Whoever finds the socket may connect: containers run as users of their own.
const SOCKET_MODE: u32 = 0o666;

/// Where it is waited for. Dropped, the socket's name is gone.
#[derive(Debug)]
pub(super) struct Handover {
    listener: UnixListener,
    path: PathBuf,
}

/// What was handed over.
#[derive(Debug)]
pub(super) struct Handed {
    /// Ends when the launcher became the program.
    connection: UnixStream,
    /// Of the Runtime API, until it is taken.
    pub(super) listener: Option<TcpListener>,
    /// Whether there is or was one.
    pub(super) listens_inside: bool,
}

impl Handover {
    /// Waits at a new socket.
    ///
    /// # Errors
    /// There is something at `path`, or it cannot be written there.
    pub(super) fn expect_at(path: PathBuf) -> io::Result<Self> {
        let no_name = || io::Error::from(io::ErrorKind::InvalidInput);
        let (dir, name) = (path.parent().ok_or_else(no_name)?, path.file_name().ok_or_else(no_name)?);
        // A socket's path is short, and a stack's directory may not be.
        let dir = fs::OpenOptions::new().read(true).custom_flags(platform::O_DIRECTORY).open(dir)?;
        let listener = UnixListener::bind(Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(name))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(SOCKET_MODE))?;
        Ok(Self { listener, path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the launcher.
    ///
    /// # Errors
    /// What came is not what a launcher sends.
    pub(super) async fn taken(&self) -> io::Result<Handed> {
        let (connection, _) = self.listener.accept().await?;
        let descriptor = connection.async_io(Interest::READABLE, || platform::receive_descriptor(&connection)).await?;
        let listener = descriptor.map(std::net::TcpListener::from).map(|listener| {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        });
        let listener = listener.transpose()?;
        Ok(Handed { connection, listens_inside: listener.is_some(), listener })
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        // Else it goes when the next engine starts.
        let _ = fs::remove_file(&self.path);
    }
}

impl Handed {
    /// With which code a launcher that has ended gave up; `None` when it became the program.
    pub(super) fn refusal(&self) -> Option<i32> {
        let mut code = [0];
        // Past what is known of its readiness, which is heard of only in a moment.
        let read = rustix::net::recv(&self.connection, &mut code, rustix::net::RecvFlags::DONTWAIT);
        matches!(read, Ok((1, _))).then(|| i32::from(code[0]))
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, os::unix::net::UnixStream as Launcher};

    use super::*;

    /// A directory whose paths are longer than those of sockets may be.
    fn deep() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        (dir, deep)
    }

    async fn handed(dir: &Path, send: impl FnOnce(&mut Launcher)) -> Option<i32> {
        let handover = Handover::expect_at(dir.join("1.socket")).unwrap();
        let short = fs::File::open(dir).unwrap();
        let mut launcher = Launcher::connect(format!("/proc/self/fd/{}/1.socket", short.as_raw_fd())).unwrap();
        launcher.write_all(&[0]).unwrap();
        let handed = handover.taken().await.unwrap();
        assert!(handed.listener.is_none());
        send(&mut launcher);
        drop(launcher);
        handed.refusal()
    }

    #[tokio::test]
    async fn what_it_ends_with_is_told_apart() {
        let (_dir, deep) = deep();
        assert_eq!(handed(&deep, |_| {}).await, None, "it became the program");
        assert_eq!(handed(&deep, |launcher| launcher.write_all(&[212]).unwrap()).await, Some(212));
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 0, "the name is gone");
    }
}
