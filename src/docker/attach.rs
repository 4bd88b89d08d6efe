//! What a container prints, as it comes and from its start on: attached to before it is started.

use std::{fmt, pin::Pin};

use bollard::{container::LogOutput, query_parameters::AttachContainerOptions};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;

use super::{engine::Docker, error::Error, logs::LogStream};

/// The reading end of what a container prints.
pub struct Printed {
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    /// Dropped, it would close the connection.
    _input: Pin<Box<dyn AsyncWrite + Send>>,
}

impl fmt::Debug for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printed").finish_non_exhaustive()
    }
}

impl Docker {
    /// Attaches to what a container will print.
    ///
    /// # Errors
    /// There is no such container.
    pub async fn attach(&self, container: &str) -> Result<Printed, Error> {
        let options = AttachContainerOptions { stream: true, stdout: true, stderr: true, ..Default::default() };
        let attached = self.client.attach_container(container, Some(options)).await;
        let attached = attached.map_err(Error::of("read what is printed by", container))?;
        Ok(Printed { output: attached.output, _input: attached.input })
    }
}

impl Printed {
    /// The next piece, which may be a part of a line; `None` when the container has ended or the engine is gone. Cancel
    /// safe.
    pub async fn next(&mut self) -> Option<(LogStream, Bytes)> {
        match self.output.next().await? {
            Ok(LogOutput::StdErr { message }) => Some((LogStream::Stderr, message)),
            Ok(LogOutput::StdOut { message } | LogOutput::Console { message } | LogOutput::StdIn { message }) => {
                Some((LogStream::Stdout, message))
            }
            Err(_) => None,
        }
    }
}
